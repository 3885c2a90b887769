"""Bringing connections up to date."""

import asyncio
import sys
from collections.abc import Callable
from uuid import UUID

import msgspec

from caudal.hub import audit, connections
from caudal.hub.installation import Installation
from caudal.model.errors import ConflictError, Revoked
from caudal.providers import registry
from caudal.providers.base import LiveProvider, Pace
from caudal.store import ledger, secrets, spaces
from caudal.store.database import Transaction
from caudal.store.ledger import ProofRow
from caudal.store.spaces import LinkedConnection, Space
from caudal.sync import engine, feeding


class SyncReport(msgspec.Struct, frozen=True):
    """What bringing one connection up to date did. `preparing`: its provider has more to come."""

    connection_id: UUID
    label: str
    pages: int
    seen: int
    created: int
    changed: int
    gone: int
    quarantined: int
    restarts: int
    preparing: bool
    proofs: list[ProofRow]


Progress = Callable[[engine.Report], None]


async def sync(
    installation: Installation,
    space: Space,
    connection: LinkedConnection,
    live: LiveProvider,
    progress: Progress = lambda _: None,
    *,
    cause: str = "manual",
    pages_max: int = sys.maxsize,
) -> SyncReport:
    """Pull the connection to its end, or as far as `pages_max`. Raises the ProviderError family, or Superseded where
    another run has come further, ConflictError where it is paused; what was committed before stays.

    Where the provider says that the connection is over, its secrets are taken away with it.
    """
    if connection.paused_at is not None:
        raise ConflictError(
            f"“{connection.label}” is paused: `caudal resume` lets it go on",
            says="connection_paused",
            label=connection.label,
        )
    try:
        access = await connections.access(installation, space, connection)
        job = engine.Job(
            space.space_id,
            connection.connection_id,
            subject=connection.label,
            bounds=msgspec.structs.replace(installation.settings.run, pages_max=pages_max),
            cause=cause,
            pace=registry.paces().get(connection.provider, Pace()).every,
        )
        done = await engine.run(installation.store, job, lambda cursor: live.pull(access, cursor), progress)
    except Revoked:
        await ended(installation, space, connection, "connection.ended", f"provider:{connection.provider}")
        raise
    async with installation.store.transaction(space.space_id) as tx:
        proofs = await ledger.proofs(tx, space.space_id, done.accounts)
    return SyncReport(
        connection_id=connection.connection_id,
        label=connection.label,
        pages=done.pages,
        seen=done.seen,
        created=done.created,
        changed=done.changed,
        gone=done.gone,
        quarantined=done.quarantined,
        restarts=done.restarts,
        preparing=done.again_after is not None,
        proofs=proofs,
    )


async def sync_until_ready(
    installation: Installation,
    space: Space,
    connection: LinkedConnection,
    live: LiveProvider,
    progress: Progress = lambda _: None,
) -> SyncReport:
    """Pull again and again while the provider is preparing the history of a new connection, for as long as
    `preparing_seconds_max` allows. Returns the counts of all the pulls together; `preparing` where time ran out.
    """
    settings = installation.settings
    wait = settings.preparing_poll_ms / 1000
    rounds = max(1, settings.preparing_seconds_max * 1000 // settings.preparing_poll_ms)
    total = await sync(installation, space, connection, live, progress)
    while total.preparing and (rounds := rounds - 1):
        await asyncio.sleep(wait)
        total = _together(total, await sync(installation, space, connection, live, progress))
    return total


def _together(before: SyncReport, after: SyncReport) -> SyncReport:
    counts = ("pages", "seen", "created", "changed", "gone", "quarantined", "restarts")
    sums = {count: getattr(before, count) + getattr(after, count) for count in counts}
    proofs = {(row.account_id, row.currency): row for row in (*before.proofs, *after.proofs)}
    return msgspec.structs.replace(after, **sums, proofs=list(proofs.values()))


async def unlink(
    installation: Installation, space: Space, connection: LinkedConnection, live: LiveProvider
) -> None:
    """End the connection at its provider, then here: its secrets are gone, what it told stays.

    Raises the ProviderError family where the provider can't be told; then nothing has changed.
    """
    access = await connections.access(installation, space, connection)
    await live.revoke(access)
    await ended(installation, space, connection, "connection.unlinked", space.actor)


async def ended(
    installation: Installation, space: Space, connection: LinkedConnection, act: str, actor: str
) -> None:
    """The connection is over: revoked, its secrets shredded, and the trail says so, and by whom."""
    scope = (space.space_id, connection.connection_id)
    async with feeding.across(installation.store, *scope) as (tx, where):
        await end_in(tx, installation, *scope, provider=connection.provider, act=act, actor=actor)
        await feeding.tell(tx, *scope, where.fed)


async def end_in(
    tx: Transaction,
    installation: Installation,
    space_id: UUID,
    connection_id: UUID,
    *,
    provider: str,
    act: str,
    actor: str,
) -> None:
    """The same, in the caller's transaction, whose events are still to be written."""
    await spaces.change_state(tx, space_id, connection_id, "revoked")
    await secrets.shred(tx, space_id, connection_id)
    await audit.record(
        tx,
        installation.keyring.audit_key,
        space_id,
        actor=actor,
        act=act,
        details={"connection": str(connection_id), "provider": provider},
    )
