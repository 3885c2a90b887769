"""A refresh somebody waits for: as fresh as it gets within a few seconds; what isn't done by then goes on by itself.

Connections fail alone: one that is slow or broken is named, and the others are fresh.
"""

import asyncio
import enum
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from uuid import UUID

import msgspec

from caudal.hub import connections as hub_connections
from caudal.hub import syncs
from caudal.hub.installation import Installation
from caudal.model.errors import CaudalError, ProviderError, Superseded
from caudal.providers.base import Capability, LiveProvider
from caudal.store import jobs, spaces
from caudal.store.jobs import Priority, SyncWork
from caudal.store.spaces import LinkedConnection, Space

ProviderOf = Callable[[str], Awaitable[LiveProvider]]


class Freshness(enum.StrEnum):
    """How a connection stands when the answer is given."""

    FRESH = "fresh"
    GOING_ON = "going_on"
    """Time was up: it goes on in the background."""
    FAILED = "failed"


class Refreshed(msgspec.Struct, frozen=True):
    """One connection: how fresh it is, the accounts that goes for, what came of it, and why where it failed."""

    connection_id: UUID
    label: str
    freshness: Freshness
    accounts: list[str]
    created: int = 0
    changed: int = 0
    error: str = ""


class Refresh(msgspec.Struct, frozen=True):
    """What a refresh came to. `partial`: not everything is fresh yet."""

    connections: list[Refreshed]

    @property
    def partial(self) -> bool:
        """Whether something is left, or failed."""
        return any(each.freshness is not Freshness.FRESH for each in self.connections)


async def refresh(
    installation: Installation,
    space: Space,
    connections: Sequence[LinkedConnection],
    provider_of: ProviderOf,
) -> Refresh:
    """Have each provider go to the bank, and pull, all at once, for `refresh_seconds_max` together."""
    limit = installation.settings.run.refresh_seconds_max
    tasks = [
        asyncio.create_task(_one(installation, space, connection, provider_of)) for connection in connections
    ]
    # A part of the time is for stopping, and for saying how it went.
    _, late = await asyncio.wait(tasks, timeout=limit * 9 / 10) if tasks else (set(), set())
    for task in late:
        task.cancel()
    if late:
        await asyncio.wait(late, timeout=limit / 20)
    unfinished = [each for each, task in zip(connections, tasks, strict=True) if task in late]
    await _go_on(installation, space, unfinished)
    names = await _account_names(installation, space)
    return Refresh(
        [
            msgspec.structs.replace(
                Refreshed(each.connection_id, each.label, Freshness.GOING_ON, [])
                if task in late
                else task.result(),
                accounts=names.get(each.connection_id, []),
            )
            for each, task in zip(connections, tasks, strict=True)
        ]
    )


async def _one(
    installation: Installation, space: Space, connection: LinkedConnection, provider_of: ProviderOf
) -> Refreshed:
    try:
        live = await provider_of(connection.provider)
        await _ask_bank(installation, space, connection, live)
        report = await syncs.sync(installation, space, connection, live)
    except Superseded:
        return Refreshed(connection.connection_id, connection.label, Freshness.GOING_ON, [])
    except CaudalError as error:
        return Refreshed(connection.connection_id, connection.label, Freshness.FAILED, [], error=str(error))
    freshness = Freshness.GOING_ON if report.preparing else Freshness.FRESH
    return Refreshed(
        connection.connection_id, connection.label, freshness, [], report.created, report.changed
    )


async def _ask_bank(
    installation: Installation, space: Space, connection: LinkedConnection, live: LiveProvider
) -> None:
    """What a provider can't do now is no reason not to pull what it has."""
    if Capability.REFRESH in live.capabilities:
        with suppress(ProviderError):
            await live.refresh(await hub_connections.access(installation, space, connection))


async def _go_on(installation: Installation, space: Space, unfinished: Sequence[LinkedConnection]) -> None:
    if not unfinished:
        return
    work = [SyncWork(space.space_id, each.connection_id, "manual", Priority.MANUAL) for each in unfinished]
    async with installation.store.transaction(space.space_id) as tx:
        await jobs.enqueue_syncs(tx, work)
    await jobs.announce(installation.store, ["sync"])


async def _account_names(installation: Installation, space: Space) -> dict[UUID, list[str]]:
    async with installation.store.transaction(space.space_id) as tx:
        shown = await spaces.shown_accounts(tx, space.space_id)
    names: dict[UUID, list[str]] = {}
    for account in shown:
        names.setdefault(account.connection_id, []).append(account.name)
    return names
