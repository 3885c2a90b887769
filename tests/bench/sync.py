"""Syncing with a bank: a page read beside its floors, then whole histories, once more, and a little more on top."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import psycopg
from rich.console import Console
from tests.bench import one_sync, plaid_decode, plaid_page
from tests.bench.apart import measured
from tests.bench.bank import HISTORY_DAYS, bank
from tests.bench.growth import exponent, median_by
from tests.bench.imports import EXPONENT_AIM, HELD_EXPONENT_AIM, PER_SECOND_AIM, Place, place
from tests.bench.one_sync import DECODE, HTTP, NORMALISE, WRITE, Synced
from tests.bench.plaid_decode import BARE, BARE_WHOLE, CAUDAL, PEER, Decoded
from tests.bench.rooms import ELSEWHERE
from tests.bench.sheet import Figure, Sheet

from caudal.settings import Settings

PAYMENTS_A_DAY: Final = (2, 14, 137, 1_370)
"""Two years of a shop that takes so many: about 1, 10, 100 and 1,000 thousand."""

DECODED_PER_SECOND_AIM: Final = 80_000
BARE_RATIO_AIM: Final = 1.5
PEER_RATIO_AIM: Final = 500
MEMORY_RATIO_AIM: Final = 1.1
"""The peak of the longest sync beside that of the shortest: flat, but for what allocators do."""

FIRST: Final = "first"
AGAIN: Final = "again"
MORE: Final = "more"
MORE_COUNT: Final = 1_000

_SECONDS_MAX: Final = 1_800
_REPEATS: Final = {2: 3, 14: 3}
"""Short ones: the one in the middle of several. The others run once."""

_PAGES: Final = {"a shop's till": plaid_page.of_a_shop, "a person's life": plaid_page.of_a_person}
_TURNS: Final = 40
_PEER_TURNS: Final = 8


class Series(msgspec.Struct, frozen=True):
    """What one connection went through, from an empty database on."""

    steps: dict[str, Synced]

    @property
    def count(self) -> int:
        """How many movements its history had."""
        return self.steps[FIRST].new


def sheets(console: Console, *, quick: bool) -> Iterator[Sheet]:
    """Measure, and tell: pages first, then size by size."""
    yield _decode_sheet(console, quick=quick)
    told: list[Series] = []
    with place() as where:
        for payments in PAYMENTS_A_DAY[:2] if quick else PAYMENTS_A_DAY:
            with console.status(f"syncing two years of {payments} payments a day"):
                repeats = 1 if quick else _REPEATS.get(payments, 1)
                series = _series([_run(where, payments) for _ in range(repeats)])
            told.append(series)
            yield _sync_sheet(series)
    yield _parts_sheet(told)
    yield _growth_sheet(told)


def _decode_sheet(console: Console, *, quick: bool) -> Sheet:
    sheet = Sheet(
        f"Decoding and normalising a page of {plaid_page.RECORDS}",
        ("page", "reader", "per CPU s", "CPU ms\na page", "Caudal beside it"),
        note=f"{CAUDAL}: from the bytes of an answer to the changes of a page, aim ≥ {DECODED_PER_SECOND_AIM:,} per CPU s. "
        f"{BARE}: one typed decode, a tuple of id, account, amount, date, pending, name for each record. {BARE_WHOLE}: "
        "the same with every field, and straight on to a change. A record's own text, which is kept, is made where it is written, by "
        "nobody here. The least of turns in one process.",
        texts=2,
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="caudal-bench-") as folder:
        for name, page_of in _PAGES.items():
            with console.status(f"decoding a page of {name}"):
                page = Path(folder) / "page.json"
                page.write_bytes(page_of())
                spec = plaid_decode.Spec(str(page), _TURNS, 1 if quick else _PEER_TURNS)
                decoded = measured(plaid_decode.__name__, spec, Decoded, seconds_max=_SECONDS_MAX)
            _add_decoded(sheet, name, decoded)
    return sheet


def _add_decoded(sheet: Sheet, name: str, decoded: Decoded) -> None:
    ours = decoded.cpu_s[CAUDAL]
    beside: dict[str, Figure | str] = {CAUDAL: ""}
    beside[BARE] = f"{ours / decoded.cpu_s[BARE]:.2f} × its CPU"
    ratio = ours / decoded.cpu_s[BARE_WHOLE]
    beside[BARE_WHOLE] = Figure(f"{ratio:.2f} × its CPU (≤ {BARE_RATIO_AIM:g})", ratio <= BARE_RATIO_AIM)
    faster = decoded.cpu_s[PEER] / ours
    beside[PEER] = Figure(f"{faster:,.0f} × its speed (≥ {PEER_RATIO_AIM})", faster >= PEER_RATIO_AIM)
    for reader, cpu_s in decoded.cpu_s.items():
        rate = decoded.count / cpu_s
        aim = Figure.at_least(rate, DECODED_PER_SECOND_AIM) if reader == CAUDAL else f"{rate:,.0f}"
        sheet.add(name if reader == CAUDAL else "", reader, aim, f"{cpu_s * 1000:,.2f}", beside[reader])


def _series(runs: list[Series]) -> Series:
    """The median of each step over the repeats."""
    return Series(
        {
            name: median_by([run.steps[name] for run in runs], lambda done: done.cost.cpu_s)
            for name in runs[0].steps
        }
    )


def _run(where: Place, payments_a_day: int) -> Series:
    """A shop of its own each time: what `more` books is part of its history afterwards."""
    with bank() as at, where.database() as url:
        connection = at.link(Settings(home=str(where.home), database_url=url), payments_a_day)
        spec = one_sync.Spec(at, str(where.home), url, where.postmaster, str(connection.connection_id))
        first = _synced(spec, payments_a_day * HISTORY_DAYS, payments_a_day * (HISTORY_DAYS + 1))
        again = _synced(spec, 0, 0)
        at.book(connection, MORE_COUNT)
        return Series({FIRST: first, AGAIN: again, MORE: _synced(spec, MORE_COUNT, MORE_COUNT)})


def _synced(spec: one_sync.Spec, least: int, most: int) -> Synced:
    """One sync, which should bring from `least` to `most` new movements: wrong work is not worth a figure."""
    told = measured(one_sync.__name__, spec, Synced, seconds_max=_SECONDS_MAX)
    if not least <= told.new <= most or told.seen != told.new:
        raise RuntimeError(f"{told.seen} movements were told, {told.new} new, where {least} to {most} are")
    # What autovacuum does sooner or later is done here, so that no step pays for the one before.
    with psycopg.connect(spec.database_url, autocommit=True) as connection:
        connection.execute(b"vacuum (analyze)")
    return told


def _sync_sheet(series: Series) -> Sheet:
    sheet = Sheet(
        f"Syncing {series.count:,} movements over HTTP",
        ("sync", "movements", f"per second\n≥ {PER_SECOND_AIM:,}", "without\nthe wait", "wall s", "waiting for\nprovider",
         "CPU s\nclient", "CPU s\nPostgreSQL", "CPU ms\nper 1,000", "peak MiB", "statements\na page"),
        note="The provider runs on the same cores. waiting: the part of wall time in which there was no page to write "
        f"and none in the making. more: {MORE_COUNT:,} new ones on top.",
    )  # fmt: skip
    for name, synced in series.steps.items():
        cost, count = synced.cost, synced.seen
        rate = count / cost.wall_s
        sheet.add(
            name,
            f"{count:,}",
            (Figure.at_least(rate, PER_SECOND_AIM) if name == FIRST else f"{rate:,.0f}") if count else "",
            f"{count / (cost.wall_s - synced.waited_s):,.0f}" if count else "",
            f"{cost.wall_s:.2f}",
            f"{synced.waited_s / cost.wall_s:.0%}",
            f"{cost.client_cpu_s:.2f}",
            f"{cost.server_cpu_s:.2f}",
            f"{cost.cpu_s / count * 1_000_000:,.0f}" if count else "",
            f"{cost.rss_peak_mib:.0f}",
            _span(synced.page_statements),
        )
    return sheet


def _parts_sheet(told: list[Series]) -> Sheet:
    rooms = (HTTP, DECODE, NORMALISE, WRITE, ELSEWHERE)
    sheet = Sheet(
        "Where the CPU of a first sync goes: ms per 1,000 movements",
        ("movements", "HTTP", "decode", "normalise", "write", "the rest", "PostgreSQL", "together"),
        note="All but PostgreSQL is the client's, told apart by looking at its stack every 5 ms of its CPU. write: making "
        "rows and speaking to the database. the rest: engine and event loop.",
    )
    for series in told:
        synced = series.steps[FIRST]
        a_thousand = 1_000_000 / series.count
        spent = [synced.shares.get(room, 0.0) * synced.cost.client_cpu_s for room in rooms]
        spent += [synced.cost.server_cpu_s, synced.cost.cpu_s]
        sheet.add(f"{series.count:,}", *(f"{cpu_s * a_thousand:.1f}" for cpu_s in spent))
    return sheet


def _span(counts: list[int]) -> Figure | str:
    """The one number of statements that every page takes; ✗ beside from how many to how many."""
    if not counts:
        return ""
    least, most = min(counts), max(counts)
    return Figure(str(least) if least == most else f"{least}-{most}", least == most)


def _growth_sheet(told: list[Series]) -> Sheet:
    sheet = Sheet(
        f"Growth, {told[0].count:,} to {told[-1].count:,}",
        ("of syncing", *(f"{series.count:,}" for series in told), "growth"),
        note=f"CPU s: the exponent, the slope of log cost over log size: 1 is linear (aim ≤ {EXPONENT_AIM}), 0 doesn't "
        f"depend on what is held (aim ≤ {HELD_EXPONENT_AIM}). Peak memory: the largest beside the smallest (aim ≤ "
        f"{MEMORY_RATIO_AIM}).",
    )
    for name, what, aim in (
        (FIRST, "CPU s, the whole history", EXPONENT_AIM),
        (AGAIN, "CPU s, again, nothing new", HELD_EXPONENT_AIM),
        (MORE, f"CPU s, {MORE_COUNT:,} more", HELD_EXPONENT_AIM),
    ):
        costs = [(series.count, series.steps[name].cost.cpu_s) for series in told]
        texts = (f"{cost:.3g}" for _, cost in costs)
        sheet.add(what, *texts, Figure.at_most(exponent(costs), aim))
    peaks = [series.steps[FIRST].cost.rss_peak_mib for series in told]
    sheet.add(
        "peak MiB, the whole history",
        *(f"{peak:.0f}" for peak in peaks),
        Figure.at_most(max(peaks) / min(peaks), MEMORY_RATIO_AIM),
    )
    return sheet
