"""Who gets in at Plaid's institutions, and what they find."""

import json
import re
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.shared import shared

from caudal_sandbox.economy.accounts import AccountKind, Product
from caudal_sandbox.economy.countries import CountryCode
from caudal_sandbox.economy.institutions import INSTITUTIONS, InstitutionKind
from caudal_sandbox.economy.movements import Kind, State
from caudal_sandbox.economy.view import AccountView
from caudal_sandbox.plaid.institutions import CATALOGUE, InstitutionStatus
from caudal_sandbox.plaid.user_custom import ACCOUNTS_MAX, CONFIG_BYTES_MAX, FORCED_ERRORS, TRANSACTIONS_MAX
from caudal_sandbox.plaid.users import (
    ERROR_PASSWORDS,
    Admitted,
    Challenged,
    ChallengeKind,
    Denied,
    login,
    refresh_dynamic,
)
from caudal_sandbox.truth import MovementTruth, truth_of
from caudal_sandbox.world import World

PLATYPUS = CATALOGUE["ins_109508"]
CEDARTIDE = CATALOGUE["ins_900001"]
BROKER = CATALOGUE["ins_900005"]


def empty_world() -> World:
    return World(7, people=0, firms=0)


def views(world: World, admitted: object) -> list[AccountView]:
    assert isinstance(admitted, Admitted), admitted
    return [world.account(account) for account in admitted.accounts]


def sums_up(view: AccountView) -> bool:
    booked = sum((each.amount for each in view.movements() if each.state is State.BOOKED), Decimal(0))
    return view.booked() == view.terms.opening + booked


# --- institutions --------------------------------------------------------------------------------------------------


def test_every_documented_institution_is_there_under_its_name() -> None:
    documented = json.loads(shared("contracts", "plaid", "data", "sandbox.json").read_text())["institutions"]
    for ident, label in documented.items():
        name, country = re.fullmatch(r"(.*?)(?: \((\w\w)\))?", label).groups()
        assert (CATALOGUE[ident].name, CATALOGUE[ident].country_codes) == (name, (country or "US",))
    assert CATALOGUE["ins_132363"].status is InstitutionStatus.DEGRADED


def test_every_us_and_uk_institution_of_the_world_is_there_once() -> None:
    banks = [each.bank for each in CATALOGUE.values()]
    for institution in INSTITUTIONS:
        assert banks.count(institution) == (institution.country in {CountryCode.US, CountryCode.GB})
    assert len({each.id for each in banks}) == len(banks) == len(CATALOGUE)


def test_what_an_institution_offers_is_what_it_keeps() -> None:
    for ident, each in CATALOGUE.items():
        assert ident == each.institution_id
        assert list(each.products) == sorted(each.products)
        if each.bank.kind is InstitutionKind.BROKER:
            assert each.products == ("investments",)
        else:
            assert {"transactions", "auth", "balance", "identity", "liabilities"} <= set(each.products)
            assert ("investments" in each.products) == ("Platypus" in each.name)


def test_routing_numbers_have_a_right_check_digit_and_nobody_elses() -> None:
    codes = [each.bank.code for each in CATALOGUE.values()]
    assert len(set(codes)) == len(codes)
    for each in CATALOGUE.values():
        for code in each.routing_numbers:
            assert code.startswith("99")
            assert sum(int(d) * w for d, w in zip(code, (3, 7, 1) * 3, strict=True)) % 10 == 0


# --- user_good -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ident", ["ins_109508", "ins_117650", "ins_43", "ins_900001"])
def test_user_good_has_the_documented_accounts_everywhere(ident: str) -> None:
    world = empty_world()
    shown = views(world, login(world, CATALOGUE[ident], "user_good", "pass_good"))
    assert [(view.terms.product, view.terms.mask) for view in shown] == [
        (Product.CHECKING, "0000"),
        (Product.SAVINGS, "1111"),
        (Product.CD, "2222"),
        (Product.CREDIT_CARD, "3333"),
        (Product.MONEY_MARKET, "4444"),
        (Product.IRA, "5555"),
        (Product.K401, "6666"),
        (Product.STUDENT_LOAN, "7777"),
        (Product.MORTGAGE, "8888"),
        (Product.HSA, "9001"),
        (Product.CASH_MANAGEMENT, "9002"),
    ]
    assert {view.terms.institution for view in shown} == {CATALOGUE[ident].bank}
    assert {view.terms.currency for view in shown} == {CATALOGUE[ident].bank.land.currency}
    assert len({view.terms.number for view in shown}) == len(shown)
    assert all(sums_up(view) for view in shown)


def test_user_good_sees_the_eight_documented_transactions_each_month() -> None:
    world = empty_world()
    shown = views(world, login(world, PLATYPUS, "user_good", "pass_good"))
    lines = Counter(
        (each.text, each.amount)
        for view in shown
        for each in view.movements()
        if each.movement.kind not in {Kind.LOAN_PAYMENT, Kind.BUY, Kind.DIVIDEND}
        and view.terms.kind in {AccountKind.CHECKING, AccountKind.CARD, AccountKind.SAVINGS}
    )
    assert lines == {
        ("Uber 063015", Decimal("-5.40")): 24,
        ("Uber 072515", Decimal("-6.33")): 24,
        ("United Airlines", Decimal(500)): 24,
        ("McDonald's", Decimal(-12)): 24,
        ("Starbucks", Decimal("-4.33")): 24,
        ("SparkFun", Decimal("-89.40")): 24,
        ("CREDIT CARD 3333 PAYMENT", Decimal(-25)): 24,
        ("PAYMENT RECEIVED", Decimal(25)): 24,  # the same money, on the card
        ("INTRST PYMNT", Decimal("4.22")): 24,
    }


def test_user_goods_balances_last_as_long_as_the_world_does() -> None:
    world = World(7, people=0, firms=0, now=datetime(2043, 6, 1, tzinfo=UTC))
    shown = {
        view.terms.product: view for view in views(world, login(world, PLATYPUS, "user_good", "pass_good"))
    }
    assert all(sums_up(view) for view in shown.values())
    for product in (Product.CHECKING, Product.SAVINGS):
        assert min(balance for _, balance in shown[product].daily_balances()) >= 0
    assert shown[Product.CREDIT_CARD].terms.card is not None
    assert -shown[Product.CREDIT_CARD].terms.card.limit < shown[Product.CREDIT_CARD].booked() < 0
    assert shown[Product.STUDENT_LOAN].terms.opening < shown[Product.STUDENT_LOAN].booked() < 0


def test_user_good_holds_positions_pays_back_the_student_loan_and_leaves_the_mortgage_alone() -> None:
    world = empty_world()
    shown = {
        view.terms.product: view for view in views(world, login(world, PLATYPUS, "user_good", "pass_good"))
    }
    for product in (Product.IRA, Product.K401):
        assert shown[product].positions()
        assert {Kind.BUY, Kind.DIVIDEND} == {each.movement.kind for each in shown[product].movements()}
    paid = [
        each for each in shown[Product.STUDENT_LOAN].movements() if each.movement.kind is Kind.LOAN_PAYMENT
    ]
    assert len(paid) == 24
    for product in (Product.MORTGAGE, Product.CD, Product.MONEY_MARKET, Product.HSA, Product.CASH_MANAGEMENT):
        assert shown[product].movements() == []


def test_a_broker_keeps_of_user_good_what_has_positions() -> None:
    world = empty_world()
    shown = views(world, login(world, BROKER, "user_good", "pass_good"))
    assert [view.terms.product for view in shown] == [Product.IRA, Product.K401]
    assert all(view.positions() for view in shown)


def test_user_good_is_the_same_at_each_login_and_another_at_each_institution() -> None:
    world = empty_world()
    first, again = (login(world, PLATYPUS, "user_good", "pass_good") for _ in range(2))
    elsewhere = login(world, CEDARTIDE, "user_good", "pass_good")
    assert first == again != elsewhere
    assert [holder.name for holder in world.holders] == ["user_good@ins_109508", "user_good@ins_900001"]


# --- passwords -----------------------------------------------------------------------------------------------------


def test_an_error_password_fails_with_its_code() -> None:
    documented = json.loads(shared("contracts", "plaid", "data", "sandbox.json").read_text())[
        "error_passwords"
    ]
    assert set(documented) == ERROR_PASSWORDS
    world = empty_world()
    for code in documented:
        assert login(world, PLATYPUS, "user_good", f"error_{code}") == Denied(code)
    assert world.holders == ()


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("user_good", "wrong-hunter2"),
        ("user_good", ""),
        ("user_good", "error_NO_SUCH_CODE"),
        ("user_good", "mfa_questions_0_1"),
        ("user_good", "mfa_selections_1_1_1"),
        ("nobody", "wrong-hunter2"),
        ("", ""),
        ("person-", "x"),
        ("person-a:b", "x"),
        ("user_busy_0", "x"),
        ("user_busy_999999", "x"),
        ("user_good@ins_109508", "x"),
    ],
)
def test_wrong_credentials_are_denied_without_a_trace(username: str, password: str) -> None:
    world = empty_world()
    denied = login(world, PLATYPUS, username, password)
    assert isinstance(denied, Denied)
    assert denied.error_code == "INVALID_CREDENTIALS"
    assert "hunter2" not in repr(denied)
    assert world.holders == ()


def test_a_guest_cant_be_entered_by_its_own_name() -> None:
    world = empty_world()
    login(world, PLATYPUS, "user_good", "pass_good")
    assert login(world, PLATYPUS, "user_good@ins_109508", "x") == Denied("INVALID_CREDENTIALS")


@pytest.mark.parametrize(
    ("ident", "code"), [("ins_132361", "INSTITUTION_DOWN"), ("ins_133402", "INSTITUTION_NO_LONGER_SUPPORTED")]
)
def test_nobody_gets_in_where_an_institution_cant_be_reached(ident: str, code: str) -> None:
    world = empty_world()
    for username in ("user_good", "user_transactions_dynamic", "user_custom", "person-1"):
        assert login(world, CATALOGUE[ident], username, "pass_good") == Denied(code)


def test_a_degraded_institution_lets_people_in() -> None:
    assert isinstance(login(empty_world(), CATALOGUE["ins_132363"], "user_good", "pass_good"), Admitted)


# --- the second factor -----------------------------------------------------------------------------------------------


def test_a_device_asks_for_its_code() -> None:
    world = empty_world()
    asked = login(world, PLATYPUS, "user_good", "mfa_device")
    assert isinstance(asked, Challenged)
    assert asked.kind is ChallengeKind.DEVICE
    assert asked.answer(["1234"]) == login(world, PLATYPUS, "user_good", "pass_good")
    for wrong in (["4321"], [], ["1234", "1234"]):
        assert asked.answer(wrong) == Denied("INVALID_MFA")


def test_questions_come_in_rounds() -> None:
    asked = login(empty_world(), PLATYPUS, "user_good", "mfa_questions_2_3")
    for i in range(2):
        assert isinstance(asked, Challenged)
        assert asked.kind is ChallengeKind.QUESTIONS
        assert len({question.prompt for question in asked.questions}) == 3
        assert asked.answer(["answer_9_9"] * 3) == Denied("INVALID_MFA")
        asked = asked.answer([f"answer_{i}_{j}" for j in range(3)])
    assert isinstance(asked, Admitted)


def test_a_selection_offers_its_answer_among_others() -> None:
    world = empty_world()
    asked = login(world, PLATYPUS, "user_good", "mfa_selections_1_2_4")
    assert isinstance(asked, Challenged)
    assert [len(set(question.choices)) for question in asked.questions] == [4, 4]
    assert all(question.answer in question.choices for question in asked.questions)
    assert isinstance(asked.answer(["answer_1_1_0", "answer_1_2_0"]), Admitted)
    sure = login(world, PLATYPUS, "user_good", "mfa_selections")
    assert isinstance(sure, Challenged)
    assert isinstance(sure.answer(["Yes"]), Admitted)


# --- user_transactions_dynamic ---------------------------------------------------------------------------------------


def test_the_dynamic_user_has_about_fifty_transactions_of_six_months_some_pending() -> None:
    world = empty_world()
    admitted = login(world, PLATYPUS, "user_transactions_dynamic", "anything")
    shown = [each for view in views(world, admitted) for each in view.movements()]
    assert admitted.dynamic
    assert 45 <= len(shown) <= 55
    states = Counter(each.state for each in shown)
    assert states == {State.BOOKED: len(shown) - 3, State.PENDING: 3}
    assert date(2025, 6, 25) < min(each.on for each in shown) < date(2025, 7, 15)
    series = Counter(each.movement.series for each in shown if each.movement.series)
    assert len(series) == 6
    assert set(series.values()) == {6}
    assert all(sums_up(view) for view in views(world, admitted))


def test_the_dynamic_user_changes_by_deeds_alone() -> None:
    world = empty_world()
    admitted = login(world, PLATYPUS, "user_transactions_dynamic", "x")
    before = [list(view.events()) for view in views(world, admitted)]
    deeds = len(world.deeds(admitted.holder))
    assert login(world, PLATYPUS, "user_transactions_dynamic", "y") == admitted
    world.advance(days=100)
    login(world, PLATYPUS, "user_transactions_dynamic", "z")
    assert [list(view.events()) for view in views(world, admitted)] == before
    assert len(world.deeds(admitted.holder)) == deeds


def test_each_refresh_posts_what_was_pending_adds_new_and_raises_one_amount_by_one() -> None:
    world = empty_world()
    admitted = login(world, PLATYPUS, "user_transactions_dynamic", "x")
    for _ in range(4):
        world.advance(days=1)
        before = {each.movement.id: each for view in views(world, admitted) for each in view.movements()}
        booked = sum(view.booked() for view in views(world, admitted))
        refresh_dynamic(world, admitted.holder)
        after = {each.movement.id: each for view in views(world, admitted) for each in view.movements()}
        pending = {key for key, each in before.items() if each.state is State.PENDING}
        assert len(pending) == 3
        assert all(after[key].state is State.BOOKED for key in pending)
        assert all(after[key].amount == before[key].amount for key in pending)
        new = after.keys() - before.keys()
        assert len(new) == 3
        assert all(after[key].state is State.PENDING for key in new)
        changed = [key for key in before if key not in pending and after[key] != before[key]]
        assert len(changed) == 1
        assert before[changed[0]].state is after[changed[0]].state is State.BOOKED
        assert after[changed[0]].amount == before[changed[0]].amount - 1
        assert sum(view.booked() for view in views(world, admitted)) == booked - 1 + sum(
            before[key].amount for key in pending
        )
    told = [each for each in truth_of(world) if isinstance(each, MovementTruth)]
    assert {(each.id, each.amount) for each in told} == {
        (key, f"{each.amount:f}") for key, each in after.items()
    }


def test_nobody_else_is_refreshed_so() -> None:
    world = empty_world()
    admitted = login(world, PLATYPUS, "user_good", "pass_good")
    assert isinstance(admitted, Admitted)
    with pytest.raises(ValueError, match="isn't the user"):
        refresh_dynamic(world, admitted.holder)


# --- personas, the busy shop, and those who live here ----------------------------------------------------------------


def test_personas_live_at_that_bank_and_are_told_for_three_months() -> None:
    world = empty_world()
    incomes = {}
    for user in ("user_ewa_user", "user_yuppie", "user_small_business"):
        admitted = login(world, PLATYPUS, user, "anything")
        shown = views(world, admitted)
        assert admitted.days_max == 90
        assert {view.terms.institution for view in shown} == {PLATYPUS.bank}
        assert sum(len(view.movements()) for view in shown) > 500
        assert all(sums_up(view) for view in shown)
        incomes[user] = admitted.holder.income_minor
    assert incomes["user_yuppie"] > 2 * incomes["user_ewa_user"]


def test_the_busy_shop_takes_as_many_payments_a_day_as_asked() -> None:
    world = empty_world()
    admitted = login(world, CEDARTIDE, "user_busy_40", "")
    (view,) = views(world, admitted)
    per_day = Counter(each.on for each in view.movements(datetime(2024, 2, 1, 5, tzinfo=UTC)))
    assert len(per_day) == 31
    assert set(per_day.values()) == {40}


def test_a_person_gets_in_where_they_have_accounts_and_sees_those_alone() -> None:
    world = World(7, people=12)
    for holder in world.holders:
        for institution in CATALOGUE.values():
            if institution.status in {InstitutionStatus.DOWN, InstitutionStatus.UNSUPPORTED}:
                continue
            here = tuple(each.id for each in holder.accounts if each.institution == institution.bank)
            entered = login(world, institution, holder.name, "any")
            if here:
                assert entered == Admitted(holder=holder, accounts=here)
            else:
                assert isinstance(entered, Denied)
                assert entered.error_code == "NO_ACCOUNTS"


def test_a_person_nobody_had_heard_of_is_called_in() -> None:
    world, other = empty_world(), empty_world()
    for number in range(6):
        login(world, CEDARTIDE, f"person-new-{number}", "x")
        login(world, CEDARTIDE, f"firm-new-{number}", "x")
    assert [str(holder.kind) for holder in world.holders] == ["person", "firm"] * 6
    assert world.holders[0] == other.person("person-new-0")


def test_whether_transactions_can_be_refreshed_depends_on_the_accounts() -> None:
    world = empty_world()
    assert login(world, PLATYPUS, "user_good", "pass_good").transactions_refresh
    assert not login(world, BROKER, "user_good", "pass_good").transactions_refresh
    for user in ("user_transactions_dynamic", "user_yuppie", "user_busy_3"):
        assert login(world, BROKER, user, "x").error_code == "NO_ACCOUNTS"


# --- user_custom -----------------------------------------------------------------------------------------------------


def custom(*accounts: dict, **more: object) -> str:
    return json.dumps({"override_accounts": list(accounts), **more})


def account(kind: str = "depository", subtype: str = "checking", **more: object) -> dict:
    return {"type": kind, "subtype": subtype, **more}


def line(made: str, posted: str, amount: object, description: str = "TEA", **more: object) -> dict:
    return {
        "date_transacted": made,
        "date_posted": posted,
        "amount": amount,
        "description": description,
        **more,
    }


def test_a_custom_user_finds_what_the_password_says() -> None:
    world = empty_world()
    password = custom(
        account(
            starting_balance=1000.5,
            meta={"name": "My Money", "official_name": "The Money of Mine", "mask": "7z"},
            transactions=[
                line("2025-12-20", "2025-12-22", 12.34),
                line("2025-12-31", "2026-01-03", -50, "GIFT", currency="USD"),
                line("2026-01-09", "2026-01-09", 1, "LATER"),
            ],
        ),
        account("credit", "credit card", starting_balance=410.1, meta={"limit": 2000}),
        account("loan", "student", starting_balance=100, currency="EUR"),
    )
    checking, card, loan = views(world, login(world, PLATYPUS, "user_custom", password))
    assert (checking.terms.name, checking.terms.official_name, checking.terms.mask) == (
        "My Money",
        "The Money of Mine",
        "7z",
    )
    assert (checking.booked(), checking.pending()) == (Decimal("1000.50"), Decimal(50))
    assert [(each.on, each.state, each.amount, each.text) for each in checking.movements()] == [
        (date(2025, 12, 22), State.BOOKED, Decimal("-12.34"), "TEA"),
        (date(2025, 12, 31), State.PENDING, Decimal(50), "GIFT"),
    ]
    assert (card.booked(), card.available()) == (Decimal("-410.10"), Decimal("1589.90"))
    assert (loan.booked(), loan.terms.currency, loan.terms.product) == (
        Decimal(-100),
        "EUR",
        Product.STUDENT_LOAN,
    )
    world.advance(days=10)
    assert checking.booked() == Decimal("1049.50")
    again = login(world, PLATYPUS, "user_custom", password)
    assert views(world, again)[0].booked() == Decimal("1049.50")
    assert "My Money" not in again.holder.name


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("hunter2", "can't be read"),
        ("{}", "override_accounts: name at least one"),
        (custom(), "override_accounts: name at least one"),
        (custom(account("depository", "student")), "override_accounts[0]: a type and subtype"),
        (custom(account(), account(identity={})), "unknown field `identity` - at `$.override_accounts[1]`"),
        (custom(account(starting_balance="much")), "$.override_accounts[0].starting_balance"),
        (
            custom(account(starting_balance=1.005)),
            "override_accounts[0].starting_balance: at most two decimal",
        ),
        (custom(account(starting_balance="NaN")), "starting_balance: at most two decimal"),
        (
            custom(account()).replace('"checking"', '"checking","starting_balance":1e999999999'),
            "at most two decimal",
        ),
        (
            custom(account()).replace('"checking"', '"checking","starting_balance":1e-999999999'),
            "at most two decimal",
        ),
        (
            custom(account()).replace(
                '"checking"', '"checking","starting_balance":123456789.0000000000000000000000001'
            ),
            "at most two decimal",
        ),
        (custom(account(currency="JPY")), "override_accounts[0].currency"),
        (custom(account(meta={"mask": "hunter2"})), "override_accounts[0].meta.mask"),
        (custom(account(meta={"limit": 5})), "override_accounts[0].meta.limit"),
        (
            custom(account(transactions=[line("2025-12-20", "2025-12-19", 1)])),
            "transactions[0]: posted on 2025-12-19",
        ),
        (
            custom(account(transactions=[line("2023-12-31", "2024-01-02", 1)])),
            "the world goes from 2024-01-01",
        ),
        (
            custom(account(transactions=[line("2025-12-20", "2025-12-20", 1, currency="GBP")])),
            "[0].currency: USD",
        ),
        (custom(account(transactions=[line("2025-12-20", "2025-12-20", 1, " ")])), "[0].description"),
        (custom(account(), version=1), "version: only 2"),
        (custom(account(), force_error="hunter2"), "force_error: one of"),
        (custom(account(), mfa={"type": "hunter2"}), "mfa.type: one of"),
        (custom(account(), mfa={"type": "questions", "question_rounds": 10}), "1 to 9"),
        (custom(*[account()] * (ACCOUNTS_MAX + 1)), "more than 10 accounts"),
        (
            custom(account(transactions=[line("2025-12-20", "2025-12-20", 1)] * (TRANSACTIONS_MAX + 1))),
            "more than",
        ),
        (" " * (CONFIG_BYTES_MAX + 1), "more than 55000"),
    ],
)
def test_what_is_wrong_with_a_custom_user_is_said_and_nobody_gets_in(password: str, why: str) -> None:
    world = empty_world()
    denied = login(world, PLATYPUS, "user_custom", password)
    assert isinstance(denied, Denied)
    assert denied.error_code == "INVALID_CREDENTIALS"
    assert why in denied.reason
    assert "hunter2" not in denied.reason
    assert world.holders == ()


def test_a_custom_transaction_of_today_is_there_today_and_one_that_posts_today_posts_in_the_morning() -> None:
    world = World(7, people=0, firms=0, now=datetime(2026, 1, 1, 8, tzinfo=UTC))
    lines = [line("2026-01-01", "2026-01-01", 2), line("2025-12-31", "2026-01-01", 3)]
    password = custom(account(starting_balance=100, transactions=lines))
    (view,) = views(world, login(world, PLATYPUS, "user_custom", password))
    assert {(each.amount, each.state) for each in view.movements()} == {
        (-2, State.BOOKED),
        (-3, State.PENDING),
    }
    assert (view.booked(), view.pending()) == (100, -3)
    world.advance(hours=6)
    assert (view.booked(), view.pending()) == (97, 0)


def test_the_limits_of_a_custom_user_are_within_reach() -> None:
    world = empty_world()
    lines = [line("2025-12-20", "2025-12-21", 1)] * (TRANSACTIONS_MAX // ACCOUNTS_MAX)
    shown = views(
        world, login(world, PLATYPUS, "user_custom", custom(*[account(transactions=lines)] * ACCOUNTS_MAX))
    )
    assert [len(view.movements()) for view in shown] == [25] * 10
    assert all(view.booked() == 0 for view in shown)


def test_a_custom_user_can_force_an_error_or_ask_for_a_second_factor() -> None:
    world = empty_world()
    for code in FORCED_ERRORS:
        assert login(world, PLATYPUS, "user_custom", custom(account(), force_error=code)) == Denied(code)
    asked = login(world, PLATYPUS, "user_custom", custom(account(), mfa={"type": "device"}))
    assert isinstance(asked, Challenged)
    assert isinstance(asked.answer(["1234"]), Admitted)
    rounds = login(
        world,
        PLATYPUS,
        "user_custom",
        custom(account(), mfa={"type": "questions", "question_rounds": 2, "questions_per_round": 1}),
    )
    assert isinstance(rounds, Challenged)
    assert (len(rounds.questions), len(rounds.later)) == (1, 1)


def test_a_broker_opens_no_checking_account() -> None:
    denied = login(empty_world(), BROKER, "user_custom", custom(account()))
    assert "a broker keeps investment accounts alone" in denied.reason
    invested = login(
        empty_world(), BROKER, "user_custom", custom(account("investment", "ira", starting_balance=5))
    )
    assert isinstance(invested, Admitted)
    assert not invested.transactions_refresh


@settings(max_examples=40, deadline=None)
@given(
    start=st.decimals(-(10**6), 10**6, places=2),
    amounts=st.lists(
        st.tuples(st.decimals(-(10**6), 10**6, places=2), st.integers(1, 28), st.integers(0, 20)), max_size=6
    ),
)
def test_a_custom_account_shows_its_starting_balance_at_first_whatever_happened_before(
    start: Decimal, amounts: list[tuple[Decimal, int, int]]
) -> None:
    world = World(1, people=0, firms=0, begins=date(2025, 11, 1))
    lines = [
        f'{{"date_transacted":"2025-12-{day:02d}","date_posted":"{date.fromordinal(date(2025, 12, day).toordinal() + days)}",'
        f'"amount":{amount},"description":"X"}}'
        for amount, day, days in amounts
    ]
    password = (
        f'{{"override_accounts":[{{"type":"depository","subtype":"savings","starting_balance":{start},'
        f'"transactions":[{",".join(lines)}]}}]}}'
    )
    (view,) = views(world, login(world, PLATYPUS, "user_custom", password))
    assert view.booked() == start
    assert sums_up(view)
    world.advance(days=60)
    to_come = sum(
        (
            amount
            for amount, day, days in amounts
            if date(2025, 12, day).toordinal() + days > date(2026, 1, 1).toordinal()
        ),
        Decimal(0),
    )
    assert view.booked() == start - to_come
    assert view.pending() == 0
