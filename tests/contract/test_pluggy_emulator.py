"""The emulated Pluggy: judged by Pluggy's own description and client library, and by what its contract says of it."""

import json
import os
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import jsonschema_rs
import pytest
from tests.support.pluggy_client import CLIENT, OK, PluggyClient, pluggy_sandbox
from tests.support.receiver import Receiver
from tests.support.shared import shared

from caudal_sandbox.pluggy.api import CALLS
from caudal_sandbox.pluggy.emulator import Options
from caudal_sandbox.pluggy.logins import USERS
from caudal_sandbox.pluggy.service import Pluggy
from caudal_sandbox.server import Sandbox

ROOT = Path(__file__).parents[2]
SDK = Path(os.environ.get("JUDGES_VENV") or ROOT / ".venv-judges")
AURORA, AURORA_OPEN = 210, 610
ANA = {"user": "ana", "password": "password-ok"}
CPF = {"cpf": "416.799.495-00"}


@pytest.fixture
def pluggy() -> Iterator[tuple[Sandbox, PluggyClient]]:
    with pluggy_sandbox() as there:
        yield there


def service(sandbox: Sandbox) -> Pluggy:
    found = sandbox.emulators["pluggy"]
    assert isinstance(found, Pluggy)
    return found


def test_a_soak_of_every_call_is_what_the_description_says(pluggy: tuple[Sandbox, PluggyClient]) -> None:
    """Every connector's item lives through seven weeks; the client has each answer judged."""
    sandbox, client = pluggy
    walked = set(CALLS)

    def ask(method: str, path: str, **asked: object) -> dict[str, object]:
        walked.discard((method, path))
        return client.ask(method, path, **asked)

    ask("POST", "/connect_token", body={"options": {"clientUserId": "u-1"}})
    ask("POST", "/connectors/{id}/validate", ident="2", body=OK)
    ask("GET", "/connectors", sandbox="true")
    ask("GET", "/connectors/{id}", ident="610")
    waiting = ask("POST", "/items", body={"connectorId": 4, "parameters": OK})
    client.settled(str(waiting["id"]))
    ask("POST", "/items/{id}/mfa", ident=str(waiting["id"]), body={"token": "123456"})
    opened = client.item(AURORA_OPEN, CPF)
    sandbox.run(
        lambda: service(sandbox).emulator.decide(opened["parameter"]["data"].rpartition("/")[2], "approve")
    )
    items = [client.settled(opened["id"]), client.item(), client.item(AURORA, ANA), client.item(213, ANA)]
    for _ in range(7):
        sandbox.advance(days=7)
        for item in items:
            _walk(ask, client, item)
    hook = ask(
        "POST", "/webhooks", body={"url": "https://hub.example/hook", "event": "all", "headers": {"x": "y"}}
    )
    ask("GET", "/webhooks")
    ask("GET", "/webhooks/{id}", ident=hook["id"])
    ask("PATCH", "/webhooks/{id}", ident=hook["id"], body={"enabled": False})
    ask("DELETE", "/webhooks/{id}", ident=hook["id"])
    ask("GET", "/categories")
    ask("GET", "/categories/{id}", ident="01010000")
    ask("GET", "/v2/items")
    ask("PATCH", "/items/{id}", ident=items[1]["id"], body={})
    ask("PATCH", "/items/{id}/disable-auto-sync", ident=items[1]["id"])
    ask("DELETE", "/items/{id}", ident=items[1]["id"])
    assert walked == {("GET", "/transactions")}, "the one that is deprecated"


def _walk(ask, client, item) -> None:  # type: ignore[no-untyped-def]
    ask("GET", "/items/{id}", ident=item["id"])
    for account in ask("GET", "/accounts", itemId=item["id"])["results"]:
        ask("GET", "/accounts/{id}", ident=account["id"])
        ask("GET", "/accounts/{id}/balance", ident=account["id"])
        ask("GET", "/v2/transactions", accountId=account["id"], dateFrom="2026-03-01")
        rows = client.transactions(account["id"])
        ask("GET", "/transactions/{id}", ident=rows[0]["id"])
        for bill in ask("GET", "/bills", accountId=account["id"])["results"]:
            ask("GET", "/bills/{id}", ident=bill["id"])
    for investment in ask("GET", "/investments", itemId=item["id"])["results"]:
        ask("GET", "/investments/{id}", ident=investment["id"])
        ask("GET", "/investments/{id}/transactions", ident=investment["id"])
    for path in ("/loans", "/identity", "/consents"):
        ask("GET", path, itemId=item["id"])


def test_pluggys_own_client_reads_every_answer() -> None:
    python = SDK / "bin" / "python"
    if not python.exists():
        pytest.skip("pluggy-sdk has an environment of its own: make .venv-judges/ready")
    with pluggy_sandbox() as (sandbox, _):
        run = subprocess.run(
            [python, ROOT / "tests" / "support" / "pluggy_sdk_walk.py", sandbox.url_of("pluggy")],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.count("ok  ") == 12


def test_refusals_are_those_documented(pluggy: tuple[Sandbox, PluggyClient]) -> None:
    _, client = pluggy
    nobody = "00000000-0000-4000-8000-000000000000"
    item = client.item()
    account = client.ask("GET", "/accounts", itemId=item["id"])["results"][0]["id"]
    listing = partial(client.refused, "GET", "/v2/transactions")
    assert client.refused("GET", "/items/{id}", ident=nobody) == (404, "ITEM_NOT_FOUND")
    assert client.refused("GET", "/accounts/{id}", ident=nobody) == (404, "ACCOUNT_NOT_FOUND")
    assert listing(accountId=account, pageSize=5) == (400, "property pageSize should not exist")
    assert listing(accountId=account, after="!") == (400, "Invalid cursor")
    assert listing(accountId=account, ids=",".join([nobody] * 501)) == (
        400,
        "IDS_PARAMETER_EXCEEDS_MAX_LENGTH",
    )
    assert listing(accountId=account, dateFrom="2026-01-01", createdAtFrom="2026-01-01")[0] == 400
    assert client.refused("GET", "/transactions", accountId=account) == (410, "ENDPOINT_DEPRECATED")
    made = client.refused("POST", "/items", body={"connectorId": 2, "parameters": {"user": "user-ok"}})
    assert made == (400, "CONNECTOR_VALIDATION_ERROR")
    client.ask("PATCH", "/items/{id}", ident=item["id"], body={})
    client.settled(item["id"])
    again = client.refused("PATCH", "/items/{id}", ident=item["id"], body={})
    assert again == (409, "CLIENT_IS_UPDATING_BEFORE_ALLOWED_FREQUENCY")
    wrong = httpx.post(
        f"{client.http.base_url}auth", json={**CLIENT, "clientSecret": "wrong"}, trust_env=False
    )
    assert (wrong.status_code, wrong.json()["codeDescription"]) == (401, "CLIENT_KEYS_UNAUTHORIZED")


def test_a_key_that_is_wrong_or_over_is_forbidden_and_a_connect_token_reaches_its_own_item_alone(
    pluggy: tuple[Sandbox, PluggyClient],
) -> None:
    sandbox, client = pluggy
    item, other = client.item(), client.item(AURORA, ANA)
    token = client.ask("POST", "/connect_token", body={"itemId": item["id"]})["accessToken"]
    with PluggyClient(sandbox, token) as browser:
        assert browser.ask("GET", "/items/{id}", ident=item["id"])["id"] == item["id"]
        assert browser.refused("GET", "/items/{id}", ident=other["id"])[0] == 403
        assert browser.refused("GET", "/v2/items")[0] == 403
    sandbox.run(service(sandbox).emulator.keys.expire)
    assert client.refused("GET", "/v2/items") == (403, "Missing or invalid authorization token")


@pytest.mark.parametrize(("user", "code"), [*USERS.items(), ("nobody", "INVALID_CREDENTIALS")])
def test_the_sandbox_s_users_come_to_what_is_documented(
    pluggy: tuple[Sandbox, PluggyClient], user: str, code: str
) -> None:
    told = pluggy[1].item(parameters={"user": user, "password": "password-ok"})
    assert told["error"]["code"] == told["executionStatus"] == code
    assert told["status"] in {"LOGIN_ERROR", "OUTDATED"}


def test_partial_success_says_which_product_is_stale(pluggy: tuple[Sandbox, PluggyClient]) -> None:
    told = pluggy[1].item(parameters={"user": "user-ok-account-error", "password": "password-ok"})
    assert told["executionStatus"] == "PARTIAL_SUCCESS"
    assert told["statusDetail"]["accounts"]["isUpdated"] is False


@pytest.mark.parametrize(("connector", "kind"), [(4, "text"), (5, "image"), (6, "select")])
def test_a_second_step_takes_the_token_and_no_other(
    pluggy: tuple[Sandbox, PluggyClient], connector: int, kind: str
) -> None:
    _, client = pluggy
    for token, status in (("000000", "LOGIN_ERROR"), ("123456", "UPDATED")):
        told = client.item(connector)
        assert (told["status"], told["parameter"]["type"]) == ("WAITING_USER_INPUT", kind)
        client.ask("POST", "/items/{id}/mfa", ident=told["id"], body={"token": token})
        assert client.settled(told["id"])["status"] == status


@pytest.mark.parametrize(
    ("decision", "code"),
    [
        ("approve", None),
        ("deny", "USER_AUTHORIZATION_NOT_GRANTED"),
        ("pending", "USER_AUTHORIZATION_PENDING"),
    ],
)
def test_a_bank_s_own_page_decides(
    pluggy: tuple[Sandbox, PluggyClient], decision: str, code: str | None
) -> None:
    _, client = pluggy
    told = client.item(AURORA_OPEN, CPF)
    assert "Approve" in httpx.get(told["parameter"]["data"], trust_env=False).text
    httpx.post(told["parameter"]["data"], data={"decision": decision}, trust_env=False)
    told = client.settled(told["id"])
    assert (told["error"] or {"code": None})["code"] == code
    assert httpx.post(f"{client.http.base_url}oauth/nobody", trust_env=False).status_code == 410


def test_the_widget_links_for_its_application(pluggy: tuple[Sandbox, PluggyClient]) -> None:
    sandbox, client = pluggy
    token = client.ask("POST", "/connect_token", body={"options": {"clientUserId": "u-7"}})["accessToken"]
    page = f"{sandbox.url_of('pluggy')}/connect"
    assert "Pluggy Connect" in httpx.get(page, params={"connect_token": token}, trust_env=False).text
    httpx.post(page, data={"connect_token": token, "connectorId": "2", **OK}, trust_env=False)
    [item] = client.ask("GET", "/v2/items", clientUserId="u-7")["results"]
    assert item["status"] == "UPDATED"


def test_signs_of_cards_are_turned_in_production_alone(pluggy: tuple[Sandbox, PluggyClient]) -> None:
    _, client = pluggy
    for item, production in ((client.item(parameters={**OK}), False), (client.item(AURORA, ANA), True)):
        accounts = client.ask("GET", "/accounts", itemId=item["id"])["results"]
        card = next(each for each in accounts if each["type"] == "CREDIT")
        bought = [each for each in client.transactions(card["id"]) if "CAFÉ" in each["description"]]
        assert {(each["amount"] > 0, each["type"]) for each in bought} == {
            (production, "DEBIT" if production else "CREDIT")
        }


def test_a_statement_that_closes_deletes_its_rows_and_makes_them_anew() -> None:
    with pluggy_sandbox() as (sandbox, client), Receiver() as receiver:
        client.ask("POST", "/webhooks", body={"url": receiver.url, "event": "all", "headers": {"x-s": "1"}})
        item = client.item(AURORA, ANA)
        accounts = client.ask("GET", "/accounts", itemId=item["id"])["results"]
        card = next(each for each in accounts if each["type"] == "CREDIT")["id"]
        before = {each["id"]: each for each in client.transactions(card)}
        sandbox.advance(days=6)
        sandbox.settled()
        after = {each["id"]: each for each in client.transactions(card)}
        told = [each.told for each in receiver.got if each.told.get("accountId") == card]
        deleted = {
            row for each in told if each["event"] == "transactions/deleted" for row in each["transactionIds"]
        }
        assert deleted == before.keys() - after.keys()
        assert len(deleted) > 20
        late = client.transactions(card, createdAtFrom="2026-04-02T00:00:00.000Z")
        assert {each["id"] for each in late} >= {row for row in after if row not in before}
        schema = json.loads(
            shared("contracts", "pluggy", "webhooks", "webhook-events.schema.json").read_bytes()
        )
        judge = jsonschema_rs.Draft202012Validator(schema)
        assert all(judge.is_valid(each.told) for each in receiver.got)
        assert {each.headers["x-s"] for each in receiver.got} == {"1"}


def test_a_late_row_comes_with_an_old_date_and_a_new_making(pluggy: tuple[Sandbox, PluggyClient]) -> None:
    sandbox, client = pluggy
    item = client.item(AURORA, ANA)
    account = client.ask("GET", "/accounts", itemId=item["id"])["results"][0]["id"]
    on = (sandbox.world.now - timedelta(days=9)).date()
    sandbox.run(lambda: sandbox.world.book("ana:checking", -7_00, "LATE", on=on))
    sandbox.advance(hours=9)
    [late] = [each for each in client.transactions(account) if each["description"] == "LATE"]
    assert late["date"].startswith(on.isoformat())
    assert datetime.fromisoformat(late["createdAt"]).date() >= sandbox.world.now.date() - timedelta(days=1)


def test_a_consent_that_ends_ends_the_login() -> None:
    with pluggy_sandbox() as (sandbox, client):
        told = client.item(AURORA_OPEN, CPF)
        httpx.post(told["parameter"]["data"], data={"decision": "approve"}, trust_env=False)
        assert client.settled(told["id"])["status"] == "UPDATED"
        sandbox.advance(days=366)
        assert client.settled(told["id"])["error"]["code"] == "USER_AUTHORIZATION_REVOKED"


def test_too_many_calls_are_told_when_to_come_again(pluggy: tuple[Sandbox, PluggyClient]) -> None:
    _, client = pluggy
    item = client.item()
    answers = [
        client.http.get("/accounts", params={"itemId": item["id"]}, headers={"X-API-KEY": client.key})
        for _ in range(361)
    ]
    assert [each.status_code for each in answers[-2:]] == [200, 429]
    assert answers[-1].headers["RateLimit-Limit"] == "360"
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 60


def test_webhooks_go_to_public_https_alone_unless_it_is_a_test() -> None:
    with pluggy_sandbox(Options(relaxed_webhooks=False)) as (_, client):
        for url in ("http://hub.example/h", "https://localhost/h", "https://10.0.0.1/h"):
            assert client.refused("POST", "/webhooks", body={"url": url, "event": "all"})[0] == 400
        body = {"url": "https://hub.example/h", "event": "all"}
        client.ask("POST", "/webhooks", body=body)
        assert client.refused("POST", "/webhooks", body=body)[0] == 400


def test_the_door_finishes_what_a_person_would(pluggy: tuple[Sandbox, PluggyClient]) -> None:
    sandbox, client = pluggy
    door = f"{sandbox.url}/_sandbox/pluggy"
    token = client.ask("POST", "/connect_token", body={"options": {"clientUserId": "u-8"}})["accessToken"]
    page = f"{sandbox.url_of('pluggy')}/connect?connect_token={token}"
    assert parse_qs(urlsplit(page).query)["connect_token"] == [token]
    said = {"hosted_link_url": page, "institution_id": str(AURORA_OPEN)}
    seen = httpx.post(f"{door}/link/finish", json=said, trust_env=False).json()
    assert seen["problem"] is None
    httpx.post(f"{door}/items/{seen['item_id']}/revoke", trust_env=False).raise_for_status()
    [told] = httpx.get(f"{door}/items", trust_env=False).json()
    assert told["status"] == "LOGIN_ERROR"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("BALANCE_INVALID_REQUEST", 400),
        ("BALANCE_CONSENT_ERROR", 403),
        ("BALANCE_NOT_FOUND", 404),
        ("BALANCE_OPEN_FINANCE_RATE_LIMIT", 429),
        ("BALANCE_FETCH_ERROR", 500),
        ("BALANCE_CONNECTOR_UNAVAILABLE", 502),
    ],
)
def test_the_real_time_balance_fails_in_the_documented_words(code: str, status: int) -> None:
    with pluggy_sandbox(Options(balance_error=code)) as (_, client):
        item = client.item()
        account = client.ask("GET", "/accounts", itemId=item["id"])["results"][0]["id"]
        answer = client.send("GET", "/accounts/{id}/balance", ident=account)
        told = answer.json()
        examples = shared("contracts", "pluggy", "contract.md").parent / "examples" / "errors"
        documented = [json.loads(file.read_bytes()) for file in examples.glob("account-balance-get*.json")]
        told.pop("errorId")
        assert answer.status_code == status
        assert told in documented
