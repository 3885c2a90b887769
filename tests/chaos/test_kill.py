"""kill -9 at any instant, of Caudal or of its database: import again, and the ledger is as if nothing had happened."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from tests.support.books import all_rows
from tests.support.imports import held, row_counts, told_by, verdicts, written
from tests.support.statements import generated

from caudal.settings import Settings
from caudal.store.server.folder import DATABASE, ServerFolder
from caudal.vault import keyring

MOVEMENTS = generated(4_000, per_day=40)
KILLS = 50
PAGES = 40


@pytest.fixture
def statement(tmp_path: Path) -> Path:
    return written(tmp_path / "statement.sta", "mt940", MOVEMENTS)


def environ(settings: Settings) -> dict[str, str]:
    """What the command needs, and pages small enough that the import takes many transactions."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CAUDAL_")}
    clean.pop("DATABASE_URL", None)
    if settings.database_url:
        clean["DATABASE_URL"] = settings.database_url
    return clean | {"CAUDAL_HOME": settings.home, "CAUDAL_PAGE_TRANSACTIONS_MAX": str(4_000 // PAGES)}


def start_import(settings: Settings, path: Path, space: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "caudal", "import", "--json", "--space", space, str(path)],
        env=environ(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_to_the_end(settings: Settings, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "caudal", *command],
        env=environ(settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def expect_sound(settings: Settings) -> None:
    """What `caudal doctor` looks at holds, in every space."""
    checks = json.loads(run_to_the_end(settings, "doctor", "--json"))
    assert [check for check in checks if not check["ok"]] == []
    assert any(check["what"].endswith("ledger") for check in checks)


def wait_until(holds: Callable[[], bool], seconds_max: float = 30) -> None:
    deadline = time.monotonic() + seconds_max
    while not holds():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.005)


def test_caudal_killed_at_any_instant_goes_on_where_it_was(settings: Settings, statement: Path) -> None:
    chance = random.Random("kill caudal")
    truth = told_by("mt940", MOVEMENTS.movements)
    started = time.monotonic()
    run_to_the_end(settings, "import", "--space", "undisturbed", str(statement))
    seconds = time.monotonic() - started
    undisturbed = held(settings.database_url, "undisturbed")
    assert undisturbed == truth
    spaces = ["space 0"]
    killed: Counter[str] = Counter()
    while killed.total() < KILLS:
        started = time.monotonic()
        process = start_import(settings, statement, spaces[-1])
        try:
            process.wait(timeout=seconds * chance.uniform(0.1, 0.8))
        except subprocess.TimeoutExpired:
            process.kill()
            killed[spaces[-1]] += 1
        else:
            assert process.returncode == 0, process.stderr.read()
            if not killed[spaces[-1]]:  # what was resumed says nothing of how long all of it takes
                seconds = min(seconds, time.monotonic() - started)
            spaces.append(f"space {len(spaces)}")
        process.communicate()
    midway = (
        "select count(*) from caudal.run where (outcome = 'running' or error_class = 'Interrupted') "
        f"and pages between 1 and {PAGES - 1}"
    )
    ((cut_off,),) = all_rows(settings.database_url, midway)
    assert cut_off >= 5, "too few died between two pages"
    run_to_the_end(settings, "import", "--space", spaces[-1], str(statement))
    for space in spaces:
        assert held(settings.database_url, space) == undisturbed, f"{space}, after {killed[space]} kills"
        assert verdicts(settings.database_url, space) == {"proven"}
    counts = row_counts(settings.database_url)
    assert counts["observation"] == counts["observation_link"] == 4_000 * (len(spaces) + 1)
    expect_sound(settings)


def postmaster_of(home: Path) -> int:
    return int((home / "postgres" / "data" / "postmaster.pid").read_text().partition("\n")[0])


def pages_in(home: Path) -> int:
    """How many pages are committed in the home's own database; 0 where it isn't up yet."""
    conninfo = make_conninfo(ServerFolder(home / "postgres").conninfo(DATABASE), connect_timeout=5)
    try:
        with psycopg.connect(conninfo) as connection:
            row = connection.execute("select coalesce(sum(pages), 0)::int from caudal.run").fetchone()
            return row[0] if row else 0
    except psycopg.Error:
        return 0


def test_its_own_database_killed_at_work_loses_nothing(tmp_path: Path, statement: Path) -> None:
    chance = random.Random("kill postgres")
    home = tmp_path / "home"
    settings = Settings(home=str(home))
    keyring.create(home / keyring.FILE_NAME)
    committed = 0
    for _ in range(3):
        process = start_import(settings, statement, "home")
        wanted = committed + chance.randrange(2, 9)
        wait_until(lambda wanted=wanted: pages_in(home) >= wanted)
        os.kill(postmaster_of(home), signal.SIGKILL)
        out, err = process.communicate(timeout=60)
        assert process.returncode not in {0, 70}, out
        assert "Traceback" not in err
        assert len(err.splitlines()) == 1
        committed = wanted
    report = json.loads(run_to_the_end(settings, "import", "--json", "--space", "home", str(statement)))
    assert report["new"] + report["known"] == 4_000
    found = json.loads(run_to_the_end(settings, "transactions", "--json", "--limit", "10000"))
    told = Counter((row["booked_on"], row["amount"], row["description"]) for row in found)
    true = Counter((str(m.booked_on), str(m.amount), m.description) for m in MOVEMENTS.movements)
    assert told == true
    (proof,) = json.loads(run_to_the_end(settings, "proof", "--json"))
    assert proof["verdict"] == "proven"
    expect_sound(settings)
