"""Where a space stands, in one look: what it holds, what became of that, and whether it is right."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from caudal.hub import connections, ledger, listing, rates
from caudal.hub.installation import Installation
from caudal.hub.ledger import AccountView
from caudal.hub.rates import Valuation, Valued
from caudal.model.money import EXACT, RATIO
from caudal.store import listing as store
from caudal.store.listing import BalanceDay, ListedRow, MonthRow, Query
from caudal.store.spaces import LinkedConnection, Space

HISTORY_DAYS: Final = 365
MONTHS: Final = 12
LATEST: Final = 6
_FALLBACK: Final = "EUR"
"""Of books that hold nothing and chose nothing."""


class Holding(msgspec.Struct, frozen=True):
    """An account in one currency, and what it is worth in the space's; None where nobody knows."""

    view: AccountView
    worth: Decimal | None


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """Where a space stands. `total`, `history` (at the end of a day) and `months` (came in, went out: both positive) are
    in `currency`, by the rates of today, of all that is not `unvalued`; `nets`: what is held in each currency."""

    currency: str
    total: Decimal
    nets: Sequence[tuple[str, Decimal]]
    unvalued: Sequence[str]
    accounts: Sequence[Holding]
    history: Sequence[tuple[date, Decimal]]
    months: Sequence[tuple[date, Decimal, Decimal]]
    latest: Sequence[ListedRow]
    connections: Sequence[LinkedConnection]


async def holdings(installation: Installation, space: Space, today: date) -> tuple[str, list[Holding]]:
    """The currency that the space is valued in, and its accounts with what they are worth in it."""
    views, valued = await _valued(installation, space, today)
    return valued.currency, _holdings(views, valued.rows)


async def overview(installation: Installation, space: Space, today: date) -> Overview:
    """All of it, by the same few statements for one account and for thousands."""
    views, valued = await _valued(installation, space, today)
    by = {row.currency: row.worth.rate for row in valued.rows if row.worth is not None}
    start = today - timedelta(days=HISTORY_DAYS)
    async with installation.store.transaction(space.space_id) as tx:
        days = await store.net_days(tx, space.space_id, start, today)
    latest = await listing.listed(installation, space, Query(), limit=LATEST)
    return Overview(
        currency=valued.currency,
        total=valued.total,
        nets=_nets(views),
        unvalued=valued.unvalued,
        accounts=_holdings(views, valued.rows),
        history=_history(days, by, today),
        months=_months(await listing.months(installation, space, MONTHS, today), by),
        latest=latest.rows,
        connections=await connections.linked(installation, space),
    )


async def _valued(
    installation: Installation, space: Space, today: date
) -> tuple[list[AccountView], Valuation]:
    views = await ledger.accounts(installation, space)
    currency = await rates.currency_of(installation, space) or _usual(views)
    return views, await rates.value(installation, space, currency, today, views)


def _usual(views: Iterable[AccountView]) -> str:
    """The currency that most accounts are in."""
    told = Counter(view.held.currency for view in views)
    return max(told, key=lambda code: (told[code], code), default=_FALLBACK)


def _nets(views: Iterable[AccountView]) -> list[tuple[str, Decimal]]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for view in views:
        sums[view.held.currency] = EXACT.add(sums[view.held.currency], view.held.booked)
    return sorted(sums.items())


def _holdings(views: Sequence[AccountView], rows: Sequence[Valued]) -> list[Holding]:
    """Each with the worth of its own row: they are told in the same order."""
    return [Holding(view, row.value) for view, row in zip(views, rows, strict=True)]


def _history(
    days: Sequence[BalanceDay], by: Mapping[str, Decimal], today: date
) -> list[tuple[date, Decimal]]:
    held: dict[str, Decimal] = {}
    points: dict[date, Decimal] = {}
    for each in days:
        if each.currency in by:
            held[each.currency] = RATIO.multiply(each.held, by[each.currency])
            points[each.day] = sum(held.values(), Decimal(0))
    if points:
        points[today] = sum(held.values(), Decimal(0))
    return sorted(points.items())


def _months(rows: Iterable[MonthRow], by: Mapping[str, Decimal]) -> list[tuple[date, Decimal, Decimal]]:
    came: dict[date, Decimal] = defaultdict(Decimal)
    went: dict[date, Decimal] = defaultdict(Decimal)
    for row in rows:
        if row.currency in by:
            came[row.month] += RATIO.multiply(row.came, by[row.currency])
            went[row.month] += RATIO.multiply(row.went, by[row.currency])
    return [(month, came[month], went[month]) for month in sorted(came.keys() | went.keys())]
