"""QIF: a format without currency, ids, or an order of day and month; and the ways exporters write it."""

import re
from contextlib import suppress
from datetime import date
from decimal import Decimal
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caudal.model.changes import AccountKind, Unreadable
from caudal.model.errors import Malformed
from caudal.providers.file import qif, text
from caudal.providers.file.records import Entry, Record, StatementClosed, StatementOpened, Told
from caudal.settings import FileBounds


def read(content: str | bytes, bounds: FileBounds | None = None) -> list[Record]:
    data = content.encode() if isinstance(content, str) else content
    return list(qif.read(BytesIO(data), bounds or FileBounds()))


def entries(content: str | bytes) -> list[Entry]:
    return [record for record in read(content) if isinstance(record, Entry)]


def bank(*records: str) -> str:
    return "!Type:Bank\n" + "".join(f"{record}\n^\n" for record in records)


def days(*printed: str) -> list[date | str]:
    """The day each date is read as, or why it is not."""
    found = read(bank(*(f"D{day}\nT1.00" for day in printed)))
    return [record.booked_on if isinstance(record, Entry) else record.why for record in found[1:-1]]


def amounts(*printed: str) -> list[Decimal | str]:
    found = read(bank(*(f"D12/31/2024\nT{amount}" for amount in printed)))
    return [record.amount if isinstance(record, Entry) else record.why for record in found[1:-1]]


def test_a_register_is_told_with_its_account_and_every_field() -> None:
    content = (
        "!Account\nNHousehold\nTBank\n^\n!Type:Bank\n"
        "D12/31/2024\nT-1,234.50\nN1017\nPGreen Grocer\nMWeekly shop\nLFood:Groceries\nCX\n^\n"
    )
    opened, booked, closed = read(content)
    assert isinstance(opened, StatementOpened)
    assert (opened.account.id, opened.account.kind) == ("Household", AccountKind.CHECKING)
    assert booked == Entry(
        booked_on=date(2024, 12, 31),
        amount=Decimal("-1234.50"),
        line=6,
        description="Weekly shop",
        counterparty="Green Grocer",
        reference="1017",
        code="Food:Groceries",
        raw="D12/31/2024\nT-1,234.50\nN1017\nPGreen Grocer\nMWeekly shop\nLFood:Groceries\nCX",
    )
    assert isinstance(closed, StatementClosed)
    assert not closed.complete
    assert not closed.firm


@pytest.mark.parametrize(
    ("section", "kind"),
    [
        ("Bank", AccountKind.CHECKING),
        ("Cash", AccountKind.CASH),
        ("CCard", AccountKind.CARD),
        ("Oth A", AccountKind.OTHER),
        ("Oth L", AccountKind.LOAN),
        ("BANK ", AccountKind.CHECKING),
    ],
)
def test_each_kind_of_register_is_known(section: str, kind: AccountKind) -> None:
    opened, booked, _ = read(f"!Type:{section}\nD12/31/2024\nT-5.00\n^\n")
    assert isinstance(opened, StatementOpened)
    assert opened.account.kind == kind
    assert isinstance(booked, Entry)
    assert booked.amount == Decimal("-5.00")


def test_each_account_gets_its_own_statement() -> None:
    content = "".join(
        f"!Account\nN{name}\nT{kind}\n^\n!Type:{kind}\nD12/31/2024\nT{amount}\n^\n"
        for name, kind, amount in (("Purse", "Cash", "1.00"), ("Card", "CCard", "2.00"))
    )
    names = [record.account.id for record in read(content) if isinstance(record, StatementOpened)]
    assert names == ["Purse", "Card"]
    assert [entry.amount for entry in entries(content)] == [Decimal("1.00"), Decimal("2.00")]
    assert sum(isinstance(record, StatementClosed) for record in read(content)) == 2


def test_a_list_of_accounts_names_no_register_once_it_is_cleared() -> None:
    content = (
        "!Option:AutoSwitch\n!Account\nNOne\nTBank\n^\nNTwo\nTBank\n^\n!Clear:AutoSwitch\n"
        "!Type:Bank\nD12/31/2024\nT1.00\n^\n"
    )
    [opened] = [record for record in read(content) if isinstance(record, StatementOpened)]
    assert opened.account.id is None


def test_a_header_repeated_before_each_record_opens_no_new_statement() -> None:
    records = read(bank("D12/31/2024\nT1.00") * 3)
    assert [type(record) for record in records] == [StatementOpened, Entry, Entry, Entry, StatementClosed]
    assert [record.line for record in records if isinstance(record, Entry)] == [2, 6, 10]


def test_the_balance_of_an_account_is_told_as_a_snapshot() -> None:
    content = "!Account\nNCard\nTCCard\n$-1,200.50\n/12/31/2024\n^\n!Type:CCard\nD12/30/2024\nT-1.00\n^\n"
    closed = read(content)[-1]
    assert isinstance(closed, StatementClosed)
    assert closed.closing == Told(Decimal("-1200.50"), date(2024, 12, 31))
    assert not closed.firm


def test_an_opening_balance_record_names_its_own_register_alone() -> None:
    content = (
        bank("D12/31/2024\nT0.00\nPOpening Balance\nL[Savings pot]") + "!Type:Cash\nD12/31/2024\nT1.00\n^\n"
    )
    assert [record.account.id for record in read(content) if isinstance(record, StatementOpened)] == [
        "Savings pot",
        None,
    ]
    assert len(entries(content)) == 2


def test_a_split_is_one_entry_with_the_transactions_own_fields() -> None:
    record = "D12/31/2024\nT-10.00\nLFood\nSFood\nD1/1/2020\nEhalf\n$-5.00\nSHome\n$-5.00"
    [entry] = entries(bank(record))
    assert (entry.booked_on, entry.amount, entry.code) == (date(2024, 12, 31), Decimal("-10.00"), "Food")
    assert entry.raw == record


def test_lists_of_categories_classes_and_securities_hold_no_movements() -> None:
    content = (
        "!Type:Cat\nNFood\nDEats 12/31\nT\n^\n!Type:Class\nNTrip\n^\n"
        "!Type:Security\nNGold\nS^XAU\nTStock\n^\n"
        '!Type:Prices\n"XAU",1.25,"12/31/24"\n^\n!Type:Memorized\nT-5.00\nPRent\n^\n'
    )
    assert read(content) == []


def test_investment_records_are_kept_as_they_came_and_do_not_count_as_damage() -> None:
    content = "!Type:Invst\n" + "D12/31/2024\nNBuy\nYACME\nT1,000.00\n^\n" * 3
    opened, *kept, _ = read(content, FileBounds(unreadable_max=1))
    assert isinstance(opened, StatementOpened)
    assert opened.account.kind == AccountKind.INVESTMENT
    assert len(kept) == 3
    assert kept[0] == Unreadable(
        "line 2",
        "investment record (Buy) is kept as it came: it is not a cash movement",
        "D12/31/2024\nNBuy\nYACME\nT1,000.00",
    )


def test_records_of_an_unknown_section_are_kept() -> None:
    [lost] = [record for record in read("!Type:Odd\nD12/31/2024\nT1\n^\n") if isinstance(record, Unreadable)]
    assert lost.why == "section !Type:odd is not known"


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("12/31/98", date(1998, 12, 31)),
        ("1/ 1'05", date(2005, 1, 1)),
        ("1/31'04", date(2004, 1, 31)),
        ("2/ 1' 5", date(2005, 2, 1)),
        ("2/14'2020", date(2020, 2, 14)),
        ("31.12.2019", date(2019, 12, 31)),
        ("01.02.2019", date(2019, 2, 1)),
        ("01/02/2019", date(2019, 1, 2)),
        ("31-12-19", date(2019, 12, 31)),
        ("2019-12-31", date(2019, 12, 31)),
        ("2019/2/1", date(2019, 2, 1)),
        ("20191231", date(2019, 12, 31)),
        ("12/31/69", date(2069, 12, 31)),
        ("12/31/70", date(1970, 12, 31)),
    ],
)
def test_every_way_quicken_and_others_write_a_date_is_read(printed: str, expected: date) -> None:
    assert days(printed) == [expected]


def test_one_day_over_twelve_decides_the_order_for_the_whole_file() -> None:
    assert days("01/02/2024", "25/02/2024") == [date(2024, 2, 1), date(2024, 2, 25)]
    assert days("01/02/2024", "02/25/2024") == [date(2024, 1, 2), date(2024, 2, 25)]
    assert days("01.02.2024", "02.25.2024") == [date(2024, 1, 2), date(2024, 2, 25)]


def test_the_order_is_seen_past_the_first_block_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "_CHUNK_BYTES", 16)
    assert days("01/02/2024", *["03/03/2024"] * 20, "25/02/2024")[0] == date(2024, 2, 1)


def test_where_both_orders_occur_only_dates_that_cannot_be_misread_are_read() -> None:
    ambiguous, first, second, same = days("01/02/2024", "25/02/2024", "02/25/2024", "03/03/2024")
    assert (first, second, same) == (date(2024, 2, 25), date(2024, 2, 25), date(2024, 3, 3))
    assert ambiguous == "its date '01/02/2024' may be day or month first: the file has both"


@pytest.mark.parametrize("printed", ["", "yesterday", "13/32/2024", "2/30/2024", "1/1", "1/1/024", "1" * 50])
def test_what_is_no_date_is_kept_as_unreadable(printed: str) -> None:
    [why] = days(printed)
    assert isinstance(why, str)


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("-184.8", "-184.8"),
        ("+5", "5"),
        (".5", "0.5"),
        ("1,000.00", "1000.00"),
        ("1,234,567", "1234567"),
        ("1.234,56", "1234.56"),
        ("-12,5", "-12.5"),
        ("1 234,56", "1234.56"),
        ("1'234.50", "1234.50"),
        ("1,000", "1000"),
        ("1.000", "1.000"),
        ("0,125", "0.125"),
        (" 7.00 ", "7.00"),
    ],
)
def test_amounts_with_any_marks_are_read_exactly(printed: str, expected: str) -> None:
    assert amounts(printed) == [Decimal(expected)]


def test_an_amount_with_cents_decides_what_three_digits_after_a_mark_mean() -> None:
    assert amounts("1,000", "2,50") == [Decimal("1.000"), Decimal("2.50")]
    assert amounts("1.000", "2,50") == [Decimal(1000), Decimal("2.50")]
    assert amounts("1,000", "2.50") == [Decimal(1000), Decimal("2.50")]
    doubtful, _, _ = amounts("1,000", "2,50", "2.50")
    assert doubtful == "its amount '1,000' may have thousands or decimals: the file has both marks"


@pytest.mark.parametrize(
    "printed", ["", "-", "abc", "1,23,456.00", "1.2.3", "NaN", "1e5", "--1", "٣", "9" * 60]
)
def test_what_is_no_amount_is_kept_as_unreadable(printed: str) -> None:
    [why] = amounts(printed)
    assert isinstance(why, str)


def test_u_is_read_before_t_because_t_may_be_cut_to_fewer_digits() -> None:
    assert [entry.amount for entry in entries(bank("D12/31/2024\nT10.00\nU10.00"))] == [Decimal("10.00")]
    assert [entry.amount for entry in entries(bank("D12/31/2024\nU10.00"))] == [Decimal("10.00")]


def test_a_record_that_cannot_be_read_is_kept_and_the_next_one_is_read() -> None:
    content = bank("D12/31/2024\nTx\nPOdd", "D12/31/2024\nT1.00")
    _, lost, booked, _ = read(content)
    assert lost == Unreadable("line 2", "its amount 'x' is not a number", "D12/31/2024\nTx\nPOdd")
    assert isinstance(booked, Entry)
    assert booked.line == 6


def test_comments_blank_lines_and_empty_records_are_nothing() -> None:
    content = "# made by hand\n## 2024\n\n!Type:Bank\n^\n\n\nD12/31/2024\nT1.00\n^\n\n^\n\n\x1a"
    [entry] = entries(content)
    assert entry.line == 8
    assert not [record for record in read(content) if isinstance(record, Unreadable)]


def test_a_file_without_any_header_is_a_bank_register() -> None:
    assert [entry.amount for entry in entries("D12/31/2024\nT1.00\n^\nD12/30/2024\nT2.00\n^\n")] == [1, 2]


@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
def test_a_last_record_without_its_mark_may_be_half_a_record(end: str) -> None:
    cut = "!Type:Bank\nD12/31/2024\nT1.00\n^\nD12/31/2024\nT25.00" + end
    with pytest.raises(Malformed, match="line 5: starts a record that no \\^ ends"):
        read(cut)
    assert [entry.amount for entry in entries(cut + "\n^")] == [1, 25]


def test_a_header_ends_a_record_that_lacks_its_mark() -> None:
    content = "!Type:Bank\nD12/31/2024\nT1.00\n!Type:Cash\nD12/31/2024\nT2.00\n^\n"
    assert [entry.amount for entry in entries(content)] == [1, 2]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends_make_no_difference(encoding: str, line_end: str) -> None:
    content = bank("D12/31/2024\nT1.00\nPCafé", "D12/31/2024\nT2.00\nPBar")
    data = content.replace("\n", line_end).encode(encoding)
    assert read(data) == read(content)
    assert qif.detect(data) == "qif"


@pytest.mark.parametrize("chunk_bytes", [1, 2, 5, 17])
def test_where_the_file_is_cut_into_chunks_changes_nothing(
    chunk_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = "!Account\nNA\n^\n" + bank(
        "D12/31/2024\nT1.00\nPCafé", "D12/30/2024\nT2.00", "\nD12/29/2024\nT3"
    )
    whole = read(content)
    monkeypatch.setattr(text, "_CHUNK_BYTES", chunk_bytes)
    assert read(content) == whole


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("!Type:Bank\nD1", "qif"),
        ("# comment\n\n!Account\n", "qif"),
        ("!option:AutoSwitch", "qif"),
        ("!Type:Invst", "qif"),
        ("Date,Amount\n!Type:Bank", None),
        ("!important", None),
        ("", None),
    ],
)
def test_qif_is_told_by_its_first_header(content: str, expected: str | None) -> None:
    assert qif.detect(content.encode()) == expected


def test_newest_first_is_noticed() -> None:
    closed = read(bank("D12/31/2024\nT1", "D12/30/2024\nT1", "D12/30/2024\nT1"))[-1]
    assert isinstance(closed, StatementClosed)
    assert closed.newest_first


@pytest.mark.parametrize(
    ("content", "bounds", "why"),
    [
        ("!Type:Bank\n" + "P" * 2000, FileBounds(line_bytes_max=1000), "longer than 1000"),
        ("!Type:Bank\n" + "Axyz\n" * 2000, FileBounds(record_bytes_max=1000), "record of over 1000"),
        (bank(*["Dx\nT1"] * 4), FileBounds(unreadable_max=3), "more than 3 records"),
        (bank("D12/31/2024\nT1\0"), FileBounds(), "NUL"),
    ],
)
def test_a_file_over_a_bound_is_refused(content: str, bounds: FileBounds, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        read(content, bounds)


SAMPLE = (
    "!Account\nNA\n$1.00\n/1/1/24\n^\n" + bank("D1/ 2'05\nT-1,234.50\nPCafé\nSX\n$1", "D31.12.24\nT2,5")
).encode()


@given(st.binary(max_size=300))
def test_random_bytes_are_read_or_refused_but_nothing_else(data: bytes) -> None:
    qif.detect(data)
    with suppress(Malformed):
        read(data)


@given(st.text("!^DTUPMNLS$/\n.,'-0123456789 TypeBankAccountInvst:[]", max_size=200))
def test_text_that_looks_like_qif_is_read_or_refused_but_nothing_else(content: str) -> None:
    with suppress(Malformed):
        read(content)
    with suppress(Malformed):
        read("!Type:Bank\n" + content)


@given(st.integers(0, len(SAMPLE)), st.integers(0, 30), st.binary(max_size=12))
def test_a_damaged_file_is_read_or_refused_but_nothing_else(at: int, length: int, patch: bytes) -> None:
    with suppress(Malformed):
        read(SAMPLE[:at] + patch + SAMPLE[at + length :])


@given(st.decimals(-(10**12), 10**12, places=2), st.dates(date(1970, 1, 1), date(2069, 12, 31)))
def test_amounts_and_days_come_out_as_they_went_in(amount: Decimal, day: date) -> None:
    [entry] = entries(bank(f"D{day.isoformat()}\nT{amount}"))
    assert (entry.amount, entry.booked_on) == (amount, day)
    [grouped] = entries(bank(f"D{day.isoformat()}\nT{amount:,}"))
    assert grouped.amount == amount


LINES = {
    "D": ["D12/31/2024", "D12/31/2024 ", "D1/ 2'05", "D31.12.24", "D2/30/2024", "D", "D12/30/2024"],
    "U": ["U1.00", "U"],
    "T": ["T-5.00", "T+7", "T1,234.50", "T1.000", "T.5", "T", "T-0.00"],
    "C": ["C*", "C"],
    "N": ["N1017", "N \u00a0", "Na^b"],
    "P": ["PCaf\u00e9", "P  Grocer\t"],
    "M": ["Mrent", "M"],
    "L": ["LFood", "L[Savings]"],
    "others": ["", "SFood", "$1.00", "Aroad", "!Type:Cash", "!Account", "!Type:Invst", "^", "x", "^x"],
}


@st.composite
def registers(draw: st.DrawFn) -> str:
    """Records with each field at most once and in the usual order, and some that are not."""
    content = draw(st.sampled_from(["", "!Type:Bank\n", "!Type:Invst\n"]))
    for _ in range(draw(st.integers(0, 6))):
        fields = [draw(st.sampled_from(texts)) for key, texts in LINES.items() if draw(_chance(key))]
        if draw(st.integers(0, 4)) == 0:
            fields = draw(st.permutations(fields + fields[:1]))
        content += "".join(f"{field}\n" for field in fields) + "^\n"
    return content


def _chance(key: str) -> st.SearchStrategy[bool]:
    often, seldom = ["D", "T"], ["U", "others"]
    return st.sampled_from([True] * 9 + [False] if key in often else [False] * 4 + [key not in seldom, True])


def told(content: str, bounds: FileBounds) -> list[Record] | str:
    try:
        return read(content, bounds)
    except Malformed as error:
        return str(error)


@given(registers(), st.sampled_from([FileBounds(), FileBounds(unreadable_max=1, record_bytes_max=40)]))
def test_the_quick_way_and_the_careful_way_tell_the_same(content: str, bounds: FileBounds) -> None:
    quick = told(content, bounds)
    with pytest.MonkeyPatch.context() as patch:
        careful = re.compile(qif._ITEM.pattern.replace("( D", "( (?!)D"), qif._ITEM.flags)
        patch.setattr(qif, "_ITEM", careful)
        assert told(content, bounds) == quick


def test_the_quick_way_takes_what_most_programs_write() -> None:
    usual = "D12/31/2024\nT-5.00\nC*\nN1017\nPGrocer\nMshop\nLFood"
    items = qif._ITEM.findall(f"\n{usual}\n^" * 2)
    assert items == [(f"{usual}\n", "12/31/2024", "-5.00", "1017", "Grocer", "shop", "Food", "")] * 2
