"""How TrueLayer is asked: two hosts, a token of the connection's own for data, the client's secret for tokens.

A call to a bank is sent once: a failed try counts among the few that banks bear in a day with nobody present
(contract, §3), and the next pull asks again.
"""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import httpx
import msgspec

from caudal.model.errors import Malformed
from caudal.providers.base import Access
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
from caudal.providers.truelayer.config import JWKS_PATH, TrueLayerConfig
from caudal.providers.truelayer.errors import Refusal, correlation, error_for, judge, read_refusal
from caudal.providers.truelayer.payloads import OfferedBank, Results

BUDGETS: Final[Mapping[str, Budget]] = {}
"""General limits are not published (contract, §5); what a bank bears in a day is kept by the pace."""

TOKEN_WITHIN: Final = timedelta(seconds=15)
"""Of a renewal: its connection's secrets are locked meanwhile."""
KEYS_WITHIN: Final = timedelta(seconds=4)

T = TypeVar("T")


class TrueLayerClient:
    """TrueLayer over HTTP, for one event loop. Close it, or use it as a context."""

    def __init__(
        self,
        config: TrueLayerConfig,
        bounds: HttpBounds,
        *,
        clock: Clock,
        budgets: Budgets | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._config = config
        self._open = AsyncExitStack()

        def http(base_url: str) -> ProviderHttp:
            return ProviderHttp(
                "truelayer",
                base_url,
                headers={"Accept": "application/json"},
                judge=judge,
                request_id=correlation,
                budgets=budgets,
                bounds=bounds,
                clock=clock,
                observer=observer,
                transport=transport,
            )

        self._auth, self._api = http(config.auth_url), http(config.api_url)
        self._webhooks = http(config.webhooks_url)

    async def __aenter__(self) -> Self:
        for each in (self._auth, self._api, self._webhooks):
            await self._open.enter_async_context(each)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    async def data(
        self, path: str, operation: str, token: str, access: Access, query: Mapping[str, str] | None = None
    ) -> Results | Refusal:
        """The results of a Data v1 call, or the refusal for the caller to judge. Raises the ProviderError family where
        TrueLayer itself gave no answer, or one that can't be read."""
        call = Call(
            operation,
            "GET",
            f"/data/v1/{path}",
            query=query or {},
            headers=_bearing(token),
            item=access.reference,
            institution=access.institution,
            repeatable=operation == "me",  # TrueLayer answers that one alone
        )
        answer = await self._api.send(call)
        return _read(operation, answer, _RESULTS)

    async def token(self, fields: Mapping[str, str], decoder: msgspec.json.Decoder[T]) -> T | Refusal:
        """What /connect/token answers to `fields` and the client's own secret. Sent once: codes, and where they rotate
        refresh tokens, are good for one use."""
        return await self.auth("/connect/token", "connect/token", fields, decoder)

    async def auth(
        self, path: str, operation: str, fields: Mapping[str, Any], decoder: msgspec.json.Decoder[T]
    ) -> T | Refusal:
        """What the authentication server answers."""
        call = Call(
            operation, "POST", path, self._body(fields), headers=_JSON, repeatable=False, within=TOKEN_WITHIN
        )
        return _read(operation, await self._auth.send(call), decoder, auth=True)

    async def extend(
        self, token: str, fields: Mapping[str, Any], decoder: msgspec.json.Decoder[T]
    ) -> T | Refusal:
        """What /connections/extend answers: on the API's host, below its root."""
        operation = "connections/extend"
        headers = {**_JSON, **_bearing(token)}
        call = Call(
            operation,
            "POST",
            "/connections/extend",
            self._body(fields),
            headers=headers,
            repeatable=False,
            within=TOKEN_WITHIN,
        )
        return _read(operation, await self._api.send(call), decoder)

    async def delete(self, token: str) -> Refusal | None:
        """End the connection whose token this is. None where it is done."""
        call = Call("api/delete", "DELETE", "/api/delete", headers=_bearing(token))
        answer = await self._auth.send(call)
        if answer.status in {200, 204}:
            return None
        refusal = read_refusal("api/delete", answer, auth=True)
        if isinstance(refusal, Refusal):
            return refusal
        raise refusal

    async def banks(self) -> list[OfferedBank]:
        """Every bank that TrueLayer knows for this client, offered by its links or not."""
        query = {"clientId": self._config.client_id}
        answer = await self._auth.send(Call("api/providers", "GET", "/api/providers", query=query))
        told = _read("api/providers", answer, _BANKS)
        if isinstance(told, Refusal):
            raise error_for(told)
        return told

    async def keys(self) -> bytes:
        """The keys that webhooks are signed with: JWKS (RFC 7517)."""
        call = Call("webhooks/jwks", "GET", JWKS_PATH, within=KEYS_WITHIN)
        answer = await self._webhooks.send(call)
        if answer.status == 200:
            return answer.body
        refusal = read_refusal("webhooks/jwks", answer)
        raise error_for(refusal) if isinstance(refusal, Refusal) else refusal

    def _body(self, fields: Mapping[str, Any]) -> bytes:
        client = {"client_id": self._config.client_id, "client_secret": self._config.client_secret}
        return msgspec.json.encode({**fields, **client})


def _bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _read(
    operation: str, answer: Answer, decoder: msgspec.json.Decoder[T], *, auth: bool = False
) -> T | Refusal:
    if answer.status != 200:
        refusal = read_refusal(operation, answer, auth=auth)
        if isinstance(refusal, Refusal):
            return refusal
        raise refusal
    try:
        return decoder.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"truelayer {operation}: answer", redact(str(error))) from None


_JSON: Final = {"Content-Type": "application/json"}
_RESULTS: Final = msgspec.json.Decoder(Results)
_BANKS: Final = msgspec.json.Decoder(list[OfferedBank])
