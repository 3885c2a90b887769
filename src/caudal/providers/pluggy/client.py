"""How Pluggy is asked: JSON, the key of our application in a header, renewed once for everybody who waits for it
(contract §2)."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any, ClassVar, Final, TypeVar
from urllib.parse import parse_qsl, quote, urlsplit

import httpx
import msgspec

from caudal.model.errors import Malformed
from caudal.providers.context import Context
from caudal.providers.http import (
    Answer,
    Budget,
    Budgets,
    Call,
    Clock,
    HttpBounds,
    LocalBudgets,
    Observer,
    ProviderHttp,
    redact,
)
from caudal.providers.pluggy.errors import Refusal, error_for, refusal_of
from caudal.providers.pluggy.payloads import ApiKey, Item, Page

KEY_KEPT: Final = timedelta(minutes=110)
"""A key is good for two hours."""
PAGES_MAX: Final = 2_000
"""Pages of one list: more than a year of anybody's movements."""
BUDGETS: Final[Mapping[str, Budget]] = {
    "auth": Budget(None, 360),
    "accounts": Budget(None, 360),
    "transactions": Budget(None, 360),
    "investments": Budget(None, 360),
    "items/update": Budget(None, 20),
}
"""Per minute, for all calls from one address (contract §7)."""

T = TypeVar("T")


class PluggyConfig(msgspec.Struct, frozen=True):
    """The operator's application at Pluggy. `connect_url`: the page that holds Pluggy's widget. `webhook_header` and
    `webhook_secret`: what Pluggy is told to send with each webhook."""

    client_id: str
    secret: str
    url: str = "https://api.pluggy.ai"
    connect_url: str = "https://connect.pluggy.ai"
    webhook_header: str = "x-caudal-secret"
    webhook_secret: str = ""

    def __repr__(self) -> str:
        return f"PluggyConfig(url={self.url!r}, secret=…)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("", repr(self))]


class PluggyClient(Context):
    """Pluggy over HTTP, for one event loop; a context that holds its connections."""

    _HEAD: ClassVar = {"Content-Type": "application/json"}

    def __init__(
        self,
        config: PluggyConfig,
        bounds: HttpBounds,
        *,
        clock: Clock,
        budgets: Budgets | None,
        transport: httpx.AsyncBaseTransport | None,
        observer: Observer | None,
    ) -> None:
        self._config = config
        self._clock = clock
        self._http = self._inside = ProviderHttp(
            "pluggy",
            config.url,
            headers=self._HEAD,
            budgets=budgets or LocalBudgets(BUDGETS, clock=clock),
            bounds=bounds,
            clock=clock,
            observer=observer,
            transport=transport,
        )
        self._key = ""
        self._key_until = timedelta()
        self._renewing = asyncio.Lock()

    async def ask(
        self,
        call: str,
        into: type[T],
        *,
        operation: str = "",
        body: object = None,
        query: Mapping[str, str] | None = None,
        item: str | None = None,
        institution: str | None = None,
    ) -> T:
        """The answer to `call` ("GET /items/…") as `into`. Raises the ProviderError family."""
        answer = await self.send(
            call, operation=operation, body=body, query=query, item=item, institution=institution
        )
        return self.read(answer, into, operation or call.partition(" ")[2])

    async def refusal(self, call: str, operation: str, body: object) -> tuple[Answer, Refusal | None]:
        """The answer to `call`, and what it refuses where that is what it does."""
        answer = await self.send(call, operation=operation, body=body)
        return answer, None if answer.status in {200, 201} else refusal_of(answer)

    def read(self, answer: Answer, into: type[T], what: str) -> T:
        """The answer to `what`. Raises the ProviderError family."""
        where = f"pluggy {what.strip('/')}"
        if answer.status not in {200, 201}:
            raise error_for(answer, where)
        return decoded(answer, into, where)

    async def send(
        self,
        call: str,
        *,
        operation: str = "",
        body: object = None,
        query: Mapping[str, str] | None = None,
        item: str | None = None,
        institution: str | None = None,
    ) -> Answer:
        """The answer, of whatever status. A key that isn't taken is renewed, once: 403 means other things too."""
        method, _, path = call.partition(" ")
        key = await self._current_key()
        request = Call(
            operation or path.strip("/"),
            method,
            path,
            None if body is None else msgspec.json.encode(body),
            query=query or {},
            headers={"X-API-KEY": key},
            item=item,
            institution=institution,
            repeatable=method in {"GET", "DELETE"},
        )
        answer = await self._http.send(request)
        if answer.status in {401, 403}:
            anew = {"X-API-KEY": await self._current_key(refused=key)}
            answer = await self._http.send(msgspec.structs.replace(request, headers=anew))
        return answer

    async def item(self, reference: str, institution: str | None = None) -> Item:
        """One connection, as it stands."""
        path = f"GET /items/{quote(reference, safe='')}"
        return await self.ask(path, Item, operation="items/get", item=reference, institution=institution)

    async def rows(
        self, path: str, query: Mapping[str, str], operation: str = "", *, absent: str = ""
    ) -> list[msgspec.Raw]:
        """Every record of a list in numbered pages; none where Pluggy says `absent` (contract §11.10)."""
        rows: list[msgspec.Raw] = []
        for number in range(1, PAGES_MAX):
            paged = {**query, "page": str(number)} if number > 1 else query
            answer = await self.send(f"GET {path}", operation=operation, query=paged)
            refusal = refusal_of(answer) if answer.status == 404 else None
            if absent and refusal is not None and refusal.code_description == absent:
                return rows
            page = self.read(answer, Page, operation or path)
            rows += page.results
            if number >= page.total_pages:
                break
        return rows

    async def transactions(self, query: Mapping[str, str], item: str) -> AsyncIterator[list[msgspec.Raw]]:
        """A list of transactions, page by page, by the cursor that each page gives: a query string as it stands, or a
        whole URL."""
        for _ in range(PAGES_MAX):
            page = await self.ask(
                "GET /v2/transactions", Page, operation="transactions", query=query, item=item
            )
            yield page.results
            if not page.next:
                return
            query = dict(parse_qsl(urlsplit(page.next).query))
        raise Malformed("pluggy transactions", f"a list of more than {PAGES_MAX} pages")

    async def _current_key(self, refused: str = "") -> str:
        """The key, asked for once by all who need one. `refused`: the one that isn't taken any more."""
        async with self._renewing:
            if not self._key or self._key == refused or self._clock.monotonic() >= self._key_until:
                self._key = await self._new_key()
                self._key_until = self._clock.monotonic() + KEY_KEPT
            return self._key

    async def _new_key(self) -> str:
        said = {"clientId": self._config.client_id, "clientSecret": self._config.secret, "nonExpiring": False}
        answer = await self._http.send(Call("auth", "POST", "/auth", msgspec.json.encode(said)))
        if answer.status != 200:
            raise error_for(answer, "pluggy auth")
        return decoded(answer, ApiKey, "pluggy auth").api_key


def decoded(answer: Answer, into: type[T], where: str) -> T:
    """Its body. Raises Malformed."""
    try:
        return msgspec.json.decode(msgspec.json.format(answer.body, indent=-1), type=into)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"{where}: answer", redact(str(error))) from None
