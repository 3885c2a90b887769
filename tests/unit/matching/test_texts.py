"""What banks do to a payee's name leaves enough of it to be known again, and another payee's is not taken for it."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caudal.matching.texts import Words, likeness, read

letters = st.text("abcdefghij", max_size=30)


def alike(one: str, other: str) -> int | None:
    return likeness(read(one).letters, read(other).letters)


@pytest.mark.parametrize(
    ("tidy", "dressed"),
    [
        ("Tesco Stores", "CARD PAYMENT TO TESCO STORES 2711  BIRMINGHAM"),
        ("Padaria São João", "COMPRA CARTAO - PADARIA SAO JOAO  CURITIBA"),
        ("Blue Bottle Coffee", "SQ *BLUE BOTTLE COFFEE"),
        ("Farmacia Guadalajara", "CLIP MX*FARMACIA GUADALAJARA"),
        ("Bäckerei Müller", "KARTENZAHLUNG BACKEREI MULLER"),
        ("Boulangerie Élan", "PAIEMENT PAR CARTE BOULANGERIE ELAN"),
    ],
)
def test_a_payee_is_known_in_what_a_bank_makes_of_it(tidy: str, dressed: str) -> None:
    assert alike(tidy, dressed) == 100


def test_a_line_cut_short_is_still_of_the_payee() -> None:
    assert alike("Solihull Garden Centre", "CONTACTLESS SOLIHULL GARDE") == 100


def test_how_it_was_paid_is_not_whom() -> None:
    paid = [read(f"{channel} GREGGS").letters for channel in ("CONTACTLESS", "VIS", "Compra", "POS PURCHASE")]
    assert paid == ["greggs"] * 4
    assert alike("CONTACTLESS GREGGS", "CONTACTLESS VODAFONE") == 0


@pytest.mark.parametrize(("one", "other"), [("Greggs", "Vodafone Ltd"), ("Telmex", "Oxxo Merida")])
def test_payees_with_no_run_of_letters_in_common_are_not_alike(one: str, other: str) -> None:
    assert alike(one, other) == 0


@pytest.mark.parametrize("nothing", ["", "  ", "12345", "*** 4410", "A1", "日本"])
def test_a_text_with_too_few_letters_says_nothing(nothing: str) -> None:
    assert alike(nothing, "TESCO STORES") is None


@given(one=letters, other=letters)
def test_likeness_is_a_percentage_whichever_comes_first(one: str, other: str) -> None:
    percent = likeness(one, other)
    assert percent == likeness(other, one)
    assert percent is None if min(len(one), len(other)) < 3 else percent in range(101)


@given(name=st.text("abcdefghij", min_size=3, max_size=30), before=letters, behind=letters)
def test_a_name_stands_wholly_in_whatever_is_put_around_it(name: str, before: str, behind: str) -> None:
    assert likeness(name, before + name + behind) == 100


@given(text=st.text(max_size=60))
def test_of_any_text_only_plain_letters_are_left(text: str) -> None:
    words = read(text)
    assert all(letter.isascii() and letter.islower() for letter in words.letters)
    assert read(text.upper() if text.isascii() else text) == words


@pytest.mark.parametrize(
    "told",
    ["LOJA 2/10", "LOJA 02/10", "Loja - Parcela 2/10", "LOJA PARC 02/10", "LOJA (2 DE 10)", "Loja 2 of 10"],
)
def test_an_instalment_is_read_however_it_is_written(told: str) -> None:
    assert read(told).part == (2, 10)
    assert read(told).letters == "loja"


@pytest.mark.parametrize("told", ["LOJA", "LOJA 3/2", "LOJA 0/3", "LOJA 1/99", "2/10 LOJA", "LOJA 2024/10"])
def test_what_can_be_no_instalment_is_none(told: str) -> None:
    assert read(told).part is None


@given(
    part=st.tuples(st.integers(1, 72), st.integers(1, 72)).map(sorted), seed=st.randoms(use_true_random=False)
)
def test_every_instalment_of_every_plan_is_told_from_every_other(
    part: list[int], seed: random.Random
) -> None:
    place, of = part
    form = seed.choice(["{}/{}", "{:02d}/{:02d}", "PARC {:02d}/{:02d}", "({} DE {})"])
    assert read("MAGAZINE LUIZA " + form.format(place, of)) == Words("magazineluiza", (place, of))
