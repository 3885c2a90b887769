"""TrueLayer over HTTP, its three hosts in one: pages, tokens, data, keys. Paths don't collide (contract, §1)."""

from collections.abc import Mapping
from typing import Any, Final, cast
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from caudal_sandbox.corruption import Json as Broken
from caudal_sandbox.corruption import Weak, corrupt
from caudal_sandbox.emulators import path_of
from caudal_sandbox.faults import Fault, Kind, Strike
from caudal_sandbox.playing import API_KINDS, CONTENT, before, first, played
from caudal_sandbox.truelayer.connections import Connection
from caudal_sandbox.truelayer.dialog import LOGIN, Dialog
from caudal_sandbox.truelayer.emulator import Emulator, providers
from caudal_sandbox.truelayer.errors import AUTH, DATA, MOCK_ONLY, Problem, Refused
from caudal_sandbox.truelayer.signing import JWKS_PATH

BODY_MAX: Final = 65_536
_DATA: Final = "/data/v1/"
_CALLS: Final = {"/connect/token", "/connections/extend", "/api/delete"}
"""Beside data, what programs ask: people's pages and keys are spared."""
KINDS: Final = API_KINDS - {Kind.MUTATION, Kind.NOT_READY, Kind.REISSUED_IDS}
"""What can befall a call: an answer is whole, nothing is prepared, and which ids a bank gives is its own way."""
WEAK: Final = Weak(
    places={
        Kind.WRONG_TYPES: ("results/*/transaction_category", "results/*/update_timestamp"),
        Kind.ABSENT_OPTIONAL: ("results/*/merchant_name", "results/*/display_name"),
        Kind.UNKNOWN_ENUM: (
            "results/*/transaction_category",
            "results/*/account_type",
            "results/*/card_type",
        ),
        Kind.UNKNOWN_FIELD: ("results/*",),
        Kind.BOTH_CURRENCIES_NULL: ("results/*",),
    },
    currencies=("currency",),
)
_STRUCK: Final = {
    Kind.RATE_LIMITED: "provider_too_many_requests",
    Kind.SERVER_ERROR: "internal_server_error",
    Kind.INSTITUTION_DOWN: "provider_error",
}


class Api:
    """TrueLayer as an ASGI application. Below a prefix it needs `root_path` in the scope, as ASGI has it."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self.dialog = Dialog(emulator)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        connection = self._emulator.connections.known(_bearer(request))
        strikes = self._emulator.faults.strike(
            provider="truelayer",
            endpoint=path_of(scope),
            connection=connection.credentials_id if connection else None,
            kinds=KINDS if path_of(scope) in _CALLS or path_of(scope).startswith(_DATA) else (),
        )
        response = await before(strikes) or played(
            await self._answered(request, connection, strikes), strikes
        )
        await response(scope, receive, send)

    def _begun(self, request: Request) -> str:
        return self.dialog.page(self.dialog.open(dict(request.query_params), request.url.query))

    async def _answered(
        self, request: Request, connection: Connection | None, strikes: tuple[Strike, ...]
    ) -> Response:
        name = self._emulator.request_id()
        try:
            self._struck(connection, strikes)
            response = await self._response(request, strikes)
        except Refused as refusal:
            response = _json(refusal.body(), refusal.status)
        except Problem as problem:
            response = _json(problem.body(name), problem.status, "application/problem+json")
        limited, failing = first(strikes, Kind.RATE_LIMITED), first(strikes, Kind.SERVER_ERROR)
        if limited and (seconds := limited.fault.number("retry_after")):
            response.headers["Retry-After"] = str(seconds)
        if failing:
            response.status_code = failing.fault.number("status")
        response.headers["X-TL-Correlation-Id"] = name
        return response

    async def _response(self, request: Request, strikes: tuple[Strike, ...]) -> Response:
        path = path_of(request.scope)
        if path.startswith(_DATA):
            return self._data(request, path.removeprefix(_DATA), strikes)
        emulator, origin = self._emulator, str(request.base_url).rstrip("/")
        match request.method, path:
            case "GET", "/":
                return HTMLResponse(self._begun(request))
            case "GET", "/dialog":
                return HTMLResponse(self.dialog.page(request.query_params.get("session", "")))
            case "POST", _ if path == LOGIN:
                return RedirectResponse(self.dialog.submit(_texts(await _form(request))), 302)
            case "POST", "/connect/token":
                return _json(emulator.token(await _form(request)))
            case "POST", "/connections/extend":
                asked = await _form(request)

                def link(connection: Connection) -> str:
                    state = str(asked.get("state", ""))
                    return self.dialog.extension(connection, str(asked["redirect_uri"]), state, origin)

                return _json(emulator.extend(_bearer(request), asked, link))
            case "DELETE", "/api/delete":
                emulator.delete(_bearer(request))
                return Response(status_code=200)
            case "GET", "/api/providers":
                return _json(providers())
            case "GET", _ if path == JWKS_PATH:
                return _json(emulator.signer.jwks())
            case _:
                return Response(status_code=404)

    def _data(self, request: Request, path: str, strikes: tuple[Strike, ...]) -> Response:
        emulator, query = self._emulator, dict(request.query_params)
        connection = emulator.connections.by_access(_bearer(request))
        attended = "x-psu-ip" in request.headers
        if path.startswith("results/"):
            told = emulator.results(connection, path.removeprefix("results/"))
            status = 200
        elif query.get("async") == "true":
            origin = str(request.base_url).rstrip("/")
            told, status = emulator.begin(connection, path, query, origin, attended=attended), 202
        else:
            results = emulator.data(connection, path, query, attended=attended)
            told, status = {"results": results, "status": "Succeeded"}, 200
        for strike in strikes:
            if strike.kind in CONTENT and not corrupt(cast("Broken", told), strike, WEAK):
                emulator.faults.spare(strike)
        response = _json(told, status)
        response.headers["X-Credentials-Id"] = connection.credentials_id
        return response

    def _struck(self, connection: Connection | None, strikes: tuple[Strike, ...]) -> None:
        """What is refused, or befalls the consent, on purpose. Raises Refused."""
        for strike in strikes:
            if strike.kind is Kind.LOGIN_REQUIRED:
                if connection is None:
                    self._emulator.faults.spare(strike)
                else:
                    connection.expires_at = self._emulator.world.now
            elif strike.kind in _STRUCK:
                code = strike.fault.word("code") if strike.kind is not Kind.SERVER_ERROR else ""
                auth = connection is None
                raise Refused("internal_server_error" if auth else code or _STRUCK[strike.kind], auth=auth)


def check_code(fault: Fault) -> None:
    """Raises ValueError for a code that TrueLayer hasn't."""
    code = str(fault.params.get("code", ""))
    if code and code not in DATA | MOCK_ONLY | AUTH:
        raise ValueError(f"{fault.kind}: {code!r} is no error code of TrueLayer's")


def _bearer(request: Request) -> str:
    return request.headers.get("authorization", "").removeprefix("Bearer ")


async def _form(request: Request) -> dict[str, Any]:
    """A body of JSON, or of a form: both are taken."""
    raw = await request.body()
    if len(raw) > BODY_MAX:
        raise Refused("invalid_request", auth=True)
    if "json" not in request.headers.get("content-type", ""):
        return dict(parse_qsl(raw.decode("utf-8", "replace")))
    try:
        return msgspec.json.decode(raw, type=dict[str, Any])
    except msgspec.DecodeError:
        raise Refused("invalid_request", auth=True) from None


def _texts(form: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in form.items()}


def _json(told: object, status: int = 200, kind: str = "application/json") -> Response:
    return Response(_ENCODER.encode(told), status, media_type=kind)


_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
