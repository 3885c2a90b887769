"""When a connection comes again: queued with the data it follows, never twice, never sooner than told."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from tests.support.books import ACCOUNT, Books, all_rows, page, pull_of, seen, unrested
from tests.support.feed import SAVINGS, SECOND, Pull, both, in_turn

from caudal.model.changes import Cursor, Page, Status, TransactionGone
from caudal.model.errors import (
    NeedsUser,
    NotReady,
    RateLimited,
    Revoked,
    StoreAway,
    StoreError,
    Superseded,
    Unavailable,
)
from caudal.settings import RunBounds
from caudal.store import events, jobs, spaces
from caudal.store.database import Store
from caudal.store.jobs import Cadence, LetGo, Priority, SyncWork
from caudal.sync import engine

HOURLY = [Cadence("", 3_600)]


async def linked(store: Store, reference: str = "item-1", provider: str = "plaid") -> Books:
    """A space with one live connection."""
    space = await spaces.create_space(store, "home")
    async with store.transaction(space.space_id) as tx:
        made = await spaces.add_connection(
            tx, space.space_id, provider=provider, reference=reference, institution=("ins_1", "A Bank", "US")
        )
    return Books(space.space_id, made.connection_id)


def with_store(conninfo: str, act: Callable[[Store], Awaitable[None]]) -> None:
    async def work() -> None:
        async with await Store.open(conninfo, connections_max=4) as store:
            await act(store)

    asyncio.run(work())


def queue(conninfo: str) -> list[tuple[object, ...]]:
    """(task, cause, priority, in how many whole seconds) of what is queued."""
    return all_rows(
        conninfo,
        "select task_name, args->>'cause', priority, floor(extract(epoch from scheduled_at - now()))::int "
        "from caudal_jobs.procrastinate_jobs where status = 'todo' order by id",
    )


def schedule(conninfo: str) -> tuple[object, ...]:
    """(polled, seconds until due, seconds held, failures, backfilling) of the one connection that is watched."""
    [row] = all_rows(
        conninfo,
        "select due_at is not null, extract(epoch from due_at - now())::int, "
        "extract(epoch from held_until - now())::int, failures, backfilling from caudal.schedule",
    )
    return row


async def due(store: Store) -> int:
    async with store.engine() as tx:
        return await jobs.enqueue_due(tx, HOURLY, 100)


def test_a_connection_is_due_when_it_is_linked_and_queued_once_however_many_look(conninfo: str) -> None:
    async def act(store: Store) -> None:
        await linked(store)
        assert sum(await asyncio.gather(*(due(store) for _ in range(4)))) == 1
        assert await due(store) == 0

    with_store(conninfo, act)
    assert [row[:3] for row in queue(conninfo)] == [("sync", "schedule", Priority.SCHEDULED)]
    polled, seconds, *_ = schedule(conninfo)
    assert polled
    assert isinstance(seconds, int)
    assert 0.8 * 3_600 - 5 <= seconds <= 3_600


def test_what_is_paused_is_neither_due_nor_queued_and_due_at_once_when_it_goes_on(conninfo: str) -> None:
    async def act(store: Store) -> None:
        there = await linked(store)
        work = SyncWork(there.space_id, there.connection_id, "webhook", Priority.WEBHOOK)

        async def asked(*, paused: bool) -> bool:
            async with store.transaction(there.space_id) as tx:
                other = await spaces.pause(tx, there.space_id, there.connection_id, paused=paused)
                await jobs.enqueue_syncs(tx, [work])
            return other

        assert await asked(paused=True)
        assert not await asked(paused=True)
        assert await due(store) == 0
        assert queue(conninfo) == []
        assert await asked(paused=False)
        assert [row[1] for row in queue(conninfo)] == ["webhook"]
        assert await due(store) == 0  # it is queued already

    with_store(conninfo, act)


def test_what_is_queued_already_moves_forward_and_is_not_queued_twice(conninfo: str) -> None:
    async def act(store: Store) -> None:
        there = await linked(store)
        for cause, priority, seconds in (
            ("schedule", Priority.SCHEDULED, 500.0),
            ("webhook", Priority.WEBHOOK, 0.0),
            ("backfill", Priority.BACKFILL, 900.0),
        ):
            async with store.transaction(there.space_id) as tx:
                work = SyncWork(there.space_id, there.connection_id, cause, priority, seconds)
                await jobs.enqueue_syncs(tx, [work])

    with_store(conninfo, act)
    assert queue(conninfo) == [("sync", "webhook", Priority.WEBHOOK, -1)]


def test_after_a_limit_nothing_brings_a_connection_sooner_than_told(conninfo: str) -> None:
    async def act(store: Store) -> None:
        there = await linked(store)
        limited = RateLimited("too often", retry_after=timedelta(seconds=600))
        with pytest.raises(RateLimited):
            await engine.run(store, there.job(), in_turn(limited))
        async with store.transaction(there.space_id) as tx:
            work = SyncWork(there.space_id, there.connection_id, "webhook", Priority.WEBHOOK)
            await jobs.enqueue_syncs(tx, [work])
        assert await due(store) == 0

    with_store(conninfo, act)
    [(_, _, _, seconds)] = queue(conninfo)
    assert isinstance(seconds, int)
    assert seconds >= 598
    assert schedule(conninfo)[3] == 0


def test_an_outage_is_counted_and_the_first_good_run_forgets_it(conninfo: str) -> None:
    async def act(store: Store) -> None:
        there = await linked(store)
        for _ in range(2):
            with pytest.raises(Unavailable):
                await engine.run(store, there.job(), in_turn(Unavailable("down")))
        assert schedule(conninfo)[3] == 2
        await engine.run(store, there.job(), in_turn(page([seen("1")])))

    with_store(conninfo, act)
    assert schedule(conninfo)[3] == 0
    assert all_rows(conninfo, "select state, state_reason from caudal.connection") == [("active", "")]


def test_that_the_database_is_away_is_no_failure_of_the_connections(conninfo: str) -> None:
    async def act(store: Store) -> None:
        there = await linked(store)

        async def away(_: Cursor) -> AsyncIterator[Page]:
            raise StoreAway("the database is away")
            yield page([])

        with pytest.raises(StoreAway):
            await engine.run(store, there.job(), away)
        assert schedule(conninfo)[3] == 0
        await engine.run(store, there.job(), in_turn(page([seen("1")])))

    with_store(conninfo, act)
    assert all_rows(conninfo, "select outcome, error_class from caudal.run order by started_at") == [
        ("partial", "Interrupted"), ("complete", ""),
    ]  # fmt: skip


def test_that_the_database_refuses_what_we_write_is_a_mistake_of_ours_and_counted(conninfo: str) -> None:
    async def act(store: Store) -> None:
        there = await linked(store)
        with pytest.raises(StoreError):
            await engine.run(
                store, there.job(), in_turn(page([seen("1")], "c1"), StoreError("insert: refused"))
            )

    with_store(conninfo, act)
    assert schedule(conninfo)[3] == 1
    assert len(queue(conninfo)) == 1
    assert all_rows(conninfo, "select outcome, error_class from caudal.run") == [("partial", "StoreError")]


def test_a_mistake_of_ours_comes_again_a_bounded_number_of_times(conninfo: str) -> None:
    async def act(store: Store) -> None:
        there = await linked(store)
        came_again = []
        for _ in range(RunBounds().tries_max):
            async with store.transaction(there.space_id) as tx:
                came_again.append(await engine.settle(tx, there.job(), KeyError("a bug")) is not None)
        assert came_again == [True] * (RunBounds().tries_max - 1) + [False]

    with_store(conninfo, act)
    assert len(queue(conninfo)) == 1


def test_who_needs_their_person_is_not_polled_until_mended_and_who_ended_never(conninfo: str) -> None:
    async def act(store: Store) -> None:
        there = await linked(store)
        with pytest.raises(NeedsUser):
            await engine.run(store, there.job(), in_turn(NeedsUser("password", action="link again")))
        assert schedule(conninfo)[0] is False
        async with store.transaction(there.space_id) as tx:
            await spaces.change_state(tx, there.space_id, there.connection_id, "active")
        assert schedule(conninfo)[0] is True
        with pytest.raises(Revoked):
            await engine.run(store, there.job(), in_turn(Revoked("over")))

    with_store(conninfo, act)
    assert all_rows(conninfo, "select 1 from caudal.schedule") == []


def test_a_history_still_being_fetched_is_asked_for_behind_everybody_else(conninfo: str) -> None:
    async def act(store: Store) -> None:
        there = await linked(store)
        unready = NotReady("more to come", retry_after=timedelta(seconds=30))
        report = await engine.run(store, there.job(), in_turn(unrested(page([seen("1")]), "c1"), unready))
        assert report.again_after == timedelta(seconds=30)

    with_store(conninfo, act)
    [(task, cause, priority, seconds)] = queue(conninfo)
    assert (task, cause, priority) == ("sync", "backfill", Priority.BACKFILL)
    assert isinstance(seconds, int)
    assert 28 <= seconds <= 38
    assert schedule(conninfo)[4] is True


def test_a_job_its_worker_let_go_of_without_the_queue_hearing_of_it_is_queued_again(conninfo: str) -> None:
    """The database is away for just the moment in which a job ends: its worker lives on, and is not at it any more."""

    async def act(store: Store) -> None:
        await linked(store)
        await due(store)
        [(job_id, worker)] = all_rows(
            conninfo,
            "with worker as (insert into caudal_jobs.procrastinate_workers default values returning id) "
            "update caudal_jobs.procrastinate_jobs j set status = 'doing', worker_id = worker.id from worker "
            "returning j.id, worker.id",
        )
        assert isinstance(job_id, int)
        assert isinstance(worker, int)
        for let_go, rescued in (
            (LetGo(), 0),
            (LetGo([worker + 1], [job_id]), 0),
            (LetGo([worker], [job_id]), 1),
            (LetGo([worker], [job_id]), 0),
        ):
            async with store.engine() as tx:
                assert await jobs.rescue(tx, timedelta(seconds=15), 5, let_go) == rescued

    with_store(conninfo, act)
    assert len(queue(conninfo)) == 1


def test_a_long_history_is_cut_into_runs_and_none_of_it_is_lost(conninfo: str) -> None:
    told = [unrested(page([seen(f"{n}")]), f"c{n}") for n in range(3)]

    async def act(store: Store) -> None:
        there = await linked(store)
        job = engine.Job(there.space_id, there.connection_id, bounds=RunBounds(pages_max=2))
        first = await engine.run(store, job, in_turn(*told))
        assert (first.unfinished, first.pages) == (True, 2)
        rest = await engine.run(store, job, in_turn(told[2], page([seen("last")])))
        assert (rest.unfinished, rest.pages) == (False, 2)

    with_store(conninfo, act)
    assert all_rows(conninfo, "select count(*) from caudal.transaction") == [(4,)]
    assert all_rows(conninfo, "select cause, outcome from caudal.run order by started_at") == [
        ("manual", "partial"), ("manual", "complete"),
    ]  # fmt: skip


def test_a_run_that_was_overtaken_writes_nothing_more(conninfo: str) -> None:
    async def act(store: Store) -> None:
        there = await linked(store)
        await engine.run(store, there.job(), pull_of(page([seen("1")])))
        both_begun = asyncio.Barrier(2)

        def pull(name: str) -> Pull:
            async def told(_: Cursor) -> AsyncIterator[Page]:
                await both_begun.wait()
                yield unrested(page([seen(name)]), name)

            return told

        tasks = [asyncio.create_task(engine.run(store, there.job(), pull(name))) for name in ("one", "other")]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(result) for result in results if isinstance(result, Exception)] == [Superseded]

    with_store(conninfo, act)
    outcomes = all_rows(conninfo, "select outcome, error_class from caudal.run order by started_at")
    assert sorted(str(row[1]) for row in outcomes) == ["", "", "Superseded"]
    assert all_rows(conninfo, "select count(*) from caudal.transaction") == [(2,)]


def test_whoever_follows_events_misses_none_however_many_write_at_once(conninfo: str) -> None:
    async def act(store: Store) -> None:
        there = await linked(store)
        others = [await another(store, there.space_id, f"item-{n}") for n in range(2, 5)]
        runs = [
            asyncio.create_task(engine.run(store, job(there.space_id, connection), many_pages(10)))
            for connection in (there.connection_id, *others)
        ]
        followed: list[int] = []
        while not all(run.done() for run in runs) or await last(store, there.space_id) > len(followed):
            async with store.transaction(there.space_id) as tx:
                told = await events.after(tx, there.space_id, len(followed), 1_000)
            followed += [event.seq for event in told]
            assert followed == list(range(1, len(followed) + 1))
        await asyncio.gather(*runs)
        assert len(followed) >= 4 * (10 + 1)

    with_store(conninfo, act)


def many_pages(count: int) -> Pull:
    """A source with one movement on each of its pages."""
    first = [unrested(page([seen(f"{n}")]), f"c{n}") for n in range(count - 1)]
    return in_turn(*first, page([seen("last")]))


async def last(store: Store, space_id: UUID) -> int:
    async with store.transaction(space_id) as tx:
        return await events.last(tx, space_id)


def job(space_id: UUID, connection_id: UUID) -> engine.Job:
    return engine.Job(space_id, connection_id)


async def another(store: Store, space_id: UUID, reference: str) -> UUID:
    async with store.transaction(space_id) as tx:
        made = await spaces.add_connection(
            tx, space_id, provider="plaid", reference=reference, institution=("ins_1", "A Bank", "US")
        )
    return made.connection_id


def test_each_change_of_the_ledger_is_told_once_and_by_its_name(conninfo: str) -> None:
    hold = seen("hold", status=Status.PENDING)

    async def act(store: Store) -> None:
        there = await linked(store)
        for changes in (
            [hold, seen("lunch"), seen("rent", "-900.00")],
            [seen("hold", "-5.00"), seen("lunch", "-12.00"), TransactionGone(ACCOUNT.ref, "rent")],
            [seen("hold", "-5.00")],
        ):
            await engine.run(store, there.job(), pull_of(page(changes)))

    with_store(conninfo, act)
    kinds = all_rows(
        conninfo,
        "select kind, jsonb_array_length(data->'ids') from caudal.event where kind like 'transactions.%' order by seq",
    )
    assert sorted(kinds) == sorted([
        ("transactions.created", 3), ("transactions.settled", 1), ("transactions.updated", 1),
        ("transactions.removed", 1),
    ])  # fmt: skip


def test_of_accounts_left_out_nothing_is_written_and_wanted_again_they_are_whole(conninfo: str) -> None:
    savings = [seen("s1", ref=SECOND), seen("s2", ref=SECOND)]

    async def act(store: Store) -> None:
        there = await linked(store)
        await engine.run(store, there.job(), pull_of(both()))
        async with store.transaction(there.space_id) as tx:
            assert not await spaces.select_accounts(tx, there.space_id, there.connection_id, [ACCOUNT.ref])
        report = await engine.run(store, there.job(), pull_of(both(seen("1"), *savings)))
        assert (report.created, report.left_out) == (1, 2)
        async with store.transaction(there.space_id) as tx:
            assert await spaces.select_accounts(
                tx, there.space_id, there.connection_id, [ACCOUNT.ref, SAVINGS.ref]
            )
            await spaces.pull_anew(tx, there.space_id, there.connection_id)
        report = await engine.run(store, there.job(), pull_of(both(seen("1"), *savings)))
        assert (report.created, report.gone, report.left_out) == (2, 0, 0)

    with_store(conninfo, act)


def test_what_is_older_than_wanted_is_left_out_and_counted(conninfo: str) -> None:
    old = seen("old", day=date(2020, 1, 2))

    async def act(store: Store) -> None:
        there = await linked(store)
        async with store.transaction(there.space_id) as tx:
            await spaces.set_history(tx, there.space_id, there.connection_id, 30)
        recent = seen("new", day=datetime.now(UTC).date())
        report = await engine.run(store, there.job(), pull_of(page([old, recent])))
        assert (report.created, report.left_out) == (1, 1)

    with_store(conninfo, act)
    assert all_rows(conninfo, "select left_out from caudal.run") == [(1,)]
