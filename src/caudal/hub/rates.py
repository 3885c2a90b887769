"""What currencies and assets are worth: fetched for what accounts hold, looked up, and accounts valued by it."""

import logging
from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import reduce
from typing import Final

import msgspec

from caudal.hub import audit, ledger
from caudal.hub.installation import Installation
from caudal.hub.ledger import AccountView
from caudal.matching.prices import PRICE_AGE_DAYS_MAX, PriceTable, Worth, worth
from caudal.matching.rates import AGE_DAYS_MAX, Conversion, Rate, RateTable
from caudal.model.currencies import EXPONENTS, UNKNOWN, is_known
from caudal.model.errors import ConflictError, ProviderError, Unavailable
from caudal.model.money import RATIO
from caudal.providers.http import BudgetsOf, Observer
from caudal.providers.rates import coingecko, sources
from caudal.providers.rates.base import Skipped, Source
from caudal.store import rates as store
from caudal.store import spaces
from caudal.store.rates import Asked
from caudal.store.spaces import Space
from caudal.sync.budgets import shared
from caudal.sync.rejudging import judge_anew

_LOG: Final = logging.getLogger(__name__)
_BRIDGES: Final = ("EUR", "USD")
"""Fetched wherever two currencies are held: other pairs are crossed through them."""
_ASKED_AGAIN_DAYS: Final = 14
"""So many of the last days are asked for again: sources correct themselves, and what is late comes."""
_SKIPPED_SHOWN: Final = 100


class Fetched(msgspec.Struct, frozen=True):
    """How one source was asked: of what, since which day, and what is new or told otherwise. `error`: why not, if not."""

    source: str
    subjects: list[str]
    since: date | None
    changed: int
    skipped: list[Skipped]
    error: str = ""


class FetchReport(msgspec.Struct, frozen=True):
    """What was fetched, which sources lack what, and how many transfers and questions changed by it."""

    fetched: list[Fetched]
    lacking: dict[str, str]
    transfers: int


class Quote(msgspec.Struct, frozen=True):
    """One of `base` in `quote` on a day, and what every source that tells the pair itself says of that day."""

    conversion: Conversion
    others: list[Rate]


class Valued(msgspec.Struct, frozen=True):
    """An account in one currency or asset, as the ledger holds it, and what that is worth. None: nobody knows."""

    account: str
    kind: str
    amount: Decimal
    currency: str
    value: Decimal | None
    worth: Worth | None


class Valuation(msgspec.Struct, frozen=True):
    """A space's accounts in one currency by a day's rates. `total` is of those that could be valued; it is whole where
    nothing is `unvalued` (currencies and assets that nobody knows the worth of)."""

    currency: str
    on: date
    rows: list[Valued]
    total: Decimal
    unvalued: list[str]


async def fetch(
    installation: Installation,
    *,
    named: Collection[str] = (),
    since: date | None = None,
    rest: timedelta = timedelta(0),
    observe: Observer | None = None,
    budgets: BudgetsOf | None = None,
) -> FetchReport:
    """Ask every source for what accounts hold and isn't kept yet, and the latest days again; then judge transfers that
    had no rate. `named`: currencies and assets wanted besides, `since` a day. `rest`: a source asked for all of it within
    that time is left alone. A source that fails fails alone. Where all is of one currency nobody is asked."""
    for code in named:
        _check(code)
    settings = installation.settings
    held, first = await _held(installation)
    wanted = _wanted(held, named)
    today = datetime.now(UTC).date()
    first = min(since or today, first) - timedelta(days=AGE_DAYS_MAX)
    async with installation.store.engine() as tx:
        asked = await store.asked(tx)
    told = settings.rates
    if settings.sandbox:
        told = sources.sandboxed(told, settings.sandbox)
    async with sources.opened(told, settings.http, observe, budgets) as there:
        fetched = [
            await _ask(installation, source, subjects, _since(source, subjects, asked, first, today), today)
            for source in there.open
            if (subjects := source.tells_of(wanted))
            and not _rests(source, subjects, asked, max(first, source.earliest(today)), rest)
        ]
    async with installation.store.engine() as tx:
        await store.cross(tx, "ecb", "EUR", wanted, first)
    ids = [space.space_id for space in await spaces.list_spaces(installation.store)]
    return FetchReport(fetched, there.lacking, await judge_anew(installation.store, ids))


async def chore(installation: Installation) -> None:
    """A worker's fetch. What failed is logged, and comes again with the next."""
    settings = installation.settings
    rest = timedelta(hours=settings.rates.every_hours)
    kept = shared(installation.store, settings.http)
    report = await fetch(installation, rest=rest, budgets=kept)
    for each in report.fetched:
        if each.error:
            _LOG.warning("rates: %s can't be had now (%s)", each.source, each.error)
        elif each.skipped:
            _LOG.warning("rates: %d records of %s couldn't be read", len(each.skipped), each.source)


async def quote(installation: Installation, base: str, into: str, on: date) -> Quote:
    """One of `base` in `into` on a day. Raises ConflictError for an unknown code, Unavailable where no rate
    of that day or the days before is kept."""
    for code in (base, into):
        _check(code)
    async with installation.store.engine() as tx:
        told = await store.between(tx, on - timedelta(days=AGE_DAYS_MAX), on)
    found = RateTable(told).conversion(base, into, on)
    if found is None:
        raise Unavailable(
            f"no rate between {base} and {into} is kept of {on} or the {AGE_DAYS_MAX} days before: "
            f"`caudal fx fetch --currency {base} --currency {into} --since {on}` asks for it"
        )
    pair = {(base, into), (into, base)}
    latest = {
        (each.source, each.base): each
        for each in sorted(told, key=lambda rate: rate.day)
        if (each.base, each.quote) in pair
    }
    return Quote(found, [latest[key] for key in sorted(latest)])


async def value(
    installation: Installation,
    space: Space,
    currency: str | None = None,
    on: date | None = None,
    views: Sequence[AccountView] | None = None,
) -> Valuation:
    """The space's accounts as they stand (`views`, where they were read already), in `currency` (else the space's own),
    by the rates of `on` (else today).

    Raises ConflictError where neither names a currency, or for one that isn't known.
    """
    day = on or datetime.now(UTC).date()
    async with installation.store.transaction(space.space_id) as tx:
        own = await store.currency(tx, space.space_id)
        rates = RateTable(await store.between(tx, day - timedelta(days=AGE_DAYS_MAX), day))
        prices = PriceTable(await store.prices_between(tx, day - timedelta(days=PRICE_AGE_DAYS_MAX), day))
    into = currency or own
    if into is None:
        raise ConflictError(
            f"space {space.name} has no currency yet: name one, or set it with `caudal currency CODE`"
        )
    _check(into)
    if views is None:
        views = await ledger.accounts(installation, space)
    rows = [
        _valued(view.held.name, view.held.kind, view.held.booked, view.held.currency, worth_of)
        for view in views
        for worth_of in [worth(view.held.currency, into, day, rates, prices)]
    ]
    total = reduce(RATIO.add, (row.value for row in rows if row.value is not None), Decimal(0))
    unvalued = sorted({row.currency for row in rows if row.value is None and row.amount})
    return Valuation(into, day, rows, total, unvalued)


async def currency_of(installation: Installation, space: Space) -> str | None:
    """In which currency the space is valued; None where nobody said."""
    async with installation.store.transaction(space.space_id) as tx:
        return await store.currency(tx, space.space_id)


async def set_currency(installation: Installation, space: Space, code: str) -> None:
    """Value the space in `code` from now on. Raises ConflictError where there is no such currency."""
    _check(code)
    async with installation.store.transaction(space.space_id) as tx:
        await store.set_currency(tx, space.space_id, code)
        await audit.note(tx, installation, space, "space.currency", {"currency": code})


def rounded(amount: Decimal, currency: str) -> Decimal:
    """To the currency's places, half to even: for showing, never for reckoning on."""
    return RATIO.quantize(amount, Decimal(1).scaleb(-min(EXPONENTS[currency], 8)))


def _valued(name: str, kind: str, amount: Decimal, currency: str, by: Worth | None) -> Valued:
    return Valued(name, kind, amount, currency, RATIO.multiply(amount, by.rate) if by else None, by)


async def _held(installation: Installation) -> tuple[set[str], date]:
    """What accounts of any space hold and is known, and since when the earliest of it."""
    held: set[str] = set()
    first = datetime.now(UTC).date()
    for space in await spaces.list_spaces(installation.store):
        async with installation.store.transaction(space.space_id) as tx:
            rows = await store.held_since(tx, space.space_id)
        held.update(row.currency for row in rows if is_known(row.currency))
        first = min([first, *(row.since for row in rows)])
    return held, first


def _wanted(held: Collection[str], named: Collection[str]) -> list[str]:
    """What has to be known: nothing where all that is held is one currency, and none is named."""
    if len(held) < 2 and not named and not coingecko.IDS.keys() & set(held):
        return []
    return sorted({*held, *named, *_BRIDGES})


def _rests(
    source: Source, subjects: Sequence[str], asked: Sequence[Asked], first: date, rest: timedelta
) -> bool:
    """Whether it was asked for all of these lately."""
    until = datetime.now(UTC) - rest
    known = {each.subject: each for each in asked if each.source == source.name}
    return all(
        each in known and known[each].asked_at > until and known[each].first_day <= first for each in subjects
    )


def _since(source: Source, subjects: Sequence[str], asked: Sequence[Asked], first: date, today: date) -> date:
    """From which day on it has to be asked: the first that isn't kept, and at least the latest ones."""
    first = max(first, source.earliest(today))
    known = {each.subject: each for each in asked if each.source == source.name}
    if any(each not in known or known[each].first_day > first for each in subjects):
        return first
    again = min(known[each].last_day for each in subjects) - timedelta(days=_ASKED_AGAIN_DAYS)
    return max(first, again)


async def _ask(
    installation: Installation, source: Source, subjects: list[str], since: date, today: date
) -> Fetched:
    """One source's answer, kept together with the days it was asked for."""
    try:
        told = await source.told(subjects, since, today)
    except ProviderError as error:
        return Fetched(source.name, subjects, since, 0, [], str(error))
    async with installation.store.engine() as tx:
        changed = await store.write(tx, told.rates) + await store.write_prices(tx, told.prices)
        await store.note_asked(tx, source.name, subjects, since, today)
    return Fetched(source.name, subjects, since, changed, list(told.skipped[:_SKIPPED_SHOWN]))


def _check(code: str) -> None:
    if not is_known(code):
        why = "no currency" if code == UNKNOWN else "no currency or asset that Caudal knows"
        raise ConflictError(f"{code!r} is {why}")
