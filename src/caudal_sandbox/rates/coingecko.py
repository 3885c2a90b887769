"""CoinGecko's API, the part of it that prices need: keys, limits, charts, and what it leaves out in silence."""

from collections import deque
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from caudal_sandbox.rates.figures import COINS, Figures

CURRENCIES: Final = ("usd", "eur", "gbp", "brl", "mxn", "cad", "chf", "jpy", "aud")
"""Of the 63 codes it lists those that the world knows rates of."""
_HEADERS: Final = {"demo": "x-cg-demo-api-key", "pro": "x-cg-pro-api-key"}
_CHANGE_ROOT: Final = "If you are using {} API key, please change your root URL from {} to {}"
_HOSTS: Final = {"demo": "api.coingecko.com", "pro": "pro-api.coingecko.com"}
_ROOT_OF_OTHER: Final = {
    "pro": (10010, _CHANGE_ROOT.format("Demo", _HOSTS["pro"], _HOSTS["demo"])),
    "demo": (10011, _CHANGE_ROOT.format("Pro", _HOSTS["demo"], _HOSTS["pro"])),
}
_PER_MINUTE_KEYLESS: Final = 5
_DAYS_MAX: Final = 365
_ENCODE: Final = msgspec.json.Encoder(decimal_format="number").encode
_HOUR, _DAY, _FIVE = timedelta(hours=1), timedelta(days=1), timedelta(minutes=5)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DIGITS: Final = 17
_HTML: Final = "<html><head><title>429 Too Many Requests</title></head><body>cloudflare</body></html>"


class CoinGecko:
    """`key`: whose calls are served on either root; '' for any. `troubles`: "html" (limits answer a page), "stale"
    (prices of three hours ago), "down" (502). `renamed`: ids that are known no more. `gap`: a day from which on a chart
    lacks two."""

    def __init__(
        self, figures: Figures, clock: Callable[[], datetime], *, key: str = "", per_minute: int = 30
    ) -> None:
        self._figures = figures
        self._clock = clock
        self._key = key
        self._per_minute = per_minute
        self._calls: deque[datetime] = deque()
        self.troubles: set[str] = set()
        self.renamed: set[str] = set()
        self.gap: date | None = None

    async def answer(self, request: Request) -> Response:
        """A call below /api/v3 of either root."""
        plan, path = request.path_params["plan"], request.path_params["path"]
        refusal = self._refusal(request, plan)
        if refusal is not None:
            return refusal
        match path.strip("/").split("/"):
            case ["ping"]:
                return _json({"gecko_says": "(V3) To the Moon!"})
            case ["simple", "price"]:
                return self._simple(request)
            case ["simple", "supported_vs_currencies"]:
                return _json(CURRENCIES)
            case ["coins", "list"]:
                return _json([{"id": coin, "symbol": of[0], "name": of[1]} for coin, of in self._coins()])
            case ["coins", coin, *rest] if coin in dict(self._coins()):
                return self._coin(request, plan, coin, rest)
        return _json({"error": "coin not found"}, 404)

    def _coins(self) -> list[tuple[str, tuple[str, str, str]]]:
        return [(coin, of) for coin, of in COINS.items() if coin not in self.renamed]

    def _refusal(self, request: Request, plan: str) -> Response | None:
        if "down" in self.troubles:
            return Response("<html><body>502 Bad Gateway</body></html>", 502, media_type="text/html")
        other = "pro" if plan == "demo" else "demo"
        given = self._given(request, plan)
        if not given and self._given(request, other):
            return _status(400, *_ROOT_OF_OTHER[plan])
        if (not given and plan == "pro") or (given and self._key and given != self._key):
            return _status(401, 10002, "API Key Missing")
        now = self._clock()
        while self._calls and now - self._calls[0] >= timedelta(minutes=1):
            self._calls.popleft()
        if len(self._calls) >= (self._per_minute if given else _PER_MINUTE_KEYLESS):
            if "html" in self.troubles:
                return Response(_HTML, 429, media_type="text/html")
            return _status(429, 429, "You've exceeded the Rate Limit.", {"Retry-After": "60"})
        self._calls.append(now)
        return None

    def _given(self, request: Request, plan: str) -> str:
        name = _HEADERS[plan]
        return request.headers.get(name, "") or request.query_params.get(name.replace("-", "_"), "")

    def _simple(self, request: Request) -> Response:
        """Ids and currencies it doesn't know are left out."""
        query = request.query_params
        at = self._figures.world.now - (timedelta(hours=3) if "stale" in self.troubles else timedelta(0))
        known = {coin for coin, _ in self._coins()}
        found: dict[str, dict[str, object]] = {}
        for coin in dict.fromkeys(query.get("ids", "").split(",")):
            if coin in known:
                of_it = found[coin] = {
                    code: self._price(coin, code, at, query.get("precision"))
                    for code in query.get("vs_currencies", "").split(",")
                    if code in CURRENCIES
                }
                if query.get("include_last_updated_at") == "true":
                    of_it["last_updated_at"] = int((at - _EPOCH).total_seconds())
        return _json(found)

    def _coin(self, request: Request, plan: str, coin: str, rest: list[str]) -> Response:
        query, now = request.query_params, self._figures.world.now
        try:
            match rest:
                case ["history"]:
                    return self._history(
                        plan, coin, datetime.strptime(query["date"], "%d-%m-%Y").replace(tzinfo=UTC)
                    )
                case ["market_chart"]:
                    days = _DAYS_MAX + 1 if query["days"] == "max" else int(query["days"])
                    return self._chart(request, plan, coin, now - days * _DAY, now)
                case ["market_chart", "range"]:
                    first, last = (_EPOCH + timedelta(seconds=int(query[name])) for name in ("from", "to"))
                    return self._chart(request, plan, coin, first, min(last, now))
        except (KeyError, ValueError, OverflowError):
            return _json({"error": "invalid parameters"}, 422)
        return _json({"error": "coin not found"}, 404)

    def _history(self, plan: str, coin: str, at: datetime) -> Response:
        """At 00:00 UTC of the day: its beginning. Before the world there is no market."""
        if self._too_old(plan, at):
            return _paid()
        symbol, name, _ = COINS[coin]
        told: dict[str, object] = {
            "id": coin,
            "symbol": symbol,
            "name": name,
            "image": {"thumb": "", "small": ""},
        }
        if self._figures.world.begins <= at.date() <= self._figures.world.now.date():
            prices = {code: self._price(coin, code, at, "full") for code in CURRENCIES}
            told["market_data"] = {"current_price": prices, "market_cap": {}, "total_volume": {}}
        told |= {"community_data": {}, "developer_data": {}, "public_interest_stats": {}}
        return _json(told)

    def _chart(self, request: Request, plan: str, coin: str, first: datetime, last: datetime) -> Response:
        """A day: five minutes apart; up to 90: hours; else days at 00:00 UTC, the first of them twice, and then now."""
        if self._too_old(plan, first):
            return _paid()
        query, span = request.query_params, last - first
        daily = span > 90 * _DAY or query.get("interval") == "daily"
        step = _DAY if daily else _HOUR if span > _DAY else _FIVE
        begins = datetime.combine(max(first.date(), self._figures.world.begins), time(), UTC)
        points = [at for at in _steps(begins, last, step) if at >= first and not self._in_gap(at)]
        if daily and points:
            points.insert(0, points[0])
        if last >= self._figures.world.now:
            points.append(self._figures.world.now)
        code = query["vs_currency"]
        if code not in CURRENCIES:
            return _json({"error": "invalid vs_currency"}, 400)
        prices = [[_milliseconds(at), self._price(coin, code, at, query.get("precision"))] for at in points]
        rest = [[at, Decimal(0)] for at, _ in prices]
        return _json({"prices": prices, "market_caps": rest, "total_volumes": rest})

    def _in_gap(self, at: datetime) -> bool:
        return self.gap is not None and self.gap <= at.date() < self.gap + 2 * _DAY

    def _too_old(self, plan: str, at: datetime) -> bool:
        return plan == "demo" and self._figures.world.now - at > _DAYS_MAX * _DAY

    def _price(self, coin: str, code: str, at: datetime, precision: str | None) -> Decimal:
        """As a JSON float has it: some seventeen digits, exponents where it is tiny, and no places where it is whole.
        Without `precision` two places, of what is smaller than one six."""
        price = self._figures.price(coin, code.upper(), at)
        if precision != "full":
            places = int(precision) if precision else 2 if price >= 1 else 6
            price = price.quantize(Decimal(1).scaleb(-places))
        price = price.normalize()
        digits = len(price.as_tuple().digits)
        if digits > _DIGITS:
            price = price.quantize(Decimal(1).scaleb(price.adjusted() - _DIGITS + 1)).normalize()
        return Decimal(int(price)) if price == price.to_integral_value() else price


def _steps(first: datetime, last: datetime, step: timedelta) -> list[datetime]:
    return [first + count * step for count in range(max(0, (last - first) // step + 1))]


def _milliseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(milliseconds=1)


def _json(told: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(_ENCODE(told), status, headers, media_type="application/json; charset=utf-8")


def _status(status: int, code: int, message: str, headers: dict[str, str] | None = None) -> Response:
    return _json({"status": {"error_code": code, "error_message": message}}, status, headers)


def _paid() -> Response:
    return _status(401, 10005, "endpoint is limited to a paid plan")
