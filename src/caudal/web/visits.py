"""A request for a page, once it is known who asks and that they may."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from caudal.hub.identity.roles import Caller, Scope
from caudal.hub.identity.sessions import Client, Pair, Session
from caudal.hub.installation import Installation
from caudal.model.errors import NotFound
from caudal.providers.base import LiveProvider
from caudal.store.members import Membership
from caudal.store.people import PersonRow
from caudal.store.spaces import Space
from caudal.vault.passwords import Hasher
from caudal.web import cookies
from caudal.web.cookies import Said
from caudal.web.forms import Form
from caudal.web.languages import Language, catalogue
from caudal.web.pages import Theme, render
from caudal.web.shell import Books, Section, Shell, Toast

_FIELDS_MAX: Final = 2_000
_FILES_MAX: Final = 50
HERE: Final = "/s/"


class Visit:
    """Somebody's look at a page, or what they do there. `now`: aware; `said`: what the page before leaves to be said;
    `framed_by`: the site that may show the answer in a frame; `start`: where to go on from what went wrong."""

    def __init__(
        self,
        installation: Installation,
        providers: Mapping[str, LiveProvider],
        hasher: Hasher,
        *,
        request: Request,
        manner: tuple[Language, Theme],
        client: Client,
    ) -> None:
        self.installation = installation
        self.providers = providers
        self.hasher = hasher
        self.request = request
        self.language, self.theme = manner
        self.client = client
        self.now = datetime.now(UTC)
        self.said: Said | None = cookies.said(request)
        self.framed_by = ""
        self.start = "/"

    @property
    def query(self) -> Mapping[str, str]:
        """What stands after the ``?``."""
        return self.request.query_params

    @property
    def today(self) -> date:
        """The day it is, by the hub's clock."""
        return self.now.date()

    @property
    def is_part(self) -> bool:
        """Whether a script asks, for a part of the page it is on."""
        return self.request.headers.get("hx-request") == "true"

    def id(self, name: str) -> UUID:
        """An id in the address. Raises NotFound for what is none."""
        try:
            return UUID(self.request.path_params[name])
        except ValueError:
            raise NotFound("there is no such page") from None

    async def form(self) -> Form:
        """What was sent; its files can be read until the request is answered. Raises Wrong where it is read."""
        sent = await self.request.form(max_files=_FILES_MAX, max_fields=_FIELDS_MAX)
        return Form.of(sent, self.language)

    def say(self, key: str, **places: object) -> str:
        """A text of the catalogue."""
        return catalogue(self.language).say(key, **places)

    @property
    def toasts(self) -> tuple[Toast, ...]:
        """What the page before leaves to be said here."""
        if self.said is None or self.said.key not in catalogue(self.language).texts:
            return ()
        return (Toast(self.say(self.said.key, **self.said.places)),)

    async def show(self, template: str, *, status: int = 200, **context: object) -> Response:
        """The page that a template makes of `context` (see its head)."""
        html = render(
            template, language=self.language, theme=self.theme, **(await self.frame(context)), **context
        )
        answer = HTMLResponse(html, status)
        if self.said is not None and not self.is_part:
            cookies.drop(answer, cookies.SAID)
        return answer

    async def frame(self, context: Mapping[str, object]) -> dict[str, object]:  # noqa: ARG002  those in a space need it
        """What is around the page."""
        return {"toasts": self.toasts}

    def go(self, path: str, *, said: str | None = None, **places: object) -> Response:
        """Elsewhere, where `said` (a key of the catalogue, with its places) is shown."""
        answer = RedirectResponse(path, 303)
        if said is not None:
            cookies.leave(answer, Said(said, {name: str(value) for name, value in places.items()}))
        return answer

    def signed_in(self, pair: Pair, path: str) -> Response:
        """Elsewhere, as whom a login just showed."""
        answer = self.go(path)
        cookies.keep(answer, pair)
        return answer


class Guest(Visit):
    """Of anybody."""


class Member(Visit):
    """Of somebody who signed in. `books`: the spaces they are in."""

    session: Session
    person: PersonRow
    memberships: list[Membership]

    @property
    def person_id(self) -> UUID:
        """Who."""
        return self.session.person_id


class InSpace(Member):
    """Of somebody in a space they are in. Addresses that `go` takes and `base` begins are of that space."""

    space: Space
    caller: Caller

    @cached_property
    def base(self) -> str:
        """What the addresses of the space's pages begin with."""
        return f"{HERE}{self.space.space_id}"

    def may(self, scope: Scope) -> bool:
        """Whether they may do that here."""
        return scope in self.caller.scopes

    def go(self, path: str, *, said: str | None = None, **places: object) -> Response:
        """Elsewhere in the space: ``/transactions``."""
        return super().go(self.base + path, said=said, **places)

    def out(self, path: str) -> Response:
        """Out of the space: to a page that is of none."""
        return super(Member, self).go(path)

    async def frame(self, context: Mapping[str, object]) -> dict[str, object]:
        """The shell, in the section ``here`` of the context, with its ``asks`` if they were counted."""
        here: Section = context.get("here", "overview")  # type: ignore[assignment]
        asks: int = context.get("asks", 0)  # type: ignore[assignment]
        shell = Shell(
            here=here,
            base=self.base,
            space=self.space.name,
            person=self.person.name,
            books=tuple(Books(each.name, f"{HERE}{each.space_id}") for each in self.memberships),
            live=f"{self.base}/live" if self.may(Scope.EVENTS_READ) else "",
            asks=asks,
            counted="asks" in context,
            keys=cookies.keys(self.request),
            toasts=self.toasts,
        )
        return {"shell": shell, "may": frozenset(scope.value for scope in self.caller.scopes)}


def own_path(text: str, otherwise: str = "/") -> str:
    """A path of ours that somebody is to be sent to; what leads elsewhere isn't followed."""
    parts = urlsplit(text)
    plain = text.startswith("/") and not text.startswith("//") and "\\" not in text and text.isprintable()
    return text if plain and not parts.scheme and not parts.netloc else otherwise
