"""What the fields of a camt.052, 053 or 054 mean: amounts, days, parties, references, balances, the account."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final

from caudal.model.changes import AccountKind
from caudal.model.iban import iban_in
from caudal.providers.file.camt_tree import Fields
from caudal.providers.file.records import FileAccount, StatementClosed, StatementOpened, Told

_Get = Callable[..., str | None]

_AMOUNT: Final = re.compile(r"\d{1,24}(?:\.\d{0,18})?|\.\d{1,18}", re.ASCII)

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)

_AFTER_A_DAY: Final = frozenset({"", "T", "Z", "+", "-"})

_MIDNIGHT: Final = re.compile(r"T00:00(?![:.0]*[1-9])")

_COUNT: Final = re.compile(r"\d{1,9}", re.ASCII)

_TRUE: Final = frozenset({"true", "1"})

_NO_REFERENCE: Final = "NOTPROVIDED"
"""What SEPA rulebooks have a payment carry where its sender gave no end-to-end reference."""

_ACCOUNT_KINDS: Final = {
    "CACC": AccountKind.CHECKING,
    "TRAN": AccountKind.CHECKING,
    "SVGS": AccountKind.SAVINGS,
    "CARD": AccountKind.CARD,
    "LOAN": AccountKind.LOAN,
    "MGLD": AccountKind.LOAN,
    "CASH": AccountKind.CASH,
}
"""ISO external cash account type → ours; any other is OTHER."""

_OPENING: Final = ("OPBD", "PRCD")
"""Booked balance at the start: of the day itself, else the close of the one before."""

_CLOSING: Final = ("CLBD", "ITBD")
"""Booked balance at the end; an interim one (ITBD) is a snapshot that more bookings may follow."""

_AVAILABLE: Final = ("CLAV", "ITAV")

_BALANCE_TYPES: Final = frozenset(_OPENING + _CLOSING + _AVAILABLE)
"""The balance types that say something here. Opening available and forward available balances do not."""

_REFERENCES: Final = (
    "end_to_end",
    "creditor_reference",
    "cheque",
    "instruction",
    "transaction",
    "payment",
    "entry_reference",
)
"""What to call a payment by, best first."""


class UnfitError(Exception):
    """Why one record can't be read. Becomes an Unreadable."""


class Statement:
    """One `Stmt`, `Rpt` or `Ntfctn` as far as it has been read."""

    __slots__ = ("balances", "falls", "fields", "format", "group", "last", "rises", "told")

    def __init__(self, format_: str, group: Fields, fields: Fields) -> None:
        self.format = format_
        self.group = group
        self.fields = fields
        self.balances: dict[str, tuple[Told, Told]] = {}
        self.told = False
        self.last: date | None = None
        self.rises = False
        self.falls = False

    @property
    def made(self) -> str:
        """When the statement, or else the message, was made."""
        return self.fields.get("created") or self.group.get("message_created", "")

    def count(self, booked_on: date) -> None:
        """Note whether days rise or fall from entry to entry."""
        if booked_on != self.last:
            if self.last is not None:
                self.rises |= booked_on > self.last
                self.falls |= booked_on < self.last
            self.last = booked_on

    def add_balance(self, fields: Fields) -> None:
        """Keep a balance of a type that says something here: of each type the first day's and the last day's.

        A statement tells one figure in the account's currency; a second one in another currency is no other
        balance of the same money.
        """
        kind = fields.get("type", "")
        printed = fields.get("date")
        amount = signed(fields.get("amount", ""), fields.get("direction", ""))
        told = Told(amount, printed_day(printed, "date") if printed else None, fields.get("currency") or None)
        if kind not in _BALANCE_TYPES:
            return
        own = self.fields.get("currency")
        found = self.balances.get(kind)
        if found is None or (told.currency == own and found[0].currency != own):
            self.balances[kind] = (told, told)
        elif told.currency == found[0].currency:
            self.balances[kind] = (min(found[0], told, key=_when), max(told, found[1], key=_when))

    def opened(self) -> StatementOpened:
        return StatementOpened(self._account(), self._opening(), self.fields.get("id", ""))

    def closed(self) -> StatementClosed:
        field = self.fields.get
        closing = self._balance(_CLOSING)
        start, end = _day_or_none(field("start", "")), _day_or_none(field("end", ""))
        if start and end and start < end and _MIDNIGHT.match(field("end", ""), 10):
            end -= timedelta(days=1)  # "to 00:00" is the end of the day before
        return StatementClosed(
            opening=self._opening(),
            closing=closing,
            available=self._balance(_AVAILABLE),
            firm=closing is None or "CLBD" in self.balances,
            complete=self.format == "camt053" and not self._is_a_page(),
            newest_first=self.falls and not self.rises,
            start=start,
            end=end,
        )

    def _opening(self) -> Told | None:
        return next((self.balances[kind][0] for kind in _OPENING if kind in self.balances), None)

    def _balance(self, kinds: tuple[str, ...]) -> Told | None:
        return next((self.balances[kind][1] for kind in kinds if kind in self.balances), None)

    def _is_a_page(self) -> bool:
        """Whether more pages belong to it: of the statement, or (version 2) of the message."""
        field, group = self.fields.get, self.group.get
        pages = (field("page", "1"), field("last_page", "true"))
        message_pages = (group("message_page", "1"), group("message_last_page", "true"))
        return any(
            page.lstrip("0") != "1" or last not in {"true", "1"} for page, last in (pages, message_pages)
        )

    def _account(self) -> FileAccount:
        """Whose statement it is. Its balances are in its currency: they tell it where `Ccy` is left out."""
        field = self.fields.get
        printed = field("iban") or field("number")
        iban = iban_in(printed or "")
        currency = field("currency") or next((told.currency for told, _ in self.balances.values()), None)
        return FileAccount(
            id=printed or None,
            iban=iban,
            number=None if iban else field("number") or None,
            institution=field("bic") or one_line(field("bank") or field("bank_number", "")) or None,
            currency=currency.upper() if currency else None,
            kind=_ACCOUNT_KINDS.get(field("kind", ""), AccountKind.OTHER),
            name=one_line(field("account_name") or field("owner", "")),
        )


def signed(amount: str, direction: str) -> Decimal:
    """The amount, negative where `CdtDbtInd` says debit. ISO amounts carry no sign of their own."""
    if not _AMOUNT.fullmatch(amount):
        raise UnfitError(f"its amount {amount[:40]!r} is not an unsigned decimal number")
    if direction == "DBIT":
        return Decimal("-" + amount)
    if direction == "CRDT":
        return Decimal(amount)
    raise UnfitError(f"its direction {direction[:40]!r} is neither CRDT nor DBIT")


@lru_cache(maxsize=4096)
def _day_of(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        return None


def _day_or_none(printed: str) -> date | None:
    """The day of an ISO date or time as printed: a zone, if any, is the bank's own."""
    return _day_of(printed[:10]) if printed[10:11] in _AFTER_A_DAY else None


def printed_day(printed: str, what: str) -> date:
    day = _day_or_none(printed)
    if day is None:
        raise UnfitError(f"its {what} {printed[:40]!r} is not a date")
    return day


def _when(balance: Told) -> date:
    return balance.on or date.min


def is_pending(status: str) -> bool:
    if status in {"BOOK", ""}:
        return False
    if status in {"PDNG", "FUTR"}:
        return True
    if status == "INFO":
        raise UnfitError("it is there for information only (status INFO): nothing was or will be booked")
    raise UnfitError(f"its status {status[:40]!r} is none of BOOK, PDNG, FUTR, INFO")


def payments_of(details: int, announced: str | None) -> int:
    """How many payments an entry stands for: the details it has, or the number its batch announces."""
    if announced is None or not _COUNT.fullmatch(announced):
        return details
    return max(details, int(announced))


def description_of(field: _Get, remittance: list[str]) -> str:
    return one_line(" ".join(remittance)) or one_line(field("detail_text") or field("entry_text") or "")


def batch_text(entry_text: str, payments: int) -> str:
    text = one_line(entry_text)
    return f"{text} ({payments} payments)" if text else f"{payments} payments"


def counterparty_of(field: _Get, direction: str) -> str:
    """Who paid a credit, or was paid by a debit. A reversal keeps the parties of what it reverses."""
    paid_to_us = (direction == "CRDT") is not (field("reversal") in _TRUE)
    side = "debtor" if paid_to_us else "creditor"
    return one_line(field(side) or field("ultimate_" + side) or "")


def reference_of(field: _Get) -> str:
    """What the parties know the payment by, else what the bank's entry is called."""
    for name in _REFERENCES:
        text = field(name)
        if text and text != _NO_REFERENCE:
            return text
    return ""


def code_of(field: _Get, level: str) -> str:
    """``PMNT/RCDT/ESCT`` (domain/family/sub-family), else the bank's own code."""
    domain = field(level + "domain")
    if domain:
        return "/".join((domain, field(level + "family") or "", field(level + "sub_family") or ""))
    return field(level + "own_code") or ""


def one_line(text: str) -> str:
    """Text on one line, blanks run together."""
    return " ".join(text.split())
