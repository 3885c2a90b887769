"""One budget for every process: what several of them together may ask, and what becomes of it without a database."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TypeVar

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.books import shut_out

from caudal.model.errors import StoreAway
from caudal.providers import registry
from caudal.providers.http import Budget, SystemClock
from caudal.providers.plaid.client import BUDGETS
from caudal.store import budgets as rows
from caudal.store.budgets import Granted, Hold, Wish
from caudal.store.database import Store
from caudal.sync import budgets
from caudal.sync.budgets import SharedBudgets

NOTHING = timedelta(0)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
FOREVER = timedelta(days=300)
LEASE = timedelta(milliseconds=500)
T = TypeVar("T")


class Process:
    """One worker's budgets, with a store of its own, and the statements it sent."""

    def __init__(self, store: Store, sent: list[str], table: Mapping[str, Budget], **more: object) -> None:
        self.store = store
        self.sent = sent
        self.clock = SystemClock()
        self.budgets = SharedBudgets(store, "riverbank", table, **more)

    async def book(
        self, item: str | None = None, wait_max: timedelta = FOREVER, operation: str = "feed"
    ) -> timedelta:
        return await self.budgets.book(operation, item, wait_max)

    async def start(self, item: str | None = None) -> timedelta:
        """When the next turn comes, by the clock that all processes of a machine share."""
        wait = await self.book(item)
        return self.clock.monotonic() + wait

    @property
    def asked(self) -> int:
        """How often the database was asked for turns."""
        return self.sent.count("book_turns")


@asynccontextmanager
async def process(
    conninfo: str, per_item: int | None = None, per_client: int | None = None, **more: object
) -> AsyncIterator[Process]:
    sent: list[str] = []
    table = more.pop("table", {"feed": Budget(per_item, per_client)})
    async with await Store.open(
        conninfo, connections_max=4, turn_seconds_max=1, connect_seconds_max=1, observe=sent.append
    ) as store:
        yield Process(store, sent, table, **more)


def with_two(conninfo: str, act: Callable[[Process, Process], Awaitable[T]], **more: object) -> T:
    async def run() -> T:
        async with process(conninfo, **dict(more)) as one, process(conninfo, **dict(more)) as two:
            return await act(one, two)

    return asyncio.run(run())


def most_within(minute: timedelta, starts: list[timedelta]) -> int:
    return max(sum(first <= start < first + minute for start in starts) for first in starts)


# --- Turns ----------------------------------------------------------------------------------------------------


def test_two_processes_have_one_budget(conninfo: str) -> None:
    async def act(one: Process, two: Process) -> list[timedelta]:
        return sorted([await each.start("x") for _ in range(20) for each in (one, two)])

    starts = with_two(conninfo, act, per_client=20)
    assert most_within(MINUTE, starts) <= 20
    assert starts[4] - starts[0] < SECOND, "a quarter at once"
    assert starts[20] - starts[0] < MINUTE + 10 * SECOND, "and a minute's turns in little more than a minute"


def test_an_item_at_its_limit_leaves_the_others_theirs(conninfo: str) -> None:
    async def act(one: Process, two: Process) -> tuple[list[bool], timedelta]:
        busy = [await each.book("busy", NOTHING) > NOTHING for _ in range(3) for each in (one, two)]
        return busy, await two.book("other", NOTHING)

    busy, other = with_two(conninfo, act, per_item=8, per_client=400)
    assert busy == [False, False, True, True, True, True]
    assert other == NOTHING


def test_a_call_waits_for_the_later_of_its_turns_and_keeps_nobody_else_waiting(conninfo: str) -> None:
    async def act(one: Process, two: Process) -> tuple[list[timedelta], timedelta]:
        waits = [await each.book("x") for _ in range(4) for each in (one, two)]
        return waits, await one.book("y", NOTHING)

    waits, other = with_two(conninfo, act, per_item=28, per_client=400)
    assert waits[:7] == [NOTHING] * 7
    assert 2 * SECOND < waits[7] < 3 * SECOND
    assert other == NOTHING


def test_a_turn_too_far_off_is_told_and_not_taken(conninfo: str) -> None:
    async def act(one: Process, two: Process) -> list[timedelta]:
        await one.book()
        return [await each.book(wait_max=5 * SECOND) for _ in range(20) for each in (one, two)]

    waits = with_two(conninfo, act, per_client=1)
    assert all(50 * SECOND < wait < MINUTE + 2 * SECOND for wait in waits)


def test_who_was_told_to_wait_need_not_ask_again_to_be_told_the_same(conninfo: str) -> None:
    async def act(one: Process, two: Process) -> int:
        await two.book()
        for _ in range(50):
            assert await one.book(wait_max=SECOND) > SECOND
        return one.asked

    assert with_two(conninfo, act, per_client=1) == 1


def test_the_database_is_asked_once_for_many_calls(conninfo: str) -> None:
    async def act(one: Process, two: Process) -> tuple[int, int]:
        for _ in range(200):
            assert await one.book() == NOTHING
        in_a_row = one.asked
        await asyncio.gather(*(two.book() for _ in range(200)))
        return in_a_row, two.asked

    in_a_row, at_once = with_two(conninfo, act, per_client=6000)
    assert in_a_row <= 20
    assert at_once <= 10


def test_what_many_wait_for_is_asked_for_together(conninfo: str) -> None:
    async def act(one: Process, _: Process) -> int:
        waits = await asyncio.gather(*(one.book(f"item-{number}", NOTHING) for number in range(90)))
        assert set(waits) == {NOTHING}
        return one.asked

    assert with_two(conninfo, act, per_item=10, per_client=6000) <= 3


def test_of_a_rare_call_no_turn_is_wasted(conninfo: str) -> None:
    async def act(one: Process, _: Process) -> timedelta | None:
        for _ in range(3):
            await one.book("x")
            await asyncio.sleep(0.05)
        async with one.store.engine() as tx:
            [left] = [row for row in await rows.in_use(tx, 10) if row.item == "x"]
        return left.full_in

    full_in = with_two(conninfo, act, per_item=50, lease=timedelta(milliseconds=20))
    step = rows_step(50, timedelta(milliseconds=60))
    assert full_in is not None
    assert 2 * step < full_in <= 3 * step


def rows_step(limit: int, spare: timedelta) -> timedelta:
    return (MINUTE + spare) / (limit + 1 - limit // 4)


def test_leased_turns_that_were_not_used_in_time_are_wasted(conninfo: str) -> None:
    async def act(one: Process, _: Process) -> tuple[int, int]:
        for _ in range(7):
            await one.book()  # the lease has grown to four by now, of which one is left at the most
        before = one.asked
        await asyncio.sleep(0.2)
        await asyncio.gather(*(one.book() for _ in range(4)))
        return before, one.asked

    before, after = with_two(conninfo, act, per_client=6000, lease=timedelta(milliseconds=50))
    assert after > before


def test_operations_and_providers_do_not_share_a_budget(conninfo: str) -> None:
    table = {"a": Budget(None, 1), "b": Budget(None, 1)}

    async def act(one: Process, two: Process) -> list[bool]:
        other = SharedBudgets(two.store, "hillside", table)
        waits = [await one.book(operation=name) for name in ("a", "b")]
        waits += [await other.book(name, None, FOREVER) for name in ("a", "b")]
        waits += [await two.book(operation="a")]
        return [wait > NOTHING for wait in waits]

    assert with_two(conninfo, act, table=table) == [False, False, False, False, True]


# --- "Too often" ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("per_item", "per_client"), [(None, None), (20, None), (None, 20), (20, 400)])
def test_who_is_told_to_stay_away_keeps_the_others_away(
    conninfo: str, per_item: int | None, per_client: int | None
) -> None:
    async def act(one: Process, two: Process) -> list[timedelta]:
        await two.book("x")
        await one.budgets.hold("feed", "x", 30 * SECOND)
        await asyncio.sleep(LEASE.total_seconds())
        return [await each.book("x", NOTHING) for each in (one, two)]

    waits = with_two(conninfo, act, per_item=per_item, per_client=per_client)
    assert all(29 * SECOND < wait <= 31 * SECOND for wait in waits), waits


def test_an_item_that_is_held_keeps_nobody_from_the_others(conninfo: str) -> None:
    async def act(one: Process, two: Process) -> timedelta:
        await one.budgets.hold("feed", "x", MINUTE)
        return max([await each.book("y", NOTHING) for each in (one, two)])

    assert with_two(conninfo, act, per_item=20, per_client=400) == NOTHING


def test_where_everybody_is_held_no_item_comes_through(conninfo: str) -> None:
    async def act(one: Process, two: Process) -> list[timedelta]:
        await two.book("x")
        await one.budgets.hold("feed", None, MINUTE)
        await asyncio.sleep(LEASE.total_seconds())
        return [await each.book(item, NOTHING) for each in (one, two) for item in ("x", "y", None)]

    for limits in ({}, {"per_item": 20}, {"per_item": 20, "per_client": 400}):
        assert min(with_two(conninfo, act, **limits)) > 50 * SECOND


def test_leased_turns_are_void_once_told_to_stay_away(conninfo: str) -> None:
    async def act(one: Process, two: Process) -> timedelta:
        for _ in range(8):
            await one.book()
        await two.budgets.hold("feed", None, MINUTE)
        await one.budgets.hold("feed", None, SECOND)
        return await one.book(wait_max=NOTHING)

    assert with_two(conninfo, act, per_client=6000) > SECOND / 2


def test_news_of_a_hold_is_never_older_than_a_lease(conninfo: str) -> None:
    lease = timedelta(milliseconds=150)

    async def act(one: Process, two: Process) -> timedelta:
        held_at = one.clock.monotonic() + FOREVER

        async def tell() -> None:
            nonlocal held_at
            await asyncio.sleep(0.4)
            await two.budgets.hold("feed", None, MINUTE)
            held_at = two.clock.monotonic()

        telling = asyncio.create_task(tell())
        last = NOTHING
        while not await one.book(wait_max=NOTHING):
            last = one.clock.monotonic()
            await asyncio.sleep(0.003)
        await telling
        return last - held_at

    late = with_two(conninfo, act, per_client=30_000, lease=lease)
    assert late <= lease


def test_who_waited_for_a_turn_hears_of_a_hold_before_using_it(conninfo: str) -> None:
    async def act(one: Process, two: Process) -> tuple[timedelta, timedelta]:
        await two.book()
        wait = await one.book(wait_max=2 * SECOND)
        await two.budgets.hold("feed", None, MINUTE)
        await asyncio.sleep(wait.total_seconds())
        return wait, await one.budgets.held("feed", None)

    wait, held = with_two(conninfo, act, per_client=60, table={"feed": Budget(None, 6)}, minute=6 * SECOND)
    assert NOTHING < wait <= 2 * SECOND
    assert held > 50 * SECOND


def test_many_told_at_once_to_stay_away_are_written_down_together(conninfo: str) -> None:
    async def act(one: Process, two: Process) -> tuple[int, set[bool]]:
        items = [f"item-{number}" for number in range(60)]
        await asyncio.gather(*(one.budgets.hold("feed", item, MINUTE) for item in items))
        waits = await asyncio.gather(*(two.book(item, NOTHING) for item in items))
        return one.sent.count("hold_turns"), {wait > 50 * SECOND for wait in waits}

    written, held = with_two(conninfo, act, per_item=10)
    assert written <= 3
    assert held == {True}


def test_a_longer_hold_stands_and_held_turns_come_back_one_by_one(conninfo: str) -> None:
    async def act(one: Process, two: Process) -> list[timedelta]:
        await one.budgets.hold("feed", None, 90 * SECOND)
        await two.budgets.hold("feed", None, 10 * SECOND)
        await asyncio.sleep(LEASE.total_seconds())
        return [await two.book() for _ in range(3)]

    waits = with_two(conninfo, act, per_client=20)
    assert 88 * SECOND < waits[0] <= 90 * SECOND
    assert all(later - earlier > 3 * SECOND for earlier, later in pairwise(waits))


# --- Without the database -------------------------------------------------------------------------------------


def test_without_the_database_there_are_no_turns_and_once_it_is_back_there_are(conninfo: str) -> None:
    async def act(one: Process, two: Process) -> None:
        assert await one.book(wait_max=NOTHING) == NOTHING
        await asyncio.sleep(LEASE.total_seconds())
        with shut_out(conninfo):
            waiting = await asyncio.gather(*(one.book() for _ in range(20)), return_exceptions=True)
            assert {type(each) for each in waiting} == {StoreAway}
            with pytest.raises(StoreAway):
                await one.budgets.held("feed", None)
        assert await one.book() <= SECOND

    with_two(conninfo, act, per_client=60)


def test_a_hold_outlives_the_database_and_is_told_to_the_others_when_it_is_back(conninfo: str) -> None:
    async def act(one: Process, two: Process) -> tuple[timedelta, timedelta]:
        with shut_out(conninfo):
            await one.budgets.hold("feed", None, MINUTE)
            with pytest.raises(StoreAway):
                await one.book(wait_max=NOTHING)
        return await one.book(wait_max=NOTHING), await two.book(wait_max=NOTHING)

    assert min(with_two(conninfo, act, per_client=6000)) > 30 * SECOND


# --- The statement --------------------------------------------------------------------------------------------

PACE = {"step": timedelta(seconds=10), "tolerance": timedelta(seconds=20)}


def granted(conninfo: str, *wishes: Wish, **more: timedelta) -> list[Granted]:
    async def run() -> list[Granted]:
        async with await Store.open(conninfo) as store, store.engine() as tx:
            told = await rows.book(
                tx, "riverbank", "feed", wishes, **{"wait_max": FOREVER, "spread": NOTHING, **more}
            )
            return sorted(told, key=lambda row: row.item)

    return asyncio.run(run())


def test_a_batch_is_what_is_free_now(conninfo: str) -> None:
    [first] = granted(conninfo, Wish("", 10, **PACE))
    [second] = granted(conninfo, Wish("", 10, **PACE), wait_max=NOTHING)
    assert (first.turns, first.start_in, first.free_in) == (3, NOTHING, None)
    assert second.turns == 0
    assert 8 * SECOND < second.start_in <= 10 * SECOND


def test_a_batch_reaches_as_far_as_its_spread(conninfo: str) -> None:
    [told] = granted(conninfo, Wish("", 10, **PACE), spread=20 * SECOND)
    assert told.turns == 5


def test_an_items_turns_begin_no_earlier_than_everybodys_which_wait_for_no_item(conninfo: str) -> None:
    granted(conninfo, Wish("x", 5, **PACE))
    everybody, item = granted(conninfo, Wish("", 5, **PACE), Wish("x", 1, **PACE))
    assert everybody.start_in == NOTHING
    assert 8 * SECOND < item.start_in <= 10 * SECOND
    everybody, item = granted(conninfo, Wish("", 1, **PACE), Wish("y", 1, **PACE))
    assert 8 * SECOND < everybody.start_in == item.start_in


def test_a_wish_for_nothing_leaves_no_trace(conninfo: str) -> None:
    [told] = granted(conninfo, Wish("x"))
    assert (told.turns, told.held_in) == (0, None)
    with psycopg.connect(conninfo) as connection:
        assert connection.execute("select from caudal.budget").fetchall() == []


def test_two_that_make_a_bucket_at_the_same_moment_do_not_both_have_all_of_it(conninfo: str) -> None:
    async def ask(store: Store) -> Granted:
        async with store.engine() as tx:
            [told] = await rows.book(
                tx, "riverbank", "feed", [Wish("", 9, **PACE)], wait_max=FOREVER, spread=NOTHING
            )
        return told

    async def run() -> tuple[Granted, Granted, Granted]:
        sent: list[str] = []
        async with await Store.open(conninfo, connections_max=2, observe=sent.append) as store:
            async with store.engine() as tx:
                wish = Wish("", 9, **PACE)
                [first] = await rows.book(tx, "riverbank", "feed", [wish], wait_max=FOREVER, spread=NOTHING)
                second = asyncio.create_task(ask(store))
                for _ in range(3000):
                    if sent.count("book_turns") == 2:
                        break
                    await asyncio.sleep(0.01)
                await asyncio.sleep(0.3)
                assert not second.done(), "it waits for what the first makes of it"
            return first, await second, await ask(store)

    first, second, third = asyncio.run(run())
    assert (first.turns, first.raced, second.raced, third.raced) == (3, False, True, False)
    assert third.start_in > 8 * SECOND


def test_where_everybody_is_held_a_batch_for_an_item_begins_after_it(conninfo: str) -> None:
    async def run() -> None:
        async with await Store.open(conninfo) as store, store.engine() as tx:
            await rows.hold(tx, "riverbank", [Hold("feed", "", MINUTE)])

    asyncio.run(run())
    everybody, item = granted(conninfo, Wish(""), Wish("x", 1, **PACE))
    assert (everybody.turns, item.turns) == (0, 1)
    assert 58 * SECOND < item.start_in == everybody.held_in


asks = st.lists(
    st.tuples(st.sampled_from(["", "x", "y"]), st.integers(1, 6), st.integers(0, 40)), min_size=1, max_size=25
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asks=asks)
def test_whoever_asks_for_however_many_no_minute_holds_more(
    conninfo: str, asks: list[tuple[str, int, int]]
) -> None:
    """Turn by turn against the database itself: of one bucket no more than 7 in 60 s, whatever the asking."""
    step, tolerance = (
        timedelta(seconds=10),
        timedelta(seconds=10),
    )  # what Pace.of(7) would be, but for a burst of 2

    async def run() -> dict[str, list[datetime]]:
        starts: dict[str, list[datetime]] = {}
        async with await Store.open(conninfo) as store:
            for item, turns, not_before in asks:
                async with store.engine() as tx:
                    at = datetime.now(UTC)
                    [told] = await rows.book(
                        tx,
                        "riverbank",
                        "feed",
                        [Wish(item, turns, step, tolerance, timedelta(seconds=not_before))],
                        wait_max=FOREVER,
                        spread=30 * SECOND,
                    )
                assert 1 <= told.turns <= turns
                starts.setdefault(item, []).extend(
                    at + max(told.start_in, told.full_in + number * step - tolerance)
                    for number in range(told.turns)
                )
        return starts

    for starts in asyncio.run(run()).values():
        since = [start - min(starts) for start in starts]
        assert most_within(59 * SECOND, since) <= 7


# --- Looking at it --------------------------------------------------------------------------------------------


def test_what_is_left_of_a_budget_can_be_read(conninfo: str) -> None:
    async def run() -> list[tuple[str, str, int | None, int | None, bool]]:
        async with await Store.open(conninfo, connections_max=4) as store:
            plaid = SharedBudgets(store, "plaid", registry.budgets()["plaid"])
            for _ in range(3):
                assert await plaid.book("item/get", "x", NOTHING) == NOTHING
            await plaid.hold("accounts/get", "x", MINUTE)
            await plaid.hold("link/token/create", None, MINUTE)
            async with store.engine() as tx:
                left = await budgets.left(tx)
        return [
            (each.operation, each.item, each.per_minute, each.left, each.held_until is not None)
            for each in left
        ]

    told = {(operation, item): rest for operation, item, *rest in asyncio.run(run())}
    client, item = BUDGETS["item/get"].per_client_per_minute, BUDGETS["item/get"].per_item_per_minute
    assert client is not None
    assert item is not None
    per_minute, left, held = told["item/get", ""]
    assert (per_minute, held) == (client, False)
    assert client - 8 <= left <= client
    per_minute, left, held = told["item/get", "x"]
    assert (per_minute, held) == (item, False)
    assert item - 3 <= left < item
    assert told["accounts/get", "x"] == [15, 0, True]
    assert told["link/token/create", ""] == [None, None, True]


def test_a_full_budget_has_all_of_its_minute_left(conninfo: str) -> None:
    async def run() -> list[int | None]:
        async with await Store.open(conninfo) as store:
            async with store.engine() as tx:
                wish = Wish("", 1, timedelta(microseconds=1), NOTHING)
                await rows.book(tx, "plaid", "item/get", [wish], wait_max=NOTHING, spread=NOTHING)
            async with store.engine() as tx:
                return [each.left for each in await budgets.left(tx)]

    assert asyncio.run(run()) == [BUDGETS["item/get"].per_client_per_minute]


def test_full_buckets_are_forgotten_and_the_others_are_not(conninfo: str) -> None:
    async def run() -> tuple[int, list[str]]:
        async with await Store.open(conninfo) as store:
            async with store.engine() as tx:
                for item in ("idle", "held", "busy"):
                    await rows.book(
                        tx, "riverbank", "feed", [Wish(item, 1, **PACE)], wait_max=FOREVER, spread=NOTHING
                    )
                await rows.hold(tx, "riverbank", [Hold("feed", "held", 30 * MINUTE)])
            with psycopg.connect(conninfo) as connection:
                connection.execute(
                    "update caudal.budget set turn_at = turn_at - interval '10 min' where item <> 'busy'"
                )
            async with store.engine() as tx:
                gone = await budgets.forget(tx)
                return gone, sorted(row.item for row in await rows.in_use(tx, 10))

    assert asyncio.run(run()) == (1, ["busy", "held"])


def test_no_space_sees_the_budgets(conninfo: str) -> None:
    async def run() -> int:
        async with await Store.open(conninfo) as store:
            await SharedBudgets(store, "riverbank", {"feed": Budget(None, 5)}).book("feed", None, FOREVER)
            async with store.transaction() as tx:
                return len(await rows.in_use(tx, 10))

    assert asyncio.run(run()) == 0
