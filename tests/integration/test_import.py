"""Statement files into the ledger: each movement once, however often and in whatever pieces it is told."""

import asyncio
import itertools
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID, uuid4

import hypothesis
import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from tests.support.books import all_rows
from tests.support.imports import held, row_counts, take, take_all, told_by, verdicts, window, written
from tests.support.statements import (
    WRITERS,
    Account,
    Movement,
    Statement,
    accounts_with_movements,
    generated,
)

from caudal.hub import imports, installation, spaces
from caudal.model.errors import ConflictError, Malformed, NotFound
from caudal.providers.file.provider import FileDrop
from caudal.settings import Settings

FORMATS = sorted(WRITERS)
SILENT = ("csv", "qif")
"""Formats that tell neither the account's number nor its currency."""

ENDLESS = ("csv", "mt940", "qif")
"""Formats in which nothing says that a file is whole."""

DAY = timedelta(days=1)
fresh = itertools.count()

some = hypothesis.settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def in_euros(amount: str, on: date = date(2026, 3, 2), text: str = "COFFEE", id_: str = "A1") -> Movement:
    return Movement(id_, on, Decimal(amount), text, "CORNER CAFE")


def giro(*movements: Movement, number: str = "1234567890", opening: str = "100.00") -> Statement:
    days = [movement.booked_on for movement in movements] or [date(2026, 3, 2)]
    return Statement(Account(number, "EUR"), Decimal(opening), movements, min(days), max(days))


TWO = giro(in_euros("-4.50"), in_euros("-70.25", date(2026, 3, 3), "SHOES", "A2"))


@st.composite
def covers(draw: st.DrawFn) -> tuple[Statement, list[Statement]]:
    """A history, and files that tell all of it: windows of whole days that overlap or meet, in any order."""
    history = draw(accounts_with_movements(count_max=16))
    days = (history.end - history.start).days
    files = []
    reached = history.start - DAY
    while reached < history.end:
        start = history.start + DAY * draw(st.integers(0, (reached + DAY - history.start).days))
        end = reached + DAY * draw(st.integers(1, max(1, min(days, 6))))
        reached = min(max(end, reached + DAY), history.end)
        files.append(window(history, start, reached))
    return history, draw(st.permutations(files))


def decided(format_: str, statement: Statement) -> None:
    """Leave out what no reader can know: whether a CSV's 1.000 is one dinar or a thousand."""
    hypothesis.assume(format_ != "csv" or statement.account.currency != "KWD")


@pytest.mark.parametrize("format_", FORMATS)
@some
@given(statement=accounts_with_movements())
def test_a_file_taken_twice_adds_nothing(
    settings: Settings, tmp_path: Path, format_: str, statement: Statement
) -> None:
    decided(format_, statement)
    space = f"space {next(fresh)}"
    drop = FileDrop(written(tmp_path / "file", format_, statement), currency=statement.account.currency)
    first, again = take_all(settings, [drop, drop], space)
    count = len(list(statement.movements))
    assert (first.read, first.new, first.known, first.quarantined) == (count, count, 0, 0)
    assert (again.read, again.new, again.known, again.changed) == (count, 0, count, 0)
    assert held(settings.database_url, space) == told_by(format_, statement.movements)


@pytest.mark.parametrize("format_", FORMATS)
@some
@given(cover=covers())
def test_overlapping_files_in_any_order_tell_of_each_movement_once(
    settings: Settings, tmp_path: Path, format_: str, cover: tuple[Statement, list[Statement]]
) -> None:
    history, files = cover
    decided(format_, history)
    space = f"space {next(fresh)}"
    drops = [
        FileDrop(written(tmp_path / f"file {place}", format_, file), currency=history.account.currency)
        for place, file in enumerate(files)
    ]
    take_all(settings, drops, space)
    assert held(settings.database_url, space) == told_by(format_, history.movements)
    assert "off" not in verdicts(settings.database_url, space)


@pytest.mark.parametrize("format_", ["ofx1", "ofx2"])
def test_a_bank_that_numbers_its_rows_anew_in_each_file_tells_of_each_movement_once(
    settings: Settings, tmp_path: Path, format_: str
) -> None:
    history = generated(300, seed=5, per_day=10, twins=0.1)
    assert (
        len({(each.booked_on, each.amount, each.description) for each in history.movements}) < 300
    )  # there are twins
    again = [replace(each, id=f"anew {place}") for place, each in enumerate(history.movements)]
    drops = [
        FileDrop(written(tmp_path / f"file {name}", format_, file), currency=history.account.currency)
        for name, file in (("one", history), ("two", replace(history, movements=again)))
    ]
    space = f"space {next(fresh)}"
    take_all(settings, drops, space)
    assert sum(held(settings.database_url, space).values()) == 300
    assert "off" not in verdicts(settings.database_url, space)


@pytest.mark.parametrize("format_", FORMATS)
def test_twins_stay_twins(settings: Settings, tmp_path: Path, format_: str) -> None:
    day = date(2026, 3, 3)
    twins = [in_euros("-4.50", day, id_=id_) for id_ in ("B1", "B2", "B3")]
    monday = in_euros("-4.50", day - DAY, id_="A1")
    march = giro(monday, *twins)
    take(settings, written(tmp_path / "whole", format_, march))
    report = take(settings, written(tmp_path / "part", format_, window(march, day, day)))
    assert (report.new, report.known) == (0, 3)
    assert sum(held(settings.database_url).values()) == 4


@pytest.mark.parametrize("format_", FORMATS)
def test_the_size_of_a_page_makes_no_difference(settings: Settings, tmp_path: Path, format_: str) -> None:
    path = written(tmp_path / "file", format_, generated(40, per_day=4, twins=0.3))
    small = msgspec.structs.replace(settings, page_transactions_max=3)
    ledgers = []
    for name, size in (("large", settings), ("small", small)):
        report = take(size, path, name)
        assert report.new == 40
        ledgers.append((held(settings.database_url, name), verdicts(settings.database_url, name)))
        assert take(size, path, name).new == 0
    assert ledgers[0] == ledgers[1]


def test_a_file_half_taken_is_finished_whatever_the_page_size_is_then(
    settings: Settings, tmp_path: Path
) -> None:
    path = written(tmp_path / "file", "mt940", generated(30, per_day=4))
    whole = path.read_bytes()

    class Cut(Exception):
        """The process dies here."""

    sizes = [msgspec.structs.replace(settings, page_transactions_max=size) for size in (4, 7, 4)]
    for size in sizes:
        with pytest.raises(Cut):
            take_until(size, path, pages=2, then=Cut)
    assert path.read_bytes() == whole
    take(settings, path)
    assert held(settings.database_url) == told_by("mt940", generated(30, per_day=4).movements)
    assert verdicts(settings.database_url) == {"proven"}


def take_until(settings: Settings, path: Path, *, pages: int, then: type[Exception]) -> None:
    """Import, and raise once so many pages are in."""

    async def work() -> None:
        told = 0

        def progress(done: int, of: int) -> None:
            nonlocal told
            told += 1
            if told == pages:
                raise then

        async with installation.opened(settings) as opened:
            space = await spaces.chosen(opened.store, "home", make=True)
            await imports.import_file(opened, space, FileDrop(path), progress)

    asyncio.run(work())


@pytest.mark.parametrize("format_", FORMATS)
def test_a_file_cut_short_is_refused_whole_or_leaves_nothing_untrue(
    settings: Settings, tmp_path: Path, format_: str
) -> None:
    statement = generated(12, per_day=3)
    whole = written(tmp_path / "whole", format_, statement)
    data = whole.read_bytes()
    refused = 0
    for ninth in range(1, 9):
        space = f"cut {ninth}"
        cut = tmp_path / "cut"
        cut.write_bytes(data[: len(data) * ninth // 9])
        before = row_counts(settings.database_url)
        try:
            take(settings, cut, space)
        except Malformed:
            refused += 1
            made = {"space": before["space"] + 1}
            assert row_counts(settings.database_url) == before | made, "a refused file wrote something"
        else:
            assert verdicts(settings.database_url, space) != {"off"}
        take(settings, whole, space)
        assert held(settings.database_url, space) == told_by(format_, statement.movements), f"after {ninth}/9"
    assert refused == 8 or format_ in ENDLESS


GARBLED: dict[str, tuple[bytes, bytes]] = {
    "ofx1": (b"<TRNAMT>-70.25", b"<TRNAMT>seventy"),
    "ofx2": (b"<TRNAMT>-70.25", b"<TRNAMT>seventy"),
    "qif": (b"T-70.25", b"Tseventy"),
    "camt053": (b'<Amt Ccy="EUR">70.25', b'<Amt Ccy="EUR">seventy'),
    "mt940": (b"D70,25NTRF", b"Dseventy"),
    "bai2": (b",7025,Z", b",seventy,Z"),
    "csv": (b",-70.25,", b",seventy,"),
}


@pytest.mark.parametrize("format_", FORMATS)
def test_a_record_that_cannot_be_read_is_kept_raw_and_the_rest_goes_in(
    settings: Settings, tmp_path: Path, format_: str
) -> None:
    path = written(tmp_path / "file", format_, TWO)
    good, bad = GARBLED[format_]
    data = path.read_bytes()
    assert good in data
    path.write_bytes(data.replace(good, bad))
    first, again = take_all(settings, [FileDrop(path), FileDrop(path)])
    assert (first.read, first.new, first.known, first.quarantined) == (2, 1, 0, 1)
    assert (again.new, again.known, again.quarantined) == (0, 1, 1)
    kept = all_rows(settings.database_url, "select subject, place, why, raw from caudal.quarantine")
    ((subject, place, why, raw),) = kept
    assert subject == "file"
    assert place
    assert why
    assert "SHOES" in raw
    assert "seventy" in raw


def test_money_without_a_currency_is_kept_as_such_and_said(settings: Settings, tmp_path: Path) -> None:
    path = written(tmp_path / "file", "csv", TWO)
    silent = take(settings, path, "silent")
    assert any("XXX" in note and "--currency" in note for note in silent.notes)
    (told,) = take_all(settings, [FileDrop(path, currency="EUR")], "told")
    assert not any("XXX" in note for note in told.notes)
    query = """select s.name, t.currency, count(*)
        from caudal.transaction t join caudal.space s using (space_id) group by 1, 2 order by 1"""
    assert all_rows(settings.database_url, query) == [("silent", "XXX", 2), ("told", "EUR", 2)]


@pytest.mark.parametrize("format_", SILENT)
def test_a_currency_said_later_is_the_same_money(settings: Settings, tmp_path: Path, format_: str) -> None:
    path = written(tmp_path / "file", format_, TWO)
    _, told = take_all(settings, [FileDrop(path), FileDrop(path, currency="EUR")])
    assert told.new == 0
    assert sum(held(settings.database_url).values()) == 2
    assert all_rows(settings.database_url, "select distinct currency from caudal.transaction") == [("EUR",)]


def test_the_same_file_under_another_space_is_other_books(settings: Settings, tmp_path: Path) -> None:
    path = written(tmp_path / "file", "ofx1", TWO)
    assert [take(settings, path, space).new for space in ("hers", "his", "hers")] == [2, 2, 0]
    for space in ("hers", "his"):
        assert sum(held(settings.database_url, space).values()) == 2


def accounts(conninfo: str) -> Counter[str]:
    """Account name → how many transactions it holds."""
    query = """select a.name, count(t.transaction_id) from caudal.account a
        left join caudal.transaction t using (space_id, account_id) group by 1"""
    return Counter(dict(all_rows(conninfo, query)))  # type: ignore[arg-type]


def test_a_new_name_makes_an_account_and_a_known_one_is_booked_to(settings: Settings, tmp_path: Path) -> None:
    first = written(tmp_path / "first", "csv", TWO)
    later = written(tmp_path / "later", "csv", giro(in_euros("-9.00", date(2026, 4, 1), id_="C1")))
    other = written(tmp_path / "other", "csv", giro(in_euros("-1.00", date(2026, 4, 2), id_="D1")))
    for path, account in ((first, "Giro"), (later, "Giro"), (other, "Savings")):
        assert not any("--account" in note for note in take(settings, path, account=account).notes)
    assert accounts(settings.database_url) == {"Giro": 3, "Savings": 1}


@pytest.mark.parametrize("format_", ["csv", "ofx1"])
def test_an_account_can_be_named_by_its_id_as_well(settings: Settings, tmp_path: Path, format_: str) -> None:
    path = written(tmp_path / "file", format_, TWO)
    take(settings, path, account="Giro")
    ((account_id,),) = all_rows(settings.database_url, "select account_id from caudal.account")
    again = take(settings, path, account=str(account_id))
    assert (again.new, again.known) == (0, 2)
    assert accounts(settings.database_url) == {"Giro": 2}


def test_an_id_that_is_no_account_is_refused_not_taken_for_a_name(settings: Settings, tmp_path: Path) -> None:
    path = written(tmp_path / "file", "csv", TWO)
    before = row_counts(settings.database_url)
    with pytest.raises(NotFound):
        take(settings, path, account=str(uuid4()))
    assert accounts(settings.database_url) == {}
    assert row_counts(settings.database_url)["run"] == before["run"]


def test_an_account_that_is_booked_already_is_not_moved_by_an_import(
    settings: Settings, tmp_path: Path
) -> None:
    path = written(tmp_path / "file", "ofx1", TWO)
    take(settings, path, account="Giro")
    before = {**row_counts(settings.database_url), "run": None, "event": None}
    with pytest.raises(ConflictError, match=r"booked to .* already"):
        take(settings, path, account="Savings")
    assert {**row_counts(settings.database_url), "run": None, "event": None} == before


def test_a_file_of_two_accounts_is_not_squeezed_into_one(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "file"
    with path.open("wb") as out:
        for number in ("1111111111", "2222222222"):
            WRITERS["mt940"](out, giro(in_euros("-5.00"), number=number))
    before = {**row_counts(settings.database_url), "space": None}
    with pytest.raises(ConflictError, match="2 accounts"):
        take(settings, path, account="Both")
    after = {**row_counts(settings.database_url), "space": None, "connection": before["connection"]}
    assert after == before
    report = take(settings, path)
    assert len(report.proofs) == report.new == 2


def test_a_report_proves_what_the_file_told(settings: Settings, tmp_path: Path) -> None:
    report = take(settings, written(tmp_path / "file", "camt053", TWO))
    (proof,) = report.proofs
    assert (proof.verdict, proof.proven_to, proof.off_by) == ("proven", date(2026, 3, 3), None)
    lacking = giro(in_euros("-4.50"), opening="95.50")  # and a payment of 11.00 that nobody told
    april = Statement(lacking.account, Decimal("14.25"), [], date(2026, 4, 1), date(2026, 4, 2))
    (proof,) = take(settings, written(tmp_path / "april", "camt053", april)).proofs
    assert (proof.verdict, proof.off_by) == ("off", Decimal("-11.00"))
    assert proof.off_since == date(2026, 3, 3)


def test_an_import_is_written_in_the_audit_trail(settings: Settings, tmp_path: Path) -> None:
    take(settings, written(tmp_path / "file", "ofx1", TWO))
    ((act, details),) = all_rows(settings.database_url, "select act, details from caudal.audit_entry")
    assert act == "file.imported"
    assert details["new"] == "2"
    assert UUID(details["run"])
