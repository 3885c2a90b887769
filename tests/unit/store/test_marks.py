"""What a search passes days by: never a day that holds what is asked for."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caudal.store import marks

MONEY = st.decimals(min_value=0, max_value=10**9, places=2) | st.decimals(
    min_value=0, max_value=2_000, places=4
)


def mark(amount: Decimal) -> str:
    """As `caudal.amount_mark` writes it, without its sign."""
    whole, _, rest = f"{amount:f}".partition(".")
    rest = rest.rstrip("0")
    return chr(64 + min(len(whole), 26)) + whole + (f".{rest}" if rest else "")


@given(st.lists(MONEY, min_size=3, max_size=3).map(sorted))
def test_every_amount_of_a_range_begins_as_the_range_says(amounts: list[Decimal]) -> None:
    low, amount, high = amounts
    beginnings = marks.amounts(low, high)
    assert not beginnings or mark(amount).startswith(tuple(beginnings))


@given(MONEY)
def test_one_amount_is_its_own_mark(amount: Decimal) -> None:
    assert marks.amounts(amount, amount) == [mark(amount)]


@pytest.mark.parametrize(
    ("low", "high", "beginnings"),
    [
        ("1234.10", "1234.30", ["D1234."]),
        ("1200", "1299.99", ["D12"]),
        ("999.90", "1000.10", ["C999", "D1000"]),
        ("190", "210", ["C19", "C2"]),
        ("0.05", "0.06", ["A0.0"]),
        ("10", "99", ["B"]),
        ("1", "99999", []),
    ],
)
def test_a_narrow_range_says_much_of_its_amounts(low: str, high: str, beginnings: list[str]) -> None:
    assert marks.amounts(Decimal(low), Decimal(high)) == beginnings


@pytest.mark.parametrize(("low", "high"), [(None, Decimal(5)), (Decimal(5), None), (Decimal(5), Decimal(4))])
def test_an_open_or_empty_range_says_nothing(low: Decimal | None, high: Decimal | None) -> None:
    assert marks.amounts(low, high) == []


@pytest.mark.parametrize(
    ("term", "amount"),
    [
        ("42", "42"), ("42.50", "42.50"), ("42,5", "42.5"), ("-42.50", "42.50"), ("1,234.50", "1234.50"),
        ("1.234,50", "1234.50"), ("1'234.50", "1234.50"), ("12,345,678", "12345678"), ("0.05", "0.05"),
    ],
)  # fmt: skip
def test_an_amount_is_read_as_people_write_it(term: str, amount: str) -> None:
    assert marks.number(term) == Decimal(amount)


@pytest.mark.parametrize(
    "term", ["", "-", "4x", "1.2.3.4", "12.34.56", "1e5", "٣", "NaN", "4" * 40, ".", "5."]
)
def test_what_is_no_amount_is_none(term: str) -> None:
    assert marks.number(term) is None


def test_terms_are_the_words_each_once_and_the_numbers_apart() -> None:
    told = marks.terms("  coffee 4.50 Coffee\tcoffee 12 \0")
    assert told.words == ["coffee", "Coffee"]
    assert (told.numbers, told.values) == (["4.50", "12"], [Decimal("4.50"), Decimal(12)])


def test_of_a_text_without_end_only_so_much_is_looked_for() -> None:
    assert len(marks.terms(" ".join(f"a{n}" for n in range(1000))).words) == 12
    assert len(marks.terms("x" * 10_000).words[0]) == 200
