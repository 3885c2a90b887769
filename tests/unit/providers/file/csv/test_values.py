"""Amounts and dates, in every dress banks put on them."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caudal.providers.file.csv.values import (
    Amounts,
    Dates,
    currency_of,
    date_order_of,
    decimal_mark_of,
    folded,
    looks_like_amount,
    looks_like_date,
    read_date,
)

POINT, COMMA = Amounts("."), Amounts(",")


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1,234.56", "1234.56"),
        ("1'234.56", "1234.56"),
        ("1’234.56", "1234.56"),
        ("-1,234", "-1234"),
        ("1,23,456.70", "123456.70"),
        ("(12.00)", "-12.00"),
        ("12.00-", "-12.00"),
        ("−12.5", "-12.5"),
        ("$1,234.56", "1234.56"),
        ("-$5.00", "-5.00"),
        ("$-5.00", "-5.00"),
        ("+ $73.01", "73.01"),
        ("- $12.01", "-12.01"),
        ("USD 12.00", "12.00"),
        ("12.00 CR", "12.00"),
        ("12.00 DR", "-12.00"),
        ('="12.00"', "12.00"),
        (".50", "0.50"),
        (" 7 ", "7"),
    ],
)
def test_an_amount_with_a_decimal_point_keeps_its_digits_and_sign(text: str, amount: str) -> None:
    assert str(POINT(text)) == amount


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1.234,56", "1234.56"),
        ("1 234,56", "1234.56"),
        ("1\u00a0234,56", "1234.56"),
        ("1\u202f234,56 €", "1234.56"),
        ("R$ 1.234,56", "1234.56"),
        ("-R$ 4,50", "-4.50"),
        ("R$ -4,50", "-4.50"),
        ("1.234,56 D", "-1234.56"),
        ("1.234", "1234"),
        ("100,00 zł", "100.00"),
    ],
)
def test_an_amount_with_a_decimal_comma_keeps_its_digits_and_sign(text: str, amount: str) -> None:
    assert str(COMMA(text)) == amount


@pytest.mark.parametrize(
    "text",
    ["", "-", "12..34", "1.234,56", "1,2", "--5", "(5", "5)", "-(5)", "-5-", "1e5", "NaN", "Infinity",
     "1_000", "٣٤", "12.00 kg", "12,34.5", "1,2345.00", "-5 CR", "9" * 31, "abc", "12.3.4"],
)  # fmt: skip
def test_what_is_no_amount_is_none_and_never_a_guess(text: str) -> None:
    assert POINT(text) is None


def test_an_amount_in_the_other_notation_is_refused_where_it_would_change_its_worth() -> None:
    assert COMMA("12.34") is None
    assert POINT("12,34") is None


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=2), st.sampled_from([(".", ","), (",", ".")]))
def test_every_formatted_amount_reads_back(amount: Decimal, marks: tuple[str, str]) -> None:
    decimal, thousands = marks
    text = f"{amount:,.2f}".replace(",", "t").replace(".", decimal).replace("t", thousands)
    assert Amounts(decimal)(text) == amount


@given(st.text(max_size=80))
def test_no_text_breaks_a_reader_of_values(text: str) -> None:
    for amounts in (POINT, COMMA):
        amounts(text)
    for order in ("dmy", "mdy", "ymd"):
        Dates(order)(text)
    decimal_mark_of(text)
    date_order_of(text)
    looks_like_amount(text)
    looks_like_date(text)
    currency_of(text)
    folded(text)


@pytest.mark.parametrize(
    ("text", "order", "day"),
    [
        ("2024-02-01", "dmy", date(2024, 2, 1)),
        ("2024/02/01", "mdy", date(2024, 2, 1)),
        ("2019.04.19.", "dmy", date(2019, 4, 19)),
        ("20240201", "dmy", date(2024, 2, 1)),
        ("01/02/2024", "dmy", date(2024, 2, 1)),
        ("01/02/2024", "mdy", date(2024, 1, 2)),
        ("1.2.24", "dmy", date(2024, 2, 1)),
        ("31.12.99", "dmy", date(1999, 12, 31)),
        ("01-Feb-2024", "mdy", date(2024, 2, 1)),
        ("1 Feb 24", "mdy", date(2024, 2, 1)),
        ("Feb 1, 2024", "dmy", date(2024, 2, 1)),
        ("1. März 2024", "dmy", date(2024, 3, 1)),
        ("1 de fevereiro de 2024", "dmy", date(2024, 2, 1)),
        ("05/ene/2024", "dmy", date(2024, 1, 5)),
        ("3 août 2024", "dmy", date(2024, 8, 3)),
        ("12 juil. 2024", "dmy", date(2024, 7, 12)),
        ("2018-02-25 12:34:56 +0000", "dmy", date(2018, 2, 25)),
        ("2020-01-01T13:00:00Z", "dmy", date(2020, 1, 1)),
        ("01/02/2024, 10:30 PM", "mdy", date(2024, 1, 2)),
    ],
)
def test_a_date_is_the_day_as_printed(text: str, order: str, day: date) -> None:
    assert Dates(order)(text) == day
    assert read_date(text, order) == day


@pytest.mark.parametrize(
    "text", ["", "2024-13-01", "31/02/2024", "00/00/0000", "12.34", "1/2", "Total", "2024-02-01x"]
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert Dates("dmy")(text) is None


@pytest.mark.parametrize(
    ("text", "mark"),
    [("1.234,56", (",", True)), ("1,234.56", (".", True)), ("12.5", (".", True)), ("1.234.567", (",", True)),
     ("1,234", (".", False)), ("1.234", (",", False)), ("0.125", (".", True)), ("12", ("", False)),
     ("x", ("", False))],
)  # fmt: skip
def test_one_amount_tells_its_decimal_mark_only_where_it_proves_it(text: str, mark: tuple[str, bool]) -> None:
    assert decimal_mark_of(text) == mark


def test_only_a_part_above_twelve_proves_the_order_of_a_date() -> None:
    assert date_order_of("13/02/2024") == "dmy"
    assert date_order_of("02/13/2024") == "mdy"
    assert date_order_of("02/03/2024") is None
