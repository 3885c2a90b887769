"""The catalogue: institutions by id, by name, and page by page; and the legacy categories."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from caudal_sandbox.plaid.answers.endpoints import Endpoint, Request
from caudal_sandbox.plaid.categories import LEGACY, Category
from caudal_sandbox.plaid.errors import PlaidError
from caudal_sandbox.plaid.institutions import InstitutionStatus, PlaidInstitution
from caudal_sandbox.plaid.items import Item, Service

SEARCH_RESULTS_MAX: Final = 10
"""How many institutions a search gives (Plaid docs, /institutions/search)."""

_HEALTH: Final = {
    InstitutionStatus.HEALTHY: ("HEALTHY", 98, "NORMAL"),
    InstitutionStatus.DEGRADED: ("DEGRADED", 55, "DELAYED"),
    InstitutionStatus.DOWN: ("DOWN", 0, "STOPPED"),
    InstitutionStatus.UNSUPPORTED: ("DOWN", 0, "STOPPED"),
}
"""Status, share of successes in percent, how often transactions are got."""

# A one-pixel PNG: the documents promise a base64 PNG of 152 x 152, and any client that shows it shows nothing.
_LOGO: Final = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)

Text = Annotated[str, Meta(min_length=1)]
Codes = Annotated[list[str], Meta(min_length=1)]


class Breakdown(msgspec.Struct, frozen=True):
    """Shares of one."""

    success: Decimal
    error_plaid: Decimal
    error_institution: Decimal
    refresh_interval: str | UnsetType = UNSET


class ProductStatus(msgspec.Struct, frozen=True):
    """How well one thing works at an institution."""

    status: str
    last_status_change: datetime
    breakdown: Breakdown


class HealthRecord(msgspec.Struct, frozen=True):
    """Plaid's InstitutionStatus."""

    item_logins: ProductStatus
    transactions_updates: ProductStatus
    health_incidents: tuple[()] = ()


class InstitutionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Plaid's Institution."""

    institution_id: str
    name: str
    products: tuple[str, ...]
    country_codes: tuple[str, ...]
    routing_numbers: tuple[str, ...]
    oauth: bool
    connection_availability: str
    dtc_numbers: tuple[str, ...] = ()
    url: str | UnsetType | None = UNSET
    primary_color: str | UnsetType | None = UNSET
    logo: str | UnsetType | None = UNSET
    status: HealthRecord | UnsetType | None = UNSET
    auth_metadata: UnsetType | None = UNSET
    payment_initiation_metadata: UnsetType | None = UNSET


class _Options(Request, frozen=True, kw_only=True):
    """What to tell of each institution beyond the rest."""

    include_optional_metadata: bool = False
    include_auth_metadata: bool | None = False
    include_payment_initiation_metadata: bool | None = False


class ByIdOptions(_Options, frozen=True, kw_only=True):
    """`include_status`: with its health."""

    include_status: bool = False


class GetById(Request, frozen=True, kw_only=True):
    """`/institutions/get_by_id`"""

    institution_id: Text
    country_codes: Codes
    options: ByIdOptions = ByIdOptions()


class GetOptions(_Options, frozen=True, kw_only=True):
    """Those alone that have all of `products`, one of `routing_numbers`, or that are or aren't reached by OAuth."""

    products: list[str] | None = None
    routing_numbers: list[str] | None = None
    oauth: bool | None = None


class Get(Request, frozen=True, kw_only=True):
    """`/institutions/get`"""

    count: Annotated[int, Meta(ge=1, le=500)]
    offset: Annotated[int, Meta(ge=0)]
    country_codes: Codes
    options: GetOptions = GetOptions()


class PaymentOptions(Request, frozen=True, kw_only=True):
    """Of payments, which this emulator has none of."""

    payment_id: str | None = None
    consent_id: str | None = None


class SearchOptions(_Options, frozen=True, kw_only=True):
    """Those alone that are or aren't reached by OAuth."""

    oauth: bool | None = None
    payment_initiation: PaymentOptions | None = None


class Search(Request, frozen=True, kw_only=True):
    """`/institutions/search`"""

    query: Text
    country_codes: Codes
    products: list[str] | None = None
    options: SearchOptions = SearchOptions()


class ByIdAnswer(msgspec.Struct, frozen=True):
    """One institution."""

    institution: InstitutionRecord


class GetAnswer(msgspec.Struct, frozen=True):
    """A page of them. `total`: how many there are."""

    institutions: list[InstitutionRecord]
    total: int


class SearchAnswer(msgspec.Struct, frozen=True):
    """The best matches."""

    institutions: list[InstitutionRecord]


class CategoriesAnswer(msgspec.Struct, frozen=True):
    """The legacy categories."""

    categories: tuple[Category, ...]


def get_by_id(service: Service, _item: Item | None, asked: GetById) -> ByIdAnswer:
    """`/institutions/get_by_id`: INVALID_INSTITUTION for one that isn't there, or not in these countries."""
    found = service.catalogue.get(asked.institution_id)
    if found is None or not {*found.country_codes} & {*asked.country_codes}:
        raise PlaidError("INVALID_INSTITUTION")
    record = _record(found, asked.options)
    if asked.options.include_status:
        record = msgspec.structs.replace(record, status=_health(found, _since(service)))
    return ByIdAnswer(record)


def get(service: Service, _item: Item | None, asked: Get) -> GetAnswer:
    """`/institutions/get`, in order of their names."""
    wanted = asked.options
    numbers = wanted.routing_numbers
    found = [
        each
        for each in _those(service, asked.country_codes, wanted.products, oauth=wanted.oauth)
        if numbers is None or {*numbers} & {*each.routing_numbers}
    ]
    page = found[asked.offset : asked.offset + asked.count]
    return GetAnswer([_record(each, wanted) for each in page], len(found))


def search(service: Service, _item: Item | None, asked: Search) -> SearchAnswer:
    """`/institutions/search`: whose name holds every word of the query, or begins one of its own with it."""
    words = asked.query.casefold().split()
    found = [
        each
        for each in _those(service, asked.country_codes, asked.products, oauth=asked.options.oauth)
        if all(word in each.name.casefold() for word in words)
    ]
    return SearchAnswer([_record(each, asked.options) for each in found[:SEARCH_RESULTS_MAX]])


def categories_get(_service: Service, _item: Item | None, _asked: Request) -> CategoriesAnswer:
    """`/categories/get`: the one endpoint that asks for no credentials."""
    return CategoriesAnswer(LEGACY)


def _those(
    service: Service, countries: Iterable[str], products: Sequence[str] | None, *, oauth: bool | None
) -> list[PlaidInstitution]:
    found = (
        each
        for each in service.catalogue.values()
        if {*each.country_codes} & {*countries}
        and {*(products or ())} <= {*each.products}
        and oauth in {None, each.oauth}
    )
    return sorted(found, key=lambda each: (each.name, each.institution_id))


def _record(institution: PlaidInstitution, told: _Options) -> InstitutionRecord:
    more = told.include_optional_metadata
    supported = institution.status is not InstitutionStatus.UNSUPPORTED
    return InstitutionRecord(
        institution_id=institution.institution_id,
        name=institution.name,
        products=institution.products,
        country_codes=institution.country_codes,
        routing_numbers=institution.routing_numbers,
        oauth=institution.oauth,
        connection_availability="SUPPORTED" if supported else "NOT_SUPPORTED",
        url=institution.url if more else UNSET,
        primary_color=institution.primary_color if more else UNSET,
        logo=_LOGO if more else UNSET,
        auth_metadata=None if told.include_auth_metadata else UNSET,
        payment_initiation_metadata=None if told.include_payment_initiation_metadata else UNSET,
    )


def _since(service: Service) -> datetime:
    """Institutions have been as they are since the world began."""
    return datetime.combine(service.world.begins, time(0), UTC)


def _health(institution: PlaidInstitution, since: datetime) -> HealthRecord:
    status, success, interval = _HEALTH[institution.status]
    shares = Decimal(success).scaleb(-2), Decimal(0), Decimal(100 - success).scaleb(-2)
    return HealthRecord(
        ProductStatus(status, since, Breakdown(*shares)),
        ProductStatus(status, since, Breakdown(*shares, interval)),
    )


ENDPOINTS = (
    Endpoint("/institutions/get_by_id", GetById, "client", get_by_id),
    Endpoint("/institutions/get", Get, "client", get),
    Endpoint("/institutions/search", Search, "client", search),
    Endpoint("/categories/get", Request, "client", categories_get),
)
