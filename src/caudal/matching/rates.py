"""What one currency was worth in another, by the day."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

import msgspec

AGE_DAYS_MAX: Final = 7
"""A rate holds for so many days after its own, where none is told later: weekends, holidays."""


class Rate(msgspec.Struct, frozen=True):
    """How many of `quote` one of `base` was on `day`."""

    base: str
    quote: str
    day: date
    rate: Decimal


class RateTable:
    """Rates as they were told: that of the day, else of the last day before, never of a later one."""

    def __init__(self, told: Iterable[Rate]) -> None:
        days: dict[tuple[str, str], dict[date, Decimal]] = defaultdict(dict)
        for each in told:
            days[each.base, each.quote][each.day] = each.rate
        self._days = {pair: sorted(of_day.items()) for pair, of_day in days.items()}

    def __call__(self, base: str, quote: str, day: date) -> Decimal | None:
        """How many of `quote` one of `base` was that day, told that way or the other way round; None where nobody
        knows."""
        direct = self._on(base, quote, day)
        if direct is not None:
            return direct
        turned = self._on(quote, base, day)
        return None if turned is None else 1 / turned

    def _on(self, base: str, quote: str, day: date) -> Decimal | None:
        days = self._days.get((base, quote), [])
        place = bisect_right(days, day, key=lambda told: told[0])
        if not place or day - days[place - 1][0] > timedelta(days=AGE_DAYS_MAX):
            return None
        return days[place - 1][1]
