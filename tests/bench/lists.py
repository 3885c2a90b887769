"""Lists and searches in one space that holds much, and what they cost whoever writes."""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Final
from uuid import UUID

import msgspec
import psycopg
from rich.console import Console
from tests.bench import one_told
from tests.bench.apart import measured
from tests.bench.imports import Place as Where
from tests.bench.imports import place
from tests.bench.one_told import Spec, Told
from tests.bench.rows import life
from tests.bench.sheet import Figure, Sheet

from caudal.hub import installation, listing
from caudal.hub.installation import Installation
from caudal.settings import Settings
from caudal.store.listing import Place, Query
from caudal.store.spaces import Space

P95_MS_AIM: Final = 100
LOSS_AIM: Final = 0.05
"""Of the time that telling takes."""

_SPACE: Final = UUID(int=1)
SPACE: Final = Space(_SPACE, "big")
_FIRST: Final = date(2016, 1, 1)
_DAYS: Final = 3_650
_SECONDS_MAX: Final = 1_200
_MERCHANTS: Final = 400

_FILL: Final = Path(__file__).with_name("lists_fill.sql")
_ACCOUNT: Final = UUID("00030000-0000-0000-0000-000000000001")
_DEEP: Final = Place(_FIRST + timedelta(500), UUID(int=2**127))
_ASKED: Final[dict[str, tuple[Query, Place | None]]] = {
    "first page": (Query(), None),
    "deep page": (Query(), _DEEP),
    "account": (Query(accounts=[_ACCOUNT]), None),
    "account, deep": (Query(accounts=[_ACCOUNT]), _DEEP),
    "days": (Query(start=_FIRST, end=_FIRST + timedelta(200)), None),
    "amounts, wide": (Query(amount_min=Decimal(10), amount_max=Decimal(20)), None),
    "amounts, narrow": (Query(amount_min=Decimal("1234.10"), amount_max=Decimal("1234.30")), None),
    "amounts, none there": (Query(amount_min=Decimal(200_000)), None),
    "money in": (Query(direction="in"), None),
    "currency, rare": (Query(currency="USD"), None),
    "currency, none there": (Query(currency="SEK"), None),
    "pending": (Query(status="pending"), None),
    "category": (Query(category="food"), None),
    "category, none there": (Query(category="pets"), None),
    "transfers": (Query(transfer=True), None),
    "no transfers": (Query(transfer=False), None),
    "a common word": (Query(text="card"), None),
    "a merchant": (Query(text="merchant77"), None),
    "a rare word": (Query(text="zebra"), None),
    "with accents": (Query(text="CAFE"), None),
    "an absent word": (Query(text="xylophone"), None),
    "as typed: z": (Query(text="z"), None),
    "as typed: ze": (Query(text="ze"), None),
    "as typed: zeb": (Query(text="zeb"), None),
    "two words": (Query(text="zebra café"), None),
    "two words, seldom together": (Query(text="merchant399 leeds"), None),
    "an amount": (Query(text="42.50"), None),
    "an amount, rare": (Query(text="2,914.37"), None),
    "word, account and amounts": (
        Query(accounts=[_ACCOUNT], text="merchant12", amount_min=Decimal(50), amount_max=Decimal(500)),
        None,
    ),
}


def sheets(console: Console, *, quick: bool) -> Iterator[Sheet]:
    """Measure, and tell."""
    count, repeats = (50_000, 10) if quick else (1_000_000, 40)
    with place() as where:
        with where.database() as url:
            with console.status(f"filling a space with {count:,} transactions"):
                fill(url, count)
            with console.status("listing and searching"):
                yield asyncio.run(_listed(Settings(home=str(where.home), database_url=url), count, repeats))
        yield _told(console, where, 20_000 if quick else 100_000, repeats=1 if quick else 3)


def fill(url: str, count: int) -> None:
    """A space with so many transactions, by statements that write them all at once."""
    values = {
        "space": _SPACE, "count": count, "first": _FIRST, "days": _DAYS, "merchants": _MERCHANTS,
    }  # fmt: skip
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in _FILL.read_text("utf-8").split(";\n")[:-1]:
            connection.execute(statement.encode(), values)


async def _listed(settings: Settings, count: int, repeats: int) -> Sheet:
    sheet = Sheet(
        f"Lists and searches of {count:,} transactions in one space: a page of 50, as a caller of the hub waits for it",
        ("asked", "rows", "p50 ms", f"p95 ms\n≤ {P95_MS_AIM}", "max ms"),
        note="Under row security as the app's role, a transaction of its own each. A page with + is short because so many "
        "were looked at, and says where the next goes on.",
    )
    async with installation.opened(settings) as hub:
        began = time.perf_counter()
        days = await listing.gather(hub)
        gathered = time.perf_counter() - began
        for what, (query, after) in _ASKED.items():
            shown = await listing.listed(hub, SPACE, query, after)
            spent = [await _timed(hub, SPACE, query, after) for _ in range(repeats)]
            more = "+" if shown.next and len(shown.rows) < 50 else ""
            _add(sheet, what, f"{len(shown.rows)}{more}", spent)
        months = [await _months(hub, SPACE) for _ in range(repeats)]
        _add(sheet, "12 months of money in and out", "", months)
        sheet.add(f"({days:,} days gathered, s)", "", f"{gathered:.1f}", "", "")
    return sheet


def _add(sheet: Sheet, what: str, rows: str, spent_ms: list[float]) -> None:
    spent_ms.sort()
    p95 = spent_ms[max(0, -(-len(spent_ms) * 95 // 100) - 1)]
    sheet.add(
        what,
        rows,
        f"{median(spent_ms):.1f}",
        Figure.at_most(p95, P95_MS_AIM, "{:.1f}"),
        f"{spent_ms[-1]:.1f}",
    )


async def _timed(hub: Installation, space: Space, query: Query, after: Place | None) -> float:
    began = time.perf_counter()
    await listing.listed(hub, space, query, after)
    return (time.perf_counter() - began) * 1_000


async def _months(hub: Installation, space: Space) -> float:
    began = time.perf_counter()
    await listing.months(hub, space, 12, _FIRST + timedelta(_DAYS - 1))
    return (time.perf_counter() - began) * 1_000


def _told(console: Console, where: Where, count: int, *, repeats: int) -> Sheet:
    sheet = Sheet(
        f"{count:,} rows told by a bank, with what lists and searches need and without",
        ("", "rows per second", "CPU s", "client", "PostgreSQL", f"more CPU\n≤ {LOSS_AIM:.0%}"),
        note="Without: no index of days, no day noted. Runs take turns; the one in the middle by CPU counts. Gathering the days "
        "is done beside it, by a chore.",
    )
    with tempfile.TemporaryDirectory(prefix="rows-", dir=where.folder) as folder:
        rows = Path(folder) / "rows.json"
        rows.write_bytes(msgspec.json.encode(life(count, per_day=100)))
        runs: dict[bool, list[Told]] = {False: [], True: []}
        for turn in range(2 * repeats):
            noted = turn % 2 == 1
            with console.status(f"telling {count:,} rows, turn {turn + 1}"), where.database() as url:
                spec = Spec(str(rows), noted, str(where.home), url, where.postmaster)
                runs[noted].append(measured(one_told.__name__, spec, Told, seconds_max=_SECONDS_MAX))
    chosen = {
        noted: sorted(told, key=lambda each: each.told.cpu_s)[len(told) // 2] for noted, told in runs.items()
    }
    for noted, name in ((False, "without"), (True, "with")):
        cost = chosen[noted].told
        more = cost.cpu_s / chosen[False].told.cpu_s - 1
        sheet.add(
            name, f"{count / cost.wall_s:,.0f}", f"{cost.cpu_s:.2f}", f"{cost.client_cpu_s:.2f}",
            f"{cost.server_cpu_s:.2f}", Figure.at_most(more, LOSS_AIM, "{:.1%}") if noted else "",
        )  # fmt: skip
    cost = chosen[True].gathered
    sheet.add(
        f"gathering {chosen[True].days:,} days", f"{count / cost.wall_s:,.0f}", f"{cost.cpu_s:.2f}",
        f"{cost.client_cpu_s:.2f}", f"{cost.server_cpu_s:.2f}", "",
    )  # fmt: skip
    return sheet
