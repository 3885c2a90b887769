"""What Pluggy answers, as far as it is read: the rest of a record stays in its raw text (contract §3.3, §4, §5.2).

Amounts are JSON numbers, read as Decimal.
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw


class _Told(msgspec.Struct, rename="camel"):
    """As Pluggy names its fields."""


class ApiKey(_Told):
    api_key: str


class AccessToken(_Told):
    access_token: str


class Page(_Told):
    """A list: in numbered pages, or by cursor."""

    results: list[Raw]
    total_pages: int = 1
    next: str | None = None


class ItemError(_Told):
    code: str
    message: str = ""
    provider_message: str | None = None


class Option(_Told):
    value: str
    label: str = ""


class Credential(_Told):
    """A field of a form."""

    name: str
    label: str = ""
    type: str = "text"
    assistive_text: str | None = None
    instructions: str | None = None
    data: str | None = None
    options: list[Option] | None = None
    optional: bool | None = None
    mfa: bool | None = None
    expires_at: datetime | None = None


class UserAction(_Told):
    instructions: str = ""
    attributes: dict[str, Any] | None = None
    expires_at: datetime | None = None


class Health(_Told):
    """`status`: ``ONLINE``, ``UNSTABLE`` or ``OFFLINE``."""

    status: str = ""


class Connector(_Told):
    id: int
    name: str = ""
    country: str | None = None
    credentials: list[Credential] | None = None
    is_sandbox: bool | None = None
    is_open_finance: bool | None = None
    health: Health | None = None


class Product(_Told):
    """`is_updated` False: what is told of it is of an earlier day."""

    is_updated: bool | None = None


class StatusDetail(_Told):
    accounts: Product | None = None
    credit_cards: Product | None = None
    transactions: Product | None = None
    investments: Product | None = None
    loans: Product | None = None


class Item(_Told):
    id: str
    status: str
    execution_status: str = ""
    connector: Connector | None = None
    error: ItemError | None = None
    parameter: Credential | None = None
    user_action: UserAction | None = None
    status_detail: StatusDetail | None = None
    client_user_id: str | None = None
    last_updated_at: datetime | None = None
    products: list[str] | None = None


class BankData(_Told):
    transfer_number: str | None = None
    closing_balance: Decimal | None = None


class CreditData(_Told):
    brand: str | None = None
    available_credit_limit: Decimal | None = None
    credit_limit: Decimal | None = None


class Account(_Told):
    id: str
    type: str
    balance: Decimal
    currency_code: str
    subtype: str = ""
    number: str | None = None
    name: str = ""
    marketing_name: str | None = None
    bank_data: BankData | None = None
    credit_data: CreditData | None = None


class Party(_Told):
    name: str | None = None


class PaymentData(_Told):
    payer: Party | None = None
    receiver: Party | None = None
    reference_number: str | None = None


class Merchant(_Told):
    name: str | None = None
    business_name: str | None = None


class CardData(_Told):
    purchase_date: datetime | None = None
    transaction_date_time: datetime | None = None


class Transaction(_Told):
    id: str
    currency_code: str
    amount: Decimal
    date: datetime
    status: str | None = None
    description: str = ""
    description_raw: str | None = None
    amount_in_account_currency: Decimal | None = None
    type: str | None = None
    category: str | None = None
    payment_data: PaymentData | None = None
    credit_card_metadata: CardData | None = None
    merchant: Merchant | None = None


class Investment(_Told):
    id: str
    balance: Decimal
    currency_code: str
    name: str = ""
    type: str = ""
    subtype: str | None = None
    status: str | None = None
    code: str | None = None
    isin: str | None = None
    quantity: Decimal | None = None
    value: Decimal | None = None
    amount_original: Decimal | None = None


class LoanPayments(_Told):
    contract_outstanding_balance: Decimal | None = None


class Loan(_Told):
    id: str
    currency_code: str
    product_name: str = ""
    contract_number: str | None = None
    payments: LoanPayments | None = None


class WebhookError(_Told):
    code: str = ""


class WebhookData(_Told):
    status: str = ""


class Webhook(_Told):
    event: Annotated[str, Meta(min_length=1)]
    event_id: str | None = None
    id: str | None = None
    item_id: str | None = None
    client_user_id: str | None = None
    error: WebhookError | None = None
    data: WebhookData | None = None


class Count(_Told):
    """How many were deleted."""

    count: int = 0
