"""Keeping the checking account afloat and putting by what is left."""

from typing import Final

from caudal_sandbox.economy.accounts import AccountKind
from caudal_sandbox.economy.calendars import on_or_after
from caudal_sandbox.economy.chance import Chance
from caudal_sandbox.economy.countries import CountryCode
from caudal_sandbox.economy.desk import Desk, Standing
from caudal_sandbox.economy.habits.schedule import Monthly
from caudal_sandbox.economy.holders import Holder
from caudal_sandbox.economy.movements import Kind, Rail

_EVENING: Final = 20 * 60
_MORNING: Final = 9 * 60
_WIRE_FEE_COFFEES: Final = 4


class Saving:
    """Once a month what exceeds a cushion goes to savings, the second bank and the broker; back from savings where
    the checking account runs low. Inside one bank it is there at once; to another bank it takes PIX or Faster
    Payments (at once), a wire (the same day, for a fee) or a batch of one to three business days.
    """

    def __init__(self, holder: Holder, chance: Chance) -> None:
        self._chance = chance
        self._coffee = holder.land.coffee_minor
        self._cushion = holder.income_minor // 2
        self._low = holder.income_minor // 20
        self._due = Monthly(holder.country, chance.between(8, 14), on_or_after)
        self._second = next((each.id for each in holder.accounts if each.id.endswith(":second")), None)
        self._country = holder.country

    def live(self, desk: Desk) -> None:
        """Put by, or bring back."""
        checking, savings = desk.checking, desk.standing(AccountKind.SAVINGS)
        if savings is None:
            return
        if self._due.falls_on(desk.today):
            self._put_by(desk, savings)
        elif checking.spendable < self._low < savings.spendable:
            desk.transfer(savings, checking, min(savings.spendable, self._cushion), _EVENING)

    def _put_by(self, desk: Desk, savings: Standing) -> None:
        spare = desk.checking.spendable - self._cushion
        broker = desk.standing(AccountKind.BROKERAGE)
        second = desk.standings[self._second] if self._second else None
        if second is not None and second.spendable > self._cushion:
            self._to_another_bank(desk, second, desk.checking, second.spendable // 2)
        for target, share in ((broker, 40), (second, 20), (savings, 35)):
            minor = spare * share // 100 // 100 * 100
            if target is None or minor < self._coffee * 5:
                continue
            if target is savings:
                desk.transfer(desk.checking, savings, minor, _MORNING)
            else:
                self._to_another_bank(desk, desk.checking, target, minor)

    def _to_another_bank(self, desk: Desk, source: Standing, target: Standing, minor: int) -> None:
        if self._chance.percent(12):
            desk.transfer(source, target, minor, _MORNING, rail=Rail.WIRE)
            desk.make(source, Kind.FEE, -self._coffee * _WIRE_FEE_COFFEES, Rail.BANK, _MORNING, about="WIRE")
        elif self._country is CountryCode.US or self._chance.percent(20):
            days_more = self._chance.between(1, 3)
            desk.transfer(source, target, minor, _MORNING, rail=Rail.BATCH, days_more=days_more)
        else:
            desk.transfer(source, target, minor, _MORNING)
