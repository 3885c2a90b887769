"""Pull → commit. Each page, its cursor, its counts: one transaction, or nothing.

Crash anywhere and run again: the page that was being written comes again and finds its rows in place or not at
all; either way the ledger ends the same (DESIGN §2.2).
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from uuid import UUID

import msgspec

from caudal.model.changes import Cursor, Page, SourceRef
from caudal.model.errors import CaudalError
from caudal.store import spaces
from caudal.store.database import Store
from caudal.store.pages import PageCounts, PageTarget, Route, apply_page
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
    try:
        async with aclosing(_ahead(pull(cursor))) as pages:
            async for page in pages:
                async with store.transaction(space_id) as tx:
                    counts = await apply_page(tx, target, page)
                report.add(counts)
                progress(report)
    except CaudalError as error:
        outcome = "partial" if report.pages else "failed"
        await _finish(store, space_id, report, outcome, str(error))
        raise
    await _finish(store, space_id, report, "complete", None)
    return report


async def _ahead(pages: AsyncIterator[Page]) -> AsyncGenerator[Page]:
    """The same pages, each next one asked for while the one before is being written."""
    upcoming = asyncio.ensure_future(anext(pages, None))
    try:
        while (page := await upcoming) is not None:
            upcoming = asyncio.ensure_future(anext(pages, None))
            yield page
    finally:
        # Whatever stopped us: let the page in the making come to its end, then let the source clean up.
        await asyncio.gather(upcoming, return_exceptions=True)
        if isinstance(pages, AsyncGenerator):
            await pages.aclose()


async def _finish(store: Store, space_id: UUID, report: Report, outcome: str, error: str | None) -> None:
    async with store.transaction(space_id) as tx:
        await conclude_proofs(tx, space_id, sorted(report.accounts))
        await spaces.finish_run(tx, space_id, report.run_id, outcome, error)
