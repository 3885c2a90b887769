"""Workers side by side on one database, and what they do together in a while."""

import contextlib
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec
import psycopg
from tests.bench import one_worker
from tests.bench.cost import Meter
from tests.bench.one_worker import Spec, Worked

_START_SECONDS_MAX: Final = 60
_WARM_SYNCS: Final = 20
"""Syncs of each before it is looked at: its connections are open then."""


class Done(msgspec.Struct, frozen=True):
    """What a team did in `wall_s`: `syncs` that ended well, and what they cost. `took_s`: one sync, the median."""

    workers: int
    jobs_at_once: int
    wall_s: float
    syncs: int
    took_s: float
    client_cpu_s: float
    server_cpu_s: float
    commits: int
    statements: dict[str, int]
    shares: dict[str, float]

    @property
    def per_second(self) -> float:
        """Syncs."""
        return self.syncs / self.wall_s

    def a_sync(self, total: float) -> float:
        """What of `total` one sync has."""
        return total / max(self.syncs, 1)


class Team:
    """`count` workers, at work."""

    def __init__(self, spec: Spec, count: int, postmaster: int) -> None:
        self._spec = spec
        self._postmaster = postmaster
        self._workers = [_started(spec) for _ in range(count)]

    def look(self, seconds: float) -> Done:
        """What they do in so many seconds. They end with it."""
        with psycopg.connect(self._spec.database_url, autocommit=True) as database:
            self._warm(database)
            began = _moment(database)
            commits, meter = _commits(database), Meter(self._postmaster)
            self._tell_all()
            time.sleep(seconds)
            self._tell_all()
            cost, commits = meter.read(), _commits(database) - commits
            ended = _moment(database)
            told = [
                msgspec.json.decode(worker.communicate()[0].splitlines()[-1], type=Worked)
                for worker in self._workers
            ]
            syncs, took_s = _ended_well(database, began, ended)
        statements: Counter[str] = Counter()
        for each in told:
            statements.update(each.statements)
        return Done(
            workers=len(told),
            jobs_at_once=self._spec.jobs_at_once,
            wall_s=ended - began,
            syncs=syncs,
            took_s=took_s,
            client_cpu_s=sum(each.cpu_s for each in told),
            server_cpu_s=cost.server_cpu_s,
            commits=commits,
            statements=dict(statements),
            shares=told[0].shares,
        )

    def close(self) -> None:
        """End those that still run."""
        for worker in self._workers:
            if worker.poll() is None:
                worker.kill()
            worker.wait()
            for pipe in (worker.stdin, worker.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()

    def _warm(self, database: "psycopg.Connection[tuple[object, ...]]") -> None:
        began, until = _moment(database), time.monotonic() + _START_SECONDS_MAX
        while _ended_well(database, began, _moment(database))[0] < _WARM_SYNCS * len(self._workers):
            if time.monotonic() > until or any(worker.poll() is not None for worker in self._workers):
                raise RuntimeError("the workers don't work: see what they say above")
            time.sleep(0.2)

    def _tell_all(self) -> None:
        for worker in self._workers:
            assert worker.stdin is not None
            worker.stdin.write(b"\n")
            worker.stdin.flush()


@contextmanager
def team(spec: Spec, count: int, postmaster: int) -> Iterator[Team]:
    """Workers that end with the block."""
    there = Team(spec, count, postmaster)
    try:
        yield there
    finally:
        there.close()


def all_due(database_url: str) -> None:
    """Every connection is due, and nothing else waits."""
    with psycopg.connect(database_url, autocommit=True) as database:
        database.execute(b"truncate caudal_jobs.procrastinate_jobs cascade")
        database.execute(b"delete from caudal_jobs.procrastinate_workers")
        database.execute(b"update caudal.schedule set due_at = now()")
        database.execute(b"vacuum (analyze)")


def _started(spec: Spec) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", one_worker.__name__]
    worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert worker.stdin is not None
    worker.stdin.write(msgspec.json.encode(spec) + b"\n")
    worker.stdin.flush()
    return worker


def _moment(database: "psycopg.Connection[tuple[object, ...]]") -> float:
    return _figure(database, "extract(epoch from clock_timestamp())::float8")


def _commits(database: "psycopg.Connection[tuple[object, ...]]") -> int:
    """What backends have told of so far: each tells once a second at most."""
    return int(
        _figure(database, "(select xact_commit from pg_stat_database where datname = current_database())")
    )


def _figure(database: "psycopg.Connection[tuple[object, ...]]", what: str) -> float:
    row = database.execute(f"select {what}".encode()).fetchone()
    return float(str(row[0])) if row else 0.0


def _ended_well(
    database: "psycopg.Connection[tuple[object, ...]]", began: float, ended: float
) -> tuple[int, float]:
    """Syncs that ended well between the two moments, and how long one took in the median."""
    row = database.execute(
        b"select count(*), coalesce(extract(epoch from percentile_cont(0.5) within group "
        b"(order by finished_at - started_at)), 0)::float8 from caudal.run "
        b"where outcome = 'complete' and finished_at between to_timestamp(%s) and to_timestamp(%s)",
        (began, ended),
    ).fetchone()
    return (int(str(row[0])), float(str(row[1]))) if row else (0, 0.0)
