"""From records to changes: whose account, which name, and what each balance says of which day."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caudal.matching.proof import Anchor, Verdict, prove
from caudal.model.changes import (
    AccountKind,
    AccountSeen,
    BalanceKind,
    BalanceSeen,
    Change,
    Status,
    TransactionSeen,
    Unreadable,
    Window,
)
from caudal.model.errors import Malformed
from caudal.providers.file.records import Entry, FileAccount, Record, StatementClosed, StatementOpened, Told
from caudal.providers.file.statements import Naming, Survey, changes, reference, survey

NAMING = Naming("ofx")
GIRO = FileAccount(id="1234567890", institution="990012345", currency="EUR", kind=AccountKind.CHECKING)
IBAN = "DE89370400440532013000"
Item = Change | Window | Unreadable


def day(number: int) -> date:
    """The `number`th of March; numbers below 1 are days of February."""
    return date(2026, 3, 1) + timedelta(number - 1)


def entry(on: int, amount: str = "-4.50", id_: str = "", text: str = "COFFEE", **more: object) -> Entry:
    told = {"id": id_, "description": text, "raw": f"<{text}>"} | more
    return Entry(day(on), Decimal(amount), line=7, **told)  # type: ignore[arg-type]


def told(amount: str, on: int | None = None, currency: str | None = None) -> Told:
    return Told(Decimal(amount), None if on is None else day(on), currency)


def statement(
    *entries: Record,
    account: FileAccount = GIRO,
    opening: Told | None = None,
    id_: str = "",
    **closed: object,
) -> list[Record]:
    """One statement; what is named in `closed` is told at its end."""
    return [StatementOpened(account, opening, id_), *entries, StatementClosed(**closed)]  # type: ignore[arg-type]


def surveyed(records: Iterable[Record], naming: Naming = NAMING) -> Survey:
    return survey(records, naming)


def said(*statements: list[Record], naming: Naming = NAMING, ids_identify: bool = True) -> list[Item]:
    """What the engine is told of these statements, one after the other in a file."""
    records = [record for statement in statements for record in statement]
    return list(changes(records, survey(records, naming), naming, ids_identify=ids_identify))


def seen(items: Iterable[Item]) -> list[TransactionSeen]:
    return [item for item in items if isinstance(item, TransactionSeen)]


def balances(items: Iterable[Item]) -> list[BalanceSeen]:
    return [item for item in items if isinstance(item, BalanceSeen)]


def windows(items: Iterable[Item]) -> list[Window]:
    return [item for item in items if isinstance(item, Window)]


def refused(items: Iterable[Item]) -> list[Unreadable]:
    return [item for item in items if isinstance(item, Unreadable)]


# --- The survey ---------------------------------------------------------------------------------------------


def test_the_survey_counts_what_the_file_holds() -> None:
    broken = Unreadable("line 9", "no amount", "raw")
    found = surveyed([*statement(entry(2), broken, entry(4)), *statement(entry(3))])
    assert (found.entries, found.unreadable) == (3, 1)
    assert [(told.entries, told.first_on, told.last_on) for told in found.statements] == [
        (2, day(2), day(4)),
        (1, day(3), day(3)),
    ]


def test_a_file_that_can_not_be_read_to_its_end_has_no_survey() -> None:
    def records() -> Iterator[Record]:
        yield from statement(entry(2))
        raise Malformed("line 12", "ends in the middle")

    with pytest.raises(Malformed, match="line 12"):
        surveyed(records())


def test_accounts_are_told_once_each_in_the_file_s_order() -> None:
    other = msgspec.structs.replace(GIRO, id="99")
    found = surveyed([*statement(account=other), *statement(), *statement(account=other)])
    assert found.refs == ["ofx:990012345:99", "ofx:990012345:1234567890"]
    assert found.account_of(found.refs[1]) == GIRO


@pytest.mark.parametrize(
    ("currencies", "untold"),
    [((None, None), True), (("EUR", None), False), ((None, "EUR"), False)],
)
def test_the_survey_knows_whether_some_amount_has_no_currency(
    currencies: tuple[str | None, str | None], untold: bool
) -> None:
    account = msgspec.structs.replace(GIRO, currency=currencies[0])
    found = surveyed(statement(entry(2, currency=currencies[1]), account=account))
    assert found.statements[0].currency_untold is untold


def test_a_currency_the_person_names_is_not_untold() -> None:
    silent = statement(entry(2), account=FileAccount())
    assert not surveyed(silent, Naming("csv", currency="EUR")).statements[0].currency_untold


# --- Whose account ------------------------------------------------------------------------------------------


def ref_of(account: FileAccount, naming: Naming = NAMING, id_: str = "") -> str:
    return reference(StatementOpened(account, id=id_), naming)


def test_an_iban_names_an_account_whatever_bank_is_said_to_hold_it() -> None:
    by_iban = FileAccount(id=IBAN, iban=IBAN, institution="COBADEFF")
    assert ref_of(by_iban) == ref_of(FileAccount(id=IBAN, iban=IBAN)) == f"ofx::{IBAN}"


def test_a_number_names_an_account_at_its_bank_alone() -> None:
    assert ref_of(GIRO) == "ofx:990012345:1234567890"
    assert ref_of(GIRO) != ref_of(msgspec.structs.replace(GIRO, institution="990099999"))


@pytest.mark.parametrize("spelled", ["12-3456-7890", " 1234567890", "1234 567 890", "12/34567890"])
def test_the_spelling_of_a_number_makes_no_difference(spelled: str) -> None:
    assert ref_of(msgspec.structs.replace(GIRO, id=spelled)) == ref_of(GIRO)


def test_what_the_person_said_stands_in_only_where_the_file_is_silent() -> None:
    naming = Naming("csv", account="0197")
    assert ref_of(FileAccount(), naming) == "csv:account:0197"
    assert ref_of(GIRO, naming) == "csv:990012345:1234567890"


def test_a_nameless_account_goes_by_the_file_s_layout_so_that_the_next_export_finds_it() -> None:
    naming = Naming("csv")
    one, other = (ref_of(FileAccount(), naming, f"layout:{layout}") for layout in ("a1", "b2"))
    assert one == ref_of(FileAccount(), naming, "layout:a1")
    assert one != other
    # A statement's own number changes with each export: it names no account.
    assert ref_of(FileAccount(), naming, "7/1") == ref_of(FileAccount(), naming, "8/1")


def test_formats_do_not_share_accounts_by_accident() -> None:
    assert ref_of(GIRO, Naming("ofx")) != ref_of(GIRO, Naming("swift"))


@pytest.mark.parametrize(
    ("account", "name"),
    [
        (
            FileAccount(number="400123459914", institution="Brightwater", kind=AccountKind.CARD),
            "Brightwater card …9914",
        ),
        (FileAccount(id=IBAN, iban=IBAN), "Account …3000"),
        (GIRO, "Checking …7890"),
        (FileAccount(id="77", kind=AccountKind.CASH), "Cash 77"),
        (FileAccount(kind=AccountKind.SAVINGS), "OFX savings"),
        (FileAccount(), "OFX account"),
        (FileAccount(id="1", name="Holiday fund"), "Holiday fund"),
    ],
)
def test_an_account_gets_a_name_a_person_can_tell_it_by(account: FileAccount, name: str) -> None:
    (seen_account,) = [item for item in said(statement(account=account)) if isinstance(item, AccountSeen)]
    assert seen_account.name == name


# --- Movements ----------------------------------------------------------------------------------------------


def test_a_statement_is_told_in_order_account_movements_balances_days() -> None:
    items = said(statement(entry(2), opening=told("10.00", 1), closing=told("5.50", 3)))
    assert [type(item) for item in items] == [AccountSeen, TransactionSeen, BalanceSeen, BalanceSeen, Window]


def test_a_movement_says_what_its_record_says() -> None:
    record = entry(
        2, "-4.50", "TX-17", counterparty="CORNER CAFE", reference="R1", value_on=day(3), pending=True
    )
    (movement,) = seen(said(statement(record)))
    assert (movement.id, movement.rule, movement.status) == ("TX-17", "provider_id", Status.PENDING)
    assert (str(movement.money), movement.booked_on, movement.value_on) == ("-4.50 EUR", day(2), day(3))
    assert (movement.description, movement.counterparty, movement.reference) == (
        "COFFEE",
        "CORNER CAFE",
        "R1",
    )
    assert movement.raw == "<COFFEE>"
    assert movement.ref == "ofx:990012345:1234567890"


@pytest.mark.parametrize(
    ("entrys", "files", "persons", "held"),
    [
        ("USD", "EUR", "GBP", "USD"),
        (None, "EUR", "GBP", "EUR"),
        (None, None, "GBP", "GBP"),
        (None, None, None, "XXX"),
    ],
)
def test_the_nearest_word_on_the_currency_counts(
    entrys: str | None, files: str | None, persons: str | None, held: str
) -> None:
    account = msgspec.structs.replace(GIRO, currency=files)
    items = said(
        statement(entry(2, currency=entrys), account=account), naming=Naming("csv", currency=persons)
    )
    assert seen(items)[0].money.currency == held


def test_a_currency_said_later_leaves_every_movement_its_name() -> None:
    silent = statement(entry(2), entry(2), entry(3), account=FileAccount())
    before = [movement.id for movement in seen(said(silent, naming=Naming("csv")))]
    after = [movement.id for movement in seen(said(silent, naming=Naming("csv", currency="EUR")))]
    assert before == after


def test_an_amount_that_is_no_money_is_kept_raw_and_the_rest_goes_on() -> None:
    items = said(
        statement(entry(2), entry(3, "-1.005", text="ODD"), entry(4, "-1.00", currency="ZZZ"), entry(5))
    )
    assert [movement.booked_on for movement in seen(items)] == [day(2), day(5)]
    fine, strange = refused(items)
    assert (fine.where, fine.raw, fine.ref) == ("line 7", "<ODD>", GIRO_REF)
    assert "decimal places" in fine.why
    assert "'ZZZ'" in strange.why


GIRO_REF = reference(StatementOpened(GIRO), NAMING)


def test_where_a_format_s_ids_identify_nothing_movements_go_by_their_content() -> None:
    items = said(statement(entry(2, id_="NTRF1")), ids_identify=False)
    assert (seen(items)[0].rule, seen(items)[0].fallback_id) == ("derived_id", "")


def test_what_could_not_be_read_is_passed_on_in_its_place() -> None:
    broken = Unreadable("line 9", "no amount", "raw")
    items = said(statement(entry(2), broken, entry(3)))
    assert items[2] == broken


def test_the_last_movement_of_a_cut_statement_is_not_believed() -> None:
    items = said(statement(entry(2), entry(3), entry(4, text="COF"), cut=True, complete=False))
    assert [movement.booked_on for movement in seen(items)] == [day(2), day(3)]
    (last,) = refused(items)
    assert (last.where, last.raw, last.ref) == ("line 7", "<COF>", GIRO_REF)
    assert "fetch the file again" in last.why


def test_what_a_cut_statement_tells_goes_by_the_names_of_the_whole_one() -> None:
    whole = [entry(2), entry(2), entry(3), entry(3, text="TEA")]
    names = [movement.id for movement in seen(said(statement(*whole)))]
    assert [movement.id for movement in seen(said(statement(*whole, cut=True)))] == names[:-1]


def test_only_the_cut_statement_of_a_file_loses_its_end() -> None:
    items = said(statement(entry(2), entry(3)), statement(entry(4), entry(5), cut=True))
    assert [movement.booked_on for movement in seen(items)] == [day(2), day(3), day(4)]


# --- Statements that go on, and statements told twice -------------------------------------------------------


def test_twins_of_a_day_that_two_statements_share_stay_twins() -> None:
    morning = statement(entry(2), opening=told("10.00", 1), closing=told("5.50", 2))
    evening = statement(entry(2), opening=told("5.50", 2), closing=told("1.00", 2))
    names = [movement.id for movement in seen(said(morning, evening))]
    assert names[1] == names[0] + "\u241f2"


def test_the_same_statement_twice_in_a_file_tells_the_same_movements() -> None:
    once = statement(
        entry(2), entry(2), entry(3, id_="A"), opening=told("10.00", 1), closing=told("-3.50", 3)
    )
    names = [movement.id for movement in seen(said(once, once))]
    assert names[:3] == names[3:]
    assert len(set(names)) == 3


def test_a_statement_that_goes_on_does_not_tell_its_opening_balance_again() -> None:
    first = statement(entry(2), opening=told("10.00", 1), closing=told("5.50", 4))
    second = statement(entry(6), opening=told("5.50", 5), closing=told("1.00", 8))
    assert [(balance.on, str(balance.money)) for balance in balances(said(first, second))] == [
        (day(1), "10.00 EUR"),
        (day(4), "5.50 EUR"),
        (day(8), "1.00 EUR"),
    ]


def test_a_gap_between_two_statements_is_told_by_both_its_ends() -> None:
    first = statement(entry(2), opening=told("10.00", 1), closing=told("5.50", 4))
    later = statement(entry(9), opening=told("70.00", 8), closing=told("65.50", 9))
    assert [balance.on for balance in balances(said(first, later))] == [day(1), day(4), day(8), day(9)]


# --- Balances and their days --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("opened_on", "booked", "closed_on", "eve"),
    [
        (1, [2, 3], 3, 1),  # dated with the day before the statement starts
        (2, [2, 3], 3, 1),  # dated with its first day: a movement is booked on it
        (2, [3], 5, 2),  # a quiet day before the first movement
        (2, [5, 2], 5, 1),  # the newest first
        (1, [], 3, 1),
        (None, [3, 4], 5, 2),  # undated: before all that is listed
        (3, [1], 5, 3),  # a movement entered later than it is dated
    ],
)
def test_an_opening_balance_stood_at_the_end_of_the_day_before(
    opened_on: int | None, booked: list[int], closed_on: int, eve: int
) -> None:
    records = statement(
        *map(entry, booked), opening=told("10.00", opened_on), closing=told("1.00", closed_on)
    )
    assert surveyed(records).statements[0].eve == day(eve)
    assert [balance.on for balance in balances(said(records))] == [day(eve), day(closed_on)]


def test_what_an_export_without_ends_opens_with_precedes_all_it_lists() -> None:
    records = statement(entry(2), entry(5), opening=told("10.00", 4), closing=told("1.00", 6), firm=False)
    assert surveyed(records).statements[0].eve == day(1)


def test_an_opening_balance_told_at_the_end_counts_as_one_told_at_the_start() -> None:
    start = statement(entry(2), opening=told("10.00", 1), closing=told("5.50", 3))
    end = [*start[:-1], StatementClosed(opening=told("10.00", 1), closing=told("5.50", 3))]
    end[0] = StatementOpened(GIRO)
    assert said(end) == said(start)


def test_each_balance_is_told_as_what_it_is() -> None:
    records = statement(
        entry(2), opening=told("10.00", 1), closing=told("5.50", 3), available=told("105.50", 3), firm=False
    )
    assert [
        (balance.kind, str(balance.money.amount), balance.firm) for balance in balances(said(records))
    ] == [
        (BalanceKind.BOOKED, "10.00", True),
        (BalanceKind.BOOKED, "5.50", False),
        (BalanceKind.AVAILABLE, "105.50", False),
    ]


@pytest.mark.parametrize(("end", "on"), [(6, 6), (None, 4)])
def test_a_balance_without_a_date_stood_at_the_end_of_the_statement(end: int | None, on: int) -> None:
    records = statement(entry(2), entry(4), closing=told("5.50"), end=None if end is None else day(end))
    assert [balance.on for balance in balances(said(records))] == [day(on)]


def test_a_balance_of_no_day_at_all_is_not_told() -> None:
    assert balances(said(statement(closing=told("5.50")))) == []


def test_a_balance_that_is_no_money_is_kept_apart() -> None:
    items = said(statement(entry(2), opening=told("10.00", 1), closing=told("5.505", 3)))
    assert [balance.on for balance in balances(items)] == [day(1)]
    (broken,) = refused(items)
    assert (broken.where, broken.raw) == ("balance", "5.505")


def test_a_balance_in_a_currency_of_its_own_keeps_it() -> None:
    (balance,) = balances(said(statement(entry(2), closing=told("5.50", 3, "USD"))))
    assert balance.money.currency == "USD"


# --- The day a movement entered the balance -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("booked_on", "entered_on"),
    [
        (2, None),
        (5, None),
        (0, 2),  # dated before the opening balance, yet listed after it
        (-40, 2),  # a correction of last month
        (6, 5),  # dated after the statement's end
        (60, 5),
    ],
)
def test_a_movement_between_two_balances_entered_between_them(booked_on: int, entered_on: int | None) -> None:
    records = statement(entry(3), entry(booked_on), opening=told("10.00", 1), closing=told("1.00", 5))
    movement = seen(said(records))[1]
    assert movement.booked_on == day(booked_on)
    assert movement.entered_on == (None if entered_on is None else day(entered_on))


@pytest.mark.parametrize(
    "closed",
    [
        {"closing": told("1.00", 5), "firm": False},  # a snapshot: what it lists may lie beyond it
        {"closing": told("1.00")},
        {},
    ],
)
def test_without_a_firm_end_no_movement_is_said_to_have_entered_on_another_day(
    closed: dict[str, object],
) -> None:
    records = statement(entry(2), entry(9), opening=told("10.00", 1), **closed)
    assert [movement.entered_on for movement in seen(said(records))] == [None, None]


def test_without_an_opening_balance_a_movement_entered_on_its_day() -> None:
    assert [movement.entered_on for movement in seen(said(statement(entry(9), closing=told("1.00", 5))))] == [
        None
    ]


def verdict(items: Iterable[Item]) -> Verdict:
    """What the balances say of the movements, as the ledger would conclude it."""
    sums: defaultdict[date, Decimal] = defaultdict(Decimal)
    for movement in seen(items):
        sums[movement.entered_on or movement.booked_on] += movement.money.amount
    anchors = [Anchor(told.on, told.money.amount, told.firm) for told in balances(items)]
    return prove(anchors, sorted(sums.items())).verdict


cents = st.integers(-10_000, 10_000).filter(bool).map(lambda units: Decimal(units).scaleb(-2))


@st.composite
def statements(draw: st.DrawFn) -> list[Record]:
    """A statement whose movements make up the difference, whatever days they carry."""
    opened_on = draw(st.integers(1, 8))
    closed_on = opened_on + draw(st.integers(0, 8))
    booked = draw(st.lists(st.tuples(st.integers(-20, 25), cents), min_size=1, max_size=8))
    opening = draw(cents)
    closing = sum((amount for _, amount in booked), opening)
    return statement(
        *(entry(on, str(amount), f"TX{number}") for number, (on, amount) in enumerate(booked, 1000)),
        opening=told(str(opening), opened_on),
        closing=told(str(closing), closed_on),
    )


@given(statements())
def test_a_statement_whose_figures_add_up_is_proven_whatever_days_its_movements_carry(
    records: list[Record],
) -> None:
    assert verdict(said(records)) is Verdict.PROVEN


@given(statements(), st.data())
def test_a_movement_missing_from_a_statement_is_told_whatever_day_it_carries(
    records: list[Record], data: st.DataObject
) -> None:
    items = said(records)
    items.remove(data.draw(st.sampled_from(seen(items))))
    assert verdict(items) is Verdict.OFF


# --- Balances beside movements ------------------------------------------------------------------------------


def beside(*rows: tuple[int, str, str | None], **closed: object) -> list[tuple[date, str, bool]]:
    """The balances that rows of (day, amount, balance after it) come to."""
    records = statement(
        *(
            entry(on, amount, balance_after=None if after is None else Decimal(after))
            for on, amount, after in rows
        ),
        **closed,
    )
    return [(told.on, str(told.money.amount), told.firm) for told in balances(said(records))]


def test_the_last_balance_of_a_day_stood_at_its_end() -> None:
    rows = [(2, "-1", "99"), (2, "-1", "98"), (4, "-1", "97"), (5, "-1", "96")]
    assert beside(*rows) == [(day(2), "98", True), (day(4), "97", True), (day(5), "96", False)]


def test_the_newest_first_the_first_balance_of_a_day_stood_at_its_end() -> None:
    rows = [(5, "-1", "96"), (4, "-1", "97"), (2, "-1", "98"), (2, "-1", "99")]
    assert beside(*rows, newest_first=True) == [
        (day(2), "98", True),
        (day(4), "97", True),
        (day(5), "96", False),
    ]


def test_the_latest_day_may_not_be_over() -> None:
    assert beside((2, "-1", "99")) == [(day(2), "99", False)]


@pytest.mark.parametrize("newest_first", [True, False])
def test_rows_out_of_order_tell_no_balance_of_any_day(newest_first: bool) -> None:
    rows = [(4, "-1", "99"), (2, "-1", "98"), (5, "-1", "97")]
    assert beside(*rows, newest_first=newest_first) == []


def test_a_row_without_a_balance_leaves_the_others_theirs() -> None:
    assert beside((2, "-1", "99"), (3, "-1", None), (4, "-1", "97")) == [
        (day(2), "99", True),
        (day(4), "97", False),
    ]


def test_what_is_only_expected_moves_no_balance() -> None:
    records = statement(
        entry(2, balance_after=Decimal(99)), entry(2, balance_after=Decimal(50), pending=True)
    )
    assert [str(told.money.amount) for told in balances(said(records))] == ["99"]


def test_a_balance_beside_a_movement_is_in_the_movement_s_currency() -> None:
    records = statement(entry(2, currency="USD", balance_after=Decimal(99)))
    assert [told.money.currency for told in balances(said(records))] == ["USD"]


@given(st.lists(st.tuples(st.integers(1, 5), cents), min_size=2, max_size=10), st.booleans(), cents)
def test_running_balances_prove_the_movements_they_stand_beside(
    moves: list[tuple[int, Decimal]], newest_first: bool, opening: Decimal
) -> None:
    rows, balance = [], opening
    for on, amount in sorted(moves, key=lambda move: move[0]):
        balance += amount
        rows.append(entry(on, str(amount), balance_after=balance))
    items = said(statement(*(rows[::-1] if newest_first else rows), newest_first=newest_first))
    days = {on for on, _ in moves}
    assert verdict(items) is (Verdict.PROVEN if len(days) > 1 else Verdict.NONE)


# --- Windows ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("closed", "window"),
    [
        ({}, (2, 4)),
        ({"start": day(1)}, (1, 4)),
        ({"end": day(9)}, (2, 9)),
        ({"start": day(1), "end": day(9)}, (1, 9)),
        ({"complete": False}, None),
        ({"start": day(9)}, None),
    ],
)
def test_a_statement_covers_the_days_it_says_or_shows(
    closed: dict[str, object], window: tuple[int, int] | None
) -> None:
    expected = [] if window is None else [Window(GIRO_REF, day(window[0]), day(window[1]))]
    assert windows(said(statement(entry(4), entry(2), **closed))) == expected


def test_a_statement_of_no_days_covers_none() -> None:
    assert windows(said(statement())) == []
    assert windows(said(statement(start=day(1), end=day(9)))) == [Window(GIRO_REF, day(1), day(9))]


def test_a_movement_that_can_not_be_read_is_missed_by_the_proof() -> None:
    # A statement of one day, whose opening and closing balances carry that day both.
    broken = Unreadable("line 9", "no amount", "raw")
    yesterday = statement(entry(1), opening=told("104.50", 1), closing=told("100.00", 1))
    today = statement(broken, opening=told("100.00", 2), closing=told("90.00", 2))
    assert surveyed(today).statements[0].eve == day(1)
    assert verdict(said(yesterday, today)) is Verdict.OFF
