"""From transactions as Plaid tells them to the model's changes. Every line has its reason in MAPPING.md.

The path of every transaction of every bank: one decode, one Money, one struct, and nothing that isn't needed.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Final

import msgspec
from msgspec import Raw

from caudal.model.changes import (
    Change,
    Quote,
    SourceRef,
    Status,
    TransactionGone,
    TransactionSeen,
    Unreadable,
)
from caudal.model.currencies import EXPONENTS, UNKNOWN
from caudal.model.errors import MoneyError
from caudal.model.money import EXACT, Money
from caudal.providers.plaid.payloads import BareTransaction, Movement, Removed, Transaction

_BOOKED: Final = Status.BOOKED
_PENDING: Final = Status.PENDING
_MIDNIGHT: Final = dt.time()

Currencies = Mapping[SourceRef, str]
"""Account → the currency it is kept in, ``XXX`` where it isn't told."""


class NoCurrency(MoneyError):
    """Neither the record nor its account says which currency an amount is in. It is never taken for dollars."""


class NoDecimals(MoneyError):
    """An amount of what has no ISO 4217 code and that we know no decimals of (points): it reads the same each time."""


class Reading(msgspec.Struct):
    """What a list of records came to. `unread`: of a movement that can't be read nothing is among the changes, and it may
    read another time. `broken`: what names the text of each of those.
    """

    changes: list[Change] = msgspec.field(default_factory=list)
    unreadable: list[Unreadable] = msgspec.field(default_factory=list)
    unread: bool = False
    broken: set[str] = msgspec.field(default_factory=set)

    def lack(self, unreadable: Unreadable, *, again: bool = True) -> None:
        """A movement that can't be read. Not `again`: it would read the same."""
        self.unreadable.append(unreadable)
        if again:
            self.unread = True
            self.broken.add(blake2b(unreadable.raw.encode(), digest_size=6).hexdigest())

    def add(self, told: Change | Unreadable) -> None:
        """One more thing told, or one that can't be read."""
        if isinstance(told, Unreadable):
            self.unreadable.append(told)
        else:
            self.changes.append(told)


def read_transactions(records: Sequence[Raw], where: str, currencies: Currencies, reading: Reading) -> None:
    """What the records of `added` or `modified` tell, added to `reading`. `where` is the list's JSON path."""
    for place, record in enumerate(records):
        _read_what_can_be(record, f"{where}[{place}]", currencies, reading)


def read_removed(records: Sequence[Raw], where: str, reading: Reading) -> None:
    """What the records of `removed` tell, added to `reading`."""
    for place, record in enumerate(records):
        try:
            told = _REMOVED.decode(record)
        except msgspec.DecodeError as error:
            reading.lack(Unreadable(f"{where}[{place}]", str(error), text_of(record)))
        else:
            reading.changes.append(TransactionGone(told.account_id, told.transaction_id))


def transaction_seen(told: Transaction, raw: str | Quote, currencies: Currencies) -> TransactionSeen:
    """A transaction by our signs and words."""
    meta = told.payment_meta
    authorized_at, at = told.authorized_datetime, told.datetime
    return TransactionSeen(
        told.account_id,
        told.transaction_id,
        _PENDING if told.pending else _BOOKED,
        money_of(told, currencies),
        told.date,
        told.original_description or told.name or "",
        told.merchant_name or _counterparty(told),
        (meta and meta.reference_number) or told.check_number or "",
        authorized_on=told.authorized_date,
        occurred_at=instant(authorized_at) or instant(at) if authorized_at or at else None,
        raw=raw,
        replaces=told.pending_transaction_id or "",
    )


def money_of(told: Movement, currencies: Currencies) -> Money:
    """The amount by our signs. Raises MoneyError where it isn't exact money of a known currency."""
    currency = (
        told.iso_currency_code or told.unofficial_currency_code or currencies.get(told.account_id, UNKNOWN)
    )
    if currency == UNKNOWN:
        raise NoCurrency("names no currency, and neither does its account")
    try:
        return Money(_minus(told.amount), currency)
    except MoneyError as error:
        if not told.iso_currency_code and currency not in EXPONENTS:
            raise NoDecimals(str(error)) from None
        raise


def instant(told: dt.datetime | None) -> dt.datetime | None:
    """A real instant: with a zone, and not midnight, which stands for "the date alone" (Plaid docs, Transactions)."""
    if told is None or told.tzinfo is None or told.time() == _MIDNIGHT:
        return None
    return told


def text_of(record: Raw) -> str:
    """A record's own text, whatever its bytes."""
    return bytes(record).decode(errors="replace")


def _read_what_can_be(record: Raw, where: str, currencies: Currencies, reading: Reading) -> None:
    """A record that is odd in what isn't needed to book it is booked without that, and quarantined for it; one that
    can't be booked is quarantined alone."""
    raw = text_of(record)
    try:
        reading.changes.append(
            transaction_seen(_TRANSACTION.decode(record), str(record, "utf-8"), currencies)
        )
    except UNREADABLE as error:
        try:
            bare = _BARE.decode(record)
            reading.changes.append(_booked_bare(bare, raw, currencies))
        except UNREADABLE as fatal:
            lacking = Unreadable(where, str(fatal) or "not an amount that can be held", raw)
            reading.lack(lacking, again=not isinstance(fatal, NoDecimals))
        else:
            why = f"booked without what can't be read in it: {error}"
            reading.unreadable.append(Unreadable(where, why, raw, bare.account_id))


def _booked_bare(told: BareTransaction, raw: str, currencies: Currencies) -> TransactionSeen:
    return TransactionSeen(
        told.account_id,
        told.transaction_id,
        _PENDING if told.pending else _BOOKED,
        money_of(told, currencies),
        told.date,
        raw=raw,
        replaces=told.pending_transaction_id or "",
    )


def _counterparty(told: Transaction) -> str:
    """Who is on the other side, where Plaid knows no merchant: whom it names, else whom the bank names."""
    for party in told.counterparties or ():
        if party.name:
            return party.name
    meta = told.payment_meta
    if meta is None:
        return ""
    payee, payer = meta.payee, meta.payer or meta.by_order_of
    if not (payee or payer):
        return ""
    return (payee if told.amount > 0 else payer) or ""


_TRANSACTION: Final = msgspec.json.Decoder(Transaction)
_BARE: Final = msgspec.json.Decoder(BareTransaction)
_REMOVED: Final = msgspec.json.Decoder(Removed)
_minus: Final = EXACT.minus
UNREADABLE: Final = (msgspec.DecodeError, MoneyError, ArithmeticError, UnicodeDecodeError)
"""What reading a record raises."""
