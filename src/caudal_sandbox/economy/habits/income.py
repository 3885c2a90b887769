"""Being paid."""

from datetime import date
from typing import Final

from caudal_sandbox.economy.calendars import on_or_before
from caudal_sandbox.economy.chance import Chance
from caudal_sandbox.economy.countries import CountryCode
from caudal_sandbox.economy.desk import Deal, Desk
from caudal_sandbox.economy.habits.schedule import Monthly
from caudal_sandbox.economy.holders import Holder
from caudal_sandbox.economy.movements import Kind, Rail

_MORNING: Final = 6 * 60
_ADVANCE_PERCENT: Final = 40


class Salary:
    """Every other Friday in the US, on the 15th and the last day in Mexico, monthly in the UK; in Brazil an advance
    on the 20th and the rest on the 5th. Always on the business day before, where the day is a holiday.
    """

    def __init__(self, holder: Holder, chance: Chance) -> None:
        self._country = holder.country
        self._monthly = holder.income_minor
        self._even_week = chance.below(2)
        self._deal = Deal(counterparty=holder.employer, series=f"{holder.name}:salary")
        self._advance = Deal(counterparty=holder.employer, series=f"{holder.name}:advance")
        days = {CountryCode.MX: (15, 31), CountryCode.GB: (28,), CountryCode.BR: (5,)}.get(holder.country, ())
        self._paydays = [Monthly(holder.country, day, on_or_before) for day in days]
        self._advances = (
            Monthly(holder.country, 20, on_or_before) if holder.country is CountryCode.BR else None
        )

    def live(self, desk: Desk) -> None:
        """Pay in what is due today."""
        today = desk.today
        if self._advances is not None and self._advances.falls_on(today):
            part = self._monthly * _ADVANCE_PERCENT // 100
            desk.make(desk.checking, Kind.SALARY_ADVANCE, part, Rail.BATCH, _MORNING, deal=self._advance)
        if self._is_payday(today):
            desk.make(desk.checking, Kind.SALARY, self._part(), Rail.BATCH, _MORNING, deal=self._deal)

    def _is_payday(self, today: date) -> bool:
        if self._country is not CountryCode.US:
            return any(payday.falls_on(today) for payday in self._paydays)
        friday = next_friday(today)
        return friday.toordinal() // 7 % 2 == self._even_week and today == on_or_before(self._country, friday)

    def _part(self) -> int:
        match self._country:
            case CountryCode.US:
                return self._monthly * 12 // 26
            case CountryCode.MX:
                return self._monthly // 2
            case CountryCode.BR:
                return self._monthly - self._monthly * _ADVANCE_PERCENT // 100
            case CountryCode.GB:
                return self._monthly


def next_friday(day: date) -> date:
    """`day` itself where it is a Friday, else the first after it."""
    return date.fromordinal(day.toordinal() + (4 - day.weekday()) % 7)
