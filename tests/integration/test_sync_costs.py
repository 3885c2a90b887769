"""What syncing costs in things that can be counted: statements, look-ups, bytes held. Seconds are for `make bench`."""

import asyncio
import time
import tracemalloc
from collections.abc import AsyncIterator, Sequence

from tests.bench.one_import import PageTally
from tests.support.books import all_rows, books
from tests.support.plaid_script import (
    ACCESS,
    Json,
    Script,
    account,
    institution,
    item,
    provider,
    synced,
    transaction,
)

from caudal.model.changes import Cursor, Page
from caudal.store.database import Observer, Store
from caudal.sync import engine


def plaid(pages: Sequence[int]) -> Script:
    """Plaid with a history told in pages of so many transactions, each made when it is asked for."""

    def page(asked: Json) -> Json:
        place = int(asked.get("cursor", "0"))
        count, last = (0, True) if place == len(pages) else (pages[place], place == len(pages) - 1)
        added = [
            transaction(f"{place}-{number}", reference=f"{place} {number}" * 40) for number in range(count)
        ]
        return synced(str(min(place + 1, len(pages))), added, has_more=not last)

    return Script(
        {
            "transactions/sync": page,
            "item/get": lambda _: item(),
            "accounts/get": lambda _: {"accounts": [account()]},
            "institutions/get_by_id": lambda _: institution(),
        }
    )


async def sync(store: Store, pages: Sequence[int], name: str = "home") -> engine.Report:
    """A first sync of that history by a connection of its own, the whole adapter at work."""
    there, script = await books(store, name), plaid(pages)
    async with provider(script) as live:

        def pull(cursor: Cursor) -> AsyncIterator[Page]:
            return live.pull(ACCESS, cursor)

        def forget(_: engine.Report) -> None:
            """Else what the script remembers would be all that grows."""
            script.asked.clear()
            script.headers.clear()

        report = await engine.run(store, there.job(), pull, forget)
    assert report.created == sum(pages)
    return report


def synced_anew(conninfo: str, pages: Sequence[int], observe: Observer) -> None:
    async def work() -> None:
        async with await Store.open(conninfo, observe=observe) as store:
            await sync(store, pages)

    asyncio.run(work())


def test_every_page_that_brings_movements_takes_the_same_number_of_statements_and_others_fewer(
    conninfo: str,
) -> None:
    sizes = (1, 500, 0, 20, 500)
    tally = PageTally()
    synced_anew(conninfo, sizes, tally)
    assert len(tally.pages) > len(sizes)  # the accounts come before, and what stands on them after
    accounts, one, many, none, some, as_many, *beside = tally.pages
    assert one == many == some == as_many
    assert accounts - one == 1  # it shows an account that isn't known yet: is it another connection's?
    assert max(none, *beside) < one


def test_each_movement_is_looked_up_by_its_key_and_never_along_its_account(conninfo: str) -> None:
    """On a database without statistics the planner finds one index as good as the other, and one walks the ledger."""
    synced_anew(conninfo, (200,) * 5, lambda _: None)
    scans = index_scans(conninfo, "transaction")
    assert scans.pop("transaction_pk") >= 1_000
    assert {index: count for index, count in scans.items() if count >= 200} == {}


def index_scans(conninfo: str, table: str) -> dict[str, int]:
    """How often each index of the table was searched, by sessions that have ended."""
    ours = "select from pg_stat_activity where application_name = 'caudal' and datname = current_database()"
    while all_rows(conninfo, ours):
        time.sleep(0.01)
    query = f"""
        select indexrelname, idx_scan from pg_stat_user_indexes
        where schemaname = 'caudal' and relname = '{table}'
        """
    return {str(index): int(str(count)) for index, count in all_rows(conninfo, query)}


def test_a_history_four_times_as_long_takes_no_more_memory(conninfo: str) -> None:
    """Counted by tracemalloc: the most that Python holds at once. One record in fifty kept would show."""

    async def work() -> list[int]:
        peaks = []
        async with await Store.open(conninfo) as store:
            await sync(store, [200] * 3, "warming up")
            for count in (6, 24):
                tracemalloc.start()
                await sync(store, [200] * count, f"{count} pages")
                peaks.append(tracemalloc.get_traced_memory()[1])
                tracemalloc.stop()
        return peaks

    short, long = asyncio.run(work())
    assert long < 1.1 * short
