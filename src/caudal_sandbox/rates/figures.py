"""What currencies and coins are worth in the world, on any day and hour: decided by the seed alone."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal
from typing import Final

from caudal_sandbox.economy.calendars import easter
from caudal_sandbox.economy.chance import Chance
from caudal_sandbox.world import World

_RATIO: Final = Context(prec=28)
_WORLDS_OWN: Final = frozenset(("BRL", "GBP", "MXN", "USD"))
"""What people of the world hold and exchange: told here as they exchange it."""
_DOLLARS: Final[Mapping[str, str]] = {
    "AUD": "0.66", "BGN": "0.5548", "CAD": "0.735", "CHF": "1.13", "CNY": "0.1385", "CZK": "0.0434", "DKK": "0.1456",
    "EUR": "1.085", "HKD": "0.128", "HUF": "0.00277", "IDR": "0.0000622", "ILS": "0.27", "INR": "0.012", "ISK": "0.00725",
    "JPY": "0.0067", "KRW": "0.00073", "MYR": "0.212", "NOK": "0.0948", "NZD": "0.61", "PHP": "0.0177", "PLN": "0.2512",
    "RON": "0.2183", "SEK": "0.0958", "SGD": "0.743", "THB": "0.028", "TRY": "0.031", "ZAR": "0.0538",
}  # fmt: skip
COINS: Final[Mapping[str, tuple[str, str, str]]] = {
    "bitcoin": ("btc", "Bitcoin", "64000"),
    "bitcoin-cash": ("bch", "Bitcoin Cash", "410"),
    "bridged-usd-coin": ("usdc", "Bridged USD Coin", "0.97"),
    "dai": ("dai", "Dai", "1"),
    "dogecoin": ("doge", "Dogecoin", "0.13"),
    "ethereum": ("eth", "Ethereum", "3100"),
    "litecoin": ("ltc", "Litecoin", "84"),
    "solana": ("sol", "Solana", "150"),
    "specklet": ("speck", "Specklet", "0.00000012"),
    "tether": ("usdt", "Tether", "1"),
    "usd-coin": ("usdc", "USDC", "1"),
}
"""CoinGecko's id → symbol, name, about what it is worth in dollars. Two share a symbol."""
_STILL: Final = frozenset(("dai", "tether", "usd-coin"))
_KNOT_HOURS: Final = 720
_HOUR: Final = timedelta(hours=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Figures:
    """Rates and prices of a world."""

    def __init__(self, world: World) -> None:
        self.world = world

    def dollars(self, currency: str, day: date) -> Decimal:
        """What one of `currency` is worth in dollars that day. Raises KeyError."""
        if currency in _WORLDS_OWN:
            return Decimal(self.world.market.convert(10**9, currency, "USD", day)).scaleb(-9)
        wobble = Chance(self.world.seed, "rate", currency, day).between(-80, 80)
        return _RATIO.multiply(Decimal(_DOLLARS[currency]), Decimal(10_000 + wobble).scaleb(-4))

    def rate(self, base: str, quote: str, day: date) -> Decimal:
        """How many of `quote` one of `base` is worth that day."""
        return _RATIO.divide(self.dollars(base, day), self.dollars(quote, day))

    def price(self, coin: str, currency: str, at: datetime) -> Decimal:
        """What a coin is worth in a currency at an instant: it changes with the hour."""
        hour = int((at - _EPOCH) / _HOUR)
        place, into = divmod(hour, _KNOT_HOURS)
        swing = 10 if coin in _STILL else 25_000
        before, after = (self._drawn(coin, "month", knot, swing) for knot in (place, place + 1))
        parts = 100_000 + before + (after - before) * into // _KNOT_HOURS
        parts += self._drawn(coin, "hour", hour, swing // 50)
        dollars = _RATIO.multiply(Decimal(COINS[coin][2]), Decimal(parts).scaleb(-5))
        return _RATIO.divide(dollars, self.dollars(currency, at.astimezone(UTC).date()))

    def _drawn(self, coin: str, what: str, number: int, swing: int) -> int:
        return Chance(self.world.seed, "coin", coin, what, number).between(-swing, swing)


def target_rests(day: date) -> bool:
    """Whether TARGET is closed: weekends, New Year, Good Friday, Easter Monday, 1 May, 25 and 26 December."""
    around = easter(day.year)
    moving = {around - timedelta(days=2), around + timedelta(days=1)}
    return day.weekday() > 4 or (day.month, day.day) in _FIXED or day in moving


_FIXED: Final = {(1, 1), (5, 1), (12, 25), (12, 26)}
