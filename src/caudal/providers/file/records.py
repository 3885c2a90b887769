"""What every statement reader yields. The one page to read before writing another reader.

A reader is a generator function::

    def read(stream: BinaryIO, bounds: FileBounds) -> Iterator[Record]

`stream` is a seekable binary file at its start. For each statement (one account, one period) in the file the
reader yields one `StatementOpened`, its `Entry`s in file order, then one `StatementClosed`. An item it can't
read becomes `Unreadable` in its place and reading goes on. A file that can't be read at all, or that ends in
the middle of its format's structure, raises `Malformed` with a line or a byte offset.

Readers tell what the file says and conclude nothing: amounts keep the digits the file prints, a currency the
file does not name is None, a missing id is ''. They hold one record at a time, never the file.
"""

from datetime import date
from decimal import Decimal

import msgspec

from caudal.model.changes import AccountKind, Unreadable


class FileAccount(msgspec.Struct, frozen=True):
    """An account as the file names it. All None/'' where the file is silent (many CSVs, QIF)."""

    id: str | None = None
    """The account identifier exactly as printed: OFX ACCTID, IBAN or Othr/Id, MT940 :25:, BAI2 03."""
    iban: str | None = None
    """The IBAN, upper case without spaces, where the identifier is one with a valid checksum."""
    number: str | None = None
    """The domestic account number, where it can be told apart."""
    institution: str | None = None
    """BIC, bank id (OFX BANKID/FID/ORG), or a bank's name: whatever the file gives."""
    currency: str | None = None
    """ISO 4217 code in upper case, None where the file doesn't say."""
    kind: AccountKind = AccountKind.OTHER
    name: str = ""


class Told(msgspec.Struct, frozen=True):
    """A balance as told: signed (debit/overdrawn/owing is negative), on the date the file prints."""

    amount: Decimal
    on: date | None
    currency: str | None = None


class StatementOpened(msgspec.Struct, frozen=True):
    """A statement begins. `opening` only if the file has told it by now; it may also come with the close."""

    account: FileAccount
    opening: Told | None = None
    id: str = ""
    """The statement's own number or reference, if any."""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One booked or pending movement. Sign: positive = into the account, negative = out of it, for every kind."""

    booked_on: date
    amount: Decimal
    line: int
    """1-based line where it begins (for OFX/XML too); 0 where lines mean nothing."""
    currency: str | None = None
    """None = the statement's currency."""
    id: str = ""
    """The bank's own id for this movement (FITID, AcctSvcrRef, …), '' where the format or the bank has none.
    Placeholders (NONREF, NOTPROVIDED, all zeros) are reported as printed: identity.py judges them."""
    description: str = ""
    """What the movement is, as one line of text: remittance text, memo, narrative."""
    counterparty: str = ""
    """Who is on the other side, as named by the bank (payee, creditor/debtor name)."""
    reference: str = ""
    """A payment reference: EndToEndId, check number, customer reference."""
    pending: bool = False
    value_on: date | None = None
    balance_after: Decimal | None = None
    """The running balance printed beside this movement, signed like a balance."""
    code: str = ""
    """The bank's own kind: OFX TRNTYPE, MT940 type, BAI2 type code, ISO domain/family/sub-family."""
    raw: str = ""
    """The record as the file has it, decoded."""


class StatementClosed(msgspec.Struct, frozen=True):
    """A statement ends.

    `opening`, `closing`: booked balances at both ends. `available`: what may be spent. `firm` is False where
    `closing` is a snapshot "as of" some moment (OFX LEDGERBAL) and not the end of a booking day.
    `complete` is True where the format promises every booked entry between opening and closing.
    """

    opening: Told | None = None
    closing: Told | None = None
    available: Told | None = None
    firm: bool = True
    complete: bool = True
    cut: bool = False
    """Whether the end that the format demands is missing: the last entry may be cut off."""
    newest_first: bool = False
    """Whether the file lists its entries from the newest to the oldest (decides what a running balance means)."""
    start: date | None = None
    """The first day the statement covers, where the file says so (OFX DTSTART, CAMT FrToDt)."""
    end: date | None = None


Record = StatementOpened | Entry | StatementClosed | Unreadable
