"""A very large statement under a small memory limit: it streams."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

from tests.support.books import all_rows
from tests.support.chaos import FULL, tell, times
from tests.support.command import Command
from tests.support.imports import written
from tests.support.statements import generated

from caudal.settings import Settings

ROWS = 1_000_000 if FULL else 50_000
TIMES = times(5)
LIMIT = 512 * 1024**2


def imported(settings: Settings, path: Path, space: str, told: Path) -> int:
    """Import it under the limit; how much memory it had resident at most, in MiB."""
    with told.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "caudal", "import", "--json", "--space", space, str(path)],
            env=Command(settings, path.parent).environ(),
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        resource.prlimit(process.pid, resource.RLIMIT_AS, (LIMIT, LIMIT))
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, told.read_text("utf-8")
    return usage.ru_maxrss // 1024


def test_a_million_movements_are_imported_within_half_a_gigabyte(settings: Settings, tmp_path: Path) -> None:
    path = written(tmp_path / "large.ofx", "ofx1", generated(ROWS, per_day=100))
    told = tmp_path / "told.json"
    peaks = []
    for nth in range(TIMES):
        peaks.append(imported(settings, path, f"space {nth}", told))
        assert json.loads(told.read_bytes())["new"] == ROWS
    assert all_rows(settings.database_url, "select count(*)::int from caudal.transaction") == [
        (ROWS * TIMES,)
    ]
    tell(
        28, f"{ROWS:,} movements imported with {LIMIT // 1024**2} MiB of address space", TIMES, "it streams, nothing is cut off",
        f"all there; {max(peaks)} MiB resident at most",
    )  # fmt: skip
