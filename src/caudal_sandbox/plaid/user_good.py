"""``user_good``: the static user of Plaid's sandbox.

Masks, the balances to start with and the eight monthly transactions are documented or known from recordings (Plaid
docs, Sandbox: test credentials, and the examples of the API reference); how they add up is ours.
"""

from datetime import date
from functools import partial

from msgspec.structs import replace

from caudal_sandbox.economy.accounts import Account, CardTerms, LoanTerms, Product
from caudal_sandbox.economy.calendars import months_after
from caudal_sandbox.economy.chance import Chance
from caudal_sandbox.economy.habits.borrowing import LoanBill
from caudal_sandbox.economy.habits.scripted import Line, Routine, SteadyInvesting
from caudal_sandbox.economy.holders import Holder, annuity_minor
from caudal_sandbox.economy.institutions import Institution, InstitutionKind
from caudal_sandbox.economy.lives import Habit
from caudal_sandbox.economy.markets import Market
from caudal_sandbox.economy.merchants import Business, Channel, Merchant
from caudal_sandbox.economy.movements import AccountId, Kind, Rail
from caudal_sandbox.plaid.guests import guest_name, open_account, person, purchase
from caudal_sandbox.plaid.institutions import PlaidInstitution
from caudal_sandbox.world import World


def user_good(world: World, institution: PlaidInstitution) -> Holder:
    """The static user: the same eleven accounts everywhere, of which a broker keeps the two with positions."""
    holder = person(guest_name("user_good", institution), institution.bank)
    accounts = _good_accounts(holder.name, institution.bank, world.begins)
    if institution.bank.kind is InstitutionKind.BROKER:
        accounts = [account for account in accounts if account.product in {Product.IRA, Product.K401}]
    return world.admit(replace(holder, accounts=tuple(accounts)), partial(_good_habits, market=world.market))


def _good_accounts(holder: str, bank: Institution, begins: date) -> list[Account]:
    opened = partial(open_account, holder, bank)
    card = CardTerms(limit_minor=2_000_00, close_day=20, due_days=25, monthly_rate_bp=125)
    student = LoanTerms(75_000_00, 40, annuity_minor(65_262_00, 40, 300), 20, months_after(begins, -48))
    mortgage = LoanTerms(80_000_00, 33, annuity_minor(80_000_00, 33, 300), 15, months_after(begins, -96))
    return [
        opened("checking", Product.CHECKING, 110_00, name="Plaid Checking", mask="0000"),
        # 210 is documented; 5,000 more pay twenty years of card payments.
        opened("savings", Product.SAVINGS, 5_210_00, name="Plaid Saving", mask="1111"),
        opened("cd", Product.CD, 1_000_00, name="Plaid CD", mask="2222"),
        opened("card", Product.CREDIT_CARD, -410_00, name="Plaid Credit Card", mask="3333", card=card),
        opened("money-market", Product.MONEY_MARKET, 43_200_00, name="Plaid Money Market", mask="4444"),
        opened("ira", Product.IRA, 320_76, name="Plaid IRA", mask="5555"),
        opened("401k", Product.K401, 23_631_98, name="Plaid 401k", mask="6666"),
        opened(
            "student", Product.STUDENT_LOAN, -65_262_00, name="Plaid Student Loan", mask="7777", loan=student
        ),
        opened("mortgage", Product.MORTGAGE, -56_302_06, name="Plaid Mortgage", mask="8888", loan=mortgage),
        opened("hsa", Product.HSA, 6_009_00, name="Plaid HSA", mask="9001"),
        opened("cash", Product.CASH_MANAGEMENT, 12_060_00, name="Plaid Cash Management", mask="9002"),
    ]


def _good_habits(holder: Holder, market: Market) -> list[Habit]:
    """The eight monthly templates, split over the accounts so that each balance can last: what comes in on checking
    pays the student loan, and the card's charges are about what is paid to it.
    """
    securities = market.securities_of(holder.country)
    by_product = {account.product: account.id for account in holder.accounts}
    investing: list[Habit] = [
        SteadyInvesting(by_product[Product.K401], securities[0].symbol, 500_00, market),
        SteadyInvesting(by_product[Product.IRA], securities[1].symbol, 50_00, market),
    ]
    if Product.CHECKING not in by_product:
        return investing
    checking, savings = by_product[Product.CHECKING], by_product[Product.SAVINGS]
    routine = Routine(_good_routine(holder, checking, savings, by_product[Product.CREDIT_CARD]))
    return [routine, LoanBill(holder, Chance("plaid", holder.name, "loan bill")), *investing]


def _good_routine(
    holder: Holder, checking: AccountId, savings: AccountId, card: AccountId
) -> dict[int, list[Line]]:
    shop = partial(_documented_merchant, holder)
    uber = shop("Uber", Business.TRANSIT, Channel.ONLINE)
    united = shop("United Airlines", Business.TRANSIT)
    to_card = Line(
        account=card, minor=25_00, text="PAYMENT RECEIVED", kind=Kind.CARD_PAYMENT, rail=Rail.BATCH, days=1
    )
    payment = Line(
        account=savings,
        minor=-25_00,
        text="CREDIT CARD 3333 PAYMENT",
        kind=Kind.CARD_PAYMENT,
        rail=Rail.BATCH,
        days=1,
        other_side=to_card,
    )
    interest = Line(account=savings, minor=4_22, text="INTRST PYMNT", kind=Kind.INTEREST, rail=Rail.BANK)
    return {
        3: [purchase(checking, 500_00, "United Airlines", united, kind=Kind.REFUND)],
        5: [purchase(card, -6_33, "Uber 072515", uber, days=1)],
        11: [purchase(card, -12_00, "McDonald's", shop("McDonald's", Business.RESTAURANT))],
        12: [purchase(checking, -4_33, "Starbucks", shop("Starbucks", Business.CAFE))],
        14: [purchase(checking, -89_40, "SparkFun", shop("SparkFun", Business.ONLINE_SHOP), days=1)],
        17: [interest],
        22: [purchase(card, -5_40, "Uber 063015", uber, days=1), payment],
    }


def _documented_merchant(
    holder: Holder, name: str, business: Business, channel: Channel = Channel.IN_STORE
) -> Merchant:
    plain = "".join(letter for letter in name.lower() if letter.isalnum())
    return Merchant(
        id=f"plaid-{plain}",
        name=name,
        business=business,
        country=holder.country,
        descriptor=name,
        channel=channel,
        address="",
        city="",
        region="",
        postal_code="",
        store_number="",
        website="",
    )
