"""How the sandbox's own door is built: who may come in, what is read, how it is answered. `control` and each emulator
put their routes behind it.
"""

import ipaddress
from collections.abc import Awaitable, Callable
from datetime import datetime
from http import HTTPStatus
from typing import Final, NamedTuple, TypeVar
from urllib.parse import urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import Response

BODY_MAX: Final = 1_048_576
"""Bytes of a request's body."""

Asked = TypeVar("Asked")
Handler = Callable[[Request], Awaitable[Response]]

_ENCODER: Final = msgspec.json.Encoder()


class DoorRoute(NamedTuple):
    """One thing that can be asked at the door. A handler may raise KeyError (404) and ValueError (400)."""

    method: str
    path: str
    handler: Handler


class Asking(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every request refuses: fields it doesn't know."""


def guarded(handler: Handler) -> Handler:
    """`handler` for callers of this machine, its errors told as JSON."""

    async def inside(request: Request) -> Response:
        if not _is_near(request):
            return answer({"error": "the sandbox is run from its own machine alone"}, HTTPStatus.FORBIDDEN)
        try:
            return await handler(request)
        except KeyError as error:
            return answer({"error": str(error.args[0])}, HTTPStatus.NOT_FOUND)
        except (ValueError, msgspec.ValidationError) as error:
            return answer({"error": str(error)}, HTTPStatus.BAD_REQUEST)

    return inside


def answer(told: object, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """`told` as JSON."""
    return Response(_ENCODER.encode(told), status, media_type="application/json")


async def read(request: Request, into: type[Asked]) -> Asked:
    """The body as what it must be. Raises ValueError that says what is wrong with it."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_MAX:
            raise ValueError(f"the body is longer than {BODY_MAX} bytes")
    return msgspec.json.decode(bytes(body) or b"{}", type=into)


def aware(instant: datetime) -> datetime:
    """`instant`, which must name its zone. Raises ValueError."""
    if instant.tzinfo is None:
        raise ValueError(f"{instant.isoformat()} names no zone: an instant needs one, such as Z")
    return instant


def _is_near(request: Request) -> bool:
    """Whether the caller, the name it called us by and the page it calls from, if it is one, are of this machine: any
    page in a browser can reach a port of it, under a name of its own too."""
    host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    origin = request.headers.get("origin")
    near = origin is None or _is_loopback(urlsplit(origin).hostname or "")
    return near and _is_loopback(host) and request.client is not None and _is_loopback(request.client.host)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Person(Asking, frozen=True, kw_only=True):
    """Somebody at a page of a provider or a bank: who they are there, and where (the provider's id; None: where they
    bank)."""

    hosted_link_url: str
    institution_id: str | None = None
    username: str
    password: str

    def __repr__(self) -> str:
        return f"Person({self.username} at {self.institution_id})"


class Filling(Asking, frozen=True, kw_only=True):
    """Somebody who is asked for `fields`."""

    fields: list[str]
    username: str


class Done(msgspec.Struct, frozen=True):
    """What the person read last, what was wrong, and the address they were sent to."""

    step: str
    problem: dict[str, str] | None = None
    goes_to: str | None = None
