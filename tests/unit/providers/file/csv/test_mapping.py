"""The mapping language of `--map`, and profiles as data."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caudal.model.errors import Malformed
from caudal.providers.file.csv import Mapping, mapping_from_toml, parse_mapping
from caudal.providers.file.csv.mapping import compact, date_order
from caudal.providers.file.csv.profile import known_by_header, profiles
from caudal.providers.file.csv.values import folded


def test_a_decimal_comma_can_be_said_in_a_comma_separated_mapping() -> None:
    told = parse_mapping("date=Buchungstag,amount=Betrag,description=Verwendungszweck,decimal=,")
    assert told == Mapping(
        date="Buchungstag", amount="Betrag", description=("Verwendungszweck",), decimal=","
    )


def test_places_lists_and_tabs_can_be_said() -> None:
    told = parse_mapping(
        r"date=1, debit=4, credit=5, description=2, description=Memo, delimiter=\t, header_row=0"
    )
    assert told == Mapping(date=1, debit=4, credit=5, description=(2, "Memo"), delimiter="\t", header_row=0)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("betrag=3", "the keys are date"),
        ("date", "not key=value"),
        ("date=1,date=2", "twice"),
        ("date=1,amount=2,debit=3", "one or the other"),
        ("date_format=yyyy", "order of day, month and year"),
        ("decimal=;", "decimal"),
        ("delimiter=ab", "one character"),
        ("encoding=klingon", "encoding"),
        ("sign=maybe", "sign"),
        ("x" * 70_000, "longer than"),
    ],
)
def test_a_mapping_that_cannot_be_meant_is_refused_with_its_reason(text: str, says: str) -> None:
    with pytest.raises(Malformed, match="--map") as refused:
        parse_mapping(text)
    assert says in str(refused.value)


@given(st.text(max_size=120))
def test_no_mapping_text_escapes_as_another_error(text: str) -> None:
    for parse in (parse_mapping, mapping_from_toml):
        with contextlib.suppress(Malformed):
            parse(text)


def test_a_mapping_reads_from_a_toml_file() -> None:
    told = mapping_from_toml('date = "Day"\namount = 3\ndescription = ["Text", 5]\nsign = "inverted"\n')
    assert told == Mapping(date="Day", amount=3, description=("Text", 5), sign="inverted")


names = st.text("abcdefghijklmnop ", min_size=1, max_size=12).map(str.strip).filter(bool)


@given(
    st.builds(
        Mapping,
        date=names | st.integers(1, 99),
        amount=names,
        description=st.lists(names, max_size=3).map(tuple),
        decimal=st.sampled_from([".", ",", None]),
        delimiter=st.sampled_from([";", "\t", None]),
        sign=st.sampled_from(["as-is", "inverted"]),
    )
)
def test_the_compact_form_of_a_mapping_reads_back_as_the_same(mapping: Mapping) -> None:
    assert parse_mapping(compact(mapping)) == mapping


@pytest.mark.parametrize(
    ("pattern", "order"),
    [("dd/mm/yyyy", "dmy"), ("%m/%d/%y", "mdy"), ("%Y-%m-%d %H:%M", "ymd"), ("ymd", "ymd"),
     ("%d-%b-%Y", "dmy"), ("yyyy", None), ("", None)],
)  # fmt: skip
def test_a_date_format_of_any_style_gives_its_order(pattern: str, order: str | None) -> None:
    assert date_order(pattern) == order


def test_every_profile_maps_a_date_and_a_movement_and_can_be_recognised() -> None:
    for profile in profiles():
        for layout in profile.layout:
            assert layout.map.is_complete, layout.name
            assert layout.header or (layout.text and layout.columns), layout.name
            assert len(profile.country) == 2


def test_the_columns_a_profile_needs_are_in_the_header_it_knows() -> None:
    for profile in profiles():
        for layout in profile.layout:
            known = {folded(name) for name in layout.header}
            needed = (layout.map.date, layout.map.amount, layout.map.debit, layout.map.credit)
            for column in needed:
                assert not isinstance(column, str) or folded(column) in known, (layout.name, column)


def test_every_profile_knows_its_own_header_better_than_any_other_does() -> None:
    for profile in profiles():
        for layout in profile.layout:
            if layout.header:
                found = known_by_header([name.upper() for name in layout.header], "".join(layout.text))
                assert found is not None, layout.name
                assert found[1].header == layout.header
