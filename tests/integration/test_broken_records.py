"""One record of one answer is broken on its way: what is missing from the books is there after the next sync."""

import asyncio
from datetime import UTC, date, datetime

import pytest
from tests.support.books import all_rows
from tests.support.hub import Login, opened_hub
from tests.support.plaid_script import HandClock

from caudal.settings import Settings
from caudal_sandbox.economy.countries import CountryCode
from caudal_sandbox.economy.movements import AccountId
from caudal_sandbox.faults import Fault, Kind
from caudal_sandbox.plaid.emulator import Options
from caudal_sandbox.plaid.institutions import CATALOGUE
from caudal_sandbox.plaid.limits import Regime
from caudal_sandbox.server import Sandbox
from caudal_sandbox.world import World

LINKED_AT = datetime(2026, 3, 15, 12, tzinfo=UTC)
SYNC = "/transactions/sync"


@pytest.mark.parametrize(
    ("when", "where"),
    [
        ("as the history comes", "added/*/amount"),
        ("as the history comes", "added/*/date"),
        ("later", "added/*/amount"),
        ("later", "added/*/transaction_id"),
        ("later", "modified/*/amount"),
        ("later", "removed/*/transaction_id"),
    ],
)
def test_a_record_broken_once_is_in_the_books_after_the_next_sync(
    settings: Settings, when: str, where: str
) -> None:
    world = World(5, people=0, firms=0, begins=date(2025, 12, 1), now=LINKED_AT)
    person = world.person("person-1", CountryCode.US)
    bank = person.accounts[0].institution.id
    login = next(each.institution_id for each in CATALOGUE.values() if each.bank.id == bank)
    checking = AccountId("person-1:checking")
    clock = HandClock(LINKED_AT)

    async def live(sandbox: Sandbox) -> None:
        async with opened_hub(settings, sandbox, clock) as hub:
            connection = await hub.link(Login("person-1", login))
            if when == "later":
                held = sandbox.run(lambda: world.authorise(checking, -12_34, "CAFE OF MINE"))
                booked = sandbox.run(lambda: world.book(checking, -3_00, "PARKING OF MINE"))
                sandbox.advance(days=1)
                await hub.quiet()
                sandbox.run(lambda: (world.release(held.id), world.amend(booked.id, -4_00)))
                sandbox.advance(days=2)
            struck = Fault(Kind.WRONG_TYPES, endpoint=SYNC, count=1, params={"where": where})
            sandbox.run(lambda: sandbox.faults.add(struck))
            await hub.persist(connection)
            assert sandbox.faults.struck[Kind.WRONG_TYPES] == 1
            verdicts = {
                str(verdict)
                for (verdict,) in all_rows(settings.database_url, "select verdict from caudal.proof")
            }
            assert "off" not in verdicts, "a balance was told that counts what could not be read"
            await hub.quiet()
            assert await hub.amiss() == []
            unchanged = await hub.sync(connection)
            assert (unchanged.pages, unchanged.quarantined) == (0, 0)

    with Sandbox(world, plaid=Options(limits=Regime.OFF), clock=clock.now) as sandbox:
        asyncio.run(live(sandbox))
