"""Sealed credentials, the data keys they are sealed under, and the audit trail: bytes in, bytes out."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from caudal.model.data_key import DataKey
from caudal.store.database import Transaction, json_rows


class SealedCredential(msgspec.Struct, frozen=True):
    """A sealed secret, with the wrapped key that opens it."""

    sealed: bytes
    data_key_id: UUID
    connection_id: UUID
    wrapping_key: str
    wrapped: bytes

    @property
    def data_key(self) -> DataKey:
        """The key it is sealed under."""
        return DataKey(self.data_key_id, self.connection_id, self.wrapping_key, self.wrapped)


class SealedField(SealedCredential, frozen=True, kw_only=True):
    """A sealed secret, with the name of the field it is."""

    field: str


class AuditEntry(msgspec.Struct, frozen=True):
    """One entry of a space's audit trail."""

    seq: int
    at: datetime
    actor: str
    act: str
    details: dict[str, str]
    prev: bytes
    mac: bytes


class _InUse(msgspec.Struct, frozen=True):
    wrapping_key: str
    data_keys: int


class _End(msgspec.Struct, frozen=True):
    seq: int
    mac: bytes


async def latest_data_key(tx: Transaction, space_id: UUID, connection_id: UUID) -> DataKey | None:
    """The data key new secrets of this connection go under, None before the first."""
    return await tx.first("latest_data_key", DataKey, space_id=space_id, connection_id=connection_id)


async def insert_data_key(tx: Transaction, space_id: UUID, key: DataKey) -> None:
    """A connection's new data key."""
    await tx.run("insert_data_key", space_id=space_id, **msgspec.structs.asdict(key))


async def put_credential(tx: Transaction, space_id: UUID, field: str, key: DataKey, sealed: bytes) -> None:
    """A sealed secret, in place of the one before."""
    await tx.run(
        "upsert_credential",
        space_id=space_id,
        connection_id=key.connection_id,
        field=field,
        data_key_id=key.data_key_id,
        sealed=sealed,
    )


async def credential(
    tx: Transaction, space_id: UUID, connection_id: UUID, field: str
) -> SealedCredential | None:
    """The connection's sealed `field`, None where it holds none."""
    return await tx.first(
        "read_credential", SealedCredential, space_id=space_id, connection_id=connection_id, field=field
    )


async def credentials(tx: Transaction, space_id: UUID, connection_id: UUID) -> list[SealedField]:
    """Every sealed secret of the connection."""
    return await tx.all("read_credentials", SealedField, space_id=space_id, connection_id=connection_id)


async def hold(tx: Transaction, connection_id: UUID, seconds_max: int) -> None:
    """Nobody else renews the connection's secrets until the transaction ends, which may be silent for so long while the
    provider is asked. To be called before they are read."""
    await tx.run("hold_credentials", connection_id=connection_id, silent=f"{seconds_max}s")


async def shred(tx: Transaction, space_id: UUID, connection_id: UUID) -> None:
    """Take away the connection's secrets and the keys that opened them, for good."""
    await tx.run("delete_credentials", space_id=space_id, connection_id=connection_id)
    await tx.run("delete_data_keys", space_id=space_id, connection_id=connection_id)


async def data_keys_to_rewrap(
    tx: Transaction, space_id: UUID, wrapping_key: str, limit: int
) -> list[DataKey]:
    """Data keys under another wrapping key than this one, locked until the transaction ends."""
    return await tx.all(
        "data_keys_to_rewrap", DataKey, space_id=space_id, wrapping_key=wrapping_key, limit=limit
    )


async def rewrap_data_keys(
    tx: Transaction, space_id: UUID, wrapping_key: str, keys: Sequence[DataKey]
) -> None:
    """The same data keys, wrapped anew."""
    await tx.run(
        "rewrap_data_keys",
        space_id=space_id,
        wrapping_key=wrapping_key,
        ids=[key.data_key_id for key in keys],
        wrapped=[key.wrapped for key in keys],
    )


async def wrapping_keys_in_use(tx: Transaction, space_id: UUID) -> dict[str, int]:
    """Wrapping key id → how many of the space's data keys it wraps."""
    rows = await tx.all("wrapping_keys_in_use", _InUse, space_id=space_id)
    return {row.wrapping_key: row.data_keys for row in rows}


async def end_of_audit(tx: Transaction, space_id: UUID) -> tuple[int, bytes] | None:
    """(number, MAC) of the last entry; other appenders wait until the transaction ends."""
    await tx.run("lock_audit", space_id=space_id)
    end = await tx.first("last_audit_entry", _End, space_id=space_id)
    return (end.seq, end.mac) if end else None


async def insert_audit_entry(tx: Transaction, space_id: UUID, entry: AuditEntry) -> None:
    """One more entry."""
    fields = msgspec.structs.asdict(entry)
    fields["details"] = json_rows([dict(entry.details)])[1:-1]
    await tx.run("insert_audit_entry", space_id=space_id, **fields)


async def end_of_trail(tx: Transaction, space_id: UUID) -> int:
    """The number of the latest entry, 0 where there is none. Another may be on its way."""
    row = await tx.first("last_audit_entry", _End, space_id=space_id)
    return row.seq if row else 0


async def latest_audit_entries(
    tx: Transaction, space_id: UUID, upto: int, look: int, limit: int, *, kind: str, actor: str
) -> list[AuditEntry]:
    """At most `limit` entries, the latest first, among the `look` that end with number `upto`: whose act begins with
    `kind`, by `actor`; "" is any."""
    return await tx.all(
        "latest_audit_entries",
        AuditEntry,
        space_id=space_id,
        upto=upto,
        look=look,
        limit=limit,
        kind=kind,
        actor=actor,
    )


async def audit_entries(tx: Transaction, space_id: UUID, after: int, limit: int) -> list[AuditEntry]:
    """The entries after number `after`, in order."""
    return await tx.all("audit_entries", AuditEntry, space_id=space_id, after=after, limit=limit)
