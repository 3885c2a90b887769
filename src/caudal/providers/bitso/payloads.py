"""What Bitso sends, as far as it is read (contract §6 to §9). The rest of a record stays in its raw text."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Generic, TypeVar

import msgspec
from msgspec import Meta, Raw

Amount = Annotated[str, Meta(pattern=r"^-?[0-9]{1,18}([.][0-9]{1,18})?(E-[0-9]{1,2})?$")]
"""Decimal text alone: a number in its place is no amount of Bitso's (contract §4). Small ones were recorded as ``1.0E-5``
(recorded/java2017_privateWithdrawals)."""
Code = Annotated[str, Meta(pattern=r"^[a-z0-9]{2,16}$")]
Ident = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


T = TypeVar("T")


class Payload(msgspec.Struct, Generic[T]):
    """Bitso's envelope."""

    payload: T


class AccountStatus(msgspec.Struct):
    """Of /account_status the name of the login alone: the rest is the person's."""

    client_id: Ident


class BalanceList(msgspec.Struct):
    """Each to be read by itself."""

    balances: list[Raw]


class Balance(msgspec.Struct):
    """What stands in one currency."""

    currency: Code
    available: Amount
    total: Amount
    pending_deposit: Amount = "0"
    pending_withdrawal: Amount = "0"

    @property
    def moving(self) -> bool:
        """Whether something is on its way: then whether `total` counts it isn't known (contract §6 [U])."""
        return any(Decimal(each) for each in (self.pending_deposit, self.pending_withdrawal))


class Trade(msgspec.Struct):
    """One fill. `major` and `minor` are signed, `fees_amount` is not and isn't in them (contract §7)."""

    tid: Ident | int
    book: str
    major: Amount
    minor: Amount
    major_currency: Code
    minor_currency: Code
    fees_amount: Amount
    fees_currency: Code
    price: Amount
    created_at: str

    def __post_init__(self) -> None:
        """Raises ValueError where one doesn't go against the other, or the fee is none."""
        major, minor = Decimal(self.major), Decimal(self.minor)
        if (major > 0 and minor > 0) or (major < 0 and minor < 0) or Decimal(self.fees_amount) < 0:
            raise ValueError("its signs aren't those of a trade")
        instant(self.created_at)


class Details(msgspec.Struct, frozen=True):
    """What a payment is called elsewhere, and who is on its other side; of a fee, what it was for."""

    clave_rastreo: str | None = None
    end_to_end_id: str | None = None
    tx_hash: str | None = None
    sender_name: str | None = None
    beneficiary_name: str | None = None
    recipient_name: str | None = None
    concepto: str | None = None
    deposit_type: str | None = None
    wid: str = ""


class Transfer(msgspec.Struct):
    """A funding (`fid`) or a withdrawal (`wid`). `amount` is positive, a withdrawal's with its fee in it."""

    status: str
    created_at: str
    currency: Code
    amount: Amount
    method: str = ""
    method_name: str = ""
    fid: Ident = ""
    wid: Ident = ""
    details: Details = Details()

    def __post_init__(self) -> None:
        """Raises ValueError for one without a name, or an amount that isn't positive."""
        if not self.fid and not self.wid:
            raise ValueError("it has no id")
        if Decimal(self.amount) < 0:
            raise ValueError("its amount is negative")
        instant(self.created_at)

    @property
    def at(self) -> datetime:
        """When it was begun."""
        return instant(self.created_at)


class Update(msgspec.Struct):
    """What it did."""

    amount: Amount


class Fee(msgspec.Struct):
    """A line of /ledger/fees."""

    eid: Ident
    created_at: str
    balance_updates: list[Update]
    details: Details = Details()

    def __post_init__(self) -> None:
        """Raises ValueError for a time that is none."""
        instant(self.created_at)


def instant(text: str) -> datetime:
    """In any of the three spellings that occur (contract §4). Raises ValueError, also for one without a zone."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("it names no zone")
    return at.astimezone(UTC)
