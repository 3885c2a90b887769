"""What was asked under a name, and answered: kept for a day, sealed."""

import msgspec

from caudal.hub.installation import Installation
from caudal.store import requests as store
from caudal.vault.rows import ANSWERS, RowSeal

Name = tuple[str, str]
"""Whose request it is, and what they call it."""


class Before(msgspec.Struct, frozen=True):
    """What came under the name. `asked`: a digest of the request; `status` None: it isn't answered."""

    asked: bytes
    status: int | None
    answer: bytes


async def begun(installation: Installation, name: Name, asked: bytes) -> Before | None:
    """Take the name; what came under it, if anything did."""
    async with installation.store.door() as tx:
        if await store.begin(tx, *name, asked):
            return None
        found = await store.under(tx, *name)
    if found is None:  # forgotten between the two
        return Before(asked, None, b"")
    answer = b""
    if found.answer is not None and found.sealed_by is not None:
        answer = RowSeal(installation.keyring, ANSWERS).unseal(found.sealed_by, name, found.answer)
    return Before(found.request, found.status, answer)


async def answered(installation: Installation, name: Name, status: int, answer: bytes) -> None:
    """Keep the answer."""
    seal = RowSeal(installation.keyring, ANSWERS)
    sealed = (seal.seal(name, answer), seal.wrapping_key)
    async with installation.store.door() as tx:
        await store.answered(tx, name, status, sealed)


async def dropped(installation: Installation, name: Name) -> None:
    """Free the name: nothing was done under it."""
    async with installation.store.door() as tx:
        await store.drop(tx, *name)
