"""The item itself, as /item/get and every other answer with an `item` tells of it."""

from datetime import datetime

import msgspec
from msgspec import UNSET, UnsetType

from caudal_sandbox.plaid.answers.endpoints import Endpoint, ItemRequest, of
from caudal_sandbox.plaid.errors import PlaidError, described
from caudal_sandbox.plaid.ids import below
from caudal_sandbox.plaid.items import Item, Service

_SCOPES = {
    "transactions": "transactions",
    "investments": "investments",
    "liabilities": "credit_loan_info",
    "identity": "contact_info",
    "auth": "account_routing_number",
}


class ItemRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Plaid's Item; the fields from `created_at` on are those of /item/get alone."""

    item_id: str
    institution_id: str
    institution_name: str
    webhook: str | None
    error: dict[str, object] | None
    available_products: list[str]
    billed_products: list[str]
    products: list[str]
    consent_expiration_time: datetime | None
    update_type: str
    auth_method: str | UnsetType | None = UNSET
    consented_products: list[str] | UnsetType = UNSET
    created_at: datetime | UnsetType = UNSET
    consented_use_cases: list[str] | UnsetType = UNSET
    consented_data_scopes: list[str] | UnsetType = UNSET


class Updates(msgspec.Struct, frozen=True):
    """When one product of an item was last got from the bank, and when that last failed."""

    last_successful_update: datetime | None
    last_failed_update: datetime | None


class LastWebhook(msgspec.Struct, frozen=True):
    """The last webhook that was sent."""

    sent_at: datetime
    code_sent: str


class Status(msgspec.Struct, frozen=True):
    """Plaid's ItemStatus."""

    transactions: Updates | None
    investments: Updates | None
    last_webhook: LastWebhook | None


class ItemAnswer(msgspec.Struct, frozen=True):
    """The answer of /item/get."""

    item: ItemRecord
    status: Status


def item_record(item: Item) -> ItemRecord:
    """The item as most answers carry it. Without consent to single products (Data Transparency, US) there is no list of
    them: absent, not null (recorded)."""
    products = sorted(item.products)
    transparent = "US" in item.institution.country_codes
    return ItemRecord(
        item_id=item.item_id,
        institution_id=item.institution.institution_id,
        institution_name=item.institution.name,
        webhook=item.webhook,
        error=described(PlaidError(item.error)) if item.error else None,
        available_products=sorted({*item.institution.products} - {*products}),
        billed_products=products,
        products=products,
        consent_expiration_time=item.consent_expires_at,
        update_type="background",
        # [?] Recorded as absent on an item of 2025, documented as nullable: here both happen.
        auth_method=None if below(2, "auth_method", item.institution.institution_id) else UNSET,
        consented_products=item.consented_products if transparent else UNSET,
    )


def get(_service: Service, item: Item | None, _asked: ItemRequest) -> ItemAnswer:
    """`/item/get`: answers in any state, for the error is part of it."""
    item = of(item)
    transparent = "US" in item.institution.country_codes
    record = msgspec.structs.replace(
        item_record(item),
        created_at=item.created_at,
        consented_use_cases=["Track and manage your finances"] if transparent else UNSET,
        consented_data_scopes=_scopes(item) if transparent else UNSET,
    )
    last = LastWebhook(*item.last_webhook) if item.last_webhook else None
    told = bool(item.told_until)
    return ItemAnswer(
        record,
        Status(
            _updates(item, known=told) if "transactions" in item.products else None,
            _updates(item, known=True) if "investments" in item.products else None,
            last,
        ),
    )


def _updates(item: Item, *, known: bool) -> Updates:
    return Updates(item.updated_at if known else None, item.failed_at)


def _scopes(item: Item) -> list[str]:
    return ["account_balance_info", *(_SCOPES[each] for each in item.consented_products if each in _SCOPES)]


ENDPOINTS = (Endpoint("/item/get", ItemRequest, "item", get),)
