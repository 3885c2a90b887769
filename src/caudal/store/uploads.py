"""Files that wait to be taken in: sealed, of whoever sent them, not for long."""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from caudal.store.database import Transaction


class WaitingRow(msgspec.Struct, frozen=True):
    """A file that waits. `size`: how large in bytes it is; `account`: whose it is, as its sender named it."""

    upload_id: UUID
    name: str
    account: str
    size: int
    made_at: datetime


class SealedUpload(msgspec.Struct, frozen=True):
    """What is in it, sealed under `wrapping_key`."""

    name: str
    account: str
    wrapping_key: str
    sealed: bytes


class NewUpload(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is to wait."""

    space_id: UUID
    upload_id: UUID
    made_by: str
    name: str
    account: str
    size: int
    wrapping_key: str
    sealed: bytes

    def __repr__(self) -> str:
        return f"NewUpload({self.upload_id})"


class Weight(msgspec.Struct, frozen=True):
    """How many wait in a space, and how large they are together."""

    files: int
    size: int


async def weight(tx: Transaction, space_id: UUID, lasts: timedelta) -> Weight:
    """What waits in a space; nobody else adds to it until the transaction ends."""
    await tx.run("lock_uploads", space_id=space_id)
    (found,) = await tx.all("uploads_weight", Weight, space_id=space_id, lasts=lasts)
    return found


async def add(tx: Transaction, upload: NewUpload) -> None:
    """One more."""
    await tx.run("insert_upload", **msgspec.structs.asdict(upload))


async def of(tx: Transaction, space_id: UUID, made_by: str, lasts: timedelta) -> list[WaitingRow]:
    """Those of one sender, the oldest first."""
    return await tx.all("uploads", WaitingRow, space_id=space_id, made_by=made_by, lasts=lasts)


async def one(
    tx: Transaction, space_id: UUID, made_by: str, upload_id: UUID, lasts: timedelta
) -> SealedUpload | None:
    """One of them, whole."""
    of = {"space_id": space_id, "made_by": made_by, "upload_id": upload_id}
    return await tx.first("upload", SealedUpload, **of, lasts=lasts)


async def drop(tx: Transaction, space_id: UUID, made_by: str, upload_id: UUID) -> bool:
    """It waits no more. False where it didn't."""
    return bool(await tx.run("drop_upload", space_id=space_id, made_by=made_by, upload_id=upload_id))


async def tidy(tx: Transaction, lasts: timedelta) -> None:
    """Forget those that waited too long."""
    await tx.run("drop_uploads", lasts=lasts)
