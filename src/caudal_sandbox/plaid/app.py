"""Plaid's API over HTTP: who may ask, what may be asked, the answer, and what a fault makes of it."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, cast

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from caudal_sandbox.corruption import Json, corrupt
from caudal_sandbox.faults import CORRUPTIONS, Strike
from caudal_sandbox.plaid import lifecycle, link, sandbox
from caudal_sandbox.plaid.answers import ENDPOINTS
from caudal_sandbox.plaid.answers.endpoints import Endpoint
from caudal_sandbox.plaid.answers.transactions import SyncAnswer
from caudal_sandbox.plaid.calls import Call, Route
from caudal_sandbox.plaid.emulator import Emulator
from caudal_sandbox.plaid.errors import PlaidError
from caudal_sandbox.plaid.errors import body as error_body
from caudal_sandbox.plaid.trouble import BEFALLING, WEAK, Loops, adjusted, befall, refusal
from caudal_sandbox.plaid.wire import CONTENT_TYPE, VERSION, decode, encode, understood
from caudal_sandbox.playing import API_KINDS, before, played

BODY_MAX: Final = 1_048_576
"""Bytes of a request's body."""


def _front(endpoint: Endpoint) -> Route:
    """An endpoint of the data side, called as the front calls its own."""

    def answer(emulator: Emulator, call: Call[Any]) -> object:
        return endpoint.answer(emulator, call.item, call.asked)

    return Route(endpoint.path, endpoint.request, endpoint.scope, answer)


ROUTES: Final[Mapping[str, Route]] = {
    route.path: route
    for route in (*map(_front, ENDPOINTS.values()), *link.ROUTES, *lifecycle.ROUTES, *sandbox.ROUTES)
}
"""Every endpoint there is."""


class _Asked(msgspec.Struct, frozen=True):
    """One request on its way in: `body` without the client's id and secret; `strikes`: what shall go wrong."""

    route: Route
    client_id: str
    body: dict[str, object]
    strikes: tuple[Strike, ...]


class Api:
    """Plaid's API as an ASGI application."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._loops = Loops()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._response(request)
            await response(scope, receive, send)
        except ClientDisconnect:
            return
        finally:
            self._emulator.flush()

    async def _response(self, request: Request) -> Response:
        say = _Saying(request, self._emulator.request_id())
        try:
            asked = await self._asked(request)
        except PlaidError as error:
            return say.error(error)
        broken = await before(asked.strikes)
        if broken is not None:
            return broken
        try:
            response = self._answer(asked, say)
        except PlaidError as error:
            response = say.error(error)
        return played(response, asked.strikes)

    async def _asked(self, request: Request) -> _Asked:
        """What is asked of which endpoint, by whom, and what shall go wrong with it. Raises PlaidError."""
        route = ROUTES.get(request.url.path)
        if route is None or request.method != "POST":
            raise PlaidError("NOT_FOUND")
        body = decode(await _read(request))
        client_id = self._client(request, body)
        strikes = self._emulator.faults.strike(
            provider="plaid", endpoint=route.path, connection=self._item_id(body), kinds=API_KINDS
        )
        return _Asked(route, client_id, body, strikes)

    def _answer(self, asked: _Asked, say: "_Saying") -> Response:
        """The answer as it would arrive if nothing befell it on the way. Raises PlaidError."""
        emulator, path = self._emulator, asked.route.path
        if emulator.options.production and path.startswith("/sandbox/"):
            raise PlaidError("SANDBOX_ONLY")
        call = self._call(asked, say.origin)
        item = call.item
        emulator.limits.take(path, client_id=call.client_id, item_id=item.item_id if item else None)
        between_pages = self._loops.within(item, asked.body.get("cursor"))
        for strike in asked.strikes:
            error = refusal(strike, path)
            if error is not None:
                return adjusted(say.error(error), strike)
            if strike.kind in BEFALLING and not befall(emulator, item, strike, between_pages=between_pages):
                emulator.faults.spare(strike)
        answer = asked.route.answer(emulator, call)
        if isinstance(answer, SyncAnswer) and item is not None:
            self._loops.note(item, next_cursor=answer.next_cursor, has_more=answer.has_more)
        return say.answer(self._corrupted(encode(answer, say.request_id), asked.strikes))

    def _call(self, asked: _Asked, origin: str) -> Call[Any]:
        request = understood(asked.body, asked.route.request)
        item = None
        if asked.route.scope == "item":
            item = self._emulator.items.by_token(str(asked.body["access_token"]))
            if item.client_id != asked.client_id:
                raise PlaidError("INVALID_ACCESS_TOKEN")
        return Call(asked.client_id, request, item, origin)

    def _client(self, request: Request, body: dict[str, object]) -> str:
        """Who asks, from the headers or the body, where both are taken out. Raises INVALID_API_KEYS."""
        given = []
        for field, header in (("client_id", "PLAID-CLIENT-ID"), ("secret", "PLAID-SECRET")):
            said = body.pop(field, None)
            given.append(said if isinstance(said, str) and said else request.headers.get(header, ""))
        client_id, secret = given
        if not self._emulator.admits(client_id, secret):
            raise PlaidError("INVALID_API_KEYS")
        return client_id

    def _item_id(self, body: Mapping[str, object]) -> str | None:
        """Which connection the call is about, for the faults; whether it may be asked for is another question."""
        token = body.get("access_token")
        try:
            return self._emulator.items.by_token(token).item_id if isinstance(token, str) else None
        except PlaidError:
            return None

    def _corrupted(self, whole: bytes, strikes: tuple[Strike, ...]) -> bytes:
        for strike in strikes:
            if strike.kind in CORRUPTIONS:
                tree = cast("Json", decode(whole))
                if corrupt(tree, strike, WEAK):
                    whole = encode(tree)
                else:
                    self._emulator.faults.spare(strike)
        return whole


class _Saying:
    """How one request is answered: with its id, in the version it asked for."""

    def __init__(self, request: Request, request_id: str) -> None:
        self.request_id = request_id
        self.origin = str(request.base_url)
        self._version = request.headers.get("Plaid-Version", VERSION)

    def answer(self, raw: bytes, status: int = HTTPStatus.OK) -> Response:
        return Response(raw, status, {"Content-Type": CONTENT_TYPE, "Plaid-Version": self._version})

    def error(self, error: PlaidError) -> Response:
        return self.answer(encode(error_body(error, self.request_id)), error.http_status)


async def _read(request: Request) -> bytes:
    """The body, up to its bound. Raises INVALID_BODY for a longer one."""
    read = bytearray()
    async for chunk in request.stream():
        read += chunk
        if len(read) > BODY_MAX:
            raise PlaidError("INVALID_BODY", f"body is longer than {BODY_MAX} bytes")
    return bytes(read)
