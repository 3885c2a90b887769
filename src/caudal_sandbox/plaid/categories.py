"""What a movement is about, in Plaid's words: the personal finance category in both taxonomies, and the legacy one.

The taxonomies are Plaid's (transactions-personal-finance-category-taxonomy.csv); which movement of the world belongs
where is ours. A category's primary is the part of its detailed name that the list of primaries holds.
"""

from functools import cache
from typing import Final, Literal

import msgspec

from caudal_sandbox.economy.merchants import Business
from caudal_sandbox.economy.movements import Kind

Taxonomy = Literal["v1", "v2"]

TAXONOMY_DEFAULT: Final[Taxonomy] = "v2"
"""What a client that began in December 2025 or later gets where it names no version (contract §10)."""

ICONS: Final = "https://plaid-category-icons.plaid.com"

PRIMARIES: Final = (
    "INCOME",
    "LOAN_DISBURSEMENTS",
    "LOAN_PAYMENTS",
    "TRANSFER_IN",
    "TRANSFER_OUT",
    "BANK_FEES",
    "ENTERTAINMENT",
    "FOOD_AND_DRINK",
    "GENERAL_MERCHANDISE",
    "HOME_IMPROVEMENT",
    "MEDICAL",
    "PERSONAL_CARE",
    "GENERAL_SERVICES",
    "GOVERNMENT_AND_NON_PROFIT",
    "TRANSPORTATION",
    "TRAVEL",
    "RENT_AND_UTILITIES",
    "OTHER",
)


class PersonalFinanceCategory(msgspec.Struct, frozen=True):
    """Plaid's PersonalFinanceCategory."""

    primary: str
    detailed: str
    confidence_level: str
    version: Taxonomy


class Category(msgspec.Struct, frozen=True):
    """One of the legacy categories: `hierarchy` from the general to the particular."""

    category_id: str
    group: str
    hierarchy: tuple[str, ...]


class Sorted(msgspec.Struct, frozen=True):
    """What one sort of movement is called: in each taxonomy, and in the legacy one."""

    v1: PersonalFinanceCategory
    v2: PersonalFinanceCategory
    legacy: Category

    def personal(self, taxonomy: Taxonomy) -> PersonalFinanceCategory:
        """The category in one taxonomy."""
        return self.v1 if taxonomy == "v1" else self.v2


LEGACY: Final = tuple(
    Category(category_id, group, tuple(hierarchy.split(" > ")))
    for category_id, group, hierarchy in (
        ("10000000", "special", "Bank Fees"),
        ("13005000", "place", "Food and Drink > Restaurants"),
        ("13005043", "place", "Food and Drink > Restaurants > Coffee Shop"),
        ("15001000", "special", "Interest > Interest Earned"),
        ("15002000", "special", "Interest > Interest Charged"),
        ("16001000", "special", "Payment > Credit Card"),
        ("16002000", "special", "Payment > Rent"),
        ("16003000", "special", "Payment > Loan"),
        ("18009000", "special", "Service > Cable"),
        ("18030000", "place", "Service > Internet Services"),
        ("18063000", "special", "Service > Telecommunication Services"),
        ("18068000", "special", "Service > Utilities"),
        ("19000000", "place", "Shops"),
        ("19027000", "place", "Shops > Furniture and Home Decor"),
        ("19047000", "place", "Shops > Supermarkets and Groceries"),
        ("20001000", "special", "Tax > Payment"),
        ("21001000", "special", "Transfer > Internal Account Transfer"),
        ("21006000", "special", "Transfer > Check"),
        ("21007000", "special", "Transfer > Deposit"),
        ("21009000", "special", "Transfer > Payroll"),
        ("21010000", "special", "Transfer > Third Party"),
        ("21012002", "special", "Transfer > Withdrawal > ATM"),
        ("22009000", "place", "Travel > Gas Stations"),
        ("22012000", "place", "Travel > Lodging"),
        ("22014000", "place", "Travel > Public Transportation Services"),
    )
)
"""The part of the legacy taxonomy that this world's movements fall into (Plaid docs, /categories/get)."""

_LEGACY_BY_ID: Final = {each.category_id: each for each in LEGACY}

_BY_BUSINESS: Final = {
    Business.GROCER: ("FOOD_AND_DRINK_GROCERIES", "19047000"),
    Business.CAFE: ("FOOD_AND_DRINK_COFFEE", "13005043"),
    Business.TRANSIT: ("TRANSPORTATION_PUBLIC_TRANSIT", "22014000"),
    Business.FUEL: ("TRANSPORTATION_GAS", "22009000"),
    Business.RESTAURANT: ("FOOD_AND_DRINK_RESTAURANT", "13005000"),
    Business.ONLINE_SHOP: ("GENERAL_MERCHANDISE_ONLINE_MARKETPLACES", "19000000"),
    Business.FURNITURE: ("HOME_IMPROVEMENT_FURNITURE", "19027000"),
    Business.HOTEL: ("TRAVEL_LODGING", "22012000"),
    Business.STREAMING: ("ENTERTAINMENT_TV_AND_MOVIES", "18009000"),
    Business.SOFTWARE: ("GENERAL_SERVICES_OTHER_GENERAL_SERVICES", "18030000"),
    Business.ENERGY: ("RENT_AND_UTILITIES_GAS_AND_ELECTRICITY", "18068000"),
    Business.PHONE: ("RENT_AND_UTILITIES_TELEPHONE", "18063000"),
    Business.WHOLESALE: ("GENERAL_MERCHANDISE_OTHER_GENERAL_MERCHANDISE", "19000000"),
}

_IN: Final = {
    Kind.SALARY: ("INCOME_WAGES", "INCOME_SALARY", "21009000"),
    Kind.SALARY_ADVANCE: ("INCOME_WAGES", "INCOME_SALARY", "21009000"),
    Kind.INTEREST: ("INCOME_INTEREST_EARNED", "INCOME_INTEREST_EARNED", "15001000"),
    Kind.DIVIDEND: ("INCOME_DIVIDENDS", "INCOME_DIVIDENDS", "15001000"),
    Kind.FRIENDS: ("TRANSFER_IN_ACCOUNT_TRANSFER", "TRANSFER_IN_TRANSFER_IN_FROM_APPS", "21010000"),
    Kind.TRANSFER: ("TRANSFER_IN_ACCOUNT_TRANSFER", "TRANSFER_IN_ACCOUNT_TRANSFER", "21001000"),
    Kind.CHEQUE: ("TRANSFER_IN_DEPOSIT", "TRANSFER_IN_DEPOSIT", "21006000"),
    Kind.CASH: ("TRANSFER_IN_DEPOSIT", "TRANSFER_IN_DEPOSIT", "21007000"),
    Kind.TAKINGS: ("TRANSFER_IN_DEPOSIT", "TRANSFER_IN_DEPOSIT", "21007000"),
    Kind.INVOICE: ("INCOME_OTHER_INCOME", "INCOME_CONTRACTOR", "21007000"),
    Kind.SELL: (
        "TRANSFER_IN_INVESTMENT_AND_RETIREMENT_FUNDS",
        "TRANSFER_IN_INVESTMENT_AND_RETIREMENT_FUNDS",
        "21007000",
    ),
}

_OUT: Final = {
    Kind.RENT: ("RENT_AND_UTILITIES_RENT", "RENT_AND_UTILITIES_RENT", "16002000"),
    Kind.INTEREST: ("BANK_FEES_INTEREST_CHARGE", "BANK_FEES_INTEREST_CHARGE", "15002000"),
    Kind.FEE: ("BANK_FEES_OTHER_BANK_FEES", "BANK_FEES_OTHER_BANK_FEES", "10000000"),
    Kind.FRIENDS: ("TRANSFER_OUT_ACCOUNT_TRANSFER", "TRANSFER_OUT_TRANSFER_OUT_FROM_APPS", "21010000"),
    Kind.TRANSFER: ("TRANSFER_OUT_ACCOUNT_TRANSFER", "TRANSFER_OUT_ACCOUNT_TRANSFER", "21001000"),
    Kind.CASH: ("TRANSFER_OUT_WITHDRAWAL", "TRANSFER_OUT_WITHDRAWAL", "21012002"),
    Kind.CHEQUE: ("TRANSFER_OUT_OTHER_TRANSFER_OUT", "TRANSFER_OUT_OTHER_TRANSFER_OUT", "21006000"),
    Kind.PAYROLL: ("TRANSFER_OUT_ACCOUNT_TRANSFER", "TRANSFER_OUT_ACCOUNT_TRANSFER", "21009000"),
    Kind.TAX: (
        "GOVERNMENT_AND_NON_PROFIT_TAX_PAYMENT",
        "GOVERNMENT_AND_NON_PROFIT_TAX_PAYMENT",
        "20001000",
    ),
    Kind.BUY: (
        "TRANSFER_OUT_INVESTMENT_AND_RETIREMENT_FUNDS",
        "TRANSFER_OUT_INVESTMENT_AND_RETIREMENT_FUNDS",
        "21001000",
    ),
}

_EITHER_WAY: Final = {
    Kind.CARD_PAYMENT: (
        "LOAN_PAYMENTS_CREDIT_CARD_PAYMENT",
        "LOAN_PAYMENTS_CREDIT_CARD_PAYMENT",
        "16001000",
    ),
    Kind.LOAN_PAYMENT: (
        "LOAN_PAYMENTS_STUDENT_LOAN_PAYMENT",
        "LOAN_PAYMENTS_STUDENT_LOAN_PAYMENT",
        "16003000",
    ),
}

_UNKNOWN_IN: Final = ("TRANSFER_IN_OTHER_TRANSFER_IN", "TRANSFER_IN_OTHER_TRANSFER_IN", "21007000")
_UNKNOWN_OUT: Final = ("GENERAL_MERCHANDISE_OTHER_GENERAL_MERCHANDISE", "OTHER_OTHER", "19000000")


@cache
def sort(kind: Kind, business: Business | None, *, incoming: bool) -> Sorted:
    """What a movement of `kind` is called, with a shop of that `business` on the other side, into the account or out
    of it. What nobody can place is told with LOW confidence, as Plaid does."""
    known = _EITHER_WAY.get(kind) or (_IN if incoming else _OUT).get(kind)
    if known is not None:
        return _sorted(*known, "LOW" if kind is Kind.CHEQUE else "HIGH")
    if business is not None:
        detailed, legacy = _BY_BUSINESS[business]
        return _sorted(detailed, detailed, legacy, "VERY_HIGH")
    return _sorted(*(_UNKNOWN_IN if incoming else _UNKNOWN_OUT), "LOW")


def primary_of(detailed: str) -> str:
    """The primary that the detailed category belongs to: `TRANSPORTATION_GAS` → `TRANSPORTATION`."""
    return next(each for each in PRIMARIES if detailed.startswith(f"{each}_"))


def icon_of(primary: str) -> str:
    """Where the icon of a primary category lies (recorded bodies)."""
    return f"{ICONS}/PFC_{primary}.png"


def _sorted(v1: str, v2: str, legacy: str, confidence: str) -> Sorted:
    return Sorted(
        PersonalFinanceCategory(primary_of(v1), v1, confidence, "v1"),
        PersonalFinanceCategory(primary_of(v2), v2, confidence, "v2"),
        _LEGACY_BY_ID[legacy],
    )
