"""Rows told by a bank, with what searches need of them noted or without: what lists and searches cost whoever writes."""

import asyncio
from pathlib import Path

import msgspec
import psycopg
from tests.bench import one_ledger
from tests.bench.cost import Cost, Meter
from tests.bench.one_import import PageTally
from tests.bench.rows import Row

from caudal.hub import installation, listing
from caudal.hub import spaces as hub_spaces
from caudal.settings import Settings
from caudal.store.queries import load


class Spec(msgspec.Struct, frozen=True):
    """A file of rows (JSON), and the installation they go into. `noted`: as shipped; else without the index of days, and
    with no day noted."""

    rows: str
    noted: bool
    home: str
    database_url: str
    postmaster: int


class Told(msgspec.Struct, frozen=True):
    """What telling cost, and what gathering the days afterwards."""

    told: Cost
    gathered: Cost
    days: int


def measure(spec: Spec) -> Told:
    """Tell, then gather."""
    if not spec.noted:
        with psycopg.connect(spec.database_url, autocommit=True) as connection:
            connection.execute(b"drop index caudal.transaction_day_index")
        load()["note_days"] = "select %(space_id)s::uuid"
    rows = msgspec.json.decode(Path(spec.rows).read_bytes(), type=list[Row])
    return asyncio.run(_measure(spec, rows))


async def _measure(spec: Spec, rows: list[Row]) -> Told:
    settings = Settings(home=spec.home, database_url=spec.database_url)
    async with installation.opened(settings, PageTally()) as opened:
        space = await hub_spaces.chosen(opened.store, "measured", make=True)
        meter = Meter(spec.postmaster)
        await one_ledger.told_by_a_bank(opened, space, rows, 5_000)
        told = meter.read()
        meter = Meter(spec.postmaster)
        days = await listing.gather(opened)
        return Told(told, meter.read(), days)
