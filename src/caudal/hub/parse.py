"""What is in a statement file, without a database: told record by record, so that memory stays flat."""

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal

import msgspec

from caudal.model.changes import Unreadable
from caudal.model.errors import Malformed
from caudal.model.money import EXACT
from caudal.providers.file.provider import FileDrop, read
from caudal.providers.file.records import Entry, FileAccount, Record, StatementClosed, StatementOpened, Told
from caudal.settings import FileBounds


class StatementSummary(msgspec.Struct):
    """One statement in figures. `off_by` = told closing balance less what opening and movements give."""

    account: FileAccount
    opening: Told | None
    closing: Told | None = None
    entries: int = 0
    sums: dict[str, Decimal] = msgspec.field(default_factory=dict)
    """Currency ('' where none is told) → signed sum of booked movements."""
    first_on: date | None = None
    last_on: date | None = None
    proof: str = "none"
    off_by: Decimal | None = None

    def add(self, entry: Entry) -> None:
        """Count one movement in."""
        self.entries += 1
        self.first_on = min(self.first_on or entry.booked_on, entry.booked_on)
        self.last_on = max(self.last_on or entry.booked_on, entry.booked_on)
        if not entry.pending:
            currency = entry.currency or self.account.currency or ""
            self.sums[currency] = EXACT.add(self.sums.get(currency, Decimal(0)), entry.amount)

    def close(self, closed: StatementClosed) -> None:
        """Take the closing balance and draw the conclusion."""
        self.opening = closed.opening or self.opening
        self.closing = closed.closing
        if self.opening is None or self.closing is None or self.opening.currency != self.closing.currency:
            return
        currency = self.closing.currency or self.account.currency or ""
        moved = self.sums.get(currency, self.sums.get("", Decimal(0)))
        off_by = EXACT.subtract(EXACT.subtract(self.closing.amount, self.opening.amount), moved)
        self.proof, self.off_by = ("off", off_by) if off_by else ("proven", None)


class FileSummary(msgspec.Struct):
    """One file in figures."""

    file: str
    format: str
    statements: list[StatementSummary] = msgspec.field(default_factory=list)
    quarantine: list[Unreadable] = msgspec.field(default_factory=list)


def summarise(drop: FileDrop, bounds: FileBounds) -> FileSummary:
    """The file in figures. Raises Malformed where it can't be read."""
    format_, records = read(drop, bounds)
    summary = FileSummary(str(drop.path), format_.name)
    for record in records:
        if type(record) is Entry:
            summary.statements[-1].add(record)
        elif isinstance(record, StatementOpened):
            summary.statements.append(StatementSummary(record.account, record.opening))
        elif isinstance(record, StatementClosed):
            summary.statements[-1].close(record)
        elif isinstance(record, Unreadable):
            summary.quarantine.append(record)
    return summary


def json_text(drop: FileDrop, bounds: FileBounds) -> Iterator[str]:
    """One JSON object for the file, in pieces. A file that can't be read to its end has an "error" as well.

    The last piece is the end of the object; after an error it raises the Malformed once the object is whole.
    """
    yield f'{{"file":{_json(str(drop.path))}'
    problem: Malformed | None = None
    quarantine: list[Unreadable] = []
    try:
        format_, records = read(drop, bounds)
    except Malformed as error:
        problem = error
        yield ',"format":null,"statements":[]'
    else:
        yield f',"format":{_json(format_.name)},"statements":['
        writer = _StatementWriter()
        try:
            for record in _kept_apart(records, quarantine):
                yield writer.write(record)
        except Malformed as error:
            problem = error
        yield writer.end() + "]"
    yield f',"quarantine":{_json([{"where": item.where, "why": item.why} for item in quarantine])}'
    if problem is not None:
        yield f',"error":{_json({"where": problem.where, "why": problem.why})}'
    yield "}\n"
    if problem is not None:
        raise problem


def _kept_apart(
    records: Iterable[Record], quarantine: list[Unreadable]
) -> Iterator[Entry | StatementOpened | StatementClosed]:
    for record in records:
        if isinstance(record, Unreadable):
            quarantine.append(record)
        else:
            yield record


class _StatementWriter:
    """Writes statements as they are told; whatever it has begun it can end at any point."""

    def __init__(self) -> None:
        self._open: StatementSummary | None = None
        self._statements = 0

    def write(self, record: Entry | StatementOpened | StatementClosed) -> str:
        if type(record) is Entry and self._open is not None:
            comma = "," if self._open.entries else ""
            self._open.add(record)
            return comma + _entry_json(record, self._open.account.currency)
        if isinstance(record, StatementOpened):
            before = self.end()
            comma = "," if self._statements else ""
            self._statements += 1
            self._open = StatementSummary(record.account, record.opening)
            return f'{before}{comma}{{"account":{_json(_account(record.account))},"transactions":['
        if isinstance(record, StatementClosed) and self._open is not None:
            self._open.close(record)
        return self.end()

    def end(self) -> str:
        if self._open is None:
            return ""
        done, self._open = self._open, None
        tail = {
            "opening": _told(done.opening),
            "closing": _told(done.closing),
            "proof": done.proof,
            "off_by": None if done.off_by is None else format(done.off_by, "f"),
        }
        return "]," + _json(tail)[1:]


def _account(account: FileAccount) -> dict[str, object]:
    return {
        "id": account.id,
        "iban": account.iban,
        "number": account.number,
        "institution": account.institution,
        "currency": account.currency,
        "kind": account.kind,
        "name": account.name or None,
    }


def _entry_json(entry: Entry, currency: str | None) -> str:
    return _json(
        {
            "id": entry.id or None,
            "booked_on": entry.booked_on,
            "value_on": entry.value_on,
            "amount": format(entry.amount, "f"),
            "currency": entry.currency or currency,
            "description": entry.description,
            "counterparty": entry.counterparty or None,
            "reference": entry.reference or None,
            "pending": entry.pending,
            "balance_after": None if entry.balance_after is None else format(entry.balance_after, "f"),
            "code": entry.code or None,
            "line": entry.line or None,
        }
    )


def _told(told: Told | None) -> dict[str, object] | None:
    if told is None:
        return None
    return {"amount": format(told.amount, "f"), "date": told.on}


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
