"""A provider's limits are kept before it has to say so."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.providers.http.wire import Bench, HandClock, Wire, against, call, reply

from caudal.model.errors import RateLimited, Refused
from caudal.providers.http import Budget, HttpBounds, LocalBudgets, SystemClock

MINUTE = timedelta(minutes=1)
FOREVER = timedelta(days=999)
NOTHING = timedelta(0)


def budgets(
    per_item: int | None = None, per_client: int | None = None, **more: int
) -> tuple[LocalBudgets, HandClock]:
    clock = HandClock()
    table = {"feed": Budget(per_item_per_minute=per_item, per_client_per_minute=per_client)}
    return LocalBudgets(table, clock=clock, **more), clock


def book(
    at: LocalBudgets, item: str | None = None, wait_max: timedelta = FOREVER, operation: str = "feed"
) -> timedelta:
    return asyncio.run(at.book(operation, item, wait_max))


def most_in_a_minute(starts: list[timedelta]) -> int:
    starts = sorted(starts)
    return max(sum(first <= start < first + MINUTE for start in starts) for first in starts)


asks = st.lists(
    st.tuples(
        st.integers(0, 20_000).map(lambda ms: timedelta(milliseconds=ms)),
        st.sampled_from(["one", "two", None]),
        st.sampled_from([NOTHING, timedelta(seconds=5), MINUTE, FOREVER]),
    ),
    min_size=1,
    max_size=80,
)


@given(per_item=st.integers(1, 30), per_client=st.integers(1, 40), asks=asks)
def test_no_minute_holds_more_turns_than_the_provider_allows(
    per_item: int, per_client: int, asks: list[tuple[timedelta, str | None, timedelta]]
) -> None:
    async def run() -> None:
        at, clock = budgets(per_item, per_client)
        starts: dict[str | None, list[timedelta]] = {}
        for pause, item, wait_max in asks:
            clock.passed += pause
            wait = await at.book("feed", item, wait_max)
            assert wait >= NOTHING
            if wait <= wait_max:
                starts.setdefault(item, []).append(clock.passed + wait)
        every = [start for each in starts.values() for start in each]
        assert not every or most_in_a_minute(every) <= per_client
        for item in set(starts) - {None}:
            assert most_in_a_minute(starts[item]) <= per_item

    asyncio.run(run())


@given(limit=st.integers(1, 3000))
def test_a_quarter_may_start_at_once_and_the_rest_comes_evenly(limit: int) -> None:
    async def run() -> list[timedelta]:
        at, _ = budgets(per_client=limit)
        return [await at.book("feed", None, FOREVER) for _ in range(limit + 1)]

    waits = asyncio.run(run())
    burst = max(1, limit // 4)
    assert waits[burst - 1] == NOTHING
    assert waits[burst] > NOTHING
    assert waits[limit - 1] < MINUTE <= waits[limit]
    steps = {later - earlier for earlier, later in zip(waits[burst:], waits[burst + 1 :], strict=False)}
    assert len(steps) <= 1


def test_turns_come_in_the_order_they_are_asked_for() -> None:
    at, _ = budgets(per_item=20)
    waits = [book(at, "one") for _ in range(20)]
    assert waits == sorted(waits)


def test_a_turn_taken_ahead_counts_when_it_comes() -> None:
    at, clock = budgets(per_item=1, per_client=4)
    assert [book(at, "one") for _ in range(2)] == [NOTHING, MINUTE]
    clock.passed += MINUTE
    starts = [MINUTE, *(clock.passed + book(at) for _ in range(4))]
    assert most_in_a_minute(starts) == 4


def test_a_turn_too_far_off_is_not_taken() -> None:
    at, _ = budgets(per_item=1)
    assert book(at, "one", NOTHING) == NOTHING
    for _ in range(50):
        assert book(at, "one", timedelta(seconds=5)) == MINUTE


def test_one_item_at_its_limit_leaves_the_others_theirs() -> None:
    at, _ = budgets(per_item=4, per_client=400)
    for _ in range(20):
        book(at, "busy", NOTHING)
    assert book(at, "busy") > NOTHING
    assert book(at, "other") == NOTHING


def test_operations_do_not_share_a_budget() -> None:
    clock = HandClock()
    at = LocalBudgets(
        {"a": Budget(per_client_per_minute=1)}, default=Budget(per_client_per_minute=1), clock=clock
    )
    assert [book(at, operation=name) for name in ("a", "b", "c")] == [NOTHING] * 3
    assert [book(at, operation=name) for name in ("a", "b", "c")] == [MINUTE] * 3


def test_without_a_budget_nothing_waits() -> None:
    at, _ = budgets()
    assert {book(at, "one") for _ in range(1000)} == {NOTHING}


@pytest.mark.parametrize(
    ("limits", "held", "waiting"),
    [
        ({}, "one", {"one"}),
        ({}, None, {"one", "two", None}),
        ({"per_item": 20}, "one", {"one"}),
        ({"per_item": 20}, None, {"one", "two", None}),
        ({"per_client": 20}, "one", {"one", "two", None}),
        ({"per_item": 20, "per_client": 400}, "one", {"one"}),
        ({"per_item": 20, "per_client": 400}, None, {"one", "two", None}),
    ],
)
def test_told_to_stay_away_they_do_with_a_limit_or_without(
    limits: dict[str, int], held: str | None, waiting: set[str | None]
) -> None:
    at, clock = budgets(**limits)
    for item in ("one", "two", None):
        book(at, item)
    asyncio.run(at.hold("feed", held, MINUTE))
    assert {item for item in ("one", "two", None) if book(at, item, NOTHING) == MINUTE} == waiting
    assert {item for item in ("one", "two", None) if asyncio.run(at.held("feed", item))} == waiting
    clock.passed += MINUTE
    assert {asyncio.run(at.held("feed", item)) for item in ("one", "two", None)} == {NOTHING}


def test_a_turn_that_is_only_far_off_is_not_held() -> None:
    at, _ = budgets(per_item=1)
    assert [book(at, "one") for _ in range(2)] == [NOTHING, MINUTE]
    assert asyncio.run(at.held("feed", "one")) == NOTHING


def test_held_turns_come_back_one_by_one() -> None:
    at, clock = budgets(per_item=20)
    asyncio.run(at.hold("feed", "one", timedelta(seconds=90)))
    assert book(at, "one", NOTHING) == timedelta(seconds=90)
    clock.passed += timedelta(seconds=90)
    assert book(at, "one") == NOTHING
    assert book(at, "one") > NOTHING


def test_a_shorter_hold_does_not_end_a_longer_one() -> None:
    at, _ = budgets(per_item=20)
    for pause in (90, 10):
        asyncio.run(at.hold("feed", "one", timedelta(seconds=pause)))
    assert book(at, "one", NOTHING) == timedelta(seconds=90)


def test_items_are_remembered_up_to_the_bound_the_latest_ones() -> None:
    at, _ = budgets(per_item=1, items_max=10)
    for number in range(100):
        book(at, f"item {number}")
        assert (book(at, "often", NOTHING) > NOTHING) == (number > 0)
    assert len(at._items) == 10


@pytest.mark.parametrize("bad", [{"per_item_per_minute": 0}, {"per_client_per_minute": -1}])
def test_a_budget_of_nothing_is_our_mistake(bad: dict[str, int]) -> None:
    with pytest.raises(Refused):
        Budget(**bad)


# --- Before a wire --------------------------------------------------------------------------------------------


def test_a_short_wait_for_a_turn_is_sat_out_and_a_long_one_left_to_the_engine() -> None:
    async def act(wire: Wire, bench: Bench) -> tuple[int, list[float], float]:
        for _ in range(5):
            await bench.http.send(call(item="one"))
        for _ in range(2):
            await bench.http._budgets.book("feed", "one", FOREVER)
        with pytest.raises(RateLimited, match="riverbank feed: the provider's limits") as caught:
            await bench.http.send(call(item="one"))
        return len(wire.asked), bench.slept, caught.value.retry_after.total_seconds()

    asked, slept, wait = against(reply(), act, table={"feed": Budget(per_item_per_minute=15)})
    assert (asked, slept, wait) == (5, [pytest.approx(60 / 13)] * 2, pytest.approx(3 * 60 / 13, abs=1e-5))


def test_every_attempt_takes_a_turn() -> None:
    async def act(wire: Wire, bench: Bench) -> tuple[int, int]:
        with pytest.raises(RateLimited):
            await bench.http.send(call())
        return len(wire.asked), bench.told[-1].attempt

    table = {"feed": Budget(per_client_per_minute=8)}
    bounds = HttpBounds(retries_max=10, backoff_ms_first=1, budget_seconds_max=1, breaker_failures_max=100)
    assert against(reply(503), act, table=table, bounds=bounds) == (2, 2)


def test_no_wait_for_a_turn_outlasts_the_call() -> None:
    async def act(wire: Wire, bench: Bench) -> int:
        await bench.http.send(call())
        with pytest.raises(RateLimited):
            await bench.http.send(call(within=timedelta(seconds=2)))
        return len(wire.asked)

    table = {"feed": Budget(per_client_per_minute=3)}
    assert against(reply(), act, table=table, bounds=HttpBounds(budget_seconds_max=60)) == 1


def test_who_waits_for_a_turn_while_another_is_told_to_stay_away_stays_away_too() -> None:
    async def act(wire: Wire, bench: Bench) -> list[float]:
        budgets = bench.http._budgets
        for _ in range(4):
            await budgets.book("feed", "one", FOREVER)
        sleep = bench.clock.sleep

        async def interrupted(pause: timedelta) -> None:
            bench.clock.sleep = sleep
            await sleep(pause / 2)
            await budgets.hold("feed", "one", timedelta(seconds=8))
            await sleep(pause / 2)

        bench.clock.sleep = interrupted
        await bench.http.send(call(item="one"))
        return bench.slept

    table = {"feed": Budget(per_item_per_minute=16)}
    slept = against(reply(), act, table=table, bounds=HttpBounds(budget_seconds_max=10))
    interval = 60 / 13
    assert slept == [pytest.approx(interval / 2)] * 2 + [pytest.approx(8 - interval / 2)]


def test_the_machines_clock_runs_forward_and_sleeps_as_long_as_told() -> None:
    clock = SystemClock()
    before = clock.monotonic()
    asyncio.run(clock.sleep(timedelta(milliseconds=20)))
    assert timedelta(milliseconds=19) < clock.monotonic() - before < timedelta(seconds=5)
    assert clock.now().tzinfo is not None
