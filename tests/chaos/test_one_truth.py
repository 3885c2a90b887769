"""One life seen three ways: a live bank, its statement files, and the same login linked anew with every id another.
The ledger is what really happened, each movement once, however much of it was told how often."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import BinaryIO, Final

import pytest
from tests.support.hub import Hub, Login, logins_of, opened_hub
from tests.support.plaid_script import HandClock
from tests.support.statements import CSV_STYLES, Account, Statement, write_csv, write_ofx1
from tests.support.statements import Movement as Booking

from caudal.hub import decisions, imports, ledger
from caudal.model.changes import AccountKind
from caudal.providers.file.provider import FileDrop
from caudal.settings import Settings
from caudal.store import matching
from caudal.store.matching import Movement
from caudal_sandbox.economy.countries import CountryCode
from caudal_sandbox.economy.movements import AccountId, State
from caudal_sandbox.economy.view import AccountView
from caudal_sandbox.plaid.emulator import Options
from caudal_sandbox.plaid.limits import Regime
from caudal_sandbox.server import Sandbox
from caudal_sandbox.world import World

SEEDS: Final = range(1, 21)
BEGINS: Final = date(2025, 1, 1)
LINKED_AT: Final = datetime(2025, 6, 10, 12, tzinfo=UTC)
KINDS: Final = {"checking": AccountKind.CHECKING, "savings": AccountKind.SAVINGS, "card": AccountKind.CARD}
"""Of these accounts banks give statement files."""

HOLIDAY: Final = "HOLIDAY"
"""No bank says so."""

Writer = Callable[[BinaryIO, Statement], None]


class Bank:
    """A bank's download page: statements of what it has booked, as it shows it at that moment."""

    def __init__(self, hub: Hub, folder: Path) -> None:
        self._hub = hub
        self._folder = folder
        self._files = 0

    async def hand_over(self, account: AccountId, days: int, write: Writer) -> None:
        """The last `days` of an account as a file, imported by its person into the account it is of."""
        view, today = self._hub.sandbox.world.account(account), self._hub.sandbox.world.now.date()
        self._files += 1
        path = self._folder / f"statement-{self._files}"
        with path.open("wb") as out:
            write(out, statement(view, today - timedelta(days=days), today))
        name = await self._name(account)
        await imports.import_file(self._hub.opened, self._hub.space, FileDrop(path, name))

    async def _name(self, account: AccountId) -> str:
        """What the ledger calls an account that a live bank shows."""
        number = self._hub.sandbox.world.account(account).terms.number
        (held,) = {
            view.held.account_id
            for view in await ledger.accounts(self._hub.opened, self._hub.space)
            if view.held.mask == number[-4:]
        }
        return str(held)


def statement(view: AccountView, start: date, end: date) -> Statement:
    """What a bank has booked on an account from `start` to `end`."""
    booked = [each for each in view.movements() if each.state is State.BOOKED]
    before = sum((each.amount for each in booked if each.on < start), Decimal(0))
    terms = view.terms
    told = [
        Booking(each.movement.id, each.on, each.amount, each.text[:32].strip())
        for each in booked
        if start <= each.on <= end
    ]
    account = Account(terms.number, terms.currency, KINDS[terms.kind], name=terms.product)
    return Statement(
        account, terms.opening + before, sorted(told, key=lambda each: each.booked_on), start, end
    )


def us_csv(out: BinaryIO, told: Statement) -> None:
    """As a bank's page exports it: no ids, no balances."""
    write_csv(out, told, CSV_STYLES["bare"])


class Telling:
    """A life told from all sides. `login` is the one that will be linked anew, `accounts` are those files are of."""

    def __init__(self, hub: Hub, bank: Bank, login: Login, accounts: list[AccountId], chance: Random) -> None:
        self.hub = hub
        self._bank = bank
        self._login = login
        self._accounts = accounts
        self._chance = chance

    async def files(self, days: int, write: Writer) -> None:
        """Statements of every account, each of somewhat other days."""
        for account in self._accounts:
            await self._bank.hand_over(account, days + self._chance.randrange(7), write)

    async def link_anew(self, meanwhile: Iterable[Callable[[], object]]) -> None:
        """The connection ends; time goes by, and things happen that nobody is told of; the same person logs in again."""
        [old] = [
            each for each in await self.hub.linked() if self.hub.logins[each.connection_id] == self._login
        ]
        await self.hub.unlink(old)
        for deed in meanwhile:
            self.hub.sandbox.run(deed)
            self.hub.sandbox.advance(days=self._chance.randrange(1, 4))
        if self._chance.random() < 0.5:
            await self.files(20, us_csv)
        await self.hub.link(self._login)

    async def say_of_one(self) -> Movement:
        """A person says what a movement that everybody tells of was for."""
        one = self._chance.choice([each for each in await self._held() if each.status == "booked"])
        await decisions.edit(self.hub.opened, self.hub.space, str(one.transaction_id), {"category": HOLIDAY})
        return one

    async def expect_it_said(self, one: Movement) -> None:
        """It still is, and of that movement alone."""
        said = [each for each in await self._held() if each.category == HOLIDAY]
        assert [(each.booked_on, each.amount) for each in said] == [(one.booked_on, one.amount)]

    async def _held(self) -> list[Movement]:
        space_id = self.hub.space.space_id
        async with self.hub.opened.store.transaction(space_id) as tx:
            there = [each for each in await matching.movements(tx, space_id) if not each.gone]
        return sorted(there, key=lambda each: (each.booked_on, each.amount, each.description, each.account))

    def meanwhile(self, one: Movement) -> Iterator[Callable[[], object]]:
        """What a bank does while nobody looks: settles dearer, lets go, corrects (all but `one`), dates back."""
        world, chance = self.hub.sandbox.world, self._chance
        for account in self._accounts:
            held = [
                world.authorise(account, -chance.randrange(5_00, 90_00), "DINER OF MINE").id for _ in "ab"
            ]
            yield lambda held=held: world.settle(held[0], minor=-chance.randrange(5_00, 90_00))
            yield lambda held=held: world.release(held[1])
            yield lambda account=account: self._correct(account, but=one)
            yield lambda account=account: world.book(
                account,
                -chance.randrange(1_00, 9_00),
                "PARKING OF MINE",
                on=world.now.date() - timedelta(days=3),
            )

    def _correct(self, account: AccountId, but: Movement) -> None:
        booked = [
            each.movement
            for each in self.hub.sandbox.world.account(account).movements()
            if each.state is State.BOOKED
            and abs(each.movement.settled_minor) > 5_00
            and each.on != but.booked_on
        ]
        corrected = self._chance.choice(booked[-25:])
        self.hub.sandbox.world.amend(corrected.id, corrected.settled_minor - 1_00)

    async def expect_the_truth(self, when: str) -> None:
        """Every movement once, every account once and proven, the books sound."""
        await self.hub.quiet()
        assert await self.hub.amiss() == [], when
        assert (await self.hub.compare()).equal, when
        assert await self.hub.unsound() == {}, when


@pytest.mark.parametrize("seed", SEEDS)
def test_what_a_bank_its_files_and_a_new_login_tell_is_one_ledger_and_the_truth(
    settings: Settings, tmp_path: Path, seed: int
) -> None:
    world = World(seed, people=0, firms=0, begins=BEGINS, now=LINKED_AT)
    person = world.person("person-1", CountryCode.US if seed % 2 else CountryCode.GB)
    clock, chance = HandClock(LINKED_AT), Random(seed)
    logins = [each for each in logins_of(person) if not each.broker]
    told = [AccountId(account.id) for account in person.accounts if account.kind in KINDS]

    async def live(sandbox: Sandbox) -> None:
        async with opened_hub(settings, sandbox, clock) as hub:
            for login in logins:
                await hub.link(login)
            life = Telling(hub, Bank(hub, tmp_path), chance.choice(logins), told, chance)
            await life.expect_the_truth("linked")
            accounts = len({view.held.account_id for view in await ledger.accounts(hub.opened, hub.space)})
            await life.files(60, write_ofx1)
            await life.expect_the_truth("with statements of what was told")
            sandbox.advance(days=17)
            await hub.quiet()
            one = await life.say_of_one()
            await life.link_anew([*life.meanwhile(one)])
            await life.expect_the_truth("linked anew")
            await life.expect_it_said(one)
            await life.files(45, write_ofx1)
            await life.files(30, us_csv)
            await life.expect_the_truth("with statements that overlap")
            sandbox.advance(days=31)
            await life.expect_the_truth("a month on")
            held = {view.held.account_id for view in await ledger.accounts(hub.opened, hub.space)}
            assert len(held) == accounts
            await life.expect_it_said(one)
            assert await decisions.rebuild(hub.opened, hub.space, sorted(held)) == 0

    with Sandbox(world, plaid=Options(limits=Regime.PRODUCTION), clock=clock.now) as sandbox:
        asyncio.run(live(sandbox))
