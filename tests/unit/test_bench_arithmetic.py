"""The arithmetic that turns measurements into figures: a wrong slope or mark would flatter in silence."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.bench.files import half_known, later, life
from tests.bench.growth import exponent, median_by
from tests.bench.sheet import Figure, Sheet

SIZES = (1_000, 10_000, 100_000, 1_000_000)


@given(power=st.floats(0, 3), unit=st.floats(1e-6, 10))
def test_the_exponent_is_the_power_that_cost_grows_with(power: float, unit: float) -> None:
    assert exponent((size, unit * size**power) for size in SIZES) == pytest.approx(power, abs=1e-6)


def test_a_constant_part_bends_the_exponent_below_linear_and_a_quadratic_part_above() -> None:
    assert exponent((size, 0.1 + size * 1e-4) for size in SIZES) < 1
    assert exponent((size, size * 1e-4 + size**2 * 1e-9) for size in SIZES) > 1.05


def test_a_slope_takes_two_sizes() -> None:
    with pytest.raises(ValueError, match="two sizes"):
        exponent([(1_000, 1.0)])


def test_the_median_is_a_run_that_happened() -> None:
    assert median_by([3.0, 1.0, 2.0], float) == 2.0
    assert median_by([4.0, 1.0, 3.0, 2.0], float) == 2.0


def test_a_figure_shows_whether_it_met_its_aim() -> None:
    assert Figure.at_least(10_000, 10_000).plain == "10,000 ✓"
    assert Figure.at_least(9_999, 10_000).plain == "9,999 ✗"
    assert Figure.at_most(1.05, 1.05).plain == "1.05 ✓"
    assert Figure.at_most(1.06, 1.05).plain == "1.06 ✗"
    assert Figure("3.2").plain == "3.2"


def test_a_sheet_is_a_markdown_table() -> None:
    sheet = Sheet("Reading", ("file", "per\nsecond"), note="On one machine.")
    sheet.add("a|b", Figure.at_least(2, 1))
    assert sheet.markdown() == (
        "## Reading\n\n| file | per second |\n| --- | --: |\n| a/b | 2 ✓ |\n\nOn one machine.\n"
    )
    with pytest.raises(ValueError, match="1 cells for 2 columns"):
        sheet.add("a")


@pytest.mark.parametrize("count", [1_000, 40_000])
def test_a_half_known_file_goes_on_from_the_middle_of_the_life_it_is_about(count: int) -> None:
    first, (second, new) = life(count), half_known(count)
    known = list(itertools.islice(first.movements, new, None))
    told = list(second.movements)
    assert len(told) == count
    assert told[: len(known)] == known
    assert len(told) - len(known) == new == pytest.approx(count / 2, abs=50)
    assert {movement.booked_on for movement in itertools.islice(first.movements, new)}.isdisjoint(
        movement.booked_on for movement in told
    )
    assert first.closing - first.opening + sum(movement.amount for movement in told[len(known) :]) == (
        second.closing - first.opening
    )
    assert later(count).start > second.end
