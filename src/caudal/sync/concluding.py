"""Concluding what a page's tellings are: known movements or new ones, in the transaction that writes the page.

The judgement is `caudal.matching`'s, pure. It is drawn anew for all that hangs together with what was told, from what
every source tells now and what people said: so the order in which things were told doesn't matter, and drawing it
again gives the same.
"""

import gc
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

import msgspec

from caudal.matching.evidence import Evidence, Manner, Source, Strand
from caudal.matching.same import Conclusion, Doubt, Group, Word, conclude
from caudal.matching.survivors import SAID, Fixed, Said, Standing, survive
from caudal.model.money import in_units
from caudal.store import matching
from caudal.store.database import Transaction
from caudal.store.matching import Concluded, Decision, Told
from caudal.store.pages import PageCounts
from caudal.store.showing import PageTarget

_MOST: Final = 20_000
"""Transactions looked at for one page. What hangs together with more than this is concluded in parts."""
_NOTHING: Final = Concluded(0, 0, 0)


async def conclude_page(tx: Transaction, space_id: UUID, accounts: Collection[UUID]) -> Concluded:
    """Conclude what the page just written told of these accounts."""
    needed = await matching.needed(tx, space_id, sorted(accounts))
    if not needed:
        return _NOTHING
    await matching.lock(tx, space_id, list(accounts))
    return await _conclude(tx, space_id, needed, ())


async def conclude_told(tx: Transaction, target: PageTarget, counts: PageCounts) -> PageCounts:
    """Conclude what was just written for a run. Returns what it then comes to."""
    done = await conclude_page(tx, target.space_id, counts.accounts)
    if not (done.merged or done.changed or done.gone):
        return counts
    await matching.amend_run(tx, target.space_id, target.run_id, done)
    return msgspec.structs.replace(
        counts,
        created=counts.created - done.merged,
        changed=counts.changed + done.changed,
        gone=counts.gone + done.gone,
    )


async def conclude_anew(
    tx: Transaction, space_id: UUID, accounts: Sequence[UUID], seeds: Sequence[UUID]
) -> Concluded:
    """Conclude these transactions of `accounts` anew, with all that hangs together with them."""
    await matching.steer(tx)
    await matching.lock(tx, space_id, accounts)
    return await _conclude(tx, space_id, [], seeds)


async def standing(tx: Transaction, space_id: UUID, transaction_id: UUID) -> Standing | None:
    """What a movement says and who gave what of it; None where one source alone tells of it and nobody spoke of it."""
    ids = [strand.transaction_id for strand in await matching.strands_of(tx, space_id, transaction_id)]
    await matching.steer(tx)
    told = await matching.neighbourhood(tx, space_id, [], ids, _MOST)
    members = [each for each in told if each.transaction_id in ids]
    said = [
        each
        for each in await matching.decisions_on(tx, space_id, ids)
        if each.kind not in ("one", "apart") and each.transaction_id in ids
    ]
    return survive(members, _Ruled(said).fixed) if len(members) > 1 or said else None


async def _conclude(
    tx: Transaction, space_id: UUID, accounts: Sequence[UUID], seeds: Sequence[UUID]
) -> Concluded:
    told = await matching.neighbourhood(tx, space_id, accounts, seeds, _MOST)
    if not told:
        return _NOTHING
    ids = [each.transaction_id for each in told]
    decisions = await matching.decisions_on(tx, space_id, ids)
    by_account: dict[UUID, list[Told]] = defaultdict(list)
    for each in told:
        by_account[each.account_id].append(each)
    rows: list[dict[str, Any]] = []
    doubts: list[dict[str, Any]] = []
    with _nothing_is_garbage():
        for there in by_account.values():
            conclusion = judge(there, decisions)
            rows += rows_of(conclusion, there, decisions)
            doubts += map(_asked, conclusion.doubts)
    await matching.ask(tx, space_id, ids, doubts)
    return await matching.conclude(tx, space_id, rows)


@contextmanager
def _nothing_is_garbage() -> Iterator[None]:
    """What is made here is all still needed, and goes by itself: to search it for cycles, again and again, would cost a
    fifth of the judgement."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _asked(doubt: Doubt) -> dict[str, Any]:
    return {
        "one_id": doubt.one,
        "other_id": doubt.other,
        "rule": doubt.rule,
        "weight": doubt.evidence.weight,
        "found": doubt.evidence.found,
    }


def judge(told: Sequence[Told], decisions: Iterable[Decision]) -> Conclusion:
    """Which of these are of one movement."""
    of_source = {each.source_key: each for each in told}
    since = sorted(of_source.values(), key=lambda each: (each.source_since, each.source_key))
    sources = {each.source_key: _source(each, rank) for rank, each in enumerate(since)}
    pairs: dict[str, set[frozenset[str]]] = {"one": set(), "apart": set()}
    for decision in decisions:
        if decision.kind in pairs:
            pair = frozenset((str(decision.transaction_id), str(decision.other_id)))
            pairs["one" if decision.kind == "apart" else "apart"].discard(pair)
            pairs[decision.kind].add(pair)
    word = Word(frozenset(pairs["one"]), frozenset(pairs["apart"]))
    return conclude([_strand(each) for each in told], sources, word)


def rows_of(
    conclusion: Conclusion, told: Sequence[Told], decisions: Sequence[Decision]
) -> list[dict[str, Any]]:
    """What is to be written of each transaction."""
    by_key = {each.key: each for each in told}
    said: dict[str, list[Decision]] = defaultdict(list)
    for decision in decisions:
        if decision.kind not in ("one", "apart"):
            said[str(decision.transaction_id)].append(decision)
    rows: list[dict[str, Any]] = []
    for group in conclusion.groups:
        members = [by_key[strand.key] for strand in group.strands]
        if len(members) > 1:
            members.sort(key=_founding)
        ruling = [decision for member in members for decision in said.get(member.key, ())]
        ruling.sort(key=lambda decision: decision.decision_id)
        rows += _rows_of_group(group, members, ruling)
    return rows


def _founding(told: Told) -> tuple[int, str]:
    return told.first_told, told.key


_values_of: Final = attrgetter(*SAID)


def _rows_of_group(
    group: Group, members: Sequence[Told], decisions: Sequence[Decision]
) -> list[dict[str, Any]]:
    founder = members[0]
    ruled = _Ruled(decisions)
    standing = survive(members, ruled.fixed)
    alone = len(members) == 1 and not decisions
    reasons = _reasons(group)
    rows = [
        {
            "transaction_id": founder.transaction_id,
            "into_id": None,
            "concluded": not alone or standing.gone != founder.withdrawn,
            "rule": None,
            "weight": None,
            "found": None,
            **dict(zip(SAID, _values_of(standing), strict=True)),
            "gone": standing.gone or ruled.deleted,
            "deleted": ruled.deleted,
            "locked": ruled.locked,
            "split": ruled.split,
            "conflict": _conflicts(standing),
        }
    ]
    for member in members[1:]:
        rule, evidence = reasons.get(member.key) or reasons[founder.key]
        rows.append(
            {
                "transaction_id": member.transaction_id,
                "into_id": founder.transaction_id,
                "concluded": True,
                "rule": rule,
                "weight": evidence.weight,
                "found": evidence.found,
                **dict(zip(SAID, _values_of(member), strict=True)),
                "gone": True,
                "deleted": False,
                "locked": False,
                "split": None,
                "conflict": None,
            }
        )
    return rows


def _reasons(group: Group) -> Mapping[str, tuple[str, Evidence]]:
    """Strand → why it is of the group: of the two that each join brings together, both."""
    reasons: dict[str, tuple[str, Evidence]] = {}
    for join in group.joins:
        reasons.setdefault(join.strand, (join.rule, join.evidence))
        reasons.setdefault(join.to, (join.rule, join.evidence))
    return reasons


class _Ruled:
    """What people's decisions on one movement come to."""

    def __init__(self, decisions: Sequence[Decision]) -> None:
        self.deleted = False
        self.locked = False
        self.split: object = None
        fixed: dict[str, Fixed] = {}
        for decision in decisions:
            if decision.kind == "delete":
                self.deleted = True
            elif decision.kind == "split":
                self.split = msgspec.json.decode(decision.data)["parts"]
            else:
                self.locked = self.locked or decision.kind == "lock"
                for each in msgspec.json.decode(decision.data, type=FixedFields).fixed():
                    fixed[each.field] = each
        self.fixed = tuple(fixed.values())


class FixedFields(msgspec.Struct, frozen=True, omit_defaults=True):
    """A decision's data: what a person fixed, and what the sources told of it then."""

    values: dict[str, str | None] = {}
    told: dict[str, str | None] = {}

    def fixed(self) -> list[Fixed]:
        """Each field, as its type."""
        return [
            Fixed(name, field_value(name, text), field_value(name, self.told.get(name)))
            for name, text in self.values.items()
        ]


def field_value(name: str, text: str | None) -> object:
    """A field's value from its text. Raises ValueError or KeyError where it isn't one of that field's."""
    if text is None:
        return None
    return msgspec.convert(text, Said.__annotations__[name], strict=False)


def _conflicts(standing: Standing) -> dict[str, dict[str, str]] | None:
    if not standing.conflicts:
        return None
    return {each.field: {"kept": each.kept, "told": each.told} for each in standing.conflicts}


def _strand(told: Told) -> Strand:
    first, days = told.booked_on, told.days
    units = in_units(told.amount, told.currency)
    return Strand(
        key=told.key,
        source=told.source_key,
        units=units,
        once=tuple(sorted({in_units(amount, told.currency) for amount in told.amounts or ()} - {units})),
        currency=told.currency,
        days=(first.toordinal(), *(day.toordinal() for day in sorted(set(days)) if day != first)),
        texts=tuple(sorted(set(told.texts or ()))),
        reference=told.reference,
        pending=told.status == "pending",
        gone=told.gone,
        told=told.first_told,
        since=told.order if told.withdrawn else 0,
        settled=told.status == "booked" and told.pending_on is not None,
    )


def _source(told: Told, rank: int) -> Source:
    manner = told.manner
    family = f"{told.provider}/{told.institution_id}" if manner is Manner.LIVE and told.institution_id else ""
    return Source(
        told.source_key, rank, manner, family, told.provider, withdraws=told.withdraws, lists=told.lists
    )
