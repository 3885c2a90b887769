"""Rates that came after the movements they are for: the transfers of those days are judged by them, once."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from caudal.matching.rates import AGE_DAYS_MAX
from caudal.matching.transfers import Bounds
from caudal.store import events, rates
from caudal.store.database import Store
from caudal.store.rates import Fresh
from caudal.sync.transferring import transfers_anew

_SEEDS_MAX: Final = 1_000
"""Movements judged in one transaction."""
_NOBODY: Final = UUID(int=0)


async def judge_anew(store: Store, spaces: Sequence[UUID]) -> int:
    """Look in each space for transfers that the rates not judged by yet may tell. Returns how many transfers and
    questions that changed. What is interrupted is done again: the rates stay fresh until all is judged."""
    async with store.engine() as tx:
        by = await rates.fresh(tx)
    if by is None:
        return 0
    changed = 0
    for space_id in spaces:
        changed += await _space(store, space_id, by)
    async with store.engine() as tx:
        await rates.judged(tx, by)
    return changed


async def _space(store: Store, space_id: UUID, by: Fresh) -> int:
    """All movements that a rate of those days holds for and that are no side yet, in bounded transactions."""
    async with store.transaction(space_id) as tx:
        held = {each.currency for each in await rates.held_since(tx, space_id)}
    if len(held.intersection(by.currencies)) < 2:
        return 0
    reach = timedelta(days=Bounds().days_max)
    days = (by.first - reach, by.last + timedelta(days=AGE_DAYS_MAX) + reach)
    changed, after, more = 0, (date.min, _NOBODY), True
    while more:
        async with store.transaction(space_id) as tx:
            found = await rates.unpaired(tx, space_id, by, days=days, after=after, most=_SEEDS_MAX)
            if found:
                changed += await transfers_anew(tx, space_id, [each.transaction_id for each in found])
                await events.write(tx, space_id)
                after = (found[-1].booked_on, found[-1].transaction_id)
        more = len(found) == _SEEDS_MAX
    return changed
