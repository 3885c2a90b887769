"""A pull of one login: fills forward from the last one told, payments from the top down, then what stands (contract §10).

Balances are asked for before and after: only what was the same both times counts what the lists told.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from caudal.model.changes import Cursor, Page, TransactionGone
from caudal.model.errors import Malformed
from caudal.model.money import EXACT
from caudal.providers.bitso.client import LIMIT, Asker
from caudal.providers.bitso.errors import Absent
from caudal.providers.bitso.normalise import (
    COMPENSATED,
    COMPENSATION,
    COMPLETE,
    FAILED,
    FINAL,
    Reading,
    name_of,
)
from caudal.providers.bitso.payloads import Balance, Fee, Transfer, instant
from caudal.providers.bitso.standing import Open, Patience, Standing
from caudal.providers.http import Clock

PAGES_MAX: Final = 100_000
"""Pages of one list: ten million records."""
OVERLAP: Final = timedelta(days=30)
"""Payments this much older than the newest one, and younger, are looked at again in each pull: their status may change
(contract §5). By Bitso's own times: our clock says nothing of them."""
_TOLD_AT_ONCE: Final = 1_000
"""Payments of one page of ours."""
_NOTHING: Final = Decimal(0)

Listed = list[tuple[Raw, Transfer]]


async def pull(asker: Asker, cursor: Cursor, clock: Clock) -> AsyncIterator[Page]:
    """Pages from there on, the last one with the balances."""
    standing = Standing.read(cursor)
    patience = Patience(standing)
    before = _totals(await asker.balances())
    async for page in _fills(asker, standing, patience):
        standing = Standing.read(page.next)
        yield page
    async for page in _payments(asker, standing, patience):
        standing = Standing.read(page.next)
        yield page
    reading = Reading(asker.client_id or "")
    on = max(clock.now().date(), standing.newest)
    known = set(standing.currencies)
    for raw in await asker.balances():
        reading.balance(raw, on, None if patience.held else before, known)
    last = replace(standing, unread=patience.met, currencies=tuple(sorted(known | reading.accounts.keys())))
    yield Page(reading.all(), last.cursor(), more=False, unreadable=reading.unreadable)


async def _fills(asker: Asker, standing: Standing, patience: Patience) -> AsyncIterator[Page]:
    """Every fill after the marker, oldest first. The marker stays before one that couldn't be read."""
    at = standing.marker
    for _ in range(PAGES_MAX):
        raws = await asker.records("user_trades", at, sort="asc")
        if not raws:
            return
        reading = Reading(asker.client_id or "")
        last = at
        for raw in raws:
            ident = reading.trade(raw)
            if not ident:
                patience.lost(raw)
            last = ident or last
            if not patience.held:
                standing = replace(standing, marker=last)
        standing = _after(standing, reading, patience)
        yield Page(reading.all(), standing.cursor(), more=True, unreadable=reading.unreadable)
        if len(raws) < LIMIT:
            return
        if last == at:
            raise Malformed("bitso user_trades", "not one record of a page can be read")
        at = last


async def _payments(asker: Asker, standing: Standing, patience: Patience) -> AsyncIterator[Page]:
    """Fundings and withdrawals that are new or stand otherwise than they were told to."""
    reading = Reading(asker.client_id or "")
    listed: Listed = []
    for what in ("fundings", "withdrawals"):
        listed += await _down(asker, what, standing.since, reading, patience)
    came_back = _came_back(listed)
    stands = [(raw, each, COMPENSATED if name_of(each) in came_back else each.status) for raw, each in listed]
    news = [told for told in stands if standing.done.get(name_of(told[1])) != told[2]]
    fees = await _fees(asker, news, reading, patience)
    listed_names = {name_of(each) for _, each in listed}
    vanished = set() if patience.held else standing.open.keys() - listed_names
    for name in sorted(vanished):
        reading.changes.append(TransactionGone(reading.account(standing.open[name].currency), name))
    done, still = dict(standing.done), dict(standing.open)
    for raw, each, status in stands:
        name = name_of(each)
        told = name in done or name in still
        if done.get(name) == status:
            continue
        if status == FAILED and not told:  # nothing ever moved, and nobody heard of it
            done[name] = status
        elif not reading.transfer(raw, each, status, fees.get(each.wid, _NOTHING)):
            patience.lost(raw)
        elif status in FINAL and not patience.held:
            done[name] = status
            still.pop(name, None)
        else:  # of one that is final the fee, or what brought it back, may be what couldn't be read
            still[name] = Open(each.currency, each.at)
        if len(reading.changes) >= _TOLD_AT_ONCE:
            standing = _after(replace(standing, done=done.copy(), open=still.copy()), reading, patience)
            yield Page(reading.all(), standing.cursor(), more=True, unreadable=reading.unreadable)
            reading.changes, reading.unreadable = [], []
    if listed and not patience.held:
        newest = max(each.at for _, each in listed)
        since = min([newest - OVERLAP, *(each.at for name, each in still.items() if name not in vanished)])
        begun = {name_of(each): each.at for _, each in listed}
        done = {name: how for name, how in done.items() if name in begun and begun[name] >= since}
        standing = replace(standing, since=since)
    still = {name: each for name, each in still.items() if name not in vanished}
    standing = _after(replace(standing, done=done, open=still), reading, patience)
    if reading.changes or reading.unreadable:
        yield Page(reading.all(), standing.cursor(), more=True, unreadable=reading.unreadable)


async def _down(
    asker: Asker, what: str, since: datetime | None, reading: Reading, patience: Patience
) -> Listed:
    """Payments from the newest down to those begun before `since`; those that can't be read are put aside."""
    found: Listed = []
    async for raws in _pages_down(asker, what):
        oldest: datetime | None = None
        for raw in raws:
            told = reading.read(raw, Transfer, what)
            if told is None:
                patience.lost(raw)
                continue
            oldest = told.at
            if since is None or told.at >= since:
                found.append((raw, told))
        if since is not None and oldest is not None and oldest < since:
            break
    return found


async def _pages_down(asker: Asker, path: str) -> AsyncIterator[Sequence[Raw]]:
    """A list's pages, newest first. Whoever reads one says where it ends."""
    marker = ""
    for _ in range(PAGES_MAX):
        raws = await asker.records(path, marker)
        yield raws
        if len(raws) < LIMIT:
            return
        names = [name for name in map(_name, raws) if name]
        if not names:
            raise Malformed(f"bitso {path}", "not one record of a page can be read")
        marker = names[-1]


class _Named(msgspec.Struct):
    fid: str = ""
    wid: str = ""
    eid: str = ""


def _name(raw: Raw) -> str:
    """By which a record of a list is known; '' where it can't be told."""
    try:
        told = msgspec.json.decode(raw, type=_Named)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return told.fid or told.wid or told.eid


async def _fees(
    asker: Asker, news: Sequence[tuple[Raw, Transfer, str]], reading: Reading, patience: Patience
) -> Mapping[str, Decimal]:
    """What was taken of withdrawals that are complete, by the ledger, which is deprecated: where it is gone none is told,
    and such a withdrawal is one movement with its fee in it."""
    wanted = {each.wid: each.at for _, each, status in news if each.wid and status == COMPLETE}
    found: dict[str, Decimal] = {}
    if not wanted:
        return found
    first = min(wanted.values())
    try:
        async for raws in _pages_down(asker, "ledger/fees"):
            oldest: datetime | None = None
            for raw in raws:
                fee = reading.read(raw, Fee, "ledger/fees")
                if fee is None:
                    patience.lost(raw)
                    continue
                oldest = instant(fee.created_at)
                if fee.details.wid in wanted:
                    taken = [abs(Decimal(each.amount)) for each in fee.balance_updates]
                    found[fee.details.wid] = EXACT.add(
                        found.get(fee.details.wid, _NOTHING), sum(taken, _NOTHING)
                    )
            if oldest is not None and oldest < first:
                break
    except Absent:
        return {}
    return found


def _came_back(listed: Listed) -> set[str]:
    """Withdrawals that failed after they had left: the money came back as a funding of the same amount. The nearest
    before it, each once."""
    failed = sorted(
        ((each.at, name_of(each), each) for _, each in listed if each.wid and each.status == FAILED),
        key=lambda told: told[:2],
    )
    back = sorted(
        (each for _, each in listed if each.details.deposit_type == COMPENSATION and each.status == COMPLETE),
        key=lambda each: (each.at, each.fid),
    )
    found: set[str] = set()
    for funding in back:
        for at, name, each in reversed(failed):
            same = (each.currency, Decimal(each.amount)) == (funding.currency, Decimal(funding.amount))
            if same and at <= funding.at and name not in found:
                found.add(name)
                break
    return found


def _totals(raws: Sequence[Raw]) -> Mapping[str, str]:
    """What stood before, by currency, of what can be read."""
    found = {}
    for raw in raws:
        try:
            told = msgspec.json.decode(raw, type=Balance)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        found[told.currency] = told.total
    return found


def _after(standing: Standing, reading: Reading, patience: Patience) -> Standing:
    """Where it stands with this page told."""
    return replace(
        standing,
        unread={**standing.unread, **patience.met},
        currencies=tuple(sorted({*standing.currencies, *reading.accounts})),
        newest=max(standing.newest, reading.newest),
    )
