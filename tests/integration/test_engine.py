"""Pull → commit: a page is in whole or not at all, and saying it again changes nothing."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from itertools import pairwise

import msgspec
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.books import ACCOUNT, REF, all_rows, books, page, pull_of, seen

from caudal.matching.overlap import DISTINCT_MIN
from caudal.model.changes import (
    AccountGone,
    BalanceKind,
    BalanceSeen,
    Cursor,
    Page,
    Status,
    TransactionGone,
    Unreadable,
    Window,
)
from caudal.model.errors import Malformed, Revoked
from caudal.model.money import Money
from caudal.store.database import Store
from caudal.sync import engine

DAY = date(2026, 3, 2)


def eur(text: str) -> Money:
    return Money(Decimal(text), "EUR")


def full_page() -> Page:
    """Something of everything a page can hold."""
    return Page(
        [
            ACCOUNT,
            seen("a", "-4.50"),
            seen("b", "-4.50"),
            seen("c", "100.00", status=Status.PENDING),
            BalanceSeen(REF, BalanceKind.BOOKED, eur("10.00"), date(2026, 3, 1)),
            BalanceSeen(REF, BalanceKind.BOOKED, eur("1.00"), DAY),
        ],
        Cursor("next"),
        more=True,
        windows=[Window(REF, DAY, DAY)],
        unreadable=[Unreadable("line 7", "no amount", "raw bytes")],
    )


def run(conninfo: str, *pages: Page, times: int = 1) -> list[engine.Report]:
    async def work() -> list[engine.Report]:
        async with await Store.open(conninfo) as store:
            there = await books(store)
            return [await engine.run(store, there.job(), pull_of(*pages)) for _ in range(times)]

    return asyncio.run(work())


def test_a_page_applied_twice_changes_nothing(conninfo: str) -> None:
    first, again = run(conninfo, full_page(), times=2)
    assert (first.seen, first.created, first.known) == (3, 3, 0)
    assert (again.seen, again.created, again.changed, again.known) == (3, 0, 0, 3)
    counted = """select (select count(*) from caudal.observation), (select count(*) from caudal.observation_link),
        (select count(*) from caudal.balance), (select count(*) from caudal.quarantine),
        (select count(*) from caudal.coverage)"""
    assert all_rows(conninfo, counted) == [(3, 3, 2, 1, 1)]


def test_the_proof_is_concluded_with_the_run(conninfo: str) -> None:
    run(conninfo, full_page())
    assert all_rows(conninfo, "select verdict, proven_to from caudal.proof") == [("proven", DAY)]


def test_a_missing_movement_cannot_hide(conninfo: str) -> None:
    changes = [change for change in full_page().changes if getattr(change, "id", "") != "b"]
    run(conninfo, Page(changes, Cursor(""), more=False))
    assert all_rows(conninfo, "select verdict, off_by, off_since from caudal.proof") == [
        ("off", Decimal("-4.50"), date(2026, 3, 1))
    ]


def test_an_update_is_a_new_version_and_the_transaction_follows(conninfo: str) -> None:
    first = page([seen("a", "-20.00", text="HOTEL", status=Status.PENDING)])
    then = page([seen("a", "-23.60", text="HOTEL ADLER", day=date(2026, 3, 4))])
    run(conninfo, first, then)
    assert all_rows(conninfo, "select version, amount, raw from caudal.observation order by version") == [
        (1, Decimal("-20.00"), "<a>"),
        (2, Decimal("-23.60"), "<a>"),
    ]
    assert all_rows(conninfo, "select amount, status, description from caudal.transaction") == [
        (Decimal("-23.60"), "booked", "HOTEL ADLER")
    ]


def test_two_versions_on_one_page_are_both_kept_and_the_last_one_counts(conninfo: str) -> None:
    told = page([seen("a", "-1.00"), seen("b", "-9.00"), seen("a", "-2.00"), seen("a", "-3.00")])
    first, again = run(conninfo, told, times=2)
    assert (first.created, first.changed) == (2, 0)
    assert all_rows(conninfo, "select amount from caudal.transaction order by amount") == [
        (Decimal("-9.00"),), (Decimal("-3.00"),)
    ]  # fmt: skip
    assert all_rows(conninfo, "select count(distinct transaction_id) from caudal.observation_link") == [(2,)]
    assert again.created == 0
    assert all_rows(conninfo, "select amount from caudal.transaction order by amount") == [
        (Decimal("-9.00"),), (Decimal("-3.00"),)
    ]  # fmt: skip


def test_what_the_source_takes_back_is_gone_and_can_come_again(conninfo: str) -> None:
    gone = page([TransactionGone(REF, "a"), TransactionGone(REF, "never seen")])
    reports = run(conninfo, page([seen("a"), seen("b")]), gone)
    assert reports[0].gone == 1
    assert all_rows(conninfo, "select count(*) from caudal.transaction where gone_at is not null") == [(1,)]
    run_again = page([seen("a")])

    async def work() -> engine.Report:
        async with await Store.open(conninfo) as store:
            row = all_rows(conninfo, "select space_id, connection_id from caudal.connection")[0]
            return await engine.run(store, engine.Job(*row), pull_of(run_again))  # type: ignore[arg-type]

    assert asyncio.run(work()).changed == 1
    assert all_rows(conninfo, "select count(*) from caudal.transaction where gone_at is not null") == [(0,)]


def test_an_id_that_stands_for_another_movement_is_not_taken_for_an_update(conninfo: str) -> None:
    reused = msgspec.structs.replace(seen("1", "-70.00", date(2026, 4, 9), "rent"), fallback_id="~rent")
    moved = msgspec.structs.replace(seen("1", "-4.50", date(2026, 3, 3)), fallback_id="~moved")
    run(conninfo, page([seen("1")]), page([reused]), page([reused]), page([moved]))
    assert all_rows(conninfo, "select provider_id, count(*) from caudal.observation group by 1 order by 1") == [
        ("1", 2), ("~rent", 1)
    ]  # fmt: skip
    assert all_rows(conninfo, "select count(*) from caudal.transaction") == [(2,)]


def test_a_page_costs_the_same_number_of_statements_whatever_its_size(conninfo: str) -> None:
    async def work() -> list[int]:
        names: list[str] = []
        async with await Store.open(conninfo, observe=names.append) as store:
            there = await books(store)
            first = [seen(f"first-{n}") for n in range(DISTINCT_MIN)]
            await engine.run(store, there.job(), pull_of(page(first)))  # from here on its account is known
            counts = []
            for size in (0, 1, 10, 1_000):
                told = [seen(f"{size}-{n}") for n in range(size)]
                for changes in (told, told):  # the second time it is known
                    names.clear()
                    await engine.run(store, there.job(), pull_of(page(changes)))
                    counts.append(len(names))
                    assert max(Counter(names).values()) <= 4  # scope and commit: once a transaction
            return counts

    nothing, _, *counts = asyncio.run(work())
    news, known = set(counts[::2]), set(counts[1::2])
    assert len(news) == 1
    assert known == {nothing}
    assert nothing < min(news)


class Crash(Exception):
    """The process dies here."""


def test_a_crash_at_any_statement_loses_nothing_and_doubles_nothing(conninfo: str) -> None:
    second = page([seen("a", "-5.00"), seen("d"), TransactionGone(REF, "b")], cursor="end")

    async def pull(cursor: Cursor) -> AsyncIterator[Page]:
        if cursor == "":
            yield full_page()
        if cursor in {"", "next"}:
            yield second

    async def crash_at(statement: int) -> tuple[bool, list[tuple[object, ...]]]:
        """In a space of its own: run and crash before the n-th statement, then run again to the end."""
        sent = 0

        def observe(_: str) -> None:
            nonlocal sent
            sent += 1
            if sent == statement:
                raise Crash

        async with await Store.open(conninfo) as store:
            there = await books(store, f"crash {statement}")
            store._observe = observe
            crashed = False
            try:
                await engine.run(store, there.job(), pull)
            except Crash:
                crashed = True
            store._observe = lambda _: None
            await engine.run(store, there.job(), pull)
        held = all_rows(
            conninfo,
            f"""
            select o.provider_id, o.version, o.amount, o.gone, l.rule, t.amount, t.status, t.gone_at is null
            from caudal.observation o
            left join caudal.observation_link l using (space_id, observation_id)
            left join caudal.transaction t using (space_id, transaction_id)
            where o.space_id = '{there.space_id}' order by 1, 2
            """,
        )
        told = all_rows(
            conninfo,
            f"select kind, as_of, amount from caudal.balance where space_id = '{there.space_id}' order by 2",
        )
        return crashed, [*held, *told]

    crashed, undisturbed = asyncio.run(crash_at(0))
    assert not crashed
    assert len(undisturbed) == 8  # two versions of a and of b, one of c and of d, two balances
    statement = 1
    while (outcome := asyncio.run(crash_at(statement)))[0]:
        assert outcome[1] == undisturbed, f"after a crash before statement {statement}"
        statement += 1
    assert statement > 50


def test_the_cursor_moves_only_with_its_page(conninfo: str) -> None:
    async def broken(_: Cursor) -> AsyncIterator[Page]:
        yield page([seen("a")], cursor="1")
        raise Malformed("line 9", "ends in the middle")

    async def work() -> None:
        async with await Store.open(conninfo) as store:
            there = await books(store)
            with pytest.raises(Malformed):
                await engine.run(store, there.job(), broken)

    asyncio.run(work())
    assert all_rows(conninfo, "select value from caudal.cursor") == [("1",)]
    assert all_rows(conninfo, "select outcome, error, seen from caudal.run") == [
        ("partial", "line 9: ends in the middle", 1)
    ]


def test_nothing_is_written_to_a_revoked_connection(conninfo: str) -> None:
    async def work() -> None:
        async with await Store.open(conninfo) as store:
            there = await books(store)
            with psycopg.connect(conninfo) as connection:
                connection.execute("update caudal.connection set state = 'revoked'")
            with pytest.raises(Revoked):
                await engine.run(store, there.job(), pull_of(page([seen("a")])))

    asyncio.run(work())
    assert all_rows(conninfo, "select count(*) from caudal.observation") == [(0,)]
    assert all_rows(conninfo, "select outcome from caudal.run") == [("failed",)]


def test_an_account_no_longer_shown_is_marked_and_kept(conninfo: str) -> None:
    run(conninfo, page([seen("a")]), Page([AccountGone(REF)], Cursor(""), more=False))
    assert all_rows(conninfo, "select count(*) from caudal.source_account where gone_at is not null") == [
        (1,)
    ]
    assert all_rows(conninfo, "select count(*) from caudal.transaction where gone_at is null") == [(1,)]


def test_what_a_bank_writes_is_kept_to_the_letter(conninfo: str) -> None:
    nasty = 'a"b\'c,d\te\\n \\N \\. ünï — 漢字 \r\n;\x0b "" end'
    run(conninfo, page([seen("x", text=nasty), seen("y", text="\\."), seen("nul", text="a\0b")]))
    assert all_rows(conninfo, "select provider_id, description from caudal.observation order by 1") == [
        ("nul", "a\u2400b"), ("x", nasty), ("y", "\\.")
    ]  # fmt: skip


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    history=st.lists(
        st.tuples(st.sampled_from("abcdef"), st.sampled_from(["-1.00", "-2.00", "3.00"]), st.booleans()),
        max_size=30,
    ),
    cuts=st.lists(st.integers(1, 29), max_size=4, unique=True),
)
def test_however_a_history_is_cut_into_pages_the_ledger_is_the_same(
    conninfo: str, history: list[tuple[str, str, bool]], cuts: list[int]
) -> None:
    changes = [TransactionGone(REF, id_) if gone else seen(id_, amount) for id_, amount, gone in history]
    expected: dict[str, str] = {}
    for id_, amount, gone in history:
        if not gone:
            expected[id_] = amount
        elif id_ in expected:
            del expected[id_]
    edges = [0, *sorted(cuts), len(changes)]
    pages = [page(changes[start:end]) for start, end in pairwise(edges)]

    async def work() -> str:
        async with await Store.open(conninfo) as store:
            there = await books(store)
            await engine.run(store, there.job(), pull_of(*pages))
            await engine.run(store, there.job(), pull_of(*pages[-1:]))
            return str(there.space_id)

    space_id = asyncio.run(work())
    rows = all_rows(
        conninfo,
        f"select amount from caudal.transaction where space_id = '{space_id}' and gone_at is null order by amount",
    )
    assert [row[0] for row in rows] == sorted(Decimal(amount) for amount in expected.values())
