"""Links under way. The door finds them by their token; their space sees its own."""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from caudal.store.database import Transaction

_SILENT = timedelta(seconds=60)


class LinkRow(msgspec.Struct, frozen=True, kw_only=True):
    """A link under way. `state`: what is next ('choose', 'consent', 'visit', 'ask', 'found'), or how it ended ('linked',
    'mended', 'abandoned'); `step`: what the provider gave last, sealed under `step_key`; `asked_at`: when it was last
    asked how it goes."""

    space_id: UUID
    session_id: UUID
    space: str
    state: str
    provider: str
    institution: str
    relink: UUID | None
    language: str
    app: str
    purpose: str
    return_url: str
    embed_origin: str
    made_by: str
    made_at: datetime
    expires_at: datetime
    expired: bool
    agreed_at: datetime | None
    asked_at: datetime | None
    step: bytes | None
    step_key: str | None
    connection_id: UUID | None
    why: str
    now: datetime

    def __repr__(self) -> str:
        return f"LinkRow({self.session_id}, {self.state})"


class NewLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link to be gone through."""

    space_id: UUID
    session_id: UUID
    digest: bytes
    state: str
    provider: str
    institution: str
    relink: UUID | None
    language: str
    app: str
    purpose: str
    return_url: str
    embed_origin: str
    made_by: str
    lasts: timedelta


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What a step came to."""

    state: str
    provider: str
    institution: str
    relink: UUID | None
    agreed: bool
    step: bytes | None
    step_key: str | None
    word: bytes | None
    connection_id: UUID | None
    why: str


class _Account(msgspec.Struct, frozen=True):
    account_id: UUID


class _Until(msgspec.Struct, frozen=True):
    expires_at: datetime


async def add(tx: Transaction, link: NewLink) -> datetime:
    """One more; until when it is good."""
    (until,) = await tx.all("insert_link_session", _Until, **msgspec.structs.asdict(link))
    return until.expires_at


async def by_digest(tx: Transaction, digest: bytes) -> LinkRow | None:
    """The one whose token this is of."""
    return await _one(tx, digest=digest)


async def by_word(tx: Transaction, digest: bytes) -> LinkRow | None:
    """The one that waits for this word to be brought back."""
    return await _one(tx, word=digest)


async def by_id(tx: Transaction, space_id: UUID, session_id: UUID) -> LinkRow | None:
    """One of a space."""
    return await _one(tx, space_id=space_id, session_id=session_id)


async def of(tx: Transaction, space_id: UUID, limit: int) -> list[LinkRow]:
    """A space's, the latest first, without what their providers gave."""
    return await tx.all("link_sessions", LinkRow, space_id=space_id, limit=limit)


async def take(tx: Transaction, link: LinkRow, *, asks: bool) -> bool:
    """Be the one at it. False: somebody is, or it isn't any more as it was. `asks`: its provider is asked how it goes."""
    of = {"space_id": link.space_id, "session_id": link.session_id}
    return await tx.run("take_link_session", state=link.state, silent=_SILENT, asks=asks, **of) == 1


async def keep(tx: Transaction, link: LinkRow, kept: Kept) -> None:
    """What the step came to."""
    of = {"space_id": link.space_id, "session_id": link.session_id}
    await tx.run("keep_link_session", **of, **msgspec.structs.asdict(kept))


async def free(tx: Transaction, link: LinkRow, why: str) -> None:
    """It came to nothing, and may be tried again."""
    await tx.run("free_link_session", space_id=link.space_id, session_id=link.session_id, why=why)


async def accounts(tx: Transaction, space_id: UUID, connection_id: UUID) -> list[UUID]:
    """The accounts that a connection's accounts are booked on."""
    found = await tx.all("booked_accounts", _Account, space_id=space_id, connection_id=connection_id)
    return [each.account_id for each in found]


async def tidy(tx: Transaction, kept: timedelta) -> None:
    """Forget what is over."""
    await tx.run("drop_link_sessions", kept=kept)


async def _one(
    tx: Transaction,
    *,
    digest: bytes | None = None,
    word: bytes | None = None,
    space_id: UUID | None = None,
    session_id: UUID | None = None,
) -> LinkRow | None:
    of = {"digest": digest, "word": word, "space_id": space_id, "session_id": session_id}
    return await tx.first("link_session", LinkRow, **of)
