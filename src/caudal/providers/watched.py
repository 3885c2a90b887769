"""What adapters share that read what is public: a chain is watched, nobody logs in, and every pull reads it as it is."""

from typing import Final, Self

import msgspec

from caudal.model.changes import Cursor
from caudal.model.errors import CursorInvalid
from caudal.providers.base import Access, WithoutWebhooks


class Watching(WithoutWebhooks):
    """The part of an adapter that nobody's permission is needed for."""

    async def refresh(self, access: Access) -> None:
        """Does nothing: the next pull reads the chain as it is then."""

    async def revoke(self, access: Access) -> None:
        """Does nothing: no server knows of the connection. Forgetting its secrets is all there is."""


class Watch(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a watch stands: an adapter's cursor, as compact JSON text."""

    @classmethod
    def read(cls, cursor: Cursor) -> Self:
        """From a cursor. Raises CursorInvalid, from the beginning, where it isn't one of ours."""
        if not cursor:
            return cls()
        try:
            return msgspec.json.decode(cursor, type=cls)
        except msgspec.DecodeError:
            raise CursorInvalid(
                "the cursor is none of this adapter's; reading from the beginning", restart=""
            ) from None

    def cursor(self) -> Cursor:
        """As a cursor."""
        return Cursor(_ENCODER.encode(self).decode())


_ENCODER: Final = msgspec.json.Encoder(order="deterministic")
