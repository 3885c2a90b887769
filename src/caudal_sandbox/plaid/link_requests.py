"""What a client may ask of `/link/token/create`, and what it may not (docs, Link: create Link token)."""

from typing import Annotated, Final, Literal, get_args
from urllib.parse import urlsplit

import msgspec

from caudal_sandbox.plaid.errors import PlaidError

Language = Literal[
    "da", "de", "en", "es", "et", "fr", "hi", "it", "lt", "lv", "nl", "no", "pl", "pt", "ro", "sv", "vi"
]
CountryCode = Literal[
    "AT", "BE", "CA", "DE", "DK", "EE", "ES", "FI", "FR", "GB", "IE", "IT", "LT", "LV", "NL", "NO", "PL", "PT", "SE", "US"
]  # fmt: skip
Product = Literal[
    "assets",
    "auth",
    "balance",
    "balance_plus",
    "beacon",
    "cra_base_report",
    "cra_cashflow_insights",
    "cra_income_insights",
    "cra_lend_score",
    "cra_monitoring",
    "cra_network_insights",
    "cra_partner_insights",
    "cra_plaid_credit_score",
    "credit_details",
    "employment",
    "identity",
    "identity_match",
    "identity_verification",
    "income",
    "income_verification",
    "investments",
    "investments_auth",
    "layer",
    "liabilities",
    "pay_by_bank",
    "payment_initiation",
    "processor_identity",
    "processor_payments",
    "profile",
    "protect_linked_bank",
    "protect_transactions",
    "recurring_transactions",
    "signal",
    "standing_orders",
    "statements",
    "transactions",
    "transactions_refresh",
    "transfer",
]
PRODUCTS: Final = frozenset(get_args(Product))

DAYS_REQUESTED: Final = 90
"""How much history there is where a client doesn't say; never to be changed once an Item has Transactions."""
Days = Annotated[int, msgspec.Meta(ge=1, le=730)]

LIFETIME_SECONDS_MAX: Final = 21 * 24 * 3_600
CLIENT_NAME_MAX: Final = 30
NAMELESS: Final = "This Application"
"""What a person reads in place of a client's name that is longer than it may be."""

DEPOSITORY: Final = frozenset(
    {"checking", "savings", "hsa", "cd", "money market", "paypal", "prepaid", "cash management", "ebt"}
    | {"limited purpose checking", "all"}
)
CREDIT: Final = frozenset({"credit card", "paypal", "all"})


class _Optional(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may be left out, or be null."""


class User(_Optional, frozen=True):
    """Who is going to link an account. What else Plaid may be told of a person is taken and not looked at."""

    client_user_id: Annotated[str, msgspec.Meta(min_length=1)]
    legal_name: str | None = None
    phone_number: str | None = None
    email_address: str | None = None
    name: object = None
    phone_number_verified_time: str | None = None
    email_address_verified_time: str | None = None
    ssn: str | None = None
    date_of_birth: str | None = None
    address: object = None
    id_number: object = None


class InstitutionData(_Optional, frozen=True):
    """Which bank to go to at once."""

    routing_number: str | None = None


class Filter(_Optional, frozen=True):
    """The subtypes of one account type that shall be offered; ``all`` is every one."""

    account_subtypes: list[str]
    limited_purpose_types: list[str] | None = None


class AccountFilters(_Optional, frozen=True):
    """Which accounts shall be offered. A type that isn't named here isn't offered at all."""

    depository: Filter | None = None
    credit: Filter | None = None
    loan: Filter | None = None
    investment: Filter | None = None
    other: Filter | None = None

    def lets(self, type_: str, subtype: str | None) -> bool:
        """Whether an account of that type and subtype may be chosen."""
        wanted: Filter | None = getattr(self, type_, None)
        return wanted is not None and bool({"all", subtype} & set(wanted.account_subtypes))


class Update(_Optional, frozen=True):
    """What update mode shall be for, beside logging in again."""

    account_selection_enabled: bool = False
    reauthorization_enabled: bool | None = None
    user: bool = False
    item_ids: list[str] | None = None


class HostedLink(_Optional, frozen=True):
    """How the page that Plaid hosts is brought to the person, and where it sends them in the end."""

    delivery_method: Literal["sms", "email"] | None = None
    completion_redirect_uri: str | None = None
    url_lifetime_seconds: Annotated[int, msgspec.Meta(ge=1, le=LIFETIME_SECONDS_MAX)] | None = None
    is_mobile_app: bool = False


class Transactions(_Optional, frozen=True):
    """How much history."""

    days_requested: Days = DAYS_REQUESTED


class Investments(_Optional, frozen=True):
    """Known and without effect: there are no wallets and no manual entry here."""

    allow_unverified_crypto_wallets: bool = False
    allow_manual_entry: bool = False


class LinkTokenCreate(_Optional, frozen=True, kw_only=True):
    """`/link/token/create`. The fields at the end are Plaid's too, for products that aren't here: taken, not used."""

    client_name: Annotated[str, msgspec.Meta(min_length=1)]
    language: Language
    country_codes: Annotated[list[CountryCode], msgspec.Meta(min_length=1)]
    user: User | None = None
    user_id: str | None = None
    user_token: str | None = None
    products: list[Product] | None = None
    required_if_supported_products: list[Product] | None = None
    optional_products: list[Product] | None = None
    additional_consented_products: list[Product] | None = None
    webhook: str | None = None
    access_token: str | None = None
    link_customization_name: str | None = None
    redirect_uri: str | None = None
    android_package_name: str | None = None
    institution_data: InstitutionData | None = None
    account_filters: AccountFilters | None = None
    update: Update | None = None
    investments: Investments | None = None
    hosted_link: HostedLink | None = None
    transactions: Transactions | None = None
    enable_multi_item_link: bool = False

    access_tokens: object = None
    appearance_mode: object = None
    auth: object = None
    base_report: object = None
    card_switch: object = None
    cashflow_report: object = None
    consumer_report_permissible_purpose: object = None
    cra_enabled: object = None
    cra_options: object = None
    credit_partner_insights: object = None
    employment: object = None
    eu_config: object = None
    financekit_supported: object = None
    identity: object = None
    identity_verification: object = None
    income_verification: object = None
    institution_id: str | None = None
    investments_auth: object = None
    payment_configuration: object = None
    payment_initiation: object = None
    statements: object = None
    third_party_user_token: object = None
    transfer: object = None

    @property
    def display_name(self) -> str:
        """The client as the person reads it."""
        return self.client_name if len(self.client_name) <= CLIENT_NAME_MAX else NAMELESS

    @property
    def days_requested(self) -> int:
        """How many days of history."""
        return self.transactions.days_requested if self.transactions else DAYS_REQUESTED


def check(wanted: LinkTokenCreate) -> None:
    """Raises PlaidError where the rules of the documentation are broken that a type can't say."""
    if wanted.user is None and not wanted.user_id and not wanted.user_token:
        raise PlaidError("MISSING_FIELDS", "the following required fields are missing: user.client_user_id")
    if wanted.enable_multi_item_link and not wanted.user_id and not wanted.user_token:
        raise PlaidError("MISSING_FIELDS", "the following required fields are missing: user_id")
    _check_products(wanted)
    for name, url in (("webhook", wanted.webhook), ("redirect_uri", wanted.redirect_uri)):
        if url is not None:
            check_url(name, url)
    if wanted.redirect_uri and urlsplit(wanted.redirect_uri).query:
        raise PlaidError("INVALID_FIELD", "redirect_uri must not contain a query string")
    if wanted.hosted_link and wanted.hosted_link.completion_redirect_uri is not None:
        _check_return(wanted.hosted_link.completion_redirect_uri)
    if wanted.hosted_link and wanted.hosted_link.delivery_method == "sms":
        _check_phone(wanted.user)
    _check_filters(wanted.account_filters)


def check_url(name: str, url: str) -> None:
    """Raises PlaidError for what no webhook and no browser could be sent to."""
    try:
        parts = urlsplit(url)
        well_formed = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        well_formed = False
    if not well_formed or any(letter.isspace() for letter in url):
        raise PlaidError("INVALID_FIELD", f"{name} must be a valid http or https URL")


def _check_products(wanted: LinkTokenCreate) -> None:
    first = wanted.products or []
    if wanted.access_token is None and not first:
        raise PlaidError("MISSING_FIELDS", "the following required fields are missing: products")
    if wanted.access_token is not None and first:
        raise PlaidError("INVALID_FIELD", "products must not be set in update mode")
    further = {
        "required_if_supported_products": wanted.required_if_supported_products or [],
        "optional_products": wanted.optional_products or [],
        "additional_consented_products": wanted.additional_consented_products or [],
    }
    for name, products in {"products": first, **further}.items():
        if "balance" in products:
            raise PlaidError(
                "INVALID_PRODUCT", f"{name}: balance needs no initialization and is no valid value"
            )
    for name, products in further.items():
        if both := set(first) & set(products):
            raise PlaidError(
                "INVALID_FIELD", f"products and {name} must not overlap: {', '.join(sorted(both))}"
            )
    supported = set(further["required_if_supported_products"])
    for name in ("optional_products", "additional_consented_products"):
        if both := supported & set(further[name]):
            raise PlaidError(
                "INVALID_FIELD",
                f"required_if_supported_products and {name} must not overlap: {', '.join(sorted(both))}",
            )


def _check_return(uri: str) -> None:
    """A person's browser is sent there: any scheme an app may have, but none that runs in the page itself."""
    scheme = urlsplit(uri).scheme
    if not scheme or scheme in {"javascript", "data", "vbscript"} or any(letter.isspace() for letter in uri):
        raise PlaidError("INVALID_FIELD", "hosted_link.completion_redirect_uri must be a valid URI")


def _check_phone(user: User | None) -> None:
    if user is None or not user.phone_number:
        raise PlaidError("MISSING_FIELDS", "the following required fields are missing: user.phone_number")


def _check_filters(filters: AccountFilters | None) -> None:
    for type_, known in (("depository", DEPOSITORY), ("credit", CREDIT)):
        wanted: Filter | None = getattr(filters, type_, None)
        if wanted is not None and (unknown := set(wanted.account_subtypes) - known):
            raise PlaidError(
                "INVALID_FIELD",
                f"account_filters.{type_}.account_subtypes: unknown subtype {', '.join(sorted(unknown))}",
            )
