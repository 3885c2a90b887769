"""Making, inspecting and rotating the keyring."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import msgspec

from caudal.hub import audit, webhooks
from caudal.hub.identity import login
from caudal.hub.installation import Installation
from caudal.settings import Settings
from caudal.store import inbox, people, secrets, spaces
from caudal.vault import keyring, sealing

REWRAP_BATCH = 100


class KeyStatus(msgspec.Struct, frozen=True):
    """One wrapping key, without the key."""

    id: str
    created: datetime
    state: str
    primary: bool
    data_keys: int
    """Data keys it still wraps; webhooks, seeds and answers it still seals. A retired key with none can be taken off the
    keyring."""


def path(settings: Settings) -> Path:
    """Where the installation's keyring is, or would be."""
    return keyring.path_in(settings.home_path)


def init(settings: Settings) -> Path:
    """Make the keyring. Raises ConfigError where there is one."""
    keyring.create(path(settings))
    return path(settings)


async def status(installation: Installation) -> list[KeyStatus]:
    """The keys, and what hangs on each."""
    in_use = await _in_use(installation)
    keys = installation.keyring
    return [
        KeyStatus(key.id, key.created, key.state.value, key.id == keys.primary, in_use[key.id])
        for key in keys.keys
    ]


async def rotate(installation: Installation) -> int:
    """A fresh primary key, and every data key brought under it. Returns how many were."""
    fresh = installation.keyring.rotated(datetime.now(UTC))
    keyring.replace(path(installation.settings), fresh)
    return await rewrap(msgspec.structs.replace(installation, keyring=fresh))


async def rewrap(installation: Installation) -> int:
    """Bring every data key under the primary key, batch by batch; stopped anywhere, it goes on when called again."""
    done = 0
    for space in await spaces.list_spaces(installation.store):
        while batch := await _rewrap_batch(installation, space.space_id):
            done += batch
    await webhooks.reseal(installation)
    await login.reseal(installation)
    keyring.replace(
        path(installation.settings), installation.keyring.retired(frozenset(await _in_use(installation)))
    )
    return done


async def _rewrap_batch(installation: Installation, space_id: UUID) -> int:
    primary = installation.keyring.primary
    async with installation.store.transaction(space_id) as tx:
        keys = await secrets.data_keys_to_rewrap(tx, space_id, primary, REWRAP_BATCH)
        if keys:
            fresh = [sealing.rewrap(installation.keyring, key, space_id) for key in keys]
            await secrets.rewrap_data_keys(tx, space_id, primary, fresh)
            await audit.record(
                tx,
                installation.keyring.audit_key,
                space_id,
                actor="local",
                act="keys.rewrapped",
                details={"wrapping_key": primary, "data_keys": str(len(fresh))},
            )
        return len(keys)


async def _in_use(installation: Installation) -> Counter[str]:
    in_use: Counter[str] = Counter()
    for space in await spaces.list_spaces(installation.store):
        async with installation.store.transaction(space.space_id) as tx:
            in_use.update(await secrets.wrapping_keys_in_use(tx, space.space_id))
    async with installation.store.engine() as tx:
        in_use.update(await inbox.wrapping_keys_in_use(tx))
    async with installation.store.door() as tx:
        in_use.update(await people.sealing_keys_in_use(tx))
    return in_use
