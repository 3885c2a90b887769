"""What currencies and assets were worth, as each source told it; of the whole installation."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

import msgspec

from caudal.matching.prices import Price
from caudal.matching.rates import Rate
from caudal.store.database import Transaction, json_rows

_ROWS_MAX = 20_000
"""Rates written by one statement."""


class Asked(msgspec.Struct, frozen=True):
    """A source was asked for all it holds of `subject`, a currency or an asset, from one day to another."""

    source: str
    subject: str
    first_day: date
    last_day: date
    asked_at: datetime


class HeldSince(msgspec.Struct, frozen=True):
    """A currency or asset that accounts of a space hold, and since which day."""

    currency: str
    since: date


class Fresh(msgspec.Struct, frozen=True):
    """Rates by which transfers were not judged yet: of which days and currencies."""

    first: date
    last: date
    currencies: list[str]
    seen_at: datetime


class Unpaired(msgspec.Struct, frozen=True):
    """A movement that is no side of a transfer."""

    transaction_id: UUID
    booked_on: date


class _Currency(msgspec.Struct, frozen=True):
    currency: str | None


async def write(tx: Transaction, rates: Sequence[Rate]) -> int:
    """Keep what a source told. Returns how many of them are new or were told otherwise before."""
    changed = 0
    for start in range(0, len(rates), _ROWS_MAX):
        rows = [msgspec.structs.asdict(each) for each in rates[start : start + _ROWS_MAX]]
        changed += await tx.run("write_rates", rows=json_rows(rows))
    return changed


async def write_prices(tx: Transaction, prices: Sequence[Price]) -> int:
    """The same of prices."""
    changed = 0
    for start in range(0, len(prices), _ROWS_MAX):
        rows = [msgspec.structs.asdict(each) for each in prices[start : start + _ROWS_MAX]]
        changed += await tx.run("write_prices", rows=json_rows(rows))
    return changed


async def cross(tx: Transaction, source: str, via: str, currencies: Sequence[str], first: date) -> int:
    """Derive what these were worth in one another from `source`, which tells of `via` alone: the search for transfers
    looks a pair up, and crosses nothing."""
    return await tx.run("cross_rates", source=source, via=via, currencies=list(currencies), first=first)


async def note_asked(tx: Transaction, source: str, subjects: Sequence[str], first: date, last: date) -> None:
    """That `source` was asked for all these days, and its answer kept."""
    await tx.run("note_asked", source=source, subjects=list(subjects), first=first, last=last)


async def asked(tx: Transaction) -> list[Asked]:
    """What each source was asked for."""
    return await tx.all("rates_asked", Asked)


async def between(tx: Transaction, first: date, last: date) -> list[Rate]:
    """Every rate told of these days, by whatever source."""
    return await tx.all("rates_between", Rate, first=first, last=last)


async def prices_between(tx: Transaction, first: date, last: date) -> list[Price]:
    """Every price told of these days, by whatever source."""
    return await tx.all("prices_between", Price, first=first, last=last)


async def held_since(tx: Transaction, space_id: UUID) -> list[HeldSince]:
    """What the space's accounts hold, and its own currency."""
    return await tx.all("currencies_of_space", HeldSince, space_id=space_id)


async def fresh(tx: Transaction) -> Fresh | None:
    """What transfers were not judged by yet; None where there is nothing."""
    return await tx.first("rates_fresh", Fresh)


async def judged(tx: Transaction, by: Fresh) -> None:
    """That they were."""
    await tx.run("rates_judged", first=by.first, last=by.last, seen_at=by.seen_at)


async def unpaired(
    tx: Transaction,
    space_id: UUID,
    by: Fresh,
    *,
    days: tuple[date, date],
    after: tuple[date, UUID],
    most: int,
) -> list[Unpaired]:
    """Movements between these days in the currencies of `by` that are no side of a transfer, in the order of their days,
    after that one; at most so many."""
    return await tx.all(
        "movements_unpaired",
        Unpaired,
        space_id=space_id,
        currencies=by.currencies,
        first=days[0],
        last=days[1],
        after_day=after[0],
        after_id=after[1],
        most=most,
    )


async def currency(tx: Transaction, space_id: UUID) -> str | None:
    """In which currency the space is valued; None where nobody said."""
    found = await tx.first("space_currency", _Currency, space_id=space_id)
    return found.currency if found else None


async def set_currency(tx: Transaction, space_id: UUID, code: str) -> None:
    """Value the space in this one."""
    await tx.run("set_space_currency", space_id=space_id, currency=code)
