"""Our cursor: how far each account of an item was read, by Pluggy's own times, as compact JSON text."""

from datetime import date, datetime
from typing import Final, Self

import msgspec

from caudal.model.changes import Cursor, SourceRef
from caudal.model.errors import CursorInvalid


class Read(msgspec.Struct, frozen=True, array_like=True):
    """Of one account: `at`, what the item was when it was read (`lastUpdatedAt`); `full`, when all of it was; the first
    and the last day of which anything was ever told."""

    at: datetime
    full: datetime
    since: date | None = None
    until: date | None = None


class Standing(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a pull stands. `done`: all there is was told as of then. `others`: accounts that are made of investments,
    by currency, and loans."""

    accounts: dict[SourceRef, Read] = {}
    done: datetime | None = None
    others: tuple[SourceRef, ...] = ()

    @classmethod
    def read(cls, cursor: Cursor) -> Self:
        """The standing of a cursor. Raises CursorInvalid for one that we didn't write."""
        try:
            return msgspec.json.decode(cursor or "{}", type=cls)
        except msgspec.DecodeError:
            raise CursorInvalid("pluggy: a cursor that isn't ours", restart="") from None

    def cursor(self) -> Cursor:
        """As text, the same for the same."""
        return Cursor(_ENCODER.encode(self).decode())

    def at(self, ref: SourceRef, read: Read) -> Self:
        """That account was read so far."""
        return msgspec.structs.replace(self, accounts={**self.accounts, ref: read})


_ENCODER: Final = msgspec.json.Encoder(order="sorted")
