"""How Plaid signs its webhooks: a JWT (ES256) over the hash of the body's raw bytes (docs, Webhook verification)."""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from datetime import datetime, timedelta
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt
from joserfc.jwk import ECKey

from caudal_sandbox.plaid import ids
from caudal_sandbox.plaid.errors import PlaidError
from caudal_sandbox.plaid.limits import Clock

HEADER: Final = "Plaid-Verification"
KEYS_MAX: Final = 1_000
"""How many keys one emulator goes through: each is remembered, as a client may ask for an expired one."""

_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the curve P-256 (SEC 2, 2.4.2): a private key is a number from 1 to one below it."""


class PublicKey(msgspec.Struct, frozen=True):
    """A key as `/webhook_verification_key/get` shows it. Times are Unix seconds."""

    alg: str
    created_at: int
    crv: str
    expired_at: int | None
    kid: str
    kty: str
    use: str
    x: str
    y: str


class _Pair(msgspec.Struct):
    kid: str
    private: ECKey
    created_at: datetime
    expired_at: datetime | None = None


class Keys:
    """The signing keys of one emulator, one in use at a time. They follow from the seed, so that a run can be replayed
    name for name: keys of a sandbox guard nothing."""

    def __init__(self, seed: int, clock: Clock) -> None:
        self._seed = seed
        self._clock = clock
        self._pairs: dict[str, _Pair] = {}
        self._current = self._made()

    @property
    def kid(self) -> str:
        """The id of the key in use."""
        return self._current.kid

    def rotate(self) -> str:
        """Sign with a new key from now on; its id. The old one has expired and still can be asked for."""
        if len(self._pairs) >= KEYS_MAX:
            raise ValueError(f"{KEYS_MAX} keys were made already: start another sandbox")
        self._current.expired_at = self._clock()
        self._current = self._made()
        return self._current.kid

    def public(self, kid: str) -> PublicKey:
        """The public half of a key. Raises PlaidError for one that was never used here."""
        pair = self._pairs.get(kid)
        if pair is None:
            raise PlaidError("INVALID_WEBHOOK_VERIFICATION_KEY_ID")
        numbers = pair.private.as_dict(private=False)
        return PublicKey(
            alg="ES256",
            created_at=int(pair.created_at.timestamp()),
            crv="P-256",
            expired_at=None if pair.expired_at is None else int(pair.expired_at.timestamp()),
            kid=pair.kid,
            kty="EC",
            use="sig",
            x=str(numbers["x"]),
            y=str(numbers["y"]),
        )

    def signed(self, body: bytes, *, age: timedelta = timedelta()) -> str:
        """The value of `Plaid-Verification` for this body, issued `age` ago."""
        return self._signed(body, self._current.private, self._current.kid, age)

    def signed_by_a_stranger(self, body: bytes, *, kid: str | None = None) -> str:
        """What somebody without our key can make: signed by another key, under our key's id or `kid`."""
        return self._signed(body, _private(self._seed, "stranger"), kid or self._current.kid, timedelta())

    def signed_with_the_public_key(self, body: bytes) -> str:
        """The classic confusion: HS256 with the public key as the secret (CVE-2015-9235 and its kin)."""
        public = self.public(self._current.kid)
        head = msgspec.json.encode({"alg": "HS256", "kid": public.kid, "typ": "JWT"})
        signed = f"{_base64(head)}.{_base64(msgspec.json.encode(self._claims(body, timedelta())))}"
        mac = hmac.digest(public.x.encode(), signed.encode(), "sha256")
        return f"{signed}.{_base64(mac)}"

    def _signed(self, body: bytes, key: ECKey, kid: str, age: timedelta) -> str:
        return jwt.encode({"alg": "ES256", "kid": kid, "typ": "JWT"}, dict(self._claims(body, age)), key)

    def _claims(self, body: bytes, age: timedelta) -> dict[str, str | int]:
        issued = int((self._clock() - age).timestamp())
        return {"iat": issued, "request_body_sha256": hashlib.sha256(body).hexdigest()}

    def _made(self) -> _Pair:
        number = len(self._pairs)
        kid = ids.token("key", self._seed, number).removeprefix("key-sandbox-")
        pair = _Pair(kid, _private(self._seed, number), self._clock())
        self._pairs[kid] = pair
        return pair


def _private(seed: int, which: object) -> ECKey:
    digest = hashlib.sha512(f"{seed}/plaid webhook key/{which}".encode()).digest()
    return ECKey.import_key(ec.derive_private_key(int.from_bytes(digest) % (_ORDER - 1) + 1, ec.SECP256R1()))


def _base64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
