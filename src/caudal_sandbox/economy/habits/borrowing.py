"""Paying back: the card's bill and the loan."""

from datetime import date
from typing import Final

from caudal_sandbox.economy.accounts import AccountKind
from caudal_sandbox.economy.calendars import on_or_after, on_or_before
from caudal_sandbox.economy.chance import Chance
from caudal_sandbox.economy.desk import Desk, Standing
from caudal_sandbox.economy.habits.schedule import Monthly
from caudal_sandbox.economy.holders import Holder, interest_minor
from caudal_sandbox.economy.movements import Kind, Rail

_MORNING: Final = 7 * 60
_LATE: Final = 23 * 60 + 30
_LATE_FEE_COFFEES: Final = 6


class CardBill:
    """Pays the card's statement from checking by its due date: most people in full, some only in part, and what is
    left over costs interest with the next statement. Where the money lacks altogether, a late fee follows.
    """

    def __init__(self, holder: Holder, chance: Chance) -> None:
        self._chance = chance
        self._in_full_percent = 96 if chance.percent(70) else 45
        self._coffee = holder.land.coffee_minor
        self._country = holder.country
        self._settled: date | None = None
        self._carried = 0

    def live(self, desk: Desk) -> None:
        """Pay where it is due; charge interest on the day a statement closes."""
        card = desk.standing(AccountKind.CARD)
        if card is None or card.account.card is None:
            return
        terms, statement = card.account.card, card.statement
        if statement is not None and statement.closed_on != self._settled:
            pay_on = on_or_before(self._country, statement.due_on)
            if desk.today == pay_on:
                self._settled = statement.closed_on
                self._pay(desk, card, statement.owed_minor, statement.minimum_minor)
        if desk.today.day == terms.close_day and self._carried:
            interest = interest_minor(self._carried, terms.monthly_rate_bp)
            self._carried = 0
            desk.make(card, Kind.INTEREST, -interest, Rail.BANK, _LATE)

    def _pay(self, desk: Desk, card: Standing, owed: int, minimum: int) -> None:
        if owed == 0:
            return
        in_full = self._chance.percent(self._in_full_percent)
        wanted = owed if in_full else max(minimum, owed * self._chance.between(10, 60) // 100)
        for minor in (wanted, minimum):
            if desk.cover(minor, _MORNING):
                # Where both are at one bank it still goes through the night's batch.
                desk.transfer(desk.checking, card, minor, _MORNING, Kind.CARD_PAYMENT, rail=Rail.BATCH)
                self._carried = owed - minor
                return
        self._carried = owed
        desk.make(card, Kind.FEE, -self._coffee * _LATE_FEE_COFFEES, Rail.BANK, _LATE, about="LATE PAYMENT")


class LoanBill:
    """Each month the loan charges its interest and takes its payment from checking, until nothing is owed. A payment
    that isn't covered is missed, and costs a fee.
    """

    def __init__(self, holder: Holder, chance: Chance) -> None:
        account = holder.account(AccountKind.LOAN)
        self._terms = account.loan if account else None
        self._late_fee = holder.land.coffee_minor * _LATE_FEE_COFFEES
        self._due = Monthly(holder.country, self._terms.pay_day if self._terms else 1, on_or_after)
        self._days_more = chance.between(0, 1)

    def live(self, desk: Desk) -> None:
        """Charge interest and pay where it is due."""
        loan = desk.standing(AccountKind.LOAN)
        if loan is None or self._terms is None or not self._due.falls_on(desk.today) or loan.booked >= 0:
            return
        interest = interest_minor(-loan.booked, self._terms.monthly_rate_bp)
        if interest:
            desk.make(loan, Kind.INTEREST, -interest, Rail.BANK, 5)
        minor = min(self._terms.payment_minor, interest - loan.booked)
        if desk.cover(minor, _MORNING):
            desk.transfer(
                desk.checking,
                loan,
                minor,
                _MORNING,
                Kind.LOAN_PAYMENT,
                rail=Rail.BATCH,
                days_more=self._days_more,
            )
        else:
            desk.make(loan, Kind.FEE, -self._late_fee, Rail.BANK, _LATE, about="LATE PAYMENT")
