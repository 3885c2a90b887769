"""A canary in every place a secret may stand, and every way a call can end: no error, repr, log or exchange sings."""

import asyncio
import gzip
import io
import logging
import traceback
from datetime import timedelta
from typing import Any

import pytest
from rich.console import Console
from rich.pretty import Pretty
from tests.unit.providers.http.wire import Bench, Script, Wire, call, cut, drip, reply, reset, silence

from caudal.model.errors import CaudalError, Malformed, RateLimited, Unavailable
from caudal.providers.http import Answer, HttpBounds

CANARY = "CANARY-8f14e45f"
ECHO = {
    "Location": f"https://evil.example/?t={CANARY}",
    "Set-Cookie": f"s={CANARY}",
    "X-Request-Id": f"access-sandbox-{CANARY}",
}
BODY = f'{{"access_token": "{CANARY}"}}'.encode()

ENDINGS: dict[str, tuple[Script, type]] = {
    "fine": (reply(200, BODY, ECHO), Answer),
    "refused": (reply(400, BODY, ECHO), Answer),
    "down": (reply(503, BODY, ECHO), Answer),
    "too-often": (reply(429, BODY, {**ECHO, "Retry-After": CANARY}), RateLimited),
    "redirected": (reply(302, BODY, ECHO), Unavailable),
    "closed": (cut(b""), Unavailable),
    "cut-off": (cut(reply(200, BODY, ECHO, length=9999)), Unavailable),
    "reset": (reset(reply(200, BODY, ECHO, length=9999)), Unavailable),
    "no-http": (cut(f"HELO {CANARY}\r\n\r\n".encode()), Unavailable),
    "bad-header": (cut(f"HTTP/1.1 200 OK\r\nX {CANARY}: y\r\n\r\n".encode()), Unavailable),
    "too-large": (reply(200, BODY * 1000, ECHO), Malformed),
    "bomb": (reply(200, gzip.compress(BODY * 1000), {**ECHO, "Content-Encoding": "gzip"}), Malformed),
    "packed-otherwise": (reply(200, BODY, {**ECHO, "Content-Encoding": CANARY}), Malformed),
    "no-gzip": (reply(200, BODY, {**ECHO, "Content-Encoding": "gzip"}), Malformed),
    "silent": (silence, Unavailable),
    "dripping": (drip(reply(200, BODY, ECHO), 0.05), Unavailable),
}


def whole(error: BaseException) -> str:
    """All a careless handler could print of it: contexts, arguments, and the locals of our own frames."""
    beneath = error.__cause__ or error.__context__
    printed = "".join(traceback.format_exception(error))
    frames = [
        frame
        for frame, _ in traceback.walk_tb(error.__traceback__)
        if "caudal" in frame.f_globals["__name__"]
    ]
    inside = [{name: repr(value) for name, value in frame.f_locals.items()} for frame in frames]
    assert inside
    return (
        f"{printed} {error!r} {error.__dict__!r} {error.args!r} {inside} {whole(beneath) if beneath else ''}"
    )


def rich(value: object) -> str:
    console = Console(file=io.StringIO(), width=500)
    console.print(Pretty(value))
    return console.file.getvalue()


async def ending(script: Script) -> tuple[object, str]:
    """What a call ended in, and everything that could be seen of it."""
    bounds = HttpBounds(read_seconds_max=1, body_bytes_max=5000, retries_max=1)
    secret = call(
        path="/feed",
        query={"cursor": CANARY},
        body=BODY,
        headers={"X-Item-Token": CANARY},
        within=timedelta(seconds=1.2),
    )
    async with Wire(script) as wire:
        bench = Bench(wire.url, bounds, headers={"River-Secret": CANARY})
        seen: list[Any] = [repr(bench.http), repr(secret), rich(secret), rich(bench.http)]
        async with bench.http:
            try:
                answer: Answer | CaudalError = await bench.http.send(secret)
            except CaudalError as error:
                answer = error
                seen.append(whole(error))
        seen += [repr(answer), rich(answer), repr(bench.told)]
        assert CANARY.encode() in wire.asked[0], "the canary did fly"
    return answer, "\n".join(seen)


@pytest.mark.parametrize("name", ENDINGS)
def test_no_ending_shows_a_secret(name: str, caplog: pytest.LogCaptureFixture) -> None:
    for logger in (None, "httpx", "httpcore", "caudal.providers.http"):
        caplog.set_level(logging.DEBUG, logger=logger)
    script, kind = ENDINGS[name]
    end, seen = asyncio.run(ending(script))
    assert type(end) is kind
    assert CANARY not in seen
    assert CANARY not in caplog.text
    assert "riverbank feed" in caplog.text
