"""How a page is declared: by what it needs, so that none can be forgotten to be guarded.

@page("/s/{space}/transactions", Scope.TRANSACTIONS_READ)
async def transactions(visit: InSpace) -> Response: ...

@action("/s/{space}/transactions/{transaction}/edit", Scope.TRANSACTIONS_EDIT)
async def edit(visit: InSpace) -> Response: ...
"""

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any, Literal

import msgspec
from starlette.responses import Response

from caudal.hub.identity.roles import Scope

Handler = Callable[[Any], Awaitable[Response]]


class Entry(Enum):
    """Who may see a page that is of no space."""

    GUEST = "guest"
    """Anybody: signing in."""
    PERSON = "person"
    """Somebody who signed in."""
    HERE = "here"
    """Somebody in the space of the address, whatever their role there."""


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    """A page or an action. `proved`: only of somebody who showed lately who they are; `uploads`: it takes files."""

    method: Literal["GET", "POST"]
    path: str
    needs: Scope | Entry
    handler: Handler
    proved: bool = False
    uploads: bool = False


def page(path: str, needs: Scope | Entry, *, proved: bool = False) -> Callable[[Handler], Declared]:
    """Declare what shows something and changes nothing."""
    return lambda handler: Declared(method="GET", path=path, needs=needs, handler=handler, proved=proved)


def action(
    path: str, needs: Scope | Entry, *, proved: bool = False, uploads: bool = False
) -> Callable[[Handler], Declared]:
    """Declare what changes something: a form of ours is sent there."""
    return lambda handler: Declared(
        method="POST", path=path, needs=needs, handler=handler, proved=proved, uploads=uploads
    )
