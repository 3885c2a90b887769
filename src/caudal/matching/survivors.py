"""What a movement says when several sources tell of it, field by field (survivorship).

Booked over pending, an API over a file over what was typed by hand; of two APIs always the same one, and of two logins
at it the one told last. Where that one is silent, the next that isn't. What a person fixed stands, that field only; what
a source says of it now is shown beside.
"""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final

import msgspec

from caudal.matching.evidence import Manner


class Said(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is said of a movement: all in which those who tell of it may differ."""

    status: str
    amount: Decimal
    currency: str
    booked_on: date
    entered_on: date | None = None
    value_on: date | None = None
    authorized_on: date | None = None
    occurred_at: datetime | None = None
    description: str = ""
    counterparty: str = ""
    reference: str = ""
    category: str = ""
    gone: bool


SAID: Final = Said.__struct_fields__
"""The names of all that."""


class Telling(Said, frozen=True, kw_only=True, gc=False):
    """What one source says of a movement, its latest word. `order`: rises with the time of that word."""

    key: str
    provider: str
    order: int
    pending_on: date | None = None
    """The first day it was told of as pending, if it was."""
    ended: bool = False
    """It will be told no more, while another tells of the account on: that one's word counts, where it has one."""

    @property
    def manner(self) -> Manner:
        """How its source tells."""
        return Manner.of(self.provider)


class Fixed(msgspec.Struct, frozen=True):
    """What a person fixed of one field, and what the sources said of it then (None: they are not to be compared)."""

    field: str
    value: object
    told: object = None


class Conflict(msgspec.Struct, frozen=True):
    """A source says now what differs from what a person fixed."""

    field: str
    kept: str
    told: str


class Standing(Said, frozen=True, kw_only=True, gc=False):
    """What the ledger says of a movement. `sources`: field → the key of the telling that gave it, or 'person'."""

    sources: dict[str, str]
    conflicts: tuple[Conflict, ...] = ()


PERSON: Final = "person"
_TOGETHER: Final = ("status", "amount", "currency", "booked_on", "entered_on")
"""One telling gives them all: an amount belongs to its day."""
_EACH: Final = tuple(name for name in SAID if name not in (*_TOGETHER, "gone"))
"""Each from the first that isn't silent."""
_MANNERS: Final = {Manner.LIVE: 0, Manner.FILE: 1, Manner.MANUAL: 2}


def survive(tellings: Sequence[Telling], fixed: Sequence[Fixed] = ()) -> Standing:
    """What stands of these tellings of one movement, at least one."""
    first, *others = sorted(tellings, key=_rank) if len(tellings) > 1 else tellings
    going_on = [telling for telling in tellings if not telling.ended]
    values = {name: getattr(first, name) for name in _TOGETHER}
    sources = dict.fromkeys(_TOGETHER, first.key)
    for name in _EACH:
        giver, value = first, getattr(first, name)
        if not value:
            giver = next((telling for telling in others if getattr(telling, name)), first)
            value = getattr(giver, name)
        values[name] = value
        if value:
            sources[name] = giver.key
    if values["authorized_on"] is None and len(tellings) > 1:
        pending = min((each.pending_on for each in tellings if each.pending_on is not None), default=None)
        if pending is not None and values["status"] == "booked":
            values["authorized_on"] = pending
    conflicts: list[Conflict] = []
    for each in fixed:
        told = values[each.field]
        if each.told is not None and told not in (each.told, each.value):
            conflicts = [known for known in conflicts if known.field != each.field]
            conflicts.append(Conflict(each.field, str(each.value), str(told)))
        values[each.field] = each.value
        sources[each.field] = PERSON
    return Standing(
        **values,
        gone=all(telling.gone for telling in going_on or tellings),
        sources=sources,
        conflicts=tuple(conflicts),
    )


def _rank(telling: Telling) -> tuple[bool, bool, bool, int, str, int, str]:
    manner, pending = _MANNERS[telling.manner], telling.status == "pending"
    return telling.gone, telling.ended, pending, manner, telling.provider, -telling.order, telling.key
