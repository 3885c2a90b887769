"""Tl-Signature: a detached JWS, ES512, over method, path, the named headers and the body."""

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Final

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

HEADER: Final = "Tl-Signature"
TIMESTAMP: Final = "X-Tl-Webhook-Timestamp"
JWKS_PATH: Final = "/.well-known/jwks"
_BYTES: Final = 66
_KEY: Final = 0x1A5CE0_7B1E5EED
"""Added to the seed: keys of a sandbox guard nothing."""


class Signer:
    """One key, which follows from the seed."""

    def __init__(self, seed: int) -> None:
        self._key = ec.derive_private_key(_KEY + seed, ec.SECP521R1())
        self.kid = f"sandbox-{seed}"

    def jwks(self) -> dict[str, object]:
        """What /.well-known/jwks tells."""
        public = self._key.public_key().public_numbers()
        x, y = (_base64(number.to_bytes(_BYTES)) for number in (public.x, public.y))
        key = {"kty": "EC", "alg": "ES512", "crv": "P-521", "kid": self.kid, "x": x, "y": y}
        return {"keys": [key]}

    def sign(self, path: str, headers: Mapping[str, str], body: bytes, jku: str) -> str:
        """The header's value for a POST."""
        head = {
            "alg": "ES512",
            "kid": self.kid,
            "tl_version": "2",
            "tl_headers": ",".join(headers),
            "jku": jku,
        }
        lines = "".join(f"{name}: {value}\n" for name, value in headers.items())
        first = _base64(msgspec.json.encode(head))
        signed = f"POST {path}\n{lines}".encode() + body
        text = f"{first}.{_base64(signed)}"
        r, s = decode_dss_signature(self._key.sign(text.encode(), ec.ECDSA(hashes.SHA512())))
        return f"{first}..{_base64(r.to_bytes(_BYTES) + s.to_bytes(_BYTES))}"


def _base64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
