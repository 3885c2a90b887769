"""What webhooks lead to. They are hints: nearly all they do is to have a connection pulled, soon.

Each is worked off in the transaction that says so, or not at all; again, it changes nothing. One that fails is tried
again, later each time, then it is dead: shown, and replayed when somebody says so. It never holds up another.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from caudal.hub.installation import Installation
from caudal.hub.webhooks import meaning
from caudal.hub.webhooks.meaning import Plan
from caudal.model.errors import CaudalError, NotFound, StoreAway, StoreError
from caudal.providers.base import LiveProvider, Signal
from caudal.providers.http import redact
from caudal.store import inbox, jobs
from caudal.store.inbox import Kept, Settled
from caudal.store.jobs import SyncWork, Watched
from caudal.sync import feeding
from caudal.vault.rows import WEBHOOKS, RowSeal

LiveOf = Callable[[str], LiveProvider | None]
"""The provider of that name; None where it isn't set up."""

_DOUBLINGS_MAX: Final = 12
_SYNCS: Final = "sync"
"""The queue of the jobs that `enqueue_syncs` makes."""


class _Read(msgspec.Struct, frozen=True):
    """A webhook, and what it says, or why that can't be told."""

    kept: Kept
    signals: Sequence[Signal] = ()
    error: str = ""


class _Worked(msgspec.Struct, frozen=True):
    """A webhook, what became of it, and the syncs it leads to."""

    kept: Kept
    settled: Settled
    syncs: Sequence[SyncWork] = ()


async def work_off(installation: Installation, live_of: LiveOf, limit: int) -> int:
    """Work off webhooks that are due, `limit` at most, and queue the job for what is left. Returns how many were tried.

    Raises StoreAway where the database is.
    """
    return await _Work(installation, live_of).through(limit)


class _Work:
    def __init__(self, installation: Installation, live_of: LiveOf) -> None:
        self._installation = installation
        self._store = installation.store
        self._bounds = installation.settings.inbox
        self._live_of = live_of
        self._seal = RowSeal(installation.keyring, WEBHOOKS)

    async def through(self, limit: int) -> int:
        tried, more = 0, True
        while more and tried < limit:
            size = min(self._bounds.batch_max, limit - tried)
            count = await self._batch(size)
            tried += count
            more = count == size
        async with self._store.engine() as tx:
            await inbox.queue_rest(tx)
        if more:
            await jobs.announce(self._store, [inbox.QUEUE])
        return tried

    async def _batch(self, size: int) -> int:
        async with self._store.engine() as tx:
            due = [self._read(kept) for kept in await inbox.due(tx, size)]
            watched = {
                provider: await jobs.connections_of(tx, provider, sorted(references))
                for provider, references in _references(due).items()
            }
        by_reference = _by_reference(watched)
        worked = [await self._worked(read, by_reference) for read in due]
        rest = [each for each in worked if each is not None]
        try:
            await self._settle(rest)
        except StoreAway:
            raise
        except StoreError:
            for each in rest:
                await self._settle_alone(each)
        if any(each.syncs for each in rest):
            await jobs.announce(self._store, [_SYNCS])
        return len(due)

    def _read(self, kept: Kept) -> _Read:
        try:
            body = self._seal.unseal(kept.wrapping_key, kept.key, kept.sealed)
            return _Read(kept, self._live(kept.provider).signals_of(body))
        except Exception as error:  # noqa: BLE001  a bug met in one webhook must not keep the others
            return _Read(kept, error=_words(error))

    def _live(self, provider: str) -> LiveProvider:
        live = self._live_of(provider)
        if live is None:
            raise NotFound(f"{provider} isn't set up here any more")
        return live

    async def _worked(
        self, read: _Read, watched: Mapping[tuple[str, str], Sequence[Watched]]
    ) -> _Worked | None:
        """What became of one; None where that is written down already."""
        if read.error:
            return self._failed(read.kept, read.error)
        plan = meaning.plan(read.signals, read.kept, watched)
        settled = Settled(inbox_id=read.kept.inbox_id, state="done", outcome=plan.outcome)
        if not plan.changes:
            return _Worked(read.kept, settled, plan.syncs)
        try:
            await self._change(plan, settled)
        except Exception as error:  # noqa: BLE001  as above
            return self._failed(read.kept, _words(error))
        return None

    async def _change(self, plan: Plan, settled: Settled) -> None:
        """Make the plan's changes, each in its own space; with the last of them the webhook is done."""
        for change in plan.changes:
            space_id, connection_id = change.connection.space_id, change.connection.connection_id
            async with feeding.across(self._store, space_id, connection_id, engine=True) as (tx, where):
                if not await inbox.hold(tx, [settled.inbox_id]):
                    return  # another worker has it
                told = await meaning.make(tx, self._installation, change, where.fed)
                if change is plan.changes[-1]:
                    await jobs.enqueue_syncs(tx, plan.syncs)
                    await inbox.settle(tx, [settled])
                await feeding.tell(tx, space_id, connection_id, where.fed, told)
        if plan.syncs:
            await jobs.announce(self._store, [_SYNCS])

    def _failed(self, kept: Kept, error: str) -> _Worked:
        tries = kept.attempts + 1
        dead = tries >= self._bounds.attempts_max
        seconds = self._bounds.retry_seconds_first << min(kept.attempts, _DOUBLINGS_MAX)
        settled = Settled(
            inbox_id=kept.inbox_id,
            state="dead" if dead else "new",
            error=error,
            seconds=0 if dead else seconds,
        )
        return _Worked(kept, settled)

    async def _settle_alone(self, worked: _Worked) -> None:
        """One of those that failed together; if it is the one that made them fail, that is written down."""
        try:
            await self._settle([worked])
        except StoreAway:
            raise
        except StoreError as error:
            await self._settle([self._failed(worked.kept, _words(error))])

    async def _settle(self, worked: Sequence[_Worked]) -> None:
        if not worked:
            return
        async with self._store.engine() as tx:
            held = await inbox.hold(tx, [each.kept.inbox_id for each in worked])
            ours = [each for each in worked if each.kept.inbox_id in held]
            await jobs.enqueue_syncs(tx, meaning.once_each(sync for each in ours for sync in each.syncs))
            await inbox.settle(tx, [each.settled for each in ours])


def _words(error: Exception) -> str:
    """Of our own errors what they say; of others no more than their name: they may quote what was told."""
    return redact(str(error)) if isinstance(error, CaudalError) else f"a bug of ours: {type(error).__name__}"


def _references(read: Sequence[_Read]) -> dict[str, set[str]]:
    """Provider → the connections of its that are spoken of."""
    spoken: dict[str, set[str]] = {}
    for each in read:
        spoken.setdefault(each.kept.provider, set()).update(meaning.references(each.signals))
    return {provider: references for provider, references in spoken.items() if references}


def _by_reference(watched: Mapping[str, Sequence[Watched]]) -> dict[tuple[str, str], list[Watched]]:
    named: dict[tuple[str, str], list[Watched]] = {}
    for connection in (each for connections in watched.values() for each in connections):
        named.setdefault((connection.provider, connection.reference), []).append(connection)
    return named
