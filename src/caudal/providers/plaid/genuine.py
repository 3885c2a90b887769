"""Is a webhook Plaid's? (Plaid docs, Webhook verification): a JWT in the header Plaid-Verification, ES256, over the
SHA-256 of the raw body, signed with a key that Plaid gives out by its id. There is no shared secret.

Whatever fails, the answer is one and the same: who forges one learns nothing from it.
"""

import asyncio
import hmac
import re
from base64 import urlsafe_b64decode
from collections import OrderedDict
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Annotated, Final, Protocol

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from msgspec import Meta

from caudal.model.errors import CaudalError, NotGenuine, Unavailable
from caudal.providers.base import Delivery
from caudal.providers.http import Clock
from caudal.providers.plaid.client import PlaidClient
from caudal.providers.plaid.errors import Refusal, error_for
from caudal.providers.plaid.payloads import VerificationKey, VerificationKeyAnswer

HEADER: Final = "plaid-verification"
BODY_BYTES_MAX: Final = 1024**2
TOKEN_CHARS_MAX: Final = 4096
"""Plaid's are some 350 characters long."""
AGE_MAX: Final = timedelta(minutes=5)
"""Plaid docs, Webhook verification."""
AHEAD_MAX: Final = timedelta(minutes=1)
"""The docs are silent on tokens from the future; without a bound they would outlive the one on age."""

KEYS_MAX: Final = 100
UNKNOWN_MAX: Final = 1_000
KEY_FRESH: Final = timedelta(days=1)
"""Then a key is fetched again, to learn whether it has expired."""
UNKNOWN_FOR: Final = timedelta(minutes=10)
"""How long a key id that Plaid doesn't know is not asked for again."""
FETCH_PAUSE: Final = timedelta(minutes=1)
"""Between two fetches: anybody can name key ids, and must not make us ask Plaid for each."""
FETCH_SECONDS_MAX: Final = 4
"""Plaid waits 10 s for an answer (Plaid docs, Webhooks); better it hears in time that it should come again."""

_ALGORITHM: Final = "ES256"
_ES256: Final = jws.JWSRegistry.algorithms[_ALGORITHM]
_JWT: Final = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")


class _Header(msgspec.Struct, forbid_unknown_fields=True):
    """Nothing but this: `crit`, `b64`, `jwk` or `jku` would have a verifier do other things."""

    alg: str
    kid: Annotated[str, Meta(min_length=1, max_length=128)]
    typ: str = "JWT"


class _Claims(msgspec.Struct):
    """There are no `exp`, `iss`, `aud` and `jti`."""

    iat: int
    request_body_sha256: str


class Keys(Protocol):
    """Where keys are known by their id."""

    async def find(self, kid: str, now: datetime) -> ECKey | None:
        """The key, None where Plaid has none of that id or it has expired."""
        ...


async def checked(delivery: Delivery, keys: Keys) -> str:
    """The key of the delivery's event. Raises NotGenuine unless Plaid signed this very body within the last five
    minutes.

    Plaid's events have no id. What is signed (body and second) names them: a token that comes twice, repeated on its
    way or replayed by somebody, is one event, whatever is done to its signature. A retry that Plaid signs anew is
    another, for so is the same news an hour later, and to lose that would cost more than to fetch once in vain.
    """
    key = await _event_key(delivery, keys)
    if key is None:
        raise NotGenuine("plaid: a webhook that Plaid didn't sign, or not this body, or not now")
    return key


async def _event_key(delivery: Delivery, keys: Keys) -> str | None:
    header = delivery.headers.get(HEADER, "")
    if len(delivery.body) > BODY_BYTES_MAX or len(header) > TOKEN_CHARS_MAX:
        return None
    token = _token(header)
    # What costs nothing goes first: a key is asked for only by who at least names this body and this time.
    if token is None or not token.is_of(delivery):
        return None
    key = await keys.find(token.kid, delivery.received_at)
    if key is None or not _ES256.verify(token.signed, token.signature, key):
        return None
    return sha256(token.signed).hexdigest()


def body_hash(body: bytes) -> str:
    """Of the raw bytes: Plaid indents its JSON, and any re-serialising changes the hash."""
    return sha256(body).hexdigest()


class _Token(msgspec.Struct, frozen=True):
    """What a token says of itself, nothing of it shown yet. `signed`: the bytes that the signature is over."""

    kid: str
    claims: _Claims
    signed: bytes
    signature: bytes

    def is_of(self, delivery: Delivery) -> bool:
        """Whether it speaks of this body, about now."""
        told = self.claims.request_body_sha256.encode()
        same = hmac.compare_digest(told, body_hash(delivery.body).encode())
        return same and _is_timely(self.claims.iat, delivery.received_at)


def _token(text: str) -> _Token | None:
    """The token, if it is of Plaid's form: ES256 and nothing else."""
    form = _JWT.fullmatch(text)
    if form is None:
        return None
    try:
        header = _HEADER.decode(_base64(form[1]))
        claims = _CLAIMS.decode(_base64(form[2]))
        signature = _base64(form[3])
    except (ValueError, msgspec.DecodeError):
        return None
    if header.alg != _ALGORITHM:
        return None
    return _Token(header.kid, claims, f"{form[1]}.{form[2]}".encode(), signature)


def _base64(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _is_timely(issued_at: int, received_at: datetime) -> bool:
    age = received_at.timestamp() - issued_at
    return -AHEAD_MAX.total_seconds() <= age <= AGE_MAX.total_seconds()


class _Cached(msgspec.Struct, frozen=True):
    key: ECKey
    expired_at: int | None
    fetched: timedelta


class KeyCache:
    """Plaid's keys by their ids. At most one fetch a minute in all; it is waited for by those alone who need that key."""

    def __init__(self, client: PlaidClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._known: OrderedDict[str, _Cached] = OrderedDict()
        self._unknown: OrderedDict[str, timedelta] = OrderedDict()
        self._next_fetch: timedelta | None = None
        self._fetching: dict[str, asyncio.Task[None]] = {}

    async def find(self, kid: str, now: datetime) -> ECKey | None:
        """The key, None where Plaid has none of that id, it has expired, or it is too early to ask again.

        Raises the ProviderError family where Plaid can't be asked now and the key isn't known from before.
        """
        if self._is_wanted(kid) and (fetch := self._fetch_of(kid)) is not None:
            await asyncio.shield(fetch)  # others wait for it too
        cached = self._known.get(kid)
        if cached is None or (cached.expired_at is not None and cached.expired_at <= now.timestamp()):
            return None
        self._known.move_to_end(kid)
        return cached.key

    def _fetch_of(self, kid: str) -> asyncio.Task[None] | None:
        """The fetch to wait for: one that starts now; of a key that isn't known one that is under way. None where it is
        another's turn."""
        under_way = self._fetching.get(kid)
        if under_way is not None:
            return None if kid in self._known else under_way
        if not self._may_fetch():
            return None
        fetch = self._fetching[kid] = asyncio.create_task(self._fetch(kid))
        fetch.add_done_callback(lambda done: self._fetched(kid, done))
        return fetch

    def _fetched(self, kid: str, fetch: asyncio.Task[None]) -> None:
        del self._fetching[kid]
        if not fetch.cancelled():
            fetch.exception()  # told to whoever waited; nobody may have

    def _is_wanted(self, kid: str) -> bool:
        """Whether Plaid is to be asked."""
        now = self._clock.monotonic()
        if (cached := self._known.get(kid)) is not None:
            return now - cached.fetched >= KEY_FRESH
        unknown_since = self._unknown.get(kid)
        return unknown_since is None or now - unknown_since >= UNKNOWN_FOR

    def _may_fetch(self) -> bool:
        """Whether the last fetch was long enough ago."""
        return self._next_fetch is None or self._clock.monotonic() >= self._next_fetch

    async def _fetch(self, kid: str) -> None:
        self._next_fetch = self._clock.monotonic() + FETCH_PAUSE
        try:
            async with asyncio.timeout(FETCH_SECONDS_MAX):
                answer = await self._client.ask("webhook_verification_key/get", {"key_id": kid}, _KEY)
            if isinstance(answer, Refusal):
                if answer.error.error_code != _NO_SUCH_KEY:
                    raise error_for(answer)
                self._note_unknown(kid)
                return
            self._note(kid, answer.key)
        except (CaudalError, TimeoutError) as error:
            if kid in self._known:  # one fetched a day ago does until Plaid can be asked again
                return
            if isinstance(error, TimeoutError):
                raise Unavailable(f"plaid: no key to a webhook within {FETCH_SECONDS_MAX} s") from None
            raise

    def _note(self, kid: str, key: VerificationKey) -> None:
        try:
            imported = ECKey.import_key({"kty": key.kty, "crv": key.crv, "x": key.x, "y": key.y})
        except (JoseError, ValueError):
            imported = None
        if imported is None or (key.kid, key.kty, key.crv, key.alg) != (kid, "EC", "P-256", _ALGORITHM):
            self._note_unknown(kid)
            return
        self._known[kid] = _Cached(imported, key.expired_at, self._clock.monotonic())
        self._known.move_to_end(kid)
        if len(self._known) > KEYS_MAX:
            self._known.popitem(last=False)

    def _note_unknown(self, kid: str) -> None:
        self._known.pop(kid, None)
        self._unknown[kid] = self._clock.monotonic()
        self._unknown.move_to_end(kid)
        if len(self._unknown) > UNKNOWN_MAX:
            self._unknown.popitem(last=False)


_NO_SUCH_KEY: Final = "INVALID_WEBHOOK_VERIFICATION_KEY_ID"
_HEADER: Final = msgspec.json.Decoder(_Header)
_CLAIMS: Final = msgspec.json.Decoder(_Claims)
_KEY: Final = msgspec.json.Decoder(VerificationKeyAnswer)
