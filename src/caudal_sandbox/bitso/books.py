"""A customer's books at the exchange: what was paid in and out and traded, and what stands when."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Literal

import msgspec

from caudal_sandbox.truth import MovementTruth

UNIT: Final = Decimal("1e-8")
"""What the exchange counts in, pesos too."""
COMPENSATES_AFTER: Final = timedelta(minutes=1)
_ZERO: Final = Decimal(0)

Operation = Literal["trade", "fee", "funding", "withdrawal"]


class Trade(msgspec.Struct, frozen=True):
    """One fill of an order. `major`, `minor`: signed; `fee`: what is taken of what came in, positive."""

    tid: int
    oid: str
    at: datetime
    major_currency: str
    minor_currency: str
    major: Decimal
    minor: Decimal
    price: Decimal
    fee: Decimal = _ZERO

    @property
    def book(self) -> str:
        """Such as ``btc_mxn``."""
        return f"{self.major_currency}_{self.minor_currency}"

    @property
    def fee_currency(self) -> str:
        """What came in."""
        return self.major_currency if self.major > 0 else self.minor_currency


class Transfer(msgspec.Struct, frozen=True):
    """Money in (`inward`) or out. `amount`: positive; of a withdrawal with its `fee` in it. Ends at `ends_at`: complete
    or failed. `compensated`: what failed had left already, and comes back as a funding. `method`: the exchange's word."""

    ident: str
    inward: bool
    currency: str
    amount: Decimal
    at: datetime
    ends_at: datetime
    method: str
    details: dict[str, str]
    fee: Decimal = _ZERO
    fails: bool = False
    compensated: bool = False

    def status(self, now: datetime) -> str:
        """The exchange's word for how it stands."""
        if now >= self.ends_at:
            return "failed" if self.fails else "complete"
        if now < self.at + (self.ends_at - self.at) / 2:
            return "pending"
        return "in_progress" if self.inward else "processing"

    def counts(self, now: datetime) -> bool:
        """Whether it has moved the balance for good."""
        return now >= self.ends_at and (not self.fails or self.compensated)


class Entry(msgspec.Struct, frozen=True):
    """A line of the exchange's ledger."""

    at: datetime
    operation: Operation
    updates: tuple[tuple[str, Decimal], ...]
    of: Trade | Transfer


class Books:
    """Everything of one customer, in the order in which it was begun."""

    def __init__(self, client_id: str) -> None:
        self.client_id = client_id
        self.trades: list[Trade] = []
        self.transfers: list[Transfer] = []

    def account(self, currency: str) -> str:
        """How the account in that currency is called (contract §6: one for each)."""
        return f"bitso:{self.client_id}:{currency}"

    def of(self, now: datetime, *, inward: bool) -> list[Transfer]:
        """Fundings or withdrawals that are there by `now`, in the order of their beginning."""
        found = [each for each in self.transfers if each.inward == inward and each.at <= now]
        return sorted(found, key=lambda each: (each.at, each.ident))

    def traded(self, now: datetime) -> list[Trade]:
        """Fills by `now`, in their order."""
        return [each for each in self.trades if each.at <= now]

    def entries(self, now: datetime) -> list[Entry]:
        """The ledger by `now`, in the order of time; a fee follows what it was for."""
        found = [entry for trade in self.traded(now) for entry in _of_trade(trade)]
        found += [entry for each in self.transfers if each.counts(now) for entry in _of_transfer(each)]
        return sorted(found, key=lambda entry: entry.at)

    def currencies(self, now: datetime) -> list[str]:
        """All that was ever moved, or will have been."""
        moved = {each.currency for each in self.transfers if each.at <= now}
        for trade in self.traded(now):
            moved |= {trade.major_currency, trade.minor_currency}
        return sorted(moved)

    def booked(self, now: datetime) -> dict[str, Decimal]:
        """What the ledger comes to, by currency."""
        sums: dict[str, Decimal] = {}
        for entry in self.entries(now):
            for currency, amount in entry.updates:
                sums[currency] = sums.get(currency, _ZERO) + amount
        return sums

    def pending(self, now: datetime, *, inward: bool) -> dict[str, Decimal]:
        """What is on its way, by currency."""
        sums: dict[str, Decimal] = {}
        for each in self.of(now, inward=inward):
            if now < each.ends_at:
                sums[each.currency] = sums.get(each.currency, _ZERO) + each.amount
        return sums

    def truth(self, now: datetime) -> Iterator[MovementTruth]:
        """What happened on the accounts, movement by movement."""
        for trade in self.traded(now):
            for entry in _of_trade(trade):
                for currency, amount in entry.updates:
                    yield self._told(entry, currency, amount, "booked")
        for each in self.transfers:
            if each.at <= now:
                yield from self._transfer_truth(each, now)

    def _transfer_truth(self, each: Transfer, now: datetime) -> Iterable[MovementTruth]:
        if each.counts(now):
            return [self._told(entry, *entry.updates[0], "booked") for entry in _of_transfer(each)]
        amount = each.amount if each.inward else -each.amount
        whole = Entry(each.at, "funding" if each.inward else "withdrawal", ((each.currency, amount),), each)
        return [self._told(whole, each.currency, amount, "pending" if now < each.ends_at else "expired")]

    def _told(self, entry: Entry, currency: str, amount: Decimal, state: str) -> MovementTruth:
        of = entry.of
        ident = f"trade:{of.tid}" if isinstance(of, Trade) else f"{entry.operation}:{of.ident}"
        day = of.at.date()
        return MovementTruth(
            id=f"{ident}:{entry.operation}:{currency}",
            account=self.account(currency),
            currency=currency.upper(),
            amount=f"{amount:f}",
            state=state,
            kind=entry.operation,
            rail="exchange",
            authorized_on=day,
            booked_on=day if state == "booked" else None,
            occurred_at=of.at,
            seen_at=of.at,
            ended_at=entry.at if state != "pending" else None,
            text=of.book if isinstance(of, Trade) else of.method,
        )


def _of_trade(trade: Trade) -> Iterator[Entry]:
    legs = ((trade.major_currency, trade.major), (trade.minor_currency, trade.minor))
    yield Entry(trade.at, "trade", legs, trade)
    if trade.fee:
        yield Entry(trade.at, "fee", ((trade.fee_currency, -trade.fee),), trade)


def _of_transfer(each: Transfer) -> Iterator[Entry]:
    if each.inward:
        yield Entry(each.ends_at, "funding", ((each.currency, each.amount),), each)
        return
    fee = _ZERO if each.fails else each.fee
    yield Entry(each.ends_at, "withdrawal", ((each.currency, fee - each.amount),), each)
    if fee:
        yield Entry(each.ends_at, "fee", ((each.currency, -fee),), each)
