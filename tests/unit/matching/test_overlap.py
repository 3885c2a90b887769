"""Is it a known account by what it tells? Lives led apart never are."""

import random
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caudal.matching.accounts import Shown
from caudal.matching.overlap import Life, Likeness, Overlap, alike, overlap

DAY = date(2026, 1, 5)
PRICES = ("2.80", "3.20", "3.50", "4.00", "9.99", "12.99", "45.00", "50.00")
"""What everybody pays: coffees, fares, subscriptions, round sums."""

Movement = tuple[date, Decimal]


def shown(key: str = "new", account: str = "", connection: str = "c-2", **told: str) -> Shown:
    base = Shown(key, account or f"account of {key}", connection, "plaid", "checking", "EUR")
    return msgspec.structs.replace(base, **told)


def life(movements: Sequence[Movement], of: Shown, **more: object) -> Life:
    return msgspec.structs.replace(Life([of], movements, min(day for day, _ in movements)), **more)


def lived(chance: random.Random, days: int = 90, a_day: int = 2) -> list[Movement]:
    """Months of somebody's: salary and rent of their own, a standing order and subscriptions like everybody's, purchases
    at the prices everybody pays and at others."""
    salary, rent = (
        Decimal(chance.randint(150_000, 500_000)) / 100,
        Decimal(chance.randint(40_000, 200_000)) / 100,
    )
    found: list[Movement] = []
    for count in range(days):
        day = DAY + timedelta(count)
        if day.day == 1:
            found += [(day, salary), (day, -rent), (day, Decimal(-50))]
        if day.day == 7:
            found += [(day, Decimal("-9.99")), (day, Decimal("-12.99"))]
        for _ in range(chance.randint(0, a_day)):
            usual = chance.random() < 0.4
            price = Decimal(chance.choice(PRICES)) if usual else Decimal(chance.randint(100, 20_000)) / 100
            found.append((day, -price))
    return found


def of(new: Life, *known: Life) -> list[Likeness]:
    return alike([new], known)


WHOLE = lived(random.Random(1))
KNOWN = life(WHOLE, shown("old", "giro", "c-1"))


def test_what_tells_a_known_account_s_movements_once_more_is_that_account() -> None:
    [found] = of(life(WHOLE[40:], shown()), KNOWN)
    assert (found.account, found.rule, found.certain) == ("giro", "same_movements", True)


def test_a_day_s_difference_is_none_and_each_movement_counts_once() -> None:
    coffee = Decimal("-3.50")
    one = life([(DAY, coffee), (DAY, coffee), (DAY + timedelta(2), coffee)], shown())
    other = life(
        [(DAY, Decimal(-1)), (DAY + timedelta(1), coffee), (DAY + timedelta(2), coffee)], shown("old")
    )
    assert overlap(one, other) == Overlap(agreed=2, distinct=1, told=3, other_told=3)


@pytest.mark.parametrize(
    "told", [{"mask": "4712"}, {"number": "99994712"}, {"iban": "DE89370400440532013000"}, {"kind": "card"}]
)
def test_other_digits_or_another_kind_are_asked_about(told: dict[str, str]) -> None:
    known = msgspec.structs.replace(KNOWN, tellers=[shown("old", "giro", "c-1", mask="4711")])
    [found] = of(life(WHOLE, shown(**told)), known)
    assert not found.certain


def test_where_a_person_chose_or_a_connection_has_ended_it_is_asked() -> None:
    ended = msgspec.structs.replace(KNOWN, tellers=[shown("old", "giro", "c-1", ended=True)])  # type: ignore[arg-type]
    assert [each.certain for each in of(life(WHOLE, shown()), ended)] == [False]
    assert [each.certain for each in of(life(WHOLE, shown(), chosen=True), KNOWN)] == [False]


def test_a_card_that_was_replaced_is_known_by_its_movements_whatever_its_number() -> None:
    card = shown("old", "card", "c-2", kind="card", mask="4711")
    new = life(WHOLE[20:], shown(kind="card", mask="9034"))
    gone = life(WHOLE, card, gone=frozenset({"old"}))
    [found] = of(new, gone)
    assert (found.account, found.rule, found.certain) == ("card", "replaced", True)
    assert of(new, life(WHOLE, card)) == [], "shown side by side, they are two"


def test_half_of_it_is_asked_about_and_a_few_standing_orders_are_not() -> None:
    strange = lived(random.Random(2))
    half = sorted([*WHOLE[::2], *strange[::2]])
    [found] = of(life(half, shown()), KNOWN)
    assert not found.certain
    assert of(life(strange, shown()), KNOWN) == []


def test_what_is_like_two_and_two_that_are_like_one_are_asked_about() -> None:
    twin = msgspec.structs.replace(KNOWN, tellers=[shown("twin", "savings", "c-3")])
    assert [each.certain for each in of(life(WHOLE, shown()), KNOWN, twin)] == [False, False]
    new = [life(WHOLE, shown("n-1")), life(WHOLE, shown("n-2"))]
    assert [each.certain for each in alike(new, [KNOWN])] == [False, False]


def test_few_amounts_are_enough_only_with_a_balance_and_another_balance_speaks_against_it() -> None:
    few = [(DAY + timedelta(n), Decimal(-11 - n)) for n in range(6)]
    told = {DAY + timedelta(5): frozenset({Decimal("812.40")})}
    other = {DAY + timedelta(5): frozenset({Decimal("12.40")})}
    firm = frozenset(told)
    known = life(few, shown("old", "giro", "c-1"), balances=told, firm=firm)
    certain = [
        each.certain
        for new in (
            life(few, shown()),
            life(few, shown(), balances=told),
            life(few, shown(), balances=other, firm=firm),
        )
        for each in of(new, known)
    ]
    assert certain == [False, True, False]


def test_accounts_in_two_currencies_are_not_compared() -> None:
    assert of(life(WHOLE, shown(currency="USD")), KNOWN) == []


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32), days=st.integers(20, 200), a_day=st.integers(1, 6))
def test_lives_led_apart_are_never_joined(seed: int, days: int, a_day: int) -> None:
    """They share subscriptions, a standing order and the prices of coffees and fares."""
    chance = random.Random(seed)
    new, *known = (life(lived(chance, days, a_day), shown(f"s-{n}", f"a-{n}", f"c-{n}")) for n in range(5))
    assert [each for each in of(new, *known) if each.certain] == []


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32), from_=st.integers(0, 60), missing=st.integers(0, 5))
def test_one_life_told_again_is_found_among_others(seed: int, from_: int, missing: int) -> None:
    """From a later day on, some days shifted by one and one movement in twenty missing."""
    chance = random.Random(seed)
    lives = [lived(chance, 120, 3) for _ in range(4)]
    told = [
        (day + timedelta(chance.choice((0, 0, 1))), amount)
        for place, (day, amount) in enumerate(lives[2])
        if day >= DAY + timedelta(from_) and (place % 20 or missing == 0)
    ]
    known = [life(each, shown(f"s-{n}", f"a-{n}", f"k-{n}")) for n, each in enumerate(lives)]
    [found] = of(life(told, shown()), *known)
    assert (found.account, found.certain) == ("a-2", True)
