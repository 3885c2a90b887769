"""Buying, selling, and being paid for holding."""

from typing import Final

from caudal_sandbox.economy.accounts import AccountKind
from caudal_sandbox.economy.calendars import is_business_day, on_or_after
from caudal_sandbox.economy.chance import Chance
from caudal_sandbox.economy.desk import Deal, Desk, Standing
from caudal_sandbox.economy.habits.schedule import Monthly
from caudal_sandbox.economy.holders import Holder
from caudal_sandbox.economy.markets import Market
from caudal_sandbox.economy.movements import Kind, Rail, Trade

_AFTERNOON: Final = 15 * 60
_UNIT_E4: Final = 10_000


class Investing:
    """Puts idle cash into the country's securities on business days, sells a part now and then, and receives a
    dividend on each position every quarter. Cash moves on the day of the trade, at that day's closing price.
    """

    def __init__(self, holder: Holder, chance: Chance, market: Market) -> None:
        self._chance = chance
        self._market = market
        self._securities = market.securities_of(holder.country)
        self._idle = holder.land.coffee_minor * 20
        self._dividends = Monthly(holder.country, chance.between(10, 20), on_or_after, every=3)
        self._held_e4 = dict.fromkeys((security.symbol for security in self._securities), 0)

    def live(self, desk: Desk) -> None:
        """Trade on some business days."""
        broker = desk.standing(AccountKind.BROKERAGE)
        if broker is None or not is_business_day(desk.country.code, desk.today):
            return
        if self._dividends.falls_on(desk.today):
            self._receive_dividends(desk, broker)
        what = self._chance.below(100)
        symbol = self._chance.pick(self._securities).symbol
        if what < 12 and broker.spendable > self._idle:
            self._trade(desk, broker, symbol, broker.spendable * self._chance.between(40, 90) // 100)
        elif what > 96 and self._held_e4[symbol] > _UNIT_E4:
            price = self._market.price_minor(symbol, desk.today)
            share = self._chance.between(20, 70)
            self._trade(desk, broker, symbol, -self._held_e4[symbol] * share // 100 * price // _UNIT_E4)

    def _trade(self, desk: Desk, broker: Standing, symbol: str, minor: int) -> None:
        """Buy for about `minor`, or sell where it is negative; whole hundredths of a unit."""
        price = self._market.price_minor(symbol, desk.today)
        quantity = abs(minor) * 100 // price * 100
        if quantity == 0:
            return
        bought = quantity if minor > 0 else -quantity
        worth = (quantity * price + _UNIT_E4 // 2) // _UNIT_E4
        self._held_e4[symbol] += bought
        trade = Trade(symbol, bought, price)
        deal = Deal(counterparty=broker.account.institution.name, trade=trade)
        kind, signed = (Kind.BUY, -worth) if bought > 0 else (Kind.SELL, worth)
        minute = _AFTERNOON + self._chance.below(55)
        about = f"{abs(trade.quantity):f} {symbol}"
        desk.make(broker, kind, signed, Rail.MARKET, minute, deal=deal, about=about)

    def _receive_dividends(self, desk: Desk, broker: Standing) -> None:
        for security in self._securities:
            price = self._market.price_minor(security.symbol, desk.today)
            held = self._held_e4[security.symbol]
            minor = held * price * security.yearly_dividend_bp // (4 * _UNIT_E4 * 10_000)
            if minor > 0:
                deal = Deal(counterparty=security.name, trade=Trade(security.symbol, 0, price))
                desk.make(broker, Kind.DIVIDEND, minor, Rail.MARKET, 8 * 60, deal=deal, about=security.symbol)
