"""What the workers do: the handlers of the jobs, and the chores between them."""

import asyncio
import logging
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from caudal.hub import connections, institutions, link_sessions, listing, rates, syncs, uploads, webhooks
from caudal.hub.identity import login
from caudal.hub.installation import Installation
from caudal.hub.providers import Providers
from caudal.hub.syncs import SyncReport
from caudal.model.errors import (
    CaudalError,
    ConfigError,
    Interrupted,
    NotFound,
    Refused,
    StoreAway,
    Superseded,
)
from caudal.observe.context import about
from caudal.observe.metrics import Metrics
from caudal.providers import registry
from caudal.store import health
from caudal.store.jobs import Cadence
from caudal.store.queue import connector
from caudal.store.spaces import Space
from caudal.sync import budgets, engine, feeding, workers
from caudal.sync.workers import Chore, Staff, Task
from caudal.vault.sealing import SealError

_LOG: Final = logging.getLogger(__name__)
_OTHERS_SECONDS: Final = 3_600
_WEBHOOKS_AT_ONCE: Final = 500
_GATHERING: Final = timedelta(seconds=30)
"""Between looks for days that say something else: until then a search reads them transaction by transaction."""
_CALLS_DAYS: Final = 30
"""How long it is remembered how calls to providers went."""


class Hands:
    """The handlers of a process's jobs, over one installation."""

    def __init__(self, installation: Installation, providers: Providers, metrics: Metrics) -> None:
        self._installation = installation
        self._providers = providers
        self._metrics = metrics

    async def sync(self, task: Task) -> None:
        """Bring one connection up to date. How it ended, and when it comes again, is written down by the engine; here it
        matters only what no run can write: that there was none, or a mistake of ours."""
        space, connection_id = Space(UUID(task.args["space"]), ""), UUID(task.args["connection"])
        with about(job=task.id, space=space.space_id, connection=connection_id):
            await self._tried(space, connection_id, task.args["cause"])

    async def _tried(self, space: Space, connection_id: UUID, cause: str) -> None:
        try:
            await self._sync(space, connection_id, cause)
        except (TimeoutError, Interrupted, Superseded) as error:
            _LOG.info("a sync was cut short (%s)", type(error).__name__)
        except NotFound:
            _LOG.info("nothing to sync: the connection has ended")
        except (Refused, ConfigError, StoreAway):
            raise  # not the connection's: nothing of it was written down, or nothing mends it but a person
        except SealError as error:
            await self._mistaken(space, connection_id, cause, error)
        except CaudalError as error:
            _LOG.info("a sync ended early (%s)", type(error).__name__)
        except Exception as error:  # noqa: BLE001  # it is raised again once it has come too often
            await self._mistaken(space, connection_id, cause, error)

    async def inbox(self, task: Task) -> None:
        """Work off the webhooks that have come."""
        there = await self._providers.set_up()
        with about(job=task.id):
            await webhooks.work_off(self._installation, there.get, _WEBHOOKS_AT_ONCE)

    async def _sync(self, space: Space, connection_id: UUID, cause: str) -> None:
        bounds = self._installation.settings.run
        connection = await connections.by_id(self._installation, space, connection_id)
        live = await self._providers.get(connection.provider)
        began, result, told = time.perf_counter(), "failed", None
        try:
            async with asyncio.timeout(bounds.run_seconds_max):
                told = await syncs.sync(
                    self._installation, space, connection, live, cause=cause, pages_max=bounds.pages_max
                )
            result = "complete"
        finally:
            counts = {} if told is None else _counts(told)
            seconds = time.perf_counter() - began
            self._metrics.synced(connection.provider, result, seconds=seconds, **counts)

    async def _mistaken(self, space: Space, connection_id: UUID, cause: str, error: Exception) -> None:
        """After a mistake of ours, which no run could write down. Raises it again where it has come too often."""
        job = engine.Job(space.space_id, connection_id, bounds=self._installation.settings.run, cause=cause)
        store = self._installation.store
        async with feeding.across(store, space.space_id, connection_id) as (tx, where):
            again_in = await engine.settle(tx, job, error)
            await feeding.tell(tx, space.space_id, connection_id, where.fed)
        if again_in is None:
            raise error
        _LOG.warning("a sync failed by a mistake of ours; it is tried again", exc_info=error)


def _counts(told: SyncReport) -> dict[str, int]:
    known = told.seen - told.created - told.changed - told.gone
    return {"added": told.created, "modified": told.changed, "removed": told.gone, "duplicate": known}


def cadences() -> list[Cadence]:
    """How often the scheduler has each provider's connections pulled. Of the pulls that a bank bears in a day with nobody
    present one is kept back, for whoever asks."""
    told = [
        Cadence(
            name,
            int(pace.every.total_seconds()),
            None if pace.unattended_per_day is None else max(1, pace.unattended_per_day - 1),
        )
        for name, pace in registry.paces().items()
    ]
    return [*told, Cadence("", _OTHERS_SECONDS)]


async def _forget(installation: Installation) -> None:
    """What is old and done, of each kind."""
    await webhooks.forget(installation)
    await login.tidy(installation)
    await link_sessions.tidy(installation)
    await uploads.tidy(installation)
    async with installation.store.engine() as tx:
        await budgets.forget(tx)
        await health.forget_calls(tx, _CALLS_DAYS)


async def work(
    installation: Installation,
    providers: Providers,
    stop: asyncio.Event,
    *,
    queues: Sequence[str] = workers.QUEUES,
    schedules: bool = True,
    metrics: Metrics,
) -> None:
    """Take jobs of `queues` until `stop`; with `schedules` also queue what is due."""
    settings, store = installation.settings, installation.store
    hands = Hands(installation, providers, metrics)
    known = cadences()
    chores: list[tuple[timedelta, Chore]] = [(timedelta(hours=1), lambda: _forget(installation))]
    if schedules and settings.rates.fetch == "daily":
        chores.append((timedelta(hours=1), lambda: rates.chore(installation)))
    if schedules:

        async def list_institutions() -> None:
            await institutions.chore(installation, await providers.set_up())

        chores.append((timedelta(hours=1), list_institutions))
        chores.append((_GATHERING, lambda: listing.gather(installation)))
        tick = timedelta(milliseconds=settings.worker.tick_ms)
        chores.append((tick, lambda: workers.schedule(store, known, settings.worker)))
    staff = Staff({"sync": hands.sync, "inbox": hands.inbox}, queues, chores)
    await workers.work(
        store,
        lambda: connector(
            installation.conninfo,
            connections_max=2,
            connect_seconds_max=settings.connect_seconds_max,
        ),
        staff,
        settings.worker,
        stop,
    )
