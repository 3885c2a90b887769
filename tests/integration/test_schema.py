"""The schema: made by migrations, told by schema.txt, closed by row security."""

import asyncio
from uuid import UUID, uuid4

import psycopg
import pytest
from tests.support.books import all_rows, books, page, pull_of, seen
from tests.support.schema import described

from caudal.model.errors import ConfigError, StoreError
from caudal.store import doctor, migrate
from caudal.store.database import Store, json_rows
from caudal.store.revision import REVISION, current
from caudal.sync import engine


def test_migrations_make_exactly_the_declared_schema(conninfo: str) -> None:
    assert asyncio.run(described(conninfo)) == doctor.declared_schema()


def test_the_code_works_with_the_newest_migration() -> None:
    assert migrate.revisions()[0] == REVISION


def test_migrations_go_forward_back_and_forward_again(empty_conninfo: str) -> None:
    assert current(empty_conninfo) is None
    migrate.upgrade(empty_conninfo)
    first = asyncio.run(described(empty_conninfo))
    migrate.downgrade(empty_conninfo, "base")
    assert all_rows(empty_conninfo, "select 1 from pg_namespace where nspname = 'caudal'") == []
    migrate.upgrade(empty_conninfo)
    assert asyncio.run(described(empty_conninfo)) == first


def test_migrations_go_back_with_data_in_the_tables(conninfo: str) -> None:
    async def fill() -> None:
        async with await Store.open(conninfo) as store:
            there = await books(store)
            await engine.run(store, there.job(), pull_of(page([seen("1")])))

    asyncio.run(fill())
    migrate.downgrade(conninfo, "base")
    assert all_rows(conninfo, "select 1 from pg_namespace where nspname = 'caudal'") == []


def test_a_database_of_a_newer_caudal_is_refused_and_left_alone(conninfo: str) -> None:
    with psycopg.connect(conninfo) as connection:
        connection.execute("update public.caudal_migration set version_num = '9999'")
    with pytest.raises(ConfigError, match="newer one wrote it"):
        migrate.upgrade(conninfo)
    assert current(conninfo) == "9999"


OF_NO_SPACE = {
    "inbox",
    "budget",
    "call_count",
    "fx_rate",
    "price",
    "rate_corrected",
    "rate_asked",
    "institution_offered",
}
"""Tables of the whole installation."""
READ_BY_ALL = {"fx_rate", "price", "rate_corrected", "rate_asked", "institution_offered"}
"""Of these, what is no secret of anybody's."""
OF_THE_DOOR = {
    "person",
    "passkey",
    "recovery_code",
    "session",
    "session_token",
    "ceremony",
    "attempt",
    "idempotency",
}
"""Tables of who may enter."""


def test_every_foreign_key_is_indexed(conninfo: str) -> None:
    unindexed = all_rows(
        conninfo,
        """
        select k.conrelid::regclass::text, k.conname
        from pg_constraint k
        where k.contype = 'f' and k.connamespace = 'caudal'::regnamespace and not exists (
            select from pg_index i
            where i.indrelid = k.conrelid
                and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey)
        """,
    )
    assert unindexed == []


def test_every_table_is_keyed_by_its_space_first(conninfo: str) -> None:
    stray = all_rows(
        conninfo,
        """
        select c.relname from pg_class c
        where c.relnamespace = 'caudal'::regnamespace and c.relkind = 'r' and not exists (
            select from pg_constraint k join pg_attribute a on a.attrelid = c.oid and a.attnum = k.conkey[1]
            where k.conrelid = c.oid and k.contype = 'p' and a.attname = 'space_id')
        """,
    )
    assert {name for (name,) in stray} == OF_NO_SPACE | OF_THE_DOOR


def test_what_belongs_to_no_space_is_written_by_the_engine_alone_and_seen_as_a_rule(conninfo: str) -> None:
    policies = all_rows(
        conninfo,
        "select tablename, cmd, qual from pg_policies where schemaname = 'caudal' and tablename = any (%s)",
        [sorted(OF_NO_SPACE)],
    )
    read_by_all = {(name, "SELECT", "true") for name in READ_BY_ALL}
    assert read_by_all <= set(policies)
    engines = set(policies) - read_by_all
    assert {name for name, _, _ in engines} == OF_NO_SPACE
    assert all("caudal.is_engine()" in str(qual) for _, _, qual in engines)


def test_who_may_enter_is_seen_by_the_door_alone(conninfo: str) -> None:
    policies = all_rows(
        conninfo,
        "select tablename, qual from pg_policies where schemaname = 'caudal' and tablename = any (%s)",
        [sorted(OF_THE_DOOR)],
    )
    assert {name for name, _ in policies} == OF_THE_DOOR
    assert all("caudal.is_door()" in str(qual) and "is_engine" not in str(qual) for _, qual in policies)


def test_the_app_role_owns_nothing_and_no_policy_can_be_passed_by(conninfo: str) -> None:
    assert all_rows(
        conninfo, "select rolsuper, rolbypassrls, rolcanlogin from pg_roles where rolname = 'caudal_app'"
    ) == [(False, False, False)]
    assert (
        all_rows(
            conninfo,
            "select 1 from pg_class where relowner = 'caudal_app'::regrole and relnamespace = 'caudal'::regnamespace",
        )
        == []
    )
    open_tables = all_rows(
        conninfo,
        "select relname from pg_class where relnamespace = 'caudal'::regnamespace and relkind = 'r' "
        "and not (relrowsecurity and relforcerowsecurity)",
    )
    assert open_tables == []


def test_without_a_scope_no_table_shows_a_row(conninfo: str) -> None:
    async def fill() -> None:
        async with await Store.open(conninfo) as store:
            there = await books(store)
            await engine.run(store, there.job(), pull_of(page([seen("1"), seen("2")])))

    asyncio.run(fill())
    with psycopg.connect(conninfo) as connection:
        tables = [
            row[0]
            for row in connection.execute("select tablename from pg_tables where schemaname = 'caudal'")
        ]
        filled = [
            t for t in tables if connection.execute(f"select count(*) from caudal.{t}").fetchone() != (0,)
        ]
        assert {"space", "observation", "transaction", "observation_link", "run"} <= set(filled)
        for role in ("caudal_app", "caudal_owner"):
            connection.execute(f"set role {role}")
            for table in tables:
                count = connection.execute(f"select count(*) from caudal.{table}").fetchone()
                assert count == (0,) or (role, table) == ("caudal_owner", "space"), (role, table)


async def write_into(store: Store, scope: UUID, space_id: UUID) -> None:
    async with store.transaction(scope) as tx:
        await tx.run("insert_space", space_id=space_id, name="x")


def test_one_space_does_not_see_or_write_into_another(conninfo: str) -> None:
    async def work() -> None:
        async with await Store.open(conninfo) as store:
            ours, theirs = await books(store, "ours"), await books(store, "theirs")
            await engine.run(store, theirs.job(), pull_of(page([seen("1")])))
            async with store.transaction(ours.space_id) as tx:
                assert await tx.run("list_transactions", space_id=theirs.space_id, account_id=None, start=None,
                                    end=None, search=None, limit=10) == 0  # fmt: skip
            with pytest.raises(StoreError, match="InsufficientPrivilege"):
                await write_into(store, ours.space_id, theirs.space_id)
            async with store.transaction(uuid4()) as tx:
                assert await tx.run("account_names", space_id=ours.space_id) == 0

    asyncio.run(work())


def test_observations_and_audit_entries_can_only_be_added(conninfo: str) -> None:
    with psycopg.connect(conninfo) as connection:
        connection.execute("set role caudal_app")
        for table in ("observation", "audit_entry"):
            for act in (f"update caudal.{table} set space_id = space_id", f"delete from caudal.{table}"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
                    connection.execute(act.encode())


def test_an_error_of_the_database_quotes_no_value(conninfo: str) -> None:
    async def name_twice(store: Store, space_id: UUID) -> None:
        async with store.transaction(space_id) as tx:
            account = {"name": "CANARY", "kind": "other", "currency": "EUR"}
            rows = [{**account, "account_id": uuid4()} for _ in range(2)]
            await tx.run("upsert_accounts", space_id=space_id, rows=json_rows(rows))

    async def work() -> str:
        async with await Store.open(conninfo) as store:
            there = await books(store)
            with pytest.raises(StoreError) as caught:
                await name_twice(store, there.space_id)
            return str(caught.value)

    message = asyncio.run(work())
    assert "CANARY" not in message
    assert "account_name_unique" in message
