"""Processes that a test starts, watches and ends by their pids: PostgreSQL, and `caudal` in any of its parts."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, TypeVar

import psutil  # type: ignore[import-untyped]  # it ships no types
import psycopg
from msgspec.structs import replace
from tests.support.command import Command

from caudal.settings import Settings, load, variables
from caudal.store.server import Server

Found = TypeVar("Found")
_BACKUP = "backup"


class Postgres:
    """Caudal's own PostgreSQL, which can be killed and brought back."""

    def __init__(self, folder: Path, dbname: str = "caudal") -> None:
        self._server = Server(folder)
        self._dbname = dbname
        self._data = folder / "data"
        self._held = ExitStack()
        self.conninfo = self._server.conninfo(dbname)

    def start(self) -> None:
        """Up, whatever it was before."""
        self._held.enter_context(self._server)

    @property
    def pid(self) -> int:
        """Of the postmaster."""
        return int((self._data / "postmaster.pid").read_text("utf-8").splitlines()[0])

    def kill(self) -> None:
        """kill -9 of the postmaster; its children follow it by themselves, and then it is down."""
        postmaster = psutil.Process(self.pid)
        pids = [postmaster.pid, *(child.pid for child in postmaster.children(recursive=True))]
        os.kill(postmaster.pid, signal.SIGKILL)
        wait_for("PostgreSQL to be gone", lambda: all(map(_is_over, pids)), 10)

    def restart(self) -> None:
        """As an operator does it: everybody's connection is ended (a "fast" shutdown), then it comes up again."""
        pid = self.pid
        os.kill(pid, signal.SIGINT)
        wait_for("PostgreSQL to stop", lambda: _is_over(pid), 30)
        self.start()

    def back_up(self) -> None:
        """Keep the database as it is now. Nobody may be connected to it."""
        self._copied(self._dbname, _BACKUP)

    def restore(self) -> None:
        """Have it as it was kept. Nobody may be connected to it."""
        self._copied(_BACKUP, self._dbname)

    def _copied(self, source: str, name: str) -> None:
        with psycopg.connect(self._server.conninfo("postgres"), autocommit=True) as connection:
            connection.execute(f'drop database if exists "{name}"'.encode())
            connection.execute(f'create database "{name}" template "{source}"'.encode())

    def ask(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Rows, past row security."""
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            return connection.execute(query.encode(), values or None).fetchall()

    def do(self, statements: str) -> None:
        """Change something past every rule."""
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            connection.execute(statements.encode())

    def close(self) -> None:
        """Leave it."""
        self._held.close()


class Process:
    """One process of the fleet. Its output lies in `log`."""

    def __init__(self, arguments: Sequence[str], environ: dict[str, str], log: Path) -> None:
        self.log = log
        self._out: IO[bytes] = log.open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "caudal", *arguments],
            env=environ,
            cwd=log.parent,
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=subprocess.STDOUT,
        )
        self.worker: int | None = None
        """By this number the queue knows it, where it is a worker."""

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    @property
    def code(self) -> int | None:
        """How it ended; None: it hasn't."""
        return self._process.poll()

    def signal(self, number: signal.Signals) -> None:
        """Send it to this process alone."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """At this instant."""
        self._process.kill()
        self._process.wait()
        self._out.close()

    def stop(self, seconds_max: float = 30) -> float:
        """Tell it to stop, and wait: how many seconds it took."""
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(seconds_max)
        self._out.close()
        return time.monotonic() - began

    def said(self) -> str:
        """Everything it has said so far."""
        return self.log.read_text("utf-8", "replace")


def environ_of(settings: Settings) -> dict[str, str]:
    """The environment in which `caudal` has these settings, and nothing of the tester's own. No rates are fetched: tests
    ask nobody beyond this machine."""
    settings = replace(settings, rates=replace(settings.rates, fetch="never"))
    plain, given = Settings(), Command(settings, Path.cwd()).environ()
    for path, variable in variables():
        value: object = settings
        usual: object = plain
        for part in path.split("."):
            value, usual = getattr(value, part), getattr(usual, part)
        if value != usual:
            given[variable] = str(value)
    assert load(given) == settings
    return given


def wait_for(
    what: str | Callable[[], str], condition: Callable[[], Found], seconds_max: float, every: float = 0.05
) -> Found:
    """Wait until the condition gives something, look often, and say what was waited for where it never does."""
    until = time.monotonic() + seconds_max
    while not (found := condition()):
        late = time.monotonic() >= until
        assert not late, f"waited {seconds_max} s for {what if isinstance(what, str) else what()}"
        time.sleep(every)
    return found


def _is_over(pid: int) -> bool:
    """Whether that process has ended, be it that its parent (we, perhaps) has not yet asked how."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
