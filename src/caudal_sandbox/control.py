"""The sandbox's own door, for those who run it: the clock, the truth, deeds, faults, and a person at the bank's page.

Everything under ``/_sandbox/``, JSON, from this machine alone. It asks the emulators for nothing that a provider's
client could not have caused, and its answers are no provider's.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime, timedelta
from fnmatch import fnmatchcase
from http import HTTPStatus
from itertools import chain, islice
from typing import Final

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Mount, Route

from caudal_sandbox.door import Asking, Handler, answer, aware, guarded, read
from caudal_sandbox.economy.movements import AccountId, Movement, MovementId
from caudal_sandbox.emulators import ProviderEmulator
from caudal_sandbox.faults import Fault, Faults
from caudal_sandbox.truth import truth_of
from caudal_sandbox.world import World

PREFIX: Final = "/_sandbox"
TRUTH_CHUNK: Final = 500
"""Records of the truth between two turns for everybody else."""

_ENCODER: Final = msgspec.json.Encoder()


class Advance(Asking, frozen=True, kw_only=True):
    """How far the clock moves: by days, hours and minutes, or to an instant."""

    days: int = 0
    hours: int = 0
    minutes: int = 0
    to: datetime | None = None


class Deed(Asking, frozen=True, kw_only=True):
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

    def __init__(self, world: World, faults: Faults, emulators: Sequence[ProviderEmulator]) -> None:
        self._world = world
        self._faults = faults
        self._emulators = emulators
        self._moving = asyncio.Lock()
        routes: list[tuple[str, str, Handler]] = [
            ("GET", "/status", self._status),
            ("POST", "/advance", self._advance),
            ("GET", "/now", self._now),
            ("GET", "/truth", self._truth),
            ("GET", "/faults", self._faults_list),
            ("POST", "/faults", self._faults_add),
            ("DELETE", "/faults", self._faults_clear),
            ("DELETE", "/faults/{id:int}", self._faults_remove),
            ("POST", "/world/{deed}", self._deed),
            ("GET", "/accounts/{provider}", self._accounts),
        ]
        routes += [
            (method, f"/{each.name}{path}", handler)
            for each in emulators
            for method, path, handler in each.door
        ]
        self.app = Starlette(
            routes=[
                Mount(
                    PREFIX,
                    routes=[
                        Route(path, guarded(handler), methods=[method]) for method, path, handler in routes
                    ],
                )
            ]
        )

    async def advance(self, by: timedelta = timedelta(), *, to: datetime | None = None) -> int:
        """Move the clock on by so much, or to an instant: providers go to every bank then, and whenever a login or a
        consent ends on the way. Done when every webhook this causes was tried once. How often they went to the banks.

        Raises ValueError for an instant that has been, or lies beyond the world's end.
        """
        async with self._moving:
            until = self._world.now + by if to is None else to
            due = {at for each in self._emulators for at in each.deadlines(self._world.now, until)}
            stops = [*sorted(due), until]
            for nth, stop in enumerate(stops):
                # While others had their turn a deed may have moved the clock a moment beyond a later stop.
                self._world.advance_to(max(stop, self._world.now) if nth else stop)
                for emulator in self._emulators:
                    for _ in emulator.go_on():
                        emulator.flush()
                        await asyncio.sleep(0)
            for emulator in self._emulators:
                await emulator.attempted()
        return len(stops)

    async def _status(self, _request: Request) -> Response:
        world = self._world
        return answer(
            {
                "seed": world.seed,
                "now": world.now,
                "begins": world.begins,
                "holders": len(world.holders),
                "providers": [each.name for each in self._emulators],
                **{each.name: each.status() for each in self._emulators},
                "faults": {"in_wait": len(self._faults.list()), "struck": self._faults.struck},
            }
        )

    async def _advance(self, request: Request) -> Response:
        asked = await read(request, Advance)
        by = timedelta(days=asked.days, hours=asked.hours, minutes=asked.minutes)
        if asked.to is not None and by:
            raise ValueError("either `to`, or days, hours and minutes: not both")
        rounds = await self.advance(by, to=asked.to and aware(asked.to))
        return answer({"now": self._world.now, "rounds": rounds})

    async def _now(self, _request: Request) -> Response:
        return answer({"now": self._world.now})

    async def _truth(self, request: Request) -> Response:
        said = request.query_params.get("as_of")
        as_of = self._world.moment(aware(datetime.fromisoformat(said)) if said else None)

        async def lines() -> AsyncIterator[bytes]:
            own = () if said else chain.from_iterable(each.moved() for each in self._emulators)
            records = chain(truth_of(self._world, as_of), own)
            while chunk := list(islice(records, TRUTH_CHUNK)):
                yield b"".join(_ENCODER.encode(record) + b"\n" for record in chunk)
                await asyncio.sleep(0)

        return StreamingResponse(lines(), media_type="application/jsonl")

    async def _faults_list(self, _request: Request) -> Response:
        return answer(self._faults.list())

    async def _faults_add(self, request: Request) -> Response:
        fault = await read(request, Fault)
        self._check(fault)
        return answer({"id": self._faults.add(fault)}, HTTPStatus.CREATED)

    def _check(self, fault: Fault) -> None:
        """Raises ValueError for a fault that none of the providers it is meant for could have."""
        meant = [each for each in self._emulators if fnmatchcase(each.name, fault.provider)]
        why = [str(error) for each in meant if (error := _objection(each, fault)) is not None]
        if not meant:
            raise ValueError(
                f"no provider here is called {fault.provider}: {', '.join(each.name for each in self._emulators)} are"
            )
        if len(why) == len(meant):
            raise ValueError(why[0])

    async def _accounts(self, request: Request) -> Response:
        """The accounts that a provider's connections show, and what is behind each."""
        name = request.path_params["provider"]
        for each in self._emulators:
            if each.name == name:
                return answer(list(each.shown()))
        raise KeyError(f"no provider here is called {name}")

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
        deed = await read(request, DEEDS[name])
        return answer(_told(deed.done(self._world)))


def _objection(emulator: ProviderEmulator, fault: Fault) -> ValueError | None:
    try:
        emulator.check(fault)
    except ValueError as error:
        return error
    return None


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
