"""Turns this process has leased of a shared budget, and what it knows of the bucket they are from. No clock, no database:
every moment is told by the caller."""

from bisect import insort
from collections.abc import Iterable
from datetime import timedelta
from typing import Final, NamedTuple

from caudal.providers.http.budgets import Pace
from caudal.store.budgets import Granted, Wish

_NOTHING: Final = timedelta(0)
_LEASE_PART: Final = 4
"""A lease is at most this part of what may come at once: what isn't used of it is lost to everybody."""
_TURNS_MAX: Final = 256
"""And never more than a process can use within a moment."""


class Turn(NamedTuple):
    """To be used from `at` on, no later than `until`."""

    at: timedelta
    until: timedelta


class Leased:
    """One bucket. `pace` None: it has no limit, but its provider may say not before.

    `known_at`: when it was last heard whether it is held.
    """

    def __init__(self, item: str, pace: Pace | None) -> None:
        self.item = item
        self.pace = pace
        self.held_until = _NOTHING
        self.known_at: timedelta | None = None
        self._turns: list[Turn] = []
        self._free_at = _NOTHING
        self._size = 1
        self._asked_at = _NOTHING

    def next(self, start: timedelta) -> Turn | None:
        """The first turn that may be used at `start`, or is still to come then."""
        return next((turn for turn in self._turns if turn.until >= start), None)

    def earliest(self, start: timedelta) -> timedelta:
        """No turn of this bucket comes before this, leased or not."""
        turn = self.next(start)
        return self._free_at if turn is None else turn.at

    def lacks(self, start: timedelta) -> bool:
        """Whether it has a limit, and no turn for `start`."""
        return self.pace is not None and self.next(start) is None

    def take(self, start: timedelta) -> None:
        """Use up the turn for `start`; what is too late for it stays for nobody."""
        turn = self.next(start)
        if turn is not None:
            self._turns.remove(turn)

    def hold(self, until: timedelta) -> None:
        """No turn before `until`: the leased ones are void."""
        self.held_until = max(self.held_until, until)
        self._turns.clear()

    def wish(self, now: timedelta, lease: timedelta, waiting: int, not_before: timedelta) -> Wish:
        """What to ask for: a turn for each who waits; or twice as many as last time, where those were used up at once."""
        if self.pace is None or not waiting:
            return Wish(self.item)
        quick = not self._turns and self.known_at is not None and now - self._asked_at <= lease
        size_max = min(max(1, self.pace.burst // _LEASE_PART), _TURNS_MAX)
        self._size = min(self._size * 2, size_max) if quick else 1
        self._asked_at = now
        turns = min(max(self._size, waiting), _TURNS_MAX)
        return Wish(self.item, turns, self.pace.interval, self.pace.tolerance, not_before)

    def learn(self, told: Granted, sent: timedelta, received: timedelta, late: timedelta) -> None:
        """What the database answered to a statement of that time; it was carried out somewhere in between.

        So turns come no earlier than counted from `received`, and grow old from `sent` on.
        """
        self.known_at = sent
        self._turns = [turn for turn in self._turns if turn.until >= received]
        if told.held_in is not None and told.held_in > _NOTHING:
            self.held_until = max(self.held_until, received + told.held_in)
        if self.pace is None or told.raced:
            return
        for number in range(told.turns):
            after = max(told.start_in, told.full_in + number * self.pace.interval - self.pace.tolerance)
            insort(self._turns, Turn(received + after, sent + after + late))
        if told.turns:
            spent = told.full_in + told.turns * self.pace.interval
            self._free_at = max(self._free_at, sent + spent - self.pace.tolerance)
        elif told.free_in is not None:
            self._free_at = max(self._free_at, sent + told.free_in)


def earliest(buckets: Iterable[Leased], now: timedelta) -> tuple[timedelta, list[Leased]]:
    """When a call that needs a turn of each may start, as far as is known, and which of them have no turn for it."""
    buckets = list(buckets)
    start = max([now, *(bucket.held_until for bucket in buckets)])
    while True:
        later = max([start, *(bucket.earliest(start) for bucket in buckets if bucket.pace is not None)])
        if later == start:
            return start, [bucket for bucket in buckets if bucket.lacks(start)]
        start = later
