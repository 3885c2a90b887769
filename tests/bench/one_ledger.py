"""Rows brought into one account of a ledger, step by step, through the engine and the use case of `caudal import`: pages,
transactions, matching, proof, nothing left out."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final

import msgspec
import psycopg
from tests.bench.cost import Cost, Meter
from tests.bench.one_import import PageTally
from tests.bench.rows import Row, handed_over, pages

from caudal.hub import imports, installation
from caudal.hub import spaces as hub_spaces
from caudal.hub.installation import Installation
from caudal.model.changes import (
    AccountKind,
    AccountSeen,
    Cursor,
    Page,
    SourceRef,
    Status,
    TransactionSeen,
)
from caudal.model.money import Money
from caudal.settings import Settings
from caudal.store import spaces
from caudal.store.spaces import Space
from caudal.sync import engine

_ACCOUNT: Final = "Everyday account"
_SHOWN: Final = AccountSeen(SourceRef("a"), AccountKind.CHECKING, "USD", _ACCOUNT, withdraws=True)
_BURIED_SECONDS: Final = 0.5
"""Until the server has counted in what a session of ours has spent that just ended."""
_TRUTH: Final = re.compile(r"\bt\d{8}\b")


class Step(msgspec.Struct, frozen=True):
    """`rows`: a file of them (JSON, or the statement where they are told without `ids`). `account`: whose they are, where
    it isn't the one account."""

    rows: str
    ids: bool
    page_size: int = 5_000
    account: str = _ACCOUNT


class Spec(msgspec.Struct, frozen=True):
    """What is told, one after the other, and the installation it goes into; `postmaster` is the pid of its server."""

    steps: list[Step]
    home: str
    database_url: str
    postmaster: int


class Taken(msgspec.Struct, frozen=True):
    """What one step cost, and how many rows were new. `statements`: of each page."""

    cost: Cost
    new: int
    statements: list[int] = []


class Held(msgspec.Struct, frozen=True):
    """All steps, and what is held then: for each movement the event that founded it."""

    steps: list[Taken]
    truths: list[str]


def measure(spec: Spec) -> Held:
    """Take the steps, once each. Starting up and making the changes' rows ready is not counted."""
    return asyncio.run(_measure(spec))


async def _measure(spec: Spec) -> Held:
    settings = Settings(home=spec.home, database_url=spec.database_url)
    tally = PageTally()
    taken: list[Taken] = []
    async with installation.opened(settings, tally) as opened:
        space = await hub_spaces.chosen(opened.store, "measured", make=True)
        for step in spec.steps:
            rows = _rows(step)
            tally.pages.clear()
            meter = Meter(spec.postmaster)
            if step.ids:
                new = await told_by_a_bank(opened, space, rows, step.page_size)
            else:
                done = await imports.import_file(opened, space, handed_over(Path(step.rows), step.account))
                new = done.new
            taken.append(Taken(meter.read(), new, list(tally.pages)))
            # What autovacuum does sooner or later is done here, so that no step pays for the one before.
            with psycopg.connect(spec.database_url, autocommit=True) as connection:
                connection.execute(b"vacuum (analyze)")
            await asyncio.sleep(_BURIED_SECONDS)
    return Held(taken, _truths(spec.database_url))


def _rows(step: Step) -> list[Row]:
    return msgspec.json.decode(Path(step.rows).read_bytes(), type=list[Row]) if step.ids else []


async def told_by_a_bank(opened: Installation, space: Space, rows: Sequence[Row], page_size: int) -> int:
    """Tell the rows, page by page. Returns how many were new."""
    async with opened.store.transaction(space.space_id) as tx:
        connection = await spaces.connection(tx, space.space_id, "plaid", "bank")

    async def pull(_: Cursor) -> AsyncIterator[Page]:
        told = 0
        for part in pages(rows, page_size):
            told += len(part)
            yield Page([_SHOWN, *map(_seen, part)], Cursor(str(told)), told < len(rows))

    report = await engine.run(opened.store, engine.Job(space.space_id, connection.connection_id), pull)
    return report.created


def _seen(row: Row) -> TransactionSeen:
    return TransactionSeen(
        ref=_SHOWN.ref,
        id=row.truth,
        status=Status.BOOKED,
        money=Money(Decimal(row.units).scaleb(-2), "USD"),
        booked_on=row.on,
        description=row.name,
        raw=row.truth,
    )


def _truths(database_url: str) -> list[str]:
    """For each movement that stands, the event its own record is of."""
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            b"select o.raw from caudal.transaction t "
            b"join caudal.observation o on o.space_id = t.space_id and o.observation_id = t.follows "
            b"where t.gone_at is null"
        )
        return [_TRUTH.findall(raw)[-1] for (raw,) in rows]
