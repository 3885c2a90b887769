"""What of a connection a person wants to see: which accounts, and how far back."""

from collections.abc import Sequence

from caudal.hub import audit
from caudal.hub.installation import Installation
from caudal.model.errors import NotFound
from caudal.store import events, jobs, spaces
from caudal.store.database import Transaction
from caudal.store.jobs import Priority, SyncWork
from caudal.store.spaces import ChosenAccount, LinkedConnection, Space


async def accounts(
    installation: Installation, space: Space, connection: LinkedConnection
) -> list[ChosenAccount]:
    """The accounts the connection shows, and whether each is wanted."""
    async with installation.store.transaction(space.space_id) as tx:
        return await spaces.accounts_of(tx, space.space_id, connection.connection_id)


async def select(
    installation: Installation, space: Space, connection: LinkedConnection, names: Sequence[str]
) -> list[ChosenAccount]:
    """Write from now on what these accounts (by name, mask or the provider's id) are told of, and nothing of the others;
    what the ledger holds stays. One wanted again is pulled from its beginning. Raises NotFound for a name of none.
    """
    scope = (space.space_id, connection.connection_id)
    async with installation.store.transaction(space.space_id) as tx:
        there = await spaces.accounts_of(tx, *scope)
        wanted = {account.reference for name in names for account in _called(there, name)}
        if await spaces.select_accounts(tx, *scope, wanted):
            await _pull_anew(tx, space, connection)
        told = {"connection": str(connection.connection_id), "accounts": str(len(wanted))}
        await audit.note(tx, installation, space, "connection.accounts_chosen", told)
        return await spaces.accounts_of(tx, *scope)


async def limit_history(
    installation: Installation, space: Space, connection: LinkedConnection, days: int | None
) -> None:
    """Write nothing that was booked more than so many days ago; None: everything. What the ledger holds stays; further
    back than before is pulled from the beginning."""
    async with installation.store.transaction(space.space_id) as tx:
        if await spaces.set_history(tx, space.space_id, connection.connection_id, days):
            await _pull_anew(tx, space, connection)
        told = {"connection": str(connection.connection_id), "days": "all" if days is None else str(days)}
        await audit.note(tx, installation, space, "connection.history_limited", told)


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
    async with installation.store.transaction(space.space_id) as tx:
        if not await spaces.pause(tx, space.space_id, connection.connection_id, paused=paused):
            return
        if not paused:
            work = SyncWork(space.space_id, connection.connection_id, "manual", Priority.MANUAL)
            await jobs.enqueue_syncs(tx, [work])
        act = "connection.paused" if paused else "connection.resumed"
        await audit.note(tx, installation, space, act, {"connection": str(connection.connection_id)})
        await events.write(tx, space.space_id, connection.connection_id)


def _called(there: Sequence[ChosenAccount], name: str) -> list[ChosenAccount]:
    found = [account for account in there if name in (account.name, account.mask, account.reference)]
    if not found:
        known = ", ".join(f"“{account.name}”" for account in there)
        raise NotFound(f"the connection shows no account {name!r} (it shows: {known})")
    return found


async def _pull_anew(tx: Transaction, space: Space, connection: LinkedConnection) -> None:
    await spaces.pull_anew(tx, space.space_id, connection.connection_id)
    work = SyncWork(space.space_id, connection.connection_id, "manual", Priority.MANUAL)
    await jobs.enqueue_syncs(tx, [work])
