"""Accounts as agreed with the bank: what they are and on which terms, before anything happens on them."""

import enum
from datetime import date
from decimal import Decimal
from typing import Final

import msgspec

from caudal_sandbox.economy.chance import Chance
from caudal_sandbox.economy.countries import CountryCode
from caudal_sandbox.economy.institutions import Institution
from caudal_sandbox.economy.movements import AccountId, money


class AccountKind(enum.StrEnum):
    """What sort of account, by how it behaves. Exchanges and wallets on a chain will be kinds of their own."""

    CHECKING = "checking"
    SAVINGS = "savings"
    CARD = "card"
    LOAN = "loan"
    BROKERAGE = "brokerage"


class Product(enum.StrEnum):
    """What the bank sells the account as: finer than its kind."""

    CHECKING = "checking"
    CASH_MANAGEMENT = "cash_management"
    SAVINGS = "savings"
    MONEY_MARKET = "money_market"
    CD = "cd"
    """A certificate of deposit: money put by for a term."""
    HSA = "hsa"
    """A health savings account (US)."""
    CREDIT_CARD = "credit_card"
    STUDENT_LOAN = "student_loan"
    PERSONAL_LOAN = "personal_loan"
    AUTO_LOAN = "auto_loan"
    MORTGAGE = "mortgage"
    BROKERAGE = "brokerage"
    IRA = "ira"
    """An individual retirement account (US)."""
    K401 = "k401"
    """A retirement plan of an employer (US, 401(k))."""

    @property
    def kind(self) -> AccountKind:
        """How an account of it behaves."""
        return _KINDS[self]


_KINDS: Final = {
    Product.CHECKING: AccountKind.CHECKING,
    Product.CASH_MANAGEMENT: AccountKind.CHECKING,
    Product.SAVINGS: AccountKind.SAVINGS,
    Product.MONEY_MARKET: AccountKind.SAVINGS,
    Product.CD: AccountKind.SAVINGS,
    Product.HSA: AccountKind.SAVINGS,
    Product.CREDIT_CARD: AccountKind.CARD,
    Product.STUDENT_LOAN: AccountKind.LOAN,
    Product.PERSONAL_LOAN: AccountKind.LOAN,
    Product.AUTO_LOAN: AccountKind.LOAN,
    Product.MORTGAGE: AccountKind.LOAN,
    Product.BROKERAGE: AccountKind.BROKERAGE,
    Product.IRA: AccountKind.BROKERAGE,
    Product.K401: AccountKind.BROKERAGE,
}


class CardTerms(msgspec.Struct, frozen=True):
    """A credit card. Its statement closes at the end of day `close_day` of each month (1-28) and is due `due_days`
    later. `monthly_rate_bp`: interest on what a statement left unpaid, in hundredths of a percent a month.
    """

    limit_minor: int
    close_day: int
    due_days: int
    monthly_rate_bp: int

    @property
    def limit(self) -> Decimal:
        """The credit line, positive."""
        return money(self.limit_minor)


class LoanTerms(msgspec.Struct, frozen=True):
    """A loan paid back in equal instalments (French amortisation) on day `pay_day` (1-28) of each month.

    `monthly_rate_bp`: interest on what is owed, in hundredths of a percent a month.
    """

    principal_minor: int
    monthly_rate_bp: int
    payment_minor: int
    pay_day: int
    originated_on: date

    @property
    def principal(self) -> Decimal:
        """What was lent, positive."""
        return money(self.principal_minor)

    @property
    def payment(self) -> Decimal:
        """What each month asks for, positive."""
        return money(self.payment_minor)


class Account(msgspec.Struct, frozen=True):
    """One account. `opening_minor` is its booked balance at the instant the world begins, positive = what one has;
    what is owed on a card or a loan is negative.

    `id` is ``holder:slug``. `name` is what the holder sees, `official_name` what the contract says. `number` is the
    domestic account number, `iban` only where the country has one. `printed_mask`: what the bank prints in place of
    the number's last digits, where it prints something else.
    """

    id: AccountId
    holder: str
    institution: Institution
    kind: AccountKind
    product: Product
    currency: str
    name: str
    official_name: str
    number: str
    iban: str | None
    opening_minor: int
    card: CardTerms | None = None
    loan: LoanTerms | None = None
    printed_mask: str | None = None

    @property
    def mask(self) -> str:
        """The last four digits, as banks print them, or what this one prints instead."""
        return self.number.replace("-", "")[-4:] if self.printed_mask is None else self.printed_mask

    @property
    def opening(self) -> Decimal:
        """Booked balance when the world begins."""
        return money(self.opening_minor)

    @property
    def credit_line_minor(self) -> int:
        """What may be spent beyond the balance: a card's limit, else 0."""
        return self.card.limit_minor if self.card else 0


def account_number(institution: Institution, kind: AccountKind, chance: Chance) -> tuple[str, str | None]:
    """A number in the country's form with right check digits, and the IBAN where the country has it."""
    if kind is AccountKind.CARD:
        return _card_number(chance), None
    match institution.country:
        case CountryCode.GB:
            number = chance.digits(8)
            return number, _iban(institution.bic[:4] + institution.code.replace("-", "") + number, "GB")
        case CountryCode.BR:
            account, check = chance.digits(7), str(chance.below(10))
            bban = f"{institution.code.zfill(8)}00001{(account + check).zfill(10)}C1"
            return f"{account}-{check}", _iban(bban, "BR")
        case CountryCode.MX:
            return _clabe(institution.code + "180" + chance.digits(11)), None
        case _:
            return chance.digits(10), None


def _clabe(first: str) -> str:
    """The 18 digits of a CLABE from its first 17 (weights 3, 7, 1; Banco de México, SPEI rules)."""
    total = sum(int(digit) * (3, 7, 1)[place % 3] % 10 for place, digit in enumerate(first))
    return first + str(-total % 10)


def _iban(bban: str, country: str) -> str:
    """The IBAN with its check digits (ISO 13616: mod 97 over the rearranged digits)."""
    digits = "".join(str(int(letter, 36)) for letter in bban + country + "00")
    return f"{country}{98 - int(digits) % 97:02d}{bban}"


def _card_number(chance: Chance) -> str:
    """A card number of the unassigned range 9 with a right Luhn digit."""
    first = "9" + chance.digits(14)
    doubled = (int(digit) * (2 - place % 2) for place, digit in enumerate(first))
    return first + str(-sum(value // 10 + value % 10 for value in doubled) % 10)
