"""Which space each account of a connection belongs to, and what of a connection is in the spaces that it feeds.

Where it is linked is its home: its secrets, its cursor, its schedule. Every other space it feeds has a branch of it: a
connection of the same id, that shows the accounts which belong there, and nothing of the others.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from uuid import UUID

import msgspec

from caudal.model.changes import AccountSeen, SourceRef
from caudal.model.errors import NotFound
from caudal.store import spaces
from caudal.store.database import Transaction, json_rows
from caudal.store.spaces import free_name


class RoutedAccount(msgspec.Struct, frozen=True):
    """An account of a connection, of which was said, or asked, where it belongs. `to_space_id` None: its home; `wanted`
    False: nothing of it is to be written."""

    reference: str
    name: str
    mask: str | None
    to_space_id: UUID | None = None
    wanted: bool = True


class Routing(msgspec.Struct, frozen=True, dict=True):
    """Where a connection's accounts belong. `version`: how often it was said; `choosing`: its person is being asked."""

    version: int = 0
    choosing: bool = False
    choice_until: datetime | None = None
    accounts: Sequence[RoutedAccount] = ()

    @cached_property
    def elsewhere(self) -> Mapping[SourceRef, UUID]:
        """Accounts that don't belong to its home → the space they belong to."""
        return {SourceRef(each.reference): each.to_space_id for each in self.accounts if each.to_space_id}

    @cached_property
    def fed(self) -> Sequence[UUID]:
        """The spaces it feeds beside its home, in an order that is the same for everybody."""
        return sorted(set(self.elsewhere.values()))

    @cached_property
    def unwanted(self) -> frozenset[SourceRef]:
        """Of what the person wants to see nothing from its beginning."""
        return frozenset(SourceRef(each.reference) for each in self.accounts if not each.wanted)


class _Row(msgspec.Struct, frozen=True):
    version: int
    choosing: bool | None
    choice_until: datetime | None
    reference: str | None
    name: str | None
    mask: str | None
    to_space_id: UUID | None
    wanted: bool | None


class _Version(msgspec.Struct, frozen=True):
    version: int


async def read(tx: Transaction, space_id: UUID, connection_id: UUID) -> Routing:
    """Where the connection's accounts belong. Raises NotFound where there is no such connection."""
    rows = await tx.all("routing", _Row, space_id=space_id, connection_id=connection_id)
    if not rows:
        raise NotFound(f"connection {connection_id} is not in this space")
    accounts = [
        RoutedAccount(row.reference, row.name or "", row.mask, row.to_space_id, row.wanted is not False)
        for row in rows
        if row.reference is not None
    ]
    return Routing(rows[0].version, bool(rows[0].choosing), rows[0].choice_until, accounts)


async def hold(tx: Transaction, space_id: UUID, connection_id: UUID, fed: Sequence[UUID]) -> int:
    """Until the end of the transaction it stays so where the connection's accounts belong. Returns the `version`."""
    if fed:
        await hold_spaces(tx, [space_id, *fed])
    held = await tx.first("hold_routing", _Version, space_id=space_id, connection_id=connection_id)
    if held is None:
        raise NotFound(f"connection {connection_id} is not in this space")
    return held.version


async def hold_spaces(tx: Transaction, space_ids: Sequence[UUID]) -> None:
    """One writer at a time over several spaces that share one, so that none ever waits for the other crosswise."""
    await tx.run("hold_feeds", spaces=list(space_ids))


async def ask(tx: Transaction, space_id: UUID, connection_id: UUID, lasts: timedelta) -> None:
    """Have the person of a connection just made asked where its accounts belong, before anything of them is written."""
    await tx.run("ask_choice", space_id=space_id, connection_id=connection_id, lasts=lasts)


async def note_shown(
    tx: Transaction, space_id: UUID, connection_id: UUID, accounts: Sequence[AccountSeen]
) -> None:
    """Accounts that the connection shows, of which is asked where they belong."""
    rows: list[dict[str, object]] = [
        {"reference": each.ref, "name": each.name or each.ref, "mask": each.mask} for each in accounts
    ]
    await tx.run("note_shown", space_id=space_id, connection_id=connection_id, rows=json_rows(rows))


async def put(
    tx: Transaction, space_id: UUID, connection_id: UUID, accounts: Sequence[RoutedAccount]
) -> None:
    """These accounts belong there, from now on."""
    rows = [msgspec.structs.asdict(each) for each in accounts]
    await tx.run("put_routes", space_id=space_id, connection_id=connection_id, rows=json_rows(rows))


async def want(tx: Transaction, space_id: UUID, connection_id: UUID, references: Collection[str]) -> None:
    """Of the accounts of which was said where they belong, these are to be seen and no others."""
    scope = {"space_id": space_id, "connection_id": connection_id}
    await tx.run("want_routed", **scope, references=sorted(references))


async def branch(tx: Transaction, home_id: UUID, connection_id: UUID, space_id: UUID) -> None:
    """See that the space has a branch of the connection."""
    await tx.run("lock_connections", space_id=space_id)
    there = await spaces.connections(tx, space_id)
    if any(each.connection_id == connection_id for each in there):
        return
    [home] = await spaces.connections(tx, home_id, connection_id)
    label = free_name(home.institution or home.provider, {each.label for each in there})
    scope = {"space_id": space_id, "connection_id": connection_id}
    await tx.run("branch", **scope, home_id=home_id, label=label)


async def mirror(tx: Transaction, home_id: UUID, connection_id: UUID, space_id: UUID, *, fed: bool) -> None:
    """Note in a space that the connection feeds, or fed, what its home says of it."""
    scope = {"space_id": space_id, "connection_id": connection_id}
    await tx.run("mirror_home", **scope, home_id=home_id, fed=fed)
