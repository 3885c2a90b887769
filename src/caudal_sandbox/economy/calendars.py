"""When banks work: bank holidays, business days, and shifts around them.

Sources: 5 U.S.C. 6103 and the Federal Reserve's rule that a Saturday holiday isn't made up for; the Banking and
Financial Dealings Act 1971 (England and Wales) with its substitute days; Brazil's Lei 662/1949, 6.802/1980,
14.759/2023 and FEBRABAN's Carnival; Mexico's CNBV calendar (Ley Federal del Trabajo art. 74, and Holy Week).
"""

import calendar
from datetime import date, timedelta
from functools import cache
from typing import Final

from caudal_sandbox.economy.countries import CountryCode

_DAY: Final = timedelta(days=1)
_MONDAY, _THURSDAY, _SATURDAY, _SUNDAY = 0, 3, 5, 6


def easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (Meeus/Jones/Butcher)."""
    golden = year % 19
    century, rest = divmod(year, 100)
    moon = (19 * golden + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    sunday = (32 + 2 * (century % 4) + 2 * (rest // 4) - moon - rest % 4) % 7
    late = (golden + 11 * moon + 22 * sunday) // 451
    month, day = divmod(moon + sunday - 7 * late + 114, 31)
    return date(year, month, day + 1)


@cache
def holidays(country: CountryCode, year: int) -> frozenset[date]:
    """The weekdays and weekend days of `year` on which banks of `country` rest for a holiday."""
    return frozenset(_HOLIDAYS[country](year))


@cache
def is_business_day(country: CountryCode, day: date) -> bool:
    """Whether banks of `country` book batches on `day`."""
    return day.weekday() < _SATURDAY and day not in holidays(country, day.year)


def on_or_after(country: CountryCode, day: date) -> date:
    """`day`, or the next business day: how debits shift."""
    while not is_business_day(country, day):
        day += _DAY
    return day


def on_or_before(country: CountryCode, day: date) -> date:
    """`day`, or the last business day before it: how salaries shift."""
    while not is_business_day(country, day):
        day -= _DAY
    return day


@cache
def business_days_after(country: CountryCode, day: date, count: int) -> date:
    """The `count`-th business day after `day`; for 0, `day` itself or the next business day."""
    day = on_or_after(country, day)
    for _ in range(count):
        day = on_or_after(country, day + _DAY)
    return day


def day_of_month(year: int, month: int, day: int) -> date:
    """That day, or the month's last where the month is shorter."""
    return date(year, month, min(day, calendar.monthrange(year, month)[1]))


def months_after(day: date, count: int) -> date:
    """The same day of the month, `count` months on (the month's last where it is shorter)."""
    years, month = divmod(day.month - 1 + count, 12)
    return day_of_month(day.year + years, month + 1, day.day)


def is_month_end(day: date) -> bool:
    """Whether `day` is the last of its month."""
    return (day + _DAY).day == 1


def _nth(year: int, month: int, weekday: int, nth: int) -> date:
    """The `nth` `weekday` of the month; -1 the last."""
    days = [day for week in calendar.monthcalendar(year, month) if (day := week[weekday])]
    return date(year, month, days[nth - 1] if nth > 0 else days[nth])


def _observed(day: date) -> date:
    """On Monday where it falls on a Sunday (Federal Reserve): a Saturday's is not made up for."""
    return day + _DAY if day.weekday() == _SUNDAY else day


def _united_states(year: int) -> list[date]:
    fixed = [date(year, 1, 1), date(year, 6, 19), date(year, 7, 4), date(year, 11, 11), date(year, 12, 25)]
    floating = [(1, _MONDAY, 3), (2, _MONDAY, 3), (5, _MONDAY, -1), (9, _MONDAY, 1), (10, _MONDAY, 2)]
    return [
        *(_observed(day) for day in fixed),
        *(_nth(year, *which) for which in floating),
        _nth(year, 11, _THURSDAY, 4),
    ]


def _united_kingdom(year: int) -> list[date]:
    sunday = easter(year)
    new_year, christmas = date(year, 1, 1), date(year, 12, 25)
    # Where one of the two Christmas days falls on a weekend, its substitute is the next free weekday.
    pair = {_SATURDAY: (27, 28), _SUNDAY: (26, 27), 4: (25, 28)}.get(christmas.weekday(), (25, 26))
    return [
        new_year + timedelta(days={_SATURDAY: 2, _SUNDAY: 1}.get(new_year.weekday(), 0)),
        sunday - timedelta(days=2),
        sunday + _DAY,
        _nth(year, 5, _MONDAY, 1),
        _nth(year, 5, _MONDAY, -1),
        _nth(year, 8, _MONDAY, -1),
        *(date(year, 12, day) for day in pair),
    ]


def _brazil(year: int) -> list[date]:
    sunday = easter(year)
    fixed = [(1, 1), (4, 21), (5, 1), (9, 7), (10, 12), (11, 2), (11, 15), (11, 20), (12, 25)]
    return [
        *(date(year, *day) for day in fixed),
        *(sunday + timedelta(days=shift) for shift in (-48, -47, -2, 60)),
    ]


def _mexico(year: int) -> list[date]:
    sunday = easter(year)
    fixed = [(1, 1), (5, 1), (9, 16), (11, 2), (12, 12), (12, 25)]
    return [
        *(date(year, *day) for day in fixed),
        _nth(year, 2, _MONDAY, 1),
        _nth(year, 3, _MONDAY, 3),
        _nth(year, 11, _MONDAY, 3),
        sunday - timedelta(days=3),
        sunday - timedelta(days=2),
    ]


_HOLIDAYS: Final = {
    CountryCode.US: _united_states,
    CountryCode.GB: _united_kingdom,
    CountryCode.BR: _brazil,
    CountryCode.MX: _mexico,
}
