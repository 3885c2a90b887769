"""Keys of programs: each of one space, with the scopes it was given, for a time."""

import ipaddress
from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec

from caudal.hub import audit
from caudal.hub.identity.roles import KEY_SCOPES, SCOPES, Caller, Role, Scope
from caudal.hub.installation import Installation
from caudal.model.errors import ConflictError, NotFound
from caudal.store import members
from caudal.store.members import KeyRow
from caudal.store.spaces import Space
from caudal.vault import tokens
from caudal.vault.tokens import ApiKey

DAYS_DEFAULT: Final = 90
DAYS_MAX: Final = 3_650
NETWORKS_MAX: Final = 20
ROLES: Final = frozenset({Role.MEMBER, Role.AGENT})


class Wish(msgspec.Struct, frozen=True):
    """A key that is asked for. `scopes` empty: all that its role may have. `networks`: from where alone it may be used
    (``203.0.113.0/24``); empty: from anywhere."""

    name: str
    role: Role = Role.MEMBER
    scopes: frozenset[Scope] = frozenset()
    networks: Sequence[str] = ()
    days: int = DAYS_DEFAULT


async def make(installation: Installation, space: Space, by: UUID, wish: Wish) -> ApiKey:
    """A new key; what is returned shows it, nothing ever does again. Raises ConflictError for what no key may have."""
    if wish.role not in ROLES:
        raise ConflictError("a key is a member's or an agent's")
    grantable = KEY_SCOPES & SCOPES[wish.role]
    if wish.scopes - grantable:
        refused = ", ".join(sorted(wish.scopes - grantable))
        raise ConflictError(f"no key in the role {wish.role} may have: {refused}")
    if len(wish.networks) > NETWORKS_MAX or not 1 <= wish.days <= DAYS_MAX:
        raise ConflictError(
            f"at most {NETWORKS_MAX} networks, and from 1 to {DAYS_MAX} days",
            says="key_bounds",
            networks=NETWORKS_MAX,
            days=DAYS_MAX,
        )
    for network in wish.networks:
        try:
            ipaddress.ip_network(network)
        except ValueError:
            raise ConflictError(
                "a network is an address, or a block such as 203.0.113.0/24", says="no_network"
            ) from None
    key = tokens.new_key()
    async with installation.store.transaction(space.space_id) as tx:
        await members.add_key(
            tx,
            space.space_id,
            (key.key_id, key.digest),
            name=wish.name,
            role=wish.role,
            scopes=sorted(wish.scopes or grantable),
            networks=wish.networks,
            made_by=by,
            lasts=timedelta(days=wish.days),
        )
        await audit.note(tx, installation, space, "key.made", {"key": key.key_id, "role": wish.role})
    return key


async def revoke(installation: Installation, space: Space, key_id: str) -> None:
    """It opens nothing from now on. Raises NotFound."""
    async with installation.store.transaction(space.space_id) as tx:
        if not await members.revoke_key(tx, space.space_id, key_id):
            raise NotFound("no key of this id that opens anything")
        await audit.note(tx, installation, space, "key.revoked", {"key": key_id})


async def listed(installation: Installation, space: Space) -> list[KeyRow]:
    """The space's keys; who made one is told by the door."""
    async with installation.store.door(space.space_id) as tx:
        return await members.keys(tx, space.space_id)


async def opened(installation: Installation, text: str, address: str) -> tuple[Space, Caller] | None:
    """The space that a key opens and who it is there; None where it opens nothing, or not from there. It may do no more
    than who made it may do now."""
    read = tokens.read_key(text)
    if read is None:
        return None
    key_id, digest = read
    async with installation.store.door() as tx:
        found = await members.key(tx, key_id)
    if found is None or not tokens.same(found.digest, digest) or not _from(address, found.networks):
        return None
    async with installation.store.transaction(found.space_id) as tx:
        await members.use_key(tx, found.space_id, key_id)
    role = Role(found.role)
    actor = f"key:{key_id}"
    scopes = (
        frozenset(Scope(each) for each in found.scopes)
        & KEY_SCOPES
        & SCOPES[role]
        & SCOPES[Role(found.maker)]
    )
    return Space(found.space_id, found.space, actor), Caller(actor, role, scopes)


def _from(address: str, networks: Sequence[str]) -> bool:
    if not networks:
        return True
    try:
        there = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(there in ipaddress.ip_network(network) for network in networks)
