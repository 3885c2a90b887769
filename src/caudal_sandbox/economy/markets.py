"""Prices of securities and rates between currencies: a path each, decided by the seed alone."""

from datetime import date, timedelta
from typing import Final

import msgspec

from caudal_sandbox.economy.chance import Chance
from caudal_sandbox.economy.countries import CountryCode

_SCALE: Final = 1_000_000
_SATURDAY: Final = 5


class Security(msgspec.Struct, frozen=True):
    """Something to invest in. `first_minor`: the price of one unit when the world begins; `yearly_dividend_bp`:
    what a year pays of the price, in hundredths of a percent, a quarter at a time.
    """

    symbol: str
    name: str
    country: CountryCode
    currency: str
    first_minor: int
    yearly_dividend_bp: int


SECURITIES: Final[tuple[Security, ...]] = (
    Security("ALDR", "Alder Total Market ETF", CountryCode.US, "USD", 24_310, 140),
    Security("KSTL", "Kestrel Energy Inc", CountryCode.US, "USD", 6_725, 380),
    Security("OTTR", "Otter Foods Co", CountryCode.US, "USD", 11_890, 0),
    Security("HRN", "Heron All-Share Tracker", CountryCode.GB, "GBP", 7_812, 310),
    Security("MRLW", "Marlow Rail plc", CountryCode.GB, "GBP", 1_240, 450),
    Security("IPEB11", "Ipê Índice Brasil ETF", CountryCode.BR, "BRL", 10_455, 260),
    Security("GARO3", "Garoa Energia ON", CountryCode.BR, "BRL", 2_784, 620),
    Security("NOGAL", "Nogal Mercado Total ETF", CountryCode.MX, "MXN", 54_320, 220),
    Security("QUETZ", "Quetzal Alimentos", CountryCode.MX, "MXN", 8_130, 180),
)

_DOLLARS_E6: Final = {"USD": 1_000_000, "GBP": 1_270_000, "BRL": 190_000, "MXN": 55_000}


class Market:
    """Prices and rates on any day since the world began. A path is walked once and kept: one number a day."""

    def __init__(self, seed: int, begins: date) -> None:
        self._seed = seed
        self._begins = begins
        self._paths: dict[str, _Path] = {}
        self._securities = {security.symbol: security for security in SECURITIES}

    def security(self, symbol: str) -> Security:
        """The security of that symbol. Raises KeyError."""
        return self._securities[symbol]

    def securities_of(self, country: CountryCode) -> tuple[Security, ...]:
        """What brokers of `country` trade."""
        return tuple(each for each in SECURITIES if each.country == country)

    def price_minor(self, symbol: str, day: date) -> int:
        """The close of `day` (the last one before it, at a weekend), in the currency's minor unit."""
        security = self._securities[symbol]
        value = self._value(symbol, security.first_minor * _SCALE, day, step_bp=160)
        return (value + _SCALE // 2) // _SCALE

    def convert(self, minor: int, currency: str, into: str, day: date) -> int:
        """`minor` of `currency` in minor units of `into` at the rate of `day`, to the nearest (half away from 0)."""
        theirs, ours = self._dollars(currency, day), self._dollars(into, day)
        size = (abs(minor) * theirs * 2 + ours) // (2 * ours)
        return size if minor >= 0 else -size

    def _dollars(self, currency: str, day: date) -> int:
        first = _DOLLARS_E6[currency]
        return first if currency == "USD" else self._value(currency, first, day, step_bp=50)

    def _value(self, name: str, first: int, day: date, *, step_bp: int) -> int:
        path = self._paths.get(name)
        if path is None:
            path = self._paths[name] = _Path(Chance(self._seed, "path", name), self._begins, first, step_bp)
        return path.on(day)


class _Path:
    """A random walk between half and three times its first value, still at weekends."""

    def __init__(self, chance: Chance, begins: date, first: int, step_bp: int) -> None:
        self._chance = chance
        self._begins = begins
        self._step_bp = step_bp
        self._low, self._high = first // 2, first * 3
        self._values = [first]

    def on(self, day: date) -> int:
        place = (day - self._begins).days
        if place < 0:
            raise ValueError(f"{day} is before the world begins ({self._begins})")
        while len(self._values) <= place:
            self._values.append(self._next(self._begins + timedelta(days=len(self._values))))
        return self._values[place]

    def _next(self, day: date) -> int:
        last = self._values[-1]
        if day.weekday() >= _SATURDAY:
            return last
        value = last * (10_000 + self._chance.between(-self._step_bp, self._step_bp + 3)) // 10_000
        return min(max(value, self._low), self._high)
