"""How many requests may come: so many a minute of each key, session or address, in this process.

Bounded in memory: whoever hasn't asked for a minute is forgotten.
"""

import time
from collections import OrderedDict
from typing import Final

import msgspec

_SECOND_NS: Final = 1_000_000_000
_MINUTE_NS: Final = 60 * _SECOND_NS
_KNOWN_MAX: Final = 20_000


class Turn(msgspec.Struct, frozen=True):
    """Whether one is heard, and what is left. `reset`: seconds until all are there again; `wait`: until the next."""

    heard: bool
    limit: int
    left: int
    reset: int
    wait: int = 0


class Limits:
    """Turns for each name, a minute's in store, and filled up evenly: kept is when all will be there again."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._each_ns = _MINUTE_NS // per_minute
        self._full_at: OrderedDict[str, int] = OrderedDict()

    def take(self, name: str, now_ns: int | None = None) -> Turn:
        """One turn of `name`."""
        now_ns = time.monotonic_ns() if now_ns is None else now_ns
        full_at = max(self._full_at.pop(name, now_ns), now_ns)
        over = full_at + self._each_ns - now_ns - self._each_ns * self._per_minute
        heard = over <= 0
        if heard:
            full_at += self._each_ns
        self._full_at[name] = full_at
        while len(self._full_at) > _KNOWN_MAX or next(iter(self._full_at.values())) < now_ns:
            self._full_at.popitem(last=False)
        used = -((now_ns - full_at) // self._each_ns)
        wait = 0 if heard else max(1, _seconds(over))
        return Turn(heard, self._per_minute, self._per_minute - used, _seconds(full_at - now_ns), wait)


def _seconds(ns: int) -> int:
    """Whole ones, so that who waits them has waited long enough."""
    return -(-ns // _SECOND_NS)
