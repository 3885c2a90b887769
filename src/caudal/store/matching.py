"""What is concluded of movements from all that sources tell of them, and what people said of that."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec

from caudal.matching.survivors import Telling
from caudal.model.money import UNITS
from caudal.store.database import Transaction, json_rows
from caudal.store.ids import new_id

EXAMINED_MAX: Final = 20_000
"""So many of a space's transactions, the latest, are looked through for twins."""
_UNITS: Final = msgspec.json.encode(
    {code: format(unit, "f") for code, unit in UNITS.items() if unit != Decimal("0.01")}
).decode()


class Told(Telling, frozen=True, kw_only=True, gc=False):
    """A transaction as the source that founded it tells it now.

    `key`, `source_key`: its id and its source account's, as text. `gone`: its source holds it no more (`withdrawn`), nor
    does one that has ended what was pending then: another tells what became of it. `days`, `texts`, `amounts` (as
    booked): all it was ever told of, under and with, some more than once. `ended`: by a connection that has, while
    another tells on. `first_told`, and `order` (of its last word): microseconds since 1970.
    """

    transaction_id: UUID
    account_id: UUID
    source_key: str
    institution_id: UUID | None
    source_since: datetime
    withdraws: bool
    lists: bool
    withdrawn: bool
    days: list[date]
    texts: list[str] | None
    amounts: list[Decimal] | None
    first_told: int


class Decision(msgspec.Struct, frozen=True):
    """What a person said of a transaction, or of two. `data`: JSON, what of it."""

    decision_id: UUID
    kind: str
    transaction_id: UUID
    other_id: UUID | None
    data: str


class Concluded(msgspec.Struct, frozen=True):
    """What became of it: `merged` of the newly told were of movements known already; `changed` and `gone` others."""

    merged: int
    changed: int
    gone: int


class _Account(msgspec.Struct, frozen=True):
    account_id: UUID


async def needed(tx: Transaction, space_id: UUID, accounts: Sequence[UUID]) -> list[UUID]:
    """Those of `accounts` where what a page told may be known already."""
    rows = await tx.all("matching_needed", _Account, space_id=space_id, accounts=list(accounts))
    return [row.account_id for row in rows]


async def steer(tx: Transaction) -> None:
    """Until this transaction ends: look up, don't scan. Where a page is written it is so already."""
    await tx.run("steer_planner")


async def lock(tx: Transaction, space_id: UUID, accounts: Sequence[UUID]) -> None:
    """Be alone with these accounts until the transaction ends."""
    await tx.run("lock_accounts", space_id=space_id, accounts=sorted(accounts))


async def neighbourhood(
    tx: Transaction, space_id: UUID, accounts: Sequence[UUID], seeds: Sequence[UUID], most: int
) -> list[Told]:
    """What this page told of `accounts`, and `seeds`, with all that may be of the same movements; at most so many.
    Look-ups must have been steered to indexes."""
    return await tx.all(
        "neighbourhood",
        Told,
        space_id=space_id,
        accounts=list(accounts),
        seeds=list(seeds),
        units=_UNITS,
        most=most,
    )


async def decisions_on(tx: Transaction, space_id: UUID, transactions: Sequence[UUID]) -> list[Decision]:
    """What people said of these as movements, in the order they said it; of transfers, `store.transfers.words` has it."""
    return await tx.all("decisions_on", Decision, space_id=space_id, transactions=list(transactions))


async def conclude(tx: Transaction, space_id: UUID, rows: list[dict[str, Any]]) -> Concluded:
    """Write what these transactions are concluded to be."""
    told = [{name: value for name, value in row.items() if _says(value)} for row in rows]
    done = await tx.first("conclude_transactions", Concluded, space_id=space_id, rows=json_rows(told))
    return done or Concluded(0, 0, 0)


def _says(value: object) -> bool:
    """Whether a column has to be told of: of most there is nothing to say, and every word costs."""
    return value is not None and value is not False and value != ""


async def ask(
    tx: Transaction, space_id: UUID, transactions: Sequence[UUID], doubts: list[dict[str, Any]]
) -> None:
    """Keep what a person might be asked of these transactions."""
    await tx.run("replace_doubts", space_id=space_id, transactions=list(transactions), rows=json_rows(doubts))


async def amend_run(tx: Transaction, space_id: UUID, run_id: UUID, done: Concluded) -> None:
    """Correct what a run counted by what its pages turned out to be."""
    await tx.run(
        "amend_run",
        space_id=space_id,
        run_id=run_id,
        seen=0,
        merged=done.merged,
        changed=done.changed,
        gone=done.gone,
    )


class Strand(msgspec.Struct, frozen=True):
    """A transaction of a movement, as the ledger has it."""

    transaction_id: UUID
    account_id: UUID
    amount: Decimal
    currency: str
    booked_on: date
    description: str
    status: str


class Question(msgspec.Struct, frozen=True):
    """Two transactions of an account, and what speaks for their being one (JSON pairs of a finding and its weight)."""

    one_id: UUID
    other_id: UUID
    rule: str
    weight: int
    found: str
    account: str
    booked_on: date
    amount: Decimal
    currency: str
    description: str
    other_on: date
    other_amount: Decimal
    other_description: str


class ConflictRow(msgspec.Struct, frozen=True):
    """A transaction of which a source says now what differs from what a person fixed. `conflict`: JSON, by field."""

    transaction_id: UUID
    account: str
    booked_on: date
    amount: Decimal
    currency: str
    description: str
    conflict: str


class Undone(msgspec.Struct, frozen=True):
    """A word that was taken back."""

    kind: str
    transaction_id: UUID
    other_id: UUID | None

    @property
    def of(self) -> list[UUID]:
        """The transactions it was of."""
        return [each for each in (self.transaction_id, self.other_id) if each is not None]


class _Id(msgspec.Struct, frozen=True):
    transaction_id: UUID


async def decide(tx: Transaction, space_id: UUID, kind: str, of: tuple[UUID, UUID | None], data: str) -> UUID:
    """Keep a person's word. Returns what it is known by."""
    decision_id = new_id()
    await tx.run(
        "decide",
        space_id=space_id,
        decision_id=decision_id,
        kind=kind,
        transaction_id=of[0],
        other_id=of[1],
        data=data,
    )
    return decision_id


async def undo(tx: Transaction, space_id: UUID, decision_id: UUID) -> Undone | None:
    """Take a person's word back; None where it isn't there."""
    return await tx.first("undo_decision", Undone, space_id=space_id, decision_id=decision_id)


async def decisions(tx: Transaction, space_id: UUID, limit: int) -> list[Decision]:
    """What people said and stands, the latest first."""
    return await tx.all("list_decisions", Decision, space_id=space_id, limit=limit)


async def strands_of(tx: Transaction, space_id: UUID, transaction_id: UUID) -> list[Strand]:
    """The transactions of a movement, that which stands for it first."""
    return await tx.all("strands_of", Strand, space_id=space_id, transaction_id=transaction_id)


async def doubts(tx: Transaction, space_id: UUID, limit: int) -> list[Question]:
    """Pairs that were kept apart and may be one, the likeliest first."""
    return await tx.all("list_doubts", Question, space_id=space_id, limit=limit)


async def probable(tx: Transaction, space_id: UUID, certain: int, limit: int) -> list[Question]:
    """Pairs that were taken for one for less than `certain`, the weakest first."""
    return await tx.all("list_probable", Question, space_id=space_id, certain=certain, limit=limit)


async def conflicts(tx: Transaction, space_id: UUID, limit: int) -> list[ConflictRow]:
    """Where a source says now what differs from what a person fixed."""
    return await tx.all("list_conflicts", ConflictRow, space_id=space_id, limit=limit)


async def of_account(
    tx: Transaction, space_id: UUID, account_id: UUID, after: UUID, limit: int
) -> list[UUID]:
    """The next of an account's transactions after one of them, in a fixed order."""
    rows = await tx.all(
        "account_transactions", _Id, space_id=space_id, account_id=account_id, after=after, limit=limit
    )
    return [row.transaction_id for row in rows]


class Movement(msgspec.Struct, frozen=True):
    """A movement with all it was ever told under: `ids`, `sources` (providers) and `days` of each telling, the first
    first. `weight`: of the weakest match in it, None where one source alone tells of it."""

    transaction_id: UUID
    account: str
    account_kind: str
    status: str
    amount: Decimal
    currency: str
    booked_on: date
    authorized_on: date | None
    occurred_at: datetime | None
    description: str
    counterparty: str
    reference: str
    category: str
    gone: bool
    deleted: bool
    locked: bool
    split: str
    conflict: str
    ids: list[str]
    sources: list[str]
    days: list[date]
    weight: int | None


async def movements(tx: Transaction, space_id: UUID) -> list[Movement]:
    """Every movement of a space, those that are gone too."""
    return await tx.all("whole_ledger", Movement, space_id=space_id)


async def twins(
    tx: Transaction, space_id: UUID, limit: int, *, examined: int = EXAMINED_MAX
) -> list[Question]:
    """Movements told alike several times on one day, where no balance shows that they are several; of the latest
    `examined`."""
    return await tx.all("list_twins", Question, space_id=space_id, limit=limit, examined=examined)
