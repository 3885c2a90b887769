"""Lists and searches of transactions, page by page, and what charts are drawn from.

A page costs what it shows, not what its space holds: it is found along the days, and a day whose `search_day` doesn't say
what is asked for is passed by. What no day tells (such as the transactions of one account with a word that others use
daily) is looked for until so many are looked at; then the page ends where that was, maybe short of its limit.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Final, Literal
from uuid import UUID

import msgspec

from caudal.store import marks
from caudal.store.database import Transaction, storable
from caudal.store.ledger import TransactionRow

EXAMINED_MAX: Final = 20_000
"""Transactions that are looked at for one page."""


class Query(msgspec.Struct, frozen=True):
    """Which transactions to list; None = any. Days include both; amounts are without sign, both included.

    `text`: terms that are all to be found, in any order, case and accents apart: in description, counterparty or
    reference, anywhere; one that is a number also as the amount.
    """

    accounts: Sequence[UUID] | None = None
    start: date | None = None
    end: date | None = None
    amount_min: Decimal | None = None
    amount_max: Decimal | None = None
    direction: Literal["in", "out"] | None = None
    currency: str | None = None
    status: Literal["booked", "pending"] | None = None
    category: str | None = None
    text: str = ""
    transfer: bool | None = None


class Place(msgspec.Struct, frozen=True):
    """Where a page ended, and the next goes on: lists are by day, then by id, both descending."""

    booked_on: date
    transaction_id: UUID


class ListedRow(TransactionRow, frozen=True, kw_only=True):
    """A transaction as lists show it. `sources`: how many source accounts told of it, by `providers`. `edited`, `locked`,
    `split`: by a person."""

    category: str
    sources: int
    providers: list[str]
    edited: bool
    locked: bool
    split: bool


class MonthRow(msgspec.Struct, frozen=True):
    """What came in and what went out in a month (its first day), in one currency; both are positive."""

    month: date
    currency: str
    came: Decimal
    went: Decimal


class BalanceDay(msgspec.Struct, frozen=True):
    """What the ledger held on an account at the end of a day."""

    currency: str
    day: date
    held: Decimal


class _Found(msgspec.Struct, frozen=True):
    transaction_id: UUID
    booked_on: date
    fits: bool
    last: bool


class _Day(msgspec.Struct, frozen=True):
    day: date


class _Space(msgspec.Struct, frozen=True):
    space_id: UUID


async def page(
    tx: Transaction,
    space_id: UUID,
    query: Query,
    after: Place | None,
    limit: int,
    *,
    examined_max: int = EXAMINED_MAX,
) -> tuple[list[ListedRow], Place | None, bool]:
    """At most `limit` transactions after a place, the latest first; where the next page begins, None where there is none;
    and whether the search stopped there because so many were looked at."""
    await tx.run("steer_listing")
    found = await _found(tx, space_id, query, after, limit=limit, examined_max=examined_max)
    fitting = [row for row in found if row.fits]
    more = len(fitting) > limit
    ends = fitting[limit - 1] if more else next((row for row in found if row.last), None)
    rows: list[ListedRow] = []
    if shown := [row.transaction_id for row in fitting[:limit]]:
        rows = await tx.all("listed_transactions", ListedRow, space_id=space_id, transactions=shown)
    place = None if ends is None else Place(ends.booked_on, ends.transaction_id)
    return rows, place, not more and place is not None


async def _found(
    tx: Transaction, space_id: UUID, query: Query, after: Place | None, *, limit: int, examined_max: int
) -> list[_Found]:
    where = {
        "space_id": space_id,
        "accounts": None if query.accounts is None else list(dict.fromkeys(query.accounts)),
        "start": query.start,
        "end": query.end,
        "after_on": after and after.booked_on,
        "after_id": after and after.transaction_id,
        "limit": limit + 1,
    }
    if (
        query == Query(accounts=query.accounts, start=query.start, end=query.end)
        and query.accounts is not None
    ):
        return await tx.all("list_by_account", _Found, **where)
    terms = marks.terms(query.text)
    return await tx.all(
        "list_by_day",
        _Found,
        **where,
        terms=terms.words,
        numbers=terms.numbers,
        values=terms.values,
        marks=_marks(query),
        amount_marks=_amount_marks(query),
        amount_min=query.amount_min,
        amount_max=query.amount_max,
        direction=query.direction,
        currency=query.currency and storable(query.currency),
        status=query.status,
        category=None if query.category is None else storable(query.category),
        transfer=query.transfer,
        examined_max=examined_max,
    )


def _marks(query: Query) -> list[str]:
    """What a day's marks must be like."""
    told = [f"${query.currency}"] if query.currency else []
    told += [f"#{query.category}"] if query.category else []
    told += ["="] if query.transfer else []
    return [f"%\n{_literal(each)}\n%" for each in told]


def _amount_marks(query: Query) -> list[str]:
    """What a day's marks must be like, one of them at least."""
    signs = {"in": "+", "out": "-", None: ""}[query.direction]
    beginnings = marks.amounts(query.amount_min, query.amount_max)
    if not beginnings and not signs:
        return []
    return [f"%\n{signs}{each}%" if signs else f"%{each}%" for each in beginnings or [""]]


def _literal(text: str) -> str:
    """As a pattern that is like nothing else."""
    escaped = storable(text).replace("\\", "\\\\")
    return escaped.replace("%", "\\%").replace("_", "\\_")


async def stale_spaces(tx: Transaction) -> list[UUID]:
    """Those of the spaces in scope that there is something to gather in."""
    return [row.space_id for row in await tx.all("stale_spaces", _Space)]


async def gather(tx: Transaction, space_id: UUID, days_max: int) -> int:
    """Gather anew what some days say whose transactions have changed, the latest first. Returns how many there were."""
    days = [row.day for row in await tx.all("take_stale_days", _Day, space_id=space_id, days_max=days_max)]
    if days:
        await tx.run("steer_listing")
        await tx.run("gather_days", space_id=space_id, days=days)
    return len(days)


async def months(tx: Transaction, space_id: UUID, start: date, end: date) -> list[MonthRow]:
    """What came and went from `start` until before `end`, by month, the latest first, and currency."""
    return await tx.all("months_of_money", MonthRow, space_id=space_id, start=start, end=end)


async def balance_days(
    tx: Transaction, space_id: UUID, account_id: UUID, start: date, end: date
) -> list[BalanceDay]:
    """What an account held, by currency and day: at the end of each day it changed, of the first and of the last."""
    return await tx.all(
        "balance_days", BalanceDay, space_id=space_id, account_id=account_id, start=start, end=end
    )


async def net_days(tx: Transaction, space_id: UUID, start: date, end: date) -> list[BalanceDay]:
    """What all accounts held together, by day and currency: at the end of each day it changed; of `start` what was held
    before."""
    return await tx.all("net_days", BalanceDay, space_id=space_id, start=start, end=end)
