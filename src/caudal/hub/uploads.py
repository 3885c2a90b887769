"""Files that wait while their sender looks at what taking them in would do: sealed, theirs alone, for an hour."""

from datetime import timedelta
from uuid import UUID

from caudal.hub import imports
from caudal.hub.imports import FileReport, Preview
from caudal.hub.installation import Installation
from caudal.model.errors import ConflictError, NotFound
from caudal.store import uploads as store
from caudal.store.ids import new_id
from caudal.store.spaces import Space
from caudal.store.uploads import NewUpload, WaitingRow
from caudal.vault.rows import UPLOADS, RowSeal


async def offered(
    installation: Installation, space: Space, sent: tuple[str, bytes], account: str | None
) -> tuple[UUID, Preview]:
    """Try a file (its name without a path, what is in it), and have it wait. Raises as `imports.import_file`, and
    ConflictError where too much waits already; then it doesn't."""
    preview = await imports.preview_sent(installation, space, sent, account=account)
    name, data = sent
    bounds, upload_id = installation.settings.file_bounds, new_id()
    seal = RowSeal(installation.keyring, UPLOADS)
    upload = NewUpload(
        space_id=space.space_id,
        upload_id=upload_id,
        made_by=space.actor,
        name=name,
        account=account or "",
        size=len(data),
        wrapping_key=seal.wrapping_key,
        sealed=seal.seal(_place(space, upload_id), data),
    )
    async with installation.store.transaction(space.space_id) as tx:
        there = await store.weight(tx, space.space_id, _lasts(installation))
        if there.files >= bounds.waiting_files_max or there.size + len(data) > bounds.waiting_bytes_max:
            raise ConflictError(
                "too many files wait already: take them in, or leave them, and send this again",
                says="files_waiting",
            )
        await store.add(tx, upload)
    return upload_id, preview


async def waiting(installation: Installation, space: Space) -> list[WaitingRow]:
    """The files of whoever is at work that wait in the space, the oldest first."""
    async with installation.store.transaction(space.space_id) as tx:
        return await store.of(tx, space.space_id, space.actor, _lasts(installation))


async def take(installation: Installation, space: Space, upload_id: UUID) -> tuple[str, FileReport]:
    """Take one in that waits: what it is called, and what that did. Raises NotFound for one that doesn't, or not for who
    is at work; else as `imports.import_file`, and then it still waits."""
    async with installation.store.transaction(space.space_id) as tx:
        found = await store.one(tx, space.space_id, space.actor, upload_id, _lasts(installation))
    if found is None:
        raise NotFound("no such file waits any more: send it again")
    seal = RowSeal(installation.keyring, UPLOADS)
    data = seal.unseal(found.wrapping_key, _place(space, upload_id), found.sealed)
    sent = (found.name, data)
    report = await imports.import_sent(installation, space, sent, account=found.account or None)
    await leave(installation, space, upload_id)
    return found.name, report


async def leave(installation: Installation, space: Space, upload_id: UUID) -> bool:
    """It waits no more, and nothing of it is kept. False where it didn't."""
    async with installation.store.transaction(space.space_id) as tx:
        return await store.drop(tx, space.space_id, space.actor, upload_id)


async def tidy(installation: Installation) -> None:
    """Forget what waited too long."""
    async with installation.store.door() as tx:
        await store.tidy(tx, _lasts(installation))


def _lasts(installation: Installation) -> timedelta:
    return timedelta(minutes=installation.settings.file_bounds.waiting_minutes)


def _place(space: Space, upload_id: UUID) -> tuple[str, ...]:
    return str(space.space_id), str(upload_id)
