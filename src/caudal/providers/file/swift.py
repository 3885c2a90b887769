"""SWIFT customer statements: MT940 (end of day) and MT942 (during the day).

Fields are `:tag:` at the start of a line, as in SWIFT's User Handbook, Standards, category 9. Banks bend it:
messages without an envelope, several accounts in a file, `:86:` in a dozen dialects, days that do not exist.
What they do is noted where it is dealt with.
"""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import BinaryIO, Final, Literal

import msgspec

from caudal.model.changes import Unreadable
from caudal.model.currencies import is_known
from caudal.model.errors import Malformed
from caudal.model.iban import iban_in
from caudal.providers.file.failures import bounded
from caudal.providers.file.records import Entry, FileAccount, Record, StatementClosed, StatementOpened, Told
from caudal.providers.file.text import blocks, head_of, sniff_encoding
from caudal.settings import FileBounds

_TAGS: Final = "13D|20|21|25P?|28C?|34F|60[FM]|61|62[FM]|64|65|86|90[CD]|940|942|NS"
"""The tags that end the field before them. Any other `:12:` at the start of a line is text that was wrapped
there (a time of day, say). `:NS:` is German and Hungarian banks' own; `:940:` opens Rabobank's messages."""

_START: Final = rf":(?:{_TAGS}):|-(?:\}}|[ \t\x03]*(?:\n|\Z))|\{{[1-5]:"
"""What starts a field, an end of message (`-` or `-}`), or a block of the envelope (`{1:`) after a line break."""

_FIRST_START: Final = re.compile(rf"\n(?={_START})")

_STRANGER: Final = re.compile(r"\n:[0-9]{2}[A-Z]?:")

_AMOUNT: Final = r"\d{1,20}(?:,\d{0,12}|\.\d{1,2})?|,\d{1,12}"
"""15d with a comma; also without one, with more zeros in front, or a point before one or two decimals."""

_MOVEMENT: Final = re.compile(
    r":61: ?"
    r"(\d{6}(?:\d{4}|    )?)"  # value date YYMMDD, entry date MMDD (four blanks: Citi)
    r"(R?[CD]|E[CD])[A-Z]? ?"  # mark, then the funds code: the third letter of the currency
    rf"({_AMOUNT})"
    r"([A-Z][A-Z0-9 ]{3})"  # transaction type: N, F, S (or M) and three characters
    r"(.*)",  # customer reference // bank reference
    re.ASCII,
)

_ITEM: Final = re.compile(
    rf"""
    \n( :61:([0-9]{{6}}(?:[0-9]{{4}}|))          # a movement as most banks write it: value date, entry date,
        ([CD])[A-Z]?                          # mark, funds code,
        ([0-9]{{1,20}},[0-9]{{0,12}})             # amount with its comma,
        ([A-Z][A-Z0-9]{{3}})                    # transaction type,
        ([^/ \n]*)(?://(.*)|)                 # customer reference // bank reference;
       \n:86:(.*(?:\n[^:{{\-\n].*)*+)          # then one :86:, no line of which could be another field
       )(?=\n:6(?:1|2[FM]):)
    | \n((?={_START}).*(?:\n(?!{_START}).*)*+) # or any one field
    """,
    re.VERBOSE,
)
"""A movement whole, with all that tells of it, or a field: each ends where the next begins.

One pass finds the items and takes the common ones apart: a file is mostly these.
"""

_Item = tuple[str, str, str, str, str, str, str, str, str]
"""What `_ITEM` found: a movement's lines, dates, mark, amount, type, both references, :86:; or, the lines being '',
a field with its tag and all its lines."""

_BALANCE: Final = re.compile(rf" *([CD]) ?(\d{{6}})([A-Z]{{3}})?({_AMOUNT})[ \t]*(?:\n|\Z)", re.ASCII)

_SIGNS: Final = {"C": "", "D": "-", "RC": "-", "RD": "", "EC": "", "ED": "-"}
"""RC is the reversal of a credit: money leaves. RD the reversal of a debit. EC, ED (MT942): only expected."""

_NO_REFERENCE: Final = "NONREF"
"""The standard's own way to write "none"."""


def detect(head: bytes) -> Literal["mt940", "mt942"] | None:
    """Which of the two a file is by its first bytes, or None. Content alone decides, never the name."""
    text = "\n" + head.decode(sniff_encoding(head), "replace").replace("\r\n", "\n").replace("\r", "\n")
    if text.lstrip("\ufeff \t\n").startswith("<") or not _STATEMENT_TAG.search(text):
        return None
    interim = _INTERIM_TAG.search(text) and not _BALANCE_TAG.search(text)
    return "mt942" if interim else "mt940"


_STATEMENT_TAG: Final = re.compile(rf"\n\ufeff?:(?:{_TAGS}):")
_INTERIM_TAG: Final = re.compile(r"\n:(?:13D|34F|90[CD]|942):|\{2:[IO]942")
_BALANCE_TAG: Final = re.compile(r"\n:6[02][FM]:")


def read(stream: BinaryIO, bounds: FileBounds) -> Iterator[Record]:
    """The statements of an MT940 or MT942 file, one per message (so a paged statement gives one per page).

    A message without a closing balance is read, and its statement is not `complete`.
    Raises Malformed where there is no field at all, or where an envelope is cut off.
    """
    return bounded(_records(stream, bounds), bounds)


def _records(stream: BinaryIO, bounds: FileBounds) -> Iterator[Record]:
    messages = _Messages(bounds)
    for line, items in _items(stream, bounds):
        yield from messages.take_all(line, items)
    yield from messages.end_of_file()


def _items(stream: BinaryIO, bounds: FileBounds) -> Iterator[tuple[int, list[_Item]]]:
    """(line the first starts on, items that follow upon each other), the text before the first field left out."""
    before, held = 0, ""  # lines before the held text; the last field of the block before, which may go on
    for _, block in blocks(stream, sniff_encoding(head_of(stream)), bounds):
        text = f"{held}\n{block}"
        if not held:
            first = _FIRST_START.search(text)
            before += text.count("\n", 0, first.start() if first else len(text))
            if first is None:
                continue
            text = text[first.start() :]
        *items, (*_, last) = _ITEM.findall(text)  # the last is a field: a movement is known by what follows
        held = f"\n{last}"
        yield before + 1, items
        before += text.count("\n", 0, len(text) - len(held))
        if len(held) > bounds.record_bytes_max:
            raise Malformed(f"line {before + 1}", f"one field is longer than {bounds.record_bytes_max} bytes")
    if held:
        yield before + 1, [("", "", "", "", "", "", "", "", held[1:])]


class _Statement(msgspec.Struct):
    """What one message has told so far of its account and its ends."""

    account: str = ""
    number: str = ""
    opening: Told | None = None
    closing: Told | None = None
    available: Told | None = None
    currency: str | None = None
    begun: bool = False
    opened: bool = False
    paged: bool = False
    """A balance at either end is intermediate (60M, 62M): one page of a statement."""
    firm: bool = True
    lost: bool = False
    """A movement of it could not be read."""
    interim: bool = False
    """An MT942: bookings of an unfinished day, none below the floor limit."""


class _Messages:
    """Takes the items of a file one at a time, and gives the records they complete."""

    def __init__(self, bounds: FileBounds) -> None:
        self._now = _Statement()
        self._record_bytes_max = bounds.record_bytes_max
        self._movement: list[str] = []  # the :61: being read, and the :86: or :NS: that go with it
        self._began = self._size = 0  # its line, and how long it is so far
        self._seen = False  # any field of any message
        self._enveloped_at = 0  # line of a {4: not yet closed

    def take_all(self, line: int, items: list[_Item]) -> Iterator[Record]:
        """Items that follow upon each other, the first of them on `line`."""
        printed, days = "", None  # days come in runs
        opened = False
        for lines, dates, mark, digits, code, customer, bank, text, field in items:
            if dates != printed:
                printed, days = dates, _days(dates) if dates else None
            if days is None or len(lines) > self._record_bytes_max:
                for part in _apart(lines) if lines else (field,):
                    yield from self.take(line, part)
                    line += part.count("\n") + 1
                opened = False
                continue
            if not opened:
                yield from self._end_movement()
                yield from self._start_movements()
                opened = True
            description, counterparty, told_reference = _details(text)
            reference, bank_reference = told_reference or customer.strip(), bank.strip()
            yield Entry(
                booked_on=days[0],
                amount=_amount(mark, digits),
                line=line,
                id="" if bank_reference == _NO_REFERENCE else bank_reference,
                description=description,
                counterparty=counterparty,
                reference="" if reference == _NO_REFERENCE else reference,
                value_on=days[1],
                code=code,
                raw=lines,
            )
            line += lines.count("\n") + 1

    def take(self, line: int, field: str) -> Iterator[Record]:
        """One field. A movement is given once the next field shows that nothing more goes with it."""
        tag = field[:4]
        if self._movement and tag in {":86:", ":NS:"}:
            self._movement.append(field)
            self._size += len(field)
            if self._size > self._record_bytes_max:
                why = f"its :61: goes on beyond {self._record_bytes_max} bytes"
                raise Malformed(f"line {self._began}", why)
            return
        yield from self._end_movement()
        if tag == ":61:":
            yield from self._start_movements()
            self._movement, self._began, self._size = [field], line, len(field)
        else:
            yield from self._take_other(line, field)

    @property
    def _takes_movements(self) -> bool:
        """Whether the next :61: belongs to the statement already open."""
        return self._now.opened and self._now.closing is None

    def _start_movements(self) -> Iterator[Record]:
        """Open the statement; a :61: after a closing balance begins another one of the same account."""
        if self._takes_movements:
            return
        if self._now.closing is not None:
            yield from self._end(account=self._now.account)
        self._now.begun = True
        yield from self._open()

    def _end_movement(self) -> Iterator[Record]:
        """The movement being read, if any. A statement that lost one is not complete."""
        if self._movement:
            movement = _entry(self._began, self._movement)
            self._now.lost |= type(movement) is Unreadable
            self._movement = []
            yield movement

    def _take_other(self, line: int, field: str) -> Iterator[Record]:
        """One field other than a movement's, or a mark of the envelope."""
        if field[0] in "-{":
            yield from self._end()
            self._enveloped_at = line if "{4:" in field else 0
            return
        tag, _, value = field[1:].partition(":")
        if tag in {"940", "942"}:
            return
        if tag == "20":
            yield from self._end()
        elif tag in {"25", "25P"}:
            yield from self._take_account(line, field, value)
        elif tag[0] == "6":
            yield from self._take_balance(line, tag, field, value)
        elif tag in {"28", "28C"}:
            self._now.number = value.partition("\n")[0].strip()
        elif tag in {"13D", "34F", "90C", "90D"}:
            self._now.interim = True
            if tag == "34F" and _CURRENCY(value):
                self._now.currency = value[:3]
        self._now.begun = True
        if tag not in {"86", "NS"}:
            yield from _strangers(line, field)

    def end_of_file(self) -> Iterator[Record]:
        """The last statement. Raises Malformed if there was none, or if its envelope was never closed."""
        yield from self._end_movement()
        now = self._now
        if self._enveloped_at and now.begun and now.closing is None and not now.interim:
            raise Malformed(
                f"line {self._enveloped_at}",
                "the message that begins here is cut off before its closing balance (:62F:): fetch it again",
            )
        yield from self._end()
        if not self._seen:
            raise Malformed("line 1", "holds no MT940 field (:20:, :25:, :60F:, :61:, ...): another format?")

    def _take_account(self, line: int, field: str, value: str) -> Iterator[Record]:
        if self._takes_movements:
            why = "an account (:25:) among the movements, where :86: would stand: it is left out"
            yield Unreadable(f"line {line}", why, field)
            return
        if self._now.account or self._now.closing:
            yield from self._end()
        self._now.account = value

    def _take_balance(self, line: int, tag: str, field: str, value: str) -> Iterator[Record]:
        told = _balance(value)
        if told is None:
            why = f"the balance :{tag}: is not a mark C or D, a date YYMMDD, a currency and an amount"
            yield Unreadable(f"line {line}", why, field)
        elif tag in {"60F", "60M"}:
            if self._now.opening or self._now.closing or self._now.opened:
                yield from self._end(account=self._now.account)
            self._now.paged |= tag == "60M"
            # An intermediate balance holds at some moment of its day: told without the day, lest it be
            # taken for the balance at that day's end.
            self._now.opening = told if tag == "60F" else Told(told.amount, None, told.currency)
        elif tag in {"62F", "62M"} and not _HAS_MARK(value):
            yield Unreadable(
                f"line {line}", f"the balance :{tag}: has no decimal comma: it may be cut off", field
            )
        elif tag in {"62F", "62M"}:
            if self._now.closing:
                yield from self._end(account=self._now.account)
            self._now.firm = tag == "62F"
            self._now.paged |= tag == "62M"
            self._now.closing = told
        elif tag == "64":
            self._now.available = told

    def _open(self) -> Iterator[StatementOpened]:
        now = self._now
        if now.opened:
            return
        now.opened = True
        told = now.opening or now.closing or now.available
        currency = (told.currency if told else None) or now.currency
        yield StatementOpened(_file_account(now.account, currency), now.opening, now.number)

    def _end(self, account: str = "") -> Iterator[Record]:
        """Close the statement, if one has begun. What comes next is another, of the same account if given."""
        now = self._now
        if now.begun:
            self._seen = True
            yield from self._open()
            whole = now.opening is not None and now.closing is not None and not (now.paged or now.lost)
            yield StatementClosed(
                closing=now.closing,
                available=now.available,
                firm=now.firm and not now.interim,
                complete=whole and not now.interim,
                cut=now.closing is None and not now.interim,
            )
        self._now = _Statement(account)


def _strangers(line: int, field: str) -> Iterator[Unreadable]:
    """Fields of no MT940 that stand between its own: skipped, and told."""
    at = 0
    for found in _STRANGER.finditer(field):
        line, at = line + field.count("\n", at, found.start() + 1), found.start() + 1
        text = field[at : at + _SHOWN_CHARS].partition("\n")[0]
        yield Unreadable(f"line {line}", f"{found[0][1:]} is no field of an MT940 or MT942", text)


_SHOWN_CHARS: Final = 1000


def _file_account(text: str, currency: str | None) -> FileAccount:
    """:25: as banks print it: an IBAN, BLZ/number, BIC/number/currency, a number with its currency behind."""
    printed, _, bic = (line.strip() for line in text.strip().partition("\n"))
    parts = printed.split("/")
    if len(parts) > 1 and is_known(parts[-1]):
        currency = currency or parts.pop()
    number = parts[-1].strip()
    if number[-3:].isalpha() and number[-4:-3].isdigit() and is_known(number[-3:]):
        number, currency = number[:-3], currency or number[-3:]
    iban = iban_in(number)
    return FileAccount(
        id=printed or None,
        iban=iban,
        number=None if iban else number or None,
        institution=(parts[0] if len(parts) > 1 else bic) or None,
        currency=currency,
    )


_HAS_MARK: Final = re.compile(r"[^\n]*[0-9][,.]").match
_CURRENCY: Final = re.compile(r"[A-Z]{3}").match


def _balance(text: str) -> Told | None:
    """A balance field's value. A date that does not exist (31 November) leaves the amount told, undated.

    Older German files leave the currency out of :62F:.
    """
    found = _BALANCE.match(text)
    if found is None:
        return None
    mark, day, currency, amount = found.groups()
    return Told(_amount(mark, amount), _day(day), currency)


def _amount(mark: str, digits: str) -> Decimal:
    amount = Decimal(_SIGNS[mark] + digits.replace(",", "."))
    return amount or amount.copy_abs()


@lru_cache(maxsize=4096)
def _day(text: str) -> date | None:
    """YYMMDD, or None for no day of the calendar. The century is SWIFT's: above 79 is 19xx."""
    year = int(text[:2])
    return _calendar_day(year + (1900 if year > 79 else 2000), int(text[2:4]), int(text[4:6]))


@lru_cache(maxsize=4096)
def _days(text: str) -> tuple[date, date] | None:
    """(booking day, value day) from YYMMDD and maybe MMDD; None where either is no day of the calendar.

    The entry date has no year: it is the one nearest to the value date, across New Year too.
    """
    value = _day(text[:6])
    entry = text[6:].strip()
    if value is None:
        return None
    if not entry or entry == text[2:6]:
        return value, value
    month, day = int(entry[:2]), int(entry[2:])
    near = [_calendar_day(year, month, day) for year in range(value.year - 1, value.year + 2)]
    booked = min((found for found in near if found), key=lambda found: abs(found - value), default=None)
    return (booked, value) if booked else None


def _calendar_day(year: int, month: int, day: int) -> date | None:
    """That day. 29 and 30 February, which banks counting 30 days a month do print, are February's last."""
    if month == 2 and 28 < day <= 30:
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        day = 29 if leap else 28
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _apart(lines: str) -> list[str]:
    """The :61: and the :86: of a movement that `_ITEM` found whole."""
    movement, details = lines.split("\n", 1)
    return [movement, details]


def _entry(line: int, fields: list[str]) -> Entry | Unreadable:
    """One :61: with what follows it. `booked_on` is the entry date: the day whose balance it is in."""
    movement = fields[0]
    raw = "\n".join(fields) if len(fields) > 1 else movement
    found = _MOVEMENT.match(movement)
    if found is None:
        why = "the :61: is cut off or is not a date, C or D, an amount and a transaction type"
        return Unreadable(f"line {line}", why, raw)
    dates, mark, digits, code, references = found.groups()
    days = _days(dates)
    if days is None:
        return Unreadable(f"line {line}", f"the :61: names a day that does not exist ({dates})", raw)
    reference, slashes, bank_reference = references.partition("//")
    payee = ""
    if not slashes and references[15:16] == " ":  # Rabobank: a blank-padded reference of 16, then the name
        reference, payee = references[:16], references[16:].strip()
    told, counterparty, told_reference = _details_of(fields) if len(fields) > 1 else ("", "", "")
    reference, bank_reference = told_reference or reference.strip(), bank_reference.strip()
    return Entry(
        booked_on=days[0],
        amount=_amount(mark, digits),
        line=line,
        id="" if bank_reference == _NO_REFERENCE else bank_reference,
        description=told or " ".join(movement[found.end() :].split()),
        counterparty=counterparty or payee,
        reference="" if reference == _NO_REFERENCE else reference,
        pending=mark[0] == "E",
        value_on=days[1],
        code=code.rstrip(),
        raw=raw,
    )


_Details = tuple[str, str, str]
"""description, counterparty, reference; each '' where the text doesn't tell."""


def _details_of(fields: list[str]) -> _Details:
    """What the fields after a :61: tell. Rabobank gives every line of text an :86: of its own."""
    if fields[1].startswith(":NS:"):
        return _numbered_lines(fields[1][4:])
    return _details("\n".join([field[4:] for field in fields[1:]]))


def _details(text: str) -> _Details:
    """What an :86: tells."""
    dialect = _DIALECT(text)
    if dialect is None:
        return " ".join(text.split()), "", ""
    mark = dialect[1]
    return _subfields(text, mark) if mark else _slashed(text)


_SLASH_KEYS: Final = (
    "TRTP|TRCD|IBAN|BIC|NAME|REMI|EREF|IREF|PREF|RREF|KREF|CSID|MARF|CNTP|ULTC|ULTD|ULTB|ORDP|BENM|ADDR|ISDT"
    "|PURP|RTRN|SVCL|SUBJ|EXCH|CHGS|OCMT|OAMT|NRTX|TXID|ID"
)
_SLASH_KEY: Final = re.compile(rf"/({_SLASH_KEYS})/")

_DIALECT: Final = re.compile(rf"\s*(?:\d{{3}})?([?<>~^@])(?=\d\d)|/(?:{_SLASH_KEYS})/", re.ASCII).match
"""`166?00...?20...`: a three-digit business code, then subfields by mark and two digits (DFÜ agreement, annex
3). Triodos marks with `>`; Polish banks with `~`, `^` or `<`, some without the code. Or Dutch code words."""

_SUBFIELD_CHARS: Final = 27
"""A full one runs into the next, a shorter one ended by itself or on a blank."""

_SUBFIELD_STARTS: Final = {mark: re.compile(rf"{re.escape(mark)}(?=\d\d)", re.ASCII) for mark in "?<>~^@"}

_LABEL, _PURPOSE, _NAME, _OTHER = range(4)
_ROLES: Final = (
    {f"{code:02}": _OTHER for code in range(100)}
    | {"00": _LABEL, "32": _NAME, "33": _NAME}
    | {str(code): _PURPOSE for code in (*range(20, 30), *range(60, 64))}
)


def _subfields(text: str, mark: str) -> _Details:
    """?00 booking text, ?20-?29 and ?60-?63 purpose, ?32-?33 name. Line breaks are wraps and mean nothing."""
    text = text.replace("\n", "")
    try:
        label, purpose, name = _by_role(text.split(mark))
    except KeyError:  # some mark stands for itself, or for a letter the bank could not write (`M?ller`)
        label, purpose, name = _by_role(_SUBFIELD_STARTS[mark].split(text))
    description, counterparty, reference = _sepa(" ".join(purpose.split()))
    return (
        description or " ".join(label.split()),
        " ".join(name.split()) or counterparty,
        reference,
    )


def _by_role(parts: list[str]) -> tuple[str, str, str]:
    """Booking text, purpose and name from what stands between marks. Raises KeyError where no number begins it."""
    label = purpose = name = ""
    for part in parts[1:]:
        role, piece = _ROLES[part[:2]], part[2:]
        if len(piece) < _SUBFIELD_CHARS:
            piece += " "
        if role == _PURPOSE:
            purpose += piece
        elif role == _NAME:
            name += piece
        elif role == _LABEL:
            label += piece
    return label, purpose, name


def _sepa(purpose: str) -> _Details:
    """The purpose by SEPA key, the first of each: what it tells of itself, the ultimate party, the reference.

    `SVWZ+` counts wherever it stands: a full subfield before it leaves no blank. Some banks write `EREF: `.
    """
    if ":" in purpose:
        purpose = _COLON_KEY.sub(r"\1+", purpose)
    if purpose.rfind("+") == 4 and purpose.startswith("SVWZ"):  # as a rule nothing else is told
        return purpose[5:].strip(), "", ""
    values: dict[str, str] = {}
    key, start = "", 0  # '' is the key of the text before them
    plus = purpose.find("+", 4)
    while plus >= 0:
        ahead = purpose[plus - 4 : plus]
        if ahead in _SEPA_KEYS:
            values.setdefault(key, purpose[start : plus - 4].strip())
            key, start = ahead, plus + 1
        plus = purpose.find("+", plus + 1)
    values.setdefault(key, purpose[start:].strip())
    return (
        values.get("SVWZ") or values.get("") or values.get("MTLG") or "",
        values.get("ABWA", ""),
        values.get("EREF") or values.get("KREF", ""),
    )


_SEPA_KEYS: Final = frozenset(
    (
        "EREF",
        "KREF",
        "MREF",
        "CRED",
        "DEBT",
        "COAM",
        "OAMT",
        "SVWZ",
        "ABWA",
        "ABWE",
        "IBAN",
        " BIC",
        "PURP",
        "MTLG",
    )
)
_COLON_KEY: Final = re.compile(r"\b(EREF|KREF|MREF|CRED|SVWZ|ABWA|MTLG):")


def _run_on(pieces: list[str]) -> str:
    """Subfields as one line: a full one runs into the next, a shorter one ended by itself or on a blank."""
    if len(pieces) == 1:
        return " ".join(pieces[0].split())
    joined = "".join([piece if len(piece) >= _SUBFIELD_CHARS else f"{piece} " for piece in pieces])
    return " ".join(joined.split())


def _slashed(text: str) -> _Details:
    """/EREF/../NAME/../REMI/..: the Dutch banks' code words (ABN AMRO, ING, Rabobank), wrapped at 65."""
    _, *keyed = _SLASH_KEY.split(text.replace("\n", ""))
    values: dict[str, str] = {}
    for key, value in zip(keyed[::2], keyed[1::2], strict=True):
        if told := " ".join(value.split()).strip("/ "):
            values.setdefault(key, told)
    remittance = values.get("REMI", "").removeprefix("USTD//").removeprefix("STRD/")
    party = values.get("CNTP", "").split("/")  # ING: account/BIC/name/city
    return (
        remittance or values.get("TRTP", ""),
        values.get("NAME") or (party[2] if len(party) > 2 else ""),
        values.get("EREF", ""),
    )


def _numbered_lines(text: str) -> _Details:
    """:NS: lines by two digits: 01-14 purpose, 15-16 the other side's name, 17 booking text."""
    purpose, name, label = [], [], ""
    for row in text.split("\n"):
        if "01" <= row[:2] <= "14":
            purpose.append(row[2:])
        elif row[:2] in {"15", "16"}:
            name.append(row[2:])
        elif row[:2] == "17":
            label = row[2:].strip()
    return _run_on(purpose) or label, _run_on(name), ""
