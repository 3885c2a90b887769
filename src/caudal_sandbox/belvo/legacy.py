"""What accounts, transactions and balances looked like in 2023, for links by credentials (official OpenAPI 1.35.0).

No bank's ids, no overdraft, texts in the country's language, instants where Brazil has days.
"""

from datetime import datetime
from typing import Final

from caudal_sandbox.belvo.links import Link
from caudal_sandbox.belvo.names import moment, stamp
from caudal_sandbox.belvo.records import NOTHING, spent
from caudal_sandbox.economy.accounts import AccountKind
from caudal_sandbox.economy.movements import State
from caudal_sandbox.economy.view import AccountView, Sighting

Json = dict[str, object]

_SHAPES: Final = {
    AccountKind.CHECKING: ("CHECKING_ACCOUNT", "ASSET", "Cuentas de efectivo"),
    AccountKind.SAVINGS: ("SAVINGS_ACCOUNT", "ASSET", "Cuentas de ahorro"),
    AccountKind.CARD: ("CREDIT_CARD", "LIABILITY", "Tarjetas de crédito"),
}
KINDS: Final = frozenset(_SHAPES)
_UNTOLD: Final = (
    "cutting_date", "next_payment_date", "minimum_payment", "no_interest_payment", "interest_rate", "monthly_payment",
    "last_payment_date",
)  # fmt: skip
"""Of a card: what banks don't always say."""


def account(link: Link, view: AccountView, at: datetime) -> Json:
    """An account as it stood at `at`."""
    terms = view.terms
    category, side, kind = _SHAPES[terms.kind]
    card = terms.kind is AccountKind.CARD
    limit = terms.card.limit if terms.card else NOTHING
    current = spent(view, at) if card else view.booked(at)
    return {
        "id": link.uuid("account", terms.id),
        "link": link.id,
        "institution": {"name": link.bank.name, "type": "bank"},
        "collected_at": stamp(at),
        "created_at": stamp(link.created_at),
        "category": category,
        "balance_type": side,
        "type": kind,
        "name": terms.name,
        "number": terms.number,
        "balance": {"current": current, "available": limit - current if card else view.available(at)},
        "currency": terms.currency,
        "public_identification_name": "CREDIT_CARD_NUMBER" if card else "CLABE",
        "public_identification_value": terms.number,
        "last_accessed_at": stamp(at),
        "credit_data": {"collected_at": stamp(at), "credit_limit": limit, **dict.fromkeys(_UNTOLD)}
        if card
        else None,
        "loan_data": None,
        "funds_data": None,
        "receivables_data": None,
        "bank_product_id": None,
        "internal_identification": None,
    }


def transaction(link: Link, sighting: Sighting, whole: Json, at: datetime) -> Json:
    """A movement: nothing names it beyond its link."""
    movement = sighting.movement
    return {
        "id": link.uuid("transaction", sighting.record),
        "account": whole,
        "collected_at": stamp(at),
        "created_at": stamp(max(sighting.since, link.created_at)),
        "value_date": sighting.on.isoformat(),
        "accounting_date": moment(movement.occurred_at),
        "amount": abs(sighting.amount),
        "balance": None,
        "currency": movement.currency,
        "description": sighting.text,
        "observations": None,
        "merchant": {"logo": None, "website": None, "merchant_name": movement.merchant.name}
        if movement.merchant
        else None,
        "category": None,
        "subcategory": None,
        "reference": movement.cheque or None,
        "type": "INFLOW" if sighting.amount > 0 else "OUTFLOW",
        "status": "PROCESSED" if sighting.state is State.BOOKED else "PENDING",
        "credit_card_data": None,
    }


def balance(link: Link, view: AccountView, whole: Json, at: datetime) -> Json:
    """What stood on the account at the end of the day."""
    day = at.astimezone(view.terms.institution.land.zone).date()
    return {
        "id": link.uuid("balance", view.terms.id, day),
        "account": whole,
        "value_date": day.isoformat(),
        "balance": view.booked(at),
        "current_balance": None,
        "statement": None,
        "collected_at": stamp(at),
    }


def owner(link: Link, at: datetime) -> Json:
    """The person."""
    return {
        "id": link.uuid("owner"),
        "link": link.id,
        "internal_identification": link.holder.name,
        "collected_at": stamp(at),
        "created_at": stamp(link.created_at),
        "display_name": link.holder.full_name,
        "email": link.holder.email,
        "phone_number": None,
        "address": link.holder.city,
        "document_id": None,
    }
