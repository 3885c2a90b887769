"""A broker, which has no transactions to tell: linked for its investments, kept in step, and its cash proven."""

import asyncio
from datetime import UTC, date, datetime

import pytest
from tests.support.books import all_rows
from tests.support.hub import Hub, opened_hub
from tests.support.plaid_script import HandClock

from caudal.hub import links
from caudal.hub.links import Candidate, Connected
from caudal.providers.base import Poll, Visit
from caudal.settings import Settings
from caudal.store.spaces import LinkedConnection
from caudal_sandbox.economy.countries import CountryCode
from caudal_sandbox.plaid.emulator import Options
from caudal_sandbox.plaid.institutions import CATALOGUE
from caudal_sandbox.plaid.limits import Regime
from caudal_sandbox.server import Sandbox
from caudal_sandbox.world import World

LINKED_AT = datetime(2026, 3, 15, 12, tzinfo=UTC)
BROKERS = {
    each.bank.id: each.institution_id for each in CATALOGUE.values() if "transactions" not in each.products
}


async def linked(hub: Hub, institution: str, *, investments_only: bool) -> LinkedConnection | str:
    """The connection, or why the broker's page let nobody through."""
    visit = await links.begin(
        hub.opened, hub.space, hub.live, institution=institution, investments_only=investments_only
    )
    assert isinstance(visit, Visit), visit
    said = {
        "hosted_link_url": visit.url,
        "institution_id": institution,
        "username": "person-1",
        "password": "pass_good",
    }
    seen = hub.door.post("/plaid/link/finish", json=said).raise_for_status().json()
    if seen["problem"] is not None:
        return str(seen["problem"])
    step = await links.proceed(hub.opened, hub.space, hub.live, Poll(visit.state))
    assert isinstance(step, Candidate), step
    made = await links.proceed(hub.opened, hub.space, hub.live, step.conclude)
    assert isinstance(made, Connected), made
    return made.connection


@pytest.mark.parametrize("country", [CountryCode.US, CountryCode.GB])
def test_a_brokers_cash_is_proven_month_after_month(settings: Settings, country: CountryCode) -> None:
    world = World(3, people=0, firms=0, begins=date(2025, 6, 1), now=LINKED_AT)
    person = world.person("person-1", country)
    institution = next(
        BROKERS[each.institution.id] for each in person.accounts if each.institution.id in BROKERS
    )
    clock = HandClock(LINKED_AT)

    async def live(sandbox: Sandbox) -> None:
        async with opened_hub(settings, sandbox, clock) as hub:
            assert isinstance(await linked(hub, institution, investments_only=False), str)
            connection = await linked(hub, institution, investments_only=True)
            assert isinstance(connection, LinkedConnection)
            (first,) = await hub.quiet()
            assert first.created > 0
            for _ in range(3):
                sandbox.advance(days=30)
                (report,) = await hub.quiet()
                assert report.created > 0
                assert {row.verdict for row in report.proofs} == {"proven"}
            assert (await hub.sync(connection)).pages == 0
            await hub.live.refresh(await hub.access(connection))

    with Sandbox(world, plaid=Options(limits=Regime.OFF), clock=clock.now) as sandbox:
        asyncio.run(live(sandbox))
    kinds = {
        str(kind) for (kind,) in all_rows(settings.database_url, "select distinct kind from caudal.balance")
    }
    assert kinds == {"booked", "available", "value"}
