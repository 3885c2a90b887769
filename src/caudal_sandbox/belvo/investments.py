"""What positions and their movements look like (official OpenAPI 1.223.0): they hang on the link, on no account."""

from datetime import date, datetime
from decimal import Decimal
from typing import Final

from caudal_sandbox.belvo.links import Link
from caudal_sandbox.belvo.names import hexed, stamp
from caudal_sandbox.belvo.records import NOTHING
from caudal_sandbox.economy.movements import State
from caudal_sandbox.economy.view import AccountView, Sighting

Json = dict[str, object]

CENT: Final = Decimal("0.01")


def positions(link: Link, view: AccountView, at: datetime) -> list[Json]:
    """What the person holds: each with what it is worth."""
    return [
        {
            **_security(link, each.security.symbol, each.security.name),
            "currency": view.terms.currency,
            "balance": {
                "reference_date": stamp(at),
                "gross_value": each.value,
                "blocked_amount": NOTHING,
                "quantity": each.quantity,
                "gross_unit_price": each.price,
                "net_value": each.value,
                "withheld_amount": NOTHING,
                "transaction_fee": NOTHING,
                "purchase_unit_price": (each.cost / each.quantity).quantize(CENT),
                "closing_price": each.price,
                "unit_price_factor": Decimal(1),
            },
        }
        for each in view.positions(at)
    ]


def _security(link: Link, symbol: str, name: str) -> Json:
    return {
        "id": link.uuid("investment", symbol),
        "type": "VARIABLE_INCOME",
        "issuer_id_number": None,
        "isin_number": None,
        "product_name": name,
        "is_tax_exempt": False,
        "clearing_code": symbol,
    }


def trades(view: AccountView, at: datetime, since: date) -> list[Sighting]:
    """The movements of positions from that day on, the latest first."""
    booked = [each for each in view.movements(at) if each.state is State.BOOKED and each.movement.trade]
    return [each for each in reversed(booked) if each.on >= since]


def trade_type(sighting: Sighting) -> str:
    """From the position's side: what is bought flows in, what is sold or paid out flows out."""
    return "INFLOW" if sighting.amount < 0 else "OUTFLOW"


def investment_transaction(link: Link, view: AccountView, sighting: Sighting, at: datetime) -> Json:
    """A movement of a position."""
    trade = sighting.movement.trade
    value = abs(sighting.amount)
    return {
        "id": link.uuid("trade", sighting.movement.id),
        "link": link.id,
        "collected_at": stamp(at),
        "created_at": stamp(max(sighting.since, link.created_at)),
        "investment": {
            **_security(link, trade.symbol if trade else "", trade.symbol if trade else ""),
            "currency": view.terms.currency,
        },
        "internal_identification": hexed("trade", link.issue, sighting.movement.id, length=40),
        "value_date": sighting.on.isoformat(),
        "gross_value": value,
        "net_value": value,
        "value": value,
        "unit_price": trade.price if trade else NOTHING,
        "price_factor": Decimal(1),
        "transaction_tax": NOTHING,
        "income_tax": NOTHING,
        "quantity": abs(trade.quantity) if trade else NOTHING,
        "type": trade_type(sighting),
    }
