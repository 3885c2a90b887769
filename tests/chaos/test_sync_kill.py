"""kill -9 in the middle of a sync, at any instant: sync again, and the ledger is as if nothing had happened."""

import asyncio
import random
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.support.books import all_rows
from tests.support.command import Command, Done
from tests.support.hub import CLIENT, Hub, Login, opened_hub
from tests.support.imports import held, row_counts, verdicts
from tests.support.plaid_script import HandClock

from caudal.settings import Settings
from caudal_sandbox.economy.countries import CountryCode
from caudal_sandbox.faults import Fault, Kind
from caudal_sandbox.plaid.emulator import Options
from caudal_sandbox.plaid.limits import Regime
from caudal_sandbox.server import Sandbox
from caudal_sandbox.world import World

KILLS = 50
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SHOP = Login("user_busy_70", "ins_109508")
"""70 payments a day for two months: nine pages of 500, which is as many as our budget lets through without a pause."""
PAGES = 9
PAGE_MS = 40
"""How long the provider takes for a page: time to be killed in."""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    world = World(5, people=0, firms=0, begins=date(2026, 1, 1), now=NOW)
    world.person("person-1", CountryCode.US)
    with Sandbox(world, plaid=Options(limits=Regime.OFF), clock=lambda: NOW) as running:
        slow = Fault(Kind.LATENCY, endpoint="/transactions/sync", params={"milliseconds": PAGE_MS})
        running.run(lambda: running.faults.add(slow))
        yield running


class Killing(NamedTuple):
    """An installation with a sandbox, and the command `caudal sync --all` to be killed in it."""

    settings: Settings
    sandbox: Sandbox
    command: Command

    @property
    def environ(self) -> dict[str, str]:
        client_id, secret = CLIENT
        return {
            "CAUDAL_PLAID_CLIENT_ID": client_id,
            "CAUDAL_PLAID_SECRET": secret,
            "CAUDAL_PLAID_ENVIRONMENT": "sandbox",
            "CAUDAL_PLAID_URL": self.sandbox.url,
        }

    def link(self, space: str) -> str:
        """Link a new space to the same two logins, their history all there; its name."""

        async def work(hub: Hub) -> None:
            world = self.sandbox.world
            bank = next(
                each
                for each in self.sandbox.plaid.catalogue.values()
                if each.bank.id == world.person("person-1").accounts[0].institution.id
            )
            for login in (SHOP, Login("person-1", bank.institution_id)):
                await hub.link(login)
            for item in self.sandbox.plaid.items:
                if not item.armed:
                    self.sandbox.run(lambda item=item: [item.update(self.sandbox.plaid) for _ in range(2)])

        self.within(space, work)
        return space

    def within(self, space: str, work: Callable[[Hub], object]) -> None:
        """Do something with the hub of that space."""

        async def there() -> None:
            async with opened_hub(self.settings, self.sandbox, HandClock(NOW), space=space) as hub:
                await work(hub)

        asyncio.run(there())

    def start(self, space: str) -> "subprocess.Popen[str]":
        return self.command.start("sync", "--all", "--json", "--space", space, **self.environ)

    def sync(self, space: str) -> Done:
        """To the end, undisturbed."""
        done = self.command("sync", "--all", "--json", "--space", space, **self.environ)
        assert done.code == 0, done
        return done


@pytest.fixture
def killing(settings: Settings, sandbox: Sandbox, tmp_path: Path) -> Killing:
    return Killing(settings, sandbox, Command(settings, tmp_path))


def kill_at_random(killing: Killing, seconds: float, name: str, kills: int) -> Counter[str]:
    """Sync, and kill it before its time, again and again; each time it gets through goes on in a new space. How often
    each space's sync was killed."""
    chance = random.Random(name)
    killed: Counter[str] = Counter()
    space = killing.link(f"{name} 0")
    killed[space] = 0
    while killed.total() < kills:
        process = killing.start(space)
        try:
            process.wait(timeout=seconds * chance.uniform(0.25, 0.75))
        except subprocess.TimeoutExpired:
            process.kill()
            killed[space] += 1
        out, err = process.communicate()
        if process.returncode == 0:
            space = killing.link(f"{name} {len(killed)}")
            killed[space] = 0
        else:
            assert process.returncode < 0, (out, err)
    killing.sync(space)
    return killed


def expect_truth(killing: Killing, space: str) -> None:
    """A sync later, in quiet, the space is right to the last movement."""

    async def work(hub: Hub) -> None:
        for connection in await hub.linked():
            assert await hub.persist(connection) is not None
        assert await hub.amiss() == [], space
        assert await hub.unsound() == {}, space

    killing.within(space, work)
    assert verdicts(killing.settings.database_url, space) == {"proven"}


def test_a_sync_killed_at_any_instant_goes_on_where_it_was(killing: Killing) -> None:
    url = killing.settings.database_url
    whole = killing.link("undisturbed")
    started = time.monotonic()
    killing.sync(whole)
    seconds = time.monotonic() - started
    undisturbed, rows = held(url, whole), row_counts(url)
    assert undisturbed.total() > (PAGES - 1) * 500
    killed = kill_at_random(killing, seconds, "killed", KILLS)
    ((cut_off,),) = all_rows(
        url,
        "select count(*)::int from caudal.run where (outcome = 'running' or error_class = 'Interrupted') "
        f"and pages between 1 and {PAGES - 1}",
    )
    assert int(str(cut_off)) >= 5, "too few died between two pages"
    for space in killed:
        assert held(url, space) == undisturbed, f"{space}, after {killed[space]} kills"
    for table in ("observation", "observation_link", "transaction", "source_account", "account"):
        assert row_counts(url)[table] == rows[table] * (len(killed) + 1), f"{table}: rows were written twice"
    killing.sandbox.run(killing.sandbox.faults.clear)
    killing.sandbox.advance(days=9)
    for space in killed:
        expect_truth(killing, space)
