"""Where a connection stands between two pulls: our cursor."""

from datetime import date
from typing import Final, Self

import msgspec

from caudal.model.changes import Cursor, SourceRef
from caudal.model.errors import CursorInvalid
from caudal.providers.truelayer.signs import Sign


class Known(msgspec.Struct, frozen=True, omit_defaults=True):
    """An account told before. `until`: the last day its movements were read to. `deep`: when the person had been at the
    bank before its history was last read as far back as it goes. `sign`: of a card's amounts, once decided."""

    card: bool = False
    until: date | None = None
    deep: str = ""
    sign: Sign | None = None


class Standing(msgspec.Struct, frozen=True, omit_defaults=True):
    """`off`: what the bank doesn't give (path) → the day on which it is tried again."""

    accounts: dict[SourceRef, Known] = {}
    off: dict[str, date] = {}

    @classmethod
    def read(cls, cursor: Cursor) -> Self:
        """From a cursor. Raises CursorInvalid, from the beginning, where it isn't one of ours."""
        try:
            return msgspec.json.decode(cursor, type=cls) if cursor else cls()
        except msgspec.DecodeError:
            raise CursorInvalid(
                "truelayer: the cursor is none of this adapter's; pulling from the beginning", restart=""
            ) from None

    def cursor(self) -> Cursor:
        """As a cursor."""
        return Cursor(_ENCODER.encode(self).decode())

    def knowing(self, ref: SourceRef, known: Known) -> Self:
        """With what is now known of an account."""
        return msgspec.structs.replace(self, accounts={**self.accounts, ref: known})

    def of(self, *, cards: bool) -> set[SourceRef]:
        """The accounts known, or the cards."""
        return {ref for ref, known in self.accounts.items() if known.card is cards}

    def without(self, refs: set[SourceRef]) -> Self:
        """Without accounts that are gone."""
        accounts = {ref: known for ref, known in self.accounts.items() if ref not in refs}
        return msgspec.structs.replace(self, accounts=accounts)

    def switching_off(self, path: str, until: date, today: date) -> Self:
        """Not asking for `path` until that day; what was off until today may be tried again."""
        off = {name: day for name, day in self.off.items() if day > today}
        return msgspec.structs.replace(self, off={**off, path: until})


_ENCODER: Final = msgspec.json.Encoder(order="sorted")
