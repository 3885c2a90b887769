"""From a webhook at the door to the transaction in the ledger: door, worker, sandbox and database each a process of its
own, as they are run, with a thousand other connections idle beside them."""

import itertools
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
import psycopg
from tests.bench.bank import Bank, bank
from tests.bench.crowd import assemble
from tests.bench.imports import Place
from tests.support.command import Command
from tests.support.storm import Processes, processes

from caudal.provider_settings import PlaidSettings
from caudal.settings import Settings
from caudal.store.spaces import LinkedConnection

IDLE: Final = 1_000
"""Connections that nobody speaks of meanwhile."""
_POLL_S: Final = 0.003
_SECONDS_MAX: Final = 60
_PACE_S: Final = 0.1

Database = psycopg.Connection[tuple[Any, ...]]


class Heard(msgspec.Struct, frozen=True):
    """When what happened, in seconds since the door had the webhook: `kept` in the inbox, `told`: what it says is worked
    off and a sync queued; `begun`: the sync; `seen`: transaction and event, by whoever looks."""

    kept: float
    told: float
    begun: float
    seen: float


def heard(where: Place, url: str, *, banks: int, count: int) -> list[Heard]:
    """`count` movements, one after the other, at `banks` connections in turn."""
    assemble(url, where.home, IDLE)
    settings = Settings(home=str(where.home), database_url=url)
    with bank() as at, tempfile.TemporaryDirectory(prefix="caudal-bench-") as folder:
        environ = {
            "CAUDAL_PLAID_CLIENT_ID": "measured",
            "CAUDAL_PLAID_SECRET": "measured",
            "CAUDAL_PLAID_ENVIRONMENT": "sandbox",
            "CAUDAL_PLAID_URL": at.url,
        }
        with processes(Command(settings, Path(folder)), **environ) as fleet:
            fleet.open_door()
            linked = _linked(at, settings, fleet, banks)
            fleet.worker(schedules=True)
            with psycopg.connect(url, autocommit=True) as database:
                return list(_deeds(at, database, linked, count))


def _linked(at: Bank, settings: Settings, fleet: Processes, banks: int) -> list[LinkedConnection]:
    """Connections whose provider knows our door."""
    plaid = PlaidSettings(webhook_url=fleet.url)
    hooked = msgspec.structs.replace(settings, plaid=plaid)
    return [at.link(hooked, number) for number in range(1, banks + 1)]


def _deeds(at: Bank, database: Database, linked: list[LinkedConnection], count: int) -> Iterator[Heard]:
    with httpx.Client(base_url=f"{at.url}/_sandbox", trust_env=False, timeout=_SECONDS_MAX) as door:
        items = {item["item_id"]: item for item in door.get("/plaid/items").raise_for_status().json()}
        _until_good(database, linked)
        for (
            connection
        ) in linked:  # the first of each is not counted: the door fetches its key, and statements are planned
            _happen(door, items[connection.reference], 1)
            _until_quiet(database)
        for number, connection in zip(range(count), itertools.cycle(linked), strict=False):
            before = _last_event(database, connection)
            _happen(door, items[connection.reference], number)
            seen = _seen(database, connection, before)
            _until_quiet(database)
            yield _stages(database, connection, seen)
            time.sleep(_PACE_S)


def _happen(door: httpx.Client, item: dict[str, Any], number: int) -> None:
    """A movement is booked, Plaid looks at the bank, and tells our door."""
    (account,) = (shown["account"] for shown in item["accounts"].values())
    door.post("/advance", json={"minutes": 1}).raise_for_status()
    deed = {"account": account, "minor": -100 - number, "text": f"CARD SALE {number}"}
    door.post("/world/book", json=deed).raise_for_status()
    door.post(f"/plaid/items/{item['item_id']}/update", json={}).raise_for_status()


def _last_event(database: Database, connection: LinkedConnection) -> int:
    rows = database.execute(
        b"select coalesce(max(seq), 0) from caudal.event where connection_id = %s and kind = 'transactions.created'",
        (connection.connection_id,),
    ).fetchall()
    return int(rows[0][0])


def _seen(database: Database, connection: LinkedConnection, before: int) -> datetime:
    """When the connection's next transaction was there for everybody, by the database's clock."""
    until = time.monotonic() + _SECONDS_MAX
    while time.monotonic() < until:
        (row,) = database.execute(
            b"select clock_timestamp() from caudal.event where connection_id = %s and seq > %s "
            b"and kind = 'transactions.created' union all select null limit 1",
            (connection.connection_id, before),
        ).fetchall()
        if row[0] is not None:
            return _moment(row[0])
        time.sleep(_POLL_S)
    raise RuntimeError(f"a movement was told, and is not in the ledger after {_SECONDS_MAX} s")


def _until_good(database: Database, linked: list[LinkedConnection]) -> None:
    """Until each has its history."""
    until = time.monotonic() + _SECONDS_MAX
    while time.monotonic() < until:
        (row,) = database.execute(
            b"select count(*) from caudal.schedule where connection_id = any (%s) and last_good_at is not null "
            b"and not backfilling",
            ([connection.connection_id for connection in linked],),
        ).fetchall()
        if row[0] == len(linked):
            return
        time.sleep(0.2)
    raise RuntimeError(f"no history after {_SECONDS_MAX} s")


def _until_quiet(database: Database) -> None:
    """Until nothing runs and nothing is queued for now."""
    until = time.monotonic() + _SECONDS_MAX
    while time.monotonic() < until:
        (row,) = database.execute(
            b"select (select count(*) from caudal.inbox where state = 'new') + (select count(*) from "
            b"caudal_jobs.procrastinate_jobs where status = 'doing' or status = 'todo' and scheduled_at <= now())"
        ).fetchall()
        if row[0] == 0:
            return
        time.sleep(0.01)
    raise RuntimeError(f"work is left after {_SECONDS_MAX} s")


def _stages(database: Database, connection: LinkedConnection, seen: datetime) -> Heard:
    """The latest run that told of something, and the webhook that led to it: the last one worked off before it."""
    (run,) = database.execute(
        b"select started_at from caudal.run where connection_id = %s and created > 0 order by started_at desc limit 1",
        (connection.connection_id,),
    ).fetchall()
    begun = _moment(run[0])
    (hook,) = database.execute(
        b"select received_at, kept_at, done_at from caudal.inbox where outcome like 'news%%' and done_at <= %s "
        b"order by done_at desc, inbox_id limit 1",
        (begun,),
    ).fetchall()
    received, kept, told = (_moment(each) for each in hook)
    return Heard(*((each - received).total_seconds() for each in (kept, told, begun, seen)))


def _moment(value: object) -> datetime:
    assert isinstance(value, datetime)
    return value
