"""A holder's life: its habits, and the days they fill, one after another."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final, Protocol

import msgspec

from caudal_sandbox.economy.chance import Chance
from caudal_sandbox.economy.countries import CountryCode
from caudal_sandbox.economy.desk import Desk
from caudal_sandbox.economy.habits.banking import BankCharges
from caudal_sandbox.economy.habits.borrowing import CardBill, LoanBill
from caudal_sandbox.economy.habits.errands import COFFEE, GROCERIES, TRANSIT, Errands, Fuel, Restaurants
from caudal_sandbox.economy.habits.friends import Friends
from caudal_sandbox.economy.habits.household import Bill, Rent, Subscription
from caudal_sandbox.economy.habits.income import Salary
from caudal_sandbox.economy.habits.investing import Investing
from caudal_sandbox.economy.habits.occasions import Cash, Cheques, Instalments, Journeys, OnlineOrders
from caudal_sandbox.economy.habits.saving import Saving
from caudal_sandbox.economy.habits.trade import Payroll, Suppliers, Takings
from caudal_sandbox.economy.holders import Holder, HolderKind
from caudal_sandbox.economy.markets import Market
from caudal_sandbox.economy.merchants import Business
from caudal_sandbox.economy.movements import Event, Kind
from caudal_sandbox.economy.statements import Statement

_BUYS_IN_INSTALMENTS: Final = {CountryCode.BR, CountryCode.MX}
_DAY: Final = timedelta(days=1)


class Habit(Protocol):
    """Something a holder does again and again."""

    def live(self, desk: Desk) -> None:
        """What it does on the desk's `today`. Called once for every day, in order."""


class Day(msgspec.Struct, frozen=True):
    """What one of the bank's days brought: `events` in order of their instants, statements that closed at its end."""

    on: date
    events: list[Event]
    statements: list[Statement]


def live(holder: Holder, habits: list[Habit], seed: int, begins: date) -> Iterator[Day]:
    """Every day of `holder`'s life from `begins` on, without end. Each depends on those before it and on nothing
    else: not on who looks, when, or how often. `habits` must be new ones: they remember.
    """
    desk = Desk(holder, seed)
    today = begins
    while True:
        desk.begin(today)
        for habit in habits:
            habit.live(desk)
        events, statements = desk.close()
        yield Day(today, events, statements)
        today += _DAY


def drawn_habits(holder: Holder, seed: int, market: Market) -> list[Habit]:
    """The habits of a person or firm that nobody scripted. Income first: what comes in at dawn may be spent from the
    next day on.
    """

    def chance(habit: str) -> Chance:
        return Chance(seed, holder.kind, holder.name, habit)

    if holder.kind is HolderKind.FIRM:
        return [
            Takings(holder, chance("takings")),
            Payroll(holder, chance("payroll")),
            Rent(holder, chance("rent")),
            Bill(holder, chance("energy"), Kind.UTILITY, 30, 80),
            Bill(holder, chance("phone"), Kind.PHONE, 10, 20),
            Suppliers(holder, chance("suppliers")),
            Subscription(holder, chance("accounting"), Business.SOFTWARE, 0),
            Subscription(holder, chance("hosting"), Business.SOFTWARE, 1),
            Fuel(holder, chance("fuel")),
            OnlineOrders(holder, chance("orders")),
            CardBill(holder, chance("card bill")),
            Saving(holder, chance("saving")),
            BankCharges(holder, chance("charges")),
        ]
    streaming = chance("streaming").below(8)
    habits: list[Habit] = [
        Salary(holder, chance("salary")),
        Rent(holder, chance("rent")),
        Bill(holder, chance("energy"), Kind.UTILITY, 15, 35),
        Bill(holder, chance("phone"), Kind.PHONE, 6, 12),
        *(Subscription(holder, chance(f"stream {n}"), Business.STREAMING, streaming + n) for n in range(3)),
        Errands(holder, chance("groceries"), GROCERIES),
        Errands(holder, chance("coffee"), COFFEE),
        Restaurants(holder, chance("restaurants")),
        Fuel(holder, chance("fuel")),
        Errands(holder, chance("transit"), TRANSIT),
        OnlineOrders(holder, chance("orders")),
        Journeys(holder, chance("journeys"), market),
        Friends(holder, chance("friends")),
        Cash(holder, chance("cash")),
        Cheques(holder, chance("cheques")),
        CardBill(holder, chance("card bill")),
        LoanBill(holder, chance("loan bill")),
        Investing(holder, chance("investing"), market),
        Saving(holder, chance("saving")),
        BankCharges(holder, chance("charges")),
    ]
    if holder.country in _BUYS_IN_INSTALMENTS:
        habits.append(Instalments(holder, chance("instalments")))
    return habits
