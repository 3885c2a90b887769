"""Reading MT940 and MT942 statements."""

import io
import re
from contextlib import suppress
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caudal.model.changes import Unreadable
from caudal.model.errors import Malformed
from caudal.providers.file import swift
from caudal.providers.file.records import Entry, Record, StatementClosed, StatementOpened
from caudal.providers.file.swift import detect, read
from caudal.settings import FileBounds

HEAD = ":20:STMT1\n:25:DE89370400440532013000\n:28C:7/1\n:60F:C240102EUR1000,00\n"
TAIL = ":62F:C240103EUR1100,50\n-\n"
MOVEMENT = ":61:2401030103C100,50NTRFNONREF//BANK77\n:86:Invoice 12\n"


BOUNDS = FileBounds()


def records(text: str | bytes, bounds: FileBounds = BOUNDS) -> list[Record]:
    data = text if isinstance(text, bytes) else text.encode()
    return list(read(io.BytesIO(data), bounds))


def entries(text: str | bytes) -> list[Entry]:
    return [record for record in records(text) if isinstance(record, Entry)]


def unreadable(text: str | bytes) -> list[Unreadable]:
    return [record for record in records(text) if isinstance(record, Unreadable)]


def entry(movement: str, details: str = "") -> Entry:
    (found,) = entries(f"{HEAD}:61:{movement}\n{details}{TAIL}")
    return found


def described(details: str) -> tuple[str, str, str]:
    found = entry("240103C1,00NTRFNONREF", f":86:{details}\n")
    return found.description, found.counterparty, found.reference


def test_a_statement_is_opened_told_and_closed() -> None:
    opened, movement, closed = records(HEAD + MOVEMENT + TAIL)
    assert isinstance(opened, StatementOpened)
    assert opened.account.id == opened.account.iban == "DE89370400440532013000"
    assert opened.account.currency == "EUR"
    assert opened.id == "7/1"
    assert opened.opening is not None
    assert (opened.opening.amount, opened.opening.on) == (Decimal("1000.00"), date(2024, 1, 2))
    assert isinstance(movement, Entry)
    assert movement.amount == Decimal("100.50")
    assert movement.id == "BANK77"
    assert movement.description == "Invoice 12"
    assert movement.reference == ""
    assert movement.code == "NTRF"
    assert movement.line == 5
    assert movement.raw == MOVEMENT.rstrip("\n")
    assert isinstance(closed, StatementClosed)
    assert closed.closing is not None
    assert (closed.closing.amount, closed.closing.on) == (Decimal("1100.50"), date(2024, 1, 3))
    assert closed.complete
    assert closed.firm


@pytest.mark.parametrize(
    ("mark", "amount"),
    [("C", "5.00"), ("D", "-5.00"), ("RC", "-5.00"), ("RD", "5.00"), ("CR", "5.00"), ("RCR", "-5.00")],
)
def test_money_in_is_positive_and_a_reversal_turns_it_round(mark: str, amount: str) -> None:
    assert entry(f"240103{mark}5,00NTRFNONREF").amount == Decimal(amount)


@pytest.mark.parametrize(
    ("printed", "amount"),
    [("12,5", "12.5"), ("12,", "12"), (",12", "0.12"), ("000000000012,50", "12.50"), ("12.5", "12.5")],
)
def test_amounts_are_read_in_every_form_banks_print(printed: str, amount: str) -> None:
    assert entry(f"240103D{printed}NTRFNONREF").amount == -Decimal(amount)


def test_an_amount_of_nothing_has_no_sign() -> None:
    assert not entry("240103D0,00NTRFNONREF").amount.is_signed()


@pytest.mark.parametrize(
    ("dates", "booked", "value"),
    [
        ("2401050103", date(2024, 1, 3), date(2024, 1, 5)),
        ("240105    ", date(2024, 1, 5), date(2024, 1, 5)),
        ("2401021230", date(2023, 12, 30), date(2024, 1, 2)),
        ("2312310102", date(2024, 1, 2), date(2023, 12, 31)),
        ("2302300301", date(2023, 3, 1), date(2023, 2, 28)),
        ("991231", date(1999, 12, 31), date(1999, 12, 31)),
        ("240228" + "0229", date(2024, 2, 29), date(2024, 2, 28)),
    ],
)
def test_the_entry_date_is_the_booking_day_of_the_nearest_year(dates: str, booked: date, value: date) -> None:
    found = entry(f"{dates}C1,00NTRFNONREF")
    assert (found.booked_on, found.value_on) == (booked, value)


@pytest.mark.parametrize("dates", ["241301", "240431", "2404300431", "24013", "0000000000"])
def test_a_movement_on_a_day_that_does_not_exist_is_told_and_the_rest_read(dates: str) -> None:
    text = f"{HEAD}:61:{dates}C1,00NTRFNONREF\n:86:text\n{MOVEMENT}{TAIL}"
    (lost,) = unreadable(text)
    assert lost.where == "line 5"
    assert lost.raw.endswith(":86:text")
    assert len(entries(text)) == 1


def test_a_statement_that_lost_a_movement_is_not_complete() -> None:
    closed = records(f"{HEAD}:61:241301C1,00NTRFNONREF\n{MOVEMENT}{TAIL}")[-1]
    assert isinstance(closed, StatementClosed)
    assert not closed.complete


def test_what_mt942_only_expects_is_pending() -> None:
    assert entry("240103EC5,00NTRFNONREF").pending
    assert entry("240103ED5,00NTRFNONREF").amount == Decimal("-5.00")
    assert not entry("240103C5,00NTRFNONREF").pending


def test_details_on_the_next_line_describe_a_movement_without_86() -> None:
    found = entry("240103C5,00NMSCREF1//BANK\n/OCMT/USD5,10")
    assert (found.reference, found.id, found.description) == ("REF1", "BANK", "/OCMT/USD5,10")


def test_a_name_after_a_blank_padded_reference_is_the_counterparty() -> None:
    found = entry("240103D000000000005,00N0440123456789      J. de Boer", ":86:rent\n:86:January\n")
    assert (found.reference, found.counterparty, found.code) == ("0123456789", "J. de Boer", "N044")
    assert found.description == "rent January"


def test_german_subfields_tell_purpose_name_and_reference() -> None:
    keys = "?20EREF+ORDER-0000000000000017?2142 ?22SVWZ+Danke fuer die schoene?23n Blu\nmen"
    names = "?32Gaertnerei Sonnenschein & B?33ruder?34000"
    assert described(f"166?00GUTSCHRIFT?109248{keys}?30DEUTDEFF?31DE02{names}") == (
        "Danke fuer die schoenen Blumen",
        "Gaertnerei Sonnenschein & Bruder",
        "ORDER-000000000000001742",
    )


@pytest.mark.parametrize("mark", ["?", ">", "~", "^", "<"])
def test_subfields_are_read_by_whatever_mark_the_bank_uses(mark: str) -> None:
    text = "020?00Przelew?20Faktura 7?32ACME".replace("?", mark)
    assert described(text) == ("Faktura 7", "ACME", "")


def test_a_mark_that_begins_no_subfield_stays_in_the_text() -> None:
    assert described("166?20M?ller & S?hne?32Caf?")[:2] == ("M?ller & S?hne", "Caf?")


def test_the_booking_text_stands_in_where_there_is_no_purpose() -> None:
    assert described("805?00ENTGELT?106666?34000") == ("ENTGELT", "", "")


def test_the_ultimate_party_stands_in_where_there_is_no_name() -> None:
    assert described("105?20SVWZ+Tax?21ABWA+Revenue Office") == ("Tax", "Revenue Office", "")


def test_keys_with_a_colon_are_keys_too() -> None:
    assert described("159?20EREF: A1 MREF: M2 SVWZ: Rent") == ("Rent", "", "A1")


def test_dutch_code_words_tell_name_remittance_and_reference() -> None:
    text = "/TRTP/SEPA OVERBOEKING/IBAN/NL02ABNA0123456789/NAME/A. Jans\nen/REMI/USTD//Huur mei/EREF/E-1"
    assert described(text) == ("Huur mei", "A. Jansen", "E-1")
    assert described("/CNTP/NL02ABNA0123456789/ABNANL2A/B. Bakker//REMI/USTD//Brood/")[1] == "B. Bakker"


def test_lines_by_number_tell_name_and_purpose() -> None:
    found = entry("240103DF5,00S   X", ":NS:01Policy 9\n02March\n15Example Insur\n17DEBIT\n")
    assert (found.description, found.counterparty) == ("Policy 9 March", "Example Insur")


def test_free_text_is_joined_by_blanks() -> None:
    assert described("card 1234 \n shop\n\nBerlin")[0] == "card 1234 shop Berlin"


@pytest.mark.parametrize("line", [":08 Uhr", ":12:11", "- 200 pieces", "{no envelope}", ":86", "-x"])
def test_text_that_looks_like_a_field_stays_in_its_details(line: str) -> None:
    found = entry("240103C1,00NTRFNONREF", f":86:at 13\n{line}\n")
    assert found.description == f"at 13 {line}"


def test_text_after_the_closing_balance_is_the_statements() -> None:
    (found,) = entries(f"{HEAD}{MOVEMENT}:62F:C240103EUR1100,50\n:86:Dear customer\n-\n")
    assert found.description == "Invoice 12"


def test_messages_of_several_accounts_are_statements_of_their_own() -> None:
    other = HEAD.replace("DE89370400440532013000", "10020030/1234567").replace("EUR", "USD")
    opened = [r for r in records(HEAD + MOVEMENT + TAIL + other + TAIL) if isinstance(r, StatementOpened)]
    assert [found.account.currency for found in opened] == ["EUR", "USD"]
    assert (opened[1].account.institution, opened[1].account.number) == ("10020030", "1234567")
    assert opened[1].account.iban is None


@pytest.mark.parametrize(
    ("printed", "iban", "number", "institution", "currency"),
    [
        ("NL91ABNA0417164300EUR", "NL91ABNA0417164300", None, None, "EUR"),
        ("1291.99.348GBP", None, "1291.99.348", None, "GBP"),
        ("BANKHUHB/12345678/HUF", None, "12345678", "BANKHUHB", "HUF"),
        ("NL92ABNA0417164300", None, "NL92ABNA0417164300", None, None),
    ],
)
def test_an_account_is_told_apart_from_its_bank_and_currency(
    printed: str, iban: str | None, number: str | None, institution: str | None, currency: str | None
) -> None:
    opened = records(f":20:X\n:25:{printed}\n")[0]
    assert isinstance(opened, StatementOpened)
    account = opened.account
    assert account.id == printed
    told = (account.iban, account.number, account.institution, account.currency)
    assert told == (iban, number, institution, currency)


def test_pages_are_neither_complete_nor_firm_at_an_intermediate_balance() -> None:
    first = (HEAD + MOVEMENT + TAIL).replace(":62F:", ":62M:")
    last = (HEAD + MOVEMENT + TAIL).replace(":60F:", ":60M:")
    found = records(first + last)
    one, two = (record for record in found if isinstance(record, StatementClosed))
    assert (one.complete, one.firm) == (False, False)
    assert (two.complete, two.firm) == (False, True)
    opened = [record for record in found if isinstance(record, StatementOpened)][1]
    assert opened.opening is not None
    assert opened.opening.on is None


def test_available_is_told_apart_from_the_closing_balance() -> None:
    closed = records(HEAD + ":62F:C240103EUR1,00\n:64:D240103EUR2,00\n:65:C240104EUR9,00\n")[-1]
    assert isinstance(closed, StatementClosed)
    assert closed.available is not None
    assert closed.available.amount == Decimal("-2.00")


def test_a_balance_on_a_day_that_does_not_exist_keeps_its_amount() -> None:
    closed = records(HEAD + ":62F:C241131EUR7,00\n")[-1]
    assert isinstance(closed, StatementClosed)
    assert closed.closing is not None
    assert (closed.closing.amount, closed.closing.on) == (Decimal("7.00"), None)


def test_a_balance_that_is_none_is_told() -> None:
    (lost,) = unreadable(HEAD + ":62F:C240103EURseven\n-\n")
    assert lost.where == "line 5"


def test_an_mt942_has_movements_and_no_balances() -> None:
    text = (
        ":20:X\n:25:PL1\n:34F:PLN0\n:13D:2401031815+0100\n" + MOVEMENT + ":90D:0PLN0,00\n:90C:1PLN100,50\n-\n"
    )
    assert detect(text.encode()) == "mt942"
    opened, movement, closed = records(text)
    assert isinstance(opened, StatementOpened)
    assert opened.account.currency == "PLN"
    assert isinstance(movement, Entry)
    assert isinstance(closed, StatementClosed)
    assert closed.closing is None
    assert not closed.complete


def test_a_file_without_its_closing_balance_is_read_and_not_complete() -> None:
    _, movement, closed = records(HEAD + MOVEMENT)
    assert isinstance(movement, Entry)
    assert isinstance(closed, StatementClosed)
    assert closed.closing is None
    assert not closed.complete


@pytest.mark.parametrize("kept", range(len(":61:2401030103C100,50NTR")))
def test_a_movement_cut_off_is_told_with_its_line_never_with_a_wrong_amount(kept: int) -> None:
    text = HEAD + MOVEMENT + ":61:2401030103C100,50NTR"[:kept]
    assert [found.amount for found in entries(text)] == [Decimal("100.50")]
    if kept >= len(":61:"):
        assert [lost.where for lost in unreadable(text)] == ["line 7"]


def test_an_envelope_cut_off_before_its_closing_balance_is_refused_with_its_line() -> None:
    text = "{1:F01BANKDEFFAXXX}{2:O940}{4:\n" + HEAD + MOVEMENT
    with pytest.raises(Malformed, match=r"line 1: .*cut off"):
        records(text)
    assert len(entries(text + TAIL[:-1] + "}\n")) == 1


def test_an_account_among_the_movements_is_told_and_the_movement_kept() -> None:
    text = f"{HEAD}:61:240103C1,00NTRFNONREF\n:25:166?20typo\n{TAIL}"
    assert [lost.where for lost in unreadable(text)] == ["line 6"]
    assert len(entries(text)) == 1


def test_a_field_of_another_message_is_told_with_its_line() -> None:
    lost = unreadable(HEAD.replace(":28C:", ":32A:240101EUR1,\n:50K:ACME\n:28C:"))
    assert [(found.where, found.raw) for found in lost] == [
        ("line 3", ":32A:240101EUR1,"),
        ("line 4", ":50K:ACME"),
    ]


@pytest.mark.parametrize("data", [b"", b"\n\n", b"hello\nworld\n", b"Date,Amount\n2024-01-01,5\n"])
def test_a_file_without_any_field_is_refused(data: bytes) -> None:
    assert detect(data) is None
    with pytest.raises(Malformed):
        records(data)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends_make_no_difference(encoding: str, end: str) -> None:
    text = (HEAD + MOVEMENT.replace("Invoice", "Müller") + TAIL).replace("\n", end).encode(encoding)
    assert detect(text) == "mt940"
    (found,) = entries(text)
    assert (found.description, found.line) == ("Müller 12", 5)


@pytest.mark.parametrize("end", ["-", "-}", "-}{5:{CHK:0}}", "-\x03", "-  "])
def test_the_next_message_begins_after_any_end_of_message(end: str) -> None:
    text = (HEAD + MOVEMENT + TAIL).replace("-\n", f"{end}\nBANKNL2A\n940\n")
    assert len(entries(text * 3)) == 3
    assert sum(isinstance(record, StatementClosed) for record in records(text * 3)) == 3


def test_lines_are_right_across_blocks_and_memory_holds_one_of_them() -> None:
    text = HEAD + MOVEMENT * 20_000 + TAIL
    found = entries(text)
    assert len(found) == 20_000
    assert [movement.line for movement in found] == list(range(5, 40_005, 2))
    assert {movement.raw for movement in found} == {MOVEMENT.rstrip("\n")}


def test_bounds_are_kept() -> None:
    bounds = FileBounds(record_bytes_max=1000, unreadable_max=3)
    with pytest.raises(Malformed, match="1000 bytes"):
        records(HEAD + MOVEMENT + ":86:more\n" * 500, bounds)
    with pytest.raises(Malformed, match="1000 bytes"):
        records(HEAD + ":86:" + "more\n" * 500, bounds)
    with pytest.raises(Malformed, match="more than 3"):
        records(HEAD + ":61:oops\n" * 4, bounds)


FRAGMENTS = [
    ":20:",
    ":25:",
    ":60F:C240102EUR1,",
    ":61:",
    "2401030103C1,NTRF//",
    ":86:166?20",
    ":62M:",
    "-}",
    "{4:",
]


@given(st.lists(st.sampled_from([*FRAGMENTS, "\n", "\r", "?", "/REMI/", "EREF+"]) | st.text(max_size=5)))
def test_whatever_the_text_nothing_but_malformed_comes_out(parts: list[str]) -> None:
    text = "".join(parts)
    detect(text.encode("utf-8", "replace"))
    with suppress(Malformed):
        records(text.encode("utf-8", "replace"))


@given(st.integers(0, 400), st.binary(max_size=4))
def test_whatever_byte_is_damaged_nothing_but_malformed_comes_out(at: int, damage: bytes) -> None:
    text = (HEAD + MOVEMENT + ":61:240104D5,NMSCREF\n:86:166?20SVWZ+x?32y\n" + TAIL).encode()
    try:
        found = records(text[:at] + damage + text[at + len(damage) :])
    except Malformed:
        return
    depth = 0
    for record in found:
        depth += isinstance(record, StatementOpened) - isinstance(record, StatementClosed)
        assert depth in {0, 1}
        assert depth or not isinstance(record, Entry)


MOVEMENTS = [
    "2401030103C100,50NTRFNONREF//BANK77",
    "240103D5,NMSCREF",
    "240103    DR,5N044 REF  ",
    "240103RC5,00NTRF",
    "240103D1,00NTRF0123456789      J. de Boer",
    "240103D1,00NTRFa/b//c",
    "240104DF0,00S   \t//NONREF",
    "240230C1,N123\u00a0//x ",
    "241301C1,00NTRFX",
]
DETAILS = [
    "Invoice  12",
    "166?00GUT?20SVWZ+x?32y",
    "166?00G?20EREF+1 SVWZ+z\n?21?32M?ller",
    "020~00A~20SVWZ+" + "b" * 22 + "~21c",
    "/REMI/USTD//Huur/NAME/A",
    "at 13\n:08 Uhr\n- 200\n-\n",
    "a\n\nb",
    "",
]
FIELDS = [
    ":62F:C240103EUR1,00",
    ":62M:C240103EUR1,00",
    "-",
    ":25:X",
    ":61:oops",
    ":NS:01a",
    ":20:X\n:25:Y",
    "-}",
]


@st.composite
def messages(draw: st.DrawFn) -> str:
    """Movements, as a rule with one :86: each, and now and then another field among them."""
    text = draw(st.sampled_from(["", "junk\n", HEAD]))
    for _ in range(draw(st.integers(0, 6))):
        text += f":61:{draw(st.sampled_from(MOVEMENTS))}\n"
        for _ in range(draw(st.sampled_from([0, 1, 1, 1, 1, 2]))):
            text += f":86:{draw(st.sampled_from(DETAILS))}\n"
        if draw(st.integers(0, 3)) == 0:
            text += draw(st.sampled_from(FIELDS)) + "\n"
    return text + TAIL


def told(text: str, bounds: FileBounds) -> list[Record] | str:
    try:
        return records(text, bounds)
    except Malformed as error:
        return str(error)


@given(messages(), st.sampled_from([FileBounds(), FileBounds(unreadable_max=1, record_bytes_max=50)]))
def test_the_quick_way_and_the_careful_way_tell_the_same(text: str, bounds: FileBounds) -> None:
    quick = told(text, bounds)
    with pytest.MonkeyPatch.context() as patch:
        careful = re.compile(swift._ITEM.pattern.replace("( :61:", "( (?!):61:"), swift._ITEM.flags)
        patch.setattr(swift, "_ITEM", careful)
        assert told(text, bounds) == quick


def test_the_quick_way_takes_what_most_banks_write() -> None:
    items = swift._ITEM.findall(f"\n{MOVEMENT}{TAIL}")
    lines = MOVEMENT.rstrip("\n")
    assert items[0] == (lines, "2401030103", "C", "100,50", "NTRF", "NONREF", "BANK77", "Invoice 12", "")
