"""Running a firm: takings, invoices, wages, suppliers, taxes."""

from typing import Final

from caudal_sandbox.economy.calendars import is_business_day, on_or_after, on_or_before
from caudal_sandbox.economy.chance import Chance
from caudal_sandbox.economy.desk import Deal, Desk
from caudal_sandbox.economy.habits.schedule import Monthly
from caudal_sandbox.economy.holders import Holder, employers
from caudal_sandbox.economy.merchants import Business, merchants
from caudal_sandbox.economy.movements import Kind, Rail

_MORNING: Final = 6 * 60 + 15
_ACQUIRER: Final = "Tillstone Payments"
_EMPLOYEES_MAX: Final = 4


class Takings:
    """What the card terminal took, paid out each business day, and invoices that customers pay when they please."""

    def __init__(self, holder: Holder, chance: Chance) -> None:
        self._chance = chance
        self._daily = holder.income_minor // 26
        self._customers = employers(holder.country)
        self._payout = Deal(counterparty=_ACQUIRER, series=f"{holder.name}:takings")

    def live(self, desk: Desk) -> None:
        """Take in the payout, and now and then an invoice."""
        if not is_business_day(desk.country.code, desk.today):
            return
        minor = self._daily * self._chance.between(50, 130) // 100
        desk.make(desk.checking, Kind.TAKINGS, minor, Rail.BATCH, _MORNING, deal=self._payout)
        if self._chance.percent(25):
            invoice = self._daily * self._chance.between(50, 250) // 100
            deal = Deal(counterparty=self._chance.pick(self._customers))
            minute = self._chance.between(9 * 60, 17 * 60)
            desk.make(desk.checking, Kind.INVOICE, invoice, Rail.INSTANT, minute, deal=deal)


class Payroll:
    """Wages on the 28th (or the business day before): one payment for each employee, the same sum every month."""

    def __init__(self, holder: Holder, chance: Chance) -> None:
        self._due = Monthly(holder.country, 28, on_or_before)
        count = chance.between(2, _EMPLOYEES_MAX)
        self._wages = [
            (f"EMPLOYEE {number + 1}", holder.income_minor * chance.between(35, 50) // (100 * count))
            for number in range(count)
        ]
        self._series = f"{holder.name}:payroll"

    def live(self, desk: Desk) -> None:
        """Pay what is covered."""
        if self._due.falls_on(desk.today):
            for who, minor in self._wages:
                if desk.cover(minor, _MORNING):
                    deal = Deal(counterparty=who.title(), series=f"{self._series}:{who}")
                    desk.make(desk.checking, Kind.PAYROLL, -minor, Rail.BATCH, _MORNING, deal=deal)


class Suppliers:
    """Goods paid by bank transfer, about twice a week; taxes every quarter."""

    def __init__(self, holder: Holder, chance: Chance) -> None:
        self._chance = chance
        self._daily = holder.income_minor // 26
        self._suppliers = merchants(holder.country, Business.WHOLESALE)
        self._taxes = Monthly(holder.country, 20, on_or_after, every=3)
        self._authority = f"Revenue {holder.country}"

    def live(self, desk: Desk) -> None:
        """Pay suppliers and taxes where covered."""
        if self._chance.percent(28) and is_business_day(desk.country.code, desk.today):
            minor = self._daily * self._chance.between(30, 120) // 100
            if desk.cover(minor, _MORNING):
                deal = Deal(counterparty=self._chance.pick(self._suppliers).name)
                desk.make(desk.checking, Kind.SUPPLIES, -minor, Rail.BATCH, _MORNING, deal=deal)
        if self._taxes.falls_on(desk.today):
            minor = self._daily * self._chance.between(200, 400) // 100
            if desk.cover(minor, _MORNING):
                deal = Deal(counterparty=self._authority)
                desk.make(desk.checking, Kind.TAX, -minor, Rail.BATCH, _MORNING, deal=deal)
