"""What the OFX reader promises, on files of the shapes banks send."""

import contextlib
import io
import re
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caudal.model.changes import AccountKind, Unreadable
from caudal.model.errors import Malformed
from caudal.providers.file import ofx, ofx_tokens
from caudal.providers.file.records import Entry, Record, StatementClosed, StatementOpened, Told
from caudal.settings import FileBounds

HEADER = """OFXHEADER:100
DATA:OFXSGML
VERSION:102
SECURITY:NONE
ENCODING:USASCII
CHARSET:1252
COMPRESSION:NONE
OLDFILEUID:NONE
NEWFILEUID:NONE

"""

SIGN_ON = """<SIGNONMSGSRSV1>
<SONRS>
<STATUS>
<CODE>0
<SEVERITY>INFO
</STATUS>
<DTSERVER>20240301
<LANGUAGE>ENG
<FI>
<ORG>Riverbank
<FID>77
</FI>
</SONRS>
</SIGNONMSGSRSV1>
"""

COFFEE = """<STMTTRN>
<TRNTYPE>DEBIT
<DTPOSTED>20240215120000[-5:EST]
<TRNAMT>-3.50
<FITID>A1
<CHECKNUM>104
<NAME>Corner Coffee
<MEMO>Flat white
</STMTTRN>
"""

WAGES = """<STMTTRN>
<TRNTYPE>CREDIT
<DTPOSTED>20240228
<TRNAMT>2100.00
<FITID>A2
<NAME>Mill & Sons
</STMTTRN>
"""


def statement(*movements: str, currency: str = "<CURDEF>EUR", balance: str = "1234.56") -> str:
    return f"""<STMTRS>
{currency}
<BANKACCTFROM>
<BANKID>12345
<ACCTID>998877
<ACCTTYPE>CHECKING
</BANKACCTFROM>
<BANKTRANLIST>
<DTSTART>20240201
<DTEND>20240229
{"".join(movements)}</BANKTRANLIST>
<LEDGERBAL>
<BALAMT>{balance}
<DTASOF>20240301
</LEDGERBAL>
<AVAILBAL>
<BALAMT>1200.00
<DTASOF>20240301
</AVAILBAL>
</STMTRS>
"""


def file_of(*statements: str, header: str = HEADER) -> str:
    answers = "".join(f"<STMTTRNRS>\n<TRNUID>1\n{each}</STMTTRNRS>\n" for each in statements)
    return f"{header}<OFX>\n{SIGN_ON}<BANKMSGSRSV1>\n{answers}</BANKMSGSRSV1>\n</OFX>\n"


SAMPLE = file_of(statement(COFFEE, WAGES))


def as_xml(text: str) -> str:
    """The same file as OFX 2: leaves closed, ampersands escaped, another header."""
    body = text.partition("<OFX>")[2].replace("&", "&amp;")
    closed = re.sub(r"<(\w+)>([^<\n]+)\n", r"<\1>\2</\1>\n", body)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<?OFX OFXHEADER="200" VERSION="211"?>\n<OFX>{closed}'


def read(text: str | bytes, bounds: FileBounds | None = None) -> list[Record]:
    data = text.encode() if isinstance(text, str) else text
    return list(ofx.read(io.BytesIO(data), bounds or FileBounds()))


def entries(records: list[Record]) -> list[Entry]:
    return [record for record in records if isinstance(record, Entry)]


def one_entry(movement: str, **options: str) -> Entry:
    (entry,) = entries(read(file_of(statement(movement, **options))))
    return entry


def one_unreadable(text: str) -> Unreadable:
    (found,) = [record for record in read(text) if isinstance(record, Unreadable)]
    return found


def told(records: list[Record]) -> list[tuple[object, ...]]:
    """What the entries say, without where they stand in the file and how they are written."""
    return [(e.booked_on, e.amount, e.id, e.description, e.counterparty, e.code) for e in entries(records)]


def test_a_statement_is_opened_its_entries_come_in_order_and_it_is_closed() -> None:
    opened, coffee, wages, closed = read(SAMPLE)
    assert isinstance(opened, StatementOpened)
    assert opened.account.id == opened.account.number == "998877"
    assert opened.account.institution == "12345"
    assert opened.account.currency == "EUR"
    assert opened.account.kind is AccountKind.CHECKING
    assert coffee == Entry(
        booked_on=date(2024, 2, 15),
        amount=Decimal("-3.50"),
        line=SAMPLE[: SAMPLE.index("<STMTTRN>")].count("\n") + 1,
        id="A1",
        description="Flat white",
        counterparty="Corner Coffee",
        reference="104",
        code="DEBIT",
        raw=COFFEE.strip(),
    )
    assert isinstance(wages, Entry)
    assert (wages.description, wages.counterparty) == ("Mill & Sons", "Mill & Sons")
    assert closed == StatementClosed(
        closing=Told(Decimal("1234.56"), date(2024, 3, 1)),
        available=Told(Decimal("1200.00"), date(2024, 3, 1)),
        firm=False,
        complete=True,
        start=date(2024, 2, 1),
        end=date(2024, 2, 29),
    )


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(as_xml(SAMPLE), id="xml"),
        pytest.param(SAMPLE.replace("\n", ""), id="one line"),
        pytest.param(as_xml(SAMPLE).replace("\n", ""), id="xml on one line"),
        pytest.param(SAMPLE.replace("\n", "\r\n"), id="crlf"),
        pytest.param(SAMPLE.replace("\n", "\r"), id="lone cr"),
        pytest.param("\n\n" + SAMPLE, id="blank lines before the header"),
        pytest.param(SAMPLE.removeprefix(HEADER), id="no header"),
        pytest.param(SAMPLE.replace(HEADER, HEADER.replace("\n", "")), id="header on one line"),
        pytest.param(re.sub(r"</?[A-Z0-9]+", lambda tag: tag[0].lower(), SAMPLE), id="lower case"),
        pytest.param(re.sub(r"<([A-Z0-9]+)>", r"<\1>\n", SAMPLE), id="values on their own line"),
        pytest.param(re.sub(r"<([A-Z0-9]+)>", r"<\1 >", SAMPLE), id="blank inside tags"),
        pytest.param(SAMPLE.replace("<NAME>", "<!-- <NAME>x -->\n<NAME>"), id="comments"),
        pytest.param(SAMPLE.replace("Mill & Sons", "<![CDATA[Mill & Sons]]>"), id="cdata"),
        pytest.param(SAMPLE.replace("<MEMO>", "<SIC/>\n<VENDOR.TAG>7\n<MEMO>"), id="tags nobody knows"),
        pytest.param(SAMPLE.replace("</STMTTRN>\n", ""), id="records without their end tag"),
        pytest.param(SAMPLE.replace("</BANKTRANLIST>", "</BANKTRANLIST></BANKTRANLIST>"), id="stray end tag"),
        pytest.param(SAMPLE.replace("</STMTTRN>\n", "</STMTTRN>\nPage 2\n"), id="garbage between records"),
        pytest.param(SAMPLE.removesuffix("</OFX>\n"), id="only the last end tag missing"),
    ],
)
def test_however_a_file_is_written_it_tells_the_same(text: str) -> None:
    found = read(text)
    assert told(found) == told(read(SAMPLE))
    assert isinstance(found[-1], StatementClosed)
    assert found[-1].closing == Told(Decimal("1234.56"), date(2024, 3, 1))


@pytest.mark.parametrize("chunk_bytes", [1, 5, 64, 333])
def test_where_a_chunk_ends_changes_nothing(monkeypatch: pytest.MonkeyPatch, chunk_bytes: int) -> None:
    text = SAMPLE.replace("Corner Coffee", "AT<T <!-- c --> ü <3").replace("Flat", "<![CDATA[a<b]]>")
    whole = read(text)
    assert entries(whole)[0].counterparty == "AT<T ü <3"
    assert entries(whole)[0].description == "a<b white"
    monkeypatch.setattr(ofx_tokens, "_CHUNK_BYTES", chunk_bytes)
    assert read(text) == whole


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
def test_text_is_read_in_the_encoding_the_bytes_show_not_the_one_declared(encoding: str) -> None:
    text = SAMPLE.replace("Corner Coffee", "Café Zoë")
    assert entries(read(text.encode(encoding)))[0].counterparty == "Café Zoë"


@pytest.mark.parametrize(
    ("charset", "codec"),
    [("8859-1", "latin-1"), ("ISO-8859-15", "iso-8859-15"), ("NONE", "cp1252"), ("hex", "cp1252")],
)
def test_charsets_are_understood_however_banks_name_them(charset: str, codec: str) -> None:
    text = SAMPLE.replace("CHARSET:1252", f"CHARSET:{charset}").replace("Corner", "Façade")
    assert entries(read(text.encode(codec)))[0].counterparty == "Façade Coffee"


def test_a_stray_byte_is_read_in_another_encoding_for_its_own_element_alone() -> None:
    many = [COFFEE.replace("Corner", "Ünder")] * 800
    data = file_of(statement(*many, many[0].replace("Flat", "Creme"))).encode().replace(b"Creme", b"Cr\xe8me")
    last = entries(read(data))[-1]
    assert (last.counterparty, last.description) == ("Ünder Coffee", "Crème white")


def test_a_declared_charset_holds_even_where_the_file_begins_in_plain_ascii() -> None:
    text = file_of(statement(*[COFFEE] * 800, COFFEE.replace("Flat white", "Кофе")))
    data = text.replace("CHARSET:1252", "CHARSET:1251").encode("cp1251")
    assert entries(read(data))[-1].description == "Кофе"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (SAMPLE, "ofx1"),
        (as_xml(SAMPLE), "ofx2"),
        ("\n \n" + SAMPLE, "ofx1"),
        ("<ofx>\n<signonmsgsrsv1>", "ofx1"),
        ('<?xml version="1.0"?>\n<OFX>', "ofx2"),
        ("\ufeff" + SAMPLE, "ofx1"),
        ('<?xml version="1.0"?>\n<Document>', None),
        ("Date;Amount\n2024-01-01;3", None),
        ("", None),
    ],
)
def test_the_format_is_told_from_the_first_bytes(head: str, expected: str | None) -> None:
    assert ofx.detect(head.encode()) == expected
    assert ofx.detect(head.encode("utf-16")) == expected


@pytest.mark.parametrize(
    ("printed", "amount"),
    [
        ("+12.30", "12.30"),
        ("-2000,00", "-2000.00"),
        ("1,234.56", "1234.56"),
        ("-1.234,56", "-1234.56"),
        ("1 234,56", "1234.56"),
        ("1\N{NO-BREAK SPACE}234\N{NO-BREAK SPACE}567,5", "1234567.5"),
        ("1'234.50", "1234.50"),
        ("1.234.567", "1234567"),
        ("- 7,5", "-7.5"),
        ("\N{MINUS SIGN}7.5", "-7.5"),
        (".75", "0.75"),
        ("12.", "12"),
        ("0,125", "0.125"),
        ("1234,567", "1234.567"),
        ("+00000000000012.5000", "12.5000"),
        ("1266.56372960083246", "1266.56372960083246"),
    ],
)
def test_amounts_are_exact_with_either_decimal_mark(printed: str, amount: str) -> None:
    assert one_entry(COFFEE.replace("-3.50", printed)).amount == Decimal(amount)


@pytest.mark.parametrize(
    "printed", ["$120", ".", "", "-", "1,234", "1,2,3", "NaN", "1e5", "1_000", "(5.00)", "5-", "٣", "9" * 99]
)
def test_an_amount_that_can_be_read_in_two_ways_or_none_is_kept_unreadable(printed: str) -> None:
    text = file_of(statement(COFFEE.replace("-3.50", printed), WAGES))
    assert "amount" in one_unreadable(text).why
    assert [entry.id for entry in entries(read(text))] == ["A2"]


def test_a_record_without_an_amount_is_kept_unreadable_with_its_line_and_text() -> None:
    movement = COFFEE.replace("<TRNAMT>-3.50\n", "")
    found = one_unreadable(file_of(statement(movement)))
    assert found.raw == movement.strip()
    assert found.where == f"line {SAMPLE[: SAMPLE.index('<STMTTRN>')].count(chr(10)) + 1}"
    assert found.why == "the transaction has no amount"


def test_two_records_that_ran_together_are_never_read_as_one() -> None:
    text = file_of(statement(COFFEE.replace("</STMTTRN>\n", "") + WAGES.replace("<STMTTRN>\n", "")))
    assert "more than one" in one_unreadable(text).why
    assert entries(read(text)) == []


@pytest.mark.parametrize("printed", ["20240215", "20240215235959.999[+14:LINT]", "2024-02-15", " 20240215 "])
def test_the_day_is_the_one_printed_whatever_its_zone(printed: str) -> None:
    movement = COFFEE.replace("20240215120000[-5:EST]", printed)
    assert one_entry(movement).booked_on == date(2024, 2, 15)


def test_a_zero_date_falls_back_to_the_next_best_one() -> None:
    movement = COFFEE.replace("20240215120000[-5:EST]", "00000000\n<DTUSER>20240214")
    assert one_entry(movement).booked_on == date(2024, 2, 14)


@pytest.mark.parametrize("printed", ["00000000", "", "201120000000", "20240230", "yesterday"])
def test_a_record_without_a_day_is_kept_unreadable(printed: str) -> None:
    text = file_of(statement(COFFEE.replace("20240215120000[-5:EST]", printed)))
    assert one_unreadable(text).raw
    assert entries(read(text)) == []


def test_currency_says_what_the_amount_is_in_and_origcurrency_what_it_was_in() -> None:
    rate = "<{0}>\n<CURRATE>1.1\n<CURSYM>USD\n</{0}>\n</STMTTRN>"
    assert one_entry(COFFEE.replace("</STMTTRN>", rate.format("CURRENCY"))).currency == "USD"
    assert one_entry(COFFEE.replace("</STMTTRN>", rate.format("ORIGCURRENCY"))).currency is None


def test_an_amount_in_no_known_currency_is_kept_unreadable() -> None:
    movement = COFFEE.replace("</STMTTRN>", "<CURRENCY><CURSYM>DOLLARS</CURRENCY></STMTTRN>")
    assert "DOLLARS" in one_unreadable(file_of(statement(movement))).why


@pytest.mark.parametrize("currency", ["", "<CURDEF>", "<CURDEF></CURDEF>", "<CURDEF/>", "<CURDEF>Euro"])
def test_a_currency_the_file_does_not_name_is_none(currency: str) -> None:
    opened, *rest = read(file_of(statement(COFFEE, currency=currency)))
    assert isinstance(opened, StatementOpened)
    assert opened.account.currency is None
    assert len(entries(rest)) == 1


def test_an_account_told_after_its_transactions_is_waited_for() -> None:
    account = SAMPLE[SAMPLE.index("<BANKACCTFROM>") : SAMPLE.index("<BANKTRANLIST>")]
    text = SAMPLE.replace(account, "").replace("<CURDEF>EUR\n", "")
    text = text.replace("</STMTRS>", f"{account}<CURDEF>EUR\n</STMTRS>")
    opened, *rest = read(text)
    assert isinstance(opened, StatementOpened)
    assert (opened.account.id, opened.account.currency) == ("998877", "EUR")
    assert [type(record) for record in rest] == [Entry, Entry, StatementClosed]


def test_an_account_told_too_late_is_refused_and_not_mixed_up() -> None:
    text = SAMPLE.replace("<CURDEF>EUR\n", "").replace("</STMTRS>", "<CURDEF>EUR\n</STMTRS>")
    with pytest.raises(Malformed, match="too long after"):
        read(text, FileBounds(record_bytes_max=200))


def test_every_account_of_a_file_is_its_own_statement() -> None:
    other = statement(WAGES, balance="7.00").replace("998877", "112233").replace("CHECKING", "SAVINGS")
    found = read(file_of(statement(COFFEE), other))
    opened = [record for record in found if isinstance(record, StatementOpened)]
    closed = [record for record in found if isinstance(record, StatementClosed)]
    assert [(each.account.id, each.account.kind) for each in opened] == [
        ("998877", AccountKind.CHECKING),
        ("112233", AccountKind.SAVINGS),
    ]
    assert [each.closing.amount for each in closed if each.closing] == [Decimal("1234.56"), Decimal("7.00")]


@pytest.mark.parametrize(
    ("printed", "kind"),
    [
        ("MONEYMRKT", AccountKind.SAVINGS),
        ("CD", AccountKind.SAVINGS),
        ("CREDITLINE", AccountKind.LOAN),
        ("", AccountKind.OTHER),
    ],
)
def test_the_kind_of_account_is_its_accttype(printed: str, kind: AccountKind) -> None:
    opened = read(SAMPLE.replace("CHECKING", printed))[0]
    assert isinstance(opened, StatementOpened)
    assert opened.account.kind is kind


def test_an_iban_is_told_apart_from_a_domestic_number() -> None:
    opened = read(SAMPLE.replace("998877", "DE89 3704 0044 0532 0130 00"))[0]
    assert isinstance(opened, StatementOpened)
    assert opened.account.iban == "DE89370400440532013000"
    assert opened.account.number is None


def test_a_card_statement_is_read_and_names_the_institution_of_the_sign_on() -> None:
    text = SAMPLE.replace("BANKMSGS", "CREDITCARDMSGS").replace("STMTTRNRS", "CCSTMTTRNRS")
    text = text.replace("STMTRS", "CCSTMTRS").replace("BANKACCTFROM", "CCACCTFROM")
    text = (
        text.replace("<BANKID>12345\n", "").replace("<ACCTTYPE>CHECKING\n", "").replace("1234.56", "-88.10")
    )
    opened, *_, closed = read(text)
    assert isinstance(opened, StatementOpened)
    assert isinstance(closed, StatementClosed)
    assert opened.account.kind is AccountKind.CARD
    assert opened.account.institution == "Riverbank"
    assert closed.closing == Told(Decimal("-88.10"), date(2024, 3, 1))


def test_pending_movements_are_marked_and_dated_by_dttran() -> None:
    pending = "<STMTTRNP><TRNTYPE>POS<DTTRAN>20240229<TRNAMT>-9.99<NAME>Kiosk</STMTTRNP>"
    text = SAMPLE.replace(
        "<LEDGERBAL>", f"<BANKTRANLISTP><DTASOF>20240301{pending}</BANKTRANLISTP><LEDGERBAL>"
    )
    found = entries(read(text))
    assert [entry.pending for entry in found] == [False, False, True]
    assert found[-1].booked_on == date(2024, 2, 29)


def test_cash_of_an_investment_account_is_booked_and_holdings_are_kept_aside() -> None:
    bought = """<BUYSTOCK>
<INVBUY><INVTRAN><FITID>B1<DTTRADE>20240210</INVTRAN><SECID><UNIQUEID>X<UNIQUEIDTYPE>CUSIP</SECID>
<UNITS>10<UNITPRICE>5<TOTAL>-50.00<SUBACCTSEC>CASH<SUBACCTFUND>CASH</INVBUY><BUYTYPE>BUY
</BUYSTOCK>"""
    cash = f"<INVBANKTRAN>\n{WAGES}<SUBACCTFUND>CASH\n</INVBANKTRAN>"
    body = f"""<INVSTMTRS><DTASOF>20240301<CURDEF>USD
<INVACCTFROM><BROKERID>broker.example<ACCTID>I-1</INVACCTFROM>
<INVTRANLIST><DTSTART>20240201<DTEND>20240229{bought}{cash}</INVTRANLIST>
<INVPOSLIST><POSSTOCK><INVPOS><UNITS>10<MKTVAL>55<MEMO>x</INVPOS></POSSTOCK></INVPOSLIST>
<INVBAL><AVAILCASH>300.00<MARGINBALANCE>0<BALLIST><BAL><VALUE>1<DTASOF>20200101</BAL></BALLIST></INVBAL>
</INVSTMTRS>"""
    opened, kept, entry, closed = read(file_of(body))
    assert isinstance(opened, StatementOpened)
    assert (opened.account.kind, opened.account.institution) == (AccountKind.INVESTMENT, "broker.example")
    assert isinstance(kept, Unreadable)
    assert kept.why == "investment record BUYSTOCK is kept as it came: holdings are not booked as cash"
    assert kept.raw == bought
    assert isinstance(entry, Entry)
    assert (entry.amount, entry.id, entry.raw) == (Decimal("2100.00"), "A2", cash)
    assert isinstance(closed, StatementClosed)
    assert closed.available == Told(Decimal("300.00"), date(2024, 3, 1))
    assert closed.closing is None


def test_investment_records_do_not_count_as_unreadable() -> None:
    bought = "<SPLIT><INVTRAN><FITID>1</INVTRAN></SPLIT>"
    found = read(file_of(statement(*[bought] * 5)), FileBounds(unreadable_max=1))
    assert sum(isinstance(record, Unreadable) for record in found) == 5


def test_a_withdrawn_transaction_is_not_booked() -> None:
    movement = COFFEE.replace("<CHECKNUM>", "<CORRECTFITID>A0\n<CORRECTACTION>DELETE\n<CHECKNUM>")
    assert "takes back FITID A0" in one_unreadable(file_of(statement(movement))).why


def test_a_transfer_order_names_an_account_but_books_nothing() -> None:
    order = """<INTRARS><CURDEF>USD<SRVRTID>1<XFERINFO><BANKACCTFROM><BANKID>1<ACCTID>A<ACCTTYPE>CHECKING
</BANKACCTFROM><BANKACCTTO><BANKID>1<ACCTID>B<ACCTTYPE>SAVINGS</BANKACCTTO><TRNAMT>200.00</XFERINFO></INTRARS>"""
    opened, kept, closed = read(file_of(order))
    assert isinstance(opened, StatementOpened)
    assert (opened.account.id, opened.account.kind) == ("A", AccountKind.CHECKING)
    assert isinstance(kept, Unreadable)
    assert kept.raw == order
    assert closed == StatementClosed(firm=False, complete=False)


def test_a_refused_sign_on_says_the_banks_code_and_message() -> None:
    refused = SIGN_ON.replace("<CODE>0", "<CODE>15500").replace("INFO", "ERROR\n<MESSAGE>Wrong password")
    (found,) = read(f"{HEADER}<OFX>\n{refused}</OFX>")
    assert isinstance(found, Unreadable)
    assert found.why == "the bank answered with an error: 15500 Wrong password"


def test_an_answer_without_statements_yields_nothing() -> None:
    assert read(f"{HEADER}<OFX>\n{SIGN_ON}</OFX>") == []


@pytest.mark.parametrize("balance", ["", " ", "</BALAMT>"])
def test_an_empty_balance_is_no_balance(balance: str) -> None:
    closed = read(file_of(statement(COFFEE, balance=balance)))[-1]
    assert isinstance(closed, StatementClosed)
    assert closed.closing is None


def test_a_balance_that_is_no_amount_is_shown() -> None:
    assert "LEDGERBAL" in one_unreadable(file_of(statement(COFFEE, balance="about 5"))).why


def test_a_balance_with_a_zero_date_keeps_its_amount() -> None:
    closed = read(SAMPLE.replace("<DTASOF>20240301", "<DTASOF>00000000"))[-1]
    assert isinstance(closed, StatementClosed)
    assert closed.closing == Told(Decimal("1234.56"), None)


def test_a_file_from_new_to_old_says_so() -> None:
    closed = read(file_of(statement(WAGES, COFFEE)))[-1]
    assert isinstance(closed, StatementClosed)
    assert closed.newest_first


def test_entities_are_resolved_once_and_text_becomes_one_line() -> None:
    movement = COFFEE.replace("Corner Coffee", "A &amp;amp; B&#233;&#xE9;&nbsp;&lt;C&gt;").replace(
        "Flat white", "Flat\n   white &unknown; &#0; &"
    )
    entry = one_entry(movement)
    assert entry.counterparty == "A &amp; Béé <C>"
    assert entry.description == "Flat white &unknown; &#0; &"


def test_a_payee_aggregate_names_the_counterparty() -> None:
    payee = "<PAYEE>\n<NAME>Corner Coffee\n<ADDR1>Quay 1\n</PAYEE>\n<BANKACCTTO><ACCTID>5</BANKACCTTO>"
    assert one_entry(COFFEE.replace("<NAME>Corner Coffee", payee)).counterparty == "Corner Coffee"


def test_a_statement_without_its_end_tag_does_not_claim_to_be_complete() -> None:
    closed = read(SAMPLE.replace("</STMTRS>", ""))[-1]
    assert isinstance(closed, StatementClosed)
    assert not closed.complete


@pytest.mark.parametrize("text", [SAMPLE, as_xml(SAMPLE), SAMPLE.replace("\n", "")])
def test_a_file_cut_off_anywhere_is_refused_with_its_line(text: str) -> None:
    body_end = text.index("</BANKMSGSRSV1>") + len("</BANKMSGSRSV1>")
    for end in range(body_end):
        with pytest.raises(Malformed) as refused:
            read(text[:end])
        assert re.match(r"line \d+", refused.value.where)


@pytest.mark.parametrize(
    "text",
    [
        '<?xml version="1.0"?><!DOCTYPE OFX [<!ENTITY a "aaaa">]><OFX></OFX>',
        SAMPLE.replace("Flat", '<!ENTITY b SYSTEM "file:///etc/passwd">'),
    ],
)
def test_a_document_type_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match="document type"):
        read(text)


@pytest.mark.parametrize("text", ["", "hello", "Date,Amount\n", "<html><body>Not here</body></html>"])
def test_what_is_not_ofx_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match="not an OFX file"):
        read(text)


def test_a_nul_byte_is_refused_with_its_line() -> None:
    with pytest.raises(Malformed, match=r"line 3: .*NUL"):
        read("OFXHEADER:100\n\n\0" + SAMPLE)


def test_text_beyond_its_bound_is_refused() -> None:
    with pytest.raises(Malformed, match="longer than"):
        read(SAMPLE.replace("<CURDEF>EUR", "<CURDEF>" + "E" * 500), FileBounds(line_bytes_max=400))


def test_a_record_beyond_its_bound_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ofx_tokens, "_CHUNK_BYTES", 512)
    text = file_of(statement(COFFEE.replace("<MEMO>", "<MEMO>x\n" * 500)))
    with pytest.raises(Malformed, match="STMTTRN is longer than 2000 bytes"):
        read(text, FileBounds(record_bytes_max=2000))


def test_a_file_of_nothing_but_unreadable_records_is_refused() -> None:
    text = file_of(statement(*[COFFEE.replace("-3.50", "?")] * 4))
    with pytest.raises(Malformed, match="more than 3 records"):
        read(text, FileBounds(unreadable_max=3))


def test_a_file_on_one_line_may_be_longer_than_a_line() -> None:
    text = file_of(statement(*[COFFEE] * 50)).replace("\n", "")
    assert len(entries(read(text, FileBounds(line_bytes_max=500)))) == 50


@given(st.binary(max_size=400))
def test_no_bytes_at_all_end_in_another_error_than_malformed(data: bytes) -> None:
    ofx.detect(data)
    _read_or_refuse(data)


@given(
    st.lists(
        st.sampled_from(
            [
                *re.findall(r"<[^<]*", SAMPLE),
                "<",
                ">",
                "<!--",
                "-->",
                "<![CDATA[",
                "]]>",
                "&#xD800;",
                "\0",
                "é",
                "/>",
            ]
        ),
        max_size=60,
    )
)
def test_no_order_of_elements_ends_in_another_error_than_malformed(parts: list[str]) -> None:
    _read_or_refuse("".join(parts).encode())


@given(st.integers(0, len(SAMPLE)), st.integers(0, 40), st.binary(max_size=12))
def test_no_damage_ends_in_another_error_than_malformed(at: int, gone: int, put: bytes) -> None:
    data = SAMPLE.encode()
    _read_or_refuse(data[:at] + put + data[at + gone :])


def _read_or_refuse(data: bytes) -> None:
    with contextlib.suppress(Malformed):
        for record in read(data):
            if isinstance(record, Entry):
                assert record.amount.is_finite()
                record.description.encode()
