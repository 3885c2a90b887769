"""When an agreement falls due: a day of the month, shifted by its country's bank holidays."""

from collections.abc import Callable
from datetime import date
from typing import Final

from caudal_sandbox.economy.calendars import day_of_month
from caudal_sandbox.economy.countries import CountryCode

Shift = Callable[[CountryCode, date], date]

_MONTHS: Final = 12


class Monthly:
    """Falls due on day `day` of every `every`-th month (the last day, where a month is shorter), shifted."""

    __slots__ = ("_country", "_day", "_due", "_every", "_month", "_shift")

    def __init__(self, country: CountryCode, day: int, shift: Shift, every: int = 1) -> None:
        self._country = country
        self._day = day
        self._shift = shift
        self._every = every
        self._month: int | None = None
        self._due = date.min

    def falls_on(self, today: date) -> bool:
        """Whether it is due today. To be asked for each day in turn."""
        if self._month is None:
            self._month = today.year * _MONTHS + today.month - 1
            self._due = self._shifted(self._month)
        while self._due < today:
            self._month += self._every
            self._due = self._shifted(self._month)
        return self._due == today

    def _shifted(self, month: int) -> date:
        year, place = divmod(month, _MONTHS)
        return self._shift(self._country, day_of_month(year, place + 1, self._day))
