"""Coming in: the first owner, and those who are invited."""

from typing import Final
from uuid import UUID

from caudal.api.rest.endpoints import Call, Endpoint, Entry, post
from caudal.api.rest.forms import Asked, Email, Language, Secret, Text, Told, client, hasher
from caudal.api.rest.resources.session import Tokens, shown
from caudal.hub.identity import members, people
from caudal.hub.identity.people import Newcomer


class Introduction(Asked, frozen=True):
    """Somebody new. `token`: what lets them in, once."""

    token: Secret
    email: Email
    name: Text
    password: Secret
    language: Language = "en"

    @property
    def newcomer(self) -> Newcomer:
        """As the hub knows them."""
        return Newcomer(self.email, self.name, self.password, self.language)


class InvitationToken(Asked, frozen=True):
    """An invitation, by its token."""

    token: Secret


class Invitation(Told, frozen=True):
    """What an invitation is to."""

    space: str
    email: str
    role: str
    invited_by: str


class Entered(Told, frozen=True):
    """A space one is in now."""

    space_id: UUID
    name: str


@post("/v1/first-owner", Entry.ANYBODY, tag="entry", status=201)
async def become_first_owner(call: Call, body: Introduction) -> Tokens:
    """Become the first person, and the owner of all there is.

    The token is shown by `caudal serve` where there is nobody yet, and is good for a day, once.
    """
    pair = await people.claim(call.installation, hasher(call), body.token, body.newcomer, client(call))
    return shown(pair)


@post("/v1/invitation", Entry.ANYBODY, tag="entry")
async def read_invitation(call: Call, body: InvitationToken) -> Invitation:
    """What an invitation is to."""
    found = await members.invitation(call.installation, body.token)
    return Invitation(found.space, found.email, found.role, found.invited_by)


@post("/v1/invitation/join", Entry.ANYBODY, tag="entry", status=201)
async def join(call: Call, body: Introduction) -> Tokens:
    """Become a person by an invitation to one's e-mail, and enter its space."""
    pair = await people.join(call.installation, hasher(call), body.token, body.newcomer, client(call))
    return shown(pair)


@post("/v1/invitation/accept", Entry.PERSON, tag="entry")
async def accept_invitation(call: Call, body: InvitationToken) -> Entered:
    """Enter a space one was invited to, being a person here already."""
    space = await members.accept(call.installation, call.person, body.token)
    return Entered(space.space_id, space.name)


ENDPOINTS: Final[tuple[Endpoint, ...]] = (become_first_owner, read_invitation, join, accept_invitation)
