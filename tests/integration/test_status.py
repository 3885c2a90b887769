"""What `caudal status` says is so: of runs, of calls, of what waits; what is stale is called stale."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import msgspec
import psycopg
import pytest
from tests.support.books import Books, page, pull_of, seen
from tests.support.command import Command
from tests.support.feed import in_turn

from caudal.hub import installation, status
from caudal.hub.installation import Installation
from caudal.hub.status import ConnectionStatus, Status
from caudal.model.errors import CaudalError, NeedsUser, StoreError, Unavailable
from caudal.providers.base import Pace
from caudal.providers.http import Exchange, Outcome
from caudal.settings import Settings
from caudal.store import budgets, health, jobs, spaces
from caudal.store.budgets import Hold
from caudal.store.health import BOUNDS_MS
from caudal.store.jobs import Work
from caudal.store.spaces import Space
from caudal.sync import engine
from caudal.sync.calls import CallStatistics

Result = TypeVar("Result")
HOUR = timedelta(hours=1)


def within(settings: Settings, act: Callable[[Installation], Awaitable[Result]], **more: Any) -> Result:
    async def work() -> Result:
        async with installation.opened(settings, **more) as opened:
            return await act(opened)

    return asyncio.run(work())


def done(settings: Settings, statement: str) -> None:
    """As the server's superuser: what only time or another process would do."""
    with psycopg.connect(settings.database_url) as connection:
        connection.execute(statement.encode())


async def linked(
    opened: Installation, bank: str = "ins_1", *, space: Space | None = None, login: str = "item"
) -> Books:
    """A connection to a bank, in a space of its own or in this one."""
    home = space or await spaces.create_space(opened.store, "home")
    async with opened.store.transaction(home.space_id) as tx:
        made = await spaces.add_connection(
            tx,
            home.space_id,
            provider="plaid",
            reference=f"{login}-{bank}",
            institution=(bank, f"Bank {bank}", "US"),
        )
    return Books(home.space_id, made.connection_id)


async def ran(opened: Installation, there: Books, error: CaudalError | None = None) -> None:
    """A run that ends well, or so."""
    with contextlib.nullcontext() if error is None else pytest.raises(type(error)):
        await engine.run(opened.store, there.job(), in_turn(error) if error else pull_of(page([seen("a")])))


async def only(opened: Installation, **more: Any) -> ConnectionStatus:
    (connection,) = (await status.status(opened, **more)).connections
    return connection


def test_an_installation_with_nothing_in_it_is_well(settings: Settings) -> None:
    told = within(settings, status.status)
    assert (told.connections, told.institutions, told.inbox.waiting, told.workers) == ([], [], 0, [])
    assert told.well


def test_a_connection_waits_for_its_first_run_then_is_fresh(settings: Settings) -> None:
    async def work(opened: Installation) -> tuple[ConnectionStatus, ConnectionStatus, Status]:
        there = await linked(opened)
        before = await only(opened)
        await ran(opened, there)
        return before, await only(opened), await status.status(opened)

    before, after, told = within(settings, work)
    assert (before.freshness, before.last_good_at, before.runs.good_percent) == ("waiting", None, None)
    assert (after.freshness, after.state, after.failures) == ("fresh", "active", 0)
    assert after.last_good_at is not None
    assert after.due_at is not None
    assert after.due_at > after.last_good_at
    assert (after.runs.count, after.runs.good, after.runs.good_percent) == (1, 1, Decimal(100))
    assert after.run_p50_ms is not None
    assert told.well


@pytest.mark.parametrize(("hours", "freshness"), [(1.9, "fresh"), (2.1, "stale")])
@pytest.mark.parametrize("told", ["last_good_at", "since"])
def test_without_a_good_run_for_two_of_its_paces_it_is_stale(
    settings: Settings, hours: float, freshness: str, told: str
) -> None:
    async def work(opened: Installation) -> tuple[ConnectionStatus, Status]:
        there = await linked(opened)
        if told == "last_good_at":
            await ran(opened, there)
        ago = f"now() - interval '{hours} hours'"
        done(settings, f"update caudal.schedule set {told} = {ago}")
        done(settings, f"update caudal.run set started_at = {ago}, finished_at = {ago}")
        paces = {"plaid": Pace(every=HOUR)}
        return await only(opened, paces=paces), await status.status(opened, paces=paces)

    one, whole = within(settings, work)
    assert one.freshness == (freshness if told == "last_good_at" or freshness == "stale" else "waiting")
    assert (one.lag_seconds is None) is (told == "since")
    assert whole.well is (freshness == "fresh")
    assert whole.providers[0].all.stale == (freshness == "stale")


def test_stale_is_measured_by_the_providers_own_pace(settings: Settings) -> None:
    async def work(opened: Installation) -> ConnectionStatus:
        there = await linked(opened)
        await ran(opened, there)
        done(settings, "update caudal.schedule set last_good_at = now() - interval '20 hours'")
        done(settings, "update caudal.run set finished_at = now() - interval '20 hours'")
        return await only(opened, paces={"plaid": Pace(every=12 * HOUR)})

    assert within(settings, work).freshness == "fresh"


def test_what_needs_its_person_says_why_what_to_do_and_that_it_gets_stale(settings: Settings) -> None:
    async def work(opened: Installation) -> Status:
        there = await linked(opened)
        await ran(opened, there)
        await ran(opened, there, NeedsUser("the login has changed", action="log in again"))
        done(settings, "update caudal.schedule set last_good_at = now() - interval '5 hours'")
        done(settings, "update caudal.run set finished_at = now() - interval '5 hours'")
        return await status.status(opened)

    told = within(settings, work)
    (one,) = told.connections
    assert (one.state, one.reason, one.action) == ("needs_user", "the login has changed", "log in again")
    assert (one.freshness, one.due_at) == ("stale", None)
    assert not told.well


def test_failed_runs_are_counted_by_their_error(settings: Settings) -> None:
    async def work(opened: Installation) -> ConnectionStatus:
        there = await linked(opened)
        await ran(opened, there)
        await ran(opened, there, Unavailable("plaid: down"))
        await ran(opened, there, Unavailable("plaid: down"))
        await engine_between(opened, there)
        return await only(opened)

    one = within(settings, work)
    assert (one.state, one.failures) == ("degraded", 2)
    assert (one.runs.count, one.runs.good, one.runs.good_percent) == (3, 1, Decimal("33.3"))
    assert one.runs.errors == {"Unavailable": 2}


async def engine_between(opened: Installation, there: Books) -> None:
    """A run that is on counts for nothing yet."""
    async with opened.store.transaction(there.space_id) as tx:
        await spaces.start_run(
            tx, there.space_id, there.connection_id, stream="", subject="on its way", cause="manual"
        )


def test_the_class_of_an_error_is_told_where_it_was_written_down(settings: Settings) -> None:
    async def work(opened: Installation) -> ConnectionStatus:
        there = await linked(opened)
        await ran(opened, there, Unavailable("plaid: down"))
        done(settings, "update caudal.run set error_class = 'Unavailable'")
        return await only(opened)

    assert within(settings, work).runs.errors == {"Unavailable": 1}


def test_runs_of_long_ago_are_history(settings: Settings) -> None:
    async def work(opened: Installation) -> ConnectionStatus:
        there = await linked(opened)
        await ran(opened, there, Unavailable("plaid: down"))
        done(settings, "update caudal.run set started_at = now() - interval '25 hours'")
        await ran(opened, there)
        return await only(opened)

    one = within(settings, work)
    assert (one.runs.count, one.runs.errors) == (1, {})


def test_times_of_runs_are_told_by_rank(settings: Settings) -> None:
    async def work(opened: Installation) -> ConnectionStatus:
        there = await linked(opened)
        for _ in range(10):
            await ran(opened, there)
        done(
            settings,
            "update caudal.run r set finished_at = started_at + n.n * interval '100 ms' from "
            "(select run_id, row_number() over (order by run_id) as n from caudal.run) n where n.run_id = r.run_id",
        )
        return await only(opened)

    one = within(settings, work)
    assert (one.run_p50_ms, one.run_p95_ms) == (500, 1000)


def test_one_space_is_shown_alone_and_all_together(settings: Settings) -> None:
    async def work(opened: Installation) -> list[list[str]]:
        first, second = [await spaces.create_space(opened.store, name) for name in ("first", "second")]
        await linked(opened, "ins_1", space=first, login="one")
        await linked(opened, "ins_1", space=second, login="two")
        await linked(opened, "ins_2", space=second)
        seen = [await status.status(opened, which) for which in (first, second, None)]
        assert [[(each.reference, each.all.connections) for each in one.institutions] for one in seen] == [
            [("ins_1", 1)],
            [("ins_1", 1), ("ins_2", 1)],
            [("ins_1", 2), ("ins_2", 1)],
        ]
        return [sorted(each.space for each in one.connections) for one in seen]

    assert within(settings, work) == [["first"], ["second", "second"], ["first", "second", "second"]]


def test_what_has_ended_is_not_waited_for(settings: Settings) -> None:
    async def work(opened: Installation) -> Status:
        there = await linked(opened)
        async with opened.store.transaction(there.space_id) as tx:
            await spaces.change_state(tx, there.space_id, there.connection_id, "revoked")
        done(settings, "update caudal.connection set created_at = now() - interval '9 days'")
        return await status.status(opened)

    told = within(settings, work)
    assert told.connections == []
    assert told.well


# --- calls -------------------------------------------------------------------------------------------------


def exchange(
    ms: int, outcome: Outcome = Outcome.FINE, bank: str | None = "ins_1", operation: str = "sync"
) -> Exchange:
    return Exchange("plaid", operation, outcome, 200, ms, 1, None, institution=bank)


def test_calls_are_added_up_over_processes_and_survive_them(settings: Settings) -> None:
    async def one_process(opened: Installation) -> int:
        counted = CallStatistics(opened.store)
        for ms in (10, 20, 30, 90, 4_000):
            counted(exchange(ms))
        counted(exchange(50, Outcome.LIMITED))
        counted(exchange(60_000, Outcome.TIMEOUT, bank=None))
        counted(exchange(5, Outcome.CANCELLED))
        return await counted.flush()

    async def look(opened: Installation) -> Status:
        await linked(opened)
        return await status.status(opened)

    assert [within(settings, one_process) for _ in range(3)] == [8, 8, 8]
    told = within(settings, look)
    (plaid,), (bank,) = told.providers, told.institutions
    assert (plaid.all.calls.count, plaid.all.calls.good) == (24, 15)
    assert plaid.all.calls.good_percent == Decimal("71.4"), "of 21: what was cancelled was no answer"
    assert plaid.all.calls.errors == {"limited": 3, "timeout": 3}
    assert (plaid.all.calls.p50_ms, plaid.all.calls.p95_ms) == (50, 102_400)
    assert (bank.reference, bank.name, bank.all.calls.count, bank.all.calls.errors) == (
        "ins_1", "Bank ins_1", 21, {"limited": 3}
    )  # fmt: skip
    assert bank.all.calls.p95_ms == 6_400


def test_flushing_is_one_statement_whatever_was_counted(settings: Settings) -> None:
    names: list[str] = []

    async def work(opened: Installation) -> list[int]:
        counted, costs = CallStatistics(opened.store), []
        for banks in (0, 1, 500):
            for bank in range(banks):
                counted(exchange(10, bank=f"ins_{bank}"))
            names.clear()
            await counted.flush()
            costs.append(len(names))
        return costs

    assert within(settings, work, observe=names.append) == [0, 3, 3]  # scope, upsert, commit


def test_what_could_not_be_written_down_is_kept_for_the_next_time(settings: Settings) -> None:
    names: list[str] = []

    def refuse(name: str) -> None:
        names.append(name)
        if name == "add_calls" and names.count(name) == 1:
            raise StoreError("away")

    async def work(opened: Installation) -> list[int]:
        counted = CallStatistics(opened.store)
        counted(exchange(10))
        with pytest.raises(StoreError):
            await counted.flush()
        counted(exchange(10))
        return [await counted.flush(), await counted.flush()]

    assert within(settings, work, observe=refuse) == [2, 0]


def test_calls_of_hours_long_past_are_neither_told_nor_kept(settings: Settings) -> None:
    async def work(opened: Installation) -> tuple[Status, int, int]:
        ago = datetime.now(UTC) - timedelta(days=2)
        counted = CallStatistics(opened.store, now=lambda: ago)
        counted(exchange(10))
        await counted.flush()
        async with opened.store.engine() as tx:
            kept, gone = await health.forget_calls(tx, 3), await health.forget_calls(tx, 1)
        return await status.status(opened), kept, gone

    told, kept, gone = within(settings, work)
    assert told.providers == []
    assert (kept, gone) == (0, 1)


def test_more_banks_than_are_kept_apart_still_count_for_their_provider(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("caudal.sync.calls._COUNTS_MAX", 3)

    async def work(opened: Installation) -> Status:
        counted = CallStatistics(opened.store)
        for bank in range(10):
            counted(exchange(10, bank=f"ins_{bank}"))
        assert await counted.flush() == 10
        return await status.status(opened)

    assert within(settings, work).providers[0].all.calls.count == 10


def test_a_time_is_told_by_the_bound_it_is_within() -> None:
    for place, bound in enumerate(BOUNDS_MS):
        assert (health.bucket(bound), health.bucket(bound + 1)) == (place, place + 1)
    took = [0] * (len(BOUNDS_MS) + 1)
    assert health.quantile_ms(took, 50) is None
    took[2], took[4] = 95, 5
    assert [health.quantile_ms(took, percent) for percent in (1, 50, 95, 96, 100)] == [
        100,
        100,
        100,
        400,
        400,
    ]


# --- the engine --------------------------------------------------------------------------------------------


def test_what_waits_what_is_dead_and_who_works_is_told(settings: Settings) -> None:
    async def work(opened: Installation) -> Status:
        async with opened.store.engine() as tx:
            await jobs.enqueue(
                tx, [Work("sync", "sync", 1), Work("sync", "sync", 1), Work("inbox", "inbox", 1)]
            )
            await budgets.hold(tx, "plaid", [Hold("sync", "", HOUR)])
        done(
            settings,
            "insert into caudal_jobs.procrastinate_workers (last_heartbeat) values (now() - interval '3 s')",
        )
        done(
            settings,
            "update caudal_jobs.procrastinate_jobs set status = 'doing', worker_id = "
            "(select max(id) from caudal_jobs.procrastinate_workers) where queue_name = 'inbox'",
        )
        done(settings, "update caudal_jobs.procrastinate_jobs set status = 'failed' where id = (select min(id) from caudal_jobs.procrastinate_jobs where queue_name = 'sync')")  # fmt: skip
        webhooks(settings, "new", 3)
        webhooks(settings, "dead", 2)
        return await status.status(opened)

    told = within(settings, work)
    assert (told.inbox.waiting, told.inbox.dead) == (3, 2)
    assert told.inbox.oldest_seconds in range(40, 60)
    assert [(each.queue, each.waiting, each.running, each.dead) for each in told.queues] == [
        ("inbox", 0, 1, 0), ("sync", 1, 0, 1)
    ]  # fmt: skip
    assert [(each.running, each.silent_seconds in range(3, 20)) for each in told.workers] == [(1, True)]
    (left,) = told.providers[0].budgets
    assert left.held_until is not None
    assert not told.well


def webhooks(settings: Settings, state: str, count: int, age_seconds: int = 40) -> None:
    done(
        settings,
        f"insert into caudal.inbox (provider, event_key, received_at, wrapping_key, sealed, state, due_at, done_at) "
        f"select 'plaid', '{state}' || n, now(), 'k', '', '{state}', now() - interval '{age_seconds} s', "
        f"{'null' if state == 'new' else 'now()'} from generate_series(1, {count}) n",
    )


def test_a_connection_shows_the_budget_of_its_own_and_no_others(settings: Settings) -> None:
    async def work(opened: Installation) -> dict[UUID, list[str]]:
        space = await spaces.create_space(opened.store, "home")
        mine = await linked(opened, "ins_1", space=space)
        other = await linked(opened, "ins_2", space=space)
        async with opened.store.engine() as tx:
            await budgets.hold(tx, "plaid", [Hold("sync", "item-ins_1", HOUR)])
        told = await status.status(opened)
        assert told.providers[0].budgets == []
        shown = {each.connection_id: [left.operation for left in each.budgets] for each in told.connections}
        assert shown == {mine.connection_id: ["sync"], other.connection_id: []}
        return shown

    within(settings, work)


def test_the_same_few_statements_for_one_connection_and_for_many(settings: Settings) -> None:
    names: list[str] = []

    async def work(opened: Installation) -> list[tuple[int, int]]:
        costs = []
        for count in (1, 12):
            for number in range(count):
                space = await spaces.create_space(opened.store, f"space {count} {number}")
                there = await linked(opened, f"ins_{number}", space=space, login=f"login {count}")
                await ran(opened, there)
            names.clear()
            assert len((await status.status(opened)).connections) >= count
            whole = len(names)
            names.clear()
            await status.standing(opened)
            costs.append((whole, len(names)))
        return costs

    first, second = within(settings, work, observe=names.append)
    assert first == second
    assert max(first) <= 11


# --- the command -------------------------------------------------------------------------------------------


def test_the_command_tells_it_to_people_and_whole_to_programs(settings: Settings, tmp_path: Path) -> None:
    async def work(opened: Installation) -> None:
        space = await spaces.create_space(opened.store, "home")
        good, bad = await linked(opened, "ins_1", space=space), await linked(opened, "ins_2", space=space)
        await ran(opened, good)
        await ran(opened, bad)
        await ran(opened, bad, NeedsUser("the login has changed", action="log in again"))
        done(
            settings,
            "update caudal.schedule set last_good_at = now() - interval '5 hours' where reference = 'item-ins_2'",
        )
        done(settings, "update caudal.run set finished_at = now() - interval '5 hours' where outcome = 'complete' and connection_id = (select connection_id from caudal.connection where reference = 'item-ins_2')")  # fmt: skip
        counted = CallStatistics(opened.store)
        counted(exchange(90, Outcome.TIMEOUT))
        counted(exchange(90))
        await counted.flush()

    within(settings, work)
    caudal = Command(settings, tmp_path)
    told = msgspec.convert(caudal.told("status"), dict[str, Any])
    assert told["well"] is False
    assert {each["label"]: each["freshness"] for each in told["connections"]} == {
        "Bank ins_1": "fresh", "Bank ins_2": "stale"
    }  # fmt: skip
    assert told["providers"][0]["all"]["calls"]["good_percent"] == "50"
    shown = caudal("status")
    assert (shown.code, shown.err) == (0, "")
    for said in ("Bank ins_1", "Bank ins_2", "5 h ago, stale", "needs user: the login has changed", "log in again",
                 "1/2 (50 %)", "timeout ×1", "webhooks: 0 waiting", "workers: 0"):  # fmt: skip
        assert said in shown.out, said
    assert shown.out.count("stale") == 1
    assert caudal("status", "--space", "nowhere").code == 66


def test_where_nothing_is_linked_the_command_says_so(settings: Settings, tmp_path: Path) -> None:
    shown = Command(settings, tmp_path)("status")
    assert (shown.code, shown.err) == (0, "")
    assert "no connections yet" in shown.out
