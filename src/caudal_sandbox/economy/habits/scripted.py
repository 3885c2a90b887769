"""What guests do: movements written down beforehand, word for word and day by day."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Final

import msgspec

from caudal_sandbox.economy.calendars import on_or_after
from caudal_sandbox.economy.chance import Chance
from caudal_sandbox.economy.desk import Deal, Desk
from caudal_sandbox.economy.habits.schedule import Monthly
from caudal_sandbox.economy.markets import Market
from caudal_sandbox.economy.merchants import Merchant
from caudal_sandbox.economy.movements import AccountId, Kind, Rail, Trade

_TEN: Final = 10 * 60
_AFTERNOON: Final = 15 * 60
_UNIT_E4: Final = 10_000


class Line(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One movement: `minor` (signed) on `account`, paid at `minute` of its day and booked `days` later (0: at once).
    `shows`: whether it is pending until then. Fields without a word here are those of `Movement`.
    """

    account: AccountId
    minor: int
    text: str
    kind: Kind
    rail: Rail = Rail.CARD
    minute: int = _TEN
    days: int = 0
    shows: bool = False
    merchant: Merchant | None = None
    counterparty: str = ""
    series: str = ""
    other_side: "Line | None" = None
    """The same money on another account of the holder."""


class Diary:
    """Each line once, on its day. What is dated before the world begins never happens."""

    def __init__(self, lines: Mapping[date, Iterable[Line]]) -> None:
        self._lines = lines

    def live(self, desk: Desk) -> None:
        """Do what is written down for today."""
        for line in self._lines.get(desk.today, ()):
            _do(desk, line)


class Routine:
    """Each line every month, on its day of the month (1-28)."""

    def __init__(self, lines: Mapping[int, Iterable[Line]]) -> None:
        self._lines = lines

    def live(self, desk: Desk) -> None:
        """Do what is written down for this day of the month."""
        for line in self._lines.get(desk.today.day, ()):
            _do(desk, line)


class SteadyInvesting:
    """Each month buys one security for about `monthly_minor` while the cash lasts; each quarter the position pays its
    dividend.
    """

    def __init__(self, account: AccountId, symbol: str, monthly_minor: int, market: Market) -> None:
        self._account = account
        self._security = market.security(symbol)
        self._monthly = monthly_minor
        self._market = market
        self._held_e4 = 0
        self._buying = Monthly(self._security.country, 5, on_or_after)
        self._dividends = Monthly(self._security.country, 15, on_or_after, every=3)

    def live(self, desk: Desk) -> None:
        """Buy and be paid where it is due."""
        if self._buying.falls_on(desk.today):
            self._buy(desk)
        if self._dividends.falls_on(desk.today):
            self._receive_dividend(desk)

    def _buy(self, desk: Desk) -> None:
        broker = desk.standings[self._account]
        price = self._market.price_minor(self._security.symbol, desk.today)
        quantity_e4 = min(self._monthly, broker.spendable) * 100 // price * 100
        worth = (quantity_e4 * price + _UNIT_E4 // 2) // _UNIT_E4
        if quantity_e4 <= 0 or worth > broker.spendable:
            return
        self._held_e4 += quantity_e4
        trade = Trade(self._security.symbol, quantity_e4, price)
        deal = Deal(counterparty=broker.account.institution.name, trade=trade)
        about = f"{trade.quantity:f} {trade.symbol}"
        desk.make(broker, Kind.BUY, -worth, Rail.MARKET, _AFTERNOON, deal=deal, about=about)

    def _receive_dividend(self, desk: Desk) -> None:
        security = self._security
        price = self._market.price_minor(security.symbol, desk.today)
        minor = self._held_e4 * price * security.yearly_dividend_bp // (4 * _UNIT_E4 * 10_000)
        if minor > 0:
            deal = Deal(counterparty=security.name, trade=Trade(security.symbol, 0, price))
            broker = desk.standings[self._account]
            desk.make(broker, Kind.DIVIDEND, minor, Rail.MARKET, 8 * 60, deal=deal, about=security.symbol)


class Till:
    """A shop that takes `count` card payments a day, spread over the whole day, each booked at once."""

    def __init__(self, account: AccountId, count: int, chance: Chance) -> None:
        self._account = account
        self._count = count
        self._chance = chance
        self._deal = Deal(text="CARD SALE")

    def live(self, desk: Desk) -> None:
        """Take in today's payments."""
        standing, below = desk.standings[self._account], self._chance.below
        for number in range(self._count):
            minute = number * 1440 // self._count
            desk.make(standing, Kind.TAKINGS, 100 + below(9_900), Rail.INSTANT, minute, deal=self._deal)


def _do(desk: Desk, line: Line) -> None:
    pair = ""
    if line.other_side is not None:
        pair = desk.next_pair()
        _make(desk, line.other_side, pair)
    _make(desk, line, pair)


def _make(desk: Desk, line: Line, pair: str) -> None:
    deal = Deal(
        merchant=line.merchant,
        counterparty=line.counterparty,
        pair=pair,
        series=line.series,
        text=line.text,
        books_on=desk.today + timedelta(days=line.days),
        unseen=not line.shows,
    )
    desk.make(desk.standings[line.account], line.kind, line.minor, line.rail, line.minute, deal=deal)
