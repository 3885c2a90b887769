"""A source that is read by days: what a complete window no longer holds is gone, and what it doesn't speak of stays."""

import asyncio
from datetime import date, timedelta
from decimal import Decimal
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.books import REF, all_rows, books, faults, instead_of, page, pull_of, seen, standing
from tests.support.feed import SAVINGS, SECOND, both

from caudal.model.changes import Page, Status, TransactionSeen, Window
from caudal.store.database import Store
from caudal.sync import engine

DAY = date(2026, 3, 2)
MONTH = timedelta(30)


def window(*held: str, days_back: int = 7, days_on: int = 7) -> Window:
    """All that the first account holds about the day."""
    return Window(REF, DAY - timedelta(days_back), DAY + timedelta(days_on), frozenset(held))


def told(*changes: TransactionSeen, windows: tuple[Window, ...] = ()) -> Page:
    """One page of a pull by days."""
    return page(changes, windows=windows)


def held_after(conninfo: str, *pulls: tuple[Page, ...], stream: str = "") -> set[str]:
    """The ids that stand in a new space after these pulls."""

    async def work() -> dict[str, Decimal]:
        async with await Store.open(conninfo) as store:
            there = await books(store)
            for pages in pulls:
                await engine.run(store, there.job(stream), pull_of(*pages))
            assert await faults(store, there.space_id) == {}
            return standing(conninfo, there.space_id)

    return set(asyncio.run(work()))


def test_what_a_complete_window_no_longer_holds_is_gone_and_the_event_says_so(conninfo: str) -> None:
    first = told(seen("kept"), seen("cancelled"), windows=(window("kept", "cancelled"),))
    again = told(seen("kept"), windows=(window("kept"),))
    assert held_after(conninfo, (first,), (again,)) == {"kept"}
    assert all_rows(conninfo, "select gone from caudal.run order by started_at") == [(0,), (1,)]
    assert all_rows(
        conninfo, "select count(*)::int from caudal.event where kind = 'transactions.removed'"
    ) == [(1,)]
    assert all_rows(conninfo, "select rule from caudal.observation_link where rule = 'not_in_window'") == [
        ("not_in_window",)
    ]


def test_a_window_is_closed_by_the_last_of_its_pages(conninfo: str) -> None:
    first = told(*[seen(str(n)) for n in range(4)])
    pages = told(seen("0"), seen("1")), told(seen("3"), windows=(window("0", "1", "3"),))
    assert held_after(conninfo, (first,), pages) == {"0", "1", "3"}


def test_outside_its_days_a_window_says_nothing(conninfo: str) -> None:
    old, edge, new = (
        seen("old", day=DAY - MONTH),
        seen("edge", day=DAY - timedelta(7)),
        seen("new", day=DAY + MONTH),
    )
    assert held_after(conninfo, (told(old, edge, new),), (told(windows=(window(),)),)) == {"old", "new"}


def test_a_window_of_one_account_says_nothing_of_another(conninfo: str) -> None:
    other = both(seen("here"), seen("there", ref=SECOND))
    assert held_after(conninfo, (other,), (told(windows=(window(),)),)) == {"there"}


def test_a_window_without_ids_says_nothing_of_absence(conninfo: str) -> None:
    silent = Window(REF, DAY, DAY)
    assert held_after(conninfo, (told(seen("1")),), (told(windows=(silent,)),)) == {"1"}


def test_what_is_still_pending_there_goes_as_well_and_what_took_its_place_stays(conninfo: str) -> None:
    held, lapsed = seen("held", status=Status.PENDING), seen("lapsed", status=Status.PENDING)
    settled = instead_of("held", seen("settled", "-5.00"))
    closed = told(settled, windows=(window("settled"),))
    assert held_after(conninfo, (told(held, lapsed),), (closed,)) == {"settled"}


def test_what_goes_takes_what_it_replaced_with_it(conninfo: str) -> None:
    held = told(seen("held", status=Status.PENDING), windows=(window("held"),))
    settled = told(instead_of("held", seen("settled")), windows=(window("settled"),))
    nothing = told(windows=(window(),))
    assert held_after(conninfo, (held,), (settled,), (nothing,)) == set()


def test_what_comes_back_stands_again(conninfo: str) -> None:
    there, away = told(seen("1"), windows=(window("1"),)), told(windows=(window(),))
    assert held_after(conninfo, (there,), (away,), (there,)) == {"1"}


def test_of_an_account_its_person_left_out_nothing_more_is_written(conninfo: str) -> None:
    async def work() -> None:
        async with await Store.open(conninfo) as store:
            there = await books(store)
            await engine.run(store, there.job(), pull_of(told(seen("1"))))
            with_savings = Page([SAVINGS], told().next, more=False)
            await engine.run(store, there.job(), pull_of(with_savings))
            leave = "update caudal.source_account set selected = false where reference = 'acc-1' returning 1"
            assert len(all_rows_committed(conninfo, leave)) == 1
            await engine.run(store, there.job(), pull_of(told(windows=(window(),))))
            assert standing(conninfo, there.space_id).keys() == {"1"}

    asyncio.run(work())


def all_rows_committed(conninfo: str, statement: str) -> list[tuple[object, ...]]:
    return all_rows(conninfo, f"with changed as ({statement}) select * from changed")


NAMES = count()
DAYS = st.integers(0, 9)
HOLDINGS = st.dictionaries(st.sampled_from("abcdefgh"), DAYS, max_size=8)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pulls=st.lists(st.tuples(HOLDINGS, DAYS), min_size=1, max_size=5))
def test_within_the_days_that_were_read_the_ledger_is_what_the_source_holds(
    conninfo: str, pulls: list[tuple[dict[str, int], int]]
) -> None:
    """Each pull reads from some day on; ids keep their day, as a booking does."""
    day_of: dict[str, int] = {}
    expected: set[str] = set()

    async def work() -> None:
        nonlocal expected
        async with await Store.open(conninfo) as store:
            there = await books(store, f"space {next(NAMES)}")
            for held, first in pulls:
                for id_, day in held.items():
                    day_of.setdefault(id_, day)
                read = {id_ for id_ in held if day_of[id_] >= first}
                changes = [seen(id_, day=DAY + timedelta(day_of[id_])) for id_ in sorted(read)]
                closed = Window(REF, DAY + timedelta(first), DAY + MONTH, frozenset(read))
                await engine.run(store, there.job(), pull_of(told(*changes, windows=(closed,))))
                expected = {id_ for id_ in expected if day_of[id_] < first} | read
                assert standing(conninfo, there.space_id).keys() == expected
            assert await faults(store, there.space_id) == {}

    asyncio.run(work())
