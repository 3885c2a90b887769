"""How often a provider may be asked: declared by the adapter, kept here, so that "too often" is rarely heard."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final, Protocol, Self

import msgspec

from caudal.model.errors import Refused
from caudal.providers.http.clock import Clock, SystemClock

MINUTE: Final = timedelta(minutes=1)
_NOTHING: Final = timedelta(0)
_BURST_PART: Final = 4
"""A quarter of a minute's calls may start at once."""

EVERYBODY: Final = ""
"""In the place of an item: all of our calls of an operation."""


class Budget(msgspec.Struct, frozen=True):
    """What a provider allows for one operation. None: no limit."""

    per_item_per_minute: int | None = None
    per_client_per_minute: int | None = None

    def __post_init__(self) -> None:
        limits = (self.per_item_per_minute, self.per_client_per_minute)
        if any(limit is not None and limit < 1 for limit in limits):
            raise Refused(
                "a budget of less than one call a minute: leave the operation out, or give it a limit"
            )

    def limits(self, item: str | None) -> dict[str, int]:
        """What a call for `item` has to keep to: whose limit it is → turns a minute, the widest first."""
        found = {}
        if self.per_client_per_minute is not None:
            found[EVERYBODY] = self.per_client_per_minute
        if self.per_item_per_minute is not None and item is not None:
            found[item] = self.per_item_per_minute
        return found

    def told(self, item: str | None) -> str:
        """Who is meant where a provider says "too often" to a call for `item`: the narrowest that has a limit. With the
        wider ones it was content."""
        return next(reversed(self.limits(item)), item or EVERYBODY)


UNLIMITED: Final = Budget()


class Budgets(Protocol):
    """Hands out turns. Asynchronous, so that one in the database can be shared by several processes."""

    async def book(self, operation: str, item: str | None, wait_max: timedelta) -> timedelta:
        """Take a turn, and say how long it is off. A turn taken and not used is spent.

        Where it is further off than `wait_max`, say so and take none.
        """
        ...

    async def hold(self, operation: str, item: str | None, pause: timedelta) -> None:
        """Give out no turn before `pause` is over: the provider said so. Without `item`: to nobody.

        A call without any limit is held too. Of turns given out already `held` tells.
        """
        ...

    async def held(self, operation: str, item: str | None) -> timedelta:
        """For how long calls are held now. Whoever waited for a turn asks when it has come: in between somebody may have
        been told to stay away."""
        ...


BudgetsOf = Callable[[str, Mapping[str, Budget]], Budgets]
"""The budgets of a provider, from its name and what it declares."""


class Pace(msgspec.Struct, frozen=True):
    """How turns follow one another: at least so far apart on the average, and so much earlier as the tolerance allows."""

    interval: timedelta
    tolerance: timedelta

    @classmethod
    def of(cls, limit: int, minute: timedelta = MINUTE) -> Self:
        """No more than `limit` turns in any `minute` (half-open), a quarter of them, at least one, at once.

        Turns i places apart lie at least i intervals less the tolerance apart; so n + 1 of them can't lie within it.
        """
        burst = max(1, limit // _BURST_PART)
        interval = _ceiling(minute, limit + 1 - burst)
        return cls(interval, (burst - 1) * interval)

    @property
    def burst(self) -> int:
        """How many turns may come at once."""
        return self.tolerance // self.interval + 1


_AT_WILL: Final = Pace(_NOTHING, _NOTHING)


class LocalBudgets:
    """This process's own budgets; several processes would each spend the whole (shared ones: `caudal.sync.budgets`).

    The promise, per bucket: of the turns given, at most n lie in any `minute` (half-open), and up to a quarter
    of n, at least one, in the same instant. What it costs: a steady caller gets n + 1 less that quarter per minute.
    Turns are given in the order they are asked for. Of items not heard of lately the bucket may be forgotten
    (`items_max`): it then starts full, and the client's own bucket is what still holds.
    """

    def __init__(
        self,
        table: Mapping[str, Budget],
        *,
        default: Budget = UNLIMITED,
        items_max: int = 10_000,
        minute: timedelta = MINUTE,
        clock: Clock | None = None,
    ) -> None:
        self._table = table
        self._default = default
        self._items_max = items_max
        self._minute = minute
        self._clock = clock or SystemClock()
        self._clients: dict[str, Bucket] = {}
        """By operation. Operations are names in an adapter's code, so these are few."""
        self._items: OrderedDict[tuple[str, str], Bucket] = OrderedDict()

    async def book(self, operation: str, item: str | None, wait_max: timedelta) -> timedelta:
        now = self._clock.monotonic()
        buckets = self._buckets(operation, item, now)
        start = max([now, *(bucket.earliest for bucket in buckets)])
        wait = start - now
        if wait <= wait_max:
            for bucket in buckets:
                bucket.take(start)
        return wait

    async def hold(self, operation: str, item: str | None, pause: timedelta) -> None:
        now = self._clock.monotonic()
        budget = self._table.get(operation, self._default)
        whose = budget.told(item)
        bucket = self._bucket(operation, whose, budget.limits(item).get(whose), now)
        bucket = bucket or self._keep(operation, whose, Bucket(_AT_WILL, now))
        bucket.hold(now + pause)

    async def held(self, operation: str, item: str | None) -> timedelta:
        now = self._clock.monotonic()
        return max([now, *(bucket.held_until for bucket in self._buckets(operation, item, now))]) - now

    def _buckets(self, operation: str, item: str | None, now: timedelta) -> list["Bucket"]:
        limits = self._table.get(operation, self._default).limits(item)
        concerned = (EVERYBODY,) if item is None else (EVERYBODY, item)
        found = (self._bucket(operation, whose, limits.get(whose), now) for whose in concerned)
        return [bucket for bucket in found if bucket is not None]

    def _bucket(self, operation: str, whose: str, limit: int | None, now: timedelta) -> "Bucket | None":
        """The bucket, made where there is a limit. Without one there is a bucket where it was held."""
        if whose == EVERYBODY:
            bucket = self._clients.get(operation)
        elif bucket := self._items.get((operation, whose)):
            self._items.move_to_end((operation, whose))
        if bucket is not None or limit is None:
            return bucket
        return self._keep(operation, whose, Bucket(Pace.of(limit, self._minute), now))

    def _keep(self, operation: str, whose: str, bucket: "Bucket") -> "Bucket":
        if whose == EVERYBODY:
            self._clients[operation] = bucket
        else:
            self._items[operation, whose] = bucket
            if len(self._items) > self._items_max:
                self._items.popitem(last=False)
        return bucket


class Bucket:
    """A token bucket kept as one moment: when it would be full again (ITU-T I.371, the virtual scheduling algorithm).

    Turns may be taken ahead of time and out of order.
    """

    __slots__ = ("_full", "_pace", "held_until")

    def __init__(self, pace: Pace, full: timedelta) -> None:
        self._pace = pace
        self._full = full
        self.held_until = _NOTHING

    @property
    def earliest(self) -> timedelta:
        """When the next turn may start."""
        return self._full - self._pace.tolerance

    def take(self, start: timedelta) -> None:
        """Take the turn at `start`, no earlier than `earliest`."""
        self._full = max(self._full, start) + self._pace.interval

    def hold(self, until: timedelta) -> None:
        """No turn before `until`; from then on one by one."""
        self._full = max(self._full, until + self._pace.tolerance)
        self.held_until = max(self.held_until, until)


def _ceiling(duration: timedelta, parts: int) -> timedelta:
    """A part of `duration`, rounded up to the microsecond: rounding down would let one call too many through."""
    return -(-duration // parts)
