"""Link sessions: a page of Caudal's own by which a person links a bank, for an app that only hands out its address."""

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from msgspec import Meta

from caudal.api.rest.endpoints import Endpoint, InSpace, Page, delete, get, post
from caudal.api.rest.forms import Asked, Limit, Told
from caudal.hub import link_sessions
from caudal.hub.identity.roles import Scope
from caudal.hub.link_sessions import Wish
from caudal.store.links import LinkRow

Name = Annotated[str, Meta(max_length=300)]
Url = Annotated[str, Meta(max_length=2_000, pattern=r"^(https?://[^\s/?#]+[^\s]*)?$")]
Origin = Annotated[str, Meta(max_length=300, pattern=r"^(https?://[^\s/?#]+)?$")]
Spoken = Annotated[str, Meta(pattern="^(en|pt|es)?$")]


class NewLink(Asked, frozen=True, omit_defaults=True):
    """What is to be linked. `provider`: left out, the person chooses; `relink`: a connection that is to be mended; `app`,
    `purpose`: who asks and why, as the person reads it; `return_url`: where they are offered to go back to;
    `embed_origin`: the site that shows the page in a frame. Both must be of CAUDAL_LINK_ORIGINS."""

    provider: Annotated[str, Meta(max_length=40)] = ""
    institution: Annotated[str, Meta(max_length=200)] = ""
    relink: UUID | None = None
    language: Spoken = ""
    app: Name = ""
    purpose: Name = ""
    return_url: Url = ""
    embed_origin: Origin = ""


class MadeLink(Told, frozen=True):
    """A session just made. `url`: the page, for the person alone: whoever has it goes through it. Shown once. Below
    CAUDAL_PUBLIC_URL; a path where that isn't set."""

    session_id: UUID
    url: str
    expires_at: datetime


class Link(Told, frozen=True):
    """A session as it stands. `state`: what is next (`choose`, `consent`, `visit`, `ask`, `found`), or how it ended
    (`linked`, `mended`, `abandoned`, `expired`). `connection_id`: what it came to."""

    session_id: UUID
    state: str
    provider: str
    relink: UUID | None
    app: str
    made_at: datetime
    expires_at: datetime
    agreed_at: datetime | None
    connection_id: UUID | None


class LinksQuery(Asked, frozen=True):
    """So many, the latest."""

    limit: Limit = 50


@post("/v1/spaces/{space_id}/link-sessions", Scope.CONNECTIONS_MANAGE, tag="connections", status=201)
async def make_link_session(call: InSpace, body: NewLink) -> MadeLink:
    """Begin a link: send the person to `url`, or show it in a frame.

    The page asks for their consent, takes them to the bank and back, and says what arrived. How it goes is told by
    `GET …/link-sessions/{session_id}`, and by the events of the connection it comes to.
    """
    wish = Wish(
        provider=body.provider,
        institution=body.institution,
        relink=body.relink,
        language=body.language,
        app=body.app,
        purpose=body.purpose,
        return_url=body.return_url,
        embed_origin=body.embed_origin,
    )
    made = await link_sessions.make(call.installation, call.space, call.providers, wish)
    base = call.installation.settings.public_url.rstrip("/")
    return MadeLink(made.session_id, f"{base}/link/{made.token}", made.expires_at)


@get("/v1/spaces/{space_id}/link-sessions", Scope.CONNECTIONS_READ, tag="connections")
async def list_link_sessions(call: InSpace, query: LinksQuery) -> Page[Link]:
    """The space's link sessions of the last days, the latest first."""
    return Page(
        [_link(each) for each in await link_sessions.listed(call.installation, call.space, query.limit)]
    )


@get("/v1/spaces/{space_id}/link-sessions/{session_id}", Scope.CONNECTIONS_READ, tag="connections")
async def read_link_session(call: InSpace, session_id: UUID) -> Link:
    """How a link goes."""
    return _link(await link_sessions.read(call.installation, call.space, session_id))


@delete("/v1/spaces/{space_id}/link-sessions/{session_id}", Scope.CONNECTIONS_MANAGE, tag="connections")
async def abandon_link_session(call: InSpace, session_id: UUID) -> None:
    """End a link that is under way: its page leads nowhere any more. What it linked already stays."""
    await link_sessions.cancel(call.installation, call.space, session_id)


def _link(row: LinkRow) -> Link:
    return Link(
        row.session_id,
        link_sessions.state_of(row),
        row.provider,
        row.relink,
        row.app,
        row.made_at,
        row.expires_at,
        row.agreed_at,
        row.connection_id,
    )


ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    make_link_session,
    list_link_sessions,
    read_link_session,
    abandon_link_session,
)
