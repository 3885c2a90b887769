"""The cursor of /transactions/sync: where a reader was in one feed, sealed so that no other feed takes it for its own."""

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from hashlib import blake2b
from hmac import compare_digest
from struct import Struct
from typing import Final

import msgspec

from caudal_sandbox.plaid.errors import PlaidError

FROM_THE_START: Final = ""
FROM_NOW: Final = "now"
"""The literal that skips all history (Plaid docs, Transactions sync migration guide)."""

LENGTH_MAX: Final = 256
_BODY: Final = Struct(">IQQQ")
_SEAL_LENGTH: Final = 24


class Cursor(msgspec.Struct, frozen=True):
    """The first `position` slots of the feed's `generation` have been read.

    `start` is where the loop of pages began, `length` how long the feed was then; both are `position` and 0 between
    loops, when everything there was had been read.
    """

    generation: int
    position: int
    start: int
    length: int

    @property
    def in_loop(self) -> bool:
        """Whether more pages of its loop are to come."""
        return self.length > 0


def seal(cursor: Cursor, stream: str) -> str:
    """The cursor as text for the wire. `stream` names the item, and the account where the stream is one account's."""
    body = _BODY.pack(cursor.generation, cursor.position, cursor.start, cursor.length)
    return b64encode(_seal_of(body, stream) + body).decode()


def unseal(text: str, stream: str) -> Cursor:
    """The cursor that `seal` made for that stream. Raises INVALID_FIELD for any other text: another item's cursor, one
    of another account's stream, or none at all."""
    try:
        raw = b64decode(text, validate=True)
    except (NotBase64, ValueError):
        raise not_associated() from None
    given, body = raw[:_SEAL_LENGTH], raw[_SEAL_LENGTH:]
    if len(body) != _BODY.size or not compare_digest(given, _seal_of(body, stream)):
        raise not_associated()
    return Cursor(*_BODY.unpack(body))


def not_associated() -> PlaidError:
    """What Plaid says of a cursor that isn't this item's (webhookdb #646 has the message)."""
    return PlaidError("INVALID_FIELD", "cursor not associated with access_token")


def _seal_of(body: bytes, stream: str) -> bytes:
    return blake2b(body, digest_size=_SEAL_LENGTH, key=blake2b(stream.encode()).digest()).digest()
