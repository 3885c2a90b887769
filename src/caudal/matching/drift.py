"""Where a ledger leaves the bank's balances: the course of all that were told beside it, and each step between them.

It says the same as the verdict (`proof.py`), at length. What the account held before its history is taken from the first
told day, so that both sides can be read as balances.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal

import msgspec

from caudal.matching.proof import Anchor, Balance, Day, base_of, days_of, evidence_of
from caudal.model.money import EXACT


class Reading(msgspec.Struct, frozen=True):
    """A balance told for the end of day `on`, and what the ledger holds for it; `difference` is told less ledger.

    `counts` False: it decides nothing. Another balance of its day stands for the day, or it is a snapshot (not `firm`)
    and a later balance shows the ledger as it was before. `source`, `told_at`: as told (`proof.Anchor`).
    """

    on: date
    told: Decimal
    ledger: Decimal
    difference: Decimal
    firm: bool
    counts: bool
    source: str
    told_at: datetime | None


class Step(msgspec.Struct, frozen=True):
    """Between the ends of the days of two told balances the bank's movements exceed the ledger's by `by` (negative: the
    ledger lacks a payment out, or holds one in too many)."""

    before: Reading
    at: Reading
    by: Decimal

    @property
    def after(self) -> date:
        """The day it begins after."""
        return self.before.on

    @property
    def on(self) -> date:
        """The first day it shows at the end of."""
        return self.at.on

    def spans(self, day: date) -> bool:
        """Whether the day lies between the two balances, so that its movements are in the later one alone."""
        return self.after < day <= self.on


class Course(msgspec.Struct, frozen=True):
    """All told balances in the order of their days, and where the difference changes. Without a step the ledger is
    proven, or there is nothing to compare; the first begins where the verdict says that it has been off since."""

    readings: tuple[Reading, ...] = ()
    steps: tuple[Step, ...] = ()


def trace(anchors: Iterable[Anchor], sums: Sequence[tuple[date, Decimal]]) -> Course:
    """Lay told balances beside the ledger. `sums` as `proof.prove` takes them. Presumed ones are read, and no step is
    made of them: they accuse of nothing."""
    counting, presumed = evidence_of(anchors)
    days = days_of(counting, sums)
    if not days:
        return Course()
    base = base_of(days)
    last = {EXACT.subtract(remainder, base): place
            for place, day in enumerate(days) for remainder in day.remainders}  # fmt: skip
    readings: list[Reading] = []
    steps: list[Step] = []
    level = Decimal(0)
    before: Reading | None = None
    for place, day in enumerate(days):
        reached = _level(day, base, level, as_before_later=last.get(level, -1) > place)
        told = _readings(day, base, level if reached is None else reached, counted=reached is not None)
        readings += told
        if reached is None:
            continue
        at = next(reading for reading in told if reading.counts)
        if before is not None and reached != level:
            steps.append(Step(before, at, EXACT.subtract(reached, level)))
        before, level = at, reached
    return Course(tuple(readings), () if presumed else tuple(steps))


def _level(day: Day, base: Decimal, level: Decimal, *, as_before_later: bool) -> Decimal | None:
    """By how much the ledger is off at the end of the day; None where nothing can be said: a snapshot that disagrees
    while a later balance shows that nothing changed."""
    if EXACT.add(base, level) in day.remainders:
        return level
    if not day.firm and as_before_later:
        return None
    if base in day.remainders:
        return Decimal(0)
    return _nearest(day.likely, base)


def _readings(day: Day, base: Decimal, level: Decimal, *, counted: bool) -> list[Reading]:
    counting = [_reading(balance, base, level, counted=counted) for balance in day.balances]
    return [*counting, *(_reading(balance, base, level, counted=False) for balance in day.besides)]


def _reading(balance: Balance, base: Decimal, level: Decimal, *, counted: bool) -> Reading:
    fits = EXACT.add(base, level) in balance.remainders
    difference = level if fits else _nearest(balance.likely, base)
    told = balance.told
    ledger = EXACT.subtract(told.amount, difference)
    return Reading(
        told.on, told.amount, ledger, difference, told.firm, counted and fits, told.source, told.told_at
    )


def _nearest(likely: Sequence[Decimal], base: Decimal) -> Decimal:
    return min((EXACT.subtract(remainder, base) for remainder in likely), key=abs)
