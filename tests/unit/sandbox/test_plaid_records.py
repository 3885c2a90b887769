"""The world's things as Plaid writes them: signs, sorts, and figures that agree with the bank's own."""

import csv
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.support import openapi
from tests.support.plaid_items import Json, Plaid, institution_of, open_item
from tests.support.shared import shared

from caudal_sandbox.economy.accounts import Product
from caudal_sandbox.economy.countries import CountryCode
from caudal_sandbox.economy.merchants import Business
from caudal_sandbox.economy.movements import Kind, State
from caudal_sandbox.plaid.categories import LEGACY, PRIMARIES, sort
from caudal_sandbox.plaid.ids import ID_LENGTH, Namer, below, opaque, token
from caudal_sandbox.plaid.items import Item
from caudal_sandbox.plaid.records.accounts import subtype_of
from caudal_sandbox.world import World

NOW = datetime(2025, 9, 12, 12, tzinfo=UTC)


def plaid_of(country: CountryCode = CountryCode.US, *, people: int = 6, now: datetime = NOW) -> Plaid:
    world = World(7, people=0, firms=0, begins=date(2024, 7, 1), now=now)
    for number in range(people):
        world.person(f"person-{number}", country)
    return Plaid(world)


def items_of(plaid: Plaid, slug: str, *products: str) -> list[Item]:
    """An item for everyone, where they have the account of that slug."""
    return [
        open_item(plaid, holder.name, institution_of(holder, slug), products=products)
        for holder in plaid.world.holders
        if any(each.id.endswith(f":{slug}") for each in holder.accounts)
    ]


def told(plaid: Plaid, item: Item) -> list[Json]:
    """Everything /transactions/sync has to say, the whole history being there."""
    for _ in range(2):
        plaid.update(item)
    records, cursor = [], ""
    while True:
        page = plaid.call("/transactions/sync", item, cursor=cursor, count=500)
        records += page["added"]
        cursor = page["next_cursor"]
        if not page["has_more"]:
            return records


def accounts_by(answer: Json) -> dict[str, Json]:
    return {each["subtype"]: each for each in answer["accounts"]}


# Accounts


def test_balances_have_plaids_signs():
    plaid = plaid_of()
    for item in items_of(plaid, "checking", "transactions"):
        told(plaid, item)
        answer = plaid.call("/accounts/get", item)
        for each in answer["accounts"]:
            view = plaid.world.account(item.truth_accounts()[each["account_id"]])
            balances = each["balances"]
            match each["type"]:
                case "depository":
                    assert balances["current"] == view.booked()
                    assert balances["available"] == view.booked() + view.pending()
                    assert balances["limit"] is None
                case "credit":
                    assert balances["current"] == -view.booked()
                    assert balances["available"] == balances["limit"] - balances["current"] + view.pending()
                    assert balances["limit"] > 0
            assert balances["iso_currency_code"] == "USD"
            assert balances["unofficial_currency_code"] is None


def test_what_is_owed_on_a_loan_is_positive_and_a_brokers_account_is_worth_its_cash_and_positions():
    plaid = plaid_of()
    for item in items_of(plaid, "loan", "transactions"):
        loan = accounts_by(plaid.call("/accounts/get", item))["student"]
        assert (loan["type"], loan["balances"]["available"]) == ("loan", None)
        assert loan["balances"]["current"] > 0
    for item in items_of(plaid, "brokerage", "investments"):
        account = accounts_by(plaid.call("/accounts/get", item))["brokerage"]
        view = plaid.world.account(item.accounts[0].world_id)
        assert account["balances"]["current"] == view.value()
        assert account["balances"]["available"] == view.booked()


def test_every_product_of_the_world_has_a_subtype_that_plaid_knows():
    known = openapi.plaid().schema("AccountSubtype")["anyOf"][0]["enum"]
    plaid = plaid_of(people=0)
    item = open_item(plaid, "user_good", plaid.catalogue["ins_109508"])
    accounts = [plaid.world.account(each.world_id).terms for each in item.accounts]
    assert {subtype_of(each) for each in accounts} <= set(known)
    assert {each.product for each in accounts} >= {*Product} - {
        Product.PERSONAL_LOAN,
        Product.AUTO_LOAN,
        Product.BROKERAGE,
    }


def test_persistent_ids_are_those_of_a_few_banks_and_outlive_the_item():
    plaid = plaid_of(people=0)
    with_them, without = plaid.catalogue["ins_127287"], plaid.catalogue["ins_109508"]
    first, second = (open_item(plaid, "user_good", with_them) for _ in range(2))
    one, two = (plaid.call("/accounts/get", each)["accounts"] for each in (first, second))
    assert [each["persistent_account_id"] for each in one] == [each["persistent_account_id"] for each in two]
    assert not {each["account_id"] for each in one} & {each["account_id"] for each in two}
    other = plaid.call("/accounts/get", open_item(plaid, "user_good", without))["accounts"]
    assert not any("persistent_account_id" in each for each in other)


# Transactions


def test_amounts_leave_the_account_with_a_plus_and_add_up_to_the_balance():
    plaid = plaid_of(people=3)
    for item in items_of(plaid, "checking", "transactions"):
        moved: dict[str, Decimal] = Counter()  # type: ignore[assignment]  # a Counter of Decimals
        for each in told(plaid, item):
            if not each["pending"]:
                moved[each["account_id"]] += each["amount"]
        for each in plaid.call("/accounts/get", item)["accounts"]:
            view = plaid.world.account(item.truth_accounts()[each["account_id"]])
            sign = -1 if each["type"] == "credit" else 1
            assert each["balances"]["current"] * sign == view.terms.opening - moved[each["account_id"]]


def test_a_record_carries_what_its_merchant_is_and_where():
    plaid = plaid_of(people=1)
    (item,) = items_of(plaid, "checking", "transactions")
    records = told(plaid, item)
    grocer = next(each for each in records if each.get("merchant_name") and each["location"]["city"])
    assert grocer["payment_channel"] == "in store"
    assert grocer["transaction_type"] == "place"
    assert grocer["counterparties"][0]["entity_id"] == grocer["merchant_entity_id"]
    assert grocer["location"]["country"] == "US"
    wages = next(each for each in records if each["name"].startswith("PAYROLL"))
    assert wages["amount"] < 0
    assert wages["merchant_name"] is None
    assert wages["payment_meta"]["payer"]
    assert wages["personal_finance_category"]["detailed"] == "INCOME_SALARY"
    assert wages["counterparties"][0]["type"] == "income_source"


def test_optional_fields_are_sometimes_absent_and_the_same_ones_every_time():
    plaid = plaid_of(people=2)
    for item in items_of(plaid, "checking", "transactions"):
        once = told(plaid, item)
        assert once == told(plaid, item)
        for field in ("merchant_name", "logo_url", "personal_finance_category"):
            absent = sum(1 for each in once if field not in each)
            assert 0 < absent < len(once) // 5, field


def test_transaction_codes_and_instants_are_told_in_britain_alone():
    british = plaid_of(CountryCode.GB, people=2)
    (item, *_) = items_of(british, "checking", "transactions")
    records = told(british, item)
    codes = {each["transaction_code"] for each in records}
    assert {"purchase", "direct debit", "transfer"} <= codes
    assert None not in codes
    assert all(each["datetime"] for each in records)
    assert {each["iso_currency_code"] for each in records} == {"GBP"}
    american = plaid_of(people=1)
    (item,) = items_of(american, "checking", "transactions")
    for each in told(american, item):
        assert (each["transaction_code"], each["datetime"], each["authorized_datetime"]) == (None, None, None)


def test_the_original_description_comes_only_when_asked_for():
    plaid = plaid_of(people=1)
    (item,) = items_of(plaid, "checking", "transactions")
    assert not any("original_description" in each for each in told(plaid, item))
    page = plaid.call("/transactions/sync", item, options={"include_original_description": True})
    assert all(each["original_description"] for each in page["added"])


def test_dates_are_the_banks_days():
    plaid = plaid_of(people=2)
    for item in items_of(plaid, "checking", "transactions"):
        days = {}
        for world_id in item.truth_accounts().values():
            for each in plaid.world.account(world_id).movements():
                pending = each.state is State.PENDING
                days[item.feed.transaction_id(each.movement.id, pending=pending)] = each
        for record in told(plaid, item):
            sighting = days[record["transaction_id"]]
            assert record["date"] == sighting.on.isoformat()
            if record["authorized_date"] is not None:
                assert record["authorized_date"] == sighting.movement.authorized_on.isoformat()


# Categories


def taxonomy(version: str) -> set[str]:
    with shared("contracts", "plaid", "data", f"pfc-{version}.csv").open(encoding="utf-8") as file:
        return {row["detailed"] for row in csv.DictReader(file)}


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_every_category_is_one_of_plaids(version):
    known = taxonomy(version)
    for kind in Kind:
        for business in (None, *Business):
            for incoming in (True, False):
                found = sort(kind, business, incoming=incoming).personal(version)  # type: ignore[arg-type]
                assert found.detailed in known
                assert found.primary in PRIMARIES
                assert found.detailed.startswith(f"{found.primary}_")
                assert found.version == version


def test_the_taxonomy_is_the_one_asked_for():
    plaid = plaid_of(people=1)
    (item,) = items_of(plaid, "checking", "transactions")
    told(plaid, item)
    for version in ("v1", "v2"):
        page = plaid.call(
            "/transactions/sync", item, count=500, options={"personal_finance_category_version": version}
        )
        found = [
            each["personal_finance_category"] for each in page["added"] if "personal_finance_category" in each
        ]
        assert {each["version"] for each in found} == {version}
        assert {each["detailed"] for each in found} <= taxonomy(version)


def test_legacy_categories_have_one_id_each():
    assert len({each.category_id for each in LEGACY}) == len(LEGACY)


# Investments


def investments(plaid: Plaid, item: Item, **options: object) -> Json:
    return plaid.call(
        "/investments/transactions/get",
        item,
        start_date="2024-01-01",
        end_date="2030-01-01",
        options={"count": 500, **options},
    )


def test_holdings_are_worth_what_the_account_is_and_cost_what_was_paid():
    plaid = plaid_of()
    for item in items_of(plaid, "brokerage", "investments"):
        answer = plaid.call("/investments/holdings/get", item)
        account = answer["accounts"][0]
        rows = answer["holdings"]
        assert sum(each["institution_value"] for each in rows) == account["balances"]["current"]
        known = {each["security_id"]: each for each in answer["securities"]}
        assert {each["security_id"] for each in rows} == set(known)
        cash = [each for each in rows if known[each["security_id"]]["type"] == "cash"]
        assert [each["quantity"] for each in cash] == [account["balances"]["available"]]
        positions = plaid.world.account(item.accounts[0].world_id).positions()
        told_of = {known[each["security_id"]]["ticker_symbol"]: each for each in rows}
        for position in positions:
            row = told_of[position.security.symbol]
            assert (row["quantity"], row["cost_basis"]) == (position.quantity, position.cost)


def test_investment_transactions_move_units_on_trades_and_money_on_cash_rows():
    plaid = plaid_of()
    for item in items_of(plaid, "brokerage", "investments"):
        answer = investments(plaid, item)
        rows = answer["investment_transactions"]
        assert answer["total_investment_transactions"] == len(rows) > 10
        assert [each["date"] for each in rows] == sorted((each["date"] for each in rows), reverse=True)
        units: dict[str, Decimal] = {}
        for each in rows:
            match each["type"]:
                case "buy":
                    assert each["amount"] > 0
                    assert each["quantity"] > 0
                case "sell":
                    assert each["amount"] < 0
                    assert each["quantity"] < 0
                case "cash":
                    assert each["quantity"] == each["amount"]
                    continue
            units[each["security_id"]] = units.get(each["security_id"], Decimal(0)) + each["quantity"]
        held = plaid.call("/investments/holdings/get", item)["holdings"]
        cash_id = {each["security_id"] for each in held} - set(units)
        assert {key: value for key, value in units.items() if value} == {
            each["security_id"]: each["quantity"] for each in held if each["security_id"] not in cash_id
        }
        view = plaid.world.account(item.accounts[0].world_id)
        assert view.terms.opening - sum(each["amount"] for each in rows) == view.booked()


# Debts


def test_a_cards_figures_are_those_of_its_last_statement():
    plaid = plaid_of()
    for item in items_of(plaid, "card", "liabilities"):
        answer = plaid.call("/liabilities/get", item)
        assert answer["liabilities"]["mortgage"] is None
        for record in answer["liabilities"]["credit"]:
            view = plaid.world.account(item.truth_accounts()[record["account_id"]])
            last = view.statements()[-1]
            assert record["last_statement_balance"] == -last.balance
            assert record["minimum_payment_amount"] == last.minimum
            assert record["last_statement_issue_date"] == last.closed_on.isoformat()
            assert record["next_payment_due_date"] == last.due_on.isoformat()
            assert record["last_payment_amount"] > 0
            assert record["aprs"][0]["apr_percentage"] == Decimal(view.terms.card.monthly_rate_bp * 12) / 100


def test_a_card_is_overdue_when_its_day_went_by_without_the_minimum():
    plaid = plaid_of(people=1)
    (item,) = items_of(plaid, "card", "liabilities")
    card = next(each.world_id for each in item.accounts if each.world_id.endswith(":card"))
    view = plaid.world.account(card)
    answers = set()
    for _ in range(90):
        plaid.world.advance(days=1)
        plaid.update(item)
        record = plaid.call("/liabilities/get", item)["liabilities"]["credit"][0]
        due = [each for each in view.statements()[-2:] if each.due_on < item.updated_at.date()]
        paid_since = {
            each.closed_on: sum(
                seen.amount
                for seen in view.movements()
                if seen.movement.kind is Kind.CARD_PAYMENT
                and seen.state is State.BOOKED
                and seen.on > each.closed_on
            )
            for each in due
        }
        overdue = any(paid_since[each.closed_on] < each.minimum for each in due)
        assert record["is_overdue"] is overdue
        answers.add(overdue)
    assert False in answers


def test_a_student_loan_says_what_is_left_and_until_when():
    plaid = plaid_of()
    for item in items_of(plaid, "loan", "transactions", "liabilities"):
        (record,) = plaid.call("/liabilities/get", item)["liabilities"]["student"]
        view = plaid.world.account(item.truth_accounts()[record["account_id"]])
        terms = view.terms.loan
        assert record["origination_principal_amount"] == terms.principal
        assert record["minimum_payment_amount"] == terms.payment
        assert record["interest_rate_percentage"] == Decimal(terms.monthly_rate_bp * 12) / 100
        if view.booked() < 0:
            assert date.fromisoformat(record["expected_payoff_date"]) > NOW.date()
            due = date.fromisoformat(record["next_payment_due_date"])
            assert due.day == terms.pay_day
            assert timedelta(0) < due - NOW.date() <= timedelta(days=31)
        assert record["ytd_principal_paid"] > 0


def test_the_documented_user_has_a_student_loan_and_a_mortgage():
    plaid = plaid_of(people=0)
    item = open_item(plaid, "user_good", plaid.catalogue["ins_109508"], products=("liabilities",))
    answer = plaid.call("/liabilities/get", item)["liabilities"]
    assert [len(answer[each] or ()) for each in ("credit", "student", "mortgage")] == [1, 1, 1]


# Recurring


def test_wages_and_rent_are_found_to_recur():
    plaid = plaid_of()
    for item in items_of(plaid, "checking", "transactions"):
        records = {each["transaction_id"]: each for each in told(plaid, item)}
        answer = plaid.call("/transactions/recurring/get", item)
        inflow, outflow = answer["inflow_streams"], answer["outflow_streams"]
        wages = next(each for each in inflow if each["description"].startswith("PAYROLL"))
        assert wages["frequency"] in {"MONTHLY", "BIWEEKLY", "SEMI_MONTHLY"}
        assert wages["status"] == "MATURE"
        assert wages["last_amount"]["amount"] < 0
        assert any(
            each["description"].startswith("RENT") and each["frequency"] == "MONTHLY" for each in outflow
        )
        for each in (*inflow, *outflow):
            named = [records[ident] for ident in each["transaction_ids"]]
            assert len(named) >= 2
            total = sum(record["amount"] for record in named)
            assert abs(each["average_amount"]["amount"] - total / len(named)) < Decimal("0.01")
            assert each["last_date"] == max(record["date"] for record in named)


def test_what_has_stopped_is_tombstoned():
    plaid = plaid_of(people=0)
    item = open_item(plaid, "user_transactions_dynamic", plaid.catalogue["ins_109508"])
    told(plaid, item)
    streams = plaid.call("/transactions/recurring/get", item)["outflow_streams"]
    assert {each["status"] for each in streams} == {"MATURE"}
    plaid.world.advance(days=90)
    plaid.update(item)
    streams = plaid.call("/transactions/recurring/get", item)["outflow_streams"]
    assert {(each["status"], each["is_active"]) for each in streams} == {("TOMBSTONED", False)}


# Names


def test_names_have_plaids_form_and_are_the_same_in_every_run():
    name = opaque("item", 1)
    assert len(name) == ID_LENGTH
    assert name.isalnum()
    assert name == opaque("item", 1) != opaque("item", 2)
    assert Namer("a").name("b") != Namer("a").name("c") != Namer("b").name("b")
    assert token("access", 1).startswith("access-sandbox-")
    assert [len(part) for part in token("public", 1).removeprefix("public-sandbox-").split("-")] == [
        8,
        4,
        4,
        4,
        12,
    ]
    counts: Counter[Any] = Counter(below(4, "x", n) for n in range(4000))
    assert all(800 < counts[each] < 1200 for each in range(4))
