"""Passkeys: made in a browser or a phone, and shown there to log in. One stands for both factors."""

from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from caudal.hub.identity.login import NotAdmitted
from caudal.hub.identity.sessions import Client, Pair, begun
from caudal.hub.installation import Installation
from caudal.model.errors import ConflictError, NotFound
from caudal.observe import security
from caudal.store import people, sessions
from caudal.store.people import PasskeyRow
from caudal.vault import passkeys, tokens
from caudal.vault.passkeys import Passkey, PasskeyRefused, Site

TO_BE: Final = "passkey to be"
"""The ceremony in which one is made."""
ASKED: Final = "passkey asked for"
"""The ceremony in which one is shown."""
_FOR: Final = timedelta(minutes=5)
PASSKEYS_MAX: Final = 20


def site(installation: Installation) -> Site:
    """Where passkeys are good: the hub's own public address. Raises ConflictError where it has none yet."""
    url = installation.settings.public_url.rstrip("/")
    host = urlsplit(url).hostname
    if not host:
        raise ConflictError("passkeys are bound to an address: set CAUDAL_PUBLIC_URL first")
    return Site(host, "Caudal", url)


async def listed(installation: Installation, person_id: UUID) -> list[PasskeyRow]:
    """A person's passkeys."""
    async with installation.store.door() as tx:
        return await people.passkeys(tx, person_id)


async def ask(installation: Installation, person_id: UUID) -> tuple[str, str]:
    """What the browser is given to make one (JSON), and the token that its answer comes with."""
    where = site(installation)
    async with installation.store.door() as tx:
        person = await people.by_id(tx, person_id)
        known = await people.passkeys(tx, person_id)
        if person is None:
            raise NotFound("there is nobody of this id")
        if len(known) >= PASSKEYS_MAX:
            raise ConflictError(
                f"at most {PASSKEYS_MAX} passkeys: take one away first", says="passkeys_full", n=PASSKEYS_MAX
            )
        options, challenge = passkeys.asked(
            where, person_id, person.email, [_passkey(each) for each in known]
        )
        token = tokens.new_token()
        await sessions.begin_ceremony(
            tx, tokens.digest(token), TO_BE, _FOR, person_id=person_id, data=challenge
        )
    return token, options


async def keep(installation: Installation, of: tuple[UUID, UUID], token: str, answer: str, name: str) -> None:
    """Keep the passkey that was made (for person, session). Raises ConflictError for an answer that doesn't hold."""
    person_id, session_id = of
    async with installation.store.door() as tx:
        begun_here = await sessions.take_ceremony(tx, tokens.digest(token), TO_BE)
    if begun_here is None or begun_here.person_id != person_id:
        raise ConflictError("that took too long: begin again", says="took_too_long")
    try:
        made = passkeys.registered(site(installation), begun_here.data, answer)
    except PasskeyRefused as error:
        raise ConflictError(str(error)) from None
    async with installation.store.door() as tx:
        key = (made.credential_id, made.public_key, made.sign_count, made.transports)
        if not await people.add_passkey(tx, person_id, name, key):
            raise ConflictError("this passkey is known already", says="passkey_already")
        await sessions.prove(tx, session_id, strong=True)
    security.happened("second_factor.set", actor=person_id, by="passkey")


async def drop(installation: Installation, person_id: UUID, credential_id: bytes) -> None:
    """It opens nothing any more. Raises NotFound."""
    async with installation.store.door() as tx:
        if not await people.drop_passkey(tx, person_id, credential_id):
            raise NotFound("no such passkey of yours")
    security.happened("second_factor.removed", actor=person_id, by="passkey")


async def challenge(installation: Installation) -> tuple[str, str]:
    """What a browser is given to show one, whosever it is (JSON), and the token that its answer comes with."""
    options, asked = passkeys.challenged(site(installation), [])
    token = tokens.new_token()
    async with installation.store.door() as tx:
        await sessions.begin_ceremony(tx, tokens.digest(token), ASKED, _FOR, data=asked)
    return token, options


async def enter(installation: Installation, token: str, answer: str, client: Client) -> Pair:
    """Log in by a passkey. A challenge is good once. Raises NotAdmitted."""
    async with installation.store.door() as tx:
        asked = await sessions.take_ceremony(tx, tokens.digest(token), ASKED)
    if asked is None:
        raise NotAdmitted("that took too long: begin again")
    try:
        credential_id = passkeys.credential_of(answer)
        async with installation.store.door() as tx:
            known = await people.passkey(tx, credential_id)
            person = await people.by_id(tx, known.person_id) if known else None
            if known is None or person is None or person.disabled_at is not None:
                raise NotAdmitted("nobody here has this passkey")
            count = passkeys.answered(site(installation), asked.data, answer, _passkey(known))
            if not await people.use_passkey(tx, credential_id, count):  # shown elsewhere at this very moment
                raise NotAdmitted("this passkey was shown elsewhere: begin again")
            return await begun(tx, installation, person.person_id, client, strong=True)
    except PasskeyRefused as error:  # or PasskeyCloned, which says what to do
        security.refused("login.failed", by="passkey", address=client.address)
        raise NotAdmitted(str(error)) from None


def _passkey(row: PasskeyRow) -> Passkey:
    return Passkey(row.credential_id, row.public_key, row.sign_count, tuple(row.transports), backed_up=False)
