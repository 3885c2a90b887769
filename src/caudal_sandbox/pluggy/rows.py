"""What an item tells of one account's movements, and under which ids (contract §5.5).

A row is made when Pluggy first meets its movement at the bank, and keeps its id while Pluggy can tell that it is the
same. It can't where what was pending was booked under another key, where a bank without ids of its own changed an
amount, or where a card's statement closed: then the old row is deleted, and one with a new id created, and nothing says
which took the place of which.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

import msgspec

from caudal_sandbox.economy.movements import MovementId, State
from caudal_sandbox.economy.statements import Statement
from caudal_sandbox.economy.view import AccountView, Sighting
from caudal_sandbox.pluggy.names import below, uuid_of

REKEYED_ONE_IN: Final = 2
"""[?] How often a booked record has another id than its pending one: the contract says that it may."""


class Row(msgspec.Struct, frozen=True):
    """One record: `sighting` as it stood when Pluggy last went to the bank."""

    id: str
    sighting: Sighting
    created: datetime
    updated: datetime


class News(msgspec.Struct):
    """What one look at the bank changed: ids."""

    created: list[str] = msgspec.field(default_factory=list)
    updated: list[str] = msgspec.field(default_factory=list)
    deleted: list[str] = msgspec.field(default_factory=list)


class Rows:
    """One account's. `keyed`: the bank names its movements (Open Finance), so that Pluggy knows them by that."""

    def __init__(self, item: str, since: date, *, keyed: bool) -> None:
        self.since = since
        self._item = item
        self._keyed = keyed
        self._rows: dict[MovementId, Row] = {}
        self._made = 0

    @property
    def all(self) -> Sequence[Row]:
        """Every row there is."""
        return list(self._rows.values())

    def look(self, view: AccountView, at: datetime, closed: Sequence[Statement]) -> News:
        """Take in how the account stands at its bank now, told as of `at`. `closed`: the statements closed since the
        last look."""
        news = News()
        for sighting in view.movements():
            self._take(sighting, at, closed, news)
        return news

    def reissue(self, at: datetime) -> News:
        """Every row has another id."""
        news = News()
        for row in self.all:
            self._anew(row.sighting, at, news)
        return news

    def touch(self, at: datetime) -> News:
        """The newest row has another id."""
        news = News()
        for row in self.all[-1:]:
            self._anew(row.sighting, at, news)
        return news

    def _take(self, sighting: Sighting, at: datetime, closed: Sequence[Statement], news: News) -> None:
        ident = sighting.movement.id
        known = self._rows.get(ident)
        told = sighting.state in {State.PENDING, State.BOOKED} and sighting.on >= self.since
        if known is None:
            if told:
                self._anew(sighting, at, news)
        elif not told:
            news.deleted.append(self._rows.pop(ident).id)
        elif _shown(known.sighting) != _shown(sighting):
            if self._is_the_same(known.sighting, sighting):
                self._rows[ident] = Row(known.id, sighting, known.created, at)
                news.updated.append(known.id)
            else:
                self._anew(sighting, at, news)
        elif sighting.state is State.BOOKED and any(_lies_in(sighting.on, each) for each in closed):
            self._anew(sighting, at, news)

    def _is_the_same(self, before: Sighting, now: Sighting) -> bool:
        """Whether Pluggy can tell that it is the record it knows."""
        if before.state is State.PENDING and now.state is State.BOOKED:
            return below(REKEYED_ONE_IN, "rekeyed", now.movement.id) != 0
        return self._keyed

    def _anew(self, sighting: Sighting, at: datetime, news: News) -> None:
        ident = sighting.movement.id
        known = self._rows.pop(ident, None)
        if known is not None:
            news.deleted.append(known.id)
        self._made += 1
        row = Row(uuid_of(self._item, ident, self._made), sighting, at, at)
        self._rows[ident] = row
        news.created.append(row.id)


def _shown(sighting: Sighting) -> tuple[object, ...]:
    return sighting.state, sighting.amount, sighting.on, sighting.text


def _lies_in(day: date, statement: Statement) -> bool:
    """Whether what was booked that day is of that statement: of the month before it closed."""
    closed = statement.closed_on
    month_before = closed.replace(year=closed.year - (closed.month == 1), month=(closed.month - 2) % 12 + 1)
    return month_before < day <= closed
