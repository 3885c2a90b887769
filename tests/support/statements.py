"""One simple truth, told in every statement format: what the readers are judged against.

A `Statement` is the truth (account, opening balance, movements); each ``write_<format>`` tells it to a binary
file as a bank would, movement by movement, so that a million of them need no memory. `CARRIES` says which
fields of a movement each format has room for. The same statement always gives the same bytes.

As a program, for measuring: ``python -m tests.support.statements mt940 100000 > statement.sta``
"""

import argparse
import csv
import functools
import io
import itertools
import random
import string
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import BinaryIO, Final, Literal
from xml.sax.saxutils import escape

from hypothesis import strategies as st

from caudal.model.changes import AccountKind
from caudal.model.currencies import EXPONENTS

_DAY: Final = timedelta(days=1)
_CENT: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Movement:
    """One booked movement. `amount`: positive into the account, negative out, in the currency's places."""

    id: str
    booked_on: date
    amount: Decimal
    description: str
    counterparty: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """The account a statement is about. `iban` is printed instead of `number` where there is one."""

    number: str
    currency: str
    kind: AccountKind = AccountKind.CHECKING
    institution: str = "990012345"
    iban: str | None = None
    name: str = "Everyday account"

    @property
    def printed(self) -> str:
        """The identifier a statement prints."""
        return self.iban or self.number


@dataclass(frozen=True, slots=True)
class Statement:
    """Everything booked on `account` from `start` to `end`, both included, in booking order.

    `movements` is walked more than once (some formats print the closing balance first), so an exhausted
    generator would tell a lie: pass a list, or `Replayed`.
    """

    account: Account
    opening: Decimal
    movements: Iterable[Movement]
    start: date
    end: date

    def __post_init__(self) -> None:
        if iter(self.movements) is self.movements:
            raise TypeError("movements can be walked only once: give a list, or Replayed(...)")

    @property
    def closing(self) -> Decimal:
        """The balance at the end of `end`. Walks the movements."""
        return sum((movement.amount for movement in self.movements), self.opening)


@dataclass(frozen=True, slots=True)
class Replayed:
    """Movements made anew at each walk, so that they are never held."""

    make: Callable[[], Iterator[Movement]]

    def __iter__(self) -> Iterator[Movement]:
        return self.make()


CARRIES: Final[dict[str, frozenset[str]]] = {
    "ofx1": frozenset({"id", "booked_on", "amount", "description", "counterparty", "reference"}),
    "ofx2": frozenset({"id", "booked_on", "amount", "description", "counterparty", "reference"}),
    "qif": frozenset({"booked_on", "amount", "description", "counterparty", "reference"}),
    "camt053": frozenset({"id", "booked_on", "amount", "description", "counterparty", "reference"}),
    "mt940": frozenset({"id", "booked_on", "amount", "description", "counterparty", "reference"}),
    "bai2": frozenset({"id", "booked_on", "amount", "description", "reference"}),
    "csv": frozenset({"id", "booked_on", "amount", "description", "counterparty", "reference"}),
}
"""Format → the `Movement` fields that survive it (a CSV has ids where its style asks for them)."""


# --- A life, made from a seed ------------------------------------------------------------------------------

_SHOPS: Final = (
    ("GREEN GROCER LTD", 350, 9_500),
    ("CORNER COFFEE", 320, 320),
    ("PADARIA CENTRAL", 180, 1_450),
    ("CITY TRANSIT", 275, 275),
    ("MARKET HALL FOODS", 1_200, 16_000),
    ("NOODLE HOUSE", 1_150, 3_400),
    ("RIVERSIDE PHARMACY", 499, 6_200),
    ("FUEL STOP", 2_500, 8_800),
    ("PAGE AND SPINE BOOKS", 899, 5_400),
    ("TRATTORIA DEL PONTE", 2_200, 9_900),
    ("HARDWARE DEPOT", 640, 24_000),
    ("STREAMBOX", 1_199, 1_199),
    ("CLOUD LOCKER", 299, 299),
    ("THREAD AND NEEDLE", 1_990, 18_900),
    ("KINO LUX", 1_050, 4_200),
    ("PET PANTRY", 1_290, 7_700),
    ("BICYCLE WORKS", 1_500, 32_000),
    ("NORTHLINE RAIL", 1_840, 14_600),
)
"""(name as the bank prints it, lowest and highest price in cents). The first are visited most, as in life."""

_VISITS: Final = tuple(itertools.accumulate(1 / rank for rank in range(1, len(_SHOPS) + 1)))
_BRANCHES: Final = 20
_REFUNDS: Final = 0.015


@dataclass(frozen=True, slots=True)
class _Event:
    """What happened, before the bank gave it a day and an id."""

    cents: int
    description: str
    counterparty: str
    reference: str = ""


def movements(seed: int, count: int, start: date, per_day: int, twins: float = 0.02) -> Iterator[Movement]:
    """`count` movements of an ordinary life, `per_day` on each day from `start`, one by one.

    Rent on the 1st, utilities on the 15th, pay on the 25th, a transfer to savings on the 26th; else
    purchases, now and then a refund of one made before. `twins` is the share of purchases made twice: the
    same shop, amount and day, apart only by id. Ids are unique within one call; amounts are exact cents.
    """
    chance = random.Random(seed)
    earlier: _Event | None = None
    today: _Event | None = None
    day = start
    for number in range(count):
        days, slot = divmod(number, per_day)
        if slot == 0:
            day = start + days * _DAY
            earlier, today = today or earlier, None
        event = _standing(day, per_day) if slot == 0 else None
        if event is None and today is not None and chance.random() < twins:
            event = today
        elif event is None and earlier is not None and chance.random() < _REFUNDS:
            event = _Event(-earlier.cents, f"REFUND {earlier.description}", earlier.counterparty)
        elif event is None:
            event = today = _purchase(chance)
        yield Movement(
            id=f"{day:%y%m%d}{number:08d}",
            booked_on=day,
            amount=Decimal(event.cents).scaleb(-2),
            description=event.description,
            counterparty=event.counterparty,
            reference=event.reference,
        )


def generated(count: int, *, seed: int = 1, per_day: int = 25, twins: float = 0.02) -> Statement:
    """A US checking account's statement of `count` movements from 1 January 2026, made as it is walked."""
    start = date(2026, 1, 1)
    return Statement(
        account=Account(number="4400012345", currency="USD"),
        opening=Decimal(2_500 + 1_300 * per_day).quantize(_CENT),
        movements=Replayed(functools.partial(movements, seed, count, start, per_day, twins)),
        start=start,
        end=start + max(count - 1, 0) // per_day * _DAY,
    )


def _standing(day: date, per_day: int) -> _Event | None:
    """What recurs on this day of the month. Pay keeps up with spending, so that the account stays afloat."""
    match day.day:
        case 1:
            return _Event(-98_000, f"RENT {day:%B %Y}".upper(), "HARBOR HOMES LLC", f"RENT{day:%Y%m}")
        case 15:
            return _Event(
                -8_740, "ELECTRICITY AND WATER", "TOWN UTILITIES", f"{10_000_000 + day.toordinal()}"
            )
        case 25:
            return _Event(
                112_000 + per_day * 121_000, f"SALARY {day:%m %Y}", "ANVIL AND SONS INC", f"PAY{day:%Y%m}"
            )
        case 26:
            return _Event(-15_000, "TRANSFER TO SAVINGS", "OWN SAVINGS")
    return None


def _purchase(chance: random.Random) -> _Event:
    (shop,) = chance.choices(_SHOPS, cum_weights=_VISITS)
    name, low, high = shop
    cents = low + int(chance.random() * (high - low + 1))
    branch = int(chance.random() * _BRANCHES) + 1
    return _Event(-cents, f"CARD PURCHASE {name} {branch:03d}", name)


# --- OFX ---------------------------------------------------------------------------------------------------

_OFX1_HEADER: Final = (
    "OFXHEADER:100\r\nDATA:OFXSGML\r\nVERSION:102\r\nSECURITY:NONE\r\nENCODING:USASCII\r\nCHARSET:1252\r\n"
    "COMPRESSION:NONE\r\nOLDFILEUID:NONE\r\nNEWFILEUID:NONE\r\n\r\n"
)
_OFX2_HEADER: Final = (
    '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n'
    '<?OFX OFXHEADER="200" VERSION="211" SECURITY="NONE" OLDFILEUID="NONE" NEWFILEUID="NONE"?>\n'
)
_OFX_ACCTTYPE: Final = {
    AccountKind.CHECKING: "CHECKING",
    AccountKind.SAVINGS: "SAVINGS",
    AccountKind.LOAN: "CREDITLINE",
}
_OFX_NAME_MAX: Final = 32


def write_ofx1(out: BinaryIO, statement: Statement) -> None:
    """OFX 1.0.2: SGML, leaves without end tags, CRLF, cp1252 (other letters as character references)."""
    out.write(_OFX1_HEADER.encode("ascii"))
    out.writelines(
        text.replace("\n", "\r\n").encode("cp1252", "xmlcharrefreplace")
        for text in _ofx_elements(statement, closed=False)
    )


def write_ofx2(out: BinaryIO, statement: Statement) -> None:
    """OFX 2.1.1: XML, UTF-8."""
    out.write(_OFX2_HEADER.encode("ascii"))
    out.writelines(text.encode("utf-8") for text in _ofx_elements(statement, closed=True))


def _ofx_elements(statement: Statement, *, closed: bool) -> Iterator[str]:
    """The <OFX> element in pieces, one a movement. `closed`: leaves have end tags (XML) or none (SGML)."""

    def leaf(tag: str, value: str) -> str:
        return f"<{tag}>{escape(value)}</{tag}>\n" if closed else f"<{tag}>{escape(value)}\n"

    account = statement.account
    card = account.kind is AccountKind.CARD
    messages, response, body = (
        ("CREDITCARDMSGSRSV1", "CCSTMTTRNRS", "CCSTMTRS") if card else ("BANKMSGSRSV1", "STMTTRNRS", "STMTRS")
    )
    first, last = f"{statement.start:%Y%m%d}", f"{statement.end:%Y%m%d}"
    status = f"<STATUS>\n{leaf('CODE', '0')}{leaf('SEVERITY', 'INFO')}</STATUS>\n"
    yield (
        f"<OFX>\n<SIGNONMSGSRSV1>\n<SONRS>\n{status}"
        f"{leaf('DTSERVER', f'{last}180000')}{leaf('LANGUAGE', 'ENG')}"
        f"</SONRS>\n</SIGNONMSGSRSV1>\n<{messages}>\n<{response}>\n{leaf('TRNUID', '1')}{status}<{body}>\n"
        f"{leaf('CURDEF', account.currency)}"
    )
    if card:
        yield f"<CCACCTFROM>\n{leaf('ACCTID', account.number)}</CCACCTFROM>\n"
    else:
        yield (
            f"<BANKACCTFROM>\n{leaf('BANKID', account.institution)}{leaf('ACCTID', account.printed)}"
            f"{leaf('ACCTTYPE', _OFX_ACCTTYPE.get(account.kind, 'CHECKING'))}</BANKACCTFROM>\n"
        )
    yield f"<BANKTRANLIST>\n{leaf('DTSTART', first)}{leaf('DTEND', last)}"
    balance = statement.opening
    for movement in statement.movements:
        balance += movement.amount
        yield _ofx_movement(movement, leaf)
    amount, moment = leaf("BALAMT", f"{balance:f}"), leaf("DTASOF", f"{last}180000")
    yield (
        f"</BANKTRANLIST>\n<LEDGERBAL>\n{amount}{moment}</LEDGERBAL>\n<AVAILBAL>\n{amount}{moment}</AVAILBAL>\n"
        f"</{body}>\n</{response}>\n</{messages}>\n</OFX>\n"
    )


def _ofx_movement(movement: Movement, leaf: Callable[[str, str], str]) -> str:
    reference = movement.reference
    check = reference.isdecimal() and len(reference) <= 12
    fields = (
        ("TRNTYPE", _ofx_kind(movement, check=check)),
        ("DTPOSTED", f"{movement.booked_on:%Y%m%d}120000"),
        ("TRNAMT", f"{movement.amount:f}"),
        ("FITID", movement.id),
        ("CHECKNUM" if check else "REFNUM", reference),
        ("NAME", _fits(movement.counterparty, _OFX_NAME_MAX)),
        ("MEMO", movement.description),
    )
    return f"<STMTTRN>\n{''.join(leaf(tag, value) for tag, value in fields if value)}</STMTTRN>\n"


def _ofx_kind(movement: Movement, *, check: bool) -> str:
    if movement.amount > 0:
        return "CREDIT"
    return "CHECK" if check else "DEBIT"


# --- QIF ---------------------------------------------------------------------------------------------------

_QIF_TYPE: Final = {AccountKind.CARD: "CCard", AccountKind.CASH: "Cash", AccountKind.LOAN: "Oth L"}
_QIF_DATES: Final = {"mdy": "%m/%d/%Y", "dmy": "%d/%m/%Y", "ymd": "%Y-%m-%d", "quicken": "%m/%d'%y"}


def write_qif(
    out: BinaryIO, statement: Statement, dates: Literal["mdy", "dmy", "ymd", "quicken"] = "mdy"
) -> None:
    """QIF with its account block, UTF-8. It tells no ids, no currency and no balance."""
    account = statement.account
    kind = _QIF_TYPE.get(account.kind, "Bank")
    date_format = _QIF_DATES[dates]
    out.write(f"!Account\nN{account.name}\nT{kind}\n^\n!Type:{kind}\n".encode())
    for movement in statement.movements:
        fields = (
            ("D", movement.booked_on.strftime(date_format)),
            ("T", f"{movement.amount:,f}"),
            ("C", "*"),
            ("N", movement.reference),
            ("P", movement.counterparty),
            ("M", movement.description),
        )
        out.write(("".join(f"{key}{value}\n" for key, value in fields if value) + "^\n").encode())


# --- CAMT.053 ----------------------------------------------------------------------------------------------


def write_camt053(out: BinaryIO, statement: Statement) -> None:
    """CAMT.053 v8: one Stmt; its balances stand before the entries, as the schema orders (so: two walks)."""
    account = statement.account
    currency = account.currency
    identifier = (
        f"<IBAN>{account.iban}</IBAN>" if account.iban else f"<Othr><Id>{escape(account.number)}</Id></Othr>"
    )
    opening = _camt_balance("OPBD", statement.opening, currency, statement.start - _DAY)
    closing = _camt_balance("CLBD", statement.closing, currency, statement.end)
    out.write(
        (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08">\n<BkToCstmrStmt>\n'
            f"<GrpHdr><MsgId>M{statement.end:%Y%m%d}</MsgId><CreDtTm>{statement.end}T19:30:00</CreDtTm></GrpHdr>\n"
            f"<Stmt>\n<Id>S{statement.end:%Y%m%d}</Id>\n<ElctrncSeqNb>{statement.end.month}</ElctrncSeqNb>\n"
            f"<CreDtTm>{statement.end}T19:30:00</CreDtTm>\n<FrToDt><FrDtTm>{statement.start}T00:00:00</FrDtTm>"
            f"<ToDtTm>{statement.end}T23:59:59</ToDtTm></FrToDt>\n"
            f"<Acct><Id>{identifier}</Id><Ccy>{currency}</Ccy><Nm>{escape(account.name)}</Nm>"
            f"<Svcr><FinInstnId><Othr><Id>{escape(account.institution)}</Id></Othr></FinInstnId></Svcr></Acct>\n"
            f"{opening}{closing}"
        ).encode()
    )
    out.writelines(_camt_entry(movement, currency).encode() for movement in statement.movements)
    out.write(b"</Stmt>\n</BkToCstmrStmt>\n</Document>\n")


def _camt_balance(kind: str, amount: Decimal, currency: str, on: date) -> str:
    return (
        f'<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp><Amt Ccy="{currency}">{abs(amount):f}</Amt>'
        f"<CdtDbtInd>{_camt_side(amount)}</CdtDbtInd><Dt><Dt>{on}</Dt></Dt></Bal>\n"
    )


def _camt_entry(movement: Movement, currency: str) -> str:
    amount = f'<Amt Ccy="{currency}">{abs(movement.amount):f}</Amt>'
    side = f"<CdtDbtInd>{_camt_side(movement.amount)}</CdtDbtInd>"
    party = "Dbtr" if movement.amount > 0 else "Cdtr"
    family = "<Cd>RCDT</Cd>" if movement.amount > 0 else "<Cd>ICDT</Cd>"
    name, reference = escape(movement.counterparty), escape(movement.reference) or "NOTPROVIDED"
    parties = f"<RltdPties><{party}><Pty><Nm>{name}</Nm></Pty></{party}></RltdPties>\n" if name else ""
    return (
        f"<Ntry>\n{amount}\n{side}\n<Sts><Cd>BOOK</Cd></Sts>\n<BookgDt><Dt>{movement.booked_on}</Dt></BookgDt>\n"
        f"<ValDt><Dt>{movement.booked_on}</Dt></ValDt>\n<AcctSvcrRef>{escape(movement.id)}</AcctSvcrRef>\n"
        f"<BkTxCd><Domn><Cd>PMNT</Cd><Fmly>{family}<SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd>\n"
        f"<NtryDtls><TxDtls>\n<Refs><EndToEndId>{reference}</EndToEndId></Refs>\n"
        f"{amount}\n{side}\n{parties}"
        f"<RmtInf><Ustrd>{escape(movement.description)}</Ustrd></RmtInf>\n</TxDtls></NtryDtls>\n</Ntry>\n"
    )


def _camt_side(amount: Decimal) -> str:
    return "DBIT" if amount < 0 else "CRDT"


# --- Day by day: MT940 and BAI2 ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _BankDay:
    """The movements of one booking day between two balances: banks send these formats as a message a day."""

    number: int
    on: date
    previous: date
    opening: Decimal
    movements: list[Movement]
    closing: Decimal


def _bank_days(statement: Statement) -> Iterator[_BankDay]:
    """The days with movements; a statement without any is one quiet day, so that its balances are told."""
    previous, balance = statement.start - _DAY, statement.opening
    number = 0
    for on, of_day in itertools.groupby(statement.movements, key=lambda movement: movement.booked_on):
        number += 1
        booked = list(of_day)
        closing = sum((movement.amount for movement in booked), balance)
        yield _BankDay(number, on, previous, balance, booked, closing)
        previous, balance = on, closing
    if number == 0:
        yield _BankDay(1, statement.end, previous, balance, [], balance)


_MT940_LINE_MAX: Final = 65
_MT940_SUBFIELD_MAX: Final = 27
_MT940_REMITTANCE: Final = (*range(20, 30), *range(60, 64))


def write_mt940(out: BinaryIO, statement: Statement) -> None:
    """MT940: a message a day, :86: in German subfields (?20 remittance in SEPA keys, ?32 name), CRLF, ASCII.

    Raises UnicodeEncodeError for text beyond ASCII, ValueError for text longer than its field.
    """
    account = statement.account
    for day in _bank_days(statement):
        lines = [
            ":20:STARTUMS",
            f":25:{account.printed}",
            f":28C:{day.number:05d}/001",
            f":60F:{_mt940_balance(day.opening, account.currency, day.previous)}",
        ]
        for movement in day.movements:
            lines += _mt940_movement(movement)
        lines += [f":62F:{_mt940_balance(day.closing, account.currency, day.on)}", "-", ""]
        out.write("\r\n".join(lines).encode("ascii"))


def _mt940_balance(amount: Decimal, currency: str, on: date) -> str:
    return f"{_mt940_mark(amount)}{on:%y%m%d}{currency}{_mt940_amount(amount)}"


def _mt940_mark(amount: Decimal) -> str:
    return "D" if amount < 0 else "C"


def _mt940_amount(amount: Decimal) -> str:
    """SWIFT's 15d: a comma always, even without decimals."""
    text = f"{abs(amount):f}"
    return text.replace(".", ",") if "." in text else f"{text},"


def _mt940_movement(movement: Movement) -> Iterator[str]:
    """The :61: line and the :86: lines. A line break stands only between subfields."""
    on = movement.booked_on
    code, text = ("166", "GUTSCHRIFT") if movement.amount > 0 else ("105", "LASTSCHRIFT")
    yield (
        f":61:{on:%y%m%d}{on:%m%d}{_mt940_mark(movement.amount)}{_mt940_amount(movement.amount)}"
        f"NTRFNONREF//{_fits(movement.id, 16)}"
    )
    reference = f"EREF+{movement.reference}" if movement.reference else ""
    pieces = [*_mt940_pieces(reference), *_mt940_pieces(f"SVWZ+{movement.description}")]
    if len(pieces) > len(_MT940_REMITTANCE):
        raise ValueError(f"{movement.description!r} does not fit into an :86: field")
    remittance = [f"?{tag}{piece}" for tag, piece in zip(_MT940_REMITTANCE, pieces, strict=False)]
    # In subfield order: the name (32, 33) stands between the remittance lines 20-29 and their overflow 60-63.
    name = _mt940_pieces(_fits(movement.counterparty, 2 * _MT940_SUBFIELD_MAX))
    names = [f"?{tag}{piece}" for tag, piece in zip((32, 33), name, strict=False)]
    line = f":86:{code}?00{text}"
    for subfield in (*remittance[:10], *names, *remittance[10:]):
        if len(line) + len(subfield) > _MT940_LINE_MAX:
            yield line
            line = ""
        line += subfield
    yield line


def _mt940_pieces(text: str) -> Iterator[str]:
    """`text` cut to subfields: full ones run on into the next, a blank at an end is dropped."""
    for start in range(0, len(text), _MT940_SUBFIELD_MAX):
        yield text[start : start + _MT940_SUBFIELD_MAX].rstrip()


_BAI2_SENDER, _BAI2_RECEIVER = "CAUDALBANK", "CUSTOMER01"


def write_bai2(out: BinaryIO, statement: Statement) -> None:
    """BAI2: a group a day with its ledger balances (010, 015) and every control total and count, ASCII.

    There is no field for a counterparty. Raises ValueError for a description with the end mark ``/``.
    """
    account = statement.account
    created = f"{statement.end:%y%m%d},2200"
    out.write(f"01,{_BAI2_SENDER},{_BAI2_RECEIVER},{created},1,,,2/\n".encode("ascii"))
    total = groups = records = 0
    for day in _bank_days(statement):
        opening, closing = _bai2_units(day.opening, account), _bai2_units(day.closing, account)
        amounts = [_bai2_units(movement.amount, account) for movement in day.movements]
        sum_of_account = opening + closing + sum(map(abs, amounts))
        lines = [
            f"02,{_BAI2_RECEIVER},{_BAI2_SENDER},1,{day.on:%y%m%d},2359,{account.currency},2/",
            f"03,{account.number},{account.currency},010,{opening},,,015,{closing},,/",
            *(
                _bai2_movement(movement, units)
                for movement, units in zip(day.movements, amounts, strict=True)
            ),
        ]
        lines.append(f"49,{sum_of_account},{len(lines)}/")  # counts 03, the 16s and itself, not the 02
        lines.append(f"98,{sum_of_account},1,{len(lines) + 1}/")
        out.write("".join(f"{line}\n" for line in lines).encode("ascii"))
        total, groups, records = total + sum_of_account, groups + 1, records + len(lines)
    out.write(f"99,{total},{groups},{records + 2}/\n".encode("ascii"))


def _bai2_units(amount: Decimal, account: Account) -> int:
    """In the currency's smallest unit, as BAI2 prints every amount."""
    return int(amount.scaleb(EXPONENTS[account.currency]))


def _bai2_movement(movement: Movement, units: int) -> str:
    """Type codes: 165 preauthorized ACH credit, 475 check paid, 455 preauthorized ACH debit."""
    if "/" in movement.description:
        raise ValueError(f"{movement.description!r} holds BAI2's end mark")
    debit = "475" if movement.reference.isdecimal() else "455"
    code = "165" if units >= 0 else debit
    return f"16,{code},{abs(units)},Z,{movement.id},{movement.reference},{movement.description}/"


# --- CSV ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CsvStyle:
    """How a bank writes its CSV. `split`: unsigned debit and credit columns instead of one amount."""

    delimiter: str = ","
    decimal_mark: str = "."
    thousands_mark: str = ""
    date_format: str = "%Y-%m-%d"
    split: bool = False
    ids: bool = False
    balance: bool = True
    newest_first: bool = False
    encoding: str = "utf-8"


CSV_STYLES: Final = {
    "iso": CsvStyle(),
    "us": CsvStyle(date_format="%m/%d/%Y", thousands_mark=","),
    "uk": CsvStyle(date_format="%d/%m/%Y", split=True),
    "de": CsvStyle(
        delimiter=";", decimal_mark=",", thousands_mark=".", date_format="%d.%m.%Y", encoding="cp1252"
    ),
    "br": CsvStyle(delimiter=";", decimal_mark=",", date_format="%d/%m/%Y", encoding="utf-8-sig"),
    "bare": CsvStyle(balance=False),
}
"""The habits of some countries' banks."""


def write_csv(out: BinaryIO, statement: Statement, style: CsvStyle = CSV_STYLES["iso"]) -> None:
    """CSV with a header row, CRLF. With `newest_first` alone the rows are held, to be turned round."""
    header = ["Date", "Description", "Counterparty", "Reference"]
    header += ["Debit", "Credit"] if style.split else ["Amount"]
    header += ["Balance"] if style.balance else []
    header += ["Transaction ID"] if style.ids else []
    text = io.TextIOWrapper(out, encoding=style.encoding, newline="")
    try:
        writer = csv.writer(text, delimiter=style.delimiter)
        writer.writerow(header)
        rows = _csv_rows(statement, style)
        writer.writerows(reversed(list(rows)) if style.newest_first else rows)
    finally:
        text.detach()  # flushes, and leaves `out` open for its owner


def _csv_rows(statement: Statement, style: CsvStyle) -> Iterator[list[str]]:
    balance = statement.opening
    for movement in statement.movements:
        amount = movement.amount
        balance += amount
        row = [movement.booked_on.strftime(style.date_format), movement.description]
        row += [movement.counterparty, movement.reference]
        if style.split:
            row += [_csv_amount(-amount, style), ""] if amount < 0 else ["", _csv_amount(amount, style)]
        else:
            row.append(_csv_amount(amount, style))
        if style.balance:
            row.append(_csv_amount(balance, style))
        if style.ids:
            row.append(movement.id)
        yield row


def _csv_amount(amount: Decimal, style: CsvStyle) -> str:
    whole, _, decimals = f"{amount:,f}".partition(".")
    whole = whole.replace(",", style.thousands_mark)
    return f"{whole}{style.decimal_mark}{decimals}" if decimals else whole


def _fits(text: str, length_max: int) -> str:
    """`text`; ValueError where a format's field would cut it, since the file would then lie."""
    if len(text) > length_max:
        raise ValueError(f"{text!r} is longer than the {length_max} characters of its field")
    return text


# --- For property tests ------------------------------------------------------------------------------------

PLAIN: Final = string.ascii_letters + string.digits
"""Letters that every format carries."""

TRICKY: Final = PLAIN + "&<>;,'\"#%*=@éñçßøÅ€"
"""And what must be escaped or quoted: for OFX, CAMT, QIF and CSV. MT940 and BAI2 have no room for it."""

_IBANS: Final = {"DE": ("99", 16), "NL": ("WTLD", 10), "ES": ("9999", 16), "PT": ("9999", 17)}
"""Country → (a bank that doesn't exist, how many digits follow)."""


def iban_of(country: str, basic: str) -> str:
    """`country` and the basic account number `basic` with the two check digits between them (ISO 13616)."""
    number = "".join(str(int(letter, 36)) for letter in f"{basic}{country}00")
    return f"{country}{98 - int(number) % 97:02d}{basic}"


@st.composite
def ibans(draw: st.DrawFn) -> str:
    """IBANs with right check digits, at banks that don't exist."""
    country = draw(st.sampled_from(sorted(_IBANS)))
    bank, digits = _IBANS[country]
    return iban_of(country, bank + _digits(draw, digits))


def _digits(draw: st.DrawFn, length: int) -> str:
    return f"{draw(st.integers(0, 10**length - 1)):0{length}d}"


def texts(alphabet: str = PLAIN, length_max: int = 60) -> st.SearchStrategy[str]:
    """One or more words with single spaces between them: text that no reader should need to tidy."""
    words = st.lists(st.text(alphabet, min_size=1, max_size=12), min_size=1, max_size=8)
    return words.map(lambda parts: " ".join(parts)[:length_max].rstrip())


def amounts(currency: str = "EUR", units_max: int = 10**11) -> st.SearchStrategy[Decimal]:
    """Amounts other than zero, either sign, with exactly the currency's decimal places."""
    places = EXPONENTS[currency]
    return st.integers(-units_max, units_max).filter(bool).map(lambda units: Decimal(units).scaleb(-places))


def _booked_movements(on: date, currency: str, alphabet: str) -> st.SearchStrategy[Movement]:
    """Movements booked on `on`, their id still to be given."""
    return st.builds(
        Movement,
        id=st.just(""),
        booked_on=st.just(on),
        amount=amounts(currency),
        description=texts(alphabet),
        counterparty=st.just("") | texts(alphabet, _OFX_NAME_MAX),
        reference=st.just("") | st.text(PLAIN, min_size=1, max_size=12),
    )


@st.composite
def accounts(draw: st.DrawFn) -> Account:
    """Checking and savings accounts, with an IBAN or a number, in currencies of 0, 2 and 3 decimal places."""
    return Account(
        number=_digits(draw, 10),
        currency=draw(st.sampled_from(("EUR", "USD", "BRL", "GBP", "JPY", "KWD"))),
        kind=draw(st.sampled_from((AccountKind.CHECKING, AccountKind.SAVINGS))),
        iban=draw(st.none() | ibans()),
    )


@st.composite
def accounts_with_movements(draw: st.DrawFn, alphabet: str = PLAIN, count_max: int = 12) -> Statement:
    """A statement of up to `count_max` movements in 2026, in booking order, with texts made of `alphabet`.

    Days repeat often, twins (equal in all but id) happen, the opening balance may be negative, and there may
    be no movement at all. Descriptions are never empty; counterparties and references may be.
    """
    account = draw(accounts())
    start = date(2026, 1, 1) + draw(st.integers(0, 60)) * _DAY
    booked: list[Movement] = []
    on = start
    for number in range(draw(st.integers(0, count_max))):
        on += draw(st.sampled_from((0, 0, 1, 3))) * _DAY
        last = booked[-1] if booked else None
        twin = last if last is not None and last.booked_on == on and draw(st.booleans()) else None
        movement = twin or draw(_booked_movements(on, account.currency, alphabet))
        booked.append(replace(movement, id=f"{on:%y%m%d}{number:06d}"))
    nothing = Decimal(0).scaleb(-EXPONENTS[account.currency])
    opening = draw(st.just(nothing) | amounts(account.currency))
    return Statement(account, opening, booked, start, end=on + draw(st.integers(0, 5)) * _DAY)


# --- As a program ------------------------------------------------------------------------------------------

WRITERS: Final[dict[str, Callable[[BinaryIO, Statement], None]]] = {
    "ofx1": write_ofx1,
    "ofx2": write_ofx2,
    "qif": write_qif,
    "camt053": write_camt053,
    "mt940": write_mt940,
    "bai2": write_bai2,
    "csv": write_csv,
}
"""Format → its writer in the format's commonest style."""


def main(arguments: list[str] | None = None) -> None:
    """Write a generated statement to standard output."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.statements", description=main.__doc__)
    parser.add_argument("format", choices=sorted(WRITERS))
    parser.add_argument("count", type=int, help="how many movements")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--per-day", type=int, help="movements a day (default: at least 25, and at most four years)"
    )
    given = parser.parse_args(arguments)
    # MT940 and BAI2 print two digits of the year: a million movements must not run into the next century.
    per_day = given.per_day or max(25, given.count // 1_400)
    WRITERS[given.format](sys.stdout.buffer, generated(given.count, seed=given.seed, per_day=per_day))


if __name__ == "__main__":
    main()
