"""How a route is declared: its handler's signature is the contract.

    @get("/v1/spaces/{space_id}/accounts/{account_id}", Scope.ACCOUNTS_READ, tag="accounts")
    async def read_account(call: InSpace, account_id: UUID) -> Account: ...

`query: SomeStruct` is read from the query, `body: SomeStruct` from the body, other parameters from the path; what is
returned is the answer's body (None: 204). Structs refuse fields they don't know. The dispatcher reads, admits and
answers; nothing reaches a handler that wasn't admitted, for a route can't be declared without saying who may take it.
"""

import inspect
import re
import typing
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from email.utils import format_datetime
from enum import Enum
from typing import Any, Final, Literal, TypeVar
from uuid import UUID

import msgspec

from caudal.api.rest import problems
from caudal.api.rest.problems import Rejected
from caudal.hub.identity.roles import Caller, Scope
from caudal.hub.installation import Installation
from caudal.providers.base import LiveProvider
from caudal.store.spaces import Space

Item = TypeVar("Item")
Handler = Callable[..., Awaitable[object]]
Method = Literal["GET", "POST", "PATCH", "PUT", "DELETE"]


class Entry(Enum):
    """Who may take a route that is of no space."""

    ANYBODY = "anybody"
    """Without a credential: logging in, health."""
    PERSON = "person"
    """Somebody logged in, by a session."""
    PROVED = "proved"
    """Somebody logged in who showed lately who they are: for what would let others in for good."""
    CALLER = "caller"
    """A session or a key."""


Needs = Scope | Entry


class Page(msgspec.Struct, typing.Generic[Item], frozen=True):
    """Some of a list. `next`: what to give as `after` for those that follow; null: there are none."""

    data: Sequence[Item]
    next: str | None = None


class Call(msgspec.Struct, frozen=True):
    """A request that was admitted. `person_id`, `session_id`: where a session asks, `strong` with a second factor;
    `key`: where a key does, its space and what it is there; `if_match`: the ETag it goes by."""

    installation: Installation
    providers: Mapping[str, LiveProvider]
    request_id: str
    person_id: UUID | None = None
    session_id: UUID | None = None
    key: tuple[Space, Caller] | None = None
    strong: bool = False
    address: str = ""
    agent: str = ""
    if_match: str | None = None
    last_event: str | None = None
    shared: Mapping[str, Any] = {}

    @property
    def person(self) -> UUID:
        """Who asks. Raises Rejected where a key does."""
        if self.person_id is None:
            raise Rejected(problems.FORBIDDEN, "this is for people who logged in, not for keys")
        return self.person_id

    @property
    def session(self) -> UUID:
        """By which session. Raises Rejected where a key asks."""
        if self.session_id is None:
            raise Rejected(problems.FORBIDDEN, "this is for people who logged in, not for keys")
        return self.session_id


class InSpace(Call, frozen=True, kw_only=True):
    """One in a space that its caller may enter."""

    space: Space
    caller: Caller
    still_admitted: Callable[[], Awaitable[bool]]
    """Whether the same may be done now: for what goes on for long."""


class Raw(msgspec.Struct, frozen=True):
    """A body taken as it comes: a file."""

    data: bytes


class Made(msgspec.Struct, typing.Generic[Item], frozen=True):
    """An answer with headers of its own. `etag`: of what it tells."""

    what: Item
    etag: str = ""


class Leaving(msgspec.Struct, frozen=True):
    """A route that will be taken away: said `since` one day, not before `until` another, both from their first moment
    (UTC)."""

    since: date
    until: date

    @property
    def headers(self) -> dict[str, str]:
        """How an answer says it (RFC 9745, RFC 8594)."""
        since, until = (datetime.combine(each, time(), UTC) for each in (self.since, self.until))
        return {"Deprecation": f"@{int(since.timestamp())}", "Sunset": format_datetime(until, usegmt=True)}


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A declared route. `params`: those of its path with their types; `answer` None: nothing but a status;
    Response: the handler answers itself (a stream), as `media`. `leaving`: it will be taken away."""

    method: Method
    path: str
    needs: Needs
    tag: str
    name: str
    summary: str
    description: str
    status: int
    handler: Handler
    params: Mapping[str, type]
    query: type[msgspec.Struct] | None
    body: Any
    answer: Any
    etag: bool
    media: str
    conditional: bool
    leaving: Leaving | None = None

    @property
    def in_space(self) -> bool:
        """Whether it is of a space."""
        return isinstance(self.needs, Scope)


def endpoint(
    method: Method,
    path: str,
    needs: Needs,
    *,
    tag: str,
    status: int | None = None,
    media: str = "application/json",
    conditional: bool = False,
) -> Callable[[Handler], Endpoint]:
    """Declare a handler's route. `conditional`: it asks for If-Match. Raises TypeError where it contradicts itself."""

    def declared(handler: Handler) -> Endpoint:
        hints = typing.get_type_hints(handler, include_extras=True)
        answer = hints.pop("return", None)
        hints.pop("call", None)
        query, body = hints.pop("query", None), hints.pop("body", None)
        if set(hints) != set(_NAMES.findall(path)) - {"space_id"}:
            raise TypeError(f"{handler.__name__}: its parameters {sorted(hints)} aren't those of {path}")
        if isinstance(needs, Scope) != ("{space_id}" in path):
            raise TypeError(f"{handler.__name__}: a scope goes with a route of a space, and only with one")
        etag = typing.get_origin(answer) is Made
        if etag:
            [answer] = typing.get_args(answer)
        empty = answer is None or answer is type(None)
        summary, _, more = inspect.cleandoc(handler.__doc__ or "").partition("\n")
        return Endpoint(
            method=method,
            path=path,
            needs=needs,
            tag=tag,
            name=handler.__name__,
            summary=summary.rstrip("."),
            description=more.strip(),
            status=status or (204 if empty else 200),
            handler=handler,
            params=hints,
            query=query,
            body=body,
            answer=None if empty else answer,
            etag=etag,
            media="" if empty else media,
            conditional=conditional,
        )

    return declared


def get(
    path: str, needs: Needs, *, tag: str, media: str = "application/json"
) -> Callable[[Handler], Endpoint]:
    """A route that reads."""
    return endpoint("GET", path, needs, tag=tag, media=media)


def post(path: str, needs: Needs, *, tag: str, status: int | None = None) -> Callable[[Handler], Endpoint]:
    """A route that makes something, or has something done. Takes an Idempotency-Key."""
    return endpoint("POST", path, needs, tag=tag, status=status)


def patch(path: str, needs: Needs, *, tag: str, conditional: bool = False) -> Callable[[Handler], Endpoint]:
    """A route that changes some fields."""
    return endpoint("PATCH", path, needs, tag=tag, conditional=conditional)


def delete(path: str, needs: Needs, *, tag: str) -> Callable[[Handler], Endpoint]:
    """A route that ends something."""
    return endpoint("DELETE", path, needs, tag=tag)


def leaving(declared: Endpoint, *, since: date, until: date) -> Endpoint:
    """The same route, which will be taken away. Raises ValueError where that is sooner than was promised."""
    if until < since + _NOTICE:
        raise ValueError(f"{declared.name}: what goes is told at least {_NOTICE.days} days before")
    return msgspec.structs.replace(declared, leaving=Leaving(since, until))


_NOTICE: Final = timedelta(days=184)
"""Six months, however long they are."""
_NAMES: Final = re.compile(r"\{(\w+)\}")
