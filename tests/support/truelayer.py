"""TrueLayer's emulator and the adapter, in one process: a person who clicks, a vault of one connection, a clock for both."""

import asyncio
import html
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

import httpx

from caudal.model.changes import Cursor, Page
from caudal.providers.base import Access, Conclude, Fields, Found, Linked, LinkRequest, Renewal, Visit
from caudal.providers.http import HttpBounds
from caudal.providers.truelayer import TrueLayerConfig, TrueLayerProvider
from caudal_sandbox.economy.countries import CountryCode
from caudal_sandbox.faults import Faults
from caudal_sandbox.truelayer.app import Api
from caudal_sandbox.truelayer.emulator import Emulator
from caudal_sandbox.world import World

SECRET = "CANARY-truelayer-5f1d"
BASE = "http://127.0.0.1:9000"
RETURN = "https://hub.example/cb"
T = TypeVar("T")


class Stand:
    """A world with a person in Britain, TrueLayer over it, and the adapter that asks it."""

    def __init__(self, **config: Any) -> None:
        self.world = World(seed=5, people=0, firms=0, now=datetime(2025, 6, 2, 12, tzinfo=UTC))
        self.world.person("ada", CountryCode.GB)
        self.faults = Faults()
        self.emulator = Emulator(
            self.world, self.faults, lambda: self.world.now, client=("sandbox-hub", SECRET)
        )
        self.transport = httpx.ASGITransport(Api(self.emulator))
        told = {"client_id": "sandbox-hub", "client_secret": SECRET, **config}
        self.config = TrueLayerConfig(environment="sandbox", base_url=BASE, **told)
        self.vault: dict[str, bytes] = {}
        self.lock = asyncio.Lock()

    def monotonic(self) -> timedelta:
        return self.world.now - datetime(2020, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.world.now

    async def sleep(self, pause: timedelta) -> None:
        self.world.advance_to(self.world.now + pause)
        await asyncio.sleep(0)

    def run(self, act: Callable[[TrueLayerProvider], Awaitable[T]]) -> T:
        async def work() -> T:
            bounds = HttpBounds(retries_max=1, backoff_ms_first=1)
            async with TrueLayerProvider(self.config, bounds, clock=self, transport=self.transport) as live:
                return await act(live)

        return asyncio.run(work())

    async def browse(self, url: str, bank: str, user: str, password: str) -> dict[str, str]:
        """What a person does at the page, and what the address they end at says."""
        async with httpx.AsyncClient(transport=self.transport, base_url=BASE) as browser:
            page = await browser.get(url)
            session = html.unescape(re.findall(r'name=session value="([^"]+)"', page.text)[0])
            form = {"session": session, "provider_id": bank, "username": user, "password": password}
            back = await browser.post("/dialog", data=form)
        return dict(parse_qsl(urlsplit(back.headers["location"]).query))

    def link(self, bank: str, user: str = "ada", password: str = "x") -> Linked:
        async def act(live: TrueLayerProvider) -> Linked:
            visit = await live.begin_link(LinkRequest("space-1", return_url=RETURN))
            assert isinstance(visit, Visit)
            values = await self.browse(visit.url, bank, user, password)
            found = await live.continue_link(Fields(visit.state, values))
            assert isinstance(found, Found)
            linked = await live.continue_link(Conclude(found.state))
            assert isinstance(linked, Linked)
            return linked

        linked = self.run(act)
        self.vault = dict(linked.secrets)
        return linked

    def access(self, linked: Linked) -> Access:
        async def renewing(act: Renewal) -> Mapping[str, bytes]:
            async with self.lock:
                self.vault.update(await act(dict(self.vault)))
                return dict(self.vault)

        return Access(
            "connection-1", linked.reference, linked.institution.reference, dict(self.vault), renewing
        )

    def pulled(self, linked: Linked, cursor: str = "") -> list[Page]:
        async def act(live: TrueLayerProvider) -> list[Page]:
            return [page async for page in live.pull(self.access(linked), Cursor(cursor))]

        return self.run(act)
