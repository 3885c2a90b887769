"""What falls due by agreement: rent, bills, subscriptions."""

from typing import Final

from caudal_sandbox.economy.calendars import on_or_after
from caudal_sandbox.economy.chance import Chance
from caudal_sandbox.economy.countries import Language
from caudal_sandbox.economy.desk import Deal, Desk
from caudal_sandbox.economy.habits.schedule import Monthly
from caudal_sandbox.economy.holders import Holder
from caudal_sandbox.economy.merchants import Business, merchants
from caudal_sandbox.economy.movements import Kind, Rail

_MORNING: Final = 6 * 60 + 30
_LANDLORD: Final = {
    Language.EN: "Fairview Lettings",
    Language.PT: "Imobiliária Boa Morada",
    Language.ES: "Inmobiliaria Casa Clara",
}


class Rent:
    """The same sum each month, by standing order; rises once a year."""

    def __init__(self, holder: Holder, chance: Chance) -> None:
        self._due = Monthly(holder.country, chance.between(1, 6), on_or_after)
        self._minor = holder.income_minor * chance.between(18, 26) // 100 // 100 * 100
        self._deal = Deal(counterparty=_LANDLORD[holder.land.language], series=f"{holder.name}:rent")
        self._rise_month = chance.between(1, 12)

    def live(self, desk: Desk) -> None:
        """Pay the rent where it is due and the money is there."""
        if not self._due.falls_on(desk.today):
            return
        if desk.today.month == self._rise_month:
            self._minor += self._minor * 3 // 100 // 100 * 100
        if desk.cover(self._minor, _MORNING):
            desk.make(desk.checking, Kind.RENT, -self._minor, Rail.BATCH, _MORNING, deal=self._deal)


class Bill:
    """A monthly direct debit whose sum changes with use (energy) or stays (phone)."""

    def __init__(self, holder: Holder, chance: Chance, kind: Kind, low: int, high: int) -> None:
        business = Business.PHONE if kind is Kind.PHONE else Business.ENERGY
        merchant = chance.pick(merchants(holder.country, business))
        self._chance = chance
        self._kind = kind
        self._due = Monthly(holder.country, chance.between(1, 28), on_or_after)
        self._minor = holder.land.coffee_minor * chance.between(low, high)
        self._swing_percent = 0 if kind is Kind.PHONE else 35
        self._deal = Deal(merchant=merchant, series=f"{holder.name}:{merchant.id}")

    def live(self, desk: Desk) -> None:
        """Have the bill debited where it is due and the money is there."""
        if self._due.falls_on(desk.today):
            swing = self._chance.between(-self._swing_percent, self._swing_percent)
            minor = self._minor * (100 + swing) // 100
            if desk.cover(minor, _MORNING):
                desk.make(desk.checking, self._kind, -minor, Rail.BATCH, _MORNING, deal=self._deal)


class Subscription:
    """The same price by card each month, on any day of the week, until it rises: once, and for good."""

    def __init__(self, holder: Holder, chance: Chance, business: Business, place: int) -> None:
        merchant = merchants(holder.country, business)[place]
        self._due = Monthly(holder.country, chance.between(1, 28), lambda _, day: day)
        self._minor = holder.land.coffee_minor * chance.between(15, 45) // 10 // 10 * 10 + 9
        self._months_at_price = chance.between(5, 18)
        self._rise_percent = chance.between(8, 25)
        self._minute = chance.between(0, 1439)
        self._deal = Deal(merchant=merchant, series=f"{holder.name}:{merchant.id}")

    def live(self, desk: Desk) -> None:
        """Charge the card where it is due; what is declined is not tried again before next month."""
        if not self._due.falls_on(desk.today):
            return
        self._months_at_price -= 1
        if self._months_at_price == 0:
            self._minor += self._minor * self._rise_percent // 100
        desk.purchase(Kind.SUBSCRIPTION, self._minor, self._minute, self._deal)
