"""The emulated Plaid before its judges: Plaid's own client, and Plaid's own description of every body."""

import datetime as dt
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal

import msgspec
import pytest
from tests.support import openapi
from tests.support.plaid_client import LINK, PLATYPUS, PlaidClient, plaid_sandbox
from tests.support.receiver import Receiver
from tests.support.shared import shared

from caudal_sandbox.plaid.app import ROUTES
from caudal_sandbox.plaid.emulator import Options
from caudal_sandbox.plaid.limits import Regime
from caudal_sandbox.server import Sandbox

PRODUCTS = ("transactions", "investments", "liabilities")
YEAR = {"start_date": "2025-01-01", "end_date": "2025-12-31"}


@pytest.fixture
def client() -> Iterator[PlaidClient]:
    with plaid_sandbox() as (_, client):
        yield client


def test_plaids_own_client_reads_every_answer() -> None:
    judge = shared("contracts", "plaid", "tools", "conformance_plaid_python.py")
    with plaid_sandbox(options=Options(limits=Regime.SANDBOX)) as (sandbox, _):
        run = subprocess.run(
            [sys.executable, judge, sandbox.url], capture_output=True, text=True, timeout=120, check=False
        )
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.count("ok  ") == 14


def test_every_path_of_the_description_is_served_and_no_other() -> None:
    assert set(ROUTES) == set(openapi.plaid().paths)


def test_every_good_answer_is_what_the_description_says(client: PlaidClient) -> None:
    """`post` has each answer judged; the walk goes through every endpoint."""
    walked = set(ROUTES)

    def post(path: str, **body: object) -> object:
        walked.discard(path)
        return client.post(path, **body)

    made = post("/link/token/create", **LINK)
    post("/link/token/get", link_token=made["link_token"])
    public = post("/sandbox/public_token/create", institution_id=PLATYPUS, initial_products=list(PRODUCTS))[
        "public_token"
    ]
    token = post("/item/public_token/exchange", public_token=public)["access_token"]
    post("/item/get", access_token=token)
    post("/accounts/get", access_token=token)
    post("/accounts/balance/get", access_token=token)
    cursor = ""
    for _ in range(4):
        cursor = post("/transactions/sync", access_token=token, cursor=cursor, count=500)["next_cursor"]
    post("/transactions/get", access_token=token, **YEAR)
    post("/transactions/refresh", access_token=token)
    post("/transactions/recurring/get", access_token=token)
    post("/investments/holdings/get", access_token=token)
    post("/investments/transactions/get", access_token=token, **YEAR)
    post("/investments/refresh", access_token=token)
    post("/liabilities/get", access_token=token)
    post("/institutions/get", count=10, offset=0, country_codes=["US", "GB"])
    post("/institutions/search", query="platypus", products=["transactions"], country_codes=["US"])
    post("/institutions/get_by_id", institution_id=PLATYPUS, country_codes=["US"])
    post("/categories/get")
    post("/item/webhook/update", access_token=token, webhook="http://127.0.0.1:9/none")
    post("/sandbox/item/fire_webhook", access_token=token, webhook_code="SYNC_UPDATES_AVAILABLE")
    token = post("/item/access_token/invalidate", access_token=token)["new_access_token"]
    post("/sandbox/item/reset_login", access_token=token)
    post("/item/get", access_token=token)
    post("/item/remove", access_token=token)
    dynamic = client.item(username="user_transactions_dynamic")
    post("/sandbox/transactions/create", access_token=dynamic, transactions=[_made_up()])
    walked.discard("/webhook_verification_key/get")  # test_sandbox_webhooks asks for a key that is in use
    assert not walked


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/item/get", {"access_token": "access-sandbox-nobody"}, "INVALID_ACCESS_TOKEN"),
        ("/item/get", {}, "MISSING_FIELDS"),
        ("/item/get", {"access_token": 7}, "INVALID_FIELD"),
        ("/item/get", {"access_token": "x", "colour": "blue"}, "UNKNOWN_FIELDS"),
        ("/accounts/get", {"access_token": "x", "options": {"colour": "blue"}}, "UNKNOWN_FIELDS"),
        ("/transactions/sync", {"access_token": "x", "count": 501}, "INVALID_FIELD"),
        ("/item/public_token/exchange", {"public_token": "public-sandbox-nobody"}, "INVALID_PUBLIC_TOKEN"),
        ("/link/token/get", {"link_token": "link-sandbox-nobody"}, "INVALID_LINK_TOKEN"),
        ("/webhook_verification_key/get", {"key_id": "nobody's"}, "INVALID_WEBHOOK_VERIFICATION_KEY_ID"),
        (
            "/institutions/get_by_id",
            {"institution_id": "ins_0", "country_codes": ["US"]},
            "INVALID_INSTITUTION",
        ),
        (
            "/sandbox/public_token/create",
            {"institution_id": PLATYPUS, "initial_products": []},
            "INVALID_FIELD",
        ),
        (
            "/sandbox/public_token/create",
            {"institution_id": "ins_0", "initial_products": ["transactions"]},
            "INVALID_INSTITUTION",
        ),
        (
            "/sandbox/public_token/create",
            {"institution_id": PLATYPUS, "initial_products": ["assets"]},
            "INVALID_PRODUCT",
        ),
    ],
)
def test_a_bad_request_gets_the_documented_code(
    client: PlaidClient, path: str, body: dict[str, object], code: str
) -> None:
    assert client.code(path, **body) == code


def test_an_unknown_path_and_a_get_are_not_found(client: PlaidClient) -> None:
    assert client.raw("/nothing/here").status_code == 404
    answer = client.http.get("/item/get")
    assert answer.status_code == 404
    assert answer.json()["error_code"] == "NOT_FOUND"


@pytest.mark.parametrize("body", [b"", b"nothing", b"[1]", b'"x"', b"{" * 5_000, b"\xff\xfe"])
def test_a_body_that_is_no_json_object_is_refused(client: PlaidClient, body: bytes) -> None:
    answer = client.http.post(
        "/item/get", content=body, headers={"PLAID-CLIENT-ID": "a", "PLAID-SECRET": "b"}
    )
    assert answer.status_code == 400
    assert answer.json()["error_code"] == "INVALID_BODY"


def test_a_body_beyond_the_bound_is_refused(client: PlaidClient) -> None:
    assert client.code("/item/get", access_token="x" * 2_000_000) == "INVALID_BODY"


def test_keys_may_stand_in_the_body_and_must_stand_somewhere() -> None:
    with plaid_sandbox() as (sandbox, _), PlaidClient(sandbox.url, client_id="", secret="") as stranger:
        assert stranger.code("/categories/get") == "INVALID_API_KEYS"
        assert stranger.code("/categories/get", client_id="a") == "INVALID_API_KEYS"
        stranger.post("/categories/get", client_id="a", secret="b")


def test_only_the_pair_given_at_start_is_let_in_where_one_was_given() -> None:
    options = Options(limits=Regime.OFF, client=("mine", "my secret"))
    assert "my secret" not in repr(options)
    with plaid_sandbox(options=options) as (sandbox, stranger):
        assert stranger.code("/categories/get") == "INVALID_API_KEYS"
        with PlaidClient(sandbox.url, client_id="mine", secret="my secret") as client:
            client.post("/categories/get")


def test_an_item_belongs_to_one_client() -> None:
    with plaid_sandbox() as (sandbox, client):
        token = client.item()
        with PlaidClient(sandbox.url, client_id="another") as other:
            assert other.code("/item/get", access_token=token) == "INVALID_ACCESS_TOKEN"


def test_bodies_are_written_as_plaid_writes_them(client: PlaidClient) -> None:
    answer = client.raw("/accounts/get", access_token=client.item())
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["plaid-version"] == "2020-09-14"
    assert answer.text.startswith('{\n  "accounts": [\n    {\n      "account_id": ')
    keys = list(answer.json())
    assert keys == sorted(keys)
    assert len(answer.json()["request_id"]) == 15


def test_request_ids_never_repeat(client: PlaidClient) -> None:
    seen = {client.post("/categories/get")["request_id"] for _ in range(20)}
    assert len(seen) == 20


def test_a_run_with_the_same_seed_and_calls_gives_the_same_names() -> None:
    def run() -> list[bytes]:
        with plaid_sandbox(seed=5) as (_, client):
            token = client.item()
            return [
                client.raw("/accounts/get", access_token=token).content,
                client.raw("/transactions/sync", access_token=token).content,
                client.raw("/transactions/sync", access_token=token).content,
            ]

    assert run() == run()


def test_endpoints_of_the_sandbox_are_of_the_sandbox_alone() -> None:
    with plaid_sandbox(options=Options(limits=Regime.OFF, production=True)) as (_, client):
        code = client.code(
            "/sandbox/public_token/create", institution_id=PLATYPUS, initial_products=["transactions"]
        )
    assert code == "SANDBOX_ONLY"


def test_a_budget_for_an_item_ends_in_the_endpoints_own_code_and_no_retry_after() -> None:
    with plaid_sandbox(options=Options(limits=Regime.SANDBOX)) as (_, client):
        token, other = client.item(), client.item()
        for _ in range(40):
            client.post("/item/get", access_token=token)
        answer = client.raw("/item/get", access_token=token)
        client.post("/item/get", access_token=other)
    assert answer.status_code == 429
    assert answer.json()["error_type"] == "RATE_LIMIT_EXCEEDED"
    assert answer.json()["error_code"] == "ITEM_GET_LIMIT"
    assert "retry-after" not in answer.headers


def test_a_public_token_is_exchanged_once(client: PlaidClient) -> None:
    public = client.post(
        "/sandbox/public_token/create", institution_id=PLATYPUS, initial_products=["transactions"]
    )["public_token"]
    client.post("/item/public_token/exchange", public_token=public)
    assert client.code("/item/public_token/exchange", public_token=public) == "INVALID_PUBLIC_TOKEN"


def test_a_removed_item_is_gone_and_a_rotated_token_dead(client: PlaidClient) -> None:
    token = client.item()
    fresh = client.post("/item/access_token/invalidate", access_token=token)["new_access_token"]
    assert client.code("/item/get", access_token=token) == "INVALID_ACCESS_TOKEN"
    client.post("/item/remove", access_token=fresh, reason_code="OTHER", reason_note="done with it")
    assert client.code("/item/get", access_token=fresh) == "ITEM_NOT_FOUND"


def test_a_broken_login_stops_data_and_shows_on_the_item(client: PlaidClient) -> None:
    token = client.item()
    client.post("/sandbox/item/reset_login", access_token=token)
    assert client.code("/transactions/sync", access_token=token) == "ITEM_LOGIN_REQUIRED"
    assert (
        client.post("/item/get", access_token=token)["item"]["error"]["error_code"] == "ITEM_LOGIN_REQUIRED"
    )


# --- transactions made up by the client ----------------------------------------------------------------------------


def _made_up(**changed: object) -> dict[str, object]:
    day = {"date_transacted": "2025-12-30", "date_posted": "2025-12-31"}
    return {**day, "amount": 12.5, "description": "Corner shop", "iso_currency_code": "USD", **changed}


def test_a_made_up_transaction_is_told_by_the_next_sync(client: PlaidClient) -> None:
    token = client.item(username="user_transactions_dynamic")
    _, cursor = client.sync(token)
    for _ in range(2):
        _, cursor = client.sync(token, cursor)
    client.post("/sandbox/transactions/create", access_token=token, transactions=[_made_up()])
    found, _ = client.sync(token, cursor)
    (row,) = found["added"]
    assert (row["amount"], row["date"]) == (Decimal("12.5"), "2025-12-31")
    assert row["authorized_date"] in {None, "2025-12-30"}  # real ones leave it out now and then
    assert row["pending"] is False


@pytest.mark.parametrize(
    ("transactions", "message"),
    [
        ([_made_up() for _ in range(11)], "too many transactions"),
        ([_made_up(date_transacted="2025-12-01")], "within the last 14 days"),
        ([_made_up(date_posted="2026-02-01")], "within the last 14 days"),
        ([_made_up(date_transacted="2025-12-31", date_posted="2025-12-30")], "within the last 14 days"),
        ([_made_up(), _made_up(amount=0.001)], "amount"),
        ([_made_up(amount=1e300)], "amount"),
        ([_made_up(amount=0)], "amount"),
        ([_made_up(iso_currency_code="EUR")], "iso_currency_code"),
        ([], "no transactions"),
    ],
)
def test_a_made_up_transaction_that_breaks_a_rule_is_refused_and_none_of_its_batch_made(
    client: PlaidClient, transactions: list[object], message: str
) -> None:
    token = client.item(username="user_transactions_dynamic")
    cursor = ""
    for _ in range(3):
        _, cursor = client.sync(token, cursor)
    refused = client.refusal("/sandbox/transactions/create", access_token=token, transactions=transactions)
    assert refused["error_code"] == "INVALID_FIELD"
    assert message in refused["error_message"]
    assert refused["display_message"] == refused["error_message"]
    assert client.sync(token, cursor)[0]["added"] == []


def test_only_the_dynamic_user_takes_made_up_transactions(client: PlaidClient) -> None:
    refused = client.refusal(
        "/sandbox/transactions/create", access_token=client.item(), transactions=[_made_up()]
    )
    assert refused["error_code"] == "INVALID_FIELD"


# --- webhooks on demand --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "type_"),
    [
        ("DEFAULT_UPDATE", None),
        ("DEFAULT_UPDATE", "HOLDINGS"),
        ("DEFAULT_UPDATE", "INVESTMENTS_TRANSACTIONS"),
        ("DEFAULT_UPDATE", "LIABILITIES"),
        ("DEFAULT_UPDATE", "AUTH"),
        ("DEFAULT_UPDATE", "IDENTITY"),
        ("ERROR", "ITEM"),
        ("LOGIN_REPAIRED", None),
        ("NEW_ACCOUNTS_AVAILABLE", None),
        ("PENDING_DISCONNECT", None),
        ("RECURRING_TRANSACTIONS_UPDATE", None),
        ("SYNC_UPDATES_AVAILABLE", None),
        ("USER_ACCOUNT_REVOKED", None),
        ("USER_PERMISSION_REVOKED", None),
    ],
)
def test_every_webhook_on_demand_is_what_the_description_says(code: str, type_: str | None) -> None:
    schemas = {
        (each["webhook_type"], each["webhook_code"]): each["schema"]
        for each in msgspec.json.decode(shared("contracts", "plaid", "data", "webhooks.json").read_bytes())
    }
    with Receiver() as receiver, plaid_sandbox() as (sandbox, client):
        token = client.item(*PRODUCTS, "auth", "identity", webhook=receiver.url)
        asked = {"webhook_type": type_} if type_ else {}
        client.post("/sandbox/item/fire_webhook", access_token=token, webhook_code=code, **asked)
        sandbox.settled()
    (got,) = receiver.got
    schema = schemas[got.told["webhook_type"], code]
    openapi.plaid().check_schema(schema, got.body)


def test_a_webhook_without_a_url_or_without_its_product_is_refused(client: PlaidClient) -> None:
    fire = "/sandbox/item/fire_webhook"
    token = client.item()
    assert client.code(fire, access_token=token, webhook_code="DEFAULT_UPDATE") == "SANDBOX_WEBHOOK_INVALID"
    hooked = client.item(webhook="http://127.0.0.1:9/none")
    asked = {"access_token": hooked, "webhook_code": "DEFAULT_UPDATE"}
    assert client.code(fire, **asked, webhook_type="HOLDINGS") == "SANDBOX_PRODUCT_NOT_ENABLED"
    assert client.code(fire, **asked, webhook_type="WEATHER") == "INVALID_FIELD"
    assert client.code(fire, access_token=hooked, webhook_code="HELLO") == "INVALID_FIELD"
    assert (
        client.code(fire, access_token=hooked, webhook_code="PRODUCT_READY") == "SANDBOX_PRODUCT_NOT_ENABLED"
    )


def test_history_begins_where_the_client_asked() -> None:
    with plaid_sandbox() as (sandbox, client):
        client.item(transactions={"start_date": "2025-12-01"})
        client.item(transactions={"days_requested": 10})
        first, second = list(sandbox.plaid.items)
    assert first.visible_from == dt.date(2025, 12, 1)
    assert second.visible_from == dt.date(2025, 12, 22)


def test_every_error_password_fails_with_its_code(client: PlaidClient) -> None:
    codes = msgspec.json.decode(shared("contracts", "plaid", "data", "sandbox.json").read_bytes())[
        "error_passwords"
    ]
    for code in codes:
        options = {"override_username": "user_good", "override_password": f"error_{code}"}
        refused = client.code(
            "/sandbox/public_token/create",
            institution_id=PLATYPUS,
            initial_products=["transactions"],
            options=options,
        )
        assert refused == code


def test_a_sandbox_leaves_nothing_running_behind() -> None:
    with Sandbox() as sandbox:
        thread = sandbox._thread
    assert not thread.is_alive()
