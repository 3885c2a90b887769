"""Pull → commit. Each page, its cursor, its counts: one transaction, or nothing.

Crash anywhere and run again: the page that was being written comes again and finds its rows in place or not at
all; either way the ledger ends the same (DESIGN §2.2).
"""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from caudal.model.changes import AccountSeen, Cursor, Page, SourceRef
from caudal.model.errors import (
    CaudalError,
    CursorInvalid,
    Interrupted,
    NotReady,
    StoreAway,
    StoreError,
    Unavailable,
)
from caudal.settings import RunBounds
from caudal.store import events, jobs, ledger, routing, spaces
from caudal.store.accounts import Unseen
from caudal.store.database import Store, Transaction
from caudal.store.events import Told
from caudal.store.jobs import SyncWork
from caudal.store.pages import (
    PageCounts,
    StagedPage,
    forget_page,
    know_the_ledger,
    restart,
    settle_balances,
    settle_page,
    settle_succession,
    stage_page,
)
from caudal.store.routing import Routing
from caudal.store.showing import PageTarget, Route
from caudal.sync import feeding
from caudal.sync.concluding import conclude_told
from caudal.sync.overlapping import join_alike, new_ones
from caudal.sync.proving import conclude_proofs
from caudal.sync.rules import after
from caudal.sync.transferring import conclude_transfers


class Job(msgspec.Struct, frozen=True):
    """What to sync: one stream of one connection. `subject` names it to a person."""

    space_id: UUID
    connection_id: UUID
    stream: str = ""
    subject: str = ""
    routes: Mapping[SourceRef, Route] = {}
    bounds: RunBounds = RunBounds()
    cause: str = "manual"
    pace: timedelta = timedelta(hours=1)


class Report(msgspec.Struct):
    """What a run did. `again_after`: the source is still preparing the rest; it has it no earlier than that.
    `unfinished`: the run stopped by its own bounds, and pages are left.
    """

    run_id: UUID
    pages: int = 0
    seen: int = 0
    created: int = 0
    changed: int = 0
    gone: int = 0
    quarantined: int = 0
    left_out: int = 0
    restarts: int = 0
    unfinished: bool = False
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
        self.left_out += page.left_out
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
    pages committed before stay. NotReady is no failure: the report says when to come again. What is to follow is
    queued in the transaction that writes down how the run ended.
    """
    scope = (job.space_id, job.connection_id)
    async with store.transaction(job.space_id) as tx:
        cursor = Cursor(await spaces.read_cursor(tx, *scope, job.stream))
        where = await routing.read(tx, *scope)
        run_id = await spaces.start_run(tx, *scope, stream=job.stream, subject=job.subject, cause=job.cause)
    if where.fed:
        store = feeding.everywhere(store)
        async with store.transaction(*where.fed) as tx:
            for fed in where.fed:
                await spaces.start_run(
                    tx,
                    fed,
                    job.connection_id,
                    stream=job.stream,
                    subject="",
                    cause=job.cause,
                    run_id=run_id,
                )
    report = Report(run_id)
    puller = _Puller(store, _targets(job, run_id, where), where, pull, report, progress)
    try:
        if where.choosing:
            await puller.look(cursor)
        await puller.through(cursor, job.bounds)
    except asyncio.CancelledError:
        stopped = Interrupted("stopped before its end")
        with suppress(StoreError):
            await asyncio.shield(_finish(store, job, report, "partial", stopped, where=where))
        raise
    except NotReady as unready:
        report.again_after = unready.retry_after
        await _finish(store, job, report, "complete", unready, where=where)
        return report
    except StoreAway:
        raise  # no trouble of the connection's, and what would be written of it may not be written either
    except CaudalError as error:
        await _finish(store, job, report, "partial" if report.pages else "failed", error, where=where)
        raise
    await _finish(store, job, report, "partial" if report.unfinished else "complete", None, where=where)
    return report


_LOOK_PAGES_MAX: Final = 25
"""Most providers show what accounts there are first of all; an exchange's come to light one by one."""
_LOOK_FIRST: Final = 1_500
_LOOK_AGAIN: Final = 8
"""After so many new transactions, and again after eight times as many, the database's statistics are looked at."""


def _targets(job: Job, run_id: UUID, where: Routing) -> dict[UUID, PageTarget]:
    """Space → where a page's part belongs in it: the home first."""
    home = PageTarget(
        job.space_id,
        job.connection_id,
        run_id,
        job.stream,
        job.subject,
        job.routes,
        where.version,
        where.unwanted,
    )
    fed = {
        space_id: msgspec.structs.replace(home, space_id=space_id, subject="", routes={}, routing=None)
        for space_id in where.fed
    }
    return {job.space_id: home, **fed}


class _Puller(msgspec.Struct):
    """One run at work: pages in, transactions out. `look_at`: after how many new ones statistics may be due."""

    store: Store
    targets: Mapping[UUID, PageTarget]
    where: Routing
    pull: Callable[[Cursor], AsyncIterator[Page]]
    report: Report
    progress: Progress
    look_at: int = _LOOK_FIRST

    @property
    def home(self) -> PageTarget:
        """Where the connection is linked."""
        return next(iter(self.targets.values()))

    async def through(self, cursor: Cursor, bounds: RunBounds) -> None:
        """Pull to the end, or as far as the bounds let us, and anew from wherever the source calls back to."""
        while True:
            try:
                await self._once(cursor, bounds.pages_max)
            except CursorInvalid as invalid:
                cursor = await self._called_back(invalid, bounds)
            else:
                return

    async def _once(self, cursor: Cursor, pages_max: int) -> None:
        source = _Source(self.pull(cursor))
        try:
            source.ask()
            while (page := await source.answer()) is not None:
                self.report.unfinished = page.more and self.report.pages + 1 >= pages_max
                self.report.add(await self._write(page, cursor, source))
                cursor = page.next
                self.progress(self.report)
                if self.report.created >= self.look_at:
                    self.look_at *= _LOOK_AGAIN
                    async with self.store.transaction(*self.targets) as tx:
                        await know_the_ledger(tx, self.report.created)
        finally:
            await source.close()

    async def _write(self, page: Page, cursor: Cursor, source: "_Source") -> PageCounts:
        """A page, in one transaction, each part of it in the space it belongs to."""
        home = self.home
        (_, part), *others = feeding.parts(page, home.space_id, self.where)
        async with self.store.transaction(*self.targets) as tx:
            if self.where.fed:
                await routing.hold_spaces(tx, list(self.targets))
            staged = await stage_page(tx, home, part, cursor)
            if not self.report.unfinished:
                source.ask()  # for the next page, while the database is at work on this one
            counts = await self._settle(tx, home, staged)
            for space_id, part in others:
                await forget_page(tx)
                staged = await stage_page(tx, self.targets[space_id], part, cursor)
                counts = counts.and_then(await self._settle(tx, self.targets[space_id], staged))
        return counts

    async def _settle(self, tx: Transaction, target: PageTarget, staged: StagedPage) -> PageCounts:
        counts = await settle_page(tx, target, staged)
        if counts.quiet:
            return counts
        counts = await conclude_told(tx, target, counts)
        if (withdrawn := await settle_succession(tx, target, staged)) is not None:
            counts = counts.and_then(await conclude_told(tx, target, withdrawn))
        if not staged.alone:
            await conclude_transfers(tx, target.space_id)
        await settle_balances(tx, target, staged)
        await events.write(tx, target.space_id, target.connection_id)
        return counts

    async def look(self, cursor: Cursor) -> None:
        """Only see which accounts there are, and note them for who is asked where they belong; write nothing of them.
        Raises NotReady: until it was said, or nobody is asked any more."""
        home = self.home
        source = _Source(self.pull(cursor))
        try:
            known: dict[SourceRef, AccountSeen] = {}
            for _ in range(_LOOK_PAGES_MAX):
                source.ask()
                page = await source.answer()
                changes = () if page is None else page.changes
                new = {each.ref: each for each in changes if isinstance(each, AccountSeen)}
                if known and new.keys() <= known.keys():
                    break
                known |= new
                if page is None or not page.more:
                    break
            async with self.store.transaction(home.space_id) as tx:
                await routing.note_shown(tx, home.space_id, home.connection_id, list(known.values()))
        finally:
            await source.close()
        until = self.where.choice_until
        left = timedelta() if until is None else until - datetime.now(UTC)
        raise NotReady("its person is asked where its accounts belong", retry_after=max(left, timedelta()))

    async def _called_back(self, invalid: CursorInvalid, bounds: RunBounds) -> Cursor:
        """Where to go on. A source that calls back again and again is pulled from the beginning, then left alone."""
        self.report.restarts += 1
        if self.report.restarts > 2 * bounds.restarts_max:
            raise Unavailable(
                f"{invalid}; {bounds.restarts_max} times from there and {bounds.restarts_max} times from the "
                "beginning: trying again later"
            ) from None
        cursor = Cursor("" if self.report.restarts > bounds.restarts_max else invalid.restart)
        async with self.store.transaction(*self.targets) as tx:
            if self.where.fed:
                await routing.hold_spaces(tx, list(self.targets))
            for target in self.targets.values():
                await restart(tx, target, cursor)
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


async def _finish(
    store: Store, job: Job, report: Report, outcome: str, error: CaudalError | None, *, where: Routing
) -> None:
    """Write down how the run ended, what that makes of the connection, when it comes again, and what the told balances
    now say. Accounts that it has told to the end for the first time are then held beside the others. In a space that it
    feeds a run says of its error no more than which it was: it may speak of what belongs elsewhere."""
    scope = (job.space_id, job.connection_id)
    told_all = outcome == "complete" and error is None
    told = None if isinstance(error, NotReady) else error
    finished = [_finished(job, report, outcome, error)]
    new: dict[UUID, list[Unseen]] = {}
    async with feeding.across(store, *scope, where) as (tx, now):
        await _prove(tx, *scope)
        await spaces.finish_run(tx, job.space_id, report.run_id, outcome, told)
        await settle(tx, job, error, unfinished=report.unfinished)
        new[job.space_id] = await new_ones(tx, *scope) if told_all else []
        await events.write(tx, *scope, finished)
        for fed in now.fed:
            await forget_page(tx)
            await _prove(tx, fed, job.connection_id)
            await spaces.finish_run(tx, fed, report.run_id, outcome, told, quiet=True)
            await routing.mirror(tx, *scope, fed, fed=True)
            new[fed] = await new_ones(tx, fed, job.connection_id) if told_all else []
            await events.write(tx, fed, job.connection_id, finished)
    for space_id, accounts in new.items():
        if accounts:
            await join_alike(store, space_id, job.connection_id, job.routes.keys())


async def _prove(tx: Transaction, space_id: UUID, connection_id: UUID) -> None:
    if accounts := await ledger.proofs_due(tx, space_id, connection_id):
        await conclude_proofs(tx, space_id, accounts)


async def settle(
    tx: Transaction, job: Job, error: Exception | None, *, unfinished: bool = False
) -> timedelta | None:
    """What follows from how a run ended (`rules`): the connection's state, when it is due, the job that comes next.
    Returns in how long that is, None where none comes. Also for a run that a mistake of ours kept from its end."""
    scope = (job.space_id, job.connection_id)
    then = after(
        error,
        unfinished=unfinished,
        failures=await jobs.failures_of(tx, *scope),
        pace=job.pace,
        bounds=job.bounds,
        chance=_CHANCE,
    )
    if then.state is not None:
        await spaces.change_state(tx, *scope, then.state, reason=then.reason, action=then.action)
    await jobs.settle_schedule(
        tx,
        *scope,
        good=then.good,
        failed=then.failed,
        polled=then.polled,
        due_in=then.due_in,
        held_for=then.held_for,
        backfilling=then.backfilling,
    )
    if then.again_in is not None:
        cause = "backfill" if then.backfilling else job.cause
        work = SyncWork(*scope, cause, then.priority, then.again_in.total_seconds())
        await jobs.enqueue_syncs(tx, [work])
    return then.again_in


def _finished(job: Job, report: Report, outcome: str, error: CaudalError | None) -> Told:
    counts = {name: getattr(report, name) for name in ("seen", "created", "changed", "gone", "quarantined")}
    what = {"run": str(report.run_id), "outcome": outcome, "cause": job.cause, **counts}
    return Told("run.finished", {**what, "error": type(error).__name__ if error else None})


_CHANCE: Final = random.Random()  # noqa: S311  # spreads work over time, guards nothing
