"""Transactions: found, looked at, put right."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Final, Literal, cast
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from starlette.responses import Response

from caudal.hub import decisions, ledger, listing, transfers
from caudal.hub.identity.roles import Scope
from caudal.model.errors import ConflictError, MoneyError
from caudal.store.listing import Place, Query
from caudal.web import amounts
from caudal.web.forms import Wrong
from caudal.web.routing import Declared, action, page
from caudal.web.views import ledger as view
from caudal.web.views.common import Choice, TransactionsPage
from caudal.web.views.ledger import line
from caudal.web.visits import InSpace

_FIELDS: Final = ("search", "account", "direction", "status", "transfer", "start", "end", "least", "most")
_SEARCH_MAX: Final = 200
_SHOWN: Final = 50
_NEAR: Final = timedelta(days=14)
_OTHERS: Final = 10


@page("/s/{space}/transactions", Scope.TRANSACTIONS_READ)
async def transactions(visit: InSpace) -> Response:
    """Movements, the latest first, narrowed down by what was asked for."""
    asked = {name: value for name in _FIELDS if (value := visit.query.get(name, "").strip())}
    after = _place(visit.query.get("after", ""))
    found = await listing.listed(visit.installation, visit.space, _query(visit, asked), after, _SHOWN)
    accounts = await ledger.accounts(visit.installation, visit.space)
    names = {str(view.held.account_id): view.held.name for view in accounts}
    here = f"{visit.base}/transactions"
    return await visit.show(
        "transactions.html",
        here="transactions",
        page=TransactionsPage(
            lines=tuple(line(row, visit.base) for row in found.rows),
            today=visit.today,
            search=asked.get("search", ""),
            account=asked.get("account", ""),
            accounts=(
                Choice("", visit.say("transactions.every")),
                *(Choice(key, name) for key, name in names.items()),
            ),
            asked=asked,
            here=f"{here}?{visit.request.url.query}",
            newer=f"{here}?{urlencode(asked)}" if after is not None else None,
            older=None
            if found.next is None
            else f"{here}?{urlencode({**asked, 'after': _told(found.next)})}",
        ),
    )


def _query(visit: InSpace, asked: dict[str, str]) -> Query:
    """What was asked for, as far as it can be read: a half-written day narrows nothing down."""
    direction = asked.get("direction")
    status = asked.get("status")
    return Query(
        accounts=[account] if (account := _uuid(asked.get("account", ""))) else None,
        start=_day(asked.get("start", "")),
        end=_day(asked.get("end", "")),
        amount_min=_amount(visit, asked.get("least", "")),
        amount_max=_amount(visit, asked.get("most", "")),
        direction=cast("Literal['in', 'out']", direction) if direction in ("in", "out") else None,
        status=cast("Literal['booked', 'pending']", status) if status in ("booked", "pending") else None,
        transfer={"yes": True, "no": False}.get(asked.get("transfer", "")),
        text=asked.get("search", "")[:_SEARCH_MAX],
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _amount(visit: InSpace, text: str) -> Decimal | None:
    try:
        return abs(amounts.read(text, visit.language))
    except MoneyError:
        return None


def _place(text: str) -> Place | None:
    """Where a page goes on, as an address of ours said it; what says nothing begins anew."""
    try:
        return msgspec.json.decode(bytes.fromhex(text), type=Place)
    except (ValueError, msgspec.DecodeError):
        return None


def _told(place: Place) -> str:
    return msgspec.json.encode(place).hex()


@page("/s/{space}/transactions/{transaction}", Scope.TRANSACTIONS_READ)
async def transaction(visit: InSpace) -> Response:
    """One movement: what it says, what was said of it, and what it rests on."""
    return await _one(visit)


@action("/s/{space}/transactions/{transaction}/edit", Scope.TRANSACTIONS_EDIT)
async def edit(visit: InSpace) -> Response:
    """What a person says it is: what they changed, and that alone."""
    form = await visit.form()
    there = await ledger.why(visit.installation, visit.space, str(visit.id("transaction")))
    if form.text("seen") != view.seen(there.transaction):
        return await _one(visit, {"seen": "transaction.changed_meanwhile"})
    try:
        booked_on = form.day("booked_on")
        told = {name: form.text(name) for name in ("description", "counterparty", "reference", "category")}
    except Wrong as wrong:
        return await _one(visit, dict(wrong.errors))
    if booked_on is not None:
        told["booked_on"] = booked_on.isoformat()
    row = there.transaction
    category = next((each.value for each in there.fields if each.field == "category"), "")
    now = {name: str(getattr(row, name, category)) for name in told}
    values = {name: value for name, value in told.items() if value != now[name]}
    if not values:
        return visit.go(f"/transactions/{row.transaction_id}")
    await decisions.edit(visit.installation, visit.space, str(row.transaction_id), values)
    return visit.go(f"/transactions/{row.transaction_id}", said="transaction.edited")


@action("/s/{space}/transactions/{transaction}/split", Scope.TRANSACTIONS_EDIT)
async def split(visit: InSpace) -> Response:
    """Into parts; what they leave is the remainder."""
    form = await visit.form()
    there = await ledger.why(visit.installation, visit.space, str(visit.id("transaction")))
    sign = -1 if there.transaction.amount < 0 else 1
    parts: list[Decimal] = []
    for text in form.all("part"):
        if not text.strip():
            continue
        try:
            parts.append(abs(amounts.read(text, visit.language)) * sign)
        except MoneyError:
            return await _one(visit, {"part": "form.no_amount"})
    if not parts:
        return await _one(visit, {"part": "form.missing"})
    try:
        await decisions.split(visit.installation, visit.space, str(there.transaction.transaction_id), parts)
    except ConflictError:
        return await _one(visit, {"part": "transaction.parts_exceed"})
    return visit.go(f"/transactions/{there.transaction.transaction_id}", said="transaction.was_split")


@action("/s/{space}/transactions/{transaction}/merge", Scope.TRANSACTIONS_EDIT)
async def merge(visit: InSpace) -> Response:
    """With another of the same account: they are one movement."""
    form = await visit.form()
    here = str(visit.id("transaction"))
    await decisions.merge(visit.installation, visit.space, here, str(form.id("other")))
    return visit.go(f"/transactions/{here}", said="transaction.merged")


@action("/s/{space}/transactions/{transaction}/apart", Scope.TRANSACTIONS_EDIT)
async def apart(visit: InSpace) -> Response:
    """What was taken for one are several."""
    here = str(visit.id("transaction"))
    await decisions.split_apart(visit.installation, visit.space, here)
    return visit.go(f"/transactions/{here}", said="transaction.taken_apart")


@action("/s/{space}/transactions/{transaction}/lock", Scope.TRANSACTIONS_EDIT)
async def lock(visit: InSpace) -> Response:
    """Reconciled: its amount and its day stay."""
    here = str(visit.id("transaction"))
    await decisions.lock(visit.installation, visit.space, here)
    return visit.go(f"/transactions/{here}", said="transaction.locked")


@action("/s/{space}/transactions/{transaction}/no-transfer", Scope.TRANSACTIONS_EDIT)
async def no_transfer(visit: InSpace) -> Response:
    """It is no side of a transfer."""
    here = str(visit.id("transaction"))
    await transfers.unlink(visit.installation, visit.space, here)
    return visit.go(f"/transactions/{here}", said="transaction.no_transfer_said")


@action("/s/{space}/transactions/{transaction}/delete", Scope.TRANSACTIONS_EDIT)
async def delete(visit: InSpace) -> Response:
    """Out of the ledger; the word can be taken back in review."""
    await decisions.delete(visit.installation, visit.space, str(visit.id("transaction")))
    return visit.go("/transactions", said="transaction.deleted")


@action("/s/{space}/decisions/{decision}/undo", Scope.TRANSACTIONS_EDIT)
async def undo(visit: InSpace) -> Response:
    """A word is taken back."""
    form = await visit.form()
    await decisions.undo(visit.installation, visit.space, visit.id("decision"))
    back = form.text("transaction")
    return visit.go(f"/transactions/{back}" if back else "/review", said="transaction.undone")


async def _one(visit: InSpace, errors: dict[str, str] | None = None) -> Response:
    found = await ledger.why(visit.installation, visit.space, str(visit.id("transaction")))
    row = found.transaction
    said = await decisions.said_of(visit.installation, visit.space, row.transaction_id)
    near = Query(
        accounts=[row.account_id],
        amount_min=abs(row.amount),
        amount_max=abs(row.amount),
        currency=row.currency,
        start=row.booked_on - _NEAR,
        end=row.booked_on + _NEAR,
    )
    others = await listing.listed(visit.installation, visit.space, near, limit=_OTHERS)
    return await visit.show(
        "transaction.html",
        here="transactions",
        page=view.transaction(found, said, visit.base),
        others=[
            line(each, visit.base)
            for each in others.rows
            if each.transaction_id != row.transaction_id and each.amount == row.amount
        ],
        errors=errors or {},
        status=422 if errors else 200,
    )


ROUTES: Final[tuple[Declared, ...]] = (
    transactions,
    transaction,
    edit,
    split,
    merge,
    apart,
    lock,
    no_transfer,
    delete,
    undo,
)
