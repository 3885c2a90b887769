"""The webhook inbox: kept before it is answered, worked off once, shown and replayed.

All of it as the engine. Bodies come sealed and stay so here.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

import msgspec

from caudal.store import jobs
from caudal.store.database import Store, Transaction, json_rows
from caudal.store.jobs import Priority, Work

QUEUE: Final = "inbox"

State = Literal["new", "done", "dead"]


class Letter(msgspec.Struct, frozen=True):
    """A webhook to be kept."""

    provider: str
    event_key: str
    received_at: datetime
    wrapping_key: str
    sealed: bytes

    @property
    def key(self) -> tuple[str, str]:
        """What it is unique by."""
        return self.provider, self.event_key


class Kept(Letter, frozen=True, kw_only=True):
    """A webhook that is to be worked off. `attempts`: how often that was tried."""

    inbox_id: UUID
    attempts: int


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one. `outcome`: what it led to; `error`: why it failed; `seconds`: when it is tried again."""

    inbox_id: UUID
    state: State
    outcome: str = ""
    error: str = ""
    seconds: int = 0


class Shown(msgspec.Struct, frozen=True):
    """A webhook as a person sees it."""

    inbox_id: UUID
    provider: str
    received_at: datetime
    state: State
    attempts: int
    outcome: str
    error: str
    done_at: datetime | None


class ShownSealed(Shown, frozen=True):
    """The same, with its body as it is kept."""

    event_key: str
    wrapping_key: str
    sealed: bytes


class _Id(msgspec.Struct, frozen=True):
    inbox_id: UUID


class _Key(msgspec.Struct, frozen=True):
    provider: str
    event_key: str


class _Queue(msgspec.Struct, frozen=True):
    name: str


class _Next(msgspec.Struct, frozen=True):
    seconds: int


class _InUse(msgspec.Struct, frozen=True):
    wrapping_key: str
    webhooks: int


async def keep(store: Store, letters: Sequence[Letter]) -> set[tuple[str, str]]:
    """Keep webhooks, and queue that they are worked off. Returns the keys of those that weren't there already.

    One statement, for all that is waited for here is the way to the database and back: the process has its hands full
    meanwhile, and looks for an answer only now and then.
    """
    letters = sorted(letters, key=lambda letter: letter.key)
    new = await store.at_once(
        "keep_webhooks",
        _Key,
        providers=[letter.provider for letter in letters],
        event_keys=[letter.event_key for letter in letters],
        received=[letter.received_at for letter in letters],
        wrapping_keys=[letter.wrapping_key for letter in letters],
        sealed=[letter.sealed for letter in letters],
        queue=QUEUE,
        priority=int(Priority.INBOX),
    )
    return {(row.provider, row.event_key) for row in new}


async def announce(store: Store) -> None:
    """Wake the workers, as `jobs.announce` does, by one statement too."""
    await store.at_once("announce", _Queue, queues=[QUEUE])


async def queue(tx: Transaction, seconds: int = 0) -> None:
    """Queue the job that works the inbox off. The last thing in its transaction: until the commit no worker can take
    the one that is queued already, and so it can't miss what is written here."""
    work = Work(QUEUE, QUEUE, Priority.INBOX, queueing_lock=QUEUE, seconds=seconds)
    await jobs.enqueue(tx, [work])


async def queue_rest(tx: Transaction) -> None:
    """Queue that job for when the next webhook is due, where any is left."""
    following = await tx.first("next_webhook", _Next)
    if following is not None:
        await queue(tx, following.seconds)


async def due(tx: Transaction, limit: int) -> list[Kept]:
    """The webhooks to be worked off now, in the order in which they came."""
    return await tx.all("due_webhooks", Kept, limit=limit)


async def since(tx: Transaction, provider: str, received: datetime, limit: int) -> list[Kept]:
    """A provider's webhooks received since then, worked off or not, the latest first."""
    return await tx.all("webhooks_since", Kept, provider=provider, received=received, limit=limit)


async def hold(tx: Transaction, ids: Sequence[UUID]) -> set[UUID]:
    """Hold, until the transaction ends, those of them that nobody else has worked off or holds."""
    return {row.inbox_id for row in await tx.all("hold_webhooks", _Id, ids=list(ids))}


async def settle(tx: Transaction, settled: Sequence[Settled]) -> None:
    """Write down what became of webhooks that are held."""
    await tx.run("settle_webhooks", rows=json_rows([msgspec.to_builtins(each) for each in settled]))


async def note_need(
    tx: Transaction, space_id: UUID, connection_id: UUID, *, reason: str, action: str, by: datetime
) -> bool:
    """Note on a connection that works why it will need its person. False where that was noted, or it has ended."""
    where = {"space_id": space_id, "connection_id": connection_id}
    return await tx.run("note_need", **where, reason=reason, action=action, by=by) > 0


async def end_account(tx: Transaction, space_id: UUID, connection_id: UUID, reference: str) -> bool:
    """An account is no longer shown by its connection. False where it was gone, or never seen."""
    where = {"space_id": space_id, "connection_id": connection_id}
    return await tx.run("mark_accounts_gone", **where, references=[reference]) > 0


async def listed(tx: Transaction, state: State | None, provider: str | None, limit: int) -> list[Shown]:
    """The inbox, the latest first."""
    return await tx.all("list_webhooks", Shown, state=state, provider=provider, limit=limit)


async def find(tx: Transaction, inbox_id: UUID) -> ShownSealed | None:
    """One webhook."""
    return await tx.first("find_webhook", ShownSealed, inbox_id=inbox_id)


async def replay(tx: Transaction, ids: Sequence[UUID] | None) -> list[UUID]:
    """Have these webhooks, or all dead ones, worked off again. Returns which."""
    again = await tx.all("replay_webhooks", _Id, ids=None if ids is None else list(ids))
    if again:
        await queue(tx)
    return [row.inbox_id for row in again]


async def forget(tx: Transaction, days: int, limit: int) -> int:
    """Delete webhooks that were done more than `days` ago, `limit` at most. Returns how many."""
    return await tx.run("forget_webhooks", days=days, limit=limit)


async def wrapping_keys_in_use(tx: Transaction) -> dict[str, int]:
    """Wrapping key id → how many webhooks are sealed under it."""
    rows = await tx.all("webhook_keys_in_use", _InUse)
    return {row.wrapping_key: row.webhooks for row in rows}


async def to_reseal(tx: Transaction, wrapping_key: str, limit: int) -> list[Kept]:
    """Webhooks sealed under another key than this one, held until the transaction ends."""
    return await tx.all("webhooks_to_reseal", Kept, wrapping_key=wrapping_key, limit=limit)


async def reseal(tx: Transaction, wrapping_key: str, ids: Sequence[UUID], sealed: Sequence[bytes]) -> None:
    """The same webhooks, sealed anew."""
    await tx.run("reseal_webhooks", wrapping_key=wrapping_key, ids=list(ids), sealed=list(sealed))
