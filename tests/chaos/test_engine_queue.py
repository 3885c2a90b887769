"""The queue under strain: jobs that never can succeed, workers told to stop, several schedulers at once, clocks that jump."""

import os
import random
import signal
import time

from tests.support.chaos import tell, times
from tests.support.fleet import ALERT, QUICK, Fleet, Turn
from tests.support.processes import wait_for

from caudal.store.spaces import LinkedConnection
from caudal_sandbox.faults import Kind

POISONED = times(100)
STOPS = times(50)
ROUNDS = times(50)
JUMPS = times(50)
TRIES_MAX = 3
STOPPED_SECONDS_MAX = 20


def ids(connections: list[LinkedConnection]) -> str:
    return ", ".join(f"'{each.connection_id}'" for each in connections)


def test_a_job_that_can_never_succeed_dies_in_the_end_and_keeps_nobody(fleet: Fleet) -> None:
    fleet.workers(2, CAUDAL_RUN_TRIES_MAX=str(TRIES_MAX))
    fleet.brought_up_to_date()
    half = min(POISONED // 5, len(fleet.town) // 2)
    poisoned, well = fleet.town[:half], fleet.town[half:]
    rounds, longest = -(-POISONED // len(poisoned)), 0.0
    for _ in range(rounds):
        since = fleet.place()
        # Half of what was sealed is taken away: no key opens it any more.
        fleet.postgres.do(
            "create table public.kept as select * from caudal.credential;"
            f"update caudal.credential set sealed = substr(sealed, 1, 8) where connection_id in ({ids(poisoned)})"
        )
        fleet.due(poisoned)
        wait_for("the poisoned jobs to begin", lambda since=since: fleet.turns(since), 60)
        began, place = time.monotonic(), fleet.place()
        fleet.due(well)
        done = {f"connection:{each.connection_id}" for each in well}
        wait_for(
            "everybody else to be synced",
            lambda place=place, done=done: done <= {turn.lock for turn in fleet.turns(place) if turn.ended},
            60,
        )
        longest = max(longest, time.monotonic() - began)
        wait_for("the poisoned jobs to die", lambda: _die(fleet, len(poisoned)), 60)
        tried = [turn.lock for turn in fleet.turns(since) if turn.lock not in done]
        assert {tried.count(lock) for lock in tried} == {TRIES_MAX}
        fleet.postgres.do(
            "update caudal.credential c set sealed = k.sealed from public.kept k "
            "where k.space_id = c.space_id and k.connection_id = c.connection_id and k.field = c.field;"
            "drop table public.kept"
        )
        retried = fleet.start("jobs", "retry", "--all")
        wait_for("caudal jobs retry to end", lambda retried=retried: not retried.runs, 30)
        fleet.drained()
        assert fleet.dead() == [], retried.said()
    fleet.set_right()
    tell(
        23, "a job that fails by our own mistake each time", rounds * len(poisoned), f"dead after {TRIES_MAX} tries, the others flow, works once it is mended",
        f"each dead after {TRIES_MAX}; {len(well)} others synced meanwhile in {longest:.1f} s at most; after `caudal jobs retry` ledger = truth",
    )  # fmt: skip


def _die(fleet: Fleet, count: int) -> bool:
    fleet.hasten()
    return len(fleet.dead()) == count


def test_a_worker_told_to_stop_finishes_or_hands_back_what_it_has(fleet: Fleet) -> None:
    chance, since, took = random.Random(3), fleet.place(), []
    fleet.worker()
    for nth in range(STOPS):
        worker = fleet.worker()
        if nth % 2:
            fleet.strike(
                Kind.LATENCY, endpoint="/transactions/sync", milliseconds=60_000 if nth % 4 == 3 else 500
            )
        fleet.news(1)
        fleet.due(fleet.town)
        wait_for("the worker to be at work", lambda worker=worker: _doing(fleet, worker.worker), 60)
        time.sleep(chance.uniform(0, 0.3))
        took.append(worker.stop())
        assert _doing(fleet, worker.worker) == 0, "it has left a job behind"
        assert worker.code == os.EX_OK, worker.said()
        fleet.sandbox.run(fleet.sandbox.faults.clear)
    assert max(took) <= STOPPED_SECONDS_MAX
    fleet.set_right()
    assert fleet.overlaps(since) == []
    tell(
        29, "SIGTERM to a worker amid syncs, some of them waiting for a bank that doesn't answer", STOPS, "drains ≤ 20 s, nothing abandoned",
        f"{max(took):.1f} s at most, 0 jobs left behind; ledger = truth",
    )  # fmt: skip


def _doing(fleet: Fleet, worker: int | None) -> int:
    return fleet.rows(f"caudal_jobs.procrastinate_jobs where status = 'doing' and worker_id = {worker}")


def test_of_several_schedulers_one_queues_each_connection_once(fleet: Fleet) -> None:
    alone = {**QUICK, "CAUDAL_WORKER_TICK_MS": "50"}
    watching = [fleet.start("serve", "--no-http", "--no-worker", **alone) for _ in range(2)]
    fleet.postgres.do(
        "update caudal.schedule set unattended = 0, unattended_on = null, due_at = now() + interval '1 hour'"
    )
    count = fleet.rows("caudal.schedule where due_at is not null")
    for nth in range(ROUNDS):
        place = fleet.place()
        fleet.due(fleet.live())
        if nth % 2:
            watching.pop(0).kill()
            watching.append(fleet.start("serve", "--no-http", "--no-worker", **alone))
        wait_for("everybody to be queued", lambda place=place: _queued(fleet, place) >= count, 60)
        time.sleep(0.3)
        assert _queued(fleet, place) == count
        # Done at once, as if a worker had been quick: nothing but the schedule itself keeps it from being queued again.
        fleet.postgres.do("delete from caudal_jobs.procrastinate_jobs where status = 'todo'")
        ((times_queued,),) = fleet.postgres.ask(
            "select array_agg(distinct unattended) from caudal.schedule where due_at is not null"
        )
        assert times_queued == [nth + 1]
    for each in watching:
        each.signal(signal.SIGTERM)
    fleet.end_all()
    fleet.workers(1)
    fleet.set_right()
    tell(
        24, "two schedulers, one of them killed every other time", ROUNDS, "each due connection queued once",
        f"{ROUNDS * count} due, {ROUNDS * count} queued; ledger = truth",
    )  # fmt: skip


def _queued(fleet: Fleet, place: int) -> int:
    return fleet.rows(f"public.chronicle where place > {place} and before is null and cause = 'schedule'")


def _ended(fleet: Fleet, place: int) -> list[Turn]:
    return [turn for turn in fleet.turns(place) if turn.ended is not None]


def test_when_times_jump_nothing_comes_early_and_nothing_twice(fleet: Fleet) -> None:
    fleet.workers(2, **ALERT)
    fleet.brought_up_to_date()
    since, early, one = fleet.place(), 0, fleet.town[0]
    lock = f"connection:{one.connection_id}"
    for jump in ("10 minutes", "-10 minutes", "1 day", "-1 day", "29 days"):
        for _ in range(JUMPS):
            place = fleet.place()
            fleet.postgres.do(
                f"update caudal.schedule set due_at = now() + interval '{jump}', held_until = null "
                f"where connection_id = '{one.connection_id}'; delete from caudal.budget"
            )
            if jump.startswith("-"):
                wait_for(
                    "what is due to be done",
                    lambda place=place: _ended(fleet, place),
                    30,
                )
            time.sleep(0.6)
            done = [turn for turn in fleet.turns(place) if turn.lock == lock]
            assert len(done) == jump.startswith("-"), (jump, done)
            early += not jump.startswith("-")
        # Held: due, and not before its provider allowed.
        fleet.postgres.do(
            "update caudal.schedule set due_at = now(), held_until = now() + interval '2 seconds' "
            f"where connection_id = '{one.connection_id}'"
        )
        place = fleet.place()
        ((until,),) = fleet.postgres.ask(
            f"select held_until from caudal.schedule where connection_id = '{one.connection_id}'"
        )
        (turn, *_) = wait_for("what was held to be done", lambda place=place: _ended(fleet, place), 30)
        assert turn.began >= until
    assert fleet.overlaps(since) == []
    fleet.set_right()
    tell(
        16, "due times moved by ±10 min, ±1 day, 29 days against the database's clock, the only one the schedule reads", 5 * (JUMPS + 1),
        "nothing early, nothing twice", f"{early} not due: none done; the others done once; what was held, not before its time",
    )  # fmt: skip
