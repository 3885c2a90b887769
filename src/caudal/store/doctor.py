"""What the database says of itself, for `caudal doctor` and for the tests that hold the schema."""

from importlib.resources import files
from uuid import UUID

import msgspec

from caudal.store.database import Store, Transaction


class ServerVersion(msgspec.Struct, frozen=True):
    """Which PostgreSQL answers."""

    number: int
    text: str


class Invariants(msgspec.Struct, frozen=True):
    """Counts of what must not be. All zero in a sound space; an unfinished run is a note, not a fault."""

    unlinked_observations: int
    unfounded_transactions: int
    strayed: int
    strayed_days: int
    strayed_transfers: int
    unsaid: int
    unfinished: int


class QueueFaults(msgspec.Struct, frozen=True):
    """Jobs. `stalled`: at a worker that is gone, and nobody took them back. `overdue`: due for long, and not begun."""

    stalled: int
    overdue: int
    waiting: int
    dead: int
    workers: int


class InboxFaults(msgspec.Struct, frozen=True):
    """Webhooks. `forgotten`: kept, and no job is there that would work them off."""

    forgotten: int
    waiting: int
    dead: int


class ConnectionFaults(msgspec.Struct, frozen=True):
    """What must not be of connections and their runs; all zero in a sound installation."""

    unwatched: int
    watched_after_end: int
    abandoned_runs: int
    strayed_cursors: int
    late_writes: int


class EventFaults(msgspec.Struct, frozen=True):
    """What must not be of events; all zero in a sound installation."""

    gaps: int
    untold: int
    unraised: int


class EngineFaults(msgspec.Struct, frozen=True):
    """How the engine's tables stand."""

    queue: QueueFaults
    inbox: InboxFaults
    connections: ConnectionFaults
    events: EventFaults


class _Line(msgspec.Struct, frozen=True):
    line: str


class _Links(msgspec.Struct, frozen=True):
    unlinked_observations: int
    unfounded_transactions: int


class _Strayed(msgspec.Struct, frozen=True):
    strayed: int


class _Unfinished(msgspec.Struct, frozen=True):
    unfinished: int


def declared_schema() -> list[str]:
    """The schema this version of Caudal declares (schema.txt), line by line."""
    return files("caudal.store").joinpath("schema.txt").read_text("utf-8").splitlines()


async def actual_schema(store: Store) -> list[str]:
    """The schema as the server has it, in the same words."""
    async with store.installation() as tx:
        return [row.line for row in await tx.all("catalogue", _Line)]


async def server_version(store: Store) -> ServerVersion:
    """Which PostgreSQL answers."""
    async with store.installation() as tx:
        found = await tx.first("server_version", ServerVersion)
    return found or ServerVersion(0, "unknown")


async def invariants(tx: Transaction, space_id: UUID) -> Invariants:
    """Count what must not be in this space (I2 of the reliability invariants, and the chain rule)."""
    await tx.run("steer_planner")
    links = await tx.first("broken_links", _Links, space_id=space_id) or _Links(0, 0)
    strayed = await tx.first("strayed_transactions", _Strayed, space_id=space_id) or _Strayed(0)
    days = await tx.first("strayed_days", _Strayed, space_id=space_id) or _Strayed(0)
    transfers = await tx.first("strayed_transfers", _Strayed, space_id=space_id) or _Strayed(0)
    unsaid = await tx.first("unsaid_transactions", _Strayed, space_id=space_id) or _Strayed(0)
    unfinished = await tx.first("unfinished_runs", _Unfinished, space_id=space_id) or _Unfinished(0)
    return Invariants(
        links.unlinked_observations,
        links.unfounded_transactions,
        strayed.strayed,
        days.strayed,
        transfers.strayed,
        unsaid.strayed,
        unfinished.unfinished,
    )


async def engine_faults(tx: Transaction, silent_seconds: int, waiting_seconds: int) -> EngineFaults:
    """Look for what must not be among jobs, webhooks, connections and events, of every space that this transaction of the
    engine's own sees: the reliability invariants I3 to I6, I11 and I15. The same statements for one space and for many.

    `silent_seconds`: a worker not heard of for so long is gone; `waiting_seconds`: so long a job that is due may wait.
    """
    queue = await tx.first(
        "queue_faults", QueueFaults, silent_seconds=silent_seconds, waiting_seconds=waiting_seconds
    )
    inbox = await tx.first("inbox_faults", InboxFaults)
    connections = await tx.first("connection_faults", ConnectionFaults)
    events = await tx.first("event_faults", EventFaults)
    return EngineFaults(
        queue or QueueFaults(0, 0, 0, 0, 0),
        inbox or InboxFaults(0, 0, 0),
        connections or ConnectionFaults(0, 0, 0, 0, 0),
        events or EventFaults(0, 0, 0),
    )
