"""What several pages are made of."""

from datetime import date, datetime
from decimal import Decimal
from typing import Literal

import msgspec

Verdict = Literal["proven", "off", "unproven"]


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on an account. `proven_to`: where it is proven; `off_by` and `off_since`: where it is off."""

    verdict: Verdict
    currency: str
    proven_to: date | None = None
    off_by: Decimal | None = None
    off_since: date | None = None


class AccountLine(msgspec.Struct, frozen=True, kw_only=True):
    """An account in a list. `detail`: what tells it from others (kind, last digits); `worth`: in the space's currency,
    where that is another."""

    name: str
    institution: str
    href: str
    balance: Decimal
    currency: str
    proof: Proof
    detail: str = ""
    worth: Decimal | None = None
    worth_currency: str | None = None


class TransactionLine(msgspec.Struct, frozen=True, kw_only=True):
    """A movement in a list. `transfer`: it is a side of one between own accounts."""

    name: str
    account: str
    href: str
    booked_on: date
    amount: Decimal
    currency: str
    category: str = ""
    pending: bool = False
    transfer: bool = False


class Point(msgspec.Struct, frozen=True):
    """A balance at the end of a day."""

    day: date
    amount: Decimal


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """What came in (positive) and went out (negative) in the month that begins on `month`."""

    month: date
    came_in: Decimal
    went_out: Decimal


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """A connection that can't be read wholly. `href`: where a person can mend it; `since`: what is shown is of then."""

    institution: str
    since: datetime
    href: str


class Net(msgspec.Struct, frozen=True):
    """What is held in one currency, on all accounts together."""

    amount: Decimal
    currency: str


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """The first page: what there is, what became of it, whether it is right. `total`, `history` and `flows` are in
    `currency`, of all that is not `unvalued`, whose worth in it nobody knows; `nets`: what is held in each currency."""

    currency: str
    total: Decimal
    proven: int
    accounts: tuple[AccountLine, ...]
    history: tuple[Point, ...]
    flows: tuple[Flow, ...]
    latest: tuple[TransactionLine, ...]
    troubles: tuple[Trouble, ...]
    now: datetime
    nets: tuple[Net, ...] = ()
    unvalued: tuple[str, ...] = ()


class Choice(msgspec.Struct, frozen=True):
    """One of several, as a form sends it and as a person reads it."""

    value: str
    text: str


class TransactionsPage(msgspec.Struct, frozen=True, kw_only=True):
    """Movements, the latest first, and what they were narrowed down by (`asked`: all of it, by field). `newer`, `older`:
    addresses of the neighbouring pages; `here`: of this one."""

    lines: tuple[TransactionLine, ...]
    today: date
    search: str = ""
    account: str = ""
    accounts: tuple[Choice, ...] = ()
    asked: dict[str, str] = {}
    here: str = ""
    newer: str | None = None
    older: str | None = None
