"""Links that a person goes through on a page: each a session, opened by its token, worked in the name of who made it.

What a provider gave last (it may hold tokens) lies sealed between two steps. One step at a time: while one is being
carried out another is refused, and a process that dies at it is waited for a minute, no more.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from caudal.hub import audit, connections, institutions, links, routing
from caudal.hub.identity.roles import SCOPES, Role, Scope
from caudal.hub.installation import Installation
from caudal.hub.links import Candidate, Connected, Progress
from caudal.hub.providers import one_of
from caudal.model.errors import ConflictError, NotFound, ProviderError, Unavailable
from caudal.providers.base import (
    Abandoned,
    Ask,
    Conclude,
    Fields,
    InstitutionFound,
    LinkAnswer,
    LinkState,
    LiveProvider,
    Poll,
    Visit,
    Waiting,
)
from caudal.store import jobs, members, spaces
from caudal.store import links as store
from caudal.store.ids import new_id
from caudal.store.institutions import OfferedRow
from caudal.store.jobs import Priority, SyncWork
from caudal.store.links import Kept, LinkRow, NewLink
from caudal.store.spaces import LinkedConnection, Space
from caudal.vault import tokens
from caudal.vault.rows import LINKS, RowSeal

RETURN_PATH: Final = "/link/return"
"""Where banks send people back to: one address, which providers want registered."""
OVER: Final = frozenset({"linked", "mended", "abandoned"})
_TEXT_MAX: Final = 300
_ASKED_MIN: Final = timedelta(minutes=5)
Live = Mapping[str, LiveProvider]


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be linked, and for whom. `app` and `purpose`: what the person is told of who asks and why; `relink`: the
    connection to mend; `language`: of the provider's pages, else the browser's; `return_url`: where the app wants the
    person back; `embed_origin`: which site may show the page in a frame."""

    provider: str = ""
    institution: str = ""
    relink: UUID | None = None
    language: str = ""
    app: str = ""
    purpose: str = ""
    return_url: str = ""
    embed_origin: str = ""


class Made(msgspec.Struct, frozen=True):
    """A session just made. `token` opens its page and is shown once."""

    session_id: UUID
    token: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"Made({self.session_id})"


class Going(msgspec.Struct, frozen=True, tag="visit"):
    """The person is at the provider's page, since `since`."""

    url: str
    state: LinkState
    until: datetime
    poll_seconds: int
    session: str
    returns: str
    by_webhook: bool
    since: datetime

    @property
    def visit(self) -> Visit:
        """As the provider gave it."""
        return Visit(
            self.url, self.state, self.until, self.poll_seconds, self.session, self.returns, self.by_webhook
        )


class Asking(msgspec.Struct, frozen=True, tag="ask"):
    """The person is asked for these fields."""

    fields: dict[str, str]
    state: LinkState
    secret: list[str]
    why: str


class Chosen(msgspec.Struct, frozen=True):
    """An account the person chose there."""

    name: str
    mask: str | None
    kind: str


class Offered(msgspec.Struct, frozen=True, tag="found"):
    """What the person chose, nothing concluded yet. `already`: the connection that shows the same, by its name."""

    institution: InstitutionFound
    accounts: list[Chosen]
    state: LinkState
    already: UUID | None
    label: str


Step = Going | Asking | Offered


class LinkSession(msgspec.Struct, frozen=True):
    """A session as its page shows it. `state`: as LinkRow's, or 'expired'; `step`: what is next, while one is at it;
    `label`: of the connection that is mended; `bank`: the institution that was chosen, as it is
    listed, while the person is asked to agree."""

    row: LinkRow
    state: str
    step: Step | None
    space: Space
    label: str = ""
    bank: OfferedRow | None = None

    @property
    def over(self) -> bool:
        """Whether nothing follows."""
        return self.state in OVER or self.state == "expired"


async def make(installation: Installation, space: Space, live: Live, wish: Wish) -> Made:
    """A session in a space, in the name of its actor. Raises NotFound for a provider or connection there is none of,
    ConflictError for a site that isn't on the list of those we know, or an institution without its provider."""
    provider, institution = wish.provider, wish.institution
    if institution and not (provider or wish.relink):
        raise ConflictError("institution: it is its provider's name of it: say which provider too")
    if wish.relink is not None:
        mended = await connections.by_id(installation, space, wish.relink)
        provider = mended.provider
        institution = (mended.institution_reference or "").partition(":")[2]
    if provider:
        one_of(live, provider)
    for name, origin in (("return_url", _origin(wish.return_url)), ("embed_origin", wish.embed_origin)):
        if origin and origin not in installation.settings.link.origins.split():
            raise ConflictError(f"{name}: {origin} is none of CAUDAL_LINK_ORIGINS")
    token, lasts = tokens.new_token(), timedelta(minutes=installation.settings.link.minutes)
    link = NewLink(
        space_id=space.space_id,
        session_id=new_id(),
        digest=tokens.digest(token),
        state="consent" if provider else "choose",
        provider=provider,
        institution=institution,
        relink=wish.relink,
        language=wish.language,
        app=wish.app[:_TEXT_MAX],
        purpose=wish.purpose[:_TEXT_MAX],
        return_url=wish.return_url,
        embed_origin=wish.embed_origin,
        made_by=space.actor,
        lasts=lasts,
    )
    async with installation.store.transaction(space.space_id) as tx:
        until = await store.add(tx, link)
        await audit.note(tx, installation, space, "link.session_made", {"session": str(link.session_id)})
    return Made(link.session_id, token, until)


async def listed(installation: Installation, space: Space, limit: int) -> list[LinkRow]:
    """A space's sessions, the latest first."""
    async with installation.store.transaction(space.space_id) as tx:
        return await store.of(tx, space.space_id, limit)


async def read(installation: Installation, space: Space, session_id: UUID) -> LinkRow:
    """One of a space's sessions. Raises NotFound."""
    async with installation.store.transaction(space.space_id) as tx:
        found = await store.by_id(tx, space.space_id, session_id)
    if found is None:
        raise NotFound("there is no such link session")
    return found


async def opened(installation: Installation, token: str) -> LinkSession:
    """The session that a token opens. Raises NotFound."""
    async with installation.store.door() as tx:
        found = await store.by_digest(tx, tokens.digest(token))
    if found is None:
        raise NotFound("there is no such link")
    return await _shown(installation, found)


async def waiting_for(installation: Installation, word: str) -> LinkSession:
    """The session that waits for this word (OAuth's `state`). Raises NotFound."""
    async with installation.store.door() as tx:
        found = await store.by_word(tx, tokens.digest(word)) if word else None
    if found is None:
        raise NotFound("there is no such link")
    return await _shown(installation, found)


def framed_by(installation: Installation, link: LinkSession) -> str:
    """The site that may show its page in a frame, and is told how it goes; "" where none may, or not any more."""
    origin = link.row.embed_origin
    return origin if origin in installation.settings.link.origins.split() else ""


async def choose(
    installation: Installation, link: LinkSession, live: Live, provider: str, institution: str = ""
) -> None:
    """By which way in, and where the provider lists it which institution. What is asked of the person comes next. Raises
    NotFound for one that isn't listed."""
    one_of(live, provider)
    _expect(link, "choose", "consent")
    if institution and await institutions.named(installation, provider, institution) is None:
        raise NotFound("that institution can't be linked here any more")
    await _take(installation, link)
    await _keep(installation, link, state="consent", provider=provider, institution=institution)


async def reconsider(installation: Installation, link: LinkSession) -> None:
    """Back to the choice: nothing was begun yet."""
    _expect(link, "consent")
    if link.row.relink is not None:
        raise ConflictError("what is mended is mended the way it was linked", says="link_mended_way")
    await _take(installation, link)
    await _keep(installation, link, state="choose", provider="", institution="")


async def agree(installation: Installation, link: LinkSession, live: Live, language: str) -> None:
    """The person, who reads that language, agrees to what was asked: linking begins. Again, where it went wrong."""
    _expect(link, "consent")
    at_work, space = await _in_the_makers_name(installation, link)
    async with at_work.store.transaction(space.space_id) as tx:
        details = {"session": str(link.row.session_id), "provider": link.row.provider}
        await audit.note(tx, at_work, space, "link.agreed", {**details, "purpose": link.row.purpose})
    await _begun(installation, link, live, link.row.relink, link.row.language or language)


async def answer(
    installation: Installation, link: LinkSession, live: Live, values: Mapping[str, str]
) -> None:
    """What the person says to the fields that were asked for."""
    if not isinstance(link.step, Asking):
        raise ConflictError("nothing is asked for just now", says="link_asks_nothing")
    told = {name: values.get(name, "").strip() for name in link.step.fields}
    await _proceed(installation, link, live, Fields(link.step.state, told))


async def returned(installation: Installation, link: LinkSession, live: Live, address: str) -> None:
    """The person came back from the provider's page, by this address."""
    if not isinstance(link.step, Going):
        raise ConflictError("this link isn't waiting for anybody to come back", says="link_not_waiting")
    await _proceed(installation, link, live, links.returned(link.step.visit, address))


async def poll(installation: Installation, link: LinkSession, live: Live) -> bool:
    """Whether the person is done at the provider's page by now: then what is next is another. Asked more often than the
    provider wants to be, it isn't asked."""
    step = link.step
    if not isinstance(step, Going) or step.returns:
        return False
    if step.by_webhook:
        brought = await links.heard(installation, one_of(live, link.row.provider), step.visit, step.since)
        if brought is None:
            return False
        await _proceed(installation, link, live, brought)
        return True
    asked, pause = link.row.asked_at, timedelta(seconds=step.poll_seconds)
    if asked is not None and link.row.now - asked < pause:
        return False
    try:
        return await _proceed(installation, link, live, Poll(step.state), asks=True)
    except (Unavailable, ConflictError):
        return False


async def conclude(
    installation: Installation, link: LinkSession, live: Live, language: str, *, again: bool = False
) -> None:
    """Make what was chosen a connection. Where it is linked already that one is mended, unless `again`."""
    if not isinstance(link.step, Offered):
        raise ConflictError("nothing was chosen yet", says="link_nothing_chosen")
    if link.step.already is not None and not again:
        await _begun(installation, link, live, link.step.already, link.row.language or language)
        return
    await _proceed(installation, link, live, Conclude(link.step.state))


async def abandon(installation: Installation, link: LinkSession, why: str = "") -> None:
    """The person won't, or whoever asked has no use for it any more."""
    if link.over:
        raise ConflictError("this link is over", says="link_over")
    await _take(installation, link)
    await _keep(installation, link, state="abandoned", why=why)


async def cancel(installation: Installation, space: Space, session_id: UUID) -> None:
    """Whoever may manage the space's connections ends a link. Raises NotFound; ConflictError for one that is over."""
    await abandon(installation, await _shown(installation, await read(installation, space, session_id)))


async def tidy(installation: Installation) -> None:
    """Forget sessions that are over, first of all what their providers gave."""
    async with installation.store.door() as tx:
        await store.tidy(tx, timedelta(days=installation.settings.link.kept_days))


async def place(
    installation: Installation, link: LinkSession, said: Mapping[str, UUID], wanted: Sequence[str]
) -> None:
    """Of what was just linked: where each account belongs, and which are wanted. Raises ConflictError, NotFound."""
    at_work, space, connection = await _linked(installation, link)
    await routing.route(at_work, space, connection, said, wanted)


async def _linked(
    installation: Installation, link: LinkSession
) -> tuple[Installation, Space, LinkedConnection]:
    """At work on what was just linked."""
    if link.state not in ("linked", "mended") or link.row.connection_id is None:
        raise ConflictError("nothing is linked yet", says="link_nothing_linked")
    if link.row.expired:
        raise ConflictError(
            "this link is over: choose accounts where you see the connection", says="link_over_choose"
        )
    at_work, space = await _in_the_makers_name(installation, link)
    return at_work, space, await connections.by_id(at_work, space, link.row.connection_id)


def state_of(row: LinkRow) -> str:
    """What is next, or how it ended: 'expired' too."""
    return "expired" if row.expired and row.state not in OVER else row.state


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if url else ""


async def _shown(installation: Installation, row: LinkRow) -> LinkSession:
    space, step, label = Space(row.space_id, row.space, row.made_by), None, ""
    if row.step is not None and row.step_key is not None:
        place = (str(row.space_id), str(row.session_id))
        text = RowSeal(installation.keyring, LINKS).unseal(row.step_key, place, row.step)
        step = msgspec.json.decode(text, type=Step)
    if row.relink is not None:
        async with installation.store.transaction(row.space_id) as tx:
            there = await spaces.connections(tx, row.space_id, row.relink)
        label = there[0].label if there else ""
    bank = None
    if row.state == "consent":
        bank = await institutions.named(installation, row.provider, row.institution)
    return LinkSession(row, state_of(row), step, space, label, bank)


def _expect(link: LinkSession, *states: str) -> None:
    if link.state not in states:
        raise ConflictError("this link has gone on meanwhile: look at its page again", says="link_gone_on")


async def _in_the_makers_name(installation: Installation, link: LinkSession) -> tuple[Installation, Space]:
    """At work as who made it. Raises ConflictError where they may not do it any more."""
    kind, _, name = link.row.made_by.partition(":")
    if kind not in ("person", "key"):  # the machine's own owner, at its command line
        return installation, link.space
    async with installation.store.door() as tx:
        if kind == "person":
            member = await members.membership(tx, link.space.space_id, UUID(name))
            may = member is not None and Scope.CONNECTIONS_MANAGE in SCOPES[Role(member.role)]
        else:
            key = await members.key(tx, name)
            may = (
                key is not None
                and Scope.CONNECTIONS_MANAGE.value in key.scopes
                and Scope.CONNECTIONS_MANAGE in SCOPES[Role(key.maker)]
            )
    if not may:
        raise ConflictError("who asked you to link may not do so any more", says="link_maker_gone")
    acting = installation.store.acting(link.row.made_by)
    return msgspec.structs.replace(installation, store=acting), link.space


async def _begun(
    installation: Installation, link: LinkSession, live: Live, relink: UUID | None, language: str
) -> None:
    at_work, space = await _in_the_makers_name(installation, link)
    mended = None if relink is None else await connections.by_id(at_work, space, relink)
    provider = one_of(live, link.row.provider)
    settings = installation.settings
    return_url = f"{settings.public_url.rstrip('/')}{RETURN_PATH}" if settings.public_url else None
    await _take(installation, link)
    try:
        step = await links.begin(
            at_work,
            space,
            provider,
            institution=link.row.institution or None,
            relink=mended,
            language=language,
            investments_only=link.bank is not None and link.bank.investments_only,
            return_url=return_url,
            asks_for=await _asks_for(at_work, link, space),
        )
        await _taken(at_work, link, step, mended)
    except BaseException as error:
        await _freed(installation, link, error)
        raise


async def _proceed(
    installation: Installation, link: LinkSession, live: Live, said: LinkAnswer, *, asks: bool = False
) -> bool:
    """One step. Returns whether it led on."""
    if link.over:
        raise ConflictError("this link is over", says="link_over")
    at_work, space = await _in_the_makers_name(installation, link)
    relink = link.row.relink
    mended = None if relink is None else await connections.by_id(at_work, space, relink)
    provider = one_of(live, link.row.provider)
    await _take(installation, link, asks=asks)
    try:
        asks_for = await _asks_for(at_work, link, space)
        step = await links.proceed(at_work, space, provider, said, mended, asks_for=asks_for)
        await _taken(at_work, link, step, mended)
    except BaseException as error:
        await _freed(installation, link, error)
        raise
    return not isinstance(step, Waiting)


async def _asks_for(at_work: Installation, link: LinkSession, space: Space) -> timedelta | None:
    """For how long the person is asked where the accounts of what they link belong; None where there is but one space."""
    several = len(await routing.destinations(at_work, space)) > 1
    return max(link.row.expires_at - link.row.now, _ASKED_MIN) if several else None


async def _take(installation: Installation, link: LinkSession, *, asks: bool = False) -> None:
    async with installation.store.door() as tx:
        if not await store.take(tx, link.row, asks=asks):
            raise ConflictError(
                "one step at a time: look at the page again in a moment", says="link_one_step"
            )


async def _freed(installation: Installation, link: LinkSession, error: BaseException) -> None:
    """Nobody is at it any more; what went wrong is told there, if a person can make something of it."""
    why = type(error).__name__ if isinstance(error, ProviderError) else ""
    async with installation.store.door() as tx:
        await store.free(tx, link.row, why)


async def _taken(
    installation: Installation, link: LinkSession, step: Progress, mended: LinkedConnection | None
) -> None:
    relink = mended.connection_id if mended else None
    match step:
        case Visit():
            going = Going(
                step.url,
                step.state,
                step.expires_at,
                step.poll_seconds,
                step.session,
                step.returns,
                step.by_webhook,
                link.row.now,
            )
            await _keep(installation, link, state="visit", step=going, relink=relink)
        case Ask():
            asking = Asking(dict(step.fields), step.state, sorted(step.secret), step.why)
            await _keep(installation, link, state="ask", step=asking, relink=relink)
        case Waiting():
            there = link.step
            if isinstance(there, Going):
                there = msgspec.structs.replace(there, state=step.state)
            await _keep(installation, link, state=link.row.state, step=there, relink=relink)
        case Candidate():
            accounts = [Chosen(each.name, each.mask, each.kind) for each in step.found.accounts]
            offered = Offered(
                step.found.institution,
                accounts,
                step.found.state,
                step.already.connection_id if step.already else None,
                step.already.label if step.already else "",
            )
            await _keep(installation, link, state="found", step=offered, relink=relink)
        case Connected():
            await _keep(
                installation,
                link,
                state="linked" if step.anew else "mended",
                relink=relink,
                connection_id=step.connection.connection_id,
            )
        case Abandoned():
            await _keep(installation, link, state="consent", why=step.why, relink=link.row.relink)


async def _keep(
    installation: Installation,
    link: LinkSession,
    *,
    state: str,
    provider: str | None = None,
    institution: str | None = None,
    step: Step | None = None,
    relink: UUID | None = None,
    connection_id: UUID | None = None,
    why: str = "",
) -> None:
    """What the step came to; of a connection that is new, the first run is queued with it."""
    seal, place = RowSeal(installation.keyring, LINKS), (str(link.row.space_id), str(link.row.session_id))
    word = step.returns if isinstance(step, Going) else ""
    kept = Kept(
        state=state,
        provider=link.row.provider if provider is None else provider,
        institution=link.row.institution if institution is None else institution,
        relink=link.row.relink if relink is None else relink,
        agreed=state not in ("choose", "consent", "abandoned"),
        step=None if step is None else seal.seal(place, msgspec.json.encode(step)),
        step_key=None if step is None else seal.wrapping_key,
        word=tokens.digest(word) if word else None,
        connection_id=connection_id,
        why=why,
    )
    async with installation.store.transaction(link.row.space_id) as tx:
        await store.keep(tx, link.row, kept)
        if state == "linked" and connection_id is not None:
            work = SyncWork(link.row.space_id, connection_id, "manual", Priority.MANUAL)
            await jobs.enqueue_syncs(tx, [work])
