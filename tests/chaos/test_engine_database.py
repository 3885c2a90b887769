"""The database dies, restarts, is cut off, has no connection to spare, or no room: what was acknowledged is there, who comes
meanwhile is told to come again, and soon after it is back all goes on by itself."""

import random
import time
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from tests.support.cable import Cable
from tests.support.chaos import tell, times
from tests.support.fleet import ALERT, Fleet
from tests.support.knocking import Knocking
from tests.support.processes import wait_for

from caudal_sandbox.faults import Kind

KILLS = times(30)
RESTARTS = times(20)
CUTS = times(20)
EXHAUSTIONS = times(20)
BACK_SECONDS_MAX = 10
CUT_SECONDS = 15
REFUSED_SECONDS_MAX = 5
WORKERS = 4


def stir(fleet: Fleet) -> None:
    """There is something to do, and it takes a while."""
    if not fleet.sandbox.faults.list():
        fleet.strike(Kind.LATENCY, endpoint="/transactions/sync", milliseconds=100)
    fleet.news(2)
    fleet.due(fleet.town)


def knocking(fleet: Fleet) -> Knocking:
    return Knocking(fleet, str(fleet.town[0].reference))


def first_job_after(fleet: Fleet, place: int) -> None:
    wait_for("a worker to take a job", lambda: any(turn.began for turn in fleet.turns(place)), 60)


def test_postgresql_killed_under_load_loses_nothing_acknowledged(fleet: Fleet) -> None:
    fleet.serve()
    fleet.workers(1)
    since, web, work, refused = fleet.place(), [], [], []
    with knocking(fleet) as post:
        for _ in range(KILLS):
            stir(fleet)
            wait_for("a worker to be at work", fleet.doing, 60)
            time.sleep(random.Random(len(web)).uniform(0, 0.5))
            fleet.postgres.kill()
            down = time.monotonic()
            wait_for(
                "a webhook to be refused",
                lambda down=down: any(each.at > down and each.status != 200 for each in list(post.answers)),
                30,
            )
            rising = time.monotonic()
            fleet.postgres.start()
            up, place = time.monotonic(), fleet.place()
            refused += [each for each in list(post.answers) if down < each.at < rising]
            fleet.due(fleet.town)
            web.append(wait_for("a webhook to be taken", lambda up=up: post.first_taken(up), 60))
            first_job_after(fleet, place)
            work.append(time.monotonic() - up)
    assert post.kept
    assert post.lost() == set()
    assert {each.status for each in refused} == {503}, "nobody is told anything else while it is away"
    assert all(each.retry_after for each in refused)
    assert max(web) <= BACK_SECONDS_MAX
    assert max(work) <= BACK_SECONDS_MAX
    fleet.set_right()
    assert fleet.overlaps(since) == []
    tell(
        4, "kill -9 of PostgreSQL, webhooks coming and syncs running", KILLS, "nothing acknowledged lost; 503 with Retry-After; back ≤ 10 s after it is",
        f"{len(post.kept)} acknowledged, 0 lost; {len(refused)} answers meanwhile, all 503 with Retry-After; webhooks taken after {max(web):.1f} s, jobs after {max(work):.1f} s at most; ledger = truth",
    )  # fmt: skip


def test_postgresql_restarted_while_workers_run_leaves_no_job_stuck(fleet: Fleet) -> None:
    workers = fleet.workers(WORKERS)
    since, work = fleet.place(), []
    for nth in range(RESTARTS):
        stir(fleet)
        wait_for("a worker to be at work", fleet.doing, 60)
        time.sleep(random.Random(nth).uniform(0, 0.5))
        fleet.postgres.restart()
        up, place = time.monotonic(), fleet.place()
        fleet.due(fleet.town)
        first_job_after(fleet, place)
        work.append(time.monotonic() - up)
    assert all(worker.runs for worker in workers)
    assert max(work) <= BACK_SECONDS_MAX
    fleet.set_right()
    assert fleet.overlaps(since) == []
    tell(
        5, f"restart of PostgreSQL under {WORKERS} workers", RESTARTS, "no worker ends, no job stuck, back ≤ 10 s",
        f"none, none; jobs taken after {max(work):.1f} s at most; ledger = truth",
    )  # fmt: skip


def cabled(fleet: Fleet, cable: Cable) -> str:
    """The database, at the other end of the cable."""
    return make_conninfo(fleet.postgres.conninfo, host="127.0.0.1", port=cable.port)


def test_a_worker_cut_off_from_the_database_splits_nothing(fleet: Fleet) -> None:
    told = conninfo_to_dict(fleet.postgres.conninfo)
    socket = Path(str(told["host"])) / f".s.PGSQL.{told['port']}"
    since = fleet.place()
    with Cable(socket) as cable:
        far = fleet.worker(DATABASE_URL=cabled(fleet, cable), **ALERT)
        near = fleet.worker(**ALERT)
        for _ in range(CUTS):
            stir(fleet)
            wait_for("the far worker to be at work", lambda: _at_work(fleet, far.worker), 60)
            cable.cut()
            time.sleep(CUT_SECONDS)
            assert _at_work(fleet, far.worker) == 0, "others have taken its jobs"
            cable.mend()
            place = fleet.place()
            wait_for(
                "the far worker to work again",
                lambda place=place: _works_again(fleet, place, near.worker),
                60,
            )
        fleet.set_right()
        assert far.runs
    assert fleet.overlaps(since) == []
    tell(
        21, f"a worker cut off from PostgreSQL for {CUT_SECONDS} s (no packet either way)", CUTS, "no split state; its jobs go to others",
        "ledger = truth, no two jobs of a connection at once; the cut-off worker works again by itself",
    )  # fmt: skip


def _at_work(fleet: Fleet, worker: int | None) -> int:
    return fleet.rows(f"caudal_jobs.procrastinate_jobs where status = 'doing' and worker_id = {worker}")


def _works_again(fleet: Fleet, place: int, near: int | None) -> bool:
    fleet.due(fleet.town)
    time.sleep(0.5)
    return any(turn.worker != near for turn in fleet.turns(place))


def test_with_no_connection_to_spare_a_webhook_is_refused_soon_and_taken_later(fleet: Fleet) -> None:
    fleet.serve("--no-worker", "--no-schedule", CAUDAL_DATABASE_CONNECTIONS_MAX="2")
    slowest = 0.0
    back = []
    with knocking(fleet) as post:
        for _ in range(EXHAUSTIONS):
            wait_for("webhooks to be taken", lambda: post.answers and post.answers[-1].status == 200, 30)
            with psycopg.connect(fleet.postgres.conninfo) as held:
                held.execute("lock table caudal.inbox in access exclusive mode")
                began = len(post.answers)
                wait_for("webhooks to be refused", lambda began=began: len(post.answers) >= began + 3, 30)
                held.rollback()
                freed = time.monotonic()
            refused = post.answers[began + 1 : began + 3]
            assert {each.status for each in refused} == {503}
            assert all(each.retry_after for each in refused)
            slowest = max(slowest, *(each.took for each in refused))
            back.append(wait_for("a webhook to be taken", lambda freed=freed: post.first_taken(freed), 60))
    assert slowest <= REFUSED_SECONDS_MAX
    assert post.lost() == set()
    fleet.end_all()
    fleet.workers(1)
    fleet.set_right()
    tell(
        22, "every database connection of a process busy", EXHAUSTIONS, "503 ≤ 5 s, recovery",
        f"503 after {slowest:.1f} s at most; taken again {max(back):.1f} s after; {len(post.kept)} acknowledged, 0 lost",
    )  # fmt: skip
