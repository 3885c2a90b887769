"""CoinGecko, or what speaks as it does: what crypto assets are worth in dollars, by the day and now."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Final, Literal

import msgspec

from caudal.matching.prices import Price
from caudal.model.errors import ConfigError
from caudal.providers.http import (
    Answer,
    Budget,
    Budgets,
    Call,
    HttpBounds,
    Limited,
    Observer,
    ProviderHttp,
    Verdict,
    by_status,
)
from caudal.providers.rates.base import HttpSource, Skipped, Told, decoded, rate_of

NAME: Final = "coingecko"
SPOT: Final = "coingecko-spot"
"""The source of a price of the day that isn't over: it yields to the day's."""
URLS: Final = {
    "demo": "https://api.coingecko.com/api/v3",
    "pro": "https://pro-api.coingecko.com/api/v3",
}
"""Key and root must fit: 10010, 10011 otherwise (contract §3)."""
HEADERS: Final = {"demo": "x-cg-demo-api-key", "pro": "x-cg-pro-api-key"}

IDS: Final = {
    "BCH": "bitcoin-cash",
    "BTC": "bitcoin",
    "DAI": "dai",
    "DOGE": "dogecoin",
    "ETH": "ethereum",
    "LTC": "litecoin",
    "SOL": "solana",
    "USDC": "usd-coin",
    "USDT": "tether",
    "XRP": "ripple",
}
"""Our asset → CoinGecko's id. Never by symbol: many coins share one."""
_QUOTES: Final = ("USD", "EUR")
"""What is asked for: other currencies are crossed by central banks' rates. CoinGecko's own are nobody's official ones."""

_DEMO_DAYS_MAX: Final = 364
_FIRST: Final = date(2009, 1, 3)
_STEP: Final = timedelta(days=1)


class _Chart(msgspec.Struct):
    prices: list[tuple[Decimal, Decimal | None]]


class _Status(msgspec.Struct):
    error_code: int = 0
    error_message: str = ""


class _Refusal(msgspec.Struct):
    status: _Status | None = None
    error: str = ""


_CHART: Final = msgspec.json.Decoder(_Chart)
_SIMPLE: Final = msgspec.json.Decoder(dict[str, dict[str, Decimal | None]])
_REFUSAL: Final = msgspec.json.Decoder(_Refusal)


def budgets_of(per_minute: int) -> dict[str, Budget]:
    """All its calls draw on one: the key's."""
    return {"ask": Budget(None, per_minute)}


def judge(answer: Answer) -> Verdict:
    """Also an answer of 200 that says 429, and its CDN's page: both are "too often" (contract §3, Errors)."""
    if _refusal(answer).startswith("429 "):
        return Limited(answer.retry_after, client_wide=True)
    return by_status(answer)


class CoinGecko(HttpSource):
    """Prices at the end of each day (UTC), and of this day so far."""

    name = NAME

    def __init__(
        self,
        url: str,
        key: str,
        plan: Literal["demo", "pro"],
        bounds: HttpBounds,
        *,
        budgets: Budgets | None = None,
        observer: Observer | None = None,
    ) -> None:
        if plan == "pro" and not key:
            raise ConfigError("coingecko: the plan pro needs its key: set CAUDAL_RATES_COINGECKO_KEY")
        self._plan = plan
        self._http = ProviderHttp(
            NAME,
            url or URLS[plan],
            headers={HEADERS[plan]: key} if key else {},
            judge=judge,
            bounds=bounds,
            budgets=budgets,
            observer=observer,
        )
        super().__init__(self._http)

    def tells_of(self, held: Sequence[str]) -> list[str]:
        return [asset for asset in held if asset in IDS]

    def earliest(self, today: date) -> date:
        return today - timedelta(days=_DEMO_DAYS_MAX) if self._plan == "demo" else _FIRST

    async def told(self, subjects: Sequence[str], first: date, last: date) -> Told:
        """A call for each asset and its days, and one for all of them and now."""
        found = [await self._days(asset, first, last) for asset in subjects]
        found.append(await self._now(subjects))
        return Told(
            prices=tuple(price for each in found for price in each.prices),
            skipped=tuple(skipped for each in found for skipped in each.skipped),
        )

    async def _days(self, asset: str, first: date, last: date) -> Told:
        """`from` and `to` are seconds; what comes back is in milliseconds."""
        query = {
            "vs_currency": "usd",
            "from": str(_seconds(first)),
            "to": str(_seconds(last + _STEP)),
            "precision": "full",
        }
        path = f"/coins/{IDS[asset]}/market_chart/range"
        answer = await self._http.send(Call("ask", "GET", path, query=query))
        chart = decoded(answer, f"coingecko {IDS[asset]}", _CHART, _refusal(answer))
        return read_chart(asset, chart.prices, datetime.now(UTC))

    async def _now(self, assets: Sequence[str]) -> Told:
        query = {
            "ids": ",".join(IDS[asset] for asset in assets),
            "vs_currencies": ",".join(_QUOTES).lower(),
            "include_last_updated_at": "true",
            "precision": "full",
        }
        answer = await self._http.send(Call("ask", "GET", "/simple/price", query=query))
        return read_simple(assets, decoded(answer, "coingecko simple/price", _SIMPLE, _refusal(answer)))


def read_chart(asset: str, points: Sequence[tuple[Decimal, Decimal | None]], now: datetime) -> Told:
    """The price of a day is the last point after its beginning up to its end (00:00 UTC of the next); of a day that isn't
    over there is none. A chart's last point is of now, and points may come twice (contract §3, Granularity)."""
    last: dict[date, tuple[Decimal, Decimal]] = {}
    skipped = []
    for milliseconds, told in points:
        price = None if told is None else rate_of(told)
        if price is None:
            skipped.append(Skipped(f"coingecko {IDS[asset]} {milliseconds}", "no price", str(told)[:200]))
            continue
        day = day_of(milliseconds)
        if day not in last or last[day][0] <= milliseconds:
            last[day] = (milliseconds, price)
    over = now.astimezone(UTC).date()
    prices = [Price(asset, "USD", day, price, NAME) for day, (_, price) in sorted(last.items()) if day < over]
    return Told(prices=tuple(prices), skipped=tuple(skipped))


def read_simple(assets: Sequence[str], told: dict[str, dict[str, Decimal | None]]) -> Told:
    """What is left out is not known: an id renamed or delisted, a currency not told. It fails nobody else. A price is of
    the day it was last updated on."""
    prices, skipped = [], []
    for asset in assets:
        of_it = told.get(IDS[asset], {})
        at = of_it.get("last_updated_at")
        if not of_it or at is None:
            why = "nothing is told of it: is its id still this?" if not of_it else "no time is told with it"
            skipped.append(Skipped(f"coingecko {IDS[asset]}", why, ""))
            continue
        for quote in _QUOTES:
            price = rate_of(of_it.get(quote.lower()) or Decimal(0))
            if price is not None:
                day = datetime.fromtimestamp(int(at), UTC).date()
                prices.append(Price(asset, quote, day, price, SPOT))
    return Told(prices=tuple(prices), skipped=tuple(skipped))


def day_of(milliseconds: Decimal) -> date:
    """The day that a point closes or falls in: one of exactly 00:00 UTC is the end of the day before."""
    instant = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(milliseconds))
    return (instant - timedelta(microseconds=1)).date()


def _seconds(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp())


def _refusal(answer: Answer) -> str:
    """``10005 endpoint is limited to a paid plan``; '' where it says nothing."""
    if len(answer.body) > 4_096:
        return ""
    try:
        refusal = _REFUSAL.decode(answer.body)
    except msgspec.DecodeError:
        return ""
    if refusal.status is None:
        return refusal.error
    return f"{refusal.status.error_code} {refusal.status.error_message}"
