"""What is done to accounts from outside: told everywhere at once, by instants that grow, and never twice."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import takewhile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caudal_sandbox.economy.accounts import AccountKind
from caudal_sandbox.economy.countries import CountryCode
from caudal_sandbox.economy.deeds import DAYS_BACK_MAX
from caudal_sandbox.economy.history import effect
from caudal_sandbox.economy.merchants import Business, merchants
from caudal_sandbox.economy.movements import AccountId, Event, Kind, MovementId, State, money
from caudal_sandbox.economy.view import AccountView
from caudal_sandbox.truth import AccountTruth, MovementTruth, truth, truth_of
from caudal_sandbox.world import World

NOW = datetime(2024, 3, 14, 15, tzinfo=UTC)
TODAY = date(2024, 3, 14)
CHECKING = AccountId("person-1:checking")
CARD = AccountId("person-1:card")
TICK = timedelta(microseconds=1)


def small_world(now: datetime = NOW) -> World:
    world = World(11, people=0, firms=0, now=now)
    world.person("person-1", CountryCode.US)
    return world


def told(world: World, account: AccountId) -> list[Event]:
    """The account's events up to now as the stream of days tells them."""
    holder = world.holder(account.partition(":")[0])
    assert holder is not None
    days = takewhile(lambda day: day.on <= world.now.date(), world.days(holder))
    events = [event for day in days for event in day.events]
    return [event for event in events if event.at <= world.now and event.movement.account == account]


def balances(opening: Decimal, events: Iterable[Event]) -> tuple[Decimal, Decimal]:
    """Booked and pending, reckoned from where each movement stands, not from what each event changes."""
    last = {event.movement.id: event for event in events}
    booked = [event.movement.settled_minor for event in last.values() if event.state is State.BOOKED]
    pending = [event.movement.held_minor for event in last.values() if event.state is State.PENDING]
    return opening + money(sum(booked)), money(sum(pending))


def shown(view: AccountView, movement: MovementId) -> tuple[State, Decimal]:
    sighting = next(each for each in view.movements() if each.movement.id == movement)
    return sighting.state, sighting.amount


def visible(world: World, state: State) -> MovementId:
    """The newest of life's movements that stands so now."""
    for view in world.accounts(world.holders[0]):
        for each in reversed(view.movements()):
            if each.state is state and "deed" not in each.movement.id:
                return each.movement.id
    raise AssertionError(f"nothing is {state}")


# --- a life in deeds -----------------------------------------------------------------------------------------------


def test_what_is_authorised_is_pending_from_then_on_and_not_before() -> None:
    world = small_world()
    view = world.account(CHECKING)
    booked, pending, available = view.booked(), view.pending(), view.available()
    shop = merchants(CountryCode.US, Business.CAFE)[0]
    coffee = world.authorise(CHECKING, -450, "COFFEE", merchant=shop)
    assert world.now == NOW + TICK == coffee.pending_from
    assert (coffee.kind, coffee.authorized_on, coffee.booked_on) == (Kind.COFFEE, TODAY, None)
    assert shown(view, coffee.id) == (State.PENDING, Decimal("-4.50"))
    assert (view.booked(), view.pending(), view.available()) == (
        booked,
        pending + money(-450),
        available + money(-450),
    )
    assert view.pending(NOW) == pending
    assert coffee.id not in {each.movement.id for each in view.movements(NOW)}
    world.advance(days=400)
    assert shown(view, coffee.id)[0] is State.PENDING
    assert not coffee.expires


def test_what_is_settled_books_once_with_the_amount_given() -> None:
    world = small_world()
    view = world.account(CHECKING)
    booked, pending = view.booked(), view.pending()
    meal = world.authorise(CHECKING, -4000, "MEAL")
    settled = world.settle(meal.id, minor=-4600)
    assert (settled.id, settled.settled_minor, settled.held_minor, settled.booked_on) == (
        meal.id,
        -4600,
        -4000,
        TODAY,
    )
    assert shown(view, meal.id) == (State.BOOKED, Decimal("-46.00"))
    assert (view.booked(), view.pending()) == (booked + money(-4600), pending)
    with pytest.raises(ValueError, match="booked already"):
        world.settle(meal.id)


def test_a_hold_that_is_released_is_gone_and_never_booked() -> None:
    world = small_world()
    view = world.account(CHECKING)
    booked, pending = view.booked(), view.pending()
    hold = world.authorise(CHECKING, -10_000, "PUMP")
    world.release(hold.id)
    assert shown(view, hold.id) == (State.EXPIRED, Decimal("-100.00"))
    assert (view.booked(), view.pending()) == (booked, pending)
    for again in (world.settle, world.release):
        with pytest.raises(ValueError, match="expired already"):
            again(hold.id)
    with pytest.raises(ValueError, match="only what is pending or booked"):
        world.amend(hold.id, -1)


def test_what_is_booked_at_once_was_never_pending() -> None:
    world = small_world()
    view = world.account(CHECKING)
    booked = view.booked()
    gift = world.book(CHECKING, 2_500, "GIFT")
    assert view.booked() == booked + money(2_500)
    assert [each.state for each in view.events() if each.movement.id == gift.id] == [State.BOOKED]
    assert gift.pending_from is None


def test_what_is_dated_back_counts_from_the_instant_it_was_booked() -> None:
    world = small_world()
    view = world.account(CHECKING)
    before = dict(view.daily_balances())
    booked = view.booked()
    late = world.book(
        CHECKING, -777, "LATE", on=TODAY - timedelta(days=5), authorized_on=TODAY - timedelta(days=9)
    )
    assert (late.booked_on, late.authorized_on) == (date(2024, 3, 9), date(2024, 3, 5))
    assert dict(view.daily_balances()) == before
    assert view.booked() == booked + money(-777)
    assert late.occurred_at.astimezone(view.terms.institution.land.zone).date() == late.authorized_on
    world.advance(days=1)
    told_days = next(
        each for each in truth_of(world) if isinstance(each, AccountTruth) and each.id == CHECKING
    ).days
    assert told_days == {day: f"{balance:f}" for day, balance in view.daily_balances()}


def test_a_changed_amount_moves_the_balance_by_the_difference() -> None:
    world = small_world()
    view = world.account(CHECKING)
    start, held = view.booked(), view.pending()
    meal = world.authorise(CHECKING, -4000, "MEAL")
    world.amend(meal.id, -4100)
    assert (view.booked(), view.pending()) == (start, held + money(-4100))
    assert world.settle(meal.id).settled_minor == -4100
    corrected = world.amend(meal.id, -4250)
    assert (view.booked(), view.pending()) == (start + money(-4250), held)
    assert shown(view, meal.id) == (State.BOOKED, Decimal("-42.50"))
    *_, last = view.events()
    assert last.was is not None
    assert (last.movement, last.was.settled_minor) == (corrected, -4100)
    assert corrected.ends_at < last.at


def test_a_booked_amount_of_lifes_can_change_too() -> None:
    world = small_world()
    movement = visible(world, State.BOOKED)
    view = world.account(AccountId(movement.rpartition(":")[0]))
    booked, amount = view.booked(), shown(view, movement)[1]
    world.amend(movement, int(amount.scaleb(2)) - 100)
    assert shown(view, movement) == (State.BOOKED, amount - 1)
    assert view.booked() == booked - 1


def test_life_books_what_it_meant_to_whatever_was_changed_while_pending() -> None:
    world, untouched = small_world(), small_world()
    movement = visible(world, State.PENDING)
    account = AccountId(movement.rpartition(":")[0])
    world.amend(movement, -1_00)
    for each in (world, untouched):
        each.advance(days=20)
    view, other = world.account(account), untouched.account(account)
    assert shown(view, movement) == shown(other, movement)
    assert (view.booked(), view.pending()) == (other.booked(), other.pending())
    final = next(event for event in reversed(view.events()) if event.movement.id == movement)
    assert final.movement.held_minor == -1_00


def test_a_movement_that_books_later_today_forgets_no_change() -> None:
    """The day is written to its end before the deed: what comes later of it must be told anew."""
    world = small_world()
    holder = world.holders[0]
    found = None
    while found is None:
        for view in world.accounts(holder):
            pending = {
                each.movement.id: each.movement for each in view.movements() if each.state is State.PENDING
            }
            soon = [
                each
                for each in pending.values()
                if world.now < each.ends_at < world.now + timedelta(hours=12)
            ]
            same_day = [
                each for each in soon if each.booked_on == world.now.astimezone(holder.land.zone).date()
            ]
            found = found or (same_day[0] if same_day else None)
        if found is None:
            world.advance(hours=6)
    world.amend(found.id, -55_55)
    world.advance(hours=24)
    view = world.account(found.account)
    assert (view.booked(), view.pending()) == balances(view.terms.opening, view.events())
    assert view.events() == told(world, found.account)


# --- what lives make of it -----------------------------------------------------------------------------------------


def test_life_takes_no_notice_of_deeds() -> None:
    world, untouched = small_world(), small_world()
    for number in range(5):
        world.authorise(CHECKING, -100_000, "BIG")
        world.book(CARD, -90_000, "BIGGER")
        world.advance(days=number)
        untouched.advance_to(world.now)
    for account in (CHECKING, CARD):
        lives = [each for each in told(world, account) if "deed" not in each.movement.id]
        assert lives == told(untouched, account)


def test_ids_of_deeds_are_never_those_of_life() -> None:
    world = small_world()
    made = [
        world.authorise(CHECKING, -1, "A").id,
        world.book(CHECKING, -2, "B").id,
        world.book(CARD, -3, "C").id,
    ]
    assert made == [f"{CHECKING}:deed-1", f"{CHECKING}:deed-2", f"{CARD}:deed-1"]
    world.advance(days=300)
    ids = [each.movement.id for view in world.accounts(world.holders[0]) for each in view.movements()]
    assert len(ids) == len(set(ids))


def test_a_cards_statement_tells_what_deeds_left_on_it() -> None:
    for looked_before in (True, False):
        world = small_world()
        view = world.account(CARD)
        if looked_before:
            view.movements()
        world.book(CARD, -12_345, "SOFA")
        world.advance(days=60)
        balances_at = dict(view.daily_balances())
        for each in view.statements():
            assert each.balance == balances_at[each.closed_on]


def test_a_statement_that_closes_with_the_day_of_a_deed_counts_it() -> None:
    world = small_world()
    view = world.account(CARD)
    assert view.terms.card is not None
    zone = view.terms.institution.land.zone
    world.advance_to(datetime(2024, 4, view.terms.card.close_day, 12, tzinfo=zone))
    view.movements()
    world.book(CARD, -12_345, "SOFA")
    world.advance(days=1)
    assert view.statements()[-1].balance == dict(view.daily_balances())[view.statements()[-1].closed_on]


# --- what is refused -----------------------------------------------------------------------------------------------


def test_what_a_bank_would_not_do_is_refused_and_changes_nothing() -> None:
    world = small_world()
    held = world.authorise(CHECKING, -100, "HELD", on=TODAY - timedelta(days=2))
    lifes_pending = visible(world, State.PENDING)
    now, before = world.now, truth(world)
    tomorrow, long_ago = TODAY + timedelta(days=1), TODAY - timedelta(days=DAYS_BACK_MAX + 1)
    for refused, error, why in (
        (lambda: world.authorise(AccountId("nobody:checking"), -1, "X"), KeyError, "nobody here holds"),
        (lambda: world.book(AccountId("person-1:none"), -1, "X"), KeyError, "nobody here holds"),
        (lambda: world.authorise(CHECKING, -1, "X", on=tomorrow), ValueError, "yet to come"),
        (lambda: world.book(CHECKING, -1, "X", on=tomorrow), ValueError, "yet to come"),
        (lambda: world.authorise(CHECKING, -1, "X", on=long_ago), ValueError, "more than 14 days back"),
        (lambda: world.book(CHECKING, -1, "X", authorized_on=long_ago), ValueError, "more than 14 days back"),
        (
            lambda: world.book(CHECKING, -1, "X", on=TODAY - timedelta(days=1), authorized_on=TODAY),
            ValueError,
            "before that",
        ),
        (lambda: world.settle(held.id, on=TODAY - timedelta(days=3)), ValueError, "before that"),
        (lambda: world.settle(held.id, on=tomorrow), ValueError, "yet to come"),
        (lambda: world.settle(lifes_pending), ValueError, "life's own"),
        (lambda: world.release(lifes_pending), ValueError, "life's own"),
        (lambda: world.settle(MovementId(f"{CHECKING}:deed-99")), KeyError, "no bank has shown"),
        (lambda: world.amend(MovementId(f"{CHECKING}:999999"), -1), KeyError, "no bank has shown"),
        (lambda: world.amend(MovementId("nonsense"), -1), KeyError, "nobody here holds"),
    ):
        with pytest.raises(error, match=why):
            refused()
    assert world.now == now
    assert truth(world) == before
    assert world.authorise(CHECKING, -1, "X", on=TODAY - timedelta(days=DAYS_BACK_MAX)).id.endswith("deed-2")


def test_a_payment_of_two_weeks_ago_can_still_be_settled_today() -> None:
    world = small_world()
    held = world.authorise(CHECKING, -100, "HELD", on=TODAY - timedelta(days=DAYS_BACK_MAX))
    world.advance(days=30)
    assert world.settle(held.id).booked_on == TODAY + timedelta(days=30)


def test_the_day_is_the_banks_and_not_that_of_utc() -> None:
    world = small_world(datetime(2024, 3, 14, 2, tzinfo=UTC))
    assert world.book(CHECKING, -1, "LATE IN NEW YORK").booked_on == date(2024, 3, 13)
    with pytest.raises(ValueError, match="yet to come"):
        world.book(CHECKING, -1, "TOMORROW THERE", on=date(2024, 3, 14))


def test_deeds_before_the_first_day_of_life_are_kept() -> None:
    """The world begins at midnight UTC, hours before the first day does in America."""
    for look in (True, False):
        world = small_world(datetime(2024, 1, 1, tzinfo=UTC))
        view = world.account(CHECKING)
        if look:
            assert view.movements() == []
        deed = world.book(CHECKING, -5, "EARLY")
        assert [each.movement.id for each in view.movements()] == [deed.id]
        assert view.booked() == view.terms.opening + money(-5)


# --- truth ---------------------------------------------------------------------------------------------------------


def test_the_truth_tells_each_movement_once_as_it_stood_at_last() -> None:
    world = small_world()
    meal = world.authorise(CHECKING, -4000, "MEAL")
    earlier = world.now
    world.settle(meal.id, minor=-4600)
    world.amend(meal.id, -4700)
    world.amend(meal.id, -4800)
    lifes = visible(world, State.BOOKED)
    world.amend(lifes, -9_99)
    open_hold = world.authorise(CARD, -50, "OPEN")
    gone = world.authorise(CARD, -60, "GONE")
    world.release(gone.id)
    movements = [each for each in truth_of(world) if isinstance(each, MovementTruth)]
    assert len({each.id for each in movements}) == len(movements)
    by_id = {each.id: each for each in movements}
    assert (by_id[meal.id].amount, by_id[meal.id].held, by_id[meal.id].state) == (
        "-48.00",
        "-40.00",
        "booked",
    )
    assert by_id[lifes].amount == "-9.99"
    assert (by_id[open_hold.id].state, by_id[open_hold.id].ended_at) == ("pending", None)
    assert by_id[gone.id].state == "expired"
    then = {each.id: each for each in truth_of(world, earlier) if isinstance(each, MovementTruth)}
    assert (then[meal.id].state, then[meal.id].amount) == ("pending", "-40.00")
    assert then[lifes].amount != "-9.99"
    assert open_hold.id not in then


def test_what_was_true_before_a_deed_stays_true_of_that_instant() -> None:
    world = small_world()
    before = truth(world)
    world.amend(visible(world, State.BOOKED), -1)
    world.amend(visible(world, State.PENDING), -2)
    world.book(CARD, -3, "X")
    world.advance(days=3)
    assert truth(world, NOW) == before


def test_a_change_to_a_trade_moves_cash_and_cost_but_no_units() -> None:
    world = World(7, people=10, firms=0)
    view = next(
        view
        for holder in world.holders
        for view in world.accounts(holder)
        if view.terms.kind is AccountKind.BROKERAGE and view.positions()
    )
    position = view.positions()[0]
    bought = next(
        each.movement
        for each in reversed(view.movements())
        if each.movement.kind is Kind.BUY and each.movement.trade.symbol == position.security.symbol
    )
    world.amend(bought.id, bought.settled_minor - 500)
    after = view.positions()[0]
    assert (after.quantity_e4, after.cost_minor) == (position.quantity_e4, position.cost_minor + 500)
    record = next(
        each for each in truth_of(world) if isinstance(each, AccountTruth) and each.id == view.terms.id
    )
    assert record.positions[position.security.symbol] == f"{position.quantity:f}"
    assert record.booked == f"{view.booked():f}"


# --- whatever is done, in whatever order -----------------------------------------------------------------------------

accounts = st.sampled_from([CHECKING, CARD, AccountId("person-1:savings")])
minors = st.integers(-50_000, 50_000)
back = st.integers(0, DAYS_BACK_MAX)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("authorise"), accounts, minors, back),
        st.tuples(st.just("book"), accounts, minors, back),
        st.tuples(st.just("settle"), st.integers(0, 9), st.none() | minors),
        st.tuples(st.just("release"), st.integers(0, 9)),
        st.tuples(st.just("amend"), accounts, st.integers(1, 25), minors),
        st.tuples(st.just("advance"), st.integers(1, 3 * 24 * 60)),
        st.tuples(st.just("look"), accounts),
    ),
    max_size=14,
)


def do(world: World, step: tuple, *, look: bool) -> None:
    """One step. What a step can't do now is skipped, alike in every world that has come the same way."""
    holder = world.holders[0]
    today = world.now.astimezone(holder.land.zone).date()
    match step:
        case "authorise", account, minor, days:
            world.authorise(account, minor, "A", on=today - timedelta(days=days))
        case "book", account, minor, days:
            world.book(account, minor, "B", on=today - timedelta(days=days))
        case "settle" | "release", number, *rest:
            last = {
                event.movement.id: event for event in world.deeds(holder) if ":deed-" in event.movement.id
            }
            held = [each for each in last.values() if each.state is State.PENDING]
            if held and step[0] == "settle":
                world.settle(held[number % len(held)].movement.id, minor=rest[0])
            elif held:
                world.release(held[number % len(held)].movement.id)
        case "amend", account, place, minor:
            last = {event.movement.id: event for event in told(world, account)}
            able = [key for key, each in last.items() if each.state in {State.PENDING, State.BOOKED}]
            if able:
                world.amend(able[-min(place, len(able))], minor)
        case "advance", minutes:
            world.advance(minutes=minutes)
        case "look", account if look:
            world.account(account).movements()


@settings(max_examples=60, deadline=None)
@given(steps=steps)
def test_however_deeds_are_mixed_every_way_of_telling_agrees(steps: list[tuple]) -> None:
    start = datetime(2024, 1, 20, 15, tzinfo=UTC)
    watched, unwatched = small_world(start), small_world(start)
    instants = [start]
    for step in steps:
        do(watched, step, look=True)
        do(unwatched, step, look=False)
        assert watched.now == unwatched.now
        instants.append(watched.now)
    records = {each.id: each for each in truth_of(watched) if isinstance(each, AccountTruth)}
    movements = [each for each in truth_of(watched) if isinstance(each, MovementTruth)]
    assert len({each.id for each in movements}) == len(movements)
    for account in (CHECKING, CARD, "person-1:savings"):
        view = watched.account(account)
        events = list(view.events())
        assert events == list(unwatched.account(account).events()) == told(watched, account)
        assert [event.at for event in events] == sorted(event.at for event in events)
        assert sum(effect(event)[1] for event in events) == int(view.pending().scaleb(2))
        for at in instants:
            assert (view.booked(at), view.pending(at)) == balances(view.terms.opening, view.events(until=at))
        assert records[account].booked == f"{view.booked():f}"
        assert records[account].days == {day: f"{balance:f}" for day, balance in view.daily_balances()}
        sightings = {(each.movement.id, str(each.state), f"{each.amount:f}") for each in view.movements()}
        assert sightings == {
            (each.id, each.state, each.amount) for each in movements if each.account == account
        }
