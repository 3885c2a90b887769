"""What `read` makes of a layout nobody described, told to a person: each choice with its reason."""

from typing import BinaryIO

import msgspec

from caudal.providers.file.csv.evidence import survey
from caudal.providers.file.csv.mapping import Mapping, compact
from caudal.providers.file.csv.plan import plan_of
from caudal.providers.file.text import head_of
from caudal.settings import FileBounds


class Field(msgspec.Struct, frozen=True):
    """One role's column, how sure we are of it (0 to 1), and why."""

    role: str
    column: str
    confidence: float
    why: str


class Proposal(msgspec.Struct, frozen=True):
    """A mapping to confirm or correct. `map` is the text that ``--map`` takes to read the file so."""

    mapping: Mapping
    fields: tuple[Field, ...]
    map: str
    profile: str = ""
    """The profile that knows the layout, '' if none does."""


def propose(stream: BinaryIO, bounds: FileBounds) -> Proposal:
    """The mapping `read` would use, or needs confirmed. Raises Malformed for what is no table."""
    plan = plan_of(head_of(stream))
    fields = [
        Field(
            role,
            " + ".join(_name(plan.names, at) for at in choice.at),
            _confidence(certain=choice.certain),
            choice.why,
        )
        for role, choice in plan.chosen.items()
    ]
    mapping = plan.mapping
    if mapping.is_complete:
        evidence = survey(stream, plan, bounds)
        mapping = msgspec.structs.replace(
            mapping,
            date_format=mapping.date_format or evidence.order,
            decimal=mapping.decimal or ("," if evidence.decimal == "," else "."),
        )
        fields.append(Field("date_format", "", 0.8, f"the dates read best as {evidence.order}"))
        fields.append(Field("decimal", "", 0.8, f"the amounts read best with “{evidence.decimal}”"))
    stream.seek(0)
    return Proposal(mapping, tuple(fields), compact(mapping), plan.layout.name if plan.layout else "")


def _confidence(*, certain: bool) -> float:
    return 0.95 if certain else 0.5


def _name(names: tuple[str, ...], at: int) -> str:
    return names[at].strip() if at < len(names) and names[at].strip() else f"column {at + 1}"
