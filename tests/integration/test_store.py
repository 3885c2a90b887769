"""The one way to the database: connections that broke while they lay idle, and a database that is away."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from tests.support.books import cut_off, shut_out
from tests.support.plaid_script import NOW

from caudal.model.errors import StoreAway
from caudal.store import database, inbox
from caudal.store.conninfo import watched
from caudal.store.database import Store
from caudal.store.inbox import Letter


async def begin(store: Store, meanwhile: Callable[[], object] = lambda: None) -> None:
    async with store.installation() as tx:
        assert await tx.run("enter_directory") == 1
        meanwhile()
        assert await tx.run("enter_directory") == 1


async def begins(store: Store) -> bool:
    try:
        await begin(store)
    except StoreAway:
        return False
    return True


async def several(store: Store, count: int) -> None:
    """As many transactions at once, so that as many connections lie in the pool after."""
    together = asyncio.Barrier(count)

    async def one() -> None:
        async with store.installation():
            await together.wait()

    await asyncio.gather(*(one() for _ in range(count)))


def test_connections_that_broke_while_they_lay_idle_are_noticed_by_nobody(conninfo: str) -> None:
    async def work() -> None:
        async with await Store.open(conninfo, connections_max=4) as store:
            await several(store, 4)
            assert cut_off(conninfo) == 4
            await begin(store)
            await several(store, 4)
            assert cut_off(conninfo) == 4
            await several(store, 4)

    asyncio.run(work())


def test_one_that_breaks_amid_a_transaction_is_an_error_and_the_next_transaction_works(conninfo: str) -> None:
    async def work() -> None:
        async with await Store.open(conninfo) as store:
            with pytest.raises(StoreAway):
                await begin(store, lambda: cut_off(conninfo))
            await begin(store)

    asyncio.run(work())


def letter(key: str) -> Letter:
    return Letter("plaid", key, NOW, "k-1", b"sealed")


def test_what_is_done_at_once_is_done_though_its_connection_broke_while_it_lay_idle(conninfo: str) -> None:
    async def work() -> None:
        async with await Store.open(conninfo) as store:
            assert await inbox.keep(store, [letter("first")]) == {("plaid", "first")}
            assert cut_off(conninfo) == 1
            assert await inbox.keep(store, [letter("first"), letter("second")]) == {("plaid", "second")}

    asyncio.run(work())


def test_what_is_done_at_once_is_the_engines(conninfo: str) -> None:
    async def seen(connection: psycopg.AsyncConnection) -> object:
        settings = ("role", "caudal.spaces", "caudal.engine", "statement_timeout")
        shown = [await connection.execute(f"show {name}".encode()) for name in settings]
        return [await each.fetchone() for each in shown]

    async def work() -> None:
        async with await Store.open(conninfo) as store:
            await inbox.keep(store, [letter("first")])
            async with store._at_once.connection() as at_once, store.engine() as tx:
                assert await seen(at_once) == await seen(tx._connection)

    asyncio.run(work())


def test_while_the_database_is_away_nothing_is_done_at_once(conninfo: str) -> None:
    async def work() -> None:
        async with await Store.open(conninfo, turn_seconds_max=1) as store:
            await inbox.keep(store, [letter("first")])
            with shut_out(conninfo), pytest.raises(StoreAway):
                await inbox.keep(store, [letter("second")])
            async with asyncio.timeout(20):
                while not await kept(store, "second"):
                    pass

    async def kept(store: Store, key: str) -> bool:
        try:
            return await inbox.keep(store, [letter(key)]) == {("plaid", key)}
        except StoreAway:
            return False

    asyncio.run(work())


def test_who_falls_silent_amid_a_transaction_leaves_no_lock_behind(
    conninfo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_SILENT_SECONDS_MAX", 1)
    space = uuid4()

    async def lock(store: Store, then: Callable[[], Awaitable[None]] | None = None) -> None:
        async with asyncio.timeout(10), store.installation() as tx:
            await tx.run("lock_names", space_id=space)
            if then is not None:
                await then()

    async def work() -> None:
        async with await Store.open(conninfo) as silent, await Store.open(conninfo) as other:
            with pytest.raises(StoreAway):
                await lock(silent, lambda: lock(other))
            await begin(silent)

    asyncio.run(work())


def test_over_tcp_a_server_that_is_silent_is_noticed_unless_somebody_says_otherwise() -> None:
    usual = conninfo_to_dict(watched("host=db.example dbname=money"))
    assert (usual["dbname"], usual["tcp_user_timeout"]) == ("money", "50000")
    said = conninfo_to_dict(watched("postgresql://db.example/money?tcp_user_timeout=1&keepalives=0"))
    assert (said["tcp_user_timeout"], said["keepalives"]) == ("1", "0")


def test_while_the_database_is_away_a_transaction_waits_its_turn_and_fails(conninfo: str) -> None:
    async def work() -> None:
        async with await Store.open(conninfo, turn_seconds_max=1) as store:
            await begin(store)
            with shut_out(conninfo), pytest.raises(StoreAway, match="away"):
                await begin(store)
            async with asyncio.timeout(30):  # the pool looks less and less often
                while not await begins(store):
                    pass

    asyncio.run(work())
