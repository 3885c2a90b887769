"""How Belvo is asked: HTTP Basic with our organisation's pair on every call, lists in numbered pages (contract, §1)."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl, quote, urlsplit

import httpx
import msgspec

from caudal.model.errors import ConfigError, Malformed, Unavailable
from caudal.providers.base import Access
from caudal.providers.belvo.errors import error_for
from caudal.providers.belvo.payloads import Link, Page
from caudal.providers.context import Context
from caudal.providers.http import (
    Answer,
    Budget,
    Budgets,
    Call,
    Clock,
    HttpBounds,
    Observer,
    ProviderHttp,
    redact,
)

BUDGETS: Final[Mapping[str, Budget]] = {
    "transactions": Budget(None, 300),
    "links/delete": Budget(None, 5),
}
"""No general limit is published [?]: five a second for what is asked most. Deleting is limited (contract, §2)."""
PAGES_MAX: Final = 1_000
WALKS_MAX: Final = 3
"""Tries to read a list whose rows move while it is read."""
HOSTS: Final = {"sandbox": "https://sandbox.belvo.com", "production": "https://api.belvo.com"}
WIDGET: Final = "https://widget.belvo.io/"
LINK: Final = "link"
"""Among a connection's secrets: the link it has now, for a consent that is renewed makes another one."""

T = TypeVar("T")


class BelvoConfig(msgspec.Struct, frozen=True):
    """The operator's organisation at Belvo. `base_url`, `widget_url` replace Belvo's hosts (an emulator on this machine).
    `authorization`: the header that Belvo's dashboard was told to send with each webhook. `company` to `purpose`: what
    the widget shows a person; `landing_url`: where it sends them in the end. `investments`: have positions fetched, which
    costs extra. `legacy`: offer the credential links of 2023, which Belvo sells no more.

    Raises ConfigError naming the field that can't do, and never its value where that is secret.
    """

    secret_id: str
    secret_password: str
    environment: str = "production"
    base_url: str | None = None
    widget_url: str = WIDGET
    authorization: str = ""
    company: str = ""
    company_icon: str = ""
    company_logo: str = ""
    terms_url: str = ""
    landing_url: str = ""
    purpose: str = ""
    investments: bool = False
    legacy: bool = False
    page_size: int = 1_000

    def __post_init__(self) -> None:
        if not self.secret_id or not self.secret_password:
            raise ConfigError("belvo: secret_id and secret_password are missing: Belvo's dashboard has them")
        if self.environment not in HOSTS:
            raise ConfigError(f"belvo: environment {self.environment!r} is none: use sandbox or production")
        if self.authorization and not self.authorization.startswith(("Basic ", "Bearer ")):
            raise ConfigError("belvo: authorization begins with Basic or Bearer, as the dashboard sends it")

    @property
    def url(self) -> str:
        """Where the API is."""
        return self.base_url or HOSTS[self.environment]

    def __repr__(self) -> str:
        return f"BelvoConfig({self.environment!r}, url={self.url!r}, secret_password=…)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("", repr(self))]


class BelvoClient(Context):
    """Belvo over HTTP, for one event loop; a context that holds its connections."""

    def __init__(
        self,
        config: BelvoConfig,
        bounds: HttpBounds,
        *,
        clock: Clock,
        budgets: Budgets | None,
        transport: httpx.AsyncBaseTransport | None,
        observer: Observer | None,
    ) -> None:
        self._size = config.page_size
        pair = b64encode(f"{config.secret_id}:{config.secret_password}".encode()).decode()
        self._http = self._inside = ProviderHttp(
            "belvo",
            config.url,
            headers={"Authorization": f"Basic {pair}", "Content-Type": "application/json"},
            budgets=budgets,
            bounds=bounds,
            clock=clock,
            observer=observer,
            transport=transport,
        )

    async def ask(
        self,
        call: str,
        into: type[T],
        *,
        operation: str = "",
        body: object = None,
        query: Mapping[str, str] | None = None,
        access: Access | None = None,
    ) -> T:
        """The answer to `call` ("GET /api/links/") as `into`. Raises the ProviderError family."""
        named = operation or _operation(call)
        return read(
            await self.send(call, operation=named, body=body, query=query, access=access),
            into,
            f"belvo {named}",
        )

    async def send(
        self,
        call: str,
        *,
        operation: str = "",
        body: object = None,
        query: Mapping[str, str] | None = None,
        access: Access | None = None,
    ) -> Answer:
        """The answer, of whatever status. What makes or mends a link by a login isn't sent twice: banks lock people
        out."""
        method, _, path = call.partition(" ")
        operation = operation or _operation(call)
        return await self._http.send(
            Call(
                operation,
                method,
                path,
                None if body is None else msgspec.json.encode(body),
                query=query or {},
                item=access.reference if access else None,
                institution=access.institution if access else None,
                repeatable=method in {"GET", "DELETE"} or operation == "token",
            )
        )

    async def link(self, ident: str, access: Access | None = None) -> Link:
        """A link as it stands. Raises Revoked where there is none."""
        return await self.ask(f"GET /api/links/{_quoted(ident)}/", Link, operation="links/get", access=access)

    async def delete(self, ident: str, access: Access | None = None) -> None:
        """Take a link away, with everything Belvo holds of it. None is no error."""
        path = f"DELETE /api/links/{_quoted(ident)}/"
        answer = await self.send(path, operation="links/delete", access=access)
        if answer.status not in {202, 204, 404}:
            raise error_for(answer, "belvo links/delete")

    async def rows(
        self, path: str, query: Mapping[str, str], access: Access | None = None, *, operation: str = ""
    ) -> list[msgspec.Raw]:
        """Every record of a list.

        Pages are numbered, so rows that come or go while one reads shift the others: the list is read until what was
        told is as many as are counted, and none twice. Raises Unavailable where it never is.
        """
        asked = {**query, "page_size": str(self._size)}
        for _ in range(WALKS_MAX):
            rows = await self._walked(path, asked, access, operation)
            if rows is not None:
                return rows
        raise Unavailable(f"belvo {operation or path}: the list changed each time it was read")

    async def any_of(self, path: str, query: Mapping[str, str], access: Access) -> bool:
        """Whether a list has any record."""
        page = await self.ask(f"GET {path}", Page, query={**query, "page_size": "1"}, access=access)
        return page.count > 0

    async def _walked(
        self, path: str, query: Mapping[str, str], access: Access | None, operation: str
    ) -> list[msgspec.Raw] | None:
        """The rows; None where they moved."""
        rows: list[msgspec.Raw] = []
        counts: set[int] = set()
        for _ in range(PAGES_MAX):
            page = await self.ask(f"GET {path}", Page, operation=operation, query=query, access=access)
            rows += page.results
            counts.add(page.count)
            if not page.next:
                whole = counts == {len(rows)} and len({bytes(row) for row in rows}) == len(rows)
                return rows if whole else None
            query = dict(parse_qsl(urlsplit(page.next).query))
        raise Malformed(f"belvo {operation or path}", f"a list of more than {PAGES_MAX} pages")


def read(answer: Answer, into: type[T], where: str) -> T:
    """An answer's body. Raises the ProviderError family."""
    if answer.status not in {200, 201, 202}:
        raise error_for(answer, where)
    try:
        return msgspec.json.decode(answer.body, type=into)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"{where}: answer", redact(str(error))) from None


def link_of(access: Access) -> str:
    """The connection's link."""
    return access.secrets[LINK].decode()


def _operation(call: str) -> str:
    return call.partition("/api/")[2].strip("/")


def _quoted(ident: str) -> str:
    return quote(ident, safe="")
