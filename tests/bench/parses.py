"""Reading alone, beside the library a Python programmer would else reach for."""

import tempfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console
from tests.bench import one_parse
from tests.bench.apart import NotFinished, measured
from tests.bench.files import life, without_subfields, written
from tests.bench.growth import median_by
from tests.bench.one_parse import Parsed
from tests.bench.peers import CAUDAL
from tests.bench.sheet import Figure, Sheet

GROWTH_RATIO_AIM: Final = 0.1
"""Memory beside the peer's, where files are long."""

_SECONDS_MAX: Final = 90
_SIZES: Final = ((20_000, 3), (100_000, 1))
"""Movements, and how often: runs take turns, and the one in the middle counts."""


class Peer(msgspec.Struct, frozen=True):
    """Whom a reader is measured against. `speed_aim`: how many times faster it should be; None = shown only."""

    name: str
    speed_aim: float | None = None


class Race(msgspec.Struct, frozen=True):
    """One kind of file and who reads it besides Caudal."""

    name: str
    kind: str
    peers: tuple[Peer, ...] = ()
    free_text: bool = False


RACES: Final = (
    Race("CAMT.053", "camt053", (Peer("camt053", 3), Peer("camt053, streaming", 3))),
    Race("OFX 1 (SGML)", "ofx1", (Peer("ofxtools", 8),)),
    Race("OFX 2 (XML)", "ofx2", (Peer("ofxtools", 8),)),
    Race("QIF", "qif", (Peer("quiffen", 20),)),
    Race("MT940, :86: in subfields", "mt940", (Peer("mt-940", 8),)),
    Race("MT940, :86: as free text", "mt940", (Peer("mt-940", 8),), free_text=True),
    Race("CSV", "csv", (Peer("csv.reader"),)),
    Race("BAI2", "bai2"),
)


def sheets(console: Console, *, quick: bool) -> Iterator[Sheet]:
    """Measure, and tell size by size."""
    for count, times in ((_SIZES[0][0], 1),) if quick else _SIZES:
        sheet = Sheet(
            f"Reading {count:,} movements",
            ("file", "reader", "per CPU s", "CPU s", "wall s", "times the\npeer's speed", "MiB grown",
             "of the\npeer's"),
            note="times the peer's speed: CPU of reading alone, imports left out. MiB grown: the peak less what the "
            f"process held before{f'; aim ≤ {GROWTH_RATIO_AIM:g} of the peer' if _is_long(count) else ''}. "
            "Both must tell the same count and sum.",
            texts=2,
        )  # fmt: skip
        with tempfile.TemporaryDirectory(prefix="caudal-bench-") as folder:
            for race in RACES:
                with console.status(f"reading {race.name}, {count:,} movements"):
                    _run(sheet, race, Path(folder), count, times)
        yield sheet


def _run(sheet: Sheet, race: Race, folder: Path, count: int, times: int) -> None:
    statement = life(count)
    file = written(folder, "life", race.kind, statement)
    if race.free_text:
        file = without_subfields(file)
    truth = (count, statement.closing - statement.opening)
    readers = [CAUDAL, *(peer.name for peer in race.peers)]
    runs: dict[str, list[Parsed]] = {name: [] for name in readers}
    late: dict[str, NotFinished] = {}
    for _ in range(times):
        for name in readers:
            if name not in late:
                try:
                    spec = one_parse.Spec(name, str(file))
                    runs[name].append(measured(one_parse.__name__, spec, Parsed, seconds_max=_SECONDS_MAX))
                except NotFinished as error:
                    late[name] = error
    ours = median_by(runs[CAUDAL], lambda run: run.cost.cpu_s)
    _must_tell(CAUDAL, race, ours, truth)
    sheet.add(race.name, CAUDAL, *_spent(ours), "", f"{ours.cost.rss_grown_mib:.1f}", "")
    for peer in race.peers:
        if peer.name in late:
            sheet.add("", peer.name, "", "", str(late[peer.name]), "", "", "")
            continue
        theirs = median_by(runs[peer.name], lambda run: run.cost.cpu_s)
        _must_tell(peer.name, race, theirs, truth)
        sheet.add("", peer.name, *_spent(theirs), *_beside(ours, theirs, peer, count))


def _beside(ours: Parsed, theirs: Parsed, peer: Peer, count: int) -> tuple[Figure | str, str, Figure | str]:
    faster = theirs.cost.cpu_s / ours.cost.cpu_s
    lighter = ours.cost.rss_grown_mib / max(theirs.cost.rss_grown_mib, 0.1)
    speed = f"{faster:.2f}" if peer.speed_aim is None else f"{faster:.1f} (≥ {peer.speed_aim:g})"
    judged = peer.speed_aim is not None
    return (
        Figure(speed, faster >= peer.speed_aim if peer.speed_aim is not None else None),
        f"{theirs.cost.rss_grown_mib:.1f}",
        Figure(f"{lighter:.3f}", lighter <= GROWTH_RATIO_AIM if _is_long(count) else None) if judged else "",
    )


def _spent(parsed: Parsed) -> tuple[str, str, str]:
    cost = parsed.cost
    return f"{parsed.count / cost.cpu_s:,.0f}", f"{cost.cpu_s:.2f}", f"{cost.wall_s:.2f}"


def _is_long(count: int) -> bool:
    return count >= 100_000


def _must_tell(name: str, race: Race, parsed: Parsed, truth: tuple[int, Decimal]) -> None:
    """Speed at reading something else is no figure."""
    if (parsed.count, parsed.total) != truth:
        raise RuntimeError(f"{name} reads {race.name} as {parsed.count}, {parsed.total}; it tells {truth}")
