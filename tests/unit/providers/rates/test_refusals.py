"""What a source that refuses, limits or rests means: one error of the family, and nobody's key in it."""

import asyncio
import json
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest

from caudal.model.errors import ConfigError, Malformed, ProviderError, RateLimited, Refused, Unavailable
from caudal.providers.http import HttpBounds
from caudal.providers.rates.banxico import Banxico
from caudal.providers.rates.base import Source
from caudal.providers.rates.coingecko import CoinGecko

TODAY = datetime.now(UTC).date()
BOUNDS = HttpBounds(retries_max=1, backoff_ms_first=1)
KEY = "CG-very-secret-key"


def status(code: int) -> str:
    return json.dumps({"status": {"error_code": code, "error_message": "because"}})


def asked(source: Any, subject: str, answer: httpx.Response) -> ProviderError:
    """What asking comes to where that is all the source answers."""
    transport = httpx.MockTransport(
        lambda _: httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)
    )

    async def work() -> None:
        source._http._client._transport = transport
        there: Source = source
        await there.told([subject], date(2026, 3, 1), TODAY)

    with pytest.raises(ProviderError) as refused:
        asyncio.run(work())
    assert KEY not in str(refused.value)
    return refused.value


HTML = {"content-type": "text/html; charset=utf-8"}


@pytest.mark.parametrize(
    ("code", "body", "headers", "meant"),
    [
        (401, status(10002), {}, Refused),
        (401, status(10005), {}, Refused),
        (400, status(10010), {}, Refused),
        (400, status(10011), {}, Refused),
        (404, '{"error": "coin not found"}', {}, Refused),
        (429, status(429), {"retry-after": "60"}, RateLimited),
        (200, status(429), {}, RateLimited),
        (429, "<html>cloudflare</html>", HTML, RateLimited),
        (403, "<html>cloudflare</html>", HTML, Unavailable),
        (502, "<html>bad gateway</html>", HTML, Unavailable),
        (200, "<html>maintenance</html>", HTML, Unavailable),
        (200, '{"prices": [["a", 1]]}', {}, Malformed),
    ],
)
def test_coingeckos_refusals(code: int, body: str, headers: dict[str, str], meant: type[Exception]) -> None:
    source = CoinGecko("", KEY, "demo", BOUNDS)
    error = asked(
        source,
        "BTC",
        httpx.Response(code, text=body, headers={"content-type": "application/json", **headers}),
    )
    assert type(error) is meant
    if meant is Refused:
        assert "because" in str(error) or "coin not found" in str(error)


@pytest.mark.parametrize(
    ("code", "body", "headers", "meant"),
    [
        (401, '{"error": {"mensaje": "Token", "detalle": "El token no es valido"}}', {}, Refused),
        (400, "{}", {}, Refused),
        (200, "<html>mantenimiento</html>", HTML, Unavailable),
        (429, "", {}, RateLimited),
        (200, '{"bmx": []}', {}, Malformed),
    ],
)
def test_banxicos_refusals(code: int, body: str, headers: dict[str, str], meant: type[Exception]) -> None:
    source = Banxico("", KEY, BOUNDS)
    error = asked(
        source,
        "USD",
        httpx.Response(code, text=body, headers={"content-type": "application/json", **headers}),
    )
    assert type(error) is meant
    if code == 401:
        assert "El token no es valido" in str(error)


def test_the_plan_pro_needs_its_key() -> None:
    with pytest.raises(ConfigError, match="COINGECKO_KEY"):
        CoinGecko("", "", "pro", BOUNDS)
