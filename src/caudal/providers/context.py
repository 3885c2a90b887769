"""Contexts within contexts: an adapter holds its client, the client its connections."""

from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Self


class Context:
    """Open for as long as what is `_inside` is."""

    _inside: AbstractAsyncContextManager[object]

    async def __aenter__(self) -> Self:
        await self._inside.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._inside.__aexit__(kind, error, trace)
