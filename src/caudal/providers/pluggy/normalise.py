"""From Pluggy's records to the model's changes. Every line has its reason in MAPPING.md."""

import datetime as dt
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Raw

from caudal.model.changes import (
    AccountKind,
    AccountSeen,
    BalanceKind,
    BalanceSeen,
    Change,
    Holding,
    HoldingsSeen,
    SourceRef,
    Status,
    TransactionSeen,
    Unreadable,
)
from caudal.model.currencies import EXPONENTS, UNKNOWN
from caudal.model.errors import MoneyError
from caudal.model.money import EXACT, Money
from caudal.providers.pluggy.payloads import Account, Investment, Item, Loan, Transaction
from caudal.providers.rows import read_all

ZONE: Final = ZoneInfo("America/Sao_Paulo")
"""Where the days of Brazil's banks begin: midnight there is 03:00Z."""
CARD_BALANCE: Final = BalanceKind.PRESUMED
"""[?] Whether what a card owes is the sum of its booked movements, with instalments yet to be billed or without, nobody
could check: it proves where it is borne out, and is held against nobody."""
_KINDS: Final = {
    ("BANK", "CHECKING_ACCOUNT"): AccountKind.CHECKING,
    ("BANK", "SAVINGS_ACCOUNT"): AccountKind.SAVINGS,
    ("CREDIT", "CREDIT_CARD"): AccountKind.CARD,
}
_STATUS: Final = {"POSTED": Status.BOOKED, "PENDING": Status.PENDING, None: Status.BOOKED}
_MASK: Final = 4
_MIDNIGHT: Final = dt.time()

T = TypeVar("T")


class Known(msgspec.Struct, frozen=True):
    """An account, and what must be known to read its movements. `turned`: what is owed is positive there."""

    ref: SourceRef
    told: Account
    kind: AccountKind
    turned: bool
    sandbox: bool
    bank: str


def known_accounts(rows: Sequence[Raw], item: Item) -> tuple[list[Known], list[Unreadable]]:
    """An item's accounts. One of a type nobody knows can't be read: its signs aren't known."""
    read, unreadable = read_all(rows, Account, "pluggy accounts")
    sandbox = bool(item.connector and item.connector.is_sandbox)
    bank = item.connector.name if item.connector else ""
    known = []
    for account, raw in read:
        ref = SourceRef(account.id)
        if account.type not in {"BANK", "CREDIT"} or account.currency_code not in EXPONENTS:
            why = "an account of a type or in a currency nobody knows"
            unreadable.append(Unreadable("pluggy accounts", why, raw, ref))
            continue
        kind = _KINDS.get((account.type, account.subtype), AccountKind.OTHER)
        turned = account.type == "CREDIT" and not sandbox
        known.append(Known(ref, account, kind, turned, sandbox, bank))
    return known, unreadable


def account_seen(known: Known) -> AccountSeen:
    """The account as the model names it. A card's `number` is its last four digits."""
    told = known.told
    number = told.number or ""
    bank_number = told.bank_data.transfer_number if told.bank_data else None
    digits = "".join(each for each in number if each.isalnum())
    return AccountSeen(
        known.ref,
        known.kind,
        told.currency_code,
        name=told.marketing_name or told.name,
        number=None if told.type == "CREDIT" else bank_number or number or None,
        institution=known.bank or None,
        mask=digits[-_MASK:] or None,
        lists=True,
    )


def balances_seen(known: Known, at: dt.datetime) -> Iterable[BalanceSeen | Unreadable]:
    """What stood on the account when Pluggy was last there, by our signs."""
    told = known.told
    bank, card = told.bank_data, told.credit_data
    stands = BalanceKind.BOOKED if told.type == "BANK" else CARD_BALANCE
    figures = (
        (stands, EXACT.minus(told.balance) if known.turned else told.balance),
        (BalanceKind.AVAILABLE, bank.closing_balance if bank else None),
        (BalanceKind.AVAILABLE, card.available_credit_limit if card else None),
        (BalanceKind.LIMIT, card.credit_limit if card else None),
    )
    for kind, amount in figures:
        if amount is not None:
            yield _balance(known.ref, kind, amount, told.currency_code, at)


def transaction_seen(known: Known, told: Transaction, raw: str, today: dt.date) -> TransactionSeen:
    """A movement by our signs and days. `today`: what is dated later hasn't happened. Raises MoneyError."""
    status = _STATUS.get(told.status)
    if status is None:
        raise MoneyError("a status nobody knows")
    abroad = told.amount_in_account_currency
    amount = told.amount if abroad is None else abroad
    currency = told.currency_code if abroad is None else known.told.currency_code
    money = Money(EXACT.minus(amount) if known.turned else amount, currency)
    day = day_of(told.date)
    card = told.credit_card_metadata
    bought = card.purchase_date if card else None
    return TransactionSeen(
        known.ref,
        told.id,
        Status.PENDING if day > today else status,
        money,
        day,
        told.description_raw or told.description,
        _counterparty(told, out=money.amount < 0),
        (told.payment_data and told.payment_data.reference_number) or "",
        authorized_on=day_of(bought) if bought else None,
        occurred_at=_instant(card.transaction_date_time if card else None)
        or _instant(bought)
        or _instant(told.date),
        raw=raw,
        category=told.category or "",
    )


def contradicts(known: Known, told: Transaction, money: Money) -> bool:
    """Whether Pluggy's `type` says the other direction than its sign does (contract §5.3): the sign is followed. The
    sandbox calls everything on a card CREDIT."""
    if known.sandbox or told.type not in {"DEBIT", "CREDIT"} or not money.amount:
        return False
    return (told.type == "DEBIT") != (money.amount < 0)


def holdings_seen(
    rows: Sequence[tuple[Investment, str]], ref: SourceRef, at: dt.datetime
) -> Iterable[Change | Unreadable]:
    """Everything held in one currency, and what it is worth. `balance` is net of taxes."""
    held = [told for told, _ in rows if told.status != "TOTAL_WITHDRAWAL"]
    currency = rows[0][0].currency_code if rows else UNKNOWN
    yield HoldingsSeen(ref, day_of(at), tuple(_holding(each) for each in held))
    if held:
        yield _balance(ref, BalanceKind.VALUE, sum((each.balance for each in held), Decimal(0)), currency, at)


def loan_seen(told: Loan, bank: str, at: dt.datetime) -> Iterable[Change | Unreadable]:
    """A loan, and what is left to pay. No movement of it is told."""
    ref = SourceRef(told.id)
    yield AccountSeen(
        ref,
        AccountKind.LOAN,
        told.currency_code,
        told.product_name,
        number=told.contract_number,
        institution=bank or None,
    )
    owed = told.payments.contract_outstanding_balance if told.payments else None
    if owed is not None:
        yield _balance(ref, BalanceKind.VALUE, EXACT.minus(owed), told.currency_code, at)


def day_of(told: dt.datetime) -> dt.date:
    """The bank's day: São Paulo's, but for exactly 00:00Z or no zone at all, which is a plain date (contract §5.4)."""
    if told.tzinfo is None or told.astimezone(dt.UTC).time() == _MIDNIGHT:
        return told.date()
    return told.astimezone(ZONE).date()


def _instant(told: dt.datetime | None) -> dt.datetime | None:
    """A real instant: not midnight, there or in São Paulo, which stands for the day alone."""
    if told is None or told.tzinfo is None:
        return None
    return None if _MIDNIGHT in {told.astimezone(dt.UTC).time(), told.astimezone(ZONE).time()} else told


def _counterparty(told: Transaction, *, out: bool) -> str:
    paid = told.payment_data
    party = (paid.receiver if out else paid.payer) if paid else None
    merchant = told.merchant
    return (party and party.name) or (merchant and (merchant.name or merchant.business_name)) or ""


def _holding(told: Investment) -> Holding:
    quantity = told.quantity if told.quantity is not None else Decimal(1)
    return Holding(
        told.isin or told.code or told.id,
        quantity,
        told.currency_code,
        name=told.name,
        kind=(told.subtype or told.type).lower(),
        price=told.value,
        value=told.balance,
        cost=told.amount_original,
    )


def _balance(
    ref: SourceRef, kind: BalanceKind, amount: Decimal, currency: str, at: dt.datetime
) -> BalanceSeen | Unreadable:
    try:
        return BalanceSeen(ref, kind, Money(amount, currency), day_of(at), firm=False, at=at)
    except (MoneyError, ArithmeticError) as error:
        return Unreadable(f"pluggy {kind} balance", str(error), f"{amount} {currency}", ref)
