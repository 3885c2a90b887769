"""The floor under importing: the same rows and bytes into the same tables, and nothing else.

COPY of ready-made rows into a temporary table, then INSERT … SELECT … ON CONFLICT DO NOTHING into the three tables
that hold a movement, with all their indexes, foreign keys and row security, as the application's role. Nothing is
decoded, normalised, compared, versioned or counted.
"""

import itertools
from pathlib import Path
from typing import Final

import msgspec
import psycopg
from tests.bench.cost import Cost, Meter
from tests.bench.files import handed_over

from caudal.providers.file.provider import read
from caudal.providers.file.records import Entry
from caudal.settings import FileBounds, Settings
from caudal.store.ids import new_ids

_PLACE: Final = b"""
    with space as (
        insert into caudal.space (name) values ('floor') returning space_id
    ), connection as (
        insert into caudal.connection (space_id, provider) select space_id, 'file' from space
        returning space_id, connection_id
    ), account as (
        insert into caudal.account (space_id, name, kind, currency)
        select space_id, 'floor', 'checking', 'USD' from space returning account_id
    ), source_account as (
        insert into caudal.source_account (space_id, connection_id, account_id, home_id, reference, name, kind, currency)
        select space_id, connection_id, account_id, account_id, 'floor', 'floor', 'checking', 'USD' from connection, account
        returning source_account_id
    ), run as (
        insert into caudal.run (space_id, connection_id) select space_id, connection_id from connection
        returning run_id
    )
    select space_id, account_id, source_account_id, run_id from space, account, source_account, run
"""
_STAGE: Final = b"""
    create temporary table staged (
        observation_id uuid not null, transaction_id uuid not null, provider_id text not null, amount numeric not null,
        booked_on date not null, value_on date, description text not null, counterparty text not null,
        reference text not null, raw text not null
    ) on commit delete rows
"""
_SCOPE: Final = b"select set_config('role', 'caudal_app', true), set_config('caudal.spaces', %(scope)s, true)"
_COPY: Final = b"copy staged from stdin"
_WRITE: Final = (
    b"""
    insert into caudal.observation
        (space_id, observation_id, source_account_id, provider_id, version, run_id, status, amount, currency,
        booked_on, value_on, description, counterparty, reference, raw)
    select %(space_id)s, observation_id, %(source_account_id)s, provider_id, 1, %(run_id)s, 'booked', amount, 'USD',
        booked_on, value_on, description, counterparty, reference, raw
    from staged on conflict do nothing
    """,
    b"""
    insert into caudal.transaction
        (space_id, transaction_id, account_id, follows, status, amount, currency, booked_on, value_on, description,
        counterparty, reference)
    select %(space_id)s, transaction_id, %(account_id)s, observation_id, 'booked', amount, 'USD', booked_on, value_on, description,
        counterparty, reference
    from staged on conflict do nothing
    """,
    b"""
    insert into caudal.observation_link (space_id, observation_id, transaction_id, rule)
    select %(space_id)s, observation_id, transaction_id, 'provider_id' from staged on conflict do nothing
    """,
)
PAGE_STATEMENTS: Final = len((_SCOPE, _COPY, *_WRITE, b"commit"))
"""Counted as the store's observer counts."""

_COPY_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


class Spec(msgspec.Struct, frozen=True):
    """The file whose rows are written; `rows` is where they may be kept ready."""

    file: str
    rows: str
    database_url: str
    postmaster: int


class Written(msgspec.Struct, frozen=True):
    """What it cost, and how many movements stand in the ledger for it."""

    cost: Cost
    new: int


def measure(spec: Spec) -> Written:
    """Write the file's rows into a space of their own. Making them ready is not counted."""
    write_rows(Path(spec.file), Path(spec.rows))
    with psycopg.connect(spec.database_url, autocommit=True) as connection:
        place = connection.execute(_PLACE).fetchone()
        if place is None:
            raise RuntimeError("the floor's space can't be made")
        values = dict(zip(("space_id", "account_id", "source_account_id", "run_id"), place, strict=True))
        values["scope"] = f"{{{place[0]}}}"
        connection.execute(_STAGE)
        connection.execute(b"grant all on staged to caudal_app")
        meter = Meter(spec.postmaster)
        new = 0
        with Path(spec.rows).open("rb") as rows:
            while page := b"".join(itertools.islice(rows, Settings().page_transactions_max)):
                new += _write_page(connection, values, page)
        return Written(meter.read(), new)


def write_rows(file: Path, rows: Path) -> None:
    """The movements of a statement file as lines of COPY's text format, in the columns' order of `staged`."""
    _, records = read(handed_over(file), FileBounds())
    entries = (record for record in records if type(record) is Entry)
    with rows.open("w", encoding="utf-8", newline="\n") as out:
        while page := list(itertools.islice(entries, 10_000)):
            ids = new_ids(2 * len(page))
            for entry in page:
                texts = (entry.id, str(entry.amount), str(entry.booked_on), str(entry.value_on or "\\N"))
                told = (entry.description, entry.counterparty, entry.reference, entry.raw)
                escaped = (text.translate(_COPY_ESCAPES) for text in told)
                out.write("\t".join((next(ids), next(ids), *texts, *escaped)) + "\n")


def _write_page(connection: psycopg.Connection, values: dict[str, object], page: bytes) -> int:
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(_SCOPE, values)
        with cursor.copy(_COPY) as copy:
            copy.write(page)
        for statement in _WRITE:
            cursor.execute(statement, values)
        return cursor.rowcount
