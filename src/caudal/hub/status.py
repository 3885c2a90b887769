"""How it goes: every connection, institution and provider, what waits and who works. What is stale is called stale."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import zip_longest
from typing import Final, Literal, TypeVar
from uuid import UUID

import msgspec

from caudal.hub.installation import Installation
from caudal.model.errors import StoreError
from caudal.observe.standing import Standing
from caudal.providers import registry
from caudal.providers.base import Pace
from caudal.store import health, jobs, spaces
from caudal.store.health import Calls, ConnectionHealth, InboxHealth, WorkerHealth
from caudal.store.jobs import Depth
from caudal.store.revision import REVISION
from caudal.store.spaces import Space
from caudal.sync import budgets
from caudal.sync.budgets import BudgetLeft

HOURS: Final = 24
"""How far back runs and calls are looked at."""
_STALE_AFTER: Final = 2
"""Without a good run for so many times what lies between two, what is shown of a connection is not what its bank has."""
_NOT_OURS: Final = frozenset({"fine", "cancelled"})
"""Outcomes of calls that are no error: what was wanted, and what nobody waited for any more."""

Freshness = Literal["fresh", "stale", "waiting", "paused"]
"""``waiting``: linked a moment ago, and nothing told yet; ``paused``: by its person, so that nobody waits for it."""

Key = TypeVar("Key")
Row = TypeVar("Row")


class Runs(msgspec.Struct, frozen=True):
    """Syncs of the last hours. `good_percent`: None where there were none. `errors`: which error ended how many."""

    count: int
    good: int
    good_percent: Decimal | None
    errors: Mapping[str, int]


class CallFigures(msgspec.Struct, frozen=True):
    """Calls of the last hours, each attempt of them; p50 and p95 to the next of the bounds they are counted by."""

    count: int
    good: int
    good_percent: Decimal | None
    p50_ms: int | None
    p95_ms: int | None
    errors: Mapping[str, int]


class ConnectionStatus(msgspec.Struct, frozen=True):
    """One connection. `reason` and `action`: why it isn't active, and what to do. `due_at` None: it isn't polled."""

    space: str
    space_id: UUID
    connection_id: UUID
    provider: str
    institution_reference: str
    institution: str
    label: str
    state: str
    reason: str
    action: str
    freshness: Freshness
    last_good_at: datetime | None
    lag_seconds: int | None
    due_at: datetime | None
    held_until: datetime | None
    failures: int
    backfilling: bool
    runs: Runs
    run_p50_ms: int | None
    run_p95_ms: int | None
    budgets: list[BudgetLeft]


class Together(msgspec.Struct, frozen=True):
    """Several connections: how many there are, how many of them aren't fresh, and the furthest behind."""

    connections: int
    stale: int
    last_good_at: datetime | None
    lag_seconds: int | None
    next_due_at: datetime | None
    runs: Runs
    calls: CallFigures


class InstitutionStatus(msgspec.Struct, frozen=True):
    """A bank through a provider. `reference`: the provider's id of it."""

    provider: str
    reference: str
    name: str
    all: Together


class ProviderStatus(msgspec.Struct, frozen=True):
    """A provider. `budgets`: those of the whole account with it, not of one connection."""

    provider: str
    all: Together
    budgets: list[BudgetLeft]


class Status(msgspec.Struct, frozen=True):
    """How it goes. `hours`: how far back runs and calls were looked at."""

    hours: int
    providers: list[ProviderStatus]
    institutions: list[InstitutionStatus]
    connections: list[ConnectionStatus]
    inbox: InboxHealth
    queues: list[Depth]
    workers: list[WorkerHealth]

    @property
    def well(self) -> bool:
        """Whether nobody has to look: nothing stale, nothing dead, nobody needed."""
        sound = all(each.freshness != "stale" and each.state == "active" for each in self.connections)
        return sound and not self.inbox.dead and not any(queue.dead for queue in self.queues)


class Readiness(msgspec.Struct, frozen=True):
    """Whether work can be done here: the database answers, its schema is this version's, webhooks don't lie about."""

    database: bool
    schema: bool = False
    inbox: bool = False
    inbox_seconds: int = 0

    @property
    def ready(self) -> bool:
        """Whether all of it holds."""
        return self.database and self.schema and self.inbox


async def status(
    installation: Installation, space: Space | None = None, paces: Mapping[str, Pace] | None = None
) -> Status:
    """How the connections of `space` do, or of all; and the engine. The same few statements for one and for thousands.

    `paces`: how often each provider's connections are pulled, where that is not what its adapter says.
    """
    told = registry.paces() if paces is None else paces
    seen = [space] if space else await spaces.list_spaces(installation.store)
    names = {each.space_id: each.name for each in seen}
    async with installation.store.engine(*names) as tx:
        rows = await health.connections(tx, HOURS)
        calls = await health.calls(tx, HOURS)
        left = await budgets.left(tx)
        inbox, queues, workers = await health.inbox(tx), await jobs.depths(tx), await health.workers(tx)
    connections = [_connection(row, names[row.space_id], told, left) for row in rows]
    return Status(
        HOURS,
        _providers(connections, calls, left),
        _institutions(connections, calls),
        connections,
        inbox,
        queues,
        workers,
    )


async def standing(installation: Installation) -> Standing:
    """What the metrics say of all processes together. The same few statements however much there is."""
    try:
        there = await spaces.list_spaces(installation.store)
        async with (
            installation.store.engine() as tx
        ):  # in no space: each row would be held against all of them
            lags, inbox, queues = await health.lags(tx), await health.inbox(tx), await jobs.depths(tx)
        async with installation.store.engine(*(each.space_id for each in there)) as tx:
            breaks = await health.breaks(tx)
    except StoreError:
        return Standing(reachable=False)
    return Standing(
        reachable=True,
        lag_seconds={each.provider: each.seconds for each in lags},
        breaks={each.provider: each.accounts for each in breaks},
        jobs={queue.queue: queue.waiting + queue.running for queue in queues},
        job_age_seconds=max((int(queue.oldest_seconds) for queue in queues), default=0),
        jobs_dead=sum(queue.dead for queue in queues),
        inbox_waiting=inbox.waiting,
        inbox_dead=inbox.dead,
        webhook_age_seconds=inbox.oldest_seconds,
    )


async def readiness(installation: Installation) -> Readiness:
    """Whether work can be done here."""
    try:
        async with installation.store.installation() as tx:
            schema = await health.revision(tx) == REVISION
        if not schema:
            return Readiness(database=True)
        async with installation.store.engine() as tx:
            inbox = await health.inbox(tx)
    except StoreError:
        return Readiness(database=False)
    in_time = inbox.oldest_seconds <= installation.settings.inbox.behind_seconds_max
    return Readiness(database=True, schema=True, inbox=in_time, inbox_seconds=inbox.oldest_seconds)


def _connection(
    row: ConnectionHealth, space: str, paces: Mapping[str, Pace], left: Iterable[BudgetLeft]
) -> ConnectionStatus:
    patience = _STALE_AFTER * int(paces.get(row.provider, Pace()).every.total_seconds())
    freshness: Freshness = "fresh" if row.lag_seconds is not None else "waiting"
    if (row.known_seconds if row.lag_seconds is None else row.lag_seconds) > patience:
        freshness = "stale"
    if row.paused_at is not None:
        freshness = "paused"
    return ConnectionStatus(
        space=space,
        space_id=row.space_id,
        connection_id=row.connection_id,
        provider=row.provider,
        institution_reference=row.institution_reference.partition(":")[2],
        institution=row.institution,
        label=row.label,
        state=row.state,
        reason=row.reason,
        action=row.action,
        freshness=freshness,
        last_good_at=row.last_good_at,
        lag_seconds=row.lag_seconds,
        due_at=row.due_at,
        held_until=row.held_until,
        failures=row.failures,
        backfilling=row.backfilling,
        runs=Runs(row.runs, row.complete, _percent(row.complete, row.runs), row.errors),
        run_p50_ms=row.p50_ms,
        run_p95_ms=row.p95_ms,
        budgets=[each for each in left if (each.provider, each.item) == (row.provider, row.reference)],
    )


def _providers(
    connections: Sequence[ConnectionStatus], calls: Sequence[Calls], left: Sequence[BudgetLeft]
) -> list[ProviderStatus]:
    linked, called = _by(connections, lambda each: each.provider), _by(calls, lambda each: each.provider)
    known = sorted({*linked, *called, *(each.provider for each in left)})
    return [
        ProviderStatus(
            name,
            _together(linked.get(name, []), called.get(name, [])),
            [each for each in left if each.provider == name and not each.item],
        )
        for name in known
    ]


def _institutions(connections: Sequence[ConnectionStatus], calls: Sequence[Calls]) -> list[InstitutionStatus]:
    """Those that somebody is linked with: calls to others were about linking, and count for their provider."""
    linked = _by(connections, lambda each: (each.provider, each.institution_reference))
    called = _by(calls, lambda each: (each.provider, each.institution))
    return [
        InstitutionStatus(*key, linked[key][0].institution, _together(linked[key], called.get(key, [])))
        for key in sorted(linked)
    ]


def _together(connections: Sequence[ConnectionStatus], calls: Sequence[Calls]) -> Together:
    runs, good = (sum(each.runs.count for each in connections), sum(each.runs.good for each in connections))
    errors: Counter[str] = Counter()
    for each in connections:
        errors.update(each.runs.errors)
    return Together(
        connections=len(connections),
        stale=sum(each.freshness == "stale" for each in connections),
        last_good_at=max((each.last_good_at for each in connections if each.last_good_at), default=None),
        lag_seconds=max(
            (each.lag_seconds for each in connections if each.lag_seconds is not None), default=None
        ),
        next_due_at=min((each.due_at for each in connections if each.due_at), default=None),
        runs=Runs(runs, good, _percent(good, runs), dict(sorted(errors.items()))),
        calls=_figures(calls),
    )


def _figures(calls: Sequence[Calls]) -> CallFigures:
    ended: Counter[str] = Counter()
    for each in calls:
        ended[each.outcome] += sum(each.took)
    took = [sum(column) for column in zip_longest(*(each.took for each in calls), fillvalue=0)]
    judged = ended.total() - ended["cancelled"]
    return CallFigures(
        count=ended.total(),
        good=ended["fine"],
        good_percent=_percent(ended["fine"], judged),
        p50_ms=health.quantile_ms(took, 50),
        p95_ms=health.quantile_ms(took, 95),
        errors={
            outcome: count for outcome, count in sorted(ended.items()) if count and outcome not in _NOT_OURS
        },
    )


def _percent(part: int, whole: int) -> Decimal | None:
    """To a tenth, rounded down: 100 is said of nothing but all."""
    return Decimal(part * 1000 // whole) / 10 if whole else None


def _by(rows: Iterable[Row], key: Callable[[Row], Key]) -> dict[Key, list[Row]]:
    groups: dict[Key, list[Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups
