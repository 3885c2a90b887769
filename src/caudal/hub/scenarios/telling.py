"""A step's transactions as an adapter would tell them: a page of changes, in canonical terms."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from caudal.hub.scenarios.story import Described, Step, Tx
from caudal.matching.identity import Census, Content, Identifier
from caudal.model.changes import (
    AccountKind,
    AccountSeen,
    BalanceKind,
    BalanceSeen,
    Change,
    Cursor,
    Page,
    SourceRef,
    Status,
    TransactionGone,
    TransactionSeen,
    Unreadable,
    Window,
)
from caudal.model.currencies import EXPONENTS
from caudal.model.errors import CaudalError
from caudal.model.money import Money

_KINDS: Final = (
    ("credit", AccountKind.CARD), ("card", AccountKind.CARD), ("loan", AccountKind.LOAN),
    ("savings", AccountKind.SAVINGS), ("cash", AccountKind.CASH), ("wallet", AccountKind.WALLET),
)  # fmt: skip


class StepRefused(CaudalError):
    """A step is refused as a whole; `code` says why, for programs."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(f"{code}: {why}")
        self.code = code


def page(step: Step, account: str, txs: Sequence[Tx], described: Described, place: int) -> Page:
    """What the step tells of `account`, as the `place`-th page of its source. Raises StepRefused."""
    ref = SourceRef(account)
    currency = described.currency or next((tx.currency for tx in txs if tx.currency), "XXX")
    identifier = _identifier(txs)
    changes: list[Change] = [AccountSeen(ref, _kind(account, described), currency, name=account)]
    unreadable: list[Unreadable] = []
    told: list[TransactionSeen] = []
    for number, tx in enumerate(txs):
        seen = _seen(ref, tx, identifier, op=step.op, place=place, number=number)
        if isinstance(seen, Unreadable):
            unreadable.append(seen)
        else:
            told.append(seen)
    changes += told
    changes += [TransactionGone(ref, id_) for id_ in (*step.removed, *step.ids)]
    changes += _balances(ref, step, told, currency)
    return Page(
        changes, Cursor(str(place)), more=False, windows=_windows(ref, step, told), unreadable=unreadable
    )


def _kind(account: str, described: Described) -> AccountKind:
    if described.kind is not None and described.kind in set(AccountKind):
        return AccountKind(described.kind)
    named = (described.kind or account).lower()
    return next((kind for part, kind in _KINDS if part in named), AccountKind.CHECKING)


def _identifier(txs: Sequence[Tx]) -> Identifier:
    census = Census()
    for place, tx in enumerate(txs):
        census.note(_id(tx), _content(tx), place)
    return Identifier(msgspec.structs.replace(census.close(), positional=False))


def _id(tx: Tx) -> str:
    return (tx.id or "").strip() or (tx.ref or "").strip()


def _content(tx: Tx) -> Content:
    return Content.of(
        _day(tx),
        _amount(tx) or Decimal(0),
        tx.currency or "",
        tx.name,
        tx.description,
        "pending" if tx.pending else "",
    )


def _day(tx: Tx) -> date:
    if not tx.date:
        raise StepRefused("date_required", "a transaction has no date")
    try:
        return date.fromisoformat(tx.date[:10])
    except ValueError:
        raise StepRefused("date_unreadable", f"{tx.date!r} is no date") from None


def _amount(tx: Tx) -> Decimal | None:
    if tx.amount is None or tx.indicator is None:
        return tx.amount
    return -abs(tx.amount) if tx.indicator.upper().startswith("D") else abs(tx.amount)


def _seen(
    ref: SourceRef, tx: Tx, identifier: Identifier, *, op: str, place: int, number: int
) -> TransactionSeen | Unreadable:
    identity = identifier.identify(_id(tx), _content(tx))
    amount = _amount(tx)
    if not tx.currency or tx.currency not in EXPONENTS:
        raise StepRefused("currency_unknown", f"{tx.currency!r} is no currency that is known")
    if amount is None:
        return Unreadable(f"step {place}", "it has no amount", msgspec.json.encode(tx).decode(), ref)
    by_hand = op == "manual" and not _id(tx)
    return TransactionSeen(
        ref=ref,
        id=f"by-hand-{place}-{number}" if by_hand else identity.id,
        status=Status.PENDING if tx.pending else Status.BOOKED,
        money=Money(amount, tx.currency),
        booked_on=_day(tx),
        description=tx.description,
        counterparty=tx.name,
        reference=tx.ref or "",
        occurred_at=_instant(tx.date or ""),
        raw=msgspec.json.encode(tx).decode(),
        rule=identity.rule,
        fallback_id=identity.fallback_id if op == "file" else "",
        replaces=tx.pending_id or next(iter(tx.previous_ids), ""),
        category=tx.category or "",
    )


def _instant(text: str) -> datetime | None:
    """The moment, where the date tells one with its zone."""
    if "T" not in text:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else None


def _windows(ref: SourceRef, step: Step, told: Sequence[TransactionSeen]) -> list[Window]:
    if step.complete_window is not None:
        first, last = (date.fromisoformat(day[:10]) for day in step.complete_window)
        return [Window(ref, first, last, holds=frozenset(seen.id for seen in told))]
    if step.op == "file" and told:
        days = [seen.booked_on for seen in told]
        return [Window(ref, min(days), max(days))]
    return []


def _balances(
    ref: SourceRef, step: Step, told: Sequence[TransactionSeen], currency: str
) -> list[BalanceSeen]:
    days = [seen.booked_on for seen in told]
    if step.complete_window is not None:
        days += [date.fromisoformat(day[:10]) for day in step.complete_window]
    found: list[BalanceSeen] = []
    if days and step.opening is not None:
        eve = min(days) - timedelta(days=1)
        found.append(BalanceSeen(ref, BalanceKind.BOOKED, Money(step.opening, currency), eve))
    if days and step.closing is not None:
        found.append(BalanceSeen(ref, BalanceKind.BOOKED, Money(step.closing, currency), max(days)))
    return found
