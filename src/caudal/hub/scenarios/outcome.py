"""What the ledger holds after a story, as one line of JSON says it."""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Final

import msgspec

from caudal.model.money import EXACT
from caudal.store.ledger import ProofRow
from caudal.store.matching import Movement, Question
from caudal.store.transfers import TransferRow

STALE_DAYS: Final = 14
"""A pending one older than this is hidden: what is authorised and not booked by then mostly never is."""


class Outcome(msgspec.Struct, kw_only=True):
    """Everything a judge may ask of a case."""

    id: str
    ledger: list[dict[str, Any]]
    ledger_count: int
    ledger_count_visible: int
    suggestions: list[dict[str, Any]]
    transfers: list[dict[str, Any]]
    conflicts: list[dict[str, Any]]
    quarantined: int
    drift: dict[str, str | None]
    alerts: list[str]
    changes_in_last_step: int
    added: int
    user_edits_kept: bool
    confidence_recorded: bool
    reversible: bool = True
    error: str | None = None


def outcome(
    case: str,
    movements: Sequence[Movement],
    questions: Sequence[Question],
    *,
    transfers: Sequence[TransferRow],
    proofs: Sequence[ProofRow],
    quarantined: int,
    counted: tuple[int, int],
    error: str | None,
    today: date,
) -> Outcome:
    """The outcome of a case whose ledger is `movements` and whose today is `today`. `counted`: transactions that its last
    step changed, and those of them it added."""
    names = _names(movements)
    rows = [_row(each, names[str(each.transaction_id)], today) for each in movements]
    present = [row for row in rows if not row["deleted"] and not row["removed"]]
    drift = {proof.account: _drift(proof) for proof in proofs}
    return Outcome(
        id=case,
        ledger=rows,
        ledger_count=len(present),
        ledger_count_visible=sum(not row["stale_pending"] for row in present),
        suggestions=[
            {
                "keep": names.get(str(each.one_id), str(each.one_id)),
                "drop": names.get(str(each.other_id), str(each.other_id)),
                "why": each.rule,
                "weight": each.weight,
            }
            for each in questions
        ],
        transfers=[
            {
                "out": names[str(each.out_id)],
                "in": names[str(each.into_id)],
                "kind": each.kind,
                "day_gap": each.day_gap,
            }
            for each in transfers
        ],
        conflicts=[
            {"transaction": names[str(each.transaction_id)], "field": field, **sides}
            for each in movements
            for field, sides in json.loads(each.conflict).items()
        ],
        drift=drift,
        alerts=["missing_transactions" for off in drift.values() if off is not None],
        user_edits_kept=all(row["deleted"] or not row["removed"] for row in rows if row["edited"]),
        confidence_recorded=any(each.weight is not None for each in movements),
        quarantined=quarantined,
        changes_in_last_step=counted[0],
        added=counted[1],
        error=error,
    )


def _names(movements: Sequence[Movement]) -> dict[str, str]:
    """What a case calls a movement: its first id, where no other has it; else ours."""
    first = {str(each.transaction_id): each.ids[0] for each in movements}
    uses = Counter(first.values())
    return {ours: theirs if uses[theirs] == 1 else ours for ours, theirs in first.items()}


def _row(movement: Movement, name: str, today: date) -> dict[str, Any]:
    ids = list(dict.fromkeys(movement.ids))
    told = zip(movement.ids, movement.sources, strict=True)
    banks = {id_ for id_, source in told if source != "manual"}
    pending = movement.status == "pending"
    split = json.loads(movement.split)
    remainder = movement.amount
    for part in split:
        remainder = EXACT.subtract(remainder, EXACT.create_decimal(part))
    return {
        "transaction": name,
        "account": movement.account,
        "id": ids[-1],
        "ids": ids,
        "previous_ids": ids[:-1],
        "distinct_bank_ids": len(banks),
        "sources": list(dict.fromkeys(movement.sources)),
        "ref": movement.reference,
        "amount": f"{movement.amount:f}",
        "currency": movement.currency,
        "date": movement.booked_on,
        "posted_date": None if pending else movement.booked_on,
        "authorised_date": movement.authorized_on,
        "name": movement.counterparty or movement.description,
        "description": movement.description,
        "category": movement.category or None,
        "pending": pending,
        "deleted": movement.deleted,
        "removed": movement.gone and not movement.deleted,
        "locked": movement.locked,
        "edited": movement.locked or bool(split),
        "split": split,
        "remainder": f"{remainder:f}" if split else None,
        "stale_pending": pending and movement.booked_on < today - timedelta(days=STALE_DAYS),
    }  # fmt: skip


def _drift(proof: ProofRow) -> str | None:
    return None if proof.off_by is None else f"{proof.off_by:f}"
