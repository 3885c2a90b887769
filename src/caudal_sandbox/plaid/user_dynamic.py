"""``user_transactions_dynamic``: the user of Plaid's sandbox whose data changes when it is refreshed.

Source: Plaid docs, Transactions: testing in Sandbox. About fifty transactions, pending and posted, six months of what
recurs. What it buys and where is ours.
"""

from datetime import date, timedelta
from functools import partial
from typing import Final

from msgspec.structs import replace

from caudal_sandbox.economy.accounts import Account, CardTerms, Product
from caudal_sandbox.economy.calendars import months_after
from caudal_sandbox.economy.chance import Chance
from caudal_sandbox.economy.deeds import bank_day
from caudal_sandbox.economy.habits.scripted import Diary, Line
from caudal_sandbox.economy.holders import Holder
from caudal_sandbox.economy.merchants import Business, merchants
from caudal_sandbox.economy.movements import AccountId, Kind, Rail, State
from caudal_sandbox.plaid.guests import guest_name, line_of, open_account, person, purchase
from caudal_sandbox.plaid.institutions import PlaidInstitution
from caudal_sandbox.world import World

USER: Final = "user_transactions_dynamic"
_MONTHS: Final = 6
_PENDING: Final = 3
"""How many new payments are pending after a refresh."""


def user_dynamic(world: World, institution: PlaidInstitution) -> Holder:
    """The user whose data changes when it is refreshed: six months of what recurs, up to the day of the first login,
    and some payments pending. Nothing happens afterwards but what `refresh_dynamic` and deeds do.
    """
    holder = person(guest_name(USER, institution), institution.bank)
    known = world.holder(holder.name)
    if known is not None:
        return known
    opened = partial(open_account, holder.name, institution.bank)
    card = CardTerms(limit_minor=5_000_00, close_day=25, due_days=25, monthly_rate_bp=150)
    accounts = (
        opened("checking", Product.CHECKING, 1_240_00, name="Everyday Checking"),
        opened("savings", Product.SAVINGS, 3_150_00, name="Rainy Day Savings"),
        opened("card", Product.CREDIT_CARD, -215_40, name="Rewards Card", card=card),
    )
    diary = _dynamic_diary(holder, accounts, bank_day(accounts[0], world.now))
    holder = world.admit(replace(holder, accounts=accounts), lambda _: [Diary(diary)])
    _add_pending(world, holder)
    return holder


def refresh_dynamic(world: World, holder: Holder) -> None:
    """What /transactions/refresh does to the dynamic user (Plaid docs, Transactions: testing in Sandbox): all that is
    pending posts, some new payments are pending, and the newest purchase that had posted before costs 1.00 more.

    Raises ValueError for anyone else.
    """
    if not holder.name.startswith(f"{USER}@") or not world.is_guest(holder):
        raise ValueError(f"{holder.name} isn't the user whose data changes when it is refreshed")
    shown = [each for view in world.accounts(holder) for each in view.movements()]
    spent = [each for each in shown if each.state is State.BOOKED and each.movement.settled_minor < 0]
    if spent:
        newest = max(spent, key=lambda each: (each.since, each.movement.id)).movement
        world.amend(newest.id, newest.settled_minor - 1_00)
    for each in shown:
        if each.state is State.PENDING:
            world.settle(each.movement.id)
    _add_pending(world, holder)


def _add_pending(world: World, holder: Holder) -> None:
    chance = Chance(world.seed, holder.name, "refresh", len(world.deeds(holder)))
    checking, _, card = holder.accounts
    coffee = holder.land.coffee_minor
    for business in _trades(chance)[:_PENDING]:
        shop = chance.pick(merchants(holder.country, business))
        account = chance.pick((checking, card))
        minor = -chance.between(coffee, coffee * 12)
        world.authorise(account.id, minor, line_of(shop), merchant=shop)


def _trades(chance: Chance) -> list[Business]:
    """Where people shop most, in an order that `chance` draws."""
    trades = [Business.CAFE, Business.GROCER, Business.RESTAURANT, Business.FUEL, Business.ONLINE_SHOP]
    start = chance.below(len(trades))
    return trades[start:] + trades[:start]


def _dynamic_diary(holder: Holder, accounts: tuple[Account, ...], last: date) -> dict[date, list[Line]]:
    """Eight movements a month, each on its own day of it: the same every month but for groceries."""
    checking, savings, card = (account.id for account in accounts)
    diary: dict[date, list[Line]] = {}
    for month in range(_MONTHS):
        for days_before, line in _dynamic_month(holder, checking, savings, card, month):
            day = months_after(last - timedelta(days=days_before), -month)
            diary.setdefault(day, []).append(line)
    return diary


def _dynamic_month(
    holder: Holder, checking: AccountId, savings: AccountId, card: AccountId, month: int
) -> list[tuple[int, Line]]:
    shops = {trade: merchants(holder.country, trade)[0] for trade in Business}
    salary = Line(
        account=checking,
        minor=2_450_00,
        text=f"PAYROLL {holder.employer.upper()}",
        kind=Kind.SALARY,
        rail=Rail.BATCH,
        counterparty=holder.employer,
        series=f"{holder.name}:salary",
    )
    rent = Line(
        account=checking,
        minor=-1_175_00,
        text="RENT FAIRVIEW LETTINGS",
        kind=Kind.RENT,
        rail=Rail.BATCH,
        counterparty="Fairview Lettings",
        series=f"{holder.name}:rent",
    )
    interest = Line(account=savings, minor=2_65, text="INTEREST", kind=Kind.INTEREST, rail=Rail.BANK)

    def bill(account: AccountId, minor: int, trade: Business, kind: Kind) -> Line:
        shop = shops[trade]
        series = f"{holder.name}:{shop.id}"
        return purchase(account, minor, line_of(shop), shop, kind=kind, days=1, series=series)

    groceries = purchase(
        card, -(48_15 + month * 3_37), line_of(shops[Business.GROCER]), shops[Business.GROCER], days=1
    )
    return [
        (27, salary),
        (26, rent),
        (23, bill(checking, -64_90, Business.ENERGY, Kind.UTILITY)),
        (19, bill(card, -15_99, Business.STREAMING, Kind.SUBSCRIPTION)),
        (16, groceries),
        (11, bill(checking, -38_00, Business.PHONE, Kind.PHONE)),
        (7, bill(card, -11_49, Business.SOFTWARE, Kind.SUBSCRIPTION)),
        (4, interest),
    ]
