"""``POST /webhooks/{provider}``: 200 once it is kept for good; else why not, in the status alone.

| status | when |
|---|---|
| 200 | it is kept, now or since it came before |
| 401 | it isn't that provider's; the same for whatever is wrong with it |
| 404 | no such provider is set up |
| 408 | its body didn't come in time |
| 413, 431 | its body, its headers are larger than any webhook's: not read further |
| 503 | it can't be kept or judged now; Retry-After says when to come again |
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from caudal.hub.webhooks import Acceptor, Verdict
from caudal.providers.base import Delivery
from caudal.settings import InboxBounds

Counted = Callable[[str, Verdict], None]
"""Told the provider, '' where there is none of that name, and what became of the delivery."""

_STATUS: Final[Mapping[Verdict, int]] = {
    Verdict.ACCEPTED: 200,
    Verdict.DUPLICATE: 200,
    Verdict.FORGED: 401,
    Verdict.UNKNOWN_PROVIDER: 404,
    Verdict.TOO_LARGE: 413,
    Verdict.UNAVAILABLE: 503,
}
_HANG_UP: Final = {"Connection": "close"}
"""What is left of the body is not to be read as the next request."""


class WebhookDoor:
    """Where providers deliver. An ASGI application: nothing stands between it and the raw bytes."""

    def __init__(
        self, acceptor: Acceptor, bounds: InboxBounds, counted: Counted, now: Callable[[], datetime]
    ) -> None:
        self._acceptor = acceptor
        self._bounds = bounds
        self._counted = counted
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one delivery."""
        response = await self._answer(scope, receive)
        if response is not None:
            await response(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response | None:
        """None where nobody is there any more to be answered."""
        provider: str = scope["path_params"]["provider"]
        if not self._acceptor.knows(provider):
            return self._judged("", Verdict.UNKNOWN_PROVIDER)
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        if sum(len(name) + len(value) for name, value in headers) > self._bounds.header_bytes_max:
            return self._judged(provider, Verdict.TOO_LARGE, 431)
        named = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
        if _announced(named) > self._bounds.body_bytes_max:
            return self._judged(provider, Verdict.TOO_LARGE)
        body: bytes | None = None
        try:
            async with asyncio.timeout(self._bounds.answer_seconds_max):
                body = await _read(receive, self._bounds.body_bytes_max)
                delivery = Delivery(named, body, self._now())
                return self._judged(provider, await self._acceptor.accept(provider, delivery))
        except TimeoutError:
            if body is None:
                return Response(status_code=408, headers=_HANG_UP)
            return self._judged(provider, Verdict.UNAVAILABLE)
        except _TooLarge:
            return self._judged(provider, Verdict.TOO_LARGE)
        except _Gone:
            return None

    def _judged(self, provider: str, verdict: Verdict, status: int | None = None) -> Response:
        self._counted(provider, verdict)
        headers = {}
        if verdict is Verdict.UNAVAILABLE:
            headers["Retry-After"] = str(self._bounds.retry_after_seconds)
        elif verdict in (Verdict.TOO_LARGE, Verdict.UNKNOWN_PROVIDER):
            headers = dict(_HANG_UP)
        return Response(status_code=status or _STATUS[verdict], headers=headers)


class _TooLarge(Exception):
    """The body is, whatever it said of its length."""


class _Gone(Exception):
    """The sender hung up before the end of the body."""


def _announced(headers: Mapping[str, str]) -> int:
    """How long the body says it is; 0 where it doesn't."""
    told = headers.get("content-length", "")
    return int(told) if told.isascii() and told.isdigit() else 0


async def _read(receive: Receive, bytes_max: int) -> bytes:
    """The body. Raises _TooLarge as soon as it is, _Gone."""
    body = b""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        body += message.get("body", b"")
        if len(body) > bytes_max:
            raise _TooLarge
        more = message.get("more_body", False)
    return body
