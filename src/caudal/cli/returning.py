"""The one request by which a person's browser comes back from a bank: listened for on this machine, then no more.

``http://127.0.0.1:<port>/link/callback?code=…&state=…`` (RFC 8252, 7.3: loopback redirect). Whatever else asks is
turned away, and whoever comes with the word of another link too: the link goes on waiting.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from caudal.hub import links
from caudal.model.errors import ConfigError, ConflictError
from caudal.providers.base import Fields, Visit

PATH: Final = "/link/callback"
HOST: Final = "127.0.0.1"
HEAD_BYTES_MAX: Final = 16_384
"""A request's head. A longer one is no redirect."""
SECONDS_MAX: Final = 10
"""How long one request may take to say what it wants."""

_ANSWERS: Final = {
    200: ("OK", "That is all: you can close this window."),
    400: ("Bad Request", "This isn't the end of the link that is under way."),
    404: ("Not Found", "Nothing is here."),
}


class Returning:
    """A port that waits for one person. `url` is what to register at the provider."""

    def __init__(self, server: asyncio.Server) -> None:
        self._server = server
        self._visit: Visit | None = None
        self._came: asyncio.Future[Fields] = asyncio.get_running_loop().create_future()

    @property
    def url(self) -> str:
        """Where the person is sent back to."""
        return f"http://{HOST}:{self._server.sockets[0].getsockname()[1]}{PATH}"

    async def wait(self, visit: Visit) -> Fields:
        """What came back of that visit. The port is closed then. Wait no longer than it makes sense: it has no end of its
        own."""
        self._visit = visit
        fields = await self._came
        self._server.close()
        return fields

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        status = 404
        try:
            async with asyncio.timeout(SECONDS_MAX):
                status = self._judged(await reader.readuntil(b"\r\n\r\n"))
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            status = 400
        with suppress(ConnectionError):
            writer.write(_page(status))
            await writer.drain()
            writer.close()

    def _judged(self, head: bytes) -> int:
        method, _, rest = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
        target = rest.partition(" ")[0]
        if method != "GET" or target.partition("?")[0] != PATH:
            return 404
        if self._visit is None or self._came.done():
            return 400
        try:
            self._came.set_result(links.returned(self._visit, target))
        except ConflictError:
            return 400
        return 200


@asynccontextmanager
async def listening(port: int) -> AsyncIterator[Returning]:
    """Listen on that port of this machine until the end of the block. Raises ConfigError where it is taken."""
    holder: list[Returning] = []

    async def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await holder[0].answer(reader, writer)

    try:
        server = await asyncio.start_server(met, HOST, port, limit=HEAD_BYTES_MAX)
    except OSError as error:
        raise ConfigError(
            f"port {port} can't be listened on ({error.strerror}): set CAUDAL_RETURN_PORT, and register its address at "
            "the provider; or use --paste"
        ) from None
    holder.append(Returning(server))
    try:
        yield holder[0]
    finally:
        server.close()


def _page(status: int) -> bytes:
    word, said = _ANSWERS[status]
    body = f"<!doctype html><title>Caudal</title><p>{said}</p>".encode()
    head = (
        f"HTTP/1.1 {status} {word}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
