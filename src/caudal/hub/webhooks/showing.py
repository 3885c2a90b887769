"""The inbox for a person: what came, what it led to, and to have it worked off once more."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from caudal.hub.installation import Installation
from caudal.model.errors import CaudalError, NotFound
from caudal.providers.http import redact
from caudal.store import inbox
from caudal.store.inbox import Shown, ShownSealed, State
from caudal.vault.rows import WEBHOOKS, RowSeal

_BATCH: Final = 1_000
_RESEAL_BATCH: Final = 100


class Webhook(Shown, frozen=True):
    """A webhook with what it said, tokens taken out."""

    body: str


async def listed(
    installation: Installation, state: State | None = None, provider: str | None = None, limit: int = 100
) -> list[Shown]:
    """The inbox, the latest first."""
    async with installation.store.engine() as tx:
        return await inbox.listed(tx, state, provider, limit)


async def show(installation: Installation, inbox_id: UUID) -> Webhook:
    """One webhook. Raises NotFound."""
    async with installation.store.engine() as tx:
        kept = await inbox.find(tx, inbox_id)
    if kept is None:
        raise NotFound(
            f"no webhook {inbox_id} in the inbox (`caudal webhooks list` shows those that are there)"
        )
    shared = {field: getattr(kept, field) for field in Shown.__struct_fields__}
    return Webhook(**shared, body=_body(installation, kept))


def _body(installation: Installation, kept: ShownSealed) -> str:
    seal = RowSeal(installation.keyring, WEBHOOKS)
    try:
        body = seal.unseal(kept.wrapping_key, (kept.provider, kept.event_key), kept.sealed)
    except CaudalError as error:
        return f"({error})"
    return redact(body.decode(errors="replace"))


async def replay(installation: Installation, ids: Sequence[UUID] | None) -> list[UUID]:
    """Have these webhooks worked off again, or all that are dead. Raises NotFound naming those that aren't there; then
    nothing is done."""
    async with installation.store.engine() as tx:
        again = await inbox.replay(tx, ids)
        if missing := set(ids or ()) - set(again):
            raise NotFound(f"not in the inbox: {', '.join(sorted(map(str, missing)))}; nothing is replayed")
    return again


async def forget(installation: Installation) -> int:
    """Delete what was done longer ago than it is to be kept. Returns how many."""
    total, last = 0, _BATCH
    while last == _BATCH:
        async with installation.store.engine() as tx:
            last = await inbox.forget(tx, installation.settings.inbox.kept_days, _BATCH)
        total += last
    return total


async def reseal(installation: Installation) -> int:
    """Bring every webhook under the keyring's primary key, batch by batch. Returns how many were."""
    done = 0
    while batch := await _reseal_batch(installation):
        done += batch
    return done


async def _reseal_batch(installation: Installation) -> int:
    seal = RowSeal(installation.keyring, WEBHOOKS)
    async with installation.store.engine() as tx:
        kept = await inbox.to_reseal(tx, seal.wrapping_key, _RESEAL_BATCH)
        bodies = [seal.unseal(each.wrapping_key, each.key, each.sealed) for each in kept]
        sealed = [seal.seal(each.key, body) for each, body in zip(kept, bodies, strict=True)]
        if kept:
            await inbox.reseal(tx, seal.wrapping_key, [each.inbox_id for each in kept], sealed)
        return len(kept)
