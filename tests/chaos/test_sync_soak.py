"""Two years of monthly syncs with everything going wrong: the ledger is the truth, every month, in every world."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from random import Random

import psycopg
import pytest
from tests.support.hub import PASSING, Hub, Login, Wire, logins_of, opened_hub
from tests.support.plaid_script import HandClock
from tests.support.receiver import Received, Receiver

from caudal.model.errors import NotGenuine, ProviderError
from caudal.providers.base import Delivery, EndedSignal, FetchSignal
from caudal.settings import Settings
from caudal.store.spaces import LinkedConnection
from caudal_sandbox.economy.countries import CountryCode
from caudal_sandbox.economy.movements import AccountId, MovementId, State
from caudal_sandbox.faults import Fault, Kind, Param
from caudal_sandbox.plaid.emulator import Options
from caudal_sandbox.plaid.limits import Regime
from caudal_sandbox.server import Sandbox
from caudal_sandbox.world import World

SEEDS = range(1, 11)
MONTHS = 24
PER_MILLE = 50
TRIES = 2
"""How often a connection is tried in a month of faults, before the next one has its turn."""
BEGINS = date(2024, 1, 1)
LINKED_AT = datetime(2024, 3, 15, 12, tzinfo=UTC)

DYNAMIC = "user_transactions_dynamic"
SHORT: dict[Kind, dict[str, Param]] = {
    Kind.LATENCY: {"milliseconds": 2},
    Kind.HANG: {"milliseconds": 10},
    Kind.WEBHOOK_LATE: {"milliseconds": 5},
    Kind.WEBHOOK_REORDERED: {"milliseconds": 5},
    Kind.WEBHOOK_REPLAYED: {"milliseconds": 5},
}
"""Waits of real time, kept short. A hang that lasts is another test's."""


OF_ONE_RECORD: tuple[tuple[Kind, str], ...] = (
    (Kind.WRONG_TYPES, "added/*/amount"),
    (Kind.WRONG_TYPES, "removed/*/transaction_id"),
    (Kind.BOTH_CURRENCIES_NULL, "added/*"),
)
"""Beyond what each kind breaks by itself: records that can't be booked as they came."""


def every_fault(seed: int) -> Iterator[Fault]:
    """Each kind, at every endpoint, for every connection; but ids change only where they are told."""
    for kind in Kind:
        endpoint = "/transactions/sync" if kind is Kind.REISSUED_IDS else "*"
        params = SHORT.get(kind, {})
        yield Fault(kind, provider="plaid", endpoint=endpoint, per_mille=PER_MILLE, seed=seed, params=params)
    for kind, where in OF_ONE_RECORD:
        yield Fault(kind, provider="plaid", per_mille=PER_MILLE, seed=seed, params={"where": where})


class Life:
    """What happens at the banks beyond what the world's lives bring, and what comes of it in the mail."""

    def __init__(self, hub: Hub, receiver: Receiver, seed: int) -> None:
        self.hub = hub
        self.chance = Random(seed)
        self.verdicts: Counter[str] = Counter()
        self._receiver = receiver
        self._read = 0
        self._held: list[MovementId] = []

    def do_something(self) -> None:
        """A few deeds on accounts that are linked: what is held is settled dearer, or let go; what is booked is dated
        back, or corrected by the bank."""
        world, chance = self.hub.sandbox.world, self.chance
        account = AccountId(chance.choice(["person-1:checking", "person-1:card", "person-2:checking"]))
        for held in self._held:
            if chance.random() < 0.3:
                world.release(held)
            else:
                world.settle(held, minor=-chance.randrange(5_00, 90_00))
        self._held = [world.authorise(account, -chance.randrange(5_00, 80_00), "DINER OF MINE").id]
        world.book(account, -chance.randrange(1_00, 9_00), "PARKING OF MINE")
        booked = [each for each in world.account(account).movements() if each.state is State.BOOKED]
        corrected = chance.choice(booked[-10:]).movement
        world.amend(corrected.id, corrected.settled_minor - 1_00)

    async def refresh(self, connection: LinkedConnection) -> None:
        """The user whose data changes when it is refreshed; whether that came through is another matter."""
        try:
            await self.hub.live.refresh(await self.hub.access(connection))
        except ProviderError as error:
            self.verdicts[type(error).__name__] += 1

    async def read_mail(self) -> set[str]:
        """The connections that genuine webhooks say have news. Nobody's forgery ends one."""
        news: set[str] = set()
        arrived, self._read = self._receiver.got[self._read :], len(self._receiver.got)
        for letter in arrived:
            try:
                await self.hub.live.verify_webhook(self._delivery(letter))
                signals = self.hub.live.signals_of(letter.body)
            except NotGenuine:
                self.verdicts["forged"] += 1
                continue
            except PASSING:
                self.verdicts["unread"] += 1
                continue
            self.verdicts["genuine"] += 1
            assert not [each for each in signals if isinstance(each, EndedSignal)]
            news |= {each.reference for each in signals if isinstance(each, FetchSignal)}
        return news

    def _delivery(self, letter: Received) -> Delivery:
        headers = {"plaid-verification": letter.verification} if letter.verification else {}
        return Delivery(headers, letter.body, self.hub.clock.now())


async def months_of_trouble(hub: Hub, life: Life, seed: int) -> None:
    """Every month: time and deeds under fire, syncs under fire; then one quiet sync, and the books must be right."""
    sandbox, chance = hub.sandbox, life.chance
    for month in range(1, MONTHS + 1):
        for fault in every_fault(seed * 100 + month):
            sandbox.run(lambda fault=fault: sandbox.faults.add(fault))
        sandbox.run(life.do_something)
        sandbox.advance(
            days=chance.randrange(28, 32), hours=chance.randrange(24), minutes=chance.randrange(60)
        )
        news = await life.read_mail()
        connections = await hub.linked()
        for connection in sorted(connections, key=lambda each: each.reference not in news):
            if connection.reference in life_of_its_own(hub):
                await life.refresh(connection)
            await hub.persist(connection, TRIES)
        await hub.quiet()
        assert await hub.amiss() == [], f"seed {seed}, after {month} months"
    assert await hub.unsound() == {}


def life_of_its_own(hub: Hub) -> set[str]:
    return {item.item_id for item in hub.sandbox.plaid.items if item.username == DYNAMIC}


@pytest.mark.parametrize("seed", SEEDS)
def test_two_years_of_every_fault_end_each_month_with_the_truth(settings: Settings, seed: int) -> None:
    world = World(seed, people=0, firms=0, begins=BEGINS, now=LINKED_AT)
    people = [world.person("person-1", CountryCode.US), world.person("person-2", CountryCode.GB)]
    logins = [login for person in people for login in logins_of(person)]
    logins += [Login("user_good", "ins_109508"), Login(DYNAMIC, "ins_109509")]
    clock = HandClock(LINKED_AT)

    async def live(sandbox: Sandbox, receiver: Receiver) -> None:
        wire = Wire(sandbox.faults)
        async with opened_hub(settings, sandbox, clock, transport=wire) as hub:
            for login in logins:
                await hub.link(login)
            for item in sandbox.plaid.items:
                item.webhook = receiver.url
            await hub.quiet()
            assert await hub.amiss() == []
            life = Life(hub, receiver, seed)
            await months_of_trouble(hub, life, seed)
            found = await hub.compare()
            assert found.equal, found
            expect_everything_happened(sandbox, wire, life)

    options = Options(limits=Regime.PRODUCTION)
    with Sandbox(world, plaid=options, clock=clock.now) as sandbox, Receiver() as receiver:
        asyncio.run(live(sandbox, receiver))


def expect_everything_happened(sandbox: Sandbox, wire: Wire, life: Life) -> None:
    """The months were as bad as promised, and every answer that was meant to be right was."""
    assert set(sandbox.faults.struck) == set(Kind)
    assert min(sandbox.faults.struck.values()) > 0
    assert life.verdicts["genuine"] > life.verdicts["forged"] > 0
    assert {status for _, status in wire.judged} >= {200, 400, 429, 500}
    assert wire.judged.total() > 40 * MONTHS


RECORDS = [
    ("/transactions/sync", Kind.WRONG_TYPES, "added/*/amount"),
    ("/transactions/sync", Kind.WRONG_TYPES, "added/*/date"),
    ("/transactions/sync", Kind.WRONG_TYPES, "removed/*/transaction_id"),
    ("/transactions/sync", Kind.BOTH_CURRENCIES_NULL, "added/*"),
    ("/accounts/get", Kind.WRONG_TYPES, "accounts/*/balances"),
    ("/accounts/get", Kind.BOTH_CURRENCIES_NULL, "accounts/*/balances"),
    ("/investments/transactions/get", Kind.WRONG_TYPES, "investment_transactions/*/amount"),
    ("/investments/holdings/get", Kind.WRONG_TYPES, "holdings/*/quantity"),
]


@pytest.mark.parametrize(("endpoint", "kind", "where"), RECORDS)
def test_a_record_that_could_not_be_read_is_kept_and_comes_right_when_it_is_told_again(
    settings: Settings, endpoint: str, kind: Kind, where: str
) -> None:
    world = World(1, people=0, firms=0, begins=BEGINS, now=LINKED_AT)
    clock = HandClock(LINKED_AT)

    async def live(sandbox: Sandbox) -> None:
        async with opened_hub(settings, sandbox, clock) as hub:
            for login in (Login("user_good", "ins_109508"), Login(DYNAMIC, "ins_109509")):
                await hub.link(login)
            await hub.quiet()
            sandbox.advance(days=20)
            await hub.live.refresh(await hub.access((await hub.linked())[1]))
            broken = Fault(kind, endpoint=endpoint, count=1, params={"where": where})
            sandbox.run(lambda: sandbox.faults.add(broken))
            quarantined = [(await hub.sync(each)).quarantined for each in await hub.linked()]
            assert sandbox.faults.struck == {kind: 1}
            assert sum(quarantined) == (0 if kind is Kind.BOTH_CURRENCIES_NULL else 1)
            for _ in range(2):
                sandbox.advance(days=10)
                await hub.quiet()
                assert await hub.amiss() == []

    with Sandbox(world, plaid=Options(limits=Regime.PRODUCTION), clock=clock.now) as sandbox:
        asyncio.run(live(sandbox))


@pytest.mark.parametrize(
    ("harm", "found"),
    [
        ("update caudal.transaction set amount = amount - 0.01 where {one}", ("missing", "not so")),
        ("update caudal.transaction set booked_on = booked_on - 1 where {one}", ("missing", "not so")),
        ("update caudal.transaction set status = 'pending' where {one}", ("missing", "not so")),
        ("update caudal.transaction set gone_at = now() where {one}", ("missing",)),
        ("update caudal.proof set verdict = 'none', proven_to = null", ("none",)),
    ],
)
def test_whoever_judges_the_ledger_here_sees_one_movement_that_is_wrong(
    settings: Settings, harm: str, found: tuple[str, ...]
) -> None:
    world = World(1, people=0, firms=0, begins=BEGINS, now=LINKED_AT)
    clock = HandClock(LINKED_AT)
    one = "transaction_id = (select min(transaction_id::text)::uuid from caudal.transaction where gone_at is null)"

    async def live(sandbox: Sandbox) -> None:
        async with opened_hub(settings, sandbox, clock) as hub:
            connection = await hub.link(Login(DYNAMIC, "ins_109509"))
            for _ in range(2):
                await hub.quiet()
                await hub.live.refresh(await hub.access(connection))
                sandbox.advance(days=9)
            await hub.quiet()
            assert await hub.amiss() == []
            assert (await hub.compare()).equal
            with psycopg.connect(settings.database_url, autocommit=True) as connection_:
                connection_.execute(harm.format(one=one).encode())
            amiss = await hub.amiss()
            assert {each for each in found if any(each in line for line in amiss)} == set(found)
            assert (await hub.compare()).equal == (found == ("none",))

    with Sandbox(world, plaid=Options(limits=Regime.PRODUCTION), clock=clock.now) as sandbox:
        asyncio.run(live(sandbox))
