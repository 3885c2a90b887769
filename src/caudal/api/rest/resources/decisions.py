"""What deserves a person's look, and what people said: all of it can be taken back."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from msgspec import Meta

from caudal.api.rest.endpoints import Endpoint, InSpace, Page, get, post
from caudal.api.rest.forms import Asked, Decided, Told
from caudal.hub import decisions, transfers
from caudal.hub.identity.roles import Scope
from caudal.store.matching import Question
from caudal.store.transfers import TransferRow


class Side(Told, frozen=True):
    """One side of a transfer."""

    transaction_id: UUID
    account: str
    booked_on: date
    amount: Decimal
    currency: str
    description: str
    counterparty: str


class Transfer(Told, frozen=True):
    """Two transactions that are two sides of one movement between own accounts; without `transfer_id`: two that may be.
    `said`: a person said so. `days`: between the two."""

    transfer_id: UUID | None
    kind: str
    days: int
    said: bool
    out: Side
    into: Side


class TwoSides(Asked, frozen=True):
    """What left one account, and what came into another."""

    out_transaction_id: UUID
    into_transaction_id: UUID


class Likeness(Told, frozen=True):
    """Two transactions of an account that may be, or were taken for, one. `rule`: by what; `weight`: how strongly."""

    transaction_id: UUID
    other_transaction_id: UUID
    account: str
    currency: str
    booked_on: date
    amount: Decimal
    description: str
    other_on: date
    other_amount: Decimal
    other_description: str
    rule: str
    weight: int


class Conflict(Told, frozen=True):
    """A transaction of which a source says now what differs from what a person fixed. `says`: by field."""

    transaction_id: UUID
    account: str
    booked_on: date
    amount: Decimal
    currency: str
    description: str
    says: dict[str, str]


class TwoAccounts(Told, frozen=True):
    """Two accounts that may be one."""

    account_id: UUID
    account: str
    other_account_id: UUID
    other_account: str
    rule: str


class Review(Told, frozen=True):
    """What deserves a look: `probable` was taken for one; `doubts` were kept apart; `twins` are told alike by one source;
    `conflicts` differ from what a person fixed; `accounts` and `transfers` may be one, and weren't taken for that."""

    probable: list[Likeness]
    doubts: list[Likeness]
    twins: list[Likeness]
    conflicts: list[Conflict]
    accounts: list[TwoAccounts]
    transfers: list[Transfer]


class Decision(Told, frozen=True):
    """What somebody said and stands."""

    decision_id: UUID
    kind: str
    transaction_id: UUID
    other_id: UUID | None
    data: dict[str, Any]


class ListQuery(Asked, frozen=True):
    """How many, the latest first."""

    limit: Annotated[int, Meta(ge=1, le=500)] = 100


def transfer(row: TransferRow) -> Transfer:
    """As the API tells it."""
    return Transfer(
        row.transfer_id,
        row.kind,
        row.day_gap,
        row.said,
        Side(
            row.out_id,
            row.out_account,
            row.out_on,
            row.out_amount,
            row.out_currency,
            row.out_description,
            row.out_counterparty,
        ),
        Side(
            row.into_id,
            row.into_account,
            row.into_on,
            row.into_amount,
            row.into_currency,
            row.into_description,
            row.into_counterparty,
        ),
    )


def _likeness(row: Question) -> Likeness:
    return Likeness(
        row.one_id,
        row.other_id,
        row.account,
        row.currency,
        row.booked_on,
        row.amount,
        row.description,
        row.other_on,
        row.other_amount,
        row.other_description,
        row.rule,
        row.weight,
    )


@get("/v1/spaces/{space_id}/review", Scope.TRANSACTIONS_READ, tag="review")
async def read_review(call: InSpace, query: ListQuery) -> Review:
    """What deserves a person's look."""
    found = await decisions.review(call.installation, call.space, query.limit)
    return Review(
        [_likeness(each) for each in found.probable],
        [_likeness(each) for each in found.doubts],
        [_likeness(each) for each in found.twins],
        [
            Conflict(
                each.transaction_id,
                each.account,
                each.booked_on,
                each.amount,
                each.currency,
                each.description,
                {name: str(value) for name, value in msgspec.json.decode(each.conflict).items()},
            )
            for each in found.conflicts
        ],
        [
            TwoAccounts(each.account_id, each.account, each.other_account_id, each.other_account, each.rule)
            for each in found.accounts
        ],
        [transfer(each) for each in found.transfers],
    )


@get("/v1/spaces/{space_id}/decisions", Scope.TRANSACTIONS_READ, tag="review")
async def list_decisions(call: InSpace, query: ListQuery) -> Page[Decision]:
    """What people said of transactions and stands, the latest first."""
    return Page(
        [
            Decision(
                each.decision_id,
                each.kind,
                each.transaction_id,
                each.other_id,
                msgspec.json.decode(each.data),
            )
            for each in await decisions.decided(call.installation, call.space, query.limit)
        ]
    )


@post("/v1/spaces/{space_id}/decisions/{decision_id}/undo", Scope.TRANSACTIONS_EDIT, tag="review", status=204)
async def undo_decision(call: InSpace, decision_id: UUID) -> None:
    """Take a word back, on transactions, transfers or accounts. What follows from it is derived anew."""
    await decisions.undo(call.installation, call.space, decision_id)


@get("/v1/spaces/{space_id}/transfers", Scope.TRANSACTIONS_READ, tag="transfers")
async def list_transfers(call: InSpace, query: ListQuery) -> Page[Transfer]:
    """The space's transfers, the latest first."""
    found = await transfers.listed(call.installation, call.space, query.limit)
    return Page([transfer(each) for each in found])


@post("/v1/spaces/{space_id}/transfers", Scope.TRANSACTIONS_EDIT, tag="transfers", status=201)
async def link_transfer(call: InSpace, body: TwoSides) -> Decided:
    """Say that two transactions are two sides of one transfer."""
    of = (str(body.out_transaction_id), str(body.into_transaction_id))
    return Decided([await transfers.link(call.installation, call.space, *of)])


@post("/v1/spaces/{space_id}/transfers/unlink", Scope.TRANSACTIONS_EDIT, tag="transfers")
async def unlink_transfer(call: InSpace, body: TwoSides) -> Decided:
    """Say that two transactions are no transfer: that holds from then on."""
    of = (str(body.out_transaction_id), str(body.into_transaction_id))
    return Decided([await transfers.unlink(call.installation, call.space, *of)])


ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    read_review,
    list_decisions,
    undo_decision,
    list_transfers,
    link_transfer,
    unlink_transfer,
)
