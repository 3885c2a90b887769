"""Recurring streams: what came or went again and again on one account by one agreement."""

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from statistics import median_low
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from caudal_sandbox.economy.movements import AccountId, Movement, money
from caudal_sandbox.plaid.categories import PersonalFinanceCategory, Taxonomy, sort
from caudal_sandbox.plaid.feed import Entry, Feed, Shape
from caudal_sandbox.plaid.ids import opaque

OCCURRENCES_MIN: Final = 2
MATURE_FROM: Final = 3
"""A stream is MATURE from its third occurrence on (Plaid docs, TransactionStreamStatus), EARLY_DETECTION before."""

_FREQUENCIES: Final = (
    ("WEEKLY", 5, 9, 7),
    ("BIWEEKLY", 12, 14, 14),
    ("SEMI_MONTHLY", 15, 17, 15),
    ("MONTHLY", 26, 35, 30),
    ("ANNUALLY", 350, 380, 365),
)
"""Name, shortest and longest gap in days, and the gap to the next one."""


class StreamAmount(msgspec.Struct, frozen=True):
    """Plaid's TransactionStreamAmount."""

    amount: Decimal
    iso_currency_code: str | None
    unofficial_currency_code: str | None = None


class StreamRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Plaid's TransactionStream."""

    account_id: str
    stream_id: str
    category: tuple[str, ...] | None
    category_id: str | None
    description: str
    merchant_name: str | None
    first_date: date
    last_date: date
    predicted_next_date: date | UnsetType
    frequency: str
    transaction_ids: list[str]
    average_amount: StreamAmount
    last_amount: StreamAmount
    is_active: bool
    status: str
    personal_finance_category: PersonalFinanceCategory
    is_user_modified: bool = False


def streams(
    entries: Iterable[Entry], account_ids: dict[AccountId, str], feed: Feed, today: date, taxonomy: Taxonomy
) -> list[StreamRecord]:
    """The streams among the posted `entries` of these accounts, in order of their first booking."""
    series: dict[tuple[AccountId, str, bool], list[Movement]] = {}
    for entry in entries:
        movement = entry.movement
        if movement.series and entry.shape is not Shape.PENDING and movement.account in account_ids:
            key = movement.account, movement.series, movement.settled_minor > 0
            series.setdefault(key, []).append(movement)
    found = [
        _stream(sorted(movements, key=_day), account_ids[account], feed, today, taxonomy)
        for (account, _, _), movements in series.items()
        if len(movements) >= OCCURRENCES_MIN
    ]
    return sorted(found, key=lambda each: (each.first_date, each.stream_id))


def _stream(
    movements: list[Movement], account_id: str, feed: Feed, today: date, taxonomy: Taxonomy
) -> StreamRecord:
    first, last = movements[0], movements[-1]
    days = [_day(each) for each in movements]
    frequency, gap = _frequency(days)
    overdue = gap is not None and today > days[-1] + timedelta(days=2 * gap)
    total = sum(each.settled_minor for each in movements)
    average = (abs(total) * 2 + len(movements)) // (2 * len(movements))
    category = sort(
        last.kind, last.merchant.business if last.merchant else None, incoming=last.settled_minor > 0
    )
    return StreamRecord(
        account_id=account_id,
        stream_id=opaque("stream", account_id, last.series, last.settled_minor > 0),
        category=category.legacy.hierarchy,
        category_id=category.legacy.category_id,
        description=last.text,
        merchant_name=last.merchant.name if last.merchant else None,
        first_date=_day(first),
        last_date=_day(last),
        predicted_next_date=days[-1] + timedelta(days=gap) if gap is not None and not overdue else UNSET,
        frequency=frequency,
        transaction_ids=[feed.transaction_id(each.id, pending=False) for each in movements],
        average_amount=_amount(average if total < 0 else -average, last),
        last_amount=_amount(-last.settled_minor, last),
        is_active=not overdue,
        status=_status(len(movements), gap, overdue=overdue),
        personal_finance_category=category.personal(taxonomy),
    )


def _frequency(days: list[date]) -> tuple[str, int | None]:
    """The name of what lies between two occurrences, and the days to the next; None where there is no rule in it."""
    between = median_low((later - earlier).days for earlier, later in pairwise(days))
    for name, shortest, longest, gap in _FREQUENCIES:
        if shortest <= between <= longest:
            return name, gap
    return "UNKNOWN", None


def _status(occurrences: int, gap: int | None, *, overdue: bool) -> str:
    if overdue:
        return "TOMBSTONED"
    if gap is None:
        return "UNKNOWN"
    return "MATURE" if occurrences >= MATURE_FROM else "EARLY_DETECTION"


def _amount(minor: int, like: Movement) -> StreamAmount:
    return StreamAmount(money(minor), like.currency)


def _day(movement: Movement) -> date:
    return movement.booked_on or movement.authorized_on
