"""A very large statement under a small memory limit: it streams."""

import json
import os
import resource
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

from tests.support.books import all_rows
from tests.support.chaos import FULL, tell, times
from tests.support.command import Command

from caudal.settings import Settings

ROWS = 1_000_000 if FULL else 50_000
TIMES = times(5)
LIMIT = 512 * 1024**2
_HEAD = """OFXHEADER:100
DATA:OFXSGML
VERSION:102
SECURITY:NONE
ENCODING:USASCII
CHARSET:1252
COMPRESSION:NONE
OLDFILEUID:NONE
NEWFILEUID:NONE

<OFX><BANKMSGSRSV1><STMTTRNRS><TRNUID>1<STATUS><CODE>0<SEVERITY>INFO</STATUS><STMTRS><CURDEF>EUR
<BANKACCTFROM><BANKID>20041010<ACCTID>1234567<ACCTTYPE>CHECKING</BANKACCTFROM>
<BANKTRANLIST><DTSTART>20000101<DTEND>20261231
"""


def large(path: Path, rows: int) -> Path:
    """A statement of so many movements, a hundred a day, of one cent more each."""
    with path.open("w", encoding="ascii") as out:
        out.write(_HEAD)
        for nth in range(rows):
            day = date(1999, 1, 1) + timedelta(nth // 100)
            out.write(
                f"<STMTTRN><TRNTYPE>DEBIT<DTPOSTED>{day:%Y%m%d}<TRNAMT>-{nth // 100}.{nth % 100:02}<FITID>F{nth}"
                f"<NAME>SHOP {nth % 977}</STMTTRN>\n"
            )
        out.write("</BANKTRANLIST></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>\n")
    return path


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
    path, told = large(tmp_path / "large.ofx", ROWS), tmp_path / "told.json"
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
