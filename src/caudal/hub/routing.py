"""Which space each account of a connection belongs to: one login often holds a private account and a firm's."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from uuid import UUID

import msgspec

from caudal.hub import audit
from caudal.hub.identity.roles import Role, Scope, scopes_of
from caudal.hub.installation import Installation
from caudal.model.changes import SourceRef
from caudal.model.errors import ConflictError, NotFound
from caudal.store import jobs, members, people, routing, spaces
from caudal.store.database import Transaction
from caudal.store.jobs import Priority, SyncWork
from caudal.store.routing import RoutedAccount, Routing
from caudal.store.spaces import LinkedConnection, Space
from caudal.sync import feeding
from caudal.sync.moving import move


class Belonging(msgspec.Struct, frozen=True):
    """An account of a connection, and the space it belongs to. `selected`: the person wants to see it."""

    reference: str
    name: str
    mask: str | None
    selected: bool
    space_id: UUID


class Where(msgspec.Struct, frozen=True):
    """Where a connection's accounts belong. `choosing`: that is being asked, and nothing of them is written before."""

    accounts: Sequence[Belonging]
    choosing: bool


async def destinations(installation: Installation, space: Space) -> list[Space]:
    """The spaces that who is at work here may have accounts belong to: this one first, then the others where they may
    manage connections. A key's is this alone."""
    kind, _, name = space.actor.partition(":")
    if kind == "local":
        there = await spaces.list_spaces(installation.store)
    elif kind == "person":
        async with installation.store.door() as tx:
            person = await people.by_id(tx, UUID(name))
            strong = person is not None and (person.totp_since is not None or person.has_passkey)
            there = [
                Space(each.space_id, each.name)
                for each in await members.memberships(tx, UUID(name))
                if Scope.CONNECTIONS_MANAGE in scopes_of(Role(each.role), strong=strong)
            ]
    else:
        there = []
    return [space, *(each for each in there if each.space_id != space.space_id)]


async def where(installation: Installation, space: Space, connection: LinkedConnection) -> Where:
    """Where the connection's accounts belong, by name; of a branch those that belong here."""
    scope = (space.space_id, connection.connection_id)
    async with installation.store.transaction(space.space_id) as tx:
        return _where(space.space_id, await routing.read(tx, *scope), await spaces.accounts_of(tx, *scope))


async def route(
    installation: Installation,
    space: Space,
    connection: LinkedConnection,
    said: Mapping[str, UUID],
    wanted: Collection[str] | None = None,
) -> Where:
    """These accounts, by their references, belong to those spaces from now on, with all the connection told of them, and
    what people said of that. `wanted`: of all its accounts those that are to be seen; None: as it is.

    Raises NotFound for an account it doesn't show, or a space that who is at work may not link into.
    """
    scope = (space.space_id, connection.connection_id)
    there = {each.reference: each for each in (await where(installation, space, connection)).accounts}
    for reference in (*said, *(wanted or ())):
        if reference not in there:
            raise NotFound(f"the connection shows no account {reference!r}")
    known = {each.space_id for each in await destinations(installation, space)}
    across = feeding.across(installation.store, *scope, also=sorted({*said.values()} & known))
    async with across as (tx, now):
        await _check(tx, space, connection)
        places = {reference: now.elsewhere.get(SourceRef(reference), space.space_id) for reference in there}
        moving = {reference: to for reference, to in said.items() if to != places[reference]}
        if set(moving.values()) - known:
            raise NotFound("there is no such space, or its connections aren't yours to manage")
        changes = bool(moving) or now.choosing
        if changes:
            counts = await move(tx, *scope, now, _rows(there.values(), places | moving, space))
            await _note(tx, installation, space, connection, counts)
        if wanted is not None:
            fed = (await routing.read(tx, *scope)).fed
            changes |= await _select(tx, (space.space_id, *fed), connection, set(wanted))
            told = {"connection": str(connection.connection_id), "accounts": str(len(set(wanted)))}
            await audit.note(tx, installation, space, "connection.accounts_chosen", told)
        if changes:
            await jobs.enqueue_syncs(tx, [SyncWork(*scope, "manual", Priority.MANUAL)])
    if changes:
        await jobs.announce(installation.store, ["sync"])
    return await where(installation, space, connection)


def _rows(there: Iterable[Belonging], places: Mapping[str, UUID], home: Space) -> list[RoutedAccount]:
    return [
        RoutedAccount(
            each.reference,
            each.name,
            each.mask,
            None if places[each.reference] == home.space_id else places[each.reference],
            each.selected,
        )
        for each in there
    ]


async def _select(
    tx: Transaction, places: Sequence[UUID], connection: LinkedConnection, wanted: Collection[str]
) -> bool:
    """Show these accounts and no others, in whichever space they are: the first of `places` is the connection's home. One
    shown again is pulled from its beginning."""
    await routing.want(tx, places[0], connection.connection_id, wanted)
    more = [
        await spaces.select_accounts(tx, space_id, connection.connection_id, wanted) for space_id in places
    ]
    if any(more):
        for space_id in places:
            await spaces.pull_anew(tx, space_id, connection.connection_id)
    return any(more)


async def _note(
    tx: Transaction,
    installation: Installation,
    space: Space,
    connection: LinkedConnection,
    counts: Mapping[UUID, int],
) -> None:
    """In the trail of every space that accounts came to, or went from."""
    for space_id in sorted({space.space_id, *counts}):
        told = {"connection": str(connection.connection_id), "accounts": str(counts.get(space_id, 0))}
        key = installation.keyring.audit_key
        await audit.record(tx, key, space_id, actor=space.actor, act="connection.routed", details=told)


async def _check(tx: Transaction, space: Space, connection: LinkedConnection) -> None:
    [there] = await spaces.connections(tx, space.space_id, connection.connection_id)
    if there.state == "revoked" or there.reference is None:
        raise ConflictError(
            f"“{there.label}” isn't linked here (any more): nothing of it can be sent elsewhere",
            says="not_linked_here",
            label=there.label,
        )


def _where(home_id: UUID, found: Routing, shown: Sequence[spaces.ChosenAccount]) -> Where:
    routed = {each.reference: each for each in found.accounts}
    here = [
        Belonging(each.reference, each.name, each.mask, each.selected, home_id)
        for each in shown
        if each.reference not in routed or routed[each.reference].to_space_id is None
    ]
    seen = {each.reference for each in here}
    others = [
        Belonging(each.reference, each.name, each.mask, each.wanted, each.to_space_id or home_id)
        for each in found.accounts
        if each.reference not in seen and (each.to_space_id is not None or found.choosing)
    ]
    return Where(sorted([*here, *others], key=lambda each: (each.name, each.reference)), found.choosing)
