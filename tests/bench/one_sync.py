"""One connection synced through the use case that `caudal sync` calls, with the real adapter over real HTTP."""

import asyncio
import time
from typing import Final

import msgspec
from tests.bench.bank import SPACE, Bank
from tests.bench.cost import Cost, Meter
from tests.bench.one_import import PageTally
from tests.bench.rooms import Rooms

from caudal.hub import connections, installation, spaces, syncs
from caudal.settings import Settings
from caudal.sync.engine import Report

HTTP: Final = "http"
DECODE: Final = "decode"
NORMALISE: Final = "normalise"
WRITE: Final = "write"

_ROOMS: Final = {
    "caudal.providers.http": HTTP,
    "httpx": HTTP,
    "httpcore": HTTP,
    "h11": HTTP,
    "anyio": HTTP,
    "caudal.providers.plaid.client": DECODE,
    "caudal.providers.plaid.answers": DECODE,
    "caudal.providers.plaid": NORMALISE,
    "caudal.model": NORMALISE,
    "caudal.store": WRITE,
    "psycopg": WRITE,
    "psycopg_binary": WRITE,
}
"""The rest is the event loop's and the engine's."""


class Spec(msgspec.Struct, frozen=True):
    """The bank, the installation that is linked to it, and which connection; `postmaster` is its server's pid."""

    bank: Bank
    home: str
    database_url: str
    postmaster: int
    connection: str


class Synced(msgspec.Struct, frozen=True):
    """What it cost, and that it was done. `waited_s`: wall time with nothing to do but to wait for the provider.

    `shares`: of the client's CPU, by room.
    """

    cost: Cost
    waited_s: float
    shares: dict[str, float]
    new: int
    seen: int
    page_statements: list[int]


class _Wait:
    """An observer of the store and of the engine: how long there was no page to write, its making left out."""

    def __init__(self, tally: PageTally) -> None:
        self.seconds = 0.0
        self._tally = tally
        self._since: float | None = None

    def statement(self, statement: str) -> None:
        """One is sent: whatever was waited for is there."""
        self._tally(statement)
        if self._since is not None:
            self.seconds += _idle_s() - self._since
        self._since = _idle_s() if statement == "commit" else None

    def committed(self, _: Report) -> None:
        """A page is in the books: the time since its commit was sent was the database's."""
        self._since = _idle_s()


def _idle_s() -> float:
    """A clock that stands still while this process works."""
    return time.perf_counter() - time.process_time()


def measure(spec: Spec) -> Synced:
    """Sync once. Starting up (interpreter, imports, connection) is not counted."""
    return asyncio.run(_measure(spec))


async def _measure(spec: Spec) -> Synced:
    settings = Settings(home=spec.home, database_url=spec.database_url)
    tally, rooms = PageTally(), Rooms(_ROOMS)
    wait = _Wait(tally)
    async with (
        installation.opened(settings, wait.statement) as opened,
        spec.bank.provider() as live,
    ):
        space = await spaces.chosen(opened.store, SPACE)
        connection = await connections.find(opened, space, spec.connection)
        wait.seconds = 0.0
        meter = Meter(spec.postmaster)
        with rooms:
            report = await syncs.sync(opened, space, connection, live, wait.committed)
        cost = meter.read()
    return Synced(cost, wait.seconds, rooms.shares(), report.created, report.seen, tally.pages)
