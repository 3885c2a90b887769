"""One budget for every worker: how often a provider may be asked, kept in the database.

A process leases turns there in small batches and uses them up within moments, so that the database is asked about once
for many calls and nobody's unused turns come late and all at once.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from caudal.model.errors import StoreError
from caudal.providers import registry
from caudal.providers.http import Budget, BudgetsOf, Clock, SystemClock
from caudal.providers.http.budgets import EVERYBODY, MINUTE, UNLIMITED, Pace
from caudal.settings import HttpBounds
from caudal.store import budgets as rows
from caudal.store.budgets import Hold, InUse
from caudal.store.database import Store, Transaction
from caudal.sync.desk import Desk, Question, needs
from caudal.sync.leases import Leased, earliest

_LOG: Final = logging.getLogger("caudal.sync.budgets")
_NOTHING: Final = timedelta(0)
_LEASE: Final = timedelta(milliseconds=500)
_LATE_LEASES: Final = 2
_SPARE_LEASES: Final = 1
_LEFT_MAX: Final = 500


class BudgetLeft(msgspec.Struct, frozen=True):
    """How an operation's budget stands. `item` '': that of all calls. `left`: how many of a minute's calls are left.

    Without `per_minute` and `left` it has no limit: its provider only said not before `held_until`.
    """

    provider: str
    operation: str
    item: str
    per_minute: int | None
    left: int | None
    held_until: datetime | None


def shared(store: Store, bounds: HttpBounds) -> BudgetsOf:
    """The budgets of a provider's calls, shared with every process on this database."""

    def of(provider: str, table: Mapping[str, Budget]) -> SharedBudgets:
        lease = timedelta(milliseconds=bounds.budget_lease_ms)
        return SharedBudgets(store, provider, table, lease=lease)

    return of


async def left(tx: Transaction) -> list[BudgetLeft]:
    """How the budgets stand that were drawn on lately: each of a whole account, and the items' that are not full."""
    declared = registry.budgets()
    return [_left(row, declared) for row in await rows.in_use(tx, _LEFT_MAX)]


async def forget(tx: Transaction) -> int:
    """Delete what stands for nothing: buckets that are full. Returns how many. For an hourly round."""
    return await rows.forget(tx)


class SharedBudgets:
    """A provider's budgets, for one event loop, shared with every process that has them from the same database.

    The promise, over all of them: of the calls made, at most n lie in any `minute`, and after `hold` nobody is given a
    turn on news older than a `lease`, or than the statement that he waited for. A turn is used no later than two leases
    after its time, or is wasted, and what the process does between having the turn and sending may take one more; the
    turns in the database therefore keep to n in a minute *and three leases*. Time is the database's: turns come by its
    clock, whatever clocks the processes have; only how long a statement took is measured here, and counted as late.

    While the database is away there are no turns (StoreAway): what they would be for could not be kept either. A hold
    that it can't be told of is told to it before the next turn is asked for.
    """

    def __init__(
        self,
        store: Store,
        provider: str,
        table: Mapping[str, Budget],
        *,
        default: Budget = UNLIMITED,
        lease: timedelta = _LEASE,
        minute: timedelta = MINUTE,
        items_max: int = 10_000,
        clock: Clock | None = None,
    ) -> None:
        self._store = store
        self._provider = provider
        self._table = table
        self._default = default
        self._lease = lease
        self._late = lease * _LATE_LEASES
        self._minute = minute
        self._items_max = items_max
        self._clock = clock or SystemClock()
        self._leased: OrderedDict[tuple[str, str], Leased] = OrderedDict()
        """By (operation, item), the latest used last. One that is forgotten is asked for anew."""
        self._unwritten: dict[tuple[str, str], timedelta] = {}
        """Holds that the database has not got yet: (operation, item) → until."""
        self._writing = asyncio.Lock()
        self._desks: dict[str, Desk] = {}
        """By operation."""

    async def book(self, operation: str, item: str | None, wait_max: timedelta) -> timedelta:
        if self._unwritten and not self._writing.locked():
            await self._write_holds()
        buckets = self._buckets(operation, item)
        wait = self._from_hand(buckets, wait_max)
        while wait is None:
            now = self._clock.monotonic()
            start, lacking = earliest(buckets, now)
            asked = await self._ask(operation, Question(buckets, wait_max, start if lacking else None))
            wait = self._from_hand(buckets, wait_max, asked=asked)
        return wait

    async def hold(self, operation: str, item: str | None, pause: timedelta) -> None:
        until = self._clock.monotonic() + pause
        whose = self._budget(operation).told(item)
        bucket = next(each for each in self._buckets(operation, item) if each.item == whose)
        bucket.hold(until)
        key = (operation, whose)
        self._unwritten[key] = max(until, self._unwritten.get(key, until))
        try:
            await self._write_holds()
        except StoreError as error:
            _LOG.warning("%s: the others can't be told yet to stay away: %s", self._provider, error)

    async def held(self, operation: str, item: str | None) -> timedelta:
        buckets = self._buckets(operation, item)
        if not self._fresh(buckets):
            await self._ask(operation, Question(buckets, _NOTHING))
        now = self._clock.monotonic()
        return max(now, *(bucket.held_until for bucket in buckets)) - now

    def _from_hand(
        self, buckets: Sequence[Leased], wait_max: timedelta, *, asked: bool = False
    ) -> timedelta | None:
        """Take a turn of each that is leased already, and say how far off it is; further than `wait_max`, take none.

        None: the database is to be asked, for turns or, unless that was done just now, for news of holds.
        """
        now = self._clock.monotonic()
        start, lacking = earliest(buckets, now)
        if start - now <= wait_max:
            if lacking or not (asked or start > now or self._fresh(buckets)):
                return None
            for bucket in buckets:
                bucket.take(start)
        return start - now

    async def _ask(self, operation: str, question: Question) -> bool:
        """Have it asked: one at a time asks, for all who wait by then. Returns whether it was answered; raises StoreError
        where it couldn't be."""
        desk = self._desks.setdefault(operation, Desk())
        desk.enter(question)
        try:
            async with desk.turnstile:
                if desk.waits(question):
                    await self._ask_together(operation, desk.take(question, self._lease))
        finally:
            desk.leave(question)
        if question.failed is not None:
            raise type(question.failed)(*question.failed.args)
        return question.answered

    async def _ask_together(self, operation: str, questions: Sequence[Question]) -> None:
        """The same answer, or the same failure, for all of them."""
        try:
            await self._ask_for_all(operation, questions)
        except StoreError as error:
            for question in questions:
                question.failed = error

    async def _ask_for_all(self, operation: str, questions: Sequence[Question]) -> None:
        """One statement: turns of what they lack, and whether any of their buckets is held."""
        asked = needs(questions)
        wait_max = max(question.wait_max for question in questions)
        async with self._store.engine() as tx:
            sent = self._clock.monotonic()
            granted = await rows.book(
                tx,
                self._provider,
                operation,
                [need.wish(sent, self._lease) for need in asked.values()],
                wait_max=wait_max,
                spread=self._lease,
            )
            received = self._clock.monotonic()
        for row in granted:
            asked[row.item].bucket.learn(row, sent, received, self._late)
        for question in questions:
            question.answered = True

    async def _write_holds(self) -> None:
        """Return when the database has every hold there was: one at a time writes, all that there are by then."""
        async with self._writing:
            written = dict(self._unwritten)
            if not written:
                return
            async with self._store.engine() as tx:
                now = self._clock.monotonic()
                holds = [self._hold(key, until - now) for key, until in written.items()]
                await rows.hold(tx, self._provider, holds)
            for key, until in written.items():
                if self._unwritten.get(key) == until:
                    del self._unwritten[key]

    def _hold(self, key: tuple[str, str], pause: timedelta) -> Hold:
        pace = self._pace(*key)
        return Hold(*key, max(pause, _NOTHING), pace.tolerance if pace else None)

    def _fresh(self, buckets: Sequence[Leased]) -> bool:
        """Whether what is known of holds is no older than a lease."""
        oldest = self._clock.monotonic() - self._lease
        return all(bucket.known_at is not None and bucket.known_at >= oldest for bucket in buckets)

    def _buckets(self, operation: str, item: str | None) -> list[Leased]:
        """What a call for `item` has to heed, everybody's first: so do all that wait for several."""
        budget = self._budget(operation)
        whose = [EVERYBODY, *(each for each in [budget.told(item)] if each != EVERYBODY)]
        return [self._bucket(operation, each) for each in whose]

    def _bucket(self, operation: str, whose: str) -> Leased:
        key = (operation, whose)
        bucket = self._leased.get(key)
        if bucket is None:
            bucket = self._leased[key] = Leased(whose, self._pace(operation, whose))
            if len(self._leased) > self._items_max:
                self._leased.popitem(last=False)
        self._leased.move_to_end(key)
        return bucket

    def _budget(self, operation: str) -> Budget:
        return self._table.get(operation, self._default)

    def _pace(self, operation: str, item: str) -> Pace | None:
        limit = self._budget(operation).limits(item or None).get(item)
        spare = self._lease * (_LATE_LEASES + _SPARE_LEASES)
        return None if limit is None else Pace.of(limit, self._minute + spare)


def _left(row: InUse, declared: Mapping[str, Mapping[str, Budget]]) -> BudgetLeft:
    budget = declared.get(row.provider, {}).get(row.operation, UNLIMITED)
    limit = budget.limits(row.item or None).get(row.item)
    turns = None
    if limit is not None:
        pace = Pace.of(limit)
        ahead = MINUTE + pace.tolerance - (row.full_in or _NOTHING)
        turns = min(limit, max(0, -(-ahead // pace.interval)))
    return BudgetLeft(row.provider, row.operation, row.item, limit, turns, row.held_until)
