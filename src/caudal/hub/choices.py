"""What of a connection a person wants to see: which accounts, and how far back."""

from collections.abc import Sequence

from caudal.hub import audit, routing
from caudal.hub.installation import Installation
from caudal.hub.routing import Belonging
from caudal.model.errors import NotFound
from caudal.store import jobs, spaces
from caudal.store.database import Transaction
from caudal.store.jobs import Priority, SyncWork
from caudal.store.spaces import LinkedConnection, Space
from caudal.sync import feeding


async def select(
    installation: Installation, space: Space, connection: LinkedConnection, names: Sequence[str]
) -> Sequence[Belonging]:
    """Write from now on what these accounts (by name, mask or the provider's id) are told of, and nothing of the others,
    whichever space they belong to; what the ledger holds stays. One wanted again is pulled from its beginning. Raises
    NotFound for a name of none.
    """
    there = (await routing.where(installation, space, connection)).accounts
    wanted = {account.reference for name in names for account in called(there, name)}
    return (await routing.route(installation, space, connection, {}, wanted)).accounts


async def limit_history(
    installation: Installation, space: Space, connection: LinkedConnection, days: int | None
) -> None:
    """Write nothing that was booked more than so many days ago; None: everything. What the ledger holds stays; further
    back than before is pulled from the beginning."""
    scope = (space.space_id, connection.connection_id)
    async with feeding.across(installation.store, *scope) as (tx, where):
        if await spaces.set_history(tx, *scope, days):
            await _pull_anew(tx, space, connection)
        told = {"connection": str(connection.connection_id), "days": "all" if days is None else str(days)}
        await audit.note(tx, installation, space, "connection.history_limited", told)
        await feeding.tell(tx, *scope, where.fed)


async def pause(installation: Installation, space: Space, connection: LinkedConnection) -> None:
    """Pull nothing any more, whoever asks, until it is resumed or mended. A run that is under way ends as it would; the
    provider isn't told, and keeps what it costs."""
    await _rest(installation, space, connection, paused=True)


async def resume(installation: Installation, space: Space, connection: LinkedConnection) -> None:
    """Pull again, now and as before."""
    await _rest(installation, space, connection, paused=False)
    await jobs.announce(installation.store, ["sync"])


async def _rest(
    installation: Installation, space: Space, connection: LinkedConnection, *, paused: bool
) -> None:
    scope = (space.space_id, connection.connection_id)
    async with feeding.across(installation.store, *scope) as (tx, where):
        if not await spaces.pause(tx, *scope, paused=paused):
            return
        if not paused:
            await jobs.enqueue_syncs(tx, [SyncWork(*scope, "manual", Priority.MANUAL)])
        act = "connection.paused" if paused else "connection.resumed"
        await audit.note(tx, installation, space, act, {"connection": str(connection.connection_id)})
        await feeding.tell(tx, *scope, where.fed)


def called(there: Sequence[Belonging], name: str) -> list[Belonging]:
    """The accounts that a name, a mask or a reference is of. Raises NotFound."""
    found = [account for account in there if name in (account.name, account.mask, account.reference)]
    if not found:
        known = ", ".join(f"“{account.name}”" for account in there)
        raise NotFound(f"the connection shows no account {name!r} (it shows: {known})")
    return found


async def _pull_anew(tx: Transaction, space: Space, connection: LinkedConnection) -> None:
    await spaces.pull_anew(tx, space.space_id, connection.connection_id)
    work = SyncWork(space.space_id, connection.connection_id, "manual", Priority.MANUAL)
    await jobs.enqueue_syncs(tx, [work])
