"""How often providers may be asked, in the database: turns handed out to every process, by the database's clock.

One row for each operation of a provider and item, the item '' for all calls together. Durations are told from the
moment the statement reached the database, which for the asking process lies between sending it and having its answer.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from caudal.store.database import Transaction

_NOTHING: Final = timedelta(0)
_IDLE: Final = timedelta(minutes=1)
"""How long a bucket was full before it is forgotten."""


class Wish(msgspec.Struct, frozen=True):
    """Up to so many turns of a bucket, `step` apart on the average and up to `tolerance` ahead, none within `not_before`.
    0: how it stands."""

    item: str
    turns: int = 0
    step: timedelta = _NOTHING
    tolerance: timedelta = _NOTHING
    not_before: timedelta = _NOTHING


class Granted(msgspec.Struct, frozen=True):
    """What became of a wish. `free_in`: when its next turn was due before this, None where nothing stood in the way."""

    item: str
    turns: int
    start_in: timedelta
    full_in: timedelta
    free_in: timedelta | None
    held_in: timedelta | None
    raced: bool


class Hold(msgspec.Struct, frozen=True):
    """A provider said not before `pause` is over. `tolerance`: the bucket's own, None where it has no limit."""

    operation: str
    item: str
    pause: timedelta
    tolerance: timedelta | None = None


class InUse(msgspec.Struct, frozen=True):
    """How a budget stands. `full_in`: when all of it is there again; None: it has no limit, it was only held."""

    provider: str
    operation: str
    item: str
    full_in: timedelta | None
    held_until: datetime | None


async def book(
    tx: Transaction,
    provider: str,
    operation: str,
    wishes: Sequence[Wish],
    *,
    wait_max: timedelta,
    spread: timedelta,
) -> list[Granted]:
    """Take turns of these buckets, each of which is named once; an item's begin no earlier than everybody's.

    None where the first is more than `wait_max` off; beyond it only those that are due within `spread` of it. In a
    transaction of the engine's own, as everything here.
    """
    return await tx.all(
        "book_turns",
        Granted,
        provider=provider,
        operation=operation,
        items=[wish.item for wish in wishes],
        turns=[wish.turns for wish in wishes],
        steps=[wish.step for wish in wishes],
        tolerances=[wish.tolerance for wish in wishes],
        not_before=[wish.not_before for wish in wishes],
        wait_max=wait_max,
        spread=spread,
    )


async def hold(tx: Transaction, provider: str, holds: Sequence[Hold]) -> None:
    """No turn of these buckets, each of which is named once, before its pause is over."""
    await tx.run(
        "hold_turns",
        provider=provider,
        operations=[hold.operation for hold in holds],
        items=[hold.item for hold in holds],
        pauses=[hold.pause for hold in holds],
        tolerances=[hold.tolerance for hold in holds],
    )


async def in_use(tx: Transaction, limit: int) -> list[InUse]:
    """Every budget of a whole account, and of items' the emptiest, `limit` of them all together."""
    return await tx.all("budgets_in_use", InUse, limit=limit)


async def forget(tx: Transaction) -> int:
    """Delete the buckets nobody has drawn on lately. Returns how many."""
    return await tx.run("forget_budgets", idle=_IDLE)
