"""Answers from bytes. Plaid indents its JSON; a record's text, which is kept, is a quarter shorter without."""

from functools import cached_property
from typing import Final, Generic, Protocol, TypeVar

import msgspec
from msgspec import Raw

from caudal.model.changes import Change, Quote, TransactionGone
from caudal.providers.plaid.normalise import (
    UNREADABLE,
    Currencies,
    Reading,
    read_removed,
    read_transactions,
    transaction_seen,
)
from caudal.providers.plaid.payloads import SyncAnswer, SyncHead, SyncRecords

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_WHERE: Final = "transactions/sync $."


class Decoder(Protocol[T_co]):
    """Reads an answer's body. Raises msgspec.DecodeError."""

    def decode(self, body: bytes, /) -> T_co:
        """The answer."""
        ...


class Compact(Generic[T]):
    """For answers some of whose records are kept as text."""

    def __init__(self, kind: type[T]) -> None:
        self._decoder = msgspec.json.Decoder(kind)

    def decode(self, body: bytes, /) -> T:
        """The answer, its raw parts without indentation."""
        return self._decoder.decode(msgspec.json.format(body, indent=-1))


class Sync:
    """An answer of /transactions/sync: read as one where all of it reads, as almost always; else record by record."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        try:
            if not body.isascii():
                body.decode()
            self._whole: SyncAnswer | None = _WHOLE.decode(body)
        except (UnicodeDecodeError, msgspec.DecodeError):
            self._whole = None
        whole = self._whole or self.records
        self.head: SyncHead = whole
        self.tells_nothing = not (whole.added or whole.modified or whole.removed or whole.has_more)

    @property
    def accounts(self) -> list[Raw]:
        """Of the accounts that have changed at least these."""
        return [Raw(msgspec.json.format(bytes(record), indent=-1)) for record in self.head.accounts]

    @cached_property
    def records(self) -> SyncRecords:
        """What has changed, each record on its own."""
        return _RECORDS.decode(self._body)

    def read(self, currencies: Currencies, reading: Reading) -> None:
        """What has changed, added to `reading`."""
        if self._whole is not None:
            try:
                reading.changes += _changes(self._whole, self, currencies)
            except UNREADABLE:  # at least one record: which, only each on its own can show
                self._whole = None
            else:
                return
        read_transactions(self.records.added, f"{_WHERE}added", currencies, reading)
        read_transactions(self.records.modified, f"{_WHERE}modified", currencies, reading)
        read_removed(self.records.removed, f"{_WHERE}removed", reading)


class SyncDecoder:
    """Of /transactions/sync."""

    def decode(self, body: bytes, /) -> Sync:
        """The answer. Raises msgspec.DecodeError where not even its records can be told apart."""
        return Sync(body)


class _Texts:
    """The texts of a list of records, made when the first is asked for."""

    def __init__(self, answer: Sync, name: str) -> None:
        self._answer = answer
        self._name = name

    @cached_property
    def _texts(self) -> list[str]:
        return [str(record, "utf-8") for record in getattr(self._answer.records, self._name)]

    def __getitem__(self, place: int, /) -> str:
        return self._texts[place]


def _changes(whole: SyncAnswer, answer: Sync, currencies: Currencies) -> list[Change]:
    changes: list[Change] = []
    for name, told in (("added", whole.added), ("modified", whole.modified)):
        texts = _Texts(answer, name)
        changes += [transaction_seen(each, Quote(texts, n), currencies) for n, each in enumerate(told)]
    changes += [TransactionGone(each.account_id, each.transaction_id) for each in whole.removed]
    return changes


_WHOLE: Final = msgspec.json.Decoder(SyncAnswer)
_RECORDS: Final = Compact(SyncRecords)
