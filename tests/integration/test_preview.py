"""A file is tried before it is taken in: what is told of it is what happens, and until then nothing has."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import hypothesis
import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given
from tests.integration.test_import import FORMATS, covers, decided
from tests.support.books import all_rows
from tests.support.imports import written
from tests.support.statements import Statement, generated

from caudal.hub import imports, installation, ledger, spaces
from caudal.hub.imports import FileReport
from caudal.hub.installation import Installation
from caudal.model.errors import Malformed
from caudal.providers.file.provider import FileDrop
from caudal.settings import Settings
from caudal.store import spaces as store_spaces
from caudal.store.spaces import Space

fresh = itertools.count()
some = hypothesis.settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)


def in_a_space(settings: Settings, work: Callable[[Installation, Space], Awaitable[None]]) -> None:
    async def there() -> None:
        async with installation.opened(settings) as opened:
            await work(opened, await spaces.chosen(opened.store, f"space {next(fresh)}", make=True))

    asyncio.run(there())


def everything(settings: Settings) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, but for when a job was last looked at."""
    names = all_rows(
        settings.database_url,
        "select quote_ident(schemaname) || '.' || quote_ident(tablename) from pg_tables "
        "where schemaname in ('caudal', 'caudal_jobs') order by 1",
    )
    return {
        str(name): sorted(all_rows(settings.database_url, f"select t::text from {name} t"))
        for (name,) in names
    }


async def names(opened: Installation, space: Space) -> set[str]:
    """What the space's accounts are called."""
    return {each.held.name for each in await ledger.accounts(opened, space)}


def small(settings: Settings) -> Settings:
    """Pages so small that every file has several."""
    return msgspec.structs.replace(settings, page_transactions_max=5)


def told(report: FileReport | None) -> FileReport:
    """A report, but for the ids of its accounts."""
    assert report is not None
    anybody = UUID(int=0)
    proofs = [msgspec.structs.replace(each, account_id=anybody) for each in report.proofs]
    return msgspec.structs.replace(report, proofs=proofs)


@pytest.mark.parametrize("format_", FORMATS)
@some
@given(cover=covers())
def test_what_is_told_of_a_file_is_what_becomes_of_it(
    settings: Settings, tmp_path: Path, format_: str, cover: tuple[Statement, list[Statement]]
) -> None:
    history, files = cover
    decided(format_, history)

    async def work(opened: Installation, space: Space) -> None:
        for place, file in enumerate(files):
            path = written(tmp_path / f"file {place}", format_, file)
            drop = FileDrop(path, currency=history.account.currency)
            there = await names(opened, space)
            before = await imports.preview_file(opened, space, drop)
            assert await names(opened, space) == there
            after = await imports.import_file(opened, space, drop)
            assert told(before.report) == told(after)
            assert set(before.accounts) == await names(opened, space) - there

    in_a_space(small(settings), work)


def test_nothing_at_all_is_written_by_trying(settings: Settings, tmp_path: Path) -> None:
    history = generated(60)
    first, second = (tmp_path / "first"), (tmp_path / "second")
    written(first, "ofx2", history)
    written(second, "camt053", generated(60, seed=2))

    async def work(opened: Installation, space: Space) -> None:
        await imports.import_file(opened, space, FileDrop(first))
        before = everything(settings)
        for path in (first, second):
            found = await imports.preview_file(opened, space, FileDrop(path))
            assert found.report is not None
        days = [each.booked_on for each in history.movements]
        assert (await imports.preview_file(opened, space, FileDrop(first))).first_on == min(days)
        assert everything(settings) == before

    in_a_space(small(settings), work)


def test_a_file_too_long_to_be_tried_says_what_it_is(settings: Settings, tmp_path: Path) -> None:
    path = written(tmp_path / "file", "ofx2", generated(40))
    bounds = msgspec.structs.replace(settings.file_bounds, preview_entries_max=39)

    async def work(opened: Installation, space: Space) -> None:
        found = await imports.preview_file(opened, space, FileDrop(path))
        assert (found.report, found.entries, found.format) == (None, 40, "ofx2")
        assert found.last_on is not None
        assert found.first_on is not None
        assert found.last_on - found.first_on >= timedelta(days=1)

    in_a_space(msgspec.structs.replace(settings, file_bounds=bounds), work)


def test_a_file_that_cannot_be_read_is_refused_as_it_would_be(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"\x00\x01 nothing that anybody reads")

    async def work(opened: Installation, space: Space) -> None:
        before = everything(settings)
        with pytest.raises(Malformed):
            await imports.preview_file(opened, space, FileDrop(path))
        assert everything(settings) == before

    in_a_space(settings, work)


def test_whoever_acts_in_a_rehearsal_writes_nothing_either(settings: Settings) -> None:
    async def work(opened: Installation, space: Space) -> None:
        before = everything(settings)
        async with opened.store.rehearsal() as store:
            acting = store.acting("")  # nobody in particular: whoever has the machine
            async with acting.transaction(space.space_id) as tx:
                await store_spaces.connection(tx, space.space_id, "file", imports.CONNECTION_LABEL)
        assert everything(settings) == before

    in_a_space(settings, work)
