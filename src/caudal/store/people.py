"""People and what proves who they are. Only a transaction of the door (`Store.door`) sees them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from caudal.store.database import Transaction
from caudal.store.ids import new_id


class PersonRow(msgspec.Struct, frozen=True):
    """A person. `password`: its hash, None where there is none; `totp`: the sealed seed under `totp_key`, confirmed at
    `totp_since`; `codes_left`: recovery codes not yet used."""

    person_id: UUID
    email: str
    name: str
    language: str
    password: str | None
    totp: bytes | None
    totp_key: str | None
    totp_since: datetime | None
    totp_step: int
    disabled_at: datetime | None
    has_passkey: bool
    codes_left: int

    def __repr__(self) -> str:
        return f"PersonRow({self.person_id})"

    @property
    def has_totp(self) -> bool:
        """Whether codes are asked of them."""
        return self.totp_since is not None


class PasskeyRow(msgspec.Struct, frozen=True):
    """A passkey somebody registered."""

    credential_id: bytes
    person_id: UUID
    public_key: bytes
    sign_count: int
    transports: list[str]
    name: str
    created_at: datetime
    used_at: datetime | None


class SealedSeed(msgspec.Struct, frozen=True):
    """The seed of a person's one-time codes as it is kept."""

    person_id: UUID
    totp: bytes
    totp_key: str


class _InUse(msgspec.Struct, frozen=True):
    wrapping_key: str
    rows: int


class _Number(msgspec.Struct, frozen=True):
    number: int


class _PersonId(msgspec.Struct, frozen=True):
    person_id: UUID


async def anybody(tx: Transaction) -> bool:
    """Whether there is a single person yet."""
    found = await tx.first("count_people", _Number)
    return found is not None and found.number > 0


async def lock(tx: Transaction) -> None:
    """Until the end of the transaction nobody else becomes the first person."""
    await tx.run("lock_people")


async def add(tx: Transaction, email: str, name: str, language: str, password: str | None) -> UUID | None:
    """Somebody new, None where the e-mail is taken."""
    made = await tx.first(
        "insert_person",
        _PersonId,
        person_id=new_id(),
        email=email,
        name=name,
        language=language,
        password=password,
    )
    return made.person_id if made else None


async def by_id(tx: Transaction, person_id: UUID) -> PersonRow | None:
    """The person of this id."""
    return await tx.first("person_by", PersonRow, person_id=person_id, email=None)


async def by_email(tx: Transaction, email: str) -> PersonRow | None:
    """The person of this e-mail, in lower case."""
    return await tx.first("person_by", PersonRow, person_id=None, email=email)


async def update(tx: Transaction, person_id: UUID, name: str | None, language: str | None) -> None:
    """Change what is given."""
    await tx.run("update_person", person_id=person_id, name=name, language=language)


async def set_password(tx: Transaction, person_id: UUID, password: str) -> None:
    """Keep this hash."""
    await tx.run("set_password", person_id=person_id, password=password)


async def offer_totp(tx: Transaction, person_id: UUID, sealed: bytes, key: str) -> bool:
    """Keep a seed that is to be confirmed. False: one is confirmed already."""
    return await tx.run("offer_totp", person_id=person_id, totp=sealed, totp_key=key) == 1


async def confirm_totp(tx: Transaction, person_id: UUID) -> None:
    """From now on codes are asked for."""
    await tx.run("confirm_totp", person_id=person_id)


async def drop_totp(tx: Transaction, person_id: UUID) -> None:
    """No codes any more."""
    await tx.run("drop_totp", person_id=person_id)


async def sealing_keys_in_use(tx: Transaction) -> dict[str, int]:
    """Wrapping key id → how many seeds, and kept answers, are sealed under it."""
    rows = await tx.all("door_keys_in_use", _InUse)
    return {row.wrapping_key: row.rows for row in rows}


async def seeds_to_reseal(tx: Transaction, wrapping_key: str, limit: int) -> list[SealedSeed]:
    """Seeds that are sealed under another key than this one."""
    return await tx.all("seeds_to_reseal", SealedSeed, wrapping_key=wrapping_key, limit=limit)


async def reseal_seed(tx: Transaction, person_id: UUID, sealed: bytes, key: str) -> None:
    """The same seed under another key."""
    await tx.run("reseal_seed", person_id=person_id, totp=sealed, totp_key=key)


async def use_totp_step(tx: Transaction, person_id: UUID, step: int) -> bool:
    """Use up the code of a time step. False: it was."""
    return await tx.run("use_totp_step", person_id=person_id, step=step) == 1


async def replace_recovery_codes(tx: Transaction, person_id: UUID, digests: Sequence[bytes]) -> None:
    """These in place of all before."""
    await tx.run("drop_recovery_codes", person_id=person_id)
    await tx.run("insert_recovery_codes", person_id=person_id, digests=list(digests))


async def use_recovery_code(tx: Transaction, person_id: UUID, digest: bytes) -> bool:
    """Use up a recovery code. False: it is none of theirs, or was used."""
    return await tx.run("use_recovery_code", person_id=person_id, digest=digest) == 1


async def add_passkey(
    tx: Transaction, person_id: UUID, name: str, key: tuple[bytes, bytes, int, Sequence[str]]
) -> bool:
    """Keep a passkey (its id, public key, counter, transports). False: it is known already."""
    credential_id, public_key, sign_count, transports = key
    made = await tx.first(
        "insert_passkey",
        _PersonId,
        credential_id=credential_id,
        person_id=person_id,
        public_key=public_key,
        sign_count=sign_count,
        transports=list(transports),
        name=name,
    )
    return made is not None


async def passkeys(tx: Transaction, person_id: UUID) -> list[PasskeyRow]:
    """A person's passkeys, the oldest first."""
    return await tx.all("passkeys_of", PasskeyRow, person_id=person_id)


async def passkey(tx: Transaction, credential_id: bytes) -> PasskeyRow | None:
    """The passkey of this id."""
    return await tx.first("passkey_by_id", PasskeyRow, credential_id=credential_id)


async def use_passkey(tx: Transaction, credential_id: bytes, sign_count: int) -> bool:
    """It was used. False: its counter had been further."""
    return await tx.run("use_passkey", credential_id=credential_id, sign_count=sign_count) == 1


async def drop_passkey(tx: Transaction, person_id: UUID, credential_id: bytes) -> bool:
    """Forget it. False: it isn't theirs."""
    return await tx.run("drop_passkey", person_id=person_id, credential_id=credential_id) == 1
