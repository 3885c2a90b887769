"""The sandbox's own door, for those who run it: the clock, the truth, deeds, faults, and a person at the bank's page.

Everything under ``/_sandbox/``, JSON, from this machine alone. It asks the emulators for nothing that a provider's
client could not have caused, and its answers are no provider's.
"""

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date, datetime, timedelta
from http import HTTPStatus
from itertools import islice
from typing import Final, TypeVar
from urllib.parse import urlsplit

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Mount, Route

from caudal_sandbox.economy.accounts import Account
from caudal_sandbox.economy.movements import AccountId, Movement, MovementId
from caudal_sandbox.faults import Fault, Faults
from caudal_sandbox.plaid import trouble
from caudal_sandbox.plaid.emulator import Emulator
from caudal_sandbox.plaid.errors import PlaidError, described
from caudal_sandbox.plaid.items import Item
from caudal_sandbox.plaid.person import Person, walk
from caudal_sandbox.plaid.records.accounts import AccountType, has_transactions, type_of
from caudal_sandbox.truth import truth_of
from caudal_sandbox.world import World

PREFIX: Final = "/_sandbox"
BODY_MAX: Final = 1_048_576
TRUTH_CHUNK: Final = 500
"""Records of the truth between two turns for everybody else."""
JOURNAL_SHOWN_MAX: Final = 1_000

Asked = TypeVar("Asked")
Handler = Callable[[Request], Awaitable[Response]]

_ENCODER: Final = msgspec.json.Encoder()


class _Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every request refuses: fields it doesn't know."""


class Advance(_Asked, frozen=True, kw_only=True):
    """How far the clock moves: by days, hours and minutes, or to an instant."""

    days: int = 0
    hours: int = 0
    minutes: int = 0
    to: datetime | None = None


class Deed(_Asked, frozen=True, kw_only=True):
    """Something done to an account now. Amounts are signed minor units, negative = out of the account."""

    def done(self, world: World) -> Movement:
        """Do it. Raises ValueError or KeyError where the world can't let it happen."""
        raise NotImplementedError


class Authorise(Deed, frozen=True, kw_only=True):
    """It shows as pending, until it is settled or released."""

    account: AccountId
    minor: int
    text: str
    on: date | None = None

    def done(self, world: World) -> Movement:
        return world.authorise(self.account, self.minor, self.text, on=self.on)


class Book(Deed, frozen=True, kw_only=True):
    """It is booked at once."""

    account: AccountId
    minor: int
    text: str
    on: date | None = None
    authorized_on: date | None = None

    def done(self, world: World) -> Movement:
        return world.book(self.account, self.minor, self.text, on=self.on, authorized_on=self.authorized_on)


class Settle(Deed, frozen=True, kw_only=True):
    """What `authorise` made books, with another amount where one is given."""

    movement: MovementId
    minor: int | None = None
    on: date | None = None

    def done(self, world: World) -> Movement:
        return world.settle(self.movement, minor=self.minor, on=self.on)


class Release(Deed, frozen=True, kw_only=True):
    """What `authorise` made lapses."""

    movement: MovementId

    def done(self, world: World) -> Movement:
        return world.release(self.movement)


class Amend(Deed, frozen=True, kw_only=True):
    """The bank changes an amount."""

    movement: MovementId
    minor: int

    def done(self, world: World) -> Movement:
        return world.amend(self.movement, self.minor)


DEEDS: Final[dict[str, type[Deed]]] = {
    "authorise": Authorise,
    "book": Book,
    "settle": Settle,
    "release": Release,
    "amend": Amend,
}


class Control:
    """The door of one sandbox. `advance` may be used from Python too, on the loop's thread."""

    def __init__(self, world: World, faults: Faults, plaid: Emulator) -> None:
        self._world = world
        self._faults = faults
        self._plaid = plaid
        self._moving = asyncio.Lock()
        routes: list[tuple[str, str, Handler]] = [
            ("GET", "/status", self._status),
            ("POST", "/advance", self._advance),
            ("GET", "/truth", self._truth),
            ("GET", "/faults", self._faults_list),
            ("POST", "/faults", self._faults_add),
            ("DELETE", "/faults", self._faults_clear),
            ("DELETE", "/faults/{id:int}", self._faults_remove),
            ("POST", "/world/{deed}", self._deed),
            ("GET", "/plaid/items", self._items),
            ("POST", "/plaid/items/{item_id}/{what}", self._item),
            ("POST", "/plaid/link/finish", self._link_finish),
            ("GET", "/plaid/webhooks", self._webhooks),
            ("POST", "/plaid/webhooks/settled", self._webhooks_settled),
            ("POST", "/plaid/keys/rotate", self._keys_rotate),
        ]
        self.app = Starlette(
            routes=[
                Mount(
                    PREFIX,
                    routes=[
                        Route(path, _door(handler), methods=[method]) for method, path, handler in routes
                    ],
                )
            ]
        )

    async def advance(self, by: timedelta = timedelta(), *, to: datetime | None = None) -> int:
        """Move the clock on by so much, or to an instant: Plaid goes to every bank then, and whenever a login or a
        consent ends on the way. Done when every webhook this causes was tried once. How often it went to the banks.

        Raises ValueError for an instant that has been, or lies beyond the world's end.
        """
        async with self._moving:
            until = self._world.now + by if to is None else to
            stops = [*self._plaid.deadlines(self._world.now, until), until]
            for nth, stop in enumerate(stops):
                # While others had their turn a deed may have moved the clock a moment beyond a later stop.
                self._world.advance_to(max(stop, self._world.now) if nth else stop)
                for _ in self._plaid.go_on():
                    self._plaid.flush()
                    await asyncio.sleep(0)
            await self._plaid.courier.attempted()
        return len(stops)

    async def _status(self, _request: Request) -> Response:
        world, courier = self._world, self._plaid.courier
        return _json(
            {
                "seed": world.seed,
                "now": world.now,
                "begins": world.begins,
                "holders": len(world.holders),
                "plaid": {
                    "items": len(self._plaid.items),
                    "webhooks": courier.counts,
                    "limits": self._plaid.limits.regime,
                },
                "faults": {"in_wait": len(self._faults.list()), "struck": self._faults.struck},
            }
        )

    async def _advance(self, request: Request) -> Response:
        asked = await _read(request, Advance)
        by = timedelta(days=asked.days, hours=asked.hours, minutes=asked.minutes)
        if asked.to is not None and by:
            raise ValueError("either `to`, or days, hours and minutes: not both")
        rounds = await self.advance(by, to=asked.to and _aware(asked.to))
        return _json({"now": self._world.now, "rounds": rounds})

    async def _truth(self, request: Request) -> Response:
        said = request.query_params.get("as_of")
        as_of = self._world.moment(_aware(datetime.fromisoformat(said)) if said else None)

        async def lines() -> AsyncIterator[bytes]:
            records = truth_of(self._world, as_of)
            while chunk := list(islice(records, TRUTH_CHUNK)):
                yield b"".join(_ENCODER.encode(record) + b"\n" for record in chunk)
                await asyncio.sleep(0)

        return StreamingResponse(lines(), media_type="application/jsonl")

    async def _faults_list(self, _request: Request) -> Response:
        return _json(self._faults.list())

    async def _faults_add(self, request: Request) -> Response:
        fault = await _read(request, Fault)
        trouble.check(fault)
        return _json({"id": self._faults.add(fault)}, HTTPStatus.CREATED)

    async def _faults_clear(self, _request: Request) -> Response:
        self._faults.clear()
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def _faults_remove(self, request: Request) -> Response:
        self._faults.remove(request.path_params["id"])
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def _deed(self, request: Request) -> Response:
        """Something is done to an account now. Providers learn of it when they next go to the bank."""
        name = request.path_params["deed"]
        if name not in DEEDS:
            raise KeyError(f"no deed is called {name}: {', '.join(DEEDS)} are")
        deed = await _read(request, DEEDS[name])
        return _json(_told(deed.done(self._world)))

    async def _items(self, _request: Request) -> Response:
        return _json([_item_told(item, self._world) for item in self._plaid.items])

    async def _item(self, request: Request) -> Response:
        plaid = self._plaid
        item = plaid.items.by_id(request.path_params["item_id"])
        match request.path_params["what"]:
            case "reset_login":
                plaid.break_login(item, "ITEM_LOGIN_REQUIRED")
            case "repair":
                plaid.log_in_again(item)
            case "revoke":
                plaid.revoke(item)
            case "reissue":
                item.reissue()
            case "touch":
                item.touch()
            case "update":
                plaid.notify(item, item.update(plaid))
            case what:
                raise KeyError(
                    f"nothing is called {what}: reset_login, repair, revoke, reissue, touch, update are"
                )
        plaid.flush()
        await plaid.courier.attempted()
        return _json(_item_told(item, self._world))

    async def _link_finish(self, request: Request) -> Response:
        seen = walk(self._plaid, await _read(request, Person))
        self._plaid.flush()
        await self._plaid.courier.attempted()
        return _json(seen)

    async def _webhooks(self, _request: Request) -> Response:
        journal = self._plaid.courier.journal
        return _json(
            [
                {
                    "number": each.number,
                    "url": each.hook.url,
                    "key": each.hook.key,
                    "item_id": each.hook.item_id,
                    "fate": each.fate,
                    "guise": each.guise,
                    "attempts": each.attempts,
                }
                for each in islice(journal, max(0, len(journal) - JOURNAL_SHOWN_MAX), None)
            ]
        )

    async def _webhooks_settled(self, _request: Request) -> Response:
        """Answers when nothing is on its way any more: with real waits that may be a day."""
        await self._plaid.courier.settled()
        return _json(self._plaid.courier.counts)

    async def _keys_rotate(self, _request: Request) -> Response:
        return _json({"key_id": self._plaid.keys.rotate()})


def _door(handler: Handler) -> Handler:
    """`handler` for callers of this machine, its errors told as JSON."""

    async def guarded(request: Request) -> Response:
        if not _is_near(request):
            return _json({"error": "the sandbox is run from its own machine alone"}, HTTPStatus.FORBIDDEN)
        try:
            return await handler(request)
        except PlaidError as error:
            return _json({"error": str(error), "plaid": described(error)}, HTTPStatus.BAD_REQUEST)
        except KeyError as error:
            return _json({"error": str(error.args[0])}, HTTPStatus.NOT_FOUND)
        except (ValueError, msgspec.ValidationError) as error:
            return _json({"error": str(error)}, HTTPStatus.BAD_REQUEST)

    return guarded


def _is_near(request: Request) -> bool:
    """Whether the caller, the name it called us by and the page it calls from, if it is one, are of this machine: any
    page in a browser can reach a port of it, under a name of its own too."""
    host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    origin = request.headers.get("origin")
    near = origin is None or _is_loopback(urlsplit(origin).hostname or "")
    return near and _is_loopback(host) and request.client is not None and _is_loopback(request.client.host)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _aware(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError(f"{instant.isoformat()} names no zone: an instant needs one, such as Z")
    return instant


async def _read(request: Request, into: type[Asked]) -> Asked:
    """The body as what it must be. Raises ValueError that says what is wrong with it."""
    read = bytearray()
    async for chunk in request.stream():
        read += chunk
        if len(read) > BODY_MAX:
            raise ValueError(f"the body is longer than {BODY_MAX} bytes")
    return msgspec.json.decode(bytes(read) or b"{}", type=into)


def _json(told: object, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(_ENCODER.encode(told), status, media_type="application/json")


def _has_movements(item: Item, account: Account) -> bool:
    """Whether Plaid tells the account's movements to the item's client."""
    if type_of(account) is AccountType.INVESTMENT:
        return "investments" in {*item.products, *item.consented_products}
    return has_transactions(account)


def _told(movement: Movement) -> dict[str, object]:
    return {
        "movement": movement.id,
        "account": movement.account,
        "held_minor": movement.held_minor,
        "settled_minor": movement.settled_minor,
        "authorized_on": movement.authorized_on,
        "booked_on": movement.booked_on,
        "text": movement.text,
    }


def _item_told(item: Item, world: World) -> dict[str, object]:
    """Which account of the world each of its accounts is, whether its movements are told, and whether also those that
    are pending (of investments only what is settled): for judging a ledger. No token."""
    return {
        "item_id": item.item_id,
        "client_id": item.client_id,
        "institution_id": item.institution.institution_id,
        "username": item.username,
        "accounts": {
            account_id: {
                "account": account,
                "visible_from": item.visible_from,
                "told": _has_movements(item, world.account(account).terms),
                "pending": has_transactions(world.account(account).terms),
            }
            for account_id, account in item.truth_accounts().items()
        },
        "products": item.products,
        "stage": item.stage,
        "armed": item.armed,
        "error": item.error,
    }
