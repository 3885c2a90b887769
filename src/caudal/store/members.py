"""Who is in a space, who is invited, and the keys of its programs."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from caudal.store.database import Transaction


class Membership(msgspec.Struct, frozen=True):
    """A space somebody is in."""

    space_id: UUID
    name: str
    role: str


class MemberRow(msgspec.Struct, frozen=True):
    """Somebody in a space. `strong`: has a second factor."""

    person_id: UUID
    email: str
    name: str
    role: str
    joined_at: datetime
    strong: bool


class InvitationRow(msgspec.Struct, frozen=True):
    """An invitation that stands open."""

    invitation_id: UUID
    email: str
    role: str
    made_at: datetime
    expires_at: datetime
    invited_by: str


class OpenInvitation(msgspec.Struct, frozen=True):
    """What an invitation's token is for."""

    space_id: UUID
    invitation_id: UUID
    space: str
    email: str
    role: str
    invited_by: str


class KeyRow(msgspec.Struct, frozen=True):
    """A key, without what opens."""

    key_id: str
    name: str
    role: str
    scopes: list[str]
    networks: list[str]
    made_at: datetime
    expires_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None
    made_by: str


class GoodKey(msgspec.Struct, frozen=True):
    """A key that may be used by who knows what its digest is of. `maker`: the role of who made it, as of now."""

    space_id: UUID
    space: str
    digest: bytes
    role: str
    scopes: list[str]
    networks: list[str]
    maker: str

    def __repr__(self) -> str:
        return f"GoodKey({self.space_id})"


async def put(tx: Transaction, space_id: UUID, person_id: UUID, role: str) -> None:
    """In, or in another role."""
    await tx.run("insert_member", space_id=space_id, person_id=person_id, role=role)


async def membership(tx: Transaction, space_id: UUID, person_id: UUID) -> Membership | None:
    """Somebody's part in a space; None where they have none."""
    return await tx.first("membership", Membership, space_id=space_id, person_id=person_id)


async def memberships(tx: Transaction, person_id: UUID) -> list[Membership]:
    """The spaces somebody is in."""
    return await tx.all("memberships", Membership, person_id=person_id)


async def of(tx: Transaction, space_id: UUID) -> list[MemberRow]:
    """Who is in a space."""
    return await tx.all("members_of", MemberRow, space_id=space_id)


async def lock(tx: Transaction, space_id: UUID) -> None:
    """Until the end of the transaction nobody else changes who is in."""
    await tx.run("lock_members", space_id=space_id)


async def remove(tx: Transaction, space_id: UUID, person_id: UUID) -> bool:
    """Out. False: they weren't in."""
    return await tx.run("delete_member", space_id=space_id, person_id=person_id) == 1


async def invite(
    tx: Transaction,
    space_id: UUID,
    invitation_id: UUID,
    *,
    email: str,
    role: str,
    digest: bytes,
    invited_by: UUID,
    lasts: timedelta,
) -> None:
    """An invitation, in place of another to the same e-mail."""
    await tx.run(
        "insert_invitation",
        space_id=space_id,
        invitation_id=invitation_id,
        email=email,
        role=role,
        digest=digest,
        invited_by=invited_by,
        lasts=lasts,
    )


async def invitations(tx: Transaction, space_id: UUID) -> list[InvitationRow]:
    """Those that stand open."""
    return await tx.all("invitations_of", InvitationRow, space_id=space_id)


async def invitation(tx: Transaction, digest: bytes) -> OpenInvitation | None:
    """The one of this token."""
    return await tx.first("invitation_by", OpenInvitation, digest=digest)


async def accept(tx: Transaction, space_id: UUID, invitation_id: UUID) -> bool:
    """It is used. False: it isn't open any more."""
    return await tx.run("accept_invitation", space_id=space_id, invitation_id=invitation_id) == 1


async def withdraw(tx: Transaction, space_id: UUID, invitation_id: UUID) -> bool:
    """It is void. False: it isn't open."""
    return await tx.run("withdraw_invitation", space_id=space_id, invitation_id=invitation_id) == 1


async def add_key(
    tx: Transaction,
    space_id: UUID,
    key: tuple[str, bytes],
    *,
    name: str,
    role: str,
    scopes: Sequence[str],
    networks: Sequence[str],
    made_by: UUID,
    lasts: timedelta,
) -> None:
    """A key (its id, its digest)."""
    await tx.run(
        "insert_key",
        space_id=space_id,
        key_id=key[0],
        digest=key[1],
        name=name,
        role=role,
        scopes=list(scopes),
        networks=list(networks),
        made_by=made_by,
        lasts=lasts,
    )


async def key(tx: Transaction, key_id: str) -> GoodKey | None:
    """The key of this id, while it may be used."""
    return await tx.first("key_by_id", GoodKey, key_id=key_id)


async def use_key(tx: Transaction, space_id: UUID, key_id: str) -> None:
    """It was used."""
    await tx.run("use_key", space_id=space_id, key_id=key_id)


async def keys(tx: Transaction, space_id: UUID) -> list[KeyRow]:
    """A space's keys, the latest first."""
    return await tx.all("keys_of", KeyRow, space_id=space_id)


async def revoke_key(tx: Transaction, space_id: UUID, key_id: str) -> bool:
    """It opens nothing any more. False: there is none of this id that did."""
    return await tx.run("revoke_key", space_id=space_id, key_id=key_id) == 1
