"""Becoming a person here: the first owner, by a token that only the machine shows, and those who are invited.

There is no default account and none without an invitation (ASVS 6.3.2).
"""

import re
from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec

from caudal.hub import audit
from caudal.hub.identity import members
from caudal.hub.identity.roles import Role
from caudal.hub.identity.sessions import Client, Pair, begun
from caudal.hub.installation import Installation
from caudal.model.errors import ConflictError, NotFound
from caudal.store import members as member_store
from caudal.store import people, sessions, spaces
from caudal.store.database import Transaction
from caudal.store.people import PersonRow
from caudal.store.spaces import Space
from caudal.vault import tokens
from caudal.vault.passwords import Hasher

FIRST: Final = "first owner"
"""The ceremony by which the first owner comes in."""
_FIRST_FOR: Final = timedelta(hours=24)
_EMAIL: Final = re.compile(r"[^\s@]{1,64}@[^\s@]{1,253}")
_NAME_MAX: Final = 100


class Newcomer(msgspec.Struct, frozen=True):
    """Somebody as they introduce themselves."""

    email: str
    name: str
    password: str
    language: str = "en"

    def __repr__(self) -> str:
        return "Newcomer(…)"


async def first_token(installation: Installation) -> str | None:
    """What the first owner comes in with, good for a day; any given before is void. None where somebody is in already."""
    token = tokens.new_token()
    async with installation.store.door() as tx:
        await people.lock(tx)
        if await people.anybody(tx):
            return None
        await sessions.drop_ceremonies(tx, FIRST)
        await sessions.begin_ceremony(tx, tokens.digest(token), FIRST, _FIRST_FOR)
    return token


async def anybody(installation: Installation) -> bool:
    """Whether anybody is in yet."""
    async with installation.store.door() as tx:
        return await people.anybody(tx)


async def claim(
    installation: Installation, hasher: Hasher, token: str, newcomer: Newcomer, client: Client
) -> Pair:
    """Become the first person, and the owner of every space there is. Raises NotFound for a token that is none or is
    used, ConflictError for what can't be."""
    checked = await _checked(hasher, newcomer)
    async with installation.store.door() as tx:
        if await sessions.ceremony(tx, tokens.digest(token), FIRST) is None:
            raise _no_token()
    password = await hasher.hashed(checked.password)
    there = await spaces.list_spaces(installation.store)
    async with installation.store.door(*(each.space_id for each in there)) as tx:
        await people.lock(tx)
        if await sessions.take_ceremony(tx, tokens.digest(token), FIRST) is None or await people.anybody(tx):
            raise _no_token()
        person_id = await _add(tx, checked, password)
        for each in there:
            space = Space(each.space_id, each.name, f"person:{person_id}")
            await member_store.put(tx, space.space_id, person_id, Role.OWNER)
            await audit.note(tx, installation, space, "member.joined", {"role": Role.OWNER.value})
        return await begun(tx, installation, person_id, client, strong=False)


async def join(
    installation: Installation, hasher: Hasher, token: str, newcomer: Newcomer, client: Client
) -> Pair:
    """Become a person by an invitation, which says the e-mail, and enter its space. Raises NotFound, ConflictError."""
    checked = await _checked(hasher, newcomer)
    opened = await members.invitation(installation, token)
    if opened.email != checked.email:
        raise NotFound("this invitation is to somebody else's e-mail")
    password = await hasher.hashed(checked.password)
    async with installation.store.door(opened.space_id) as tx:
        person_id = await _add(tx, checked, password)
        if not await member_store.accept(tx, opened.space_id, opened.invitation_id):
            raise NotFound("this invitation isn't open: ask for another")
        await member_store.put(tx, opened.space_id, person_id, opened.role)
        space = Space(opened.space_id, opened.space, f"person:{person_id}")
        details = {"person": str(person_id), "role": opened.role}
        await audit.note(tx, installation, space, "member.joined", details)
        return await begun(tx, installation, person_id, client, strong=False)


async def read(installation: Installation, person_id: UUID) -> PersonRow:
    """A person. Raises NotFound."""
    async with installation.store.door() as tx:
        found = await people.by_id(tx, person_id)
    if found is None:
        raise NotFound("there is nobody of this id")
    return found


async def rename(
    installation: Installation, person_id: UUID, name: str | None, language: str | None
) -> PersonRow:
    """Another name, another language. Raises ConflictError for a name that is none."""
    if name is not None:
        name = _named(name)
    async with installation.store.door() as tx:
        await people.update(tx, person_id, name, language)
    return await read(installation, person_id)


async def check_password(hasher: Hasher, password: str, email: str, name: str) -> None:
    """Raises ConflictError saying why a password won't do."""
    if why := await hasher.judged(password, about=(email, name)):
        raise ConflictError(f"that password won't do: {why}")


async def _checked(hasher: Hasher, newcomer: Newcomer) -> Newcomer:
    email = newcomer.email.strip().lower()
    if not _EMAIL.fullmatch(email):
        raise ConflictError("that is no e-mail address", says="no_email")
    name = _named(newcomer.name)
    await check_password(hasher, newcomer.password, email, name)
    return msgspec.structs.replace(newcomer, email=email, name=name)


def _named(name: str) -> str:
    name = " ".join(name.split())
    if not 1 <= len(name) <= _NAME_MAX:
        raise ConflictError(f"a name has from 1 to {_NAME_MAX} characters", says="no_name", n=_NAME_MAX)
    return name


async def _add(tx: Transaction, newcomer: Newcomer, password: str) -> UUID:
    made = await people.add(tx, newcomer.email, newcomer.name, newcomer.language, password)
    if made is None:
        raise ConflictError(
            "somebody of this e-mail is here already: log in, and accept the invitation", says="email_already"
        )
    return made


def _no_token() -> NotFound:
    return NotFound("that is not the first owner's token, or it was used: `caudal serve` shows one")
