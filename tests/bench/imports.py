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

SIZES: Final = (1_000, 10_000, 100_000, 1_000_000)
FORMATS: Final = {"ofx1": SIZES, "csv": SIZES[:-1]}
"""A million of one format shows how the store grows; of another it would only take as long again."""

PER_SECOND_AIM: Final = 10_000
FLOOR_RATIO_AIM: Final = 3.0
EXPONENT_AIM: Final = 1.05
HELD_EXPONENT_AIM: Final = 0.05

FRESH: Final = "fresh"
MORE: Final = "more"
AGAIN: Final = "again"
HALF_NEW: Final = "half new"

_TEMPLATE: Final = "bench_template"
_SECONDS_MAX: Final = 1_200
_REPEATS: Final = {1_000: 3, 10_000: 3}
"""Small imports are short: the one in the middle of several. The others run once."""

_HALF_COUNT_MAX: Final = 100_000
"""Beyond it a file that is half known takes minutes, and tells nothing that fresh and again don't."""


class Series(msgspec.Struct, frozen=True):
    """What one fresh database went through."""

    steps: dict[str, Imported]
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
    """Measure, and tell size by size."""
    sizes = SIZES[:2] if quick else SIZES
    told: dict[str, list[Series]] = {kind: [] for kind in FORMATS}
    with place() as where:
        for count in sizes:
            sheet = _sheet(count)
            for kind in (kind for kind, counts in FORMATS.items() if count in counts):
                with console.status(f"importing {kind}, {count:,} movements"):
                    series = _series(where, kind, count, repeats=1 if quick else _REPEATS.get(count, 1))
                told[kind].append(series)
                _add(sheet, kind, series)
            yield sheet
    yield _growth_sheet(sizes, told)


def _series(where: Place, kind: str, count: int, *, repeats: int) -> Series:
    """The median of each step over the repeats."""
    files = {
        "life": written(where.folder, "life", kind, life(count)),
        "later": written(where.folder, "later", kind, later(count)),
    }
    half_new = 0
    if count <= _HALF_COUNT_MAX:
        halves, half_new = half_known(count)
        files["half"] = written(where.folder, "half", kind, halves)
    runs = [_run(where, files, count, half_new) for _ in range(repeats)]
    for file in files.values():
        file.unlink()
    return Series(
        {name: median_by([run.steps[name] for run in runs], _cpu_s) for name in runs[0].steps},
        median_by([run.floor for run in runs], _cpu_s),
    )


def _cpu_s(done: Imported | Written) -> float:
    return done.cost.cpu_s


def _run(where: Place, files: dict[str, Path], count: int, half_new: int) -> Series:
    with where.database() as url:
        steps = {
            FRESH: _imported(where, url, files["life"], new=count),
            MORE: _imported(where, url, files["later"], new=LATER_COUNT),
            AGAIN: _imported(where, url, files["life"], new=0),
        }
        if "half" in files:
            steps[HALF_NEW] = _imported(where, url, files["half"], new=half_new)
        rows = where.folder / "rows"
        spec = floor.Spec(str(files["life"]), str(rows), url, where.postmaster)
        least = measured(floor.__name__, spec, Written, seconds_max=_SECONDS_MAX)
        rows.unlink()
        _must_be_new(least.new, count)
    return Series(steps, least)


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


def _sheet(count: int) -> Sheet:
    return Sheet(
        f"Importing {count:,} movements",
        ("format", "file is", f"per second\n≥ {PER_SECOND_AIM:,}", "per CPU s", "CPU s\nclient", "CPU s\nPostgreSQL",
         "wall s", "peak MiB", "statements\na page", f"CPU ×\nfloor ≤ {FLOOR_RATIO_AIM:g}", "wall ×\nfloor"),
        note="again: ✓ beside per CPU s where it takes less than fresh. floor: COPY and INSERT of the same rows, "
        "ready-made, into the same tables; nothing read, compared or versioned.",
        texts=2,
    )  # fmt: skip


def _add(sheet: Sheet, kind: str, series: Series) -> None:
    least, count = series.floor.cost, series.floor.new
    for name in (FRESH, HALF_NEW, AGAIN):
        if name not in series.steps:
            continue
        cost = series.steps[name].cost
        cheaper = cost.cpu_s < series.steps[FRESH].cost.cpu_s if name == AGAIN else None
        ratio = cost.cpu_s / least.cpu_s
        sheet.add(
            kind,
            name,
            Figure.at_least(count / cost.wall_s, PER_SECOND_AIM),
            Figure(f"{count / cost.cpu_s:,.0f}", cheaper),
            *_spent(cost),
            _span(series.steps[name].page_statements),
            Figure(f"{ratio:.2f}", ratio <= FLOOR_RATIO_AIM if name == FRESH else None),
            f"{cost.wall_s / least.wall_s:.2f}",
        )
    rates = (f"{count / seconds:,.0f}" for seconds in (least.wall_s, least.cpu_s))
    sheet.add(kind, "(floor)", *rates, *_spent(least), str(floor.PAGE_STATEMENTS), "1", "1")


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


def _growth_sheet(sizes: tuple[int, ...], told: dict[str, list[Series]]) -> Sheet:
    sheet = Sheet(
        f"Growth, {sizes[0]:,} to {sizes[-1]:,}",
        ("format", "CPU s of importing", *(f"{size:,}" for size in sizes), "exponent"),
        note="The exponent is the slope of log cost over log size: 1 is linear "
        f"(aim ≤ {EXPONENT_AIM}), 0 doesn't depend on what the account holds (aim ≤ {HELD_EXPONENT_AIM}).",
        texts=2,
    )
    for kind, series in told.items():
        for name, what, aim in (
            (FRESH, "a fresh file of so many", EXPONENT_AIM),
            (MORE, f"{LATER_COUNT:,} more where so many are", HELD_EXPONENT_AIM),
        ):
            costs = {one.floor.new: one.steps[name].cost.cpu_s for one in series}
            texts = (f"{costs[size]:.3g}" if size in costs else "" for size in sizes)
            sheet.add(kind, what, *texts, Figure.at_most(exponent(costs.items()), aim))
    return sheet
