"""Money is exact or it is refused: nothing rounds, nothing mixes, nothing is taken for an amount that isn't one."""

import decimal
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caudal.model.currencies import EXPONENTS, UNKNOWN, is_known
from caudal.model.errors import MoneyError
from caudal.model.money import DIGITS_MAX, EXACT, FINE_PLACES, FineMoney, Money


def eur(text: str) -> Money:
    return Money(Decimal(text), "EUR")


currencies = st.sampled_from(sorted(EXPONENTS))


@st.composite
def money(draw: st.DrawFn, currency: str | None = None, digits: int = 28) -> Money:
    """Amounts of any size the ledger holds (two digits aside, for a carry), in the currency's smallest unit."""
    code = currency or draw(currencies)
    units = draw(st.integers(-(10**digits) + 1, 10**digits - 1))
    return Money(Decimal(units).scaleb(-EXPONENTS[code], EXACT), code)


@pytest.mark.parametrize("amount", [1.0, 1, 0, True, "1.00", b"1", None, (0, (1,), 0)])
def test_money_is_made_of_decimals_alone(amount: Any) -> None:
    with pytest.raises(MoneyError, match=type(amount).__name__):
        Money(amount, "EUR")


@pytest.mark.parametrize("text", ["NaN", "-NaN", "sNaN", "NaN123", "Infinity", "-Infinity"])
def test_what_is_no_number_is_no_amount(text: str) -> None:
    with pytest.raises(MoneyError):
        eur(text)
    with pytest.raises(MoneyError):
        Money.of(text, "EUR")


@pytest.mark.parametrize(
    "text",
    ["", " ", "-", "1,50", "1.5.0", "twelve", "1 000", "0x10", "$1", "1_000", "1e", "1e3", "--1", "١٢"],
)
def test_text_that_is_no_number_is_refused_as_money(text: str) -> None:
    with pytest.raises(MoneyError, match="not an amount") as refused:
        Money.of(text, "EUR")
    assert repr(text) in str(refused.value)


@pytest.mark.parametrize("code", ["", "eur", "EU", "EURO", "ZZZ", " EUR", "€", "SATOSHI"])
def test_a_currency_nobody_knows_is_refused(code: str) -> None:
    with pytest.raises(MoneyError, match="unknown currency"):
        Money(Decimal(1), code)
    assert not is_known(code)


def test_the_currency_that_says_unknown_holds_money_but_is_no_known_one() -> None:
    assert Money(Decimal("1.2345"), UNKNOWN).currency == "XXX"
    assert not is_known(UNKNOWN)
    assert is_known("EUR")


@given(
    code=currencies,
    units=st.integers(-(10**9), 10**9).filter(lambda units: units % 10),
    zeros=st.integers(0, 8),
)
def test_a_fraction_of_the_smallest_unit_is_refused_whatever_zeros_follow_it(
    code: str, units: int, zeros: int
) -> None:
    too_fine = Decimal(units * 10**zeros).scaleb(-EXPONENTS[code] - 1 - zeros)
    with pytest.raises(MoneyError, match="decimal places"):
        Money(too_fine, code)


@given(code=currencies, finer=st.integers(1, 12), zeros=st.integers(0, 12))
def test_the_least_excess_is_seen_far_behind_the_point(code: str, finer: int, zeros: int) -> None:
    speck = Decimal((0, (1, *[0] * zeros), -EXPONENTS[code] - finer - zeros))
    with pytest.raises(MoneyError, match="decimal places"):
        Money(speck, code)


@given(code=currencies, units=st.integers(-(10**9), 10**9), zeros=st.integers(0, 12))
def test_zeros_behind_the_smallest_unit_are_no_excess(code: str, units: int, zeros: int) -> None:
    exact = Decimal(units).scaleb(-EXPONENTS[code])
    spelled = Decimal(f"{exact:f}{'' if EXPONENTS[code] else '.'}{'0' * zeros}")
    assert Money(spelled, code) == Money(exact, code)


def test_a_yen_has_no_cents_and_a_dinar_has_a_thousand_fils() -> None:
    with pytest.raises(MoneyError):
        Money(Decimal("0.5"), "JPY")
    assert Money(Decimal("1.000"), "JPY").amount == 1
    assert str(Money(Decimal("0.001"), "KWD")) == "0.001 KWD"
    with pytest.raises(MoneyError):
        Money(Decimal("0.0001"), "KWD")


def test_an_amount_has_at_most_as_many_digits_as_the_store_keeps() -> None:
    most = Decimal("9" * (DIGITS_MAX - 2) + ".99")
    assert Money(most, "EUR").amount == most
    for too_long in (Decimal("9" * (DIGITS_MAX + 1)), Decimal("1E+30"), Decimal("1E+999999")):
        with pytest.raises(MoneyError, match="digits"):
            Money(too_long, "EUR")


def test_a_sum_too_long_for_the_store_is_refused_not_rounded() -> None:
    most = Money(Decimal("9" * DIGITS_MAX), "JPY")
    with pytest.raises(MoneyError):
        most + Money(Decimal(1), "JPY")


@given(code=currencies, data=st.data())
def test_sums_are_exact_at_the_longest_amounts(code: str, data: st.DataObject) -> None:
    one, other = data.draw(money(code)), data.draw(money(code))
    scale = 10 ** EXPONENTS[code]
    with decimal.localcontext(prec=200):
        units = [int(amount.amount * scale) for amount in (one, other, one + other, one - other, -one)]
    assert units[2] == units[0] + units[1]
    assert units[3] == units[0] - units[1]
    assert units[4] == -units[0]


@given(money("EUR"), money("EUR"))
def test_what_others_set_as_decimal_context_changes_no_sum(one: Money, other: Money) -> None:
    total = one + other
    with decimal.localcontext(prec=3, rounding=decimal.ROUND_UP):
        assert one + other == total
        assert total - other == one
        negated = -one
        assert -negated == one
        assert Money.of(f"{one.amount:f}", "EUR") == one


def test_a_cent_is_not_lost_beside_the_largest_amount() -> None:
    # Python's default context keeps 28 digits: there, this cent would be gone.
    large, cent = eur("9999999999999999999999999998.00"), eur("0.01")
    assert (large + cent).amount == Decimal("9999999999999999999999999998.01")
    assert large + cent - large == cent


@given(money(), money())
def test_currencies_never_mix(one: Money, other: Money) -> None:
    if one.currency == other.currency:
        assert (one + other).currency == one.currency
        return
    with pytest.raises(MoneyError, match="do not mix"):
        one + other
    with pytest.raises(MoneyError, match="do not mix"):
        one - other


def test_money_whose_currency_is_unknown_mixes_with_no_other() -> None:
    with pytest.raises(MoneyError):
        Money(Decimal(1), UNKNOWN) + eur("1")


@pytest.mark.parametrize("other", [0, 1, 1.5, Decimal(1), "1", None])
def test_money_adds_to_nothing_but_money(other: Any) -> None:
    for sum_ in (lambda: eur("1") + other, lambda: eur("1") - other):
        with pytest.raises(MoneyError, match="not to"):
            sum_()


@pytest.mark.parametrize(
    "nonsense", [lambda: eur("1") < eur("2"), lambda: eur("1") * 2, lambda: 0 + eur("1")]
)
def test_what_means_nothing_in_money_has_no_operator(nonsense: Any) -> None:
    with pytest.raises(TypeError):
        nonsense()


def test_equal_amounts_are_equal_money_however_they_are_spelled() -> None:
    assert eur("1.5") == eur("1.50")
    assert hash(eur("1.5")) == hash(eur("1.50"))
    assert eur("1.5") != Money(Decimal("1.5"), "USD")


def test_money_does_not_change() -> None:
    with pytest.raises(AttributeError):
        eur("1").amount = Decimal(2)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("amount", "text"), [("-12.50", "-12.50 EUR"), ("1E+3", "1000 EUR"), ("0.00", "0.00 EUR")]
)
def test_money_is_shown_in_plain_digits(amount: str, text: str) -> None:
    assert str(eur(amount)) == text


@pytest.mark.parametrize("code", sorted(EXPONENTS))
def test_the_smallest_unit_of_every_currency_prints_and_reads_back(code: str) -> None:
    smallest = Money(Decimal(1).scaleb(-EXPONENTS[code]), code)
    assert Money.of(*str(smallest).split()) == smallest


@given(money())
def test_money_survives_json_to_the_last_digit(amount: Money) -> None:
    assert msgspec.json.decode(msgspec.json.encode(amount), type=Money) == amount


@pytest.mark.parametrize("text", ['{"amount":"1.234","currency":"EUR"}', '{"amount":"NaN","currency":"EUR"}'])
def test_money_read_from_outside_is_held_to_the_same_rules(text: str) -> None:
    with pytest.raises((MoneyError, msgspec.ValidationError)):
        msgspec.json.decode(text, type=Money)


def test_every_currency_has_a_code_in_capitals_and_places_the_store_can_keep() -> None:
    assert all(code == code.upper() and code.isalpha() and 3 <= len(code) <= 5 for code in EXPONENTS)
    assert all(0 <= places <= 18 for places in EXPONENTS.values())


@pytest.mark.parametrize(
    ("code", "places"),
    [
        ("EUR", 2),
        ("JPY", 0),
        ("CLP", 0),
        ("KWD", 3),
        ("CLF", 4),
        ("DEM", 2),
        ("BTC", 8),
        ("ETH", 18),
        ("USDC", 6),
    ],
)
def test_currencies_have_the_places_of_their_standard(code: str, places: int) -> None:
    assert EXPONENTS[code] == places


def test_an_exchange_s_fractions_of_a_cent_are_kept_to_the_last_place() -> None:
    fee = FineMoney.of("-0.38488583", "MXN")
    assert str(fee + FineMoney.of("59.21320500", "MXN")) == "58.82831917 MXN"
    assert type(-fee) is FineMoney
    with pytest.raises(MoneyError, match="decimal places"):
        FineMoney(Decimal(1).scaleb(-FINE_PLACES - 1), "MXN")
    with pytest.raises(MoneyError, match="unknown currency"):
        FineMoney(Decimal(1), "MANA")


def test_an_asset_s_own_places_are_never_fewer_at_an_exchange() -> None:
    assert FineMoney(Decimal(1).scaleb(-18), "ETH").amount == Decimal("1E-18")
