"""Does the ledger agree with the balances the bank told? (DESIGN §2.5)

Take the balance told at the end of a day, less everything the ledger holds as booked up to that day. While the
ledger is right this remainder stays the same from one told balance to the next, whatever the account held before
its history begins. Where it changes, exactly the change is missing from the ledger (or doubled in it) since the
last balance that agreed. Nothing is ever adjusted.
"""

import enum
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby, pairwise
from typing import Final

import msgspec

from caudal.model.money import EXACT


class Verdict(enum.StrEnum):
    """What an account's evidence says."""

    PROVEN = "proven"
    OFF = "off"
    NONE = "none"


class Anchor(msgspec.Struct, frozen=True):
    """A booked balance told for the end of day `on`.

    `firm` False: a snapshot of some moment of that day, before, amid or after its bookings; it agrees if one fits, and
    one that disagrees counts only if no later balance shows the ledger right again. Beside a firm balance of the
    same day it says nothing.

    `held_before` and `held_since`: what the ledger held as booked before day `on`, and on it and later, when the
    snapshot was told together with its movements: that is what it counts. Of the days before, the ledger as it is now
    may know more (older history that came later), or the bank may have corrected what it told then: either is right.

    `presumed`: what its source calls the balance, where nobody could verify that booked movements come to it. It proves
    while it agrees, and accuses of nothing; beside others of the account it says nothing.

    `source`, `told_at`: who told it, and when the run began that did. They decide nothing.
    """

    on: date
    amount: Decimal
    firm: bool = True
    held_before: Decimal | None = None
    held_since: Decimal | None = None
    presumed: bool = False
    source: str = ""
    told_at: datetime | None = None


class Proof(msgspec.Struct, frozen=True):
    """The verdict on one account in one currency.

    proven: every told balance agrees, the last at the end of `proven_to`.
    off: since the end of `off_since` the bank's movements exceed the ledger's by `off_by` (negative: the ledger
    lacks a payment out, or holds one in too many). `proven_to` is then the last day that agreed, if any proof was.
    none: fewer than two days with a told balance, or none but presumed ones that disagree, or that agreed too seldom:
    nothing to compare.
    """

    verdict: Verdict
    proven_to: date | None = None
    off_by: Decimal | None = None
    off_since: date | None = None


NO_EVIDENCE: Final = Proof(Verdict.NONE)


class Balance(msgspec.Struct, frozen=True):
    """A told balance beside the ledger.

    `likely`: told less what the ledger holds, if it was told of the moment it names itself; what a disagreement is
    measured by. `moments`: the same for the other moments of its day that a snapshot may have been told of.
    """

    told: Anchor
    likely: tuple[Decimal, ...]
    moments: tuple[Decimal, ...] = ()

    @property
    def remainders(self) -> tuple[Decimal, ...]:
        """All that may be left of it: it agrees with a ledger whose remainder is among them."""
        return (*self.likely, *self.moments)


class Day(msgspec.Struct, frozen=True):
    """A day that balances were told for: several where statements split it, or several sources told."""

    on: date
    balances: tuple[Balance, ...]
    """Those that count: beside a firm one no snapshot does."""
    besides: tuple[Balance, ...]
    """The others."""
    remainders: frozenset[Decimal]
    likely: tuple[Decimal, ...]
    firm: bool


PRESUMED_MOVES_MIN: Final = 3
"""So often a presumed balance must have moved, and the ledger with it, from one agreeing day to the next, before it
proves anything: that chance alone makes three sums come out to the cent is not worth a thought."""


def prove(anchors: Iterable[Anchor], sums: Sequence[tuple[date, Decimal]]) -> Proof:
    """Compare told balances with the ledger.

    `sums`: (day, signed sum of the ledger's booked transactions on it), in ascending order of days.
    """
    counting, presumed = evidence_of(anchors)
    days = days_of(counting, sums)
    proof = _compared(days)
    if presumed and (proof.verdict is not Verdict.PROVEN or _moves(days) < PRESUMED_MOVES_MIN):
        return NO_EVIDENCE
    return proof


def evidence_of(anchors: Iterable[Anchor]) -> tuple[list[Anchor], bool]:
    """Those that count: presumed ones only where there are no others; and whether it is they."""
    told = list(anchors)
    known = [anchor for anchor in told if not anchor.presumed]
    return known or told, not known


def _moves(days: Sequence[Day]) -> int:
    """From how many agreeing days to the next the told balance moved, and so the ledger."""
    base = base_of(days)
    told = [
        next(balance.told.amount for balance in day.balances if base in balance.remainders)
        for day in days
        if base in day.remainders
    ]
    return sum(one != other for one, other in pairwise(told))


def _compared(days: Sequence[Day]) -> Proof:
    if len(days) < 2:
        return NO_EVIDENCE
    base = base_of(days)
    agreed = days[0].on
    doubt: Day | None = None
    for day in days:
        if base not in day.remainders:
            if doubt is None or not doubt.firm:
                doubt = day
        elif doubt is None or not doubt.firm:
            agreed, doubt = day.on, None
    if doubt is None:
        return Proof(Verdict.PROVEN, proven_to=agreed)
    doubtful = [day for day in days if base not in day.remainders and day.on >= doubt.on]
    last = max(doubtful, key=lambda day: (day.firm, day.on))
    off_by = min((EXACT.subtract(likely, base) for likely in last.likely), key=abs)
    return Proof(
        Verdict.OFF, proven_to=agreed if agreed > days[0].on else None, off_by=off_by, off_since=agreed
    )


def days_of(anchors: Iterable[Anchor], sums: Sequence[tuple[date, Decimal]]) -> list[Day]:
    """The days that balances were told for, in their order, each beside what the ledger holds up to its end."""
    days: list[Day] = []
    held = Decimal(0)
    place = 0
    for on, told in groupby(sorted(anchors, key=lambda anchor: anchor.on), key=lambda anchor: anchor.on):
        before = held
        while place < len(sums) and sums[place][0] <= on:
            before = held if sums[place][0] == on else EXACT.add(held, sums[place][1])
            held = EXACT.add(held, sums[place][1])
            place += 1
        days.append(_day(on, list(told), before, held))
    return days


def _day(on: date, told: Sequence[Anchor], before: Decimal, held: Decimal) -> Day:
    balances = [_balance(anchor, before, held) for anchor in told]
    firm = [balance for balance in balances if balance.told.firm]
    counting = firm or balances
    return Day(
        on,
        tuple(counting),
        tuple(balance for balance in balances if not balance.told.firm) if firm else (),
        frozenset(remainder for balance in counting for remainder in balance.remainders),
        tuple(remainder for balance in counting for remainder in balance.likely),
        firm=bool(firm),
    )


def _balance(told: Anchor, before: Decimal, held: Decimal) -> Balance:
    """A snapshot may have been taken before the day's bookings, or after them."""
    moments = () if told.firm else (EXACT.subtract(told.amount, before), EXACT.subtract(told.amount, held))
    return Balance(told, tuple(_remainders_of(told, before, held)), moments)


def _remainders_of(told: Anchor, before: Decimal, held: Decimal) -> Iterator[Decimal]:
    """A told balance less what it counts: the whole day; or, of a snapshot, what it was told together with, beside
    the days before as the ledger now knows them, or as it knew them then."""
    if told.firm or told.held_since is None:
        yield EXACT.subtract(told.amount, held)
        return
    yield EXACT.subtract(told.amount, EXACT.add(before, told.held_since))
    if told.held_before is not None:
        yield EXACT.subtract(told.amount, EXACT.add(told.held_before, told.held_since))


def base_of(days: Sequence[Day]) -> Decimal:
    """The first day's remainder. Where that day has several: the one that most later days agree with; of equals a
    likely one; of those the one that leaves least unexplained in the end."""
    first, last = days[0], days[-1]

    def weight(remainder: Decimal) -> tuple[int, bool, Decimal]:
        agreed = sum(remainder in day.remainders for day in days)
        unexplained = min(abs(EXACT.subtract(likely, remainder)) for likely in last.likely)
        return agreed, remainder in first.likely, -unexplained

    return max(sorted(first.remainders), key=weight)
