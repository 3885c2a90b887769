"""From a request to its answer: counted, told who asks, admitted, read, carried out, said.

Order matters: who isn't admitted learns nothing of what is there, and nothing of theirs is read further than its headers.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from caudal.api.rest import access, named, problems
from caudal.api.rest.access import Asking
from caudal.api.rest.endpoints import Call, Endpoint, InSpace, Made, Raw
from caudal.api.rest.named import Named
from caudal.api.rest.problems import Fault, Rejected
from caudal.hub.identity import browsers
from caudal.hub.identity.roles import Caller
from caudal.hub.installation import Installation
from caudal.hub.limits import Limits, Turn
from caudal.model.errors import CaudalError
from caudal.observe import logs, security
from caudal.observe.context import current
from caudal.providers.base import LiveProvider
from caudal.store.spaces import Space

_LOG: Final = logs.logger("caudal.api")
_JSON: Final = re.compile(r"application/json(\s*;\s*charset=\"?utf-8\"?)?", re.IGNORECASE)
_REFUSED: Final = {
    problems.FORBIDDEN.name: "scope.refused",
    problems.STRONGER.name: "scope.refused",
    problems.UNAUTHENTICATED.name: "request.unknown",
    problems.TOO_MANY.name: "request.too_many",
}
"""What of it is told in the log of what happened at the door."""
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""With every answer: nothing of it is kept on the way, nor shown as a page (ASVS 3.4, 14.3.2)."""


class Api:
    """The routes of an installation, each a method and path of Starlette's."""

    def __init__(
        self,
        installation: Installation,
        providers: Mapping[str, LiveProvider],
        endpoints: Sequence[Endpoint],
        shared: Mapping[str, Any],
    ) -> None:
        """`shared`: what some handlers need beside (a hasher), by name."""
        self._installation = installation
        self._providers = providers
        self._limits = Limits(installation.settings.api.requests_per_minute)
        self._shared = shared
        self._headers = {**_HEADERS, **browsers.over_https_alone(installation)}
        self._paths: dict[str, dict[str, Endpoint]] = {}
        for each in endpoints:
            self._paths.setdefault(each.path, {})[each.method] = each

    def routes(self) -> list[BaseRoute]:
        """For Starlette's router: one for each path, whatever the method, so that a wrong one is told apart."""
        named_first = sorted(self._paths, key=lambda path: path.replace("{", "~"))
        told: list[BaseRoute] = [Route(path, _Path(self, self._paths[path])) for path in named_first]
        return [*told, Route("/v1/{rest:path}", _Path(self, {}))]

    async def answer(self, request: Request, by_method: Mapping[str, Endpoint]) -> Response:
        """The answer to one request; whatever ends it ends as a problem."""
        request_id = current().get("request_id", "")
        turn: Turn | None = None
        try:
            who = await access.asking(self._installation, request)
            turn = self._limits.take(who.name if who else access.address(self._installation, request))
            endpoint = _taken(request, by_method, who, turn)
            response = await self._answer(endpoint, request, who, request_id)
            if endpoint.leaving is not None:
                response.headers.update(endpoint.leaving.headers)
        except Rejected as rejected:
            if (kind := _REFUSED.get(rejected.code.name)) is not None:
                security.refused(kind, address=access.address(self._installation, request))
            response = rejected.response(request_id)
        except CaudalError as error:
            problem = problems.of(error)
            if problem.code is problems.FAILED:
                _LOG.exception("a request failed", method=request.method)
            response = problem.response(request_id)
        except Exception:  # noqa: BLE001  # whatever it is, it is told in the log alone
            _LOG.exception("a request failed", method=request.method)
            response = Rejected(problems.FAILED).response(request_id)
        response.headers.update(self._headers)
        if turn is not None:
            response.headers["RateLimit-Limit"] = str(turn.limit)
            response.headers["RateLimit-Remaining"] = str(turn.left)
            response.headers["RateLimit-Reset"] = str(turn.reset)
        return response

    async def _answer(
        self, endpoint: Endpoint, request: Request, who: Asking | None, request_id: str
    ) -> Response:
        space = await self._space(endpoint, request, who)
        access.admitted(endpoint, who, space)
        params = _params(endpoint, request)
        query = _query(endpoint, request)
        body = await self._body(endpoint, request)
        found = _decoded(endpoint, request, body)
        name: Named | None = None
        if endpoint.method == "POST" and who is not None:
            before = await named.begun(self._installation, request, who.name, body)
            if isinstance(before, Response):
                return before
            name = before
        call = self._call(endpoint, request, who, space, request_id)
        given = {
            **params,
            **({} if query is None else {"query": query}),
            **({} if found is None else {"body": found}),
        }
        try:
            response = _said(endpoint, await endpoint.handler(call, **given))
        except (Rejected, CaudalError):
            if name is not None:
                await name.dropped(self._installation)
            raise
        if name is not None:
            await name.done(self._installation, response)
        return response

    async def _space(
        self, endpoint: Endpoint, request: Request, who: Asking | None
    ) -> tuple[Space, Caller] | None:
        if not endpoint.in_space or who is None:
            return None
        try:
            space_id = UUID(request.path_params["space_id"])
        except ValueError:
            return None
        return await access.seat(self._installation, who, space_id)

    async def _body(self, endpoint: Endpoint, request: Request) -> bytes:
        """The body, no longer than it may be. Raises Rejected."""
        if endpoint.body is None and endpoint.method == "GET":
            return b""
        settings = self._installation.settings
        bytes_max, seconds_max = settings.api.body_bytes_max, settings.api.body_seconds_max
        if endpoint.body is Raw:
            bytes_max, seconds_max = settings.file_bounds.upload_bytes_max, settings.api.file_seconds_max
        told, body = request.headers.get("content-length", ""), bytearray()
        too_large = Rejected(
            problems.TOO_LARGE, f"at most {bytes_max} bytes", headers={"Connection": "close"}
        )
        if told.isdigit() and int(told) > bytes_max:
            raise too_large
        try:
            async with asyncio.timeout(seconds_max):
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > bytes_max:
                        raise too_large
        except (TimeoutError, ClientDisconnect):
            raise Rejected(
                problems.INVALID, "the body didn't come in time", headers={"Connection": "close"}
            ) from None
        return bytes(body)

    def _call(
        self,
        endpoint: Endpoint,
        request: Request,
        who: Asking | None,
        space: tuple[Space, Caller] | None,
        request_id: str,
    ) -> Call:
        session = who.session if who else None
        told: dict[str, Any] = {
            "installation": self._installation,
            "providers": self._providers,
            "request_id": request_id,
            "person_id": session.person_id if session else None,
            "session_id": session.session_id if session else None,
            "key": (who.space, who.caller) if who and who.space and who.caller else None,
            "strong": session.strong if session else False,
            "address": access.address(self._installation, request),
            "agent": request.headers.get("user-agent", ""),
            "if_match": request.headers.get("if-match"),
            "last_event": request.headers.get("last-event-id"),
            "shared": self._shared,
        }
        if endpoint.conditional and told["if_match"] is None:
            raise Rejected(problems.UNCONDITIONAL, "say by If-Match which state you change: its ETag, or *")
        if not endpoint.in_space or space is None:
            return Call(**told)

        async def still() -> bool:
            again = await access.asking(self._installation, request)
            try:
                access.admitted(endpoint, again, await self._space(endpoint, request, again))
            except Rejected:
                return False
            return True

        acting = self._installation.store.acting(space[1].actor)
        told["installation"] = msgspec.structs.replace(self._installation, store=acting)
        return InSpace(**told, space=space[0], caller=space[1], still_admitted=still)


class _Path:
    """An ASGI application: one path."""

    def __init__(self, api: Api, by_method: Mapping[str, Endpoint]) -> None:
        self._api = api
        self._by_method = by_method

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._api.answer(Request(scope, receive), self._by_method)
        await response(scope, receive, send)


def _taken(request: Request, by_method: Mapping[str, Endpoint], who: Asking | None, turn: Turn) -> Endpoint:
    """The route that is taken. Raises Rejected; nobody known learns which there are."""
    if not turn.heard:
        raise Rejected(problems.TOO_MANY, headers={"Retry-After": str(turn.wait)})
    if not by_method:
        raise Rejected(problems.NOT_FOUND if who else problems.UNAUTHENTICATED)
    endpoint = by_method.get("GET" if request.method == "HEAD" else request.method)
    if endpoint is None:
        raise Rejected(problems.WRONG_METHOD, headers={"Allow": ", ".join(sorted(by_method))})
    return endpoint


def _params(endpoint: Endpoint, request: Request) -> dict[str, Any]:
    """What the path names. A name that can't be one is nothing that is there."""
    try:
        return {
            name: msgspec.convert(request.path_params[name], kind, strict=False)
            for name, kind in endpoint.params.items()
        }
    except msgspec.ValidationError:
        raise Rejected(problems.NOT_FOUND) from None


def _query(endpoint: Endpoint, request: Request) -> msgspec.Struct | None:
    if endpoint.query is None:
        if request.query_params:
            raise Rejected(problems.INVALID, faults=(Fault("query", "this route takes none"),))
        return None
    fields = {field.encode_name: field for field in msgspec.structs.fields(endpoint.query)}
    told: dict[str, Any] = {}
    for name, value in request.query_params.multi_items():
        if name not in fields:
            raise Rejected(problems.INVALID, faults=(Fault("query", f"no field {name[:50]!r}"),))
        if _is_list(fields[name].type):
            told.setdefault(name, []).append(value)
        elif name in told:
            raise Rejected(problems.INVALID, faults=(Fault(name, "said twice"),))
        else:
            told[name] = value
    try:
        return msgspec.convert(told, endpoint.query, strict=False)
    except msgspec.ValidationError as error:
        raise problems.invalid(error, "query") from None


def _is_list(kind: object) -> bool:
    return getattr(kind, "__origin__", None) in (list, tuple, frozenset)


def _decoded(endpoint: Endpoint, request: Request, body: bytes) -> object | None:
    """The body as the handler takes it. Raises Rejected."""
    if endpoint.body is None:
        if body:
            raise Rejected(problems.INVALID, faults=(Fault("$", "this route takes no body"),))
        return None
    media = request.headers.get("content-type", "")
    if endpoint.body is Raw:
        if media.partition(";")[0].strip().lower() != "application/octet-stream":
            raise Rejected(problems.WRONG_MEDIA, "a file comes as application/octet-stream")
        return Raw(body)
    if not _JSON.fullmatch(media.strip()):
        raise Rejected(problems.WRONG_MEDIA, "a body is application/json")
    try:
        found: object = msgspec.json.decode(body, type=endpoint.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if isinstance(error, msgspec.DecodeError):
            raise problems.invalid(error) from None
        raise Rejected(problems.INVALID, faults=(Fault("$", "not JSON"),)) from None
    return found


def _said(endpoint: Endpoint, told: object) -> Response:
    if isinstance(told, Response):
        return told
    headers = {}
    if isinstance(told, Made):
        headers["ETag"] = told.etag
        told = told.what
    if endpoint.answer is None:
        return Response(status_code=endpoint.status, headers=headers)
    return Response(msgspec.json.encode(told), endpoint.status, headers, media_type=endpoint.media)
