"""Brook's API over the simulated world, as its (made-up) contract has it.

``X-Api-Key`` with every call. ``GET /accounts``: the customer and the accounts, with what stands on each at the end of
`day`. ``GET /movements?account=…&from=…&to=…``: what is booked on those days. Amounts are decimal text, negative = out.
A refusal is ``{"error": code}``.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from http import HTTPStatus
from typing import Final, cast

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from caudal_sandbox.corruption import Json, Weak, corrupt
from caudal_sandbox.economy.accounts import AccountKind
from caudal_sandbox.economy.movements import AccountId, State
from caudal_sandbox.emulators import Ground, OverBanks, Shown, WithoutWebhooks, path_of
from caudal_sandbox.faults import Fault, Kind, Strike
from caudal_sandbox.playing import API_KINDS, CONTENT, before, check_status, played
from caudal_sandbox.world import World

CUSTOMER: Final = "person-1"
KINDS: Final = {AccountKind.CHECKING, AccountKind.SAVINGS, AccountKind.CARD}
REFUSALS: Final = {
    "bad_key": 401,
    "sign_in_again": 403,
    "key_withdrawn": 410,
    "bad_request": 400,
    "not_found": 404,
    "preparing": 409,
    "slow_down": 429,
    "broken": 500,
    "bank_down": 503,
}
"""Every code of the contract, and its status."""
_STRUCK: Final = {
    Kind.RATE_LIMITED: "slow_down",
    Kind.SERVER_ERROR: "broken",
    Kind.INSTITUTION_DOWN: "bank_down",
    Kind.NOT_READY: "preparing",
}
WEAK: Final = Weak(
    places={
        Kind.WRONG_TYPES: ("movements/*/amount", "accounts/*/balance"),
        Kind.ABSENT_OPTIONAL: ("movements/*/text", "accounts/*/name"),
        Kind.UNKNOWN_ENUM: ("accounts/*/kind",),
        Kind.UNKNOWN_FIELD: ("movements/*", "accounts/*"),
        Kind.BOTH_CURRENCIES_NULL: ("accounts/*",),
    },
    currencies=("currency",),
)


class BrookError(Exception):
    """A refusal, by its code."""


class Brook(OverBanks, WithoutWebhooks):
    """One Brook. `key` is the one it takes; `trouble` what it says to it instead of an answer."""

    name = "brook"
    prefix = "/brook"

    def __init__(self, ground: Ground) -> None:
        self.app: ASGIApp = self._answer
        self.key = "CANARY-brook-key-1"
        self.trouble = ""
        self._ground = ground
        self._issue = 1

    def check(self, fault: Fault) -> None:
        """Raises ValueError for a code that Brook hasn't, an impossible status."""
        if (code := str(fault.params.get("code", ""))) and code not in REFUSALS:
            raise ValueError(f"{fault.kind}: {code!r} is no code of Brook's")
        check_status(fault)

    def status(self) -> Mapping[str, object]:
        """What is wrong with its customer."""
        return {"trouble": self.trouble}

    def shown(self) -> Iterator[Shown]:
        """Its one customer's accounts, under the world's own names."""
        for account in self._accounts():
            yield Shown(CUSTOMER, account, account, self._world.begins, pending=False)

    @property
    def _world(self) -> World:
        return self._ground.world

    def _accounts(self) -> list[AccountId]:
        holder = self._world.person(CUSTOMER)
        return [account.id for account in holder.accounts if account.kind in KINDS]

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        strikes = self._ground.faults.strike(
            provider=self.name, endpoint=path_of(scope), connection=CUSTOMER, kinds=API_KINDS
        )
        response = await before(strikes) or played(self._response(request, strikes), strikes)
        await response(scope, receive, send)

    def _response(self, request: Request, strikes: tuple[Strike, ...]) -> Response:
        try:
            told = self._told(request, strikes)
        except BrookError as error:
            return self._refused(str(error), strikes)
        for strike in strikes:
            if strike.kind in CONTENT and not corrupt(cast("Json", told), strike, WEAK):
                self._ground.faults.spare(strike)
        return Response(msgspec.json.encode(told), media_type="application/json")

    def _told(self, request: Request, strikes: tuple[Strike, ...]) -> dict[str, object]:
        for strike in strikes:
            if strike.kind in _STRUCK:
                raise BrookError(strike.fault.params.get("code", "") or _STRUCK[strike.kind])
            self._befall(strike)
        if request.headers.get("x-api-key") != self.key:
            raise BrookError("bad_key")
        if self.trouble:
            raise BrookError(self.trouble)
        match path_of(request.scope):
            case "/accounts":
                return {"customer": CUSTOMER, "accounts": [self._account(each) for each in self._accounts()]}
            case "/movements":
                return {"movements": self._movements(request.query_params)}
            case _:
                raise BrookError("not_found")

    def _befall(self, strike: Strike) -> None:
        match strike.kind:
            case Kind.LOGIN_REQUIRED:
                self.trouble = "sign_in_again"
            case Kind.REISSUED_IDS:
                self._issue += 1
            case Kind.MUTATION:  # an answer is whole: there is nothing between two pages
                self._ground.faults.spare(strike)
            case _:
                return

    def _account(self, account: AccountId) -> dict[str, object]:
        view = self._world.account(account)
        terms = view.terms
        return {
            "id": account,
            "name": terms.product.value,
            "kind": terms.kind.value,
            "currency": terms.currency,
            "balance": f"{view.booked():f}",
            "day": self._world.now.date().isoformat(),
        }

    def _movements(self, asked: Mapping[str, str]) -> list[dict[str, object]]:
        try:
            account = AccountId(asked["account"])
            first, last = date.fromisoformat(asked["from"]), date.fromisoformat(asked["to"])
            view = self._world.account(account)
        except (KeyError, ValueError):
            raise BrookError("bad_request") from None
        return [
            {
                "id": f"{each.movement.id}#{self._issue}",
                "day": each.on.isoformat(),
                "amount": f"{each.amount:f}",
                "text": each.text,
            }
            for each in view.movements()
            if each.state is State.BOOKED and first <= each.on <= last
        ]

    def _refused(self, code: str, strikes: tuple[Strike, ...]) -> Response:
        struck = {strike.kind: strike.fault for strike in strikes}
        status, head = REFUSALS[code], {}
        if code == "broken" and Kind.SERVER_ERROR in struck:
            status = struck[Kind.SERVER_ERROR].number("status")
        if Kind.RATE_LIMITED in struck and (seconds := struck[Kind.RATE_LIMITED].number("retry_after")):
            head["Retry-After"] = str(seconds)
        return Response(
            msgspec.json.encode({"error": code}), HTTPStatus(status), head, media_type="application/json"
        )
