"""What the pages of the ledger show, from what the hub tells."""

from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from caudal.hub.ledger import AccountView
from caudal.hub.overview import Holding
from caudal.hub.overview import Overview as Told
from caudal.model.currencies import EXPONENTS
from caudal.store.ledger import TransactionRow
from caudal.store.listing import ListedRow
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
    held = view.held
    verdict = held.verdict if held.verdict in ("proven", "off") else "unproven"
    return Proof(
        verdict=verdict,  # type: ignore[arg-type]  # one of the three
        currency=held.currency,
        proven_to=held.proven_to if verdict == "proven" else None,
        off_by=held.off_by,
        off_since=held.off_since,
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


def overview(told: Told, base: str, now: datetime) -> Overview:
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
