"""Pull → commit. Each page, its cursor, its counts: one transaction, or nothing.

Crash anywhere and run again: the page that was being written comes again and finds its rows in place or not at
all; either way the ledger ends the same (DESIGN §2.2).
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from uuid import UUID

import msgspec

from caudal.model.changes import Cursor, Page, SourceRef
from caudal.model.errors import CaudalError
from caudal.store import spaces
from caudal.store.database import Store
from caudal.store.pages import PageCounts, PageTarget, Route, settle_page, stage_page
from caudal.sync.proving import conclude_proofs


class Job(msgspec.Struct, frozen=True):
    """What to sync: one stream of one connection. `subject` names it to a person."""

    space_id: UUID
    connection_id: UUID
    stream: str = ""
    subject: str = ""
    routes: Mapping[SourceRef, Route] = {}


class Report(msgspec.Struct):
    """What a run did."""

    run_id: UUID
    pages: int = 0
    seen: int = 0
    created: int = 0
    changed: int = 0
    gone: int = 0
    quarantined: int = 0
    accounts: set[UUID] = msgspec.field(default_factory=set)

    @property
    def known(self) -> int:
        """Transactions told that the ledger held already, unchanged."""
        return self.seen - self.created - self.changed - self.gone

    def add(self, page: PageCounts) -> None:
        """Count one page in."""
        self.pages += 1
        self.seen += page.seen
        self.created += page.created
        self.changed += page.changed
        self.gone += page.gone
        self.quarantined += page.quarantined
        self.accounts |= page.accounts


Progress = Callable[[Report], None]


async def run(
    store: Store,
    job: Job,
    pull: Callable[[Cursor], AsyncIterator[Page]],
    progress: Progress = lambda _: None,
) -> Report:
    """Pull `job`'s stream from where it stands to its end; conclude the proof of every account it told of.

    Raises what the provider raised, after writing down how the run ended; pages committed before stay.
    """
    space_id, connection_id = job.space_id, job.connection_id
    async with store.transaction(space_id) as tx:
        cursor = Cursor(await spaces.read_cursor(tx, space_id, connection_id, job.stream))
        run_id = await spaces.start_run(tx, space_id, connection_id, job.subject)
    report = Report(run_id)
    target = PageTarget(space_id, connection_id, run_id, job.stream, job.subject, job.routes)
    source = _Source(pull(cursor))
    try:
        source.ask()
        while (page := await source.answer()) is not None:
            async with store.transaction(space_id) as tx:
                staged = await stage_page(tx, target, page)
                source.ask()  # for the next page, while the database is at work on this one
                counts = await settle_page(tx, target, staged)
            report.add(counts)
            progress(report)
    except CaudalError as error:
        outcome = "partial" if report.pages else "failed"
        await _finish(store, space_id, report, outcome, str(error))
        raise
    finally:
        await source.close()
    await _finish(store, space_id, report, "complete", None)
    return report


class _Source:
    """A provider's pages, each asked for before it is needed."""

    def __init__(self, pages: AsyncIterator[Page]) -> None:
        self._pages = pages
        self._upcoming: asyncio.Future[Page | None] | None = None

    def ask(self) -> None:
        """Have the next page made."""
        self._upcoming = asyncio.ensure_future(anext(self._pages, None))

    async def answer(self) -> Page | None:
        """The page asked for, None after the last."""
        asked, self._upcoming = self._upcoming, None
        return await asked if asked is not None else None

    async def close(self) -> None:
        """Whatever stopped us: let a page in the making come to its end, then let the provider clean up."""
        if self._upcoming is not None:
            await asyncio.gather(self._upcoming, return_exceptions=True)
        if isinstance(self._pages, AsyncGenerator):
            await self._pages.aclose()


async def _finish(store: Store, space_id: UUID, report: Report, outcome: str, error: str | None) -> None:
    async with store.transaction(space_id) as tx:
        await conclude_proofs(tx, space_id, sorted(report.accounts))
        await spaces.finish_run(tx, space_id, report.run_id, outcome, error)
