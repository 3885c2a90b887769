"""What a live source tells beside transactions: balances of a moment, and positions of a day."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.books import ACCOUNT, REF, all_rows, books, instead_of, page, pull_of, seen

from caudal.model.changes import (
    BalanceKind,
    BalanceSeen,
    Change,
    Holding,
    HoldingsSeen,
    SourceRef,
    Status,
    TransactionGone,
    TransactionSeen,
)
from caudal.model.money import Money
from caudal.store.database import Store
from caudal.sync import engine

FIRST = date(2026, 3, 2)
Verdict = tuple[object, ...]


def day(number: int) -> date:
    return FIRST + timedelta(number)


def booked(id_: str, amount: str, on: int) -> TransactionSeen:
    return seen(id_, amount, day(on))


def snapshot(amount: str, on: int, hour: int | None = None) -> BalanceSeen:
    """The balance of a moment of the day, told with the movements it counts."""
    at = None if hour is None else datetime(2026, 3, 2, hour, tzinfo=UTC) + timedelta(on)
    return BalanceSeen(REF, BalanceKind.BOOKED, Money(Decimal(amount), "EUR"), day(on), firm=False, at=at)


def verdicts(conninfo: str, *pages: Sequence[Change]) -> list[Verdict]:
    """What is concluded after each page, each told in a run of its own to a space of its own."""

    async def work() -> list[Verdict]:
        found = []
        async with await Store.open(conninfo) as store:
            there = await books(store)
            for changes in pages:
                await engine.run(store, there.job(), pull_of(page(changes)))
                [one] = all_rows(
                    conninfo,
                    "select verdict, proven_to, off_by, off_since from caudal.proof "
                    f"where space_id = '{there.space_id}'",
                )
                found.append(one)
        return found

    return asyncio.run(work())


def proven(to: int) -> Verdict:
    return ("proven", day(to), None, None)


NOTHING: Verdict = ("none", None, None, None)


def test_bookings_that_come_later_the_same_day_are_not_counted_by_the_balance_told_before(
    conninfo: str,
) -> None:
    assert verdicts(
        conninfo,
        [booked("a", "-10.00", 0), snapshot("90.00", 0)],
        [booked("b", "-5.00", 0)],
        [booked("c", "-1.00", 1), snapshot("84.00", 1)],
    ) == [NOTHING, NOTHING, proven(1)]


def test_a_movement_that_is_missing_after_a_snapshot_is_missing_to_the_cent(conninfo: str) -> None:
    told = verdicts(
        conninfo,
        [booked("a", "-10.00", 0), snapshot("90.00", 0)],
        [booked("c", "-1.00", 1), snapshot("84.00", 1)],
        [booked("b", "-5.00", 0)],
    )
    assert told == [NOTHING, ("off", None, Decimal("-5.00"), day(0)), proven(1)]


def test_history_that_arrives_later_leaves_the_verdict_as_it_was(conninfo: str) -> None:
    assert verdicts(
        conninfo,
        [booked("a", "-10.00", 5), snapshot("90.00", 5)],
        [booked("b", "-1.00", 6), snapshot("89.00", 6)],
        [booked("old", "-700.00", -60), booked("older", "2000.00", -90)],
        [booked("c", "-2.00", 7), snapshot("87.00", 7)],
    ) == [NOTHING, proven(6), proven(6), proven(7)]


def test_several_snapshots_of_a_day_count_what_each_was_told_with(conninfo: str) -> None:
    assert verdicts(
        conninfo,
        [snapshot("100.00", 0)],
        [booked("a", "-10.00", 1), snapshot("90.00", 1, hour=9)],
        [booked("b", "10.00", 1), snapshot("100.00", 1, hour=12)],
        [booked("c", "-3.00", 1), snapshot("97.00", 1, hour=18)],
        [booked("d", "-4.00", 1)],
        [snapshot("93.00", 2)],
    ) == [NOTHING, proven(1), proven(1), proven(1), proven(1), proven(2)]


def test_a_snapshot_counts_movements_the_bank_dates_ahead(conninfo: str) -> None:
    """Where the bank's zone isn't known its day is the earliest it may be, and the bank is a day further."""
    assert verdicts(
        conninfo,
        [booked("a", "-10.00", 0), booked("tomorrow", "-3.00", 1), snapshot("87.00", 0)],
        [snapshot("87.00", 1)],
        [booked("b", "-2.00", 2), snapshot("85.00", 2)],
    ) == [NOTHING, proven(1), proven(2)]


def test_a_hold_counts_once_it_is_booked(conninfo: str) -> None:
    hold = seen("hold", "-20.00", day(0), status=Status.PENDING)
    bill = instead_of("hold", booked("bill", "-23.00", 1))
    assert verdicts(
        conninfo,
        [hold, snapshot("100.00", 0)],
        [bill, TransactionGone(REF, "hold"), snapshot("77.00", 1)],
    ) == [NOTHING, proven(1)]


def test_a_booking_the_bank_takes_back_leaves_what_was_told_of_its_day_true(conninfo: str) -> None:
    assert verdicts(
        conninfo,
        [booked("a", "-10.00", 0), booked("mistake", "-5.00", 0), snapshot("85.00", 0)],
        [TransactionGone(REF, "mistake"), snapshot("90.00", 1)],
    ) == [NOTHING, proven(1)]


def test_a_balance_that_nothing_adds_up_to_is_no_evidence(conninfo: str) -> None:
    value = BalanceSeen(REF, BalanceKind.VALUE, Money(Decimal("5000.00"), "EUR"), day(0), firm=False)
    later = msgspec.structs.replace(value, money=Money(Decimal("5100.00"), "EUR"), on=day(1))
    assert verdicts(conninfo, [value], [later]) == [NOTHING, NOTHING]


_Poll = tuple[list[tuple[int, int]], bool]
"""What a poll finds: movements (cents, days after the poll's), and whether a day has passed since the one before."""


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    polls=st.lists(
        st.tuples(
            st.lists(st.tuples(st.integers(-9, 9).filter(bool), st.integers(0, 1)), max_size=3), st.booleans()
        ),
        min_size=1,
        max_size=6,
    ),
    history=st.lists(st.tuples(st.integers(-9, 9).filter(bool), st.integers(-9, -1)), max_size=3),
    history_comes=st.integers(0, 6),
)
def test_a_ledger_that_holds_everything_is_never_called_off(
    conninfo: str, polls: list[_Poll], history: list[tuple[int, int]], history_comes: int
) -> None:
    """However often a day is looked at, and whenever the history before it comes."""
    today, balance, pages, days = 0, Decimal(100), [], set()
    for number, (movements, next_day) in enumerate(polls):
        today += next_day
        changes: list[Change] = []
        if number == history_comes:
            changes += [booked(f"old {n}", str(cents), on) for n, (cents, on) in enumerate(history)]
        for place, (amount, ahead) in enumerate(movements):
            balance += amount
            changes.append(booked(f"{number}-{place}", str(amount), today + ahead))
        pages.append([*changes, snapshot(str(balance), today, hour=number)])
        days.add(today)
    last = verdicts(conninfo, *pages)[-1]
    assert last == (proven(today) if len(days) > 1 else NOTHING)


FUND = Holding("FUND", Decimal("10.5"), "EUR", "World fund", "etf", price=Decimal("101.123456"))
SHARE = Holding("SHARE", Decimal(-2), "USD", value=Decimal("-80.10"))
POSITIONS = "select as_of, asset, quantity, price, value from caudal.holding order by as_of, asset"


def held(on: int, *holdings: Holding, ref: SourceRef = REF) -> HoldingsSeen:
    return HoldingsSeen(ref, day(on), holdings)


def as_of(conninfo: str) -> object:
    return all_rows(conninfo, "select holdings_as_of from caudal.source_account")[0][0]


def test_positions_take_the_place_of_those_told_of_the_same_day(conninfo: str) -> None:
    more = msgspec.structs.replace(FUND, quantity=Decimal(11))
    verdicts(conninfo, [held(0, FUND, SHARE)], [held(1, SHARE), held(0, more)])
    assert all_rows(conninfo, POSITIONS) == [
        (day(0), "FUND", Decimal(11), Decimal("101.123456"), None),
        (day(1), "SHARE", Decimal(-2), None, Decimal("-80.10")),
    ]
    assert as_of(conninfo) == day(1)


def test_an_account_that_holds_nothing_any_more_has_a_day_and_no_positions(conninfo: str) -> None:
    verdicts(conninfo, [held(0, FUND)], [held(0)], [held(2)])
    assert all_rows(conninfo, POSITIONS) == []
    assert as_of(conninfo) == day(2)


def test_an_older_day_told_later_does_not_turn_the_clock_back(conninfo: str) -> None:
    verdicts(conninfo, [held(3, FUND)], [held(1, SHARE)])
    assert [row[:2] for row in all_rows(conninfo, POSITIONS)] == [(day(1), "SHARE"), (day(3), "FUND")]
    assert as_of(conninfo) == day(3)


def test_positions_of_several_days_on_one_page_date_the_account_by_the_last(conninfo: str) -> None:
    for order in ([0, 2, 1], [2, 1, 0], [1, 0, 2]):
        verdicts(conninfo, [held(on, FUND) for on in order])
    assert all_rows(conninfo, "select distinct holdings_as_of from caudal.source_account") == [(day(2),)]


def test_the_same_positions_again_change_nothing(conninfo: str) -> None:
    verdicts(conninfo, [held(0, FUND, SHARE)], [held(0, SHARE, FUND)])
    assert [row[1] for row in all_rows(conninfo, POSITIONS)] == ["FUND", "SHARE"]


def test_a_position_is_kept_to_the_letter_and_to_the_last_digit(conninfo: str) -> None:
    exact = Decimal("0.000000000000000000123456789012345678")
    odd = Holding("a\0b'\"\\", exact, "X\0Y", "ünï\0", "k\0", price=exact, cost=-exact)
    verdicts(conninfo, [held(0, odd)])
    rows = all_rows(conninfo, "select asset, quantity, name, price, cost from caudal.holding")
    assert rows == [("a\u2400b'\"\\", exact, "ünï\u2400", exact, -exact)]


@pytest.mark.parametrize("count", [1, 200])
def test_a_page_of_positions_costs_one_statement_more_than_one_without(conninfo: str, count: int) -> None:
    async def work() -> list[int]:
        names: list[str] = []
        counts = []
        async with await Store.open(conninfo, observe=names.append) as store:
            there = await books(store)
            await engine.run(
                store, there.job(), pull_of(page([ACCOUNT]))
            )  # from here on its account is known
            many = [msgspec.structs.replace(FUND, asset=f"F{n}") for n in range(count)]
            for changes in ([], [held(0, *many)], [held(on, *many) for on in range(3)]):
                names.clear()
                await engine.run(store, there.job(), pull_of(page([ACCOUNT, *changes])))
                counts.append(len(names))
        return counts

    without, *others = asyncio.run(work())
    assert others == [without + 1] * 2
