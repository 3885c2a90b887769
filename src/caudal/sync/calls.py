"""Calls to providers, added up in memory and written down now and then, so that how a provider does outlives a process
and is known to all of them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from caudal.model.errors import StoreError
from caudal.observe.metrics import Metrics
from caudal.providers.http import Exchange, Observer, Outcome
from caudal.store import health
from caudal.store.database import Store
from caudal.store.health import BOUNDS_MS, CallCount

_COUNTS_MAX: Final = 10_000
"""Different things counted between two flushes; what comes on top is counted for its provider, no institution named."""

_Key = tuple[datetime, str, str, str, str]


def _now() -> datetime:
    return datetime.now(UTC)


class CallStatistics:
    """An `Observer` of the providers' clients. For one event loop. `flush` every quarter of a minute, and at the end."""

    def __init__(self, store: Store, now: Callable[[], datetime] = _now) -> None:
        self._store = store
        self._now = now
        self._counts: dict[_Key, CallCount] = {}

    def __call__(self, exchange: Exchange) -> None:
        """Count one attempt."""
        took = [0] * (len(BOUNDS_MS) + 1)
        took[health.bucket(exchange.ms)] = 1
        self._add(
            CallCount(
                self._now().replace(minute=0, second=0, microsecond=0),
                exchange.provider,
                exchange.institution or "",
                exchange.operation,
                exchange.outcome.value,
                1,
                exchange.ms,
                took,
            )
        )

    async def flush(self) -> int:
        """Write down what was counted since the last time: one statement. Returns how many calls that were.

        Raises StoreError where the database is away; then it is kept for the next time.
        """
        counts, self._counts = self._counts, {}
        if not counts:
            return 0
        try:
            async with self._store.engine() as tx:
                await health.add_calls(tx, counts.values())
        except StoreError:
            for count in counts.values():
                self._add(count)
            raise
        return sum(count.calls for count in counts.values())

    def _add(self, count: CallCount) -> None:
        key = (count.hour, count.provider, count.institution, count.operation, count.outcome)
        if key not in self._counts and len(self._counts) >= _COUNTS_MAX:
            count.institution = ""
            key = (count.hour, count.provider, "", count.operation, count.outcome)
        there = self._counts.setdefault(key, count)
        if there is not count:
            there.calls += count.calls
            there.ms_sum += count.ms_sum
            there.took = [before + more for before, more in zip(there.took, count.took, strict=True)]


def counted_by(metrics: Metrics) -> Observer:
    """An observer that tells the metrics of every attempt."""

    def tell(exchange: Exchange) -> None:
        metrics.called(
            exchange.provider,
            exchange.operation,
            exchange.outcome.value,
            ms=exchange.ms,
            fine=exchange.outcome is Outcome.FINE,
            limited=exchange.outcome is Outcome.LIMITED,
            circuit_open=exchange.circuit_open,
        )

    return tell


def both(first: Observer, second: Observer) -> Observer:
    """Each is told of everything."""

    def tell(exchange: Exchange) -> None:
        first(exchange)
        second(exchange)

    return tell
