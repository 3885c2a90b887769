"""ISO 20022 camt.052/053/054: every version, both directions, and files that should never have been."""

from contextlib import suppress
from datetime import date
from decimal import Decimal
from io import BytesIO

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caudal.model.changes import AccountKind, Unreadable
from caudal.model.errors import Malformed
from caudal.providers.file import camt
from caudal.providers.file.records import Entry, Record, StatementClosed, StatementOpened, Told
from caudal.settings import FileBounds

IBAN = "DE89370400440532013000"


def entry(
    amount: str = "12.50",
    direction: str = "DBIT",
    status: str = "<Sts><Cd>BOOK</Cd></Sts>",
    dates: str = "<BookgDt><Dt>2024-03-05</Dt></BookgDt>",
    more: str = "",
) -> str:
    return (
        f'<Ntry><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>{direction}</CdtDbtInd>{status}{dates}{more}</Ntry>'
    )


def balance(kind: str, amount: str, day: str, direction: str = "CRDT", currency: str = "EUR") -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp><Amt Ccy='{currency}'>{amount}</Amt>"
        f"<CdtDbtInd>{direction}</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>"
    )


def message(*content: str, name: str = "BkToCstmrStmt", part: str = "Stmt", head: str = "") -> str:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08">\n<{name}>'
        f"<GrpHdr><MsgId>M</MsgId><CreDtTm>2024-03-31T18:00:00</CreDtTm>{head}</GrpHdr>\n"
        f"<{part}><Id>S-1</Id><Acct><Id><IBAN>{IBAN}</IBAN></Id><Ccy>EUR</Ccy></Acct>\n"
        + "\n".join(content)
        + f"\n</{part}>\n</{name}></Document>\n"
    )


def read(text: str | bytes, bounds: FileBounds | None = None) -> list[Record]:
    data = text.encode() if isinstance(text, str) else text
    return list(camt.read(BytesIO(data), bounds or FileBounds()))


def only_entry(text: str | bytes) -> Entry:
    [found] = [record for record in read(text) if isinstance(record, Entry)]
    return found


def closed(text: str | bytes) -> StatementClosed:
    [found] = [record for record in read(text) if isinstance(record, StatementClosed)]
    return found


def why_unreadable(text: str) -> str:
    [found] = [record for record in read(text) if isinstance(record, Unreadable)]
    return found.why


def test_a_statement_is_told_in_order_with_its_account_and_balances() -> None:
    text = message(balance("OPBD", "100.00", "2024-03-01"), balance("CLBD", "87.50", "2024-03-31"), entry())
    opened, booked, end = read(text)
    assert isinstance(opened, StatementOpened)
    assert (opened.account.iban, opened.account.currency, opened.id) == (IBAN, "EUR", "S-1")
    assert opened.opening == Told(Decimal("100.00"), date(2024, 3, 1), "EUR")
    assert isinstance(booked, Entry)
    assert (booked.amount, booked.booked_on, booked.currency) == (Decimal("-12.50"), date(2024, 3, 5), "EUR")
    assert isinstance(end, StatementClosed)
    assert end.closing == Told(Decimal("87.50"), date(2024, 3, 31), "EUR")
    assert end.complete
    assert end.firm


@pytest.mark.parametrize(
    ("name", "part", "format_"),
    [
        ("BkToCstmrAcctRpt", "Rpt", "camt052"),
        ("BkToCstmrAcctRptV01", "Rpt", "camt052"),
        ("BkToCstmrStmt", "Stmt", "camt053"),
        ("BkToCstmrStmtV01", "Stmt", "camt053"),
        ("BkToCstmrDbtCdtNtfctn", "Ntfctn", "camt054"),
    ],
)
def test_each_message_is_told_by_its_element_and_read(name: str, part: str, format_: str) -> None:
    text = message(entry(), name=name, part=part)
    assert camt.detect(text.encode()) == format_
    assert only_entry(text).amount == Decimal("-12.50")
    assert closed(text).complete is (format_ == "camt053")


def test_namespaces_may_be_prefixed_wrong_or_missing() -> None:
    text = message(entry())
    prefixed = text.replace("<", "<n:").replace("<n:/", "</n:").replace("<n:?", "<?")
    prefixed = prefixed.replace("xmlns=", "xmlns:n=")
    missing = text.replace(' xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"', "")
    wrong = text.replace("camt.053.001.08", "camt.999.001.99")
    for variant in (prefixed, missing, wrong):
        assert camt.detect(variant.encode()) == "camt053"
        assert only_entry(variant).amount == Decimal("-12.50")


def test_an_empty_document_is_known_by_its_namespace_and_holds_nothing() -> None:
    text = "<Document xmlns='urn:iso:std:iso:20022:tech:xsd:camt.052.001.02'>\n</Document>"
    assert camt.detect(text.encode()) == "camt052"
    assert read(text) == []


@pytest.mark.parametrize("text", ["", "Date;Amount\n", "<OFX><BANKMSGSRSV1>", "{1:F01}", "<html></html>"])
def test_other_files_are_not_taken_for_camt(text: str) -> None:
    assert camt.detect(text.encode()) is None


def test_another_message_is_refused_by_name() -> None:
    text = "<Document xmlns='urn:iso:std:iso:20022:tech:xsd:pain.001.001.03'><CstmrCdtTrfInitn/></Document>"
    with pytest.raises(Malformed, match="CstmrCdtTrfInitn in Document"):
        read(text)


def test_a_message_inside_an_envelope_is_found() -> None:
    inner = message(entry()).partition("\n")[2]
    assert only_entry(f"<Envelope><AppHdr><Fr>X</Fr></AppHdr>{inner}</Envelope>").amount == Decimal("-12.50")


def test_the_direction_alone_gives_the_sign_also_of_a_reversal() -> None:
    reversal = "<RvslInd>true</RvslInd>"
    assert only_entry(message(entry(direction="CRDT"))).amount == Decimal("12.50")
    assert only_entry(message(entry(direction="CRDT", more=reversal))).amount == Decimal("12.50")
    assert only_entry(message(entry(direction="DBIT", more=reversal))).amount == Decimal("-12.50")


def test_the_counterparty_is_the_other_side_and_a_reversal_swaps_the_sides() -> None:
    parties = (
        "<NtryDtls><TxDtls><RltdPties><Dbtr><Nm>Payer</Nm></Dbtr><Cdtr><Pty><Nm>Payee</Nm></Pty></Cdtr>"
        "</RltdPties></TxDtls></NtryDtls>"
    )
    for direction, more, name in (
        ("CRDT", "", "Payer"),
        ("DBIT", "", "Payee"),
        ("CRDT", "<RvslInd>true</RvslInd>", "Payee"),
        ("DBIT", "<RvslInd>1</RvslInd>", "Payer"),
    ):
        assert only_entry(message(entry(direction=direction, more=more + parties))).counterparty == name


def test_the_ultimate_party_stands_in_where_the_party_has_no_name() -> None:
    parties = (
        "<NtryDtls><TxDtls><RltdPties><UltmtCdtr><Nm>Shop</Nm></UltmtCdtr></RltdPties></TxDtls></NtryDtls>"
    )
    assert only_entry(message(entry(more=parties))).counterparty == "Shop"


def test_one_detail_gives_its_texts_and_references_to_the_entry() -> None:
    details = (
        "<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>ICDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd>"
        "<NtryDtls><TxDtls><Refs><AcctSvcrRef>B-7</AcctSvcrRef><EndToEndId>E2E-1</EndToEndId></Refs>"
        "<RmtInf><Ustrd>Rent  for</Ustrd><Ustrd>March\n2024</Ustrd></RmtInf></TxDtls></NtryDtls>"
        "<AddtlNtryInf>Standing order</AddtlNtryInf>"
    )
    found = only_entry(message(entry(more=details)))
    assert (found.id, found.reference, found.code) == ("B-7", "E2E-1", "PMNT/ICDT/ESCT")
    assert found.description == "Rent for March 2024"


def test_an_end_to_end_id_that_was_not_provided_is_no_reference() -> None:
    details = (
        "<NtryRef>N-1</NtryRef><AcctSvcrRef>A-1</AcctSvcrRef>"
        "<NtryDtls><TxDtls><Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs></TxDtls></NtryDtls>"
    )
    found = only_entry(message(entry(more=details)))
    assert (found.id, found.reference) == ("A-1", "N-1")


def test_a_batch_stays_one_movement_that_borrows_nothing_from_its_parts() -> None:
    part = (
        "<TxDtls><Refs><AcctSvcrRef>P</AcctSvcrRef><EndToEndId>E</EndToEndId></Refs><RmtInf><Ustrd>Part</Ustrd>"
        "</RmtInf><RltdPties><Cdtr><Nm>One of them</Nm></Cdtr></RltdPties></TxDtls>"
    )
    text = message(
        entry(more=f"<NtryDtls>{part}{part}{part}</NtryDtls><AddtlNtryInf>Wages</AddtlNtryInf>"), entry()
    )
    batch, after = [record for record in read(text) if isinstance(record, Entry)]
    assert (batch.description, batch.counterparty, batch.id, batch.reference) == (
        "Wages (3 payments)",
        "",
        "",
        "",
    )
    assert after.description == ""


def test_a_batch_without_details_says_how_many_payments_it_announces() -> None:
    batch = "<NtryDtls><Btch><NbOfTxs>20</NbOfTxs></Btch></NtryDtls>"
    assert only_entry(message(entry(more=batch))).description == "20 payments"


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        ("<BookgDt><DtTm>2024-03-05T23:59:59-05:00</DtTm></BookgDt>", date(2024, 3, 5)),
        ("<ValDt><Dt>2024-03-06</Dt></ValDt>", date(2024, 3, 6)),
        ("", date(2024, 3, 31)),
    ],
)
def test_the_booking_day_is_as_printed_else_the_value_day_else_the_messages(
    dates: str, expected: date
) -> None:
    assert only_entry(message(entry(dates=dates))).booked_on == expected


@pytest.mark.parametrize(("status", "pending"), [("BOOK", False), ("PDNG", True), ("FUTR", True)])
def test_the_status_is_read_in_its_old_and_its_new_form(status: str, pending: bool) -> None:
    assert only_entry(message(entry(status=f"<Sts>{status}</Sts>"))).pending is pending
    assert only_entry(message(entry(status=f"<Sts>\n<Cd>{status}</Cd>\n</Sts>"))).pending is pending


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (entry(amount="12,50"), "amount '12,50'"),
        (entry(amount="-12.50"), "amount '-12.50'"),
        (entry(amount="NaN"), "amount 'NaN'"),
        (entry(amount="1e5"), "amount '1e5'"),
        (entry(direction="OUT"), "direction 'OUT'"),
        (entry(status="<Sts>INFO</Sts>"), "information only"),
        (entry(status="<Sts><Prtry>X1</Prtry></Sts>"), "status 'X1'"),
        (entry(dates="<BookgDt><Dt>2024-02-30</Dt></BookgDt>"), "booking date '2024-02-30'"),
    ],
)
def test_an_entry_that_cannot_be_read_is_kept_and_the_next_one_is_read(bad: str, why: str) -> None:
    text = message(bad, entry(amount="1.00"))
    opened, lost, booked, _ = read(text)
    assert isinstance(opened, StatementOpened)
    assert isinstance(lost, Unreadable)
    assert (lost.where, lost.raw) == ("line 5", bad)
    assert why in lost.why
    assert isinstance(booked, Entry)
    assert booked.amount == Decimal("-1.00")


def test_an_entry_that_is_one_empty_tag_is_kept_as_that_tag() -> None:
    for text in (message("<Ntry/>", entry()), message("<Ntry a='>'/>", entry())):
        _, lost, booked, _ = read(text)
        assert isinstance(lost, Unreadable)
        assert lost.raw in {"<Ntry/>", "<Ntry a='>'/>"}
        assert isinstance(booked, Entry)
        assert booked.raw == entry()


def test_balances_are_signed_and_the_previous_close_stands_in_for_an_opening() -> None:
    text = message(
        balance("PRCD", "7.00", "2024-02-29", "DBIT"),
        balance("CLBD", "19.50", "2024-03-31", "DBIT"),
        balance("CLAV", "80.50", "2024-03-31"),
        balance("OPAV", "93.00", "2024-03-01"),
    )
    end = closed(text)
    assert end.opening == Told(Decimal("-7.00"), date(2024, 2, 29), "EUR")
    assert end.closing == Told(Decimal("-19.50"), date(2024, 3, 31), "EUR")
    assert end.available == Told(Decimal("80.50"), date(2024, 3, 31), "EUR")


def test_an_interim_balance_is_not_firm() -> None:
    text = message(balance("ITBD", "5.00", "2024-03-05"), name="BkToCstmrAcctRpt", part="Rpt")
    assert closed(text).closing == Told(Decimal("5.00"), date(2024, 3, 5), "EUR")
    assert not closed(text).firm


def test_the_accounts_own_currency_decides_among_balances_of_one_type() -> None:
    text = message(
        balance("CLBD", "1.00", "2024-03-31", currency="USD"), balance("CLBD", "2.00", "2024-03-31")
    )
    assert closed(text).closing == Told(Decimal("2.00"), date(2024, 3, 31), "EUR")


def test_a_balance_that_cannot_be_read_is_kept() -> None:
    assert why_unreadable(message(balance("CLBD", "1.x", "2024-03-31"))).startswith("balance: its amount")


def test_one_page_of_several_is_not_complete() -> None:
    page = "<MsgPgntn><PgNb>1</PgNb><LastPgInd>{}</LastPgInd></MsgPgntn>"
    assert closed(message(entry(), head=page.format("true"))).complete
    assert not closed(message(entry(), head=page.format("false"))).complete


def test_a_period_that_ends_at_midnight_ends_the_day_before() -> None:
    period = "<FrToDt><FrDtTm>2024-03-01T00:00:00</FrDtTm><ToDtTm>{}</ToDtTm></FrToDt>"
    assert closed(message(period.format("2024-04-01T00:00:00.000Z"))).end == date(2024, 3, 31)
    assert closed(message(period.format("2024-03-31T00:00:01Z"))).end == date(2024, 3, 31)
    assert closed(message(period.format("2024-03-01T00:00:00"))).end == date(2024, 3, 1)


def test_several_statements_and_currencies_stay_apart() -> None:
    first = message(balance("CLBD", "1.00", "2024-03-31"), entry())
    second = first.split("<Stmt>")[1].split("</Stmt>")[0].replace(IBAN, "US-ACCT-0099").replace("EUR", "USD")
    text = first.replace("</Stmt>", f"</Stmt><Stmt>{second}</Stmt>")
    opened = [record.account for record in read(text) if isinstance(record, StatementOpened)]
    assert [(account.id, account.iban, account.currency) for account in opened] == [
        (IBAN, IBAN, "EUR"),
        ("US-ACCT-0099", None, "USD"),
    ]
    assert [record.currency for record in read(text) if isinstance(record, Entry)] == ["EUR", "USD"]


@pytest.mark.parametrize(
    ("identification", "expected"),
    [
        ("<Othr><Id>12-345</Id></Othr>", ("12-345", None, "12-345")),
        (f"<PrtryAcct><Id>{IBAN}</Id></PrtryAcct>", (IBAN, IBAN, None)),
        ("<IBAN>de89 3704 0044 0532 0130 00</IBAN>", ("de89 3704 0044 0532 0130 00", IBAN, None)),
        ("<IBAN>DE00370400440532013000</IBAN>", ("DE00370400440532013000", None, None)),
    ],
)
def test_the_account_is_named_in_every_versions_way(
    identification: str, expected: tuple[str | None, ...]
) -> None:
    text = message("<AddtlStmtInf/>").replace(f"<IBAN>{IBAN}</IBAN>", identification)
    text = text.replace(
        "</Acct>", "<Tp><Cd>SVGS</Cd></Tp><Svcr><FinInstnId><BIC>B</BIC></FinInstnId></Svcr></Acct>"
    )
    [account] = [record.account for record in read(text) if isinstance(record, StatementOpened)]
    assert (account.id, account.iban, account.number) == expected
    assert (account.kind, account.institution) == (AccountKind.SAVINGS, "B")


@pytest.mark.parametrize("chunk_bytes", [1, 2, 3, 7, 64, 1000])
def test_where_the_file_is_cut_into_chunks_changes_nothing(
    chunk_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = message(
        balance("OPBD", "1", "2024-03-01"), entry(more="<AddtlNtryInf>Grüße €</AddtlNtryInf >"), entry()
    )
    text = text.replace("</Ntry>", "</Ntry >").replace("\n", "\r\n")
    whole = read(text)
    monkeypatch.setattr(camt, "_CHUNK_BYTES", chunk_bytes)
    assert read(text) == whole


def test_raw_is_the_entrys_own_xml_and_line_is_where_it_starts() -> None:
    one = entry(more="\n<AddtlNtryInf>Grüße &amp; <![CDATA[</Ntry>]]></AddtlNtryInf>")
    text = message(one, entry(amount="2"))
    first, second = [record for record in read(text) if isinstance(record, Entry)]
    assert (first.raw, first.line) == (one, 5)
    assert first.description == "Grüße & </Ntry>"
    assert (second.raw, second.line) == (entry(amount="2"), 7)


DETAIL = (
    "\n<NtryDtls><TxDtls><Refs><EndToEndId>{0}</EndToEndId></Refs><RmtInf><Ustrd>{0}</Ustrd></RmtInf>"
    "</TxDtls></NtryDtls>\n<AddtlNtryInf>{0}</AddtlNtryInf>"
)

ENTRIES = [
    *(entry(f"{number}.5", more=DETAIL.format(f"Rent {number}")) for number in range(3)),
    entry("4", "CRDT", more=DETAIL.format("  Grüße\n €  ")),
    entry("5", more=DETAIL.format("a &amp; b")),
    entry("6", more=DETAIL.format("<![CDATA[</Ntry>]]>")),
    entry("7", more=DETAIL.format("x<!-- </Ntry> -->y")),
    entry("8", more=DETAIL.format("x<Other/>y")),
    entry("9", more=DETAIL.format("x > y")),
    entry("10", more=DETAIL.format("")),
    entry("11", more="<AddtlNtryInf/>"),
    entry("12", status="<Sts>PDNG<Cd/></Sts>"),
    entry("13", status="<Sts><Cd>PDNG</Cd>\n</Sts>"),
    entry("14", status="<Sts><Cd>BOOK</Cd>PDNG</Sts>"),
    entry("15", more=DETAIL.format("USD")).replace("EUR", "USD"),
    entry("16", more=DETAIL.format("odd")).replace("Ccy", "Other='>' Ccy"),
    entry("17", more="<NtryDtls><TxDtls/><TxDtls/></NtryDtls><AddtlNtryInf>Wages</AddtlNtryInf>"),
    entry("18", more=DETAIL.format("two").replace("</Ustrd>", "</Ustrd><Ustrd>lines</Ustrd>")),
    entry("19", dates="<ValDt><Dt>2024-03-06</Dt></ValDt>"),
]


def told(text: str) -> list[Entry | str]:
    """The entries of `text`, their lines aside; of one that can't be read, why."""
    return [
        record.why if isinstance(record, Unreadable) else msgspec.structs.replace(record, line=0)
        for record in read(text)
        if isinstance(record, Entry | Unreadable)
    ]


@given(st.lists(st.sampled_from(ENTRIES), min_size=2, max_size=40))
def test_an_entry_reads_the_same_whatever_entries_stand_before_it(entries: list[str]) -> None:
    assert told(message(*entries)) == [told(message(one))[0] for one in entries]


def test_lines_are_counted_over_entries_that_look_alike() -> None:
    entries = [entry(more=DETAIL.format(f"Line\n {number}")) for number in range(5)]
    text = message(*entries)
    found = [record for record in read(text) if isinstance(record, Entry)]
    assert [record.line for record in found] == [text[: text.index(one)].count("\n") + 1 for one in entries]
    damaged = text.replace("</Stmt>", "</Stmtt>")
    with pytest.raises(Malformed, match=f"^line {damaged[: damaged.index('</Stmtt>')].count(chr(10)) + 1}: "):
        read(damaged)


@pytest.mark.parametrize("wrong", ["\x01", "\x0b", "\ufffe", "\uffff", "&nothing;", "<", "</X>", "]]>"])
def test_what_is_no_xml_is_refused_also_among_entries_that_look_alike(wrong: str) -> None:
    entries = [entry(more=DETAIL.format(number)) for number in range(3)]
    records = camt.read(BytesIO(message(*entries, entry(more=DETAIL.format(wrong))).encode()), FileBounds())
    seen: list[Record] = []
    with pytest.raises(Malformed, match="is not well-formed XML"):
        seen.extend(records)
    assert len(seen) == 1 + len(entries)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "iso-8859-1", "cp1252"])
def test_encodings_are_told_from_the_bytes_and_the_declaration(encoding: str) -> None:
    declared = message(entry(more="<AddtlNtryInf>Grüße</AddtlNtryInf>")).replace("UTF-8", encoding[:10])
    assert only_entry(declared.encode(encoding)).description == "Grüße"


def test_one_wrong_byte_far_into_the_file_spoils_no_more_than_itself() -> None:
    padding = f"<!-- {'x' * 70_000} -->"
    text = (
        message(padding, entry(more="<AddtlNtryInf>Caf#</AddtlNtryInf>"))
        .encode()
        .replace(b"Caf#", b"Caf\xe9")
    )
    assert only_entry(text).description == "Café"


@pytest.mark.parametrize("declared", ["zlib", "hex", "idna", "utf-7", "unicode_escape", "nonsense"])
def test_a_declared_codec_that_is_no_charset_is_not_trusted(declared: str) -> None:
    text = message(entry(more="<AddtlNtryInf>Caf#</AddtlNtryInf>")).replace("UTF-8", declared)
    assert only_entry(text.encode().replace(b"Caf#", b"Caf\xe9")).description == "Café"


def test_a_truncated_file_is_refused_with_its_line_after_what_was_whole() -> None:
    text = message(entry(), entry())
    seen: list[Record] = []
    with pytest.raises(Malformed, match=r"line 6: is not well-formed XML .* cut short"):
        seen.extend(camt.read(BytesIO(text[: text.rindex("<Sts>") + 3].encode()), FileBounds()))
    for cut in range(0, len(text) - 2, 13):
        with pytest.raises(Malformed, match=r"^line \d+: "):
            read(text[:cut])


def test_what_was_read_before_the_damage_is_still_told() -> None:
    records = camt.read(BytesIO(message(entry(), "<Ntry>").encode()), FileBounds())
    assert isinstance(next(records), StatementOpened)
    assert isinstance(next(records), Entry)
    with pytest.raises(Malformed):
        next(records)


@pytest.mark.parametrize(
    "doctype",
    [
        "<!DOCTYPE Document>",
        '<!DOCTYPE Document [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>',
        '<!DOCTYPE Document SYSTEM "file:///etc/passwd">',
    ],
)
def test_a_document_type_is_refused(doctype: str) -> None:
    text = message(entry()).replace("<Document", f"{doctype}\n<Document")
    with pytest.raises(Malformed, match="line 2: declares a document type"):
        read(text)


@pytest.mark.parametrize(
    ("text", "bounds", "why"),
    [
        (message("<X>" * 80 + "</X>" * 80), FileBounds(), "nested more than 64"),
        ("<a>" * 80, FileBounds(), "nested more than 64"),
        (message(f"<X>{'y' * 400_000}</X>"), FileBounds(line_bytes_max=200_000), "text of over"),
        (message(f"<!--{'y' * 400_000}-->"), FileBounds(line_bytes_max=200_000), "text of over"),
        (message(entry(more="<X>y</X>" * 50_000)), FileBounds(record_bytes_max=200_000), "record of over"),
        (message("".join(f"<a{n}/>" for n in range(30_000))), FileBounds(), "different element names"),
        (message(*[entry(amount="x")] * 4), FileBounds(unreadable_max=3), "more than 3 records"),
    ],
)
def test_a_file_over_a_bound_is_refused(text: str, bounds: FileBounds, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        read(text, bounds)


SAMPLE = message(
    balance("OPBD", "1", "2024-03-01"), entry(more="<AddtlNtryInf>A &amp; B</AddtlNtryInf>")
).encode()


@given(st.binary(max_size=300))
def test_random_bytes_are_refused_cleanly(data: bytes) -> None:
    camt.detect(data)
    with pytest.raises(Malformed):
        read(data)


@given(st.integers(0, len(SAMPLE)), st.integers(0, 40), st.binary(max_size=12))
def test_a_damaged_file_is_read_or_refused_but_nothing_else(at: int, length: int, patch: bytes) -> None:
    data = SAMPLE[:at] + patch + SAMPLE[at + length :]
    camt.detect(data)
    with suppress(Malformed):
        read(data)


@given(st.decimals(0, 10**12, places=2), st.sampled_from(["CRDT", "DBIT"]), st.dates())
def test_amounts_and_days_come_out_as_they_went_in(amount: Decimal, direction: str, day: date) -> None:
    dates = f"<BookgDt><Dt>{day.isoformat()}</Dt></BookgDt>"
    found = only_entry(message(entry(str(amount), direction, dates=dates)))
    assert found.amount == (amount if direction == "CRDT" else -amount)
    assert found.booked_on == day
