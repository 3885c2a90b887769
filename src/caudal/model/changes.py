"""What an adapter tells the engine: pages of changes, in canonical terms (DESIGN §2, §5)."""

import enum
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import NewType, Protocol

import msgspec

from caudal.model.money import Money

SourceRef = NewType("SourceRef", str)
"""How one connection names one of its accounts; unique within the connection, stable over time."""

Cursor = NewType("Cursor", str)
"""Where a pull stands. Opaque to the engine: the adapter wrote it and alone can read it. '' = the beginning."""


class AccountKind(enum.StrEnum):
    """What sort of account. The sign rule is the same for all: what you have is positive, what you owe negative."""

    CHECKING = "checking"
    SAVINGS = "savings"
    CARD = "card"
    LOAN = "loan"
    INVESTMENT = "investment"
    CASH = "cash"
    EXCHANGE = "exchange"
    WALLET = "wallet"
    OTHER = "other"


class Status(enum.StrEnum):
    """Whether the bank has booked it, or only expects it."""

    BOOKED = "booked"
    PENDING = "pending"


class BalanceKind(enum.StrEnum):
    """`booked`: the sum of booked transactions, which the ledger must agree with. `available`: what may be spent.
    `limit`: the credit line. `value`: what the account is worth or owes where the source tells no movements that
    would add up to it (a portfolio at market prices, a mortgage): shown, and no evidence. `presumed`: what the source
    calls the balance where nobody could verify that booked movements come to it: it proves while it agrees, and accuses
    of nothing.
    """

    BOOKED = "booked"
    AVAILABLE = "available"
    LIMIT = "limit"
    VALUE = "value"
    PRESUMED = "presumed"


class AccountSeen(msgspec.Struct, frozen=True, tag="account_seen"):
    """A source shows an account. `number` is what the bank prints; `currency` is ``XXX`` where it isn't told.

    `mask`: the few last digits a source shows in place of the number. `persistent_id`: what names the account to
    this provider whichever way it was linked, where it has such a name. `withdraws`: the source takes back what it holds
    no more and says what took its place: nothing of its own is put together by likeness. `lists`: it says no such thing,
    but its windows name what is pending beside what is booked: what is still pending was settled by nothing.
    """

    ref: SourceRef
    kind: AccountKind
    currency: str
    name: str = ""
    iban: str | None = None
    number: str | None = None
    institution: str | None = None
    mask: str | None = None
    persistent_id: str | None = None
    withdraws: bool = False
    lists: bool = False


class BalanceSeen(msgspec.Struct, frozen=True, tag="balance_seen"):
    """A source reports a balance: `money` stood on the account at the **end** of the bank's day `on`.

    A statement's opening balance is told as the end of the day before it starts.
    `firm` is False for a snapshot taken during the day (OFX LEDGERBAL: "as of now"): evidence, but more
    bookings of that day may follow it. Tell it in the page after which all it counts has been told; where the bank's
    zone isn't known, `on` is the earliest day it may be. `at` only where the source gives a real instant.
    """

    ref: SourceRef
    kind: BalanceKind
    money: Money
    on: date
    firm: bool = True
    at: datetime | None = None


class Passages(Protocol):
    """The passages of something longer, by their place in it."""

    def __getitem__(self, place: int, /) -> str:
        """The one at `place`."""


class Quote(msgspec.Struct, frozen=True, gc=False):
    """Text that stands in something longer, copied out when it is asked for: `str(quote)`."""

    source: Passages
    place: int

    def __str__(self) -> str:
        return self.source[self.place]


class TransactionSeen(msgspec.Struct, frozen=True, gc=False, tag="transaction_seen"):
    """A source tells of one transaction. `id` is the provider's; '' where it has none worth the name.

    `money` is signed from the account's point of view. `booked_on` is the bank's calendar day. `entered_on` is the
    day whose balance it is in, told only where the bank shows that this isn't `booked_on` (a statement that lists a
    movement dated after its own end): the proof goes by it.
    `raw` is what the source sent, kept whole: its text is `str(raw)`. `rule` says how `id` came about
    (matching/identity.py).
    `fallback_id`, where given, takes over where the ledger holds another movement under `id`, or this one under it.
    `replaces`: the provider's id of what this one took the place of (a posted record's pending one): both then tell
    of one transaction, which goes by this one from now on. `category`: what the source itself files it under.
    """

    ref: SourceRef
    id: str
    status: Status
    money: Money
    booked_on: date
    description: str = ""
    counterparty: str = ""
    reference: str = ""
    entered_on: date | None = None
    value_on: date | None = None
    authorized_on: date | None = None
    occurred_at: datetime | None = None
    raw: str | Quote = ""
    rule: str = "provider_id"
    fallback_id: str = ""
    replaces: str = ""
    category: str = ""


class TransactionGone(msgspec.Struct, frozen=True, tag="transaction_gone"):
    """The source says that the transaction with this provider id no longer exists."""

    ref: SourceRef
    id: str


class Holding(msgspec.Struct, frozen=True):
    """One position: `quantity` units of `asset` (negative: sold short).

    `asset` names it within the source account: a ticker, an ISIN, or the source's own id. `value` is what all of it is
    worth at `price` a unit, `cost` what all of it cost, in `currency` and as exact as the source says them (prices go
    far below a cent); None where the source doesn't say.
    """

    asset: str
    quantity: Decimal
    currency: str
    name: str = ""
    kind: str = ""
    price: Decimal | None = None
    value: Decimal | None = None
    cost: Decimal | None = None


class HoldingsSeen(msgspec.Struct, frozen=True, tag="holdings_seen"):
    """A source reports every position on the account as of day `on`: what isn't among them isn't held."""

    ref: SourceRef
    on: date
    holdings: tuple[Holding, ...]


class AccountGone(msgspec.Struct, frozen=True, tag="account_gone"):
    """The source no longer shows this account."""

    ref: SourceRef


Change = AccountSeen | BalanceSeen | TransactionSeen | TransactionGone | HoldingsSeen | AccountGone


class Window(msgspec.Struct, frozen=True):
    """Coverage: from day `start` to day `end`, both included, the page's source has told *everything* it holds.

    `holds`: the ids of all that. What it told of these days before, and isn't among them, it holds no more: that is gone.
    None: absence says nothing (of statement files, say, each tells but what was exported).
    """

    ref: SourceRef
    start: date
    end: date
    holds: frozenset[str] | None = None


class Unreadable(msgspec.Struct, frozen=True):
    """One item the adapter could not understand: kept raw, counted and shown; the rest goes on."""

    where: str
    why: str
    raw: str
    ref: SourceRef | None = None


class Page(msgspec.Struct, frozen=True):
    """One step of a pull. The engine writes it and `next` in one transaction, or neither.

    `changes` in the source's order; `windows` what the page completes; `unreadable` what goes to quarantine;
    `more` False on the last page of this pull. `at_rest` False while the source may yet ask to be pulled again from
    before this page (CursorInvalid): what was told since the last page at rest is then compared with what is told
    the second time.
    """

    changes: Sequence[Change]
    next: Cursor
    more: bool
    windows: Sequence[Window] = ()
    unreadable: Sequence[Unreadable] = ()
    at_rest: bool = True
