"""A network cable on loopback: TCP on one side, a PostgreSQL's socket on the other, and it can be cut.

Cut, it carries nothing either way and says nothing of it, as a network that drops every packet. What was sent meanwhile
waits, as TCP would send it again.
"""

import asyncio
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Self

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
        self._carrying: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._plugged_in, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set_result(asyncio.get_running_loop())
        await self._end.wait()
        server.close()
        for task in self._carrying:
            task.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)

    async def _plugged_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._whole.wait()
            there, back = await asyncio.open_unix_connection(self._to)
        except OSError:
            writer.close()
            return
        for one, other in ((reader, back), (there, writer)):
            task = asyncio.create_task(self._carry(one, other))
            self._carrying.add(task)
            task.add_done_callback(self._carrying.discard)

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
