"""The files that are imported and read: an ordinary life, told as one account's statement."""

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from tests.support.statements import WRITERS, CsvStyle, Movement, Replayed, Statement, generated, write_csv

from caudal.providers.file.csv import parse_mapping
from caudal.providers.file.provider import FileDrop

LATER_COUNT: Final = 1_000
"""Movements of a file that goes on where an account already holds others."""

_SUBFIELD: Final = re.compile(rb"\?\d\d")
_LATER_SEED: Final = 2


def _write_csv_with_ids(out: BinaryIO, statement: Statement) -> None:
    write_csv(out, statement, CsvStyle(ids=True))


KINDS: Final[dict[str, tuple[str, Callable[[BinaryIO, Statement], None]]]] = {
    "ofx1": (".ofx", WRITERS["ofx1"]),
    "ofx2": (".ofx", WRITERS["ofx2"]),
    "camt053": (".xml", WRITERS["camt053"]),
    "mt940": (".sta", WRITERS["mt940"]),
    "qif": (".qif", WRITERS["qif"]),
    "bai2": (".bai", WRITERS["bai2"]),
    "csv": (".csv", _write_csv_with_ids),
}
"""Kind → the ending of its name (some peers insist on it) and its writer. The CSV has a column of ids."""

_CSV_MAPPING: Final = parse_mapping("id=Transaction ID")
"""What a person says of the CSV: without it the ids are read as references."""


def life(count: int) -> Statement:
    """`count` movements of one account."""
    return generated(count, per_day=_per_day(count))


def half_known(count: int) -> tuple[Statement, int]:
    """`count` movements of the same life whose first half `life(count)` tells as well; and how many are new.

    The two meet between two days, as statements do.
    """
    per_day = _per_day(count)
    days = count // 2 // per_day
    skipped = days * per_day
    whole = generated(skipped + count, per_day=per_day)
    opening = sum((movement.amount for movement in itertools.islice(whole.movements, skipped)), whole.opening)
    movements = Replayed(partial(_after, whole, skipped))
    start = whole.start + timedelta(days=days)
    return replace(whole, opening=opening, movements=movements, start=start), skipped


def later(count: int) -> Statement:
    """`LATER_COUNT` movements of the account of `life(count)`, from a time that no other file tells of."""
    made = generated(LATER_COUNT, seed=_LATER_SEED)
    on = timedelta(days=2 * count // _per_day(count))
    movements = Replayed(partial(_moved, made, on))
    return Statement(made.account, Decimal("0.00"), movements, made.start + on, made.end + on)


def handed_over(path: Path) -> FileDrop:
    """The file as a person would hand it to Caudal."""
    return FileDrop(path, mapping=_CSV_MAPPING if path.suffix == ".csv" else None)


def written(folder: Path, name: str, kind: str, statement: Statement) -> Path:
    """`statement` told in `kind`, as a file in `folder`."""
    suffix, write = KINDS[kind]
    path = folder / f"{name}-{kind}{suffix}"
    with path.open("wb") as out:
        write(out, statement)
    return path


def without_subfields(structured: Path) -> Path:
    """An MT940 file whose :86: is free text, as many banks outside Germany write it."""
    free = structured.with_name(f"free-{structured.name}")
    with structured.open("rb") as lines, free.open("wb") as out:
        for line in lines:
            text = b":86:" + line[7:] if line.startswith(b":86:") else line
            out.write(
                _SUBFIELD.sub(b" ", text).lstrip(b" ") if text is not line or line[:1] == b"?" else line
            )
    return free


def _per_day(count: int) -> int:
    """At most four years: two-digit years must not run into the next century."""
    return max(25, count // 1_400)


def _after(whole: Statement, skipped: int) -> Iterator[Movement]:
    return itertools.islice(iter(whole.movements), skipped, None)


def _moved(made: Statement, on: timedelta) -> Iterator[Movement]:
    for movement in made.movements:
        yield replace(movement, id=f"L{movement.id}", booked_on=movement.booked_on + on)
