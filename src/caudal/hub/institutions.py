"""Which institutions can be linked: fetched from the providers once a day, and searched here."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from caudal.hub.installation import Installation
from caudal.model.errors import ProviderError
from caudal.providers.base import Catalogue, LiveProvider
from caudal.store import institutions as store
from caudal.store.institutions import CountryRow, Offered, OfferedRow, Wanted

_LOG: Final = logging.getLogger(__name__)
EVERY: Final = timedelta(days=1)
_MOST: Final = 50_000
"""Of one provider: several times what the largest has."""


async def fetch(
    installation: Installation, live: Mapping[str, LiveProvider], *, rest: timedelta = EVERY
) -> dict[str, int | ProviderError]:
    """Have each provider tell what can be linked; one that told it within `rest` is left alone. Returns how many each
    told, or why it didn't: then what it told before stays."""
    async with installation.store.engine() as tx:
        listed = await store.listed(tx)
    told: dict[str, int | ProviderError] = {}
    for name, provider in live.items():
        since = listed.get(name)
        if not isinstance(provider, Catalogue) or (since and datetime.now(UTC) - since < rest):
            continue
        try:
            offered = await _all(provider)
        except ProviderError as error:
            told[name] = error
            continue
        async with installation.store.engine() as tx:
            told[name] = await store.replace(tx, name, offered)
    return told


async def chore(installation: Installation, live: Mapping[str, LiveProvider]) -> None:
    """A worker's fetch. What failed is logged, and comes again with the next."""
    for name, came in (await fetch(installation, live)).items():
        if isinstance(came, ProviderError):
            _LOG.warning("%s: its institutions can't be had now (%s)", name, type(came).__name__)
        else:
            _LOG.info("%s offers %d institutions", name, came)


async def find(installation: Installation, wanted: Wanted) -> list[OfferedRow]:
    """The institutions that are looked for, whatever the case and accents of their names, the nearest first."""
    async with installation.store.transaction() as tx:
        return await store.find(tx, wanted)


async def countries(installation: Installation, providers: Iterable[str]) -> list[CountryRow]:
    """Where these providers offer any."""
    async with installation.store.transaction() as tx:
        return await store.countries(tx, providers)


async def named(installation: Installation, provider: str, reference: str) -> OfferedRow | None:
    """The one that a provider calls so; None where it lists no such."""
    if not reference:
        return None
    async with installation.store.transaction() as tx:
        return await store.one(tx, provider, reference)


async def _all(provider: Catalogue) -> Sequence[Offered]:
    found: list[Offered] = []
    async for page in provider.institutions():
        found += [msgspec.convert(each, Offered, from_attributes=True) for each in page]
        if len(found) > _MOST:
            _LOG.warning("a list of more than %d institutions: the rest is left out", _MOST)
            return found[:_MOST]
    return found
