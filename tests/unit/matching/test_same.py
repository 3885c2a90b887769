"""Counts come first: what one source tells twice happened twice, what two sources tell happened once."""

from collections import Counter
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caudal.matching.evidence import Manner, Source, Strand
from caudal.matching.same import NO_WORD, Conclusion, Word, conclude

BANK = Source("bank", 0, Manner.LIVE)
ANEW = Source("anew", 1, Manner.LIVE)
FILES = Source("files", 2, Manner.FILE)
DIARY = Source("diary", 3, Manner.MANUAL)
SOURCES = {source.key: source for source in (BANK, ANEW, FILES, DIARY)}
LOGIN_ANEW = {source.key: msgspec.structs.replace(source, family="one login") for source in (BANK, ANEW)} | {
    "files": FILES
}


def strand(
    key: str,
    source: Source = BANK,
    *,
    units: int = -450,
    day: int = 100,
    text: str = "TESCO STORES",
    pending: bool = False,
    gone: bool = False,
    told: int = 0,
    currency: str = "EUR",
    reference: str = "",
) -> Strand:
    return Strand(
        key, source.key, units, currency, (day,), (text,), reference, pending=pending, gone=gone, told=told
    )


def groups(*strands: Strand, word: Word = NO_WORD) -> set[frozenset[str]]:
    """Who sits together."""
    return together(conclude(strands, SOURCES, word))


def together(conclusion: Conclusion) -> set[frozenset[str]]:
    return {frozenset(each.key for each in group.strands) for group in conclusion.groups}


def pairs(*said: tuple[str, str]) -> frozenset[frozenset[str]]:
    return frozenset(map(frozenset, said))


def test_a_hundred_of_one_price_are_paired_alike_whatever_else_is_of_that_price() -> None:
    """Those of one day each are looked up by the day, unless one of several days is among them."""
    coffees = [strand(f"b{day}.{one}", day=day) for day in range(100, 130) for one in range(6)]
    coffees += [strand(f"f{day}.{one}", FILES, day=day + 1) for day in range(100, 130) for one in range(6)]
    moved = msgspec.structs.replace(strand("moved", FILES), days=(300, 305))

    alone, beside = groups(*coffees), groups(*coffees, moved)

    assert beside == alone | {frozenset({"moved"})}
    assert Counter(map(len, alone)) == {2: 174, 1: 12}


@st.composite
def stories(draw: st.DrawFn) -> list[Strand]:
    """Some strands of every source within a month, many of them alike."""
    count = draw(st.integers(0, 14))
    return [
        Strand(
            key=f"s{place}",
            source=draw(st.sampled_from(sorted(SOURCES))),
            units=draw(st.sampled_from([-10_500, -10_000, -9_999, -450, 450])),
            currency=draw(st.sampled_from(["EUR", "EUR", "EUR", "USD"])),
            days=(draw(st.integers(100, 125)),),
            texts=(
                draw(st.sampled_from(["TESCO STORES", "CARD PAYMENT TO TESCO STORES", "Vodafone 2/3", ""])),
            ),
            pending=draw(st.booleans()),
            gone=draw(st.integers(0, 3)) == 0,
            told=place,
        )
        for place in range(count)
    ]


@st.composite
def words(draw: st.DrawFn, keys: int = 14) -> Word:
    """A person's word on some pairs, of none of which both is said."""
    key = st.integers(0, keys - 1).map("s{}".format)
    said = draw(st.sets(st.tuples(key, key).filter(lambda pair: pair[0] < pair[1]), max_size=4))
    kept_apart = draw(st.sets(st.sampled_from(sorted(said)))) if said else set()
    return Word(one=pairs(*(said - kept_apart)), apart=pairs(*kept_apart))


# --- what holds of whatever was told -----------------------------------------------------------------------


@given(story=stories(), word=words())
def test_every_strand_is_in_exactly_one_group(story: list[Strand], word: Word) -> None:
    seated = Counter(each.key for group in conclude(story, SOURCES, word).groups for each in group.strands)
    assert seated == Counter(each.key for each in story)


@given(story=stories())
def test_what_one_source_holds_to_be_two_is_two(story: list[Strand]) -> None:
    for group in conclude(story, SOURCES).groups:
        live = Counter(each.source for each in group.strands if not each.pending and not each.gone)
        assert not live or max(live.values()) == 1


@given(story=stories())
def test_a_group_is_of_one_currency_and_one_direction(story: list[Strand]) -> None:
    for group in conclude(story, SOURCES).groups:
        assert len({(each.currency, each.units > 0) for each in group.strands}) == 1


@given(story=stories(), word=words(), order=st.randoms(use_true_random=False))
def test_the_order_things_are_handed_over_in_changes_nothing(story: list[Strand], word: Word, order) -> None:
    shuffled = order.sample(story, len(story))
    sources = dict(order.sample(sorted(SOURCES.items()), len(SOURCES)))
    assert conclude(shuffled, sources, word) == conclude(story, SOURCES, word)


@given(story=stories(), word=words())
def test_a_group_is_its_founder_and_a_reason_for_each_of_the_others(story: list[Strand], word: Word) -> None:
    for group in conclude(story, SOURCES, word).groups:
        keys = [each.key for each in group.strands]
        assert len(group.joins) == len(keys) - 1
        assert Counter(join.strand for join in group.joins) == Counter(keys[1:])
        assert all(join.to in keys and join.evidence.weight > 0 for join in group.joins)


@given(story=stories(), word=words())
def test_a_doubt_is_about_two_that_were_kept_apart(story: list[Strand], word: Word) -> None:
    conclusion = conclude(story, SOURCES, word)
    seat = {each.key: place for place, group in enumerate(conclusion.groups) for each in group.strands}
    assert all(seat[doubt.one] != seat[doubt.other] for doubt in conclusion.doubts)


@given(story=stories(), word=words())
def test_what_a_person_said_is_one_is_one_and_what_they_kept_apart_is_not(
    story: list[Strand], word: Word
) -> None:
    seat = {
        each.key: place
        for place, group in enumerate(conclude(story, SOURCES, word).groups)
        for each in group.strands
    }
    if not word.apart:
        for one, other in word.one:
            assert one not in seat or other not in seat or seat[one] == seat[other]
    if not word.one:
        for one, other in word.apart:
            assert one not in seat or other not in seat or seat[one] != seat[other]


# --- counts ------------------------------------------------------------------------------------------------


@given(here=st.integers(0, 12), there=st.integers(0, 12), later=st.integers(0, 3))
def test_so_many_alike_here_and_so_many_there_are_as_many_as_the_more(
    here: int, there: int, later: int
) -> None:
    told = [strand(f"b{place}") for place in range(here)]
    told += [strand(f"f{place}", FILES, day=100 + later) for place in range(there)]
    assert len(groups(*told)) == max(here, there)


@given(counts=st.lists(st.integers(0, 6), min_size=3, max_size=3))
def test_of_three_sources_the_one_that_tells_most_says_how_many(counts: list[int]) -> None:
    told = [
        strand(f"{source.key}{place}", source)
        for source, count in zip((BANK, ANEW, FILES), counts, strict=True)
        for place in range(count)
    ]
    assert len(groups(*told)) == max(counts)


def test_coffees_of_two_days_are_paired_in_their_order() -> None:
    told = [
        strand("b1", day=100),
        strand("b2", day=103),
        strand("f1", FILES, day=101),
        strand("f2", FILES, day=104),
    ]
    assert groups(*told) == {frozenset({"b1", "f1"}), frozenset({"b2", "f2"})}


def test_a_nearer_payee_is_preferred_to_a_nearer_day() -> None:
    told = [
        strand("b1", text="Greggs"),
        strand("b2", text="Vodafone"),
        strand("f1", FILES, day=100, text="VODAFONE LTD"),
        strand("f2", FILES, day=102, text="CONTACTLESS GREGGS"),
    ]
    assert groups(*told) == {frozenset({"b1", "f2"}), frozenset({"b2", "f1"})}


def test_another_instalment_is_another_movement() -> None:
    told = [strand(f"b{part}", text=f"Magalu {part}/3") for part in (1, 2)]
    told += [strand(f"f{part}", FILES, text=f"MAGALU PARC 0{part}/03") for part in (2, 3)]
    assert groups(*told) == {frozenset({"b1"}), frozenset({"b2", "f2"}), frozenset({"f3"})}


def test_a_cent_is_a_rounding_and_two_are_another_amount() -> None:
    assert len(groups(strand("b"), strand("f", FILES, units=-451))) == 1
    assert len(groups(strand("b"), strand("f", FILES, units=-452))) == 2


def test_another_currency_is_another_movement() -> None:
    assert len(groups(strand("b"), strand("f", FILES, currency="USD"))) == 2


def test_one_reference_outweighs_texts_that_differ() -> None:
    told = {"b": strand("b", text="Ana Souza"), "f": strand("f", FILES, text="PIX RECEBIDO 4711", day=102)}
    assert len(groups(*told.values())) == 2
    named = [msgspec.structs.replace(each, reference="E1234567890") for each in told.values()]
    assert len(groups(*named)) == 1


# --- pending and booked, of one source that links them by nothing ------------------------------------------


def settled(pending: Strand, booked: Strand) -> bool:
    return len(groups(pending, booked)) == 1


@pytest.mark.parametrize("days", range(9))
def test_the_same_amount_within_eight_days_settles_what_was_pending(days: int) -> None:
    assert settled(strand("p", pending=True), strand("b", day=100 + days))


@pytest.mark.parametrize("days", [9, 15, 40])
def test_what_is_booked_much_later_is_another_movement(days: int) -> None:
    assert not settled(strand("p", pending=True), strand("b", day=100 + days))


def test_twice_the_amount_is_another_movement() -> None:
    assert not settled(strand("p", pending=True, units=-5_000), strand("b", units=-10_000, day=101))


def test_a_tip_is_of_the_meal() -> None:
    meal = strand("p", pending=True, units=-10_000, text="TST* LUIGIS")
    assert settled(meal, strand("b", units=-10_500, day=101, text="Luigis"))
    assert not settled(meal, strand("b", units=-10_500, day=101, text="Vodafone"))
    assert not settled(meal, strand("b", units=-13_100, day=101, text="Luigis"))


def test_money_that_comes_in_gets_no_tip() -> None:
    assert not settled(strand("p", pending=True, units=10_000), strand("b", units=10_500, day=101))


@given(days=st.integers(1, 20))
def test_what_is_booked_never_settles_what_is_pending_later(days: int) -> None:
    assert not settled(strand("p", pending=True, day=100 + days), strand("b", day=100))


def test_one_booking_settles_one_of_two_that_are_pending() -> None:
    told = [strand("p1", pending=True), strand("p2", pending=True), strand("b", day=101)]
    assert len(groups(*told)) == 2


def test_a_booking_that_says_what_was_pending_before_settles_no_second_one() -> None:
    said = msgspec.structs.replace(strand("b1", day=101), settled=True)
    other, left = strand("b2", day=101), strand("p", pending=True)
    assert groups(said, left) == {frozenset({"b1"}), frozenset({"p"})}
    assert groups(said, other, left) == {frozenset({"b1"}), frozenset({"b2", "p"})}


def test_another_s_pending_doesn_t_hide_what_a_file_has_booked() -> None:
    assert groups(strand("p", pending=True), strand("f", FILES, day=101)) == {frozenset({"p", "f"})}


# --- ids that vanish ---------------------------------------------------------------------------------------


def test_an_id_that_vanished_and_one_that_came_in_its_place_are_one() -> None:
    assert len(groups(strand("old", gone=True), strand("new", told=1))) == 1


def test_an_id_that_is_still_there_was_replaced_by_none() -> None:
    assert len(groups(strand("old"), strand("new", told=1))) == 2


def test_what_was_told_before_one_vanished_did_not_come_in_its_place() -> None:
    assert len(groups(strand("old", gone=True, told=1), strand("new", told=0))) == 2


def test_an_id_that_vanished_is_replaced_by_one_of_its_amount_and_payee() -> None:
    old = strand("old", gone=True, text="Greggs")
    assert len(groups(old, strand("new", told=1, units=-460, text="Greggs"))) == 2
    told = [old, strand("n1", told=1, text="Vodafone"), strand("n2", told=2, text="Greggs")]
    assert groups(*told) == {frozenset({"old", "n2"}), frozenset({"n1"})}


@given(count=st.integers(1, 6), missing=st.integers(0, 5))
def test_new_ids_for_old_ones_make_no_movement_more(count: int, missing: int) -> None:
    old = [strand(f"o{place}", gone=True, told=place) for place in range(count)]
    new = [strand(f"n{place}", told=count + place) for place in range(max(0, count - missing))]
    assert len(groups(*old, *new)) == count


# --- sources that list what is pending beside what is booked -----------------------------------------------

LISTING = {source.key: msgspec.structs.replace(source, lists=True) for source in SOURCES.values()}


def listed(*strands: Strand) -> set[frozenset[str]]:
    """Who sits together where the bank lists both."""
    return together(conclude(strands, LISTING, NO_WORD))


def test_what_is_still_listed_as_pending_was_settled_by_nothing() -> None:
    assert len(listed(strand("p", pending=True), strand("b", day=101, told=1))) == 2


def test_what_is_pending_no_more_became_what_came_with_its_going() -> None:
    gone = strand("p", pending=True, gone=True, units=-10_000, text="TST* LUIGIS")
    assert len(listed(gone, strand("b", day=101, told=1, units=-10_500, text="Luigis"))) == 1
    assert len(listed(gone, strand("b", day=101, told=1, units=-10_000, text="Luigis"))) == 1
    assert len(listed(gone, strand("b", day=101, told=1, units=-2_000, text="Luigis"))) == 2


def test_rows_that_are_deleted_and_made_anew_stay_as_many() -> None:
    """A card's statement that closes (Pluggy)."""
    before = [strand(f"o{place}", gone=True, told=place) for place in range(3)]
    after = [strand(f"n{place}", told=3 + place) for place in range(3)]
    assert len(listed(*before, *after, strand("p", pending=True))) == 4


# --- a login linked anew -----------------------------------------------------------------------------------


@given(
    days=st.lists(st.integers(100, 110), min_size=1, max_size=12),
    units=st.sampled_from([[-450], [-450, -451], [-450, -700, 9_900]]),
)
def test_a_login_linked_anew_tells_nothing_new(days: list[int], units: list[int]) -> None:
    once = [strand(f"o{place}", units=units[place % len(units)], day=day) for place, day in enumerate(days)]
    again = [msgspec.structs.replace(each, key=f"n{each.key}", source=ANEW.key) for each in once]
    conclusion = conclude([*once, *again], LOGIN_ANEW)
    assert len(conclusion.groups) == len(once)
    days_of = [{each.days for each in group.strands} for group in conclusion.groups]
    assert all(len(days) == 1 for days in days_of)


def test_what_came_since_a_login_was_linked_anew_is_new() -> None:
    told = [strand("o"), strand("n1", ANEW), strand("n2", ANEW, day=102), strand("n3", ANEW, units=-451)]
    assert together(conclude(told, LOGIN_ANEW)) == {
        frozenset({"o", "n1"}),
        frozenset({"n2"}),
        frozenset({"n3"}),
    }


# --- by hand -----------------------------------------------------------------------------------------------


def anew(*strands: Strand) -> set[frozenset[str]]:
    """Who sits together, where one login was linked twice."""
    return together(conclude(strands, LOGIN_ANEW))


def test_what_the_bank_corrected_while_nobody_looked_is_one_movement_and_its_statement_is_of_it() -> None:
    told = (strand("old", gone=True), strand("new", ANEW, units=-550), strand("row", FILES))
    assert anew(*told) == {frozenset({"old", "new", "row"})}


@pytest.mark.parametrize(
    "new",
    [
        strand("new", ANEW, units=-950),
        strand("new", ANEW, units=550),
        strand("new", ANEW, units=-550, day=101),
        strand("new", ANEW, units=-550, text="SHELL GARAGE"),
        strand("new", FILES, units=-550),
    ],
    ids=["twice as much", "the other way", "another day", "another payee", "no login anew"],
)
def test_what_is_told_no_more_was_corrected_to_nothing_that_differs_in_more_than_the_amount(
    new: Strand,
) -> None:
    assert anew(strand("old", gone=True), new) == {frozenset({"old"}), frozenset({"new"})}


@pytest.mark.parametrize(("days", "movements"), [(2, 1), (-4, 1), (5, 2)])
def test_what_the_bank_dates_otherwise_since_is_one_movement_within_days(days: int, movements: int) -> None:
    assert len(anew(strand("old", gone=True), strand("new", ANEW, day=100 + days))) == movements


def test_what_is_told_on_was_not_corrected() -> None:
    assert len(anew(strand("old"), strand("new", ANEW, units=-550))) == 2


@pytest.mark.parametrize(("days", "movements"), [(-3, 1), (0, 1), (3, 1), (5, 2), (-5, 2)])
def test_what_a_person_noted_is_found_at_the_bank_within_three_days(days: int, movements: int) -> None:
    assert len(groups(strand("d", DIARY, text="Tesco"), strand("b", day=100 + days))) == movements


def test_a_note_too_short_to_tell_is_still_found_by_its_amount() -> None:
    assert len(groups(strand("d", DIARY, text="-"), strand("b", day=101))) == 1


# --- a person's word ---------------------------------------------------------------------------------------


def test_two_that_a_person_kept_apart_stay_apart() -> None:
    told = [strand("b"), strand("f", FILES)]
    assert len(groups(*told)) == 1
    assert len(groups(*told, word=Word(apart=pairs(("b", "f"))))) == 2


def test_whoever_is_kept_apart_from_one_may_be_one_with_another() -> None:
    told = [strand("b1"), strand("b2"), strand("f", FILES)]
    assert groups(*told, word=Word(apart=pairs(("b1", "f")))) == {frozenset({"b1"}), frozenset({"b2", "f"})}


FAR: Sequence[Strand] = (
    strand("f", FILES, units=-9_000, day=160, text="Vodafone"),
    strand("b2"),
    strand("b2", pending=True, day=160),
    strand("d", DIARY, units=-9_000),
)


@pytest.mark.parametrize("other", FAR, ids=["another source", "a twin", "a later pending", "by hand"])
def test_what_a_person_said_is_one_is_one_however_unlike(other: Strand) -> None:
    assert len(groups(strand("b"), other)) == 2
    word = Word(one=pairs(("b", other.key)))
    assert groups(strand("b"), other, word=word) == {frozenset({"b", other.key})}


def test_a_person_s_word_comes_before_what_is_likelier() -> None:
    told = [strand("b1"), strand("b2", text="Vodafone", day=103), strand("f", FILES)]
    assert groups(*told, word=Word(one=pairs(("b2", "f")))) == {frozenset({"b1"}), frozenset({"b2", "f"})}


def test_what_a_person_said_of_two_pairs_holds_of_all_three() -> None:
    told = [strand("b", units=-100), strand("f1", FILES, units=-200), strand("f2", FILES, units=-300)]
    assert len(groups(*told, word=Word(one=pairs(("b", "f1"), ("b", "f2"))))) == 1
    assert len(groups(*told, word=Word(one=pairs(("b", "f1"), ("f1", "f2"))))) == 1


def test_a_word_on_what_is_no_longer_told_harms_nobody() -> None:
    assert len(groups(strand("b"), word=Word(one=pairs(("b", "x")), apart=pairs(("y", "z"))))) == 1


def test_why_they_are_one_is_told() -> None:
    (group,) = conclude([strand("b"), strand("f", FILES, day=101)], SOURCES).groups
    (join,) = group.joins
    assert (join.strand, join.to, join.rule, join.certain) == ("f", "b", "across_sources", True)
    assert dict(join.evidence.found) == {"same amount": 15, "1 day apart": -6, "texts 100 % alike": 40}


def test_two_that_may_be_one_are_asked_about() -> None:
    told = [strand("b", text="Luigis Trattoria"), strand("f", FILES, day=103, text="LUI NAPOLI 0815")]
    conclusion = conclude(told, SOURCES)
    assert len(conclusion.groups) == 2
    (doubt,) = conclusion.doubts
    assert ({doubt.one, doubt.other}, doubt.rule) == ({"b", "f"}, "across_sources")
    assert -20 < doubt.evidence.weight <= 0


def test_what_is_surely_two_is_asked_of_nobody() -> None:
    assert not conclude([strand("b"), strand("f", FILES, day=104, text="Vodafone")], SOURCES).doubts
