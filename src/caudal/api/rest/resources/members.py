"""Who is in a space, who is invited, its programs' keys, and what was done in it."""

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from msgspec import Meta

from caudal.api.rest.endpoints import Endpoint, InSpace, Page, delete, get, patch, post
from caudal.api.rest.forms import Asked, Cursor, Email, Paged, Text, Told
from caudal.hub import audit
from caudal.hub.identity import keys, members
from caudal.hub.identity.keys import DAYS_DEFAULT, Wish
from caudal.hub.identity.roles import Role, Scope


class Member(Told, frozen=True):
    """Somebody in the space."""

    person_id: UUID
    email: str
    name: str
    role: Role
    joined_at: datetime
    second_factor: bool


class RoleChange(Asked, frozen=True):
    """Another role."""

    role: Role


class NewInvitation(Asked, frozen=True):
    """Somebody to be invited."""

    email: Email
    role: Role


class InvitationMade(Told, frozen=True):
    """An invitation. `token`: for the invited alone; shown once."""

    invitation_id: UUID
    token: str


class OpenInvitation(Told, frozen=True):
    """One that stands open."""

    invitation_id: UUID
    email: str
    role: Role
    invited_by: str
    made_at: datetime
    expires_at: datetime


class NewKey(Asked, frozen=True):
    """A key to be. `scopes` left out: all its role may have; `networks`: from where alone it may be used."""

    name: Text
    role: Role = Role.MEMBER
    scopes: frozenset[Scope] = frozenset()
    networks: Annotated[list[Annotated[str, Meta(max_length=50)]], Meta(max_length=20)] = msgspec.field(
        default_factory=list
    )
    days: Annotated[int, Meta(ge=1, le=3650)] = DAYS_DEFAULT


class KeyMade(Told, frozen=True):
    """A key. `key` is shown once."""

    key_id: str
    key: str


class Key(Told, frozen=True):
    """A key, without what opens."""

    key_id: str
    name: str
    role: Role
    scopes: list[str]
    networks: list[str]
    made_by: str
    made_at: datetime
    expires_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None


class AuditEntry(Told, frozen=True):
    """Something that was done. `actor`: `person:<id>`, `key:<id>`, or `local`: on the machine itself."""

    seq: int
    at: datetime
    actor: str
    act: str
    details: dict[str, str]


_ENTRY: Final = Cursor(int)


@get("/v1/spaces/{space_id}/members", Scope.MEMBERS_READ, tag="members")
async def list_members(call: InSpace) -> Page[Member]:
    """Who is in the space, the longest first."""
    return Page(
        [
            Member(each.person_id, each.email, each.name, Role(each.role), each.joined_at, each.strong)
            for each in await members.listed(call.installation, call.space)
        ]
    )


@patch("/v1/spaces/{space_id}/members/{person_id}", Scope.MEMBERS_MANAGE, tag="members")
async def change_member(call: InSpace, person_id: UUID, body: RoleChange) -> None:
    """Somebody in another role, from their next request on."""
    await members.change(call.installation, call.space, call.caller, person_id, body.role)


@delete("/v1/spaces/{space_id}/members/{person_id}", Scope.MEMBERS_MANAGE, tag="members")
async def remove_member(call: InSpace, person_id: UUID) -> None:
    """Somebody out."""
    await members.remove(call.installation, call.space, call.caller, person_id)


@get("/v1/spaces/{space_id}/invitations", Scope.MEMBERS_MANAGE, tag="members")
async def list_invitations(call: InSpace) -> Page[OpenInvitation]:
    """Invitations that stand open."""
    return Page(
        [
            OpenInvitation(
                each.invitation_id,
                each.email,
                Role(each.role),
                each.invited_by,
                each.made_at,
                each.expires_at,
            )
            for each in await members.invitations(call.installation, call.space)
        ]
    )


@post("/v1/spaces/{space_id}/invitations", Scope.MEMBERS_MANAGE, tag="members", status=201)
async def invite(call: InSpace, body: NewInvitation) -> InvitationMade:
    """Invite somebody, for a week; in place of an open invitation to the same e-mail."""
    made = await members.invite(call.installation, call.space, call.caller, body.email, body.role)
    return InvitationMade(made.invitation_id, made.token)


@delete("/v1/spaces/{space_id}/invitations/{invitation_id}", Scope.MEMBERS_MANAGE, tag="members")
async def withdraw_invitation(call: InSpace, invitation_id: UUID) -> None:
    """An invitation is void."""
    await members.withdraw(call.installation, call.space, invitation_id)


@get("/v1/spaces/{space_id}/keys", Scope.KEYS_MANAGE, tag="keys")
async def list_keys(call: InSpace) -> Page[Key]:
    """The space's keys, the latest first."""
    return Page(
        [
            Key(
                each.key_id,
                each.name,
                Role(each.role),
                each.scopes,
                each.networks,
                each.made_by,
                each.made_at,
                each.expires_at,
                each.used_at,
                each.revoked_at,
            )
            for each in await keys.listed(call.installation, call.space)
        ]
    )


@post("/v1/spaces/{space_id}/keys", Scope.KEYS_MANAGE, tag="keys", status=201)
async def make_key(call: InSpace, body: NewKey) -> KeyMade:
    """A key for a program. Only somebody logged in makes one."""
    wish = Wish(body.name, body.role, body.scopes, body.networks, body.days)
    made = await keys.make(call.installation, call.space, call.person, wish)
    return KeyMade(made.key_id, made.text)


@delete("/v1/spaces/{space_id}/keys/{key_id}", Scope.KEYS_MANAGE, tag="keys")
async def revoke_key(call: InSpace, key_id: str) -> None:
    """A key opens nothing any more, at once."""
    await keys.revoke(call.installation, call.space, key_id)


@get("/v1/spaces/{space_id}/audit", Scope.AUDIT_READ, tag="audit")
async def list_audit(call: InSpace, query: Paged) -> Page[AuditEntry]:
    """What was done, the first first."""
    after = _ENTRY.read(query.after) or 0
    found = await audit.entries(call.installation, call.space, after, query.limit)
    more = _ENTRY.told(found[-1].seq) if len(found) == query.limit else None
    return Page([AuditEntry(each.seq, each.at, each.actor, each.act, each.details) for each in found], more)


class AuditCheck(Told, frozen=True):
    """Whether the trail holds. `broken_at`: the number of the first entry that is missing or was changed; a cut-off end
    can't be seen from the trail alone."""

    holds: bool
    broken_at: int | None


@get("/v1/spaces/{space_id}/audit/check", Scope.AUDIT_READ, tag="audit")
async def check_audit(call: InSpace) -> AuditCheck:
    """Verify the whole trail, entry by entry."""
    broken = await audit.first_broken(call.installation, call.space.space_id)
    return AuditCheck(broken is None, broken)


ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    list_members,
    change_member,
    remove_member,
    list_invitations,
    invite,
    withdraw_invitation,
    list_keys,
    make_key,
    revoke_key,
    list_audit,
    check_audit,
)
