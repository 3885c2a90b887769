"""Workers: they take jobs from the queue, as many as there are of them, on as many machines, and none leads.

procrastinate hands the jobs out. Around it here: it is started again when the database was away; jobs whose worker is
gone are queued again; connections that are due are queued; each of these by whichever worker comes first.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

import msgspec
from procrastinate import App, JobContext, PsycopgConnector

from caudal.model.errors import CaudalError, StoreAway
from caudal.settings import WorkerBounds
from caudal.store import jobs
from caudal.store.database import Store
from caudal.store.jobs import Cadence, LetGo

_LOG: Final = logging.getLogger(__name__)
_CHANCE: Final = random.Random()  # noqa: S311  # spreads work over time, guards nothing

QUEUES: Final = ("inbox", "sync")


class Task(msgspec.Struct, frozen=True):
    """A job as its handler sees it: its arguments, ids alone, and the how-manieth try it is (from 0)."""

    id: int
    name: str
    args: Mapping[str, str]
    attempts: int


Handler = Callable[[Task], Awaitable[None]]
"""Does a job. What it raises ends the job as failed for good: it is then on the dead-letter list; but where
the database was away (StoreAway) it is begun again, for as long as `away_seconds_max` allows."""

Chore = Callable[[], Awaitable[object]]
"""Something every worker sees to now and then; that several do at once harms nothing."""


class Staff(msgspec.Struct, frozen=True):
    """What a process is there for. `queues`: those it takes jobs from, in no order. `chores`: time between → what."""

    handlers: Mapping[str, Handler]
    queues: Sequence[str] = QUEUES
    chores: Sequence[tuple[timedelta, Chore]] = ()


async def work(
    store: Store,
    connector: Callable[[], PsycopgConnector],
    staff: Staff,
    bounds: WorkerBounds,
    stop: asyncio.Event,
) -> None:
    """Work until `stop`, then finish what is begun for as long as `drain_seconds_max` allows; the rest goes back."""
    hand = _Hand()
    chores = [
        (timedelta(seconds=bounds.rescue_every_seconds), lambda: _rescue(store, staff.queues, bounds, hand)),
        (timedelta(hours=1), lambda: _forget(store, bounds)),
        *staff.chores,
    ]
    async with tending(chores):
        await _supervise(connector, staff, bounds, stop, hand)


async def schedule(store: Store, cadences: Sequence[Cadence], bounds: WorkerBounds) -> None:
    """One tick: queue what is due."""
    async with store.engine() as tx:
        queued = await jobs.enqueue_due(tx, cadences, bounds.due_at_once_max)
    if queued:
        await jobs.announce(store, ["sync"])


class _Hand:
    """What this process's workers have in hand, and what they let go of lately: where the database was away just then,
    the queue takes that for running, for good."""

    def __init__(self) -> None:
        self._workers: set[int] = set()
        self._ended: dict[int, timedelta] = {}

    def take(self, job: int, worker: int | None) -> None:
        """A job begins."""
        self._ended.pop(job, None)
        if worker is not None:
            self._workers.add(worker)

    def let_go(self, job: int) -> None:
        """A job has ended; the queue is about to hear of it."""
        self._ended[job] = _now()

    def unheard(self) -> LetGo:
        """What ended so long ago that the queue has heard of it, if it ever will."""
        old = [job for job, at in self._ended.items() if _now() - at > _HEARD_WITHIN]
        return LetGo(sorted(self._workers), old)

    def heard(self, told: LetGo) -> None:
        """The queue has been told of them."""
        for job in told.ids:
            self._ended.pop(job, None)


_HEARD_WITHIN: Final = timedelta(seconds=5)


def _now() -> timedelta:
    return timedelta(seconds=asyncio.get_running_loop().time())


async def _supervise(
    connector: Callable[[], PsycopgConnector],
    staff: Staff,
    bounds: WorkerBounds,
    stop: asyncio.Event,
    hand: _Hand,
) -> None:
    failed = 0
    while not stop.is_set():
        began = asyncio.get_running_loop().time()
        try:
            await _serve(connector(), staff, bounds, stop, hand)
        except Exception as error:  # noqa: BLE001  # whatever ends procrastinate's worker: the database went away
            _LOG.warning("the worker stopped (%s); starting it again", type(error).__name__)
        if stop.is_set():
            return
        lasted = asyncio.get_running_loop().time() - began
        failed = 0 if lasted > bounds.restart_seconds_max else min(failed + 1, 10)
        longest = min(timedelta(milliseconds=250) * 2**failed, timedelta(seconds=bounds.restart_seconds_max))
        await _until(stop, longest * _CHANCE.randint(50, 100) / 100)


async def _serve(
    connector: PsycopgConnector, staff: Staff, bounds: WorkerBounds, stop: asyncio.Event, hand: _Hand
) -> None:
    app = App(connector=connector, periodic_defaults={"max_delay": 0})
    for name, handler in staff.handlers.items():
        app.task(name=name, pass_context=True)(
            _task(handler, hand, timedelta(seconds=bounds.away_seconds_max))
        )
    async with app.open_async():
        working = asyncio.create_task(
            app.run_worker_async(
                queues=list(staff.queues),
                concurrency=bounds.jobs_at_once,
                install_signal_handlers=False,
                fetch_job_polling_interval=bounds.poll_ms / 1000,
                shutdown_graceful_timeout=bounds.drain_seconds_max,
                update_heartbeat_interval=bounds.heartbeat_seconds,
                stalled_worker_timeout=10 * bounds.silent_seconds_max,
                delete_jobs="successful",
            )
        )
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            working.cancel()
            (ended,) = await asyncio.gather(working, return_exceptions=True)
    if isinstance(ended, Exception):
        raise ended


def _task(handler: Handler, hand: _Hand, patience: timedelta) -> Callable[..., Awaitable[None]]:
    async def run(context: JobContext, **args: str) -> None:
        job = context.job
        task = Task(job.id or 0, job.task_name, args, job.attempts)
        hand.take(task.id, job.worker_id)
        try:
            await _through(handler, task, patience)
        finally:
            hand.let_go(task.id)

    return run


async def _through(handler: Handler, task: Task, patience: timedelta) -> None:
    """That the database was away is no failure of a job's: it is begun again, by whoever has it in hand, after 1, 2, 4 …
    seconds."""
    given_up, wait = _now() + patience, timedelta(seconds=1)
    while True:
        try:
            await handler(task)
        except StoreAway as error:
            if _now() + wait > given_up:
                raise
            _LOG.warning("job %d: %s; beginning it again", task.id, error)
            await asyncio.sleep(wait.total_seconds())
            wait = min(2 * wait, _AGAIN_WITHIN)
        else:
            return


_AGAIN_WITHIN: Final = timedelta(seconds=30)


async def _rescue(store: Store, queues: Sequence[str], bounds: WorkerBounds, hand: _Hand) -> None:
    silent, unheard = timedelta(seconds=bounds.silent_seconds_max), hand.unheard()
    async with store.engine() as tx:
        lost = await jobs.rescue(tx, silent, bounds.lost_max, unheard)
    hand.heard(unheard)
    if lost:
        _LOG.warning("%d jobs had lost their worker", lost)
        await jobs.announce(store, queues)


async def _forget(store: Store, bounds: WorkerBounds) -> None:
    async with store.engine() as tx:
        await jobs.forget_done(tx, bounds.done_jobs_hours)


@asynccontextmanager
async def tending(chores: Sequence[tuple[timedelta, Chore]]) -> AsyncIterator[None]:
    """See to each chore every so often, for as long as the block lasts."""
    tasks = [asyncio.create_task(_tend(every, chore)) for every, chore in chores]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _tend(every: timedelta, chore: Chore) -> None:
    """One that fails is done again the next time: the database may have been away."""
    while True:
        try:
            await chore()
        except CaudalError as error:
            _LOG.warning("%s", error)
        except Exception:  # noqa: BLE001  # it is told, and the chore goes on: nobody else would see to it
            _LOG.exception("a chore failed by a mistake of ours; it is done again")
        wait = every * _CHANCE.randint(80, 100) / 100
        await asyncio.sleep(wait.total_seconds())


async def _until(stop: asyncio.Event, time: timedelta) -> None:
    try:
        async with asyncio.timeout(time.total_seconds()):
            await stop.wait()
    except TimeoutError:
        return
