"""Reading BAI2 and BTRS reports."""

import io
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caudal.model.changes import Unreadable
from caudal.model.errors import Malformed
from caudal.providers.file.bai2 import detect, read
from caudal.providers.file.records import Entry, Record, StatementClosed, StatementOpened
from caudal.settings import FileBounds

HEADER = "01,BANK,FIRM,240104,0600,1,,,2/\n"
GROUP = "02,FIRM,BANKUS33,1,240103,2400,USD,2/\n"
ACCOUNT = "03,1234567,,010,100000,,,015,107550,,/\n"
DETAIL = "16,195,7550,Z,B77,C88,WIRE IN, INVOICE 5/6\n88,FROM ACME\n"
TRAILERS = "49,215100,4/\n98,215100,1,6/\n99,215100,1,8/\n"
REPORT = HEADER + GROUP + ACCOUNT + DETAIL + TRAILERS


BOUNDS = FileBounds()


def records(text: str | bytes, bounds: FileBounds = BOUNDS) -> list[Record]:
    data = text if isinstance(text, bytes) else text.encode()
    return list(read(io.BytesIO(data), bounds))


def entries(text: str) -> list[Entry]:
    return [record for record in records(text) if isinstance(record, Entry)]


def unreadable(text: str) -> list[Unreadable]:
    return [record for record in records(text) if isinstance(record, Unreadable)]


def with_detail(detail: str, *, group: str = GROUP, account: str = ACCOUNT) -> str:
    """A report of one movement, its trailers promising nothing."""
    return f"{HEADER}{group}{account}{detail}\n49,,/\n98,,,/\n99,,,/\n"


def test_a_report_is_opened_told_and_closed() -> None:
    opened, movement, closed = records(REPORT)
    assert isinstance(opened, StatementOpened)
    assert (opened.account.id, opened.account.currency) == ("1234567", "USD")
    assert opened.account.institution == "BANKUS33"
    assert opened.opening is not None
    assert (opened.opening.amount, opened.opening.on) == (Decimal("1000.00"), date(2024, 1, 2))
    assert isinstance(movement, Entry)
    assert movement.booked_on == date(2024, 1, 3)
    assert movement.amount == Decimal("75.50")
    assert (movement.id, movement.reference, movement.code) == ("B77", "C88", "195")
    assert movement.description == "WIRE IN, INVOICE 5/6 FROM ACME"
    assert movement.line == 4
    assert movement.raw == DETAIL.rstrip("\n")
    assert isinstance(closed, StatementClosed)
    assert closed.closing is not None
    assert closed.closing.amount == Decimal("1075.50")
    assert closed.start == closed.end == date(2024, 1, 3)
    assert closed.complete
    assert closed.firm


@pytest.mark.parametrize("version", ["2", "3"])
def test_a_report_is_known_by_its_first_line(version: str) -> None:
    assert detect(REPORT.replace(",2/\n", f",{version}/\n", 1).encode()) == "bai2"


@pytest.mark.parametrize("data", [b"", b"01,2,3\n", b"01/02/2024,-5,coffee\n", b":20:X\n"])
def test_other_files_are_not_taken_for_a_report(data: bytes) -> None:
    assert detect(data) is None
    with pytest.raises(Malformed):
        records(data)


@pytest.mark.parametrize(
    ("kind", "amount"),
    [
        ("100", "1.00"), ("399", "1.00"), ("400", "-1.00"), ("699", "-1.00"),
        ("721", "1.00"), ("760", "-1.00"), ("920", "1.00"), ("960", "-1.00"),
    ],
)  # fmt: skip
def test_the_type_says_which_way_money_went(kind: str, amount: str) -> None:
    (found,) = entries(with_detail(f"16,{kind},100,Z,,,x/"))
    assert found.amount == Decimal(amount)


@pytest.mark.parametrize("kind", ["015", "099", "701", "800", "900", "919", "abc", ""])
def test_a_type_that_is_neither_credit_nor_debit_is_told(kind: str) -> None:
    (lost,) = unreadable(with_detail(f"16,{kind},100,Z,,,x/"))
    assert lost.where == "line 4"
    assert lost.raw == f"16,{kind},100,Z,,,x/"


def test_a_note_without_money_is_no_movement() -> None:
    assert [type(r) for r in records(with_detail("16,890,,,,,Good morning/"))] == [
        StatementOpened,
        StatementClosed,
    ]


@pytest.mark.parametrize(
    ("currency", "amount"),
    [("USD", "12.34"), ("JPY", "1234"), ("KWD", "1.234"), ("", "12.34"), ("cad", "12.34")],
)
def test_amounts_are_in_the_currencys_smallest_unit(currency: str, amount: str) -> None:
    (found,) = entries(with_detail("16,195,1234,,,,x/", account=f"03,1,{currency}/\n"))
    assert found.amount == Decimal(amount)
    assert found.amount.as_tuple() == Decimal(amount).as_tuple()


def test_an_unknown_currency_leaves_its_movements_unread() -> None:
    text = with_detail("16,195,1234,,,,x/", account="03,1,QQQ,015,5,,/\n")
    assert [lost.where for lost in unreadable(text)] == ["line 3", "line 4"]
    assert not entries(text)


@pytest.mark.parametrize("amount", ["", "12.50", "1e5", "+-1", "9" * 30])
def test_an_amount_that_is_no_whole_number_is_told(amount: str) -> None:
    text = with_detail(f"16,195,{amount},Z,,,x/\n16,195,100,Z,,,y/")
    assert [lost.where for lost in unreadable(text)] == ["line 4"]
    assert len(entries(text)) == 1


@pytest.mark.parametrize(
    ("funds", "value"),
    [
        ("", None), ("0", None), ("1", None), ("2", None), ("Z", None), ("V,240105,", date(2024, 1, 5)),
        ("V,20240105,1200", date(2024, 1, 5)), ("V,,", None), ("S,100,200,300", None),
        ("D,2,0,100,3,200", None),
    ],
)  # fmt: skip
def test_funds_types_bring_their_own_fields(funds: str, value: date | None) -> None:
    (found,) = entries(with_detail(f"16,195,100,{funds},BANKREF,CUSTREF,text, more/"))
    assert (found.id, found.reference, found.description) == ("BANKREF", "CUSTREF", "text, more")
    assert found.value_on == value


@pytest.mark.parametrize("funds", ["X", "V,241301,", "V,today,", "D,x", "D,999"])
def test_funds_that_make_no_sense_are_told(funds: str) -> None:
    assert len(unreadable(with_detail(f"16,195,100,{funds},BANKREF,CUSTREF,text/"))) == 1


@pytest.mark.parametrize(
    "detail",
    [
        "16,195,100,Z,B,C,one two/",
        "16,195,100,Z,B,C/\n88,one two/",
        "16,195,100,Z,B/\n88,C,one/\n88,two",
        "16,195,100/\n88,Z,B,C/\n88,one two",
        "16,195,100,Z,B,C,one\ntwo/",
    ],
)
def test_a_movement_goes_on_wherever_its_line_was_broken(detail: str) -> None:
    (found,) = entries(with_detail(detail))
    assert (found.id, found.reference, found.description) == ("B", "C", "one two")


def test_a_summary_goes_on_in_its_continuations() -> None:
    account = "03,1,USD,010,+000,,,045,500,,/\n88,100,700,2,V,240103,,400,900,,S,1,2,3,015,-600,,/\n"
    opened, closed = records(with_detail("", account=account))
    assert isinstance(opened, StatementOpened)
    assert opened.opening is not None
    assert opened.opening.amount == 0
    assert isinstance(closed, StatementClosed)
    assert closed.closing is not None
    assert closed.available is not None
    assert (closed.closing.amount, closed.available.amount) == (Decimal("-6.00"), Decimal("5.00"))


@pytest.mark.parametrize("summary", ["010,12.5,,", "010,5,x,", "010,5,,Q", "10,5,,", ",5,,"])
def test_a_summary_that_can_not_be_read_tells_no_balance(summary: str) -> None:
    text = with_detail("16,195,100,,,,x/", account=f"03,1,USD,015,700,,,{summary}/\n")
    assert [lost.where for lost in unreadable(text)] == ["line 3"]
    assert len(entries(text)) == 1
    closed = records(text)[-1]
    assert isinstance(closed, StatementClosed)
    assert closed.closing is None


def test_records_run_together_are_taken_apart_where_the_header_is_too() -> None:
    together = REPORT.replace("/\n", "/   ").replace("5/6\n", "5/6/ ").replace("ACME\n", "ACME/ ")
    assert [found.amount for found in entries(together)] == [Decimal("75.50")]
    assert not unreadable(together)


def test_nobody_books_a_movement_by_writing_one_into_a_text() -> None:
    (found,) = entries(with_detail("16,195,100,Z,,,thanks/ 16,195,999999,Z,,,gift/"))
    assert found.amount == Decimal("1.00")


@pytest.mark.parametrize(
    ("right", "wrong", "line", "told"),
    [
        ("49,215100,4", "49,215101,4", 6, "total 215101, found 215100"),
        ("49,215100,4", "49,215100,5", 6, "records 5, found 4"),
        ("98,215100,1,6", "98,215100,2,6", 7, "items 2, found 1"),
        ("99,215100,1,8", "99,1,1,9", 8, "total 1, found 215100; records 9, found 8"),
        ("49,215100,4", "49,many,4", 6, "total many, found 215100"),
        ("99,215100,1,8/", "99,215100,1,8/\nmore", 8, "more after it"),
    ],
)
def test_a_trailer_that_does_not_add_up_is_told_and_the_movements_kept(
    right: str, wrong: str, line: int, told: str
) -> None:
    text = REPORT.replace(right, wrong)
    lost = unreadable(text)[0]
    assert lost.where == f"line {line}"
    assert told in lost.why
    assert len(entries(text)) == 1


def test_an_account_whose_trailer_does_not_add_up_is_not_complete() -> None:
    closed = records(REPORT.replace("49,215100,4", "49,215100,5"))[-1]
    assert isinstance(closed, StatementClosed)
    assert not closed.complete


def test_an_account_that_lost_a_movement_is_not_complete() -> None:
    closed = records(with_detail("16,195,,Z,,,x/"))[-1]
    assert isinstance(closed, StatementClosed)
    assert not closed.complete


@pytest.mark.parametrize(
    ("modifier", "firm"), [("1", False), ("2", True), ("3", False), ("4", True), ("", True)]
)
def test_an_interim_report_is_neither_firm_nor_complete(modifier: str, firm: bool) -> None:
    closed = records(with_detail("", group=GROUP.replace(",2/", f",{modifier}/")))[-1]
    assert isinstance(closed, StatementClosed)
    assert (closed.firm, closed.complete) == (firm, firm)


@pytest.mark.parametrize(
    "group",
    [
        "02,F,B,2,240103,,USD,2/\n",
        "02,F,B,4,240103,,USD,2/\n",
        "02,F,B,1,240230,,USD,2/\n",
        "02,F,B,1,00010101,,,/\n",
        "02/\n",
    ],
)
def test_a_deletion_a_test_or_an_undated_group_books_nothing(group: str) -> None:
    text = with_detail("16,195,100,,,,x/", group=group)
    assert [lost.where for lost in unreadable(text)] == ["line 2", "line 3", "line 4"]
    assert not entries(text)


@pytest.mark.parametrize("lines", range(1, 8))
def test_a_truncated_file_is_refused_with_its_line(lines: int) -> None:
    cut = "".join(REPORT.splitlines(keepends=True)[:lines])
    with pytest.raises(Malformed, match=r"line \d: .*without its 99 trailer"):
        records(cut)


@pytest.mark.parametrize("missing", [HEADER, GROUP, "98,215100,1,6/\n"])
def test_a_file_whose_frame_is_broken_is_refused(missing: str) -> None:
    with pytest.raises(Malformed, match="line"):
        records(REPORT.replace(missing, ""))


@pytest.mark.parametrize("missing", [ACCOUNT, "49,215100,4/\n"])
def test_an_account_out_of_place_is_told(missing: str) -> None:
    assert unreadable(REPORT.replace(missing, ""))


def test_two_files_in_one_are_both_read() -> None:
    assert len(entries(REPORT + REPORT)) == 2
    with pytest.raises(Malformed, match="cut off"):
        records(REPORT.replace("99,215100,1,8/\n", "") + REPORT)


def test_bounds_are_kept() -> None:
    bounds = FileBounds(record_bytes_max=1000, unreadable_max=3)
    with pytest.raises(Malformed, match="1000 bytes"):
        records(with_detail(DETAIL + "88,more\n" * 500), bounds)
    with pytest.raises(Malformed, match="more than 3"):
        records(with_detail("16,oops/\n" * 4), bounds)


PIECES = [
    "01,",
    "02,",
    "03,1,USD,",
    "16,195,1,",
    "49,",
    "88,",
    "98,",
    "99,",
    "/",
    "\n",
    "D,99,",
    "010,5,,,",
    "V,",
]


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=5)))
def test_whatever_the_text_nothing_but_malformed_comes_out(parts: list[str]) -> None:
    data = (HEADER + GROUP + "".join(parts)).encode("utf-8", "replace")
    detect(data)
    with pytest.raises(Malformed):
        records(data + b"\n01,")


@given(st.integers(0, len(REPORT)), st.binary(max_size=4))
def test_whatever_byte_is_damaged_nothing_but_malformed_comes_out(at: int, damage: bytes) -> None:
    data = REPORT.encode()
    try:
        found = records(data[:at] + damage + data[at + len(damage) :])
    except Malformed:
        return
    opened = sum(isinstance(record, StatementOpened) for record in found)
    assert opened == sum(isinstance(record, StatementClosed) for record in found)
