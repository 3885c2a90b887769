"""People whose lives are scripted: deterministic and told like everybody else's."""

import tracemalloc
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from itertools import islice, takewhile

import pytest
from msgspec.structs import replace

from caudal_sandbox.economy.accounts import AccountKind, Product
from caudal_sandbox.economy.chance import Chance
from caudal_sandbox.economy.countries import CountryCode
from caudal_sandbox.economy.habits.scripted import Diary, Line, Routine, SteadyInvesting, Till
from caudal_sandbox.economy.holders import Holder, HolderKind, make_holder
from caudal_sandbox.economy.institutions import Institution, InstitutionId, InstitutionKind
from caudal_sandbox.economy.lives import Habit
from caudal_sandbox.economy.movements import Kind, State
from caudal_sandbox.truth import AccountTruth, MovementTruth, truth, truth_of
from caudal_sandbox.world import World

PRIVATE = Institution(
    InstitutionId("private"), "Private Bank", CountryCode.US, InstitutionKind.BANK, "990099996", "PRIVUSZZ"
)


def guest(name: str = "guest", bank: Institution = PRIVATE) -> Holder:
    return make_holder(1, HolderKind.PERSON, name, date(2024, 1, 1), bank.country, bank=bank)


def coffee(holder: Holder, **change: object) -> Line:
    line = Line(
        account=holder.accounts[0].id,
        minor=-450,
        text="COFFEE, NO SUGAR",
        kind=Kind.COFFEE,
        days=2,
        shows=True,
    )
    return replace(line, **change)


def monthly(holder: Holder) -> list[Habit]:
    return [Routine({12: [coffee(holder)]})]


def test_a_script_is_followed_word_for_word() -> None:
    world = World(1, people=0, firms=0)
    holder = world.admit(guest(), monthly)
    view = world.account(holder.accounts[0].id)
    sightings = view.movements()
    assert len(sightings) == 24
    for each in sightings:
        movement = each.movement
        assert (movement.text, movement.held_text, movement.settled_minor) == ("COFFEE, NO SUGAR",) * 2 + (
            -450,
        )
        assert movement.authorized_on.day == 12
        assert movement.booked_on - movement.authorized_on == timedelta(days=2)
        assert movement.pending_from == movement.occurred_at
        assert movement.ends_at.astimezone(PRIVATE.land.zone).date() == movement.booked_on
    assert view.booked() == view.terms.opening - Decimal("4.50") * 24


def test_a_line_may_be_booked_at_once_or_be_seen_only_when_it_books() -> None:
    world = World(1, people=0, firms=0)
    holder = guest()
    lines = [coffee(holder, days=0), coffee(holder, shows=False)]
    world.admit(holder, lambda _: [Diary({date(2024, 2, 3): lines, date(2023, 12, 31): lines})])
    at_once, unseen = (each.movement for each in world.account(holder.accounts[0].id).movements())
    assert at_once.pending_from is None is unseen.pending_from
    assert (at_once.booked_on, unseen.booked_on) == (date(2024, 2, 3), date(2024, 2, 5))


def test_the_other_side_of_a_line_shares_its_pair() -> None:
    world = World(1, people=0, firms=0)
    holder = guest()
    there = coffee(holder, account=holder.accounts[1].id, minor=450)
    world.admit(holder, lambda _: [Diary({date(2024, 2, 3): [coffee(holder, other_side=there)]})])
    sides = [each.movement for view in world.accounts(holder) for each in view.movements()]
    assert sum(side.settled_minor for side in sides) == 0
    assert len({side.pair for side in sides}) == 1 != len(sides)


def test_a_guest_is_in_the_truth_with_an_institution_nobody_else_knows() -> None:
    world = World(1, people=1, firms=0)
    before = truth(world)
    holder = world.admit(guest(), monthly)
    after = truth(world)
    assert len(after["movements"]) == len(before["movements"]) + 24
    accounts = [
        each for each in truth_of(world) if isinstance(each, AccountTruth) and each.holder == holder.name
    ]
    assert {each.institution for each in accounts} == {"private"}
    assert [each.product for each in accounts][:3] == ["checking", "savings", "credit_card"]
    assert world.holder("guest") is holder
    assert world.is_guest(holder)
    assert not world.is_guest(world.holders[0])


def test_whoever_is_admitted_first_stays() -> None:
    world = World(1, people=0, firms=0)
    holder = world.admit(guest(), monthly)
    again = world.admit(replace(guest(), full_name="Somebody Else"), lambda _: [])
    assert again is holder
    assert len(world.account(holder.accounts[0].id).movements()) == 24


def test_a_guest_and_someone_drawn_never_share_a_name() -> None:
    world = World(1, people=1, firms=0)
    with pytest.raises(ValueError, match="person-1 lives here already"):
        world.admit(guest("person-1"), monthly)
    with pytest.raises(ValueError, match="without a colon"):
        world.admit(replace(guest(), name="a:b"), monthly)


def test_accounts_must_be_the_guests_own_and_in_its_country() -> None:
    world = World(1, people=0, firms=0)
    with pytest.raises(ValueError, match="isn't an account of other"):
        world.admit(replace(guest(), name="other"), monthly)
    with pytest.raises(ValueError, match="is in US, its holder in GB"):
        world.admit(replace(guest(), country=CountryCode.GB), monthly)
    assert world.holders == ()


def test_deeds_on_a_guests_account_are_told_among_its_script() -> None:
    world = World(1, people=0, firms=0)
    holder = world.admit(guest(), monthly)
    account = holder.accounts[0].id
    world.book(account, 100, "FOUND")
    world.advance(days=30)
    assert Counter(each.movement.text for each in world.account(account).movements()) == {
        "COFFEE, NO SUGAR": 25,
        "FOUND": 1,
    }
    booked = [each for each in truth_of(world) if isinstance(each, MovementTruth) and each.state == "booked"]
    assert sum(each.text == "FOUND" for each in booked) == 1


def test_steady_investing_buys_while_the_cash_lasts_and_is_paid_dividends() -> None:
    world = World(1, people=0, firms=0)
    holder = next(each for n in range(20) if (each := guest(f"saver-{n}")).account(AccountKind.BROKERAGE))
    broker = holder.account(AccountKind.BROKERAGE)
    assert broker is not None
    world.admit(holder, lambda _: [SteadyInvesting(broker.id, "KSTL", 20_000, world.market)])
    view = world.account(broker.id)
    kinds = Counter(each.movement.kind for each in view.movements())
    assert kinds[Kind.BUY] >= 5
    assert kinds[Kind.DIVIDEND] == 8
    assert view.booked() >= 0
    assert [each.security.symbol for each in view.positions()] == ["KSTL"]


def test_a_busy_till_streams_in_memory_that_does_not_grow() -> None:
    world = World(1, people=0, firms=0)
    holder = world.admit(guest("shop"), lambda each: [Till(each.accounts[0].id, 200, Chance("till"))])
    world.book(holder.accounts[0].id, 1, "DEED")
    days = world.days(holder)
    assert sum(len(day.events) for day in islice(days, 20)) == 4_000
    tracemalloc.start()
    try:
        taken = []
        for _ in range(2):
            assert sum(len(day.events) for day in islice(days, 30)) == 6_000
            taken.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert taken[1] < taken[0] + 100_000


def test_a_day_at_the_till_is_booked_within_that_day() -> None:
    world = World(1, people=0, firms=0)
    shop = world.admit(guest("shop"), lambda each: [Till(each.accounts[0].id, 7, Chance("till"))])
    day = next(iter(world.days(shop)))
    assert [event.state for event in day.events] == [State.BOOKED] * 7
    assert {event.movement.booked_on for event in day.events} == {day.on}
    assert all(event.movement.settled_minor > 0 for event in day.events)


def test_the_same_script_is_the_same_life_in_every_world_that_lets_it_in() -> None:
    early, late = World(1, people=0, firms=0), World(1, people=3)
    late.advance(days=90)
    for world in (early, late):
        world.admit(guest(), monthly)
    early.advance(days=90)
    told = [
        [
            event
            for day in takewhile(lambda day: day.on < date(2026, 3, 1), world.days(guest()))
            for event in day.events
        ]
        for world in (early, late)
    ]
    assert told[0] == told[1] != []


def test_drawn_accounts_are_products_by_their_country() -> None:
    world = World(7, people=24)
    loans = {
        (holder.country, account.product, account.name)
        for holder in world.holders
        for account in holder.accounts
        if account.kind is AccountKind.LOAN
    }
    assert (CountryCode.US, Product.STUDENT_LOAN, "Student Loan") in loans
    assert {product for country, product, _ in loans if country is not CountryCode.US} == {
        Product.PERSONAL_LOAN
    }
    for holder in world.holders:
        for account in holder.accounts:
            assert account.product.kind is account.kind
            assert account.official_name == f"{account.institution.name} {account.name}"
            assert account.mask == account.number.replace("-", "")[-4:]
    assert replace(world.holders[0].accounts[0], printed_mask="x9").mask == "x9"


def test_every_product_behaves_in_one_way() -> None:
    assert {product.kind for product in Product} == set(AccountKind)
