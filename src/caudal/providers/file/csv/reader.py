"""Reads CSV statements: rows to entries, by a plan made of a mapping, a profile or the file's own evidence.

Several accounts in one file may interleave; each is read in a pass of its own over the seekable stream, so
that memory stays flat (at most `evidence.ACCOUNTS_MAX` passes, usually one).
"""

import codecs
import io
import re
from collections.abc import Iterator
from typing import BinaryIO, Final

from caudal.model.changes import Unreadable
from caudal.model.errors import CaudalError, Malformed
from caudal.providers.file.csv.columns import is_header
from caudal.providers.file.csv.dialect import rows, sample
from caudal.providers.file.csv.evidence import survey
from caudal.providers.file.csv.mapping import Mapping
from caudal.providers.file.csv.plan import Plan, plan_of, require_certain
from caudal.providers.file.csv.teller import Teller
from caudal.providers.file.csv.values import looks_like_amount, looks_like_date
from caudal.providers.file.records import Entry, Record, StatementOpened
from caudal.providers.file.text import head_of
from caudal.settings import FileBounds

_CUT_ROW_BYTES_MAX: Final = 64 * 1024


def detect(head: bytes) -> bool:
    """Whether the head is a table of movements: a profile knows it, or its rows have dates and amounts."""
    try:
        plan = plan_of(head)
    except CaudalError:
        return False
    if plan.layout is not None:
        return True
    data = [row.cells for row in sample(head, plan.dialect) if row.line > plan.data_line]
    if not data:
        return is_header(plan.names)
    movements = [
        cells for cells in data if any(map(looks_like_date, cells)) and any(map(looks_like_amount, cells))
    ]
    widths = [len(cells) for cells in movements]
    alike = max((widths.count(width) for width in set(widths)), default=0)
    enough = 1 if is_header(plan.names) else 2
    return len(movements) >= enough and len(movements) * 2 >= len(data) and alike * 5 >= len(widths) * 3


def read(stream: BinaryIO, bounds: FileBounds, mapping: Mapping | None = None) -> Iterator[Record]:
    """The file's statements, one for each account it names, as `caudal.providers.file.records` tells.

    `StatementOpened.id` is ``layout:`` and the profile's name or the header's fingerprint.
    Raises Malformed as every reader does; and, without a mapping, where it can't tell the columns.
    """
    head = head_of(stream)
    plan = plan_of(head, mapping)
    require_certain(plan)
    evidence = survey(stream, plan, bounds)
    cut_row = _cut_row(stream, head, plan.dialect.encoding)
    accounts: tuple[str | None, ...] = evidence.accounts
    named = [cell for cell in evidence.accounts if cell.strip()]
    if len(named) < 2:
        accounts = (named[0] if named else None,)
    failures = _Failures(bounds)
    for account in accounts:
        teller = Teller(plan, evidence, account, cut_row)
        others = frozenset(accounts) - {account} if len(accounts) > 1 else frozenset()
        unclaimed = account == accounts[0]
        yield StatementOpened(teller.account, id=f"layout:{plan.fingerprint}")
        for record in _records(
            rows(stream, plan.dialect, bounds), teller, plan, account, others, unclaimed=unclaimed
        ):
            if type(record) is Unreadable:
                failures.count(record)
            yield record
        yield teller.closed()


class _Failures:
    """Counts what can't be read, up to the bound."""

    def __init__(self, bounds: FileBounds) -> None:
        self._left = bounds.unreadable_max

    def count(self, record: Unreadable) -> None:
        self._left -= 1
        if self._left < 0:
            raise Malformed(record.where, "too many rows can't be read: is the mapping right? try --map")


def _records(
    found: Iterator[tuple[int, str, list[str]]],
    teller: Teller,
    plan: Plan,
    account: str | None,
    others: frozenset[str | None],
    *,
    unclaimed: bool,
) -> Iterator[Entry | Unreadable]:
    """The account's own records; `unclaimed` rows, that name no known account, go with the first."""
    data_line = plan.data_line
    tell = teller.tell
    account_at = plan.at(plan.mapping.account)
    for line, raw, cells in found:
        if line <= data_line or not cells:
            continue
        if others:
            cell = cells[account_at] if account_at < len(cells) else None
            if cell != account and (cell in others or not unclaimed):
                continue
        record = tell(line, raw, cells)
        if record is not None:
            yield record


def _cut_row(stream: BinaryIO, head: bytes, encoding: str) -> str:
    """How the last line begins if no line end follows it, else '': if it is short, the file was cut there."""
    if encoding in {"utf-16", "utf-32"}:
        encoding += "-le" if head.startswith(codecs.BOM_UTF16_LE) else "-be"
    stream.seek(0, io.SEEK_END)
    stream.seek(max(0, stream.tell() - _CUT_ROW_BYTES_MAX) // 4 * 4)
    tail = stream.read(_CUT_ROW_BYTES_MAX + 4).decode(encoding, errors="replace")
    stream.seek(0)
    return re.split(r"[\r\n]", tail)[-1].partition("\ufffd")[0]
