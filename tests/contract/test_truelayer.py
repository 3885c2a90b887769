"""The adapter against TrueLayer's emulator: what a person has at a bank is what is told, however odd the bank."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from tests.support.truelayer import BASE, RETURN, SECRET, Stand

from caudal.model.changes import (
    AccountGone,
    AccountSeen,
    BalanceKind,
    BalanceSeen,
    Cursor,
    Page,
    Status,
    TransactionSeen,
)
from caudal.model.errors import NeedsUser, RateLimited, Unavailable
from caudal.providers.base import Abandoned, Fields, LinkRequest, Mended, Poll, Visit, Waiting
from caudal.providers.truelayer import TrueLayerProvider
from caudal_sandbox.economy.accounts import AccountKind
from caudal_sandbox.faults import Fault, Kind
from caudal_sandbox.truelayer.banks import BANKS
from caudal_sandbox.truelayer.records import account_id

BANK_IDS = sorted(BANKS)


def told(pages: list[Page], kind: type) -> list[Any]:
    return [change for page in pages for change in page.changes if isinstance(change, kind)]


def truth(stand: Stand, ref: str, *, pending: bool) -> list[tuple[str, Decimal]]:
    """The account's movements by day and amount, by the world's own signs."""
    holder = stand.world.holder("ada")
    assert holder is not None
    view = next(each for each in stand.world.accounts(holder) if account_id(each.terms) == ref)
    state = "pending" if pending else "booked"
    return sorted((each.on.isoformat(), each.amount) for each in view.movements() if each.state == state)


def at_bank(stand: Stand) -> str:
    """A bank where Ada has an account that moves."""
    holder = stand.world.holder("ada")
    assert holder is not None
    kinds = {AccountKind.CHECKING, AccountKind.CARD}
    return next(f"ob-{each.institution.id}" for each in holder.accounts if each.kind in kinds)


def test_all_that_a_bank_holds_is_told_once_with_our_signs() -> None:
    stand = Stand(providers="uk-cs-mock uk-ob-all")
    linked = stand.link("mock")
    pages = stand.pulled(linked)
    seen = told(pages, AccountSeen)
    assert {"checking", "card"} <= {each.kind.value for each in seen}
    assert not any(page.unreadable for page in pages)
    for account in seen:
        for pending in (False, True):
            status = Status.PENDING if pending else Status.BOOKED
            movements = [
                each
                for each in told(pages, TransactionSeen)
                if each.ref == account.ref and each.status is status
            ]
            got = sorted((each.booked_on.isoformat(), each.money.amount) for each in movements)
            assert got == truth(stand, account.ref, pending=pending)
            assert len({each.id for each in movements}) == len(movements)
    assert [page.more for page in pages] == [True] * (len(pages) - 1) + [False]


@pytest.mark.parametrize("bank", BANK_IDS)
def test_a_second_pull_names_everything_as_the_first_did_whatever_ids_the_bank_gives(bank: str) -> None:
    stand = Stand(providers="uk-cs-mock uk-ob-all")
    stand.world.person("bea", stand.world.holders[0].country)
    user = next(
        (
            holder.name
            for holder in stand.world.holders
            if any(BANKS[bank].institution in {None, each.institution.id} for each in holder.accounts)
        ),
        None,
    )
    while user is None:
        number = len(stand.world.holders)
        person = stand.world.person(f"guest-{number}", stand.world.holders[0].country)
        kinds = {AccountKind.CHECKING, AccountKind.SAVINGS, AccountKind.CARD}
        if any(
            each.institution.id == BANKS[bank].institution and each.kind in kinds for each in person.accounts
        ):
            user = person.name
    linked = stand.link(bank, user)
    first = stand.pulled(linked)
    again = stand.pulled(linked, first[-1].next)
    ids = {(each.ref, each.id) for each in told(first, TransactionSeen)}
    assert {(each.ref, each.id) for each in told(again, TransactionSeen)} <= ids
    for page in again:
        for window in page.windows:
            assert window.holds is not None
            assert {each.id for each in page.changes if isinstance(each, TransactionSeen)} == window.holds


def test_a_balance_of_a_card_is_what_is_had_and_of_an_account_without_the_overdraft() -> None:
    stand = Stand()
    pages = stand.pulled(stand.link("mock"))
    holder = stand.world.holder("ada")
    assert holder is not None
    views = {account_id(each.terms): each for each in stand.world.accounts(holder)}
    for balance in told(pages, BalanceSeen):
        view = views[balance.ref]
        if balance.kind is BalanceKind.BOOKED:
            assert balance.money.amount == view.booked()
        if balance.kind is BalanceKind.AVAILABLE:
            assert balance.money.amount == view.available()


def test_old_history_is_read_at_first_and_later_only_the_last_month() -> None:
    stand = Stand()
    linked = stand.link("mock")
    first = stand.pulled(linked)
    oldest = min(each.booked_on for each in told(first, TransactionSeen))
    assert (stand.world.now.date() - oldest).days > 400
    stand.world.advance(days=3)
    later = stand.pulled(linked, first[-1].next)
    assert all((stand.world.now.date() - each.booked_on).days <= 33 for each in told(later, TransactionSeen))


def test_who_pulls_late_is_given_ninety_days_and_claims_no_more() -> None:
    stand = Stand()
    linked = stand.link("mock")
    stand.world.advance(hours=2)
    pages = stand.pulled(linked)
    starts = [window.start for page in pages for window in page.windows]
    assert starts
    assert all((stand.world.now.date() - start).days == 89 for start in starts)


def test_of_the_bank_s_four_calls_a_day_the_fifth_is_refused_till_tomorrow() -> None:
    stand = Stand()
    linked = stand.link("mock")  # asks for the lists once
    cursor = ""
    for _ in range(3):
        cursor = stand.pulled(linked, cursor)[-1].next
    with pytest.raises(RateLimited) as limited:
        stand.pulled(linked, cursor)
    assert limited.value.retry_after.total_seconds() >= 3600


def test_a_token_is_renewed_and_the_new_refresh_token_kept_before_it_is_used() -> None:
    stand = Stand()
    linked = stand.link("mock")
    before = stand.vault["refresh_token"]
    stand.world.advance(hours=3)
    stand.pulled(linked)
    assert stand.vault["refresh_token"] != before


def test_two_pulls_at_once_renew_once() -> None:
    stand = Stand()
    linked = stand.link("mock")
    stand.world.advance(hours=3)

    async def both(live: TrueLayerProvider) -> None:
        async def one() -> None:
            async for _ in live.pull(stand.access(linked), Cursor("")):
                return

        await asyncio.gather(one(), one())

    stand.run(both)
    still = stand.emulator.connections.by_refresh(stand.vault["refresh_token"].decode())
    assert still.credentials_id == linked.reference


def test_when_the_consent_is_over_the_person_is_asked_and_mending_keeps_the_connection() -> None:
    stand = Stand()
    linked = stand.link("mock")
    cursor = stand.pulled(linked)[-1].next
    stand.world.advance(days=91)
    with pytest.raises(NeedsUser):
        stand.pulled(linked, cursor)

    async def mend(live: TrueLayerProvider) -> object:
        visit = await live.begin_link(LinkRequest("space-1", relink=stand.access(linked), return_url=RETURN))
        assert isinstance(visit, Visit)
        assert isinstance(await live.continue_link(Poll(visit.state)), Waiting)
        values = await stand.browse(visit.url, "mock", "ada", "x")
        return await live.continue_link(Fields(visit.state, values))

    mended = stand.run(mend)
    assert isinstance(mended, Mended)
    stand.vault.update(mended.secrets)
    pages = stand.pulled(linked, cursor)
    assert (stand.world.now.date() - min(each.booked_on for each in told(pages, TransactionSeen))).days > 400
    assert not told(pages, AccountGone)


def test_a_link_for_another_person_mends_nothing() -> None:
    stand = Stand()
    linked = stand.link("mock")

    async def mend(live: TrueLayerProvider) -> object:
        visit = await live.begin_link(LinkRequest("space-1", relink=stand.access(linked), return_url=RETURN))
        assert isinstance(visit, Visit)
        values = await stand.browse(visit.url, "mock", "john", "doe")
        return await live.continue_link(Fields(visit.state, values))

    assert isinstance(stand.run(mend), Abandoned)


@pytest.mark.parametrize("password", ["x", "eternal"])
def test_a_consent_is_extended_where_the_client_may(password: str) -> None:
    stand = Stand(extend=True)
    linked = stand.link("mock", password=password)
    stand.world.advance(days=80)

    async def mend(live: TrueLayerProvider) -> object:
        step = await live.begin_link(LinkRequest("space-1", relink=stand.access(linked), return_url=RETURN))
        if not isinstance(step, Visit):
            return step
        values = await stand.browse(step.url, "mock", "ada", "x")
        return await live.continue_link(Fields(step.state, values))

    mended = stand.run(mend)
    assert isinstance(mended, Mended)
    stand.vault.update(mended.secrets)
    stand.world.advance(days=20)
    assert stand.pulled(linked)


def test_a_link_that_is_cancelled_at_the_bank_is_abandoned() -> None:
    stand = Stand()

    async def act(live: TrueLayerProvider) -> object:
        visit = await live.begin_link(LinkRequest("space-1", return_url=RETURN))
        assert isinstance(visit, Visit)
        assert f"state={visit.returns}" in visit.url
        return await live.continue_link(Fields(visit.state, {"error": "access_denied"}))

    assert isinstance(stand.run(act), Abandoned)


def test_after_revoking_the_token_is_dead_and_revoking_again_is_no_error() -> None:
    stand = Stand()
    linked = stand.link("mock")
    for _ in range(2):
        stand.run(lambda live: live.revoke(stand.access(linked)))
    with pytest.raises(NeedsUser):
        stand.pulled(linked)


def test_one_endpoint_that_fails_keeps_nothing_else_from_being_told() -> None:
    stand = Stand()
    linked = stand.link("mock")
    stand.faults.add(Fault(kind=Kind.INSTITUTION_DOWN, provider="truelayer", endpoint="*/balance", count=1))
    pages: list[Page] = []

    async def act(live: TrueLayerProvider) -> None:
        pulling = live.pull(stand.access(linked), Cursor(""))
        while (page := await anext(pulling, None)) is not None:
            pages.append(page)

    with pytest.raises(Unavailable):
        stand.run(act)
    refs = {each.ref for each in told(pages, AccountSeen)}
    assert {window.ref for page in pages for window in page.windows} == refs
    assert {each.ref for each in told(pages, BalanceSeen)} < refs


def test_a_cursor_of_another_s_and_secrets_in_reprs() -> None:
    stand = Stand()
    linked = stand.link("mock")
    for thing in (stand.config, linked, stand.access(linked), Mended(stand.vault)):
        for secret in (SECRET, stand.vault["refresh_token"].decode(), stand.vault["access_token"].decode()):
            assert secret not in repr(thing)
    assert BASE in repr(stand.config)
