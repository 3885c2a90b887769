"""Which transactions are the two sides of one movement between own accounts, as the ledger keeps it."""

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from caudal.matching.rates import AGE_DAYS_MAX, Rate
from caudal.matching.transfers import Bounds
from caudal.model.changes import AccountKind
from caudal.store.database import Transaction, json_rows
from caudal.store.matching import Decision


class Held(msgspec.Struct, frozen=True):
    """A currency that an account holds."""

    account_id: UUID
    currency: str


class SideRow(msgspec.Struct, frozen=True):
    """A transaction that may be a side, or was one and is gone. `days`: that of its booking first, then every other that
    a source gave it with this amount. `strands`: the transactions that were taken for it, itself among them."""

    transaction_id: UUID
    account: str
    account_kind: AccountKind
    amount: Decimal
    currency: str
    days: list[date]
    occurred_at: datetime | None
    description: str
    counterparty: str
    reference: str
    category: str
    gone: bool
    strands: list[UUID]


class Known(msgspec.Struct, frozen=True):
    """A transfer that is kept; without `transfer_id` a question. `found`: JSON pairs of a finding and its weight."""

    transfer_id: UUID | None
    out_id: UUID
    into_id: UUID
    kind: str
    day_gap: int
    weight: int
    found: str
    said: bool


class TransferRow(msgspec.Struct, frozen=True):
    """A transfer with its two sides; without `transfer_id` two that may be one. `said`: a person did."""

    transfer_id: UUID | None
    kind: str
    day_gap: int
    weight: int
    found: str
    said: bool
    out_id: UUID
    out_on: date
    out_amount: Decimal
    out_currency: str
    out_account: str
    out_description: str
    out_counterparty: str
    into_id: UUID
    into_on: date
    into_amount: Decimal
    into_currency: str
    into_account: str
    into_description: str
    into_counterparty: str


async def lock(tx: Transaction, space_id: UUID) -> None:
    """Be alone with the space's transfers until the transaction ends."""
    await tx.run("lock_transfers", space_id=space_id)


async def held(tx: Transaction, space_id: UUID, given: Sequence[Rate] | None) -> list[Held]:
    """Which currencies each account holds, of those that any rate is known of (or `given`)."""
    return await tx.all("currencies_held", Held, space_id=space_id, given=_rate_rows(given))


def _rate_rows(given: Sequence[Rate] | None) -> str | None:
    return None if given is None else json_rows([msgspec.structs.asdict(each) for each in given])


async def possible_sides(
    tx: Transaction,
    space_id: UUID,
    seeds: Sequence[UUID],
    *,
    bounds: Bounds,
    held: Sequence[Held],
    given: Sequence[Rate] | None,
    most: int,
) -> list[SideRow]:
    """What changed in this transaction, and `seeds`, with all that they hang together with as possible sides; at most so
    many. `held`: where other currencies are to be looked at. `given`: rates in place of those that are kept."""
    return await tx.all(
        "possible_sides",
        SideRow,
        space_id=space_id,
        seeds=list(seeds),
        days_max=bounds.days_max,
        tolerance=bounds.fx_tolerance,
        held=json_rows([msgspec.structs.asdict(each) for each in held]),
        given=_rate_rows(given),
        most=most,
    )


async def known(tx: Transaction, space_id: UUID, transactions: Sequence[UUID]) -> list[Known]:
    """The transfers and questions that any of these is a side of."""
    return await tx.all("transfers_known", Known, space_id=space_id, transactions=list(transactions))


async def words(tx: Transaction, space_id: UUID, transactions: Sequence[UUID]) -> list[Decision]:
    """What people said of these as sides, in the order they said it."""
    return await tx.all("words_on_transfers", Decision, space_id=space_id, transactions=list(transactions))


async def rates(tx: Transaction, currencies: Collection[str], first: date, last: date) -> list[Rate]:
    """What is known of these currencies' worth in one another from one day to another, and as long before as it holds."""
    return await tx.all(
        "rates_told",
        Rate,
        currencies=sorted(currencies),
        first=first - timedelta(days=AGE_DAYS_MAX),
        last=last,
    )


async def write(
    tx: Transaction,
    space_id: UUID,
    *,
    parted: Sequence[UUID],
    answered: Sequence[dict[str, Any]],
    transfers: Sequence[dict[str, Any]],
    doubts: Sequence[dict[str, Any]],
) -> None:
    """Take away and put in place; tell what became of it."""
    await tx.run(
        "write_transfers",
        space_id=space_id,
        parted=list(parted),
        answered=json_rows(answered),
        transfers=json_rows(transfers),
        doubts=json_rows(doubts),
    )


async def listed(tx: Transaction, space_id: UUID, limit: int, side: UUID | None = None) -> list[TransferRow]:
    """Transfers, the latest first; or that which this transaction is a side of."""
    return await tx.all("list_transfers", TransferRow, space_id=space_id, side=side, limit=limit)


async def doubts(tx: Transaction, space_id: UUID, limit: int) -> list[TransferRow]:
    """Pairs that were not taken for transfers and may be ones, the likeliest first."""
    return await tx.all("list_transfer_doubts", TransferRow, space_id=space_id, limit=limit)
