"""The audit trail: who changed what, in a chain that shows any later change."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final
from uuid import UUID

import msgspec

from caudal.hub.installation import Installation
from caudal.observe import security
from caudal.store import secrets
from caudal.store.database import Transaction
from caudal.store.secrets import AuditEntry
from caudal.store.spaces import Space
from caudal.vault.audit import GENESIS, entry_mac

_BATCH: Final = 1_000
_LOOKED_THROUGH: Final = 20_000
_DAILY: Final = ("transaction.", "credential.")
"""Acts that are the ledger's, or a token's, every day's work: no matter of who may do what."""


async def record(
    tx: Transaction, audit_key: bytes, space_id: UUID, *, actor: str, act: str, details: Mapping[str, str]
) -> None:
    """Append an entry, in the transaction of what it tells of. `details` holds ids and counts, never secrets."""
    end = await secrets.end_of_audit(tx, space_id)
    seq, prev = (end[0] + 1, end[1]) if end else (1, GENESIS)
    at = datetime.now(UTC)
    mac = entry_mac(
        audit_key, prev=prev, space_id=space_id, seq=seq, at=at, actor=actor, act=act, details=details
    )
    await secrets.insert_audit_entry(
        tx, space_id, AuditEntry(seq, at, actor, act, dict(details), prev=prev, mac=mac)
    )
    if not act.startswith(_DAILY):
        tx.afterwards(partial(security.happened, act, actor=actor, space=str(space_id), entry=str(seq)))


async def note(
    tx: Transaction, installation: Installation, space: Space, act: str, details: Mapping[str, str]
) -> None:
    """Append an entry by who is at work in the space."""
    key = installation.keyring.audit_key
    await record(tx, key, space.space_id, actor=space.actor, act=act, details=details)


async def entries(installation: Installation, space: Space, after: int, limit: int) -> list[AuditEntry]:
    """The entries after number `after`, in order."""
    async with installation.store.transaction(space.space_id) as tx:
        return await secrets.audit_entries(tx, space.space_id, after, limit)


class Trail(msgspec.Struct, frozen=True):
    """Entries, the latest first. `upto`: the number to go on from, None where the trail begins."""

    entries: Sequence[AuditEntry]
    upto: int | None


async def latest(
    installation: Installation, space: Space, limit: int, *, upto: int | None, kind: str = "", actor: str = ""
) -> Trail:
    """The latest entries, up to number `upto`, of a kind (what their act begins with) and by somebody. What is rare is
    looked for in so many entries at a time: then there are fewer, and where to go on."""
    async with installation.store.transaction(space.space_id) as tx:
        last = await secrets.end_of_trail(tx, space.space_id)
        last = last if upto is None else min(upto, last)
        found = await secrets.latest_audit_entries(
            tx, space.space_id, last, _LOOKED_THROUGH, limit, kind=kind, actor=actor
        )
    left = found[-1].seq - 1 if len(found) == limit else last - _LOOKED_THROUGH
    return Trail(found, left if left > 0 else None)


async def first_broken(installation: Installation, space_id: UUID) -> int | None:
    """The number of the first entry that is missing or was changed; None where the whole chain holds.

    A cut-off end can't be seen from the chain alone.
    """
    after, prev = 0, GENESIS
    async with installation.store.transaction(space_id) as tx:
        while entries := await secrets.audit_entries(tx, space_id, after, _BATCH):
            for entry in entries:
                mac = entry_mac(
                    installation.keyring.audit_key,
                    prev=prev,
                    space_id=space_id,
                    seq=entry.seq,
                    at=entry.at,
                    actor=entry.actor,
                    act=entry.act,
                    details=entry.details,
                )
                if entry.seq != after + 1 or entry.prev != prev or entry.mac != mac:
                    return after + 1
                after, prev = entry.seq, entry.mac
    return None
