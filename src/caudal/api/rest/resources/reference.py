"""What is of no space: providers, rates, health, the document of all this."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Final

import msgspec
from msgspec import Meta
from starlette.responses import Response

from caudal.api.rest.endpoints import Call, Endpoint, Entry, Page, get
from caudal.api.rest.forms import Asked, Code, Cursor, Paged, Told
from caudal.hub import institutions, rates, status
from caudal.providers import registry
from caudal.store.institutions import Place, Wanted

_OFFERED: Final = Cursor(Place)


class Provider(Told, frozen=True):
    """A provider one can link with. `set_up`: on this installation."""

    name: str
    title: str
    what: str
    capabilities: list[str]
    set_up: bool


class InstitutionQuery(Paged, frozen=True):
    """Those alone whose name holds every word of `search`, in a `country` (ISO 3166-1 alpha-2), through a `provider`."""

    search: Annotated[str, Meta(max_length=200)] = ""
    country: Annotated[str, Meta(pattern="^[A-Z]{2}$")] | None = None
    provider: Annotated[str, Meta(max_length=40)] | None = None


class Institution(Told, frozen=True):
    """An institution that can be linked: a link session takes its `provider` and `reference`. `working`: its provider
    knows of no trouble there; `investments_only`: a broker, which tells positions and no account's movements; `login`:
    `open_finance`, `password`, or empty where its provider doesn't tell."""

    provider: str
    reference: str
    name: str
    countries: list[str]
    working: bool
    investments_only: bool
    login: str


class RateQuery(Asked, frozen=True):
    """One of `base` in `quote`, on a day."""

    base: Code
    quote: Code
    on: date


class Leg(Told, frozen=True):
    """A rate as a source told it, of its own day."""

    base: str
    quote: str
    rate: Decimal
    day: date
    source: str


class Rate(Told, frozen=True):
    """One of `base` was `rate` of `quote`. `legs`: how it was found; none where both are one currency."""

    base: str
    quote: str
    on: date
    rate: Decimal
    legs: list[Leg]


class Health(Told, frozen=True):
    """Whether work can be done here."""

    ready: bool
    version: str


@get("/v1/providers", Entry.CALLER, tag="reference")
async def list_providers(call: Call) -> Page[Provider]:
    """Whom one can link with, and what each can do."""
    return Page(
        [
            Provider(
                each.name,
                each.title,
                each.what,
                sorted(capability.value for capability in each.capabilities),
                each.name in call.providers,
            )
            for each in registry.declarations()
        ]
    )


@get("/v1/institutions", Entry.CALLER, tag="reference")
async def list_institutions(call: Call, query: InstitutionQuery) -> Page[Institution]:
    """Which institutions can be linked here, as the providers that are set up listed them in the last day: those whose
    name begins as it was searched for come first. Providers without a list (an exchange, a chain) are one themselves:
    `GET /v1/providers`."""
    wanted = [name for name in call.providers if query.provider in (None, name)]
    after = _OFFERED.read(query.after)
    asked = Wanted(providers=wanted, text=query.search, country=query.country, after=after, limit=query.limit)
    rows = await institutions.find(call.installation, asked)
    more = _OFFERED.told(rows[-1].at) if len(rows) == query.limit else None
    return Page([msgspec.convert(each, Institution, from_attributes=True) for each in rows], more)


@get("/v1/fx", Entry.CALLER, tag="reference")
async def read_rate(call: Call, query: RateQuery) -> Rate:
    """A rate of a day, or of the last day before it that has one. Never of a later one."""
    found = (await rates.quote(call.installation, query.base, query.quote, query.on)).conversion
    return Rate(
        found.base,
        found.quote,
        found.on,
        found.rate,
        [msgspec.convert(each, Leg, from_attributes=True) for each in found.legs],
    )


@get("/v1/health", Entry.ANYBODY, tag="reference")
async def read_health(call: Call) -> Health:
    """Whether work can be done here."""
    import caudal  # noqa: PLC0415

    return Health((await status.readiness(call.installation)).ready, caudal.__version__)


@get("/v1/openapi.json", Entry.ANYBODY, tag="reference")
async def read_openapi(call: Call) -> Response:
    """This document."""
    return Response(call.shared["openapi"], media_type="application/json")


ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    list_providers,
    list_institutions,
    read_rate,
    read_health,
    read_openapi,
)
