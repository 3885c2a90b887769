"""Lists and searches of transactions, what charts are drawn from, and the chore that keeps searches fast."""

from collections.abc import Sequence
from datetime import date
from typing import Final
from uuid import UUID

import msgspec

from caudal.hub.installation import Installation
from caudal.store import listing, spaces
from caudal.store.database import Store
from caudal.store.listing import BalanceDay, ListedRow, MonthRow, Place, Query
from caudal.store.spaces import Space

LIMIT_MAX: Final = 500
"""Transactions on one page."""
_DAYS_AT_ONCE: Final = 10
"""Gathered in one transaction: whoever changes one of them waits for it."""
_SPACES_AT_ONCE: Final = 1_000
"""Looked through in one statement for what there is to gather."""


class Listed(msgspec.Struct, frozen=True):
    """One page. `next`: after which place the next one begins, None where this is the last. A page may be short of what
    was asked for, and empty, and not the last."""

    rows: Sequence[ListedRow]
    next: Place | None


async def listed(
    installation: Installation, space: Space, query: Query, after: Place | None = None, limit: int = 50
) -> Listed:
    """Transactions, the latest first, those after a place."""
    async with installation.store.transaction(space.space_id) as tx:
        rows, ends, stopped = await listing.page(
            tx, space.space_id, query, after, max(1, min(limit, LIMIT_MAX))
        )
    if stopped:  # where no workers see to it, whoever searches does, bit by bit
        async with installation.store.transaction(space.space_id) as tx:
            await listing.gather(tx, space.space_id, _DAYS_AT_ONCE)
    return Listed(rows, ends)


async def months(installation: Installation, space: Space, count: int, today: date) -> list[MonthRow]:
    """Money in and out in `count` months, that of `today` the last, by currency; not what moved between own accounts."""
    end = _months_on(today, 1)
    async with installation.store.transaction(space.space_id) as tx:
        return await listing.months(tx, space.space_id, _months_on(end, -count), end)


async def balance_days(
    installation: Installation, space: Space, account_id: UUID, start: date, end: date
) -> list[BalanceDay]:
    """What the ledger held on an account, by currency: at the end of `start`, of each day it changed, and of `end`."""
    async with installation.store.transaction(space.space_id) as tx:
        return await listing.balance_days(tx, space.space_id, account_id, start, end)


async def gather(installation: Installation) -> int:
    """Gather anew what days say whose transactions have changed, in all spaces. Returns how many days there were."""
    store, done = installation.store, 0
    known = [space.space_id for space in await spaces.list_spaces(store)]
    for first in range(0, len(known), _SPACES_AT_ONCE):
        async with store.transaction(*known[first : first + _SPACES_AT_ONCE]) as tx:
            stale = await listing.stale_spaces(tx)
        for space_id in stale:
            done += await _gather(store, space_id)
    return done


async def _gather(store: Store, space_id: UUID) -> int:
    done = 0
    while True:
        async with store.transaction(space_id) as tx:
            days = await listing.gather(tx, space_id, _DAYS_AT_ONCE)
        done += days
        if days < _DAYS_AT_ONCE:
            return done


def _months_on(day: date, months: int) -> date:
    """The first day of the month so many months on."""
    number = day.year * 12 + day.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)
