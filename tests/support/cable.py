"""A network cable on loopback: TCP on one side, a PostgreSQL's socket on the other, and it can be cut.

Cut, it carries nothing either way and says nothing of it, as a network that drops every packet. What was sent meanwhile
waits, as TCP would send it again.
"""

import asyncio
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Self

from tests.support.tcp import listening

_CHUNK = 65_536


class Cable:
    """In a thread of its own."""

    def __init__(self, to: Path) -> None:
        self._to = to
        self._ready: Future[asyncio.AbstractEventLoop] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()), name="cable")
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.result(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    def cut(self) -> None:
        """From now on nothing goes through."""
        self._loop.call_soon_threadsafe(self._whole.clear)

    def mend(self) -> None:
        """It does again."""
        self._loop.call_soon_threadsafe(self._whole.set)

    @property
    def _loop(self) -> asyncio.AbstractEventLoop:
        return self._ready.result(0)

    async def _live(self) -> None:
        self._whole, self._end = asyncio.Event(), asyncio.Event()
        self._whole.set()
        async with listening(self._plugged_in) as self.port:
            self._ready.set_result(asyncio.get_running_loop())
            await self._end.wait()

    async def _plugged_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._whole.wait()
        try:
            there, back = await asyncio.open_unix_connection(self._to)
        except OSError:
            writer.close()
            return
        try:
            await asyncio.gather(self._carry(reader, back), self._carry(there, writer))
        finally:
            back.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(_CHUNK):
                await self._whole.wait()
                writer.write(chunk)
                await writer.drain()
        except ConnectionError:
            return
        finally:
            writer.close()
