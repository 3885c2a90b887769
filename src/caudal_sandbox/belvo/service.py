"""Belvo as the sandbox's service holds it: its API and its widget below one prefix, its part of the control door."""

import asyncio
import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, cast
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from caudal_sandbox.belvo import investments, records, widget
from caudal_sandbox.belvo.api import Asked, Told, respond
from caudal_sandbox.belvo.door import Door
from caudal_sandbox.belvo.emulator import DELAY, Emulator, Options
from caudal_sandbox.belvo.errors import CODES, THROTTLED, BelvoError
from caudal_sandbox.belvo.links import SOON, Link
from caudal_sandbox.belvo.views import invested, link_views, moving
from caudal_sandbox.corruption import Json, Weak, corrupt
from caudal_sandbox.courier import Posting
from caudal_sandbox.door import DoorRoute
from caudal_sandbox.economy.movements import AccountId
from caudal_sandbox.emulators import Ground, Shown, path_of
from caudal_sandbox.faults import Fault, Kind, Strike
from caudal_sandbox.playing import API_KINDS, CONTENT, before, check_status, first, played
from caudal_sandbox.truth import MovementTruth

WEAK: Final = Weak(
    places={
        Kind.WRONG_TYPES: ("results/*/amount", "results/*/balance"),
        Kind.ABSENT_OPTIONAL: ("results/*/description", "results/*/name"),
        Kind.UNKNOWN_ENUM: ("results/*/type", "results/*/category"),
        Kind.UNKNOWN_FIELD: ("results/*",),
        Kind.BOTH_CURRENCIES_NULL: ("results/*",),
    },
    currencies=("currency",),
)
BODY_MAX: Final = 1_048_576
_STRUCK: Final = {
    Kind.RATE_LIMITED: THROTTLED,
    Kind.SERVER_ERROR: "unexpected_error",
    Kind.INSTITUTION_DOWN: "institution_down",
}
_LISTS: Final = ("/api/accounts/", "/api/transactions/")
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
_DECODER: Final = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)


class Belvo(Posting):
    """One Belvo over the world."""

    name = "belvo"
    prefix = "/belvo"

    def __init__(self, ground: Ground, options: Options | None = None) -> None:
        self.emulator = Emulator(ground, options or Options())
        self.courier = self.emulator.courier
        self.app: ASGIApp = self._answer
        self.door: Sequence[DoorRoute] = Door(self.emulator, self._wait_for_history).routes
        self._pause = DELAY * ground.time_scale.numerator / ground.time_scale.denominator
        self._tasks: set[asyncio.Task[None]] = set()

    def check(self, fault: Fault) -> None:
        """Raises ValueError for a code Belvo doesn't know, an impossible status."""
        if (code := str(fault.params.get("code", ""))) and code not in CODES:
            raise ValueError(f"{fault.kind}: {code!r} is no error code of Belvo's")
        check_status(fault)

    def status(self) -> Mapping[str, object]:
        """Its links, and the fate of its webhooks."""
        return {"links": len(self.emulator.links), "webhooks": self.emulator.courier.counts}

    def shown(self) -> Iterator[Shown]:
        """The accounts of its links; and the login's investments, whose movements are its own."""
        begins = self.emulator.world.begins
        for link in self.emulator.links.values():
            since = max(begins, self.emulator.since(link))
            told = {view.terms.id for view in moving(self.emulator.world, link)}
            for view in link_views(self.emulator.world, link):
                terms = view.terms
                reference = terms.number if link.bank.legacy else records.internal_account(terms)
                yield Shown(link.id, reference, terms.id, since, told=terms.id in told)
            if invested(self.emulator.world, link):
                yield Shown(link.id, link.person, _investments(link), since, pending=False)

    def moved(self) -> Iterator[MovementTruth]:
        """What went into positions and came out of them, from their side."""
        people: set[str] = set()
        for link in self.emulator.links.values():
            if link.person not in people:
                people.add(link.person)
                yield from self._moved(link)

    def _moved(self, link: Link) -> Iterator[MovementTruth]:
        at = link.collected_at
        for view in invested(self.emulator.world, link):
            for each in investments.trades(view, at, self.emulator.since(link)):
                movement = each.movement
                yield MovementTruth(
                    id=f"belvo:{movement.id}",
                    account=_investments(link),
                    currency=movement.currency,
                    amount=f"{-each.amount:f}",
                    state=each.state,
                    kind=movement.kind,
                    rail=movement.rail,
                    authorized_on=movement.authorized_on,
                    booked_on=each.on,
                    occurred_at=movement.occurred_at,
                    seen_at=each.since,
                    ended_at=movement.ends_at,
                    text=each.text,
                )

    def deadlines(self, after: datetime, until: datetime) -> Sequence[datetime]:
        """When consents end, and when it is said that they will."""
        ends = [
            link.consent.ends for link in self.emulator.links.values() if link.consent and link.consent.ends
        ]
        return [at for end in ends for at in (end - SOON, end) if after < at <= until]

    def go_on(self) -> Iterator[object]:
        """It goes to the banks that are due."""
        return self.emulator.go_on()

    def flush(self) -> None:
        """Send what waits."""
        self.emulator.hooks.flush()

    async def aclose(self) -> None:
        """Send no more."""
        for task in self._tasks:
            task.cancel()
        await super().aclose()

    # The API and the widget

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        raw = await request.body()
        links = len(self.emulator.links)
        if path_of(scope).startswith(widget.PATH):
            response = self._widget(request, raw)
        else:
            asked = _asked(request, raw)
            strikes = self.emulator.faults.strike(
                provider=self.name, endpoint=asked.path, connection=_link_of(asked), kinds=API_KINDS
            )
            response = await before(strikes) or played(self._response(asked, strikes), strikes)
        if len(self.emulator.links) > links:
            self._wait_for_history()
        self.flush()
        await response(scope, receive, send)

    def _response(self, asked: Asked, strikes: tuple[Strike, ...]) -> Response:
        emulator = self.emulator
        request_id = emulator.name("request")
        try:
            self._befall(asked, strikes)
            status, told = respond(emulator, asked)
        except BelvoError as error:
            return self._refused(error, request_id, strikes)
        for strike in strikes:
            self._spoil(asked, told, strike)
        body = b"" if told is None else _ENCODER.encode(told)
        return Response(body, status, {"X-Request-Id": request_id}, media_type="application/json")

    def _befall(self, asked: Asked, strikes: tuple[Strike, ...]) -> None:
        """What is refused, or befalls the link, on purpose. Raises BelvoError."""
        for strike in strikes:
            link = self.emulator.links.get(_link_of(asked) or "")
            if strike.kind in _STRUCK:
                code = "" if strike.kind is Kind.SERVER_ERROR else strike.fault.word("code")
                raise BelvoError(code if code in CODES else _STRUCK[strike.kind])
            if strike.kind in {Kind.LOGIN_REQUIRED, Kind.REISSUED_IDS} and link is None:
                self.emulator.faults.spare(strike)
            elif strike.kind is Kind.LOGIN_REQUIRED and link is not None:
                self.emulator.break_login(link)
            elif strike.kind is Kind.REISSUED_IDS and link is not None:
                link.issue += 1
                self.emulator.collect(link)

    def _spoil(self, asked: Asked, told: Told, strike: Strike) -> None:
        """A right answer that isn't quite."""
        page = told if isinstance(told, dict) and "results" in told else None
        rows = page.get("results") if page else None
        spared = False
        match strike.kind:
            case Kind.NOT_READY:
                spared = page is None or not rows or asked.path not in _LISTS
                if page is not None and not spared:
                    page |= {"count": 0, "next": None, "results": []}
            case Kind.MUTATION:
                spared = page is None or not page.get("previous") or not isinstance(rows, list)
                if page is not None and isinstance(rows, list) and not spared:
                    page |= {"count": cast(int, page["count"]) - 1, "results": rows[1:]}
            case kind if kind in CONTENT:
                spared = page is None or not corrupt(cast("Json", page), strike, WEAK)
        if spared:
            self.emulator.faults.spare(strike)

    def _refused(self, error: BelvoError, request_id: str, strikes: tuple[Strike, ...]) -> Response:
        status, heads = error.status, {"X-Request-Id": request_id}
        failing, limited = first(strikes, Kind.SERVER_ERROR), first(strikes, Kind.RATE_LIMITED)
        if failing and error.code == "unexpected_error":
            status = failing.fault.number("status")
        if limited and (seconds := limited.fault.number("retry_after")):
            heads["Retry-After"] = str(seconds)
        body = _ENCODER.encode(error.body(request_id))
        return Response(body, status, heads, media_type="application/json")

    def _widget(self, request: Request, raw: bytes) -> Response:
        try:
            if request.method == "POST":
                return RedirectResponse(widget.submitted(self.emulator, dict(parse_qsl(raw.decode()))), 302)
            return HTMLResponse(widget.page(self.emulator, dict(request.query_params)))
        except BelvoError as error:
            return HTMLResponse(f"<!doctype html><p>{error.words}", error.status)

    def _wait_for_history(self) -> None:
        """Histories become ready by themselves: what there is to say is said then."""

        async def wait() -> None:
            for _ in range(12):
                await asyncio.sleep(self._pause.total_seconds())
                for link in self.emulator.links.values():
                    self.emulator.tell_ready(link)
                self.flush()

        task = asyncio.get_running_loop().create_task(wait())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _asked(request: Request, raw: bytes) -> Asked:
    try:
        body = _DECODER.decode(raw) if raw else {}
    except msgspec.DecodeError:
        body = {}
    path = path_of(request.scope)
    return Asked(
        request.method,
        path,
        dict(request.query_params),
        body,
        _keys(request.headers.get("authorization", "")),
        str(request.url.replace(query="")),
        request.headers.get("x-belvo-request-mode") == "async",
    )


def _keys(header: str) -> tuple[str, str]:
    """The pair of HTTP Basic; empty where there is none."""
    kind, _, coded = header.partition(" ")
    if kind.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(coded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return user, password


def _link_of(asked: Asked) -> str | None:
    """The link a call is for, as far as it says so itself."""
    parts = asked.path.split("/")
    if asked.path.startswith("/api/links/") and len(parts) > 4:
        return parts[3]
    named = asked.query.get("link") or asked.body.get("link")
    return str(named) if named else None


def _investments(link: Link) -> AccountId:
    return AccountId(f"belvo:{link.person}")
