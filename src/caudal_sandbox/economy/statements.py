"""What a card's bank sends each month: what is owed, how much of it at least, and by when."""

from datetime import date
from decimal import Decimal
from typing import Final

import msgspec

from caudal_sandbox.economy.movements import AccountId, money

_MINIMUM_SHARE: Final = 20
"""A twentieth of what is owed must be paid at least."""


class Statement(msgspec.Struct, frozen=True):
    """A card's statement: `balance_minor` is the booked balance at the end of `closed_on` (negative = owed)."""

    account: AccountId
    closed_on: date
    due_on: date
    balance_minor: int

    @property
    def owed_minor(self) -> int:
        """What is to be paid, positive; 0 where the bank owes the holder."""
        return max(0, -self.balance_minor)

    @property
    def minimum_minor(self) -> int:
        """The least to be paid by `due_on`, positive."""
        return -(-self.owed_minor // _MINIMUM_SHARE)

    @property
    def balance(self) -> Decimal:
        """Booked balance at the end of `closed_on`, negative = owed."""
        return money(self.balance_minor)

    @property
    def minimum(self) -> Decimal:
        """The least to be paid, positive."""
        return money(self.minimum_minor)
