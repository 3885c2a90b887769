"""ISO 20022 account statements: camt.052 (intraday report), camt.053 (statement), camt.054 (notification).

Every version from 1 to 13 in one reader: elements are known by their path of local names, so a namespace may
be any, prefixed, wrong or missing. The file streams through expat; a tree of the paths worth keeping is
walked along with it, and everything else is passed over. A document type (and so any entity) is refused.

Names such as `Ntry` and `BookgDt` are those of the ISO 20022 message definition reports, Bank-to-Customer
Cash Management.
"""

import codecs
import io
import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache, partial
from typing import BinaryIO, Final
from xml.parsers import expat

from caudal.model.changes import AccountKind, Unreadable
from caudal.model.errors import Malformed
from caudal.model.iban import iban_in
from caudal.providers.file.camt_paths import (
    BALANCE_PATHS,
    DETAIL_PATHS,
    ENTRY_PATHS,
    GROUP_PATHS,
    STATEMENT_PATHS,
)
from caudal.providers.file.camt_shapes import Shape
from caudal.providers.file.camt_tree import Fields, Node, TooDeepError
from caudal.providers.file.records import Entry, FileAccount, Record, StatementClosed, StatementOpened, Told
from caudal.providers.file.text import head_of, sniff_encoding
from caudal.settings import FileBounds

_Get = Callable[..., str | None]

_CHUNK_BYTES: Final = 64 * 1024

_NAMES_MAX: Final = 20_000
"""Distinct element names in one file. ISO 20022 as a whole has fewer; expat keeps each for good."""

_MESSAGES: Final = {
    "BkToCstmrAcctRpt": "camt052",
    "BkToCstmrStmt": "camt053",
    "BkToCstmrDbtCdtNtfctn": "camt054",
}
"""Message element → format. Version 1 adds a suffix: ``BkToCstmrStmtV01``."""

_MESSAGE: Final = re.compile(r"(BkToCstmrAcctRpt|BkToCstmrStmt|BkToCstmrDbtCdtNtfctn)(?:V\d\d)?")
_MESSAGE_TAG: Final = re.compile(rf"<(?:[\w.-]+:)?{_MESSAGE.pattern}[\s/>]")
_NAMESPACE: Final = re.compile(r"""=\s*["'][^"'<>]*camt\.(05[234])\.""")
_DECLARED: Final = re.compile(
    rb"""<\?xml[^>]*?encoding\s*=\s*["']((?:iso|windows|cp|koi|utf|us)[\w.-]*)["']""", re.IGNORECASE
)
_AMOUNT: Final = re.compile(r"\d{1,24}(?:\.\d{0,18})?|\.\d{1,18}", re.ASCII)

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_AFTER_A_DAY: Final = frozenset({"", "T", "Z", "+", "-"})
_MIDNIGHT: Final = re.compile(r"T00:00(?![:.0]*[1-9])")
_COUNT: Final = re.compile(r"\d{1,9}", re.ASCII)
_TRUE: Final = frozenset({"true", "1"})

_NO_REFERENCE: Final = "NOTPROVIDED"
"""What SEPA rulebooks have a payment carry where its sender gave no end-to-end reference."""

_ACCOUNT_KINDS: Final = {
    "CACC": AccountKind.CHECKING,
    "TRAN": AccountKind.CHECKING,
    "SVGS": AccountKind.SAVINGS,
    "CARD": AccountKind.CARD,
    "LOAN": AccountKind.LOAN,
    "MGLD": AccountKind.LOAN,
    "CASH": AccountKind.CASH,
}
"""ISO external cash account type → ours; any other is OTHER."""

_OPENING: Final = ("OPBD", "PRCD")
"""Booked balance at the start: of the day itself, else the close of the one before."""
_CLOSING: Final = ("CLBD", "ITBD")
"""Booked balance at the end; an interim one (ITBD) is a snapshot that more bookings may follow."""
_AVAILABLE: Final = ("CLAV", "ITAV")
_BALANCE_TYPES: Final = frozenset(_OPENING + _CLOSING + _AVAILABLE)
"""The balance types that say something here. Opening available and forward available balances do not."""

_REFERENCES: Final = (
    "end_to_end",
    "creditor_reference",
    "cheque",
    "instruction",
    "transaction",
    "payment",
    "entry_reference",
)
"""What to call a payment by, best first."""


def detect(head: bytes) -> str | None:
    """``"camt052"``, ``"camt053"``, ``"camt054"`` or None, by the message element, else by the namespace."""
    text = head.decode(_encoding_of(head), errors="replace").lstrip("\ufeff \t\r\n")
    if not text.startswith("<"):
        return None
    message = _MESSAGE_TAG.search(text)
    if message:
        return _MESSAGES[message[1]]
    namespace = _NAMESPACE.search(text)
    return f"camt{namespace[1]}" if namespace else None


def read(stream: BinaryIO, bounds: FileBounds) -> Iterator[Record]:
    """The statements of one file, one `Entry` for each `Ntry` (a batch booking stays one movement).

    Amounts take their sign from the entry's own `CdtDbtInd`, which already tells the direction of a reversal.
    `booked_on` is `BookgDt`, else `ValDt`, else the day the statement (or the message) was made: camt.054 may
    carry no date of its own. `PDNG` and `FUTR` entries are pending; an `INFO` entry is Unreadable, because by
    its definition nothing was or will be booked. A status that is missing counts as booked.
    Raises Malformed for XML that is ill-formed, cut short, over a bound, has a document type, or is no
    camt.052-054 message.
    """
    message = _Message(bounds)
    try:
        for chunk in _utf8(stream, _encoding_of(head_of(stream))):
            message.feed(chunk)
            yield from message.taken()
        message.end()
    except Malformed:
        yield from message.taken()
        raise
    yield from message.taken()


# -- bytes ---------------------------------------------------------------------------------------------------


def _encoding_of(head: bytes) -> str:
    declared = _DECLARED.search(head[:1024])
    return sniff_encoding(head, declared[1].decode("ascii") if declared else None)


def _as_western(error: UnicodeError) -> tuple[str, int]:
    """A byte that the file's codec can't read is read as cp1252, else as latin-1, as `text.blocks` does."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    wrong = error.object[error.start : error.end]
    try:
        return wrong.decode("cp1252"), error.end
    except UnicodeDecodeError:
        return wrong.decode("latin-1"), error.end


codecs.register_error("caudal.western", _as_western)


def _utf8(stream: BinaryIO, encoding: str) -> Iterator[bytes]:
    """The file as UTF-8 with ``\n`` line ends, so that offsets and lines mean the same to expat and to us."""
    codec = codecs.getincrementaldecoder(encoding)(errors="caudal.western")
    decoder = io.IncrementalNewlineDecoder(codec, translate=True)
    while chunk := stream.read(_CHUNK_BYTES):
        yield decoder.decode(chunk).encode()
    yield decoder.decode(b"", final=True).encode()


class _Outside(Node):
    """An element around the message: `Document`, or an envelope that holds `AppHdr` and `Document`."""

    __slots__ = ("depth", "message")

    def __init__(self, parent: Node | None, depth: int, room: int, message: "_Message") -> None:
        super().__init__(parent, room)
        self.depth = depth
        self.message = message

    def unknown(self) -> Node:
        if self.room <= 0:
            raise TooDeepError
        if self.other is None:
            self.other = _Outside(self, self.depth + 1, self.room - 1, self.message)
        return self.other

    def __missing__(self, tag: str) -> Node:
        local = tag.rpartition(":")[2]
        message = _MESSAGE.fullmatch(local)
        if message:
            return self.message.begins(_MESSAGES[message[1]], self)
        self.message.passes(local, self.depth)
        return self.unknown()


# -- the message ---------------------------------------------------------------------------------------------


class _Message:
    """Reads one file: expat walks the tree of paths, finished records gather until they are taken."""

    def __init__(self, bounds: FileBounds) -> None:
        self._bounds = bounds
        self._format = ""
        self._passed: list[str] = []
        self._records: list[Record] = []
        self._unreadable = 0
        self._fed = 0
        """Bytes given to expat so far."""
        self._kept = b""
        """The last of them: from the record being read, or the tag cut in two, on."""
        self._record_at = -1
        """Offset where the record being read starts, -1 between records."""
        self._counted_at = 0
        """Offset up to which lines are counted; `_line` is the one there."""
        self._line = 1
        self._text: list[str] = []
        """The text since the last start tag."""
        self._group: Fields = {}
        self._header: Fields = {}
        self._record: Fields = {}
        """The fields of the balance or entry being read."""
        self._remittance: list[str] = []
        self._structured: list[str] = []
        self._details = 0
        self._statement = _Statement("", self._group, self._header)
        self._tree = self._build_tree()
        self._handlers = _walk(_Outside(None, 0, bounds.nesting_max, self), self._text)
        self._parser = self._build_parser()
        self._shapes: list[Shape] = []
        """Those of the entries so far, the last one used first."""
        self._end_tag = b"</Ntry>"
        """As the file spells it."""
        self._entry_ended_at = -1
        """Offset after the last entry."""

    def feed(self, chunk: bytes) -> None:
        if not chunk:
            return
        at = len(self._kept)
        self._kept += chunk
        self._fed += len(chunk)
        while at < len(self._kept):
            if self._first + at == self._entry_ended_at:
                at = self._read_alike(at)
            at = self._read_on(at)
        unparsed_at = self._parser.CurrentByteIndex
        keep_at = unparsed_at if self._record_at < 0 else self._record_at
        self._count_lines(keep_at)
        self._kept = self._kept[keep_at - self._first :]
        self._check_bounds(self._fed - unparsed_at)

    def end(self) -> None:
        self._parse(b"", final=True)
        if self._format or self._passed == ["Document"]:
            return
        what = " in ".join(reversed(self._passed))
        raise Malformed(
            "line 1",
            f"holds no camt.052, camt.053 or camt.054 message but {what}: ask the bank for one of these",
        )

    def taken(self) -> list[Record]:
        """The records finished since the last call."""
        records, self._records = self._records, []
        return records

    def begins(self, format_: str, outside: Node) -> Node:
        """A message starts within `outside`; returns the tree that reads it."""
        self._format = format_
        self._group.clear()
        self._tree.parent = outside
        return self._tree

    def passes(self, name: str, depth: int) -> None:
        """An element before the message. The first two, one in the other, name a file that holds none."""
        if len(self._passed) == depth < 2 and not self._format:
            self._passed.append(name[:60])

    # setting up

    def _build_tree(self) -> Node:
        tree = Node(None, self._bounds.nesting_max - 2).keep(GROUP_PATHS, self._group)
        for name in ("Stmt", "Rpt", "Ntfctn"):
            statement = tree.at(name).keep(STATEMENT_PATHS, self._header)
            statement.opens, statement.closes = self._open_statement, self._close_statement
            balance = statement.at("Bal").keep(BALANCE_PATHS, self._record)
            balance.opens, balance.closes = self._open_record, self._close_balance
            balance.at("Amt").opens = self._read_currency
            entry = statement.at("Ntry").keep(ENTRY_PATHS, self._record)
            entry.opens, entry.closes = self._open_record, partial(self._close_entry, entry)
            entry.at("Amt").opens = self._read_currency
            for path in ("TxDtls", "NtryDtls/TxDtls"):  # version 1 has no NtryDtls
                detail = entry.at(path).keep(DETAIL_PATHS, self._record)
                detail.opens = self._open_detail
                detail.keep_each("RmtInf/Ustrd", self._remittance)
                detail.keep_each("RmtInf/Strd/AddtlRmtInf", self._structured)
        return tree

    def _build_parser(self) -> expat.XMLParserType:
        parser = expat.ParserCreate("utf-8")  # whatever the file declares: `_utf8` has read it already
        parser.buffer_text = True
        parser.StartElementHandler, parser.EndElementHandler = self._handlers
        parser.CharacterDataHandler = self._text.append
        parser.StartDoctypeDeclHandler = self._refuse_doctype
        return parser

    # feeding

    @property
    def _first(self) -> int:
        """The offset in the file of the first byte kept."""
        return self._fed - len(self._kept)

    def _read_on(self, at: int) -> int:
        """Read tag by tag up to what may be the end of an entry; returns how far that is."""
        end = self._kept.find(self._end_tag, at)
        end = len(self._kept) if end < 0 else end + len(self._end_tag)
        self._parse(self._kept[at:end], final=False)
        return end

    def _read_alike(self, at: int) -> int:
        """Read the entries of known shapes that follow upon an entry; returns where they end.

        expat goes over them too, with nobody listening: it has the last word on what is well-formed, and counts.
        """
        start = at
        while (end := self._kept.find(self._end_tag, at)) >= 0:
            end += len(self._end_tag)
            if not self._is_read_alike(at, end):
                break
            at = end
        parser = self._parser
        parser.StartElementHandler = parser.EndElementHandler = parser.CharacterDataHandler = None
        self._parse(self._kept[start:at], final=False)
        parser.StartElementHandler, parser.EndElementHandler = self._handlers
        parser.CharacterDataHandler = self._text.append
        self._entry_ended_at = self._first + at
        return at

    def _is_read_alike(self, at: int, end: int) -> bool:
        text = self._kept[at:end].decode()
        raw = text.lstrip(" \t\n")
        self._clear_record()
        shape = next((shape for shape in self._shapes if shape.read(raw)), None)
        if shape is None:
            return False
        if shape is not self._shapes[0]:
            self._shapes.remove(shape)
            self._shapes.insert(0, shape)
        self._count_lines(self._first + at + len(text) - len(raw))
        try:
            self._add_entry(self._entry(raw))
        except _UnfitError:
            return False  # read again tag by tag, and reported there
        return True

    def _learn(self, raw: str, node: Node) -> None:
        """Learn the shape of the entry just read, if it reads the entry just so."""
        if len(self._shapes) >= _SHAPES_MAX or len(raw) > _SHAPE_LENGTH_MAX:
            return
        read = (self._record.copy(), self._remittance.copy(), self._structured.copy(), self._details)
        self._clear_record()
        shape = Shape.of(raw, node)
        if shape.read(raw) and read == (self._record, self._remittance, self._structured, self._details):
            self._shapes.insert(0, shape)

    def _parse(self, chunk: bytes, *, final: bool) -> None:
        try:
            self._parser.Parse(chunk, final)
        except expat.ExpatError as error:
            why = (
                f"is not well-formed XML ({expat.ErrorString(error.code)}): the file is damaged or cut short"
            )
            raise Malformed(f"line {error.lineno}", why) from None
        except TooDeepError:
            why = f"has elements nested more than {self._bounds.nesting_max} deep"
            raise Malformed(self._here(), why) from None

    def _refuse_doctype(self, *_declaration: object) -> None:
        raise Malformed(self._here(), "declares a document type, which no bank statement needs: refused")

    def _check_bounds(self, unparsed: int) -> None:
        bounds = self._bounds
        if self._record_at >= 0 and self._fed - self._record_at > bounds.record_bytes_max:
            raise Malformed(f"line {self._line}", f"has a record of over {bounds.record_bytes_max} bytes")
        if unparsed > bounds.line_bytes_max or sum(map(len, self._text)) > bounds.line_bytes_max:
            raise Malformed(self._here(), f"has one tag or text of over {bounds.line_bytes_max} bytes")
        if len(self._parser.intern) > _NAMES_MAX:
            raise Malformed(self._here(), f"has more than {_NAMES_MAX} different element names")

    def _here(self) -> str:
        return f"line {self._parser.CurrentLineNumber}"

    def _count_lines(self, to: int) -> None:
        """Count on from where counting stopped: much cheaper than to ask expat at each record."""
        first = self._first
        self._line += self._kept.count(b"\n", self._counted_at - first, to - first)
        self._counted_at = to

    # what the tree calls

    def _open_statement(self, _attributes: dict[str, str]) -> None:
        self._header.clear()
        self._statement = _Statement(self._format, self._group, self._header)

    def _close_statement(self) -> None:
        self._tell_statement()
        self._records.append(self._statement.closed())

    def _tell_statement(self) -> None:
        """Tell of the statement itself: before its first record, when its header has been read."""
        if not self._statement.told:
            self._statement.told = True
            self._records.append(self._statement.opened())

    def _open_record(self, _attributes: dict[str, str]) -> None:
        self._record_at = self._parser.CurrentByteIndex
        self._count_lines(self._record_at)
        self._clear_record()

    def _clear_record(self) -> None:
        self._record.clear()
        self._remittance.clear()
        self._structured.clear()
        self._details = 0

    def _read_currency(self, attributes: dict[str, str]) -> None:
        self._record["currency"] = attributes.get("Ccy", "")

    def _open_detail(self, _attributes: dict[str, str]) -> None:
        self._details += 1

    def _close_balance(self) -> None:
        try:
            self._statement.add_balance(self._record)
        except _UnfitError as error:
            self._add_unreadable(f"balance: {error}")
        self._record_at = -1

    def _close_entry(self, node: Node) -> None:
        self._tell_statement()
        raw = self._raw()
        try:
            self._add_entry(self._entry(raw))
        except _UnfitError as error:
            self._add_unreadable(f"entry: {error}")
        else:
            self._learn(raw, node)
        self._record_at = -1

    def _add_entry(self, entry: Entry) -> None:
        self._statement.count(entry.booked_on)
        self._records.append(entry)

    def _add_unreadable(self, why: str) -> None:
        self._unreadable += 1
        if self._unreadable > self._bounds.unreadable_max:
            raise Malformed(self._here(), f"more than {self._bounds.unreadable_max} records can't be read")
        self._tell_statement()
        self._records.append(Unreadable(f"line {self._line}", why, self._raw()))

    def _raw(self) -> str:
        """The record's own XML, from its start tag to its end tag."""
        first = self._first
        end_tag_at = self._parser.CurrentByteIndex - first
        return self._kept[self._record_at - first : self._kept.index(b">", end_tag_at) + 1].decode()

    def _entry(self, raw: str) -> Entry:
        field = self._record.get
        direction, value = field("direction", ""), field("value")
        payments = _payments(self._details, field("payments"))
        if payments > 1:
            entry_id, counterparty = field("bank_reference", ""), ""
            reference, code = field("entry_reference", ""), _code(field, "")
            description = _batch(field("entry_text", ""), payments)
        else:
            entry_id = field("bank_reference") or field("detail_bank_reference", "")
            counterparty = _counterparty(field, direction)
            reference, code = _reference(field), _code(field, "") or _code(field, "detail_")
            description = _description(field, self._remittance or self._structured)
        return Entry(
            booked_on=_day(field("booked") or value or self._statement.made, "booking date"),
            amount=_signed(field("amount", ""), direction),
            line=self._line,
            currency=field("currency") or None,
            id=entry_id,
            description=description,
            counterparty=counterparty,
            reference=reference,
            pending=_is_pending(field("status", "")),
            value_on=_day(value, "value date") if value else None,
            code=code,
            raw=raw,
        )


def _walk(root: Node, text: list[str]) -> tuple[Callable[[str, dict[str, str]], None], Callable[[str], None]]:
    """expat's two handlers, which keep their place in the tree. Called for every tag: hence closures."""
    node = root

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal node
        node = node[tag]
        text.clear()
        if node.opens is not None:
            node.opens(attributes)

    def end(_tag: str) -> None:
        nonlocal node
        if node.into is not None:
            node.into[node.field] = "".join(text).strip()
        elif node.each is not None:
            node.each.append("".join(text))
        elif node.closes is not None:
            node.closes()
        node = node.parent

    return start, end


class _UnfitError(Exception):
    """Why one record can't be read. Becomes an Unreadable."""


class _Statement:
    """One `Stmt`, `Rpt` or `Ntfctn` as far as it has been read."""

    __slots__ = ("balances", "falls", "fields", "format", "group", "last", "rises", "told")

    def __init__(self, format_: str, group: Fields, fields: Fields) -> None:
        self.format = format_
        self.group = group
        self.fields = fields
        self.balances: dict[str, tuple[Told, Told]] = {}
        self.told = False
        self.last: date | None = None
        self.rises = False
        self.falls = False

    @property
    def made(self) -> str:
        """When the statement, or else the message, was made."""
        return self.fields.get("created") or self.group.get("message_created", "")

    def count(self, booked_on: date) -> None:
        """Note whether days rise or fall from entry to entry."""
        if booked_on != self.last:
            if self.last is not None:
                self.rises |= booked_on > self.last
                self.falls |= booked_on < self.last
            self.last = booked_on

    def add_balance(self, fields: Fields) -> None:
        """Keep a balance of a type that says something here: of each type the first day's and the last day's.

        A statement tells one figure in the account's currency; a second one in another currency is no other
        balance of the same money.
        """
        kind = fields.get("type", "")
        printed = fields.get("date")
        amount = _signed(fields.get("amount", ""), fields.get("direction", ""))
        told = Told(amount, _day(printed, "date") if printed else None, fields.get("currency") or None)
        if kind not in _BALANCE_TYPES:
            return
        own = self.fields.get("currency")
        found = self.balances.get(kind)
        if found is None or (told.currency == own and found[0].currency != own):
            self.balances[kind] = (told, told)
        elif told.currency == found[0].currency:
            self.balances[kind] = (min(found[0], told, key=_when), max(told, found[1], key=_when))

    def opened(self) -> StatementOpened:
        return StatementOpened(self._account(), self._opening(), self.fields.get("id", ""))

    def closed(self) -> StatementClosed:
        field = self.fields.get
        closing = self._balance(_CLOSING)
        start, end = _day_or_none(field("start", "")), _day_or_none(field("end", ""))
        if start and end and start < end and _MIDNIGHT.match(field("end", ""), 10):
            end -= timedelta(days=1)  # "to 00:00" is the end of the day before
        return StatementClosed(
            opening=self._opening(),
            closing=closing,
            available=self._balance(_AVAILABLE),
            firm=closing is None or "CLBD" in self.balances,
            complete=self.format == "camt053" and not self._is_a_page(),
            newest_first=self.falls and not self.rises,
            start=start,
            end=end,
        )

    def _opening(self) -> Told | None:
        return next((self.balances[kind][0] for kind in _OPENING if kind in self.balances), None)

    def _balance(self, kinds: tuple[str, ...]) -> Told | None:
        return next((self.balances[kind][1] for kind in kinds if kind in self.balances), None)

    def _is_a_page(self) -> bool:
        """Whether more pages belong to it: of the statement, or (version 2) of the message."""
        field, group = self.fields.get, self.group.get
        pages = (field("page", "1"), field("last_page", "true"))
        message_pages = (group("message_page", "1"), group("message_last_page", "true"))
        return any(
            page.lstrip("0") != "1" or last not in {"true", "1"} for page, last in (pages, message_pages)
        )

    def _account(self) -> FileAccount:
        """Whose statement it is. Its balances are in its currency: they tell it where `Ccy` is left out."""
        field = self.fields.get
        printed = field("iban") or field("number")
        iban = iban_in(printed or "")
        currency = field("currency") or next((told.currency for told, _ in self.balances.values()), None)
        return FileAccount(
            id=printed or None,
            iban=iban,
            number=None if iban else field("number") or None,
            institution=field("bic") or _line(field("bank") or field("bank_number", "")) or None,
            currency=currency.upper() if currency else None,
            kind=_ACCOUNT_KINDS.get(field("kind", ""), AccountKind.OTHER),
            name=_line(field("account_name") or field("owner", "")),
        )


# -- fields --------------------------------------------------------------------------------------------------


def _signed(amount: str, direction: str) -> Decimal:
    """The amount, negative where `CdtDbtInd` says debit. ISO amounts carry no sign of their own."""
    if not _AMOUNT.fullmatch(amount):
        raise _UnfitError(f"its amount {amount[:40]!r} is not an unsigned decimal number")
    if direction == "DBIT":
        return Decimal("-" + amount)
    if direction == "CRDT":
        return Decimal(amount)
    raise _UnfitError(f"its direction {direction[:40]!r} is neither CRDT nor DBIT")


@lru_cache(maxsize=4096)
def _day_of(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        return None


def _day_or_none(printed: str) -> date | None:
    """The day of an ISO date or time as printed: a zone, if any, is the bank's own."""
    return _day_of(printed[:10]) if printed[10:11] in _AFTER_A_DAY else None


def _day(printed: str, what: str) -> date:
    day = _day_or_none(printed)
    if day is None:
        raise _UnfitError(f"its {what} {printed[:40]!r} is not a date")
    return day


def _when(balance: Told) -> date:
    return balance.on or date.min


def _is_pending(status: str) -> bool:
    if status in {"BOOK", ""}:
        return False
    if status in {"PDNG", "FUTR"}:
        return True
    if status == "INFO":
        raise _UnfitError("it is there for information only (status INFO): nothing was or will be booked")
    raise _UnfitError(f"its status {status[:40]!r} is none of BOOK, PDNG, FUTR, INFO")


def _payments(details: int, announced: str | None) -> int:
    """How many payments an entry stands for: the details it has, or the number its batch announces."""
    if announced is None or not _COUNT.fullmatch(announced):
        return details
    return max(details, int(announced))


def _description(field: _Get, remittance: list[str]) -> str:
    return _line(" ".join(remittance)) or _line(field("detail_text") or field("entry_text") or "")


def _batch(entry_text: str, payments: int) -> str:
    text = _line(entry_text)
    return f"{text} ({payments} payments)" if text else f"{payments} payments"


def _counterparty(field: _Get, direction: str) -> str:
    """Who paid a credit, or was paid by a debit. A reversal keeps the parties of what it reverses."""
    paid_to_us = (direction == "CRDT") is not (field("reversal") in _TRUE)
    side = "debtor" if paid_to_us else "creditor"
    return _line(field(side) or field("ultimate_" + side) or "")


def _reference(field: _Get) -> str:
    """What the parties know the payment by, else what the bank's entry is called."""
    for name in _REFERENCES:
        text = field(name)
        if text and text != _NO_REFERENCE:
            return text
    return ""


def _code(field: _Get, level: str) -> str:
    """``PMNT/RCDT/ESCT`` (domain/family/sub-family), else the bank's own code."""
    domain = field(level + "domain")
    if domain:
        return "/".join((domain, field(level + "family") or "", field(level + "sub_family") or ""))
    return field(level + "own_code") or ""


def _line(text: str) -> str:
    """Text on one line, blanks run together."""
    return " ".join(text.split())
