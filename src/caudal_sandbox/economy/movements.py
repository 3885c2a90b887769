"""The nouns of what happens: a movement, the life it leads at its bank, and the events of that life."""

import enum
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final, NewType

import msgspec

from caudal_sandbox.economy.merchants import Channel, Merchant

AccountId = NewType("AccountId", str)
MovementId = NewType("MovementId", str)

EXPONENT: Final = -2
"""Every currency of this world (USD, GBP, BRL, MXN) has two decimal places."""

NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
"""When a movement ends that nobody has settled or released yet. Not `datetime.max`, which no zone east can hold."""


def money(minor: int) -> Decimal:
    """Minor units as the exact amount: ``-1250`` → ``Decimal("-12.50")``."""
    return Decimal(minor).scaleb(EXPONENT)


class Kind(enum.StrEnum):
    """What a movement is about."""

    SALARY = "salary"
    SALARY_ADVANCE = "salary_advance"
    RENT = "rent"
    UTILITY = "utility"
    PHONE = "phone"
    GROCERIES = "groceries"
    COFFEE = "coffee"
    TRANSIT = "transit"
    FUEL = "fuel"
    RESTAURANT = "restaurant"
    SHOPPING = "shopping"
    HOTEL = "hotel"
    SUBSCRIPTION = "subscription"
    FOREIGN_PURCHASE = "foreign_purchase"
    REFUND = "refund"
    INSTALMENT = "instalment"
    HOLD = "hold"
    """An authorisation that never books: it expires, and what was bought books under a movement of its own."""
    FRIENDS = "friends"
    """Between people who know each other, at once."""
    TRANSFER = "transfer"
    """Between two accounts of one holder."""
    CARD_PAYMENT = "card_payment"
    LOAN_PAYMENT = "loan_payment"
    INTEREST = "interest"
    FEE = "fee"
    CASH = "cash"
    CHEQUE = "cheque"
    BUY = "buy"
    SELL = "sell"
    DIVIDEND = "dividend"
    TAKINGS = "takings"
    """A firm's card terminal pays out a day's sales."""
    INVOICE = "invoice"
    PAYROLL = "payroll"
    SUPPLIES = "supplies"
    TAX = "tax"


class State(enum.StrEnum):
    """Where a movement stands at one instant. `NOT_YET`: its bank doesn't show it."""

    NOT_YET = "not_yet"
    PENDING = "pending"
    BOOKED = "booked"
    EXPIRED = "expired"


class Rail(enum.StrEnum):
    """How it was paid, which decides when it books."""

    CARD = "card"
    INSTANT = "instant"
    """PIX, SPEI, Faster Payments, and any transfer inside one bank: booked at once, on any day."""
    BATCH = "batch"
    """ACH, Bacs, TED, direct debits: booked by the bank's batch of a business day."""
    WIRE = "wire"
    CASH_MACHINE = "cash_machine"
    CHEQUE = "cheque"
    MARKET = "market"
    BANK = "bank"
    """The bank's own doing: interest, fees."""


class Trade(msgspec.Struct, frozen=True, gc=False):
    """What a brokerage movement did to a position.

    `quantity_e4`: units bought (positive) or sold (negative), in ten-thousandths; 0 for a dividend.
    `price_minor`: the price of one unit, in the minor unit of the account's currency.
    """

    symbol: str
    quantity_e4: int
    price_minor: int

    @property
    def quantity(self) -> Decimal:
        """Units, signed like the position's change."""
        return Decimal(self.quantity_e4).scaleb(-4)

    @property
    def price(self) -> Decimal:
        """Price of one unit in the account's currency."""
        return money(self.price_minor)


class Foreign(msgspec.Struct, frozen=True, gc=False):
    """What the shop charged in its own currency, signed like the movement."""

    minor: int
    currency: str

    @property
    def amount(self) -> Decimal:
        """The exact amount in `currency`."""
        return money(self.minor)


class Movement(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One real movement on one account, with its whole life, told once. What is visible of it depends on when
    one looks (`state`, `amount`).

    Sign: positive = into the account, negative = out of it, for every kind of account (a card purchase is
    negative, a payment to the card positive).
    `held_minor` is what the bank shows while it is pending, `settled_minor` what it books (0 where it expires).
    `pending_from`: since when it shows as pending; None where it is first seen booked.
    `ends_at`: when it books or expires. `booked_on` is that instant's day by the bank's calendar, None where it
    expires. `authorized_on`: the day on which the holder did it, by the same calendar.

    What a deed made is told as far as it went: `ends_at` is `NEVER` while it is open, and each later event carries a
    new version under the same id. Only a deed's `booked_on` may lie before the day of `ends_at`: it is back-dated.
    """

    id: MovementId
    account: AccountId
    currency: str
    kind: Kind
    rail: Rail
    held_minor: int
    settled_minor: int
    occurred_at: datetime
    pending_from: datetime | None
    ends_at: datetime
    authorized_on: date
    booked_on: date | None
    held_text: str
    """The bank's wording while pending; often shorter than `text`, the wording once booked."""
    text: str
    merchant: Merchant | None = None
    counterparty: str = ""
    """Who is on the other side where it is no merchant: an employer, a landlord, the holder's other bank."""
    channel: Channel = Channel.OTHER
    foreign: Foreign | None = None
    pair: str = ""
    """Shared by the two sides of one movement between own accounts."""
    twins: str = ""
    """Shared by movements that look exactly alike on the same day and yet are several."""
    refund_of: MovementId | None = None
    hold_of: MovementId | None = None
    """The hold (a movement that expires) which announced this purchase."""
    instalment: tuple[int, int] | None = None
    """(n, m): the n-th of m."""
    cheque: str = ""
    series: str = ""
    """Shared by what recurs by agreement: a salary, a rent, one subscription."""
    trade: Trade | None = None

    @property
    def expires(self) -> bool:
        """Whether it ends without ever being booked."""
        return self.booked_on is None and self.ends_at != NEVER

    def state(self, at: datetime) -> State:
        """Where it stands at the instant `at` (aware)."""
        if at >= self.ends_at:
            return State.EXPIRED if self.booked_on is None else State.BOOKED
        if self.pending_from is not None and at >= self.pending_from:
            return State.PENDING
        return State.NOT_YET

    def amount(self, state: State) -> Decimal:
        """What the bank shows in that state: as held while pending or expired, as settled once booked."""
        return money(self.settled_minor if state is State.BOOKED else self.held_minor)


class Event(msgspec.Struct, frozen=True, gc=False):
    """At the instant `at`, `movement` came to be in `state`. An account's history is the list of these.

    `was`: the version that stood in the same `state` before, where the bank changed the amount of what it had shown
    already; None where the state itself is new.
    """

    at: datetime
    state: State
    movement: Movement
    was: Movement | None = None
