"""Where a life's decisions become movements: one holder's accounts, day by day, with what stands on them."""

import heapq
from datetime import date, datetime, timedelta
from operator import attrgetter
from typing import Final

import msgspec

from caudal_sandbox.economy.accounts import Account, AccountKind
from caudal_sandbox.economy.chance import Chance
from caudal_sandbox.economy.clearing import clear, day_ends_at, instant
from caudal_sandbox.economy.holders import Holder
from caudal_sandbox.economy.merchants import Channel, Merchant
from caudal_sandbox.economy.movements import (
    AccountId,
    Event,
    Foreign,
    Kind,
    Movement,
    MovementId,
    Rail,
    State,
    Trade,
)
from caudal_sandbox.economy.statements import Statement
from caudal_sandbox.economy.wording import words

_HELD_TEXT_LENGTH: Final = 14
_FIRST_CHEQUE: Final = 101


class Standing:
    """What stands on one account while its holder's life is walked through, in minor units.

    `booked`: the booked balance as of the end of yesterday. `committed`: what was paid out and isn't booked yet
    (negative or 0). Money on its way in counts for nothing until it is there. `statement`: a card's last one.
    """

    __slots__ = ("account", "booked", "cheque", "clearing", "committed", "made", "statement")

    def __init__(self, account: Account, clearing: Chance) -> None:
        self.account = account
        self.clearing = clearing
        self.booked = account.opening_minor
        self.committed = 0
        self.made = 0
        self.cheque = _FIRST_CHEQUE
        self.statement: Statement | None = None

    @property
    def spendable(self) -> int:
        """What may still be spent: booked, less what is on its way out, plus the credit line."""
        return self.booked + self.committed + self.account.credit_line_minor


class Deal(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a movement is about beyond its amount. Fields without a word here are those of `Movement`."""

    merchant: Merchant | None = None
    counterparty: str = ""
    held_minor: int | None = None
    """What is shown while pending, where it isn't what will be booked."""
    foreign: Foreign | None = None
    pair: str = ""
    twins: str = ""
    refund_of: MovementId | None = None
    hold_of: MovementId | None = None
    instalment: tuple[int, int] | None = None
    cheque: str = ""
    series: str = ""
    trade: Trade | None = None
    days_more: int = 0
    """Business days that a batch takes beyond the first possible one."""
    unseen: bool = False
    """Never shown as pending."""
    text: str = ""
    """The statement line, where it is given word for word."""
    books_on: date | None = None
    """The very day on which it books, where that isn't left to its way of paying: today at once, else early in the
    morning."""
    expires_on: date | None = None
    """The day on which a hold lapses: it is then never booked."""


_PLAIN: Final = Deal()


class Desk:
    """One holder's accounts on the day `today`. `begin` opens a day, habits `make` movements in it, `close` books
    what is due and tells the day's events in the order in which they happened.

    Keeps nothing but what isn't booked yet: a life of any length takes the same memory.
    """

    def __init__(self, holder: Holder, seed: int) -> None:
        self.holder = holder
        self.country = holder.land
        self.today = date.min
        self.standings: dict[AccountId, Standing] = {
            account.id: Standing(account, Chance(seed, holder.kind, account.id, "clearing"))
            for account in holder.accounts
        }
        self._events: list[Event] = []
        self._unsettled: list[tuple[datetime, int, Movement]] = []
        self._made = 0
        self._pairs = 0

    def begin(self, day: date) -> None:
        """Open the bank's day."""
        self.today = day

    def close(self) -> tuple[list[Event], list[Statement]]:
        """End the day: its events in order of their instants, and the card statements that closed with it."""
        over = day_ends_at(self.country, self.today)
        while self._unsettled and self._unsettled[0][0] < over:
            self._settle(heapq.heappop(self._unsettled)[2])
        events, self._events = self._events, []
        # A stable sort: what happens at one instant stays in the order in which it was made.
        events.sort(key=attrgetter("at"))
        return events, [
            statement for standing in self.standings.values() if (statement := self._statement(standing))
        ]

    def standing(self, kind: AccountKind) -> Standing | None:
        """The holder's first account of that kind."""
        account = self.holder.account(kind)
        return self.standings[account.id] if account else None

    @property
    def checking(self) -> Standing:
        """The account that life runs through; every holder has one."""
        standing = self.standing(AccountKind.CHECKING)
        assert standing is not None  # noqa: S101  every holder is made with one
        return standing

    def make(
        self,
        at: Standing,
        kind: Kind,
        minor: int,
        rail: Rail,
        minute: int,
        *,
        deal: Deal = _PLAIN,
        about: str = "",
    ) -> Movement:
        """One movement of `minor` (signed) at `minute` of today (0-1439). `about`: the words of its statement line,
        where neither its merchant's terminal nor its kind gives them."""
        account, merchant = at.account, deal.merchant
        occurred_at = instant(self.country, self.today, minute, at.clearing.below(60))
        shown, ends_at, booked_on = self._clear(at, rail, occurred_at, minute, deal)
        if deal.text:
            text = deal.text
        elif merchant is not None and kind not in _WORDED:
            text = f"{merchant.descriptor} {merchant.city}".strip().upper()
        else:
            who = about or deal.counterparty or (merchant.name if merchant else "")
            text = words(self.country.language, kind, who, deal.instalment or (0, 0))
        at.made += 1
        movement = Movement(
            id=MovementId(f"{account.id}:{at.made}"),
            account=account.id,
            currency=account.currency,
            kind=kind,
            rail=rail,
            held_minor=minor if deal.held_minor is None else deal.held_minor,
            settled_minor=0 if booked_on is None else minor,
            occurred_at=occurred_at,
            pending_from=shown,
            ends_at=ends_at,
            authorized_on=self.today,
            booked_on=booked_on,
            held_text=text if deal.text or rail is not Rail.CARD else text[:_HELD_TEXT_LENGTH],
            text=text,
            merchant=merchant,
            counterparty=deal.counterparty,
            channel=merchant.channel if merchant else Channel.OTHER,
            foreign=deal.foreign,
            pair=deal.pair,
            twins=deal.twins,
            refund_of=deal.refund_of,
            hold_of=deal.hold_of,
            instalment=deal.instalment,
            cheque=deal.cheque,
            series=deal.series,
            trade=deal.trade,
        )
        if shown is not None:
            self._events.append(Event(shown, State.PENDING, movement))
        at.committed += min(0, movement.held_minor)
        self._made += 1
        heapq.heappush(self._unsettled, (ends_at, self._made, movement))
        return movement

    def payer(self, minor: int, *, by_card: bool) -> Standing | None:
        """The account whose card pays `minor` (positive): the credit card or the debit card of the checking
        account, whichever is preferred and has the money; None where neither has."""
        credit, debit = self.standing(AccountKind.CARD), self.checking
        order = (credit, debit) if by_card else (debit, credit)
        return next((each for each in order if each is not None and each.spendable >= minor), None)

    def pay(self, standing: Standing, kind: Kind, minor: int, minute: int, deal: Deal) -> Movement:
        """Pay `minor` (positive) to the deal's merchant with the card of that account."""
        return self.make(standing, kind, -minor, Rail.CARD, minute, deal=deal)

    def purchase(
        self, kind: Kind, minor: int, minute: int, deal: Deal, *, by_card: bool = True
    ) -> Movement | None:
        """Pay `minor` (positive) to the deal's merchant with the card that can. None where none can: the purchase
        is declined and leaves no trace."""
        standing = self.payer(max(minor, -(deal.held_minor or 0)), by_card=by_card)
        return None if standing is None else self.pay(standing, kind, minor, minute, deal)

    def next_pair(self) -> str:
        """What the two sides of the next movement between own accounts will share."""
        self._pairs += 1
        return f"{self.holder.name}:pair:{self._pairs}"

    def transfer(
        self,
        source: Standing,
        target: Standing,
        minor: int,
        minute: int,
        kind: Kind = Kind.TRANSFER,
        *,
        rail: Rail = Rail.INSTANT,
        days_more: int = 0,
    ) -> tuple[Movement, Movement]:
        """Move `minor` (positive) between two of the holder's accounts: its two sides, which sum to zero.

        On a batch the money is gone from `source` first and arrives `days_more` business days later.
        """
        pair = self.next_pair()
        there, here = target.account, source.account
        out = Deal(pair=pair, counterparty=there.institution.name)
        into = Deal(pair=pair, counterparty=here.institution.name, days_more=days_more)
        arrival = minute if rail is Rail.BATCH else min(minute + 1, 1439)
        return (
            self.make(source, kind, -minor, rail, minute, deal=out, about=f"{there.name} {there.mask}"),
            self.make(target, kind, minor, rail, arrival, deal=into, about=f"{here.name} {here.mask}"),
        )

    def cover(self, minor: int, minute: int) -> bool:
        """Whether the checking account can pay `minor` (positive), bringing what lacks from savings if need be."""
        checking, savings = self.checking, self.standing(AccountKind.SAVINGS)
        lacking = minor - checking.spendable
        if lacking <= 0:
            return True
        if savings is None or savings.spendable < lacking:
            return False
        self.transfer(savings, checking, lacking, max(0, minute - 5))
        return True

    def _clear(
        self, at: Standing, rail: Rail, occurred_at: datetime, minute: int, deal: Deal
    ) -> tuple[datetime | None, datetime, date | None]:
        if deal.expires_on is not None:
            return occurred_at, instant(self.country, deal.expires_on, 3 * 60), None
        if deal.books_on == self.today:
            return None, occurred_at, self.today
        if deal.books_on is not None:
            books_at = instant(self.country, deal.books_on, 5 * 60, at.clearing.below(60))
            return None if deal.unseen else occurred_at, books_at, deal.books_on
        cleared = clear(
            rail, self.country, occurred_at, self.today, minute, days_more=deal.days_more, chance=at.clearing
        )
        return None if deal.unseen else cleared.pending_from, cleared.ends_at, cleared.booked_on

    def _settle(self, movement: Movement) -> None:
        standing = self.standings[movement.account]
        standing.booked += movement.settled_minor
        standing.committed -= min(0, movement.held_minor)
        state = State.EXPIRED if movement.expires else State.BOOKED
        self._events.append(Event(movement.ends_at, state, movement))

    def _statement(self, standing: Standing) -> Statement | None:
        terms = standing.account.card
        if terms is None or terms.close_day != self.today.day:
            return None
        due_on = self.today + timedelta(days=terms.due_days)
        standing.statement = Statement(standing.account.id, self.today, due_on, standing.booked)
        return standing.statement


_WORDED: Final = {Kind.REFUND, Kind.INSTALMENT, Kind.UTILITY, Kind.PHONE}
"""Kinds whose line the bank words even where a merchant is known."""
