"""Small worlds for tests of the engine: a space with a connection, pages made by hand, the ledger as a value."""

import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from uuid import UUID

import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from caudal.model.changes import (
    AccountKind,
    AccountSeen,
    Change,
    Cursor,
    Page,
    SourceRef,
    Status,
    TransactionSeen,
    Window,
)
from caudal.model.money import Money
from caudal.store import doctor, spaces
from caudal.store.database import Store
from caudal.sync import engine

REF = SourceRef("acc-1")
ACCOUNT = AccountSeen(REF, AccountKind.CHECKING, "EUR", "Giro", withdraws=True)


class Books(msgspec.Struct):
    """A space with one connection."""

    space_id: UUID
    connection_id: UUID

    def job(self, stream: str = "") -> engine.Job:
        """The connection's stream as a job."""
        return engine.Job(self.space_id, self.connection_id, stream=stream, subject="a test")


async def books(store: Store, name: str = "home") -> Books:
    """A new space with a connection."""
    space = await spaces.create_space(store, name)
    async with store.transaction(space.space_id) as tx:
        connection = await spaces.connection(tx, space.space_id, "file", "files")
    return Books(space.space_id, connection.connection_id)


def seen(
    id_: str,
    amount: str = "-4.50",
    day: date = date(2026, 3, 2),
    text: str = "coffee",
    status: Status = Status.BOOKED,
    ref: SourceRef = REF,
) -> TransactionSeen:
    """A transaction as a source tells it."""
    return TransactionSeen(
        ref=ref,
        id=id_,
        status=status,
        money=Money(Decimal(amount), "EUR"),
        booked_on=day,
        description=text,
        raw=f"<{id_}>",
    )


def page(changes: Iterable[Change], cursor: str = "", windows: Sequence[Window] = ()) -> Page:
    """A page that names its account and stands on its own."""
    return Page([ACCOUNT, *changes], Cursor(cursor), bool(cursor), windows)


def instead_of(replaced: str, told: TransactionSeen) -> TransactionSeen:
    """A record that took the place of the one with the id `replaced`."""
    return msgspec.structs.replace(told, replaces=replaced)


def unrested(told: Page, cursor: str) -> Page:
    """The page amid a loop: after it the source may yet call back to before it."""
    return msgspec.structs.replace(told, next=Cursor(cursor), more=True, at_rest=False)


def pull_of(*pages: Page) -> Callable[[Cursor], AsyncIterator[Page]]:
    """A provider that tells these pages whatever the cursor."""

    async def pull(_: Cursor) -> AsyncIterator[Page]:
        for one in pages:
            yield one

    return pull


def all_rows(conninfo: str, query: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
    """Rows of the whole database, past row security: as the server's own superuser, whom no policy binds."""
    with psycopg.connect(conninfo) as connection:
        return connection.execute(query.encode(), values or None).fetchall()


def cut_off(conninfo: str) -> int:
    """End every session of the database but this one, as its restart would. Returns how many there were."""
    name = conninfo_to_dict(conninfo)["dbname"]
    with psycopg.connect(make_conninfo(conninfo, dbname="postgres"), autocommit=True) as connection:
        ended = connection.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = %s", [name]
        ).fetchall()
    return len(ended)


@contextmanager
def shut_out(conninfo: str) -> Iterator[None]:
    """The database takes no connection, and those there were are cut."""
    name = conninfo_to_dict(conninfo)["dbname"]

    def allow(*, connections: bool) -> None:
        with psycopg.connect(make_conninfo(conninfo, dbname="postgres"), autocommit=True) as connection:
            connection.execute(f'alter database "{name}" allow_connections {connections}'.encode())

    allow(connections=False)
    try:
        cut_off(conninfo)
        yield
    finally:
        allow(connections=True)


def ledger_of(conninfo: str) -> list[tuple[object, ...]]:
    """What the ledger holds, without the ids and times that differ from run to run."""
    return all_rows(
        conninfo,
        """
        select a.name, t.booked_on, t.amount, t.currency, t.status, t.description, t.counterparty, t.reference,
            t.gone_at is not null, count(*)
        from caudal.transaction t join caudal.account a using (space_id, account_id)
        group by 1, 2, 3, 4, 5, 6, 7, 8, 9
        order by 1, 2, 3, 4, 5, 6, 7, 8, 9
        """,
    )


def standing(conninfo: str, space_id: UUID) -> dict[str, Decimal]:
    """What the ledger holds, live: the provider's id of the record each transaction goes by (of several that were taken for
    one, that which its source still holds) → its amount."""
    rows = all_rows(
        conninfo,
        f"""
        select told.provider_id, t.amount
        from caudal.transaction t
        cross join lateral (
            select o.provider_id
            from caudal.transaction strand
            join caudal.observation o on o.space_id = strand.space_id and o.observation_id = strand.follows
            where strand.space_id = t.space_id
                and (strand.transaction_id = t.transaction_id or strand.into_id = t.transaction_id)
            order by o.gone, o.seen_at desc
            limit 1
        ) told
        where t.space_id = '{space_id}' and t.gone_at is null
        """,
    )
    held = {str(provider_id): Decimal(str(amount)) for provider_id, amount in rows}
    assert len(held) == len(rows), "no record stands for two transactions"
    return held


async def faults(store: Store, space_id: UUID) -> dict[str, int]:
    """What `caudal doctor` would find amiss in the space's ledger; empty where it is sound."""
    async with store.transaction(space_id) as tx:
        counts = msgspec.structs.asdict(await doctor.invariants(tx, space_id))
    return {what: count for what, count in counts.items() if count and what != "unfinished"}


def look_ups(conninfo: str) -> int:
    """Rows and index entries of the ledger read so far, and searches in its indexes, by sessions that have ended."""
    query = """
        select (select sum(seq_tup_read) from pg_stat_user_tables where schemaname = 'caudal')
            + (select sum(idx_tup_read + idx_scan) from pg_stat_user_indexes where schemaname = 'caudal')
        """
    while all_rows(conninfo, "select 1 from pg_stat_activity where application_name = 'caudal' "
                             "and datname = current_database()"):  # fmt: skip
        time.sleep(0.01)
    [(count,)] = all_rows(conninfo, query)
    return int(str(count))
