"""Reading statements from CSV, whatever bank made it."""

import io
import tracemalloc
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caudal.model.changes import AccountKind, Unreadable
from caudal.model.errors import Malformed
from caudal.providers.file.csv import Mapping, detect, parse_mapping, propose, read
from caudal.providers.file.csv.evidence import ACCOUNTS_MAX
from caudal.providers.file.records import Entry, Record, StatementClosed, StatementOpened, Told
from caudal.settings import FileBounds


def told(text: str | bytes, mapping: Mapping | None = None, bounds: FileBounds | None = None) -> list[Record]:
    data = text.encode() if isinstance(text, str) else text
    return list(read(io.BytesIO(data), bounds or FileBounds(), mapping))


def entries(records: list[Record]) -> list[Entry]:
    return [record for record in records if isinstance(record, Entry)]


def amounts(records: list[Record]) -> list[str]:
    return [str(entry.amount) for entry in entries(records)]


def unreadable(records: list[Record]) -> list[Unreadable]:
    return [record for record in records if isinstance(record, Unreadable)]


def opened(records: list[Record]) -> StatementOpened:
    return next(record for record in records if isinstance(record, StatementOpened))


def closed(records: list[Record]) -> StatementClosed:
    return next(record for record in records if isinstance(record, StatementClosed))


GERMAN = (
    "Girokonto DE89 3704 0044 0532 0130 00;;;;\n"
    "Zeitraum: 01.02.2024 - 29.02.2024;;;;\n"
    "\n"
    "Buchungstag;Wertstellung;Empfänger;Verwendungszweck;Betrag;Saldo\n"
    '02.02.2024;01.02.2024;Bäcker;"Brot; Kuchen";-12,50;1.087,50\n'
    "05.02.2024;05.02.2024;Arbeit;Gehalt;2.000,00;3.087,50\n"
)


def test_a_german_export_is_read_without_being_described() -> None:
    records = told(GERMAN)
    first, second = entries(records)
    assert (first.booked_on, first.value_on) == (date(2024, 2, 2), date(2024, 2, 1))
    assert (str(first.amount), str(second.amount)) == ("-12.50", "2000.00")
    assert (first.description, first.counterparty) == ("Brot; Kuchen", "Bäcker")
    assert first.balance_after == Decimal("1087.50")
    assert first.line == 5
    assert first.raw == '02.02.2024;01.02.2024;Bäcker;"Brot; Kuchen";-12,50;1.087,50'
    assert opened(records).account.iban == "DE89370400440532013000"
    end = closed(records)
    assert end.opening == Told(Decimal("1100.00"), date(2024, 2, 1))
    assert end.closing == Told(Decimal("3087.50"), date(2024, 2, 5))
    assert end.complete


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_encoding_and_line_ends_make_no_difference(encoding: str, line_end: str) -> None:
    records = told(GERMAN.replace("\n", line_end).encode(encoding))
    assert [entry.counterparty for entry in entries(records)] == ["Bäcker", "Arbeit"]
    assert [entry.line for entry in entries(records)] == [5, 6]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(delimiter: str) -> None:
    rows = [["Date", "Text", "Amount"], ["2024-01-02", "a", "-1.50"], ["2024-01-03", "b", "3.00"]]
    assert amounts(told("\n".join(delimiter.join(row) for row in rows))) == ["-1.50", "3.00"]


def test_the_newest_first_is_told_by_the_running_balances_even_within_one_day() -> None:
    end = closed(
        told(
            "Date,Text,Amount,Balance\n2024-01-02,c,-3.00,95.00\n2024-01-02,b,-1.00,98.00\n2024-01-02,a,-1.00,99.00\n"
        )
    )
    assert end.newest_first
    assert end.opening is not None
    assert end.closing is not None
    assert (end.opening.amount, end.closing.amount) == (Decimal(100), Decimal("95.00"))


def test_balances_that_do_not_chain_are_not_told_as_opening_or_closing() -> None:
    records = told(
        "Date,Text,Amount,Balance\n2024-01-02,a,-3.00,95.00\n2024-01-05,b,-1.00,20.00\n2024-01-09,c,-1.00,7.00\n"
    )
    assert (closed(records).opening, closed(records).closing) == (None, None)
    assert not closed(records).complete
    assert entries(records)[0].balance_after == Decimal("95.00")


def test_one_day_above_twelve_settles_the_order_of_every_date() -> None:
    records = told("Date,Text,Amount\n01/02/2024,a,1.00\n02/02/2024,b,1.00\n13/02/2024,c,1.00\n")
    assert [entry.booked_on.month for entry in entries(records)] == [2, 2, 2]
    records = told("Date,Text,Amount\n02/01/2024,a,1.00\n02/13/2024,c,1.00\n")
    assert [entry.booked_on.month for entry in entries(records)] == [2, 2]


def test_an_undecidable_date_is_day_first_unless_the_file_looks_american() -> None:
    assert entries(told("Data;Texto;Valor\n01/02/2024;a;1,00\n"))[0].booked_on == date(2024, 2, 1)
    american = told("Date,Description,Amount\n01/02/2024,a,$1.00\n")
    assert entries(american)[0].booked_on == date(2024, 1, 2)
    assert opened(american).account.currency == "USD"


def test_undecidable_dates_take_the_order_that_sorts_them() -> None:
    rows = "".join(f"0{month}/0{day}/2024,x,1.00\n" for month, day in ((1, 5), (2, 3), (3, 1), (4, 2)))
    months = [entry.booked_on.month for entry in entries(told(f"Date,Text,Amount\n{rows}"))]
    assert months == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("row", "amount"),
    [
        ("10.00,", "-10.00"),
        ("-10.00,", "-10.00"),
        (",10.00", "10.00"),
        ("0.00,10.00", "10.00"),
        ("10.00,0.00", "-10.00"),
    ],
)
def test_debit_and_credit_columns_give_the_sign(row: str, amount: str) -> None:
    assert amounts(told(f"Date,Text,Debit,Credit\n2024-01-02,x,{row}\n2024-01-03,y,,1.00\n"))[0] == amount


def test_a_debit_of_the_other_sign_is_not_guessed() -> None:
    records = told(
        "Date,Text,Debit,Credit\n2024-01-02,x,5.00,\n2024-01-03,y,-1.00,\n2024-01-04,z,1.00,2.00\n"
    )
    assert amounts(records) == ["-5.00"]
    assert [item.where for item in unreadable(records)] == ["line 3", "line 4"]


def test_a_direction_column_signs_unsigned_amounts() -> None:
    records = told(
        "Date,Text,Amount,Type\n2024-01-02,x,10.00,DR\n2024-01-03,y,5.00,CR\n2024-01-04,z,5.00,??\n"
    )
    assert amounts(records) == ["-10.00", "5.00"]
    assert "neither in nor out" in unreadable(records)[0].why


def test_a_garbled_row_is_kept_aside_and_the_rest_goes_in() -> None:
    records = told(
        "Date,Text,Amount\n2024-01-02,a,1.00\n2024-01-03,b,12..34\n2024-13-03,c,5.00\n2024-01-05,d,2.00\n"
    )
    assert amounts(records) == ["1.00", "2.00"]
    first, second = unreadable(records)
    assert (first.where, first.raw) == ("line 3", "2024-01-03,b,12..34")
    assert "“Amount” is not an amount" in first.why
    assert "“Date” is not a date" in second.why


def test_totals_notes_and_repeated_headers_are_no_movements() -> None:
    records = told(
        "Date,Text,Amount\n2024-01-02,a,1.00\nDate,Text,Amount\n2024-01-03,b,2.00\n,Total,3.00\n\nthe end\n"
    )
    assert amounts(records) == ["1.00", "2.00"]
    assert unreadable(records) == []


def test_an_amount_without_a_date_is_not_dropped_in_silence() -> None:
    records = told("Date,Text,Amount\n2024-01-02,a,1.00\n2024-01-03,a,1.00\n,b,2.00\n")
    assert [item.where for item in unreadable(records)] == ["line 4"]


def test_a_row_with_shifted_columns_is_not_read() -> None:
    records = told("Date,Text,Amount,Note\n2024-01-02,a,1.00,\n2024-01-03,b, c,2.00,n\n2024-01-04,d,3.00\n")
    assert amounts(records) == ["1.00", "3.00"]
    assert "5 cells" in unreadable(records)[0].why


def test_a_row_cut_at_the_end_of_the_file_is_not_read_as_whole() -> None:
    records = told("Date,Text,Amount,Note\n2024-01-02,a,1.00,x\n2024-01-03,b,2.0")
    assert amounts(records) == ["1.00"]
    assert "cut" in unreadable(records)[0].why


def test_quoted_line_ends_belong_to_the_text_and_to_the_raw_record() -> None:
    records = told('Date,Text,Amount\n2024-01-02,"a\nb ""c""",1.00\n2024-01-03,d,2.00\n')
    first, second = entries(records)
    assert first.description == 'a b "c"'
    assert first.raw == '2024-01-02,"a\nb ""c""",1.00'
    assert (first.line, second.line) == (2, 4)


def test_a_quote_never_closed_is_refused_with_the_line_that_opened_it() -> None:
    with pytest.raises(Malformed, match="line 3: opens a quote"):
        told('Date,Text,Amount\n2024-01-02,a,1.00\n2024-01-03,"b,2.00\n2024-01-04,c,3.00\n')


def test_a_stray_quote_that_swallows_rows_is_refused() -> None:
    rows = "".join(f"2024-01-0{day},x,{day}.00\n" for day in range(4, 8))
    with pytest.raises(Malformed, match=r"line 3: opens a quote.*swallows"):
        told(f'Date,Text,Amount\n2024-01-02,a,1.00\n2024-01-03,"b,2.00\n{rows}2024-01-08,c",3.00\n')


def test_a_quote_that_swallows_a_large_file_is_refused_within_bounds() -> None:
    filler = "some text without an end\n" * 20_000
    with pytest.raises(Malformed, match="line 2"):
        told(f'Date,Text,Amount\n2024-01-02,"a{filler}')


def test_a_record_may_cross_the_blocks_a_file_is_read_in() -> None:
    filler = "".join(f"2024-01-02,{'x' * 90},1.00\n" for _ in range(2_700))
    tail = '2024-01-03,"' + "line\n" * 2_000 + '",2.00\n2024-01-04,end,3.00\n'
    found = entries(told(f"Date,Text,Amount\n{filler}{tail}"))
    assert len(found) == 2_702
    assert found[-2].raw == tail.partition("\n2024-01-04")[0]
    assert found[-1].line == 2_701 + 2_001 + 1


def test_a_header_without_rows_is_a_statement_without_entries() -> None:
    records = told("Date,Description,Amount\n")
    assert [type(record) for record in records] == [StatementOpened, StatementClosed]


@pytest.mark.parametrize("data", [b"", b"\n\n", b"  "])
def test_an_empty_file_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        told(data)


def test_a_currency_column_names_the_statement_or_each_entry() -> None:
    one = told("Date,Text,Amount,Currency\n2024-01-02,a,1.00,eur\n2024-01-03,b,1.00,EUR\n")
    assert opened(one).account.currency == "EUR"
    assert {entry.currency for entry in entries(one)} == {None}
    two = told(
        "Date,Text,Amount,Currency\n2024-01-02,a,1.00,EUR\n2024-01-03,b,1.00,USD\n2024-01-03,b,1.00,GOLD\n"
    )
    assert opened(two).account.currency is None
    assert [entry.currency for entry in entries(two)] == ["EUR", "USD"]
    assert "not a currency" in unreadable(two)[0].why


def test_the_header_may_name_the_currency() -> None:
    assert opened(told("Data;Texto;Valor (R$)\n01/02/2024;a;1,00\n")).account.currency == "BRL"
    assert opened(told("Datum;Text;Betrag in EUR\n01.02.2024;a;1,00\n")).account.currency == "EUR"


def test_interleaved_accounts_become_statements_of_their_own() -> None:
    records = told(
        "Account,Date,Text,Amount\nA1,2024-01-02,a,1.00\nB2,2024-01-02,b,2.00\nA1,2024-01-03,c,3.00\nB2,2024-01-04,d,oops\n"
        "A1,2024-01-05,e,5.00\n"
    )
    by_account: dict[str | None, list[str]] = {}
    current: str | None = None
    for record in records:
        if isinstance(record, StatementOpened):
            current = record.account.id
        elif isinstance(record, Entry):
            by_account.setdefault(current, []).append(record.description)
    assert by_account == {"A1": ["a", "c", "e"], "B2": ["b"]}
    assert [item.where for item in unreadable(records)] == ["line 5"]


def test_more_accounts_than_the_bound_are_refused() -> None:
    rows = "".join(f"A{i % 40},2024-01-02,x,1.00\n" for i in range(200))
    with pytest.raises(Malformed, match=f"more than {ACCOUNTS_MAX} accounts"):
        told(f"Account,Date,Text,Amount\n{rows}", Mapping(date="Date", amount="Amount", account="Account"))


def test_pending_is_marked_and_what_never_happened_is_kept_aside() -> None:
    records = told(
        "Date,Text,Amount,Status\n2024-01-02,a,1.00,Completed\n2024-01-03,b,2.00,Pending\n2024-01-04,c,3.00,DECLINED\n"
    )
    assert [(entry.description, entry.pending) for entry in entries(records)] == [("a", False), ("b", True)]
    assert unreadable(records)[0].why == "declined: not a movement"


def test_a_brazilian_card_bill_prints_spending_positive() -> None:
    records = told("date,title,amount\n2024-05-02,Padaria,12.50\n2024-05-03,Pagamento recebido,-100\n")
    assert amounts(records) == ["-12.50", "100"]
    account = opened(records).account
    assert (account.name, account.kind, account.currency) == ("Nubank card", AccountKind.CARD, "BRL")
    assert opened(records).id == "layout:Nubank card"


def test_an_unknown_card_bill_is_inverted_only_on_the_evidence_of_its_payments() -> None:
    rows = "2024-05-02,Shop,12.50\n2024-05-03,Bar,3.00\n"
    assert amounts(told(f"Date,Merchant,Amount\n{rows}2024-05-04,Payment received,-15.50\n"))[-1] == "15.50"
    assert amounts(told(f"Date,Merchant,Amount\n{rows}2024-05-04,Refund,-15.50\n"))[-1] == "-15.50"


def test_a_fee_column_is_part_of_the_movement() -> None:
    header = "Type,Product,Started Date,Completed Date,Description,Amount,Fee,Currency,State,Balance\n"
    records = told(
        header
        + "TRANSFER,Current,2024-01-02 10:00:01,2024-01-03 01:00:00,Rent,-100.00,1.50,EUR,COMPLETED,98.50\n"
        + "TRANSFER,Current,2024-01-04 10:00:01,2024-01-04 11:00:00,Pay,50.00,0.00,EUR,COMPLETED,148.50\n"
        + "TRANSFER,Current,2024-01-05 10:00:01,,Rent,-100.00,1.50,EUR,REVERTED,\n"
    )
    assert amounts(records) == ["-101.50", "50.00"]
    end = closed(records)
    assert end.opening is not None
    assert end.opening.amount == 200
    assert "reverted" in unreadable(records)[0].why


def test_balance_rows_among_the_movements_are_balances() -> None:
    records = told(
        '"Data","Dependencia Origem","Histórico","Data do Balancete","Número do documento","Valor",\n'
        '"31/07/2024","","Saldo Anterior","","0","1000.00",\n'
        '"13/08/2024","1-9","Compra","","7","-50.00",\n'
        '"31/08/2024","","S A L D O","","0","950.00",\n'
    )
    assert amounts(records) == ["-50.00"]
    assert closed(records).opening == Told(Decimal("1000.00"), date(2024, 7, 31))
    assert closed(records).closing == Told(Decimal("950.00"), date(2024, 8, 31))


def test_a_summary_before_the_header_is_not_taken_for_rows() -> None:
    records = told(
        'Description,,Summary Amt.\nBeginning balance as of 01/01/2024,,"100.00"\nTotal credits,,"5.00"\n\n'
        'Date,Description,Amount,Running Bal.\n01/01/2024,Beginning balance as of 01/01/2024,,"100.00"\n'
        '01/20/2024,"Pay","5.00","105.00"\n'
    )
    assert amounts(records) == ["5.00"]
    assert opened(records).account.institution == "Bank of America"
    assert closed(records).complete


def test_a_file_without_a_header_is_read_by_its_cells() -> None:
    records = told("2024-01-02,-12.00,88.00,Shop\n2024-01-03,100.00,188.00,Work\n")
    assert amounts(records) == ["-12.00", "100.00"]
    assert entries(records)[0].description == "Shop"
    assert entries(records)[0].balance_after == Decimal("88.00")


def test_two_headerless_columns_of_amounts_are_not_guessed_but_proposed() -> None:
    text = "02.01.2024;Shop;;12,00\n03.01.2024;Work;100,00;\n"
    with pytest.raises(Malformed, match="--map") as refused:
        told(text)
    assert "debit=4" in str(refused.value)
    assert amounts(told(text, parse_mapping("date=1,description=2,credit=3,debit=4"))) == ["-12.00", "100.00"]


def test_a_proposal_repeats_as_the_mapping_that_reads_the_file() -> None:
    proposal = propose(io.BytesIO(GERMAN.encode()), FileBounds())
    roles = {field.role: field.column for field in proposal.fields}
    assert (roles["date"], roles["amount"]) == ("Buchungstag", "Betrag")
    assert amounts(told(GERMAN, parse_mapping(proposal.map))) == ["-12.50", "2000.00"]


def test_a_mapping_overrides_what_the_file_suggests() -> None:
    records = told(
        "Date,Text,Amount\n2024-01-02,a,1.00\n", parse_mapping("sign=inverted,currency=CAD,name=My card")
    )
    assert amounts(records) == ["-1.00"]
    assert (opened(records).account.currency, opened(records).account.name) == ("CAD", "My card")


def test_a_mapping_of_a_column_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(Malformed, match=r"no column 'Betrag'.*Date, Text, Amount"):
        told("Date,Text,Amount\n2024-01-02,a,1.00\n", parse_mapping("date=Date,amount=Betrag"))


def test_too_many_unreadable_rows_refuse_the_file() -> None:
    with pytest.raises(Malformed, match="too many rows"):
        told("Date,Text,Amount\n2024-01-02,a,1.00\n" + "2024-01-02,a,x1x\n" * 5, Mapping(date=1, amount=3),
             FileBounds(unreadable_max=3))  # fmt: skip


def test_a_line_beyond_its_bound_is_refused() -> None:
    with pytest.raises(Malformed, match="line 2"):
        told("Date,Text,Amount\n2024-01-02," + "x" * 5000, None, FileBounds(line_bytes_max=1000))


def test_the_layout_tells_files_of_one_kind_apart_from_others() -> None:
    one = opened(told("Date,Text,Amount\n2024-01-02,a,1.00\n")).id
    same = opened(told("date,TEXT,Amount\n2024-05-02,b,2.00\n")).id
    other = opened(told("Date,Memo,Amount\n2024-01-02,a,1.00\n")).id
    assert one == same != other
    assert one.startswith("layout:")
    assert len(one) == len("layout:") + 12


@pytest.mark.parametrize(
    "text",
    [
        "It was the best of times, it was the worst,\nit was 3 May 1859, and 12 men, or more, came.\n",
        "def add(a, b):\n    return a + b\n\n\nprint(add(1, 2), add(3.5, 4))\n",
        '{"date": "2024-01-02", "amount": 12.5, "rows": [1, 2, 3]}\n',
        "<html><body><p>01/02/2024, 12.00</p></body></html>\n",
        "OFXHEADER:100\nDATA:OFXSGML\n<OFX><STMTTRN><DTPOSTED>20240102<TRNAMT>-1.00\n",
        "!Type:Bank\nD01/02/2024\nT-12.00\n^\n",
        ":20:STMT\n:25:DE123\n:61:2401020102D12,00NTRF\n",
        "01,122099999,123456789,240621,0200,1,65,,2/\n16,165,1500000,1,DD1620,,DEALER PAYMENTS/\n",
        "name,age,city\nAnn,31,Rome\nBob,27,Oslo\n",
        "",
    ],
)
def test_other_text_is_not_claimed(text: str) -> None:
    assert not detect(text.encode())


@pytest.mark.parametrize("text", [GERMAN, "date,title,amount\n", "2024-01-02;1,00;x\n2024-01-03;2,00;y\n"])
def test_tables_of_movements_are_claimed(text: str) -> None:
    assert detect(text.encode())


@given(st.binary(max_size=400))
@settings(max_examples=150, deadline=None)
def test_no_bytes_escape_as_another_error(data: bytes) -> None:
    detect(data)
    try:
        told(data)
        told(data, Mapping(date=1, amount=2))
    except Malformed:
        pass


CELLS = st.sampled_from(
    ["2024-01-02", "13/02/2024", "01.02.24", "1.00", "-2,50", "1.234", "1,234.56", "", " ", '"', '"a', 'b"',
     "Total", "Date", "Amount", "Saldo", "x" * 70, "é", "\x00", "\ufeff", "9" * 40, "(1)", "EUR", "\u2028"]
)  # fmt: skip


@given(
    st.lists(st.lists(CELLS, max_size=6), max_size=12),
    st.sampled_from(",;\t|"),
    st.sampled_from(["\n", "\r", "\r\n"]),
)
@settings(max_examples=250, deadline=None)
def test_no_table_escapes_as_another_error(rows: list[list[str]], delimiter: str, line_end: str) -> None:
    text = line_end.join(delimiter.join(row) for row in [["Date", "Text", "Amount", "Balance"], *rows])
    try:
        records = told(text)
    except Malformed:
        return
    assert isinstance(records[0], StatementOpened)
    assert isinstance(records[-1], StatementClosed)
    assert all(type(entry.amount) is Decimal and entry.amount.is_finite() for entry in entries(records))


@given(st.integers(0, len(GERMAN.encode("utf-16"))), st.sampled_from(["utf-8", "utf-16", "cp1252"]))
@settings(max_examples=100, deadline=None)
def test_a_file_cut_anywhere_never_tells_a_wrong_amount(cut: int, encoding: str) -> None:
    try:
        records = told(GERMAN.encode(encoding)[:cut])
    except Malformed:
        return
    assert set(amounts(records)) <= {"-12.50", "2000.00"}


@given(
    st.lists(
        st.tuples(st.dates(date(2000, 1, 1), date(2050, 1, 1)), st.decimals(-(10**6), 10**6, places=2)),
        min_size=1,
    )
)
@settings(max_examples=60, deadline=None)
def test_what_is_written_is_what_is_read(rows: list[tuple[date, Decimal]]) -> None:
    text = "Date,Text,Amount\n" + "".join(f"{day.isoformat()},x,{amount}\n" for day, amount in rows)
    assert [(entry.booked_on, entry.amount) for entry in entries(told(text))] == rows


def test_a_declined_row_does_not_break_the_chain_of_balances() -> None:
    records = told(
        "Date,Text,Amount,Balance,Status\n2024-01-02,a,1.00,101.00,ok\n2024-01-03,b,9.00,0.00,declined\n"
        "2024-01-04,c,2.00,103.00,ok\n"
    )
    assert closed(records).closing == Told(Decimal("103.00"), date(2024, 1, 4))


def test_a_note_on_the_last_line_is_no_cut_row() -> None:
    records = told("Date,Text,Amount,Note\n2024-01-02,a,1.00,x\n2024-01-03,b,2.00,y\nprinted by the bank")
    assert amounts(records) == ["1.00", "2.00"]
    assert unreadable(records) == []


def test_rows_can_be_skipped_and_a_header_denied_or_placed() -> None:
    text = "1.1.2024;5,00;own\nA;B;C\n2.1.2024;1,00;x\n3.1.2024;2,00;y\n"
    assert amounts(told(text, parse_mapping("date=1,amount=2,header_row=0,skip_rows=2"))) == ["1.00", "2.00"]
    assert amounts(told(text, parse_mapping("date=A,amount=B,header_row=2"))) == ["1.00", "2.00"]


def test_memory_does_not_grow_with_the_file() -> None:
    def peak(rows: int) -> int:
        text = "".join(f"2024-01-02,shop {row},{row}.00\n" for row in range(rows))
        stream = io.BytesIO(f"Date,Text,Amount\n{text}".encode())
        tracemalloc.start()
        for _ in read(stream, FileBounds()):
            pass
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(100)  # caches and profiles
    assert peak(60_000) < peak(20_000) * 1.2


def test_the_other_partys_account_is_not_taken_for_the_own() -> None:
    records = told("Date,Payee,Account number,Amount\n2024-01-02,Ann,DE89370400440532013000,-1.00\n")
    assert opened(records).account.id is None
