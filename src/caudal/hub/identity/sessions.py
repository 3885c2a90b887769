"""Sessions: a login and what it shows from then on.

An access token is good for minutes; a refresh token for days, and once. Used a second time later than a lost answer
explains, it was stolen by somebody, and the whole session ends (ASVS 10.4.5).
"""

from datetime import timedelta
from functools import partial
from typing import Final
from uuid import UUID

import msgspec

from caudal.hub.installation import Installation
from caudal.model.errors import NotFound
from caudal.observe import security
from caudal.store import sessions
from caudal.store.database import Transaction
from caudal.store.ids import new_id
from caudal.store.sessions import Lasting, SessionRow, TokenRow
from caudal.vault import tokens

_GRACE: Final = timedelta(seconds=10)
"""A refresh token may be shown again for so long: the answer to the first time may have been lost."""
_AGENT_MAX: Final = 200
PROVED_WITHIN: Final = timedelta(minutes=10)
"""For what would let somebody else in for good, one must have shown that recently who one is."""


class Client(msgspec.Struct, frozen=True):
    """Where somebody logs in from: as the browser calls itself, and its address."""

    agent: str = ""
    address: str = ""


class Session(msgspec.Struct, frozen=True):
    """A session that is good. `proved`: its person showed lately who they are."""

    session_id: UUID
    person_id: UUID
    strong: bool
    proved: bool


class Pair(msgspec.Struct, frozen=True):
    """What a session shows. Kept by its holder alone."""

    session_id: UUID
    person_id: UUID
    access: str
    refresh: str
    access_seconds: int
    refresh_seconds: int

    def __repr__(self) -> str:
        return f"Pair({self.session_id})"


def lasting(installation: Installation) -> Lasting:
    """How long what a session shows is good."""
    bounds = installation.settings.identity
    return Lasting(
        timedelta(minutes=bounds.access_minutes),
        timedelta(days=bounds.idle_days_max),
        timedelta(days=bounds.session_days_max),
    )


async def begun(
    tx: Transaction, installation: Installation, person_id: UUID, client: Client, *, strong: bool
) -> Pair:
    """A new session: a token from before the login is never taken over (ASVS 7.2.4)."""
    lasts, session_id = lasting(installation), new_id()
    refresh = tokens.new_token()
    await sessions.begin(
        tx,
        (session_id, person_id),
        lasts,
        strong=strong,
        agent=client.agent[:_AGENT_MAX],
        address=client.address,
    )
    begun = {"address": client.address, "strong": str(strong).lower()}
    tx.afterwards(partial(security.happened, "session.begun", actor=person_id, **begun))
    return await _shown(tx, lasts, (session_id, person_id), refresh)


async def session(installation: Installation, access: str) -> Session | None:
    """Whose session this access token is of; None where it opens nothing."""
    async with installation.store.door() as tx:
        found = await sessions.by_token(tx, tokens.digest(access), "access")
        if found is None or not found.good:
            return None
        await sessions.use(tx, found.session_id, lasting(installation))
    return _session(found)


async def refreshed(installation: Installation, refresh: str) -> Pair | None:
    """The tokens that follow; None where the token is none, is over, or was used before: then nobody may use what
    followed it either."""
    lasts = lasting(installation)
    digest = tokens.digest(refresh)
    async with installation.store.door() as tx:
        found = await sessions.by_token(tx, digest, "refresh")
        if found is None or not found.good:
            return None
        await sessions.lock(tx, found.session_id)
        found = await sessions.by_token(tx, digest, "refresh")
        if found is None or not found.good:
            return None
        if found.used_at is not None and found.now - found.used_at > _GRACE:
            await sessions.end(tx, found.person_id, "refresh token replayed", session_id=found.session_id)
            tx.afterwards(partial(security.refused, "session.replayed", actor=found.person_id))
            return None
        await sessions.use_refresh(tx, digest)
        await sessions.use(tx, found.session_id, lasts)
        following = tokens.successor(tokens.refresh_key(installation.keyring), refresh)
        return await _shown(tx, lasts, (found.session_id, found.person_id), following)


async def listed(installation: Installation, person_id: UUID) -> list[SessionRow]:
    """A person's sessions."""
    async with installation.store.door() as tx:
        return await sessions.of(tx, person_id)


async def end(installation: Installation, person_id: UUID, session_id: UUID) -> None:
    """Log out of one session, at once. Raises NotFound for one that isn't theirs or is over."""
    async with installation.store.door() as tx:
        if not await sessions.end(tx, person_id, "logged out", session_id=session_id):
            raise NotFound("no such session of yours")
    security.happened("session.ended", actor=person_id)


async def end_all(installation: Installation, person_id: UUID, *, but: UUID | None = None) -> int:
    """Log out everywhere, or everywhere else. Returns of how many sessions."""
    async with installation.store.door() as tx:
        ended = await sessions.end(tx, person_id, "logged out everywhere", but=but)
    security.happened("session.ended_everywhere", actor=person_id)
    return ended


async def _shown(tx: Transaction, lasts: Lasting, of: tuple[UUID, UUID], refresh: str) -> Pair:
    session_id, person_id = of
    access = tokens.new_token()
    await sessions.add_tokens(
        tx, session_id, lasts, access=tokens.digest(access), refresh=tokens.digest(refresh)
    )
    return Pair(
        session_id,
        person_id,
        access,
        refresh,
        round(lasts.access.total_seconds()),
        round(lasts.idle.total_seconds()),
    )


def _session(found: TokenRow) -> Session:
    return Session(
        found.session_id, found.person_id, found.strong, found.now - found.proved_at <= PROVED_WITHIN
    )
