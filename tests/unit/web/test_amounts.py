"""Money as people read it: exact, and as their language writes it. Babel judges the manner."""

from decimal import Decimal

import pytest
from babel.numbers import format_currency, format_decimal
from hypothesis import given
from hypothesis import strategies as st

from caudal.model.currencies import EXPONENTS
from caudal.web.amounts import MANNERS, MINUS, NBSP, money, number
from caudal.web.languages import LANGUAGES, Language

LOCALES = {"en": "en_US", "es": "es_ES", "es-MX": "es_MX", "pt": "pt_BR"}


@pytest.mark.parametrize(
    ("language", "amount", "currency", "text"),
    [
        ("en", "1234.5", "EUR", "€1,234.50"),
        ("en", "-1234.5", "GBP", "−£1,234.50"),
        ("en", "0", "USD", "$0.00"),
        ("en", "12", "CHF", "CHF 12.00"),
        ("en", "1234567", "JPY", "¥1,234,567"),
        ("en", "1.5", "KWD", "KWD 1.500"),
        ("en", "0.00012345", "BTC", "0.00012345 BTC"),
        ("en", "2", "ETH", "2.00 ETH"),
        ("en", "3.50", "XXX", "3.50"),
        ("es", "-1234.5", "EUR", "−1.234,50 €"),
        ("es", "1234.5", "USD", "1.234,50 US$"),
        ("es-MX", "1234.5", "MXN", "$1,234.50"),
        ("es-MX", "1234.5", "USD", "US$1,234.50"),
        ("es-MX", "1234.5", "COP", "COP 1,234.50"),
        ("pt", "-1234.5", "BRL", "−R$ 1.234,50"),
        ("pt", "0.5", "BTC", "0,50 BTC"),
    ],
)
def test_money_is_written_as_the_language_writes_it(
    language: Language, amount: str, currency: str, text: str
) -> None:
    assert money(Decimal(amount), currency, language) == text.replace(" ", NBSP)


def test_what_comes_in_has_a_plus_where_it_is_a_movement() -> None:
    assert money(Decimal(5), "EUR", "en", signed=True) == "+€5.00"
    assert money(Decimal(-5), "EUR", "en", signed=True) == "−€5.00"
    assert money(Decimal(0), "EUR", "en", signed=True) == "€0.00"


def test_what_is_finer_than_the_currency_is_shown_and_not_rounded() -> None:
    assert money(Decimal("0.123456789012"), "MXN", "es-MX") == "$0.123456789012"


def test_zeros_that_only_a_database_wrote_are_not_shown() -> None:
    assert money(Decimal("12.500000000000000000"), "EUR", "en") == "€12.50"


def test_a_float_is_never_shown_as_money() -> None:
    with pytest.raises(TypeError, match="float"):
        money(1.5, "EUR", "en")  # type: ignore[arg-type]


@given(
    value=st.decimals(min_value=-(10**20), max_value=10**20, places=2, allow_nan=False),
    language=st.sampled_from(LANGUAGES),
    currency=st.sampled_from(sorted(EXPONENTS)),
)
def test_no_digit_is_ever_lost(value: Decimal, language: Language, currency: str) -> None:
    manner = MANNERS[language]
    written = money(value, currency, language)
    kept = "".join(c for c in written if c.isdigit() or c in (MINUS, manner.point))
    assert Decimal(kept.replace(manner.point, ".").replace(MINUS, "-")) == value
    assert " " not in written


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("value", ["0", "7.25", "12345.678", "1234567.5", "-98765.4"])
def test_numbers_are_grouped_as_babel_groups_them(language: Language, value: str) -> None:
    theirs = format_decimal(Decimal(value), locale=LOCALES[language], decimal_quantization=False)
    assert number(Decimal(value), language) == theirs.replace("-", MINUS)


@pytest.mark.parametrize(
    ("language", "currency"), [("en", "USD"), ("en", "EUR"), ("es", "EUR"), ("es-MX", "MXN"), ("pt", "BRL")]
)
def test_the_sign_of_a_currency_stands_where_babel_puts_it(language: Language, currency: str) -> None:
    theirs = format_currency(Decimal("-12345.67"), currency, locale=LOCALES[language])
    assert money(Decimal("-12345.67"), currency, language) == theirs.replace("-", MINUS)
