"""Sealing rows that are of no connection: webhooks (some carry tokens, and all of them tell who banks where), the seeds
of one-time codes, answers that show a new key, links under way, files that wait.

AES-256-GCM under a key of the installation's, made from a wrapping key (HKDF-SHA256, RFC 5869) for one purpose, so that
none is used for two things. The associated data names the row: what is moved to another does not open. At most 2^32
messages under one key (NIST SP 800-38D, §8.3): a thousand webhooks a second for 49 days, and then `caudal keys rotate`.
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
_PLACE: Final = json.JSONEncoder(separators=(",", ":"))


class RowSeal:
    """Seals and opens rows of one purpose with the keys of `keyring`, each made once."""

    def __init__(self, keyring: Keyring, purpose: str) -> None:
        self._keyring = keyring
        self._purpose = purpose
        self._ciphers: dict[str, AESGCM] = {}

    @property
    def wrapping_key(self) -> str:
        """The id of the key under which rows are sealed now."""
        return self._keyring.primary

    def seal(self, place: tuple[str, ...], text: bytes) -> bytes:
        """`text`, sealed for its row (what names it), under `wrapping_key`."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        cipher = self._cipher(self.wrapping_key)
        return _MAGIC + nonce + cipher.encrypt(nonce, text, _bound(place))

    def unseal(self, wrapping_key: str, place: tuple[str, ...], sealed: bytes) -> bytes:
        """What was sealed. Raises SealError where it doesn't open in this row, ConfigError without its key."""
        nonce, text = sealed[len(_MAGIC) : len(_MAGIC) + _NONCE_BYTES], sealed[len(_MAGIC) + _NONCE_BYTES :]
        if not sealed.startswith(_MAGIC) or len(nonce) != _NONCE_BYTES:
            raise SealError(f"{self._purpose}: a sealed row is not one of Caudal's")
        try:
            return self._cipher(wrapping_key).decrypt(nonce, text, _bound(place))
        except InvalidTag:
            raise SealError(
                f"{self._purpose}: a sealed row does not open: it was sealed elsewhere, or changed since"
            ) from None

    def _cipher(self, wrapping_key: str) -> AESGCM:
        if wrapping_key not in self._ciphers:
            info = f"caudal {self._purpose} 1".encode()
            derivation = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info)
            self._ciphers[wrapping_key] = AESGCM(derivation.derive(self._keyring.key(wrapping_key)))
        return self._ciphers[wrapping_key]


WEBHOOKS: Final = "webhook inbox"
ONE_TIME_SEEDS: Final = "one-time code seed"
ANSWERS: Final = "stored answer"
LINKS: Final = "link under way"
UPLOADS: Final = "file that waits"


def _bound(place: tuple[str, ...]) -> bytes:
    return _PLACE.encode(list(place)).encode()
