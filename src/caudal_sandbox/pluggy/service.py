"""Pluggy as the sandbox's service holds it: its API and pages below a prefix, its part of the control door."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Final, cast
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from caudal_sandbox.corruption import Json, Weak, corrupt
from caudal_sandbox.courier import Posting
from caudal_sandbox.door import DoorRoute, Filling, answer, read
from caudal_sandbox.economy.accounts import AccountKind
from caudal_sandbox.emulators import Ground, OverBanks, Shown, path_of
from caudal_sandbox.faults import Fault, Kind, Strike
from caudal_sandbox.playing import API_KINDS, CONTENT, before, check_status, first, played
from caudal_sandbox.pluggy import pages
from caudal_sandbox.pluggy.api import CALLS, FOR_BROWSERS, find
from caudal_sandbox.pluggy.asked import Asked
from caudal_sandbox.pluggy.emulator import Emulator, Options
from caudal_sandbox.pluggy.errors import PluggyError, forbidden, invalid
from caudal_sandbox.pluggy.items import Item
from caudal_sandbox.pluggy.limits import limited
from caudal_sandbox.pluggy.logins import MESSAGES
from caudal_sandbox.pluggy.names import uuid_of
from caudal_sandbox.pluggy.person import Person, connect, filled, finish

WEAK: Final = Weak(
    places={
        Kind.WRONG_TYPES: ("results/*/amount", "results/*/balance"),
        Kind.ABSENT_OPTIONAL: ("results/*/descriptionRaw", "results/*/marketingName"),
        Kind.UNKNOWN_ENUM: ("results/*/status", "results/*/subtype"),
        Kind.UNKNOWN_FIELD: ("results/*",),
        Kind.BOTH_CURRENCIES_NULL: ("results/*",),
    },
    currencies=("currencyCode",),
)
BODY_MAX: Final = 1_048_576
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
_DECODER: Final = msgspec.json.Decoder(float_hook=Decimal)
_LIMITED: Final = "Too many requests. Please try again later (see Retry-After header in seconds)"
_MINUTE: Final = 60
_CREATED: Final = frozenset({("POST", "/webhooks")})


class Pluggy(OverBanks, Posting):
    """One Pluggy over the world."""

    name = "pluggy"
    prefix = "/pluggy"

    def __init__(self, ground: Ground, options: Options | None = None) -> None:
        self.emulator = Emulator(ground, options or Options())
        self.courier = self.emulator.courier
        self.app: ASGIApp = self._answer

    @property
    def door(self) -> Sequence[DoorRoute]:
        """Its items and what is done to them, and a person at its pages."""
        return (
            DoorRoute("GET", "/items", self._items),
            DoorRoute("POST", "/items/{item_id}/{what}", self._item),
            DoorRoute("POST", "/link/finish", self._finish),
            DoorRoute("POST", "/link/fields", self._fields),
        )

    def check(self, fault: Fault) -> None:
        """Raises ValueError for a code Pluggy doesn't know, an impossible status."""
        if (code := str(fault.params.get("code", ""))) and code not in MESSAGES:
            raise ValueError(f"{fault.kind}: {code!r} is no error of an item")
        check_status(fault)

    def status(self) -> Mapping[str, object]:
        """Its items, and the fate of its webhooks."""
        return {"items": len(list(self.emulator.items)), "webhooks": self.emulator.courier.counts}

    def shown(self) -> Iterator[Shown]:
        """The accounts of its items whose movements are told."""
        for item in self.emulator.items:
            for account in item.accounts():
                yield Shown(item.id, item.account_id(account), account, item.rows[account].since)
            for account in item.of_kind(AccountKind.LOAN):
                yield Shown(
                    item.id, item.account_id(account), account, self.emulator.world.begins, told=False
                )

    def deadlines(self, after: datetime, until: datetime) -> Sequence[datetime]:
        """When consents end."""
        ends = [each.consent_ends for each in self.emulator.items if each.consent_ends]
        return [each for each in ends if after < each <= until]

    def go_on(self) -> Iterator[object]:
        """It goes to the banks that are due."""
        emulator = self.emulator
        for item in emulator.items:
            emulator.run(item)
            if item.consent_ends and item.consent_ends <= emulator.world.now and not item.fails:
                emulator.break_login(item, "USER_AUTHORIZATION_REVOKED")
            elif item.due(emulator.world.now):
                emulator.update(item, "SYNC")
            yield item

    def flush(self) -> None:
        """Send what waits."""
        self.emulator.hooks.flush()

    # The API and the pages

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        path = path_of(scope)
        self.emulator.page = f"{request.url.scheme}://{request.url.netloc}{self.prefix}"
        if path == "/connect" or path.startswith("/oauth/"):
            response = await self._page(request, path)
        else:
            strikes = self.emulator.faults.strike(
                provider=self.name, endpoint=path, connection=self._connection(request, path), kinds=API_KINDS
            )
            body = await request.body()
            response = await before(strikes) or played(self._response(request, path, body, strikes), strikes)
        self.flush()
        await response(scope, receive, send)

    def _connection(self, request: Request, path: str) -> str | None:
        """The item a call is for, as far as it says so itself."""
        parts = path.split("/")
        return parts[2] if path.startswith("/items/") else request.query_params.get("itemId")

    def _response(self, request: Request, path: str, body: bytes, strikes: tuple[Strike, ...]) -> Response:
        emulator = self.emulator
        if (heads := self._too_often(request.method, path, strikes)) is not None:
            return _json({"message": _LIMITED, "code": 429}, 429, heads)
        if struck := first(strikes, Kind.SERVER_ERROR):
            return _refusal(PluggyError("INTERNAL_SERVER_ERROR"), struck.fault.number("status"))
        emulator.under(strikes, following="after" in request.query_params)
        try:
            told: Any = self._called(request, path, body)
        except PluggyError as error:
            return _refusal(error, error.status)
        finally:
            for strike in emulator.spared():
                emulator.faults.spare(strike)
        for strike in strikes:
            if strike.kind in CONTENT:
                told = _DECODER.decode(_ENCODER.encode(told))
                if not corrupt(cast("Json", told), strike, WEAK):
                    emulator.faults.spare(strike)
        created = (request.method, path) in _CREATED
        return _json(told, HTTPStatus.CREATED if created else HTTPStatus.OK)

    def _too_often(self, method: str, path: str, strikes: tuple[Strike, ...]) -> Mapping[str, str] | None:
        struck = first(strikes, Kind.RATE_LIMITED)
        if struck is not None:
            return limited(360, struck.fault.number("retry_after") or _MINUTE)
        return self.emulator.limits.exceeded(method, path)

    def _called(self, request: Request, path: str, body: bytes) -> object:
        said = _body(body)
        if (request.method, path) == ("POST", "/auth"):
            key = self.emulator.keys.auth(said.get("clientId"), said.get("clientSecret"))
            return {"apiKey": key}
        bearer = self.emulator.keys.bearer(request.headers.get("x-api-key"))
        found = find(request.method, path)
        if found is None:
            raise PluggyError("", f"Cannot {request.method} {path}", status=HTTPStatus.NOT_FOUND)
        template, ident = found
        if bearer.session is not None and (request.method, template) not in FOR_BROWSERS:
            raise forbidden()
        asked = Asked(bearer, dict(request.query_params), said)
        return CALLS[request.method, template](self.emulator, asked, ident)

    async def _page(self, request: Request, path: str) -> Response:
        """What a person's browser gets."""
        filled = dict(parse_qsl((await request.body()).decode()))
        try:
            if path == "/connect":
                token = filled.get("connect_token") or request.query_params.get("connect_token", "")
                self.emulator.keys.bearer(token)
                if request.method != "POST":
                    return HTMLResponse(pages.widget(token))
                seen = connect(self.emulator, token, filled.get("connectorId"), filled)
                return HTMLResponse(
                    pages.done(seen.problem["error_message"] if seen.problem else "Connected")
                )
            if request.method != "POST":
                return HTMLResponse(pages.consent("Your bank"))
            item = self.emulator.decide(path.rpartition("/")[2], filled.get("decision", "deny"))
        except (PluggyError, KeyError, ValueError):
            return HTMLResponse(pages.done("This page is no longer valid"), HTTPStatus.GONE)
        return RedirectResponse(item.redirect, 303) if item.redirect else HTMLResponse(pages.done("Done"))

    # The door

    async def _items(self, _request: Request) -> Response:
        return answer([self._told(each) for each in self.emulator.items])

    async def _item(self, request: Request) -> Response:
        emulator = self.emulator
        found = [each for each in emulator.items if each.id == request.path_params["item_id"]]
        if not found:
            raise KeyError("there is no such item")
        item = found[0]
        match request.path_params["what"]:
            case "break":
                emulator.break_login(item, "INVALID_CREDENTIALS")
            case "revoke":
                emulator.break_login(item, "USER_AUTHORIZATION_REVOKED")
            case "remove":
                emulator.remove(item)
            case "reissue":
                emulator.reissue(item)
            case "update":
                emulator.update(item, "SYNC")
            case what:
                raise KeyError(f"nothing is called {what}: break, revoke, remove, reissue, update are")
        self.flush()
        return answer(self._told(item))

    async def _finish(self, request: Request) -> Response:
        try:
            seen = finish(self.emulator, await read(request, Person))
        except PluggyError as error:
            raise ValueError(error.message) from None
        self.flush()
        return answer(seen)

    async def _fields(self, request: Request) -> Response:
        asked = await read(request, Filling)
        return answer({"values": filled(asked.fields, asked.username)})

    def _told(self, item: Item) -> Mapping[str, object]:
        return {
            "id": item.id,
            "connector": item.connector.id,
            "status": item.status,
            "execution": item.execution,
            "accounts": [item.account_id(each) for each in item.accounts()],
        }


def _body(raw: bytes) -> Mapping[str, object]:
    try:
        said = msgspec.json.decode(raw or b"{}")
    except msgspec.DecodeError:
        raise invalid("the body is no JSON") from None
    return said if isinstance(said, dict) else {}


def _refusal(error: PluggyError, status: int) -> Response:
    """Every refusal has an id of its own."""
    body = {**error.body(), "code": status, "errorId": uuid_of("error", error.message)}
    return _json(body, status)


def _json(told: object, status: int, heads: Mapping[str, str] | None = None) -> Response:
    return Response(_ENCODER.encode(told), status, heads, media_type="application/json")
