"""Pull → commit. Each page, its cursor, its counts: one transaction, or nothing.

Crash anywhere and run again: the page that was being written comes again and finds its rows in place or not at
all; either way the ledger ends the same (DESIGN §2.2).
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec

from caudal.model.changes import Cursor, Page, SourceRef
from caudal.model.errors import CaudalError, CursorInvalid, NeedsUser, NotReady, Revoked, Unavailable
from caudal.settings import RunBounds
from caudal.store import ledger, spaces
from caudal.store.database import Store
from caudal.store.pages import (
    PageCounts,
    PageTarget,
    Route,
    know_the_ledger,
    restart,
    settle_page,
    stage_page,
)
from caudal.sync.proving import conclude_proofs


class Job(msgspec.Struct, frozen=True):
    """What to sync: one stream of one connection. `subject` names it to a person."""

    space_id: UUID
    connection_id: UUID
    stream: str = ""
    subject: str = ""
    routes: Mapping[SourceRef, Route] = {}
    bounds: RunBounds = RunBounds()


class Report(msgspec.Struct):
    """What a run did. `again_after`: the source is still preparing the rest; it has it no earlier than that."""

    run_id: UUID
    pages: int = 0
    seen: int = 0
    created: int = 0
    changed: int = 0
    gone: int = 0
    quarantined: int = 0
    restarts: int = 0
    again_after: timedelta | None = None
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

    Raises what the provider raised, after writing down how the run ended and what that makes of the connection;
    pages committed before stay. NotReady is no failure: the report says when to come again.
    """
    async with store.transaction(job.space_id) as tx:
        cursor = Cursor(await spaces.read_cursor(tx, job.space_id, job.connection_id, job.stream))
        run_id = await spaces.start_run(
            tx, job.space_id, job.connection_id, stream=job.stream, subject=job.subject
        )
    report = Report(run_id)
    target = PageTarget(job.space_id, job.connection_id, run_id, job.stream, job.subject, job.routes)
    try:
        await _Puller(store, target, pull, report, progress).through(cursor, job.bounds)
    except NotReady as unready:
        report.again_after = unready.retry_after
    except CaudalError as error:
        await _finish(store, job, report, "partial" if report.pages else "failed", error)
        raise
    await _finish(store, job, report, "complete", None)
    return report


_LOOK_FIRST: Final = 1_500
_LOOK_AGAIN: Final = 8
"""After so many new transactions, and again after eight times as many, the database's statistics are looked at."""


class _Puller(msgspec.Struct):
    """One run at work: pages in, transactions out. `look_at`: after how many new ones statistics may be due."""

    store: Store
    target: PageTarget
    pull: Callable[[Cursor], AsyncIterator[Page]]
    report: Report
    progress: Progress
    look_at: int = _LOOK_FIRST

    async def through(self, cursor: Cursor, bounds: RunBounds) -> None:
        """Pull to the end, and anew from wherever the source calls back to."""
        while True:
            try:
                await self._once(self.pull(cursor))
            except CursorInvalid as invalid:
                cursor = await self._called_back(invalid, bounds)
            else:
                return

    async def _once(self, pages: AsyncIterator[Page]) -> None:
        source = _Source(pages)
        try:
            source.ask()
            while (page := await source.answer()) is not None:
                async with self.store.transaction(self.target.space_id) as tx:
                    staged = await stage_page(tx, self.target, page)
                    source.ask()  # for the next page, while the database is at work on this one
                    counts = await settle_page(tx, self.target, staged)
                self.report.add(counts)
                self.progress(self.report)
                if self.report.created >= self.look_at:
                    self.look_at *= _LOOK_AGAIN
                    async with self.store.transaction(self.target.space_id) as tx:
                        await know_the_ledger(tx, self.report.created)
        finally:
            await source.close()

    async def _called_back(self, invalid: CursorInvalid, bounds: RunBounds) -> Cursor:
        """Where to go on. A source that calls back again and again is pulled from the beginning, then left alone."""
        self.report.restarts += 1
        if self.report.restarts > 2 * bounds.restarts_max:
            raise Unavailable(
                f"{invalid}; {bounds.restarts_max} times from there and {bounds.restarts_max} times from the "
                "beginning: trying again later"
            ) from None
        cursor = Cursor("" if self.report.restarts > bounds.restarts_max else invalid.restart)
        async with self.store.transaction(self.target.space_id) as tx:
            await restart(tx, self.target, cursor)
        turns = (self.report.restarts - 1) % bounds.restarts_max
        await asyncio.sleep(bounds.restart_wait_ms / 1000 * 2**turns)
        return cursor


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


_STATES: Final[tuple[tuple[type[CaudalError], str], ...]] = (
    (NeedsUser, "needs_user"),
    (Revoked, "revoked"),
    (Unavailable, "degraded"),
)
"""What an error makes of its connection (DESIGN §5); any other leaves it as it was."""


async def _finish(store: Store, job: Job, report: Report, outcome: str, error: CaudalError | None) -> None:
    """Write down how the run ended, what that makes of the connection, and what the told balances now say."""
    state = next((state for kind, state in _STATES if isinstance(error, kind)), None)
    if error is None:
        state = "active"
    reason, action = (
        (error.reason, error.action) if isinstance(error, NeedsUser) else (str(error) if error else "", "")
    )
    async with store.transaction(job.space_id) as tx:
        await conclude_proofs(tx, job.space_id, await ledger.proofs_due(tx, job.space_id, job.connection_id))
        await spaces.finish_run(tx, job.space_id, report.run_id, outcome, str(error) if error else None)
        if state is not None:
            await spaces.change_state(
                tx, job.space_id, job.connection_id, state, reason=reason, action=action
            )
