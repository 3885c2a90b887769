"""How often a provider may be asked: declared by the adapter, kept here, so that "too often" is rarely heard."""

from collections import OrderedDict
from collections.abc import Mapping
from datetime import timedelta
from typing import Final, Protocol

import msgspec

from caudal.model.errors import Refused
from caudal.providers.http.clock import Clock, SystemClock

_MINUTE: Final = timedelta(minutes=1)
_BURST_PART: Final = 4
"""A quarter of a minute's calls may start at once."""


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


UNLIMITED: Final = Budget()


class Budgets(Protocol):
    """Hands out turns. Asynchronous, so that one in the database can be shared by several processes."""

    async def book(self, operation: str, item: str | None, wait_max: timedelta) -> timedelta:
        """Take a turn, and say how long it is off. A turn taken and not used is spent.

        Where it is further off than `wait_max`, say so and take none.
        """
        ...

    async def hold(self, operation: str, item: str | None, pause: timedelta) -> None:
        """Give out no turn before `pause` is over: the provider said so. Without `item`: to nobody."""
        ...


class LocalBudgets:
    """This process's own budgets; several processes would each spend the whole. A shared one comes in the store.

    The promise, per bucket: of the turns given, at most n lie in any 60 seconds (half-open), and up to a quarter
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
        clock: Clock | None = None,
    ) -> None:
        self._table = table
        self._default = default
        self._items_max = items_max
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
        # The narrowest bucket comes last: the one told to wait. With others the provider was content.
        for bucket in self._buckets(operation, item, now)[-1:]:
            bucket.hold(now + pause)

    def _buckets(self, operation: str, item: str | None, now: timedelta) -> list["Bucket"]:
        budget = self._table.get(operation, self._default)
        found = []
        if budget.per_client_per_minute is not None:
            client = self._clients.get(operation)
            if client is None:
                client = self._clients[operation] = Bucket(budget.per_client_per_minute, now)
            found.append(client)
        if budget.per_item_per_minute is not None and item is not None:
            found.append(self._item_bucket((operation, item), budget.per_item_per_minute, now))
        return found

    def _item_bucket(self, key: tuple[str, str], per_minute: int, now: timedelta) -> "Bucket":
        bucket = self._items.get(key)
        if bucket is None:
            bucket = self._items[key] = Bucket(per_minute, now)
            if len(self._items) > self._items_max:
                self._items.popitem(last=False)
        self._items.move_to_end(key)
        return bucket


class Bucket:
    """A token bucket kept as one moment: when it would be full again (ITU-T I.371, the virtual scheduling algorithm).

    Turns may be taken ahead of time and out of order. Of the turns taken, those i places apart lie at least
    i intervals less the tolerance apart; with the interval and the tolerance chosen here, n + 1 of them can't
    lie within a minute.
    """

    __slots__ = ("_full", "_interval", "_tolerance")

    def __init__(self, per_minute: int, now: timedelta) -> None:
        burst = max(1, per_minute // _BURST_PART)
        self._interval = _ceiling(_MINUTE, per_minute + 1 - burst)
        self._tolerance = (burst - 1) * self._interval
        self._full = now

    @property
    def earliest(self) -> timedelta:
        """When the next turn may start."""
        return self._full - self._tolerance

    def take(self, start: timedelta) -> None:
        """Take the turn at `start`, no earlier than `earliest`."""
        self._full = max(self._full, start) + self._interval

    def hold(self, until: timedelta) -> None:
        """No turn before `until`."""
        self._full = max(self._full, until + self._tolerance)


def _ceiling(duration: timedelta, parts: int) -> timedelta:
    """A part of `duration`, rounded up to the microsecond: rounding down would let one call too many through."""
    return -(-duration // parts)
