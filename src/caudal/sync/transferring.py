"""Concluding which movements are two sides of one transfer, in the transaction that wrote them.

The judgement is `caudal.matching.transfers`', pure. It is drawn anew for all that what changed hangs together with as
possible sides, from what the ledger holds now and what people said: so the order in which things came doesn't matter,
and drawing it again gives the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final
from uuid import UUID

import msgspec

from caudal.matching.rates import Rate, RateTable
from caudal.matching.transfers import Bounds, Rates, Side, Transfer, transfers
from caudal.store import matching
from caudal.store import transfers as store
from caudal.store.database import Transaction
from caudal.store.matching import Decision
from caudal.store.transfers import Held, Known, SideRow

_SIDES_MAX: Final = 20_000
"""Movements looked at for one page. What hangs together with more than this is concluded in parts."""
_AS_A_RULE: Final = Bounds()

_Pair = tuple[UUID, UUID]


async def transfers_anew(
    tx: Transaction,
    space_id: UUID,
    seeds: Sequence[UUID],
    *,
    bounds: Bounds = _AS_A_RULE,
    given: Sequence[Rate] | None = None,
) -> int:
    """Conclude anew of `seeds`, and of what changed in this transaction, which are sides of transfers. `given`: rates in
    place of those that are kept. Returns how many transfers and questions that changed."""
    await matching.steer(tx)
    return await conclude_transfers(tx, space_id, seeds, bounds=bounds, given=given)


async def conclude_transfers(
    tx: Transaction,
    space_id: UUID,
    seeds: Sequence[UUID] = (),
    *,
    bounds: Bounds = _AS_A_RULE,
    given: Sequence[Rate] | None = None,
) -> int:
    """The same of what the page just written changed. Look-ups must have been steered to indexes."""
    await store.lock(tx, space_id)
    abroad = _abroad(await store.held(tx, space_id, given))
    rows = await store.possible_sides(
        tx, space_id, seeds, bounds=bounds, held=abroad, given=given, most=_SIDES_MAX
    )
    if not rows:
        return 0
    known = await store.known(tx, space_id, [row.transaction_id for row in rows])
    words = await store.words(tx, space_id, [strand for row in rows for strand in row.strands])
    rates = await _rates(tx, rows, given) if abroad else None
    read = {row.transaction_id for row in rows}
    elsewhere = {
        side
        for each in known
        if each.transfer_id is not None and not {each.out_id, each.into_id} <= read
        for side in (each.out_id, each.into_id)
    }
    rows = [row for row in rows if row.gone or row.transaction_id not in elsewhere]
    return await _write(tx, space_id, rows, known, judge(rows, words, bounds, rates))


def judge(
    rows: Sequence[SideRow], words: Iterable[Decision], bounds: Bounds, rates: Rates | None
) -> tuple[list[Transfer], list[Transfer]]:
    """(the transfers, pairs that may be ones and weren't taken) of these movements; what is gone is no side."""
    there = {row.transaction_id: row for row in rows if not row.gone}
    linked, rejected = _said(there, words)
    return transfers([_side(row) for row in there.values()], bounds, rates, rejected, linked)


def _said(
    there: Mapping[UUID, SideRow], words: Iterable[Decision]
) -> tuple[list[tuple[str, str]], frozenset[tuple[str, str]]]:
    """What people linked, the latest word first, and what they rejected. A word is of two tellings: it holds for the
    movements they are of now, and of two words on the same two the later."""
    movement = {strand: row for row in there.values() for strand in row.strands}
    said: dict[tuple[str, str], str] = {}
    for word in words:
        one, other = movement.get(word.transaction_id), movement.get(word.other_id) if word.other_id else None
        if one is not None and other is not None:
            out, into = (one, other) if one.amount < 0 else (other, one)
            pair = (str(out.transaction_id), str(into.transaction_id))
            said.pop(pair, None)
            said[pair] = word.kind
    linked = [pair for pair, kind in reversed(said.items()) if kind == "transfer"]
    return linked, frozenset(pair for pair, kind in said.items() if kind == "no_transfer")


def _side(row: SideRow) -> Side:
    first, *others = row.days
    return Side(
        key=str(row.transaction_id),
        account=row.account,
        kind=row.account_kind,
        amount=row.amount,
        currency=row.currency,
        days=(first, *sorted(set(others) - {first})),
        at=row.occurred_at,
        text=f"{row.counterparty} {row.description}".strip(),
        reference=row.reference,
        category=row.category,
    )


def _abroad(held: Sequence[Held]) -> Sequence[Held]:
    """What the accounts hold that has a rate, where it is not all one currency."""
    return held if any(one.currency != other.currency for one, other in pairwise(held)) else ()


async def _rates(tx: Transaction, rows: Sequence[SideRow], given: Sequence[Rate] | None) -> Rates:
    """What the currencies of these were worth in one another on their days."""
    if given is None:
        days = [row.days[0] for row in rows]
        given = await store.rates(tx, {row.currency for row in rows}, min(days), max(days))
    return RateTable(given)


async def _write(
    tx: Transaction,
    space_id: UUID,
    rows: Sequence[SideRow],
    known: Sequence[Known],
    concluded: tuple[Sequence[Transfer], Sequence[Transfer]],
) -> int:
    """Write the difference. What is known of a side that was not judged stays, unless its other side is taken or gone."""
    found, doubts = concluded
    judged = {row.transaction_id for row in rows}
    settled = {row.transaction_id for row in rows if row.gone}
    settled |= {UUID(key) for each in found for key in (each.out, each.into)}
    transfers_then = {(each.out_id, each.into_id): each for each in known if each.transfer_id is not None}
    doubts_then = {(each.out_id, each.into_id): each for each in known if each.transfer_id is None}
    transfers_now = {_pair(each): each for each in found}
    doubts_now = {_pair(each): each for each in doubts}
    parted = [
        each.transfer_id
        for pair, each in transfers_then.items()
        if pair not in transfers_now and each.transfer_id is not None and _is_over(pair, judged, settled)
    ]
    answered = [
        {"out_id": pair[0], "into_id": pair[1]}
        for pair in doubts_then
        if pair not in doubts_now and _is_over(pair, judged, settled)
    ]
    transfer_rows = _news(transfers_now, transfers_then)
    doubt_rows = _news(doubts_now, doubts_then)
    changed = len(parted) + len(answered) + len(transfer_rows) + len(doubt_rows)
    if changed:
        await store.write(
            tx, space_id, parted=parted, answered=answered, transfers=transfer_rows, doubts=doubt_rows
        )
    return changed


def _is_over(pair: _Pair, judged: set[UUID], settled: set[UUID]) -> bool:
    return judged.issuperset(pair) or not settled.isdisjoint(pair)


def _pair(transfer: Transfer) -> _Pair:
    return UUID(transfer.out), UUID(transfer.into)


def _news(now: Mapping[_Pair, Transfer], then: Mapping[_Pair, Known]) -> list[dict[str, Any]]:
    """The rows of those that are new, or say something else than was known."""
    rows = []
    for pair, transfer in now.items():
        row = {
            "kind": str(transfer.kind),
            "day_gap": transfer.day_gap,
            "weight": transfer.evidence.weight,
            "said": transfer.said,
        }
        before = then.get(pair)
        same = before is not None and row == {name: getattr(before, name) for name in row}
        if (
            not same
            or before is None
            or msgspec.json.decode(before.found, type=_FOUND) != transfer.evidence.found
        ):
            rows.append({"out_id": pair[0], "into_id": pair[1], **row, "found": transfer.evidence.found})
    return rows


_FOUND: Final = tuple[tuple[str, int], ...]
