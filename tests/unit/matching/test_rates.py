"""What one currency was worth in another: by the day, never by a later one, and not for ever."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from caudal.matching.rates import AGE_DAYS_MAX, Rate, RateTable
from caudal.model.money import RATIO

DAY = date(2026, 3, 6)
TABLE = RateTable([
    Rate("EUR", "USD", DAY, Decimal("1.10")),
    Rate("EUR", "USD", DAY + timedelta(days=3), Decimal("1.20")),
    Rate("USD", "EUR", DAY + timedelta(days=30), Decimal("0.50")),
])  # fmt: skip


@pytest.mark.parametrize(
    ("days", "rate"),
    [(-1, None), (0, "1.10"), (2, "1.10"), (3, "1.20"), (3 + AGE_DAYS_MAX, "1.20"), (4 + AGE_DAYS_MAX, None)],
)
def test_the_rate_is_that_of_the_day_or_of_the_last_before_for_a_week(days: int, rate: str | None) -> None:
    assert TABLE("EUR", "USD", DAY + timedelta(days=days)) == (Decimal(rate) if rate else None)


def test_a_rate_that_was_told_the_other_way_round_is_turned() -> None:
    assert TABLE("EUR", "USD", DAY + timedelta(days=30)) == 2
    assert TABLE("USD", "EUR", DAY) == RATIO.divide(1, Decimal("1.10"))


def test_of_currencies_that_nobody_told_of_nothing_is_known() -> None:
    assert TABLE("EUR", "GBP", DAY) is None
