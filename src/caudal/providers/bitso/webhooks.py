"""Webhooks: hints that are signed with RSA (contract §9). What happened is fetched, never read from them.

Documentation says that the compact JSON of `payload` alone is signed, and not whether what isn't ASCII is escaped in it:
the payload is tried as it came, and compact in both ways. One integrator's code has the whole body signed: a setting.
"""

import re
from base64 import b64decode
from datetime import timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Annotated, Final

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from msgspec import Meta, Raw

from caudal.model.errors import Malformed, NotGenuine
from caudal.providers.base import Delivery, FetchSignal, Signal
from caudal.providers.bitso.client import PUBLIC
from caudal.providers.bitso.errors import error_for
from caudal.providers.bitso.payloads import Payload
from caudal.providers.http import Call, Clock, ProviderHttp

KEY_HEADER: Final = "x-bitso-key-id"
SIGNATURE_HEADER: Final = "x-bitso-webhook-event-signature"
BODY_BYTES_MAX: Final = 256 * 1024
FETCH_PAUSE: Final = timedelta(minutes=1)
"""Between two fetches of the keys: anybody can name a key id, and must not make us ask for each."""
_OF_US: Final = {"funding": "fid", "withdrawal": "wid"}
"""Events that tell of what is told here, and what names it. Trades have none."""
_BEYOND_ASCII: Final = re.compile(r"[^\x00-\x7f]")


class _Event(msgspec.Struct, forbid_unknown_fields=True):
    """Nothing but what the contract has: whatever stands beside the payload isn't signed."""

    event: Annotated[str, Meta(pattern="^[a-z_]{1,32}$")]
    payload: Raw


class _Payload(msgspec.Struct):
    status: str
    fid: str = ""
    wid: str = ""


class _Key(msgspec.Struct):
    """In either of the two spellings that were seen [U]."""

    key_id: str = ""
    public_key: str = ""
    keyId: str = ""  # noqa: N815  the other one
    publicKey: str = ""  # noqa: N815  the same


class Keys:
    """Bitso's public keys by their ids, fetched at most once a minute. `path`: from where [U]."""

    def __init__(self, http: ProviderHttp, path: str, clock: Clock) -> None:
        self._http = http
        self._path = path
        self._clock = clock
        self._fetched: timedelta | None = None
        self._known: dict[str, RSAKey] = {}

    async def find(self, name: str) -> RSAKey | None:
        """The key; None where there is none of that name. Raises the ProviderError family where Bitso can't be asked."""
        now = self._clock.monotonic()
        due = self._fetched is None or now - self._fetched >= FETCH_PAUSE
        if name not in self._known and due:
            self._fetched = now
            self._known = await self._fetch()
        return self._known.get(name)

    async def _fetch(self) -> dict[str, RSAKey]:
        answer = await self._http.send(Call(PUBLIC, "GET", f"/{self._path}"))
        if answer.status != 200:
            raise error_for(answer, "bitso webhook keys")
        try:
            told = _KEYS.decode(answer.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Malformed("bitso webhook keys", str(error)) from None
        listed = told if isinstance(told, list) else told.payload
        found = {each.key_id or each.keyId: _imported(each.public_key or each.publicKey) for each in listed}
        return {name: key for name, key in found.items() if key is not None}


async def checked(delivery: Delivery, keys: Keys, *, whole_body: bool) -> str:
    """The key of the delivery's event: of one payment's status there is one. Raises NotGenuine."""
    try:
        told = _EVENT.decode(delivery.body)
        payload = _PAYLOAD.decode(told.payload)
        candidates = [delivery.body] if whole_body else _ways(bytes(told.payload))
        signature = b64decode(delivery.headers.get(SIGNATURE_HEADER, ""), validate=True)
    except (ValueError, msgspec.DecodeError):
        raise NotGenuine(_FORGED) from None
    named = getattr(payload, _OF_US.get(told.event, "status"))
    if not named or told.event not in _EVENTS or len(delivery.body) > BODY_BYTES_MAX:
        raise NotGenuine(_FORGED)
    key = await keys.find(delivery.headers.get(KEY_HEADER, ""))
    if key is None or not any(_RS256.verify(each, signature, key) for each in candidates):
        raise NotGenuine(_FORGED)
    return sha256(f"{told.event}/{named}/{payload.status}".encode()).hexdigest()


def signals(body: bytes, account: str) -> list[Signal]:
    """What a genuine webhook says: that there is news of `account`, the login whose business it is. It doesn't name one
    itself. Raises Malformed."""
    try:
        told = _EVENT.decode(body)
    except msgspec.DecodeError as error:
        raise Malformed("bitso webhook", str(error)) from None
    return [FetchSignal(account, f"a {told.event}")] if account and told.event in _OF_US else []


def _ways(payload: bytes) -> list[bytes]:
    """What may have been signed."""
    told = _EXACT.decode(payload)
    compact = _COMPACT.encode(told)
    escaped = _BEYOND_ASCII.sub(_escape, compact.decode()).encode()
    return [payload, compact, escaped]


def _escape(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be").hex()
    return "".join(f"\\u{units[n : n + 4]}" for n in range(0, len(units), 4))


def _imported(der: str) -> RSAKey | None:
    try:
        return RSAKey.import_key(f"-----BEGIN PUBLIC KEY-----\n{der}\n-----END PUBLIC KEY-----\n")
    except (JoseError, ValueError):
        return None


_RS256: Final = jws.JWSRegistry.algorithms["RS256"]
"""RSA PKCS#1 v1.5 with SHA-256."""
_FORGED: Final = "bitso: a webhook that isn't Bitso's"
_EVENTS: Final = frozenset({*_OF_US, "dynamic_qr_code", "payout", "payin", "payin_intent", "payment_intent"})
_EVENT: Final = msgspec.json.Decoder(_Event)
_PAYLOAD: Final = msgspec.json.Decoder(_Payload)
_KEYS: Final = msgspec.json.Decoder(list[_Key] | Payload[list[_Key]])
"""Bare, or in Bitso's envelope [U]."""
_EXACT: Final = msgspec.json.Decoder(float_hook=Decimal)
_COMPACT: Final = msgspec.json.Encoder(decimal_format="number")
