"""What is known near the place where a ledger leaves its bank's balances: what its causes are sought among."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from caudal.matching.drift import Step
from caudal.model.money import EXACT

_DAY: Final = timedelta(days=1)


class Movement(msgspec.Struct, frozen=True, kw_only=True):
    """A movement near a step, as the ledger has it. `on`: the day whose balance it is in. `pending`, `gone`: not counted.

    `told`: what its source tells, where that is another amount. `into`: it was taken for this other, on evidence of
    `weight`; `together`: others were taken for it. `doubts`: those it was kept apart from on a doubt. `said`: a person
    said that it is of the other, or took it out.
    """

    id: str
    on: date
    amount: Decimal
    told: Decimal | None = None
    text: str = ""
    pending: bool = False
    gone: bool = False
    into: str = ""
    together: bool = False
    weight: int = 0
    doubts: tuple[str, ...] = ()
    said: bool = False

    @property
    def counted(self) -> bool:
        """Whether the ledger's balance holds it."""
        return not self.pending and not self.gone


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """A person's decision: because of it the ledger holds `held` on day `held_on` where the bank tells `told` on
    `told_on`."""

    id: str
    kind: str
    movement: Movement
    held: Decimal
    held_on: date
    told: Decimal
    told_on: date

    def shifts(self, step: Step) -> Decimal:
        """By how much it lets the bank's movements exceed the ledger's within the step."""
        told = self.told if step.spans(self.told_on) else Decimal(0)
        return EXACT.subtract(told, self.held if step.spans(self.held_on) else Decimal(0))


class Unread(msgspec.Struct, frozen=True):
    """What lies in quarantine, by a run that began at `told_at`. `place`: the file and where in it."""

    place: str
    why: str
    raw: str
    told_at: datetime


class LeftOut(msgspec.Struct, frozen=True):
    """A connection of which a person wants this account only from day `first` on, or (None) not at all."""

    connection: str
    first: date | None


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known near the steps of one account in one currency.

    `movements`: those of a step's amount, its opposite, or half of that. `pending`: all that is. `covered`: days, first
    and last, of which sources told everything; None where not all of them say so.
    """

    movements: Sequence[Movement] = ()
    pending: Sequence[Movement] = ()
    said: Sequence[Said] = ()
    covered: Sequence[tuple[date, date]] | None = None
    unread: Sequence[Unread] = ()
    left_out: Sequence[LeftOut] = ()

    def gaps(self, step: Step) -> list[tuple[date, date]]:
        """The stretches of days within the step, first and last, that no source says it told all of."""
        gaps: list[tuple[date, date]] = []
        if self.covered is None:
            return gaps
        reached = step.after
        for start, end in sorted(self.covered):
            if start > step.on:
                break
            if start > reached + _DAY:
                gaps.append((reached + _DAY, start - _DAY))
            reached = max(reached, end)
        if reached < step.on:
            gaps.append((reached + _DAY, step.on))
        return gaps
