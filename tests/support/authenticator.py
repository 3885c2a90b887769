"""An authenticator in software, and the browser before it: answers WebAuthn's options as JSON, and lies where told to.

What it signs follows WebAuthn Level 3 (§5.8.1 client data, §6.1 authenticator data, §6.5.4 attestation object, "none" or the key's own)
and COSE (RFC 9053) for its keys; nothing of the library under test makes any of it.
"""

import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PRESENT, VERIFIED, BACKUP_ELIGIBLE, BACKED_UP, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40
ALGORITHMS = {"ES256": -7, "EdDSA": -8}


class Authenticator:
    """One passkey. `count` is its counter, which each assertion raises by `step` (0: a key that doesn't count)."""

    def __init__(self, algorithm: str = "ES256", *, count: int = 0, step: int = 1) -> None:
        self.algorithm = algorithm
        self.credential_id = secrets.token_bytes(32)
        self.count = count
        self.step = step
        self._p256 = generate_private_key(SECP256R1())
        self._ed25519 = Ed25519PrivateKey.generate()

    @property
    def cose_key(self) -> dict[int, Any]:
        """The public key as COSE has it."""
        if self.algorithm == "EdDSA":
            raw = self._ed25519.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            return {1: 1, 3: ALGORITHMS["EdDSA"], -1: 6, -2: raw}
        point = self._p256.public_key().public_numbers()
        return {1: 2, 3: ALGORITHMS["ES256"], -1: 1, -2: point.x.to_bytes(32), -3: point.y.to_bytes(32)}

    def registration(
        self,
        options: str,
        *,
        origin: str,
        rp_id: str | None = None,
        challenge: bytes | None = None,
        flags: int = PRESENT | VERIFIED,
        told_id: bytes | None = None,
        kind: str = "webauthn.create",
        attestation: str = "none",
        cross_origin: bool = False,
        public_key: dict[int, Any] | None = None,
    ) -> str:
        """What `navigator.credentials.create` gives, as JSON. What isn't said is as `options` ask."""
        asked = json.loads(options)
        attested = (
            bytes(16)
            + len(self.credential_id).to_bytes(2)
            + self.credential_id
            + cbor2.dumps(public_key or self.cose_key)
        )
        authenticator_data = self._authenticator_data(rp_id or asked["rp"]["id"], flags | ATTESTED) + attested
        client_data = _client_data(kind, challenge or decoded(asked["challenge"]), origin, cross_origin)
        statement: dict[str, Any] = {}
        if attestation == "packed":
            signed = authenticator_data + sha256(client_data).digest()
            statement = {"alg": ALGORITHMS[self.algorithm], "sig": self._signature(signed)}
        return _answer(
            told_id or self.credential_id,
            clientDataJSON=client_data,
            attestationObject=cbor2.dumps(
                {"fmt": attestation, "attStmt": statement, "authData": authenticator_data}
            ),
            transports=["internal", "hybrid", "telepathy"],
        )

    def assertion(
        self,
        options: str,
        *,
        origin: str,
        rp_id: str | None = None,
        challenge: bytes | None = None,
        flags: int = PRESENT | VERIFIED,
        told_id: bytes | None = None,
        kind: str = "webauthn.get",
        cross_origin: bool = False,
    ) -> str:
        """What `navigator.credentials.get` gives, as JSON, signed. What isn't said is as `options` ask."""
        asked = json.loads(options)
        self.count += self.step
        authenticator_data = self._authenticator_data(rp_id or asked["rpId"], flags)
        client_data = _client_data(kind, challenge or decoded(asked["challenge"]), origin, cross_origin)
        return _answer(
            told_id or self.credential_id,
            clientDataJSON=client_data,
            authenticatorData=authenticator_data,
            signature=self._signature(authenticator_data + sha256(client_data).digest()),
        )

    def _authenticator_data(self, rp_id: str, flags: int) -> bytes:
        return sha256(rp_id.encode()).digest() + bytes([flags]) + self.count.to_bytes(4)

    def _signature(self, data: bytes) -> bytes:
        if self.algorithm == "EdDSA":
            return self._ed25519.sign(data)
        return self._p256.sign(data, ECDSA(SHA256()))


def changed(answer: str, field: str, place: int) -> str:
    """`answer` with one bit of one of its response's fields flipped."""
    told = json.loads(answer)
    data = bytearray(decoded(told["response"][field]))
    data[place % len(data)] ^= 1
    told["response"][field] = encoded(bytes(data))
    return json.dumps(told)


def decoded(text: str) -> bytes:
    """Base64url without padding, as WebAuthn's JSON has it."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def encoded(data: bytes) -> str:
    """The other way round."""
    return urlsafe_b64encode(data).decode().rstrip("=")


def _client_data(kind: str, challenge: bytes, origin: str, cross_origin: bool) -> bytes:
    told = {"type": kind, "challenge": encoded(challenge), "origin": origin, "crossOrigin": cross_origin}
    return json.dumps(told, separators=(",", ":")).encode()


def _answer(credential_id: bytes, **response: bytes | list[str]) -> str:
    told = {
        "id": encoded(credential_id),
        "rawId": encoded(credential_id),
        "type": "public-key",
        "clientExtensionResults": {},
        "response": {
            name: encoded(value) if isinstance(value, bytes) else value for name, value in response.items()
        },
    }
    return json.dumps(told)
