"""One statement file imported through the use case that `caudal import` calls."""

import asyncio
from pathlib import Path

import msgspec
from tests.bench.cost import Cost, Meter
from tests.bench.files import handed_over

from caudal.hub import imports, installation, spaces
from caudal.settings import Settings

_SPACE = "measured"


class Spec(msgspec.Struct, frozen=True):
    """The file, and the installation it goes into; `postmaster` is the pid of its server."""

    file: str
    home: str
    database_url: str
    postmaster: int


class Imported(msgspec.Struct, frozen=True):
    """What it cost, and that it was done."""

    cost: Cost
    new: int
    known: int
    page_statements: list[int]
    """For each page, how many statements were sent, its commit included."""


class PageTally:
    """An observer of the store: counts the statements of each transaction that moves a cursor, which is a page."""

    def __init__(self) -> None:
        self.pages: list[int] = []
        self._sent: list[str] = []

    def __call__(self, statement: str) -> None:
        """Take note of one statement."""
        self._sent.append(statement)
        if statement == "commit":
            if "move_cursor" in self._sent:
                self.pages.append(len(self._sent))
            self._sent.clear()


def measure(spec: Spec) -> Imported:
    """Import the file once. Starting up (interpreter, imports, connection) is not counted."""
    return asyncio.run(_measure(spec))


async def _measure(spec: Spec) -> Imported:
    settings = Settings(home=spec.home, database_url=spec.database_url)
    tally = PageTally()
    async with installation.opened(settings, tally) as opened:
        space = await spaces.chosen(opened.store, _SPACE, make=True)
        meter = Meter(spec.postmaster)
        report = await imports.import_file(opened, space, handed_over(Path(spec.file)))
        return Imported(meter.read(), report.new, report.known, tally.pages)
