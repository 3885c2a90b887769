"""One fleet for all tests of this folder that run real processes, and what they counted, told at the end."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support import chaos
from tests.support.fleet import Fleet

collect_ignore_glob = [] if os.environ.get("CAUDAL_CHAOS") else ["test_engine_*.py"]
"""What shares one fleet of processes takes a quiet machine and many minutes: `make chaos`, or a tenth by CAUDAL_CHAOS=tenth."""


@pytest.fixture(scope="session")
def _fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with Fleet(tmp_path_factory.mktemp("fleet")) as fleet:
        fleet.town = fleet.link(12)
        yield fleet


@pytest.fixture
def fleet(_fleet: Fleet) -> Iterator[Fleet]:
    """The fleet, with nobody at work yet, and nothing going wrong."""
    yield _fleet
    _fleet.end_all()
    _fleet.sandbox.run(_fleet.sandbox.faults.clear)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of what was done to Caudal, and what came of it."""
    if chaos.told:
        terminalreporter.section("chaos")
        terminalreporter.write_line(chaos.table())
    document = os.environ.get("CAUDAL_CHAOS_TABLE")
    if chaos.told and document:
        chaos.write_table(Path(document))
