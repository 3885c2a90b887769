"""What a page costs the database: statements that don't grow with the page, look-ups that don't grow with the ledger."""

import asyncio
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import cycle

import msgspec
import pytest
from tests.support.books import REF, Books, books, instead_of, look_ups, page, pull_of, seen
from tests.support.feed import called_back, in_turn

from caudal.matching.overlap import DISTINCT_MIN
from caudal.model.changes import Change, Status, TransactionGone
from caudal.settings import RunBounds
from caudal.store.database import Store
from caudal.sync import engine


def gone(id_: str) -> TransactionGone:
    return TransactionGone(REF, id_)


@pytest.mark.parametrize("replacing", [False, True])
def test_a_page_costs_the_same_number_of_statements_whatever_its_records_replace(
    conninfo: str, replacing: bool
) -> None:
    async def work() -> dict[int, set[int]]:
        names: list[str] = []
        counts: dict[int, set[int]] = {0: set(), 1: set(), 2: set()}
        async with await Store.open(conninfo, observe=names.append) as store:
            there = await books(store)
            first = [seen(f"first-{n}", "-1.00") for n in range(DISTINCT_MIN)]
            await engine.run(store, there.job(), pull_of(page(first)))  # from here on its account is known
            for size in (1, 10, 300):
                holds = [seen(f"{size}-{n}", status=Status.PENDING) for n in range(size)]
                bills = [seen(f"bill {hold.id}") for hold in holds]
                if replacing:
                    bills = [instead_of(hold.id, bill) for hold, bill in zip(holds, bills, strict=True)]
                for step, changes in enumerate(([*holds, *bills], bills, [gone(hold.id) for hold in holds])):
                    names.clear()
                    await engine.run(store, there.job(), pull_of(page(changes)))
                    counts[step].add(len(names))
        return counts

    for counts in asyncio.run(work()).values():
        assert max(counts) - min(counts) <= 6  # what others like it are there to be told apart from it


def test_a_page_costs_the_same_number_of_statements_whatever_its_size_while_a_stream_is_pulled_anew(
    conninfo: str,
) -> None:
    async def work() -> dict[int, set[int]]:
        names: list[str] = []
        counts: dict[int, set[int]] = {0: set(), 1: set()}
        async with await Store.open(conninfo, observe=names.append) as store:
            there = await books(store)
            anew = msgspec.structs.replace(there.job(), bounds=RunBounds(restart_wait_ms=1))
            for size in (1, 300):
                told = [seen(f"{size}-{n}") for n in range(size)]
                await engine.run(store, there.job(), in_turn(page(told)))
                for step, again in enumerate(([], told)):  # all of it vanishes, then comes back
                    names.clear()
                    await engine.run(store, anew, in_turn(called_back("c0"), page(again)))
                    counts[step].add(len(names))
        return counts

    assert [len(each) for each in asyncio.run(work()).values()] == [1, 1]


def test_what_a_page_reads_grows_with_the_page_and_not_with_the_ledger(conninfo: str) -> None:
    """Counted by the server, on a database it has no statistics of: where it plans worst."""

    async def run(pages: Sequence[Sequence[Change]], there: Books | None = None) -> Books:
        async with await Store.open(conninfo, statement_seconds_max=10) as store:
            there = there or await books(store)
            await engine.run(store, there.job(), pull_of(*(page(changes) for changes in pages)))
        return there

    size, pages = 1_000, 20
    first = date(2025, 1, 1)
    life = [
        [
            seen(
                f"{number}-{n}",
                f"-{1 + n % 500}.00",
                day=first + timedelta((number * size + n) // 50),
                status=Status(status),
            )
            for n, status in zip(range(size), cycle(["booked", "pending", "booked"]), strict=False)
        ]
        for number in range(pages)
    ]
    some = life[0][:100]
    heirs = [instead_of(one.id, seen(f"heir of {one.id}", str(one.money.amount))) for one in some]
    steps: dict[str, list[list[Change]]] = {
        "again": [[*changes] for changes in life],
        "amended": [[msgspec.structs.replace(one, description="new words") for one in some]],
        "billed": [[*heirs]],
        "billed on the page": [[*some, *heirs, *(gone(one.id) for one in some)]],
        "gone": [[gone(heir.id) for heir in heirs]],
    }
    there = asyncio.run(run(life))
    reads = {"new": look_ups(conninfo) / (size * pages)}
    for what, told_next in steps.items():
        before = look_ups(conninfo)
        asyncio.run(run(told_next, there))
        reads[what] = (look_ups(conninfo) - before) / sum(len(changes) for changes in told_next)
    # With what vanishes all are looked at that may have come in its place, with what they are together with.
    most = dict.fromkeys(reads, 80) | {"gone": 350}
    assert {what: count for what, count in reads.items() if count > most[what]} == {}, reads
