"""How each peer is asked: a file in, how many movements and their signed sum out, the way its own docs show.

A peer is imported before the clock starts; reading the file counts, as it does for Caudal.
"""

import csv
import importlib
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from tests.bench.files import handed_over

from caudal.model.money import EXACT
from caudal.providers.file.provider import read
from caudal.providers.file.records import Entry
from caudal.settings import FileBounds

Told = tuple[int, Decimal]
"""How many movements, and their sum."""

CAUDAL: Final = "caudal"


def reader(name: str) -> Callable[[Path], Told]:
    """The reader of this name, with everything it needs imported."""
    module, make = _READERS[name]
    return make(importlib.import_module(module)) if module else make(None)


def _sum(amounts: Iterable[Decimal]) -> Told:
    count, total = 0, Decimal(0)
    for amount in amounts:
        count += 1
        total = EXACT.add(total, amount)
    return count, total


def _caudal(_: Any) -> Callable[[Path], Told]:
    def told(path: Path) -> Told:
        _, records = read(handed_over(path), FileBounds())
        return _sum(record.amount for record in records if type(record) is Entry)

    return told


def _camt053(module: Any) -> Callable[[Path], Told]:
    def told(path: Path) -> Told:
        document = module.parse_document(path.read_text("utf-8"))
        return _sum(_camt053_signed(entry) for entry in document.all_entries())

    return told


def _camt053_streaming(module: Any) -> Callable[[Path], Told]:
    def told(path: Path) -> Told:
        entries = module.iter_statement_entries(path.read_text("utf-8"))
        return _sum(_camt053_signed(entry) for entry in entries)

    return told


def _camt053_signed(entry: Any) -> Decimal:
    amount: Decimal = entry.amount_decimal
    return -amount if entry.credit_debit_indicator == "DBIT" else amount


def _ofxtools(module: Any) -> Callable[[Path], Told]:
    def told(path: Path) -> Told:
        tree = module.OFXTree()
        with path.open("rb") as stream:
            tree.parse(stream)
        (statement,) = tree.convert().statements
        return _sum(movement.trnamt for movement in statement.transactions)

    return told


def _mt940(module: Any) -> Callable[[Path], Told]:
    def told(path: Path) -> Told:
        return _sum(movement.data["amount"].amount for movement in module.parse(str(path)))

    return told


def _quiffen(module: Any) -> Callable[[Path], Told]:
    def told(path: Path) -> Told:
        books = module.Qif.parse(path)
        lists = (told for account in books.accounts.values() for told in account.transactions.values())
        return _sum(movement.amount for movements in lists for movement in movements)

    return told


def _csv_reader(_: Any) -> Callable[[Path], Told]:
    def told(path: Path) -> Told:
        with path.open(encoding="utf-8", newline="") as text:
            rows = csv.reader(text)
            amount = next(rows).index("Amount")
            return _sum(Decimal(row[amount]) for row in rows)

    return told


_READERS: Final[dict[str, tuple[str, Callable[[Any], Callable[[Path], Told]]]]] = {
    CAUDAL: ("", _caudal),
    "camt053": ("camt053", _camt053),
    "camt053, streaming": ("camt053.parse.statement_parser", _camt053_streaming),
    "ofxtools": ("ofxtools.Parser", _ofxtools),
    "mt-940": ("mt940", _mt940),
    "quiffen": ("quiffen", _quiffen),
    "csv.reader": ("csv", _csv_reader),
}
