"""Every data endpoint, good and bad, each answer held against Plaid's own description."""

import importlib
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.support import openapi
from tests.support.plaid_items import Json, Plaid, institution_of, open_item

from caudal_sandbox.economy.countries import CountryCode
from caudal_sandbox.plaid.answers import ENDPOINTS
from caudal_sandbox.plaid.errors import PlaidError
from caudal_sandbox.plaid.items import Item
from caudal_sandbox.plaid.wire import understood
from caudal_sandbox.world import World

EVERYTHING = ("transactions", "investments", "liabilities")
DATES = {"start_date": "2025-01-01", "end_date": "2025-12-31"}

ITEM_CALLS: dict[str, Json] = {
    "/item/get": {},
    "/accounts/get": {},
    "/accounts/balance/get": {},
    "/transactions/sync": {},
    "/transactions/get": DATES,
    "/transactions/refresh": {},
    "/transactions/recurring/get": {},
    "/investments/holdings/get": {},
    "/investments/transactions/get": DATES,
    "/investments/refresh": {},
    "/liabilities/get": {},
}
CLIENT_CALLS: dict[str, Json] = {
    "/institutions/get": {"count": 500, "offset": 0, "country_codes": ["US", "GB", "CA"]},
    "/institutions/search": {"query": "platypus", "country_codes": ["US"]},
    "/institutions/get_by_id": {"institution_id": "ins_109508", "country_codes": ["US"]},
    "/categories/get": {},
}


def plaid_of(**options: Any) -> Plaid:
    return Plaid(World(3, begins=date(2024, 9, 1), now=datetime(2025, 9, 12, 12, tzinfo=UTC), **options))


@pytest.fixture
def plaid() -> Plaid:
    return plaid_of(people=0, firms=0)


def good(plaid: Plaid, *products: str, **options: Any) -> Item:
    return open_item(
        plaid, "user_good", plaid.catalogue["ins_109508"], products=products or EVERYTHING, **options
    )


def code(answer: Json) -> str:
    found: str = answer.get("error_code", "")
    return found


def test_these_are_all_the_data_endpoints():
    assert set(ENDPOINTS) == {*ITEM_CALLS, *CLIENT_CALLS}
    for path, endpoint in ENDPOINTS.items():
        assert endpoint.path == path
        assert endpoint.scope == ("item" if path in ITEM_CALLS else "client")
        assert path in openapi.plaid().paths


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("user_good", "pass_good"),
        ("user_transactions_dynamic", "x"),
        ("user_yuppie", "x"),
        ("user_small_business", "x"),
        ("user_busy_20", "x"),
    ],
)
@pytest.mark.parametrize("institution", ["ins_109508", "ins_117650", "ins_127287"])
def test_whatever_a_user_has_is_told_as_plaid_describes_it(plaid, username, password, institution):
    bank = plaid.catalogue[institution]
    products = [each for each in EVERYTHING if each in bank.products]
    item = open_item(plaid, username, bank, password=password, products=products)
    for _ in range(3):
        answers = {path: plaid.call(path, item, **fields) for path, fields in ITEM_CALLS.items()}
        plaid.world.advance(days=20)
        plaid.update(item)
    assert {code(answers[path]) for path in ("/item/get", "/accounts/get", "/transactions/sync")} == {""}


def test_everyone_in_the_world_can_be_told_of():
    plaid = plaid_of(people=8, firms=4)
    told = 0
    for holder in plaid.world.holders:
        if holder.country not in {CountryCode.US, CountryCode.GB}:
            continue
        for bank in {account.institution.id for account in holder.accounts}:
            institution = next(each for each in plaid.catalogue.values() if each.bank.id == bank)
            products = [each for each in EVERYTHING if each in institution.products]
            item = open_item(plaid, holder.name, institution, products=products)
            for path, fields in ITEM_CALLS.items():
                told += not code(plaid.call(path, item, **fields))
            plaid.update(item)
            plaid.update(item)
            page = plaid.call("/transactions/sync", item, count=500)
            assert code(page) == "PRODUCTS_NOT_SUPPORTED" or page["added"]
    assert told > 40


class Received:
    """An HTTP response as far as Plaid's client looks at it."""

    def __init__(self, body: Json) -> None:
        self.data = json.dumps(body, default=as_float)


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/item/get", "item_get_response.ItemGetResponse"),
        ("/accounts/get", "accounts_get_response.AccountsGetResponse"),
        ("/transactions/sync", "transactions_sync_response.TransactionsSyncResponse"),
        (
            "/transactions/recurring/get",
            "transactions_recurring_get_response.TransactionsRecurringGetResponse",
        ),
        ("/investments/holdings/get", "investments_holdings_get_response.InvestmentsHoldingsGetResponse"),
        (
            "/investments/transactions/get",
            "investments_transactions_get_response.InvestmentsTransactionsGetResponse",
        ),
        ("/liabilities/get", "liabilities_get_response.LiabilitiesGetResponse"),
        ("/institutions/get", "institutions_get_response.InstitutionsGetResponse"),
    ],
)
def test_plaids_own_client_reads_what_is_told(plaid, path, model):
    sdk = importlib.import_module("plaid")
    module, name = model.split(".")
    wanted = getattr(importlib.import_module(f"plaid.model.{module}"), name)
    for institution in ("ins_109508", "ins_117650"):
        bank = plaid.catalogue[institution]
        item = open_item(
            plaid, "user_good", bank, products=[each for each in EVERYTHING if each in bank.products]
        )
        plaid.update(item)
        plaid.update(item)
        if path in CLIENT_CALLS:
            body = plaid.call(path, **CLIENT_CALLS[path])
        else:
            body = plaid.call(path, item, **ITEM_CALLS[path])
        if not code(body):
            checked = True
            read = sdk.ApiClient().deserialize(Received(body), (wanted,), checked)
            assert read.request_id == body["request_id"]


def as_float(value: Decimal) -> float:
    """Plaid's client knows no Decimal."""
    return float(value)


# What an item may be asked


@pytest.mark.parametrize("path", [each for each in ITEM_CALLS if each not in {"/item/get", "/accounts/get"}])
def test_an_item_in_error_answers_with_it(plaid, path):
    item = good(plaid)
    item.break_login("ITEM_LOGIN_REQUIRED")
    assert code(plaid.call(path, item, **ITEM_CALLS[path])) == "ITEM_LOGIN_REQUIRED"
    item.repair()
    assert code(plaid.call(path, item, **ITEM_CALLS[path])) in {"", "PRODUCT_NOT_READY"}


def test_an_item_in_error_still_tells_of_itself_and_of_what_was_cached(plaid):
    item = good(plaid)
    item.break_login("ITEM_LOGIN_REQUIRED")
    assert plaid.call("/item/get", item)["item"]["error"]["error_code"] == "ITEM_LOGIN_REQUIRED"
    assert len(plaid.call("/accounts/get", item)["accounts"]) == len(item.accounts)
    item.break_login("USER_PERMISSION_REVOKED")
    assert code(plaid.call("/accounts/get", item)) == "USER_PERMISSION_REVOKED"


def test_nothing_is_taken_in_while_the_login_is_broken_and_everything_afterwards(plaid):
    item = good(plaid)
    plaid.update(item)
    plaid.update(item)
    before, updated_at = len(item.feed), item.updated_at
    item.break_login("ITEM_LOGIN_REQUIRED")
    plaid.world.advance(days=40)
    assert plaid.update(item) == []
    assert (len(item.feed), item.updated_at, item.failed_at) == (before, updated_at, plaid.world.now)
    item.repair()
    assert "DEFAULT_UPDATE" in plaid.update(item)
    assert len(item.feed) > before


@pytest.mark.parametrize(
    ("path", "product"),
    [
        ("/transactions/sync", "transactions"),
        ("/investments/holdings/get", "investments"),
        ("/liabilities/get", "liabilities"),
    ],
)
def test_a_product_needs_consent_and_is_billed_from_its_first_use(plaid, path, product):
    others = tuple(each for each in EVERYTHING if each != product)
    assert code(plaid.call(path, good(plaid, *others))) == "ADDITIONAL_CONSENT_REQUIRED"
    item = good(plaid, *others, consented=(product,))
    assert product not in plaid.call("/item/get", item)["item"]["billed_products"]
    assert code(plaid.call(path, item)) == ""
    told = plaid.call("/item/get", item)["item"]
    assert product in told["billed_products"]
    assert product in told["consented_products"]


def test_a_british_item_without_the_product_is_not_enabled_for_it(plaid):
    item = open_item(plaid, "user_good", plaid.catalogue["ins_117650"], products=("transactions",))
    assert code(plaid.call("/liabilities/get", item)) == "PRODUCT_NOT_ENABLED"


def test_a_bank_without_the_product_does_not_support_it():
    plaid = plaid_of(people=1, firms=0)
    holder = plaid.world.person("person-9", CountryCode.US)
    item = open_item(plaid, holder.name, institution_of(holder), products=("transactions",))
    assert code(plaid.call("/investments/holdings/get", item)) == "PRODUCTS_NOT_SUPPORTED"


def test_without_an_account_of_the_sort_there_is_nothing_to_tell(plaid):
    item = good(plaid)
    keep = {each.account_id for each in item.accounts if each.world_id.endswith(":checking")}
    for each in list(item.accounts):
        if each.account_id not in keep:
            item.drop_account(each.account_id)
    assert code(plaid.call("/investments/holdings/get", item)) == "NO_INVESTMENT_ACCOUNTS"
    assert code(plaid.call("/investments/transactions/get", item, **DATES)) == "NO_INVESTMENT_ACCOUNTS"
    assert code(plaid.call("/liabilities/get", item)) == "NO_LIABILITY_ACCOUNTS"


@pytest.mark.parametrize(
    "path",
    [
        "/accounts/get",
        "/accounts/balance/get",
        "/investments/holdings/get",
        "/investments/transactions/get",
        "/liabilities/get",
        "/transactions/get",
    ],
)
def test_accounts_asked_for_are_the_ones_told_and_unknown_ones_are_refused(plaid, path):
    item = good(plaid)
    plaid.update(item)
    wanted = [each.account_id for each in item.accounts if each.world_id.endswith((":card", ":ira"))]
    answer = plaid.call(path, item, **ITEM_CALLS[path], options={"account_ids": wanted})
    assert {each["account_id"] for each in answer["accounts"]} == set(wanted)
    answer = plaid.call(path, item, **ITEM_CALLS[path], options={"account_ids": ["nobody's"]})
    assert code(answer) == "INVALID_ACCOUNT_ID"


@pytest.mark.parametrize(
    ("path", "add_on"),
    [
        ("/transactions/refresh", "transactions_refresh"),
        ("/transactions/recurring/get", "recurring_transactions"),
        ("/investments/refresh", "investments_refresh"),
    ],
)
def test_an_add_on_can_be_withheld(plaid, path, add_on):
    item = good(plaid)
    assert code(plaid.call(path, item)) == ""
    plaid.withheld = frozenset({add_on})
    assert code(plaid.call(path, item)) == "UNAUTHORIZED_ROUTE_ACCESS"


def test_a_delayed_product_is_not_ready_so_many_times(plaid):
    item = good(plaid)
    item.delay("transactions", 2)
    codes = [code(plaid.call("/transactions/sync", item)) for _ in range(3)]
    assert codes == ["PRODUCT_NOT_READY", "PRODUCT_NOT_READY", ""]


# Tokens


def test_a_token_leads_to_its_item_until_it_is_rotated_or_removed(plaid):
    item = good(plaid)
    first = item.access_token
    assert plaid.items.by_token(first) is item
    second = plaid.items.rotate(item)
    assert plaid.items.by_token(second) is item
    with pytest.raises(PlaidError, match="INVALID_ACCESS_TOKEN"):
        plaid.items.by_token(first)
    plaid.items.remove(item)
    with pytest.raises(PlaidError, match="ITEM_NOT_FOUND"):
        plaid.items.by_token(second)
    assert list(plaid.items) == []


def test_items_of_two_runs_have_the_same_names():
    runs = []
    for _ in range(2):
        plaid = plaid_of(people=0, firms=0)
        items = [good(plaid) for _ in range(2)]
        runs.append([(each.item_id, each.access_token, each.accounts) for each in items])
    assert runs[0] == runs[1]
    assert runs[0][0] != runs[0][1]


# Balances


def test_cached_balances_are_what_the_transactions_told_and_fresh_ones_the_banks_own(plaid):
    item = good(plaid)
    plaid.update(item)
    plaid.update(item)
    checking = next(each for each in item.accounts if each.world_id.endswith(":checking"))
    before = plaid.world.account(checking.world_id).booked()
    movement = plaid.world.book(checking.world_id, -12_34, "AT THE BANK ALREADY")

    def current(path: str) -> Decimal:
        answer = plaid.call(path, item, options={"account_ids": [checking.account_id]})
        found: Decimal = answer["accounts"][0]["balances"]["current"]
        return found

    assert current("/accounts/get") == before
    assert current("/accounts/balance/get") == before - movement_amount(movement)
    assert current("/accounts/get") == before
    plaid.update(item)
    assert current("/accounts/get") == before - movement_amount(movement)


def movement_amount(movement: Any) -> Decimal:
    return Decimal(-movement.settled_minor).scaleb(-2)


def test_between_two_loops_the_balance_moves_by_what_was_told():
    plaid = plaid_of(people=0, firms=0)
    holder = plaid.world.person("person-1", CountryCode.US)
    item = open_item(plaid, holder.name, institution_of(holder))
    plaid.checked = False
    for _ in range(2):
        plaid.update(item)
    cursor = ""
    posted: dict[str, Json] = {}
    balances: dict[str, Decimal] = {}
    for _ in range(40):
        more = True
        while more:
            page = plaid.call("/transactions/sync", item, cursor=cursor, count=500)
            posted |= {each["transaction_id"]: each for each in (*page["added"], *page["modified"])}
            cursor, more = page["next_cursor"], page["has_more"]
        for each in plaid.call("/accounts/get", item)["accounts"]:
            ident, owed = each["account_id"], each["type"] in {"credit", "loan"}
            spent = sum(
                (
                    one["amount"]
                    for one in posted.values()
                    if one["account_id"] == ident and not one["pending"]
                ),
                Decimal(0),
            )
            begun = each["balances"]["current"] * (-1 if owed else 1) + spent
            assert balances.setdefault(ident, begun) == begun
        plaid.world.advance(hours=19)
        plaid.update(item)


# Refresh


def test_a_refresh_answers_at_once_and_the_data_come_with_the_webhooks(plaid):
    item = open_item(plaid, "user_transactions_dynamic", plaid.catalogue["ins_109508"])
    for _ in range(3):
        page = plaid.call("/transactions/sync", item, count=500)
    pending = {each["transaction_id"]: each for each in page["added"] if each["pending"]}
    assert pending
    plaid.codes()
    assert plaid.call("/transactions/refresh", item) == {"request_id": "abcdefghijklmno"}
    assert plaid.codes() == ["SYNC_UPDATES_AVAILABLE", "DEFAULT_UPDATE", "TRANSACTIONS_REMOVED"]
    after = plaid.call("/transactions/sync", item, cursor=page["next_cursor"], count=500)
    assert {each["transaction_id"] for each in after["removed"]} == set(pending)
    added = by_state(after["added"])
    assert added[False] == len(pending)
    assert added[True] >= 1
    assert {each["pending_transaction_id"] for each in after["added"]} <= {None, *pending}
    (modified,) = after["modified"]
    old = next(each for each in page["added"] if each["transaction_id"] == modified["transaction_id"])
    assert modified["amount"] - old["amount"] == 1


def by_state(records: list[Json]) -> dict[bool, int]:
    """How many are pending, and how many aren't."""
    return {state: sum(1 for each in records if each["pending"] is state) for state in (True, False)}


# /transactions/get


def test_the_pages_by_date_tell_what_the_cursor_does():
    plaid = plaid_of(people=0, firms=0)
    holder = plaid.world.person("person-1", CountryCode.US)
    item = open_item(plaid, holder.name, institution_of(holder))
    fields = {"start_date": "2024-09-01", "end_date": "2025-09-30"}
    assert code(plaid.call("/transactions/get", item, **fields)) == "PRODUCT_NOT_READY"
    assert plaid.codes() == ["INITIAL_UPDATE"]
    plaid.update(item)
    found: list[Json] = []
    while True:
        page = plaid.call("/transactions/get", item, **fields, options={"count": 200, "offset": len(found)})
        found += page["transactions"]
        if len(found) >= page["total_transactions"]:
            break
    days = [each["date"] for each in found]
    assert days == sorted(days, reverse=True)
    synced: list[Json] = []
    cursor, more = "", True
    while more:
        answer = plaid.call("/transactions/sync", item, cursor=cursor, count=500)
        synced += answer["added"]
        cursor, more = answer["next_cursor"], answer["has_more"]

    def by_id(records: list[Json]) -> dict[str, Json]:
        return {each["transaction_id"]: each for each in records}

    assert by_id(found) == by_id(synced)
    few = plaid.call("/transactions/get", item, start_date="2025-08-01", end_date="2025-08-03")
    assert {each["date"] for each in few["transactions"]} <= {"2025-08-01", "2025-08-02", "2025-08-03"}
    back = plaid.call("/transactions/get", item, start_date="2025-08-02", end_date="2025-08-01")
    assert code(back) == "INVALID_FIELD"


# Investments


def test_investment_pages_by_offset_leave_nothing_out_and_tell_nothing_twice(plaid):
    item = good(plaid)
    whole = plaid.call("/investments/transactions/get", item, **DATES, options={"count": 500})
    rows: list[Json] = []
    for offset in range(0, whole["total_investment_transactions"], 3):
        page = plaid.call(
            "/investments/transactions/get", item, **DATES, options={"count": 3, "offset": offset}
        )
        rows += page["investment_transactions"]
        named = {each["security_id"] for each in page["investment_transactions"]}
        assert {each["security_id"] for each in page["securities"]} == named
    assert rows == whole["investment_transactions"]
    assert len({each["investment_transaction_id"] for each in rows}) == len(rows) > 3


def test_an_asynchronous_first_pull_answers_empty_and_then_calls(plaid):
    item = good(plaid, "transactions", consented=("investments",))
    options = {"async_update": True}
    first = plaid.call("/investments/transactions/get", item, **DATES, options=options)
    assert first["investment_transactions"] == []
    assert plaid.codes() == ["HISTORICAL_UPDATE"]
    assert plaid.call("/investments/transactions/get", item, **DATES, options=options)[
        "investment_transactions"
    ]


# Webhooks


def test_every_webhook_an_update_causes_is_what_plaid_describes():
    schemas = {
        ("TRANSACTIONS", "SYNC_UPDATES_AVAILABLE"): "SyncUpdatesAvailableWebhook",
        ("TRANSACTIONS", "INITIAL_UPDATE"): "InitialUpdateWebhook",
        ("TRANSACTIONS", "HISTORICAL_UPDATE"): "HistoricalUpdateWebhook",
        ("TRANSACTIONS", "DEFAULT_UPDATE"): "DefaultUpdateWebhook",
        ("TRANSACTIONS", "TRANSACTIONS_REMOVED"): "TransactionsRemovedWebhook",
        ("TRANSACTIONS", "RECURRING_TRANSACTIONS_UPDATE"): "RecurringTransactionsUpdateWebhook",
        ("HOLDINGS", "DEFAULT_UPDATE"): "HoldingsDefaultUpdateWebhook",
        ("INVESTMENTS_TRANSACTIONS", "DEFAULT_UPDATE"): "InvestmentsDefaultUpdateWebhook",
        ("LIABILITIES", "DEFAULT_UPDATE"): "LiabilitiesDefaultUpdateWebhook",
    }
    plaid = plaid_of(people=0, firms=0)
    plaid.checked = False
    holder = plaid.world.person("person-1", CountryCode.US)
    items = [
        open_item(plaid, holder.name, institution_of(holder), products=("transactions", "liabilities")),
        good(plaid),
    ]
    for item in items:
        plaid.call("/transactions/sync", item)
        plaid.call("/transactions/recurring/get", item)
    for _ in range(12):
        plaid.world.advance(days=5)
        for item in items:
            plaid.update(item)
    seen = set()
    for item, notice in plaid.sent:
        pair = notice.webhook_type, notice.webhook_code
        seen.add(pair)
        body = {
            "webhook_type": pair[0],
            "webhook_code": pair[1],
            "item_id": item.item_id,
            "environment": "sandbox",
            **notice.fields,
        }
        openapi.plaid().check_schema(schemas[pair], msgspec.to_builtins(body))
    assert seen == set(schemas)


# Institutions


@pytest.mark.parametrize("path", CLIENT_CALLS)
def test_the_catalogue_is_told_as_plaid_describes_it(plaid, path):
    assert code(plaid.call(path, **CLIENT_CALLS[path])) == ""


def test_every_institution_can_be_got_by_id_with_all_that_is_optional(plaid):
    for institution in plaid.catalogue.values():
        answer = plaid.call(
            "/institutions/get_by_id",
            institution_id=institution.institution_id,
            country_codes=list(institution.country_codes),
            options={
                "include_optional_metadata": True,
                "include_status": True,
                "include_auth_metadata": True,
            },
        )["institution"]
        assert answer["name"] == institution.name
        assert answer["status"]["item_logins"]["status"] in {"HEALTHY", "DEGRADED", "DOWN"}
        unsupported = institution.institution_id == "ins_133402"
        assert answer["connection_availability"] == ("NOT_SUPPORTED" if unsupported else "SUPPORTED")


def test_an_institution_of_another_country_or_of_none_is_invalid(plaid):
    for ident, country in (("ins_109508", "GB"), ("ins_0", "US")):
        answer = plaid.call("/institutions/get_by_id", institution_id=ident, country_codes=[country])
        assert code(answer) == "INVALID_INSTITUTION"


def test_institutions_are_paged_filtered_and_found(plaid):
    whole = plaid.call("/institutions/get", count=500, offset=0, country_codes=["US"])
    assert whole["total"] == len(whole["institutions"]) > 8
    pages = [
        plaid.call("/institutions/get", count=4, offset=offset, country_codes=["US"])["institutions"]
        for offset in range(0, whole["total"], 4)
    ]
    assert [each for page in pages for each in page] == whole["institutions"]
    brokers = plaid.call(
        "/institutions/get", count=500, offset=0, country_codes=["US"], options={"products": ["investments"]}
    )
    assert 0 < brokers["total"] < whole["total"]
    assert all("investments" in each["products"] for each in brokers["institutions"])
    found = plaid.call("/institutions/search", query="HOUND bank", country_codes=["US"])["institutions"]
    assert [each["institution_id"] for each in found] == ["ins_109512"]
    assert plaid.call("/institutions/search", query="nowhere", country_codes=["US"])["institutions"] == []


# Requests


@pytest.mark.parametrize(
    ("path", "fields", "wanted"),
    [
        ("/transactions/sync", {"count": 0}, "INVALID_FIELD"),
        ("/transactions/sync", {"count": 501}, "INVALID_FIELD"),
        ("/transactions/sync", {"count": "100"}, "INVALID_FIELD"),
        ("/transactions/sync", {"cursor": "x" * 257}, "INVALID_FIELD"),
        ("/transactions/sync", {"surprise": 1}, "UNKNOWN_FIELDS"),
        ("/transactions/sync", {"options": {"surprise": 1}}, "UNKNOWN_FIELDS"),
        ("/transactions/sync", {"options": {"personal_finance_category_version": "v9"}}, "INVALID_FIELD"),
        ("/transactions/sync", {"options": {"days_requested": 731}}, "INVALID_FIELD"),
        ("/transactions/get", {"start_date": "2025-01-01"}, "MISSING_FIELDS"),
        ("/transactions/get", {"start_date": "soon", "end_date": "2025-01-01"}, "INVALID_FIELD"),
        ("/institutions/get", {"count": 1, "offset": -1, "country_codes": ["US"]}, "INVALID_FIELD"),
        ("/institutions/get_by_id", {"institution_id": "ins_1"}, "MISSING_FIELDS"),
        ("/institutions/search", {"query": "", "country_codes": ["US"]}, "INVALID_FIELD"),
    ],
)
def test_a_request_that_is_not_what_the_endpoint_takes_is_refused(path, fields, wanted):
    endpoint = ENDPOINTS[path]
    token = {"access_token": "t"} if endpoint.scope == "item" else {}
    with pytest.raises(PlaidError) as caught:
        understood({**token, **fields}, endpoint.request)
    assert caught.value.code == wanted


def test_days_requested_counts_where_transactions_come_into_use_and_only_then(plaid):
    item = good(plaid, "liabilities", consented=("transactions",))
    plaid.call("/transactions/sync", item, options={"days_requested": 7})
    assert item.days_requested == 7
    plaid.call("/transactions/sync", item, options={"days_requested": 300})
    assert item.days_requested == 7
    assert item.visible_from == item.created_at.date() - timedelta(days=7)
