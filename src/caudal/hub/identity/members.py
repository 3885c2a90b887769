"""Who is in a space, and in which role; invitations to it."""

from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec

from caudal.hub import audit
from caudal.hub.identity.roles import Caller, Role, scopes_of
from caudal.hub.identity.sessions import Session
from caudal.hub.installation import Installation
from caudal.model.errors import ConflictError, NotFound
from caudal.store import members, people, spaces
from caudal.store.ids import new_id
from caudal.store.members import InvitationRow, MemberRow, Membership, OpenInvitation
from caudal.store.people import PersonRow
from caudal.store.spaces import Space
from caudal.vault import tokens

INVITED_FOR: Final = timedelta(days=7)
_RANK: Final = {
    Role.OWNER: 3,
    Role.ADMIN: 2,
    Role.MEMBER: 1,
    Role.VIEWER: 0,
    Role.AUDITOR: 0,
    Role.AGENT: 0,
}


class Invited(msgspec.Struct, frozen=True):
    """An invitation just made. `token` is for the invited alone, shown once."""

    invitation_id: UUID
    token: str

    def __repr__(self) -> str:
        return f"Invited({self.invitation_id})"


async def spaces_of(installation: Installation, person_id: UUID) -> list[Membership]:
    """The spaces somebody is in."""
    async with installation.store.door() as tx:
        return await members.memberships(tx, person_id)


async def seat(installation: Installation, session: Session, space_id: UUID) -> tuple[Space, Caller] | None:
    """What a session's person is in a space, as of now; None where they aren't in it, or there is none."""
    async with installation.store.door() as tx:
        found = await members.membership(tx, space_id, session.person_id)
    return None if found is None else seated(session, found)


def seated(session: Session, found: Membership) -> tuple[Space, Caller]:
    """What membership in a space lets a session's person do there."""
    role, actor = Role(found.role), f"person:{session.person_id}"
    scopes = scopes_of(role, strong=session.strong)
    caller = Caller(actor, role, scopes, session.person_id, session.session_id, session.strong)
    return Space(found.space_id, found.name, actor), caller


async def entered(installation: Installation, session: Session) -> tuple[PersonRow, list[Membership]] | None:
    """Who a session is of, and the spaces they are in; None where they are gone."""
    async with installation.store.door() as tx:
        person = await people.by_id(tx, session.person_id)
        if person is None or person.disabled_at is not None:
            return None
        return person, await members.memberships(tx, session.person_id)


async def found_space(installation: Installation, person_id: UUID, name: str) -> Space:
    """New, empty books, owned by who asks."""
    actor = f"person:{person_id}"
    made = await spaces.create_space(installation.store, name)
    space = Space(made.space_id, made.name, actor)
    async with installation.store.transaction(space.space_id) as tx:
        await members.put(tx, space.space_id, person_id, Role.OWNER)
        await audit.note(tx, installation, space, "space.founded", {"owner": str(person_id)})
    return space


async def listed(installation: Installation, space: Space) -> list[MemberRow]:
    """Who is in the space."""
    async with installation.store.door(space.space_id) as tx:
        return await members.of(tx, space.space_id)


async def change(installation: Installation, space: Space, by: Caller, person_id: UUID, role: Role) -> None:
    """Somebody in another role, from their next request on. Raises NotFound; ConflictError for what `by` may not give or
    take, and where no owner would be left."""
    async with installation.store.door(space.space_id) as tx:
        await members.lock(tx, space.space_id)
        there = {each.person_id: Role(each.role) for each in await members.of(tx, space.space_id)}
        _check(by, there, person_id, role)
        await members.put(tx, space.space_id, person_id, role)
        details = {"person": str(person_id), "role": role.value}
        await audit.note(tx, installation, space, "member.changed", details)


async def remove(installation: Installation, space: Space, by: Caller, person_id: UUID) -> None:
    """Somebody out; everybody may go themselves. Raises as `change`."""
    async with installation.store.door(space.space_id) as tx:
        await members.lock(tx, space.space_id)
        there = {each.person_id: Role(each.role) for each in await members.of(tx, space.space_id)}
        _check(by, there, person_id, None)
        await members.remove(tx, space.space_id, person_id)
        await audit.note(tx, installation, space, "member.removed", {"person": str(person_id)})


def _check(by: Caller, there: dict[UUID, Role], person_id: UUID, role: Role | None) -> None:
    now = there.get(person_id)
    if now is None:
        raise NotFound("nobody of this id is in the space")
    itself = person_id == by.person_id
    if not (itself and role is None) and max(_RANK[now], _RANK[role or now]) > _RANK[by.role]:
        raise ConflictError("nobody gives or takes a role above their own", says="role_above_own")
    owners = [each for each, held in there.items() if held is Role.OWNER]
    if now is Role.OWNER and role is not Role.OWNER and owners == [person_id]:
        raise ConflictError("a space has an owner: make somebody else one first", says="owner_needed")


async def invite(installation: Installation, space: Space, by: Caller, email: str, role: Role) -> Invited:
    """An invitation for a week, in place of an open one to the same e-mail. Raises ConflictError for a role above one's
    own, and for somebody who is in already."""
    if by.person_id is None or _RANK[role] > _RANK[by.role]:
        raise ConflictError("nobody gives a role above their own", says="role_above_own")
    email = email.strip().lower()
    made = Invited(new_id(), tokens.new_token())
    async with installation.store.door(space.space_id) as tx:
        if any(each.email == email for each in await members.of(tx, space.space_id)):
            raise ConflictError("they are in this space already", says="member_already")
        await members.invite(
            tx,
            space.space_id,
            made.invitation_id,
            email=email,
            role=role,
            digest=tokens.digest(made.token),
            invited_by=by.person_id,
            lasts=INVITED_FOR,
        )
        details = {"invitation": str(made.invitation_id), "role": role.value}
        await audit.note(tx, installation, space, "member.invited", details)
    return made


async def invitations(installation: Installation, space: Space) -> list[InvitationRow]:
    """Those that stand open."""
    async with installation.store.door(space.space_id) as tx:
        return await members.invitations(tx, space.space_id)


async def withdraw(installation: Installation, space: Space, invitation_id: UUID) -> None:
    """It is void. Raises NotFound."""
    async with installation.store.transaction(space.space_id) as tx:
        if not await members.withdraw(tx, space.space_id, invitation_id):
            raise NotFound("no open invitation of this id")
        details = {"invitation": str(invitation_id)}
        await audit.note(tx, installation, space, "member.invitation_withdrawn", details)


async def invitation(installation: Installation, token: str) -> OpenInvitation:
    """What an invitation is to. Raises NotFound for one that isn't, or isn't open any more."""
    async with installation.store.door() as tx:
        found = await members.invitation(tx, tokens.digest(token))
    if found is None:
        raise NotFound("this invitation isn't open: ask for another")
    return found


async def accept(installation: Installation, person_id: UUID, token: str) -> Space:
    """Enter by an invitation, which must be to one's own e-mail. Raises NotFound."""
    opened = await invitation(installation, token)
    space = Space(opened.space_id, opened.space, f"person:{person_id}")
    async with installation.store.door(space.space_id) as tx:
        person = await people.by_id(tx, person_id)
        if person is None or person.email != opened.email:
            raise NotFound("this invitation is to somebody else's e-mail")
        if not await members.accept(tx, space.space_id, opened.invitation_id):
            raise NotFound("this invitation isn't open: ask for another")
        held = await members.membership(tx, space.space_id, person_id)
        if held is None or _RANK[Role(held.role)] < _RANK[Role(opened.role)]:
            await members.put(tx, space.space_id, person_id, opened.role)
        details = {"person": str(person_id), "role": opened.role}
        await audit.note(tx, installation, space, "member.joined", details)
    return space
