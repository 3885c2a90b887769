"""BAI2 and BTRS: the cash management reports of banks in North America, Britain and Australia.

Lines of comma-separated fields, each beginning with a record code and ending with `/`:
01 file (02 group (03 account (16 movement ... 49) ... 98) ... 99), where 88 continues the record before it.
Source: Cash Management Balance Reporting Specifications, version 2 (BAI; now ASC X9); BTRS is its version 3.
Amounts are whole numbers of the currency's smallest unit. Trailers carry control totals: they are checked.
"""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import BinaryIO, Final, Literal

import msgspec

from caudal.model.changes import Unreadable
from caudal.model.currencies import EXPONENTS, is_known
from caudal.model.errors import Malformed
from caudal.providers.file.failures import bounded
from caudal.providers.file.records import Entry, FileAccount, Record, StatementClosed, StatementOpened, Told
from caudal.providers.file.text import head_of, lines, sniff_encoding
from caudal.settings import FileBounds

_HEADER: Final = re.compile(
    r"\s*01,[^,\n]*,[^,\n]*,\d{6}(?:\d\d)?,(?:[^,\n]*,){4}[ \t]*[23]?[ \t]*(?:/|\n|\Z)"
)
"""01, sender, receiver, date, time, file number, record length, block size, version (2, or 3 for BTRS)."""

_CODES: Final = frozenset(["01", "02", "03", "16", "49", "88", "98", "99"])

_RUN_TOGETHER: Final = re.compile(r"(?<=/)[ \t]+(?=(?:01|02|03|16|49|88|98|99),)")

_AMOUNT: Final = re.compile(r"[+-]?[0-9]{1,24}").fullmatch

_NOT_MONETARY: Final = "890"
"""A 16 of this type carries text for the account's holder and no movement."""

_GROUP_REFUSED: Final = {"2": "deletes what was sent before", "4": "is a test"}
"""Group status: 1 update, 2 deletion, 3 correction, 4 test only. What 2 and 4 hold must not be booked."""

_INTERIM: Final = frozenset("13")
"""As-of-date modifiers: 1 and 3 are interim reports of the day before and of the same day, 2 and 4 final."""


def detect(head: bytes) -> Literal["bai2"] | None:
    """Whether a file is BAI2 by its first line."""
    text = head[:4096].decode(sniff_encoding(head), "replace").lstrip("\ufeff")
    return "bai2" if _HEADER.match(text.replace("\r", "\n")) else None


def read(stream: BinaryIO, bounds: FileBounds) -> Iterator[Record]:
    """The statements of a BAI2 file: one per account (03) and group (02), dated by the group's as-of date.

    A trailer that does not add up is told as Unreadable, after the entries it sums. Raises Malformed where
    the file does not begin with 01, or ends before its 99.
    """
    return bounded(_told(stream, bounds), bounds)


def _told(stream: BinaryIO, bounds: FileBounds) -> Iterator[Record]:
    report = _Report()
    for written in _records(stream, bounds):
        yield from report.take(written)
    report.end()


class _Written(msgspec.Struct):
    """A record with its continuations, as written. Each part is one line, code and closing `/` taken off."""

    line: int
    code: str
    parts: list[str]
    rows: list[str]
    count: int = 1
    """Records as trailers count them: itself and its 88s."""

    @property
    def raw(self) -> str:
        return "\n".join(self.rows)

    @property
    def where(self) -> str:
        return f"line {self.line}"

    @property
    def fields(self) -> list[str]:
        """All fields. A part begins a new field: no bank breaks a line within one, but for text."""
        return [field.strip() for part in self.parts for field in part.split(",")]


def _records(stream: BinaryIO, bounds: FileBounds) -> Iterator[_Written]:
    """Records with their 88s. A row without a record code was wrapped: it belongs to the record before it."""
    current: _Written | None = None
    size = 0
    for line, row in _rows(stream, bounds):
        code = row[:2] if row[2:3] == "," or row[2:] == "/" else ""
        if code in _CODES and code != "88":
            if current is not None:
                yield current
            current = _Written(line, code, [row[3:].removesuffix("/")], [row])
            size = len(row)
            continue
        if current is None:
            raise Malformed(
                f"line {line}", "does not begin with a 01 record: not a BAI2 file, or its start is lost"
            )
        current.parts.append((row[3:] if code == "88" else row).removesuffix("/"))
        current.rows.append(row)
        current.count += code == "88"
        size += len(row)
        if size > bounds.record_bytes_max:
            raise Malformed(current.where, f"one record goes on beyond {bounds.record_bytes_max} bytes")
    if current is not None and current.code != "99":
        # No figure is taken from what may be half a record.
        raise Malformed(
            current.where, "the file ends here, without its 99 trailer: it is cut off, fetch it again"
        )
    if current is not None:
        yield current


def _rows(stream: BinaryIO, bounds: FileBounds) -> Iterator[tuple[int, str]]:
    """Lines that are not blank. Some files run records together on a line (`2/   02,`): taken apart.

    Only where the header line itself does so: elsewhere `/ 16,` is what somebody wrote in a payment's text.
    """
    together: bool | None = None
    for line, text in lines(stream, sniff_encoding(head_of(stream)), bounds):
        row = text.strip("\ufeff \t\x1a")
        if not row:
            continue
        if together is None:
            together = _RUN_TOGETHER.search(row) is not None
        if together:
            for piece in _RUN_TOGETHER.split(row):
                yield line, piece
        else:
            yield line, row


class _Totals(msgspec.Struct):
    """What a trailer promises, counted: `amount` and `count` of items within, `records` itself included."""

    name: str
    amount: int = 0
    items: int = 0
    records: int = 0
    sound: bool = True
    """Whether `amount` is known: every amount within could be read."""
    lost: int = 0
    """Movements within that could not be read, or not booked."""


class _Group(msgspec.Struct, frozen=True):
    """What a 02 says of its accounts. `refused` says why nothing in it can be booked, '' where it can."""

    as_of: date | None = None
    currency: str = "USD"
    originator: str | None = None
    interim: bool = False
    refused: str = ""


class _Account(msgspec.Struct, frozen=True):
    """The 03 being read. `places` the decimals its amounts imply; None where the currency is unknown."""

    places: int | None
    closing: Told | None = None
    available: Told | None = None


class _Report:
    """Takes records in order, gives what they tell, and checks the trailers."""

    def __init__(self) -> None:
        self._last_line = 0
        self._file: _Totals | None = None
        self._in_group: _Totals | None = None
        self._in_account: _Totals | None = None
        self._group = _Group()
        self._account = _Account(None)

    def take(self, written: _Written) -> Iterator[Record]:
        """One record. Raises Malformed where the file's frame (01, 02, 98, 99) is broken."""
        self._last_line = written.line
        for totals in (self._file, self._in_group, self._in_account):
            if totals is not None:
                totals.records += written.count
        match written.code:
            case "16":
                yield from self._movement(written)
            case "03":
                yield from self._begin_account(written)
            case "49":
                yield from self._end_account(written)
            case "02":
                yield from self._begin_group(written)
            case "98":
                yield from self._end_group(written)
            case "01":
                self._begin_file(written)
            case _:
                yield from self._end_file(written)

    def end(self) -> None:
        """Raises Malformed unless the file came to its end."""
        if self._file is not None or not self._last_line:
            raise Malformed(f"line {self._last_line or 1}", "is not one whole file from its 01 to its 99")

    def _begin_file(self, written: _Written) -> None:
        if self._file is not None:
            raise Malformed(
                written.where, "a 01 record before the 99 of the file before: that one is cut off"
            )
        self._file = _Totals("file", records=written.count)

    def _begin_group(self, written: _Written) -> Iterator[Record]:
        if self._file is None or self._in_group is not None:
            raise Malformed(written.where, "a 02 record out of place: the 98 or 01 before it is missing")
        self._in_group = _Totals("group", records=written.count)
        self._group = _group(written.fields)
        if self._group.refused:
            yield Unreadable(
                written.where, f"the group {self._group.refused}: nothing in it is booked", written.raw
            )

    def _begin_account(self, written: _Written) -> Iterator[Record]:
        if self._in_group is None:
            raise Malformed(written.where, "a 03 record outside a group: the 02 before it is missing")
        if self._in_account is not None:
            yield Unreadable(written.where, "the account before this one has no 49 trailer", written.raw)
            yield self._closed(sound=False)
        self._in_account = _Totals("account", records=written.count)
        fields = written.fields
        number = fields[0] or None
        currency = (fields[1].upper() if len(fields) > 1 else "") or self._group.currency
        places = EXPONENTS[currency] if is_known(currency) else None
        self._account = _Account(places)
        opening = None
        summary = _summary(written)
        if summary is None:
            self._in_account.sound = False
        else:
            self._in_account.amount = sum(units for _, units in summary)
        if summary is None or places is None or self._group.as_of is None or self._group.refused:
            why = f"its currency ({currency}) is unknown" if places is None else "its summary can't be read"
            yield Unreadable(written.where, self._refusal() or why, written.raw)
        else:
            opening = self._take_balances(summary, currency, places, self._group.as_of)
        account = FileAccount(number, None, number, self._group.originator, currency)
        yield StatementOpened(account, opening)

    def _take_balances(
        self, summary: list[tuple[str, int]], currency: str, places: int, as_of: date
    ) -> Told | None:
        """Keep the balances at the end of the day; the opening one is given back, as the day before ended."""
        told = {kind: Told(_money(units, places), as_of, currency) for kind, units in reversed(summary)}
        available = told.get(_CLOSING_AVAILABLE) or told.get(_CURRENT_AVAILABLE)
        self._account = _Account(places, told.get(_CLOSING_LEDGER), available)
        opening = told.get(_OPENING_LEDGER)
        return Told(opening.amount, as_of - timedelta(days=1), currency) if opening else None

    def _refusal(self) -> str:
        return self._group.refused and f"its group {self._group.refused}"

    def _movement(self, written: _Written) -> Iterator[Record]:
        if self._in_account is None:
            yield Unreadable(
                written.where, "a movement (16) outside an account: the 03 is missing", written.raw
            )
            return
        detail = _detail(written.parts)
        if isinstance(detail, str):
            self._in_account.sound = False
            self._in_account.lost += 1
            yield Unreadable(written.where, detail, written.raw)
            return
        self._in_account.amount += detail.units
        if detail.type == _NOT_MONETARY and not detail.units:
            return
        sign = _sign(detail.type)
        why = self._refusal() or ("" if sign else f"type {detail.type} is neither a credit nor a debit")
        places, as_of = self._account.places, self._group.as_of
        if why or places is None or as_of is None:
            self._in_account.lost += 1
            yield Unreadable(written.where, why or "its account's currency is unknown", written.raw)
            return
        yield Entry(
            booked_on=as_of,
            amount=_money(sign * detail.units, places),
            line=written.line,
            id=detail.bank_reference,
            description=detail.text,
            reference=detail.customer_reference,
            value_on=detail.value_on,
            code=detail.type,
            raw=written.raw,
        )

    def _closed(self, *, sound: bool) -> StatementClosed:
        account, group = self._account, self._group
        return StatementClosed(
            closing=account.closing,
            available=account.available,
            firm=not group.interim,
            complete=sound and not group.interim and not group.refused,
            start=group.as_of,
            end=group.as_of,
        )

    def _end_account(self, written: _Written) -> Iterator[Record]:
        totals, self._in_account = self._in_account, None
        if totals is None:
            yield Unreadable(written.where, "an account trailer (49) without its 03", written.raw)
            return
        wrong = list(_checked(totals, written, items=False))
        yield from wrong
        yield self._closed(sound=not wrong and not totals.lost)
        _add(self._in_group, written)

    def _end_group(self, written: _Written) -> Iterator[Record]:
        if self._in_account is not None:
            yield Unreadable(written.where, "the account before this has no 49 trailer", written.raw)
            yield self._closed(sound=False)
            self._in_account = None
        if self._in_group is None:
            raise Malformed(written.where, "a group trailer (98) without its 02")
        yield from _checked(self._in_group, written)
        self._in_group = None
        _add(self._file, written)

    def _end_file(self, written: _Written) -> Iterator[Record]:
        if self._file is None or self._in_group is not None:
            raise Malformed(
                written.where, "a file trailer (99) before its group's 98: part of the file is missing"
            )
        yield from _checked(self._file, written)
        self._file = None


def _add(outer: _Totals | None, trailer: _Written) -> None:
    """Count a 49 into its group, a 98 into its file, by the total it prints: what the outer trailer sums."""
    if outer is None:
        return
    outer.items += 1
    printed = trailer.fields[0]
    if _AMOUNT(printed):
        outer.amount += int(printed)
    elif printed:
        outer.sound = False


def _checked(totals: _Totals, trailer: _Written, *, items: bool = True) -> Iterator[Unreadable]:
    """Nothing if the trailer agrees with what was read; else what it promised and what was found.

    49: control total, records. 98 and 99: control total, accounts or groups, records. Blank: not promised.
    """
    found = [("total", totals.amount), ("items", totals.items), ("records", totals.records)]
    if not items:
        found.pop(1)
    printed = trailer.fields
    wrong = [
        f"{name} {told}, found {value}"
        for (name, value), told in zip(found, printed, strict=False)
        if told and (name != "total" or totals.sound) and not (_AMOUNT(told) and int(told) == value)
    ]
    if any(printed[len(found) :]):
        wrong.append("more after it, on its line or below")
    if wrong:
        yield Unreadable(trailer.where, f"the {totals.name}'s trailer tells " + "; ".join(wrong), trailer.raw)


def _group(fields: list[str]) -> _Group:
    """02: receiver, originator, status, as-of date, time, currency (USD where blank), modifier."""
    _, originator, status, day, _, currency, modifier, *_ = fields + [""] * 7
    as_of = _day(day)
    refused = _GROUP_REFUSED.get(status, "")
    if as_of is None:
        refused = f"has no as-of date ({day or 'blank'}), so its movements have no day"
    return _Group(as_of, currency.upper() or "USD", originator or None, modifier in _INTERIM, refused)


@lru_cache(maxsize=4096)
def _day(text: str) -> date | None:
    """YYMMDD (BAI2) or YYYYMMDD (some BTRS); None for no day of the calendar."""
    if not _DIGITS(text) or len(text) not in {6, 8}:
        return None
    year = int(text[:-4])
    if len(text) == 6:
        year += 1900 if year > 79 else 2000
    try:
        return date(year, int(text[-4:-2]), int(text[-2:])) if year >= 1900 else None
    except ValueError:
        return None


_DIGITS: Final = re.compile(r"[0-9]+").fullmatch

_OPENING_LEDGER, _CLOSING_LEDGER = "010", "015"
_CLOSING_AVAILABLE, _CURRENT_AVAILABLE = "045", "060"


def _summary(written: _Written) -> list[tuple[str, int]] | None:
    """(type, units) of each figure a 03 tells; None where any of it can't be read, so none can be trusted.

    After account and currency: type, amount, item count, funds type and what that brings along, again and
    again. A line ends between two figures.
    """
    figures: list[tuple[str, int]] = []
    for position, part in enumerate(written.parts):
        fields = [field.strip() for field in part.split(",")][2 if position == 0 else 0 :]
        at = 0
        while at < len(fields):
            kind, amount, count, *_ = [*fields[at : at + 3], "", ""]
            width = _funds_width(fields, at + 3)
            if not width or (count and not _DIGITS(count)) or bool(amount) > bool(_TYPE(kind)):
                return None
            if amount:
                if not _AMOUNT(amount):
                    return None
                figures.append((kind, int(amount)))
            at += 3 + width
    return figures


_TYPE: Final = re.compile(r"[0-9]{3}").fullmatch


def _funds_width(fields: list[str], at: int) -> int:
    """How many fields the funds type at `at` takes with what it brings along; 0 where it is none.

    0, 1, 2, Z and blank: nothing more. V: value date and time. S: three amounts. D: a count, then that many
    pairs of days and amount.
    """
    kind = fields[at].strip() if at < len(fields) else ""
    if kind == "D":
        count = fields[at + 1].strip() if at + 1 < len(fields) else ""
        return 2 + 2 * int(count) if _DIGITS(count) and len(count) <= 2 else 0
    return _FUNDS_WIDTHS.get(kind, 0)


_FUNDS_WIDTHS: Final = {"": 1, "0": 1, "1": 1, "2": 1, "Z": 1, "V": 3, "S": 4}


class _Detail(msgspec.Struct, frozen=True):
    type: str
    units: int
    bank_reference: str
    customer_reference: str
    text: str
    value_on: date | None


def _detail(parts: list[str]) -> _Detail | str:
    """A 16: type, amount, funds type, bank reference, customer reference, text; or why it can't be read.

    Text is the rest of the record, commas and all. Until it begins, an 88 goes on with the next field.
    """
    fields = parts[0].split(",")
    more = iter(parts[1:])
    while len(fields) < 4 + (_funds_width(fields, 2) or 1):
        part = next(more, None)
        if part is None:
            break
        fields += part.split(",")
    kind, amount, *_ = [field.strip() for field in fields[:2]] + ["", ""]
    if not _TYPE(kind):
        return f"the movement's type is not three digits ({kind[:20]!r})"
    if not _AMOUNT(amount) and (amount or kind != _NOT_MONETARY):
        return "the movement's amount is not a whole number of the smallest unit"
    width = _funds_width(fields, 2)
    if not width:
        return "the movement's funds type is none of 0, 1, 2, S, V, D, Z"
    value_text = fields[3].strip() if width == 3 and len(fields) > 3 else ""
    value_on = _day(value_text)
    if value_text and value_on is None:
        return f"the movement's value date does not exist ({value_text[:20]})"
    start = 2 + width
    bank_reference, customer_reference, *_ = [*fields[start : start + 2], "", ""]
    text = [",".join(fields[start + 2 :]), *more]
    return _Detail(
        kind,
        int(amount or "0"),
        bank_reference.strip(),
        customer_reference.strip(),
        " ".join(" ".join(text).split()),
        value_on,
    )


def _sign(kind: str) -> int:
    """1 for a credit, -1 for a debit, 0 where the type is neither (status codes, ranges nobody defined).

    100-399 and 400-699; banks' own 920-959 and 960-999; loans: 720-728 payments, 760 the disbursement.
    """
    if "100" <= kind <= "399" or "920" <= kind <= "959" or "720" <= kind <= "728":
        return 1
    return -1 if "400" <= kind <= "699" or kind >= "960" or kind == "760" else 0


def _money(units: int, places: int) -> Decimal:
    return Decimal(f"{units}E-{places}")
