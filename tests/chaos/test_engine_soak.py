"""Everything at once, at low rates, for half an hour (a minute in a short run): nothing is lost, and nothing grows."""

import random
import time
from statistics import median

import psutil  # type: ignore[import-untyped]  # it ships no types
from tests.support.chaos import FULL, tell
from tests.support.fleet import ALERT, Fleet

from caudal_sandbox.faults import WEBHOOKS, Kind, Param

SECONDS = 1_800 if FULL else 60
PER_MILLE = 10
WORKER_DIES_EVERY, DATABASE_DIES_EVERY = 15, 45
SHORT: dict[Kind, dict[str, Param]] = {
    Kind.LATENCY: {"milliseconds": 200},
    Kind.HANG: {"milliseconds": 2_000},
    Kind.WEBHOOK_LATE: {"milliseconds": 500},
    Kind.WEBHOOK_REORDERED: {"milliseconds": 500},
    Kind.WEBHOOK_REPLAYED: {"milliseconds": 500},
}
GROWTH_MAX = 1.1
"""Of the memory of a process that is never killed: the last third of the time beside the second."""


def test_everything_at_once_leaves_nothing_wrong_and_nothing_grows(fleet: Fleet) -> None:
    chance, since = random.Random(30), fleet.place()
    fleet.link(4, webhooks=True)
    door = fleet.serve(**ALERT)
    workers = fleet.workers(2, **ALERT)
    fleet.set_right()
    for kind in set(Kind) - {Kind.LOGIN_REQUIRED}:  # that takes a person
        fleet.strike(kind, per_mille=50 if kind in WEBHOOKS else PER_MILLE, **SHORT.get(kind, {}))
    struck_before = sum(fleet.sandbox.faults.struck.values())
    kills = deaths = 0
    memory: list[int] = []
    began = time.monotonic()
    while (passed := time.monotonic() - began) < SECONDS:
        fleet.news(1)
        fleet.due(chance.sample(fleet.town, 4))
        memory.append(psutil.Process(door.pid).memory_info().rss)
        if passed > WORKER_DIES_EVERY * (kills + 1):
            workers.pop(0).kill()
            workers += fleet.workers(1, **ALERT)
            kills += 1
        if passed > DATABASE_DIES_EVERY * (deaths + 1):
            fleet.postgres.kill()
            time.sleep(chance.uniform(0, 2))
            fleet.postgres.start()
            deaths += 1
        time.sleep(1)
    struck = sum(fleet.sandbox.faults.struck.values()) - struck_before
    assert door.runs
    fleet.set_right()
    assert fleet.overlaps(since) == []
    third = len(memory) // 3
    growth = median(memory[-third:]) / median(memory[third : 2 * third])
    if FULL:  # a minute is warming up
        assert growth <= GROWTH_MAX
    tell(
        30, f"everything at once at low rates for {SECONDS // 60} min: {len(set(Kind)) - 1} kinds of fault, workers killed, PostgreSQL killed", struck + kills + deaths,
        "all invariants, memory stays",
        f"{struck} faults, {kills} workers and {deaths} times PostgreSQL killed; ledger = truth; memory of the serving process {growth:.2f} × (last third : second)",
    )  # fmt: skip
