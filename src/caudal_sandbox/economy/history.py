"""What has been written of a life so far: for each account the events in order, with the balances after each."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime

from msgspec.structs import replace

from caudal_sandbox.economy.accounts import Account
from caudal_sandbox.economy.clearing import day_ends_at
from caudal_sandbox.economy.holders import Holder
from caudal_sandbox.economy.lives import Day
from caudal_sandbox.economy.movements import AccountId, Event, MovementId, State
from caudal_sandbox.economy.statements import Statement


class AccountHistory:
    """One account's events in order of their instants. What is visible at an instant is the part up to it."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.statements: list[Statement] = []
        self._events: list[Event] = []
        self._instants: list[datetime] = []
        self._booked = [account.opening_minor]
        self._pending = [0]

    def append(self, event: Event) -> None:
        """Write the next event: not before the last one."""
        booked, pending = effect(event)
        self._events.append(event)
        self._instants.append(event.at)
        self._booked.append(self._booked[-1] + booked)
        self._pending.append(self._pending[-1] + pending)

    def insert(self, event: Event, retold: Callable[[Event], Event]) -> None:
        """Write an event in among what is written of its day already; what comes after it, as `retold` tells it now."""
        place = bisect_right(self._instants, event.at)
        later = [retold(each) for each in self._events[place:]]
        del (
            self._events[place:],
            self._instants[place:],
            self._booked[place + 1 :],
            self._pending[place + 1 :],
        )
        for each in (event, *later):
            self.append(each)
        by, _ = effect(event)
        if by:
            self.statements = [self._closed_after(event.at, each, by) for each in self.statements]

    def last(self, movement: MovementId, at: datetime) -> Event | None:
        """The last event of `movement` up to the instant `at`; None where there was none yet."""
        for place in range(bisect_right(self._instants, at) - 1, -1, -1):
            if self._events[place].movement.id == movement:
                return self._events[place]
        return None

    def events(self, after: datetime | None, until: datetime) -> Sequence[Event]:
        """What happened after the instant `after` (None: from the beginning) up to and including `until`."""
        start = 0 if after is None else bisect_right(self._instants, after)
        return self._events[start : bisect_right(self._instants, until)]

    def booked_minor(self, at: datetime) -> int:
        """Opening balance and everything booked by the instant `at`."""
        return self._booked[bisect_right(self._instants, at)]

    def pending_minor(self, at: datetime) -> int:
        """The sum of what shows as pending at the instant `at`."""
        return self._pending[bisect_right(self._instants, at)]

    def _closed_after(self, at: datetime, statement: Statement, by: int) -> Statement:
        if day_ends_at(self.account.institution.land, statement.closed_on) <= at:
            return statement
        return replace(statement, balance_minor=statement.balance_minor + by)


def effect(event: Event) -> tuple[int, int]:
    """What an event changes, in minor units: (booked balance, sum of what is pending)."""
    movement, was = event.movement, event.was
    if event.state is State.PENDING:
        return 0, movement.held_minor - (was.held_minor if was else 0)
    if was is not None:
        return movement.settled_minor - was.settled_minor, 0
    released = 0 if movement.pending_from is None else -movement.held_minor
    return movement.settled_minor, released


class Chronicle:
    """One holder's histories, written from its `days` only as far as someone asked, and then kept."""

    def __init__(self, holder: Holder, days: Iterator[Day]) -> None:
        self.holder = holder
        self.histories: dict[AccountId, AccountHistory] = {
            account.id: AccountHistory(account) for account in holder.accounts
        }
        self._days = days
        self._written_until = datetime.min.replace(tzinfo=UTC)

    def reach(self, at: datetime) -> None:
        """Write on until the day that holds the instant `at` is told to its end."""
        while self._written_until <= at:
            day = next(self._days)
            for event in day.events:
                self.histories[event.movement.account].append(event)
            for statement in day.statements:
                self.histories[statement.account].statements.append(statement)
            self._written_until = day_ends_at(self.holder.land, day.on)

    def note(self, deed: Event, retold: Callable[[Event], Event]) -> None:
        """Write in what was done on a day that is written already. Later days will tell it themselves."""
        if deed.at < self._written_until:
            self.histories[deed.movement.account].insert(deed, retold)


def days_told(holder: Holder, begins: date, until: datetime) -> Iterator[date]:
    """The days of the banks of `holder`'s country that are over at the instant `until`."""
    day = begins
    while day_ends_at(holder.land, day) <= until:
        yield day
        day = date.fromordinal(day.toordinal() + 1)
