"""What running balances say: which way the file runs, and what it opens and closes with."""

from datetime import date, timedelta
from decimal import Decimal

from caudal.providers.file.records import Told


class Balances:
    """Fed with each movement in file order; afterwards knows the order and both ends."""

    __slots__ = (
        "_backward",
        "_days_down",
        "_days_up",
        "_first",
        "_forward",
        "_last",
        "_pairs",
        "closing",
        "opening",
    )

    def __init__(self) -> None:
        self._first: tuple[date, Decimal, Decimal] | None = None
        self._last: tuple[date, Decimal, Decimal] | None = None
        self._pairs = self._forward = self._backward = 0
        self._days_up = self._days_down = 0
        self.opening: Told | None = None
        """An opening balance that has a row of its own."""
        self.closing: Told | None = None

    def dated(self, on: date, before: date) -> None:
        """Count whether days rise or fall down the file."""
        if on > before:
            self._days_up += 1
        elif on < before:
            self._days_down += 1

    def add(self, on: date, amount: Decimal, balance: Decimal) -> None:
        """A movement with the balance beside it."""
        last = self._last
        if last is None:
            self._first = self._last = (on, amount, balance)
            return
        self._pairs += 1
        if last[2] + amount == balance:
            self._forward += 1
        if balance + last[1] == last[2]:
            self._backward += 1
        self._last = (on, amount, balance)

    @property
    def newest_first(self) -> bool:
        """By the balances where most neighbours chain in one direction, else by the dates."""
        if self._chains() and self._forward != self._backward:
            return self._backward > self._forward
        return self._days_down > self._days_up

    @property
    def unbroken(self) -> bool:
        """Whether every movement leads to the next one's balance: nothing can be missing in between."""
        return self._pairs > 0 and max(self._forward, self._backward) == self._pairs and self._decided()

    def ends(self) -> tuple[Told | None, Told | None]:
        """(opening, closing): from rows of their own, else from the first and the last running balance.

        Neither, where the balances don't chain (filtered or re-sorted exports) or chain in both directions.
        An opening balance stood at the end of the day before the first movement.
        """
        if self._first is None or self._last is None or (self._pairs and not self._decided()):
            return self.opening, self.closing
        oldest, newest = (self._last, self._first) if self.newest_first else (self._first, self._last)
        opening = self.opening or Told(oldest[2] - oldest[1], oldest[0] - timedelta(days=1))
        return opening, self.closing or Told(newest[2], newest[0])

    def _chains(self) -> bool:
        return max(self._forward, self._backward) * 2 > self._pairs

    def _decided(self) -> bool:
        """A chain in one direction; where both fit, only dates can tell, and only if they all agree."""
        if not self._chains():
            return False
        return self._forward != self._backward or (self._days_up > 0) != (self._days_down > 0)
