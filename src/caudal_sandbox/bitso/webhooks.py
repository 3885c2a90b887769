"""What Bitso tells unasked: fundings and withdrawals, signed with RSA over the payload alone (contract §9)."""

from base64 import b64encode
from functools import cached_property

import msgspec
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from caudal_sandbox.corruption import Json


class Notice(msgspec.Struct, frozen=True):
    """A webhook as it is sent."""

    headers: dict[str, str]
    body: bytes


class Signer:
    """A key pair, made when it is first needed."""

    def __init__(self, key_id: str = "sandbox-key-1") -> None:
        self.key_id = key_id

    @cached_property
    def _pair(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(public_exponent=65_537, key_size=2048)

    @property
    def public(self) -> Json:
        """As the list of public keys has it."""
        der = self._pair.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return {"key_id": self.key_id, "public_key": b64encode(der).decode()}

    def notice(self, event: str, payload: Json) -> Notice:
        """That event, signed."""
        told = msgspec.json.encode(payload)
        signed = b64encode(self._pair.sign(told, padding.PKCS1v15(), hashes.SHA256())).decode()
        return Notice(
            {"x-bitso-key-id": self.key_id, "x-bitso-webhook-event-signature": signed},
            b'{"event": "' + event.encode() + b'", "payload": ' + told + b"}",
        )
