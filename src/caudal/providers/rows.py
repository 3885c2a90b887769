"""Lists of records as they come: each read by itself, so that one that can't be read keeps none of the others back."""

import logging
from collections.abc import Sequence
from typing import Final, TypeVar

import msgspec
from msgspec import Raw

from caudal.model.changes import SourceRef, Unreadable
from caudal.model.errors import MoneyError

_LOG: Final = logging.getLogger(__name__)

T = TypeVar("T")

UNREADABLE: Final = (msgspec.DecodeError, MoneyError, ArithmeticError, ValueError, UnicodeDecodeError)
"""What reading a record may meet that is the record's fault."""


def read_all(
    rows: Sequence[Raw], into: type[T], where: str, ref: SourceRef | None = None
) -> tuple[list[tuple[T, str]], list[Unreadable]]:
    """(what can be read, each with its raw text; what can't). `where`: which list it is, and the same
    whenever it is read again: what can't be read is told once."""
    decoder = msgspec.json.Decoder(into)
    good: list[tuple[T, str]] = []
    bad: list[Unreadable] = []
    for row in rows:
        raw = bytes(row).decode(errors="replace")
        try:
            good.append((decoder.decode(row), raw))
        except UNREADABLE as error:
            bad.append(Unreadable(where, str(error) or "not a number", raw, ref))
    return good, bad


def readable(rows: Sequence[Raw], into: type[T], where: str) -> list[T]:
    """What can be read of a list that no money is told by; how many can't is said in the log."""
    good, bad = read_all(rows, into, where)
    if bad:
        _LOG.warning("%s: %d of %d records can't be read: %s", where, len(bad), len(rows), bad[0].why)
    return [each for each, _ in good]
