"""Accounts and their balances (Plaid docs, Accounts: account type schema; OpenAPI, AccountBalance)."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final

import msgspec
from msgspec import Raw

from caudal.model.changes import (
    AccountKind,
    AccountSeen,
    BalanceKind,
    BalanceSeen,
    Unreadable,
)
from caudal.model.currencies import EXPONENTS, UNKNOWN
from caudal.model.errors import MoneyError
from caudal.model.money import EXACT, Money
from caudal.providers.plaid.payloads import Account, Balances

_KINDS: Final[Mapping[tuple[str | None, str | None], AccountKind]] = {
    ("depository", "cash management"): AccountKind.CHECKING,
    ("depository", "cd"): AccountKind.SAVINGS,
    ("depository", "checking"): AccountKind.CHECKING,
    ("depository", "hsa"): AccountKind.SAVINGS,
    ("depository", "limited purpose checking"): AccountKind.CHECKING,
    ("depository", "money market"): AccountKind.SAVINGS,
    ("depository", "paypal"): AccountKind.WALLET,
    ("depository", "prepaid"): AccountKind.WALLET,
    ("depository", "savings"): AccountKind.SAVINGS,
    ("investment", "crypto exchange"): AccountKind.EXCHANGE,
    ("investment", "non-custodial wallet"): AccountKind.WALLET,
}
_KINDS_BY_TYPE: Final[Mapping[str | None, AccountKind]] = {
    "brokerage": AccountKind.INVESTMENT,
    "credit": AccountKind.CARD,
    "investment": AccountKind.INVESTMENT,
    "loan": AccountKind.LOAN,
}
"""Where the subtype says no more. A depository of an unknown subtype is OTHER, and so is an unknown type."""

_OWED: Final = frozenset({"credit", "loan"})
"""Of these `current` is what is owed, positive."""
_ROUNDED: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)


class Moment(msgspec.Struct, frozen=True):
    """When balances stood: the instant, where Plaid tells it, and the earliest day it may be at the bank."""

    on: date
    at: datetime | None = None


def read_account(record: Raw, where: str) -> Account | Unreadable:
    """An account from its record, or why it can't be read."""
    try:
        return _ACCOUNT.decode(record)
    except msgspec.DecodeError as error:
        return Unreadable(where, str(error), bytes(record).decode(errors="replace"))


def invests(account: Account) -> bool:
    """Whether its movements are those of /investments/transactions/get."""
    return account.type in {"investment", "brokerage"}


def currency_of(balances: Balances) -> str:
    """The currency the account is kept in, ``XXX`` where it isn't told or none we can hold money in."""
    told = balances.iso_currency_code or balances.unofficial_currency_code
    return told if told in EXPONENTS else UNKNOWN


def account_seen(account: Account, bank: str | None) -> AccountSeen:
    """The account as the model names it. The short name is what the person knows; the official one the product's."""
    return AccountSeen(
        account.account_id,
        kind_of(account.type, account.subtype),
        currency_of(account.balances),
        name=account.name or account.official_name or "",
        institution=bank,
        mask=account.mask,
        persistent_id=account.persistent_account_id,
        withdraws=True,
    )


def kind_of(type_: str | None, subtype: str | None) -> AccountKind:
    """What sort of account Plaid's type and subtype are."""
    return _KINDS.get((type_, subtype)) or _KINDS_BY_TYPE.get(type_, AccountKind.OTHER)


def balances_seen(
    account: Account, moment: Moment, *, settled: bool, movements: bool = True
) -> Iterable[BalanceSeen | Unreadable]:
    """What stands on the account, by our signs. Without `settled` nothing that the ledger would be held to; without
    `movements`, where none are told of this login, it is a value and never held against it."""
    ref = account.account_id
    for kind, amount in _figures(account, movements=movements):
        if kind is BalanceKind.BOOKED and not settled:
            continue
        try:
            money = _money(account, kind, amount)
        except (MoneyError, ArithmeticError) as error:
            why = f"a balance that can't be held: {str(error) or 'not a number'}"
            raw = _AS_TOLD.encode(account.balances).decode()
            yield Unreadable(f"accounts/get {ref} {kind}", why, raw, ref)
        else:
            yield BalanceSeen(ref, kind, money, moment.on, firm=False, at=moment.at)


def _figures(account: Account, *, movements: bool) -> Iterable[tuple[BalanceKind, Decimal]]:
    """The balances of each kind. What Plaid tells no movements of is a value, not a sum of bookings."""
    balances = account.balances
    if balances.current is not None:
        told = movements and _has_movements(account)
        yield BalanceKind.BOOKED if told else BalanceKind.VALUE, balances.current
    elif balances.available is not None and account.type not in _OWED:
        # Guaranteed where `current` is null, and all there is to show. With pending ones in it, it proves nothing.
        yield BalanceKind.VALUE, balances.available
    if balances.available is not None:
        yield BalanceKind.AVAILABLE, balances.available
    if balances.limit is not None:
        yield BalanceKind.LIMIT, balances.limit


def _money(account: Account, kind: BalanceKind, amount: Decimal) -> Money:
    currency = account.balances.iso_currency_code or account.balances.unofficial_currency_code or UNKNOWN
    if account.type in _OWED and kind in {BalanceKind.BOOKED, BalanceKind.VALUE}:
        amount = EXACT.minus(amount)
    return Money(_in_whole_units(amount, currency) if kind is BalanceKind.VALUE else amount, currency)


def _has_movements(account: Account) -> bool:
    """Whether /transactions/sync tells every movement (Plaid docs, Transactions): of loans, student ones alone."""
    return account.type in {"depository", "credit"} or (account.type, account.subtype) == ("loan", "student")


def _in_whole_units(amount: Decimal, currency: str) -> Decimal:
    """A valuation is quantity times price, to any number of decimals: to the currency's unit, half to even."""
    places = EXPONENTS.get(currency)
    exponent = amount.as_tuple().exponent
    if places is None or not isinstance(exponent, int) or -exponent <= places:
        return amount
    return amount.quantize(Decimal(1).scaleb(-places), context=_ROUNDED)


_ACCOUNT: Final = msgspec.json.Decoder(Account)
_AS_TOLD: Final = msgspec.json.Encoder(decimal_format="number")
