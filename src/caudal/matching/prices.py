"""What assets were worth, by the day, and what an amount of anything is worth in a currency."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from caudal.matching.rates import Conversion, RateTable
from caudal.model.money import RATIO

PRICE_AGE_DAYS_MAX: Final = 3
"""A price holds for so many days after its own: these markets never close, so a longer silence is the source's."""


class Price(msgspec.Struct, frozen=True):
    """How many of `currency` one of `asset` was worth at the end of `day` (UTC), as `source` told."""

    asset: str
    currency: str
    day: date
    price: Decimal
    source: str


class Worth(msgspec.Struct, frozen=True):
    """What one of something was worth on a day: by a price, by rates, or by a price and then rates."""

    rate: Decimal
    price: Price | None
    conversion: Conversion | None

    @property
    def day(self) -> date | None:
        """The earliest day it is of; None where nothing had to be looked up."""
        days = [self.price.day] if self.price else []
        if self.conversion and self.conversion.legs:
            days.append(self.conversion.day)
        return min(days, default=None)


class PriceTable:
    """Prices as they were told: that of the day, else of the last days before, never of a later one."""

    def __init__(self, told: Iterable[Price]) -> None:
        series: dict[tuple[str, str], dict[date, Price]] = defaultdict(dict)
        for each in sorted(told, key=lambda price: price.source, reverse=True):
            series[each.asset, each.currency][each.day] = each
        self._series = {key: sorted(days.items()) for key, days in series.items()}

    def __contains__(self, asset: str) -> bool:
        return any(asset == known for known, _ in self._series)

    def on(self, asset: str, currency: str, day: date) -> Price | None:
        """The price of that day in that currency, or the last of the days it holds for."""
        days = self._series.get((asset, currency), [])
        place = bisect_right(days, day, key=lambda each: each[0])
        if not place or day - days[place - 1][0] > timedelta(days=PRICE_AGE_DAYS_MAX):
            return None
        return days[place - 1][1]

    def currencies(self, asset: str) -> list[str]:
        """In which currencies it is told, the dollar first."""
        return sorted(
            (quote for known, quote in self._series if known == asset), key=lambda q: (q != "USD", q)
        )


def worth(of: str, currency: str, day: date, rates: RateTable, prices: PriceTable) -> Worth | None:
    """What one of `of`, a currency or an asset, was worth that day. None where nobody knows: never a guess."""
    if of == currency or of not in prices:
        found = rates.conversion(of, currency, day)
        return None if found is None else Worth(found.rate, None, found)
    direct = prices.on(of, currency, day)
    if direct is not None:
        return Worth(direct.price, direct, None)
    for quote in prices.currencies(of):
        price, on = prices.on(of, quote, day), rates.conversion(quote, currency, day)
        if price is not None and on is not None:
            return Worth(RATIO.multiply(price.price, on.rate), price, on)
    return None
