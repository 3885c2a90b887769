"""One file read to its end by one reader, alone: no database, nothing kept."""

from decimal import Decimal
from pathlib import Path

import msgspec
from tests.bench.cost import Cost, Meter
from tests.bench.peers import reader


class Spec(msgspec.Struct, frozen=True):
    """The file, and by which name of `tests.bench.peers` it is read."""

    reader: str
    file: str


class Parsed(msgspec.Struct, frozen=True):
    """What it cost and what was read."""

    cost: Cost
    count: int
    total: Decimal


def measure(spec: Spec) -> Parsed:
    """Read the file once. Starting up and importing are not counted."""
    told = reader(spec.reader)
    meter = Meter()
    count, total = told(Path(spec.file))
    return Parsed(meter.read(), count, total)
