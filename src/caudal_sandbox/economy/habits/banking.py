"""What banks do of their own accord: interest on savings, monthly fees."""

from typing import Final

from caudal_sandbox.economy.accounts import AccountKind
from caudal_sandbox.economy.calendars import is_month_end
from caudal_sandbox.economy.chance import Chance
from caudal_sandbox.economy.desk import Desk
from caudal_sandbox.economy.holders import Holder, interest_minor
from caudal_sandbox.economy.movements import Kind, Rail

_NIGHT: Final = 23 * 60 + 45


class BankCharges:
    """On the last day of each month savings earn interest, and every other checking account pays a fee."""

    def __init__(self, holder: Holder, chance: Chance) -> None:
        self._rate_bp = chance.between(8, 40)
        self._fee = holder.land.coffee_minor * chance.between(1, 3)
        self._charged = [
            account.id
            for account in holder.accounts
            if account.kind is AccountKind.CHECKING and chance.percent(50)
        ]

    def live(self, desk: Desk) -> None:
        """Credit and charge at the month's end, on whatever day of the week."""
        if not is_month_end(desk.today):
            return
        savings = desk.standing(AccountKind.SAVINGS)
        if savings is not None and (interest := interest_minor(max(0, savings.booked), self._rate_bp)):
            desk.make(savings, Kind.INTEREST, interest, Rail.BANK, _NIGHT)
        for account in self._charged:
            if desk.standings[account].spendable > self._fee:
                desk.make(desk.standings[account], Kind.FEE, -self._fee, Rail.BANK, _NIGHT, about="MONTHLY")
