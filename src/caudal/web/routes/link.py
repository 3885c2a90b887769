"""The page by which somebody links a bank: whoever holds its token goes through it, one step at a time.

Every step is a form, and the page says by itself what is next: it may be left and opened again anywhere. In another
site's frame it needs no cookie, for browsers keep none of ours there: all it needs is its address.
"""

from collections.abc import Awaitable
from contextlib import suppress
from http import HTTPStatus
from typing import Final

from starlette.responses import Response

from caudal.hub import institutions, link_arrivals, link_sessions
from caudal.hub.identity.roles import Scope
from caudal.hub.link_sessions import Going, LinkSession, Wish
from caudal.model.errors import ConfigError, ConflictError, NotFound, ProviderError
from caudal.store.institutions import Wanted
from caudal.web import cookies
from caudal.web.cookies import Said
from caudal.web.routing import Declared, Entry, action, page
from caudal.web.views.ledger import line
from caudal.web.views.link import Choice, choice, link_page, ways
from caudal.web.views.placing import placed, placing
from caudal.web.visits import Guest, InSpace

_FIELD: Final = "field-"
_BANKS: Final = 12
_BANKS_AT_FIRST: Final = 6
_TEXT_MAX: Final = 200
_KEPT: Final = "kept"
"""In the address of a page that is to say so: a cookie isn't kept in a frame."""


@page("/s/{space}/connections/new", Scope.CONNECTIONS_MANAGE)
async def new(visit: InSpace) -> Response:
    """Which bank?"""
    return await visit.show("connection_new.html", here="accounts", choice=await _choice(visit))


@action("/s/{space}/connections/new", Scope.CONNECTIONS_MANAGE)
async def begin(visit: InSpace) -> Response:
    """One's own link, here."""
    form = await visit.form()
    provider = form.choice("provider", visit.providers.keys())
    return await _made(visit, Wish(provider=provider, institution=form.text("institution")))


@action("/s/{space}/connections/{connection}/relink", Scope.CONNECTIONS_MANAGE)
async def mend(visit: InSpace) -> Response:
    """A connection of one's own, to be mended."""
    return await _made(visit, Wish(relink=visit.id("connection")))


@page("/link/return", Entry.GUEST)
async def come_back(visit: Guest) -> Response:
    """Back from the bank. The page they left goes on; where this browser is the one, here."""
    link = await link_sessions.waiting_for(visit.installation, visit.query.get("state", ""))
    with suppress(ProviderError, ConflictError):  # the page says what is next
        await link_sessions.returned(visit.installation, link, visit.providers, str(visit.request.url))
    token = visit.request.cookies.get(cookies.LINK, "")
    try:
        here = await link_sessions.opened(visit.installation, token)
    except NotFound:
        return await visit.show("link_elsewhere.html")
    if here.row.session_id != link.row.session_id:
        return await visit.show("link_elsewhere.html")
    return visit.go(f"/link/{token}")


@page("/link/{token}", Entry.GUEST)
async def link(visit: Guest) -> Response:
    """What is next."""
    there = await _opened(visit)
    if _KEPT in visit.query:
        visit.said = Said("link.accounts_kept")
    return await _shown(visit, there, trouble=there.row.why)


@action("/link/{token}/choose", Entry.GUEST)
async def choose(visit: Guest) -> Response:
    """By which way in."""
    there = await _opened(visit)
    form = await visit.form()
    provider = form.choice("provider", visit.providers.keys())
    institution = form.text("institution")
    await link_sessions.choose(visit.installation, there, visit.providers, provider, institution)
    return visit.go(_path(visit))


@action("/link/{token}/reconsider", Entry.GUEST)
async def reconsider(visit: Guest) -> Response:
    """Another bank."""
    await link_sessions.reconsider(visit.installation, await _opened(visit))
    return visit.go(_path(visit))


@action("/link/{token}/agree", Entry.GUEST)
async def agree(visit: Guest) -> Response:
    """Yes: to the bank."""
    there = await _opened(visit)
    asked = link_sessions.agree(visit.installation, there, visit.providers, visit.language[:2])
    answer = await _stepped(visit, there, asked)
    if answer.status_code == HTTPStatus.SEE_OTHER and not visit.framed_by:
        cookies.hold_link(answer, visit.request.path_params["token"])
    return answer


@action("/link/{token}/answer", Entry.GUEST)
async def answer(visit: Guest) -> Response:
    """What was asked for."""
    there = await _opened(visit)
    form = await visit.form()
    step = there.step
    names = list(step.fields) if isinstance(step, link_sessions.Asking) else []
    values = {name: form.raw(f"{_FIELD}{at}")[:2_000] for at, name in enumerate(names)}
    return await _stepped(
        visit, there, link_sessions.answer(visit.installation, there, visit.providers, values)
    )


@action("/link/{token}/poll", Entry.GUEST)
async def poll(visit: Guest) -> Response:
    """Is the bank's page done with?"""
    there = await _opened(visit)
    asked = link_sessions.poll(visit.installation, there, visit.providers)
    return await _stepped(visit, there, asked, status=200)


@action("/link/{token}/conclude", Entry.GUEST)
async def conclude(visit: Guest) -> Response:
    """Yes, these accounts."""
    there = await _opened(visit)
    form = await visit.form()
    again = form.text("again") == "yes"
    asked = link_sessions.conclude(
        visit.installation, there, visit.providers, visit.language[:2], again=again
    )
    return await _stepped(visit, there, asked)


@action("/link/{token}/abandon", Entry.GUEST)
async def abandon(visit: Guest) -> Response:
    """No."""
    await link_sessions.abandon(visit.installation, await _opened(visit))
    return visit.go(_path(visit))


@action("/link/{token}/accounts", Entry.GUEST)
async def select(visit: Guest) -> Response:
    """Which of them are wanted, and where each belongs."""
    there = await _opened(visit)
    form = await visit.form()
    await link_sessions.place(visit.installation, there, placed(form), form.all("account"))
    return visit.go(f"{_path(visit)}?{_KEPT}")


async def _choice(visit: Guest | InSpace) -> Choice:
    """The banks that are looked for, the first of them while none is."""
    search, country = visit.query.get("search", "")[:_TEXT_MAX], visit.query.get("country", "")[:2]
    asked = Wanted(
        providers=list(visit.providers),
        text=search,
        country=country or None,
        limit=_BANKS if search or country else _BANKS_AT_FIRST,
    )
    return choice(
        ways(visit.providers),
        await institutions.find(visit.installation, asked),
        await institutions.countries(visit.installation, visit.providers),
        visit.language,
        search=search,
        country=country,
    )


async def _made(visit: InSpace, wish: Wish) -> Response:
    made = await link_sessions.make(visit.installation, visit.space, visit.providers, wish)
    return visit.out(f"/link/{made.token}")


async def _stepped(
    visit: Guest, there: LinkSession, step: Awaitable[object], *, status: int = 502
) -> Response:
    """To what is next; where the provider wouldn't go on, the page as it is, saying so."""
    try:
        await step
    except (ProviderError, ConfigError) as error:
        return await _shown(visit, there, trouble=type(error).__name__, status=status)
    return visit.go(_path(visit))


async def _opened(visit: Guest) -> LinkSession:
    there = await link_sessions.opened(visit.installation, visit.request.path_params["token"])
    visit.start = _path(visit)
    visit.framed_by = link_sessions.framed_by(visit.installation, there)
    return there


def _path(visit: Guest) -> str:
    return f"/link/{visit.request.path_params['token']}"


async def _shown(visit: Guest, there: LinkSession, trouble: str = "", status: int = 200) -> Response:
    """The page of the step a link is at. The address is secret: no other site is told of it."""
    arrived = await link_arrivals.arrived(visit.installation, there)
    answer = await visit.show(
        f"link_{_TEMPLATE.get(there.state, 'over')}.html",
        status=status,
        page=link_page(_path(visit), there, visit.framed_by),
        trouble=trouble,
        choice=await _choice(visit) if there.state == "choose" else None,
        arrived=arrived,
        placing=placing(arrived.accounts, arrived.spaces) if arrived else None,
        latest=[line(row, "") for row in arrived.latest] if arrived else [],
        home=f"/s/{there.space.space_id}",
        tab=isinstance(there.step, Going) and bool(visit.framed_by or not there.step.returns),
    )
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


_TEMPLATE: Final = {
    "choose": "choose",
    "consent": "consent",
    "visit": "visit",
    "ask": "ask",
    "found": "found",
    "linked": "done",
    "mended": "done",
}

ROUTES: Final[tuple[Declared, ...]] = (
    new,
    begin,
    mend,
    come_back,
    link,
    choose,
    reconsider,
    agree,
    answer,
    poll,
    conclude,
    abandon,
    select,
)
