"""What Plaid answers, as far as we read it. Plaid's OpenAPI 2020-09-14 names every field; unknown ones pass.

Only ids, amounts and dates are required: fields the schema calls required are absent on older Items, and optional
ones may be absent or null alike. Records can be left raw (`msgspec.Raw`) and each be read on its own, so that one
that can't be read costs only itself. Enumerations are texts, for new values come without notice.
"""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta, Raw

from caudal.model.changes import SourceRef

Id = Annotated[str, Meta(min_length=1)]
Ref = Annotated[SourceRef, Meta(min_length=1)]
"""An account_id: how a connection names one of its accounts."""


class _Unshown(msgspec.Struct):
    """Holds a token: never in a repr."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("", repr(self))]


class PlaidError(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a refusal, an Item's `error`, or what a Link session ended with."""

    error_code: Id
    error_type: str = ""
    error_message: str | None = None
    error_code_reason: str | None = None
    display_message: str | None = None
    request_id: str | None = None


class Counterparty(msgspec.Struct, gc=False):
    """Someone on the other side, as Plaid reads it from the description."""

    name: str | None = None


class PaymentMeta(msgspec.Struct, gc=False):
    """What the bank tells of a transfer between accounts."""

    reference_number: str | None = None
    payee: str | None = None
    payer: str | None = None
    by_order_of: str | None = None


class Movement(msgspec.Struct, kw_only=True, gc=False):
    """What every movement has. `amount`: positive where money leaves the account. One of the currencies is set."""

    account_id: Ref
    amount: Decimal
    date: dt.date
    iso_currency_code: str | None = None
    unofficial_currency_code: str | None = None


class BareTransaction(Movement, kw_only=True, gc=False):
    """What no transaction can be booked without."""

    transaction_id: Id
    pending: bool
    pending_transaction_id: str | None = None


class Transaction(BareTransaction, kw_only=True, gc=False):
    """A transaction of /transactions/sync."""

    authorized_date: dt.date | None = None
    datetime: dt.datetime | None = None
    authorized_datetime: dt.datetime | None = None
    name: str | None = None
    original_description: str | None = None
    merchant_name: str | None = None
    counterparties: Sequence[Counterparty] | None = None
    payment_meta: PaymentMeta | None = None
    check_number: str | None = None


class Removed(msgspec.Struct):
    """A transaction that is no more. `account_id` is required by the schema, and needed to say whose it was."""

    transaction_id: Id
    account_id: Ref


class SyncHead(msgspec.Struct, kw_only=True):
    """/transactions/sync, but for what has changed."""

    next_cursor: str
    has_more: bool
    accounts: list[Raw] = []
    transactions_update_status: str | None = None


class SyncAnswer(SyncHead):
    """/transactions/sync."""

    added: list[Transaction]
    modified: list[Transaction]
    removed: list[Removed]


class SyncRecords(SyncHead):
    """The same, each record to be read on its own."""

    added: list[Raw]
    modified: list[Raw]
    removed: list[Raw]


class Balances(msgspec.Struct, frozen=True):
    """What stands on an account, by Plaid's signs: what is owed on a card or loan is positive."""

    available: Decimal | None = None
    current: Decimal | None = None
    limit: Decimal | None = None
    iso_currency_code: str | None = None
    unofficial_currency_code: str | None = None


class Account(msgspec.Struct):
    """An account of an Item."""

    account_id: Ref
    balances: Balances = Balances()
    name: str | None = None
    official_name: str | None = None
    mask: str | None = None
    type: str | None = None
    subtype: str | None = None
    persistent_account_id: str | None = None


class Update(msgspec.Struct):
    """When Plaid last went to the bank for a product."""

    last_successful_update: dt.datetime | None = None


class ItemStatus(msgspec.Struct):
    """When Plaid last went to the bank."""

    transactions: Update | None = None
    investments: Update | None = None


class Item(msgspec.Struct):
    """One login at one institution."""

    item_id: Id
    institution_id: str | None = None
    institution_name: str | None = None
    error: PlaidError | None = None
    products: list[str] | None = None
    consented_products: list[str] | None = None


class AccountsAnswer(msgspec.Struct):
    """/accounts/get."""

    accounts: list[Raw]
    item: Item | None = None


class ItemAnswer(msgspec.Struct):
    """/item/get."""

    item: Item
    status: ItemStatus | None = None


class Security(msgspec.Struct):
    """What can be held."""

    security_id: Id
    ticker_symbol: str | None = None
    isin: str | None = None
    name: str | None = None
    type: str | None = None


class HoldingRecord(msgspec.Struct):
    """A position."""

    account_id: Ref
    security_id: Id
    quantity: Decimal
    institution_price: Decimal | None = None
    institution_value: Decimal | None = None
    cost_basis: Decimal | None = None
    iso_currency_code: str | None = None
    unofficial_currency_code: str | None = None


class HoldingsAnswer(msgspec.Struct):
    """/investments/holdings/get."""

    accounts: list[Raw]
    holdings: list[Raw]
    securities: list[Raw] = []


class InvestmentTransaction(Movement, kw_only=True, gc=False):
    """A movement of /investments/transactions/get."""

    investment_transaction_id: Id
    name: str | None = None
    type: str | None = None
    subtype: str | None = None
    transaction_datetime: dt.datetime | None = None


class InvestmentsAnswer(msgspec.Struct):
    """/investments/transactions/get: newest first, a part of `total_investment_transactions`."""

    accounts: list[Raw]
    investment_transactions: list[Raw]
    total_investment_transactions: int


class Institution(msgspec.Struct):
    """A bank, as Plaid describes it."""

    institution_id: Id
    name: str = ""
    country_codes: list[str] = []
    routing_numbers: list[str] | None = None


class ListedInstitution(msgspec.Struct):
    """One of a list of them, with what can be had there."""

    institution_id: Id
    name: str = ""
    country_codes: list[str] = []
    products: list[str] = []


class InstitutionsAnswer(msgspec.Struct):
    """/institutions/get: a page. `total`: how many there are."""

    institutions: list[ListedInstitution]
    total: int


class InstitutionAnswer(msgspec.Struct):
    """/institutions/get_by_id."""

    institution: Institution


class LinkTokenCreated(_Unshown):
    """/link/token/create."""

    link_token: Id
    expiration: dt.datetime
    hosted_link_url: str | None = None


class LinkedInstitution(msgspec.Struct):
    """The bank a person chose."""

    institution_id: str | None = None
    name: str | None = None


class LinkedAccount(msgspec.Struct):
    """An account a person chose."""

    id: Ref
    name: str | None = None
    mask: str | None = None
    type: str | None = None
    subtype: str | None = None


class ItemAdded(_Unshown):
    """A login that a Link session ended with."""

    public_token: str | None = None
    accounts: list[LinkedAccount] = []
    institution: LinkedInstitution | None = None


class SessionResults(msgspec.Struct):
    """What a Link session brought."""

    item_add_results: list[ItemAdded] | None = None


class SuccessMetadata(msgspec.Struct):
    """The browser's metadata of a success."""

    accounts: list[LinkedAccount] | None = None
    institution: LinkedInstitution | None = None


class SessionSuccess(_Unshown):
    """The deprecated twin of `results`."""

    public_token: str | None = None
    metadata: SuccessMetadata | None = None


class SessionExit(msgspec.Struct):
    """Why a person left without linking. `error` None: closed by their own hand."""

    error: PlaidError | None = None


class LinkSession(msgspec.Struct):
    """One opening of a Link page. `on_success`, `on_exit` are the deprecated twins of `results`, `exit`."""

    finished_at: str | None = None
    results: SessionResults | None = None
    on_success: SessionSuccess | None = None
    exit: SessionExit | None = None
    on_exit: SessionExit | None = None


class LinkTokenAnswer(msgspec.Struct):
    """/link/token/get."""

    expiration: dt.datetime | None = None
    link_sessions: list[LinkSession] | None = None


class Exchanged(_Unshown):
    """/item/public_token/exchange."""

    access_token: Id
    item_id: Id


class VerificationKey(msgspec.Struct):
    """A public key that webhooks are signed with (RFC 7517)."""

    kid: str
    kty: str
    crv: str
    x: str
    y: str
    alg: str = "ES256"
    use: str = "sig"
    expired_at: int | None = None


class VerificationKeyAnswer(msgspec.Struct):
    """/webhook_verification_key/get."""

    key: VerificationKey


class Webhook(_Unshown):
    """A webhook's body, as far as any of them is read."""

    webhook_type: str
    webhook_code: str
    item_id: str | None = None
    error: PlaidError | None = None
    account_id: SourceRef | None = None
    link_token: str | None = None
    institution_id: str | None = None
    institution_overall_success_rate: Decimal | None = None
    consent_expiration_time: dt.datetime | None = None
    disconnect_time: dt.datetime | None = None
    reason: str | None = None
