"""OFX 1.x (SGML), OFX 2.x (XML) and QFX statements: bank, card and investment accounts, booked and pending.

Section numbers are those of the OFX 2.2 specification. What files do against it is noted where it is met.
"""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import BinaryIO, Final

from caudal.model.changes import AccountKind, Unreadable
from caudal.model.errors import Malformed
from caudal.model.iban import iban_in
from caudal.providers.file.ofx_tokens import Tag, Vocabulary, leaves, plain, tags
from caudal.providers.file.records import Entry, FileAccount, Record, StatementClosed, StatementOpened, Told
from caudal.providers.file.text import sniff_encoding
from caudal.settings import FileBounds

_STATEMENTS: Final = frozenset({"STMTRS", "CCSTMTRS", "INVSTMTRS", "LOANSTMTRS"})
_STATEMENT_ENDS: Final = frozenset(f"/{name}" for name in _STATEMENTS)
_ACCOUNTS: Final = frozenset({"BANKACCTFROM", "CCACCTFROM", "INVACCTFROM", "LOANACCTFROM"})
_BALANCES: Final = frozenset({"LEDGERBAL", "AVAILBAL"})
_MOVEMENTS: Final = frozenset({"STMTTRN", "STMTTRNP", "INVBANKTRAN", "LOANSTMTTRN"})
_LISTS: Final = frozenset({"BANKTRANLIST", "BANKTRANLISTP", "INVTRANLIST", "LOANTRANLIST"})
_ASIDES: Final = frozenset({"INTRARS", "INTERRS", "WIRERS", "PMTRS", "STMTENDRS", "CCSTMTENDRS"})
"""Answers about an account that are no statement: transfers (§11.7), wires, payments, closing summaries."""

_INVESTMENTS: Final = frozenset(
    name
    for names in (
        "BUYDEBT BUYMF BUYOPT BUYOTHER BUYSTOCK CLOSUREOPT INCOME INVEXPENSE JRNLFUND JRNLSEC",
        "MARGININTEREST REINVEST RETOFCAP SELLDEBT SELLMF SELLOPT SELLOTHER SELLSTOCK SPLIT TRANSFER",
        "INVTRAN",
    )
    for name in names.split()
)
"""§13.9.2.4. INVTRAN is the core of each: one met on its own belongs to a kind that is not in this list."""

_WORDS: Final = Vocabulary(
    # BAL only so that its DTASOF is not taken for the statement's.
    whole=_ACCOUNTS | _BALANCES | _MOVEMENTS | _ASIDES | _INVESTMENTS | {"STATUS", "FI", "BAL"},
    edges=_STATEMENTS | _LISTS | _BALANCES | {"OFX", "INVBANKTRAN", "INVPOSLIST", "INVBAL", "SECLIST"},
)

_KINDS: Final = {
    "CHECKING": AccountKind.CHECKING,
    "SAVINGS": AccountKind.SAVINGS,
    "MONEYMRKT": AccountKind.SAVINGS,
    "CD": AccountKind.SAVINGS,
    "CREDITLINE": AccountKind.LOAN,
    "LOAN": AccountKind.LOAN,
    "CREDITCARD": AccountKind.CARD,  # no ACCTTYPE of the specification, but printed
}
_KINDS_BY_AGGREGATE: Final = {
    "CCACCTFROM": AccountKind.CARD,
    "INVACCTFROM": AccountKind.INVESTMENT,
    "LOANACCTFROM": AccountKind.LOAN,
}
_KINDS_BY_STATEMENT: Final = {
    "CCSTMTRS": AccountKind.CARD,
    "INVSTMTRS": AccountKind.INVESTMENT,
    "LOANSTMTRS": AccountKind.LOAN,
}

_DAY: Final = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})")
_EXACT: Final = re.compile(r"[+-]?[0-9]{1,20}(?:\.[0-9]{1,18})?")
_SINGLE_MARK: Final = re.compile(r"([+-]?)([0-9]{0,20})[.,]?([0-9]{0,18})")
_GROUPED: Final = re.compile(
    r"([+-]?)([1-9][0-9]{0,2}(?:([.,' ])[0-9]{3})(?:\3[0-9]{3}){0,5})(?:(?!\3)[.,]([0-9]{0,18}))?"
)
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_CURRENCY_PART: Final = re.compile(
    r"<CURRENCY\b.*?(?:</CURRENCY\b|<ORIGCURRENCY\b|\Z)", re.IGNORECASE | re.DOTALL
)


class _Unfit(Exception):
    """Why one record can't be booked."""


def detect(head: bytes) -> str | None:
    """``"ofx2"`` (an XML declaration or the OFX processing instruction), ``"ofx1"`` (the key:value header, or
    a bare OFX tag), or None, from the first bytes of a file."""
    text = head.decode(sniff_encoding(head, declared="cp1252"), "replace").upper()  # only ASCII counts
    if "<?OFX" in text:
        return "ofx2"
    if re.search(r"<OFX\s*>", text):
        return "ofx2" if "<?XML" in text else "ofx1"
    return "ofx1" if re.match(r"\s*OFXHEADER\s*:", text) else None


def read(stream: BinaryIO, bounds: FileBounds) -> Iterator[Record]:
    """The file's statements (see records.py). A file without any, such as a sign-on answer, yields none.

    An investment movement that is not cash, an answer about an account that is no statement, and a status of
    severity ERROR come as Unreadable: kept, not booked. Raises Malformed where the file is not OFX or was cut
    off.
    """
    return _Reader(bounds).records(tags(stream, bounds, _WORDS))


class _Statement:
    """What is known so far of the statement being read."""

    def __init__(self, name: str, line: int) -> None:
        self.name = name
        self.line = line
        self.account: dict[str, str] = {}
        self.account_from = ""
        """Which aggregate named the account; '' until one has."""
        self.currency: str | None = None
        self.is_pending_list = False
        self.start: date | None = None
        self.end: date | None = None
        self.as_of: date | None = None
        self.closing: Told | None = None
        self.available: Told | None = None
        self.cash: Decimal | None = None
        self.first_on: date | None = None
        self.last_on: date | None = None
        self.held: list[Record] | None = []
        """Records met before the account and its currency were told; None once the statement is open."""
        self.held_chars = 0


class _Reader:
    """Turns tags into records. Nothing nests: at most one message set and one statement are open."""

    def __init__(self, bounds: FileBounds) -> None:
        self.bounds = bounds
        self.organisation = ""
        self.statement: _Statement | None = None
        self.messages: Tag | None = None
        """The message set (BANKMSGSRSV1, CREDITCARDMSGSRSV1, …) that is open."""
        self.is_answered = False
        """Whether anything but the sign-on was met."""
        self.unreadable = 0

    def records(self, found: Iterator[Tag]) -> Iterator[Record]:
        """The records of a whole file."""
        line = 1
        for tag in found:
            name, _, line = tag
            if name in _MOVEMENTS:
                record = self._movement(tag)
                if self.statement is not None and self.statement.held is None:
                    yield record
                else:
                    yield from self._kept(record)
            elif name in _INVESTMENTS:
                why = f"investment record {name} is kept as it came: holdings are not booked as cash"
                yield from self._kept(Unreadable(f"line {line}", why, tag.text))
            elif name in _STATEMENTS:
                yield from self._close(complete=False)  # still open: its end tag is missing
                self.statement = _Statement(name, line)
                self.is_answered = True
            elif name in _STATEMENT_ENDS:
                yield from self._close(complete=True)
            elif "MSGSRSV" in name or name == "/OFX":
                yield from self._close(complete=False)  # nothing to close, unless its end tag is missing
                self.messages = None if name.startswith("/") else tag
                self.is_answered = self.is_answered or not name.startswith(("SIGNON", "/SIGNON"))
            elif name == "STATUS":
                yield from self._status(tag)
            elif name in _ASIDES:
                yield from self._aside(tag)
            elif self.statement is not None:
                yield from self._fact(self.statement, tag)
            elif name == "FI":
                told = dict(leaves(tag.text))
                self.organisation = plain(told.get("ORG", "")) or plain(told.get("FID", ""))
        self._check_end(line)

    def _check_end(self, line: int) -> None:
        """Only the end tag of OFX itself may be missing: files that lack just that are common."""
        if self.statement is not None:
            raise Malformed(
                f"line {line}",
                f"the file ends inside the statement that begins on line {self.statement.line}: "
                "it was cut off, download it again",
            )
        if self.messages is not None:
            raise Malformed(
                f"line {line}",
                f"the file ends inside {self.messages.name}: it was cut off, download it again",
            )
        if not self.is_answered:
            why = "holds no OFX messages beyond the sign-on: this is not an OFX file, or it was cut off"
            raise Malformed(f"line {line}", why)

    def _fact(self, statement: _Statement, tag: Tag) -> Iterator[Record]:
        """Something told of the statement itself. The first telling counts: later ones belong to details."""
        name, text, line = tag
        if name in _ACCOUNTS:
            yield from self._told_account(statement, tag)
        elif name == "CURDEF":
            yield from self._told_currency(statement, tag)
        elif name in _BALANCES:
            yield from self._balance(statement, tag)
        elif name in _LISTS:
            statement.is_pending_list = name == "BANKTRANLISTP"
        elif name == "/BANKTRANLISTP":
            statement.is_pending_list = False
        elif name == "DTSTART":
            statement.start = statement.start or _day(text)
        elif name == "DTEND":
            statement.end = statement.end or _day(text)
        elif name == "DTASOF":
            statement.as_of = statement.as_of or _day(text)
        elif name == "AVAILCASH" and statement.cash is None and text.strip():
            try:
                statement.cash = _amount(text)
            except _Unfit as error:
                yield from self._kept(self._unreadable(line, f"AVAILCASH {error}", text))

    def _told_account(self, statement: _Statement, tag: Tag) -> Iterator[Record]:
        if statement.account_from:
            return
        if statement.held is None:
            raise Malformed(f"line {tag.line}", "names the account too long after its first transactions")
        statement.account_from = tag.name
        for name, text in leaves(tag.text):
            statement.account.setdefault(name, plain(text))
        if statement.currency:
            yield from self._open(statement)

    def _told_currency(self, statement: _Statement, tag: Tag) -> Iterator[Record]:
        currency = _currency(tag.text)
        if statement.currency or not currency:
            return
        if statement.held is None:
            raise Malformed(f"line {tag.line}", "names the currency too long after its first transactions")
        statement.currency = currency
        if statement.account_from:
            yield from self._open(statement)

    def _kept(self, record: Record) -> Iterator[Record]:
        """The record; or nothing yet, while the statement it belongs to can't be opened.

        An account or CURDEF that comes after the transactions is waited for within one record's bound.
        """
        statement = self.statement
        if statement is None or statement.held is None:
            yield record
            return
        statement.held.append(record)
        if isinstance(record, Entry | Unreadable):
            statement.held_chars += len(record.raw)
        if statement.held_chars > self.bounds.record_bytes_max:
            yield from self._open(statement)

    def _open(self, statement: _Statement) -> Iterator[Record]:
        if statement.held is None:
            return
        held, statement.held = statement.held, None
        kind = _KINDS_BY_STATEMENT.get(statement.name, AccountKind.OTHER)
        yield StatementOpened(
            _account(statement.account_from, statement.account, kind, statement.currency, self.organisation)
        )
        yield from held

    def _close(self, *, complete: bool) -> Iterator[Record]:
        """Ends the open statement, if any. `complete` is False where its end tag is missing."""
        statement, self.statement = self.statement, None
        if statement is None:
            return
        yield from self._open(statement)
        available = statement.available
        if available is None and statement.cash is not None:
            available = Told(statement.cash, statement.as_of)
        first_on, last_on = statement.first_on, statement.last_on
        yield StatementClosed(
            closing=statement.closing,
            available=available,
            firm=False,  # LEDGERBAL stands as of a moment (§11.4.2.2), not at the end of a booking day
            complete=complete,
            newest_first=first_on is not None and last_on is not None and last_on < first_on,
            start=statement.start,
            end=statement.end,
        )

    def _balance(self, statement: _Statement, tag: Tag) -> Iterator[Record]:
        found = dict(leaves(tag.text))
        text = found.get("BALAMT", "")
        if not text.strip():
            return  # some banks print an empty LEDGERBAL where they have no balance to tell
        try:
            told = Told(_amount(text), _day(found.get("DTASOF", "")))
        except _Unfit as error:
            yield from self._kept(self._unreadable(tag.line, f"{tag.name} {error}", tag.text))
            return
        if tag.name == "LEDGERBAL":
            statement.closing = statement.closing or told
        else:
            statement.available = statement.available or told

    def _movement(self, tag: Tag) -> Record:
        statement = self.statement
        if statement is None:
            return self._unreadable(tag.line, "the transaction stands outside any statement", tag.text)
        try:
            entry = _entry(tag, pending=statement.is_pending_list)
        except _Unfit as error:
            return self._unreadable(tag.line, f"the transaction {error}", tag.text)
        if statement.first_on is None:
            statement.first_on = entry.booked_on
        statement.last_on = entry.booked_on
        return entry

    def _status(self, tag: Tag) -> Iterator[Record]:
        """INFO and WARN come with the data asked for; ERROR comes in its place."""
        told = {name: plain(text) for name, text in leaves(tag.text)}
        if told.get("SEVERITY", "").upper() == "ERROR":
            said = f"{told.get('CODE', '')} {told.get('MESSAGE', '')}".strip()
            why = f"the bank answered with an error: {said[:200]}"
            yield from self._kept(self._unreadable(tag.line, why, tag.text))

    def _aside(self, tag: Tag) -> Iterator[Record]:
        """An answer that names an account but is no statement: an order, or a summary of what was booked."""
        yield from self._close(complete=False)
        found = [(name, plain(text)) for name, text in leaves(tag.text)]
        told = dict(reversed(found))  # of leaves met twice the first: …ACCTFROM stands before …ACCTTO
        aggregate = next((name for name, _ in found if name in _ACCOUNTS), "")
        currency = _currency(told.get("CURDEF", ""))
        yield StatementOpened(_account(aggregate, told, AccountKind.OTHER, currency, self.organisation))
        why = f"{tag.name} is kept as it came: only a statement's transactions are booked"
        yield Unreadable(f"line {tag.line}", why, tag.text)
        yield StatementClosed(firm=False, complete=False)

    def _unreadable(self, line: int, why: str, raw: str) -> Unreadable:
        self.unreadable += 1
        if self.unreadable > self.bounds.unreadable_max:
            raise Malformed(f"line {line}", f"more than {self.bounds.unreadable_max} records can't be read")
        return Unreadable(f"line {line}", why, raw)


def _entry(tag: Tag, *, pending: bool) -> Entry:
    """A STMTTRN (§11.4.4.1), STMTTRNP or INVBANKTRAN (§13.9.2.3) as an entry. Raises _Unfit.

    The sign is TRNAMT's own: TRNTYPE says what kind of movement it is, and often contradicts it.
    """
    name, raw, line = tag
    pairs = leaves(raw)
    found = dict(pairs)
    if len(found) != len(pairs):
        found = _first_told(pairs)
    get = found.get
    if "CORRECTACTION" in found and plain(get("CORRECTACTION", "")).upper() == "DELETE":
        raise _Unfit(f"takes back FITID {plain(get('CORRECTFITID', ''))}: nothing is booked for it")
    payee = plain(get("NAME", "")) or plain(get("EXTDNAME", ""))
    return Entry(
        booked_on=_day(get("DTPOSTED", "")) or _next_best_day(found),
        amount=_amount(get("TRNAMT", "")),
        line=line,
        currency=_own_currency(raw) if "CURRENCY" in found else None,
        id=plain(get("FITID", "")),
        description=plain(get("MEMO", "")) or payee,
        counterparty=payee,
        reference=plain(get("CHECKNUM", "")) or plain(get("CHKNUM", "")) or plain(get("REFNUM", "")),
        pending=pending or name == "STMTTRNP",
        value_on=_day(get("DTAVAIL", "")),
        code=plain(get("TRNTYPE", "")),
        raw=raw,
    )


def _first_told(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Each name with its first text that is not blank: one met again is a sub-aggregate's (BANKACCTTO, …)."""
    found: dict[str, str] = {}
    for name, text in pairs:
        if not found.get(name, "").strip():
            found[name] = text
        elif name in {"TRNAMT", "FITID", "DTPOSTED"} and text.strip():
            raise _Unfit(f"has more than one {name}: it may be two that ran together")
        elif name == "MEMO" and plain(text) != plain(found[name]):
            found[name] += " " + text
    return found


def _next_best_day(found: dict[str, str]) -> date:
    """The day where DTPOSTED has none: DTTRAN in a STMTTRNP; what else is told where a bank prints zeros."""
    for name in ("DTPOSTED", "DTTRAN", "DTUSER", "DTAVAIL"):
        text = found.get(name, "")
        if day := _day(text):
            return day
        if text.strip()[:8].strip("0"):
            raise _Unfit(f"has {plain(text)[:40]!r} as {name}, which is no day")
    raise _Unfit("has no date")


def _own_currency(raw: str) -> str | None:
    """§5.2: CURRENCY says that TRNAMT is in CURSYM; ORIGCURRENCY, that it was so and is now in CURDEF."""
    part = _CURRENCY_PART.search(raw)
    told = dict(leaves(part[0])) if part else {}
    printed = plain(told.get("CURSYM", "") or told.get("CURRENCY", ""))
    currency = _currency(printed)
    if printed and not currency:
        raise _Unfit(f"is in {printed[:40]!r}, which is no currency")
    return currency


def _currency(text: str) -> str | None:
    """An ISO 4217 code in upper case, None for anything else."""
    code = plain(text).upper()
    return code if _CURRENCY.fullmatch(code) else None


def _amount(text: str) -> Decimal:
    """By the specification a sign, digits, and a point or a comma before the decimals. Raises _Unfit."""
    text = text.strip()
    return Decimal(text) if _EXACT.fullmatch(text) else _untidy_amount(text)


def _untidy_amount(text: str) -> Decimal:
    """With a decimal comma, thousands marks, spaces. What can be read in two ways (``1,234``) is refused."""
    if not text:
        raise _Unfit("has no amount")
    refused = _Unfit(f"has {plain(text[:200])[:40]!r} as its amount, which can't be read for certain")
    if len(text) > 80:
        raise refused
    tidy = plain(text).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").replace("\N{MINUS SIGN}", "-")
    if tidy[:2] in {"+ ", "- "}:
        tidy = tidy[0] + tidy[2:]
    if _EXACT.fullmatch(tidy):
        return Decimal(tidy)
    if grouped := _GROUPED.fullmatch(tidy):
        sign, whole, mark, decimals = grouped.groups()
        if mark == "," and whole.count(",") == 1 and decimals is None:
            raise refused
        return Decimal(f"{sign}{whole.replace(mark, '')}.{decimals or '0'}")
    single = _SINGLE_MARK.fullmatch(tidy)
    if not single or not (single[2] or single[3]):
        raise refused
    return Decimal(f"{single[1]}{single[2] or '0'}.{single[3] or '0'}")


def _day(text: str) -> date | None:
    """The day of a §3.2.8.2 date-time as printed: the bank's own, whatever zone follows."""
    return _calendar_day(text.strip()[:10]) if text else None


@lru_cache(maxsize=8192)
def _calendar_day(text: str) -> date | None:
    digits = _DAY.match(text)
    if not digits:
        return None
    try:
        return date(int(digits[1]), int(digits[2]), int(digits[3]))
    except ValueError:
        return None


def _account(
    aggregate: str, told: dict[str, str], default: AccountKind, currency: str | None, organisation: str
) -> FileAccount:
    """From the leaves of a BANKACCTFROM, CCACCTFROM, …; `aggregate` is '' where no account is named."""
    identifier = told.get("ACCTID") or told.get("LOANACCTID") or None
    iban = iban_in(identifier) if identifier else None
    printed = _KINDS.get(told.get("ACCTTYPE", "").upper(), default)
    return FileAccount(
        id=identifier,
        iban=iban,
        number=None if iban else identifier,
        institution=told.get("BANKID") or told.get("BROKERID") or organisation or None,
        currency=currency,
        kind=_KINDS_BY_AGGREGATE.get(aggregate, printed),
    )
