"""The course of all told balances beside the ledger: where it begins to be off, and each time that changes."""

from datetime import date
from decimal import Decimal

from hypothesis import assume, given
from hypothesis import strategies as st
from tests.support.lives import Booking, Life, amounts, daily, day, lives

from caudal.matching.drift import Course, trace
from caudal.matching.proof import Anchor, Verdict, prove
from caudal.model.money import EXACT


def told(number: int, amount: str, *, firm: bool = True, source: str = "") -> Anchor:
    return Anchor(day(number), Decimal(amount), firm, source=source)


def moved(*bookings: tuple[int, str]) -> list[Booking]:
    return daily((day(number), Decimal(amount)) for number, amount in bookings)


def steps(course: Course) -> list[tuple[date, date, Decimal]]:
    return [(step.after, step.on, step.by) for step in course.steps]


def test_where_it_begins_is_shown_as_two_balances_side_by_side_and_who_told_them() -> None:
    anchors = [told(0, "100", source="march"), told(5, "90", source="march"), told(9, "60", source="april")]
    course = trace(anchors, moved((3, "-10"), (7, "-5")))
    [step] = course.steps
    assert (step.before.on, step.before.told, step.before.ledger, step.before.source) == (
        day(5), Decimal(90), Decimal(90), "march"
    )  # fmt: skip
    assert (step.at.on, step.at.told, step.at.ledger, step.at.difference, step.at.source) == (
        day(9), Decimal(60), Decimal(85), Decimal(-25), "april"
    )  # fmt: skip
    assert step.by == Decimal(-25)


def test_each_change_is_a_step_and_a_difference_that_stays_is_none() -> None:
    anchors = [told(0, "100"), told(3, "90"), told(6, "90"), told(9, "75"), told(12, "75")]
    assert steps(trace(anchors, [])) == [
        (day(0), day(3), Decimal(-10)),
        (day(6), day(9), Decimal(-15)),
    ]


def test_what_comes_right_again_is_a_step_back() -> None:
    anchors = [told(0, "100"), told(3, "90"), told(6, "100")]
    assert steps(trace(anchors, [])) == [(day(0), day(3), Decimal(-10)), (day(3), day(6), Decimal(10))]


def test_a_snapshot_that_a_later_balance_shows_to_mean_nothing_is_shown_and_is_no_step() -> None:
    bookings = moved((2, "-10"), (3, "-5"))
    for level, firm in (("85", True), ("85", False)):
        course = trace([told(0, "100"), told(2, "98", firm=False), told(4, level, firm=firm)], bookings)
        assert course.steps == ()
        assert [(reading.counts, reading.difference) for reading in course.readings] == [
            (True, 0), (False, 8), (True, 0)
        ]  # fmt: skip


def test_a_snapshot_while_it_is_off_already_that_means_nothing_is_no_second_step() -> None:
    anchors = [told(0, "100"), told(2, "90"), told(4, "87", firm=False), told(6, "80")]
    assert steps(trace(anchors, moved((4, "-4"), (5, "-6")))) == [(day(0), day(2), Decimal(-10))]


def test_beside_a_firm_balance_of_the_day_a_snapshot_decides_nothing() -> None:
    course = trace([told(0, "100"), told(2, "100", firm=False), told(2, "90")], [])
    assert steps(course) == [(day(0), day(2), Decimal(-10))]
    assert [reading.counts for reading in course.readings] == [True, True, False]


def test_one_balance_or_none_has_no_step() -> None:
    assert trace([], moved((1, "5"))) == Course()
    [reading] = trace([told(1, "90")], moved((1, "5"))).readings
    assert (reading.told, reading.ledger, reading.difference) == (Decimal(90), Decimal(90), 0)


@st.composite
def courses(draw: st.DrawFn) -> tuple[list[Anchor], list[Booking]]:
    """Any balances, firm or of a moment, told alone or with what they count, beside any ledger."""
    small = st.integers(-3, 3).map(Decimal)
    anchors = draw(
        st.lists(
            st.builds(
                Anchor,
                on=st.integers(0, 6).map(day),
                amount=small,
                firm=st.booleans(),
                held_before=st.none() | small,
                held_since=st.none() | small,
            ),
            max_size=9,
        )
    )
    return anchors, daily(draw(st.lists(st.tuples(st.integers(-1, 7).map(day), small), max_size=6)))


@given(courses())
def test_the_course_says_what_the_verdict_says(told_and_held: tuple[list[Anchor], list[Booking]]) -> None:
    anchors, sums = told_and_held
    proof, course = prove(anchors, sums), trace(anchors, sums)
    assert (proof.verdict is Verdict.OFF) == bool(course.steps)
    if course.steps:
        assert course.steps[0].after == proof.off_since


@given(courses())
def test_each_reading_adds_up_and_every_balance_is_among_them(
    told_and_held: tuple[list[Anchor], list[Booking]],
) -> None:
    anchors, sums = told_and_held
    course = trace(anchors, sums)
    assert sorted((reading.on, reading.told) for reading in course.readings) == sorted(
        (anchor.on, anchor.amount) for anchor in anchors
    )
    for reading in course.readings:
        assert EXACT.add(reading.ledger, reading.difference) == reading.told
    level = Decimal(0)
    for step in course.steps:
        assert step.before.difference == level
        level = EXACT.add(level, step.by)
        assert step.by
        assert step.at.difference == level
        assert step.after < step.on


@given(lives(), st.data(), amounts)
def test_one_fault_is_one_step_of_its_size_at_its_place(life: Life, data: st.DataObject, by: Decimal) -> None:
    assume(life.provable())
    at, _ = life.bookings[data.draw(st.sampled_from(life.provable()))]
    course = trace(life.anchors, daily([*life.bookings, (at, by)]))
    [step] = course.steps
    assert step.by == EXACT.minus(by)
    assert step.spans(at)
    assert step.after == life.agreed_before(at)


@given(lives())
def test_a_ledger_that_is_right_has_no_step(life: Life) -> None:
    assert trace(life.anchors, daily(life.bookings)).steps == ()
