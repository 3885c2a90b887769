"""What happened in a space, in order: written with the data it tells of, read by whoever follows.

Kinds: ``transactions.created | updated | settled | removed`` (``ids``, up to 500), ``transfers.linked | unlinked``
(``transfers``, up to 500: ``id``, ``out``, ``in``), ``balance.updated``,
``proof.broken | mended``, ``account.doubted`` (``may_be``: another account), ``account.rebooked`` (``from`` which,
and its ``source_accounts`` that came), ``connection.state | user_needed | paused | resumed``, ``run.finished``.
Data is thin: ids and figures, and of connections the reason and what to do; no texts of the bank.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

import msgspec

from caudal.store.database import Transaction, json_rows


class Event(msgspec.Struct, frozen=True):
    """One thing that happened. `seq` counts within the space, without gaps, in the order of commits; `data` is JSON."""

    seq: int
    at: datetime
    kind: str
    connection_id: UUID | None
    account_id: UUID | None
    data: str


class Told(msgspec.Struct, frozen=True):
    """An event that no statement notes by itself."""

    kind: str
    data: Mapping[str, str | int | bool | None]
    connection_id: UUID | None = None
    account_id: UUID | None = None


class _Seq(msgspec.Struct, frozen=True):
    seq: int


async def write(
    tx: Transaction, space_id: UUID, connection_id: UUID | None = None, told: Iterable[Told] = ()
) -> None:
    """Make events of what this transaction's statements noted, and of `told`; the days it changed are stale for searches.
    The last thing before the commit.

    `connection_id`: whose doing it was.
    """
    rows = [msgspec.to_builtins(each) for each in told]
    await tx.run("note_days", space_id=space_id)
    await tx.run("write_events", space_id=space_id, connection_id=connection_id, rows=json_rows(rows))


async def after(tx: Transaction, space_id: UUID, seq: int, limit: int) -> list[Event]:
    """The events after `seq`, at most `limit`, in their order."""
    return await tx.all("list_events", Event, space_id=space_id, after=seq, limit=limit)


async def last(tx: Transaction, space_id: UUID) -> int:
    """Where the events end; 0 where there are none."""
    row = await tx.first("last_event", _Seq, space_id=space_id)
    return row.seq if row else 0
