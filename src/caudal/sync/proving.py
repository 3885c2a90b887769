"""Concluding what the told balances say of the ledger, in the transaction that finishes a run."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from uuid import UUID

import msgspec

from caudal.matching.proof import Anchor, prove
from caudal.store import ledger
from caudal.store.database import Transaction

_Key = tuple[UUID, str]


async def conclude_proofs(tx: Transaction, space_id: UUID, account_ids: Sequence[UUID]) -> None:
    """Compare these accounts' ledger with every balance told, and keep the verdicts."""
    anchors: dict[_Key, list[Anchor]] = {}
    for told in await ledger.evidence(tx, space_id, account_ids):
        anchors.setdefault((told.account_id, told.currency), []).append(
            Anchor(told.as_of, told.amount, told.firm, told.held_before, told.held_since, told.presumed)
        )
    sums: dict[_Key, list[tuple[date, Decimal]]] = {}
    for held in await ledger.daily_sums(tx, space_id, account_ids):
        sums.setdefault((held.account_id, held.currency), []).append((held.day, held.amount))
    told_of = {account_id for account_id, _ in anchors.keys() | sums.keys()}
    silent = {
        (row.account_id, row.currency)
        for row in await ledger.account_currencies(tx, space_id, account_ids)
        if row.account_id not in told_of
    }
    verdicts = [
        ledger.ProofRow(*key, **msgspec.structs.asdict(prove(anchors.get(key, ()), sums.get(key, ()))))
        for key in sorted(silent | anchors.keys() | sums.keys())
    ]
    await ledger.replace_proofs(tx, space_id, account_ids, verdicts)
