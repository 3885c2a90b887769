"""What transfers cost a page in things that can be counted: nothing where a space has one account, and never the ledger."""

import asyncio
from datetime import date, timedelta

from tests.integration.test_engine_cost import look_ups
from tests.support.books import ACCOUNT, REF, Books, all_rows, books, page, pull_of, seen
from tests.support.feed import SAVINGS, SECOND

from caudal.model.changes import Cursor, Page, TransactionSeen
from caudal.store.database import Store
from caudal.sync import engine

FIRST = date(2024, 1, 1)


def sides(count: int, tag: str, *, start: int = 0) -> list[TransactionSeen]:
    """So many movements that left one account, five days and an amount apart from one another, and as many that came."""
    return [
        seen(
            f"{tag} {ref} {n}",
            f"{sign}{1 + n % 97}.{n % 89:02}",
            day=FIRST + timedelta(5 * (start + n)),
            text="transfer",
            ref=ref,
        )
        for n in range(count)
        for ref, sign in ((REF, "-"), (SECOND, ""))
    ]


def both(told: list[TransactionSeen]) -> Page:
    return Page([ACCOUNT, SAVINGS, *told], Cursor(""), False)


OURS = {
    "lock_transfers",
    "currencies_held",
    "possible_sides",
    "transfers_known",
    "words_on_transfers",
    "rates_told",
    "write_transfers",
}


def test_where_a_space_has_one_account_nothing_is_asked(conninfo: str) -> None:
    async def work() -> set[str]:
        names: list[str] = []
        async with await Store.open(conninfo, observe=names.append) as store:
            there = await books(store)
            await engine.run(store, there.job(), pull_of(page([seen("1"), seen("2", "4.50")])))
        return OURS & set(names)

    assert asyncio.run(work()) == set()


def test_what_two_accounts_spent_alike_is_not_looked_at(conninfo: str) -> None:
    async def work() -> set[str]:
        names: list[str] = []
        async with await Store.open(conninfo, observe=names.append) as store:
            there = await books(store)
            spent = [seen(f"{ref} {n}", f"-{n + 1}.50", ref=ref) for n in range(10) for ref in (REF, SECOND)]
            await engine.run(store, there.job(), pull_of(both(spent)))
        return OURS & set(names)

    assert asyncio.run(work()) == {"lock_transfers", "currencies_held", "possible_sides"}


def test_a_page_s_transfers_take_the_same_few_statements_whatever_its_size(conninfo: str) -> None:
    async def work() -> list[list[str]]:
        names: list[str] = []
        sent: list[list[str]] = []
        async with await Store.open(conninfo, observe=names.append) as store:
            there = await books(store)
            await engine.run(store, there.job(), pull_of(both([])))
            for size in (1, 10, 300):
                names.clear()
                await engine.run(store, there.job(), pull_of(both(sides(size, f"{size}", start=size * 10))))
                sent.append([name for name in names if name in OURS])
        return sent

    one, *others = asyncio.run(work())
    assert all(sent == one for sent in others)
    assert len(one) == len(set(one))
    assert all_rows(conninfo, "select count(*) from caudal.transfer") == [(311,)]


def reads(conninfo: str) -> int:
    """Rows and index entries read so far of the tables that a transfer is concluded from."""
    look_ups(conninfo)  # waits for the sessions to end
    query = """
        select sum(seq_tup_read)::bigint + (select sum(idx_tup_read + idx_scan)::bigint from pg_stat_user_indexes
            where schemaname = 'caudal' and relname = any (%s))
        from pg_stat_user_tables
        where schemaname = 'caudal' and relname = any (%s)
        """
    tables = ["transaction", "transfer", "transfer_doubt", "decision"]
    [(count,)] = all_rows(conninfo, query, [tables, tables])
    return int(str(count))


def test_what_is_read_for_transfers_grows_with_the_page_and_not_with_the_ledger(conninfo: str) -> None:
    """Counted by the server, on a database it has no statistics of."""

    async def tell(told: list[TransactionSeen], there: Books | None = None) -> Books:
        async with await Store.open(conninfo, statement_seconds_max=10) as store:
            there = there or await books(store)
            await engine.run(store, there.job(), pull_of(both(told)))
        return there

    there = asyncio.run(tell([]))
    cost = []
    for start, held in ((0, 400), (1_000, 2_000)):
        asyncio.run(tell(sides(held, f"the first {held}", start=start), there))
        before = reads(conninfo)
        asyncio.run(tell(sides(50, f"after {held}", start=start + held), there))
        cost.append((reads(conninfo) - before) / 100)
    few, many = cost
    assert many < 1.5 * few, cost
    assert many < 80, cost
