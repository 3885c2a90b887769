"""Which institutions can be linked, as each provider lists them; of the whole installation."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from caudal.store.database import Transaction, json_rows


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where one stands in what was found."""

    place: int
    folded: str
    provider: str
    reference: str


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which are looked for: of these providers, whose name holds every word of `text`, in a country or anywhere; those
    that stand after `after`, at most `limit`."""

    providers: list[str]
    text: str = ""
    country: str | None = None
    after: Place | None = None
    limit: int


class Offered(msgspec.Struct, frozen=True):
    """An institution as its provider lists it."""

    reference: str
    name: str
    countries: tuple[str, ...]
    working: bool
    investments_only: bool
    login: str


class OfferedRow(msgspec.Struct, frozen=True):
    """An institution that can be linked. `countries`: ISO 3166-1 alpha-2; `working`: no trouble is known there;
    `investments_only`: a broker; `login`: ``open_finance``, ``password`` or not told. `folded`, `place`: by what those
    that are found are put in order."""

    provider: str
    reference: str
    name: str
    folded: str
    countries: list[str]
    working: bool
    investments_only: bool
    login: str
    place: int

    @property
    def at(self) -> Place:
        """Where it stands."""
        return Place(self.place, self.folded, self.provider, self.reference)


class CountryRow(msgspec.Struct, frozen=True):
    """A country, and how many institutions can be linked there."""

    country: str
    institutions: int


class _Listed(msgspec.Struct, frozen=True):
    provider: str
    at: datetime


async def replace(tx: Transaction, provider: str, offered: Sequence[Offered]) -> int:
    """What a provider offers now is this, and nothing else. Returns how many those are."""
    rows = [msgspec.structs.asdict(each) for each in offered]
    return await tx.run("replace_institutions", provider=provider, rows=json_rows(rows))


async def listed(tx: Transaction) -> dict[str, datetime]:
    """When each provider last told all of its own."""
    return {each.provider: each.at for each in await tx.all("institutions_listed", _Listed)}


async def find(tx: Transaction, wanted: Wanted) -> list[OfferedRow]:
    """Those that are looked for, the nearest first."""
    return await tx.all(
        "find_institutions",
        OfferedRow,
        providers=wanted.providers,
        text=wanted.text,
        country=wanted.country,
        after=None if wanted.after is None else msgspec.json.encode(wanted.after).decode(),
        limit=wanted.limit,
    )


async def countries(tx: Transaction, providers: Iterable[str]) -> list[CountryRow]:
    """Where these providers offer any."""
    return await tx.all("institution_countries", CountryRow, providers=list(providers))


async def one(tx: Transaction, provider: str, reference: str) -> OfferedRow | None:
    """One by its provider's id of it."""
    return await tx.first("institution_offered", OfferedRow, provider=provider, reference=reference)
