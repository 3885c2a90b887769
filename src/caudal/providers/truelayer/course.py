"""Where a connection stands between two pulls: our cursor."""

from collections.abc import Mapping
from datetime import date
from typing import Self

import msgspec

from caudal.model.changes import SourceRef
from caudal.providers.truelayer.signs import Sign
from caudal.providers.written import Standpoint


class Known(msgspec.Struct, frozen=True, omit_defaults=True):
    """An account told before. `until`: the last day its movements were read to; where not wholly, a day that has the
    next window begin where that one did. `deep`: when the person had been at the bank before its history was last read
    as far back as it goes. `sign`: of a card's amounts, once decided."""

    card: bool = False
    until: date | None = None
    deep: str = ""
    sign: Sign | None = None


class Standing(Standpoint, frozen=True):
    """`off`: what the bank doesn't give (path) → the day on which it is tried again."""

    accounts: Mapping[SourceRef, Known] = {}
    off: Mapping[str, date] = {}

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
