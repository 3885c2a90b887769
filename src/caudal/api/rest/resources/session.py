"""Logging in and out."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from caudal.api.rest.endpoints import Call, Endpoint, Entry, Page, delete, get, post
from caudal.api.rest.forms import Asked, Email, Secret, Told, client, hasher
from caudal.api.rest.problems import UNAUTHENTICATED, Rejected
from caudal.hub.identity import login, passkeys, sessions
from caudal.hub.identity.login import Half
from caudal.hub.identity.sessions import Pair


class Credentials(Asked, frozen=True):
    """E-mail and password."""

    email: Email
    password: Secret


class SecondFactor(Asked, frozen=True):
    """What a login lacked: a one-time code or a recovery code, with the token that the first half gave."""

    token: Secret
    code: Secret


class PasskeyChallenge(Told, frozen=True):
    """What a browser is to be given, and the token that its answer comes with."""

    token: str
    options: dict[str, Any]


class PasskeyShown(Asked, frozen=True):
    """What a browser showed (`PublicKeyCredential.toJSON()`)."""

    token: Secret
    answer: dict[str, Any]


class RefreshToken(Asked, frozen=True):
    """A refresh token. It is good once."""

    refresh_token: Secret


class PasswordProof(Asked, frozen=True):
    """The password, once more."""

    password: Secret


class Tokens(Told, frozen=True):
    """What a session shows from now on: `Authorization: Bearer <access_token>`."""

    session_id: UUID
    access_token: str
    access_seconds: int
    refresh_token: str
    refresh_seconds: int


class LoggedIn(Told, frozen=True):
    """Either `tokens`, or what is missing: a second factor, to be shown with `second_factor_token`."""

    tokens: Tokens | None
    second_factor_token: str | None
    second_factors: list[str]


class Session(Told, frozen=True):
    """A session of one's own. `current`: the one that asks."""

    session_id: UUID
    current: bool
    second_factor: bool
    agent: str
    address: str
    created_at: datetime
    used_at: datetime
    ends_at: datetime


class Ended(Told, frozen=True):
    """How many sessions ended."""

    sessions: int


def shown(pair: Pair) -> Tokens:
    """The tokens of a session."""
    return Tokens(pair.session_id, pair.access, pair.access_seconds, pair.refresh, pair.refresh_seconds)


@post("/v1/session", Entry.ANYBODY, tag="session")
async def log_in(call: Call, body: Credentials) -> LoggedIn:
    """Log in with a password.

    Where a second factor is set up, it is asked for: see `second_factors`.
    """
    done = await login.by_password(call.installation, hasher(call), (body.email, body.password), client(call))
    if isinstance(done, Half):
        factors = [name for name, there in (("one_time_code", done.totp), ("passkey", done.passkey)) if there]
        return LoggedIn(None, done.token, factors)
    return LoggedIn(shown(done), None, [])


@post("/v1/session/second-factor", Entry.ANYBODY, tag="session")
async def show_second_factor(call: Call, body: SecondFactor) -> Tokens:
    """The second half of a login. A code is good once."""
    return shown(await login.by_code(call.installation, body.token, body.code, client(call)))


@post("/v1/session/passkey/begin", Entry.ANYBODY, tag="session")
async def begin_passkey_login(call: Call) -> PasskeyChallenge:
    """Begin to log in by a passkey: `options` are for `navigator.credentials.get`."""
    token, options = await passkeys.challenge(call.installation)
    return PasskeyChallenge(token, msgspec.json.decode(options))


@post("/v1/session/passkey", Entry.ANYBODY, tag="session")
async def log_in_by_passkey(call: Call, body: PasskeyShown) -> Tokens:
    """Log in by a passkey: it stands for both factors."""
    answer = msgspec.json.encode(body.answer).decode()
    return shown(await passkeys.enter(call.installation, body.token, answer, client(call)))


@post("/v1/session/refresh", Entry.ANYBODY, tag="session")
async def refresh_session(call: Call, body: RefreshToken) -> Tokens:
    """New tokens for an old refresh token. One that was used before ends its session."""
    pair = await sessions.refreshed(call.installation, body.refresh_token)
    if pair is None:
        raise Rejected(UNAUTHENTICATED, "log in again")
    return shown(pair)


@post("/v1/session/proof", Entry.PERSON, tag="session", status=204)
async def prove(call: Call, body: PasswordProof) -> None:
    """Show again who one is, before what would let others in for good. It holds for ten minutes."""
    of = (call.person, call.session)
    await login.prove(call.installation, hasher(call), of, body.password, client(call))


@delete("/v1/session", Entry.PERSON, tag="session")
async def log_out(call: Call) -> None:
    """Log out, at once."""
    await sessions.end(call.installation, call.person, call.session)


@get("/v1/sessions", Entry.PERSON, tag="session")
async def list_sessions(call: Call) -> Page[Session]:
    """One's sessions, the latest used first."""
    return Page(
        [
            Session(
                each.session_id,
                each.session_id == call.session_id,
                each.strong,
                each.agent,
                each.address,
                each.created_at,
                each.used_at,
                each.ends_at,
            )
            for each in await sessions.listed(call.installation, call.person)
        ]
    )


@delete("/v1/sessions/{session_id}", Entry.PERSON, tag="session")
async def end_session(call: Call, session_id: UUID) -> None:
    """Log out of one session."""
    await sessions.end(call.installation, call.person, session_id)


@post("/v1/sessions/end", Entry.PERSON, tag="session")
async def log_out_everywhere(call: Call) -> Ended:
    """Log out everywhere, here too."""
    return Ended(await sessions.end_all(call.installation, call.person))


ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    log_in,
    show_second_factor,
    begin_passkey_login,
    log_in_by_passkey,
    refresh_session,
    prove,
    log_out,
    list_sessions,
    end_session,
    log_out_everywhere,
)
