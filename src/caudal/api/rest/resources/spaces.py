"""Spaces: one person's, household's or firm's books."""

from typing import Final
from uuid import UUID

from caudal.api.rest.endpoints import Call, Endpoint, Entry, InSpace, Page, get, patch, post
from caudal.api.rest.forms import Asked, Code, Text, Told
from caudal.hub import rates
from caudal.hub import spaces as hub_spaces
from caudal.hub.identity import members
from caudal.hub.identity.roles import Role, Scope, scopes_of


class Space(Told, frozen=True):
    """A space, and what one may do in it. `currency`: in which it is valued; null: nobody said."""

    space_id: UUID
    name: str
    role: Role
    scopes: list[Scope]


class NewSpace(Asked, frozen=True):
    """Books to be."""

    name: Text


class SpaceChange(Asked, frozen=True):
    """What is to be otherwise."""

    name: Text | None = None
    currency: Code | None = None


class SpaceSettings(Told, frozen=True):
    """What a space is called, and in which currency it is valued (null: nobody said)."""

    space_id: UUID
    name: str
    currency: str | None


@get("/v1/spaces", Entry.CALLER, tag="spaces")
async def list_spaces(call: Call) -> Page[Space]:
    """The spaces one is in; of a key, its own."""
    if call.key is not None:
        space, caller = call.key
        return Page([Space(space.space_id, space.name, caller.role, sorted(caller.scopes))])
    return Page(
        [
            Space(
                each.space_id,
                each.name,
                Role(each.role),
                sorted(scopes_of(Role(each.role), strong=call.strong)),
            )
            for each in await members.spaces_of(call.installation, call.person)
        ]
    )


@post("/v1/spaces", Entry.PERSON, tag="spaces", status=201)
async def make_space(call: Call, body: NewSpace) -> SpaceSettings:
    """New, empty books of one's own."""
    made = await members.found_space(call.installation, call.person, body.name)
    return SpaceSettings(made.space_id, made.name, None)


@get("/v1/spaces/{space_id}", Scope.ACCOUNTS_READ, tag="spaces")
async def read_space(call: InSpace) -> SpaceSettings:
    """A space."""
    currency = await rates.currency_of(call.installation, call.space)
    return SpaceSettings(call.space.space_id, call.space.name, currency)


@patch("/v1/spaces/{space_id}", Scope.SPACE_MANAGE, tag="spaces")
async def change_space(call: InSpace, body: SpaceChange) -> SpaceSettings:
    """Another name; another currency to value it in."""
    name = call.space.name
    if body.name is not None:
        name = await hub_spaces.rename(call.installation, call.space, body.name)
    if body.currency is not None:
        await rates.set_currency(call.installation, call.space, body.currency)
    currency = await rates.currency_of(call.installation, call.space)
    return SpaceSettings(call.space.space_id, name, currency)


ENDPOINTS: Final[tuple[Endpoint, ...]] = (list_spaces, make_space, read_space, change_space)
