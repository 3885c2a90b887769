"""Bank holidays as the countries' own calendars print them."""

from datetime import date

import pytest

from caudal_sandbox.economy.calendars import (
    business_days_after,
    easter,
    holidays,
    is_business_day,
    months_after,
    on_or_after,
    on_or_before,
)
from caudal_sandbox.economy.countries import CountryCode


@pytest.mark.parametrize(
    "sunday", [date(2024, 3, 31), date(2025, 4, 20), date(2026, 4, 5), date(2027, 3, 28), date(2038, 4, 25)]
)
def test_easter_is_when_the_church_says(sunday: date) -> None:
    assert easter(sunday.year) == sunday


def test_the_federal_reserves_holidays_of_2026() -> None:
    # https://www.frbservices.org/about/holiday-schedules: 4 July 2026 is a Saturday and isn't made up for.
    days = ["01-01", "01-19", "02-16", "05-25", "06-19", "07-04", "09-07", "10-12", "11-11", "11-26", "12-25"]
    assert holidays(CountryCode.US, 2026) == {date.fromisoformat(f"2026-{day}") for day in days}
    assert is_business_day(CountryCode.US, date(2026, 7, 3))
    assert not is_business_day(CountryCode.US, date(2027, 7, 5))  # a Sunday's is made up for on Monday


def test_the_bank_holidays_of_england_with_their_substitutes() -> None:
    # https://www.gov.uk/bank-holidays
    days = ["01-01", "04-03", "04-06", "05-04", "05-25", "08-31", "12-25", "12-28"]
    assert holidays(CountryCode.GB, 2026) == {date.fromisoformat(f"2026-{day}") for day in days}
    assert {date(2027, 12, 27), date(2027, 12, 28)} <= holidays(CountryCode.GB, 2027)
    assert {date(2022, 12, 26), date(2022, 12, 27)} <= holidays(CountryCode.GB, 2022)
    assert date(2028, 1, 3) in holidays(CountryCode.GB, 2028)


def test_brazil_rests_at_carnival_and_corpus_christi_mexico_in_holy_week() -> None:
    assert {date(2026, 2, 16), date(2026, 2, 17), date(2026, 4, 3), date(2026, 6, 4)} <= holidays(
        CountryCode.BR, 2026
    )
    assert {date(2026, 2, 2), date(2026, 3, 16), date(2026, 4, 2), date(2026, 4, 3)} <= holidays(
        CountryCode.MX, 2026
    )


def test_shifts_go_around_weekends_and_holidays() -> None:
    christmas = date(2026, 12, 25)  # a Friday
    assert on_or_before(CountryCode.GB, christmas) == date(2026, 12, 24)
    assert on_or_after(CountryCode.GB, christmas) == date(2026, 12, 29)
    assert business_days_after(CountryCode.GB, date(2026, 12, 24), 1) == date(2026, 12, 29)
    assert business_days_after(CountryCode.US, date(2026, 12, 24), 1) == date(2026, 12, 28)


def test_a_month_on_is_the_same_day_or_the_months_last() -> None:
    assert months_after(date(2024, 1, 31), 1) == date(2024, 2, 29)
    assert months_after(date(2024, 11, 30), 3) == date(2025, 2, 28)
    assert months_after(date(2024, 3, 15), -3) == date(2023, 12, 15)
