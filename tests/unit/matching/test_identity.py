"""Every movement keeps one name, in every file that tells of its day; twins stay twins."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from caudal.matching.identity import Census, Content, Identifier, Identity, is_placeholder

FIRST = date(2026, 3, 2)
PLACEHOLDERS = (
    "",
    " ",
    "0",
    "000000",
    "NONREF",
    "nonref",
    " NotProvided ",
    "N/A",
    "-",
    "....",
    "0000-00",
    "Unknown",
    "##",
)


def coffee(day: int = 0, amount: str = "-4.50", text: str = "COFFEE") -> Content:
    return Content.of(FIRST + timedelta(day), Decimal(amount), "EUR", text)


def identified(told: Sequence[tuple[str, Content]], *, trust_ids: bool = True) -> list[Identity]:
    """The identities of the movements of one statement, told as (the bank's id, content)."""
    census = Census()
    for position, (provider_id, content) in enumerate(told):
        census.note(provider_id, content, position)
    identifier = Identifier(census.close(), trust_ids=trust_ids)
    return [identifier.identify(provider_id, content) for provider_id, content in told]


def ids(told: Sequence[tuple[str, Content]], *, trust_ids: bool = True) -> list[str]:
    return [identity.id for identity in identified(told, trust_ids=trust_ids)]


def test_a_banks_own_id_is_kept() -> None:
    told = [("TX-17", coffee()), ("TX-18", coffee()), ("TX-19", coffee(1))]
    assert ids(told) == ["TX-17", "TX-18", "TX-19"]
    assert {identity.rule for identity in identified(told)} == {"provider_id"}


@pytest.mark.parametrize("blank", PLACEHOLDERS)
def test_an_id_that_says_nothing_gives_way_to_the_content(blank: str) -> None:
    assert is_placeholder(blank)
    (one, other) = identified([(blank, coffee()), ("TX-18", coffee(1))])
    assert (one.rule, one.id) == ("derived_id", "~" + coffee().digest())
    assert other.id == "TX-18"


@pytest.mark.parametrize("id_", ["1", "10", "A", "N", "NONREF2", "00001", "0A", "ÄÖ", "NO"])
def test_an_id_that_says_something_is_no_placeholder(id_: str) -> None:
    assert not is_placeholder(id_)


@pytest.mark.parametrize("first", [0, 1])
def test_ids_that_only_number_the_rows_are_not_taken(first: int) -> None:
    told = [(str(place), coffee(place)) for place in range(first, first + 5)]
    assert {identity.rule for identity in identified(told)} == {"derived_id"}
    # The next download numbers the same rows otherwise.
    assert ids(told)[2:] == ids([(str(place), content) for place, (_, content) in enumerate(told[2:])])


@pytest.mark.parametrize("broken", [["1", "2", "4"], ["7", "8", "9"], ["1", "2", "TX-3"]])
def test_numbers_that_do_not_number_the_rows_are_ids(broken: list[str]) -> None:
    assert ids([(id_, coffee(day)) for day, id_ in enumerate(broken)]) == broken


def test_an_id_that_stands_for_every_movement_stands_for_none() -> None:
    told = [("CARD-1", coffee(day)) for day in range(4)]
    assert ids(told) == ["~" + content.digest() for _, content in told]


def test_an_id_that_stands_for_two_movements_is_not_taken_and_the_others_are() -> None:
    told = [("A", coffee(0)), ("B", coffee(1)), ("A", coffee(2, "-70.00", "RENT"))]
    assert ids(told) == ["~" + told[0][1].digest(), "B", "~" + told[2][1].digest()]


def test_one_id_told_twice_in_the_same_words_is_two_movements_of_that_name() -> None:
    assert ids([("A", coffee()), ("A", coffee()), ("A", coffee())]) == ["A", "A\u241f2", "A\u241f3"]


def test_a_twin_is_never_named_like_another_movement() -> None:
    told = [("A", coffee()), ("A", coffee()), ("A#2", coffee()), ("A-2", coffee())]
    assert len(set(ids(told))) == 4


def test_two_identical_coffees_on_one_day_are_two_coffees() -> None:
    digest = "~" + coffee().digest()
    assert ids([("", coffee()), ("", coffee(1)), ("", coffee())]) == [
        digest,
        "~" + coffee(1).digest(),
        digest + "\u241f2",
    ]


def test_where_a_format_s_ids_identify_nothing_none_is_taken() -> None:
    told = [("TX-17", coffee()), ("TX-18", coffee())]
    assert ids(told, trust_ids=False) == ids([("", content) for _, content in told])


def test_each_identity_knows_what_to_go_by_should_its_id_be_taken() -> None:
    kept, twin, derived = identified([("A", coffee()), ("B", coffee()), ("", coffee(1))])
    assert kept.fallback_id == "~" + coffee().digest()
    assert twin.fallback_id == kept.fallback_id + "\u241f2"
    assert derived.fallback_id == ""


def test_a_movement_whose_id_is_not_taken_can_still_be_found_by_it() -> None:
    # A file of its day alone showed no reason not to take it: the ledger may hold it by that id.
    (alone,) = identified([("A", coffee())])
    among, rent = identified([("A", coffee()), ("A", coffee(7, "-900.00", "RENT"))])
    assert (alone.id, alone.fallback_id) == (among.fallback_id, among.id)
    assert (rent.id, rent.fallback_id) == ("~" + coffee(7, "-900.00", "RENT").digest(), "A")


def test_an_id_shared_by_amounts_that_python_hashes_alike_is_not_taken() -> None:
    assert hash(Decimal(-1)) == hash(Decimal(-2))
    told = [("A", coffee(amount="-1.00")), ("A", coffee(amount="-2.00"))]
    assert ids(told) == ["~" + content.digest() for _, content in told]


@pytest.mark.parametrize(
    "other",
    [
        coffee(1),
        coffee(amount="4.50"),
        coffee(amount="-4.51"),
        coffee(text="TEA"),
        Content.of(FIRST, Decimal("-4.50"), "USD", "COFFEE"),
    ],
)
def test_what_differs_in_anything_has_another_name(other: Content) -> None:
    assert other.digest() != coffee().digest()


@pytest.mark.parametrize(
    "same",
    [
        coffee(amount="-4.5"),
        coffee(amount="-4.500"),
        coffee(text="coffee"),
        coffee(text="  Coffee \n"),
        Content.of(FIRST, Decimal("-4.50"), "EUR", "", "COFFEE", ""),
    ],
)
def test_spacing_case_and_zeros_make_no_difference(same: Content) -> None:
    assert same.digest() == coffee().digest()


def test_a_name_is_the_same_in_every_process() -> None:
    # Ids are kept for good: this one may never change.
    assert coffee().digest() == "7be9e8d7e9279f229f56e798"


def test_amounts_are_told_apart_to_their_thirtieth_digit() -> None:
    long = "-1234567890123456789012345678.90"
    assert coffee(amount=long).digest() != coffee(amount=long[:-1] + "1").digest()


@dataclass(frozen=True)
class Booked:
    """A movement of a history: what it says, and what the bank calls it."""

    content: Content
    id: str


NAMING: dict[str, Callable[[int, int], str]] = {
    "its own": lambda number, day: f"TX{number + 5000}",
    "none": lambda number, day: "",
    "a word for none": lambda number, day: "NONREF",
    "one for the day": lambda number, day: f"DAY{day}",
}
"""How banks name the `number`th movement of a history, booked on `day`."""


@st.composite
def histories(draw: st.DrawFn) -> list[Booked]:
    """Movements in booking order, few days, few contents: twins are common; each named in one of the bank's ways."""
    days = sorted(draw(st.lists(st.integers(0, 6), min_size=1, max_size=14)))
    named = st.sampled_from(sorted(NAMING))
    return [
        Booked(
            coffee(day, draw(st.sampled_from(("-4.50", "-3.00"))), draw(st.sampled_from(("COFFEE", "TEA")))),
            NAMING[draw(named)](number, day),
        )
        for number, day in enumerate(days)
    ]


def window(history: Sequence[Booked], start: int, end: int) -> list[tuple[str, Content]]:
    """What a file tells of the days `start` to `end`, whole."""
    first, last = FIRST + timedelta(start), FIRST + timedelta(end)
    return [(booked.id, booked.content) for booked in history if first <= booked.content.booked_on <= last]


def told_of(told: Sequence[tuple[str, Content]], start: int, end: int) -> list[Identity]:
    """The identities that the file `told` gives to the movements of `start` to `end`."""
    first, last = FIRST + timedelta(start), FIRST + timedelta(end)
    return [
        identity
        for identity, (_, content) in zip(identified(told), told, strict=True)
        if first <= content.booked_on <= last
    ]


@st.composite
def windows(draw: st.DrawFn) -> tuple[int, int]:
    """The first and the last day of a file; day 3 is in every file."""
    return draw(st.integers(0, 3)), draw(st.integers(3, 6))


@given(histories(), windows(), windows())
def test_two_windows_of_one_history_name_what_both_tell_alike(
    history: list[Booked], one: tuple[int, int], other: tuple[int, int]
) -> None:
    shared = (max(one[0], other[0]), min(one[1], other[1]))
    assert told_of(window(history, *one), *shared) == told_of(window(history, *other), *shared)


@given(histories(), st.sampled_from((0, 1)))
def test_rows_that_are_only_numbered_go_by_the_names_of_rows_without_ids(
    history: list[Booked], first: int
) -> None:
    told = [booked.content for booked in history]
    assume(len(told) > 1)
    numbered = [(str(place), content) for place, content in enumerate(told, first)]
    assert identified(numbered) == identified([("", content) for content in told])


@given(histories())
def test_no_two_movements_of_a_file_ever_get_one_name(history: list[Booked]) -> None:
    told = window(history, 0, 6)
    assert len(set(ids(told))) == len(told)


@given(histories(), st.sampled_from(("", "000")))
def test_the_order_of_a_file_changes_no_name_that_comes_from_the_content(
    history: list[Booked], blank: str
) -> None:
    told = [(blank, booked.content) for booked in history]
    assert sorted(ids(told)) == sorted(ids(told[::-1]))


@given(histories())
def test_the_same_statement_twice_gets_the_same_names(history: list[Booked]) -> None:
    told = window(history, 0, 6)
    assert identified(told) == identified(list(told))
    # Twice in one file: the second begins anew, with what the whole file repeats in view.
    census = Census()
    for _ in range(2):
        for position, (provider_id, content) in enumerate(told):
            census.note(provider_id, content, position)
    repeats = census.close()
    one, again = (
        [name.identify(*movement).id for movement in told]
        for name in (Identifier(repeats), Identifier(repeats))
    )
    assert one == again
    assert len(set(one)) == len(told)


def test_many_movements_are_counted_without_being_kept() -> None:
    census = Census()
    for number in range(10_000):
        census.note(f"TX{number // 2}", coffee(number // 4), number)
    repeats = census.close()
    assert (len(repeats.ids), set(repeats.ids.values())) == (5_000, {2})
    assert (len(repeats.contents), set(repeats.contents.values())) == (2_500, {4})
    assert not repeats.positional
