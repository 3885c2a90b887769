"""A login at a bank that holds a private account and a firm's, told in small pages, whole or what is new."""

from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from typing import cast

import msgspec
from tests.support.stepping import Stepping, visit

from caudal.model.changes import (
    AccountKind,
    AccountSeen,
    BalanceKind,
    BalanceSeen,
    Change,
    Cursor,
    Page,
    SourceRef,
    Status,
    TransactionGone,
    TransactionSeen,
    Unreadable,
    Window,
)
from caudal.model.money import Money
from caudal.providers.base import Access, InstitutionFound, Linked, LiveProvider

OWN, FIRM = SourceRef("own"), SourceRef("firm")
NAMES = {OWN: "Conta pessoal", FIRM: "Conta da firma"}
_DAY = date(2026, 3, 31)


class Told(msgspec.Struct):
    """A movement as the bank holds it."""

    ref: SourceRef
    amount: Decimal
    day: date
    text: str = "coffee"


class Twofold(Stepping):
    """The bank. `book` adds a movement, `take_back` removes one; a pull tells everything from the beginning, else what
    happened since. `trouble`: raised once the accounts are told; `page`: how
    many rows there are on one."""

    def __init__(self, login: str = "their-login") -> None:
        bank = InstitutionFound("bank-1", "Banco Sereno", "PT")
        super().__init__([visit(), Linked(login, bank, {"token": b"the most secret of all"})])
        self.log: list[tuple[str, Told | None]] = []
        self.pulls = 0
        self.page = 3
        self.trouble: Exception | None = None
        self.unreadable: list[Unreadable] = []

    def book(
        self, id_: str, ref: SourceRef, amount: str, day: date = date(2026, 3, 2), text: str = "coffee"
    ) -> None:
        """A movement, or what has become of it."""
        self.log.append((id_, Told(ref, Decimal(amount), day, text)))

    def take_back(self, id_: str) -> None:
        """The bank holds it no more."""
        self.log.append((id_, None))

    @property
    def held(self) -> dict[str, Told]:
        """What the bank holds now."""
        found: dict[str, Told] = {}
        for id_, told in self.log:
            found.pop(id_, None)
            if told is not None:
                found[id_] = told
        return found

    def pull(self, _: Access, cursor: Cursor) -> AsyncIterator[Page]:
        """All of it, or what is new."""
        self.pulls += 1
        return self._pages(int(cursor or 0))

    async def _pages(self, since: int) -> AsyncIterator[Page]:
        accounts = [
            AccountSeen(
                ref,
                AccountKind.CHECKING,
                "EUR",
                name,
                iban=f"PT5000000000000000000000{place}",
                withdraws=True,
            )
            for place, (ref, name) in enumerate(NAMES.items())
        ]
        yield Page(accounts, Cursor(str(since)), more=True, unreadable=self.unreadable)
        if self.trouble is not None:
            raise self.trouble
        end = len(self.log)
        for start in range(since, end, self.page):
            upto = min(start + self.page, end)
            yield Page(self._changes(start, upto), Cursor(str(upto)), more=True)
        held = self.held
        balances: list[Change] = [
            BalanceSeen(ref, BalanceKind.BOOKED, Money(_sum(held, ref), "EUR"), _DAY) for ref in NAMES
        ]
        windows = [
            Window(
                ref, date(2026, 1, 1), _DAY, frozenset(id_ for id_, told in held.items() if told.ref == ref)
            )
            for ref in NAMES
        ]
        opening: list[Change] = [
            BalanceSeen(ref, BalanceKind.BOOKED, Money(Decimal(0), "EUR"), date(2026, 1, 1)) for ref in NAMES
        ]
        yield Page([*opening, *balances], Cursor(str(end)), more=False, windows=windows)

    def _changes(self, start: int, upto: int) -> list[Change]:
        before = {id_: told.ref for id_, told in self.log[:upto] if told is not None}
        found: list[Change] = []
        for id_, told in self.log[start:upto]:
            if told is None:
                found.append(TransactionGone(before[id_], id_))
            else:
                found.append(
                    TransactionSeen(
                        told.ref,
                        id_,
                        Status.BOOKED,
                        Money(told.amount, "EUR"),
                        told.day,
                        told.text,
                        raw=f"<{id_} of {told.ref}>",
                    )
                )
        return found

    @property
    def provider(self) -> LiveProvider:
        """As what a sync pulls from."""
        return cast("LiveProvider", self)


def _sum(held: dict[str, Told], ref: SourceRef) -> Decimal:
    return sum((told.amount for told in held.values() if told.ref == ref), Decimal(0))
