"""Who may take a route: the one place where that is decided."""

from typing import Final
from uuid import UUID

import msgspec
from starlette.requests import Request

from caudal.api.rest import problems
from caudal.api.rest.endpoints import Endpoint, Entry
from caudal.api.rest.problems import Rejected
from caudal.hub.identity import browsers, keys, members, sessions
from caudal.hub.identity.roles import SCOPES, Caller, Scope
from caudal.hub.identity.sessions import Session
from caudal.hub.installation import Installation
from caudal.store.spaces import Space

COOKIE: Final = "__Host-caudal"
"""The access token of a browser's session."""
_SAFE: Final = frozenset({"GET", "HEAD"})


class Asking(msgspec.Struct, frozen=True):
    """Who asks, before it is known for what. `name`: by which their requests are counted and named."""

    name: str
    session: Session | None = None
    space: Space | None = None
    caller: Caller | None = None
    """Of a key, which has one space."""


async def asking(installation: Installation, request: Request) -> Asking | None:
    """Who shows a good key or session. None: nobody does. Raises Rejected for a browser that was made to ask by another
    site."""
    shown = request.headers.get("authorization", "")
    scheme, _, token = shown.partition(" ")
    if shown:
        if scheme.lower() != "bearer":
            return None
        token = token.strip()
        if token.startswith("caudal_"):
            return await _by_key(installation, token, address(installation, request))
        return await _by_session(installation, token)
    cookie = request.cookies.get(COOKIE)
    if cookie is None:
        return None
    if request.method not in _SAFE:
        check_origin(request)
    return await _by_session(installation, cookie)


def admitted(endpoint: Endpoint, who: Asking | None, space: tuple[Space, Caller] | None) -> None:
    """Whether who asks may take this route. Raises Rejected.

    A space one isn't in can't be told from one that isn't there.
    """
    needs = endpoint.needs
    if needs is Entry.ANYBODY:
        return
    if who is None:
        raise Rejected(problems.UNAUTHENTICATED, headers={"WWW-Authenticate": "Bearer"})
    if isinstance(needs, Scope):
        if space is None:
            raise Rejected(problems.NOT_FOUND, "no such space")
        caller = space[1]
        if needs not in caller.scopes:
            held = who.session is not None and needs in SCOPES[caller.role]
            raise Rejected(problems.STRONGER if held else problems.FORBIDDEN, f"this needs {needs.value}")
    elif needs is not Entry.CALLER and who.session is None:
        raise Rejected(problems.FORBIDDEN, "this is for people who logged in, not for keys")
    elif needs is Entry.PROVED and who.session is not None and not who.session.proved:
        raise Rejected(problems.UNPROVED, "POST /v1/session/proof, then this again")


async def seat(installation: Installation, who: Asking, space_id: UUID) -> tuple[Space, Caller] | None:
    """What who asks is in this space, None where they aren't in it."""
    if who.session is not None:
        return await members.seat(installation, who.session, space_id)
    if who.space is not None and who.caller is not None and who.space.space_id == space_id:
        return who.space, who.caller
    return None


def address(installation: Installation, request: Request) -> str:
    """From where a request comes: what our own proxy says, if there is one, else who knocks."""
    peer = request.client.host if request.client else ""
    return browsers.address(installation, peer, request.headers.get("x-forwarded-for", ""))


def check_origin(request: Request) -> None:
    """A browser says which site has it ask: ours alone may (ASVS 3.5.1). Raises Rejected."""
    told = request.headers
    if not browsers.own(told.get("sec-fetch-site"), told.get("origin", ""), told.get("host", "")):
        raise Rejected(problems.FORBIDDEN, "another site asked for this in your name")


async def _by_key(installation: Installation, token: str, at: str) -> Asking | None:
    found = await keys.opened(installation, token, at)
    if found is None:
        return None
    space, caller = found
    return Asking(caller.actor, space=space, caller=caller)


async def _by_session(installation: Installation, token: str) -> Asking | None:
    found = await sessions.session(installation, token)
    return None if found is None else Asking(f"session:{found.session_id}", session=found)
