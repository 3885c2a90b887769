"""Who one is here, and how one shows it."""

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from msgspec import Meta

from caudal.api.rest.endpoints import Call, Endpoint, Entry, Page, delete, get, patch, post
from caudal.api.rest.forms import Asked, Language, Secret, Text, Told, hasher
from caudal.hub.identity import login, passkeys, people
from caudal.store.people import PersonRow


class Person(Told, frozen=True):
    """A person. `one_time_codes`, `passkey`: which second factors they set up."""

    person_id: UUID
    email: str
    name: str
    language: str
    one_time_codes: bool
    passkey: bool
    recovery_codes_left: int


class PersonChange(Asked, frozen=True):
    """What is to be otherwise."""

    name: Text | None = None
    language: Language | None = None


class NewPassword(Asked, frozen=True):
    """A password: 12 to 128 characters, no common one."""

    password: Secret


class Seed(Told, frozen=True):
    """What an authenticator app is set up with: by hand, by its URI, or by the picture of it (SVG). Shown once."""

    seed: str
    uri: str
    picture: str


class OneTimeCode(Asked, frozen=True):
    """A code."""

    code: Secret


class RecoveryCodes(Told, frozen=True):
    """Codes for when the authenticator is lost, each good once. Shown once."""

    codes: list[str]


HexId = Annotated[str, Meta(pattern="^([0-9a-f]{2}){1,1023}$")]


class Passkey(Told, frozen=True):
    """A passkey, by the id that its browser gave it."""

    credential_id: str
    name: str
    created_at: datetime
    used_at: datetime | None


class PasskeyAsked(Told, frozen=True):
    """What a browser is to be given, and the token that its answer comes with."""

    token: str
    options: dict[str, Any]


class NewPasskey(Asked, frozen=True):
    """What a browser made (`PublicKeyCredential.toJSON()`)."""

    token: Secret
    name: Text
    answer: dict[str, Any]


def _person(row: PersonRow) -> Person:
    return Person(
        row.person_id, row.email, row.name, row.language, row.has_totp, row.has_passkey, row.codes_left
    )


@get("/v1/me", Entry.PERSON, tag="me")
async def read_me(call: Call) -> Person:
    """Who one is."""
    return _person(await people.read(call.installation, call.person))


@patch("/v1/me", Entry.PERSON, tag="me")
async def change_me(call: Call, body: PersonChange) -> Person:
    """Another name, another language."""
    return _person(await people.rename(call.installation, call.person, body.name, body.language))


@post("/v1/me/password", Entry.PROVED, tag="me", status=204)
async def change_password(call: Call, body: NewPassword) -> None:
    """Another password. Every other session ends."""
    of = (call.person, call.session)
    await login.change_password(call.installation, hasher(call), of, body.password)


@post("/v1/me/one-time-codes", Entry.PROVED, tag="me", status=201)
async def set_up_one_time_codes(call: Call) -> Seed:
    """Begin to set up one-time codes. They count once a code was shown (`…/confirm`)."""
    return Seed(*await login.offer_totp(call.installation, call.person))


@post("/v1/me/one-time-codes/confirm", Entry.PROVED, tag="me")
async def confirm_one_time_codes(call: Call, body: OneTimeCode) -> RecoveryCodes:
    """Show a code: from now on logging in asks for one."""
    of = (call.person, call.session)
    return RecoveryCodes(await login.confirm_totp(call.installation, of, body.code))


@delete("/v1/me/one-time-codes", Entry.PROVED, tag="me")
async def take_one_time_codes_away(call: Call) -> None:
    """No one-time codes any more."""
    await login.drop_totp(call.installation, call.person)


@post("/v1/me/recovery-codes", Entry.PROVED, tag="me", status=201)
async def make_recovery_codes(call: Call) -> RecoveryCodes:
    """New recovery codes; those before are worth nothing."""
    return RecoveryCodes(await login.fresh_recovery_codes(call.installation, call.person))


@get("/v1/me/passkeys", Entry.PERSON, tag="me")
async def list_passkeys(call: Call) -> Page[Passkey]:
    """One's passkeys, the oldest first."""
    return await _passkeys(call)


async def _passkeys(call: Call) -> Page[Passkey]:
    found = await passkeys.listed(call.installation, call.person)
    return Page(
        [Passkey(each.credential_id.hex(), each.name, each.created_at, each.used_at) for each in found]
    )


@post("/v1/me/passkeys/begin", Entry.PROVED, tag="me")
async def begin_passkey(call: Call) -> PasskeyAsked:
    """Begin to make a passkey: `options` are for `navigator.credentials.create`."""
    token, options = await passkeys.ask(call.installation, call.person)
    return PasskeyAsked(token, msgspec.json.decode(options))


@post("/v1/me/passkeys", Entry.PROVED, tag="me", status=201)
async def keep_passkey(call: Call, body: NewPasskey) -> Page[Passkey]:
    """Keep the passkey that was made. It stands for both factors."""
    answer = msgspec.json.encode(body.answer).decode()
    of = (call.person, call.session)
    await passkeys.keep(call.installation, of, body.token, answer, body.name)
    return await _passkeys(call)


@delete("/v1/me/passkeys/{credential_id}", Entry.PROVED, tag="me")
async def drop_passkey(call: Call, credential_id: HexId) -> None:
    """Take a passkey away."""
    await passkeys.drop(call.installation, call.person, bytes.fromhex(credential_id))


ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    read_me,
    change_me,
    change_password,
    set_up_one_time_codes,
    confirm_one_time_codes,
    take_one_time_codes_away,
    make_recovery_codes,
    list_passkeys,
    begin_passkey,
    keep_passkey,
    drop_passkey,
)
