"""What one item tells of its transactions: a log in the order of last modification, read with cursors.

Every record has one slot, at the place of its last change; when it changes again the old slot is left empty and the
record moves to the end, a removed one as what tells of its removal. So whatever changed since a cursor lies behind it,
once, and a page costs what it holds, whatever the feed has grown to.

Names are made when a page is written: a slot is a reference, a byte and a number.
"""

import enum
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Final

import msgspec

from caudal_sandbox.economy.movements import AccountId, Event, Movement, MovementId, State
from caudal_sandbox.plaid.cursors import FROM_NOW, FROM_THE_START, Cursor, not_associated, seal, unseal
from caudal_sandbox.plaid.errors import PlaidError
from caudal_sandbox.plaid.ids import Namer, below

UNMATCHED_ONE_IN: Final = 12
"""[?] How often Plaid can't tell which pending record a posted one was, beyond those whose amount changed. Integrators
report that it happens (plaid/support #116), nobody how often."""


class Shape(enum.IntEnum):
    """How a movement stands in the feed."""

    PENDING = 0
    POSTED = 1
    """Posted, and nothing says which pending record it was, if any."""
    POSTED_LINKED = 2
    """Posted, with `pending_transaction_id`."""
    WITHDRAWN = 3
    """The pending record is gone."""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One movement as the feed tells it."""

    movement: Movement
    shape: Shape


class Page(msgspec.Struct, frozen=True):
    """What a sync answers: each list in ascending order of last modification."""

    added: list[Entry]
    modified: list[Entry]
    removed: list[Entry]
    next_cursor: str
    has_more: bool


class News(msgspec.Struct):
    """What taking in brought: how many records came or changed, the ids that went, and which recurring series moved."""

    arrived: int = 0
    withdrawn: list[str] = msgspec.field(default_factory=list)
    recurring: set[AccountId] = msgspec.field(default_factory=set)

    @property
    def any(self) -> bool:
        """Whether the feed changed."""
        return bool(self.arrived or self.withdrawn)


class Feed:
    """The log of one item. `identity` names it: ids and cursors of one feed mean nothing to another."""

    def __init__(self, *identity: object) -> None:
        self._identity = "/".join(str(part) for part in identity)
        self._generation = 0
        self._clear()

    def _clear(self) -> None:
        self._names = Namer(self._identity, "transactions", self._generation)
        self._movements: list[Movement | None] = []
        self._shapes = bytearray()
        self._born = array("Q")
        """For each slot, the length of the log when its record first came: it is new to whoever read less."""
        self._pending: dict[MovementId, int] = {}
        self._of: dict[AccountId, array[int]] = {}

    def __len__(self) -> int:
        """How many changes it has seen: its version."""
        return len(self._movements)

    def transaction_id(self, movement: MovementId, *, pending: bool) -> str:
        """The id of the movement's pending or posted record: two records, two ids (Plaid docs, pending)."""
        return self._names.name(f"{movement}:{'pending' if pending else 'posted'}")

    def entries(self) -> Iterator[Entry]:
        """Every record there is now, in order of last modification."""
        for movement, shape in zip(self._movements, self._shapes, strict=True):
            if movement is not None and shape != Shape.WITHDRAWN:
                yield Entry(movement, Shape(shape))

    # What comes from the bank

    def show(self, events: Iterable[Event]) -> int:
        """Tell of movements as they stand, each for the first time; how many."""
        before = len(self)
        for event in events:
            pending = event.state is State.PENDING
            slot = self._append(event.movement, Shape.PENDING if pending else Shape.POSTED)
            if pending:
                self._pending[event.movement.id] = slot
        return len(self) - before

    def take(self, events: Iterable[Event], since: date, into: News) -> None:
        """Take in what happened at the bank since it was last looked at, in order, and note `into` what that was.
        What is booked as of a day before `since` isn't told: it belongs to history that nobody asked for."""
        for event in events:
            self._take(event, since, into)

    def _take(self, event: Event, since: date, news: News) -> None:
        movement = event.movement
        match event.state:
            case State.PENDING:
                known = self._pending.pop(movement.id, None)
                self._pending[movement.id] = self._append(movement, Shape.PENDING, known)
            case State.BOOKED if event.was is not None:
                # The bank corrects what it had booked. What lies before the item's history stays unknown to it.
                known = self._posted(movement.id)
                if known is None:
                    return
                self._append(movement, Shape(self._shapes[known]), known)
            case State.BOOKED:
                linked = self._withdraw(movement, news) and is_matched(movement)
                if (movement.booked_on or since) < since:
                    return
                self._append(movement, Shape.POSTED_LINKED if linked else Shape.POSTED)
            case State.EXPIRED | State.NOT_YET:
                self._withdraw(movement, news)
                return
        news.arrived += 1
        if movement.series:
            news.recurring.add(movement.account)

    def _withdraw(self, movement: Movement, news: News) -> bool:
        """Tell that the movement's pending record is gone; whether there was one."""
        known = self._pending.pop(movement.id, None)
        if known is None:
            return False
        self._append(movement, Shape.WITHDRAWN, known)
        news.withdrawn.append(self.transaction_id(movement.id, pending=True))
        return True

    def _append(self, movement: Movement, shape: Shape, known: int | None = None) -> int:
        """Put the record at the end, away from the slot `known` where it stood; its new slot."""
        slot = len(self._movements)
        self._born.append(slot if known is None else self._born[known])
        if known is not None:
            self._movements[known] = None
        self._movements.append(movement)
        self._shapes.append(shape)
        self._of.setdefault(movement.account, array("Q")).append(slot)
        return slot

    def _posted(self, wanted: MovementId) -> int | None:
        # A correction of something booked is rare and mostly recent: no index is kept for it.
        for slot in range(len(self._movements) - 1, -1, -1):
            movement = self._movements[slot]
            if movement is not None and movement.id == wanted and self._shapes[slot] != Shape.WITHDRAWN:
                return slot
        return None

    # What happens to the feed alone

    def touch(self) -> bool:
        """The newest record is told again, as it was: the data changed under whoever is reading. False if none is."""
        for slot in range(len(self._movements) - 1, -1, -1):
            movement, shape = self._movements[slot], Shape(self._shapes[slot])
            if movement is not None and shape is not Shape.WITHDRAWN:
                moved = self._append(movement, shape, slot)
                if shape is Shape.PENDING:
                    self._pending[movement.id] = moved
                return True
        return False

    def forget(self, account: AccountId) -> None:
        """Tell nothing of that account any more: no record of it, and no removal either [?]."""
        for slot in self._of.pop(account, ()):
            movement = self._movements[slot]
            if movement is not None:
                self._pending.pop(movement.id, None)
                self._movements[slot] = None

    def reissue(self) -> None:
        """Every record gets a new id, and every cursor given out is void."""
        entries = list(self.entries())
        self._generation += 1
        self._clear()
        for entry in entries:
            # What it was linked to has a name that nobody was ever told.
            shape = Shape.PENDING if entry.shape is Shape.PENDING else Shape.POSTED
            slot = self._append(entry.movement, shape)
            if shape is Shape.PENDING:
                self._pending[entry.movement.id] = slot

    # What a reader gets

    def page(self, cursor: str, count: int, account: AccountId | None = None) -> Page:
        """The next `count` changes after `cursor` (``""``: from the start), of one account's stream if one is given.

        Raises INVALID_FIELD for a cursor that isn't this stream's, and the mutation error where the feed changed since
        the cursor's loop of pages began.
        """
        stream, length = self._stream(account), self._length(account)
        at = self._read(cursor, stream)
        if at.in_loop and at.length != length:
            raise PlaidError("TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION")
        added: list[Entry] = []
        modified: list[Entry] = []
        removed: list[Entry] = []
        position, has_more = at.position, False
        for slot, movement in self._filled(at.position, account):
            if len(added) + len(modified) + len(removed) == count:
                has_more = True
                break
            position = slot + 1
            shape = Shape(self._shapes[slot])
            known = modified if self._born[slot] < at.start else added
            (removed if shape is Shape.WITHDRAWN else known).append(Entry(movement, shape))
        ahead = Cursor(self._generation, position, at.start, length) if has_more else self._end()
        return Page(added, modified, removed, seal(ahead, stream), has_more)

    def _read(self, cursor: str, stream: str) -> Cursor:
        if cursor == FROM_THE_START:
            return Cursor(self._generation, 0, 0, 0)
        if cursor == FROM_NOW:
            return self._end()
        at = unseal(cursor, stream)
        if at.generation != self._generation:
            raise not_associated()
        return at

    def _end(self) -> Cursor:
        return Cursor(self._generation, len(self), len(self), 0)

    def _stream(self, account: AccountId | None) -> str:
        return f"{self._identity}/{account or ''}"

    def _length(self, account: AccountId | None) -> int:
        return len(self) if account is None else len(self._of.get(account, ()))

    def _filled(self, position: int, account: AccountId | None) -> Iterator[tuple[int, Movement]]:
        """The slots from `position` on that hold something."""
        if account is None:
            slots: Iterable[int] = range(position, len(self))
        else:
            mine = self._of.get(account, array("Q"))
            slots = (mine[place] for place in range(bisect_left(mine, position), len(mine)))
        for slot in slots:
            movement = self._movements[slot]
            if movement is not None:
                yield slot, movement


def is_matched(movement: Movement) -> bool:
    """Whether Plaid can tell which pending record this posted one was: not where the amount changed (tips, fuel), and
    not always where it didn't."""
    if movement.held_minor != movement.settled_minor:
        return False
    return below(UNMATCHED_ONE_IN, "unmatched", movement.id) != 0


def as_it_stands(events: Iterable[Event]) -> list[Event]:
    """Of a whole history the last word on each movement that is pending or booked, oldest first: what a bank shows to
    someone who comes for the first time. `events`: newest first."""
    told: list[Event] = []
    superseded: set[MovementId] = set()
    for event in events:
        movement = event.movement
        first_word = event.was is None and (event.state is State.PENDING or movement.pending_from is None)
        if movement.id in superseded:
            if first_word:
                superseded.discard(movement.id)
            continue
        if not first_word:
            superseded.add(movement.id)
        if event.state is not State.EXPIRED:
            told.append(event)
    told.reverse()
    return told
