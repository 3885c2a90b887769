"""Where a connection stands between two pulls: our cursor."""

from datetime import date
from typing import Final, Self

import msgspec

from caudal.model.changes import Cursor, SourceRef
from caudal.model.errors import CursorInvalid


class Known(msgspec.Struct, frozen=True, omit_defaults=True):
    """An account told before. `until`: the last day its movements were read to; `whole`: when all were read last."""

    until: date | None = None
    whole: date | None = None


class Standing(msgspec.Struct, frozen=True, omit_defaults=True):
    """`link`: whose rows these were. `told`: whether its movements were there."""

    link: str = ""
    told: bool = False
    accounts: dict[SourceRef, Known] = {}

    @classmethod
    def read(cls, cursor: Cursor, link: str) -> Self:
        """From a cursor; another link's history is read from its beginning. Raises CursorInvalid, from the beginning,
        where it isn't one of ours."""
        try:
            read = msgspec.json.decode(cursor, type=cls) if cursor else cls()
        except msgspec.DecodeError:
            raise CursorInvalid(
                "belvo: the cursor is none of this adapter's; pulling from the beginning", restart=""
            ) from None
        known = read.accounts if read.link == link else dict.fromkeys(read.accounts, Known())
        return cls(link, read.told and read.link == link, known)

    def cursor(self) -> Cursor:
        """As a cursor."""
        return Cursor(_ENCODER.encode(self).decode())

    def knowing(self, ref: SourceRef, known: Known) -> Self:
        """With what is now known of an account."""
        return msgspec.structs.replace(self, accounts={**self.accounts, ref: known})

    def without(self, refs: set[SourceRef]) -> Self:
        """Without accounts that are gone."""
        accounts = {ref: known for ref, known in self.accounts.items() if ref not in refs}
        return msgspec.structs.replace(self, accounts=accounts)


_ENCODER: Final = msgspec.json.Encoder(order="sorted")
