"""Whatever comes between: time, deeds, crashes, faults, people. Once it is quiet, the ledger is the truth."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Final

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, note, settings
from hypothesis import strategies as st
from tests.support.hub import PASSING, Hub, Login, opened_hub
from tests.support.plaid_script import HandClock

from caudal.model.errors import NeedsUser, Refused
from caudal.providers.plaid import pull
from caudal.settings import Settings
from caudal.store.spaces import LinkedConnection
from caudal_sandbox.economy.countries import CountryCode
from caudal_sandbox.economy.movements import AccountId, State
from caudal_sandbox.faults import WEBHOOKS, Fault, Kind, Param
from caudal_sandbox.plaid.emulator import Options
from caudal_sandbox.plaid.institutions import CATALOGUE
from caudal_sandbox.plaid.limits import Regime
from caudal_sandbox.server import Sandbox
from caudal_sandbox.world import World

BEGINS = date(2026, 1, 1)
LINKED_AT = datetime(2026, 2, 10, 12, tzinfo=UTC)
DYNAMIC = Login("user_transactions_dynamic", "ins_109509")
ACCOUNTS = ("person-1:checking", "person-1:card")
PAGE_RECORDS = 25
"""A loop of several pages needs no long history then."""

SHORT: Final[dict[Kind, dict[str, Param]]] = {
    Kind.LATENCY: {"milliseconds": 2},
    Kind.HANG: {"milliseconds": 1_200},
}
"""A hang outlasts the second of silence that the client puts up with here."""


class Advance(msgspec.Struct, frozen=True):
    """Time goes by."""

    hours: int


class Hold(msgspec.Struct, frozen=True):
    """The shop asks the bank whether the money is there."""

    account: int
    minor: int


class EndHold(msgspec.Struct, frozen=True):
    """What was held is booked, dearer by so much; or let go."""

    dearer: int | None


class Book(msgspec.Struct, frozen=True):
    """Booked at once, dated so many days back."""

    account: int
    minor: int
    days_back: int


class Correct(msgspec.Struct, frozen=True):
    """The bank corrects the amount of something it booked: the n-th latest."""

    account: int
    nth: int


class Refresh(msgspec.Struct, frozen=True):
    """The user whose data changes when it is refreshed."""


class Sync(msgspec.Struct, frozen=True):
    """One connection, once. `dies_at`: the process dies at that statement; `cancelled`: it is told to stop there."""

    connection: int
    dies_at: int | None = None
    cancelled: bool = False


class Strike(msgspec.Struct, frozen=True):
    """That goes wrong once, after so many calls."""

    kind: Kind
    skip: int


class Befall(msgspec.Struct, frozen=True):
    """That happens to a connection's Item: see the sandbox's own door."""

    connection: int
    what: str


class LinkAnew(msgspec.Struct, frozen=True):
    """Somebody ends a connection, and links the same login again."""

    connection: int


class Quiet(msgspec.Struct, frozen=True):
    """Nothing goes wrong any more; the books are looked at."""


Step = Advance | Hold | EndHold | Book | Correct | Refresh | Sync | Strike | Befall | LinkAnew | Quiet

API_KINDS = sorted(set(Kind) - WEBHOOKS)
which = st.integers(0, 1)
minor = st.integers(-90_00, -1)
steps = st.one_of(
    st.builds(Advance, st.sampled_from([1, 7, 23, 49, 24 * 9, 24 * 31])),
    st.builds(Hold, which, minor),
    st.builds(EndHold, st.none() | st.integers(0, 20_00)),
    st.builds(Book, which, minor, st.integers(0, 10)),
    st.builds(Correct, which, st.integers(0, 8)),
    st.just(Refresh()),
    st.builds(Sync, which),
    st.builds(Sync, which, st.integers(1, 60), st.booleans()),
    st.builds(Strike, st.sampled_from(API_KINDS), st.integers(0, 5)),
    st.builds(Befall, which, st.sampled_from(["reset_login", "reissue", "touch", "update"])),
    st.builds(LinkAnew, which),
    st.just(Quiet()),
)


class Died(BaseException):
    """The process is no more."""


class Statements:
    """Counts the statements sent to the database, and ends it all at the n-th."""

    def __init__(self) -> None:
        self._left = 0
        self._cancels: asyncio.Task[None] | None = None

    def __call__(self, _name: str) -> None:
        self._left -= 1
        if self._left == 0:
            if self._cancels is None:
                raise Died
            self._cancels.cancel()

    @contextmanager
    def ending_at(self, nth: int, cancels: "asyncio.Task[None] | None") -> Iterator[None]:
        self._left, self._cancels = nth, cancels
        try:
            yield
        finally:
            self._left = 0


class Tale:
    """Steps taken one after the other on two connections of one space."""

    def __init__(self, hub: Hub, statements: Statements) -> None:
        self.hub = hub
        self._statements = statements
        self._held: list[str] = []

    async def take(self, step: Step) -> None:
        world = self.hub.sandbox.world
        match step:
            case Advance(hours=hours):
                self.hub.sandbox.advance(hours=hours)
            case Hold(account=account, minor=minor):
                self._do(lambda: self._held.append(world.authorise(_account(account), minor, "A DINER").id))
            case EndHold(dearer=dearer):
                self._do(lambda: self._end_hold(dearer))
            case Book(account=account, minor=minor, days_back=back):
                on = world.now.date() - timedelta(days=back)
                self._do(lambda: world.book(_account(account), minor, "A PARKING", on=on))
            case Correct(account=account, nth=nth):
                self._do(lambda: self._correct(_account(account), nth))
            case Strike(kind=kind, skip=skip):
                fault = Fault(kind, provider="plaid", count=1, skip=skip, params=SHORT.get(kind, {}))
                self._do(lambda: self.hub.sandbox.faults.add(fault))
            case Quiet():
                await self.be_quiet()
            case _:
                await self._connect(step)

    async def be_quiet(self) -> None:
        await self.hub.quiet()
        assert await self.hub.amiss() == []
        assert await self.hub.unsound() == {}

    async def _connect(self, step: Step) -> None:
        connections = await self.hub.linked()
        match step:
            case Sync():
                await self._sync(connections[step.connection], step)
            case Refresh():
                dynamic = await self.hub.access(self._of(connections, DYNAMIC))
                await self._try(self.hub.live.refresh(dynamic))
            case Befall(connection=connection, what=what):
                item = connections[connection].reference
                self.hub.door.post(f"/plaid/items/{item}/{what}").raise_for_status()
            case LinkAnew(connection=connection):
                self.hub.sandbox.faults.clear()
                self.hub.clock.time += timedelta(minutes=5)
                login = self.hub.logins[connections[connection].connection_id]
                await self.hub.unlink(connections[connection])
                await self.hub.link(login)

    def _of(self, connections: list[LinkedConnection], login: Login) -> LinkedConnection:
        return next(each for each in connections if self.hub.logins[each.connection_id] == login)

    async def _sync(self, connection: LinkedConnection, step: Sync) -> None:
        if step.dies_at is None:
            await self._try(self.hub.sync(connection))
            return
        task = asyncio.ensure_future(self._try(self.hub.sync(connection)))
        with self._statements.ending_at(step.dies_at, task if step.cancelled else None):
            try:
                await task
            except (Died, asyncio.CancelledError):
                note(f"ended at statement {step.dies_at}")

    async def _try(self, attempt: Awaitable[object]) -> None:
        try:
            await attempt
        except (*PASSING, NeedsUser) as error:
            note(f"{type(error).__name__}: {error}")
        except Refused as error:
            if "not in Plaid's words" not in str(error):  # a refusal that broke on its way says no more
                raise

    def _do(self, deed: Callable[[], object]) -> None:
        self.hub.sandbox.run(deed)

    def _end_hold(self, dearer: int | None) -> None:
        world = self.hub.sandbox.world
        if not self._held:
            return
        held = self._held.pop()
        if dearer is None:
            world.release(held)
        else:
            (shown,) = (
                m for a in ACCOUNTS for m in world.account(AccountId(a)).movements() if m.movement.id == held
            )
            world.settle(held, minor=shown.movement.held_minor - dearer)

    def _correct(self, account: AccountId, nth: int) -> None:
        world = self.hub.sandbox.world
        booked = [each for each in world.account(account).movements() if each.state is State.BOOKED]
        if nth < len(booked):
            movement = booked[-1 - nth].movement
            world.amend(movement.id, movement.settled_minor - 1_00)


def _account(number: int) -> AccountId:
    return AccountId(ACCOUNTS[number])


numbers = count()


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(story=st.lists(steps, min_size=1, max_size=10))
@example(story=[Advance(49), Sync(0, 30), Befall(0, "reissue"), Sync(0, 25), Quiet()])
@example(story=[Strike(Kind.MUTATION, 1), Advance(24 * 31), Sync(0, 40), Sync(0)])
@example(
    story=[Hold(0, -50_00), Advance(1), Sync(0), EndHold(10_00), Befall(0, "reset_login"), Sync(0), Quiet()]
)
@example(story=[LinkAnew(0), Correct(0, 0)])
@example(story=[Advance(23), LinkAnew(0)])
@example(
    story=[Advance(49), Sync(0), Hold(0, -20_00), Sync(0), Correct(0, 1), Advance(23), LinkAnew(0), Quiet()]
)
def test_once_it_is_quiet_the_ledger_is_the_truth_whatever_came_between(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, story: list[Step]
) -> None:
    monkeypatch.setattr(pull, "PAGE_RECORDS_MAX", PAGE_RECORDS)
    world = World(3, people=0, firms=0, begins=BEGINS, now=LINKED_AT)
    bank = world.person("person-1", CountryCode.US).accounts[0].institution.id
    (at,) = (each.institution_id for each in CATALOGUE.values() if each.bank.id == bank)
    clock, statements = HandClock(LINKED_AT), Statements()

    async def tell(sandbox: Sandbox) -> None:
        space = f"story {next(numbers)}"
        async with opened_hub(settings, sandbox, clock, space=space, observe=statements) as hub:
            for login in (Login("person-1", at), DYNAMIC):
                await hub.link(login)
            tale = Tale(hub, statements)
            await tale.be_quiet()
            for step in [*story, Quiet()]:
                await tale.take(step)

    with Sandbox(world, plaid=Options(limits=Regime.PRODUCTION), clock=clock.now) as sandbox:
        asyncio.run(tell(sandbox))
