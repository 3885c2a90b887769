"""What the pages of the ledger show, from what the hub tells."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from hashlib import sha256

import msgspec

from caudal.hub.ledger import AccountView, Explanation
from caudal.hub.overview import Holding
from caudal.hub.overview import Overview as Standing
from caudal.model.currencies import EXPONENTS
from caudal.store.ledger import AccountRow, ObservationRow, ProofRow, TransactionRow
from caudal.store.listing import ListedRow
from caudal.store.matching import Decision
from caudal.store.spaces import LinkedConnection
from caudal.web.views.common import (
    AccountLine,
    Flow,
    Net,
    Overview,
    Point,
    Proof,
    TransactionLine,
    Trouble,
)

_ASKS = frozenset({"needs_user", "degraded"})


def proof(view: AccountView) -> Proof:
    """The verdict on an account."""
    return verdict(view.held)


def verdict(of: AccountRow | ProofRow) -> Proof:
    """A verdict."""
    there = of.verdict if of.verdict in ("proven", "off") else "unproven"
    return Proof(
        verdict=there,  # type: ignore[arg-type]  # one of the three
        currency=of.currency,
        proven_to=of.proven_to if there == "proven" else None,
        off_by=of.off_by,
        off_since=of.off_since,
    )


def account_line(holding: Holding, currency: str, base: str) -> AccountLine:
    """An account in a list; its worth in `currency` where its own is another."""
    held = holding.view.held
    other = held.currency != currency and holding.worth is not None
    return AccountLine(
        name=held.name,
        institution=held.institution or held.name,
        href=f"{base}/accounts/{held.account_id}",
        balance=held.booked,
        currency=held.currency,
        proof=proof(holding.view),
        detail=f"··{held.mask[-4:]}" if held.mask else "",
        worth=shown(holding.worth, currency) if other and holding.worth is not None else None,
        worth_currency=currency if other else None,
    )


def line(row: TransactionRow, base: str) -> TransactionLine:
    """A movement in a list."""
    return TransactionLine(
        name=row.counterparty or row.description or row.account,
        account=row.account,
        href=f"{base}/transactions/{row.transaction_id}",
        booked_on=row.booked_on,
        amount=row.amount,
        currency=row.currency,
        category=row.category if isinstance(row, ListedRow) else "",
        pending=row.status == "pending",
        transfer=row.transfer_id is not None,
    )


def overview(told: Standing, base: str, now: datetime) -> Overview:
    """The first page."""
    accounts = tuple(account_line(each, told.currency, base) for each in told.accounts)
    return Overview(
        currency=told.currency,
        total=shown(told.total, told.currency),
        proven=sum(each.proof.verdict == "proven" for each in accounts),
        accounts=accounts,
        history=tuple(Point(day, shown(amount, told.currency)) for day, amount in told.history),
        flows=tuple(_flow(month, told.currency, came=came, went=went) for month, came, went in told.months),
        latest=tuple(line(row, base) for row in told.latest),
        troubles=tuple(_trouble(each, base) for each in told.connections if each.state in _ASKS),
        now=now,
        nets=tuple(Net(amount, code) for code, amount in told.nets),
        unvalued=tuple(told.unvalued),
    )


def shown(amount: Decimal, currency: str) -> Decimal:
    """What was valued by rates, to the smallest unit of its currency: its further digits mean nothing."""
    places = EXPONENTS.get(currency, 2)
    return amount.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)


def _flow(month: date, currency: str, *, came: Decimal, went: Decimal) -> Flow:
    return Flow(month=month, came_in=shown(came, currency), went_out=-shown(went, currency))


def _trouble(connection: LinkedConnection, base: str) -> Trouble:
    return Trouble(
        institution=connection.institution or connection.label,
        since=connection.last_run_at or connection.created_at,
        href=f"{base}/connections/{connection.connection_id}",
    )


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One version of what one source told. `by`: why it was taken for this movement, "" where it founded it."""

    provider: str
    source: str
    seen_at: datetime
    booked_on: date
    amount: Decimal
    currency: str
    text: str
    gone: bool
    by: str
    raw: str


class Said(msgspec.Struct, frozen=True):
    """What somebody said of it. `values`: what they fixed, or the parts."""

    decision: str
    kind: str
    values: str


class TransactionPage(msgspec.Struct, frozen=True, kw_only=True):
    """A movement: what it says (`category`: by whatever gave it), what it rests on, what people said of it. `seen`: how
    it stood when the page was made; `several`: it is told by more than one strand."""

    id: str
    name: str
    line: TransactionLine
    description: str
    counterparty: str
    reference: str
    category: str
    booked_on: date
    value_on: date | None
    amount: Decimal
    currency: str
    account_href: str
    seen: str
    several: bool
    told: tuple[Told, ...]
    said: tuple[Said, ...]
    other_side: TransactionLine | None


def seen(row: TransactionRow) -> str:
    """How a transaction stands, in short."""
    told = (row.transaction_id, row.booked_on, row.amount, row.description, row.counterparty, row.reference)
    return sha256(msgspec.json.encode(told)).hexdigest()[:32]


def transaction(found: Explanation, said: Sequence[Decision], base: str) -> TransactionPage:
    """The page of one movement."""
    row = found.transaction
    return TransactionPage(
        id=str(row.transaction_id),
        name=row.counterparty or row.description or row.account,
        line=line(row, base),
        description=row.description,
        counterparty=row.counterparty,
        reference=row.reference,
        category=next((each.value for each in found.fields if each.field == "category"), ""),
        booked_on=row.booked_on,
        value_on=row.value_on,
        amount=row.amount,
        currency=row.currency,
        account_href=f"{base}/accounts/{row.account_id}",
        seen=seen(row),
        several=len({each.strand for each in found.observations}) > 1,
        told=tuple(_told(each) for each in found.observations),
        said=tuple(Said(str(each.decision_id), each.kind, _values(each)) for each in said),
        other_side=_other_side(found, base),
    )


def _told(row: ObservationRow) -> Told:
    return Told(
        provider=row.provider,
        source=row.source_name,
        seen_at=row.seen_at,
        booked_on=row.booked_on,
        amount=row.amount,
        currency=row.currency,
        text=" · ".join(filter(None, (row.counterparty, row.description, row.reference))),
        gone=row.gone,
        by=row.match_rule or "",
        raw=row.raw,
    )


def _values(decision: Decision) -> str:
    data = msgspec.json.decode(decision.data or "{}")
    if "parts" in data:
        return ", ".join(str(part) for part in data["parts"])
    return ", ".join(f"{name}: {value}" for name, value in data.get("values", {}).items())


def _other_side(found: Explanation, base: str) -> TransactionLine | None:
    side = found.transfer
    if side is None:
        return None
    here_out = side.out_id == found.transaction.transaction_id
    return TransactionLine(
        name=side.into_account if here_out else side.out_account,
        account=side.into_account if here_out else side.out_account,
        href=f"{base}/transactions/{side.into_id if here_out else side.out_id}",
        booked_on=side.into_on if here_out else side.out_on,
        amount=side.into_amount if here_out else side.out_amount,
        currency=side.into_currency if here_out else side.out_currency,
        transfer=True,
    )
