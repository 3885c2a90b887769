"""The proof at length: of accounts that are off, where that begins and what is likely behind it; of one account, the
course of all its told balances."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Final
from uuid import UUID

import msgspec

from caudal.hub.installation import Installation
from caudal.matching.drift import Course, Reading, Step, trace
from caudal.matching.explaining import Explained, explain, looked_at
from caudal.store import ledger, near
from caudal.store.database import Transaction
from caudal.store.ledger import ProofRow
from caudal.store.near import AccountIn
from caudal.store.spaces import Space

EXPLAINED_MAX: Final = 50
"""Accounts explained at once; those beyond are asked for one by one."""


class AccountProof(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on an account in one currency, and what it rests on.

    `begins`: the last balance that agreed beside the first that didn't; None where it isn't off, or `explained` is False:
    there were too many. `steps`: each change of the difference, the newest last, with its likely causes; `steps_before`
    are older and left out. `readings`: told balances beside the ledger, the newest last, where one account was asked for;
    `readings_before` are older and left out.
    """

    row: ProofRow
    explained: bool = True
    begins: Step | None = None
    steps: tuple[Explained, ...] = ()
    steps_before: int = 0
    readings: tuple[Reading, ...] = ()
    readings_before: int = 0


async def proofs(
    installation: Installation, space: Space, account_id: UUID | None, readings_max: int
) -> list[AccountProof]:
    """The verdict on every account, or on one, which is then told with its last `readings_max` balances."""
    async with installation.store.transaction(space.space_id) as tx:
        rows = await ledger.proofs(tx, space.space_id, None if account_id is None else [account_id])
        off = [row for row in rows if row.verdict == "off"]
        asked = off[:EXPLAINED_MAX] if account_id is None else rows
        courses = await _courses(tx, space.space_id, asked)
        steps = {key: found for key, course in courses.items() if (found := looked_at(course))}
        facts = await near.facts(tx, space.space_id, steps) if steps else {}
    told: list[AccountProof] = []
    for row in rows:
        course = courses.get((row.account_id, row.currency))
        if course is None:
            told.append(AccountProof(row=row, explained=row.verdict != "off"))
            continue
        explained = explain(course, facts[row.account_id, row.currency]) if course.steps else ()
        readings = course.readings[-readings_max:] if account_id is not None else ()
        told.append(
            AccountProof(
                row=row,
                begins=course.steps[0] if course.steps else None,
                steps=explained,
                steps_before=len(course.steps) - len(explained),
                readings=readings,
                readings_before=len(course.readings) - len(readings) if account_id is not None else 0,
            )
        )
    return told


async def _courses(tx: Transaction, space_id: UUID, rows: Sequence[ProofRow]) -> dict[AccountIn, Course]:
    if not rows:
        return {}
    accounts = sorted({row.account_id for row in rows})
    anchors = await near.anchors(tx, space_id, accounts)
    sums: dict[AccountIn, list[tuple[date, Decimal]]] = defaultdict(list)
    for held in await ledger.daily_sums(tx, space_id, accounts):
        sums[held.account_id, held.currency].append((held.day, held.amount))
    return {key: trace(anchors[key], sums[key]) for key in ((row.account_id, row.currency) for row in rows)}
