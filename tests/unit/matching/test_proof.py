"""The proof: a ledger that agrees with the bank is proven, one that doesn't says by how much and since when."""

import random
from datetime import date, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.support.lives import Booking, Life, amounts, daily, day, lives, sum_of

from caudal.matching.proof import NO_EVIDENCE, Anchor, Proof, Verdict, prove
from caudal.model.money import EXACT


def on(number: int, amount: str, *, firm: bool = True) -> Anchor:
    return Anchor(day(number), Decimal(amount), firm)


def moved(*bookings: tuple[int, str]) -> list[Booking]:
    return daily((day(number), Decimal(amount)) for number, amount in bookings)


def proven(to: int) -> Proof:
    return Proof(Verdict.PROVEN, proven_to=day(to))


def off(by: str, since: int, to: int | None = None) -> Proof:
    return Proof(Verdict.OFF, None if to is None else day(to), Decimal(by), day(since))


@pytest.mark.parametrize(
    "anchors",
    [[], [on(1, "100.00")], [on(1, "100.00"), on(1, "90.00")], [on(1, "1"), on(1, "1", firm=False)]],
)
def test_balances_of_fewer_than_two_days_prove_nothing(anchors: list[Anchor]) -> None:
    assert prove(anchors, moved((0, "5.00"), (1, "5.00"))) == NO_EVIDENCE


def test_movements_that_make_up_the_difference_prove_each_other() -> None:
    assert prove([on(0, "100.00"), on(5, "70.00")], moved((2, "-40.00"), (5, "10.00"))) == proven(5)


def test_what_the_account_held_before_its_history_does_not_matter() -> None:
    bookings = moved((-30, "999.00"), (0, "1.00"), (2, "-40.00"))
    assert prove([on(0, "100.00"), on(5, "60.00")], bookings) == proven(5)


def test_movements_after_the_last_balance_are_beyond_what_can_be_proven() -> None:
    assert prove([on(0, "100.00"), on(5, "60.00")], moved((2, "-40.00"), (6, "-7.00"))) == proven(5)


def test_a_movement_on_the_day_of_a_balance_is_in_it() -> None:
    assert prove([on(0, "100.00"), on(5, "60.00")], moved((5, "-40.00"))) == proven(5)
    assert prove([on(0, "100.00"), on(5, "60.00")], moved((0, "-40.00"))) == off("-40.00", since=0)


def test_a_missing_payment_out_is_a_negative_difference_a_doubled_one_a_positive() -> None:
    anchors = [on(0, "100.00"), on(5, "60.00")]
    assert prove(anchors, []) == off("-40.00", since=0)
    assert prove(anchors, moved((2, "-40.00"), (3, "-40.00"))) == off("40.00", since=0)


def test_the_last_day_that_agreed_is_where_to_look_from() -> None:
    anchors = [on(0, "100"), on(3, "90"), on(6, "80"), on(9, "70")]
    assert prove(anchors, moved((1, "-10"), (4, "-10"))) == off("-10", since=6, to=6)
    assert prove(anchors, moved((1, "-10"), (7, "-10"))) == off("-10", since=3, to=3)


def test_two_errors_that_cancel_out_are_told_nonetheless() -> None:
    anchors = [on(0, "100"), on(3, "90"), on(6, "100")]
    assert prove(anchors, []) == off("-10", since=0)


def test_the_difference_is_the_one_that_stands_at_the_end() -> None:
    assert prove([on(0, "100"), on(3, "90"), on(6, "75")], []) == off("-25", since=0)


def test_a_snapshot_of_the_middle_of_a_day_is_forgiven_once_the_ledger_is_right_again() -> None:
    bookings = moved((2, "-10"), (3, "-5"))
    assert prove([on(0, "100"), on(2, "100", firm=False), on(4, "85")], bookings) == proven(4)
    assert prove([on(0, "100"), on(2, "100", firm=False), on(4, "85", firm=False)], bookings) == proven(4)


def test_a_firm_balance_that_disagrees_is_not_forgiven() -> None:
    assert (
        prove([on(0, "100"), on(2, "100"), on(4, "85")], moved((2, "-10"), (3, "-5"))).verdict is Verdict.OFF
    )


def test_a_snapshot_that_disagrees_counts_until_a_later_balance_agrees() -> None:
    anchors = [on(0, "100"), on(2, "90", firm=False)]
    assert prove(anchors, []) == off("-10", since=0)
    assert prove([*anchors, on(4, "90")], []) == off("-10", since=0)
    assert prove([*anchors, on(4, "90", firm=False)], []) == off("-10", since=0)


def test_beside_a_firm_balance_a_snapshot_of_the_day_says_nothing() -> None:
    anchors = [on(0, "100"), on(2, "100", firm=False), on(2, "90")]
    assert prove(anchors, []) == off("-10", since=0)
    assert prove(anchors, moved((2, "-10"))) == proven(2)


@pytest.mark.parametrize("firm", [True, False])
def test_a_history_that_begins_with_a_snapshot_accuses_nobody(firm: bool) -> None:
    # The first download was made on day 0, before that day's payment.
    anchors = [on(0, "100", firm=False), on(3, "90", firm=firm), on(6, "85", firm=firm)]
    assert prove(anchors, moved((0, "-10"), (5, "-5"))) == proven(6)
    assert prove(anchors, moved((0, "-10"))) == off("-5", since=3, to=3)


def test_a_day_told_in_two_statements_agrees_if_its_end_does() -> None:
    bookings = moved((2, "-10"), (2, "-5"), (3, "-1"))
    assert prove([on(0, "100"), on(2, "90"), on(2, "85"), on(3, "84")], bookings) == proven(3)
    assert prove([on(0, "100"), on(2, "90"), on(2, "85"), on(3, "83")], bookings) == off("-1", since=2, to=2)


def test_a_history_that_begins_with_a_day_in_two_statements_goes_by_its_end() -> None:
    assert prove([on(0, "90"), on(0, "85"), on(3, "84")], moved((0, "-5"), (3, "-1"))) == proven(3)


def test_a_cent_is_seen_beside_the_longest_amounts() -> None:
    large = "9999999999999999999999999999"
    anchors = [on(0, f"{large}.98"), on(1, f"{large}.99"), on(2, f"-{large}.99")]
    told = [(1, "0.01"), (2, f"-{large}.99"), (2, f"-{large}.99")]
    assert prove(anchors, moved(*told)) == proven(2)
    assert prove(anchors, moved(*told[1:])) == off("0.01", since=0)
    assert prove(anchors, moved(*told, (2, "-0.01"))) == off("0.01", since=1, to=1)


def presumed(number: int, amount: str) -> Anchor:
    return Anchor(day(number), Decimal(amount), firm=False, presumed=True)


def test_what_is_presumed_to_be_the_balance_proves_once_it_has_moved_three_times_with_the_ledger() -> None:
    told = [presumed(n, amount) for n, amount in enumerate(("-100", "-110", "-110", "-125", "-120"))]
    bookings = moved((1, "-10"), (3, "-15"), (4, "5"))
    assert prove(told, bookings) == proven(4)
    assert prove(told[:4], bookings) == NO_EVIDENCE


def test_what_is_presumed_to_be_the_balance_accuses_nobody() -> None:
    told = [presumed(n, amount) for n, amount in enumerate(("-100", "-110", "-125", "-120", "-220"))]
    assert prove(told, moved((1, "-10"), (2, "-15"), (3, "5"))) == NO_EVIDENCE


def test_beside_a_told_balance_a_presumed_one_says_nothing() -> None:
    told = [on(0, "-100"), on(2, "-125"), presumed(1, "-7"), presumed(2, "-8")]
    assert prove(told, moved((1, "-10"), (2, "-15"))) == proven(2)
    assert prove(told, moved((1, "-10"))) == off("-15", since=0)


@given(lives())
def test_presumed_balances_prove_what_told_ones_prove_or_nothing(life: Life) -> None:
    as_told = [msgspec.structs.replace(anchor, firm=False) for anchor in life.anchors]
    as_presumed = [msgspec.structs.replace(anchor, presumed=True) for anchor in as_told]
    for ledger in (life.bookings, life.bookings[1:]):
        told = prove(as_told, daily(ledger))
        assert prove(as_presumed, daily(ledger)) in {NO_EVIDENCE, told}
        assert told.verdict is Verdict.PROVEN or prove(as_presumed, daily(ledger)) == NO_EVIDENCE


@given(lives(), st.randoms(use_true_random=False))
def test_a_ledger_that_holds_what_happened_is_proven(life: Life, chance: random.Random) -> None:
    anchors = life.anchors
    chance.shuffle(anchors)
    assert prove(anchors, daily(life.bookings)) == Proof(Verdict.PROVEN, proven_to=life.told_on[-1])


@given(lives(), st.data())
def test_balances_within_the_day_accuse_nobody(life: Life, data: st.DataObject) -> None:
    anchors = life.anchors
    for told in life.told_on:
        within = [amount for booked_on, amount in life.bookings if booked_on == told]
        for number in data.draw(st.sets(st.integers(0, len(within)))):
            rest = sum_of(within[number:])
            anchors.append(Anchor(told, EXACT.subtract(life.balance(told), rest)))
    assert prove(anchors, daily(life.bookings)).verdict is Verdict.PROVEN


def told_off(life: Life, ledger: list[Booking], by: Decimal, at: date) -> None:
    """The one fault at `at` is told: its exact size, and the last balance before it."""
    since = life.agreed_before(at)
    agreed = since if since > life.told_on[0] else None
    assert prove(life.anchors, daily(ledger)) == Proof(Verdict.OFF, agreed, by, since)


@given(lives(), st.data())
def test_a_dropped_movement_is_always_told(life: Life, data: st.DataObject) -> None:
    assume(life.provable())
    place = data.draw(st.sampled_from(life.provable()))
    at, amount = life.bookings[place]
    told_off(life, life.bookings[:place] + life.bookings[place + 1 :], amount, at)


@given(lives(), st.data())
def test_a_doubled_movement_is_always_told(life: Life, data: st.DataObject) -> None:
    assume(life.provable())
    at, amount = life.bookings[data.draw(st.sampled_from(life.provable()))]
    told_off(life, [*life.bookings, (at, amount)], EXACT.minus(amount), at)


@given(lives(), st.data(), amounts)
def test_a_changed_movement_is_always_told(life: Life, data: st.DataObject, changed: Decimal) -> None:
    assume(life.provable())
    place = data.draw(st.sampled_from(life.provable()))
    at, amount = life.bookings[place]
    assume(amount != changed)
    ledger = [*life.bookings[:place], (at, changed), *life.bookings[place + 1 :]]
    told_off(life, ledger, EXACT.subtract(amount, changed), at)


@given(lives(), st.data())
def test_a_movement_put_on_the_wrong_side_of_a_balance_is_always_told(
    life: Life, data: st.DataObject
) -> None:
    assume(life.provable())
    place = data.draw(st.sampled_from(life.provable()))
    at, amount = life.bookings[place]
    moved_to = day(data.draw(st.integers(-2, 16)))
    assume(any(min(at, moved_to) <= told < max(at, moved_to) for told in life.told_on))
    ledger = [*life.bookings[:place], (moved_to, amount), *life.bookings[place + 1 :]]
    assert prove(life.anchors, daily(ledger)).verdict is Verdict.OFF


@given(lives(), st.data())
def test_nothing_is_adjusted_to_make_it_fit(life: Life, data: st.DataObject) -> None:
    assume(life.provable())
    place = data.draw(st.sampled_from(life.provable()))
    anchors, sums = life.anchors, daily(life.bookings[:place] + life.bookings[place + 1 :])
    before = (list(anchors), list(sums))
    assert prove(anchors, sums) == prove(anchors, sums)
    assert (anchors, sums) == before


def test_a_snapshot_may_doubt_but_the_gap_is_measured_by_a_day_that_has_ended() -> None:
    # 12.34 is missing on the second day; the third is told of at some moment, and has a booking of 0.42.
    first = date(2026, 3, 1)
    anchors = [
        Anchor(first, Decimal("100.00")),
        Anchor(first + timedelta(1), Decimal("87.66")),
        Anchor(first + timedelta(2), Decimal("88.08"), firm=False),
    ]
    told = prove(anchors, [(first + timedelta(2), Decimal("0.42"))])
    assert (told.verdict, told.off_by, told.off_since) == (Verdict.OFF, Decimal("-12.34"), first)


def test_a_lone_snapshot_is_measured_as_the_end_of_its_day() -> None:
    first = date(2026, 3, 1)
    anchors = [Anchor(first, Decimal("100.00")), Anchor(first + timedelta(1), Decimal("88.08"), firm=False)]
    told = prove(anchors, [(first + timedelta(1), Decimal("0.42"))])
    assert (told.verdict, told.off_by) == (Verdict.OFF, Decimal("-12.34"))


def told_with(number: int, amount: str, held_since: str) -> Anchor:
    """A snapshot told together with the day's movements so far."""
    return Anchor(day(number), Decimal(amount), firm=False, held_since=Decimal(held_since))


def told_beside(number: int, amount: str, held_before: str, held_since: str = "0") -> Anchor:
    """A snapshot told together with the movements so far, and with what the ledger held of the days before."""
    before, since = Decimal(held_before), Decimal(held_since)
    return Anchor(day(number), Decimal(amount), firm=False, held_before=before, held_since=since)


def test_a_snapshot_amid_a_day_counts_the_movements_it_was_told_with() -> None:
    movements = moved(
        (1, "-10.00"), (3, "-25.00"), (5, "-5.00")
    )  # of the 25.00, 20.00 stood when the first was told
    assert prove([told_with(3, "170.00", "-20.00"), told_with(6, "160.00", "0.00")], movements) == proven(6)


def test_history_that_arrives_after_a_snapshot_does_not_upset_it() -> None:
    anchors = [told_with(5, "100.00", "0.00"), told_with(8, "90.00", "0.00")]
    assert prove(anchors, moved((7, "-10.00"))) == proven(8)
    assert prove(anchors, moved((0, "3.00"), (4, "-80.00"), (7, "-10.00"))) == proven(8)


def test_a_snapshot_that_disagrees_says_by_how_much() -> None:
    anchors = [told_with(2, "100.00", "0.00"), told_with(6, "50.00", "-20.00"), told_with(9, "50.00", "0.00")]
    assert prove(anchors, moved((6, "-20.00"))) == off("-30.00", since=2)


def test_a_correction_of_what_was_told_before_a_snapshot_does_not_upset_the_later_ones() -> None:
    anchors = [
        told_beside(10, "-100", "-100"),
        told_beside(20, "-151", "-101", "-50"),
        told_beside(30, "-161", "-161"),
    ]
    assert prove(anchors, moved((5, "-101"), (20, "-50"), (28, "-10"))) == proven(30)


def test_a_movement_lost_between_two_snapshots_shows_though_earlier_ones_were_corrected() -> None:
    anchors = [
        told_beside(10, "-100", "-100"),
        told_beside(20, "-171", "-101", "-50"),
        told_beside(30, "-181", "-161"),
    ]
    assert prove(anchors, moved((5, "-101"), (20, "-50"), (28, "-10"))) == off("-20", since=10)
