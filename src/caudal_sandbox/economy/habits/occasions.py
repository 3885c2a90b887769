"""What happens now and then: orders that come back, purchases in instalments, journeys, cash, cheques."""

from datetime import date, timedelta
from typing import Final

import msgspec

from caudal_sandbox.economy.calendars import months_after
from caudal_sandbox.economy.chance import Chance
from caudal_sandbox.economy.countries import COUNTRIES, CountryCode
from caudal_sandbox.economy.desk import Deal, Desk, Standing
from caudal_sandbox.economy.holders import Holder
from caudal_sandbox.economy.markets import Market
from caudal_sandbox.economy.merchants import Business, Merchant, merchants
from caudal_sandbox.economy.movements import Foreign, Kind, Movement, Rail

_CRAFTSMAN: Final = {"en": "T. Oakes", "pt": "Marceneiro Lima", "es": "Taller Ochoa"}


class OnlineOrders:
    """Orders from online shops. About one in eight comes back: the refund follows days after the order is booked,
    in full or in part, from the same shop to the same account.
    """

    def __init__(self, holder: Holder, chance: Chance) -> None:
        self._chance = chance
        self._coffee = holder.land.coffee_minor
        self._shops = merchants(holder.country, Business.ONLINE_SHOP)
        self._returns: dict[date, Movement] = {}

    def live(self, desk: Desk) -> None:
        """Order on some days; take in the refund that is due."""
        returned = self._returns.pop(desk.today, None)
        if returned is not None:
            self._refund(desk, returned)
        if self._chance.percent(16):
            minor = self._chance.between(self._coffee * 20, self._coffee * 400) // 10
            deal = Deal(merchant=self._chance.pick(self._shops))
            order = desk.purchase(Kind.SHOPPING, minor, self._chance.between(0, 1439), deal)
            if order is not None and order.booked_on is not None and self._chance.percent(13):
                self._returns[order.booked_on + timedelta(days=self._chance.between(2, 20))] = order

    def _refund(self, desk: Desk, order: Movement) -> None:
        share = 100 if self._chance.percent(60) else self._chance.between(15, 85)
        minor = -order.settled_minor * share // 100
        deal = Deal(merchant=order.merchant, refund_of=order.id)
        minute = self._chance.between(9 * 60, 18 * 60)
        desk.make(desk.standings[order.account], Kind.REFUND, minor, Rail.CARD, minute, deal=deal)


class _Plan(msgspec.Struct):
    """A purchase in instalments, running."""

    standing: Standing
    merchant: Merchant
    parts: list[int]
    bought_on: date
    series: str
    paid: int = 0

    @property
    def next_on(self) -> date:
        return months_after(self.bought_on, self.paid)


class Instalments:
    """Brazil and Mexico buy dear things in equal instalments on the card, one a month from the day of purchase; the
    first takes the cents that don't divide.
    """

    def __init__(self, holder: Holder, chance: Chance) -> None:
        self._chance = chance
        self._coffee = holder.land.coffee_minor
        self._shops = merchants(holder.country, Business.FURNITURE)
        self._holder = holder.name
        self._plans: list[_Plan] = []
        self._made = 0

    def live(self, desk: Desk) -> None:
        """Buy now and then; charge what falls due today, whatever the card's limit says."""
        if self._chance.below(1000) < 14:
            self._buy(desk)
        for plan in self._plans:
            if plan.next_on == desk.today:
                plan.paid += 1
                deal = Deal(
                    merchant=plan.merchant, instalment=(plan.paid, len(plan.parts)), series=plan.series
                )
                minute = self._chance.between(9 * 60, 20 * 60)
                desk.pay(plan.standing, Kind.INSTALMENT, plan.parts[plan.paid - 1], minute, deal)
        self._plans = [plan for plan in self._plans if plan.paid < len(plan.parts)]

    def _buy(self, desk: Desk) -> None:
        minor = self._chance.between(self._coffee * 60, self._coffee * 250)
        standing = desk.payer(minor, by_card=True)
        if standing is None:
            return
        self._made += 1
        count = self._chance.pick((2, 3, 4, 6, 10, 12))
        part = minor // count
        parts = [minor - part * (count - 1)] + [part] * (count - 1)
        series = f"{self._holder}:plan:{self._made}"
        self._plans.append(_Plan(standing, self._chance.pick(self._shops), parts, desk.today, series))


class Journeys:
    """A hotel some nights a year: a hold on arrival that lapses later, the bill at departure under a record of its
    own; and purchases abroad, authorised at the day's rate, settled within 3 % of that, with a fee beside them.
    """

    def __init__(self, holder: Holder, chance: Chance, market: Market) -> None:
        self._chance = chance
        self._market = market
        self._coffee = holder.land.coffee_minor
        self._hotels = merchants(holder.country, Business.HOTEL)
        self._abroad = [country for country in CountryCode if country is not holder.country]
        self._stay: tuple[date, Movement, Standing] | None = None

    def live(self, desk: Desk) -> None:
        """Travel now and then; pay the hotel at departure."""
        if self._stay is not None and self._stay[0] == desk.today:
            _, hold, standing = self._stay
            self._stay = None
            bill = -hold.held_minor * self._chance.between(70, 120) // 100
            deal = Deal(merchant=hold.merchant, hold_of=hold.id)
            desk.pay(standing, Kind.HOTEL, bill, self._chance.between(8 * 60, 11 * 60), deal)
        elif self._stay is None and self._chance.below(1000) < 9:
            self._arrive(desk)
        if self._chance.below(1000) < 22:
            self._buy_abroad(desk)

    def _arrive(self, desk: Desk) -> None:
        minor = self._chance.between(self._coffee * 25, self._coffee * 110) // 100 * 100
        standing = desk.payer(minor * 2, by_card=True)
        if standing is None:
            return
        leaves_on = desk.today + timedelta(days=self._chance.between(1, 4))
        lapses_on = leaves_on + timedelta(days=self._chance.between(3, 7))
        deal = Deal(merchant=self._chance.pick(self._hotels), expires_on=lapses_on)
        hold = desk.pay(standing, Kind.HOLD, minor, self._chance.between(14 * 60, 22 * 60), deal)
        self._stay = (leaves_on, hold, standing)

    def _buy_abroad(self, desk: Desk) -> None:
        chance = self._chance
        country = COUNTRIES[chance.pick(self._abroad)]
        merchant = chance.pick(merchants(country.code, Business.ONLINE_SHOP))
        theirs = chance.between(country.coffee_minor * 3, country.coffee_minor * 40)
        held = self._market.convert(theirs, country.currency, desk.country.currency, desk.today)
        settled = held * (10_000 + chance.between(-300, 300)) // 10_000
        standing = desk.payer(max(held, settled), by_card=True)
        if standing is None:
            return
        foreign = Foreign(-theirs, country.currency)
        deal = Deal(merchant=merchant, held_minor=-held, foreign=foreign)
        minute = chance.between(0, 1400)
        desk.pay(standing, Kind.FOREIGN_PURCHASE, settled, minute, deal)
        fee = Deal(counterparty=standing.account.institution.name, unseen=True)
        about = f"{country.currency} {merchant.name}"
        desk.make(standing, Kind.FEE, -max(1, settled * 2 // 100), Rail.CARD, minute, deal=fee, about=about)


class Cash:
    """Notes from a cash machine, in round sums; some machines charge for it."""

    def __init__(self, holder: Holder, chance: Chance) -> None:
        self._chance = chance
        self._note = holder.land.coffee_minor * 10 // 1000 * 1000
        self._city = holder.city

    def live(self, desk: Desk) -> None:
        """Draw cash a few times a month."""
        if not self._chance.percent(8):
            return
        minor = self._note * self._chance.between(1, 5)
        if desk.checking.spendable < minor * 2:
            return
        minute = self._chance.between(8 * 60, 23 * 60)
        desk.make(desk.checking, Kind.CASH, -minor, Rail.CASH_MACHINE, minute, about=self._city)
        if self._chance.percent(20):
            fee = -self._note // 20
            desk.make(desk.checking, Kind.FEE, fee, Rail.CASH_MACHINE, minute, about=f"ATM {self._city}")


class Cheques:
    """A cheque to a craftsman now and then: the bank knows of it only when it is paid in, days later."""

    def __init__(self, holder: Holder, chance: Chance) -> None:
        self._chance = chance
        self._coffee = holder.land.coffee_minor
        self._payee = _CRAFTSMAN[holder.land.language]

    def live(self, desk: Desk) -> None:
        """Write a cheque about every six weeks, where it is covered."""
        if not self._chance.below(1000) < 24:
            return
        minor = self._chance.between(self._coffee * 10, self._coffee * 60)
        if not desk.cover(minor, 9 * 60):
            return
        checking = desk.checking
        number = str(checking.cheque)
        checking.cheque += 1
        deal = Deal(counterparty=self._payee, cheque=number)
        desk.make(checking, Kind.CHEQUE, -minor, Rail.CHEQUE, 10 * 60, deal=deal, about=number)
