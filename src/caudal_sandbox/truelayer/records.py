"""What accounts, balances and movements look like on the wire (Data API v1: schemas; recorded mock bank)."""

from datetime import date, datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Final

from caudal_sandbox.economy.accounts import Account, AccountKind
from caudal_sandbox.economy.holders import Holder, HolderKind
from caudal_sandbox.economy.movements import Kind, Movement, State
from caudal_sandbox.economy.view import AccountView, Sighting
from caudal_sandbox.truelayer.banks import Bank, CardSign, Ids

Json = dict[str, object]

_CATEGORIES: Final = {
    Kind.CASH: "ATM",
    Kind.CHEQUE: "CHEQUE",
    Kind.DIVIDEND: "DIVIDEND",
    Kind.FEE: "FEE_CHARGE",
    Kind.INTEREST: "INTEREST",
    Kind.RENT: "STANDING_ORDER",
    Kind.UTILITY: "DIRECT_DEBIT",
    Kind.PHONE: "DIRECT_DEBIT",
    Kind.SUBSCRIPTION: "DIRECT_DEBIT",
    Kind.SALARY: "CREDIT",
    Kind.TRANSFER: "TRANSFER",
    Kind.FRIENDS: "TRANSFER",
    Kind.CARD_PAYMENT: "TRANSFER",
    Kind.LOAN_PAYMENT: "DIRECT_DEBIT",
}
OVERDRAFT: Final = Decimal(500)
"""Each current account's."""


def hexed(*parts: object, length: int = 32) -> str:
    """An opaque name of so many hex digits."""
    text = "/".join(str(part) for part in parts)
    return blake2b(text.encode(), digest_size=32).hexdigest()[:length]


def moment(at: datetime) -> str:
    """As TrueLayer writes instants: seven digits."""
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}0Z"


def provider(bank: Bank) -> Json:
    """The bank, as each record names it."""
    logo = f"https://auth.truelayer.com/img/banks/banks-icons/{bank.provider_id}-icon.svg"
    return {"provider_id": bank.provider_id, "display_name": bank.name, "logo_uri": logo}


def account_id(account: Account) -> str:
    """The same whoever linked it: usual, and promised nowhere (contract, §2.4)."""
    return hexed("account", account.id)


def account(terms: Account, holder: Holder, bank: Bank, now: datetime) -> Json:
    """A current or savings account."""
    kind = "SAVINGS" if terms.kind is AccountKind.SAVINGS else "TRANSACTION"
    return {
        "update_timestamp": moment(now),
        "account_id": account_id(terms),
        "account_type": f"BUSINESS_{kind}" if holder.kind is HolderKind.FIRM else kind,
        "display_name": terms.name,
        "currency": terms.currency,
        "account_number": {
            "iban": terms.iban,
            "swift_bic": terms.institution.bic,
            "number": terms.number,
            "sort_code": terms.institution.code,
        },
        "provider": provider(bank),
    }


def card(terms: Account, holder: Holder, bank: Bank, now: datetime) -> Json:
    """A credit card."""
    return {
        "account_id": account_id(terms),
        "card_network": "VISA",
        "card_type": "CREDIT",
        "currency": terms.currency,
        "display_name": terms.name,
        "partial_card_number": terms.mask,
        "name_on_card": holder.full_name,
        "update_timestamp": moment(now),
        "provider": provider(bank),
    }


def balance(view: AccountView, now: datetime) -> Json:
    """What stands there: of a card what is owed, positive; of an account `available` with the overdraft in it."""
    terms = view.terms
    told: Json = {"currency": terms.currency, "update_timestamp": moment(now)}
    if terms.kind is AccountKind.CARD:
        limit = terms.card.limit if terms.card else Decimal(0)
        return told | {"current": -view.booked(), "available": view.available(), "credit_limit": limit}
    if terms.kind is AccountKind.SAVINGS:
        return told | {"current": view.booked(), "available": view.available()}
    available = view.available() + OVERDRAFT
    return told | {"current": view.booked(), "available": available, "overdraft": OVERDRAFT}


def transaction(sighting: Sighting, terms: Account, bank: Bank, call: int) -> Json:
    """A movement. `call`: which of all calls this is, for banks whose ids change between them."""
    movement, quirks = sighting.movement, bank.quirks
    amount, kind = _signed(sighting, terms, bank)
    steady = () if quirks.steady else (call,)
    told: Json = {
        "transaction_id": hexed("transaction", sighting.record, *steady),
        "timestamp": f"{sighting.on.isoformat()}T00:00:00{quirks.zone}",
        "description": sighting.text,
        "amount": amount,
        "currency": movement.currency,
        "transaction_type": kind,
        "transaction_category": _CATEGORIES.get(movement.kind, "PURCHASE" if amount else "OTHER"),
        "transaction_classification": [],
        "meta": {"provider_transaction_category": "CRD" if terms.kind is AccountKind.CARD else "TFR"},
    }
    if movement.merchant is not None:
        told["merchant_name"] = movement.merchant.name
    if quirks.ids is Ids.NORMALISED:
        told["normalised_provider_transaction_id"] = "txn-" + hexed("normal", sighting.record, length=17)
    if quirks.ids is not Ids.NONE:
        told["provider_transaction_id"] = hexed("bank", sighting.record, length=18)
    return told


def _signed(sighting: Sighting, terms: Account, bank: Bank) -> tuple[Decimal, str]:
    """(amount, type) by the bank's own sign."""
    amount = sighting.amount
    kind = "CREDIT" if amount > 0 else "DEBIT"
    if bank.quirks.card_sign is CardSign.RANDOM and int(hexed(sighting.movement.id, length=2), 16) % 3 == 0:
        kind = "DEBIT" if kind == "CREDIT" else "CREDIT"
    if terms.kind is AccountKind.CARD and bank.quirks.card_sign is not CardSign.OWNED:
        amount = -amount
    return amount, kind


def settled(view: AccountView, start: date, end: date) -> list[Sighting]:
    """What is booked from day to day, the latest first."""
    booked = [each for each in view.movements() if each.state is State.BOOKED and start <= each.on <= end]
    return sorted(booked, key=lambda each: (each.on, each.since), reverse=True)


def pending(view: AccountView) -> list[Sighting]:
    """What pends now."""
    return [each for each in view.movements() if each.state is State.PENDING]


def standing_orders(view: AccountView, now: datetime) -> list[Json]:
    """Rent, paid every month: what the holder has told the bank to pay."""
    return [
        {
            "frequency": f"IntrvlMnthDay:01:{movement.authorized_on.day:02d}",
            "status": "Active",
            "timestamp": moment(now),
            "currency": movement.currency,
            "meta": {"provider_account_id": view.terms.number},
            "first_payment_date": f"{movement.authorized_on.isoformat()}T00:00:00Z",
            "first_payment_amount": -movement.amount(State.BOOKED),
            "final_payment_date": "9999-12-31T00:00:00Z",
            "reference": movement.text,
            "payee": movement.counterparty or movement.text,
        }
        for movement in _series(view, {Kind.RENT})
    ]


def direct_debits(view: AccountView, now: datetime, call: int) -> list[Json]:
    """Mandates; their ids change between calls."""
    return [
        {
            "direct_debit_id": hexed("mandate", movement.series, call),
            "timestamp": moment(now),
            "name": movement.merchant.name if movement.merchant else movement.text,
            "status": "Active",
            "previous_payment_timestamp": f"{movement.authorized_on.isoformat()}T00:00:00Z",
            "previous_payment_amount": -movement.amount(State.BOOKED),
            "currency": movement.currency,
            "meta": {
                "provider_mandate_identification": hexed(movement.series, length=10),
                "provider_account_id": view.terms.number,
            },
        }
        for movement in _series(view, {Kind.UTILITY, Kind.PHONE, Kind.SUBSCRIPTION})
    ]


def _series(view: AccountView, kinds: set[Kind]) -> list[Movement]:
    """The latest payment of each series of those kinds."""
    latest = {
        each.movement.series: each.movement
        for each in view.movements()
        if each.state is State.BOOKED and each.movement.series and each.movement.kind in kinds
    }
    return list(latest.values())
