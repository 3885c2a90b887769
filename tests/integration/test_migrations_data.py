"""Migrations with a ledger in the tables: nothing is lost on the way there, nor on the way back and there again."""

import asyncio
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Final
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from tests.support.books import (
    REF,
    Books,
    all_rows,
    books,
    faults,
    instead_of,
    page,
    pull_of,
    seen,
    standing,
)
from tests.support.schema import described

from caudal.model.changes import (
    BalanceKind,
    BalanceSeen,
    Cursor,
    Holding,
    HoldingsSeen,
    Page,
    Status,
    TransactionGone,
)
from caudal.model.money import Money
from caudal.store import doctor, migrate
from caudal.store.database import Store
from caudal.sync import engine

DAY: Final = date(2026, 3, 2)

CHAINS: Final = {
    "amended": [("-1.00", "booked", False), ("-2.00", "booked", False)],
    "back to what it was": [("-3.00", "booked", False), ("-4.00", "booked", False), ("-3.00", "booked", False)],
    "taken back": [("-5.00", "booked", False), ("-5.00", "booked", True)],
    "hold": [("-6.00", "pending", False)],
    "twin one": [("-7.00", "booked", False)],
    "twin two": [("-7.00", "booked", False)],
}  # fmt: skip
"""Provider id → its versions: amount, status, whether it is gone. As the first schema held them: a chain a movement."""


class Floor:
    """A space as the first schema holds it, written row by row."""

    def __init__(self, connection: psycopg.Connection, name: str) -> None:
        self._connection = connection
        self.space, self.link, self.account, self.source, self.run = (uuid4() for _ in range(5))
        self._insert("space", name=name)
        self._insert("connection", connection_id=self.link, provider="file", label="files", state="active")
        self._insert("account", account_id=self.account, name="Giro", kind="checking", currency="EUR")
        self._insert("source_account", source_account_id=self.source, connection_id=self.link,
                     account_id=self.account, reference=REF, name="Giro", kind="checking", currency="EUR",
                     iban="DE02120300000000202051")  # fmt: skip
        self._insert("run", run_id=self.run, connection_id=self.link, subject="march.ofx",
                     outcome="complete", finished_at="2026-03-03T10:00:00Z", seen=9)  # fmt: skip
        for stream, moment in (("march.ofx", "2026-03-03T10:00:00Z"), ("april.ofx", "2026-04-03T10:00:00Z")):
            self._insert("cursor", connection_id=self.link, stream=stream, value="", updated_at=moment)
        self._told()
        for place, versions in enumerate(CHAINS.items()):
            self._chain(place, *versions)

    def _insert(self, table: str, **values: object) -> None:
        values = {"space_id": self.space, **values}
        places = ", ".join(f"%({column})s" for column in values)
        query = f"insert into caudal.{table} ({', '.join(values)}) values ({places})"
        self._connection.execute(query.encode(), values)

    def _told(self) -> None:
        told = {"source_account_id": self.source, "run_id": self.run}
        for kind, on in (("booked", DAY), ("booked", date(2026, 3, 1)), ("available", DAY), ("limit", DAY)):
            self._insert(
                "balance", **told, kind=kind, as_of=on, amount="12.50", currency="EUR", firm=on == DAY
            )
        self._insert("coverage", **told, start_on=DAY, end_on=DAY)
        self._insert("quarantine", connection_id=self.link, run_id=self.run, subject="march.ofx",
                     place="line 7", why="no amount", raw="<x>", fingerprint=b"1")  # fmt: skip
        self._insert("proof", account_id=self.account, currency="EUR", verdict="none")

    def _chain(self, place: int, id_: str, versions: list[tuple[str, str, bool]]) -> None:
        transaction = uuid4()
        told = {"currency": "EUR", "booked_on": DAY, "description": id_, "counterparty": "", "reference": ""}
        for version, (amount, status, gone) in enumerate(versions, 1):
            observation = uuid4()
            latest = {**told, "amount": amount, "status": status}
            self._insert("observation", **latest, observation_id=observation, source_account_id=self.source,
                         provider_id=id_, version=version, run_id=self.run, gone=gone, raw=f"<{id_}>")  # fmt: skip
            if version == 1:
                self._insert("transaction", **latest, transaction_id=transaction, account_id=self.account)
            self._insert("observation_link", observation_id=observation, transaction_id=transaction,
                         rule="provider_id")  # fmt: skip
        amount, status, gone = versions[-1]
        self._connection.execute(
            "update caudal.transaction set amount = %s, status = %s, gone_at = case when %s then now() end "
            "where transaction_id = %s",
            (amount, status, gone, transaction),
        )
        if gone:
            return
        booked = status == "booked"
        self._connection.execute(
            """
            insert into caudal.account_day as d values (%s, %s, 'EUR', %s, %s, %s, %s)
            on conflict on constraint account_day_pk do update set booked = d.booked + excluded.booked,
                booked_count = d.booked_count + excluded.booked_count,
                pending_count = d.pending_count + excluded.pending_count
            """,
            (self.space, self.account, DAY, amount if booked else 0, int(booked), int(not booked)),
        )


def first_schema(conninfo: str, *names: str) -> list[Floor]:
    migrate.upgrade(conninfo, "0001")
    with psycopg.connect(conninfo) as connection:
        return [Floor(connection, name) for name in names]


TABLES: Final = ("space", "connection", "account", "source_account", "run", "cursor", "observation", "transaction",
                 "observation_link", "account_day", "balance", "coverage", "quarantine", "proof")  # fmt: skip


def columns(conninfo: str) -> dict[str, str]:
    """Table → its columns as they are now."""
    return {
        table: ", ".join(
            str(name)
            for (name,) in all_rows(
                conninfo,
                "select column_name from information_schema.columns "
                f"where table_schema = 'caudal' and table_name = '{table}' order by ordinal_position",
            )
        )
        for table in TABLES
    }


def contents(conninfo: str, of: dict[str, str]) -> dict[str, list[tuple[object, ...]]]:
    """Every row of these columns."""
    return {
        table: sorted(all_rows(conninfo, f"select {names} from caudal.{table}"), key=repr)
        for table, names in of.items()
    }


async def amiss(conninfo: str, *spaces: UUID) -> dict[str, int]:
    async with await Store.open(conninfo) as store:
        found = [await faults(store, space_id) for space_id in spaces]
    return {what: count for one in found for what, count in one.items()}


RESTED: Final = "select distinct rested_at = updated_at, sweep from caudal.cursor"


@pytest.fixture
def plain_conninfo(empty_conninfo: str) -> Iterator[str]:
    """The database as somebody may reach it who may make roles, as the first migration does, but is no superuser."""
    migrate.upgrade(empty_conninfo, "0001")
    migrate.downgrade(empty_conninfo, "base")  # the roles are the server's, and stay
    with psycopg.connect(empty_conninfo, autocommit=True) as connection:
        connection.execute(
            "create role plain login password 'for the test' nosuperuser nobypassrls createrole"
        )
        connection.execute("grant caudal_owner, caudal_app to plain with admin option")
        connection.execute("grant create on schema public to plain")
        connection.execute("alter table public.caudal_migration owner to plain")
        [(database,)] = connection.execute("select current_database()").fetchall()
        connection.execute(f"grant all on database {database} to plain with grant option".encode())
    yield make_conninfo(empty_conninfo, user="plain", password="for the test", passfile="/dev/null")
    with psycopg.connect(empty_conninfo, autocommit=True) as connection:
        connection.execute("drop owned by plain cascade")
        connection.execute("drop role plain")


def test_a_ledger_goes_forward_whole_and_follows_the_latest_that_was_told(empty_conninfo: str) -> None:
    floors = first_schema(empty_conninfo, "home", "firm", "club")
    of = columns(empty_conninfo)
    before = contents(empty_conninfo, of)
    migrate.upgrade(empty_conninfo)
    assert contents(empty_conninfo, of) == before
    assert asyncio.run(described(empty_conninfo)) == doctor.declared_schema()
    assert asyncio.run(amiss(empty_conninfo, *(floor.space for floor in floors))) == {}
    followed = all_rows(
        empty_conninfo,
        "select o.provider_id, o.version, count(*) from caudal.transaction t "
        "join caudal.observation o on o.space_id = t.space_id and o.observation_id = t.follows group by 1, 2",
    )
    assert sorted(followed) == sorted((id_, len(versions), 3) for id_, versions in CHAINS.items())
    assert all_rows(empty_conninfo, RESTED) == [(True, "none")]


def test_it_takes_no_superuser_to_go_forward_and_back(plain_conninfo: str, empty_conninfo: str) -> None:
    migrate.upgrade(plain_conninfo, "0001")
    with psycopg.connect(empty_conninfo) as connection:
        floors = [Floor(connection, name) for name in ("home", "firm")]
    of = columns(empty_conninfo)
    before = contents(empty_conninfo, of)
    migrate.upgrade(plain_conninfo)
    assert contents(empty_conninfo, of) == before
    assert asyncio.run(amiss(plain_conninfo, *(floor.space for floor in floors))) == {}
    assert all_rows(empty_conninfo, RESTED) == [(True, "none")]
    migrate.downgrade(plain_conninfo, "0001")
    assert contents(empty_conninfo, of) == before


def test_the_first_schema_is_back_to_the_letter(empty_conninfo: str) -> None:
    first_schema(empty_conninfo, "home", "firm")
    of = columns(empty_conninfo)
    before, schema = contents(empty_conninfo, of), asyncio.run(described(empty_conninfo))
    migrate.upgrade(empty_conninfo)
    migrate.downgrade(empty_conninfo, "0001")
    assert asyncio.run(described(empty_conninfo)) == schema
    assert contents(empty_conninfo, of) == before
    migrate.upgrade(empty_conninfo)
    assert contents(empty_conninfo, of) == before


def test_a_ledger_that_went_forward_goes_on(empty_conninfo: str) -> None:
    """Told the same again nothing changes; told more, it is added."""
    [floor, other] = first_schema(empty_conninfo, "home", "firm")
    migrate.upgrade(empty_conninfo)
    same = [
        seen(id_, versions[-1][0], DAY, id_, Status(versions[-1][1]))
        for id_, versions in CHAINS.items()
        if not versions[-1][2]
    ]

    async def work() -> None:
        async with await Store.open(empty_conninfo) as store:
            job = Books(floor.space, floor.link).job("march.ofx")
            again = await engine.run(store, job, pull_of(page(same)))
            assert (again.known, again.created, again.changed) == (len(same), 0, 0)
            bill = instead_of("hold", seen("bill", "-6.50"))
            more = await engine.run(store, job, pull_of(page([bill, TransactionGone(REF, "amended")])))
            assert (more.created, more.changed, more.gone) == (0, 1, 1)
            assert standing(empty_conninfo, floor.space)["bill"] == Decimal("-6.50")
            assert "amended" in standing(empty_conninfo, other.space)

    asyncio.run(work())
    assert asyncio.run(amiss(empty_conninfo, floor.space, other.space)) == {}


def test_what_only_live_connections_have_goes_and_the_ledger_stays_sound(conninfo: str) -> None:
    """Back and there again with holds that were billed, in every state: what a transaction follows is found again."""
    same_as_its_hold = instead_of("same", seen("same bill", "-2.00"))
    pages = [
        page([seen(id_, "-2.00", status=Status.PENDING) for id_ in ("hold", "same", "lapsed", "kept")]),
        page([instead_of("hold", seen("bill", "-2.50")), TransactionGone(REF, "hold"), same_as_its_hold]),
        page([instead_of("lapsed", seen("wrong")), TransactionGone(REF, "lapsed")]),
        page([TransactionGone(REF, "wrong"), instead_of("kept", seen("kept bill", "-9.00"))]),
        page([seen("kept", "-2.20", status=Status.PENDING), TransactionGone(REF, "same")]),
        page([BalanceSeen(REF, BalanceKind.VALUE, Money(Decimal(5), "EUR"), DAY, firm=False)]),
        page([HoldingsSeen(REF, DAY, (Holding("FUND", Decimal(1), "EUR"),))]),
        Page([], Cursor("amid"), more=True, at_rest=False),
    ]
    told = "select transaction_id, status, amount, gone_at is not null from caudal.transaction order by 1"

    async def fill() -> UUID:
        async with await Store.open(conninfo) as store:
            there = await books(store)
            await engine.run(store, there.job(), pull_of(*pages))
            return there.space_id

    space_id = asyncio.run(fill())
    before = all_rows(conninfo, told)
    held = standing(conninfo, space_id)
    assert held.keys() == {"bill", "same bill", "kept bill"}
    for _ in range(2):
        migrate.downgrade(conninfo, "0001")
        assert all_rows(conninfo, told) == before
        migrate.upgrade(conninfo)
        assert all_rows(conninfo, told) == before
        assert asyncio.run(amiss(conninfo, space_id)) == {}
        assert sorted(standing(conninfo, space_id).values()) == sorted(held.values())
