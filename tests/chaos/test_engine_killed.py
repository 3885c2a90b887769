"""Workers are killed, and workers go away for a while: others take over, nothing is lost, nothing is done twice at a time."""

import random
import signal
import time
from datetime import datetime
from statistics import median
from typing import NamedTuple

from tests.support.chaos import tell, times
from tests.support.fleet import ALERT, Fleet
from tests.support.processes import Process, wait_for

from caudal_sandbox.faults import Kind

KILLS = times(200)
ABSENCES = times(20)
TOGETHER = 3
PAGE_MS = 200
"""How long the bank takes for a page: time to be killed in."""
RESUMED_SECONDS_MAX = 35
"""Reliability table, row 1: the silence after which a worker counts as gone, and a look every few seconds."""
MANY = {"CAUDAL_WORKER_LOST_MAX": "50", "CAUDAL_WORKER_JOBS_AT_ONCE": "2"}
"""No connection is given up because chance hit it five times; and no kill takes half the town with it."""


class Kill(NamedTuple):
    """A worker that died, when, and the connections it was at."""

    at: datetime
    locks: set[str]


def busy(fleet: Fleet) -> dict[int, set[str]]:
    """Worker → the connections it is at."""
    rows = fleet.postgres.ask(
        "select worker_id, array_agg(lock) from caudal_jobs.procrastinate_jobs "
        "where status = 'doing' and queue_name = 'sync' group by worker_id"
    )
    return {worker: set(locks) for worker, locks in rows}


def stir(fleet: Fleet, chance: random.Random) -> None:
    """There is something to do for everybody, and for somebody much."""
    fleet.news(1)
    fleet.reissue([chance.choice(fleet.town)])
    fleet.due(fleet.town)


def at_work(fleet: Fleet, workers: list[Process]) -> Process | None:
    """One that is at a sync now."""
    there = busy(fleet)
    return next((each for each in workers if each.worker in there), None)


def kill_one(fleet: Fleet, workers: list[Process], chance: random.Random) -> Kill:
    """Kill a worker in the middle of its work, and start another."""
    chance.shuffle(workers)
    victim = wait_for("a worker to be at work", lambda: at_work(fleet, workers), 60)
    time.sleep(chance.uniform(0, 0.4))
    assert victim.worker is not None
    ((now,),) = fleet.postgres.ask("select clock_timestamp()")
    victim.kill()
    locks = busy(fleet).get(victim.worker, set())
    workers.remove(victim)
    workers.append(fleet.worker(**MANY))
    return Kill(now, locks)


def test_a_worker_killed_at_any_instant_is_replaced_within_its_time_and_nothing_is_lost(fleet: Fleet) -> None:
    chance, since = random.Random(1), fleet.place()
    workers = [fleet.worker(**MANY) for _ in range(TOGETHER)]
    fleet.strike(Kind.LATENCY, endpoint="/transactions/sync", milliseconds=PAGE_MS)
    kills = []
    for _ in range(KILLS):
        stir(fleet, chance)
        kills.append(kill_one(fleet, workers, chance))
    fleet.set_right()
    turns = fleet.turns(since)
    resumed = [
        (
            min(turn.began for turn in turns if turn.lock == lock and turn.began > kill.at) - kill.at
        ).total_seconds()
        for kill in kills
        for lock in kill.locks
    ]
    assert len(resumed) >= KILLS // 3, "too few died at work"
    assert max(resumed) <= RESUMED_SECONDS_MAX
    assert fleet.overlaps(since) == []
    tell(
        1, "SIGKILL of a worker at a random instant of a sync", KILLS, "ledger = truth, resumed ≤ 35 s, no two jobs of one connection at once",
        f"equal; {len(resumed)} syncs resumed after {median(resumed):.0f} s (median), {max(resumed):.0f} s (longest); {len(turns)} jobs, no overlap",
    )  # fmt: skip


def test_a_worker_that_was_away_and_comes_back_spoils_nothing(fleet: Fleet) -> None:
    chance, since = random.Random(2), fleet.place()
    workers = [fleet.worker(**ALERT) for _ in range(TOGETHER)]
    fleet.strike(Kind.LATENCY, endpoint="/transactions/sync", milliseconds=PAGE_MS)
    for _ in range(ABSENCES):
        stir(fleet, chance)
        victim = wait_for("a worker to be at work", lambda: at_work(fleet, workers), 60)
        victim.signal(signal.SIGSTOP)
        time.sleep(7)
        victim.signal(signal.SIGCONT)
    fleet.set_right()
    overlapping = fleet.overlaps(since)
    assert all(worker.runs for worker in workers)
    assert overlapping == []
    tell(
        1,
        "a worker stopped for 7 s, its jobs taken over, then going on",
        ABSENCES,
        "ledger = truth, no overlap",
        "equal, none",
    )
