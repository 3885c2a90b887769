"""Spaces, connections, accounts and runs: where rows belong."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import msgspec

from caudal.model.errors import ConflictError, NotFound
from caudal.store.database import Store, Transaction
from caudal.store.ids import new_id


class Space(msgspec.Struct, frozen=True):
    """One person's, household's or firm's books. `actor`: who is at work in them, as the audit trail calls them ('local':
    whoever has the machine)."""

    space_id: UUID
    name: str
    actor: str = "local"


class Connection(msgspec.Struct, frozen=True):
    """One link through a provider."""

    connection_id: UUID
    state: str


class LinkedConnection(msgspec.Struct, frozen=True):
    """A connection as it stands: who it is at its provider, what has become of it, how its last run ended. `paused_at`:
    since when nothing is pulled, by its person's wish. `home_space_id`: of a branch, the space where it is linked;
    `choosing`: its person is being asked where its accounts belong."""

    connection_id: UUID
    provider: str
    label: str
    state: str
    state_reason: str
    state_action: str
    reference: str | None
    institution_reference: str | None
    institution: str
    created_at: datetime
    accounts: int
    last_run_at: datetime | None
    last_outcome: str | None
    last_error: str | None
    paused_at: datetime | None = None
    home_space_id: UUID | None = None
    choosing: bool | None = None


class ShownAccount(msgspec.Struct, frozen=True):
    """An account as a connection shows it: what it is known by before anything is linked again."""

    connection_id: UUID
    name: str
    mask: str | None
    persistent_id: str | None


class NamedAccount(msgspec.Struct, frozen=True):
    """An account as a person refers to it. `joined_into`: where it is found, if it was joined to another."""

    account_id: UUID
    name: str
    kind: str
    currency: str
    joined_into: UUID | None


class _InstitutionId(msgspec.Struct, frozen=True):
    institution_id: UUID


class _RunId(msgspec.Struct, frozen=True):
    run_id: UUID


class _Cursor(msgspec.Struct, frozen=True):
    value: str


async def list_spaces(store: Store) -> list[Space]:
    """Every space of the installation, the oldest first."""
    async with store.directory() as tx:
        return await tx.all("list_spaces", Space)


async def create_space(store: Store, name: str, space_id: UUID | None = None) -> Space:
    """A new, empty space. With a `space_id` that is taken already, the space that is there."""
    space = Space(space_id or new_id(), name)
    async with store.transaction(space.space_id) as tx:
        await tx.run("insert_space", space_id=space.space_id, name=space.name)
    return space


async def rename_space(tx: Transaction, space_id: UUID, name: str) -> None:
    """Call it so."""
    await tx.run("rename_space", space_id=space_id, name=name)


async def connection(tx: Transaction, space_id: UUID, provider: str, label: str) -> Connection:
    """The space's connection of this provider and label, made active where there is none yet."""
    which = {"space_id": space_id, "provider": provider, "label": label}
    found = await tx.first("find_connection", Connection, **which)
    if found is None:
        found = await tx.first("insert_connection", Connection, **which, state="active")
    if found is None:  # another process made it between the two
        found = await tx.first("find_connection", Connection, **which)
    if found is None:
        raise NotFound(f"no {provider} connection in this space")
    return found


async def add_connection(
    tx: Transaction,
    space_id: UUID,
    *,
    provider: str,
    reference: str,
    institution: tuple[str, str, str | None],
) -> LinkedConnection:
    """A new, active connection to an institution (its provider's id, name, country), under a label of its own. Raises
    ConflictError where the provider calls one that hasn't ended by the same `reference`."""
    await tx.run("lock_connections", space_id=space_id)
    there = await connections(tx, space_id)
    for row in there:
        if (row.provider, row.reference) == (provider, reference) and row.state != "revoked":
            raise ConflictError(
                f"this login is linked already, as “{row.label}”: nothing was linked",
                says="linked_already",
                label=row.label,
            )
    await tx.run("free_reference", space_id=space_id, provider=provider, reference=reference)
    institution_reference, name, country = institution
    kept = await tx.first(
        "upsert_institution",
        _InstitutionId,
        space_id=space_id,
        reference=f"{provider}:{institution_reference}",
        name=name,
        country=country,
    )
    taken = {row.label for row in there}
    connection_id, label = new_id(), free_name(name or provider, taken)
    await tx.run(
        "insert_linked_connection",
        space_id=space_id,
        connection_id=connection_id,
        provider=provider,
        label=label,
        state="active",
        reference=reference,
        institution_id=kept.institution_id if kept else None,
    )
    made = [row for row in await connections(tx, space_id) if row.connection_id == connection_id]
    return made[0]


def free_name(name: str, taken: Collection[str]) -> str:
    """`name`, or where it is taken ``name (2)``, ``name (3)`` …"""
    count, free = 1, name
    while free in taken:
        count += 1
        free = f"{name} ({count})"
    return free


async def connections(
    tx: Transaction, space_id: UUID, connection_id: UUID | None = None
) -> list[LinkedConnection]:
    """Every connection of the space, the oldest first; or this one."""
    return await tx.all("list_connections", LinkedConnection, space_id=space_id, connection_id=connection_id)


async def shown_accounts(tx: Transaction, space_id: UUID) -> list[ShownAccount]:
    """Every account that the space's connections show now."""
    return await tx.all("shown_accounts", ShownAccount, space_id=space_id)


async def change_state(
    tx: Transaction,
    space_id: UUID,
    connection_id: UUID,
    state: str,
    *,
    reason: str = "",
    action: str = "",
    mended: bool = False,
) -> None:
    """What has become of a connection; `reason` and `action` in words fit to show. A revoked one stays revoked. `mended`:
    by its person, who then won't be needed as was foretold."""
    await tx.run(
        "change_state",
        space_id=space_id,
        connection_id=connection_id,
        state=state,
        reason=reason,
        action=action,
        mended=mended,
    )


async def pause(tx: Transaction, space_id: UUID, connection_id: UUID, *, paused: bool) -> bool:
    """Let a live connection rest, or go on. Returns whether that is something else than before."""
    return bool(
        await tx.run("pause_connection", space_id=space_id, connection_id=connection_id, paused=paused)
    )


class ChosenAccount(msgspec.Struct, frozen=True):
    """An account of a connection; `selected`: the person wants to see it."""

    reference: str
    name: str
    mask: str | None
    selected: bool


class _Selected(msgspec.Struct, frozen=True):
    name: str
    selected: bool


class _History(msgspec.Struct, frozen=True):
    days: int | None


async def accounts_of(tx: Transaction, space_id: UUID, connection_id: UUID) -> list[ChosenAccount]:
    """The accounts a connection shows, by name."""
    return await tx.all("shown_accounts_of", ChosenAccount, space_id=space_id, connection_id=connection_id)


async def select_accounts(
    tx: Transaction, space_id: UUID, connection_id: UUID, references: Collection[str]
) -> bool:
    """Show these accounts of a connection and no others. Returns whether some are shown that weren't."""
    changed = await tx.all(
        "select_accounts",
        _Selected,
        space_id=space_id,
        connection_id=connection_id,
        references=sorted(references),
    )
    return any(row.selected for row in changed)


async def set_history(tx: Transaction, space_id: UUID, connection_id: UUID, days: int | None) -> bool:
    """Show so many days back, None: all there is. Returns whether that is further than before."""
    row = await tx.first("set_history", _History, space_id=space_id, connection_id=connection_id, days=days)
    if row is None:
        raise NotFound(f"connection {connection_id} is not in this space")
    return row.days is not None and (days is None or days > row.days)


async def pull_anew(tx: Transaction, space_id: UUID, connection_id: UUID) -> None:
    """Have all of a connection's streams pulled from their beginning."""
    await tx.run("lock_connection", space_id=space_id, connection_id=connection_id)
    await tx.run("pull_anew", space_id=space_id, connection_id=connection_id)


async def find_account(tx: Transaction, space_id: UUID, text: str) -> NamedAccount | None:
    """The account with this id or name, None where there is none. Raises ConflictError where it fits several."""
    found = await tx.all("find_account", NamedAccount, space_id=space_id, text=text)
    if len(found) > 1:
        raise ConflictError(f"{text!r} fits several accounts: give the account's id")
    return found[0] if found else None


async def start_run(
    tx: Transaction,
    space_id: UUID,
    connection_id: UUID,
    *,
    stream: str,
    subject: str,
    cause: str,
    run_id: UUID | None = None,
) -> UUID:
    """A run of one of the connection's streams begins; `subject` says in words what it pulls, `cause` why. `run_id`: by
    which it goes at the connection's home, where this is a space that it feeds."""
    run = await tx.first(
        "start_run",
        _RunId,
        space_id=space_id,
        connection_id=connection_id,
        stream=stream,
        subject=subject,
        cause=cause,
        run_id=run_id,
    )
    if run is None:
        raise NotFound("the run just made can't be found")
    return run.run_id


async def finish_run(
    tx: Transaction,
    space_id: UUID,
    run_id: UUID,
    outcome: str,
    error: Exception | None,
    *,
    quiet: bool = False,
) -> None:
    """A run ends: complete, partial or failed, and by which error; `quiet`: not in the error's words."""
    await tx.run(
        "finish_run",
        space_id=space_id,
        run_id=run_id,
        outcome=outcome,
        error=None if error is None else type(error).__name__ if quiet else str(error),
        error_class="" if error is None else type(error).__name__,
    )


async def read_cursor(tx: Transaction, space_id: UUID, connection_id: UUID, stream: str) -> str:
    """Where a stream stands; '' at its beginning."""
    row = await tx.first(
        "read_cursor", _Cursor, space_id=space_id, connection_id=connection_id, stream=stream
    )
    return row.value if row else ""
