"""Logging in: a password, and a second factor where there is one; or a passkey, which is both.

Who tries is answered alike whether the e-mail, the password or both are wrong, after the same time; who fails too often
is not heard for a while, before any hash is computed (ASVS 6.3.1, 6.3.8).
"""

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from caudal.hub.identity.people import check_password
from caudal.hub.identity.sessions import Client, Pair, begun
from caudal.hub.installation import Installation
from caudal.model.errors import CaudalError, ConflictError, NotFound
from caudal.observe import security
from caudal.store import people, sessions
from caudal.store.database import Transaction
from caudal.store.people import PersonRow
from caudal.vault import one_time, tokens
from caudal.vault.passwords import Hasher
from caudal.vault.rows import ONE_TIME_SEEDS, RowSeal

HALF: Final = "half a login"
"""The ceremony between the password and the second factor."""
_HALF_FOR: Final = timedelta(minutes=5)
_RESEAL_BATCH: Final = 100
_ADDRESS_WINDOW: Final = timedelta(hours=1)


class NotAdmitted(CaudalError):
    """Who asks didn't show who they are. Never says what was wrong."""


class TooManyTries(CaudalError):
    """Not heard for now. `retry_after`: until then."""

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__("too many tries: wait, and try again")
        self.retry_after = retry_after


class Half(msgspec.Struct, frozen=True):
    """The password was right; what is missing is a second factor. `token`: what to show with it."""

    token: str
    totp: bool
    passkey: bool

    def __repr__(self) -> str:
        return "Half(…)"


async def by_password(
    installation: Installation, hasher: Hasher, credentials: tuple[str, str], client: Client
) -> Pair | Half:
    """Log in with (e-mail, password). Raises NotAdmitted, TooManyTries."""
    email, password = credentials[0].strip().lower(), credentials[1]
    subjects = _subjects(email, client)
    async with installation.store.door() as tx:
        await _heard(tx, installation, subjects)
        person = await people.by_email(tx, email)
    match = await hasher.check(person.password if person else None, password)
    if person is None or person.disabled_at is not None or not match.fits:
        security.refused("login.failed", by="password", address=client.address)
        raise NotAdmitted("e-mail or password is wrong")
    anew = await hasher.hashed(password) if match.renew else None
    async with installation.store.door() as tx:
        await sessions.forgive(tx, *subjects)
        if anew is not None:
            await people.set_password(tx, person.person_id, anew)
        if person.has_totp or person.has_passkey:
            return await _half(tx, person)
        return await begun(tx, installation, person.person_id, client, strong=False)


async def by_code(installation: Installation, token: str, code: str, client: Client) -> Pair:
    """The second half, by a one-time code or a recovery code. Raises NotAdmitted, TooManyTries."""
    digest = tokens.digest(token)
    async with installation.store.door() as tx:
        half = await sessions.ceremony(tx, digest, HALF)
        person = await people.by_id(tx, half.person_id) if half and half.person_id else None
        if person is None:
            raise NotAdmitted("log in again")
        subjects = _subjects(person.email, client)
        await _heard(tx, installation, subjects)
    async with installation.store.door() as tx:
        right = await spent(tx, installation, person, code)
        if right and await sessions.take_ceremony(tx, digest, HALF) is not None:
            await sessions.forgive(tx, *subjects)
            return await begun(tx, installation, person.person_id, client, strong=True)
    security.refused("login.failed", actor=person.person_id, by="second factor", address=client.address)
    raise NotAdmitted("the code is wrong, or was used")


async def spent(tx: Transaction, installation: Installation, person: PersonRow, code: str) -> bool:
    """Use up a code of a person's: of their one-time codes, or a recovery code."""
    seed = seed_of(installation, person) if person.has_totp else None
    if seed is not None:
        step = one_time.step_of(seed, code, datetime.now(UTC), person.totp_step)
        if step is not None:
            return await people.use_totp_step(tx, person.person_id, step)
    digest = one_time.recovery_digest(code)
    return digest is not None and await people.use_recovery_code(tx, person.person_id, digest)


def seed_of(installation: Installation, person: PersonRow) -> str | None:
    """The seed of a person's one-time codes, confirmed or not."""
    if person.totp is None or person.totp_key is None:
        return None
    seal = RowSeal(installation.keyring, ONE_TIME_SEEDS)
    return seal.unseal(person.totp_key, (str(person.person_id),), person.totp).decode()


async def reseal(installation: Installation) -> int:
    """Bring every seed under the keyring's primary key, a few at a time. Returns how many were."""
    seal, done = RowSeal(installation.keyring, ONE_TIME_SEEDS), 0
    while True:
        async with installation.store.door() as tx:
            seeds = await people.seeds_to_reseal(tx, seal.wrapping_key, _RESEAL_BATCH)
            for each in seeds:
                place = (str(each.person_id),)
                seed = seal.unseal(each.totp_key, place, each.totp)
                await people.reseal_seed(tx, each.person_id, seal.seal(place, seed), seal.wrapping_key)
        done += len(seeds)
        if len(seeds) < _RESEAL_BATCH:
            return done


async def tidy(installation: Installation) -> None:
    """Forget logins, tries and answers that are over."""
    kept = timedelta(hours=installation.settings.api.answers_hours)
    async with installation.store.door() as tx:
        await sessions.tidy(tx, kept)


async def prove(
    installation: Installation, hasher: Hasher, of: tuple[UUID, UUID], password: str, client: Client
) -> None:
    """Show again who one is (person, session), before what would let others in for good. Raises as `by_password`."""
    person_id, session_id = of
    async with installation.store.door() as tx:
        person = await people.by_id(tx, person_id)
        if person is None:
            raise NotFound("there is nobody of this id")
        subjects = _subjects(person.email, client)
        await _heard(tx, installation, subjects)
    match = await hasher.check(person.password, password)
    if not match.fits:
        security.refused("proof.failed", actor=person_id, address=client.address)
        raise NotAdmitted("the password is wrong")
    async with installation.store.door() as tx:
        await sessions.forgive(tx, *subjects)
        await sessions.prove(tx, session_id, strong=False)
    security.happened("proof.given", actor=person_id, address=client.address)


async def change_password(
    installation: Installation, hasher: Hasher, of: tuple[UUID, UUID], new: str
) -> None:
    """Another password; every other session of the person (person, this session) ends. Raises ConflictError."""
    person_id, session_id = of
    async with installation.store.door() as tx:
        person = await people.by_id(tx, person_id)
    if person is None:
        raise NotFound("there is nobody of this id")
    await check_password(hasher, new, person.email, person.name)
    hashed = await hasher.hashed(new)
    async with installation.store.door() as tx:
        await people.set_password(tx, person_id, hashed)
        await sessions.end(tx, person_id, "password changed", but=session_id)
    security.happened("password.changed", actor=person_id)


async def offer_totp(installation: Installation, person_id: UUID) -> tuple[str, str, str]:
    """A new seed, the URI that an app reads it from, and that as a picture (SVG). It counts once a code of it was shown.
    Raises ConflictError where one counts already."""
    seed = one_time.new_seed()
    seal = RowSeal(installation.keyring, ONE_TIME_SEEDS)
    sealed = seal.seal((str(person_id),), seed.encode())
    async with installation.store.door() as tx:
        person = await people.by_id(tx, person_id)
        if person is None or not await people.offer_totp(tx, person_id, sealed, seal.wrapping_key):
            raise ConflictError(
                "one-time codes are set up already: take them away first", says="codes_already"
            )
    uri = one_time.provisioning_uri(seed, person.email)
    return seed, uri, one_time.qr_svg(uri)


async def confirm_totp(installation: Installation, of: tuple[UUID, UUID], code: str) -> list[str]:
    """A code of the new seed was shown: from now on they are asked for, and this session is strong. Returns recovery
    codes, shown once. Raises NotAdmitted for a wrong one."""
    person_id, session_id = of
    async with installation.store.door() as tx:
        person = await people.by_id(tx, person_id)
        seed = seed_of(installation, person) if person else None
        step = one_time.step_of(seed, code, datetime.now(UTC), None) if seed else None
        if person is None or person.has_totp or step is None:
            raise NotAdmitted("that isn't a code of what was set up")
        await people.confirm_totp(tx, person_id)
        await people.use_totp_step(tx, person_id, step)
        await sessions.prove(tx, session_id, strong=True)
        codes = await _fresh_codes(tx, person_id)
    security.happened("second_factor.set", actor=person_id, by="one-time codes")
    return codes


async def drop_totp(installation: Installation, person_id: UUID) -> None:
    """No one-time codes any more, and no recovery codes where no passkey is left to recover from."""
    async with installation.store.door() as tx:
        await people.drop_totp(tx, person_id)
        person = await people.by_id(tx, person_id)
        if person is not None and not person.has_passkey:
            await people.replace_recovery_codes(tx, person_id, [])
    security.happened("second_factor.removed", actor=person_id, by="one-time codes")


async def fresh_recovery_codes(installation: Installation, person_id: UUID) -> list[str]:
    """New recovery codes in place of all before, shown once."""
    async with installation.store.door() as tx:
        codes = await _fresh_codes(tx, person_id)
    security.happened("recovery_codes.made", actor=person_id)
    return codes


async def _fresh_codes(tx: Transaction, person_id: UUID) -> list[str]:
    codes = one_time.new_recovery_codes()
    digests = [one_time.recovery_digest(code) for code in codes]
    await people.replace_recovery_codes(tx, person_id, [each for each in digests if each is not None])
    return list(codes)


async def _half(tx: Transaction, person: PersonRow) -> Half:
    token = tokens.new_token()
    await sessions.begin_ceremony(tx, tokens.digest(token), HALF, _HALF_FOR, person_id=person.person_id)
    return Half(token, totp=person.has_totp, passkey=person.has_passkey)


def _subjects(email: str, client: Client) -> tuple[bytes, bytes]:
    """Of what failures are counted: the account from there, and whoever is there."""
    return tokens.digest(f"{email}\0{client.address}"), tokens.digest(client.address)


async def _heard(tx: Transaction, installation: Installation, subjects: tuple[bytes, bytes]) -> None:
    """Count a try before anything is computed for it. Raises TooManyTries."""
    bounds = installation.settings.identity
    windows = (timedelta(minutes=bounds.tries_minutes), _ADDRESS_WINDOW)
    limits = (bounds.tries_max, bounds.address_tries_max)
    await sessions.lock_tries(tx, subjects[0])
    counted = await sessions.failures(tx, (subjects[0], windows[0]), (subjects[1], windows[1]))
    for subject, window, limit in zip(subjects, windows, limits, strict=True):
        found = counted.get(subject)
        if found is not None and found.number >= limit:
            left = found.oldest + window - datetime.now(UTC)
            security.refused("login.too_many_tries")
            raise TooManyTries(max(left, timedelta(seconds=1)))
    await sessions.tried(tx, subjects)
