"""Money is exact, or it is refused."""

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caudal.model.currencies import EXPONENTS, UNKNOWN, is_known
from caudal.model.errors import MoneyError
from caudal.model.money import DIGITS_MAX, Money


@pytest.mark.parametrize("amount", [1.5, 1, True, "1.50", None, float("nan")])
def test_only_a_decimal_is_an_amount(amount: object) -> None:
    with pytest.raises(MoneyError, match="takes a Decimal"):
        Money(amount, "EUR")  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_no_amount(text: str) -> None:
    with pytest.raises(MoneyError):
        Money(Decimal(text), "EUR")
    with pytest.raises(MoneyError):
        Money.of(text, "EUR")


@pytest.mark.parametrize("text", ["", "12,50", "1 000", "1e", "€5", "--1", "0x10"])
def test_what_can_not_be_read_is_refused_and_quoted(text: str) -> None:
    with pytest.raises(MoneyError) as caught:
        Money.of(text, "EUR")
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize("currency", ["", "eur", "EU", "EURO", "ABC", "€", "EUR "])
def test_a_currency_nobody_knows_is_refused(currency: str) -> None:
    with pytest.raises(MoneyError, match="unknown currency"):
        Money(Decimal(1), currency)


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("1.005", "EUR"),
        ("0.001", "USD"),
        ("1.5", "JPY"),
        ("0.0001", "KWD"),
        ("0.000000001", "BTC"),
        ("1E-19", "ETH"),
    ],
)
def test_more_places_than_the_currency_has_are_refused_not_rounded(amount: str, currency: str) -> None:
    with pytest.raises(MoneyError, match="decimal places"):
        Money(Decimal(amount), currency)


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("1.5000", "EUR"),
        ("100.000", "JPY"),
        ("0E-30", "EUR"),
        ("1E+3", "EUR"),
        ("0.00000001", "BTC"),
        ("1E-18", UNKNOWN),
    ],
)
def test_places_that_say_nothing_are_no_matter(amount: str, currency: str) -> None:
    assert Money(Decimal(amount), currency).amount == Decimal(amount)


def test_there_is_a_most() -> None:
    Money(Decimal("9" * DIGITS_MAX), "JPY")
    for amount in ("9" * (DIGITS_MAX + 1), "1E+30", "1E+999999"):
        with pytest.raises(MoneyError, match="digits"):
            Money(Decimal(amount), "JPY")


def test_currencies_do_not_mix() -> None:
    euro, dollar = Money.of("1", "EUR"), Money.of("1", "USD")
    for act in (lambda: euro + dollar, lambda: euro - dollar):
        with pytest.raises(MoneyError, match="do not mix"):
            act()
    assert euro != dollar
    with pytest.raises(MoneyError):
        euro + Decimal(1)  # type: ignore[operator]
    with pytest.raises(TypeError):
        _ = euro < dollar  # type: ignore[operator]


def test_the_unknown_currency_mixes_with_none() -> None:
    assert not is_known(UNKNOWN)
    assert is_known("EUR")
    with pytest.raises(MoneyError):
        Money.of("1", UNKNOWN) + Money.of("1", "EUR")


def test_every_currency_prints_and_reads_back() -> None:
    for currency, places in EXPONENTS.items():
        smallest = Decimal(1).scaleb(-places)
        assert Money.of(str(Money(smallest, currency)).split()[0], currency).amount == smallest


units = st.integers(-(10**29), 10**29)


@given(units, units)
def test_sums_are_exact_whatever_python_would_round_to(left: int, right: int) -> None:
    one, other = euros(left), euros(right)
    with localcontext() as context:
        context.prec = 5
        total, difference, turned = one + other, one - other, -one
    assert total == euros(left + right)
    assert difference == euros(left - right)
    assert turned == euros(-left)


def euros(cents: int) -> Money:
    """Without decimal arithmetic, which would round."""
    return Money(Decimal(f"{cents}E-2"), "EUR")


def test_a_sum_beyond_all_money_is_refused() -> None:
    most = Money(Decimal("9" * DIGITS_MAX), "JPY")
    with pytest.raises(MoneyError):
        most + Money.of("1", "JPY")


def test_money_prints_in_full() -> None:
    assert str(Money(Decimal("-1E+3"), "EUR")) == "-1000 EUR"
    assert str(Money.of("0.00000001", "BTC")) == "0.00000001 BTC"
