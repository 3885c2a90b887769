"""From a reader's records to the model's changes: signs are the readers' work, meaning is added here.

Which account a statement belongs to, which id each movement goes by, what its balances say about which day, and
which days it covers. Two passes over a file: the first (`survey`) reads all of it, so that a file that can't be
read to its end is refused before anything is written and ids can be judged by the whole file; the second
(`changes`) yields.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from caudal.matching.identity import Census, Content, Identifier, Repeats
from caudal.model.changes import (
    AccountKind,
    AccountSeen,
    BalanceKind,
    BalanceSeen,
    Change,
    SourceRef,
    Status,
    TransactionSeen,
    Unreadable,
    Window,
)
from caudal.model.currencies import UNKNOWN
from caudal.model.errors import MoneyError
from caudal.model.money import Money
from caudal.providers.file.records import Entry, FileAccount, Record, StatementClosed, StatementOpened, Told

_CUT: Final = (
    "the statement ends without its closing balance: this last movement may be cut off; fetch the file again"
)
_DAY: Final = timedelta(days=1)
_NOT_ALPHANUMERIC: Final = re.compile(r"[^0-9A-Za-z]+")


class Statement(msgspec.Struct):
    """What the survey found out about one statement."""

    account: FileAccount
    ref: SourceRef
    currency: str | None
    opening: Told | None = None
    eve: date | None = None
    """The day at whose end the opening balance stood."""
    closed: StatementClosed = StatementClosed()
    entries: int = 0
    first_on: date | None = None
    last_on: date | None = None
    entry_on_opening_day: bool = False
    """A movement is booked on the very day the opening balance is dated with."""
    currency_untold: bool = False
    """Some movement names no currency, and neither does the statement."""
    continues: bool = False
    """Opens with the balance that the account's statement before it closed with: no day is told twice."""


class Survey(msgspec.Struct):
    """The whole file, looked at once."""

    statements: list[Statement]
    repeats: dict[SourceRef, Repeats]
    entries: int
    unreadable: int

    @property
    def refs(self) -> list[SourceRef]:
        """The accounts the file tells of, in its order."""
        return list(dict.fromkeys(statement.ref for statement in self.statements))

    def account_of(self, ref: SourceRef) -> FileAccount:
        """How the file names the account `ref`."""
        return next(statement.account for statement in self.statements if statement.ref == ref)


class Naming(msgspec.Struct, frozen=True):
    """How accounts of a file are referred to: the family of its format, and what the person said about it."""

    family: str
    account: str | None = None
    """The id of the account the person named (--account); stands in where the file names none."""
    currency: str | None = None
    """The currency the person named (--currency); stands in where the file tells none."""


def survey(records: Iterable[Record], naming: Naming) -> Survey:
    """Read everything once. Raises Malformed, from the reader, where the file can't be read to its end."""
    found = Survey([], {}, 0, 0)
    censuses: dict[SourceRef, Census] = {}
    before: dict[SourceRef, Statement] = {}
    for record in records:
        if type(record) is Entry:
            statement = found.statements[-1]
            content = content_of(record, statement.account)
            censuses[statement.ref].note(record.id, content, statement.entries)
            _note_day(statement, record.booked_on)
            if statement.opening is not None and statement.opening.on == record.booked_on:
                statement.entry_on_opening_day = True
            if record.currency is None and statement.currency is None:
                statement.currency_untold = True
            statement.entries += 1
            found.entries += 1
        elif isinstance(record, StatementOpened):
            ref = reference(record, naming)
            currency = record.account.currency or naming.currency
            found.statements.append(Statement(record.account, ref, currency, record.opening))
            censuses.setdefault(ref, Census())
        elif isinstance(record, StatementClosed):
            statement = found.statements[-1]
            statement.closed = record
            statement.opening = record.opening or statement.opening
            statement.eve = _eve(statement)
            statement.continues = _continues(statement, before.get(statement.ref))
            before[statement.ref] = statement
        elif isinstance(record, Unreadable):
            found.unreadable += 1
    found.repeats = {ref: census.close() for ref, census in censuses.items()}
    return found


def changes(
    records: Iterable[Record], surveyed: Survey, naming: Naming, *, ids_identify: bool
) -> Iterator[Change | Window | Unreadable]:
    """The file's changes in its order: each account, its movements, then its balances and the days it covers."""
    statements = iter(surveyed.statements)
    identifiers: dict[SourceRef, Identifier] = {}
    statement = Statement(FileAccount(), SourceRef(""), None)
    running, place = _Running(statement), 0
    for record in records:
        if type(record) is Entry:
            place += 1
            if statement.closed.cut and place == statement.entries:
                yield Unreadable(f"line {record.line}", _CUT, record.raw, statement.ref)
                continue
            yield _transaction(record, statement, identifiers[statement.ref])
            running.note(record)
        elif isinstance(record, StatementOpened):
            statement, place = next(statements), 0
            running = _Running(statement)
            if not (statement.continues and statement.ref in identifiers):
                identifiers[statement.ref] = Identifier(
                    surveyed.repeats[statement.ref], trust_ids=ids_identify
                )
            yield account_seen(statement, naming)
        elif isinstance(record, StatementClosed):
            yield from _balances(statement)
            yield from running.balances()
            window = _window(statement)
            if window is not None:
                yield window
        elif isinstance(record, Unreadable):
            yield record


def reference(opened: StatementOpened, naming: Naming) -> SourceRef:
    """The stable name of the statement's account within file imports of one format family.

    IBAN or account number with its institution where the file says; else what the person said; else the file's
    layout, so that the next export of the same kind finds the same account.
    """
    account = opened.account
    number = account.iban or account.number or account.id
    if number:
        owner = "" if account.iban else _folded(account.institution or "")
        return SourceRef(f"{naming.family}:{owner}:{_folded(number)}")
    if naming.account:
        return SourceRef(f"{naming.family}:account:{naming.account}")
    layout = opened.id if opened.id.startswith("layout:") else ""
    return SourceRef(f"{naming.family}:unnamed:{account.kind}:{account.name}:{layout}")


def account_seen(statement: Statement, naming: Naming) -> AccountSeen:
    """The account a statement speaks of, in the model's words."""
    account = statement.account
    return AccountSeen(
        ref=statement.ref,
        kind=account.kind,
        currency=statement.currency or UNKNOWN,
        name=account.name or _name(account, naming.family),
        iban=account.iban,
        number=account.number or account.id,
        institution=account.institution,
    )


def content_of(entry: Entry, account: FileAccount) -> Content:
    """What identifies a movement where its id doesn't.

    The currency is what the file says, not what a person adds: said later, it is news of the same movement.
    """
    return Content.of(
        entry.booked_on,
        entry.amount,
        entry.currency or account.currency or UNKNOWN,
        entry.description,
        entry.counterparty,
        entry.reference,
    )


def _name(account: FileAccount, family: str) -> str:
    """``Brightwater card …9914``: what a person can tell the account by, where the file gives it no name."""
    kind = "account" if account.kind is AccountKind.OTHER else account.kind.value
    number = account.iban or account.number or account.id
    if number is None:
        return f"{family.upper()} {kind}"
    institution = account.institution or ""
    owner = institution if any(character.isalpha() for character in institution) else ""
    tail = f"…{number[-4:]}" if len(number) > 4 else number
    name = " ".join(part for part in (owner, kind, tail) if part)
    return name[0].upper() + name[1:]


def _folded(text: str) -> str:
    return _NOT_ALPHANUMERIC.sub("", text).upper() or text


def _transaction(entry: Entry, statement: Statement, identifier: Identifier) -> TransactionSeen | Unreadable:
    currency = entry.currency or statement.currency or UNKNOWN
    try:
        money = Money(entry.amount, currency)
    except MoneyError as error:
        return Unreadable(f"line {entry.line}", str(error), entry.raw, statement.ref)
    identity = identifier.identify(entry.id, content_of(entry, statement.account))
    return TransactionSeen(
        ref=statement.ref,
        id=identity.id,
        status=Status.PENDING if entry.pending else Status.BOOKED,
        money=money,
        booked_on=entry.booked_on,
        description=entry.description,
        counterparty=entry.counterparty,
        reference=entry.reference,
        entered_on=_entered_on(entry.booked_on, statement),
        value_on=entry.value_on,
        raw=entry.raw,
        rule=identity.rule,
        fallback_id=identity.fallback_id,
    )


def _continues(statement: Statement, before: Statement | None) -> bool:
    """Whether it goes on where the account's statement before it in the file ended: same balance, days after it."""
    closing = before.closed.closing if before else None
    opening = statement.opening
    if before is None or closing is None or opening is None or closing.amount != opening.amount:
        return False
    if opening.on is not None and closing.on is not None:
        return opening.on >= closing.on
    return (
        before.last_on is not None and statement.first_on is not None and statement.first_on > before.last_on
    )


def _note_day(statement: Statement, day: date) -> None:
    first, last = statement.first_on, statement.last_on
    if first is None or last is None:
        statement.first_on = statement.last_on = day
    else:
        statement.first_on, statement.last_on = min(first, day), max(last, day)


def _balances(statement: Statement) -> Iterator[BalanceSeen | Unreadable]:
    closed = statement.closed
    # A statement that goes on where the one before ended: that one's closing balance says the same, with its day.
    opening = None if statement.continues else statement.opening
    told = [
        (BalanceKind.BOOKED, opening, statement.eve, opening is not None and opening.on is not None),
        (BalanceKind.BOOKED, closed.closing, None, closed.firm),
        (BalanceKind.AVAILABLE, closed.available, None, False),
    ]
    for kind, balance, on, firm in told:
        if balance is None:
            continue
        day = on or balance.on or closed.end or statement.last_on
        if day is None:
            continue  # a balance of no day at all: the statement has no movement either, and proves nothing
        try:
            money = Money(balance.amount, balance.currency or statement.currency or UNKNOWN)
        except MoneyError as error:
            yield Unreadable("balance", str(error), str(balance.amount), statement.ref)
        else:
            yield BalanceSeen(statement.ref, kind, money, day, firm)


def _eve(statement: Statement) -> date | None:
    """The day at whose end the opening balance stood.

    Banks date it with the previous statement's last day, or with this one's first (MT940 :60F:, CAMT OPBD do
    either): the first day if a movement is booked on it or the statement ends on it, else the day before.
    """
    opening, closing = statement.opening, statement.closed.closing
    if opening is None:
        return None
    firm = statement.closed.firm
    if firm and closing is not None and closing.on is not None and closing.on == opening.on:
        return opening.on - _DAY
    before_all = statement.first_on - _DAY if statement.first_on else None
    if opening.on is None or before_all is None:
        return opening.on or before_all
    if not firm:  # an export without ends of its own: what it opens with precedes all it lists
        return min(opening.on, before_all)
    return opening.on - _DAY if statement.entry_on_opening_day else opening.on


def _entered_on(booked_on: date, statement: Statement) -> date | None:
    """The day whose balance a movement is in, where its statement shows that it is another than its own.

    What stands between an opening and a closing balance has moved the one to the other, whatever days its
    movements carry: value dates after the end, corrections of months ago.
    """
    eve, closing = statement.eve, statement.closed.closing
    if eve is None or closing is None or closing.on is None or not statement.closed.firm or closing.on <= eve:
        return None
    day = min(max(booked_on, eve + _DAY), closing.on)
    return None if day == booked_on else day


def _window(statement: Statement) -> Window | None:
    closed = statement.closed
    start, end = closed.start or statement.first_on, closed.end or statement.last_on
    if not closed.complete or start is None or end is None or start > end:
        return None
    return Window(statement.ref, start, end)


class _Running:
    """Turns balances printed beside movements into balances at the end of days."""

    def __init__(self, statement: Statement) -> None:
        self._statement = statement
        self._newest_first = statement.closed.newest_first
        self._ends: dict[date, tuple[Decimal, str]] = {}
        self._last: date | None = None
        self._ordered = True

    def note(self, entry: Entry) -> None:
        after = entry.balance_after
        if after is None or entry.pending:
            return
        day = entry.booked_on
        if self._last is not None and day != self._last and (day > self._last) == self._newest_first:
            self._ordered = False
        self._last = day
        if not (self._newest_first and day in self._ends):
            self._ends[day] = (after, entry.currency or self._statement.currency or UNKNOWN)

    def balances(self) -> Iterator[BalanceSeen]:
        if not self._ordered:
            return
        latest = max(self._ends, default=None)
        for day, (amount, currency) in sorted(self._ends.items()):
            try:
                money = Money(amount, currency)
            except MoneyError:
                continue
            yield BalanceSeen(self._statement.ref, BalanceKind.BOOKED, money, day, firm=day != latest)
