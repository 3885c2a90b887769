"""What Belvo answers, as far as we read it (official OpenAPI 1.223.0; 1.35.0 for the links of 2023).

Unknown fields pass, enumerations are texts, amounts are JSON numbers read as Decimal. Records are left raw in their
lists, and read each on its own, so that one that can't be read costs only itself.
"""

import datetime as dt
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta, Raw

Id = Annotated[str, Meta(min_length=1)]


class Page(msgspec.Struct, frozen=True):
    """A page of a list. Of `next` the query alone counts: its host may be one behind a proxy."""

    count: int
    results: list[Raw]
    next: str | None = None


class Refusal(msgspec.Struct, frozen=True):
    """One of a refusal's list. `session` to `token_generation_data`: of a login that wants a token."""

    code: Id
    message: str = ""
    session: str = ""
    link: str = ""
    request_id: str = ""


class WidgetToken(msgspec.Struct, frozen=True):
    """Opens the widget, once."""

    access: Id

    def __repr__(self) -> str:
        return "WidgetToken(…)"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("", repr(self))]


class Field(msgspec.Struct, frozen=True):
    """One field of a bank's login."""

    name: Id
    type: str = "text"
    label: str = ""


class Bank(msgspec.Struct, frozen=True):
    """An institution."""

    name: Id
    display_name: str = ""
    country_codes: list[str] = []
    integration_type: str = ""
    status: str = ""
    form_fields: list[Field] = []


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """One person at one institution."""

    id: Id
    institution: Id
    status: str
    created_at: dt.datetime
    external_id: str | None = None
    institution_user_id: str = ""
    fetch_resources: list[str] = []


class Consent(msgspec.Struct, frozen=True):
    """What the person allowed at the bank."""

    link_id: str
    status: str | None = None
    expired_at: dt.datetime | None = None


class Institution(msgspec.Struct, frozen=True):
    """The bank, as each account names it."""

    name: str = ""


class Figures(msgspec.Struct, frozen=True):
    """What stands on an account: always positive, `balance_type` says whose it is."""

    current: Decimal | None = None
    available: Decimal | None = None


class CreditData(msgspec.Struct, frozen=True):
    """Of a card."""

    credit_limit: Decimal | None = None


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account."""

    id: Id
    category: str | None
    currency: str | None
    balance: Figures
    collected_at: dt.datetime
    balance_type: str | None = None
    name: str | None = None
    number: str | None = None
    check_digit: str | None = None
    public_identification_value: str | None = None
    internal_identification: str | None = None
    credit_data: CreditData | None = None


class Merchant(msgspec.Struct, frozen=True, gc=False):
    """Who sold it, as Belvo enriches it."""

    merchant_name: str | None = None


class Transaction(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A movement; `amount` is positive, `type` says which way it went."""

    amount: Decimal
    type: str | None
    value_date: dt.date
    currency: str | None = None
    status: str | None = None
    internal_identification: str | None = None
    local_currency_amount: Decimal | None = None
    description: str | None = None
    reference: str | None = None
    transacted_at: dt.datetime | None = None
    category: str | None = None
    merchant: Merchant | None = None


class Position(msgspec.Struct, frozen=True):
    """What a holding is worth."""

    quantity: Decimal
    gross_value: Decimal | None = None
    gross_unit_price: Decimal | None = None
    purchase_unit_price: Decimal | None = None


class Investment(msgspec.Struct, frozen=True, kw_only=True):
    """A holding. It names no account: it is the login's."""

    id: Id
    type: str = ""
    currency: str
    product_name: str = ""
    isin_number: str | None = None
    clearing_code: str | None = None
    balance: Position


class Security(msgspec.Struct, frozen=True):
    """Of which holding a movement is."""

    currency: str
    product_name: str = ""


class InvestmentTransaction(msgspec.Struct, frozen=True, kw_only=True):
    """A movement of a holding, from its side: INFLOW is money put in."""

    internal_identification: Id
    value_date: dt.date
    value: Decimal
    type: str
    investment: Security


class Webhook(msgspec.Struct, frozen=True):
    """What happened, to which link. No amounts, no rows."""

    webhook_id: Id
    webhook_type: str
    webhook_code: str
    link_id: str | None = None
    external_id: str | None = None
