"""A bank linked through TrueLayer, day by day: the ledger holds what really happened, whatever ids the bank gives."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from decimal import Decimal

import pytest
from tests.support.books import all_rows
from tests.support.truelayer import RETURN, Stand

from caudal.hub import connections, credentials, installation, links, spaces, syncs
from caudal.hub.installation import Installation
from caudal.hub.links import Candidate, Connected
from caudal.model.errors import NeedsUser
from caudal.providers.base import Fields, Visit
from caudal.providers.http import HttpBounds
from caudal.providers.truelayer import TrueLayerProvider
from caudal.settings import Settings
from caudal.store.spaces import LinkedConnection, Space
from caudal_sandbox.economy.accounts import AccountKind
from caudal_sandbox.economy.countries import CountryCode
from caudal_sandbox.truelayer.banks import BANKS
from caudal_sandbox.truelayer.emulator import KINDS

Told = Counter[tuple[str, str, Decimal]]
"""(booked or pending, day, amount), however many of them."""


class Home:
    """A space whose person banks in Britain."""

    def __init__(self, opened: Installation, space: Space, live: TrueLayerProvider, stand: Stand) -> None:
        self.opened, self.space, self.live, self.stand = opened, space, live, stand

    async def visit(self, bank: str, user: str, relink: LinkedConnection | None = None) -> links.Progress:
        step = await links.begin(self.opened, self.space, self.live, relink=relink, return_url=RETURN)
        assert isinstance(step, Visit)
        values = await self.stand.browse(step.url, bank, user, "x")
        return await links.proceed(self.opened, self.space, self.live, Fields(step.state, values), relink)

    async def link(self, bank: str, user: str) -> LinkedConnection:
        step = await self.visit(bank, user)
        assert isinstance(step, Candidate)
        made = await links.proceed(self.opened, self.space, self.live, step.conclude)
        assert isinstance(made, Connected)
        return made.connection

    async def sync(self, connection: LinkedConnection) -> syncs.SyncReport:
        return await syncs.sync(self.opened, self.space, connection, self.live)


def at_home(settings: Settings, stand: Stand, act: Callable[[Home], Awaitable[None]]) -> None:
    async def work() -> None:
        async with (
            installation.opened(settings) as opened,
            TrueLayerProvider(
                stand.config, HttpBounds(retries_max=1), clock=stand, transport=stand.transport
            ) as live,
        ):
            space = await spaces.chosen(opened.store, "home", make=True)
            await act(Home(opened, space, live, stand))

    asyncio.run(work())


def ledger(conninfo: str) -> Told:
    query = "select status::text, booked_on::text, amount from caudal.transaction where gone_at is null and into_id is null"
    return Counter(
        (str(a), str(b), Decimal(str(c)).quantize(Decimal("0.01"))) for a, b, c in all_rows(conninfo, query)
    )


def truth(stand: Stand, bank: str, user: str) -> Told:
    holder = stand.world.holder(user)
    assert holder is not None
    told: Told = Counter()
    quirks = BANKS[bank].quirks
    for view in stand.world.accounts(holder):
        if view.terms.kind not in KINDS["accounts"] | KINDS["cards"]:
            continue
        if BANKS[bank].institution not in {None, view.terms.institution.id}:
            continue
        for each in view.movements():
            shown = each.state == "booked" or (
                each.state == "pending" and "pending" not in quirks.unsupported
            )
            if shown:
                told[each.state.value, each.on.isoformat(), each.amount] += 1
    return told


def customer(stand: Stand, bank: str) -> str:
    """Somebody in Britain with a current account or a card at the bank."""
    wanted = BANKS[bank].institution
    for number in range(100):
        person = stand.world.person(f"guest-{number}", CountryCode.GB)
        moves = (AccountKind.CHECKING, AccountKind.CARD)
        if any(each.kind in moves and wanted in {None, each.institution.id} for each in person.accounts):
            return person.name
    raise AssertionError(f"nobody banks at {bank}")


@pytest.mark.parametrize("bank", sorted(BANKS))
def test_three_weeks_of_every_odd_bank_end_as_they_were(settings: Settings, bank: str) -> None:
    stand = Stand(providers="uk-cs-mock uk-ob-all")
    user = customer(stand, bank)

    async def act(home: Home) -> None:
        connection = await home.link(bank, user)
        for hours in (0, 9, 15, 24, 24, 72, 24, 160, 8, 100, 24):
            stand.world.advance(hours=hours)
            report = await home.sync(connection)
            assert report.quarantined == 0
        assert ledger(settings.database_url) == truth(stand, bank, user)

    at_home(settings, stand, act)


def test_a_login_that_ended_is_mended_with_new_secrets_and_nothing_is_told_twice(settings: Settings) -> None:
    stand = Stand(providers="uk-cs-mock")

    async def act(home: Home) -> None:
        connection = await home.link("mock", "ada")
        await home.sync(connection)
        old = await credentials.reveal_all(home.opened, home.space.space_id, connection.connection_id)
        stand.world.advance(days=91)
        with pytest.raises(NeedsUser):
            await home.sync(connection)
        step = await home.visit("mock", "ada", connection)
        assert isinstance(step, Connected)
        assert not step.anew
        new = await credentials.reveal_all(home.opened, home.space.space_id, connection.connection_id)
        assert new["refresh_token"] != old["refresh_token"]
        await home.sync(step.connection)
        assert ledger(settings.database_url) == truth(stand, "mock", "ada")
        assert len(await connections.linked(home.opened, home.space)) == 1

    at_home(settings, stand, act)


def test_what_a_pull_renews_is_kept_for_the_next(settings: Settings) -> None:
    stand = Stand(providers="uk-cs-mock")

    async def act(home: Home) -> None:
        connection = await home.link("mock", "ada")
        for _ in range(4):
            stand.world.advance(hours=12)
            await home.sync(connection)
        kept = await credentials.reveal(
            home.opened, home.space.space_id, connection.connection_id, "refresh_token"
        )
        assert stand.emulator.connections.by_refresh(kept.decode()).credentials_id == connection.reference
        await syncs.unlink(home.opened, home.space, connection, home.live)
        assert all(each.deleted for each in stand.emulator.connections.all)

    at_home(settings, stand, act)
