"""Sources made by hand: one that goes through its acts, and one that is read by cursor while its data changes."""

from collections.abc import AsyncIterator, Callable, Iterable
from datetime import date, timedelta
from decimal import Decimal

import msgspec
from tests.support.books import ACCOUNT, REF, instead_of, seen, unrested

from caudal.model.changes import (
    Change,
    Cursor,
    Page,
    SourceRef,
    Status,
    TransactionGone,
    TransactionSeen,
)
from caudal.model.errors import CaudalError, CursorInvalid

Pull = Callable[[Cursor], AsyncIterator[Page]]

SECOND = SourceRef("acc-2")
SAVINGS = msgspec.structs.replace(ACCOUNT, ref=SECOND, name="Savings")
CHANGED = "the data changed while it was read"

_DAY = date(2026, 3, 2)


def in_turn(*acts: Page | CaudalError) -> Pull:
    """A source that goes through these acts whatever it is asked: a page it tells, an error it answers with."""
    left = iter(acts)

    async def pull(_: Cursor) -> AsyncIterator[Page]:
        for act in left:
            if isinstance(act, CaudalError):
                raise act
            yield act
            if not act.more:
                return

    return pull


def called_back(to: str) -> CursorInvalid:
    return CursorInvalid(CHANGED, restart=to)


def both(*changes: Change, cursor: str = "") -> Page:
    """A page that names two accounts."""
    return Page([ACCOUNT, SAVINGS, *changes], Cursor(cursor), bool(cursor))


class Record(msgspec.Struct, frozen=True):
    """What a feed holds of one id: since which change, from which change on, and what (None: taken back)."""

    born: int
    since: int
    ref: SourceRef
    told: TransactionSeen | None


Act = tuple[str, int]
"""What happens at the bank, and a number to choose by."""


class Feed:
    """A source that is read by cursor, as Plaid's /transactions/sync is (Plaid docs: Transactions, sync).

    Each record stands in its log at its last change. Who reads amid a loop after a change is called back to where the
    loop began. It tells that a record was taken back only to who may know of it: what came and went since the loop
    began is not spoken of, nor, read from the beginning, anything it no longer holds.
    """

    def __init__(self, page_size: int, acts: Iterable[Act | None]) -> None:
        self._page_size, self._acts = page_size, iter(acts)
        self._changes = 0
        self._records: dict[str, Record] = {}
        for ref in (REF, SECOND):  # of each account there is something old that stays
            self._put(seen(f"first of {ref}", day=_DAY - timedelta(90), ref=ref))

    @property
    def live(self) -> dict[str, Decimal]:
        """Id → amount of what it holds now."""
        return {id_: record.told.money.amount for id_, record in self._records.items() if record.told}

    def rest(self) -> None:
        """From here on nothing happens at the bank."""
        self._acts = iter(())

    def _put(self, told: TransactionSeen) -> None:
        self._changes += 1
        before = self._records.get(told.id)
        born = before.born if before else self._changes
        self._records[told.id] = Record(born, self._changes, told.ref, told)

    def _take_back(self, id_: str) -> None:
        self._changes += 1
        self._records[id_] = msgspec.structs.replace(self._records[id_], since=self._changes, told=None)

    def _happen(self, act: str, choice: int) -> None:
        """One thing that happens at the bank; nothing where it can't."""
        if act == "buy":
            status = Status.PENDING if choice % 3 else Status.BOOKED
            day, ref = _DAY + timedelta(choice % 5), (REF, SECOND)[choice % 2]
            self._put(seen(f"{self._changes}", f"-{choice + 1}.00", day=day, status=status, ref=ref))
            return
        moved = [one.told for id_, one in self._records.items() if one.told and not id_.startswith("first")]
        if act == "bill":
            moved = [told for told in moved if told.status is Status.PENDING]
        if act == "bring back":
            self._bring_back(choice)
        elif moved:
            self._change(act, moved[choice % len(moved)], choice)

    def _change(self, act: str, one: TransactionSeen, choice: int) -> None:
        if act == "amend":
            self._put(msgspec.structs.replace(one, description=f"{one.description}!"))
            return
        self._take_back(one.id)
        if act == "bill":
            bill = msgspec.structs.replace(one, id=f"{one.id}/{self._changes}", status=Status.BOOKED)
            self._put(instead_of(one.id if choice % 4 else "", bill))

    def _bring_back(self, choice: int) -> None:
        """A record that was taken back, told again as it was; not beside another of the same movement."""
        there = {id_.partition("/")[0] for id_ in self.live}
        away = [id_ for id_ in self._records if id_.partition("/")[0] not in there]
        if away:
            id_ = away[choice % len(away)]
            replaced, slash, _ = id_.partition("/")
            status = Status.BOOKED if slash else Status.PENDING
            told = seen(id_, f"-{choice + 1}.00", status=status, ref=self._records[id_].ref)
            self._put(instead_of(replaced if slash else "", told))

    async def pull(self, cursor: Cursor) -> AsyncIterator[Page]:
        """Pages from `cursor`: a place in the log, or amid a loop its start, the place, and the log's length then."""
        start, *loop = (int(part) for part in (cursor or "0").split(":"))
        place, length = loop or (start, None)
        while True:
            if act := next(self._acts, None):
                self._happen(*act)
            if length not in (None, self._changes):
                raise called_back(str(start) if start else "")
            length = self._changes
            news = sorted(
                ((id_, one) for id_, one in self._records.items() if one.since > place),
                key=lambda item: item[1].since,
            )
            batch = news[: self._page_size]
            told = [one.told or TransactionGone(one.ref, id_) for id_, one in batch
                    if one.told or one.born <= start]  # fmt: skip
            if batch == news:
                yield both(*told, cursor=str(length))
                return
            place = batch[-1][1].since
            yield unrested(both(*told), f"{start}:{place}:{length}")
