"""Envelopes: a secret under its connection's data key, the data key under a wrapping key, each bound to its place.

AES-256-GCM throughout (NIST SP 800-38D), 96-bit random nonces. The associated data names space, connection and
field, so that a sealed value moved to another row does not open. At most 2^32 messages under one key: far above
what one connection's secrets reach.
"""

import json
import secrets
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from caudal.model.data_key import DataKey
from caudal.model.errors import CaudalError
from caudal.vault.keyring import KEY_BYTES, Keyring

_NONCE_BYTES: Final = 12
_MAGIC: Final = b"C1"


class SealError(CaudalError):
    """A sealed value does not open: wrong key, wrong place, or tampered with. Never says more."""


def new_data_key(keyring: Keyring, data_key_id: UUID, space_id: UUID, connection_id: UUID) -> DataKey:
    """A fresh data key for one connection."""
    return _wrap(keyring, secrets.token_bytes(KEY_BYTES), data_key_id, space_id, connection_id)


def rewrap(keyring: Keyring, key: DataKey, space_id: UUID) -> DataKey:
    """The same data key under the keyring's primary key."""
    plain = _unwrap(keyring, key, space_id)
    return _wrap(keyring, plain, key.data_key_id, space_id, key.connection_id)


def seal(keyring: Keyring, key: DataKey, space_id: UUID, field: str, secret: bytes) -> bytes:
    """`secret`, sealed for `field` of the key's connection."""
    plain = _unwrap(keyring, key, space_id)
    return _encrypt(plain, secret, _place(space_id, key.connection_id, key.data_key_id, field))


def unseal(keyring: Keyring, key: DataKey, space_id: UUID, field: str, sealed: bytes) -> bytes:
    """What was sealed. Raises SealError where it does not open in this place."""
    plain = _unwrap(keyring, key, space_id)
    return _decrypt(plain, sealed, _place(space_id, key.connection_id, key.data_key_id, field))


def _wrap(keyring: Keyring, plain: bytes, data_key_id: UUID, space_id: UUID, connection_id: UUID) -> DataKey:
    place = _place(space_id, connection_id, data_key_id, "data_key")
    return DataKey(
        data_key_id, connection_id, keyring.primary, _encrypt(keyring.key(keyring.primary), plain, place)
    )


def _unwrap(keyring: Keyring, key: DataKey, space_id: UUID) -> bytes:
    place = _place(space_id, key.connection_id, key.data_key_id, "data_key")
    return _decrypt(keyring.key(key.wrapping_key), key.wrapped, place)


def _place(space_id: UUID, connection_id: UUID, data_key_id: UUID, field: str) -> bytes:
    place = {
        "space_id": str(space_id),
        "connection_id": str(connection_id),
        "data_key_id": str(data_key_id),
        "field": field,
    }
    return json.dumps(place, sort_keys=True, separators=(",", ":")).encode()


def _encrypt(key: bytes, plain: bytes, place: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return _MAGIC + nonce + AESGCM(key).encrypt(nonce, plain, place)


def _decrypt(key: bytes, sealed: bytes, place: bytes) -> bytes:
    nonce, text = sealed[len(_MAGIC) : len(_MAGIC) + _NONCE_BYTES], sealed[len(_MAGIC) + _NONCE_BYTES :]
    if not sealed.startswith(_MAGIC) or len(nonce) != _NONCE_BYTES:
        raise SealError("a sealed value is not one of Caudal's")
    try:
        return AESGCM(key).decrypt(nonce, text, place)
    except InvalidTag:
        raise SealError("a sealed value does not open: it was sealed elsewhere, or changed since") from None
