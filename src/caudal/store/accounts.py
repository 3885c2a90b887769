"""Which source accounts are of one account: what was said and asked of that, and booking them anew."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from uuid import UUID

import msgspec

from caudal.matching.accounts import Shown
from caudal.matching.credit import Credit
from caudal.store.database import Transaction, json_rows
from caudal.store.ids import new_id


class KnownSource(Shown, frozen=True, kw_only=True):
    """A source account as its connection shows it, or did until it was `gone`. `place`: where it is booked but for
    accounts that were joined."""

    reference: str
    place: UUID
    gone: bool


class Likely(msgspec.Struct, frozen=True):
    """Two source accounts that may be of one account, by `rule`; `found`: what was found, by name."""

    source_account_id: UUID
    candidate_id: UUID
    rule: str
    found: Mapping[str, int] = {}


class AccountQuestion(msgspec.Struct, frozen=True):
    """Two accounts that may be one, as a person is asked. `found`: JSON, what was found, by name."""

    source_account_id: UUID
    account_id: UUID
    account: str
    other_account_id: UUID
    other_account: str
    rule: str
    found: str


class AccountDecision(msgspec.Struct, frozen=True):
    """What was said of accounts. `kind`: join (`other` is `account`), part (`source_account_id`, of `account`, is
    `other` by itself), apart (they are two). `said_by`: person or evidence."""

    decision_id: UUID
    kind: str
    account_id: UUID
    account: str
    other_id: UUID
    other: str
    source_account_id: UUID | None
    said_by: str


class Undone(msgspec.Struct, frozen=True):
    """The accounts that a word was of which was taken back."""

    account_id: UUID
    other_id: UUID


class Booking(msgspec.Struct, frozen=True):
    """Where a source account was first (`home_id`), and where it is booked; how a person may call it."""

    source_account_id: UUID
    account_id: UUID
    home_id: UUID
    reference: str
    name: str
    mask: str | None
    iban: str | None
    number: str | None
    currency: str
    """The account's."""


class Unseen(msgspec.Struct, frozen=True):
    """A source account that was never held beside what other accounts tell."""

    source_account_id: UUID
    account_id: UUID
    reference: str


class Held(msgspec.Struct, frozen=True):
    """A booked movement of an account, whose first is of the day `first_on`."""

    account_id: UUID
    booked_on: date
    amount: Decimal
    currency: str
    first_on: date


class ToldOn(msgspec.Struct, frozen=True):
    """A booked balance told of an account; `firm`: for the end of that day."""

    account_id: UUID
    as_of: date
    amount: Decimal
    currency: str
    firm: bool


class AccountName(msgspec.Struct, frozen=True):
    """What an account is called, and which other it was joined to, if it was."""

    account_id: UUID
    name: str
    joined_into: UUID | None


async def accounts_shown(tx: Transaction, space_id: UUID) -> list[KnownSource]:
    """Every account as each connection of the space shows it."""
    return await tx.all("accounts_shown", KnownSource, space_id=space_id)


async def raise_doubts(tx: Transaction, space_id: UUID, likely: Iterable[Likely]) -> None:
    """Ask whether these are of one account; what a person has answered is not asked again."""
    rows = [msgspec.to_builtins(each) for each in likely]
    await tx.run("raise_account_doubts", space_id=space_id, rows=json_rows(rows))


async def doubts(tx: Transaction, space_id: UUID, limit: int) -> list[AccountQuestion]:
    """Accounts that may be one and were said to be neither one nor two, the oldest question first."""
    return await tx.all("list_account_doubts", AccountQuestion, space_id=space_id, limit=limit)


async def answer_doubts(tx: Transaction, space_id: UUID, decision_id: UUID, of: tuple[UUID, UUID]) -> None:
    """What was asked of these two accounts is answered by a word that they are two."""
    await tx.run(
        "answer_account_doubts",
        space_id=space_id,
        decision_id=decision_id,
        account_id=of[0],
        other_id=of[1],
    )


async def hold(tx: Transaction, space_id: UUID) -> None:
    """Until the transaction ends nobody writes a page of this space's connections, shows an account, or names one.
    Connections before names, as a page takes them, so that two never wait crosswise."""
    await tx.run("steer_planner")
    await tx.run("hold_connections", space_id=space_id)
    await tx.run("lock_names", space_id=space_id)


async def bookings(tx: Transaction, space_id: UUID) -> list[Booking]:
    """Every source account of the space, and where it is booked."""
    return await tx.all("source_bookings", Booking, space_id=space_id)


async def names(tx: Transaction, space_id: UUID) -> list[AccountName]:
    """Every account of the space, also those that nothing is booked to."""
    return await tx.all("account_names", AccountName, space_id=space_id)


async def add_account(tx: Transaction, space_id: UUID, name: str, source_account_id: UUID) -> UUID:
    """An account for this source account, of its kind and in its currency, that nothing is booked to yet."""
    account_id = new_id()
    await tx.run(
        "add_account",
        space_id=space_id,
        account_id=account_id,
        name=name,
        source_account_id=source_account_id,
    )
    return account_id


async def decide(
    tx: Transaction,
    space_id: UUID,
    kind: str,
    of: tuple[UUID, UUID],
    *,
    source_account_id: UUID | None = None,
    said_by: str = "person",
) -> UUID:
    """Keep a word on two accounts. Returns what it is known by."""
    decision_id = new_id()
    await tx.run(
        "decide_on_account",
        space_id=space_id,
        decision_id=decision_id,
        kind=kind,
        account_id=of[0],
        other_id=of[1],
        source_account_id=source_account_id,
        said_by=said_by,
    )
    return decision_id


async def undo(tx: Transaction, space_id: UUID, decision_id: UUID) -> Undone | None:
    """Take a word back. Returns of what it was, None where it isn't there."""
    return await tx.first("undo_account_decision", Undone, space_id=space_id, decision_id=decision_id)


async def decisions(tx: Transaction, space_id: UUID) -> list[AccountDecision]:
    """What was said of accounts and stands, in the order it was said."""
    return await tx.all("account_decisions", AccountDecision, space_id=space_id)


async def book(
    tx: Transaction, space_id: UUID, joined: Mapping[UUID, UUID], moved: Mapping[UUID, UUID]
) -> None:
    """Write where joined accounts are found (`joined`, all of them), and book these source accounts (`moved`) there."""
    ends = {str(account): str(into) for account, into in joined.items()}
    await tx.run("book_accounts", space_id=space_id, joined=msgspec.json.encode(ends).decode())
    rows: list[dict[str, object]] = [
        {"source_account_id": source, "account_id": account} for source, account in sorted(moved.items())
    ]
    await tx.run("book_source_accounts", space_id=space_id, rows=json_rows(rows))


async def book_transactions(tx: Transaction, space_id: UUID, accounts: Sequence[UUID]) -> None:
    """Book the transactions of these accounts where their source accounts are, with what they add up to."""
    await tx.run("book_transactions", space_id=space_id, accounts=list(accounts))


async def forget_empty_days(tx: Transaction, space_id: UUID, accounts: Sequence[UUID]) -> None:
    """Drop the days of these accounts that hold nothing."""
    await tx.run("forget_empty_days", space_id=space_id, accounts=list(accounts))


async def unseen(
    tx: Transaction, space_id: UUID, connection_id: UUID, *, movements: int, most: int
) -> list[Unseen]:
    """Source accounts of a connection, at most `most`, each alone on its account, that have told so many movements
    and were never held beside what others tell."""
    return await tx.all(
        "unseen_overlaps",
        Unseen,
        space_id=space_id,
        connection_id=connection_id,
        movements=movements,
        most=most,
    )


async def mark_seen(tx: Transaction, space_id: UUID, source_accounts: Collection[UUID]) -> None:
    """These have been held beside what others tell."""
    await tx.run("mark_overlaps_seen", space_id=space_id, source_accounts=sorted(source_accounts))


async def latest_movements(
    tx: Transaction, space_id: UUID, accounts: Sequence[UUID], most: int
) -> list[Held]:
    """The latest booked movements of these accounts, at most so many of each."""
    return await tx.all("latest_movements", Held, space_id=space_id, accounts=list(accounts), most=most)


async def movements_beside(
    tx: Transaction,
    space_id: UUID,
    accounts: Sequence[UUID],
    of: tuple[date, date],
    currencies: Collection[str],
    *,
    most: int,
    accounts_most: int,
) -> list[Held]:
    """What other accounts in these currencies hold as booked from day to day, the latest `most` of each, of so many
    accounts."""
    return await tx.all(
        "movements_beside",
        Held,
        space_id=space_id,
        accounts=list(accounts),
        first=of[0],
        last=of[1],
        currencies=sorted(currencies),
        most=most,
        accounts_most=accounts_most,
    )


async def latest_told(tx: Transaction, space_id: UUID, accounts: Sequence[UUID], most: int) -> list[ToldOn]:
    """The latest booked balances told of these accounts, at most so many by each source account."""
    return await tx.all("latest_told", ToldOn, space_id=space_id, accounts=list(accounts), most=most)


async def credit_told(tx: Transaction, space_id: UUID, days: int) -> list[Credit]:
    """The credit lines told of cards of the latest `days` days each, and what is left of them."""
    return await tx.all("credit_told", Credit, space_id=space_id, days=days)
