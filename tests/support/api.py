"""An installation with its API, asked in one process: people who log in, programs with keys."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

import httpx
import pyotp
import uvicorn
from starlette.types import ASGIApp

from caudal.api import app
from caudal.api.requests import Requests
from caudal.api.rest import serving
from caudal.hub import installation
from caudal.hub.identity import people
from caudal.hub.installation import Installation
from caudal.observe.metrics import Metrics
from caudal.providers.base import LiveProvider
from caudal.settings import Settings
from caudal.vault.passwords import Hasher
from caudal.web import serving as pages

PASSWORD = "four plain words here"
BASE = "http://hub.test"
Json = dict[str, Any]


class Who:
    """Somebody, or some program, that asks."""

    def __init__(self, client: httpx.AsyncClient, token: str = "") -> None:
        self._client = client
        self.token = token
        self.tokens: Json = {}

    async def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Ask, showing what they have."""
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        headers |= more.pop("headers", {})
        return await self._client.request(method, path, headers=headers, **more)

    async def get(self, path: str, **more: Any) -> Any:
        """What is there. It must be."""
        return answered(await self.ask("GET", path, **more))

    async def post(self, path: str, body: Any = None, **more: Any) -> Any:
        """What came of it. It must have gone well."""
        sent = {} if body is None else {"json": body}
        return answered(await self.ask("POST", path, **sent, **more))

    async def refused(self, method: str, path: str, **more: Any) -> str:
        """The code with which it is refused."""
        response = await self.ask(method, path, **more)
        assert response.status_code >= 400, response.text
        assert response.headers["content-type"] == "application/problem+json"
        return str(response.json()["code"])


def answered(response: httpx.Response) -> Any:
    """Its body; it must be a success."""
    assert response.status_code < 400, (response.status_code, response.text)
    return response.json() if response.content else None


class Hub:
    """The API of an installation. `nobody`: who shows nothing."""

    def __init__(self, opened: Installation, client: httpx.AsyncClient, asgi: ASGIApp) -> None:
        self.opened = opened
        self.client = client
        self.asgi = asgi
        self.nobody = Who(client)

    async def owner(self, email: str = "ana@example.org") -> Who:
        """The first person."""
        token = await people.first_token(self.opened)
        assert token is not None
        newcomer = {"token": token, "email": email, "name": "Ana", "password": PASSWORD}
        return self.logged_in(await self.nobody.post("/v1/first-owner", newcomer))

    async def member(self, by: Who, space: str, role: str, email: str) -> Who:
        """Somebody who was invited, and came."""
        made = await by.post(f"/v1/spaces/{space}/invitations", {"email": email, "role": role})
        newcomer = {"token": made["token"], "email": email, "name": email.partition("@")[0].title()}
        return self.logged_in(
            await self.nobody.post("/v1/invitation/join", {**newcomer, "password": PASSWORD})
        )

    async def second_factor(self, who: Who, *, steps_ago: int = 0) -> tuple[pyotp.TOTP, list[str]]:
        """Set up one-time codes; their generator, and the recovery codes. With the code of a step ago (it may be refused
        where the step ends just then) the present one is still good."""
        seed = await who.post("/v1/me/one-time-codes")
        totp = pyotp.TOTP(seed["seed"])
        code = totp.at(int(datetime.now(UTC).timestamp()) - 30 * steps_ago)
        return totp, (await who.post("/v1/me/one-time-codes/confirm", {"code": code}))["codes"]

    async def home(self) -> tuple[Who, str]:
        """The first person, who may do everything, and their books."""
        who = await self.owner()
        await self.second_factor(who)
        return who, await self.space(who)

    async def log_in(self, email: str, password: str = PASSWORD) -> Json:
        """What logging in gives."""
        found: Json = await self.nobody.post("/v1/session", {"email": email, "password": password})
        return found

    def logged_in(self, tokens: Json) -> Who:
        """Who holds these tokens."""
        who = Who(self.client, tokens["access_token"])
        who.tokens = tokens
        return who

    async def space(self, who: Who, name: str = "home") -> str:
        """New books of theirs."""
        return str((await who.post("/v1/spaces", {"name": name}))["space_id"])

    async def key(self, who: Who, space: str, **wish: Any) -> Who:
        """A program of theirs."""
        made = await who.post(f"/v1/spaces/{space}/keys", {"name": "program", **wish})
        return Who(self.client, made["key"])

    async def person_id(self, who: Who) -> UUID:
        """Who they are."""
        return UUID((await who.get("/v1/me"))["person_id"])


@asynccontextmanager
async def hub(
    settings: Settings, providers: Mapping[str, LiveProvider] = MappingProxyType({})
) -> AsyncIterator[Hub]:
    """An installation whose API and pages are up, with these providers."""
    async with installation.opened(settings) as opened:
        with Hasher() as hasher:
            routes = [*serving.routes(opened, providers, hasher), *pages.routes(opened, providers, hasher)]
            asgi = Requests(app.make(opened, providers, routes), Metrics())
            transport = httpx.ASGITransport(asgi, client=("203.0.113.7", 5000))
            async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
                yield Hub(opened, client, asgi)


@asynccontextmanager
async def listening(asgi: ASGIApp) -> AsyncIterator[str]:
    """An application behind a port of this machine, until the end; its address."""
    server = uvicorn.Server(uvicorn.Config(asgi, port=0, log_config=None, lifespan="off", ws="none"))
    server.capture_signals = nullcontext  # type: ignore[assignment]
    serving_it = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  it tells nobody
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = server.force_exit = True
        await serving_it


def at_hub(
    settings: Settings,
    work: Callable[[Hub], Awaitable[None]],
    providers: Mapping[str, LiveProvider] = MappingProxyType({}),
) -> None:
    """Do it at a hub of its own."""

    async def there() -> None:
        async with hub(settings, providers) as at:
            await work(at)

    asyncio.run(there())
