"""Group commit: what waits at the same moment is committed together, each answered after the commit that holds it.

A commit costs one wait for the disk, whatever it holds. While one is under way the next ones gather.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence

import msgspec

from caudal.model.errors import StoreError
from caudal.settings import InboxBounds
from caudal.store import inbox
from caudal.store.database import Store
from caudal.store.inbox import Letter


class _Waiting(msgspec.Struct, frozen=True):
    """A letter, and where whoever brought it waits to hear whether it is new."""

    letter: Letter
    kept: asyncio.Future[bool]


class GroupCommit:
    """Keeps letters, many in one commit."""

    def __init__(self, store: Store, bounds: InboxBounds) -> None:
        self._store = store
        self._bounds = bounds
        self._waiting: deque[_Waiting] = deque()
        self._committing: asyncio.Task[None] | None = None
        self._announcer = _Announcer(store, bounds.announce_ms)

    async def keep(self, letter: Letter) -> bool:
        """Returns after the commit that holds the letter: whether it is new. Raises StoreError where it isn't kept; who
        gives up waiting can't know."""
        if len(self._waiting) >= self._bounds.waiting_max:
            raise StoreError(f"{self._bounds.waiting_max} webhooks wait to be kept: no more are taken on")
        waiting = _Waiting(letter, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit_all())
        return await waiting.kept

    async def close(self) -> None:
        """Commit what waits, and tell the workers of it."""
        while self._committing is not None:
            await asyncio.wait({self._committing})
        await self._announcer.close()

    async def _commit_all(self) -> None:
        try:
            while batch := self._next():
                await self._commit(batch)
        finally:
            # Nothing may be awaited between the last look at who waits and here: whoever came then would find a
            # commit under way, and nobody to make the next.
            self._committing = None

    def _next(self) -> list[_Waiting]:
        """Who is next, those left out that gave up."""
        batch: list[_Waiting] = []
        while self._waiting and len(batch) < self._bounds.commit_max:
            waiting = self._waiting.popleft()
            if not waiting.kept.done():
                batch.append(waiting)
        return batch

    async def _commit(self, batch: Sequence[_Waiting]) -> None:
        """Keep them together; where that fails, one by one: each fails for itself alone."""
        try:
            new = await self._kept([waiting.letter for waiting in batch])
        except Exception as error:  # noqa: BLE001  whatever it is, whoever waits must hear of it
            if len(batch) == 1:
                _fail(batch[0], error)
            for waiting in batch if len(batch) > 1 else ():
                if not waiting.kept.done():  # who gave up meanwhile is not tried
                    await self._commit([waiting])
            return
        for waiting in batch:
            if not waiting.kept.done():
                waiting.kept.set_result(waiting.letter.key in new)
            new.discard(waiting.letter.key)  # of two alike in one commit the second is a duplicate
        self._announcer.tell()

    async def _kept(self, letters: Sequence[Letter]) -> set[tuple[str, str]]:
        async with asyncio.timeout(self._bounds.answer_seconds_max):
            return await inbox.keep(self._store, letters)


def _fail(waiting: _Waiting, error: Exception) -> None:
    if not waiting.kept.done():
        waiting.kept.set_exception(error)


class _Announcer:
    """Tells the workers that there are new webhooks: at once, then no more often than every `pause_ms`."""

    def __init__(self, store: Store, pause_ms: int) -> None:
        self._store = store
        self._pause_ms = pause_ms
        self._untold = False
        self._telling: asyncio.Task[None] | None = None

    def tell(self) -> None:
        """There are. Nobody waits for it to be told."""
        self._untold = True
        if self._telling is None:
            self._telling = asyncio.create_task(self._tell())

    async def close(self) -> None:
        """Tell what is untold."""
        while self._telling is not None:
            await asyncio.wait({self._telling})

    async def _tell(self) -> None:
        try:
            while self._untold:
                self._untold = False
                with contextlib.suppress(StoreError):  # then the workers look by themselves, a little later
                    await inbox.announce(self._store)
                await asyncio.sleep(self._pause_ms / 1000)
        finally:
            self._telling = None
