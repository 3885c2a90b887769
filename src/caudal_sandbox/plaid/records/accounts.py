"""An account and its balances. The signs are Plaid's: what is owed on a card or a loan is positive."""

import enum
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from caudal_sandbox.economy.accounts import Account, AccountKind, Product
from caudal_sandbox.economy.view import AccountView


class AccountType(enum.StrEnum):
    """Plaid's coarse sorts of account (AccountType)."""

    DEPOSITORY = "depository"
    CREDIT = "credit"
    LOAN = "loan"
    INVESTMENT = "investment"


STUDENT: Final = "student"
MORTGAGE: Final = "mortgage"

_SUBTYPES: Final = {
    Product.CHECKING: "checking",
    Product.SAVINGS: "savings",
    Product.MONEY_MARKET: "money market",
    Product.CD: "cd",
    Product.CASH_MANAGEMENT: "cash management",
    Product.HSA: "hsa",
    Product.CREDIT_CARD: "credit card",
    Product.STUDENT_LOAN: STUDENT,
    Product.PERSONAL_LOAN: "consumer",
    Product.MORTGAGE: MORTGAGE,
    Product.AUTO_LOAN: "auto",
    Product.BROKERAGE: "brokerage",
    Product.IRA: "ira",
    Product.K401: "401k",
}

_TYPES: Final = {
    AccountKind.CHECKING: AccountType.DEPOSITORY,
    AccountKind.SAVINGS: AccountType.DEPOSITORY,
    AccountKind.CARD: AccountType.CREDIT,
    AccountKind.LOAN: AccountType.LOAN,
    AccountKind.BROKERAGE: AccountType.INVESTMENT,
}

_CASH_IS_SPENDABLE: Final = {Product.BROKERAGE}
"""Investment accounts whose `available` is told; others leave it null (contract: often null)."""


class Balances(msgspec.Struct, frozen=True, kw_only=True):
    """Plaid's AccountBalance. `margin_loan_amount` on the answers about investments alone; `last_updated_datetime`
    nowhere: Capital One alone has it (Plaid docs, Balance)."""

    available: Decimal | None
    current: Decimal | None
    limit: Decimal | None
    iso_currency_code: str | None
    unofficial_currency_code: str | None = None
    margin_loan_amount: Decimal | UnsetType | None = UNSET


class AccountRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Plaid's AccountBase."""

    account_id: str
    balances: Balances
    mask: str | None
    name: str
    official_name: str | None
    type: AccountType
    subtype: str | None
    holder_category: str
    persistent_account_id: str | UnsetType = UNSET


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """One linked account, to be told of as its bank showed it at the instant `at`."""

    account_id: str
    persistent_account_id: str | None
    view: AccountView
    at: datetime
    business: bool = False

    @property
    def terms(self) -> Account:
        """What was agreed with the bank."""
        return self.view.terms

    @property
    def type(self) -> AccountType:
        """Plaid's sort of it."""
        return type_of(self.terms)


def type_of(account: Account) -> AccountType:
    """Plaid's coarse sort of the account."""
    return _TYPES[account.kind]


def subtype_of(account: Account) -> str:
    """Plaid's fine sort of the account (AccountSubtype)."""
    return _SUBTYPES[account.product]


def has_transactions(account: Account) -> bool:
    """Whether /transactions tells of it: depository, credit, and of loans those to students alone (contract §4.3)."""
    kind = type_of(account)
    if kind is AccountType.LOAN:
        return subtype_of(account) == STUDENT
    return kind is not AccountType.INVESTMENT


def account_record(shown: Shown, *, with_margin: bool = False) -> AccountRecord:
    """The account as it was. `with_margin`: as the answers about investments write it."""
    terms = shown.terms
    return AccountRecord(
        account_id=shown.account_id,
        balances=_balances(shown, margin=None if with_margin else UNSET),
        mask=terms.mask,
        name=terms.name,
        official_name=terms.official_name or None,
        type=shown.type,
        subtype=subtype_of(terms),
        holder_category="business" if shown.business else "personal",
        persistent_account_id=shown.persistent_account_id or UNSET,
    )


def _balances(shown: Shown, *, margin: UnsetType | None) -> Balances:
    terms = shown.terms
    current, available = _figures(shown)
    return Balances(
        available=available,
        current=current + 0,  # -0 is 0
        limit=terms.card.limit if terms.card else None,
        iso_currency_code=terms.currency,
        margin_loan_amount=margin,
    )


def _figures(shown: Shown) -> tuple[Decimal, Decimal | None]:
    """(`current`, `available`) by the rules of the contract, §4.1."""
    view, at = shown.view, shown.at
    match shown.type:
        case AccountType.DEPOSITORY:
            return view.booked(at), view.available(at)
        case AccountType.CREDIT:
            # What is owed of what has booked; what is pending takes from `available` alone.
            return -view.booked(at), view.available(at)
        case AccountType.LOAN:
            return -view.booked(at), None
        case AccountType.INVESTMENT:
            spendable = shown.terms.product in _CASH_IS_SPENDABLE
            return view.value(at), view.booked(at) if spendable else None
