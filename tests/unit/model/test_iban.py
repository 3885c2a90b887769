"""An IBAN is one whose check digits say so."""

import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.support.statements import ibans

from caudal.model.iban import iban_in

GERMAN = "DE89370400440532013000"


@given(ibans())
def test_an_iban_with_right_check_digits_is_one(iban: str) -> None:
    assert iban_in(iban) == iban


@pytest.mark.parametrize(
    "iban", [GERMAN, "GB82WEST12345698765432", "NO9386011117947", "MT84MALT011000012345MTLCAST001S"]
)
def test_the_registry_s_own_examples_are_ibans(iban: str) -> None:
    assert iban_in(iban) == iban


@given(ibans(), st.data())
def test_the_spelling_makes_no_difference(iban: str, data: st.DataObject) -> None:
    spelled = data.draw(st.sampled_from((str.lower, str.upper)))(iban)
    places = sorted(data.draw(st.sets(st.integers(0, len(spelled)))), reverse=True)
    for place in places:
        spelled = spelled[:place] + data.draw(st.sampled_from(" \t\u00a0")) + spelled[place:]
    assert iban_in(spelled) == iban


@given(ibans(), st.data())
def test_one_wrong_digit_is_always_seen(iban: str, data: st.DataObject) -> None:
    place = data.draw(st.sampled_from([index for index, character in enumerate(iban) if character.isdigit()]))
    digit = data.draw(st.sampled_from([digit for digit in string.digits if digit != iban[place]]))
    assert iban_in(iban[:place] + digit + iban[place + 1 :]) is None


@given(ibans(), st.data())
def test_two_neighbouring_digits_swapped_are_always_seen(iban: str, data: st.DataObject) -> None:
    pairs = [place for place in range(4, len(iban) - 1) if iban[place : place + 2].isdigit()]
    place = data.draw(st.sampled_from(pairs))
    assume(iban[place] != iban[place + 1])
    assert iban_in(iban[:place] + iban[place + 1] + iban[place] + iban[place + 2 :]) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "DE",
        "1234567890",
        GERMAN[:-1],
        GERMAN + "0",
        f"IBAN {GERMAN}",
        "DE٨٩370400440532013000",
        "XX00" + "0" * 18,
    ],
)
def test_what_is_no_iban_is_none(text: str) -> None:
    assert iban_in(text) is None
