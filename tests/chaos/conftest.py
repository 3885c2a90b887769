"""One fleet for the tests of this folder that run real processes, and what they counted, told at the end."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from tests.support import chaos
from tests.support.fleet import Fleet

_FAILED = pytest.StashKey[bool]()
TOWN = 12


class Yard:
    """Where the fleet lies: made for the first test that asks, and made anew after one that failed."""

    def __init__(self, folders: pytest.TempPathFactory) -> None:
        self._folders = folders
        self._fleet: Fleet | None = None

    def fleet(self) -> Fleet:
        """One with nobody at work yet, and nothing going wrong."""
        if self._fleet is None:
            self._fleet = Fleet(self._folders.mktemp("fleet")).__enter__()
            self._fleet.town = self._fleet.link(TOWN)
        return self._fleet

    def scrap(self) -> None:
        """It is no use to the next."""
        fleet, self._fleet = self._fleet, None
        if fleet is not None:
            fleet.__exit__()


@pytest.fixture(scope="session")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    """The yard of this run."""
    yard = Yard(tmp_path_factory)
    yield yard
    yard.scrap()


@pytest.fixture
def fleet(yard: Yard, request: pytest.FixtureRequest) -> Iterator[Fleet]:
    """The fleet. A test leaves no dead job behind; what its processes complained of is told where it failed."""
    fleet = yard.fleet()
    yield fleet
    fleet.end_all()
    fleet.sandbox.run(fleet.sandbox.faults.clear)
    dead = fleet.dead()
    if request.node.stash.get(_FAILED, False) or dead:
        print(fleet.complaints())
        yard.scrap()
    assert not dead, f"dead jobs are left: {dead}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember which test failed."""
    report = yield
    if report.failed:
        item.stash[_FAILED] = True
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of what was done to Caudal, and what came of it."""
    if chaos.told:
        terminalreporter.section("chaos")
        terminalreporter.write_line(chaos.table())
    document = os.environ.get("CAUDAL_CHAOS_TABLE")
    if chaos.told and document:
        chaos.write_table(Path(document))
