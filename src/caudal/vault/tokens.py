"""What opens: tokens of sessions and keys of programs. Only their digests are kept.

Both carry 256 bits from the system's generator: a fast hash suffices, for nobody can try them all (ASVS 11.4.2 asks for
slow ones where people choose the secret).
"""

import base64
import hmac
import re
import secrets
import zlib
from hashlib import sha256
from typing import Final

import msgspec

TOKEN_BYTES: Final = 32
_KEY_ID_CHARS: Final = 8
_ALPHABET: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_KEY: Final = re.compile(r"caudal_([0-9a-z]{8})_([A-Za-z0-9_-]{43})_([0-9a-f]{8})")


class NewKey(msgspec.Struct, frozen=True):
    """A key just made. `text` is shown once and kept nowhere."""

    key_id: str
    text: str
    digest: bytes

    def __repr__(self) -> str:
        return f"NewKey({self.key_id})"


def new_token() -> str:
    """A token nobody can guess: 256 bits in 43 characters that fit a URL."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def digest(token: str) -> bytes:
    """What is kept of a token."""
    return sha256(token.encode("utf-8", "surrogatepass")).digest()


def same(one: bytes, other: bytes) -> bool:
    """Whether two digests are one, in a time that doesn't say how alike they are."""
    return hmac.compare_digest(one, other)


def successor(key: bytes, refresh: str) -> str:
    """The refresh token that follows `refresh`. Whoever asks twice, because the first answer was lost, gets the same."""
    told = hmac.new(key, b"caudal refresh token 1\0" + refresh.encode(), sha256).digest()
    return base64.urlsafe_b64encode(told).rstrip(b"=").decode()


def new_key() -> NewKey:
    """A key for a program: ``caudal_<id>_<secret>_<checksum>``, which can be told from anything else where it leaked."""
    key_id = "".join(secrets.choice(_ALPHABET) for _ in range(_KEY_ID_CHARS))
    body = f"caudal_{key_id}_{new_token()}"
    text = f"{body}_{_checksum(body)}"
    return NewKey(key_id, text, digest(text))


def read_key(text: str) -> tuple[str, bytes] | None:
    """A key's id and digest; None for what is none, or was mistyped: no database is asked then."""
    found = _KEY.fullmatch(text)
    if found is None or _checksum(text.rpartition("_")[0]) != found[3]:
        return None
    return found[1], digest(text)


def _checksum(body: str) -> str:
    return f"{zlib.crc32(body.encode()):08x}"
