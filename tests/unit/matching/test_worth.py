"""What one currency or asset is worth in another: never by a later day, and the same whichever way it is reckoned."""

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from caudal.matching.prices import Price, PriceTable, worth
from caudal.matching.rates import AGE_DAYS_MAX, Rate, RateTable

DAY = date(2026, 3, 10)
_RATES = st.builds(
    Rate,
    st.sampled_from(["EUR", "USD"]),
    st.sampled_from(["BRL", "MXN", "GBP"]),
    st.integers(0, 20).map(lambda days: date(2026, 3, 1) + timedelta(days=days)),
    st.decimals("0.001", "2000", places=4),
    st.sampled_from(["ecb", "banxico", "bcb", "other"]),
)
_DAYS = st.integers(0, 30).map(lambda days: date(2026, 3, 1) + timedelta(days=days))
_CODES = st.sampled_from(["EUR", "USD", "BRL", "MXN", "GBP"])


def rate(base: str, quote: str, told: str, source: str = "ecb", day: date = DAY) -> Rate:
    return Rate(base, quote, day, Decimal(told), source)


@given(st.lists(_RATES), _CODES, _CODES, _DAYS)
def test_no_leg_is_of_a_later_day_or_older_than_it_holds(
    told: list[Rate], base: str, quote: str, day: date
) -> None:
    found = RateTable(told).conversion(base, quote, day)
    assert found is None or all(0 <= (day - leg.day).days <= AGE_DAYS_MAX for leg in found.legs)


@given(st.lists(_RATES), _CODES, _CODES, _DAYS, st.integers(0, 10))
def test_what_is_told_later_changes_no_day_before(
    told: list[Rate], base: str, quote: str, day: date, later: int
) -> None:
    known = [each for each in told if each.day <= day + timedelta(days=later)]
    before = [each for each in told if each.day <= day]
    assert RateTable(known).conversion(base, quote, day) == RateTable(before).conversion(base, quote, day)


@given(st.lists(_RATES), _CODES, _CODES, _DAYS)
def test_there_and_back_is_one(told: list[Rate], base: str, quote: str, day: date) -> None:
    table = RateTable(told)
    there, back = table.conversion(base, quote, day), table.conversion(quote, base, day)
    if (
        there is not None
        and back is not None
        and there.via == back.via[::-1]
        and not any(
            one.source != other.source for one, other in zip(there.legs, back.legs[::-1], strict=True)
        )
    ):
        assert abs(there.rate * back.rate - 1) < Decimal("1e-25")


def test_a_cross_names_what_it_goes_through_and_the_days_it_is_of() -> None:
    told = [
        rate("EUR", "USD", "1.1476", day=date(2026, 3, 13)),
        rate("EUR", "MXN", "20.4517", day=date(2026, 3, 13)),
    ]
    found = RateTable(told).conversion("USD", "MXN", date(2026, 3, 14))
    assert found is not None
    assert round(found.rate, 4) == Decimal("17.8213")
    assert (found.via, found.day, found.carried) == (("EUR",), date(2026, 3, 13), True)


def test_a_currencys_own_central_bank_is_believed_before_the_ecb_and_both_are_kept() -> None:
    told = [rate("USD", "MXN", "17.7228", "banxico"), rate("USD", "MXN", "17.5148", "ecb")]
    for given_ in (told, told[::-1]):
        found = RateTable(given_).conversion("USD", "MXN", DAY)
        assert found is not None
        assert (found.rate, found.legs[0].source) == (Decimal("17.7228"), "banxico")
    back = RateTable(told).conversion("MXN", "USD", DAY)
    assert back is not None
    assert (back.legs[0].source, back.legs[0].turned) == ("banxico", True)


def test_without_a_rate_nothing_is_guessed() -> None:
    table = RateTable([rate("EUR", "USD", "1.1")])
    assert table.conversion("COP", "USD", DAY) is None
    assert table.conversion("EUR", "USD", DAY + timedelta(days=8)) is None
    assert table.conversion("EUR", "EUR", DAY) is not None


def price(told: str, day: date = DAY, source: str = "coingecko", currency: str = "USD") -> Price:
    return Price("BTC", currency, day, Decimal(told), source)


def test_an_asset_is_worth_its_price_and_then_the_days_rate() -> None:
    rates = RateTable([rate("USD", "BRL", "5", "bcb")])
    found = worth("BTC", "BRL", DAY, rates, PriceTable([price("70000")]))
    assert found is not None
    assert found.rate == 350_000
    assert found.price == price("70000")
    assert worth("ETH", "BRL", DAY, rates, PriceTable([price("70000")])) is None


def test_a_price_is_carried_three_days_never_back_and_the_days_own_beats_the_spot() -> None:
    table = PriceTable([price("1"), price("2", source="coingecko-spot"), price("9", DAY + timedelta(days=6))])
    told = [table.on("BTC", "USD", DAY + timedelta(days=days)) for days in range(-1, 6)]
    assert [each and each.price for each in told] == [None, 1, 1, 1, 1, None, None]


def test_a_price_of_nought_is_a_price() -> None:
    found = worth("BTC", "USD", DAY, RateTable([]), PriceTable([price("0")]))
    assert found is not None
    assert found.rate == 0
