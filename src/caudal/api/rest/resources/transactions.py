"""Transactions: what happened, why it is held to have, and what a person says of it."""

from datetime import date, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from caudal.api.rest import problems
from caudal.api.rest.endpoints import Endpoint, InSpace, Made, Page, delete, get, patch, post
from caudal.api.rest.forms import Amount, Asked, Code, Cursor, Decided, Note, Paged, Told
from caudal.api.rest.problems import Rejected
from caudal.hub import decisions, ledger, listing
from caudal.hub.identity.roles import Scope
from caudal.hub.ledger import Explanation
from caudal.store.ledger import TransactionRow
from caudal.store.listing import Place, Query


class Transaction(Told, frozen=True):
    """One real movement on one account. `amount`: positive into the account, negative out of it. `status`: `booked` or
    `pending`. `transfer`: its kind, where it is a side of one, and `other_side` the other."""

    transaction_id: UUID
    account_id: UUID
    account: str
    booked_on: date
    value_on: date | None
    amount: Decimal
    currency: str
    status: str
    description: str
    counterparty: str
    reference: str
    transfer_id: UUID | None
    transfer: str | None
    other_side: UUID | None


class ListedTransaction(Transaction, frozen=True, kw_only=True):
    """A transaction in a list. `sources`: how many source accounts tell of it, by `providers`. `edited`, `reconciled`,
    `split`: by a person."""

    category: str
    sources: int
    providers: list[str]
    edited: bool
    reconciled: bool
    split: bool


class TransactionsQuery(Paged, frozen=True):
    """Which to list; what is left out is any. Days include both."""

    account_id: Annotated[list[UUID], Meta(max_length=100)] = msgspec.field(default_factory=list)
    start: date | None = None
    end: date | None = None
    amount_min: Amount | None = None
    amount_max: Amount | None = None
    direction: Literal["in", "out"] | None = None
    currency: Code | None = None
    status: Literal["booked", "pending"] | None = None
    category: Note | None = None
    text: Annotated[str, Meta(max_length=200)] = ""
    transfer: bool | None = None


class Given(Told, frozen=True):
    """What a transaction says in one field, and which source gave it: a provider, or `person`."""

    field: str
    value: str
    source: str


class Observation(Told, frozen=True):
    """One version of what one source told. `taken_by`: by which rule it was taken for this movement; null: it founded
    it."""

    observation_id: UUID
    provider: str
    source_account: str
    provider_id: str
    version: int
    gone: bool
    status: str
    booked_on: date
    amount: Decimal
    currency: str
    description: str
    counterparty: str
    reference: str
    seen_at: datetime
    strand: UUID
    taken_by: str | None
    weight: int | None
    found: list[Any]


class Why(Told, frozen=True):
    """A transaction, everything it rests on, and who gave which field."""

    transaction: Transaction
    observations: list[Observation]
    fields: list[Given]


class Edit(Asked, frozen=True, omit_defaults=True):
    """What a person says it is: of what is left out, nothing. Those fields stay so whatever sources say later."""

    description: Note | None = None
    counterparty: Note | None = None
    reference: Note | None = None
    category: Note | None = None
    amount: Amount | None = None
    booked_on: date | None = None
    authorized_on: date | None = None


class Other(Asked, frozen=True):
    """Another transaction of the same account."""

    other_transaction_id: UUID


class Strand(Asked, frozen=True):
    """Which strand is one by itself (see `why`); left out: all of them are."""

    strand: UUID | None = None


class Parts(Asked, frozen=True):
    """Amounts with the transaction's sign; what they leave of it is its remainder."""

    amounts: Annotated[list[Amount], Meta(min_length=1, max_length=100)]


def transaction(row: TransactionRow) -> Transaction:
    """As the API tells it."""
    return Transaction(
        row.transaction_id,
        row.account_id,
        row.account,
        row.booked_on,
        row.value_on,
        row.amount,
        row.currency,
        row.status,
        row.description,
        row.counterparty,
        row.reference,
        row.transfer_id,
        row.transfer,
        row.other_side,
    )


_PLACE: Final = Cursor(Place)


def _etag(told: Transaction) -> str:
    return f'"{sha256(msgspec.json.encode(told)).hexdigest()[:32]}"'


async def _one(call: InSpace, transaction_id: UUID) -> Explanation:
    return await ledger.why(call.installation, call.space, str(transaction_id))


async def _match(call: InSpace, transaction_id: UUID) -> None:
    """Raises Rejected where it isn't any more as it was read."""
    told = transaction((await _one(call, transaction_id)).transaction)
    wanted = [each.strip() for each in (call.if_match or "*").split(",")]
    if "*" not in wanted and _etag(told) not in wanted:
        raise Rejected(problems.CHANGED, "read it again")


@get("/v1/spaces/{space_id}/transactions", Scope.TRANSACTIONS_READ, tag="transactions")
async def list_transactions(call: InSpace, query: TransactionsQuery) -> Page[ListedTransaction]:
    """Transactions, the latest first: filtered, searched, a page at a time.

    A page may be short of `limit`, even empty, and not be the last: `next` says. `text`: terms that are all to be
    found, in any order, case and accents apart; one that is a number also as the amount. `amount_min`, `amount_max`:
    without sign.
    """
    found = await listing.listed(
        call.installation,
        call.space,
        Query(
            accounts=query.account_id or None,
            start=query.start,
            end=query.end,
            amount_min=None if query.amount_min is None else Decimal(query.amount_min),
            amount_max=None if query.amount_max is None else Decimal(query.amount_max),
            direction=query.direction,
            currency=query.currency,
            status=query.status,
            category=query.category,
            text=query.text,
            transfer=query.transfer,
        ),
        _PLACE.read(query.after),
        query.limit,
    )
    rows = [
        ListedTransaction(
            **msgspec.structs.asdict(transaction(row)),
            category=row.category,
            sources=row.sources,
            providers=row.providers,
            edited=row.edited,
            reconciled=row.locked,
            split=row.split,
        )
        for row in found.rows
    ]
    return Page(rows, None if found.next is None else _PLACE.told(found.next))


@get("/v1/spaces/{space_id}/transactions/{transaction_id}", Scope.TRANSACTIONS_READ, tag="transactions")
async def read_transaction(call: InSpace, transaction_id: UUID) -> Made[Transaction]:
    """A transaction; of one that was taken for another, that other."""
    told = transaction((await _one(call, transaction_id)).transaction)
    return Made(told, _etag(told))


@get("/v1/spaces/{space_id}/transactions/{transaction_id}/why", Scope.TRANSACTIONS_READ, tag="transactions")
async def explain_transaction(call: InSpace, transaction_id: UUID) -> Why:
    """What a transaction rests on: every version of all that was told of it, and by which evidence it was taken for
    one."""
    found = await _one(call, transaction_id)
    return Why(
        transaction(found.transaction),
        [
            Observation(
                each.observation_id,
                each.provider,
                each.source_name,
                each.provider_id,
                each.version,
                each.gone,
                each.status,
                each.booked_on,
                each.amount,
                each.currency,
                each.description,
                each.counterparty,
                each.reference,
                each.seen_at,
                each.strand,
                each.match_rule,
                each.match_weight,
                msgspec.json.decode(each.match_found or "[]"),
            )
            for each in found.observations
        ],
        [Given(each.field, each.value, each.source) for each in found.fields],
    )


@patch(
    "/v1/spaces/{space_id}/transactions/{transaction_id}",
    Scope.TRANSACTIONS_EDIT,
    tag="transactions",
    conditional=True,
)
async def edit_transaction(call: InSpace, transaction_id: UUID, body: Edit) -> Decided:
    """Fix fields of a transaction, those alone."""
    await _match(call, transaction_id)
    values = {
        name: value.isoformat() if isinstance(value, date) else str(value)
        for name, value in msgspec.structs.asdict(body).items()
        if value is not None
    }
    if not values:
        raise Rejected(problems.INVALID, "say at least one field")
    return Decided([await decisions.edit(call.installation, call.space, str(transaction_id), values)])


@post(
    "/v1/spaces/{space_id}/transactions/{transaction_id}/reconcile",
    Scope.TRANSACTIONS_EDIT,
    tag="transactions",
)
async def reconcile_transaction(call: InSpace, transaction_id: UUID) -> Decided:
    """Mark a transaction as reconciled: its amount and its day stay."""
    return Decided([await decisions.lock(call.installation, call.space, str(transaction_id))])


@post(
    "/v1/spaces/{space_id}/transactions/{transaction_id}/merge", Scope.TRANSACTIONS_EDIT, tag="transactions"
)
async def merge_transactions(call: InSpace, transaction_id: UUID, body: Other) -> Decided:
    """Say that two transactions of an account are one movement."""
    of = (str(transaction_id), str(body.other_transaction_id))
    return Decided([await decisions.merge(call.installation, call.space, *of)])


@post(
    "/v1/spaces/{space_id}/transactions/{transaction_id}/split-apart",
    Scope.TRANSACTIONS_EDIT,
    tag="transactions",
)
async def split_transaction_apart(call: InSpace, transaction_id: UUID, body: Strand) -> Decided:
    """Say that what was taken for one movement are several."""
    strand = str(body.strand) if body.strand else ""
    return Decided(await decisions.split_apart(call.installation, call.space, str(transaction_id), strand))


@post(
    "/v1/spaces/{space_id}/transactions/{transaction_id}/split", Scope.TRANSACTIONS_EDIT, tag="transactions"
)
async def split_transaction(call: InSpace, transaction_id: UUID, body: Parts) -> Decided:
    """Split a transaction's amount."""
    parts = [Decimal(each) for each in body.amounts]
    return Decided([await decisions.split(call.installation, call.space, str(transaction_id), parts)])


@delete("/v1/spaces/{space_id}/transactions/{transaction_id}", Scope.TRANSACTIONS_EDIT, tag="transactions")
async def delete_transaction(call: InSpace, transaction_id: UUID) -> None:
    """Take a transaction out of the ledger, whatever its sources tell of it later. It can be taken back
    (`decisions`)."""
    await decisions.delete(call.installation, call.space, str(transaction_id))


ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    list_transactions,
    read_transaction,
    explain_transaction,
    edit_transaction,
    reconcile_transaction,
    merge_transactions,
    split_transaction_apart,
    split_transaction,
    delete_transaction,
)
