"""Where a connection stands between two pulls: our cursor."""

from collections.abc import Mapping
from datetime import date
from typing import Self

import msgspec

from caudal.model.changes import Cursor, SourceRef
from caudal.providers.written import Standpoint


class Known(msgspec.Struct, frozen=True, omit_defaults=True):
    """An account told before. `until`: the last day its movements were read to; `whole`: when all were read last.
    `succeeds`: a link before this one told all of it once."""

    until: date | None = None
    whole: date | None = None
    succeeds: bool = False

    @property
    def succeeded(self) -> Self:
        """As another link finds it."""
        return type(self)(succeeds=self.succeeds or self.whole is not None)


class Standing(Standpoint, frozen=True):
    """`link`: whose rows these were. `told`: whether its movements were there. `invested`: the login's positions."""

    link: str = ""
    told: bool = False
    accounts: Mapping[SourceRef, Known] = {}
    invested: Known = Known()

    @classmethod
    def of(cls, cursor: Cursor, link: str) -> Self:
        """From a cursor (`read`); another link's history is read from its beginning."""
        read = cls.read(cursor)
        if read.link == link:
            return read
        known = {ref: each.succeeded for ref, each in read.accounts.items()}
        return cls(link, accounts=known, invested=read.invested.succeeded)

    def knowing(self, ref: SourceRef, known: Known) -> Self:
        """With what is now known of an account."""
        return msgspec.structs.replace(self, accounts={**self.accounts, ref: known})

    def without(self, refs: set[SourceRef]) -> Self:
        """Without accounts that are gone."""
        accounts = {ref: known for ref, known in self.accounts.items() if ref not in refs}
        return msgspec.structs.replace(self, accounts=accounts)
