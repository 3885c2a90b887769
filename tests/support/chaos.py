"""What the chaos suite counts and tells: how often each fault struck, what was expected, and what was seen.

`CAUDAL_CHAOS=full` (`make chaos`) chooses the full counts, anything else a tenth of them. The lines are printed at the end of the
run; with `CAUDAL_CHAOS_TABLE` naming a document they become the table between its two marks.
"""

import os
from pathlib import Path
from typing import Final, NamedTuple

FULL: Final = os.environ.get("CAUDAL_CHAOS") == "full"
_BEGIN: Final = "<!-- measured: -->"
_END: Final = "<!-- :measured -->"


class Line(NamedTuple):
    """One row of the table: a fault, how often it struck, what must follow, and what did."""

    row: int
    fault: str
    struck: int
    expected: str
    seen: str


told: Final[list[Line]] = []


def times(full: int) -> int:
    """So many in a full run, a tenth of it in a short one."""
    return full if FULL else max(1, full // 10)


def tell(row: int, fault: str, struck: int, expected: str, seen: str) -> None:
    """Note a row for the end of the run. Only what was measured belongs in `seen`."""
    told.append(Line(row, fault, struck, expected, seen))


def table() -> str:
    """Every row so far, as Markdown."""
    rows = [
        f"| {line.row} | {line.fault} | {line.struck} | {line.expected} | {line.seen} |"
        for line in sorted(told)
    ]
    return "\n".join(["| # | fault | times | expected | seen |", "|---|---|---|---|---|", *rows])


def write_table(document: Path) -> None:
    """Put what was told where the document has its marks, beside the rows that stand there of other faults. Raises
    ValueError where it has no marks."""
    before, begin, rest = document.read_text("utf-8").partition(_BEGIN)
    stood, end, after = rest.partition(_END)
    if not (begin and end):
        raise ValueError(f"{document}: no {_BEGIN} … {_END} to write between")
    faults = {line.fault for line in told}
    for row in stood.strip().splitlines()[2:]:
        number, fault, struck, expected, seen = (cell.strip() for cell in row.strip("|").split("|"))
        if fault not in faults:
            tell(int(number), fault, int(struck), expected, seen)
    document.write_text(f"{before}{begin}\n{table()}\n{end}{after}", "utf-8")
