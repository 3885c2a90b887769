"""From Belvo's records to the model's changes. Every line has its reason in MAPPING.md."""

import datetime as dt
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final, NamedTuple, TypeVar

from caudal.matching.identity import Census, Content, Identifier
from caudal.model.changes import (
    AccountKind,
    AccountSeen,
    BalanceKind,
    BalanceSeen,
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
from caudal.providers.belvo.payloads import Account, Investment, InvestmentTransaction, Transaction
from caudal.providers.days import day_at
from caudal.providers.rows import UNREADABLE

_KINDS: Final = {
    "CHECKING_ACCOUNT": AccountKind.CHECKING,
    "ADVANCE_DEPOSIT_ACCOUNT": AccountKind.CHECKING,
    "SAVINGS_ACCOUNT": AccountKind.SAVINGS,
    "CREDIT_CARD": AccountKind.CARD,
    "LOAN_ACCOUNT": AccountKind.LOAN,
    "FINANCING_ACCOUNT": AccountKind.LOAN,
    "INVOICE_FINANCING_ACCOUNT": AccountKind.LOAN,
    "INVESTMENT_ACCOUNT": AccountKind.INVESTMENT,
    "PENSION_FUND_ACCOUNT": AccountKind.INVESTMENT,
}
_PROVING: Final = frozenset({AccountKind.CHECKING, AccountKind.SAVINGS})
"""Whose `current` is the sum of their movements. A card's is what was spent since its last bill, a loan's what is left
to pay."""
_STATUS: Final = {
    "PROCESSED": Status.BOOKED,
    "PENDING": Status.PENDING,
    "UNCATEGORIZED": Status.BOOKED,
    None: Status.BOOKED,
}
"""The last two are deprecated, and come of what a bank tells without saying whether it is booked."""
_MASK: Final = 4

T = TypeVar("T")


class Known(NamedTuple):
    """An account, and what must be known to read its movements."""

    told: Account
    seen: AccountSeen
    country: str
    raw: str


class _Placed(NamedTuple):
    """A movement, with what names it."""

    told: Transaction
    raw: str
    money: Money
    status: Status
    content: Content


def known_account(told: Account, raw: str, bank: str, country: str) -> Known:
    """The account as the model names it, after its bank's own id of it: Belvo's changes with each link. Raises ValueError
    where nothing names it, or nobody knows its sort, and so its signs."""
    named = told.internal_identification or told.public_identification_value
    if not named:
        raise ValueError("neither the bank's id nor a number names it")
    if told.category not in _KINDS and told.category != "UNCATEGORIZED":
        raise ValueError(f"an account of the sort {told.category!r}, which nobody knows")
    kind = _KINDS.get(told.category or "", AccountKind.OTHER)
    number = f"{told.number}-{told.check_digit}" if told.number and told.check_digit else told.number
    shown = told.public_identification_value or number or ""
    seen = AccountSeen(
        SourceRef(named),
        kind,
        told.currency if told.currency in EXPONENTS else UNKNOWN,
        name=told.name or "",
        number=None if kind is AccountKind.CARD else number,
        institution=bank or None,
        mask="".join(each for each in shown if each.isalnum())[-_MASK:] or None,
        persistent_id=told.internal_identification,
        lists=True,
    )
    return Known(told, seen, country, raw)


def balances_seen(known: Known) -> Iterable[BalanceSeen | Unreadable]:
    """What stood on the account when Belvo was at the bank, by our signs: what is owed is negative."""
    told, seen = known.told, known.seen
    owed = told.balance_type == "LIABILITY"
    current = told.balance.current
    limit = told.credit_data.credit_limit if told.credit_data else None
    figures: tuple[tuple[BalanceKind, Decimal | None], ...] = (
        (
            BalanceKind.BOOKED if seen.kind in _PROVING and not owed else BalanceKind.VALUE,
            EXACT.minus(current) if owed and current is not None else current,
        ),
        (BalanceKind.AVAILABLE, None if seen.kind is AccountKind.LOAN else told.balance.available),
        (BalanceKind.LIMIT, limit),
    )
    on = day_at(told.collected_at, known.country)
    for kind, amount in figures:
        if amount is None:
            continue
        try:
            money = Money(amount, seen.currency)
        except (MoneyError, ArithmeticError) as error:
            why = f"a balance that can't be held: {str(error) or 'not a number'}"
            yield Unreadable(f"belvo accounts {kind}", why, known.raw, seen.ref)
        else:
            yield BalanceSeen(seen.ref, kind, money, on, firm=False, at=told.collected_at)


def movements_seen(
    rows: Sequence[tuple[Transaction, str]], known: Known, today: dt.date
) -> tuple[list[TransactionSeen], list[Unreadable]]:
    """The account's movements, each with an id that deserves the name: the bank's, else one of what it says."""
    placed: list[_Placed] = []
    bad: list[Unreadable] = []
    for told, raw in rows:
        try:
            placed.append(_placed(told, raw, known, today))
        except UNREADABLE as error:
            bad.append(Unreadable("belvo transactions", str(error) or "not a number", raw, known.seen.ref))
    placed.sort(key=lambda each: each.content.booked_on)
    census = Census()
    for place, each in enumerate(placed):
        census.note(each.told.internal_identification or "", each.content, place)
    names = Identifier(census.close())
    return [_seen(known.seen.ref, names, each) for each in placed], bad


def _placed(told: Transaction, raw: str, known: Known, today: dt.date) -> _Placed:
    """Raises ValueError where it doesn't say which way the money went, or how much of it the account's was."""
    if told.type not in {"INFLOW", "OUTFLOW"}:
        raise ValueError(f"says neither INFLOW nor OUTFLOW but {told.type!r}")
    if told.status not in _STATUS:
        raise ValueError(f"a status nobody knows: {told.status!r}")
    if told.amount < 0:
        raise ValueError("a negative amount, where the direction is told beside it")
    currency = known.seen.currency
    amount: Decimal | None = told.amount
    if told.currency != currency:
        amount = told.local_currency_amount
    if amount is None:
        raise ValueError(f"in {told.currency!r} on an account in {currency}, and not what that came to")
    money = Money(amount if told.type == "INFLOW" else EXACT.minus(amount), currency)
    status = Status.PENDING if told.value_date > today else _STATUS[told.status]
    texts = (told.description or "", told.reference or "")
    return _Placed(told, raw, money, status, Content.of(told.value_date, money.amount, currency, *texts))


def _seen(ref: SourceRef, names: Identifier, placed: _Placed) -> TransactionSeen:
    told = placed.told
    identity = names.identify(told.internal_identification or "", placed.content)
    return TransactionSeen(
        ref,
        identity.id,
        placed.status,
        placed.money,
        told.value_date,
        told.description or "",
        (told.merchant and told.merchant.merchant_name) or "",
        told.reference or "",
        occurred_at=_real_instant(told.transacted_at),
        raw=placed.raw,
        rule=identity.rule,
        fallback_id=identity.fallback_id,
        category=told.category or "",
    )


def _real_instant(at: dt.datetime | None) -> dt.datetime | None:
    """Midnight stands for the day alone (OpenAPI, transacted_at: before 2024, and at some banks since)."""
    return None if at is None or at.tzinfo is None or at.timetz() == dt.time(tzinfo=dt.UTC) else at


def investments_account(person: str, currency: str, bank: str) -> AccountSeen:
    """What a login holds in securities: Belvo names no account of them, so they are the login's."""
    return AccountSeen(
        SourceRef(person), AccountKind.INVESTMENT, currency, "Investimentos", institution=bank or None
    )


def holdings_seen(ref: SourceRef, told: Sequence[Investment], on: dt.date) -> HoldingsSeen:
    """Every position."""
    return HoldingsSeen(
        ref,
        on,
        tuple(
            Holding(
                each.isin_number or each.clearing_code or each.id,
                each.balance.quantity,
                each.currency,
                each.product_name,
                each.type.lower(),
                each.balance.gross_unit_price,
                each.balance.gross_value,
                _cost(each),
            )
            for each in told
        ),
    )


def _cost(told: Investment) -> Decimal | None:
    bought = told.balance.purchase_unit_price
    return None if bought is None else EXACT.multiply(bought, told.balance.quantity)


def investment_seen(ref: SourceRef, told: InvestmentTransaction, raw: str) -> TransactionSeen:
    """Money put into positions, or taken out of them. Raises ValueError, MoneyError."""
    if told.type not in {"INFLOW", "OUTFLOW"}:
        raise ValueError(f"says neither INFLOW nor OUTFLOW but {told.type!r}")
    amount = told.value if told.type == "INFLOW" else EXACT.minus(told.value)
    money = Money(amount, told.investment.currency)
    named, text = told.internal_identification, told.investment.product_name
    return TransactionSeen(ref, named, Status.BOOKED, money, told.value_date, text, raw=raw)
