"""Likely causes: a fault that is planted is named first or second; where nothing is wrong, nothing is named."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.support.lives import FIRST, Life, daily, day

from caudal.matching.causes import SUM_ITEMS_MAX, Cause, Kind
from caudal.matching.drift import trace
from caudal.matching.explaining import STEPS_MAX, Explained, explain
from caudal.matching.facts import Facts, LeftOut, Movement, Said, Unread
from caudal.matching.proof import Anchor

_DAY = timedelta(days=1)


@st.composite
def lives(draw: st.DrawFn) -> Life:
    """Lives in which no amount is another's, nor its opposite, nor twice it: no cause but the planted one fits."""
    told_on = sorted(draw(st.sets(st.integers(0, 20), min_size=2, max_size=6)))
    cents = draw(st.lists(st.integers(1, 400).map(lambda n: 2 * n + 1), min_size=1, max_size=10, unique=True))
    signs = st.sampled_from((1, -1))
    bookings = [(day(draw(st.integers(-2, 22))), Decimal(draw(signs) * each).scaleb(-2)) for each in cents]
    return Life(Decimal(100), bookings, [day(number) for number in told_on])


def held(life: Life) -> list[Movement]:
    return [
        Movement(id=f"m{place}", on=on, amount=amount, text=f"shop {place}")
        for place, (on, amount) in enumerate(life.bookings)
    ]


def told(life: Life, ledger: Iterable[Movement], **known: object) -> tuple[Explained, ...]:
    """What is said of a ledger that holds these movements, of a life that was otherwise."""
    movements = list(ledger)
    course = trace(life.anchors, daily((each.on, each.amount) for each in movements if each.counted))
    return explain(course, Facts(movements=movements, **known))  # type: ignore[arg-type]


def chosen(life: Life, data: st.DataObject) -> int:
    assume(life.provable())
    return data.draw(st.sampled_from(life.provable()))


def among_the_first(explained: Explained, kind: Kind) -> Cause:
    """The planted cause: first or second of all."""
    found = {cause.kind: cause for cause in explained.causes[:2]}
    assert kind in found, explained.causes
    return found[kind]


def movements(cause: Cause) -> list[str]:
    """The ids of all it may have been."""
    return [each.id for candidate in cause.candidates for each in candidate.movements]


def settle(cause: Cause) -> tuple[str, ...]:
    """What would settle it, whichever it was."""
    return tuple(command for candidate in cause.candidates for command in candidate.settle)


def changed(ledger: list[Movement], place: int, **how: object) -> list[Movement]:
    return [*ledger[:place], msgspec.structs.replace(ledger[place], **how), *ledger[place + 1 :]]


@given(lives())
def test_where_nothing_is_wrong_nothing_is_named(life: Life) -> None:
    assert told(life, held(life)) == ()


@given(lives(), st.data())
def test_what_nobody_told_on_days_nobody_covered_is_a_missing_stretch(
    life: Life, data: st.DataObject
) -> None:
    place = chosen(life, data)
    lost = life.bookings[place][0]
    covered = [(FIRST - 9 * _DAY, lost - _DAY), (lost + _DAY, FIRST + 40 * _DAY)]
    ledger = held(life)[:place] + held(life)[place + 1 :]
    [explained] = told(life, ledger, covered=covered)
    gap = among_the_first(explained, Kind.NOT_COVERED)
    assert (gap.start, gap.end) == (lost, lost)
    assert str(lost) in gap.says


@given(lives(), st.data())
def test_what_is_missing_for_no_reason_is_called_unexplained(life: Life, data: st.DataObject) -> None:
    place = chosen(life, data)
    ledger = held(life)[:place] + held(life)[place + 1 :]
    [explained] = told(life, ledger, covered=[(FIRST - 9 * _DAY, FIRST + 40 * _DAY)])
    assert explained.causes == ()


@given(lives(), st.data(), st.integers(0, 3))
def test_what_stands_twice_is_doubled(life: Life, data: st.DataObject, later: int) -> None:
    place = chosen(life, data)
    twin = msgspec.structs.replace(held(life)[place], id="twin")
    on = min(twin.on + later * _DAY, next(at for at in life.told_on if at >= twin.on))
    [explained] = told(life, [*held(life), msgspec.structs.replace(twin, on=on)])
    doubled = among_the_first(explained, Kind.DOUBLED)
    assert sorted(movements(doubled)) == [f"m{place}", "twin"]
    assert settle(doubled) == (f"caudal merge m{place} twin",)


@given(lives(), st.data())
def test_a_doubt_is_asked_before_other_likenesses(life: Life, data: st.DataObject) -> None:
    place = chosen(life, data)
    twin = msgspec.structs.replace(held(life)[place], id="twin", doubts=(f"m{place}",))
    [explained] = told(life, [*held(life), twin])
    assert explained.causes[0].kind is Kind.DOUBLED
    assert settle(explained.causes[0]) == (f"caudal merge m{place} twin",)


@given(lives(), st.data(), st.sampled_from([10, 90]))
def test_two_that_were_taken_for_one_are_named(life: Life, data: st.DataObject, weight: int) -> None:
    place = chosen(life, data)
    at, amount = life.bookings[place]
    life = Life(life.opening, [*life.bookings, (at, amount)], life.told_on)
    merged = held(life)
    merged[-1] = msgspec.structs.replace(merged[-1], gone=True, into=f"m{place}", weight=weight)
    [explained] = told(life, merged)
    cause = among_the_first(explained, Kind.MERGED)
    assert settle(cause) == (f"caudal split-apart m{place} m{len(merged) - 1}",)


@given(lives(), st.data())
def test_what_is_pending_and_counted_by_the_bank_is_named(life: Life, data: st.DataObject) -> None:
    place = chosen(life, data)
    [explained] = told(life, changed(held(life), place, pending=True))
    assert explained.causes[0].kind is Kind.PENDING
    assert movements(explained.causes[0]) == [f"m{place}"]


def test_several_pending_ones_that_add_up_are_named_together() -> None:
    life = Life(
        Decimal(0), [(day(1), Decimal(-3)), (day(2), Decimal(-7)), (day(3), Decimal(-20))], [day(0), day(5)]
    )
    pending = [msgspec.structs.replace(each, pending=True) for each in held(life)[:2]]
    [explained] = told(
        life,
        held(life)[2:],
        pending=[*pending, Movement(id="x", on=day(4), amount=Decimal(-5), pending=True)],
    )
    cause = among_the_first(explained, Kind.PENDING)
    [together] = cause.candidates
    assert [each.id for each in together.movements] == ["m0", "m1"]


def test_no_more_pending_ones_are_tried_than_can_be() -> None:
    many = [Movement(id=f"p{n:02}", on=day(1), amount=Decimal(2) ** n, pending=True) for n in range(40)]
    life = Life(Decimal(0), [(day(1), Decimal(3))], [day(0), day(5)])
    assert told(life, [], pending=many)[0].causes == ()
    assert told(life, [], pending=many[:SUM_ITEMS_MAX])[0].causes[0].kind is Kind.PENDING


@given(lives(), st.data())
def test_a_turned_sign_is_named(life: Life, data: st.DataObject) -> None:
    place = chosen(life, data)
    amount = life.bookings[place][1]
    [explained] = told(life, changed(held(life), place, amount=-amount))
    cause = among_the_first(explained, Kind.SIGN)
    assert settle(cause) == (f"caudal edit m{place} amount={amount:f}",)


def told_between(life: Life, one: date, other: date) -> list[date]:
    """The told days of which a movement of the one day is and one of the other isn't, or the other way round."""
    return [each for each in life.told_on if min(one, other) <= each < max(one, other)]


@given(lives(), st.data())
def test_what_the_bank_counts_on_another_day_is_one_cause_and_not_two(
    life: Life, data: st.DataObject
) -> None:
    shifts = [
        (place, at + by * _DAY)
        for place, (at, _) in enumerate(life.bookings)
        for by in (-3, -2, -1, 1, 2, 3)
        if 0 < len(told_between(life, at, at + by * _DAY)) < len(life.told_on)
    ]
    assume(shifts)
    place, moved_to = data.draw(st.sampled_from(shifts))
    explained = told(life, changed(held(life), place, on=moved_to))
    cause = among_the_first(explained[0], Kind.ANOTHER_DAY)
    assert movements(cause) == [f"m{place}"]
    if len(explained) == 2:
        assert explained[1].undoes == explained[0].step.on
        assert explained[0].undone_on == explained[1].step.on
        assert explained[1].causes == ()
        set_to = date.fromisoformat(settle(cause)[0].rpartition("=")[2])
        assert told(life, changed(held(life), place, on=set_to)) == ()


@given(lives(), st.data())
def test_what_its_source_told_no_more_is_named(life: Life, data: st.DataObject) -> None:
    place = chosen(life, data)
    [explained] = told(life, changed(held(life), place, gone=True))
    assert explained.causes[0].kind is Kind.GONE


@given(lives(), st.data(), st.sampled_from(["delete", "edit", "lock"]))
def test_what_a_person_decided_comes_first(life: Life, data: st.DataObject, kind: str) -> None:
    place = chosen(life, data)
    at, amount = life.bookings[place]
    left = Decimal(0) if kind == "delete" else amount + Decimal("0.50")
    ledger = changed(held(life), place, amount=left, gone=kind == "delete", said=True)
    said = Said(id="d1", kind=kind, movement=ledger[place], held=left, held_on=at, told=amount, told_on=at)
    [explained] = told(life, ledger, said=[said])
    assert explained.causes[0].kind is Kind.DECIDED
    assert settle(explained.causes[0]) == ("caudal undo d1",)


def test_several_decisions_that_add_up_are_named_together() -> None:
    bookings = [(day(1), Decimal(-3)), (day(2), Decimal(-7)), (day(3), Decimal(-20))]
    life = Life(Decimal(0), bookings, [day(0), day(5)])
    out = [msgspec.structs.replace(each, gone=True, said=True) for each in held(life)]
    said = [
        Said(id=f"d{each.id}", kind="delete", movement=each, held=Decimal(0), held_on=each.on, told=each.amount,
             told_on=each.on)
        for each in out
    ]  # fmt: skip
    [explained] = told(life, [*out[:2], held(life)[2]], said=said[:2])
    cause = explained.causes[0]
    assert cause.kind is Kind.DECIDED
    [together] = cause.candidates
    assert together.settle == ("caudal undo dm0", "caudal undo dm1")


def test_a_decision_of_other_days_is_no_cause() -> None:
    life = Life(Decimal(0), [(day(1), Decimal(-3)), (day(9), Decimal(-3))], [day(0), day(5), day(10)])
    out = msgspec.structs.replace(held(life)[1], gone=True, said=True)
    said = Said(
        id="d", kind="delete", movement=out, held=Decimal(0), held_on=out.on, told=out.amount, told_on=out.on
    )
    explained = told(life, [out], said=[said])
    assert [[cause.kind for cause in each.causes] for each in explained] == [[], [Kind.DECIDED]]


RUNS = [datetime(2026, 4, number, tzinfo=UTC) for number in range(1, 6)]


def unread(raw: str, run: int, place: str = "march.ofx") -> Unread:
    return Unread(place, "four is no amount", raw, RUNS[run])


@pytest.mark.parametrize(
    ("things", "weight"),
    [
        ([unread("<TRNAMT>-12.30x", 2)], 75),
        ([unread("-12,3 EUR", 2)], 75),
        ([unread("-112.30", 2)], 40),
        ([unread("12.301", 2)], 40),
        ([unread("four", 2), unread("five", 1)], 40),
        ([unread("-12.30", 0), unread("-12.30", 4)], None),
        ([], None),
    ],
)
def test_what_could_not_be_read_counts_by_the_runs_that_told_the_balances(
    things: Sequence[Unread], weight: int | None
) -> None:
    anchors = [
        Anchor(day(0), Decimal(100), told_at=RUNS[1]),
        Anchor(day(5), Decimal("87.70"), told_at=RUNS[3]),
    ]
    [explained] = explain(trace(anchors, []), Facts(unread=things))
    assert [cause.weight for cause in explained.causes] == ([] if weight is None else [weight])
    for cause in explained.causes:
        assert "march.ofx" in cause.says
        assert settle(cause) == ("caudal quarantine",)


@pytest.mark.parametrize(
    ("first", "said"),
    [(day(3), "--history all"), (None, "--all-accounts"), (day(1), None)],
)
def test_what_a_person_left_out_is_named_where_it_reaches_into_the_days(
    first: date | None, said: str | None
) -> None:
    life = Life(Decimal(0), [(day(2), Decimal(-3))], [day(0), day(5)])
    [explained] = told(life, [], left_out=[LeftOut("Prairie Stone", first)])
    assert [settle(cause) for cause in explained.causes] == (
        [] if said is None else [(f"caudal choose 'Prairie Stone' {said}",)]
    )


@given(st.lists(st.tuples(st.integers(-5, 25), st.integers(0, 9)), max_size=8))
def test_the_stretches_named_are_the_days_that_are_not_covered(windows: list[tuple[int, int]]) -> None:
    covered = [(day(start), day(start + length)) for start, length in windows]
    life = Life(Decimal(0), [(day(2), Decimal(-3))], [day(0), day(20)])
    [explained] = told(life, [], covered=covered)
    lacking = {day(n) for n in range(1, 21) if not any(start <= day(n) <= end for start, end in covered)}
    assert bool(explained.causes) == bool(lacking)
    for cause in explained.causes:
        assert (cause.start, cause.end) == (min(lacking), max(lacking))


def test_days_that_no_source_claims_to_cover_accuse_nobody() -> None:
    life = Life(Decimal(0), [(day(2), Decimal(-3))], [day(0), day(20)])
    assert told(life, [], covered=None)[0].causes == ()


def test_of_many_steps_the_newest_are_explained() -> None:
    life = Life(Decimal(0), [(day(n), Decimal(n)) for n in range(1, 41)], [day(n) for n in range(41)])
    explained = told(life, [])
    assert [each.step.on for each in explained] == [day(n) for n in range(41 - STEPS_MAX, 41)]


def test_the_more_it_may_have_been_the_less_each_says() -> None:
    life = Life(Decimal(0), [(day(2), Decimal(-3))], [day(0), day(20)])
    gone = [Movement(id=f"g{n}", on=day(5), amount=Decimal(-3), gone=True) for n in range(9)]
    covered = [(day(0), day(9)), (day(11), day(30))]
    for count, kinds in ((1, [Kind.GONE, Kind.NOT_COVERED]), (9, [Kind.NOT_COVERED, Kind.GONE])):
        [explained] = told(life, gone[:count], covered=covered)
        assert [cause.kind for cause in explained.causes] == kinds
        assert len(movements(explained.causes[kinds.index(Kind.GONE)])) == count


def test_what_was_booked_between_two_statements_is_told_by_the_balance_that_opens_the_second() -> None:
    anchors = [
        Anchor(day(0), Decimal(100), source="march"),
        Anchor(day(5), Decimal(90), source="march"),
        Anchor(day(5), Decimal(80), source="april"),
        Anchor(day(9), Decimal(80), source="april"),
    ]
    [explained] = explain(trace(anchors, [(day(3), Decimal(-10))]), Facts())
    [cause] = explained.causes
    assert (cause.kind, cause.start) == (Kind.BETWEEN, day(5))
    assert "april" in cause.says
