"""Who may ask: ``Bitso key:nonce:signature`` over nonce, method, path with query and body (contract §2)."""

import hmac
import re
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

import msgspec

NEAR: Final = timedelta(minutes=1)
"""How far a nonce's time may lie from now: near, says the contract, and not how near."""
_HEADER: Final = re.compile(r"Bitso ([^:]+):([0-9A-Za-z.-]+):([0-9a-f]{64})")
_V1: Final = re.compile(r"[0-9]{1,13}")
_V2: Final = re.compile(r"([0-9]{13})[0-9]{1,6}")
_MS: Final = timedelta(milliseconds=1)
_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


class BitsoError(Exception):
    """A refusal, by its code."""


class Key(msgspec.Struct):
    """An API key of a customer's. `trouble`: the code that it gets for an answer, whatever it asks."""

    name: str
    secret: str
    client_id: str
    trouble: str = ""
    highest: int = 0
    used: set[str] = msgspec.field(default_factory=set)


def signature(secret: str, nonce: str, method: str, target: str, body: bytes) -> str:
    """What must stand in the header's third place."""
    return hmac.new(secret.encode(), f"{nonce}{method}{target}".encode() + body, sha256).hexdigest()


def admitted(
    keys: dict[str, Key],
    header: str,
    method: str,
    targets: Iterable[str],
    body: bytes,
    *,
    now: Collection[datetime],
    takes_v1: bool,
) -> Key:
    """The key that asks. `targets`: the ways to write what is asked for, any of which may be signed. `now`: the
    instants that a nonce may be near to: this machine's, and the world's.

    Raises BitsoError.
    """
    if not header:
        raise BitsoError("0208")
    told = _HEADER.fullmatch(header)
    key = keys.get(told[1]) if told else None
    if told is None or key is None:
        raise BitsoError("0201")
    nonce = told[2]
    _check_nonce(key, nonce, now, takes_v1=takes_v1)
    right = (signature(key.secret, nonce, method, target, body) for target in targets)
    if not any(hmac.compare_digest(each, told[3]) for each in right):
        raise BitsoError("0215")
    key.used.add(nonce)
    key.highest = max(key.highest, int(nonce))
    if key.trouble:
        raise BitsoError(key.trouble)
    return key


def _check_nonce(key: Key, nonce: str, now: Collection[datetime], *, takes_v1: bool) -> None:
    timed = _V2.fullmatch(nonce)
    if timed is None:
        if not _V1.fullmatch(nonce) or not takes_v1:
            raise BitsoError("0206")
        if int(nonce) <= key.highest:
            raise BitsoError("0207")
        return
    told = _EPOCH + int(timed[1]) * _MS
    if nonce in key.used or all(abs(told - each) > NEAR for each in now):
        raise BitsoError("0207")
