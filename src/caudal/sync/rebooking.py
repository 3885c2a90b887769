"""Booking source accounts where they belong, once something was said of accounts, and concluding anew what they tell.

All of it is one transaction of the database: nobody sees an account whose movements have gone and whose balances
stay. What is held in memory is a batch, and the ids of what the accounts hold; the connections of the space wait with
their pages until it is done.
"""

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

from caudal.matching.bookings import booked, ends
from caudal.store import accounts, ledger, matching
from caudal.store.accounts import AccountDecision, Booking
from caudal.store.database import Transaction
from caudal.sync.concluding import conclude_anew
from caudal.sync.proving import conclude_proofs
from caudal.sync.transferring import transfers_anew

_BATCH: Final = 500
"""Transactions concluded at a time."""
_NOBODY: Final = UUID(int=0)


async def rebook(tx: Transaction, space_id: UUID) -> int:
    """Book every source account where the words that stand have it, in a transaction that holds the space's accounts
    (`accounts.hold`). Returns how many went elsewhere."""
    there = await accounts.bookings(tx, space_id)
    joined, targets = targets_of(there, await accounts.decisions(tx, space_id))
    moved = {
        each.source_account_id: targets[each.source_account_id]
        for each in there
        if targets[each.source_account_id] != each.account_id
    }
    await accounts.book(tx, space_id, joined, moved)
    if not moved:
        return 0
    left = {each.account_id for each in there if each.source_account_id in moved}
    touched = sorted(left | set(moved.values()))
    await matching.lock(tx, space_id, touched)
    await accounts.book_transactions(tx, space_id, sorted(left))
    await conclude_accounts(tx, space_id, touched)
    await prove_accounts(tx, space_id, touched, set(touched) - set(targets.values()))
    return len(moved)


async def conclude_accounts(tx: Transaction, space_id: UUID, touched: Sequence[UUID]) -> None:
    """Conclude all that these accounts hold anew, with its transfers. Their proof is still to be."""
    await matching.lock(tx, space_id, touched)
    concluded: list[UUID] = []
    for account_id in touched:
        concluded += await _conclude(tx, space_id, account_id)
    await transfers_anew(tx, space_id, concluded)
    await accounts.forget_empty_days(tx, space_id, touched)


async def prove_accounts(
    tx: Transaction, space_id: UUID, touched: Sequence[UUID], empty: Collection[UUID] = ()
) -> None:
    """Conclude these accounts' proof anew; of those that are `empty` no source tells any more."""
    await conclude_proofs(tx, space_id, [account_id for account_id in touched if account_id not in empty])
    await ledger.replace_proofs(tx, space_id, [each for each in touched if each in empty], [])


def targets_of(
    there: Sequence[Booking], said: Sequence[AccountDecision]
) -> tuple[dict[UUID, UUID], dict[UUID, UUID]]:
    """Where joined accounts are found, and where each source account belongs."""
    homes = {each.source_account_id: each.home_id for each in there}
    joins = [(word.other_id, word.account_id) for word in said if word.kind == "join"]
    parts = [(word.source_account_id, word.other_id) for word in said if word.source_account_id is not None]
    return ends(joins), booked(homes, parts, joins)


async def _conclude(tx: Transaction, space_id: UUID, account_id: UUID) -> list[UUID]:
    """Conclude all that an account holds anew. Returns what that is."""
    concluded: list[UUID] = []
    after = _NOBODY
    while batch := await matching.of_account(tx, space_id, account_id, after, _BATCH):
        await conclude_anew(tx, space_id, [account_id], batch)
        concluded += batch
        after = batch[-1]
    return concluded
