"""From what a webhook says to what is to be done, and the doing of what is more than a sync.

A webhook carries no truth: what it says of a connection is written down at once, for people wait for it, and a pull
finds out whether it still holds. It may be old, or have been overtaken by another.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from caudal.hub import syncs
from caudal.hub.installation import Installation
from caudal.providers.base import (
    EndedSignal,
    FetchSignal,
    LinkSignal,
    MendedSignal,
    OutageSignal,
    Signal,
    UserNeededSignal,
)
from caudal.store import inbox, spaces
from caudal.store.database import Transaction
from caudal.store.events import Told
from caudal.store.inbox import Kept
from caudal.store.jobs import Priority, SyncWork, Watched

ByReference = Mapping[tuple[str, str], Sequence[Watched]]
"""(provider, its name of a connection) → the live connections of that name, each in a space."""

_Changing = UserNeededSignal | MendedSignal | EndedSignal


class Change(msgspec.Struct, frozen=True):
    """What a signal changes of one connection, beyond having it pulled."""

    connection: Watched
    signal: UserNeededSignal | MendedSignal | EndedSignal


class Plan(msgspec.Struct, frozen=True):
    """What a webhook leads to. `outcome` says it in words."""

    outcome: str
    syncs: Sequence[SyncWork] = ()
    changes: Sequence[Change] = ()


def references(signals: Iterable[Signal]) -> set[str]:
    """The connections that are spoken of, as their provider names them."""
    return {signal.reference for signal in signals if isinstance(signal, FetchSignal | _Changing)}


def plan(signals: Sequence[Signal], kept: Kept, watched: ByReference) -> Plan:
    """What is to be done about what `kept` says."""
    notes: list[str] = []
    work: list[SyncWork] = []
    changes: list[Change] = []
    for signal in signals:
        match signal:
            case LinkSignal():
                notes.append("link")
            case OutageSignal():
                notes.append(f"outage at {signal.institution}: {signal.detail}")
            case _:
                there = watched.get((kept.provider, signal.reference), ())
                notes.append(f"{_words(signal)}: {_connections(len(there))}")
                if not isinstance(signal, FetchSignal):
                    changes += [Change(connection, signal) for connection in there]
                if not _is_over(signal):
                    work += [_sync(connection) for connection in there]
    return Plan("; ".join(notes) or "says nothing to us", once_each(work), changes)


def once_each(work: Iterable[SyncWork]) -> list[SyncWork]:
    """Each connection once, in an order that is the same for everybody who queues them at the same time."""
    return sorted({sync.connection_id: sync for sync in work}.values(), key=lambda sync: sync.connection_id)


async def make(
    tx: Transaction, installation: Installation, change: Change, fed: Sequence[UUID] = ()
) -> list[Told]:
    """Make one change, in a transaction of the engine's that sees its space and those `fed`. Returns what is to be told
    of it, beside what its statements note themselves."""
    space_id, connection_id = change.connection.space_id, change.connection.connection_id
    match change.signal:
        case MendedSignal():
            await spaces.change_state(tx, space_id, connection_id, "active", mended=True)
        case EndedSignal(account=None):
            await syncs.end_in(
                tx,
                installation,
                space_id,
                connection_id,
                provider=change.connection.provider,
                act="connection.ended",
                actor=f"provider:{change.connection.provider}",
            )
        case EndedSignal(account=str(account)):
            for each in (space_id, *fed):
                await inbox.end_account(tx, each, connection_id, account)
        case UserNeededSignal(reason=reason, action=action, by=by) if by is None or by <= datetime.now(UTC):
            await spaces.change_state(tx, space_id, connection_id, "needs_user", reason=reason, action=action)
        case UserNeededSignal():
            return await _note_need(tx, space_id, connection_id, change.signal)
    return []


async def _note_need(
    tx: Transaction, space_id: UUID, connection_id: UUID, need: UserNeededSignal
) -> list[Told]:
    """The connection works until then, and goes on."""
    by = need.by or datetime.now(UTC)
    if not await inbox.note_need(tx, space_id, connection_id, reason=need.reason, action=need.action, by=by):
        return []
    told = {"reason": need.reason, "action": need.action, "by": by.isoformat()}
    return [Told("connection.user_needed", told)]


def _is_over(signal: FetchSignal | UserNeededSignal | MendedSignal | EndedSignal) -> bool:
    """Whether there is nothing left to pull."""
    return isinstance(signal, EndedSignal) and signal.account is None


def _sync(connection: Watched) -> SyncWork:
    return SyncWork(connection.space_id, connection.connection_id, "webhook", Priority.WEBHOOK)


def _words(signal: FetchSignal | UserNeededSignal | MendedSignal | EndedSignal) -> str:
    match signal:
        case FetchSignal():
            return f"news of {signal.what}"
        case UserNeededSignal(by=datetime() as by):
            return f"its person is needed by {by:%Y-%m-%d}, {signal.reason}"
        case UserNeededSignal():
            return f"its person is needed, {signal.reason}"
        case MendedSignal():
            return "works again"
        case EndedSignal(account=None):
            return "has ended"
        case EndedSignal():
            return "an account of it has ended"


def _connections(count: int) -> str:
    return {0: "no connection of ours", 1: "1 connection"}.get(count, f"{count} connections")
