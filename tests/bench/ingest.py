"""Rows into an account that knows them already: beside Actual's engine, beside the floor, and however much is held."""

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console
from tests.bench import actual, floor, one_ledger
from tests.bench.actual import ActualHeld, Missing
from tests.bench.apart import NotFinished, measured
from tests.bench.files import written
from tests.bench.floor import Written
from tests.bench.growth import exponent, median_by
from tests.bench.imports import Place, place
from tests.bench.one_ledger import Held, Step, Taken
from tests.bench.rows import Row, half_told, life, with_twins, write_statement
from tests.bench.sheet import Figure, Sheet
from tests.support.statements import Account, Movement, Statement

FRESH_AIM, AGAIN_AIM, KNOWN_AIM = 25, 200, 800
"""Times Actual's rows per CPU second."""
SWALLOWED_AIM: Final = 0.1
"""Of what Actual swallows."""
PER_SECOND_AIM: Final = 10_000
HELD_EXPONENT_AIM: Final = 0.05

_PER_DAY: Final = 25
_SECONDS_MAX: Final = 1_800
_PAGE: Final = 500
_OTHER: Final = "Another account"


class Told(msgspec.Struct, frozen=True):
    """A set of the comparison. `steps`: name, rows, whether with ids, aim (0: none)."""

    name: str
    steps: list[tuple[str, Sequence[Row], bool, int]]
    times: int = 1


def sheets(console: Console, *, quick: bool) -> Iterator[Sheet]:
    """Measure, and tell table by table."""
    with place() as where:
        try:
            with console.status("fetching Actual"):
                modules = actual.fetched()
        except Missing as missing:
            console.print(f"beside Actual: {missing}")
        else:
            yield from _beside_actual(console, where, modules, quick=quick)
        yield _known_to_another(console, where, (1_000, 5_000) if quick else (1_000, 10_000, 100_000))
        yield _flat(console, where, (1_000, 10_000) if quick else (1_000, 100_000, 1_000_000))


def _sets(*, quick: bool) -> Iterator[Told]:
    count = 1_000 if quick else 10_000
    rows = life(count, per_day=_PER_DAY)
    yield Told(
        f"{count:,} rows with ids",
        [("fresh", rows, True, FRESH_AIM), ("again", rows, True, AGAIN_AIM)],
    )
    held, known = (2_000, 100) if quick else (50_000, 500)
    rows = life(held, per_day=_PER_DAY)
    some = rows[held // 2 : held // 2 + known]
    yield Told(
        f"{held:,} rows with ids",
        [("fresh", rows, True, FRESH_AIM), (f"{known} of them again", some, True, KNOWN_AIM)],
    )
    for per_day in (3, _PER_DAY):
        ledger, told = half_told(1_000, per_day=per_day)
        yield Told(
            f"1,000 rows, {per_day} a day",
            [("held: ids and names", ledger, True, FRESH_AIM), ("a statement, half new", told, False, 0)],
            times=1 if quick else 3,
        )


def _beside_actual(console: Console, where: Place, modules: Path, *, quick: bool) -> Iterator[Sheet]:
    speed = Sheet(
        f"Beside Actual's engine ({actual.VERSION})",
        ("held", "then told", "rows", "Actual:\nrows per CPU s", "CPU s", "Caudal:\nrows per CPU s", "CPU s",
         "of it\nPostgreSQL", "× Actual"),
        note="CPU: Actual's process with its SQLite; Caudal's with PostgreSQL's. Rows are handed to both as such, but for "
        "the statement, which Caudal reads as a file, twice. Runs take turns; the one in the middle counts.",
        texts=2,
    )  # fmt: skip
    right = Sheet(
        "Rows without ids beside Actual's engine",
        ("held, and a statement of as many, half of it known", "judged by", "swallowed", "of them no\ntwins",
         "shown twice", "of them no\ntwins", "movements", "of"),
        note="The ledger knows the merchant's name alone, the statement prints a line, up to three days later. Twins: of one "
        "merchant and amount within a week; which of them a record is of can't be known. Aim: Caudal swallows at most "
        f"{SWALLOWED_AIM} of what Actual does, of those that are no twins.",
        texts=2,
    )  # fmt: skip
    for told in _sets(quick=quick):
        with console.status(f"telling both of {told.name}"):
            ours, theirs = _turns(console, where, modules, told)
        if not ours or not theirs:
            continue
        for place_, (name, rows, _, aim) in enumerate(told.steps):
            mine = median_by([run.steps[place_] for run in ours], lambda step: step.cost.cpu_s)
            its = median_by([run.steps[place_] for run in theirs], lambda step: step.cpu_s)
            speed.add(
                "" if place_ else told.name, name, f"{len(rows):,}", f"{len(rows) / its.cpu_s:,.0f}", f"{its.cpu_s:.2f}",
                f"{len(rows) / mine.cost.cpu_s:,.0f}", f"{mine.cost.cpu_s:.3f}", f"{mine.cost.server_cpu_s:.3f}",
                Figure.at_least(its.cpu_s / mine.cost.cpu_s, aim) if aim else f"{its.cpu_s / mine.cost.cpu_s:,.0f}",
            )  # fmt: skip
        if not told.steps[-1][2]:
            _add_judged(right, told, ours[0].truths, theirs[0].held)
    yield speed
    yield right


def _add_judged(sheet: Sheet, told: Told, ours: Sequence[str], theirs: Sequence[str]) -> None:
    events = {row.truth: row for _, rows, _, _ in told.steps for row in rows}
    twins = with_twins(events.values())

    def judged(held: Sequence[str]) -> tuple[set[str], list[str]]:
        counts = Counter(held)
        return events.keys() - counts.keys(), list((counts - Counter(counts.keys())).elements())

    its_swallowed, _ = judged(theirs)
    for judge, held in (("Caudal", ours), ("Actual", theirs)):
        swallowed, twice = judged(held)
        known = len(swallowed - twins)
        aim = SWALLOWED_AIM * len(its_swallowed - twins)
        sheet.add(
            told.name if judge == "Caudal" else "", judge, str(len(swallowed)),
            Figure.at_most(known, aim, "{:.0f}") if judge == "Caudal" else str(known), str(len(twice)),
            str(sum(1 for each in twice if each not in twins)), f"{len(held):,}", f"{len(events):,}",
        )  # fmt: skip


def _turns(console: Console, where: Place, modules: Path, told: Told) -> tuple[list[Held], list[ActualHeld]]:
    ours: list[Held] = []
    theirs: list[ActualHeld] = []
    with tempfile.TemporaryDirectory(prefix="rows-", dir=where.folder) as folder:
        bare = [
            _as_json(Path(folder), str(place_), rows, ids=ids)
            for place_, (_, rows, ids, _) in enumerate(told.steps)
        ]
        steps = [
            Step(step.rows, ids=True) if step.ids else Step(_as_csv(Path(folder), rows), ids=False)
            for step, (_, rows, _, _) in zip(bare, told.steps, strict=True)
        ]
        for _ in range(told.times):
            ours.append(_held(where, steps))
            try:
                theirs.append(
                    actual.measured(modules, bare, Path(folder) / "actual", seconds_max=_SECONDS_MAX)
                )
            except NotFinished as late:
                console.print(f"Actual, {told.name}: {late}")
    return ours, theirs


def _as_json(folder: Path, name: str, rows: Sequence[Row], *, ids: bool) -> Step:
    path = folder / f"{name}.json"
    path.write_bytes(msgspec.json.encode(rows))
    return Step(str(path), ids)


def _as_csv(folder: Path, rows: Sequence[Row]) -> str:
    path = folder / "statement.csv"
    write_statement(path, rows)
    return str(path)


def _held(where: Place, steps: list[Step]) -> Held:
    with where.database() as url:
        spec = one_ledger.Spec(steps, str(where.home), url, where.postmaster)
        return measured(one_ledger.__name__, spec, Held, seconds_max=_SECONDS_MAX)


def _known_to_another(console: Console, where: Place, sizes: Sequence[int]) -> Sheet:
    sheet = Sheet(
        "A statement of movements that another source has told already, every page matched",
        ("movements", "the account", f"per second\n≥ {PER_SECOND_AIM:,}", "per CPU s", "CPU s\nclient",
         "CPU s\nPostgreSQL", "statements\na page", "new", "CPU × floor"),
        note="Idle: the same file into an account nobody else tells of. Floor: COPY and INSERT of as many rows into the same "
        "tables; nothing read, compared or matched.",
        texts=2,
    )  # fmt: skip
    for count in sizes:
        with console.status(f"telling of {count:,} movements twice"):
            rows = life(count, per_day=_PER_DAY)
            with tempfile.TemporaryDirectory(prefix="rows-", dir=where.folder) as folder:
                file = _as_csv(Path(folder), sorted((row.printed() for row in rows), key=lambda row: row.on))
                told = _as_json(Path(folder), "held", rows, ids=True)
                steps = [told, Step(file, ids=False), Step(_appended(file), ids=False, account=_OTHER)]
                _, matched, idle = _held(where, steps).steps
                least = _floor(where, Path(folder), rows)
        for name, taken in (("holds them all", matched), ("is empty", idle)):
            sheet.add(
                f"{count:,}" if taken is matched else "", name,
                Figure.at_least(count / taken.cost.wall_s, PER_SECOND_AIM), f"{count / taken.cost.cpu_s:,.0f}",
                f"{taken.cost.client_cpu_s:.2f}", f"{taken.cost.server_cpu_s:.2f}", _span(taken), f"{taken.new:,}",
                f"{taken.cost.cpu_s / least.cost.cpu_s:.2f}",
            )  # fmt: skip
        spent = least.cost
        sheet.add(
            "", "(floor)", f"{count / spent.wall_s:,.0f}", f"{count / spent.cpu_s:,.0f}", f"{spent.client_cpu_s:.2f}",
            f"{spent.server_cpu_s:.2f}", str(floor.PAGE_STATEMENTS), f"{least.new:,}", "1",
        )  # fmt: skip
    return sheet


def _money(row: Row) -> Decimal:
    return Decimal(row.units).scaleb(-2)


def _appended(file: str) -> str:
    """The same statement, another file: its bytes differ."""
    other = Path(file).with_name("other.csv")
    other.write_bytes(Path(file).read_bytes() + b"\r\n")
    return str(other)


def _floor(where: Place, folder: Path, rows: Sequence[Row]) -> Written:
    movements = [Movement(row.truth, row.on, _money(row), row.line) for row in rows]
    account = Account(number="4400012345", currency="USD")
    statement = Statement(account, Decimal(0), movements, rows[0].on, rows[-1].on)
    file = written(folder, "floor", "csv", statement)
    with where.database() as url:
        spec = floor.Spec(str(file), str(folder / "ready"), url, where.postmaster)
        return measured(floor.__name__, spec, Written, seconds_max=_SECONDS_MAX)


def _flat(console: Console, where: Place, sizes: Sequence[int]) -> Sheet:
    sheet = Sheet(
        f"A page of {_PAGE} movements that another source has told already, by what the account holds",
        ("held", "CPU s", "client", "PostgreSQL", "wall s", "statements", "new"),
        note="The exponent is the slope of log cost over log size: 0 doesn't depend on what is held (aim "
        f"≤ {HELD_EXPONENT_AIM}).",
    )
    costs: list[tuple[float, float]] = []
    for count in sizes:
        with console.status(f"a page beside {count:,} movements"):
            rows = life(count, per_day=4 * _PER_DAY)
            some = [row.printed() for row in rows[count // 2 : count // 2 + _PAGE]]
            with tempfile.TemporaryDirectory(prefix="rows-", dir=where.folder) as folder:
                told = _as_json(Path(folder), "held", rows, ids=True)
                steps = [told, Step(_as_csv(Path(folder), some), ids=False)]
                taken = _held(where, steps).steps[-1]
        costs.append((count, taken.cost.cpu_s))
        spent = taken.cost
        figures = (spent.cpu_s, spent.client_cpu_s, spent.server_cpu_s, spent.wall_s)
        sheet.add(f"{count:,}", *(f"{each:.3f}" for each in figures), _span(taken), str(taken.new))
    grows = Figure.at_most(exponent(costs), HELD_EXPONENT_AIM)
    sheet.add("grows with", grows, "", "", "", "", "")
    return sheet


def _span(taken: Taken) -> str:
    least, most = min(taken.statements), max(taken.statements)
    return str(least) if least == most else f"{least}-{most}"
