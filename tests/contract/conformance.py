"""The promises that every live provider keeps: adapter and emulator against each other, the ledger against the truth.

A provider's test says in a `Rig` what is its own, and inherits the rest::

    class TestBrook(Conformance):
        rig = BROOK
"""

import asyncio
import inspect
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from typing import Any, ClassVar, Final, NamedTuple

import msgspec
import pytest
from tests.support.plaid_script import HandClock
from tests.support.world_clock import WorldClock

from caudal.hub import comparison, connections, installation, links, spaces, syncs
from caudal.hub.comparison import Comparison, TrueAccount
from caudal.hub.installation import Installation
from caudal.hub.links import Candidate, Connected
from caudal.model.changes import BalanceSeen, Cursor, HoldingsSeen, Page, Status, TransactionSeen
from caudal.model.errors import (
    Malformed,
    NeedsUser,
    NotGenuine,
    NotReady,
    ProviderError,
    RateLimited,
    Revoked,
    Unavailable,
)
from caudal.providers.base import (
    Access,
    Capability,
    Catalogue,
    Conclude,
    Declaration,
    Delivery,
    EndedSignal,
    Found,
    LinkAnswer,
    Linked,
    LinkRequest,
    LinkStep,
    LiveProvider,
    Mended,
    Renewal,
    UserNeededSignal,
)
from caudal.providers.http import HttpBounds
from caudal.settings import RunBounds, Settings
from caudal.store.spaces import LinkedConnection, Space
from caudal_sandbox.economy.countries import CountryCode
from caudal_sandbox.economy.movements import AccountId
from caudal_sandbox.emulators import Maker
from caudal_sandbox.faults import WEBHOOKS, Fault, Kind, Param
from caudal_sandbox.plaid.emulator import Options
from caudal_sandbox.plaid.limits import Regime
from caudal_sandbox.server import Sandbox
from caudal_sandbox.truth import truth_of
from caudal_sandbox.world import World

BEGINS: Final = date(2026, 1, 1)
NOW: Final = datetime(2026, 4, 1, 12, tzinfo=UTC)
BOUNDS: Final = HttpBounds(read_seconds_max=20)
"""No fault here is silent for longer than that: a busy machine is never taken for one."""
PASSING: Final = (RateLimited, Unavailable, NotReady, Malformed)
PATIENCE: Final = timedelta(minutes=2)
TRIES_MAX: Final = 24
STRIKES: Final = 6
"""More than one call tries by itself, so that the run hears of it."""
STEPS_MAX: Final = 10
RETURN_URL: Final = "https://hub.example/link/callback"
"""Where a redirect would find us."""
START: Final = Cursor("")
PULLS_MAX: Final = 8
FLIPS: Final = 40
"""Bits of a webhook that are flipped, one at a time, spread over its body."""
_SHORT: Final[dict[Kind, dict[str, Param]]] = {
    Kind.LATENCY: {"milliseconds": 2},
    Kind.HANG: {"milliseconds": 10},
}

Person = Callable[[Sandbox, LinkStep], LinkAnswer]
"""Does what a step asks of the person, at the emulator where need be, and gives the answer to it."""


class Rig(NamedTuple):
    """What is a provider's own in the suite.

    `opened`: the adapter, at the emulator. `need_user` and `end` make the emulator want its person, and take the
    permission away, both for everything that is linked (None: nobody can, or nobody can tell). `codes`: every error code that the contract documents, and what
    it must become; `error_of` the adapter's table. `secrets`: what else than a link's own must not be told.
    `never`: kinds of faults that can't happen to it. `happens` and `holds` do what happens on the world's banks by
    default, where the accounts are the emulator's own: this and that, and a movement that isn't settled and is told at once. `deliver`: has it send webhooks to that URL (None: it has none).
    `signed` False: its webhooks show who sent them and not that they are as they were sent: nothing they say may be
    taken for true, so each may only have something fetched.
    """

    declaration: Declaration
    opened: Callable[[Sandbox, HandClock], AbstractAsyncContextManager[LiveProvider]]
    person: Person
    need_user: Callable[[Sandbox], None] | None
    end: Callable[[Sandbox], None] | None
    codes: Callable[[], Mapping[str, type[ProviderError]]]
    error_of: Callable[[str], ProviderError]
    secrets: tuple[str, ...]
    emulators: tuple[Maker, ...] = ()
    institution: str | None = None
    people: tuple[str, ...] = ("person-1",)
    country: CountryCode | None = None
    never: frozenset[Kind] = WEBHOOKS
    deliver: Callable[[Sandbox], list[Delivery]] | None = None
    happens: Callable[[Sandbox], None] | None = None
    holds: Callable[[Sandbox], None] | None = None
    signed: bool = True

    @property
    def name(self) -> str:
        """The provider's."""
        return self.declaration.name


class Bench:
    """An adapter and its emulator, and one login linked."""

    def __init__(self, rig: Rig, sandbox: Sandbox, clock: HandClock, live: LiveProvider) -> None:
        self.rig = rig
        self.sandbox = sandbox
        self.clock = clock
        self.live = live

    async def linked(self, relink: Access | None = None) -> Linked | Mended:
        """Go through the steps of a link."""
        step = await self.live.begin_link(
            LinkRequest("space-1", relink=relink, institution=self.rig.institution, return_url=RETURN_URL)
        )
        for _ in range(STEPS_MAX):
            if isinstance(step, Linked | Mended):
                return step
            step = await self.live.continue_link(self.answer(step))
        raise AssertionError("a link without an end")

    def answer(self, step: LinkStep) -> LinkAnswer:
        """What the person says to a step."""
        return Conclude(step.state) if isinstance(step, Found) else self.rig.person(self.sandbox, step)

    async def access(self) -> Access:
        """A new link, opened, whose history is there."""
        made = await self.linked()
        assert isinstance(made, Linked)
        access = _held(made)
        for _ in range(3):
            self.sandbox.advance(hours=13)
        return access

    async def pull(self, access: Access, cursor: Cursor = START, pages_max: int = 10_000) -> list[Page]:
        """Pages from there, to the end or as many as that."""
        pages: list[Page] = []
        pulling = self.live.pull(access, cursor)
        assert inspect.isasyncgen(pulling)
        async with aclosing(pulling):
            async for page in pulling:
                pages.append(page)
                if len(pages) == pages_max:
                    break
        return pages

    def something_happens(self) -> None:
        """On an account that is told: paid, held, settled dearer, corrected."""
        self.sandbox.run(self._deeds)
        self.sandbox.advance(days=2, hours=3)

    def something_is_held(self) -> None:
        """A movement that isn't settled, on an account that is told."""
        holds = self.rig.holds
        world = self.sandbox.world
        if holds is not None:
            self.sandbox.run(lambda: holds(self.sandbox))
            return
        self.sandbox.run(lambda: world.authorise(self.told_account(), -9_00, "HELD"))
        self.sandbox.advance(hours=13)

    def _deeds(self) -> None:
        if self.rig.happens:
            self.rig.happens(self.sandbox)
        else:
            world, account = self.sandbox.world, self.told_account()
            held = world.authorise(account, -42_00, "DINER OF MINE")
            world.settle(held.id, minor=-45_50)
            parked = world.book(account, -3_00, "PARKING OF MINE")
            world.amend(parked.id, -2_50)
            world.book(account, -3_00, "PARKING OF MINE")
            world.book(account, 1_000_00, "GIFT", on=(world.now - timedelta(days=3)).date())

    def told_account(self) -> AccountId:
        """The first account of the world whose movements are told, pending ones too where any are."""
        shown = sorted(self.sandbox.emulators[self.rig.name].shown(), key=lambda each: not each.pending)
        return next(each.account for each in shown if each.told)


class Books(NamedTuple):
    """A bench with a real ledger behind it."""

    bench: Bench
    opened: Installation
    space: Space
    connection: LinkedConnection

    async def sync(self, pages_max: int = 10_000) -> syncs.SyncReport:
        """Once, as the hub does it."""
        bench = self.bench
        return await syncs.sync(self.opened, self.space, self.connection, bench.live, pages_max=pages_max)

    async def through(self) -> list[ProviderError]:
        """Until it goes through with nothing left to come, giving it the person or the patience it takes; what was met
        on the way. Anything but the family is not caught."""
        met: list[ProviderError] = []
        for _ in range(TRIES_MAX):
            try:
                if not (await self.sync()).preparing:
                    return met
                self.bench.sandbox.advance(minutes=1)
            except ProviderError as error:
                met.append(error)
                await self.go_on_after(error)
        raise AssertionError(f"it never goes through: {met}")

    async def go_on_after(self, error: ProviderError) -> None:
        """What a person or time does about it. Raises what neither mends."""
        if isinstance(error, NeedsUser):
            await self.mend()
        elif isinstance(error, PASSING):
            self.bench.clock.time += PATIENCE
        else:
            raise error

    async def mend(self) -> None:
        """The person is there again. Under fire that may fail as well: then with the next try."""
        bench = self.bench
        try:
            step = await links.begin(
                self.opened,
                self.space,
                bench.live,
                institution=bench.rig.institution,
                relink=self.connection,
                return_url=RETURN_URL,
            )
            for _ in range(STEPS_MAX):
                if isinstance(step, Connected):
                    return
                assert not isinstance(step, Candidate), "a relink makes nothing new"
                answer = bench.answer(step)
                step = await links.proceed(self.opened, self.space, bench.live, answer, self.connection)
        except (*PASSING, NeedsUser):
            bench.clock.time += PATIENCE

    async def compare(self) -> Comparison:
        """The ledger beside the truth."""
        sandbox, name = self.bench.sandbox, self.bench.rig.name
        shown = {
            each.reference: TrueAccount(
                each.account, each.visible_from, told=each.told, pending=each.pending, dated=each.dated
            )
            for each in sandbox.run(lambda: list(sandbox.emulators[name].shown()))
        }
        told = sandbox.run(
            lambda: [
                msgspec.to_builtins(each)
                for each in chain(truth_of(sandbox.world), sandbox.emulators[name].moved())
            ]
        )
        movements = (each for each in told if each["record"] == "movement")
        return await comparison.compare(self.opened, self.space, name, shown, movements)

    async def expect_the_truth(self) -> None:
        """Every movement once, on every account that is told."""
        found = await self.compare()
        assert found.equal, found
        assert found.movements > 10
        assert found.accounts > 0


@contextmanager
def sandboxed(rig: Rig) -> Iterator[tuple[Sandbox, HandClock]]:
    """The rig's emulator, over a world of three months."""
    world = World(1, people=0, firms=0, begins=BEGINS, now=NOW)
    clock = WorldClock(world)
    for person in rig.people:
        world.person(person, rig.country)
    options = Options(limits=Regime.OFF)
    with Sandbox(world, plaid=options, emulators=rig.emulators, clock=clock.now) as sandbox:
        yield sandbox, clock


class Conformance:
    """Inherit it, say `rig`."""

    rig: ClassVar[Rig]

    def with_bench(self, work: Callable[[Bench], Awaitable[None]]) -> None:
        """Do something with the adapter alone."""

        async def there(sandbox: Sandbox, clock: HandClock) -> None:
            async with self.rig.opened(sandbox, clock) as live:
                await work(Bench(self.rig, sandbox, clock, live))

        with sandboxed(self.rig) as (sandbox, clock):
            asyncio.run(there(sandbox, clock))

    def with_books(self, settings: Settings, work: Callable[[Books], Awaitable[None]]) -> None:
        """Do something with a ledger that holds all there was so far."""

        async def there(bench: Bench) -> None:
            async with _booked(bench, settings) as books:
                await work(books)

        self.with_bench(there)

    def test_pulling_again_from_the_same_cursor_says_the_same(self) -> None:
        async def work(bench: Bench) -> None:
            access = await bench.access()
            pages = await bench.pull(access)
            bench.something_happens()
            for cursor in [Cursor(""), *(page.next for page in pages)][-PULLS_MAX:]:
                first, again = [await bench.pull(access, cursor) for _ in range(2)]
                assert [_said(page) for page in first] == [_said(page) for page in again]

        self.with_bench(work)

    def test_a_pull_that_ends_after_any_page_goes_on_from_there_and_loses_nothing(self) -> None:
        async def work(bench: Bench) -> None:
            access = await bench.access()
            whole = await bench.pull(access)
            assert not whole[-1].more
            assert all(page.more for page in whole[:-1])
            for count in range(1, len(whole))[-PULLS_MAX:]:
                begun = await bench.pull(access, pages_max=count)
                rest = await bench.pull(access, begun[-1].next)
                assert _movements([*begun, *rest]) == _movements(whole)

        self.with_bench(work)

    def test_a_ledger_written_a_page_a_run_is_the_truth(self, settings: Settings) -> None:
        async def work(books: Books) -> None:
            books.bench.something_happens()
            for _ in range(TRIES_MAX):
                await books.sync(pages_max=1)
            await books.through()
            await books.expect_the_truth()

        self.with_books(settings, work)

    @pytest.mark.parametrize("kind", [kind for kind in Kind if kind not in WEBHOOKS])
    def test_a_fault_ends_in_the_family_and_once_it_is_quiet_the_ledger_is_the_truth(
        self, settings: Settings, kind: Kind, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        met: list[ProviderError] = []
        secrets: set[str] = set()

        async def work(books: Books) -> None:
            sandbox = books.bench.sandbox
            access = await installation_access(books)
            secrets.update(secret.decode() for secret in access.secrets.values())
            fault = Fault(kind, provider=self.rig.name, count=STRIKES, params=_SHORT.get(kind, {}))
            sandbox.run(lambda: sandbox.faults.add(fault))
            books.bench.something_happens()
            met.extend(await books.through())
            assert bool(sandbox.faults.struck.get(kind)) == (kind not in self.rig.never)
            sandbox.run(sandbox.faults.clear)
            for _ in range(2):
                books.bench.clock.time += PATIENCE
                sandbox.advance(hours=13)
                await books.through()
            await books.expect_the_truth()

        self.with_books(settings, work)
        said = "\n".join([*(f"{error!r} {error}" for error in met), caplog.text])
        assert not [each for each in {*secrets, *self.rig.secrets} if each in said]

    def test_no_repr_tells_a_secret(self) -> None:
        async def work(bench: Bench) -> None:
            step = await bench.live.begin_link(
                LinkRequest("space-1", institution=self.rig.institution, return_url=RETURN_URL)
            )
            seen = [repr(bench.live), repr(step)]
            for _ in range(STEPS_MAX):
                if isinstance(step, Linked):
                    break
                answer = bench.answer(step)
                step = await bench.live.continue_link(answer)
                seen += [repr(answer), repr(step)]
            assert isinstance(step, Linked)
            access = Access("c", step.reference, None, step.secrets)
            secrets = {*self.rig.secrets, *(secret.decode() for secret in step.secrets.values())}
            assert not [each for each in secrets if each in "\n".join([*seen, repr(access)])]

        self.with_bench(work)

    def test_every_documented_error_code_has_its_meaning(self) -> None:
        codes = self.rig.codes()
        assert codes
        assert {code: type(self.rig.error_of(code)) for code in codes} == dict(codes)

    def test_a_login_that_needs_its_person_says_so_and_can_be_mended(self, settings: Settings) -> None:
        need_user = self.rig.need_user
        if need_user is None:
            assert Capability.RELINK not in self.rig.declaration.capabilities
            return

        async def work(books: Books) -> None:
            sandbox = books.bench.sandbox
            sandbox.run(lambda: need_user(sandbox))
            with pytest.raises(NeedsUser) as needed:
                await books.sync()
            assert needed.value.reason
            assert needed.value.action
            if Capability.RELINK in self.rig.declaration.capabilities:
                await books.mend()
                books.bench.something_happens()
                await books.through()
                await books.expect_the_truth()

        self.with_books(settings, work)

    def test_what_its_person_ended_is_revoked(self) -> None:
        end = self.rig.end
        if end is None:
            return

        async def work(bench: Bench) -> None:
            access = await bench.access()
            bench.sandbox.run(lambda: end(bench.sandbox))
            with pytest.raises(Revoked):
                await bench.pull(access)
            await bench.live.revoke(access)

        self.with_bench(work)

    def test_what_we_revoke_ends_there_and_ending_it_twice_is_no_error(self) -> None:
        async def work(bench: Bench) -> None:
            access = await bench.access()
            for _ in range(2):
                await bench.live.revoke(access)
            if Capability.REVOKE in self.rig.declaration.capabilities:
                with pytest.raises(Revoked if self.rig.end else NeedsUser):
                    await bench.pull(access)

        self.with_bench(work)

    def test_its_webhooks_are_believed_and_no_bit_of_them_may_be_another(self) -> None:
        declared = Capability.WEBHOOKS in self.rig.declaration.capabilities
        assert declared == (self.rig.deliver is not None)

        async def work(bench: Bench) -> None:
            if self.rig.deliver is None:
                with pytest.raises(NotGenuine):
                    await bench.live.verify_webhook(Delivery({}, b"{}", bench.clock.now()))
                return
            await bench.access()
            deliveries = await asyncio.to_thread(self.rig.deliver, bench.sandbox)
            assert deliveries
            for delivery in deliveries:
                assert await bench.live.verify_webhook(delivery)
                bench.live.signals_of(delivery.body)
            await _expect_no_forgery(bench.live, deliveries[0], signed=self.rig.signed)
            if not self.rig.signed:
                said = [signal for each in deliveries for signal in bench.live.signals_of(each.body)]
                assert not [each for each in said if isinstance(each, EndedSignal | UserNeededSignal)]

        self.with_bench(work)

    def test_the_institution_of_a_link_is_one_that_it_lists(self) -> None:
        async def work(bench: Bench) -> None:
            live = bench.live
            declared = Capability.INSTITUTIONS in self.rig.declaration.capabilities
            assert isinstance(live, Catalogue) == declared
            if not isinstance(live, Catalogue):
                return
            told = [each for page in [page async for page in live.institutions()] for each in page]
            assert len({each.reference for each in told}) == len(told) > 0
            for each in told:
                assert each.reference
                assert each.name
                assert each.countries
                assert all(re.fullmatch("[A-Z]{2}", country) for country in each.countries)
            linked = (await bench.access()).institution
            assert linked in {each.reference for each in told}

        self.with_bench(work)

    def test_it_keeps_what_it_declares(self) -> None:
        can = self.rig.declaration.capabilities

        async def work(bench: Bench) -> None:
            assert (bench.live.name, bench.live.capabilities) == (self.rig.name, can)
            access = await bench.access()
            pages = await bench.pull(access)
            bench.something_is_held()
            pages += await bench.pull(access, pages[-1].next)
            changes = [change for page in pages for change in page.changes]
            movements = [change for change in changes if isinstance(change, TransactionSeen)]
            assert bool(movements) == (Capability.TRANSACTIONS in can)
            assert any(isinstance(each, BalanceSeen) for each in changes) == (Capability.BALANCES in can)
            assert any(each.status is Status.PENDING for each in movements) == (Capability.PENDING in can)
            assert Capability.HOLDINGS in can or not [c for c in changes if isinstance(c, HoldingsSeen)]
            assert Capability.WINDOWS in can or not [window for page in pages for window in page.windows]
            if Capability.REFRESH in can:
                await bench.live.refresh(access)

        self.with_bench(work)


def _held(made: Linked) -> Access:
    """A link, opened, whose secrets are kept as the hub keeps them: who renews them has the ones that hold now."""
    vault = dict(made.secrets)

    async def renewing(renew: Renewal) -> Mapping[str, bytes]:
        vault.update(await renew(dict(vault)))
        return dict(vault)

    return Access("connection-1", made.reference, made.institution.reference, made.secrets, renewing)


async def installation_access(books: Books) -> Access:
    """The connection, opened."""
    return await connections.access(books.opened, books.space, books.connection)


@asynccontextmanager
async def _booked(bench: Bench, settings: Settings) -> AsyncIterator[Books]:
    quick = msgspec.structs.replace(
        settings, preparing_poll_ms=1, run=RunBounds(restart_wait_ms=1), http=BOUNDS
    )
    async with installation.opened(quick) as opened:
        space = await spaces.chosen(opened.store, "home", make=True)
        step = await links.begin(
            opened, space, bench.live, institution=bench.rig.institution, return_url=RETURN_URL
        )
        for _ in range(STEPS_MAX):
            if isinstance(step, Connected):
                break
            answer = step.conclude if isinstance(step, Candidate) else bench.answer(step)
            step = await links.proceed(opened, space, bench.live, answer)
        assert isinstance(step, Connected)
        books = Books(bench, opened, space, step.connection)
        for _ in range(3):
            bench.sandbox.advance(hours=13)
            await books.through()
        yield books


async def _expect_no_forgery(live: LiveProvider, genuine: Delivery, *, signed: bool) -> None:
    bits = len(genuine.body) * 8 if signed else 0
    for bit in range(0, bits, max(1, bits // FLIPS)):
        body = bytearray(genuine.body)
        body[bit // 8] ^= 1 << bit % 8
        with pytest.raises(NotGenuine):
            await live.verify_webhook(msgspec.structs.replace(genuine, body=bytes(body)))
    for bare in (Delivery({}, genuine.body, genuine.received_at), msgspec.structs.replace(genuine, body=b"")):
        with pytest.raises(NotGenuine):
            await live.verify_webhook(bare)


def _said(page: Page) -> dict[str, Any]:
    """A page as something that can be compared: a raw record is its text."""
    changes = [
        msgspec.structs.replace(each, raw=str(each.raw)) if isinstance(each, TransactionSeen) else each
        for each in page.changes
    ]
    return {**msgspec.structs.asdict(page), "changes": changes}


def _movements(pages: list[Page]) -> set[tuple[str, str, Status, Any, date]]:
    """Every movement that was told."""
    changes = [change for page in pages for change in page.changes]
    return {
        (each.ref, each.id, each.status, each.money.amount, each.booked_on)
        for each in changes
        if isinstance(each, TransactionSeen)
    }
