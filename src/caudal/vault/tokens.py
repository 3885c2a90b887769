"""What people's browsers and programs show instead of a password: opaque tokens and API keys.

All carry more than 128 random bits, so what is kept of them is a plain SHA-256: nothing is guessed from it, and it is
looked up by equality (ASVS 11.4.3 asks for a slow hash only of what people choose).
"""

import base64
import hmac
import re
import secrets
import string
import zlib
from hashlib import sha256
from typing import Final

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from caudal.vault.keyring import KEY_BYTES, Keyring

TOKEN_BYTES: Final = 32
KEY_PREFIX: Final = "caudal"

_ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_ID_CHARACTERS: Final = 8
_SECRET_CHARACTERS: Final = 32  # of 5.95 bits each: 190
_CHECK_CHARACTERS: Final = 6  # 62^6 > 2^32
_KEY: Final = re.compile(
    rf"({KEY_PREFIX}_([0-9A-Za-z]{{{_ID_CHARACTERS}}})_[0-9A-Za-z]{{{_SECRET_CHARACTERS}}})"
    rf"_([0-9A-Za-z]{{{_CHECK_CHARACTERS}}})",
    re.ASCII,
)
_REFRESH_PURPOSE: Final = b"caudal refresh tokens 1"


class ApiKey(msgspec.Struct, frozen=True):
    """A new API key: `text` is shown once, `key_id` and `digest` are kept. Its repr does not show the text."""

    key_id: str
    text: str
    digest: bytes

    def __repr__(self) -> str:
        return f"ApiKey({self.key_id})"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("", self.key_id)]


def new_token() -> str:
    """32 random bytes, fit for a cookie, a header and an address: 43 characters."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def digest(token: str) -> bytes:
    """What is kept of a token, 32 bytes. Whatever is sent has one, and what isn't a token of ours is nobody's."""
    # Half a character (a lone surrogate) can come out of JSON; it has no UTF-8 and must not become an error.
    return sha256(token.encode(errors="surrogatepass")).digest()


def same(one: bytes, other: bytes) -> bool:
    """Whether two digests are the same, in a time that doesn't tell where they differ."""
    return hmac.compare_digest(one, other)


def new_key() -> ApiKey:
    """A new API key, `caudal_<id>_<secret>_<check>`: a form that secret scanners find, and that tells a typing error."""
    key_id, secret = _chance(_ID_CHARACTERS), _chance(_SECRET_CHARACTERS)
    named = f"{KEY_PREFIX}_{key_id}_{secret}"
    text = f"{named}_{_check_of(named)}"
    return ApiKey(key_id, text, digest(text))


def read_key(text: str) -> tuple[str, bytes] | None:
    """The id to look a key up by and the digest to compare (`same`) with what is kept; None where it is no key of ours.

    The check (CRC-32) is no secret: it spares the database what was cut off, mistyped or never a key.
    """
    found = _KEY.fullmatch(text)
    if found is None or _check_of(found[1]) != found[3]:
        return None
    return found[2], digest(text)


def refresh_key(keyring: Keyring) -> bytes:
    """The installation's key for `successor`: of the keyring, not of the database that holds the digests.

    Made (HKDF-SHA256, RFC 5869) from the key that `caudal keys rotate` leaves in place: it logs nobody out.
    """
    derivation = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=_REFRESH_PURPOSE)
    return derivation.derive(keyring.audit_key)


def successor(secret_key: bytes, refresh: str) -> str:
    """The refresh token that follows `refresh`: the same one each time, and a token like any other to who lacks the key.

    A refresh whose answer was lost is repeated within the grace time and gets the same answer, though only digests are
    kept (HMAC-SHA256, RFC 2104).
    """
    following = hmac.new(secret_key, refresh.encode(errors="surrogatepass"), sha256).digest()
    return base64.urlsafe_b64encode(following).decode().rstrip("=")


def _chance(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _check_of(named: str) -> str:
    rest, check = zlib.crc32(named.encode()), ""
    for _ in range(_CHECK_CHARACTERS):
        rest, digit = divmod(rest, len(_ALPHABET))
        check = _ALPHABET[digit] + check
    return check
