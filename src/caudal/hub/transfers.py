"""Transfers: which transactions are two sides of one movement between own accounts, and what a person says of that.

A person's word is kept, concluded from at once, and can be taken back (`caudal.hub.decisions.undo`). It is of the
tellings, as every word is.
"""

from uuid import UUID

from caudal.hub import decisions
from caudal.hub.installation import Installation
from caudal.hub.ledger import one_transaction
from caudal.model.errors import ConflictError
from caudal.store import events
from caudal.store import transfers as store
from caudal.store.database import Transaction
from caudal.store.ledger import TransactionRow
from caudal.store.spaces import Space
from caudal.store.transfers import TransferRow
from caudal.sync.transferring import transfers_anew


async def listed(installation: Installation, space: Space, limit: int) -> list[TransferRow]:
    """The space's transfers, the latest first."""
    async with installation.store.transaction(space.space_id) as tx:
        return await store.listed(tx, space.space_id, limit)


async def link(installation: Installation, space: Space, out: str, into: str) -> UUID:
    """Say that `out` left one account as `into` came into another. Raises NotFound, ConflictError."""
    async with installation.store.transaction(space.space_id) as tx:
        left, came = await one_transaction(tx, space, out), await one_transaction(tx, space, into)
        if left.account_id == came.account_id:
            raise ConflictError(
                "they are on one account: a transfer goes from one account to another",
                says="transfer_one_account",
            )
        if not left.amount < 0 < came.amount:
            raise ConflictError(
                f"{out} is {left.amount} {left.currency}, {into} is {came.amount} {came.currency}: "
                "name what left first, then what came in"
            )
        for side in (left, came):
            for transfer in await store.listed(tx, space.space_id, 1, side.transaction_id):
                _refuse_said(transfer, side)
        return await _decide(tx, installation, space, "transfer", (left.transaction_id, came.transaction_id))


def _refuse_said(transfer: TransferRow, side: TransactionRow) -> None:
    if transfer.said:
        raise ConflictError(
            f"{side.transaction_id} is a side of a transfer by a person's word already: "
            "`caudal unlink-transfer` takes the two apart, `caudal undo` takes the word back"
        )


async def unlink(installation: Installation, space: Space, transaction: str, other: str = "") -> UUID:
    """Say that a transaction and the other side of its transfer (or `other`, taken for that or not) are no transfer: that
    holds from then on. Raises NotFound, ConflictError."""
    async with installation.store.transaction(space.space_id) as tx:
        one = await one_transaction(tx, space, transaction)
        if other:
            second = await one_transaction(tx, space, other)
            if one.account_id == second.account_id:
                raise ConflictError(
                    "they are on one account: they can't be two sides of a transfer",
                    says="transfer_one_account",
                )
            out, into = (one, second) if one.amount < 0 else (second, one)
            pair = (out.transaction_id, into.transaction_id)
        else:
            found = await store.listed(tx, space.space_id, 1, one.transaction_id)
            if not found:
                raise ConflictError(f"{transaction} is no side of a transfer: `caudal transfers` lists them")
            pair = (found[0].out_id, found[0].into_id)
        return await _decide(tx, installation, space, "no_transfer", pair)


async def _decide(
    tx: Transaction, installation: Installation, space: Space, kind: str, pair: tuple[UUID, UUID]
) -> UUID:
    decision = await decisions.keep(tx, installation, space, kind, pair)
    await transfers_anew(tx, space.space_id, pair)
    await events.write(tx, space.space_id)
    return decision
