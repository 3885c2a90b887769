"""Reading the ledger, and the proof of it."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

import msgspec

from caudal.store.database import Transaction, json_rows


class AccountRow(msgspec.Struct, frozen=True):
    """An account in one currency: what the ledger holds, and its verdict."""

    account_id: UUID
    name: str
    kind: str
    currency: str
    booked: Decimal
    transactions: int
    first_on: date | None
    last_on: date | None
    verdict: str
    proven_to: date | None
    off_by: Decimal | None
    off_since: date | None
    iban: str | None
    number: str | None
    mask: str | None
    institution: str | None


class ToldBalance(msgspec.Struct, frozen=True):
    """The latest booked balance a source told of an account."""

    account_id: UUID
    currency: str
    amount: Decimal
    as_of: date


class ToldRow(msgspec.Struct, frozen=True):
    """A balance as one source told it. `firm`: for the end of a day; else of the moment it was told. `told_at`: by the
    source's clock, where it says."""

    balance_id: UUID
    kind: str
    as_of: date
    amount: Decimal
    currency: str
    firm: bool
    told_at: datetime | None
    seen_at: datetime
    source: str
    provider: str


class RunRow(msgspec.Struct, frozen=True):
    """How a run of a connection went. `subject`: the file, where it was one; `left_out`: by the person's choice."""

    run_id: UUID
    connection_id: UUID
    provider: str
    label: str
    subject: str
    cause: str
    started_at: datetime
    finished_at: datetime | None
    outcome: str
    error: str | None
    error_class: str
    pages: int
    seen: int
    created: int
    changed: int
    gone: int
    quarantined: int
    left_out: int


class TransactionRow(msgspec.Struct, frozen=True):
    """One transaction of the ledger. `transfer` (its kind), `transfer_id`, `other_side`: where it is a side of one, when
    listed."""

    transaction_id: UUID
    account_id: UUID
    account: str
    booked_on: date
    amount: Decimal
    currency: str
    status: str
    description: str
    counterparty: str
    reference: str
    value_on: date | None
    transfer_id: UUID | None = None
    transfer: str | None = None
    other_side: UUID | None = None


class SourceCount(msgspec.Struct, frozen=True):
    """`count` live transactions alike, told by one source account; of an account without any, one empty row."""

    source_account: str
    status: str | None
    booked_on: date | None
    amount: Decimal | None
    count: int


class ObservationRow(msgspec.Struct, frozen=True):
    """One version of what one source told. `strand`: the transaction it founded, which may have been taken for another by
    `match_rule`; `match_found`: for what, JSON pairs of a finding and its weight (tenths of a nat)."""

    observation_id: UUID
    provider_id: str
    version: int
    gone: bool
    status: str
    amount: Decimal
    currency: str
    booked_on: date
    value_on: date | None
    description: str
    counterparty: str
    reference: str
    raw: str
    seen_at: datetime
    rule: str
    source_account: str
    source_name: str
    provider: str
    subject: str
    run_id: UUID
    strand: UUID
    match_rule: str | None
    match_weight: int | None
    match_found: str


class QuarantineRow(msgspec.Struct, frozen=True):
    """One thing that could not be understood."""

    quarantine_id: UUID
    subject: str
    place: str
    why: str
    raw: str
    seen_at: datetime


class ProofRow(msgspec.Struct, frozen=True):
    """An account's verdict in one currency (matching/proof.py says what it means)."""

    account_id: UUID
    currency: str
    verdict: str
    proven_to: date | None
    off_by: Decimal | None
    off_since: date | None
    account: str = ""
    """The account's name, when read."""


class Filter(msgspec.Struct, frozen=True):
    """Which transactions to list; None = any."""

    account_id: UUID | None = None
    start: date | None = None
    end: date | None = None
    search: str | None = None
    limit: int = 50


class Evidence(msgspec.Struct, frozen=True):
    """A booked balance told of an account for the end of a day, or one `presumed` to be; `held_before` and `held_since`
    for a snapshot (matching/proof.py)."""

    account_id: UUID
    currency: str
    as_of: date
    amount: Decimal
    firm: bool
    held_before: Decimal | None
    held_since: Decimal | None
    presumed: bool


class DaySum(msgspec.Struct, frozen=True):
    """What the ledger holds as booked on one day."""

    account_id: UUID
    currency: str
    day: date
    amount: Decimal


class _Due(msgspec.Struct, frozen=True):
    account_id: UUID


class AccountCurrency(msgspec.Struct, frozen=True):
    """An account with a currency it holds."""

    account_id: UUID
    currency: str


async def accounts(tx: Transaction, space_id: UUID, account_id: UUID | None = None) -> list[AccountRow]:
    """The space's accounts, a row for each currency an account holds."""
    return await tx.all("list_accounts", AccountRow, space_id=space_id, account_id=account_id)


async def told_balances(tx: Transaction, space_id: UUID) -> dict[tuple[UUID, str], ToldBalance]:
    """(account, currency) → the latest booked balance its sources told."""
    rows = await tx.all("latest_balances", ToldBalance, space_id=space_id)
    return {(row.account_id, row.currency): row for row in rows}


async def told_of(
    tx: Transaction, space_id: UUID, account_id: UUID, after: tuple[date, UUID] | None, limit: int
) -> list[ToldRow]:
    """What was told to stand on an account, the latest day first; after a place (day, id)."""
    on, last = after or (None, None)
    return await tx.all(
        "told_of_account",
        ToldRow,
        space_id=space_id,
        account_id=account_id,
        after_on=on,
        after_id=last,
        limit=limit,
    )


async def runs(
    tx: Transaction, space_id: UUID, connection_id: UUID | None, before: UUID | None, limit: int
) -> list[RunRow]:
    """How runs went, the latest first."""
    return await tx.all(
        "list_runs", RunRow, space_id=space_id, connection_id=connection_id, before=before, limit=limit
    )


async def transactions(tx: Transaction, space_id: UUID, which: Filter) -> list[TransactionRow]:
    """Transactions, the latest first. `search` looks for the text anywhere in what was told, in any case."""
    pattern = None
    if which.search is not None:
        escaped = which.search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        pattern = f"%{escaped}%"
    return await tx.all(
        "list_transactions",
        TransactionRow,
        space_id=space_id,
        account_id=which.account_id,
        start=which.start,
        end=which.end,
        search=pattern,
        limit=which.limit,
    )


async def by_source(tx: Transaction, space_id: UUID, provider: str) -> list[SourceCount]:
    """How often the ledger holds what, by the source account of this provider that tells of it."""
    return await tx.all("ledger_by_source", SourceCount, space_id=space_id, provider=provider)


async def find_transactions(tx: Transaction, space_id: UUID, prefix: str) -> list[TransactionRow]:
    """At most two transactions whose id begins with `prefix`, hex digits without dashes."""
    return await tx.all("find_transactions", TransactionRow, space_id=space_id, prefix=prefix)


async def observations(tx: Transaction, space_id: UUID, transaction_id: UUID) -> list[ObservationRow]:
    """All that was told of one transaction, the oldest first."""
    return await tx.all("observations_of", ObservationRow, space_id=space_id, transaction_id=transaction_id)


async def quarantine(tx: Transaction, space_id: UUID, limit: int) -> list[QuarantineRow]:
    """What lies in quarantine, the latest first."""
    return await tx.all("list_quarantine", QuarantineRow, space_id=space_id, limit=limit)


async def proofs(
    tx: Transaction, space_id: UUID, account_ids: Iterable[UUID] | None = None
) -> list[ProofRow]:
    """Verdicts as last concluded."""
    chosen = None if account_ids is None else list(account_ids)
    return await tx.all("proofs_of", ProofRow, space_id=space_id, accounts=chosen)


async def account_currencies(
    tx: Transaction, space_id: UUID, account_ids: Sequence[UUID]
) -> list[AccountCurrency]:
    """The currency each of these accounts is kept in."""
    return await tx.all("account_currencies", AccountCurrency, space_id=space_id, accounts=account_ids)


async def evidence(tx: Transaction, space_id: UUID, account_ids: Sequence[UUID]) -> list[Evidence]:
    """Every booked balance told of these accounts, by account, currency and day."""
    return await tx.all("evidence", Evidence, space_id=space_id, accounts=account_ids)


async def daily_sums(tx: Transaction, space_id: UUID, account_ids: Sequence[UUID]) -> list[DaySum]:
    """What the ledger holds as booked on each day, by account, currency and day."""
    return await tx.all("daily_sums", DaySum, space_id=space_id, accounts=account_ids)


async def proofs_due(tx: Transaction, space_id: UUID, connection_id: UUID) -> list[UUID]:
    """The connection's accounts that something was written to since their proof was last concluded: by this run, or
    by one that a crash cut off."""
    rows = await tx.all("proofs_due", _Due, space_id=space_id, connection_id=connection_id)
    return [row.account_id for row in rows]


async def replace_proofs(
    tx: Transaction, space_id: UUID, account_ids: Sequence[UUID], rows: Iterable[ProofRow]
) -> None:
    """Keep these verdicts on these accounts, in place of all before."""
    verdicts = json_rows([msgspec.structs.asdict(row) for row in rows])
    await tx.run("replace_proofs", space_id=space_id, accounts=account_ids, rows=verdicts)
