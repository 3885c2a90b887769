"""Importing, beside the floor: fresh, again, half new, and a little more into an account that holds much."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
import psycopg
from rich.console import Console
from tests.bench import floor, one_import
from tests.bench.apart import measured
from tests.bench.cost import Cost
from tests.bench.files import LATER_COUNT, half_known, later, life, written
from tests.bench.floor import Written
from tests.bench.growth import exponent, median_by
from tests.bench.one_import import Imported
from tests.bench.sheet import Figure, Sheet

from caudal.settings import Settings
from caudal.store.migrate import upgrade
from caudal.store.server import Server
from caudal.vault import keyring

FORMATS: Final = ("ofx1", "csv")
SIZES: Final = (1_000, 10_000, 100_000, 1_000_000)

PER_SECOND_AIM: Final = 10_000
FLOOR_RATIO_AIM: Final = 3.0
EXPONENT_AIM: Final = 1.05
HELD_EXPONENT_AIM: Final = 0.05

_TEMPLATE: Final = "bench_template"
_SECONDS_MAX: Final = 1_200
_REPEATS: Final = {1_000: 3, 10_000: 3}
"""Small imports are short: the one in the middle of several. The others run once."""


class Series(msgspec.Struct, frozen=True):
    """What one fresh database went through."""

    count: int
    fresh: Imported
    more: Imported
    again: Imported
    half: Imported
    floor: Written


class Place(msgspec.Struct, frozen=True):
    """A server of Caudal's own, a keyring, and room for files."""

    server: Server
    folder: Path

    @property
    def home(self) -> Path:
        """CAUDAL_HOME of the measured imports."""
        return self.folder / "home"

    @property
    def postmaster(self) -> int:
        """The server's pid."""
        return int((self.home / "postgres/data/postmaster.pid").read_text("ascii").split()[0])

    @contextmanager
    def database(self) -> Iterator[str]:
        """A migrated, empty database."""
        with psycopg.connect(self.server.conninfo(), autocommit=True) as connection:
            connection.execute(f"create database bench template {_TEMPLATE}".encode())
            # The template's rights on the database itself are not copied.
            connection.execute(b"grant create, connect, temporary on database bench to caudal_owner")
            connection.execute(b"grant connect, temporary on database bench to caudal_app")
            connection.execute(b"checkpoint")
            yield self.server.conninfo("bench")
            connection.execute(b"drop database bench with (force)")


@contextmanager
def place() -> Iterator[Place]:
    """Everything there is to importing, gone afterwards."""
    settings = Settings()
    with tempfile.TemporaryDirectory(prefix="caudal-bench-") as folder:
        home = Path(folder) / "home"
        keyring.create(home / keyring.FILE_NAME)
        with Server(home / "postgres", shared_memory_mib=settings.server_shared_memory_mib) as server:
            with psycopg.connect(server.conninfo(), autocommit=True) as connection:
                connection.execute(f"create database {_TEMPLATE}".encode())
            upgrade(server.conninfo(_TEMPLATE))
            yield Place(server, Path(folder))


def sheets(console: Console, *, quick: bool) -> Iterator[Sheet]:
    """Measure, and tell table by table."""
    sizes = SIZES[:2] if quick else SIZES
    growth = _growth_sheet(sizes)
    with place() as where:
        for kind in FORMATS:
            told = []
            for count in sizes:
                with console.status(f"importing {kind}, {count:,} movements"):
                    told.append(_series(where, kind, count, repeats=1 if quick else _REPEATS.get(count, 1)))
            yield _sheet(kind, told)
            _add_growth(growth, kind, told)
    yield growth


def _series(where: Place, kind: str, count: int, *, repeats: int) -> Series:
    """The median of each step over the repeats."""
    halves, half_new = half_known(count)
    files = {
        "life": written(where.folder, "life", kind, life(count)),
        "half": written(where.folder, "half", kind, halves),
        "later": written(where.folder, "later", kind, later(count)),
    }
    runs = [_run(where, files, count, half_new) for _ in range(repeats)]
    for file in files.values():
        file.unlink()
    fresh, more, again, half = (
        median_by([getattr(run, step) for run in runs], lambda step: step.cost.cpu_s)
        for step in ("fresh", "more", "again", "half")
    )
    return Series(
        count, fresh, more, again, half, median_by([run.floor for run in runs], lambda f: f.cost.cpu_s)
    )


def _run(where: Place, files: dict[str, Path], count: int, half_new: int) -> Series:
    with where.database() as url:
        fresh = _imported(where, url, files["life"], new=count)
        more = _imported(where, url, files["later"], new=LATER_COUNT)
        again = _imported(where, url, files["life"], new=0)
        half = _imported(where, url, files["half"], new=half_new)
        rows = where.folder / "rows"
        spec = floor.Spec(str(files["life"]), str(rows), url, where.postmaster)
        least = measured(floor.__name__, spec, Written, seconds_max=_SECONDS_MAX)
        rows.unlink()
        _must_be_new(least.new, count)
    return Series(count, fresh, more, again, half, least)


def _imported(where: Place, url: str, file: Path, *, new: int) -> Imported:
    spec = one_import.Spec(str(file), str(where.home), url, where.postmaster)
    told = measured(one_import.__name__, spec, Imported, seconds_max=_SECONDS_MAX)
    _must_be_new(told.new, new)
    # What autovacuum does sooner or later is done here, so that no step pays for the one before.
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(b"vacuum (analyze)")
    return told


def _must_be_new(told: int, expected: int) -> None:
    """Wrong work is not worth a figure."""
    if told != expected:
        raise RuntimeError(f"{told} movements came in as new, and {expected} are")


def _sheet(kind: str, told: list[Series]) -> Sheet:
    sheet = Sheet(
        f"Importing {kind.upper()}",
        ("movements", "file is", f"per second\n≥ {PER_SECOND_AIM:,}", "per CPU s", "CPU s\nclient", "CPU s\nPostgreSQL",
         "wall s", "peak MiB", "statements\na page", f"CPU ×\nfloor ≤ {FLOOR_RATIO_AIM:g}", "wall ×\nfloor"),
        note="again: must take less CPU than fresh (✓ beside per CPU s). floor: COPY and INSERT of the same rows, "
        "ready-made, into the same tables; nothing read, compared or versioned.",
        texts=2,
    )  # fmt: skip
    for series in told:
        least = series.floor.cost
        for name, step in (("fresh", series.fresh), ("half new", series.half), ("again", series.again)):
            cost = step.cost
            cheaper = cost.cpu_s < series.fresh.cost.cpu_s if name == "again" else None
            ratio = cost.cpu_s / least.cpu_s
            sheet.add(
                f"{series.count:,}",
                name,
                Figure.at_least(series.count / cost.wall_s, PER_SECOND_AIM),
                Figure(f"{series.count / cost.cpu_s:,.0f}", cheaper),
                *_spent(cost),
                _span(step.page_statements),
                Figure(f"{ratio:.2f}", ratio <= FLOOR_RATIO_AIM if name == "fresh" else None),
                f"{cost.wall_s / least.wall_s:.2f}",
            )
        rates = (f"{series.count / seconds:,.0f}" for seconds in (least.wall_s, least.cpu_s))
        sheet.add(
            f"{series.count:,}", "(floor)", *rates, *_spent(least), str(floor.PAGE_STATEMENTS), "1", "1"
        )
    return sheet


def _spent(cost: Cost) -> tuple[str, str, str, str]:
    return (
        f"{cost.client_cpu_s:.2f}",
        f"{cost.server_cpu_s:.2f}",
        f"{cost.wall_s:.2f}",
        f"{cost.rss_peak_mib:.0f}",
    )


def _span(counts: list[int]) -> str:
    """The one number of statements that every page takes, or from how many to how many."""
    least, most = min(counts), max(counts)
    return str(least) if least == most else f"{least}-{most}"


def _growth_sheet(sizes: tuple[int, ...]) -> Sheet:
    return Sheet(
        f"Growth, {sizes[0]:,} to {sizes[-1]:,}",
        ("file", "what", *(f"{size:,}" for size in sizes), "exponent"),
        note=f"CPU s. The exponent is the slope of log cost over log size: 1 is linear (aim ≤ {EXPONENT_AIM}), "
        f"0 is a cost that doesn't depend on what the account holds (aim ≤ {HELD_EXPONENT_AIM}).",
        texts=2,
    )


def _add_growth(sheet: Sheet, kind: str, told: list[Series]) -> None:
    for what, step, aim in (
        ("fresh, by size of the file", "fresh", EXPONENT_AIM),
        (f"{LATER_COUNT:,} new, by what the account holds", "more", HELD_EXPONENT_AIM),
    ):
        points = [(series.count, getattr(series, step).cost.cpu_s) for series in told]
        costs = (f"{cost:.2f}" if cost >= 1 else f"{cost:.3f}" for _, cost in points)
        sheet.add(kind, what, *costs, Figure.at_most(exponent(points), aim))
