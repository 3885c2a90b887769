"""What one currency was worth in another, by the day."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Final

import msgspec

from caudal.model.money import RATIO

AGE_DAYS_MAX: Final = 7
"""A rate holds for so many days after its own, where none is told later: weekends, holidays. The ECB's longest silence
in 27 years was five days."""

OFFICIAL: Final = {"MXN": "banxico", "BRL": "bcb"}
"""Whose rate counts for a currency where several sources tell one: its own central bank's. Elsewhere the ECB's."""
ELSEWHERE: Final = "ecb"

_BRIDGES: Final[tuple[tuple[str, ...], ...]] = ((), ("EUR",), ("USD",), ("EUR", "USD"), ("USD", "EUR"))
"""What is crossed through, in this order: the ECB tells of the euro alone, central banks of the dollar."""


class Rate(msgspec.Struct, frozen=True):
    """How many of `quote` one of `base` was on `day`, as `source` told. `via`: the currency it was crossed through, ''
    where the source tells it itself."""

    base: str
    quote: str
    day: date
    rate: Decimal
    source: str = ""
    via: str = ""


class Leg(msgspec.Struct, frozen=True):
    """One step of a conversion: one of `base` is `rate` of `quote`. `turned`: the source tells it the other way round."""

    base: str
    quote: str
    rate: Decimal
    day: date
    source: str
    turned: bool


class Conversion(msgspec.Struct, frozen=True):
    """One of `base` was `rate` of `quote` on the day `on`, by these legs: none where both are one currency."""

    base: str
    quote: str
    on: date
    rate: Decimal
    legs: tuple[Leg, ...]

    @property
    def day(self) -> date:
        """The day it is of: the earliest of its legs'."""
        return min((leg.day for leg in self.legs), default=self.on)

    @property
    def carried(self) -> bool:
        """Whether a leg is of an earlier day than was asked for."""
        return self.day < self.on

    @property
    def via(self) -> tuple[str, ...]:
        """What it was crossed through."""
        return tuple(leg.quote for leg in self.legs[:-1])


class RateTable:
    """Rates as they were told: that of the day, else of the last day before, never of a later one."""

    def __init__(self, told: Iterable[Rate]) -> None:
        days: dict[tuple[str, str, str], dict[date, Decimal]] = defaultdict(dict)
        sources: dict[tuple[str, str], set[str]] = defaultdict(set)
        for each in told:
            days[each.base, each.quote, each.source][each.day] = each.rate
            sources[each.base, each.quote].add(each.source)
        self._days = {key: sorted(of_day.items()) for key, of_day in days.items()}
        self._sources = {pair: sorted(names) for pair, names in sources.items()}

    def __call__(self, base: str, quote: str, day: date) -> Decimal | None:
        """How many of `quote` one of `base` was that day, told that way or the other way round; None where nobody
        knows. Of several sources by the order of `OFFICIAL`."""
        leg = self.leg(base, quote, day)
        return None if leg is None else leg.rate

    def conversion(self, base: str, quote: str, day: date) -> Conversion | None:
        """The same with where it comes from, and through other currencies where nobody tells the pair itself. No leg is
        rounded to a currency's places; each quotient has 50 significant digits."""
        if base == quote:
            return Conversion(base, quote, day, Decimal(1), ())
        for bridge in _BRIDGES:
            legs = self._legs((base, *bridge, quote), day)
            if legs:
                rate = Decimal(1)
                for leg in legs:
                    rate = RATIO.multiply(rate, leg.rate)
                return Conversion(base, quote, day, rate, legs)
        return None

    def leg(self, base: str, quote: str, day: date) -> Leg | None:
        """The pair itself: from the official source of one of the two, else from any that tells it."""
        for source, turned in self._told_by(base, quote):
            told = self._on((quote, base, source) if turned else (base, quote, source), day)
            if told is not None:
                of, rate = told
                return Leg(base, quote, RATIO.divide(1, rate) if turned else rate, of, source, turned)
        return None

    def _legs(self, path: tuple[str, ...], day: date) -> tuple[Leg, ...]:
        if len(set(path)) < len(path):
            return ()
        legs = [self.leg(one, next_, day) for one, next_ in pairwise(path)]
        return tuple(leg for leg in legs if leg is not None) if all(legs) else ()

    def _told_by(self, base: str, quote: str) -> Iterator[tuple[str, bool]]:
        """(source, whether it tells the pair the other way round), the one that counts first."""
        told = [(source, False) for source in self._sources.get((base, quote), ())]
        told += [(source, True) for source in self._sources.get((quote, base), ())]
        order = [OFFICIAL.get(quote), OFFICIAL.get(base), ELSEWHERE]
        yield from sorted(told, key=lambda each: order.index(each[0]) if each[0] in order else len(order))

    def _on(self, key: tuple[str, str, str], day: date) -> tuple[date, Decimal] | None:
        days = self._days.get(key, [])
        place = bisect_right(days, day, key=lambda told: told[0])
        if not place or day - days[place - 1][0] > timedelta(days=AGE_DAYS_MAX):
            return None
        return days[place - 1]
