"""A page's transactions as the text that is copied into the database: a row for each, told in which step of what.

Almost always every id of a page stands once. A source that tells of one twice tells two versions of it; one whose
records replace one another tells of one transaction by several ids.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

import msgspec

from caudal.model.changes import SourceRef, TransactionGone, TransactionSeen
from caudal.model.errors import Refused
from caudal.store.database import storable
from caudal.store.ids import new_id, new_ids

Told = TransactionSeen | TransactionGone


class Family(msgspec.Struct, frozen=True):
    """Chains that replace one another on one page: of one transaction, `id` where it is new; '' for a chain alone.
    `claims`: the place of the record it replaces is this chain's, not another's of the page."""

    id: str
    claims: bool


def families(
    changes: Sequence[Told],
) -> dict[tuple[SourceRef, str], Family]:
    """(account, id) → family, for the chains of a page that replace or are replaced.

    Where two records claim the place of one, the first has it; the other is a movement of its own.
    """
    heirs: dict[tuple[SourceRef, str], str] = {}
    claims: dict[tuple[SourceRef, str], bool] = {}
    for change in changes:
        if type(change) is TransactionSeen and change.replaces and change.replaces != change.id:
            heir = heirs.setdefault((change.ref, change.replaces), change.id)
            claims[change.ref, change.id] = heir == change.id
    told = {(change.ref, change.id) for change in changes} if heirs else set()
    found: dict[tuple[SourceRef, str], Family] = {}
    for ref, replaced in heirs:
        line = [replaced]
        while (heir := heirs.get((ref, line[-1]), "")) and heir not in line:
            line.append(heir)
        there = [(ref, id_) for id_ in line if (ref, id_) in told]
        family = next((found[key].id for key in there if key in found and found[key].id), "")
        if len(there) > 1:
            family = family or str(new_id())
        for key in there:
            found[key] = Family(family, claims.get(key, False))
    for key, claiming in claims.items():
        found.setdefault(key, Family("", claiming))
    return found


class _Step(msgspec.Struct, frozen=True):
    """One of several changes a page tells of one id: its place in their order, and the transaction they share."""

    told: TransactionSeen | None
    """What is told; for a TransactionGone what stood before it on the page, None where nothing did."""
    step: int
    final: bool
    transaction_id: str


def copy_text(
    changes: Sequence[Told],
    accounts: Mapping[SourceRef, tuple[str, str]],
    families: Mapping[tuple[SourceRef, str], Family],
) -> str:
    """Lines for ``copy_incoming``, in COPY's text format (PostgreSQL docs, COPY: File Formats).

    `accounts`: how the source names one → (source account id, account id), as text. Raises Refused for a change on an
    account that no page has named yet.
    """
    lines: list[str] = []
    repeats = _repeats(changes)
    fresh = new_ids(2 * len(changes))
    for place, (change, own_id, observation_id) in enumerate(zip(changes, fresh, fresh, strict=True)):
        told = change if type(change) is TransactionSeen else None
        step, final, transaction_id, gone = 0, True, own_id, told is None
        if place in repeats:
            repeat = repeats[place]
            if repeat is None:
                continue
            told, step, final, transaction_id = repeat.told, repeat.step, repeat.final, repeat.transaction_id
        family, claims = "", told is not None and told.replaces != ""
        if families and (kin := families.get((change.ref, change.id))):
            family, claims = kin.id, kin.claims
            transaction_id = family or transaction_id
        if change.ref not in accounts:
            raise Refused(f"a page tells of the account {change.ref}, which no page has named")
        source_account_id, account_id = accounts[change.ref]
        lines.append(
            f"{place}\t{source_account_id}\t{account_id}\t{transaction_id}\t{observation_id}\t{_text(change.id)}\t"
            f"{_text(told.fallback_id) if told else ''}\t{family or _NULL}\t{claims}\t{step}\t{final}\t{gone}\t"
            f"{_NOTHING if told is None else _told(told)}\n"
        )
    return storable("".join(lines))


_NULL: Final = "\\N"
_NOTHING: Final = "\t".join([_NULL] * 12 + ["", "", "provider_id"])
"""The fields of `_told` for something gone that the page says no more of."""


def _told(told: TransactionSeen) -> str:
    money = told.money
    return "\t".join(
        (
            told.status,
            str(money.amount),
            money.currency,
            str(told.booked_on),
            _maybe(told.entered_on),
            _maybe(told.value_on),
            _maybe(told.authorized_on),
            _maybe(told.occurred_at),
            _text(told.description),
            _text(told.counterparty),
            _text(told.reference),
            _text(told.category),
            _text(str(told.raw)),
            _text(told.replaces),
            told.rule,
        )
    )


def _maybe(value: date | None) -> str:
    return _NULL if value is None else str(value)


def _text(text: str) -> str:
    """`text` with what would end a field or a line escaped. Looking for each costs far less than finding them all."""
    if "\\" in text:
        text = text.replace("\\", "\\\\")
    if "\n" in text:
        text = text.replace("\n", "\\n")
    if "\r" in text:
        text = text.replace("\r", "\\r")
    if "\t" in text:
        text = text.replace("\t", "\\t")
    return text


def _repeats(changes: Sequence[Told]) -> dict[int, _Step | None]:
    """Place → its step, for ids told more than once; None where it only says again what was just said."""
    chains: dict[tuple[SourceRef, str], list[int]] = {}
    for place, change in enumerate(changes):
        chains.setdefault((change.ref, change.id), []).append(place)
    repeats: dict[int, _Step | None] = {}
    if len(chains) == len(changes):
        return repeats
    for places in chains.values():
        if len(places) > 1:
            repeats |= _steps(changes, places)
    return repeats


def _steps(changes: Sequence[Told], places: list[int]) -> dict[int, _Step | None]:
    news = [places[0]]
    for place in places[1:]:
        if not _says_the_same(changes[place], changes[news[-1]]):
            news.append(place)
    steps: dict[int, _Step | None] = dict.fromkeys(places)
    transaction_id = str(new_id())
    standing: TransactionSeen | None = None
    for step, place in enumerate(news):
        change = changes[place]
        standing = change if isinstance(change, TransactionSeen) else standing
        steps[place] = _Step(standing, step, place == news[-1], transaction_id)
    return steps


def _says_the_same(one: Told, other: Told) -> bool:
    if isinstance(one, TransactionSeen) and isinstance(other, TransactionSeen):
        return msgspec.structs.replace(one, raw=other.raw) == other
    return type(one) is type(other)
