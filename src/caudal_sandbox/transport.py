"""Breaking the connection beneath an answer: the one place that knows the server's transport.

`expose` wraps an application so that an answer can find the connection it is sent on; the answers below use it. A
server that shows no transport (a test client in the same process) is told by an error: a fault that can't be played
must not look as if it had been.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Mapping
from datetime import timedelta
from typing import Final, cast

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

_TRANSPORT: Final = "caudal_sandbox.transport"
_SECOND: Final = timedelta(seconds=1)
LINGER_NOT: Final = struct.pack("ii", 1, 0)
"""SO_LINGER with no time to linger: closing sends RST instead of FIN (POSIX socket options)."""


def expose(app: ASGIApp) -> ASGIApp:
    """`app`, with each request's scope knowing its transport. Must be what the server itself calls: uvicorn's `send` is
    a method of the cycle that holds the transport."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope[_TRANSPORT] = getattr(getattr(send, "__self__", None), "transport", None)
        try:
            await app(scope, receive, send)
        except asyncio.CancelledError:
            # The server stops, and a call still hangs: as it was meant to, so there is nothing to complain of.
            if scope.get(_TRANSPORT) is not None:
                _transport(scope).abort()

    return wrapped


async def wait(milliseconds: int) -> None:
    """Let that much real time go by."""
    await asyncio.sleep(timedelta(milliseconds=milliseconds) / _SECOND)


class Reset(Response):
    """No answer: the connection is reset, after that much silence, or earlier if the client gives up first."""

    def __init__(self, *, silence_ms: int = 0) -> None:
        super().__init__()
        self._silence = timedelta(milliseconds=silence_ms)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  the interface's
        transport = _transport(scope)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._silence / _SECOND):
                await _gone(receive)
        plug = transport.get_extra_info("socket")
        if plug is not None and not transport.is_closing():
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
        transport.abort()
        await _gone(receive)


class Truncated(Response):
    """The head of `whole` with its full length, `per_mille` of the body, and then the end of the connection."""

    def __init__(self, whole: Response, per_mille: int) -> None:
        super().__init__(status_code=whole.status_code)
        self._whole = whole
        self._part = bytes(whole.body)[: len(whole.body) * per_mille // 1_000]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        transport = _transport(scope)
        head = {"type": "http.response.start", "status": self.status_code, "headers": self._whole.raw_headers}
        await send(head)
        await send({"type": "http.response.body", "body": self._part, "more_body": True})
        transport.close()
        await _gone(receive)


def _transport(scope: Mapping[str, object]) -> asyncio.Transport:
    transport = scope.get(_TRANSPORT)
    if transport is None:
        raise RuntimeError(
            "this server shows no transport, so no connection can be broken: serve with uvicorn"
        )
    return cast(asyncio.Transport, transport)


async def _gone(receive: Receive) -> None:
    """Until the client has gone: without it the server would take the unfinished answer for a mistake of ours."""
    while (await receive())["type"] != "http.disconnect":
        continue
