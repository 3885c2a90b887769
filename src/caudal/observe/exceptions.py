"""An exception as a log may show it: what it was and where it came from; never a local, never a line of source, and its
words without secrets."""

import traceback
from collections.abc import Iterator
from pathlib import PurePath
from typing import Final

import msgspec

from caudal.observe.redaction import redact

_CHAIN_MAX: Final = 8
_FRAMES_MAX: Final = 20
_GROUP_MAX: Final = 8


class Shown(msgspec.Struct, frozen=True, omit_defaults=True):
    """One exception of a chain. `frames`: where it passed, innermost last. `group`: those within it, each a chain."""

    kind: str
    said: str
    frames: list[str]
    notes: list[str] = []
    group: list[list["Shown"]] = []


def shown(error: BaseException) -> list[Shown]:
    """The exception and what caused it, outermost first."""
    return [
        Shown(
            kind=type(each).__qualname__,
            said=words(each),
            frames=_frames(each),
            notes=[redact(note) for note in getattr(each, "__notes__", ())],
            group=[shown(inner) for inner in each.exceptions[:_GROUP_MAX]]
            if isinstance(each, BaseExceptionGroup)
            else [],
        )
        for each in _chain(error)
    ]


def as_lines(chain: list[Shown], indent: str = "") -> Iterator[str]:
    """The same for a person to read."""
    for number, each in enumerate(chain):
        yield f"{indent}{'caused by ' if number else ''}{each.kind}: {each.said}"
        yield from (f"{indent}  {line}" for line in (*each.notes, *each.frames))
        for inner in each.group:
            yield from as_lines(inner, indent + "    ")


def words(error: BaseException) -> str:
    """What it says, without secrets. Of an error of the database's only its code and the constraint: its message and
    its DETAIL quote values (PostgreSQL docs, Error and Notice Message Fields)."""
    code = getattr(error, "sqlstate", None)
    if isinstance(code, str):
        constraint = getattr(getattr(error, "diag", None), "constraint_name", None)
        return f"SQLSTATE {code} {constraint or ''}".rstrip()
    try:
        return redact(str(error))
    except Exception as failed:  # noqa: BLE001  (whatever a foreign __str__ raises: the log goes on)
        return f"(what it says can't be told: {type(failed).__qualname__})"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """As Python would print it: its cause, else what was being handled, unless that was hidden on purpose."""
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen and len(seen) < _CHAIN_MAX:
        seen.add(id(each))
        yield each
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)


def _frames(error: BaseException) -> list[str]:
    frames = traceback.StackSummary.extract(
        traceback.walk_tb(error.__traceback__), lookup_lines=False, capture_locals=False
    )
    return [
        f"{'/'.join(PurePath(frame.filename).parts[-3:])}:{frame.lineno} in {frame.name}"
        for frame in frames[-_FRAMES_MAX:]
    ]
