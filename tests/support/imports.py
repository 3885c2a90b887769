"""Statement files as a person hands them over, and what came of them as values to compare."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from uuid import UUID

from tests.support.books import all_rows
from tests.support.statements import CARRIES, WRITERS, Movement, Statement

from caudal.hub import imports, installation, spaces
from caudal.hub.imports import FileReport
from caudal.providers.file.provider import FileDrop
from caudal.settings import Settings

HOME = "home"


def written(path: Path, format_: str, statement: Statement) -> Path:
    """`statement` told in `format_`, as a file at `path`."""
    with path.open("wb") as out:
        WRITERS[format_](out, statement)
    return path


def window(statement: Statement, start: date, end: date) -> Statement:
    """What the bank would tell of `start` to `end` alone: whole days, the balance before them as opening."""
    opening = statement.opening
    within: list[Movement] = []
    for movement in statement.movements:
        if movement.booked_on < start:
            opening += movement.amount
        elif movement.booked_on <= end:
            within.append(movement)
    return replace(statement, opening=opening, movements=within, start=start, end=end)


def take_all(settings: Settings, drops: Sequence[FileDrop], space: str = HOME) -> list[FileReport]:
    """Import each in turn into `space`, which is made where it isn't there."""

    async def work() -> list[FileReport]:
        async with installation.opened(settings) as opened:
            into = await spaces.chosen(opened.store, space, make=True)
            return [await imports.import_file(opened, into, drop) for drop in drops]

    return asyncio.run(work())


def take(settings: Settings, path: Path, space: str = HOME, account: str | None = None) -> FileReport:
    """Import one file."""
    return take_all(settings, [FileDrop(path, account)], space)[0]


def space_id(conninfo: str, name: str = HOME) -> UUID:
    """The id of the space called `name`."""
    ((found,),) = all_rows(conninfo, f"select space_id from caudal.space where name = '{name}'")
    assert isinstance(found, UUID)
    return found


def told_by(format_: str, movements: Iterable[Movement]) -> Counter[tuple[object, ...]]:
    """How often each movement happened, in as many words as `format_` has room for."""
    carried = CARRIES[format_]
    return Counter(
        (
            movement.booked_on,
            movement.amount,
            movement.description,
            movement.counterparty if "counterparty" in carried else "",
            movement.reference if "reference" in carried else "",
        )
        for movement in movements
    )


def held(conninfo: str, space: str = HOME) -> Counter[tuple[object, ...]]:
    """How often each movement stands in the ledger of `space`, in the same form."""
    return Counter(
        all_rows(
            conninfo,
            f"""
            select t.booked_on, t.amount, t.description, t.counterparty, t.reference
            from caudal.transaction t join caudal.space s using (space_id)
            where s.name = '{space}' and t.gone_at is null
            """,
        )
    )


def verdicts(conninfo: str, space: str = HOME) -> set[object]:
    """The verdicts on the accounts of `space`."""
    query = f"select verdict from caudal.proof join caudal.space using (space_id) where name = '{space}'"
    return {verdict for (verdict,) in all_rows(conninfo, query)}


def row_counts(conninfo: str) -> dict[str, int]:
    """How many rows each of Caudal's tables has."""
    tables = all_rows(
        conninfo, "select tablename::text from pg_tables where schemaname = 'caudal' order by 1"
    )
    counts = ", ".join(f"(select count(*) from caudal.{name})" for (name,) in tables)
    (row,) = all_rows(conninfo, f"select {counts}")
    return {str(name): int(str(count)) for (name,), count in zip(tables, row, strict=True)}
