"""A transaction as /transactions/sync and /transactions/get tell it. Amounts: positive = out of the account."""

import datetime as dt
from decimal import Decimal
from functools import cache
from typing import Final
from zlib import crc32

import msgspec
from msgspec import UNSET, UnsetType

from caudal_sandbox.economy.countries import CountryCode
from caudal_sandbox.economy.merchants import Business, Channel, Merchant
from caudal_sandbox.economy.movements import Kind, Movement, Rail, money
from caudal_sandbox.plaid.categories import PersonalFinanceCategory, Taxonomy, icon_of, sort
from caudal_sandbox.plaid.feed import Entry, Feed, Shape
from caudal_sandbox.plaid.ids import below, opaque

_UNCATEGORISED_ONE_IN: Final = 40
_UNRECOGNISED_ONE_IN: Final = 25
"""How many records lack what Plaid adds by itself: a category; the merchant. [?] Shares are ours; that fields are
absent, not null, is recorded."""

_CODES_BY_KIND: Final = {
    Kind.INTEREST: "interest",
    Kind.FEE: "bank charge",
    Kind.CHEQUE: "cheque",
    Kind.CASH: "atm",
    Kind.REFUND: "refund",
    Kind.TRANSFER: "transfer",
    Kind.FRIENDS: "transfer",
    Kind.CARD_PAYMENT: "bill payment",
    Kind.RENT: "standing order",
    Kind.UTILITY: "direct debit",
    Kind.PHONE: "direct debit",
    Kind.LOAN_PAYMENT: "direct debit",
}
_METHODS: Final = {
    CountryCode.US: {Rail.BATCH: "ACH", Rail.WIRE: "WIRE", Rail.CHEQUE: "CHECK"},
    CountryCode.GB: {Rail.BATCH: "BACS", Rail.INSTANT: "FASTER_PAYMENTS", Rail.WIRE: "CHAPS"},
}
_CHANNELS: Final = {Channel.IN_STORE: "in store", Channel.ONLINE: "online", Channel.OTHER: "other"}
_PLACED: Final = {"in store": "place", "online": "digital"}


class Location(msgspec.Struct, frozen=True, gc=False):
    """Plaid's Location."""

    address: str | None = None
    city: str | None = None
    region: str | None = None
    postal_code: str | None = None
    country: str | None = None
    lat: Decimal | None = None
    lon: Decimal | None = None
    store_number: str | None = None


class PaymentMeta(msgspec.Struct, frozen=True, gc=False):
    """Plaid's PaymentMeta: what a bank transfer says of itself."""

    reference_number: str | None = None
    ppd_id: str | None = None
    payee: str | None = None
    by_order_of: str | None = None
    payer: str | None = None
    payment_method: str | None = None
    payment_processor: str | None = None
    reason: str | None = None


class Counterparty(msgspec.Struct, frozen=True, gc=False):
    """Plaid's TransactionCounterparty."""

    name: str
    type: str
    website: str | None = None
    logo_url: str | None = None
    entity_id: str | None = None
    confidence_level: str = "HIGH"


class TransactionRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Plaid's Transaction."""

    transaction_id: str
    account_id: str
    amount: Decimal
    iso_currency_code: str | None
    unofficial_currency_code: str | None
    date: dt.date
    datetime: dt.datetime | None
    authorized_date: dt.date | None
    authorized_datetime: dt.datetime | None
    name: str
    pending: bool
    pending_transaction_id: str | None
    payment_channel: str
    transaction_code: str | None
    transaction_type: str
    location: Location
    payment_meta: PaymentMeta
    counterparties: tuple[Counterparty, ...]
    account_owner: str | None
    check_number: str | None
    merchant_name: str | UnsetType | None
    merchant_entity_id: str | UnsetType | None
    logo_url: str | UnsetType | None
    website: str | UnsetType | None
    original_description: str | UnsetType | None
    personal_finance_category: PersonalFinanceCategory | UnsetType
    personal_finance_category_icon_url: str | UnsetType
    category: tuple[str, ...] | UnsetType | None
    category_id: str | UnsetType | None
    merchant_category_code: str | UnsetType | None
    running_balance: UnsetType | None
    business_finance_category: UnsetType | None


class RemovedRecord(msgspec.Struct, frozen=True, gc=False):
    """Plaid's RemovedTransaction."""

    transaction_id: str
    account_id: str


class Manner(msgspec.Struct, frozen=True):
    """How one institution's transactions come out of Plaid, and what the request asked for.

    `fields_of_2026`: with merchant_category_code and the other new fields (contract §4.3: limited).
    `legacy`: with the legacy category still filled in (recorded: there, or null).
    """

    country: CountryCode
    fields_of_2026: bool
    legacy: bool
    taxonomy: Taxonomy
    with_original: bool


class _Shop(msgspec.Struct, frozen=True):
    """What every record of one merchant has in common."""

    location: Location
    counterparties: tuple[Counterparty, ...]
    entity_id: str
    logo_url: str
    website: str | None
    channel: str


def manner(institution_id: str, country: CountryCode, taxonomy: Taxonomy, *, with_original: bool) -> Manner:
    """How that institution's transactions are told: always the same, and not the same everywhere."""
    return Manner(
        country=country,
        fields_of_2026=below(3, "fields of 2026", institution_id) == 0,
        legacy=below(2, "legacy categories", institution_id) == 0,
        taxonomy=taxonomy,
        with_original=with_original,
    )


def removed(entry: Entry, account_id: str, feed: Feed) -> RemovedRecord:
    """That a pending record is gone."""
    return RemovedRecord(feed.transaction_id(entry.movement.id, pending=True), account_id)


def transaction(entry: Entry, account_id: str, feed: Feed, told: Manner) -> TransactionRecord:
    """One movement as it stands in the feed."""
    movement, pending = entry.movement, entry.shape is Shape.PENDING
    minor = movement.held_minor if pending else movement.settled_minor
    luck = crc32(movement.id.encode())
    shop = None if movement.merchant is None or luck % _UNRECOGNISED_ONE_IN == 0 else _shop(movement.merchant)
    channel = shop.channel if shop else _CHANNELS[movement.channel]
    business = movement.merchant.business if movement.merchant else None
    category = sort(movement.kind, business, incoming=minor > 0)
    personal = category.personal(told.taxonomy)
    categorised = luck % _UNCATEGORISED_ONE_IN != 1
    in_britain = told.country is CountryCode.GB
    name = movement.held_text if pending else movement.text
    return TransactionRecord(
        transaction_id=feed.transaction_id(movement.id, pending=pending),
        account_id=account_id,
        amount=money(-minor),
        iso_currency_code=movement.currency,
        unofficial_currency_code=None,
        date=movement.authorized_on if pending else movement.booked_on or movement.authorized_on,
        datetime=_posted_at(movement, pending=pending) if in_britain else None,
        authorized_date=_authorized_on(movement),
        authorized_datetime=movement.occurred_at if in_britain and movement.rail is Rail.CARD else None,
        name=name,
        pending=pending,
        pending_transaction_id=(
            feed.transaction_id(movement.id, pending=True) if entry.shape is Shape.POSTED_LINKED else None
        ),
        payment_channel=channel,
        transaction_code=_code(movement) if in_britain else None,
        transaction_type=_PLACED.get(channel, "special") if movement.merchant else "special",
        location=shop.location if shop else _NOWHERE,
        payment_meta=_meta(movement, minor, told.country),
        counterparties=shop.counterparties if shop else _others(movement),
        account_owner=None,
        check_number=movement.cheque or None,
        merchant_name=movement.merchant.name if movement.merchant and shop else _lacking(movement),
        merchant_entity_id=shop.entity_id if shop else _lacking(movement),
        logo_url=shop.logo_url if shop else _lacking(movement),
        website=shop.website if shop else _lacking(movement),
        original_description=name if told.with_original else UNSET,
        personal_finance_category=personal if categorised else UNSET,
        personal_finance_category_icon_url=icon_of(personal.primary) if categorised else UNSET,
        category=category.legacy.hierarchy if told.legacy else None,
        category_id=category.legacy.category_id if told.legacy else None,
        merchant_category_code=(f"{movement.merchant.mcc:04d}" if movement.merchant else None)
        if told.fields_of_2026
        else UNSET,
        running_balance=None if told.fields_of_2026 else UNSET,
        business_finance_category=None if told.fields_of_2026 else UNSET,
    )


_NOWHERE: Final = Location()
_NO_META: Final = PaymentMeta()


def _lacking(movement: Movement) -> UnsetType | None:
    """A merchant's field on a record without a merchant is null; where Plaid failed to recognise one, it is absent."""
    return UNSET if movement.merchant else None


def _authorized_on(movement: Movement) -> dt.date | None:
    """Banks tell the day of payment for cards, and of the rest where it showed before it was booked."""
    known = movement.rail is Rail.CARD or movement.pending_from is not None
    return movement.authorized_on if known else None


def _posted_at(movement: Movement, *, pending: bool) -> dt.datetime:
    """The instant where the bank knows one; midnight where it knows the day alone (contract §4.3)."""
    if pending or movement.rail is Rail.INSTANT:
        return movement.occurred_at
    return dt.datetime.combine(movement.booked_on or movement.authorized_on, dt.time(0), dt.UTC)


def _code(movement: Movement) -> str:
    """The transaction code, which British banks give (contract §4.3: Europe only)."""
    known = _CODES_BY_KIND.get(movement.kind)
    if known is not None:
        return known
    return "purchase" if movement.merchant else "payment"


def _meta(movement: Movement, minor: int, country: CountryCode) -> PaymentMeta:
    if movement.rail not in {Rail.BATCH, Rail.INSTANT, Rail.WIRE, Rail.CHEQUE} or not movement.counterparty:
        return _NO_META
    who = movement.counterparty
    return PaymentMeta(
        reference_number=f"{crc32(movement.id.encode()):010d}",
        payee=who if minor < 0 else None,
        payer=who if minor > 0 else None,
        payment_method=_METHODS.get(country, {}).get(movement.rail),
        reason=movement.text if movement.rail is Rail.BATCH else None,
    )


def _others(movement: Movement) -> tuple[Counterparty, ...]:
    """Who is on the other side where it is no merchant."""
    if not movement.counterparty:
        return ()
    match movement.kind:
        case Kind.SALARY | Kind.SALARY_ADVANCE:
            sort_of = "income_source"
        case Kind.TRANSFER | Kind.CARD_PAYMENT | Kind.LOAN_PAYMENT:
            sort_of = "financial_institution"
        case Kind.FRIENDS:
            sort_of = "payment_app"
        case Kind.TAKINGS:
            sort_of = "payment_terminal"
        case _:
            sort_of = "merchant"
    return (Counterparty(movement.counterparty, sort_of, confidence_level="LOW"),)


@cache
def _shop(merchant: Merchant) -> _Shop:
    """There are some hundreds of merchants, and a page may have five hundred records of one of them."""
    website = merchant.website.removeprefix("https://") or None
    entity_id = opaque("merchant", merchant.id)
    logo_url = f"https://logos.example/{merchant.id}.png"
    seller = "marketplace" if merchant.business is Business.ONLINE_SHOP else "merchant"
    return _Shop(
        location=_location(merchant),
        counterparties=(Counterparty(merchant.name, seller, website, logo_url, entity_id, "VERY_HIGH"),),
        entity_id=entity_id,
        logo_url=logo_url,
        website=website,
        channel=_CHANNELS[merchant.channel],
    )


def _location(merchant: Merchant) -> Location:
    if not merchant.city:
        return _NOWHERE
    # Somewhere on earth, the same for one shop: no map of this world exists.
    lat, lon = below(90_000, "lat", merchant.id), below(180_000, "lon", merchant.id)
    known = below(2, "coordinates", merchant.id) == 0
    return Location(
        address=merchant.address or None,
        city=merchant.city,
        region=merchant.region or None,
        postal_code=merchant.postal_code or None,
        country=merchant.country,
        lat=Decimal(lat).scaleb(-3) if known else None,
        lon=-Decimal(lon).scaleb(-3) if known else None,
        store_number=merchant.store_number or None,
    )
