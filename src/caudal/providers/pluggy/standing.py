"""Our cursor: how far each account of an item was read, by Pluggy's own times, as compact JSON text."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Self

import msgspec

from caudal.model.changes import SourceRef
from caudal.providers.written import Standpoint


class Read(msgspec.Struct, frozen=True, array_like=True):
    """Of one account: `at`, what the item was when it was read (`lastUpdatedAt`); `full`, when all of it was; the first
    and the last day of which anything was ever told."""

    at: datetime
    full: datetime
    since: date | None = None
    until: date | None = None


class Standing(Standpoint, frozen=True):
    """Where a pull stands. `done`: all there is was told as of then. `others`: accounts that are made of investments,
    by currency, and loans."""

    accounts: Mapping[SourceRef, Read] = {}
    done: datetime | None = None
    others: tuple[SourceRef, ...] = ()

    def at(self, ref: SourceRef, read: Read) -> Self:
        """That account was read so far."""
        return msgspec.structs.replace(self, accounts={**self.accounts, ref: read})
