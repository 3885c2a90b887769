"""Is a webhook TrueLayer's? (TrueLayer docs, Webhook signing): a detached JWS in the header Tl-Signature, ES512, over
method, path, the headers it names, and the raw body; signed with a key of one of TrueLayer's two JWKS.

Whatever fails, the answer is one and the same: who forges one learns nothing from it.
"""

import asyncio
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Final, Protocol
from urllib.parse import urlsplit

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from caudal.model.errors import NotGenuine, Unavailable
from caudal.providers.base import Delivery
from caudal.providers.http import Clock
from caudal.providers.truelayer.client import TrueLayerClient
from caudal.providers.truelayer.config import JWKS_PATH, TrueLayerConfig
from caudal.providers.truelayer.normalise import instant_of
from caudal.providers.truelayer.payloads import Event

HEADER: Final = "tl-signature"
TIMESTAMP: Final = "x-tl-webhook-timestamp"
BODY_BYTES_MAX: Final = 1024**2
SIGNATURE_CHARS_MAX: Final = 4096
AGE_MAX: Final = timedelta(hours=72)
"""Retries go on for so long, and whether they renew the timestamp isn't told [?]; what comes twice is known by its id."""
AHEAD_MAX: Final = timedelta(minutes=5)
FETCH_PAUSE: Final = timedelta(minutes=1)
"""Between two fetches: anybody can name key ids."""

_NUMBER_BYTES: Final = 66
_ES512: Final = jws.JWSRegistry.algorithms["ES512"]
_JWS: Final = re.compile(r"([A-Za-z0-9_-]+)\.\.([A-Za-z0-9_-]{176})")


class _Header(msgspec.Struct):
    alg: str
    kid: str
    tl_version: str
    tl_headers: str = ""
    jku: str = ""


class Key(msgspec.Struct):
    """One of a JWKS; RSA keys stand beside it."""

    kid: str = ""
    kty: str = ""
    crv: str = ""
    x: str = ""
    y: str = ""


class Jwks(msgspec.Struct):
    """RFC 7517 §5."""

    keys: list[Key]


class Keys(Protocol):
    """Where keys are known by their id."""

    async def find(self, kid: str) -> Key | None:
        """The key; None where there is none of that id."""
        ...


async def checked(delivery: Delivery, keys: Keys, path: str, jku: str) -> str:
    """The key of the delivery's event: its `event_id`, else its body's hash. Raises NotGenuine unless TrueLayer signed
    this body for `path`, in the last 72 hours, by a key of the JWKS at `jku`."""
    header = _header(delivery)
    if header is not None and header.jku == jku and _is_timely(delivery):
        key = await keys.find(header.kid)
        if key is not None and verified(delivery.headers, delivery.body, path, key):
            return _event_key(delivery.body)
    raise NotGenuine("truelayer: a webhook that TrueLayer didn't sign, or not this body, or not for here")


def verified(headers: Mapping[str, str], body: bytes, path: str, key: Key) -> bool:
    """Whether the signature among `headers` (names in lower case) is of this body, sent to this path, with that key. The
    path may end in a slash or not, as TrueLayer's own libraries have it."""
    form = _JWS.fullmatch(headers.get(HEADER, ""))
    head = _decoded(form[1]) if form else None
    public = _imported(key)
    if form is None or head is None or public is None or head.kid != key.kid:
        return False
    named = [name for name in head.tl_headers.split(",") if name]
    if any(name.lower() not in headers for name in named) or TIMESTAMP not in map(str.lower, named):
        return False
    lines = "".join(f"{name}: {headers[name.lower()]}\n" for name in named)
    signature = urlsafe_b64decode(form[2])
    return any(
        _ES512.verify(
            f"{form[1]}.".encode() + _base64(f"POST {each}\n{lines}".encode() + body), signature, public
        )
        for each in (path, path[:-1] if path.endswith("/") else f"{path}/")
    )


def path_of(url: str) -> str:
    """The path TrueLayer calls and signs, of the public address."""
    return urlsplit(url).path or "/"


def _header(delivery: Delivery) -> _Header | None:
    told = delivery.headers.get(HEADER, "")
    if len(delivery.body) > BODY_BYTES_MAX or len(told) > SIGNATURE_CHARS_MAX:
        return None
    form = _JWS.fullmatch(told)
    return _decoded(form[1]) if form else None


def _decoded(head: str) -> _Header | None:
    try:
        read = _HEAD.decode(urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (ValueError, msgspec.DecodeError):
        return None
    return read if (read.alg, read.tl_version) == ("ES512", "2") else None


def _imported(key: Key) -> ECKey | None:
    """TrueLayer's keys may lack leading zero bytes (seen 2023): filled up."""
    try:
        x, y = (_filled(each) for each in (key.x, key.y))
        return ECKey.import_key({"kty": key.kty, "crv": key.crv, "x": x, "y": y})
    except (JoseError, ValueError):
        return None


def _filled(number: str) -> str:
    raw = urlsafe_b64decode(number + "=" * (-len(number) % 4))
    return _base64(raw.rjust(_NUMBER_BYTES, b"\0")).decode()


def _base64(raw: bytes) -> bytes:
    return urlsafe_b64encode(raw).rstrip(b"=")


def _is_timely(delivery: Delivery) -> bool:
    at = instant_of(delivery.headers.get(TIMESTAMP))
    return at is not None and -AHEAD_MAX <= delivery.received_at - at <= AGE_MAX


def _event_key(body: bytes) -> str:
    try:
        told = EVENT.decode(body).event_id
    except msgspec.DecodeError:
        told = None
    return told or sha256(body).hexdigest()


class KeyCache:
    """The keys of the JWKS, fetched anew for an id that isn't known; at most once a minute."""

    def __init__(self, client: TrueLayerClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._known: dict[str, Key] = {}
        self._next: timedelta | None = None
        self._lock = asyncio.Lock()

    async def find(self, kid: str) -> Key | None:
        """The key of that id. Raises the ProviderError family where TrueLayer can't be asked now."""
        async with self._lock:
            now = self._clock.monotonic()
            if kid not in self._known and (self._next is None or now >= self._next):
                self._next = now + FETCH_PAUSE
                try:
                    told = _JWKS.decode(await self._client.keys())
                except msgspec.DecodeError:
                    raise Unavailable("truelayer webhooks/jwks: no keys in the answer") from None
                self._known = {key.kid: key for key in told.keys if key.kty == "EC"}
        return self._known.get(kid)


def jku_of(config: TrueLayerConfig) -> str:
    """Where the keys of this environment are: the one address a signature may name."""
    return config.webhooks_url + JWKS_PATH


_HEAD: Final = msgspec.json.Decoder(_Header)
_JWKS: Final = msgspec.json.Decoder(Jwks)
EVENT: Final = msgspec.json.Decoder(Event)
