"""Statement files that overlap tell a row again; two identical rows in one file are two, in whatever file they come."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caudal.matching.evidence import Strand
from caudal.matching.retold import says_the_same, told_before


def row(
    key: str, *, units: int = -450, day: int = 100, text: str = "COFFEE", currency: str = "EUR"
) -> Strand:
    return Strand(key, "files", units, currency, (day,), (text,))


def found(new: list[Strand], known: list[Strand]) -> set[tuple[str, str]]:
    return {(one.key, other.key) for one, other in told_before(new, known)}


@st.composite
def files(draw: st.DrawFn, name: str) -> list[Strand]:
    """A few rows, many of them alike."""
    rows = st.builds(
        row,
        st.just(""),
        units=st.sampled_from([-450, -449, 450]),
        day=st.integers(100, 102),
        text=st.sampled_from(["COFFEE", "Coffee ", "TEA"]),
        currency=st.sampled_from(["EUR", "USD"]),
    )
    told = draw(st.lists(rows, max_size=8))
    return [msgspec.structs.replace(each, key=f"{name}{place}") for place, each in enumerate(told)]


@given(new=files("n"), known=files("k"))
def test_each_row_was_told_by_one_other_at_most(new: list[Strand], known: list[Strand]) -> None:
    pairs = told_before(new, known)
    assert len({one.key for one, _ in pairs}) == len({other.key for _, other in pairs}) == len(pairs)


@given(new=files("n"), known=files("k"))
def test_a_row_told_before_says_the_same_to_the_letter(new: list[Strand], known: list[Strand]) -> None:
    for one, other in told_before(new, known):
        assert (one.days, one.currency) == (other.days, other.currency)
        assert one.texts[0].upper().split() == other.texts[0].upper().split()
        assert abs(one.units - other.units) <= 1


@given(new=files("n"), known=files("k"), order=st.randoms(use_true_random=False))
def test_how_many_rows_were_told_before_is_the_same_in_any_order(
    new: list[Strand], known: list[Strand], order
) -> None:
    shuffled = told_before(order.sample(new, len(new)), order.sample(known, len(known)))
    assert len(shuffled) == len(told_before(new, known))


@given(told=files("k"))
def test_a_file_told_again_tells_nothing_new(told: list[Strand]) -> None:
    again = [msgspec.structs.replace(each, key=f"n{each.key}") for each in told]
    assert len(told_before(again, told)) == len(told)
    assert all(one.units == other.units for one, other in told_before(again, told))


@given(before=st.integers(0, 8), now=st.integers(0, 8))
def test_of_identical_rows_only_those_beyond_the_known_are_new(before: int, now: int) -> None:
    known = [row(f"k{place}") for place in range(before)]
    new = [row(f"n{place}") for place in range(now)]
    assert len(told_before(new, known)) == min(before, now)


@pytest.mark.parametrize("text", ["coffee", " COFFEE ", "Coffee"])
def test_spaces_and_capitals_are_no_other_row(text: str) -> None:
    assert found([row("n", text=text)], [row("k")]) == {("n", "k")}


@pytest.mark.parametrize(
    "other",
    [
        row("k", day=101),
        row("k", text="TEA"),
        row("k", units=-452),
        row("k", units=450),
        row("k", currency="USD"),
    ],
    ids=["day", "text", "amount", "direction", "currency"],
)
def test_a_row_that_says_something_else_is_another(other: Strand) -> None:
    assert not told_before([row("n")], [other])


def test_a_restated_cent_is_the_same_row_unless_one_fits_to_the_cent() -> None:
    assert found([row("n")], [row("k", units=-451)]) == {("n", "k")}
    assert found([row("n")], [row("k1", units=-451), row("k2")]) == {("n", "k2")}
    crossed = [row("n1", units=-451), row("n2")]
    assert found(crossed, [row("k1"), row("k2", units=-451)]) == {("n1", "k2"), ("n2", "k1")}


@pytest.mark.parametrize(
    ("known", "same"),
    [
        (row("k"), True),
        (row("k", day=103), True),
        (row("k", units=-460), True),
        (row("k", day=103, units=-460), False),
        (row("k", currency="USD"), False),
    ],
    ids=["all", "amount", "day", "neither", "another currency"],
)
def test_one_id_is_of_one_movement_if_its_day_or_its_amount_is(known: Strand, same: bool) -> None:
    assert says_the_same(row("n"), known) is same
    assert says_the_same(known, row("n")) is same
