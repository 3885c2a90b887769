"""Connections as a person refers to them, and what an adapter needs to act for one."""

from collections.abc import Sequence
from functools import partial
from uuid import UUID

from caudal.hub import credentials
from caudal.hub.installation import Installation
from caudal.model.errors import ConflictError, NotFound, Revoked
from caudal.providers.base import Access
from caudal.store import spaces
from caudal.store.spaces import LinkedConnection, Space


async def linked(installation: Installation, space: Space) -> list[LinkedConnection]:
    """Every connection of the space, the oldest first; the one that statement files come through among them."""
    async with installation.store.transaction(space.space_id) as tx:
        return await spaces.connections(tx, space.space_id)


async def find(installation: Installation, space: Space, text: str) -> LinkedConnection:
    """The live connection with this id, the beginning of it, or this label. Raises NotFound, ConflictError."""
    known = await linked(installation, space)
    there = [each for each in known if each.reference is not None]
    exact = [each for each in there if text in (each.label, str(each.connection_id))]
    fitting = exact or [each for each in there if len(text) >= 4 and str(each.connection_id).startswith(text)]
    for each in known if not fitting else ():
        if text in (each.label, str(each.connection_id)):
            _linked_here(each)
    if not fitting:
        labels = ", ".join(f"“{each.label}”" for each in there) or "none yet: `caudal link` makes one"
        raise NotFound(f"no connection {text!r} in space {space.name} (there are: {labels})")
    if len(fitting) > 1:
        raise ConflictError(f"several connections fit {text!r}: give its whole id or its label")
    return fitting[0]


async def read(installation: Installation, space: Space, connection_id: UUID) -> LinkedConnection:
    """The connection with this id, over or not. Raises NotFound."""
    async with installation.store.transaction(space.space_id) as tx:
        found = await spaces.connections(tx, space.space_id, connection_id)
    if not found:
        raise NotFound("no such connection in this space")
    return found[0]


async def by_id(installation: Installation, space: Space, connection_id: UUID) -> LinkedConnection:
    """The live connection with this id. Raises NotFound where there is none, or it has ended; ConflictError where it is
    linked in another space, and only feeds this one."""
    async with installation.store.transaction(space.space_id) as tx:
        found = await spaces.connections(tx, space.space_id, connection_id)
    for each in found:
        if each.state != "revoked":
            _linked_here(each)
            if each.reference is not None:
                return each
    raise NotFound(f"no live connection {connection_id} in this space")


def _linked_here(connection: LinkedConnection) -> None:
    if connection.home_space_id is not None:
        raise ConflictError(
            f"“{connection.label}” is linked in another space: it is managed there",
            says="linked_elsewhere",
            label=connection.label,
        )


async def wanted(installation: Installation, space: Space, names: Sequence[str]) -> list[LinkedConnection]:
    """The connections so named; without names every live one that isn't paused. Raises NotFound where there is
    none, ConflictError."""
    if names:
        return [await find(installation, space, name) for name in names]
    there = await linked(installation, space)
    live = [each for each in there if each.reference is not None and each.state != "revoked"]
    if live and all(each.paused_at is not None for each in live):
        raise ConflictError(
            f"every connection in space {space.name} is paused: `caudal resume` lets one go on"
        )
    live = [each for each in live if each.paused_at is None]
    if not live:
        raise NotFound(f"no connection in space {space.name} to sync: `caudal link` makes one")
    return live


async def access(installation: Installation, space: Space, connection: LinkedConnection) -> Access:
    """The connection, opened. Raises Revoked for one that has ended, SealError where its secrets don't open."""
    if connection.state == "revoked" or connection.reference is None:
        raise Revoked(
            f"“{connection.label}” has ended; link it again with `caudal link {connection.provider}`"
        )
    institution = connection.institution_reference
    return Access(
        connection=str(connection.connection_id),
        reference=connection.reference,
        institution=institution.partition(":")[2] if institution else None,
        secrets=await credentials.reveal_all(installation, space.space_id, connection.connection_id),
        renewing=partial(credentials.renew, installation, space.space_id, connection.connection_id),
    )
