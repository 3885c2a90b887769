"""What is known near the places where an account leaves its told balances, a constant number of statements for all.

Read when a person asks why, never on a page.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

import msgspec

from caudal.matching.causes import SUM_ITEMS_MAX
from caudal.matching.drift import Step
from caudal.matching.facts import Facts, LeftOut, Movement, Said, Unread
from caudal.matching.proof import Anchor
from caudal.model.money import EXACT
from caudal.store.database import Transaction, json_rows

AccountIn = tuple[UUID, str]
"""An account, in one currency."""

_DECISIONS_MAX: Final = 2_000
_UNREAD_MAX: Final = 100
_BEFORE: Final = timedelta(days=14)
_AFTER: Final = timedelta(days=4)
"""A movement is looked for by the days its sources tell, which need not be the day whose balance it is in."""


class _Told(msgspec.Struct, frozen=True):
    account_id: UUID
    currency: str
    as_of: date
    amount: Decimal
    firm: bool
    held_before: Decimal | None
    held_since: Decimal | None
    presumed: bool
    provider: str
    subject: str
    started_at: datetime


class _Near(msgspec.Struct, frozen=True):
    account_id: UUID
    currency: str
    transaction_id: UUID
    on_day: date
    amount: Decimal
    text: str
    told: Decimal | None = None
    pending: bool = True
    gone: bool = False
    into_id: UUID | None = None
    together: bool = False
    weight: int = 0
    said: bool = False
    doubts: list[UUID] = []

    def movement(self) -> Movement:
        return Movement(
            id=str(self.transaction_id),
            on=self.on_day,
            amount=self.amount,
            told=None if self.told == self.amount else self.told,
            text=self.text,
            pending=self.pending,
            gone=self.gone,
            into=str(self.into_id or ""),
            together=self.together,
            weight=self.weight,
            said=self.said,
            doubts=tuple(str(other) for other in self.doubts),
        )


class _Decided(msgspec.Struct, frozen=True):
    account_id: UUID
    currency: str
    decision_id: UUID
    kind: str
    transaction_id: UUID
    on_day: date
    amount: Decimal
    text: str
    gone: bool
    held: Decimal
    held_on: date
    told: Decimal
    told_on: date

    def said(self) -> Said:
        movement = Movement(
            id=str(self.transaction_id),
            on=self.on_day,
            amount=self.amount,
            text=self.text,
            gone=self.gone,
            said=True,
        )
        return Said(
            id=str(self.decision_id),
            kind=self.kind,
            movement=movement,
            held=self.held,
            held_on=self.held_on,
            told=self.told,
            told_on=self.told_on,
        )


class _Covered(msgspec.Struct, frozen=True):
    account_id: UUID
    start_on: date
    end_on: date


class _Teller(msgspec.Struct, frozen=True):
    account_id: UUID
    provider: str
    label: str
    selected: bool
    ended: bool
    history_from: date | None
    covers: bool


class _Unread(msgspec.Struct, frozen=True):
    account_id: UUID
    subject: str
    place: str
    why: str
    raw: str
    told_at: datetime


async def anchors(tx: Transaction, space_id: UUID, accounts: Sequence[UUID]) -> dict[AccountIn, list[Anchor]]:
    """Every booked balance told of these accounts, with who told it."""
    found: dict[AccountIn, list[Anchor]] = defaultdict(list)
    for row in await tx.all("balances_told", _Told, space_id=space_id, accounts=list(accounts)):
        found[row.account_id, row.currency].append(
            Anchor(
                row.as_of,
                row.amount,
                row.firm,
                row.held_before,
                row.held_since,
                row.presumed,
                f"{row.provider} “{row.subject}”",
                row.started_at,
            )
        )
    return found


async def facts(
    tx: Transaction, space_id: UUID, steps: Mapping[AccountIn, Sequence[Step]]
) -> dict[AccountIn, Facts]:
    """What is known near these steps."""
    await tx.run("steer_planner")
    await tx.run("look_up_only")
    accounts = sorted({account_id for account_id, _ in steps})
    movements = await _movements(tx, space_id, steps)
    pending = await _pending(tx, space_id, steps)
    said: dict[AccountIn, list[Said]] = defaultdict(list)
    for row in await tx.all(
        "decided_on", _Decided, space_id=space_id, accounts=accounts, limit=_DECISIONS_MAX
    ):
        said[row.account_id, row.currency].append(row.said())
    covered = await _covered(tx, space_id, accounts)
    tellers = await tx.all("tellers_of", _Teller, space_id=space_id, accounts=accounts)
    unread: dict[UUID, list[Unread]] = defaultdict(list)
    for one in await tx.all("unread_near", _Unread, space_id=space_id, accounts=accounts, limit=_UNREAD_MAX):
        unread[one.account_id].append(Unread(f"{one.subject}, {one.place}", one.why, one.raw, one.told_at))
    return {
        key: Facts(
            movements=movements[key],
            pending=pending[key],
            said=said[key],
            covered=covered[key[0]] if _all_say(tellers, key[0]) else None,
            unread=unread[key[0]],
            left_out=list(_left_out(tellers, key[0])),
        )
        for key in steps
    }


async def _movements(
    tx: Transaction, space_id: UUID, steps: Mapping[AccountIn, Sequence[Step]]
) -> dict[AccountIn, list[Movement]]:
    asked = [
        {
            "account_id": account_id,
            "currency": currency,
            "amount_key": _key(amount),
            "start_on": step.after - _BEFORE,
            "end_on": step.on + _AFTER,
        }
        for (account_id, currency), there in steps.items()
        for step in there
        for amount in (step.by, EXACT.minus(step.by), EXACT.divide(step.by, Decimal(-2)))
    ]
    found: dict[AccountIn, list[Movement]] = defaultdict(list)
    for row in await tx.all("movements_of_amounts", _Near, space_id=space_id, rows=json_rows(asked)):
        found[row.account_id, row.currency].append(row.movement())
    return found


async def _pending(
    tx: Transaction, space_id: UUID, steps: Iterable[AccountIn]
) -> dict[AccountIn, list[Movement]]:
    asked = [{"account_id": account_id, "currency": currency} for account_id, currency in steps]
    rows = await tx.all(
        "newest_pending", _Near, space_id=space_id, rows=json_rows(asked), limit=SUM_ITEMS_MAX
    )
    found: dict[AccountIn, list[Movement]] = defaultdict(list)
    for row in rows:
        found[row.account_id, row.currency].append(row.movement())
    return found


async def _covered(
    tx: Transaction, space_id: UUID, accounts: Sequence[UUID]
) -> dict[UUID, list[tuple[date, date]]]:
    found: dict[UUID, list[tuple[date, date]]] = defaultdict(list)
    for row in await tx.all("days_covered", _Covered, space_id=space_id, accounts=accounts):
        found[row.account_id].append((row.start_on, row.end_on))
    return found


def _all_say(tellers: Iterable[_Teller], account_id: UUID) -> bool:
    """Whether days that no source says it covered are days that none told: some say so, and every live one does."""
    there = [each for each in tellers if each.account_id == account_id]
    live = [each for each in there if each.provider not in ("file", "manual") and not each.ended]
    return any(each.covers for each in there) and all(each.covers for each in live)


def _left_out(tellers: Iterable[_Teller], account_id: UUID) -> Iterable[LeftOut]:
    for each in tellers:
        if each.account_id != account_id or each.ended:
            continue
        if not each.selected:
            yield LeftOut(each.label, None)
        elif each.history_from is not None:
            yield LeftOut(each.label, each.history_from)


def _key(amount: Decimal) -> str:
    """The amount as `observation.amount_key` has it: no zeros at its end, no exponent."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
