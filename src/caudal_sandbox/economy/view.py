"""One account as its bank shows it at one instant."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal

import msgspec

from caudal_sandbox.economy.accounts import Account, AccountKind
from caudal_sandbox.economy.clearing import day_ends_at
from caudal_sandbox.economy.history import AccountHistory, Chronicle, days_told
from caudal_sandbox.economy.markets import Market, Security
from caudal_sandbox.economy.movements import Event, Movement, MovementId, State, money
from caudal_sandbox.economy.statements import Statement


class Sighting(msgspec.Struct, frozen=True, gc=False):
    """A movement as it stands at the instant it was looked at. `since`: the instant at which it came to stand so."""

    movement: Movement
    state: State
    since: datetime

    @property
    def record(self) -> str:
        """An id of its own for the pending and for the booked record, as most banks have it."""
        return f"{self.movement.id}:{'booked' if self.state is State.BOOKED else 'pending'}"

    @property
    def amount(self) -> Decimal:
        """What the bank shows: as held until it is booked, then as settled."""
        return self.movement.amount(self.state)

    @property
    def on(self) -> date:
        """The day the bank shows: of booking, or while pending of authorisation."""
        booked_on = self.movement.booked_on
        return booked_on if self.state is State.BOOKED and booked_on else self.movement.authorized_on

    @property
    def text(self) -> str:
        """The bank's wording in this state."""
        return self.movement.text if self.state is State.BOOKED else self.movement.held_text


class Position(msgspec.Struct, frozen=True):
    """A holding: `quantity_e4` ten-thousandths of a unit, which cost `cost_minor` in all (average cost) and are worth
    `value_minor` at `price_minor` a unit, the last close.
    """

    security: Security
    quantity_e4: int
    cost_minor: int
    price_minor: int
    value_minor: int
    priced_on: date

    @property
    def quantity(self) -> Decimal:
        """Units held."""
        return Decimal(self.quantity_e4).scaleb(-4)

    @property
    def value(self) -> Decimal:
        """Worth in the security's currency."""
        return money(self.value_minor)

    @property
    def cost(self) -> Decimal:
        """What all of it cost."""
        return money(self.cost_minor)

    @property
    def price(self) -> Decimal:
        """The last close of one unit."""
        return money(self.price_minor)


class AccountView:
    """An account to look at. `as_of` is an aware instant everywhere, and the world's now where it is left out; an
    instant after now can't be looked at (ValueError).
    """

    def __init__(
        self,
        history: AccountHistory,
        chronicle: Chronicle,
        market: Market,
        begins: date,
        moment: Callable[[datetime | None], datetime],
    ) -> None:
        self._history = history
        self._chronicle = chronicle
        self._market = market
        self._begins = begins
        self._moment = moment

    @property
    def terms(self) -> Account:
        """What was agreed with the bank."""
        return self._history.account

    def movements(self, as_of: datetime | None = None) -> list[Sighting]:
        """Everything the bank has ever shown by then, expired holds included, in the order of first appearance."""
        seen: dict[MovementId, Sighting] = {}
        for event in self.events(until=as_of):
            seen[event.movement.id] = Sighting(event.movement, event.state, event.at)
        return list(seen.values())

    def events(self, after: datetime | None = None, until: datetime | None = None) -> Sequence[Event]:
        """What changed after the instant `after` (None: ever) up to and including `until`, in order."""
        return self._history.events(after, self._reached(until))

    def booked(self, as_of: datetime | None = None) -> Decimal:
        """The booked balance: opening and every booked movement. On a broker's account, the cash."""
        return money(self._history.booked_minor(self._reached(as_of)))

    def pending(self, as_of: datetime | None = None) -> Decimal:
        """The sum of what shows as pending."""
        return money(self._history.pending_minor(self._reached(as_of)))

    def available(self, as_of: datetime | None = None) -> Decimal:
        """What may be spent: booked and pending, plus the limit of a card. Meaningless for a loan, where it is the
        balance."""
        at = self._reached(as_of)
        history = self._history
        return money(history.booked_minor(at) + history.pending_minor(at) + self.terms.credit_line_minor)

    def daily_balances(self, as_of: datetime | None = None) -> Iterator[tuple[date, Decimal]]:
        """The booked balance at the end of each day that is over at the bank, as it stood then: what was dated back
        to a day later on counts from the instant at which it was booked.
        """
        at = self._reached(as_of)
        land = self.terms.institution.land
        for day in days_told(self._chronicle.holder, self._begins, at):
            # The day's last instant is just before its end: what books at midnight sharp is the next day's.
            yield day, money(self._history.booked_minor(day_ends_at(land, day) - datetime.resolution))

    def statements(self, as_of: datetime | None = None) -> list[Statement]:
        """A card's statements closed by then, oldest first; none for another account."""
        at = self._reached(as_of)
        land = self.terms.institution.land
        return [each for each in self._history.statements if day_ends_at(land, each.closed_on) <= at]

    def positions(self, as_of: datetime | None = None) -> list[Position]:
        """What a broker's account holds, by symbol; none for another account."""
        if self.terms.kind is not AccountKind.BROKERAGE:
            return []
        at = self._reached(as_of)
        held: dict[str, tuple[int, int]] = {}
        for event in self._history.events(None, at):
            trade = event.movement.trade
            if trade is None or event.state is not State.BOOKED:
                continue
            quantity, cost = held.get(trade.symbol, (0, 0))
            if event.was is not None:
                held[trade.symbol] = (quantity, cost + _dearer(event.was, event.movement))
                continue
            if trade.quantity_e4 > 0:
                cost -= event.movement.settled_minor
            elif quantity:
                cost += cost * trade.quantity_e4 // quantity
            held[trade.symbol] = (quantity + trade.quantity_e4, cost)
        # Prices are closes: today's isn't known before the day is over.
        priced_on = max(self._begins, date.fromordinal(self._local_day(at).toordinal() - 1))
        return [
            self._position(symbol, *held[symbol], priced_on) for symbol in sorted(held) if held[symbol][0]
        ]

    def value(self, as_of: datetime | None = None) -> Decimal:
        """The booked balance and what the positions are worth."""
        return self.booked(as_of) + sum((each.value for each in self.positions(as_of)), Decimal(0))

    def _position(self, symbol: str, quantity_e4: int, cost_minor: int, priced_on: date) -> Position:
        price = self._market.price_minor(symbol, priced_on)
        value = (quantity_e4 * price + 5_000) // 10_000
        return Position(self._market.security(symbol), quantity_e4, cost_minor, price, value, priced_on)

    def _local_day(self, at: datetime) -> date:
        return at.astimezone(self.terms.institution.land.zone).date()

    def _reached(self, as_of: datetime | None) -> datetime:
        at = self._moment(as_of)
        self._chronicle.reach(at)
        return at


def _dearer(was: Movement, movement: Movement) -> int:
    """By how much more a purchase cost when its amount was changed; a sale or a dividend changes no cost."""
    bought = movement.trade is not None and movement.trade.quantity_e4 > 0
    return was.settled_minor - movement.settled_minor if bought else 0
