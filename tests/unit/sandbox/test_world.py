"""The simulated world: the same for everyone who looks, consistent to the cent, and full of what banks do."""

import hashlib
import io
import json
import os
import subprocess
import sys
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import msgspec
import pytest

from caudal_sandbox.economy.accounts import AccountKind
from caudal_sandbox.economy.calendars import is_business_day, months_after
from caudal_sandbox.economy.countries import CountryCode
from caudal_sandbox.economy.holders import annuity_minor, interest_minor
from caudal_sandbox.economy.institutions import INSTITUTIONS, InstitutionKind
from caudal_sandbox.economy.movements import AccountId, Kind, Movement, Rail, State
from caudal_sandbox.economy.view import AccountView, Sighting
from caudal_sandbox.truth import AccountTruth, MovementTruth, truth, truth_of, write_truth
from caudal_sandbox.world import World

CENT = Decimal("0.01")


@pytest.fixture(scope="module")
def world() -> World:
    return World(7)


@pytest.fixture(scope="module")
def views(world: World) -> list[AccountView]:
    return [view for holder in world.holders for view in world.accounts(holder)]


@pytest.fixture(scope="module")
def sightings(views: list[AccountView]) -> list[Sighting]:
    return [sighting for view in views for sighting in view.movements()]


@pytest.fixture(scope="module")
def movements(sightings: list[Sighting]) -> dict[str, Movement]:
    return {sighting.movement.id: sighting.movement for sighting in sightings}


def of_kind(sightings: list[Sighting], *kinds: Kind, state: State = State.BOOKED) -> list[Movement]:
    found = [each.movement for each in sightings if each.movement.kind in kinds and each.state is state]
    assert found
    return found


def digest(world: World) -> str:
    out = io.BytesIO()
    write_truth(world, out)
    return hashlib.sha256(out.getvalue()).hexdigest()


# --- the same world for everyone ---------------------------------------------------------------------------------


def test_the_same_seed_is_the_same_world_in_another_process_with_another_hash_seed() -> None:
    program = (
        "import hashlib, io; from caudal_sandbox.world import World; from caudal_sandbox.truth import write_truth;"
        "out = io.BytesIO(); write_truth(World(3, people=4, firms=1), out);"
        "print(hashlib.sha256(out.getvalue()).hexdigest())"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for hash_seed in ("1", "2")
    }
    assert told == {digest(World(3, people=4, firms=1))}


def test_another_seed_is_another_world() -> None:
    assert digest(World(3, people=1, firms=0)) != digest(World(4, people=1, firms=0))


def test_a_person_is_the_same_whoever_else_lives_there(world: World) -> None:
    alone = World(7, people=0, firms=0)
    known = world.holders[2]
    again = alone.person(known.name, known.country)
    assert again == known
    assert [view.movements() for view in alone.accounts(again)] == [
        view.movements() for view in world.accounts(known)
    ]


def test_a_sandbox_user_can_be_called_in_by_name_at_any_time() -> None:
    early, late = World(1, people=0, firms=0), World(1)
    late.advance(days=40)
    assert early.person("user_good") == late.person("user_good") == late.person("user_good")
    with pytest.raises(ValueError, match="user_good is a person"):
        late.firm("user_good")


def test_looking_at_one_account_first_changes_nothing(world: World, views: list[AccountView]) -> None:
    account = world.holders[4].accounts[2].id
    fresh = World(7).account(account)
    looked_at = next(view for view in views if view.terms.id == account)
    assert fresh.movements() == looked_at.movements()


def test_the_clock_never_goes_back_and_shows_nothing_that_is_yet_to_come(world: World) -> None:
    with pytest.raises(ValueError, match="can't go back"):
        World(1, people=0).advance(days=-1)
    with pytest.raises(ValueError, match="no zone"):
        World(1, people=0).advance_to(datetime(2026, 2, 1))  # noqa: DTZ001
    with pytest.raises(ValueError, match="20 years"):
        World(1, people=0).advance(days=366 * 20)
    view = world.account(world.holders[0].accounts[0].id)
    with pytest.raises(ValueError, match="yet to come"):
        view.booked(world.now + timedelta(seconds=1))
    assert all(event.at <= world.now for event in view.events())


def test_nothing_has_happened_before_the_world_begins(world: World, views: list[AccountView]) -> None:
    before = datetime(2023, 12, 31, tzinfo=UTC)
    assert all(view.movements(before) == [] for view in views)
    assert all(view.booked(before) == view.terms.opening for view in views)


def test_an_unknown_account_is_refused(world: World) -> None:
    with pytest.raises(KeyError, match="nobody here holds"):
        world.account(AccountId("nobody:checking"))


# --- money adds up -----------------------------------------------------------------------------------------------


def test_every_account_adds_up_on_every_day(views: list[AccountView]) -> None:
    for view in views:
        booked = defaultdict(Decimal)
        for sighting in view.movements():
            if sighting.state is State.BOOKED:
                booked[sighting.movement.booked_on] += sighting.amount
        balance = view.terms.opening
        days = list(view.daily_balances())
        assert len(days) == 731
        for day, told in days:
            balance += booked[day]
            assert told == balance, (view.terms.id, day)


def test_what_is_available_is_booked_and_pending_and_the_credit_line(views: list[AccountView]) -> None:
    for view in views:
        pending = sum((each.amount for each in view.movements() if each.state is State.PENDING), Decimal(0))
        line = view.terms.card.limit if view.terms.card else Decimal(0)
        assert view.pending() == pending
        assert view.available() == view.booked() + pending + line


def test_amounts_are_exact_cents(movements: dict[str, Movement]) -> None:
    for movement in movements.values():
        for state in (State.PENDING, State.BOOKED):
            assert movement.amount(state) == movement.amount(state).quantize(CENT)


def test_the_two_sides_of_a_transfer_sum_to_zero(world: World) -> None:
    later = World(7)
    later.advance(days=10)
    pairs = defaultdict(list)
    for record in truth_of(later):
        if isinstance(record, MovementTruth) and record.pair and record.authorized_on <= date(2026, 1, 1):
            pairs[record.pair].append(record)
    assert len(pairs) > 500
    for sides in pairs.values():
        first, second = sides
        assert first.account != second.account
        assert first.currency == second.currency
        assert Decimal(first.amount) + Decimal(second.amount) == 0


def test_money_to_another_bank_can_be_on_its_way_for_days(movements: dict[str, Movement]) -> None:
    pairs = defaultdict(list)
    for movement in movements.values():
        if movement.pair and movement.rail is Rail.BATCH:
            pairs[movement.pair].append(movement)
    waits = {abs((sides[0].ends_at - sides[1].ends_at).days) for sides in pairs.values() if len(sides) == 2}
    assert {0, 1, 2, 3} <= waits


def test_a_statement_tells_the_balance_of_the_day_it_closed(views: list[AccountView]) -> None:
    cards = [view for view in views if view.terms.kind is AccountKind.CARD]
    assert len(cards) == 12
    for view in cards:
        assert view.terms.card is not None
        balances = dict(view.daily_balances())
        statements = view.statements()
        assert len(statements) == 24
        for statement in statements:
            assert statement.closed_on.day == view.terms.card.close_day
            assert statement.balance == balances[statement.closed_on]
            assert statement.minimum * 20 >= -statement.balance


def test_a_statement_is_unknown_while_its_day_lasts(views: list[AccountView]) -> None:
    view = next(view for view in views if view.terms.kind is AccountKind.CARD)
    last = view.statements()[-1]
    zone = view.terms.institution.land.zone
    over = datetime.combine(last.closed_on + timedelta(days=1), datetime.min.time(), zone)
    assert view.statements(over)[-1] == last
    assert last not in view.statements(over - timedelta(seconds=1))


def test_a_loan_charges_interest_on_what_is_owed_and_is_paid_down(views: list[AccountView]) -> None:
    loans = [view for view in views if view.terms.kind is AccountKind.LOAN]
    assert len(loans) > 3
    for view in loans:
        terms = view.terms.loan
        assert terms is not None
        owed = -view.terms.opening_minor
        for sighting in sorted(view.movements(), key=lambda each: each.movement.ends_at):
            movement = sighting.movement
            if movement.kind is Kind.INTEREST:
                assert movement.settled_minor == -interest_minor(owed, terms.monthly_rate_bp)
            if movement.kind is Kind.LOAN_PAYMENT and sighting.state is State.BOOKED:
                assert 0 < movement.settled_minor <= terms.payment_minor
            if sighting.state is State.BOOKED:
                owed -= movement.settled_minor
        assert 0 <= owed < -view.terms.opening_minor


def test_equal_payments_pay_a_loan_back_in_the_months_agreed() -> None:
    owed, payment = 1_000_000, annuity_minor(1_000_000, 100, 24)
    for _ in range(24):
        assert owed > 0
        owed += interest_minor(owed, 100) - payment
    assert -24 <= owed <= 0


def test_a_brokers_positions_are_what_was_traded_at_the_days_price(
    world: World, views: list[AccountView]
) -> None:
    brokers = [view for view in views if view.terms.kind is AccountKind.BROKERAGE]
    assert len(brokers) > 2
    for view in brokers:
        traded = defaultdict(Decimal)
        for sighting in view.movements():
            trade = sighting.movement.trade
            assert trade is not None or sighting.movement.kind is Kind.TRANSFER
            if trade is not None and trade.quantity:
                day = sighting.movement.authorized_on
                assert trade.price_minor == world.market.price_minor(trade.symbol, day)
                assert abs(sighting.amount + trade.quantity * trade.price) <= CENT / 2
                traded[trade.symbol] += trade.quantity
                assert traded[trade.symbol] >= 0
        positions = view.positions()
        assert {each.security.symbol: each.quantity for each in positions} == {
            symbol: quantity for symbol, quantity in traded.items() if quantity
        }
        assert view.value() == view.booked() + sum(each.value for each in positions)
        assert all(each.cost > 0 and each.value > 0 for each in positions)


# --- what banks do -----------------------------------------------------------------------------------------------


def test_everything_that_can_happen_happens(sightings: list[Sighting], views: list[AccountView]) -> None:
    assert {each.movement.kind for each in sightings} == set(Kind)
    assert {each.movement.rail for each in sightings} == set(Rail)
    assert {each.state for each in sightings} == set(State) - {State.NOT_YET}
    assert {view.terms.kind for view in views} == set(AccountKind)
    assert {view.terms.institution.country for view in views} == set(CountryCode)


def test_true_twins_look_exactly_alike_and_are_several(sightings: list[Sighting]) -> None:
    groups = defaultdict(list)
    for each in sightings:
        if each.movement.twins and each.movement.authorized_on < date(2025, 12, 1):
            groups[each.movement.twins].append(each)
    assert len(groups) > 50
    for twins in groups.values():
        looks = {
            (each.movement.account, each.movement.held_minor, each.movement.authorized_on, each.movement.text)
            for each in twins
        }
        assert len(looks) == 1
        assert len({each.movement.id for each in twins}) == len(twins) >= 2


def test_a_tip_makes_a_meal_settle_higher_than_authorised(sightings: list[Sighting]) -> None:
    meals = of_kind(sightings, Kind.RESTAURANT)
    tipped = [meal for meal in meals if meal.settled_minor != meal.held_minor]
    assert tipped
    assert all(meal.settled_minor < meal.held_minor < 0 for meal in tipped)
    one = next(each for each in sightings if each.movement == tipped[0])
    assert one.record.endswith(":booked")
    assert msgspec.structs.replace(one, state=State.PENDING).record != one.record


def test_a_foreign_purchase_settles_within_three_percent_of_what_was_authorised(
    sightings: list[Sighting],
) -> None:
    bought = of_kind(sightings, Kind.FOREIGN_PURCHASE)
    for each in bought:
        assert each.foreign is not None
        assert each.foreign.currency != each.currency
        assert abs(each.settled_minor - each.held_minor) * 100 <= abs(each.held_minor) * 3 + 100
    assert any(each.settled_minor != each.held_minor for each in bought)


def test_a_hold_expires_unbooked_and_its_purchase_books_beside_it(movements: dict[str, Movement]) -> None:
    announced = [each for each in movements.values() if each.hold_of]
    assert {each.kind for each in announced} == {Kind.FUEL, Kind.HOTEL}
    for purchase in announced:
        hold = movements[purchase.hold_of]
        assert hold.kind is Kind.HOLD
        assert hold.expires
        assert hold.settled_minor == 0 > hold.held_minor
        assert (hold.account, hold.merchant) == (purchase.account, purchase.merchant)


def test_a_refund_comes_after_its_purchase_to_the_same_account(movements: dict[str, Movement]) -> None:
    refunds = [each for each in movements.values() if each.kind is Kind.REFUND]
    shares = set()
    for refund in refunds:
        order = movements[refund.refund_of]
        assert (refund.account, refund.merchant) == (order.account, order.merchant)
        assert order.booked_on < refund.authorized_on
        assert 0 < refund.settled_minor <= -order.settled_minor
        shares.add(refund.settled_minor == -order.settled_minor)
    assert shares == {True, False}


def test_instalments_are_numbered_monthly_and_only_where_people_buy_so(
    movements: dict[str, Movement],
) -> None:
    plans = defaultdict(list)
    for movement in movements.values():
        if movement.instalment:
            assert movement.currency in {"BRL", "MXN"}
            plans[movement.series].append(movement)
    assert len(plans) > 5
    for plan in plans.values():
        first = plan[0].authorized_on
        assert [part.instalment[0] for part in plan] == list(range(1, len(plan) + 1))
        assert [part.authorized_on for part in plan] == [months_after(first, n) for n in range(len(plan))]
        assert len({part.instalment[1] for part in plan}) == 1
        assert len({part.settled_minor for part in plan[1:]}) <= 1
    assert any(len(plan) == plan[0].instalment[1] for plan in plans.values())


def test_a_subscription_rises_at_most_once_and_for_good(movements: dict[str, Movement]) -> None:
    streams = defaultdict(list)
    for movement in movements.values():
        if movement.kind is Kind.SUBSCRIPTION:
            streams[movement.series].append(-movement.settled_minor)
    changes = [
        [later - price for price, later in pairwise(prices) if later != price] for prices in streams.values()
    ]
    assert all(len(change) <= 1 and all(by > 0 for by in change) for change in changes)
    assert sum(len(change) for change in changes) > 10


def test_salaries_come_on_business_days_in_each_countrys_rhythm(
    world: World, movements: dict[str, Movement]
) -> None:
    countries = {holder.name: holder.country for holder in world.holders}
    paid = defaultdict(list)
    for salary in movements.values():
        if salary.kind not in {Kind.SALARY, Kind.SALARY_ADVANCE}:
            continue
        name = salary.account.partition(":")[0]
        assert is_business_day(countries[name], salary.authorized_on)
        paid[name].append(salary.authorized_on)
    per_year = {countries[name]: len(days) / 2 for name, days in paid.items()}
    assert 25 <= per_year.pop(CountryCode.US) <= 27
    assert per_year == {CountryCode.GB: 12, CountryCode.BR: 24, CountryCode.MX: 24}


def test_batches_book_on_business_days_and_instant_payments_on_any(
    movements: dict[str, Movement], world: World
) -> None:
    country = {account.id: holder.country for holder in world.holders for account in holder.accounts}
    weekend = defaultdict(bool)
    for each in movements.values():
        if each.booked_on:
            weekend[each.rail] |= not is_business_day(country[each.account], each.booked_on)
    resting = {rail for rail, works in weekend.items() if not works}
    assert resting == {Rail.CARD, Rail.BATCH, Rail.WIRE, Rail.CHEQUE, Rail.MARKET, Rail.CASH_MACHINE}


def test_a_bank_hears_of_a_cheque_only_when_it_is_paid_in(sightings: list[Sighting]) -> None:
    for cheque in of_kind(sightings, Kind.CHEQUE):
        assert cheque.pending_from is None
        assert cheque.booked_on - cheque.authorized_on >= timedelta(days=3)
        assert cheque.cheque.isdigit()


def test_a_booking_day_is_the_banks_own(world: World, movements: dict[str, Movement]) -> None:
    zones = {account.id: holder.land.zone for holder in world.holders for account in holder.accounts}
    differs = 0
    for each in movements.values():
        assert each.occurred_at.astimezone(zones[each.account]).date() == each.authorized_on
        if each.booked_on:
            assert each.ends_at.astimezone(zones[each.account]).date() == each.booked_on
            differs += each.ends_at.date() != each.booked_on
    assert differs > 100


# --- truth -------------------------------------------------------------------------------------------------------


def test_the_truth_tells_what_every_view_shows_once(world: World, views: list[AccountView]) -> None:
    told = [record for record in truth_of(world) if isinstance(record, MovementTruth)]
    shown = {
        (each.movement.id, str(each.state), f"{each.amount:f}", each.movement.account)
        for view in views
        for each in view.movements()
    }
    assert len(told) == len(shown)
    assert {(each.id, each.state, each.amount, each.account) for each in told} == shown


def test_the_truth_tells_the_balances_every_view_shows(world: World, views: list[AccountView]) -> None:
    told = {record.id: record for record in truth_of(world) if isinstance(record, AccountTruth)}
    assert len(told) == len(views)
    for view in views:
        account = told[view.terms.id]
        assert account.days == {day: f"{balance:f}" for day, balance in view.daily_balances()}
        assert (account.booked, account.available) == (f"{view.booked():f}", f"{view.available():f}")
        assert account.positions == {each.security.symbol: f"{each.quantity:f}" for each in view.positions()}


def test_the_truth_written_line_by_line_is_the_truth_in_one_piece() -> None:
    world = World(2, people=2, firms=1)
    out = io.BytesIO()
    count = write_truth(world, out)
    lines = [msgspec.json.decode(line) for line in out.getvalue().splitlines()]
    whole = json.loads(json.dumps(truth(world)))
    assert len(lines) == count
    assert lines[0] == whole["world"]
    for record, name in (("account", "accounts"), ("movement", "movements")):
        assert [line for line in lines if line["record"] == record] == whole[name]


def test_an_earlier_truth_can_be_told_later(world: World) -> None:
    then = World(7)
    earlier = world.now
    then_truth = truth(then)
    then.advance(days=45, hours=3)
    assert truth(then, earlier) == then_truth


# --- names and numbers -------------------------------------------------------------------------------------------


def test_account_numbers_have_the_check_digits_their_country_wants(views: list[AccountView]) -> None:
    ibans = 0
    for view in views:
        terms = view.terms
        if terms.kind is AccountKind.CARD:
            doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(terms.number))]
            assert sum(value // 10 + value % 10 for value in doubled) % 10 == 0
        elif terms.institution.country is CountryCode.MX:
            weighted = [int(d) * w % 10 for d, w in zip(terms.number, (3, 7, 1) * 6, strict=True)]
            assert (sum(weighted[:17]) + int(terms.number[17])) % 10 == 0
        if terms.iban is not None:
            ibans += 1
            assert int("".join(str(int(letter, 36)) for letter in terms.iban[4:] + terms.iban[:4])) % 97 == 1
    assert ibans > 5
    assert len({view.terms.number for view in views}) == len(views)


def test_each_country_has_several_banks_and_a_broker_with_codes_of_their_own() -> None:
    assert len({each.code for each in INSTITUTIONS if each.country is CountryCode.US}) == 5
    for country in CountryCode:
        kinds = [each.kind for each in INSTITUTIONS if each.country is country]
        assert kinds.count(InstitutionKind.BANK) >= 3
        assert kinds.count(InstitutionKind.BROKER) >= 1
    for each in INSTITUTIONS:
        if each.country is CountryCode.US:
            assert sum(int(d) * w for d, w in zip(each.code, (3, 7, 1) * 3, strict=True)) % 10 == 0
