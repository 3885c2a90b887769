"""Bitso as the sandbox's service holds it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from caudal_sandbox.bitso import answers
from caudal_sandbox.bitso.books import Books, Transfer
from caudal_sandbox.bitso.life import Life
from caudal_sandbox.bitso.signing import BitsoError, Key, admitted
from caudal_sandbox.bitso.webhooks import Notice, Signer
from caudal_sandbox.corruption import Json, Weak, corrupt
from caudal_sandbox.door import DoorRoute, Filling, answer, read
from caudal_sandbox.economy.movements import AccountId
from caudal_sandbox.emulators import Ground, Shown, WithoutWebhooks, path_of
from caudal_sandbox.faults import Fault, Kind, Strike
from caudal_sandbox.playing import API_KINDS, CONTENT, before, check_status, first, played
from caudal_sandbox.truth import MovementTruth

CLIENT_ID: Final = "482917"
KEY: Final = "CANARY-bitso-key"
SECRET: Final = "CANARY-bitso-secret-51d9"  # noqa: S105  of a customer that there isn't
LOCKED_FOR: Final = timedelta(minutes=1)
LIMIT_DEFAULT: Final = 25
LIMIT_MAX: Final = 100

STATUSES: Final = {"01": 500, "02": 401, "08": 420}
"""The HTTP status of a category of codes (contract §4); 400 where it says another or none."""
_CODE: Final = re.compile(r"(01|02|03|04|05|06|07|08|09|10|11|12|13|14|16|17)[0-9]{2}|104")
_BASE: Final = re.compile(r"^(/api)?/v3(?=/|$)")
"""Where Bitso's addresses begin, now and earlier (contract §1)."""
_STRUCK: Final = {
    Kind.RATE_LIMITED: "0801",
    Kind.SERVER_ERROR: "0101",
    Kind.INSTITUTION_DOWN: "1000",
    Kind.NOT_READY: "0377",
}
PLAYED: Final = API_KINDS - {Kind.REISSUED_IDS}
"""What can befall it: its ids stay what they are."""
WEAK: Final = Weak(
    places={
        Kind.WRONG_TYPES: (
            "payload/*/major",
            "payload/*/amount",
            "payload/*/balance_updates/*/amount",
            "payload/balances/*/total",
        ),
        Kind.ABSENT_OPTIONAL: (
            "payload/*/origin_id",
            "payload/*/method_name",
            "payload/balances/*/pending_deposit",
        ),
        Kind.UNKNOWN_ENUM: ("payload/*/status", "payload/*/side"),
        Kind.UNKNOWN_FIELD: ("payload/*", "payload"),
        Kind.BOTH_CURRENCIES_NULL: ("payload/*",),
    },
    currencies=("currency", "major_currency", "minor_currency"),
)
T = TypeVar("T")


class Options(msgspec.Struct, frozen=True):
    """How this Bitso is. `calls_per_minute`: more are answered 420, and then all for a minute; None: no limit.
    `ledger`: whether the deprecated /ledger answers. `takes_v1`: nonces of the old form, too. `pending_inside`: what is
    being paid out is in the total yet. `off_by`: what balances in pesos are more than all that happened.
    """

    calls_per_minute: int | None = None
    ledger: bool = True
    takes_v1: bool = False
    pending_inside: bool = False
    off_by: str = "0"


class Bitso(WithoutWebhooks):
    """One Bitso with one customer, whose key is `KEY`."""

    name = "bitso"
    prefix = "/bitso"

    def __init__(self, ground: Ground, options: Options | None = None) -> None:
        self.app: ASGIApp = self._answer
        self.options = options or Options()
        self.life = Life(ground.world.seed, CLIENT_ID, ground.world.begins)
        self.keys = {KEY: Key(KEY, SECRET, CLIENT_ID)}
        self.signer = Signer()
        self.door = (DoorRoute("POST", "/link/fields", self._fields),)
        self._ground = ground
        self._asked: list[datetime] = []
        self._locked_until: datetime | None = None

    @property
    def now(self) -> datetime:
        """By the world's clock."""
        return self._ground.world.now

    @property
    def books(self) -> Books:
        """Of the customer, by now."""
        return self.life.until(self.now)

    def check(self, fault: Fault) -> None:
        """Raises ValueError for a code that Bitso hasn't, an impossible status."""
        if (code := str(fault.params.get("code", ""))) and not _CODE.fullmatch(code):
            raise ValueError(f"{fault.kind}: {code!r} is no code of Bitso's")
        check_status(fault)

    def status(self) -> Mapping[str, object]:
        """Its customer's accounts, and what is wrong with the key."""
        return {"currencies": self.books.currencies(self.now), "trouble": self.keys[KEY].trouble}

    def shown(self) -> Iterator[Shown]:
        """One account for each currency that anything ever happened in, once its key was used."""
        books = self.books
        for currency in books.currencies(self.now) if self._linked else ():
            name = books.account(currency)
            yield Shown(CLIENT_ID, name, AccountId(name), self._ground.world.begins)

    def moved(self) -> Iterator[MovementTruth]:
        """Everything that happened on them."""
        return self.books.truth(self.now) if self._linked else iter(())

    @property
    def _linked(self) -> bool:
        return any(key.used for key in self.keys.values())

    async def _fields(self, request: Request) -> Response:
        """What its customer says who is asked for a key: one that is in order, whatever befell it."""
        asked = await read(request, Filling)
        self.keys[KEY].trouble = ""
        known = {"key": KEY, "secret": self.keys[KEY].secret}
        return answer({"values": {name: known[name] for name in asked.fields}})

    def happen(self) -> None:
        """This and that, now: paid in, bought, sold, paid out, and a payment that fails and comes back."""
        now, life = self.now, self.life
        life.until(now)
        life.transfer(now, "mxn", Decimal("750.25"), timedelta(minutes=2))
        life.trade(now, "btc_mxn", Decimal("0.00012345"), Decimal("1151234.56"))
        life.trade(now, "btc_mxn", Decimal("-0.00002345"), Decimal("1151200.01"))
        life.transfer(now, "btc", Decimal("-0.00003100"), timedelta(minutes=9))
        life.transfer(now, "mxn", Decimal("-25.00"), timedelta(hours=2), fails=True, compensated=True)
        life.transfer(now, "mxn", Decimal("-31.00"), timedelta(hours=2), fails=True)

    def hold(self, days: int = 3) -> Transfer:
        """A payment that takes days, begun now."""
        self.life.until(self.now)
        return self.life.transfer(self.now, "mxn", Decimal("-9.00"), timedelta(days=days))

    def notices(self, of: Transfer) -> list[Notice]:
        """The webhooks of a payment: one for each status so far."""
        moments = {each.status(at): at for each in (of,) for at in (of.at, min(self.now, of.ends_at))}
        event = "funding" if of.inward else "withdrawal"
        return [self.signer.notice(event, answers.transfer(of, at)) for at in moments.values()]

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        endpoint = _BASE.sub("", path_of(scope)).rstrip("/")
        strikes = self._ground.faults.strike(
            provider=self.name, endpoint=endpoint, connection=CLIENT_ID, kinds=PLAYED
        )
        response = await before(strikes)
        if response is None:
            body = await request.body()
            response = played(self._response(request, endpoint, body, strikes), strikes)
        await response(scope, receive, send)

    def _response(
        self, request: Request, endpoint: str, body: bytes, strikes: tuple[Strike, ...]
    ) -> Response:
        try:
            told: Json = {"success": True, "payload": self._payload(request, endpoint, body, strikes)}
        except BitsoError as error:
            return _refused(str(error), strikes)
        except LookupError:
            return Response(b"<html><body>404 Not Found</body></html>", 404, media_type="text/html")
        for strike in strikes:
            if strike.kind in CONTENT and not corrupt(told, strike, WEAK):
                self._ground.faults.spare(strike)
        return Response(msgspec.json.encode(told), media_type="application/json")

    def _payload(self, request: Request, endpoint: str, body: bytes, strikes: tuple[Strike, ...]) -> Json:
        asked = request.query_params
        if (public := self._public(endpoint, asked)) is not None:
            return public
        self._count()
        for strike in strikes:
            self._befall(strike, endpoint)
        admitted(
            self.keys,
            request.headers.get("authorization", ""),
            request.method,
            _targets(request.scope),
            body,
            now=(self._ground.clock(), self.now),
            takes_v1=self.options.takes_v1,
        )
        return self._private(endpoint.strip("/").split("/"), asked)

    def _public(self, endpoint: str, asked: Mapping[str, str]) -> Json:
        match endpoint.strip("/").split("/"):
            case ["available_books"]:
                return answers.available_books()
            case ["catalogues"]:
                return answers.catalogues()
            case ["ticker"] if "book" not in asked:
                return [answers.ticker(book, self.now) for book in answers.BOOKS]
            case ["ticker"] if asked["book"] in answers.BOOKS:
                return answers.ticker(asked["book"], self.now)
            case ["ticker"]:
                raise BitsoError("0301")
            case ["webhooks", "public-key"]:
                return [self.signer.public]
        return None

    def _private(self, parts: Sequence[str], asked: Mapping[str, str]) -> Json:
        books, now = self.books, self.now
        match parts:
            case ["account_status"]:
                return answers.account_status(CLIENT_ID)
            case ["balance"]:
                unexplained = {"mxn": Decimal(self.options.off_by)}
                inside = self.options.pending_inside
                return answers.balances(books, now, pending_inside=inside, unexplained=unexplained)
            case ["fees"]:
                return answers.fees()
            case ["user_trades", *names]:
                return self._trades(books, names, asked)
            case ["order_trades", oid]:
                return [answers.trade(each) for each in books.traded(now) if each.oid == oid]
            case ["fundings" | "withdrawals" as what, *names]:
                return self._transfers(books, what == "fundings", names, asked)
            case ["ledger", *operation] if self.options.ledger:
                return self._ledger(books, operation, asked)
            case ["open_orders"]:
                return []
        raise KeyError(parts[0])

    def _trades(self, books: Books, names: list[str], asked: Mapping[str, str]) -> Json:
        there = books.traded(self.now)
        if names:
            wanted = names[0].split("-")
            found = [each for each in there if str(each.tid) in wanted]
            if len(wanted) > 3 or len(found) < len(wanted):
                raise BitsoError("0321")
            return [answers.trade(each) for each in found]
        if book := asked.get("book"):
            there = [each for each in there if each.book == book]
        by_name = [(str(each.tid), each) for each in sorted(there, key=lambda each: each.tid)]
        return [answers.trade(each) for each in _page(by_name, asked)]

    def _transfers(self, books: Books, inward: bool, names: list[str], asked: Mapping[str, str]) -> Json:  # noqa: FBT001
        """A single one comes in a list, too. There is no word for another order than newest first."""
        there = books.of(self.now, inward=inward)
        wanted = names or [
            each for each in asked.get("fids" if inward else "origin_ids", "").split(",") if each
        ]
        if wanted:
            found = [each for each in there if each.ident in wanted]
            if names and not found:
                raise BitsoError("0311" if inward else "0310")
            return [answers.transfer(each, self.now) for each in found]
        if method := asked.get("method"):
            there = [each for each in there if each.method == method]
        if status := asked.get("status"):
            there = [each for each in there if each.status(self.now) == status]
        by_name = [(each.ident, each) for each in there]
        page = _page(by_name, {name: value for name, value in asked.items() if name != "sort"})
        return [answers.transfer(each, self.now) for each in page]

    def _ledger(self, books: Books, operation: Sequence[str], asked: Mapping[str, str]) -> Json:
        wanted = operation[0].removesuffix("s") if operation else ""
        there = [each for each in books.entries(self.now) if wanted in ("", each.operation)]
        return [answers.entry(each) for each in _page([(answers.eid(each), each) for each in there], asked)]

    def _count(self) -> None:
        """Raises BitsoError where there were too many calls, and for a minute after that."""
        limit, now = self.options.calls_per_minute, self._ground.clock()
        if limit is None:
            return
        if self._locked_until and now < self._locked_until:
            raise BitsoError("0801")
        self._asked = [at for at in self._asked if now - at < LOCKED_FOR]
        if len(self._asked) >= limit:
            self._locked_until = now + LOCKED_FOR
            raise BitsoError("0801")
        self._asked.append(now)

    def _befall(self, strike: Strike, endpoint: str) -> None:
        match strike.kind:
            case Kind.LOGIN_REQUIRED:
                self.keys[KEY].trouble = strike.fault.word("code") or "0202"
            case Kind.NOT_READY if not endpoint.startswith("/user_trades"):
                self._ground.faults.spare(strike)
            case Kind.MUTATION:
                self.life.until(self.now)
                self.life.trade(self.now, "eth_mxn", Decimal("0.00010000"), Decimal("61000.00"))
            case kind if kind in _STRUCK:
                raise BitsoError(str(strike.fault.params.get("code", "")) or _STRUCK[kind])
            case _:
                return


def _page(there: Sequence[tuple[str, T]], asked: Mapping[str, str]) -> list[T]:
    """`limit` of them, strictly after `marker` in the direction of `sort` (contract §5). Raises BitsoError."""
    limit = asked.get("limit", str(LIMIT_DEFAULT))
    sort = asked.get("sort", "desc")
    if not limit.isdigit() or not 1 <= int(limit) <= LIMIT_MAX or sort not in {"asc", "desc"}:
        raise BitsoError("0320")
    ordered = list(there) if sort == "asc" else list(reversed(there))
    if marker := asked.get("marker"):
        names = [name for name, _ in ordered]
        if marker not in names:
            raise BitsoError("0320")
        ordered = ordered[names.index(marker) + 1 :]
    return [each for _, each in ordered[: int(limit)]]


def _targets(scope: Scope) -> list[str]:
    """What may be signed: the path as it is, or as it would be at a host of Bitso's own, without our prefix."""
    query = f"?{scope['query_string'].decode('ascii')}" if scope["query_string"] else ""
    whole = scope["raw_path"].decode("ascii")
    return [f"{whole}{query}", f"{whole.removeprefix(scope.get('root_path', ''))}{query}"]


def _refused(code: str, strikes: tuple[Strike, ...]) -> Response:
    status, head = STATUSES.get(code[:2], 400), {}
    failing, limited = first(strikes, Kind.SERVER_ERROR), first(strikes, Kind.RATE_LIMITED)
    if code == "0101" and failing:
        status = failing.fault.number("status")
    if limited and (seconds := limited.fault.number("retry_after")):
        head["Retry-After"] = str(seconds)
    told = {"success": False, "error": {"code": int(code) if code == "104" else code, "message": "refused"}}
    return Response(msgspec.json.encode(told), status, head, media_type="application/json")
