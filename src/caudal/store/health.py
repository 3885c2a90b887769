"""How the engine does: calls as they were counted, connections and their runs, what waits and who works."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from caudal.store.database import Transaction, json_rows

BOUNDS_MS: Final = (25, 50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 51_200, 102_400)
"""Upper bounds by which calls are counted (`call_count.took`); what took longer counts in one more bucket."""


class CallCount(msgspec.Struct):
    """Calls of one hour that ended alike. `took`: how many took up to each of BOUNDS_MS, the last: longer."""

    hour: datetime
    provider: str
    institution: str
    operation: str
    outcome: str
    calls: int
    ms_sum: int
    took: list[int]


class Calls(msgspec.Struct, frozen=True):
    """Calls to one institution ('': to no one's in particular) that ended alike."""

    provider: str
    institution: str
    outcome: str
    took: Sequence[int]


class ConnectionHealth(msgspec.Struct, frozen=True):
    """A live connection as it stands, and its runs of the last hours. `lag_seconds`: since its last good run;
    `known_seconds`: since it was linked. `errors`: how many runs ended by which error."""

    space_id: UUID
    connection_id: UUID
    provider: str
    label: str
    reference: str
    institution_reference: str
    institution: str
    state: str
    reason: str
    action: str
    due_at: datetime | None
    paused_at: datetime | None
    held_until: datetime | None
    failures: int
    backfilling: bool
    last_good_at: datetime | None
    lag_seconds: int | None
    known_seconds: int
    runs: int
    complete: int
    p50_ms: int | None
    p95_ms: int | None
    errors: Mapping[str, int]


class InboxHealth(msgspec.Struct, frozen=True):
    """Webhooks that wait, how long the oldest has, and those that could not be worked off."""

    waiting: int
    oldest_seconds: int
    dead: int


class WorkerHealth(msgspec.Struct, frozen=True):
    """A worker, for how long nothing was heard of it, and how many jobs it is at."""

    id: int
    silent_seconds: int
    running: int


class _Revision(msgspec.Struct, frozen=True):
    revision: str | None


class ProviderLag(msgspec.Struct, frozen=True):
    """How far behind a provider's worst connection is."""

    provider: str
    seconds: int


class ProviderBreaks(msgspec.Struct, frozen=True):
    """How many of a provider's accounts don't add up."""

    provider: str
    accounts: int


async def revision(tx: Transaction) -> str | None:
    """Which revision the schema stands at. In a transaction of the installation's."""
    row = await tx.first("schema_revision", _Revision)
    return row.revision if row else None


async def add_calls(tx: Transaction, counts: Iterable[CallCount]) -> None:
    """Add these to what was counted before, by whichever process. In a transaction of the engine's own."""
    await tx.run("add_calls", rows=json_rows([msgspec.to_builtins(each) for each in counts]))


async def forget_calls(tx: Transaction, days: int) -> int:
    """Delete what was counted more than `days` ago. Returns how many rows that were."""
    return await tx.run("forget_calls", days=days)


async def calls(tx: Transaction, hours: int) -> list[Calls]:
    """What was counted in the last `hours`, that of the hour they begin in included."""
    return await tx.all("recent_calls", Calls, hours=hours)


async def connections(tx: Transaction, hours: int) -> list[ConnectionHealth]:
    """Every live connection of the spaces that an engine's transaction entered, with its runs of the last `hours`."""
    return await tx.all("connections_health", ConnectionHealth, hours=hours)


async def inbox(tx: Transaction) -> InboxHealth:
    """What the webhook inbox holds."""
    return await tx.first("inbox_health", InboxHealth) or InboxHealth(0, 0, 0)


async def workers(tx: Transaction) -> list[WorkerHealth]:
    """The workers there are, those that died lately among them."""
    return await tx.all("workers_health", WorkerHealth)


async def lags(tx: Transaction) -> list[ProviderLag]:
    """How far behind each provider's connections are, whichever space they are of."""
    return await tx.all("provider_lags", ProviderLag)


async def breaks(tx: Transaction) -> list[ProviderBreaks]:
    """What doesn't add up in the spaces that the transaction entered."""
    return await tx.all("provider_breaks", ProviderBreaks)


def bucket(ms: int) -> int:
    """Where a call that took so long counts in `took`."""
    return next((place for place, bound in enumerate(BOUNDS_MS) if ms <= bound), len(BOUNDS_MS))


def quantile_ms(took: Sequence[int], percent: int) -> int | None:
    """The time within which `percent` of the calls were through, to the nearest bound above; None where there were none.

    What took longer than the last bound is told as that bound: at least so long.
    """
    total = sum(took)
    if not total:
        return None
    rank = -(-total * percent // 100)  # the nearest-rank method, as percentile_disc has it
    reached = 0
    for place, count in enumerate(took):
        reached += count
        if reached >= rank:
            return BOUNDS_MS[min(place, len(BOUNDS_MS) - 1)]
    return BOUNDS_MS[-1]
