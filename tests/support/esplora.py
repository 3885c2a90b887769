"""An emulated Esplora on a port of this machine, and a hub whose Bitcoin it is."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import uvicorn
from tests.support.books import all_rows, faults
from tests.support.plaid_script import HandClock

from caudal.hub import installation, links, spaces, syncs
from caudal.hub.installation import Installation
from caudal.hub.links import Candidate, Connected
from caudal.model.errors import Malformed, RateLimited, Refused, Unavailable
from caudal.providers.base import Ask, Fields
from caudal.providers.bitcoin import BitcoinConfig, BitcoinProvider
from caudal.providers.http import HttpBounds
from caudal.settings import RunBounds, Settings
from caudal.store.spaces import LinkedConnection, Space
from caudal_sandbox.esplora.app import Esplora
from caudal_sandbox.server import listen, url_of
from caudal_sandbox.transport import expose

SATS = Decimal(100_000_000)
PASSING = (RateLimited, Unavailable, Malformed)


@contextlib.contextmanager
def served(esplora: Esplora) -> Iterator[str]:
    """Where it is reached. It lives in a thread of its own: touch it only while nobody asks it anything."""
    listening = listen()
    config = uvicorn.Config(
        expose(esplora.app), http="h11", ws="none", lifespan="off", log_level="error", access_log=False
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])), daemon=True)
    thread.start()
    try:
        yield url_of(listening)
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


class Watch:
    """One space whose wallets are watched by the emulated Esplora."""

    def __init__(
        self, opened: Installation, space: Space, live: BitcoinProvider, esplora: Esplora, clock: HandClock
    ) -> None:
        self.opened = opened
        self.space = space
        self.live = live
        self.esplora = esplora
        self.clock = clock

    async def link(self, wallet: str) -> LinkedConnection:
        """Link that wallet, as its person would."""
        there = self.esplora.wallets[wallet]
        step = await links.begin(self.opened, self.space, self.live)
        assert isinstance(step, Ask), step
        step = await self._proceed(Fields(step.state, {"wallet": there.key}))
        if isinstance(step, Ask):
            step = await self._proceed(Fields(step.state, {"kind": str(there.kind)}))
        assert isinstance(step, Candidate), step
        made = await links.proceed(self.opened, self.space, self.live, step.conclude)
        assert isinstance(made, Connected), made
        return made.connection

    async def sync(self, connection: LinkedConnection, tries: int = 1) -> bool:
        """Sync; whether it went through within so many tries."""
        for _ in range(tries):
            try:
                await syncs.sync(self.opened, self.space, connection, self.live)
            except PASSING:
                self.clock.time += timedelta(minutes=2)
            except Refused as error:
                if "not in Esplora's words" not in str(error):
                    raise
            else:
                return True
        return False

    def held(self, connection: LinkedConnection) -> dict[str, tuple[int, bool]]:
        """What the ledger holds of it: txid → (sats, whether booked)."""
        rows = all_rows(
            self.opened.settings.database_url,
            f"""
            select head.provider_id, t.amount, t.status
            from caudal.transaction t
            join caudal.observation head on head.space_id = t.space_id and head.observation_id = t.follows
            join caudal.source_account s on s.space_id = t.space_id and s.account_id = t.account_id
            where t.space_id = '{self.space.space_id}' and s.connection_id = '{connection.connection_id}'
                and t.gone_at is null
            """,
        )
        assert len({row[0] for row in rows}) == len(rows), "a transaction twice in the ledger"
        told = msgspec.convert(rows, list[tuple[str, Decimal, str]])
        return {txid: (int(amount * SATS), status == "booked") for txid, amount, status in told}

    def verdict(self, connection: LinkedConnection) -> str:
        """What the proof says."""
        rows = all_rows(
            self.opened.settings.database_url,
            f"""
            select p.verdict from caudal.proof p
            join caudal.source_account s on s.space_id = p.space_id and s.account_id = p.account_id
            where p.space_id = '{self.space.space_id}' and s.connection_id = '{connection.connection_id}'
            """,
        )
        return str(rows[0][0]) if rows else "none"

    async def unsound(self) -> dict[str, int]:
        """What is amiss in the books."""
        return await faults(self.opened.store, self.space.space_id)

    async def _proceed(self, answer: Fields) -> links.Progress:
        return await links.proceed(self.opened, self.space, self.live, answer)


@asynccontextmanager
async def watching(
    settings: Settings, esplora: Esplora, url: str, clock: HandClock, gap: int = 20
) -> AsyncIterator[Watch]:
    """A space in an installation whose Bitcoin is `esplora` at `url`."""
    bounds = HttpBounds(read_seconds_max=2)
    quick = msgspec.structs.replace(settings, run=RunBounds(restart_wait_ms=1), http=bounds)
    config = BitcoinConfig((url,), gap=gap)
    async with (
        installation.opened(quick, lambda _: None) as opened,
        BitcoinProvider(config, bounds, clock=clock) as live,
    ):
        yield Watch(opened, await spaces.chosen(opened.store, "home", make=True), live, esplora, clock)


def hand_clock() -> HandClock:
    """Time that a test moves."""
    return HandClock(datetime(2026, 1, 1, tzinfo=UTC))
