"""From a request for a page to its answer: who asks, whether they may, what they see, what goes wrong.

A session is shown by cookies; where the access token is over, the refresh token brings the next, unseen by the person.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote, urlsplit

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Message, Receive, Scope, Send

from caudal.hub.identity import browsers, members, sessions
from caudal.hub.identity.login import NotAdmitted, TooManyTries
from caudal.hub.identity.roles import SCOPES
from caudal.hub.identity.roles import Scope as May
from caudal.hub.identity.sessions import Client, Pair, Session
from caudal.hub.installation import Installation
from caudal.hub.limits import Limits
from caudal.model.errors import (
    CaudalError,
    ConflictError,
    MoneyError,
    NotFound,
    ProviderError,
    StoreAway,
)
from caudal.observe import logs, security
from caudal.observe.context import current
from caudal.providers.base import LiveProvider
from caudal.vault.passwords import Hasher, TooBusy
from caudal.web import cookies, static
from caudal.web.forms import Wrong
from caudal.web.languages import Language, catalogue, preferred
from caudal.web.pages import render
from caudal.web.policy import HEADERS, framed_by
from caudal.web.refusals import refusal
from caudal.web.routing import Declared, Entry
from caudal.web.visits import Guest, InSpace, Member, Visit, own_path

SIGN_IN: Final = "/sign-in"
PROVE: Final = "/prove"
_LOG: Final = logs.logger("caudal.web")
_FORM_FILES: Final = 20
"""So many files of the largest size may come with one form."""


class Shown(msgspec.Struct, frozen=True):
    """Who a browser shows to be; `pair`: what it is to show from now on."""

    session: Session | None = None
    pair: Pair | None = None


class Barred(Exception):
    """A request that ends in a page saying why: the key of its title, and more."""

    def __init__(self, status: int, key: str, detail: str = "") -> None:
        super().__init__(key)
        self.status, self.key, self.detail = status, key, detail


class Elsewhere(Exception):
    """A request that goes on somewhere else."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class Site:
    """The pages of an installation."""

    def __init__(
        self,
        installation: Installation,
        providers: Mapping[str, LiveProvider],
        hasher: Hasher,
        declared: Sequence[Declared],
    ) -> None:
        self._installation = installation
        self._providers = providers
        self._hasher = hasher
        self._limits = Limits(installation.settings.api.requests_per_minute)
        self._headers = {**HEADERS, **browsers.over_https_alone(installation)}
        self._paths: dict[str, dict[str, Declared]] = {}
        for each in declared:
            self._paths.setdefault(each.path, {})[each.method] = each

    def routes(self) -> list[BaseRoute]:
        """For Starlette's router."""
        named_first = sorted(self._paths, key=lambda path: path.replace("{", "~"))
        pages = [Route(path, _Path(self, self._paths[path])) for path in named_first]
        return [static.mount(), *pages, Route("/{rest:path}", _Path(self, {}))]

    async def answer(self, request: Request, by_method: Mapping[str, Declared]) -> Response:
        """The answer to one request. Headers that it has already stay."""
        language = preferred(request.headers.get("accept-language"))
        who, visit = Shown(), None
        try:
            who = await self._who(request)
            client = Client(request.headers.get("user-agent", ""), self._address(request))
            name = f"session:{who.session.session_id}" if who.session else client.address
            self._count(name)
            declared = _taken(request, by_method)
            if declared.method == "POST":
                _check_origin(request)
            visit = await self._visit(declared, request, who, language, client)
            language = visit.language
            try:
                response = await declared.handler(visit)
            finally:
                await visit.request.close()
        except Elsewhere as elsewhere:
            response = _elsewhere(request, elsewhere.path)
        except Barred as barred:
            response = self._failed(request, language, barred, visit)
        except (CaudalError, HTTPException) as error:
            told = _barred(error, language)
            if told.status >= 500:
                _LOG.exception("a page failed", method=request.method)
            response = self._failed(request, language, told, visit)
        except Exception:  # noqa: BLE001  # whatever it is, it is told in the log alone
            _LOG.exception("a page failed", method=request.method)
            response = self._failed(request, language, Barred(500, "failed.title"), visit)
        if who.pair is not None and not cookies.sets_session(response):
            cookies.keep(response, who.pair)
        if visit is not None and visit.framed_by:
            response.headers["Content-Security-Policy"] = framed_by(visit.framed_by)
        for name, value in self._headers.items():
            response.headers.setdefault(name, value)
        return response

    def _count(self, name: str) -> None:
        if not self._limits.take(name).heard:
            security.refused("request.too_many")
            raise Barred(429, "failed.too_many")

    async def _who(self, request: Request) -> Shown:
        if access := request.cookies.get(cookies.ACCESS):
            found = await sessions.session(self._installation, access)
            if found is not None:
                return Shown(found)
        if not (refresh := request.cookies.get(cookies.REFRESH)):
            return Shown()
        if request.method not in ("GET", "HEAD"):
            _check_origin(request)
        pair = await sessions.refreshed(self._installation, refresh)
        if pair is None:
            return Shown()
        return Shown(await sessions.session(self._installation, pair.access), pair)

    def _address(self, request: Request) -> str:
        peer = request.client.host if request.client else ""
        return browsers.address(self._installation, peer, request.headers.get("x-forwarded-for", ""))

    async def _visit(
        self, declared: Declared, request: Request, who: Shown, language: Language, client: Client
    ) -> Visit:
        """Who asks, let in. Raises Barred, Elsewhere."""
        space = request.path_params.get("space")
        kind = InSpace if space is not None else Guest if declared.needs is Entry.GUEST else Member
        manner = (language, cookies.theme(request))
        visit = kind(
            self._installation,
            self._providers,
            self._hasher,
            request=Request(request.scope, self._bounded(declared, request.receive)),
            manner=manner,
            client=client,
        )
        if not isinstance(visit, Member):
            return visit
        found = None if who.session is None else await members.entered(self._installation, who.session)
        if who.session is None or found is None:
            raise Elsewhere(_with_way_back(SIGN_IN, request))
        visit.session = who.session
        visit.person, visit.memberships = found
        if not visit.language.startswith(visit.person.language):
            visit.language = preferred(visit.person.language)
        if isinstance(visit, InSpace):
            _seat(visit, declared, str(space))
        if declared.proved and not visit.session.proved:
            raise Elsewhere(_with_way_back(PROVE, request))
        return visit

    def _bounded(self, declared: Declared, receive: Receive) -> Receive:
        settings = self._installation.settings
        if declared.uploads:
            bytes_max = settings.file_bounds.upload_bytes_max * _FORM_FILES
            return _Bounded(receive, bytes_max, settings.api.file_seconds_max)
        return _Bounded(receive, settings.api.body_bytes_max, settings.api.body_seconds_max)

    def _failed(self, request: Request, language: Language, barred: Barred, visit: Visit | None) -> Response:
        """A page that says what went wrong; for a part of a page, a message that stays."""
        told = {
            "title": catalogue(language).say(barred.key),
            "text": barred.detail or catalogue(language).say(f"{barred.key}_text"),
            "reference": str(current().get("request_id", "")) if barred.status >= 500 else "",
            "start": visit.start if visit else "/",
        }
        part = request.headers.get("hx-request") == "true"
        template = "failed_part.html" if part else "failed.html"
        html = render(template, language=language, theme=cookies.theme(request), toasts=(), **told)
        answer = HTMLResponse(html, barred.status)
        if part:
            answer.headers["HX-Retarget"] = "[data-toasts]"
            answer.headers["HX-Reswap"] = "beforeend"
            answer.headers["HX-Reselect"] = ".toast"
        return answer


def _seat(visit: InSpace, declared: Declared, space: str) -> None:
    """Where they sit in the space. One that they aren't in can't be told from one that isn't there. Raises Barred."""
    there = next((each for each in visit.memberships if str(each.space_id) == space), None)
    if there is None:
        security.refused("space.refused", actor=visit.person_id)
        raise Barred(404, "failed.not_found")
    visit.space, visit.caller = members.seated(visit.session, there)
    acting = visit.installation.store.acting(visit.caller.actor)
    visit.installation = msgspec.structs.replace(visit.installation, store=acting)
    if isinstance(declared.needs, May) and declared.needs not in visit.caller.scopes:
        if declared.needs in SCOPES[visit.caller.role]:
            raise Elsewhere(f"{visit.base}/settings/security?needed=1")
        security.refused("scope.refused", actor=visit.person_id, scope=str(declared.needs))
        raise Barred(403, "failed.forbidden")


def _taken(request: Request, by_method: Mapping[str, Declared]) -> Declared:
    method = "GET" if request.method == "HEAD" else request.method
    if method not in by_method:
        raise Barred(405 if by_method else 404, "failed.not_found")
    return by_method[method]


def _check_origin(request: Request) -> None:
    told = request.headers
    if not browsers.own(told.get("sec-fetch-site"), told.get("origin", ""), told.get("host", "")):
        security.refused("request.forged")
        raise Barred(403, "failed.another_site")


def _with_way_back(path: str, request: Request) -> str:
    """There, and then back: to the page itself, or, of what was to be done, to the page that it was asked from."""
    to = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if request.method not in ("GET", "HEAD") or request.headers.get("hx-request") == "true":
        came_from = urlsplit(request.headers.get("hx-current-url") or request.headers.get("referer", ""))
        to = own_path(came_from.path + (f"?{came_from.query}" if came_from.query else ""))
    return path if to == "/" else f"{path}?to={quote(to, safe='/')}"


def _elsewhere(request: Request, path: str) -> Response:
    if request.headers.get("hx-request") == "true":
        return Response(status_code=204, headers={"HX-Redirect": path})
    return RedirectResponse(path, 303)


def _barred(error: CaudalError | HTTPException, language: Language) -> Barred:
    """What an error is to a person who reads that language."""
    match error:
        case Wrong():
            return Barred(422, "failed.wrong")
        case NotFound():
            return Barred(404, "failed.not_found")
        case TooManyTries():
            return Barred(429, "failed.too_many")
        case TooBusy() | StoreAway():
            return Barred(503, "failed.away")
        case NotAdmitted():
            return Barred(401, "failed.not_admitted")
        case ConflictError() | MoneyError():
            return Barred(409, "failed.conflict", refusal(error, language))
        case ProviderError():
            return Barred(502, "failed.provider")
        case HTTPException():
            return Barred(error.status_code, "failed.wrong")
        case _:
            return Barred(500, "failed.title")


class _Bounded:
    """A request's body, up to a bound, and no longer than it may take to come."""

    def __init__(self, receive: Receive, bytes_max: int, seconds_max: int) -> None:
        self._receive = receive
        self._left = bytes_max
        self._until: float | None = asyncio.get_running_loop().time() + seconds_max

    async def __call__(self) -> Message:
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            raise Barred(408, "failed.too_slow") from None
        if not message.get("more_body"):
            self._until = None  # what comes now is that nobody waits for the answer any more
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise Barred(413, "failed.too_large")
        return message


class _Path:
    """All that may be asked of one path."""

    def __init__(self, site: Site, by_method: Mapping[str, Declared]) -> None:
        self._site = site
        self._by_method = by_method

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        response = await self._site.answer(request, self._by_method)
        await response(scope, receive, send)
