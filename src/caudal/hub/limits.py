"""How many requests may come: so many a minute of each key, session or address, in this process.

Bounded in memory: whoever hasn't asked for a minute is forgotten.
"""

import time
from collections import OrderedDict
from typing import Final

import msgspec

_MINUTE: Final = 60.0
_KNOWN_MAX: Final = 20_000


class Turn(msgspec.Struct, frozen=True):
    """Whether one is heard, and what is left. `reset`: seconds until all are there again; `wait`: until the next."""

    heard: bool
    limit: int
    left: int
    reset: int
    wait: int = 0


class Limits:
    """A bucket of turns for each name, filled evenly."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str, now: float | None = None) -> Turn:
        """One turn of `name`."""
        now = time.monotonic() if now is None else now
        limit, rate = self._per_minute, self._per_minute / _MINUTE
        level, at = self._buckets.pop(name, (float(limit), now))
        level = min(float(limit), level + (now - at) * rate)
        heard = level >= 1
        level -= 1 if heard else 0
        self._buckets[name] = (level, now)
        while len(self._buckets) > _KNOWN_MAX or next(iter(self._buckets.values()))[1] < now - _MINUTE:
            self._buckets.popitem(last=False)
        reset = max(0, round((limit - level) / rate))
        return Turn(heard, limit, int(level), reset, 0 if heard else max(1, round((1 - level) / rate)))
