"""A connection's secrets: sealed on the way in, opened on the way to the provider, in no other form anywhere."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from caudal.hub import audit
from caudal.hub.installation import Installation
from caudal.model.errors import NotFound
from caudal.providers.base import Renewal
from caudal.store import secrets
from caudal.store.database import Transaction
from caudal.store.ids import new_id
from caudal.vault import sealing

_SPARE_SECONDS: Final = 30
"""Beyond the longest call to a provider."""


async def keep(
    installation: Installation, space_id: UUID, connection_id: UUID, field: str, secret: bytes
) -> None:
    """Seal `secret` as the connection's `field`, in place of the one before."""
    async with installation.store.transaction(space_id) as tx:
        await seal_in(tx, installation, space_id, connection_id, {field: secret})


async def seal_in(
    tx: Transaction,
    installation: Installation,
    space_id: UUID,
    connection_id: UUID,
    fields: Mapping[str, bytes],
    *,
    actor: str = "local",
) -> None:
    """Seal each of `fields`, in the caller's transaction: kept together with what it belongs to, or not at all. `actor`:
    who is at work, as the audit trail calls them."""
    key = await secrets.latest_data_key(tx, space_id, connection_id)
    if key is None:
        key = sealing.new_data_key(installation.keyring, new_id(), space_id, connection_id)
        await secrets.insert_data_key(tx, space_id, key)
    for field, secret in sorted(fields.items()):
        sealed = sealing.seal(installation.keyring, key, space_id, field, secret)
        await secrets.put_credential(tx, space_id, field, key, sealed)
        await audit.record(
            tx,
            installation.keyring.audit_key,
            space_id,
            actor=actor,
            act="credential.kept",
            details={"connection": str(connection_id), "field": field},
        )


async def reveal(installation: Installation, space_id: UUID, connection_id: UUID, field: str) -> bytes:
    """The secret. Raises NotFound where there is none, SealError where it does not open."""
    async with installation.store.transaction(space_id) as tx:
        kept = await secrets.credential(tx, space_id, connection_id, field)
    if kept is None:
        raise NotFound(f"connection {connection_id} holds no {field}")
    return sealing.unseal(installation.keyring, kept.data_key, space_id, field, kept.sealed)


async def reveal_all(installation: Installation, space_id: UUID, connection_id: UUID) -> dict[str, bytes]:
    """Every secret of the connection, by field. Raises SealError where one does not open."""
    async with installation.store.transaction(space_id) as tx:
        kept = await secrets.credentials(tx, space_id, connection_id)
    return {each.field: _opened(installation, space_id, each) for each in kept}


async def renew(
    installation: Installation, space_id: UUID, connection_id: UUID, renewal: Renewal
) -> Mapping[str, bytes]:
    """Have the connection's secrets renewed, one at a time whoever asks: see `Access.renewed`. Raises what `renewal`
    raises, and then they stay as they were."""
    async with installation.store.transaction(space_id) as tx:
        await secrets.hold(tx, connection_id, installation.settings.http.total_seconds_max + _SPARE_SECONDS)
        kept = await secrets.credentials(tx, space_id, connection_id)
        before = {each.field: _opened(installation, space_id, each) for each in kept}
        others = await renewal(before)
        if others:
            await seal_in(tx, installation, space_id, connection_id, others)
    return {**before, **others}


def _opened(installation: Installation, space_id: UUID, kept: secrets.SealedField) -> bytes:
    return sealing.unseal(installation.keyring, kept.data_key, space_id, kept.field, kept.sealed)
