"""ISO 20022 account statements: camt.052 (intraday report), camt.053 (statement), camt.054 (notification).

Every version from 1 to 13 in one reader: elements are known by their path of local names, so a namespace may
be any, prefixed, wrong or missing. The file streams through expat; a tree of the paths worth keeping is
walked along with it, and everything else is passed over. A document type (and so any entity) is refused.
Entries of a shape met before are read at a stroke, with the very same result.

Names such as `Ntry` and `BookgDt` are those of the ISO 20022 message definition reports, Bank-to-Customer
Cash Management.
"""

import codecs
import io
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import BinaryIO, Final
from xml.parsers import expat

from caudal.model.changes import Unreadable
from caudal.model.errors import Malformed
from caudal.providers.file.camt_meaning import (
    Statement,
    UnfitError,
    batch_text,
    code_of,
    counterparty_of,
    description_of,
    is_pending,
    payments_of,
    printed_day,
    reference_of,
    signed,
)
from caudal.providers.file.camt_paths import (
    BALANCE_PATHS,
    DETAIL_PATHS,
    ENTRY_PATHS,
    GROUP_PATHS,
    STATEMENT_PATHS,
)
from caudal.providers.file.camt_shapes import Shape
from caudal.providers.file.camt_tree import Fields, Node, TooDeepError
from caudal.providers.file.records import Entry, Record
from caudal.providers.file.text import head_of, sniff_encoding
from caudal.settings import FileBounds

_CHUNK_BYTES: Final = 64 * 1024

_NAMES_MAX: Final = 20_000
"""Distinct element names in one file. ISO 20022 as a whole has fewer; expat keeps each for good."""

_SHAPES_MAX: Final = 12
"""Entries of a file to learn a shape from. One of another shape is read tag by tag, after each of these was tried."""

_MISSES_MAX: Final = 64
"""By how much entries of no known shape may outnumber the others before shapes are given up for this file."""

_SHAPE_LENGTH_MAX: Final = 8_192
"""Characters of an entry worth learning from: a longer one is a batch like no other."""

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
_EMPTY: Final = re.compile(rb"""<(?:[^<>"']|"[^"]*"|'[^']*')*/>""")
"""One tag that is a whole element: after it, expat's end of the element is where the tag ends, not begins."""


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
        """Offset up to which lines are counted; `line` is the one there."""
        self.line = 1
        self._text: list[str] = []
        """The text since the last start tag."""
        self._group: Fields = {}
        self._header: Fields = {}
        self._record: Fields = {}
        """The fields of the balance or entry being read."""
        self._remittance: list[str] = []
        self._structured: list[str] = []
        self._details = 0
        self._statement = Statement("", self._group, self._header)
        self._tree = self._build_tree()
        self._handlers = _walk(_Outside(None, 0, bounds.nesting_max, self), self._text)
        self._parser = self._build_parser()
        self._shapes: list[Shape] = []
        """Those of the entries so far, the last one used first."""
        self._lessons = 0
        self._misses = 0
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
            if self._shapes and self._first + at == self._entry_ended_at:
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
        if at == start:
            return at
        parser = self._parser
        parser.StartElementHandler = parser.EndElementHandler = parser.CharacterDataHandler = None
        self._parse(self._kept[start:at], final=False)
        parser.StartElementHandler, parser.EndElementHandler = self._handlers
        parser.CharacterDataHandler = self._text.append
        self._entry_ended_at = self._first + at
        return at

    def _is_read_alike(self, at: int, end: int) -> bool:
        """Read the entry that ends at `end`, if from `at` on there is just that, of a known shape."""
        text = self._kept[at:end].decode()
        raw = text.lstrip(" \t\n")
        self._clear_record()
        place = next((place for place, shape in enumerate(self._shapes) if shape.read(raw)), None)
        if place is None:
            self._misses += 1
            if self._misses > _MISSES_MAX:
                self._shapes.clear()
            return False
        self._misses = max(0, self._misses - 1)
        if place:
            self._shapes.insert(0, self._shapes.pop(place))
        self._count_lines(self._first + at + len(text) - len(raw))
        try:
            self._add_entry(self._entry(raw))
        except UnfitError:
            return False  # read again tag by tag, and reported there
        return True

    def _learn(self, raw: str, node: Node) -> None:
        """Learn the shape of the entry just read, if it reads the entry just so."""
        if self._lessons >= _SHAPES_MAX or len(raw) > _SHAPE_LENGTH_MAX or "&" in raw:
            return
        self._lessons += 1
        read = (self._record.copy(), self._remittance.copy(), self._structured.copy(), self._details)
        self._clear_record()
        shape = Shape.of(raw, node)
        if shape is None or not shape.read(raw):
            return
        if read == (self._record, self._remittance, self._structured, self._details):
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
            raise Malformed(f"line {self.line}", f"has a record of over {bounds.record_bytes_max} bytes")
        if unparsed > bounds.line_bytes_max or sum(map(len, self._text)) > bounds.line_bytes_max:
            raise Malformed(self._here(), f"has one tag or text of over {bounds.line_bytes_max} bytes")
        if len(self._parser.intern) > _NAMES_MAX:
            raise Malformed(self._here(), f"has more than {_NAMES_MAX} different element names")

    def _here(self) -> str:
        return f"line {self._parser.CurrentLineNumber}"

    def _count_lines(self, to: int) -> None:
        """Count on from where counting stopped: much cheaper than to ask expat at each record."""
        first = self._first
        self.line += self._kept.count(b"\n", self._counted_at - first, to - first)
        self._counted_at = to

    # what the tree calls

    def _open_statement(self, _attributes: dict[str, str]) -> None:
        self._header.clear()
        self._statement = Statement(self._format, self._group, self._header)

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
        except UnfitError as error:
            self._add_unreadable(f"balance: {error}")
        self._record_at = -1

    def _close_entry(self, node: Node) -> None:
        self._tell_statement()
        raw = self._raw()
        self._entry_ended_at = self._record_at + len(raw.encode())
        if not raw.endswith("/>"):
            self._end_tag = raw[raw.rindex("</") :].encode()
        try:
            self._add_entry(self._entry(raw))
        except UnfitError as error:
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
        self._records.append(Unreadable(f"line {self.line}", why, self._raw()))

    def _raw(self) -> str:
        """The record's own XML, from its start tag to its end tag."""
        start, end = self._record_at - self._first, self._parser.CurrentByteIndex - self._first
        if not _EMPTY.fullmatch(self._kept, start, end):  # else expat is past the one tag there is
            end = self._kept.index(b">", end) + 1
        return self._kept[start:end].decode()

    def _entry(self, raw: str) -> Entry:
        field = self._record.get
        direction, value = field("direction", ""), field("value")
        payments = payments_of(self._details, field("payments"))
        if payments > 1:
            entry_id, counterparty = field("bank_reference", ""), ""
            reference, code = field("entry_reference", ""), code_of(field, "")
            description = batch_text(field("entry_text", ""), payments)
        else:
            entry_id = field("bank_reference") or field("detail_bank_reference", "")
            counterparty = counterparty_of(field, direction)
            reference, code = reference_of(field), code_of(field, "") or code_of(field, "detail_")
            description = description_of(field, self._remittance or self._structured)
        return Entry(
            booked_on=printed_day(field("booked") or value or self._statement.made, "booking date"),
            amount=signed(field("amount", ""), direction),
            line=self.line,
            currency=field("currency") or None,
            id=entry_id,
            description=description,
            counterparty=counterparty,
            reference=reference,
            pending=is_pending(field("status", "")),
            value_on=printed_day(value, "value date") if value else None,
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
