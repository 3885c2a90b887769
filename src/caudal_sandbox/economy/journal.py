"""What was done to accounts from outside their holders' lives, kept in order and told among what life brings."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Final

from msgspec.structs import replace

from caudal_sandbox.economy.accounts import Account
from caudal_sandbox.economy.clearing import day_ends_at
from caudal_sandbox.economy.history import effect
from caudal_sandbox.economy.holders import Holder
from caudal_sandbox.economy.lives import Day
from caudal_sandbox.economy.movements import AccountId, Event, MovementId, State
from caudal_sandbox.economy.statements import Statement

_DAY: Final = timedelta(days=1)
_at = attrgetter("at")


class Journal:
    """The deeds of a world. Instants grow from one to the next."""

    def __init__(self) -> None:
        self._events: dict[str, list[Event]] = {}
        self._last: dict[MovementId, Event] = {}
        self._made: dict[AccountId, int] = {}
        self._held: dict[MovementId, list[Event]] = {}

    def next_id(self, account: Account) -> MovementId:
        """The id of the next movement made here: life numbers its own, so ``deed-`` keeps the two apart."""
        return MovementId(f"{account.id}:deed-{self._made.get(account.id, 0) + 1}")

    def last(self, movement: MovementId) -> Event | None:
        """How a movement made here stands; None for one that life made."""
        return self._last.get(movement)

    def of(self, holder: Holder) -> Sequence[Event]:
        """Everything done to `holder`'s accounts, in order."""
        return self._events.get(holder.name, ())

    def write(self, account: Account, event: Event) -> None:
        """Keep an event, later than every one before."""
        movement = event.movement.id
        new = movement == self.next_id(account)
        if new:
            self._made[account.id] = self._made.get(account.id, 0) + 1
        if new or movement in self._last:
            self._last[movement] = event
        elif event.state is State.PENDING:
            self._held.setdefault(movement, []).append(event)
        self._events.setdefault(account.holder, []).append(event)

    def told(self, holder: Holder, days: Iterable[Day]) -> Iterator[Day]:
        """`days` of `holder`'s life, with what was done in each by the time it is drawn: what is done later in a day
        that was drawn already is never told by another.
        """
        counted = 0
        drift: dict[AccountId, int] = {}
        first = True
        for day in days:
            deeds = self._events.get(holder.name)
            if deeds is None:
                yield day
            else:
                # The first day also tells what was done before it: the clock starts at midnight UTC, which no bank keeps.
                since = 0 if first else bisect_left(deeds, day_ends_at(holder.land, day.on - _DAY), key=_at)
                until = bisect_left(deeds, day_ends_at(holder.land, day.on), lo=since, key=_at)
                _count(deeds[counted:until], drift)
                counted = until
                yield self._among(day, deeds[since:until], drift)
            first = False

    def _among(self, day: Day, deeds: list[Event], drift: dict[AccountId, int]) -> Day:
        events = [self.retold(event) for event in day.events] if self._held else day.events
        if deeds:
            # Stable: what life and a deed do at one instant is told in that order.
            events = sorted([*events, *deeds], key=_at)
        return Day(day.on, events, [_with(drift, statement) for statement in day.statements])

    def retold(self, event: Event) -> Event:
        """An event of life; where the bank had changed what the movement held, with that as what it held."""
        held = self._last_held(event.movement.id, event.at)
        if held is None:
            return event
        return Event(event.at, event.state, replace(event.movement, held_minor=held), event.was)

    def _last_held(self, movement: MovementId, before: datetime) -> int | None:
        changes = self._held.get(movement, ())
        return next((each.movement.held_minor for each in reversed(changes) if each.at < before), None)


def _count(deeds: list[Event], drift: dict[AccountId, int]) -> None:
    for deed in deeds:
        account = deed.movement.account
        drift[account] = drift.get(account, 0) + effect(deed)[0]


def _with(drift: dict[AccountId, int], statement: Statement) -> Statement:
    by = drift.get(statement.account, 0)
    return replace(statement, balance_minor=statement.balance_minor + by) if by else statement
