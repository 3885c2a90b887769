"""What happens in a space, as it happens."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

from caudal.hub.installation import Installation
from caudal.store import events
from caudal.store.events import Event
from caudal.store.spaces import Space

_AT_ONCE: Final = 500


async def after(installation: Installation, space: Space, seq: int, limit: int) -> list[Event]:
    """The events after `seq`, in their order, `limit` at most."""
    async with installation.store.transaction(space.space_id) as tx:
        return await events.after(tx, space.space_id, seq, limit)


async def last(installation: Installation, space: Space) -> int:
    """The number of the latest event; 0 where there is none."""
    async with installation.store.transaction(space.space_id) as tx:
        return await events.last(tx, space.space_id)


async def follow(installation: Installation, space: Space, seq: int) -> AsyncIterator[Event]:
    """The events after `seq`, and every one that comes, without end. None is missed and none told twice: they are
    numbered in the order in which they were committed."""
    async for event in followed(installation, space, seq, None):
        if event is not None:
            yield event


async def followed(
    installation: Installation, space: Space, seq: int, silent_ms_max: int | None
) -> AsyncGenerator[Event | None, None]:
    """The same; None wherever nothing happened for so long."""
    wait_ms, silent_ms = installation.settings.events_poll_ms, 0
    while True:
        found = await after(installation, space, seq, _AT_ONCE)
        for event in found:
            yield event
            seq = event.seq
        silent_ms = 0 if found else silent_ms + wait_ms
        if silent_ms_max is not None and silent_ms >= silent_ms_max:
            yield None
            silent_ms = 0
        if len(found) < _AT_ONCE:
            await asyncio.sleep(wait_ms / 1000)
