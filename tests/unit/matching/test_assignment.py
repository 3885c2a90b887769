"""One to one, and no other choice of pairs would be better."""

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caudal.matching.assignment import best_pairs

SIDE = 5

Gains = dict[tuple[int, int], int]

gains_told = st.dictionaries(
    st.tuples(st.integers(0, SIDE - 1), st.integers(0, SIDE - 1)), st.integers(1, 12), max_size=SIDE * SIDE
)
"""Sparse, and with few different gains, so that totals are often equal."""


def greatest(gains: Gains) -> int:
    """The greatest total there is, by trying all."""
    return max(
        sum(gains.get((left, right), 0) for left, right in enumerate(rights))
        for rights in itertools.permutations(range(SIDE))
    )


@given(gains=gains_told)
def test_the_total_is_the_greatest_there_is(gains: Gains) -> None:
    assert sum(gains[pair] for pair in best_pairs(gains)) == greatest(gains)


@given(gains=gains_told)
def test_each_is_in_one_pair_at_most_and_only_pairs_that_can_be_are(gains: Gains) -> None:
    pairs = best_pairs(gains)
    assert len({left for left, _ in pairs}) == len({right for _, right in pairs}) == len(pairs)
    assert set(pairs) <= set(gains)
    assert pairs == sorted(pairs)


@given(gains=gains_told, order=st.randoms(use_true_random=False))
def test_of_equal_totals_it_is_the_same_one_whatever_order_they_come_in(gains: Gains, order) -> None:
    shuffled = list(gains.items())
    order.shuffle(shuffled)
    assert best_pairs(dict(shuffled)) == best_pairs(gains)


@given(gains=gains_told)
def test_whoever_is_left_over_could_not_have_been_paired_with_another_left_over(gains: Gains) -> None:
    pairs = best_pairs(gains)
    lefts, rights = {left for left, _ in pairs}, {right for _, right in pairs}
    assert not [pair for pair in gains if pair[0] not in lefts and pair[1] not in rights]


@given(gains=gains_told)
def test_turning_the_sides_round_changes_no_total(gains: Gains) -> None:
    turned = {(right, left): gain for (left, right), gain in gains.items()}
    assert sum(turned[pair] for pair in best_pairs(turned)) == sum(gains[pair] for pair in best_pairs(gains))


def test_the_best_single_pair_gives_way_to_two_that_are_better_together() -> None:
    assert best_pairs({(0, 0): 10, (0, 1): 9, (1, 0): 9}) == [(0, 1), (1, 0)]
    assert best_pairs({(0, 0): 10, (0, 1): 4, (1, 0): 5}) == [(0, 0)]


def test_of_several_that_gain_the_same_the_first_is_taken() -> None:
    assert best_pairs({(0, 2): 7, (0, 1): 7, (0, 3): 7}) == [(0, 1)]
    assert best_pairs({(2, 0): 7, (1, 0): 7, (3, 0): 7}) == [(1, 0)]


def test_nothing_to_gain_is_nobody_paired() -> None:
    assert best_pairs({}) == []


def test_a_hundred_alike_on_either_side_are_a_hundred_pairs() -> None:
    crowd = {(left, right): 1_000 - (left - right) ** 2 // 40 for left in range(100) for right in range(100)}
    pairs = best_pairs(crowd)
    assert len(pairs) == 100
    assert sum(crowd[pair] for pair in pairs) == 100_000


@pytest.mark.parametrize("missing", [0, 7])
def test_years_of_one_price_hang_together_and_cost_what_each_of_their_days_does(missing: int) -> None:
    # Two coffees a day for three years, dated up to two days apart by the two sources.
    days = 2 * 3 * 365
    chain = {
        (left, right): 49_000 - 6_000 * (abs(left - right) // 2)
        for left in range(days)
        for right in range(max(0, left - 4), min(days, left + 5))
        if not missing or right % 100 != missing
    }
    began = time.process_time()
    pairs = best_pairs(chain)
    assert len(pairs) == len({right for _, right in chain})
    assert time.process_time() - began < 10
