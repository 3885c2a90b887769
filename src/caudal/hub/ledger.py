"""Reading the ledger: accounts, transactions, proof, quarantine, and why a transaction is what it is."""

import re
from datetime import date
from typing import Final
from uuid import UUID

import msgspec

from caudal.hub.installation import Installation
from caudal.matching.credit import shared_lines
from caudal.model.errors import ConflictError, NotFound
from caudal.store import accounts as accounts_store
from caudal.store import ledger, spaces, transfers
from caudal.store.database import Transaction
from caudal.store.ledger import (
    AccountRow,
    Filter,
    ObservationRow,
    ProofRow,
    QuarantineRow,
    RunRow,
    ToldBalance,
    ToldRow,
    TransactionRow,
)
from caudal.store.spaces import Space
from caudal.store.transfers import TransferRow
from caudal.sync.concluding import standing

_CREDIT_DAYS: Final = 30
"""Of so many days that a credit line was told for, the latest, is looked whether cards share it."""
_PREFIX = re.compile(r"[0-9a-f]{4,32}")


class AccountView(msgspec.Struct, frozen=True):
    """An account in one currency, beside the latest balance its sources told. `shares_limit_with`: the cards, by
    name, that draw on its credit line: what is left of it is theirs too, once."""

    held: AccountRow
    told: ToldBalance | None
    shares_limit_with: list[str]


class Given(msgspec.Struct, frozen=True):
    """What a transaction of several sources says in one field, and which of them gave it: its provider, or 'person'."""

    field: str
    value: str
    source: str


class Explanation(msgspec.Struct, frozen=True):
    """A transaction, and every version of every observation it rests on, the oldest first. `fields`: where it is drawn
    from several, or from a person's word: who gave what. `transfer`: where it is a side of one."""

    transaction: TransactionRow
    observations: list[ObservationRow]
    fields: list[Given]
    transfer: TransferRow | None


async def accounts(
    installation: Installation, space: Space, account_id: UUID | None = None
) -> list[AccountView]:
    """The space's accounts, or one of them, a view for each currency an account holds."""
    async with installation.store.transaction(space.space_id) as tx:
        rows = await ledger.accounts(tx, space.space_id, account_id)
        told = await ledger.told_balances(tx, space.space_id)
        credit = await accounts_store.credit_told(tx, space.space_id, _CREDIT_DAYS)
    names = {str(row.account_id): row.name for row in rows}
    sharing = shared_lines(credit)
    return [
        AccountView(
            row,
            told.get((row.account_id, row.currency)),
            sorted(names[other] for other in sharing.get(str(row.account_id), ())),
        )
        for row in rows
    ]


async def account_id(installation: Installation, space: Space, text: str) -> UUID:
    """The account of this id or name; of one that was joined to another, that other. Raises NotFound."""
    async with installation.store.transaction(space.space_id) as tx:
        account = await spaces.find_account(tx, space.space_id, text)
    if account is None:
        raise NotFound(f"no account {text!r} in space {space.name}: `caudal accounts` lists them")
    return account.joined_into or account.account_id


async def transactions(installation: Installation, space: Space, which: Filter) -> list[TransactionRow]:
    """Transactions, the latest first."""
    async with installation.store.transaction(space.space_id) as tx:
        return await ledger.transactions(tx, space.space_id, which)


async def proofs(installation: Installation, space: Space) -> list[ProofRow]:
    """The verdict on every account."""
    async with installation.store.transaction(space.space_id) as tx:
        return await ledger.proofs(tx, space.space_id)


async def told(
    installation: Installation, space: Space, account_id: UUID, after: tuple[date, UUID] | None, limit: int
) -> list[ToldRow]:
    """What sources told to stand on an account, of every kind, the latest day first."""
    async with installation.store.transaction(space.space_id) as tx:
        return await ledger.told_of(tx, space.space_id, account_id, after, limit)


async def runs(
    installation: Installation, space: Space, connection_id: UUID | None, before: UUID | None, limit: int
) -> list[RunRow]:
    """How runs went, of a connection or of all, the latest first."""
    async with installation.store.transaction(space.space_id) as tx:
        return await ledger.runs(tx, space.space_id, connection_id, before, limit)


async def quarantine(installation: Installation, space: Space, limit: int) -> list[QuarantineRow]:
    """What could not be understood, the latest first."""
    async with installation.store.transaction(space.space_id) as tx:
        return await ledger.quarantine(tx, space.space_id, limit)


async def why(installation: Installation, space: Space, text: str) -> Explanation:
    """What the transaction with this id (or an unambiguous beginning of it) rests on. Raises NotFound, ConflictError."""
    async with installation.store.transaction(space.space_id) as tx:
        found = await one_transaction(tx, space, text)
        observations = await ledger.observations(tx, space.space_id, found.transaction_id)
        fields = await standing(tx, space.space_id, found.transaction_id)
        linked = await transfers.listed(tx, space.space_id, 1, found.transaction_id)
    provider = {str(seen.strand): seen.provider for seen in observations}
    given = [
        Given(field, str(getattr(fields, field)), provider.get(key, key))
        for field, key in (fields.sources.items() if fields else ())
    ]
    return Explanation(found, observations, given, linked[0] if linked else None)


async def one_transaction(tx: Transaction, space: Space, text: str) -> TransactionRow:
    """The transaction with this id, or the beginning of it; of one that was taken for another, that other. Raises
    NotFound, ConflictError where several begin so."""
    prefix = text.lower().replace("-", "")
    if not _PREFIX.fullmatch(prefix):
        raise NotFound(f"{text!r} is not the id of a transaction: give at least its first four hex digits")
    found = await ledger.find_transactions(tx, space.space_id, prefix)
    if not found:
        raise NotFound(f"no transaction {text} in space {space.name}")
    if len(found) > 1:
        raise ConflictError(f"several transactions begin with {text}: give more of the id")
    return found[0]
