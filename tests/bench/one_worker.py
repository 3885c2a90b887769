"""A worker as `caudal worker` runs it, looked at for a while: its CPU, where that goes, what it asks of the database. How
much it did, the database knows.

Its budgets are shared through the database as in production, with Plaid's limits for a whole account lifted: at 2,500
syncs a minute (Plaid docs, Rate limits) there would be little else to measure.

A process, for several work side by side: its specification comes in a line; it works; another line has it begin to
look, a third has it stop and tell, in a line.
"""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Mapping
from typing import Final

import msgspec
from tests.bench.rooms import Rooms

from caudal.hub import work
from caudal.hub.installation import opened
from caudal.hub.providers import held
from caudal.observe.metrics import Metrics
from caudal.provider_settings import PlaidSettings
from caudal.providers.http import Budget, Budgets, BudgetsOf
from caudal.settings import Settings, WorkerBounds
from caudal.sync import budgets

QUEUE: Final = "queue"
STORE: Final = "store"
HTTP: Final = "HTTP"
SEALS: Final = "seals"
PLAID: Final = "adapter"
ENGINE: Final = "engine"

_ROOMS: Final = {
    "procrastinate": QUEUE,
    "caudal.sync.workers": QUEUE,
    "caudal.store": STORE,
    "psycopg": STORE,
    "psycopg_binary": STORE,
    "psycopg_pool": STORE,
    "caudal.providers.http": HTTP,
    "httpx": HTTP,
    "httpcore": HTTP,
    "h11": HTTP,
    "anyio": HTTP,
    "sniffio": HTTP,
    "caudal.vault": SEALS,
    "cryptography": SEALS,
    "caudal.providers.plaid": PLAID,
    "caudal.model": PLAID,
    "caudal.sync": ENGINE,
    "caudal.hub": ENGINE,
}
"""The rest is the event loop's. What the queue itself asks of the database goes to the store's room: psycopg is one."""


class Spec(msgspec.Struct, frozen=True):
    """The installation, the provider, and how many jobs at once."""

    home: str
    database_url: str
    bank_url: str
    jobs_at_once: int


class Worked(msgspec.Struct, frozen=True):
    """What was seen. `statements`: of the store, by name, commits among them; `shares`: of the CPU, by room."""

    cpu_s: float
    statements: dict[str, int]
    shares: dict[str, float]


async def _work(spec: Spec) -> Worked:
    seen: Counter[str] = Counter()
    rooms, stop = Rooms(_ROOMS), asyncio.Event()
    async with opened(_settings(spec), lambda name: seen.update((name,))) as installation:
        lifted = _lifted(budgets.shared(installation.store, installation.settings.http))
        async with held(installation.settings, None, lifted) as providers:
            working = asyncio.create_task(work.work(installation, providers, stop, metrics=Metrics()))
            await asyncio.to_thread(sys.stdin.readline)
            seen.clear()
            began_s = time.process_time()
            with rooms:
                await asyncio.to_thread(sys.stdin.readline)
            cpu_s, statements = time.process_time() - began_s, dict(seen)
            stop.set()
            await working
    return Worked(cpu_s, statements, rooms.shares())


def _settings(spec: Spec) -> Settings:
    plaid = PlaidSettings(client_id="measured", secret="measured", environment="sandbox", url=spec.bank_url)
    worker = WorkerBounds(jobs_at_once=spec.jobs_at_once)
    return Settings(home=spec.home, database_url=spec.database_url, worker=worker, plaid=plaid)


def _lifted(of: BudgetsOf) -> BudgetsOf:
    def lifted(provider: str, table: Mapping[str, Budget]) -> Budgets:
        return of(provider, {name: Budget(each.per_item_per_minute) for name, each in table.items()})

    return lifted


if __name__ == "__main__":
    told = asyncio.run(_work(msgspec.json.decode(sys.stdin.readline(), type=Spec)))
    print(msgspec.json.encode(told).decode(), flush=True)
