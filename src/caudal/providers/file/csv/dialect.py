"""From bytes to rows: which delimiter and quote a file uses; its records, one at a time, with their text."""

import csv
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, Final

import msgspec

from caudal.model.errors import Malformed
from caudal.providers.file.csv.values import looks_like_amount, looks_like_date
from caudal.providers.file.text import HEAD_BYTES, blocks, sniff_encoding
from caudal.settings import FileBounds

if TYPE_CHECKING:
    import _csv

DELIMITERS: Final = (";", "\t", "|", ",")
"""Tried in this order; on a tie the earlier wins (a decimal comma makes false columns, a semicolon never)."""

COLUMNS_MAX: Final = 512
"""More columns than any statement has; those beyond are not looked at."""

_SAMPLE_ROWS_MAX: Final = 400


class Row(msgspec.Struct, frozen=True):
    """One record: the 1-based line where it starts, its text as decoded, its cells."""

    line: int
    raw: str
    cells: list[str]


class Dialect(msgspec.Struct, frozen=True):
    """How the file is written. `quote` is '' where quotes are ordinary characters."""

    encoding: str
    delimiter: str
    quote: str = '"'


def sniff(head: bytes, encoding: str = "", delimiter: str = "", quote: str | None = None) -> Dialect:
    """The dialect under which the head has the most rows with both a date and an amount.

    What is given is not guessed. On a tie the delimiter that makes more columns
    wins, then `DELIMITERS`' order.
    """
    encoding = encoding or sniff_encoding(head)
    text = _head_lines(head, encoding)
    declared = text[0].strip().lower() if text else ""
    if not delimiter and declared.startswith("sep=") and len(declared) == 5:  # Excel's own way to say it
        delimiter = declared[4]
    best, best_score = Dialect(encoding, delimiter or ",", '"' if quote is None else quote), (-1, -1)
    for candidate in (delimiter,) if delimiter else DELIMITERS:
        dialect = Dialect(encoding, candidate, '"' if quote is None else quote)
        score = _score(sample(head, dialect))
        if score > best_score:
            best, best_score = dialect, score
    return best


def sample(head: bytes, dialect: Dialect) -> list[Row]:
    """The head's complete records, blank ones left out. Never raises: what can't be read ends the sample."""
    found: list[Row] = []
    lines = _head_lines(head, dialect.encoding)
    reader = _reader(iter([line + "\n" for line in lines]), dialect)
    start = 0
    try:
        for cells in reader:
            if any(cells):
                raw = "\n".join(lines[start : reader.line_num])
                found.append(Row(start + 1, raw, cells[:COLUMNS_MAX]))
            start = reader.line_num
            if len(found) >= _SAMPLE_ROWS_MAX:
                break
    except csv.Error:
        pass
    return found


def rows(stream: BinaryIO, dialect: Dialect, bounds: FileBounds) -> Iterator[tuple[int, str, list[str]]]:
    """(1-based line, text as decoded, cells) of each record, from the start. Blank lines have no cells.

    Raises Malformed, with the line where the record starts, for a quote that is never closed, a quote that
    swallows the rows after it, or a cell or record beyond its bound.
    """
    stream.seek(0)
    feed = _Feed(stream, dialect, bounds)
    reader = _reader(iter(feed), dialect)
    read = 0
    try:
        for cells in reader:
            start, count = feed.taken, reader.line_num - read
            read += count
            raw = feed.lines[start] if count == 1 else feed.joined(count)
            feed.taken = start + count
            yield feed.first + start, raw, cells
    except UnicodeError as error:
        where = f"line {feed.first + feed.taken}"
        raise Malformed(
            where, f"is not {dialect.encoding} text ({error.__class__.__name__}): name its encoding"
        ) from None
    except csv.Error as error:
        why = f"can't be split into cells ({error}): look for a quote that is opened and never closed"
        raise Malformed(f"line {feed.first + feed.taken}", why) from None


class _Feed:
    """Lines for `csv.reader`, remembering those of the record it is in, so that its text can be kept."""

    __slots__ = ("_blocks", "_bounds", "_delimiter", "_quote", "_usual", "ended", "first", "lines", "taken")

    def __init__(self, stream: BinaryIO, dialect: Dialect, bounds: FileBounds) -> None:
        self._blocks = blocks(stream, dialect.encoding, bounds)
        self._bounds = bounds
        self._quote = dialect.quote
        self._delimiter = dialect.delimiter
        self.lines: list[str] = []
        """The current block, from the start of the record that is being read."""
        self.first = 1
        """The line number of `lines[0]`."""
        self.taken = 0
        """How many of `lines` belong to records already handed out."""
        self.ended = False

    def __iter__(self) -> Iterator[str]:
        for first, text in self._blocks:
            left = self.lines[self.taken :]
            if left and sum(map(len, left)) > self._bounds.record_bytes_max:
                raise self._unclosed(f"for more than {self._bounds.record_bytes_max} bytes")
            fresh = text.split("\n")
            self.lines, self.first, self.taken = left + fresh, first - len(left), 0
            if self._quote and self._quote in text:
                yield from [line + "\n" for line in fresh]  # a line end inside quotes is part of the cell
            elif left:
                yield from [line + "\n" for line in fresh]
            else:
                yield from fresh
        self.ended = True
        self.lines.append("")
        yield ""  # the reader takes it as a blank line, unless it is still inside a quoted cell

    def joined(self, count: int) -> str:
        """The text of a record of several lines. Raises Malformed where a stray quote made it so."""
        if self.ended:
            raise self._unclosed("before the file ends: the file was cut, or a quote is missing")
        own = self.lines[self.taken : self.taken + count]
        for line in own[1:-1]:
            cells = line.split(self._delimiter)
            if len(cells) > 2 and any(map(looks_like_date, cells)) and any(map(looks_like_amount, cells)):
                raise self._unclosed("and swallows the rows after it")
        return "\n".join(own)

    def _unclosed(self, why: str) -> Malformed:
        return Malformed(f"line {self.first + self.taken}", f"opens a quote that is not closed {why}")


def _reader(lines: Iterator[str], dialect: Dialect) -> "_csv.Reader":
    if not dialect.quote:
        return csv.reader(lines, delimiter=dialect.delimiter, quoting=csv.QUOTE_NONE, skipinitialspace=True)
    return csv.reader(lines, delimiter=dialect.delimiter, quotechar=dialect.quote, skipinitialspace=True)


def _head_lines(head: bytes, encoding: str) -> list[str]:
    text = head.decode(encoding, errors="replace").removeprefix("\ufeff")
    found = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if len(head) >= HEAD_BYTES and len(found) > 1:
        found.pop()  # most likely cut in the middle
    return found


def _score(found: list[Row]) -> tuple[int, int]:
    """(rows that could be movements, columns of the widest)."""
    movements = [
        row.cells
        for row in found
        if any(map(looks_like_date, row.cells)) and any(map(looks_like_amount, row.cells))
    ]
    if movements:
        return len(movements) + 1, max(map(len, movements))
    return 0, max((len(row.cells) for row in found), default=0)
