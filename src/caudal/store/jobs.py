"""Work for the workers, queued in the transaction of the data it follows; and when connections are due.

The queue is procrastinate's (its tables in the schema ``caudal_jobs``): it hands jobs out and takes them back. What is
here is what it lacks: queueing that merges, rescue of jobs whose worker is gone, and announcing after the commit.
"""

import enum
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from caudal.store.database import Store, Transaction, json_rows


class Priority(enum.IntEnum):
    """Which work goes first, the highest."""

    INBOX = 50
    """Reading webhooks: quick, and others wait for what they say."""
    WEBHOOK = 40
    MANUAL = 30
    SCHEDULED = 20
    BACKFILL = 10


class Work(msgspec.Struct, frozen=True):
    """One job. `args` are ids alone. `lock`: of jobs with the same, one runs at a time. `queueing_lock`: of those with
    the same, one is queued at a time."""

    queue: str
    task: str
    priority: int
    args: Mapping[str, str] = {}
    lock: str | None = None
    queueing_lock: str | None = None
    seconds: float = 0
    """No earlier than in so many. The database's clock counts."""


class SyncWork(msgspec.Struct, frozen=True):
    """A sync of a connection, no earlier than in so many `seconds` and than its provider allowed."""

    space_id: UUID
    connection_id: UUID
    cause: str
    priority: int
    seconds: float = 0


class Cadence(msgspec.Struct, frozen=True):
    """How often a provider's connections are pulled with nobody present. `provider` '': of every other one."""

    provider: str
    every_seconds: int
    unattended_max: int | None = None


class Watched(msgspec.Struct, frozen=True):
    """A live connection, as a provider's webhooks name it."""

    space_id: UUID
    connection_id: UUID
    provider: str
    reference: str


class Depth(msgspec.Struct, frozen=True):
    """What lies in a queue. `oldest_seconds`: how long the oldest job that is due has waited."""

    queue: str
    waiting: int
    running: int
    dead: int
    oldest_seconds: float


class DeadJob(msgspec.Struct, frozen=True):
    """A job that failed for good."""

    id: int
    queue: str
    task: str
    args: str
    attempts: int
    died_at: datetime | None


class _Failures(msgspec.Struct, frozen=True):
    failures: int


async def enqueue(tx: Transaction, work: Iterable[Work]) -> None:
    """Queue jobs, in the caller's transaction; each `queueing_lock` at most once among them. Announce them after it."""
    rows = [msgspec.to_builtins(each) for each in work]
    await tx.run("enqueue", rows=json_rows(rows))


async def enqueue_syncs(tx: Transaction, work: Iterable[SyncWork]) -> int:
    """Queue syncs, each connection at most once among them. Returns how many; ended connections are passed over."""
    rows = [msgspec.to_builtins(each) for each in work]
    return await tx.run("enqueue_syncs", rows=json_rows(rows))


async def announce(store: Store, queues: Sequence[str]) -> None:
    """Wake the workers of these queues. Without it they look by themselves, within seconds."""
    async with store.installation() as tx:
        await tx.run("announce", queues=list(queues))


async def enqueue_due(tx: Transaction, cadences: Iterable[Cadence], limit: int) -> int:
    """Queue the connections that are due, `limit` of them at most. Returns how many were queued."""
    rows = [msgspec.to_builtins(each) for each in cadences]
    return await tx.run(
        "enqueue_due",
        cadences=json_rows(rows),
        limit=limit,
        priority=int(Priority.SCHEDULED),
        backfill_priority=int(Priority.BACKFILL),
    )


async def settle_schedule(
    tx: Transaction,
    space_id: UUID,
    connection_id: UUID,
    *,
    good: bool,
    failed: bool,
    polled: bool,
    due_in: timedelta,
    held_for: timedelta | None,
    backfilling: bool,
) -> None:
    """After a run: due again `due_in` from now; not at all unless `polled`. `held_for`: its provider wants to be left
    alone for so long."""
    await tx.run(
        "settle_schedule",
        space_id=space_id,
        connection_id=connection_id,
        good=good,
        failed=failed,
        polled=polled,
        due_seconds=due_in.total_seconds(),
        held_seconds=None if held_for is None else held_for.total_seconds(),
        backfilling=backfilling,
    )


async def failures_of(tx: Transaction, space_id: UUID, connection_id: UUID) -> int:
    """How many runs of a connection have failed in a row; 0 for one that is not watched."""
    row = await tx.first("failures_of", _Failures, space_id=space_id, connection_id=connection_id)
    return row.failures if row else 0


async def connections_of(tx: Transaction, provider: str, references: Sequence[str]) -> list[Watched]:
    """The live connections that a provider names so. In a transaction of the engine's own."""
    return await tx.all("connections_of", Watched, provider=provider, references=list(references))


class LetGo(msgspec.Struct, frozen=True):
    """Jobs that were ended by `workers` of one process; the queue may not have heard of it."""

    workers: Sequence[int] = ()
    ids: Sequence[int] = ()


async def rescue(tx: Transaction, silent: timedelta, attempts_max: int, let_go: LetGo) -> int:
    """Queue the jobs again whose worker has been silent for so long, or that were `let_go` of and are still taken for
    running. Returns how many."""
    seconds = silent.total_seconds()
    lost = await tx.run(
        "rescue_jobs",
        silent_seconds=seconds,
        attempts_max=attempts_max,
        own=list(let_go.workers),
        dropped=list(let_go.ids),
    )
    await tx.run("forget_workers", silent_seconds=max(seconds, 60) * 10)
    return lost


async def forget_done(tx: Transaction, hours: int) -> int:
    """Delete the jobs that ended well more than `hours` ago."""
    return await tx.run("forget_jobs", hours=hours)


async def dead(tx: Transaction, limit: int = 100) -> list[DeadJob]:
    """The dead-letter list, the latest first."""
    return await tx.all("dead_jobs", DeadJob, limit=limit)


async def revive(tx: Transaction, ids: Sequence[int] | None = None) -> int:
    """Queue dead jobs again: these, or all. Returns how many."""
    return await tx.run("revive_jobs", ids=None if ids is None else list(ids))


async def depths(tx: Transaction) -> list[Depth]:
    """What lies in each queue."""
    return await tx.all("queue_depths", Depth)
