"""Where source accounts are booked, by the words that stand."""

from hypothesis import given
from hypothesis import strategies as st

from caudal.matching.bookings import booked, ends

_JOINS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=8)
_PARTS = st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(7, 9)), max_size=4)
_HOMES = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 6), max_size=6)


def test_what_was_joined_to_what_was_joined_is_found_at_the_end() -> None:
    assert ends([(2, 1), (3, 2)]) == {2: 1, 3: 1}
    assert booked({"s": 3, "t": 4}, [], [(2, 1), (3, 2)]) == {"s": 1, "t": 4}


def test_the_last_word_parts_it_and_what_it_was_parted_to_may_be_joined() -> None:
    assert booked({"s": 1}, [("s", 7), ("s", 8)], [(8, 2)]) == {"s": 2}


@given(joins=_JOINS)
def test_no_word_leads_in_a_circle(joins: list[tuple[int, int]]) -> None:
    found = ends(joins)
    assert set(found.values()).isdisjoint(found)


@given(homes=_HOMES, joins=_JOINS, parts=_PARTS)
def test_without_a_word_everything_is_where_it_was_and_a_word_moves_nothing_else(
    homes: dict[str, int], joins: list[tuple[int, int]], parts: list[tuple[str, int]]
) -> None:
    assert booked(homes, [], []) == homes
    said = booked(homes, parts, joins)
    spoken = {source for source, _ in parts}
    joined = {account for account, _ in joins}
    assert all(
        said[source] == home for source, home in homes.items() if source not in spoken and home not in joined
    )
    assert said.keys() == homes.keys()


@given(
    homes=_HOMES, parts=_PARTS, tree=st.permutations(range(7)), of=st.lists(st.integers(0, 5), unique=True)
)
def test_the_order_in_which_accounts_were_joined_does_not_matter(
    homes: dict[str, int], parts: list[tuple[str, int]], tree: list[int], of: list[int]
) -> None:
    """Each is joined at most once, to one that stands before it in some order: as people can."""
    joins = [(tree[place + 1], tree[place // 2]) for place in of]
    assert booked(homes, parts, joins) == booked(homes, parts, joins[::-1])
