"""Pages of one space that holds much: how long a browser waits for the hub, and that none reads the ledger from end to end."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from statistics import median
from typing import Final

import httpx
import psycopg
from rich.console import Console
from starlette.routing import Router
from tests.bench.imports import place
from tests.bench.lists import SPACE, fill
from tests.bench.sheet import Figure, Sheet

from caudal.hub import installation, listing
from caudal.hub.identity import people
from caudal.hub.identity.people import Newcomer
from caudal.hub.identity.sessions import Client
from caudal.settings import Settings
from caudal.vault.passwords import Hasher
from caudal.web import cookies, serving

P95_MS_AIM: Final = 300
_SITE: Final = "https://hub.test"
_WATCHED: Final = ("transaction", "observation")
_ASKED: Final = {
    "overview": "",
    "transactions": "/transactions",
    "transactions, deep": "/transactions?end=2018-01-01",
    "transactions, one account": "/transactions?account=00030000-0000-0000-0000-000000000001",
    "transactions, a common word": "/transactions?search=card",
    "transactions, a rare word": "/transactions?search=zebra",
    "one transaction": "/transactions/{transaction}",
    "accounts": "/accounts",
    "one account": "/accounts/00030000-0000-0000-0000-000000000001",
    "review": "/review",
    "how many questions": "/review/count",
    "connections": "/connections",
    "settings": "/settings",
    "people": "/settings/members",
}


def sheets(console: Console, *, quick: bool) -> Iterator[Sheet]:
    """Measure, and tell."""
    count, repeats = (50_000, 10) if quick else (1_000_000, 40)
    with place() as where, where.database() as url:
        with console.status(f"filling a space with {count:,} transactions"):
            fill(url, count)
        with console.status("looking at pages"):
            yield asyncio.run(_shown(Settings(home=str(where.home), database_url=url), url, count, repeats))


async def _shown(settings: Settings, url: str, count: int, repeats: int) -> Sheet:
    sheet = Sheet(
        f"Pages of one space with {count:,} transactions: from the request to the whole answer, in the server",
        ("page", "kB", "p50 ms", f"p95 ms\n≤ {P95_MS_AIM}", "max ms", "rows read\nin sequence"),
        note="Signed in by cookies, under row security, one request after another. Rows read in sequence: of transactions and "
        "observations, by PostgreSQL's own count, for one look at the page.",
    )
    async with AsyncExitStack() as held:
        hub = await held.enter_async_context(installation.opened(settings))
        await listing.gather(hub)
        hasher = held.enter_context(Hasher())
        token = await people.first_token(hub)
        who = Newcomer("ana@example.org", "Ana", "four plain words here")
        pair = await people.claim(hub, hasher, token or "", who, Client())
        transport = httpx.ASGITransport(Router(routes=serving.routes(hub, {}, hasher)))
        jar = {cookies.ACCESS: pair.access, cookies.REFRESH: pair.refresh}
        browser = await held.enter_async_context(
            httpx.AsyncClient(transport=transport, base_url=_SITE, cookies=jar)
        )
        [first, *_] = (await listing.listed(hub, SPACE, listing.Query(), limit=1)).rows
        for what, path in _ASKED.items():
            address = f"/s/{SPACE.space_id}{path.format(transaction=first.transaction_id)}"
            size, _ = await _timed(browser, address)
            before = _read_in_sequence(url)
            await _timed(browser, address)
            scanned = _read_in_sequence(url) - before
            spent = sorted([(await _timed(browser, address))[1] for _ in range(repeats)])
            p95 = spent[max(0, -(-len(spent) * 95 // 100) - 1)]
            sheet.add(
                what,
                f"{size / 1_000:.0f}",
                f"{median(spent):.1f}",
                Figure.at_most(p95, P95_MS_AIM, "{:.1f}"),
                f"{spent[-1]:.1f}",
                f"{scanned:,}",
            )
    return sheet


async def _timed(browser: httpx.AsyncClient, address: str) -> tuple[int, float]:
    began = time.perf_counter()
    answer = await browser.get(address)
    spent = (time.perf_counter() - began) * 1_000
    if answer.status_code != 200:
        raise AssertionError(f"{address}: {answer.status_code}")
    return len(answer.content), spent


def _read_in_sequence(url: str) -> int:
    """Rows that sequential scans of the watched tables read until now; sessions tell it within a second."""
    time.sleep(1.2)
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute(
            "select coalesce(sum(seq_tup_read), 0) from pg_stat_user_tables where relname ~ %s",
            (f"^({'|'.join(_WATCHED)})(_|$)",),
        ).fetchone()
    return int(found[0]) if found else 0
