"""QIF, the Quicken Interchange Format: bank, cash, card, asset and liability registers as lines of text.

Each line starts with a letter that names its field, ``^`` ends a record, ``!`` starts a section. The format
has no currency, no ids, and no order of day and month: the order (and the decimal mark) is told by the file
as a whole, which is therefore looked through once before it is read.

Sources: Intuit's "Quicken Interchange Format (QIF) files" (Quicken help), and what exporters really write.
"""

import re
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import BinaryIO, Final

import msgspec

from caudal.model.changes import AccountKind, Unreadable
from caudal.model.errors import Malformed
from caudal.providers.file.records import Entry, FileAccount, Record, StatementClosed, StatementOpened, Told
from caudal.providers.file.text import blocks, head_of, sniff_encoding
from caudal.settings import FileBounds

_REGISTERS: Final = {
    "bank": AccountKind.CHECKING,
    "cash": AccountKind.CASH,
    "ccard": AccountKind.CARD,
    "oth a": AccountKind.OTHER,
    "oth l": AccountKind.LOAN,
}
"""Sections whose records move cash → the kind of account. `Oth A` is any asset, `Oth L` any liability."""

_INVESTMENTS: Final = frozenset({"invst", "port", "401(k)/403(b)", "mutual"})

_LISTS: Final = frozenset(
    {
        "account",
        "cat",
        "class",
        "memorized",
        "security",
        "prices",
        "budget",
        "tax",
        "payee",
        "template",
        "invitem",
    }
)
"""Sections that say how the books are kept and hold no movements: nothing of them is a statement's."""

_HEADER: Final = re.compile(r"!(?:Type|Account|Option|Clear)\b", re.IGNORECASE)

_ITEM: Final = re.compile(
    r"""
    \n( D(.{6,10})\n                               # a transaction as most programs write it: its day,
         [TU]([+-]?\d{1,24}(?:\.\d\d?|))\n(?:T.*\n|)  # its amount without thousands marks,
         (?:C.*\n|)                                # whether it is cleared,
         (?:N(.*)\n|)(?:P(.*)\n|)(?:M(.*)\n|)(?:L(.*)\n|)
       )\^
    | (.*(?:\n(?!\^).*)*+)\n\^                     # or whatever else stands before the next ^
    """,
    re.ASCII | re.VERBOSE,
)
"""What stands between the ends of two ``^``, the second included.

One pass finds the items and takes the common ones apart: a file is mostly these, and reading them as any other
(`_fields`) takes three times as long. Each line ends inside its brackets, so that its letter alone decides.
"""

_Item = tuple[str, str, str, str, str, str, str, str]
"""What `_ITEM` found: a transaction's lines, D, T or U, N, P, M, L; or, the lines being '', any other text."""

_BLANK: Final = " \t\r\n\x1a"
"""What may stand around records and says nothing. DOS programs end a file with ^Z (0x1A)."""

_PLAIN_AMOUNT: Final = re.compile(r"[+-]?\d{1,24}(?:\.\d\d?)?", re.ASCII)
_WHOLE: Final = re.compile(r"\d{0,24}|\d{1,3}([.,' ])\d{3}(?:\1\d{3}){0,7}", re.ASCII)
_DECIMALS: Final = re.compile(r"\d{0,18}", re.ASCII)
_MARKS: Final = re.compile(r"[.,' ]")
_COMMA_CENTS: Final = re.compile(r"\n[TU$][^\n]{0,40},\d\d?[ \t]*\n", re.ASCII)
_POINT_CENTS: Final = re.compile(r"\n[TU$][^\n]{0,40}\.\d\d?[ \t]*\n", re.ASCII)
_COMMA_END: Final = re.compile(r",\d\d?[ \t]*\n", re.ASCII)
"""Part of `_COMMA_CENTS`, and found or missed several times as fast."""

_DATE: Final = re.compile(
    r"(?P<first>\d{1,2})[-/.'](?P<second>\d{1,2})[-/.'](?P<last>\d{4}|\d{1,2})"
    r"|(?P<year>\d{4})(?P<mark>[-/.]?)(?P<month>\d\d?)(?P=mark)(?P<day>\d\d?)",
    re.ASCII,
)
_DAY_FIRST: Final = re.compile(r"\nD *(?:1[3-9]|2\d|3[01]) *[-/.]", re.ASCII)
_MONTH_FIRST: Final = re.compile(r"\nD *\d{1,2} *[-/.] *(?:1[3-9]|2\d|3[01]) *[-/.']", re.ASCII)
_POINTED_DATE: Final = re.compile(r"\nD *\d{1,2} *\.", re.ASCII)

_DATE_LENGTH_MAX: Final = 40

_TWO_DIGIT_YEAR_PIVOT: Final = 70
"""A year of two digits is 19xx from here on, 20xx below. Quicken also marks 20xx with ``'``: ``1/31'04``."""


class _Habits(msgspec.Struct, frozen=True):
    """How this file writes dates and amounts. None: both ways occur, only what can't be misread is read."""

    day_first: bool | None
    decimal_comma: bool | None


def detect(head: bytes) -> str | None:
    """``"qif"`` where the first line that is not blank or a ``#`` comment is a QIF section header."""
    for line in head.decode(sniff_encoding(head), errors="replace").lstrip("\ufeff").splitlines():
        text = line.strip()
        if text and not text.startswith("#"):
            return "qif" if _HEADER.match(text) else None
    return None


def read(stream: BinaryIO, bounds: FileBounds) -> Iterator[Record]:
    """The registers of one file, one statement for each account and section.

    A split transaction is one `Entry` (its splits stay in `raw`); `code` is its category, or ``[account]``
    for a transfer. An "Opening Balance" record is an entry as any other. Investment records are Unreadable,
    kept as they came; categories, classes, securities and the like are no movements and are passed over.
    Day and month: a number over 12 anywhere in the file decides; else dates with points are day first, all
    others month first, as Quicken in the US writes them. A comma or point with one or two digits after it, in
    any amount, decides the decimal mark. A file that shows both orders (or marks) has its ambiguous dates (or
    amounts) Unreadable.
    Raises Malformed for a file whose last record lacks its ``^`` (it may be cut, and half a record would be taken
    for another movement than the whole one), for one over a bound, and for what is no text.
    """
    encoding = sniff_encoding(head_of(stream))
    books = _Books(_habits(stream, encoding, bounds), bounds)
    stream.seek(0)
    for line, items in _items(stream, encoding, bounds):
        yield from books.take(line, items)
    yield from books.close()


# -- the file as a whole -------------------------------------------------------------------------------------


def _items(stream: BinaryIO, encoding: str, bounds: FileBounds) -> Iterator[tuple[int, list[_Item]]]:
    """(line of the ``^`` before the first of them, items that follow upon each other) up to the last ``^``.

    An item starts with what follows on the ``^`` line, as a rule nothing, and so with ``\\n``.
    Headers may follow the last ``^``: they come as if they had one. Raises Malformed for anything else there.
    """
    line, rest = 0, ""
    for _, block in blocks(stream, encoding, bounds):
        text = f"{rest}\n{block}"
        end = text.rfind("\n^") + 2
        if end >= 2:
            yield line, _ITEM.findall(text, 0, end)
            line += text.count("\n", 0, end)
            rest = text[end:]
        else:
            rest = text
        if len(rest) > bounds.record_bytes_max:
            raise Malformed(f"line {line + 1}", f"has a record of over {bounds.record_bytes_max} bytes")
    rest = rest.rstrip(_BLANK)
    if rest.lstrip(_BLANK):
        if not rest.rpartition("\n")[2].startswith("!"):
            why = "starts a record that no ^ ends: the file is cut short (if it is whole, add a line with ^)"
            raise Malformed(f"line {line + 1}", why)
        yield line, [("", "", "", "", "", "", "", rest)]


def _habits(stream: BinaryIO, encoding: str, bounds: FileBounds) -> _Habits:
    """Look the whole file through for what tells the order of day and month, and the decimal mark."""
    days_first = months_first = pointed = commas = points = False
    for _, block in blocks(stream, encoding, bounds):
        text = f"\n{block}\n"
        days_first = days_first or _DAY_FIRST.search(text) is not None
        months_first = months_first or _MONTH_FIRST.search(text) is not None
        # Points count only where neither order shows.
        pointed = pointed or (not (days_first or months_first) and _POINTED_DATE.search(text) is not None)
        commas = commas or bool(_COMMA_END.search(text) and _COMMA_CENTS.search(text))
        points = points or _POINT_CENTS.search(text) is not None
    return _Habits(
        day_first=_either(days_first, months_first, otherwise=pointed),
        decimal_comma=_either(commas, points),
    )


def _either(yes: bool, no: bool, otherwise: bool = False) -> bool | None:  # noqa: FBT001, FBT002  (all alike)
    """What two signs say: one of them alone decides, neither leaves it as `otherwise`, both contradict."""
    if yes and no:
        return None
    return yes or (otherwise and not no)


# -- sections ------------------------------------------------------------------------------------------------


class _Books:
    """Where in the file we are: which account, which section, and whether its statement is open."""

    def __init__(self, habits: _Habits, bounds: FileBounds) -> None:
        self._item: Callable[[int, str], Record | None] | None = None
        """Reads one record while a statement is open; None outside."""
        self._in_register = False
        """Whether that statement is one of transactions."""
        self._habits = habits
        self._bounds = bounds
        self._section = "bank"
        """Until a header says otherwise: some files have none."""
        self._headed = False
        self._named: str | None = None
        self._balance: Told | None = None
        self._unreadable = 0
        self._last: date | None = None
        self._rises = False
        self._falls = False

    def take(self, line: int, items: list[_Item]) -> Iterator[Record]:
        """Read items that follow upon each other, the first after the ``^`` on `line`."""
        printed, booked_on = "", None  # days come in runs
        for lines, day, amount, number, payee, memo, category, other in items:
            if lines and self._in_register:
                if day != printed:
                    printed, booked_on = day, self._turn_to(day)
                if booked_on is not None:
                    yield Entry(
                        booked_on=booked_on,
                        amount=Decimal(amount),
                        line=line + 1,
                        description=memo.strip(),
                        counterparty=payee.strip(),
                        reference=number.strip(),
                        code=category.strip(),
                        raw=lines[:-1],
                    )
                    line += lines.count("\n") + 1
                    continue
            text = f"\n{lines[:-1]}" if lines else other
            yield from self._take_other(line, text)
            line += text.count("\n") + 1
            printed = ""

    def _take_other(self, line: int, text: str) -> Iterator[Record]:
        """Read an item of any shape."""
        if self._item is None or "\n!" in text:
            yield from self._section_of(line, text)
        else:
            record = self._item(line, text)
            if record is not None:
                yield record

    def _section_of(self, line: int, text: str) -> Iterator[Record]:
        """Read an item with headers in it, or one that opens a statement."""
        start, lines = line, list[str]()
        for number, content in enumerate(text.split("\n"), line):
            if content.startswith("!"):
                yield from self._flush(start, lines)
                yield from self._enter(content)
                start, lines = number, [""]
            elif self._headed or not content.startswith("#"):
                lines.append(content)
        yield from self._flush(start, lines)

    def close(self) -> Iterator[Record]:
        """End the open statement, if any."""
        if self._item is None:
            return
        self._item, self._in_register = None, False
        yield StatementClosed(
            closing=self._balance,
            firm=False,
            complete=False,
            newest_first=self._falls and not self._rises,
        )

    def _enter(self, header: str) -> Iterator[Record]:
        """Follow a ``!`` line. A repeated header of the section we are in changes nothing."""
        self._headed = True
        name, _, value = header[1:].partition(":")
        name, value = name.strip().lower(), value.strip().lower()
        if name == "account":
            yield from self.close()
            self._section, self._named, self._balance = "account", None, None
        elif name == "clear":
            yield from self.close()
            self._named = self._balance = None
        elif name == "type" and (self._item is None or value != self._section):
            yield from self.close()
            self._section = value

    def _flush(self, line: int, lines: list[str]) -> Iterator[Record]:
        text = "\n".join(lines)
        if not text.strip(_BLANK):
            return
        if self._section == "account":
            yield from self._read_account(line, text)
        elif self._section not in _LISTS:
            if self._item is None:
                yield self._open(_fields(text))
            if self._item is not None:
                record = self._item(line, text)
                if record is not None:
                    yield record

    def _open(self, first: dict[str, str]) -> StatementOpened:
        """Open a statement at its first record.

        Where no ``!Account`` named it, the record "Opening Balance" does: its category is the account itself.
        """
        name, category = self._named, first.get("L", "").strip()
        if name is None and first.get("P", "").strip() == "Opening Balance" and category.startswith("["):
            name = category.strip("[]") or None
        self._last, self._rises, self._falls = None, False, False
        self._in_register = self._section in _REGISTERS
        if self._in_register:
            self._item, kind = self._read_entry, _REGISTERS[self._section]
        elif self._section in _INVESTMENTS:
            self._item, kind = self._read_investment, AccountKind.INVESTMENT
        else:
            self._item, kind = self._read_unknown, AccountKind.OTHER
        return StatementOpened(FileAccount(id=name, kind=kind, name=name or ""))

    def _read_account(self, line: int, text: str) -> Iterator[Record]:
        """An account of the books: what follows is its, until another is named."""
        fields = _fields(text)
        self._named = fields.get("N", "").strip() or None
        self._balance = None
        printed = fields.get("$") or fields.get("B")
        if not printed:
            return
        day = fields.get("/", "").strip()
        try:
            amount = _amount(printed, decimal_comma=self._habits.decimal_comma)
            self._balance = Told(amount, _day(day, self._habits.day_first) if day else None)
        except _UnfitError as error:
            yield self._unfit(line, text, f"balance of an account: {error}")

    def _read_entry(self, line: int, text: str) -> Record | None:
        fields = _fields(text)
        field = fields.get
        habits = self._habits
        try:
            booked_on = _day(field("D", ""), habits.day_first)
            amount = _amount(field("U") or field("T", ""), decimal_comma=habits.decimal_comma)
        except _UnfitError as error:
            return self._unfit(line, text, str(error)) if text.strip(_BLANK) else None
        self._note(booked_on)
        body = text.lstrip("\n")
        return Entry(
            booked_on=booked_on,
            amount=amount,
            line=line + len(text) - len(body),
            description=field("M", "").strip(),
            counterparty=field("P", "").strip(),
            reference=field("N", "").strip(),
            code=field("L", "").strip(),
            raw=body,
        )

    def _read_investment(self, line: int, text: str) -> Record | None:
        if not text.strip(_BLANK):
            return None
        action = _fields(text).get("N", "").strip()[:40] or "no action"
        return _kept(
            line, text, f"investment record ({action}) is kept as it came: it is not a cash movement"
        )

    def _read_unknown(self, line: int, text: str) -> Record | None:
        if not text.strip(_BLANK):
            return None
        return self._unfit(line, text, f"section !Type:{self._section[:40]} is not known")

    def _unfit(self, line: int, text: str, why: str) -> Unreadable:
        self._unreadable += 1
        if self._unreadable > self._bounds.unreadable_max:
            raise Malformed(
                f"line {line + 1}", f"more than {self._bounds.unreadable_max} records can't be read"
            )
        return _kept(line, text, why)

    def _turn_to(self, printed: str) -> date | None:
        """The day of the next transactions, noted; None where it is none (to be told by `_read_entry`)."""
        try:
            booked_on = _day_of(printed, self._habits.day_first)
        except _UnfitError:
            return None
        self._note(booked_on)
        return booked_on

    def _note(self, booked_on: date) -> None:
        """Note whether days rise or fall from entry to entry."""
        if self._last is not None:
            self._rises |= booked_on > self._last
            self._falls |= booked_on < self._last
        self._last = booked_on


class _UnfitError(Exception):
    """Why one record can't be read. Becomes an Unreadable."""


def _kept(line: int, text: str, why: str) -> Unreadable:
    body = text.lstrip("\n")
    return Unreadable(f"line {line + len(text) - len(body)}", why, body)


# -- fields --------------------------------------------------------------------------------------------------


def _fields(text: str) -> dict[str, str]:
    """Field letter → text, of each letter the first: splits come last and repeat letters."""
    return {line[:1]: line[1:] for line in reversed(text.split("\n"))}


def _day(printed: str, day_first: bool | None) -> date:  # noqa: FBT001  (a named argument costs the cache dear)
    if len(printed) > _DATE_LENGTH_MAX:
        raise _UnfitError("its date is too long for one")
    return _day_of(printed, day_first)


@lru_cache(maxsize=4096)
def _day_of(printed: str, day_first: bool | None) -> date:  # noqa: FBT001
    """``12/31/98``, ``1/ 1'05``, ``31.12.2019``, ``2019-12-31``, ``20191231``. Blanks mean nothing."""
    match = _DATE.fullmatch(printed.replace(" ", "").strip())
    if match is None:
        raise _UnfitError(f"its date {printed!r} is not one" if printed else "it has no date")
    if match["year"]:
        year, month, day = int(match["year"]), int(match["month"]), int(match["day"])
    else:
        year = _year(match["last"])
        month, day = _month_and_day(int(match["first"]), int(match["second"]), printed, day_first=day_first)
    try:
        return date(year, month, day)
    except ValueError:
        raise _UnfitError(f"its date {printed!r} is not in the calendar") from None


def _month_and_day(first: int, second: int, printed: str, *, day_first: bool | None) -> tuple[int, int]:
    if first > 12 or second > 12 or first == second:
        day_first = first > 12
    if day_first is None:
        raise _UnfitError(f"its date {printed!r} may be day or month first: the file has both")
    return (second, first) if day_first else (first, second)


def _year(printed: str) -> int:
    year = int(printed)
    if len(printed) > 2:
        return year
    return year + (1900 if year >= _TWO_DIGIT_YEAR_PIVOT else 2000)


def _amount(printed: str, *, decimal_comma: bool | None) -> Decimal:
    if _PLAIN_AMOUNT.fullmatch(printed):
        return Decimal(printed)
    return _marked_amount(printed.strip(), decimal_comma=decimal_comma)


def _marked_amount(printed: str, *, decimal_comma: bool | None) -> Decimal:
    """With thousands marks or a decimal comma: ``1,234.50``, ``1.234,50``, ``1'234.50``, ``-12,5``."""
    sign = "-" if printed.startswith("-") else ""
    body = printed[1:] if printed.startswith(("-", "+")) else printed
    at = max(body.rfind("."), body.rfind(","))
    whole, decimals = (body[:at], body[at + 1 :]) if at >= 0 else (body, "")
    if at >= 0 and not _is_decimal_mark(body[at], whole, decimals, printed, decimal_comma=decimal_comma):
        whole, decimals = body, ""
    if not _WHOLE.fullmatch(whole) or not _DECIMALS.fullmatch(decimals) or not (whole or decimals):
        raise _UnfitError(f"its amount {printed[:40]!r} is not a number" if printed else "it has no amount")
    return Decimal(f"{sign}{_MARKS.sub('', whole)}.{decimals}")


def _is_decimal_mark(
    mark: str, whole: str, decimals: str, printed: str, *, decimal_comma: bool | None
) -> bool:
    """Whether the last mark of an amount is its decimal mark. Only three digits after it leave a doubt."""
    if len(decimals) != 3 or whole in {"", "0"}:
        return True
    if "." in whole or "," in whole:
        return mark not in whole
    if decimal_comma is None:
        raise _UnfitError(
            f"its amount {printed[:40]!r} may have thousands or decimals: the file has both marks"
        )
    return (mark == ",") is decimal_comma
