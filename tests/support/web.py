"""A browser without a screen: it keeps cookies, follows where it is sent, and says which site it is on."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import httpx
import pyotp
from tests.support.api import PASSWORD, Hub

from caudal.hub.identity import people

SITE = "https://hub.test"


class Browser:
    """Somebody's. `space`: where their books are, once they are in."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.space = ""

    async def get(self, path: str, **more: Any) -> httpx.Response:
        """A page, wherever it leads."""
        return await self.client.get(path, follow_redirects=True, **more)

    async def post(
        self, path: str, fields: Mapping[str, Any] | None = None, *, origin: str = SITE, **more: Any
    ) -> httpx.Response:
        """A form, and the page it leads to."""
        headers = {"origin": origin, **more.pop("headers", {})}
        return await self.client.post(path, data=fields, headers=headers, follow_redirects=True, **more)

    async def books(self) -> str:
        """What the addresses of the first books' pages begin with."""
        found = await self.client.get("/")
        self.space = found.headers["location"].removesuffix("/settings")
        return self.space


@asynccontextmanager
async def browsing(hub: Hub) -> AsyncIterator[Browser]:
    """A browser that knows nobody yet."""
    transport = httpx.ASGITransport(hub.asgi, client=("203.0.113.7", 5000))
    async with httpx.AsyncClient(transport=transport, base_url=SITE) as client:
        yield Browser(client)


@asynccontextmanager
async def signed_in(hub: Hub, email: str = "ana@example.org") -> AsyncIterator[Browser]:
    """The browser of the first owner, with a second factor, in books of theirs; or, of those who were invited
    (`Hub.member`), by password."""
    async with browsing(hub) as browser:
        token = await people.first_token(hub.opened)
        if token is None:
            await browser.post("/sign-in", {"email": email, "password": PASSWORD})
        else:
            await browser.post(
                "/welcome", {"token": token, "email": email, "name": "Ana", "password": PASSWORD}
            )
            await strengthen(hub, browser)
        await browser.books()
        yield browser


async def strengthen(hub: Hub, browser: Browser) -> pyotp.TOTP:
    """Set up one-time codes, as the API does it."""
    access = browser.client.cookies["__Host-caudal"]
    headers = {"authorization": f"Bearer {access}"}
    seed = (await hub.client.post("/v1/me/one-time-codes", headers=headers)).json()["seed"]
    totp = pyotp.TOTP(seed)
    code = {"code": totp.at(datetime.now(UTC))}
    answer = await hub.client.post("/v1/me/one-time-codes/confirm", json=code, headers=headers)
    assert answer.status_code < 300, answer.text
    return totp


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.parts.append(" ".join(data.split()))


def text_of(page: httpx.Response) -> str:
    """What a page says, without its marks."""
    reader = _Text()
    reader.feed(page.text)
    return " ".join(reader.parts)
