"""One space with every provider at once, two years of faults: the ledger is the truth, and proven wherever it can be."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from random import Random

import msgspec
import pytest
from tests.support import chaos
from tests.support.books import faults as unsound
from tests.support.linkers import LIVES, bank_of, settle
from tests.support.world_clock import WorldClock

from caudal.cli.linking import LinkWish, linked
from caudal.cli.sandbox import compared
from caudal.cli.sandbox_control import SandboxControl
from caudal.hub import connections, installation, ledger, spaces, syncs
from caudal.hub.installation import Installation
from caudal.model.errors import (
    Malformed,
    NeedsUser,
    NotReady,
    RateLimited,
    Refused,
    Unavailable,
)
from caudal.providers.base import LiveProvider
from caudal.providers.http import HttpBounds
from caudal.settings import RunBounds, Settings
from caudal.store.spaces import LinkedConnection, Space
from caudal_sandbox.faults import CORRUPTIONS, WEBHOOKS, Fault, Kind, Param
from caudal_sandbox.plaid.emulator import Options
from caudal_sandbox.plaid.limits import Regime
from caudal_sandbox.server import Sandbox
from caudal_sandbox.world import World

SEEDS = range(1, 11)
MONTHS = 24
PER_MILLE = 50
BEGINS = date(2024, 1, 1)
LINKED_AT = datetime(2024, 3, 15, 12, tzinfo=UTC)
PASSING = (RateLimited, Unavailable, NotReady, Malformed, NeedsUser)
PATIENCE = timedelta(minutes=2)
TRIES_MAX = 12
KINDS = frozenset(Kind) - WEBHOOKS - {Kind.MUTATION}
SHORT: dict[Kind, dict[str, Param]] = {Kind.LATENCY: {"milliseconds": 2}, Kind.HANG: {"milliseconds": 10}}
UNPROVABLE = {"investment", "loan"}
"""In Brazil: of these neither Pluggy nor Belvo tells a balance that their movements must add up to; nor does Belvo of a card."""


def every_fault(seed: int) -> Iterator[Fault]:
    """Each kind, at each provider; what breaks a record more seldom: a record may take several visits to come right."""
    for kind in sorted(KINDS):
        often = (
            PER_MILLE // 10 if kind in CORRUPTIONS | {Kind.REISSUED_IDS, Kind.LOGIN_REQUIRED} else PER_MILLE
        )
        yield Fault(kind, per_mille=often, seed=seed, params=SHORT.get(kind, {}))


class Household:
    """One space, its providers, and the world they tell of."""

    def __init__(
        self,
        opened: Installation,
        space: Space,
        live: dict[str, LiveProvider],
        sandbox: Sandbox,
        clock: WorldClock,
    ) -> None:
        self.opened, self.space, self.live = opened, space, live
        self.sandbox, self.clock = sandbox, clock

    def wish(self, provider: str, relink: str | None = None) -> LinkWish:
        """How somebody links there, or mends."""
        life = LIVES[provider]
        person = (self.sandbox.url, provider, life.password)
        bank = bank_of(self.sandbox.world, provider)
        return LinkWish(provider, bank, relink=relink, sandbox=person, asks=False)

    async def link(self, provider: str) -> None:
        """Link it, as at the command line."""
        await linked(self.opened, self.space, self.live[provider], self.wish(provider))

    async def persist(self, connection: LinkedConnection, tries: int) -> bool:
        """Sync until it goes through, giving it the person or the patience that it takes."""
        live = self.live[connection.provider]
        for _ in range(tries):
            try:
                if not (await syncs.sync(self.opened, self.space, connection, live)).preparing:
                    return True
                self.sandbox.advance(minutes=1)
            except NeedsUser:
                await self.mend(connection)
            except PASSING:
                self.clock.time += PATIENCE
            except Refused as error:
                if "words" not in str(error):  # a refusal that broke on its way says no more
                    raise
        return False

    async def mend(self, connection: LinkedConnection) -> None:
        """Its person is there. Under fire that may fail as well."""
        try:
            wish = self.wish(connection.provider, relink=connection.label)
            await linked(self.opened, self.space, self.live[connection.provider], wish)
        except (*PASSING, Refused):
            self.clock.time += PATIENCE

    async def month(self, chance: Random, seed: int) -> None:
        """Time under fire, then a quiet sync."""
        sandbox = self.sandbox
        for fault in every_fault(seed):
            sandbox.run(lambda fault=fault: sandbox.faults.add(fault))
        sandbox.advance(days=chance.randrange(26, 32), hours=chance.randrange(24))
        for connection in await connections.linked(self.opened, self.space):
            await self.persist(connection, 2)
        sandbox.run(sandbox.faults.clear)
        for _ in range(2):
            sandbox.advance(hours=30)
            self.clock.time += PATIENCE
            for connection in await connections.linked(self.opened, self.space):
                assert await self.persist(connection, TRIES_MAX), connection.provider

    async def expect_the_truth(self, when: str, *, over: bool) -> None:
        """Each movement once; no account is off, and when all is `over` every one that can be is proven (one that is new has
        but one balance to go by)."""
        with SandboxControl(self.sandbox.url) as control:
            found = await compared(self.opened, self.space, control)
        assert found.equal, (when, found)
        kinds = {
            view.held.account_id: view.held.kind for view in await ledger.accounts(self.opened, self.space)
        }
        providers = {
            each.connection_id: each.provider for each in await connections.linked(self.opened, self.space)
        }
        assert len(providers) == len(LIVES)
        for proof in await ledger.proofs(self.opened, self.space):
            assert proof.verdict != "off", (when, proof)
            if over and proof.verdict != "proven":
                assert proof.currency == "BRL", (when, proof)
                if kinds[proof.account_id] == "card":
                    [told] = await ledger.told(self.opened, self.space, proof.account_id, None, 1)
                    assert told.provider == "belvo", (when, proof)
                else:
                    assert kinds[proof.account_id] in UNPROVABLE, (when, proof)
        assert await unsound(self.opened.store, self.space.space_id) == {}, when


@pytest.mark.parametrize("seed", SEEDS[: chaos.times(len(SEEDS))])
def test_every_provider_at_once_through_two_years_of_faults_is_one_ledger_and_the_truth(
    settings: Settings, seed: int
) -> None:
    world = World(seed, people=0, firms=0, begins=BEGINS, now=LINKED_AT)
    settle(world)
    clock = WorldClock(world)

    async def live_through(sandbox: Sandbox) -> None:
        quick = msgspec.structs.replace(
            settings,
            preparing_poll_ms=1,
            run=RunBounds(restart_wait_ms=1),
            http=HttpBounds(read_seconds_max=1),
        )
        async with AsyncExitStack() as stack:
            opened = await stack.enter_async_context(installation.opened(quick))
            live = {}
            for provider in LIVES:
                entry = import_module(f"caudal.providers.{provider}.entry")
                pointed = entry.sandboxed(quick, sandbox.url)
                live[provider] = await stack.enter_async_context(entry.opened(pointed, clock, None, None))
            space = await spaces.chosen(opened.store, "home", make=True)
            home = Household(opened, space, live, sandbox, clock)
            for provider in LIVES:
                await home.link(provider)
            chance = Random(seed)
            for month in range(1, MONTHS + 1):
                await home.month(chance, seed * 100 + month)
                await home.expect_the_truth(f"seed {seed}, after {month} months", over=month == MONTHS)

    with Sandbox(world, plaid=Options(limits=Regime.OFF), clock=clock.now) as sandbox:
        asyncio.run(live_through(sandbox))
        assert sandbox.faults.struck.keys() >= KINDS
