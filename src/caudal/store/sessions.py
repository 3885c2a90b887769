"""Logins: sessions and their tokens, what was begun and isn't over, what failed. Only the door (`Store.door`) sees them.

Tokens come here as digests; nothing kept here opens anything.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from caudal.store.database import Transaction


class TokenRow(msgspec.Struct, frozen=True):
    """Whose a token is. `good`: neither it nor its session is over; `used_at`: of a refresh token, when it was used."""

    session_id: UUID
    person_id: UUID
    strong: bool
    proved_at: datetime
    expires_at: datetime
    used_at: datetime | None
    now: datetime
    good: bool


class SessionRow(msgspec.Struct, frozen=True):
    """A session that is good for something. `agent`: the browser as it calls itself."""

    session_id: UUID
    agent: str
    address: str
    strong: bool
    created_at: datetime
    used_at: datetime
    ends_at: datetime


class Lasting(msgspec.Struct, frozen=True):
    """How long what a session shows is good: an access token; a session unused; a session at all."""

    access: timedelta
    idle: timedelta
    absolute: timedelta


class Ceremony(msgspec.Struct, frozen=True):
    """What was begun."""

    person_id: UUID | None
    data: bytes


class Failures(msgspec.Struct, frozen=True):
    """How often a subject failed, the oldest of it at."""

    subject: bytes
    number: int
    oldest: datetime


async def begin(
    tx: Transaction,
    session: tuple[UUID, UUID],
    lasting: Lasting,
    *,
    strong: bool,
    agent: str,
    address: str,
) -> None:
    """A session (its id, its person's)."""
    session_id, person_id = session
    await tx.run(
        "insert_session",
        session_id=session_id,
        person_id=person_id,
        strong=strong,
        agent=agent,
        address=address,
        idle=lasting.idle,
        absolute=lasting.absolute,
    )


async def add_tokens(
    tx: Transaction, session_id: UUID, lasting: Lasting, *, access: bytes, refresh: bytes
) -> None:
    """What it shows from now on."""
    await tx.run(
        "insert_session_tokens",
        session_id=session_id,
        access=access,
        refresh=refresh,
        access_lasts=lasting.access,
        idle=lasting.idle,
    )


async def by_token(tx: Transaction, digest: bytes, kind: str) -> TokenRow | None:
    """Whose token ('access', 'refresh') this is."""
    return await tx.first("session_by_token", TokenRow, digest=digest, kind=kind)


async def lock(tx: Transaction, session_id: UUID) -> None:
    """One at a time."""
    await tx.run("lock_session", session_id=session_id)


async def use(tx: Transaction, session_id: UUID, lasting: Lasting) -> None:
    """It is used, and will be idle from now on."""
    await tx.run("use_session", session_id=session_id, idle=lasting.idle)


async def use_refresh(tx: Transaction, digest: bytes) -> bool:
    """Use up a refresh token. False: it was."""
    return await tx.run("use_refresh_token", digest=digest) == 1


async def prove(tx: Transaction, session_id: UUID, *, strong: bool) -> None:
    """Its person has just shown who they are, with a second factor or without."""
    await tx.run("prove_session", session_id=session_id, strong=strong)


async def end(
    tx: Transaction, person_id: UUID, why: str, *, session_id: UUID | None = None, but: UUID | None = None
) -> int:
    """End one, all, or all but one of a person's sessions. Returns how many."""
    return await tx.run("end_sessions", person_id=person_id, why=why, session_id=session_id, but=but)


async def of(tx: Transaction, person_id: UUID) -> list[SessionRow]:
    """A person's sessions, the latest used first."""
    return await tx.all("sessions_of", SessionRow, person_id=person_id)


async def begin_ceremony(
    tx: Transaction,
    digest: bytes,
    kind: str,
    lasts: timedelta,
    *,
    person_id: UUID | None = None,
    data: bytes = b"",
) -> None:
    """Something begins, to be ended by who shows the token of this digest."""
    await tx.run("insert_ceremony", digest=digest, kind=kind, person_id=person_id, data=data, lasts=lasts)


async def ceremony(tx: Transaction, digest: bytes, kind: str) -> Ceremony | None:
    """What began, and goes on."""
    return await tx.first("ceremony_by", Ceremony, digest=digest, kind=kind)


async def take_ceremony(tx: Transaction, digest: bytes, kind: str) -> Ceremony | None:
    """What began ends here; None where it is over, or never began."""
    return await tx.first("take_ceremony", Ceremony, digest=digest, kind=kind)


async def drop_ceremonies(tx: Transaction, kind: str) -> None:
    """All of a kind are void."""
    await tx.run("drop_ceremonies", kind=kind)


async def tidy(tx: Transaction, answers_kept: timedelta) -> None:
    """Forget what is over."""
    await tx.run("tidy_door", kept=answers_kept)


async def failures(
    tx: Transaction, account: tuple[bytes, timedelta], address: tuple[bytes, timedelta]
) -> dict[bytes, Failures]:
    """How often two subjects failed, each within its window."""
    rows = await tx.all(
        "count_attempts",
        Failures,
        account=account[0],
        account_window=account[1],
        address=address[0],
        address_window=address[1],
    )
    return {row.subject: row for row in rows}


async def lock_tries(tx: Transaction, subject: bytes) -> None:
    """Until the end of the transaction nobody else counts a try of this subject."""
    await tx.run("lock_attempts", subject=subject)


async def tried(tx: Transaction, subjects: Sequence[bytes]) -> None:
    """Once more: it counts as failed until it is known to have gone well."""
    await tx.run("insert_attempts", subjects=list(subjects))


async def forgive(tx: Transaction, account: bytes, address: bytes) -> None:
    """It went well."""
    await tx.run("drop_attempts", account=account, address=address)
