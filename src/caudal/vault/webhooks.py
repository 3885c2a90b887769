"""Sealing webhooks at rest: some carry tokens, and all of them tell who banks where.

AES-256-GCM under a key of the installation's, made from a wrapping key (HKDF-SHA256, RFC 5869) so that neither is used
for two things. The associated data names provider and event: a body moved to another row does not open. At most 2^32
messages under one key (NIST SP 800-38D, §8.3): a thousand a second for 49 days, and then `caudal keys rotate`.
"""

import json
import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from caudal.vault.keyring import KEY_BYTES, Keyring
from caudal.vault.sealing import SealError

_MAGIC: Final = b"W1"
_NONCE_BYTES: Final = 12
_PURPOSE: Final = b"caudal webhook inbox 1"
_PLACE: Final = json.JSONEncoder(separators=(",", ":"))


class WebhookSeal:
    """Seals and opens webhooks with the keys of `keyring`, each made once."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._ciphers: dict[str, AESGCM] = {}

    @property
    def wrapping_key(self) -> str:
        """The id of the key under which webhooks are sealed now."""
        return self._keyring.primary

    def seal(self, provider: str, event_key: str, body: bytes) -> bytes:
        """`body`, sealed for its row, under `wrapping_key`."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        cipher = self._cipher(self.wrapping_key)
        return _MAGIC + nonce + cipher.encrypt(nonce, body, _place(provider, event_key))

    def unseal(self, wrapping_key: str, provider: str, event_key: str, sealed: bytes) -> bytes:
        """What was sealed. Raises SealError where it doesn't open in this row, ConfigError without its key."""
        nonce, text = sealed[len(_MAGIC) : len(_MAGIC) + _NONCE_BYTES], sealed[len(_MAGIC) + _NONCE_BYTES :]
        if not sealed.startswith(_MAGIC) or len(nonce) != _NONCE_BYTES:
            raise SealError("a sealed webhook is not one of Caudal's")
        try:
            return self._cipher(wrapping_key).decrypt(nonce, text, _place(provider, event_key))
        except InvalidTag:
            raise SealError(
                "a sealed webhook does not open: it was sealed elsewhere, or changed since"
            ) from None

    def _cipher(self, wrapping_key: str) -> AESGCM:
        if wrapping_key not in self._ciphers:
            derivation = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=_PURPOSE)
            self._ciphers[wrapping_key] = AESGCM(derivation.derive(self._keyring.key(wrapping_key)))
        return self._ciphers[wrapping_key]


def _place(provider: str, event_key: str) -> bytes:
    return _PLACE.encode([provider, event_key]).encode()
