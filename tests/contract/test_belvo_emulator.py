"""The emulated Belvo, held to Belvo's own description, and to what its contract says in words."""

import json
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import jsonschema_rs
import pytest
from tests.support.belvo_spec import CURRENT, OF_2023, belvo_spec
from tests.support.receiver import Receiver
from tests.support.shared import shared

from caudal_sandbox.belvo.api import PERMISSIONS, SCOPES
from caudal_sandbox.belvo.emulator import Options
from caudal_sandbox.belvo.errors import CODES
from caudal_sandbox.belvo.names import cpf_of
from caudal_sandbox.belvo.service import Belvo
from caudal_sandbox.economy.countries import CountryCode
from caudal_sandbox.server import Sandbox
from caudal_sandbox.world import World

ROOT = Path(__file__).parents[2]
JUDGES = Path(os.environ.get("JUDGES_VENV") or ROOT / ".venv-judges")
NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)
PEOPLE = ("person-1", "person-2", "person-4")
KEYS = ("hub", "secret")
URL = "https://hub.example/p"
LISTS = ("transactions", "bills", "br/balances", "br/investments", "br/investment-transactions")
Json = Any


class Desk:
    """A Belvo, and somebody who asks it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.url = sandbox.url_of("belvo")
        self.http = httpx.Client(base_url=self.url, trust_env=False, auth=KEYS)
        self.spec = belvo_spec(CURRENT)
        self.seen: set[str] = set()
        self.emulator.hooks.url = ""

    @property
    def belvo(self) -> Belvo:
        found = self.sandbox.emulators["belvo"]
        assert isinstance(found, Belvo)
        return found

    @property
    def emulator(self) -> Any:
        return self.belvo.emulator

    def ask(self, method: str, path: str, status: int = 200, **said: Any) -> Json:
        """The answer, judged."""
        answer = self.http.request(method, f"/api/{path}", **said)
        assert answer.status_code == status, answer.text
        template = self.spec.check(method, f"/api/{path}", status, answer.content)
        self.seen.add(f"{method} {template} {status}")
        return answer.json() if answer.content else None

    def refused(self, method: str, path: str, code: str, **said: Any) -> Json:
        """A refusal: a list, of that code and its status."""
        told = self.ask(method, path, CODES[code][0], **said)
        assert [each["code"] for each in told] == [code]
        return told[0]

    def widget(self, person: str, **more: Json) -> str:
        """The widget's address for somebody."""
        access = self.ask("POST", "token/", json=asked(person, **more))["access"]
        query = {"access_token": access, "external_id": f"hub-{person}", "access_mode": "recurrent"}
        return f"{self.url}/widget/?{urlencode(query)}"

    def through(self, url: str, **said: str) -> str:
        """Where a person ends who goes through the widget."""
        form = {**dict(parse_qsl(urlsplit(url).query)), "institution": "ofmockbank_br_retail", **said}
        return self.http.post(url.partition("?")[0], data={"answer": "allow", **form}).headers["location"]

    def linked(self, person: str, **said: str) -> str:
        """A new link whose history is there."""
        back = dict(parse_qsl(urlsplit(self.through(self.widget(person), **said)).query))
        self.sandbox.run(lambda: [each.told.update(each.ready) for each in self.emulator.links.values()])
        return back["link"]


def asked(person: str, **more: Json) -> Json:
    widget = {
        "openfinance_feature": "consent_link_creation",
        "callback_urls": {"success": f"{URL}?at=ok", "exit": f"{URL}?at=exit", "event": f"{URL}?at=event"},
        "branding": dict.fromkeys(("company_icon", "company_logo", "company_name", "company_terms_url"), URL),
        "theme": [],
        "consent": {
            "purpose": "ver",
            "terms_and_conditions_url": URL,
            "permissions": PERMISSIONS,
            "identification_info": [{"type": "CPF", "number": cpf_of(person), "name": "Pessoa"}],
        },
    }
    fetch = ["ACCOUNTS", "TRANSACTIONS", "OWNERS", "BILLS", "INVESTMENTS", "INVESTMENT_TRANSACTIONS"]
    body = {
        "id": KEYS[0],
        "password": KEYS[1],
        "scopes": SCOPES,
        "stale_in": "365d",
        "fetch_resources": fetch,
    }
    return {**body, "widget": widget, **more}


@pytest.fixture
def desk() -> Iterator[Desk]:
    world = World(1, people=0, firms=0, begins=date(2026, 1, 1), now=NOW)
    for name in PEOPLE:
        world.person(name, CountryCode.BR)

    def make(ground: Any) -> Belvo:
        return Belvo(ground, Options(keys=KEYS))

    with Sandbox(world, emulators=(make,), clock=lambda: world.now) as sandbox:
        there = Desk(sandbox)
        with there.http:
            yield there


def test_every_answer_of_a_month_is_what_the_description_says(desk: Desk) -> None:
    links = [desk.linked(person) for person in PEOPLE]
    for day in range(30):
        desk.sandbox.advance(hours=24)
        link = links[day % len(links)]
        for path in ("accounts", "owners", *LISTS):
            told = desk.ask("GET", f"{path}/", params={"link": link, "page_size": 50})
            assert told["count"] >= len(told["results"])
            if told["results"]:
                one = told["results"][0]["id"]
                desk.ask("GET", f"{path}/{one}/")
        desk.ask("GET", f"links/{link}/")
        desk.ask("GET", "links/", params={"external_id": f"hub-{PEOPLE[day % len(links)]}"})
        consents = desk.ask("GET", "consents/", params={"user_document": cpf_of(PEOPLE[day % len(links)])})
        desk.ask("GET", f"consents/{consents['results'][0]['id']}/")
    banks = desk.ask("GET", "institutions/", params={"country_code": "BR"})
    desk.ask("GET", f"institutions/{banks['results'][0]['id']}/")
    for saved, status in ((True, 201), (False, 200)):
        days = {"date_from": "2026-04-20", "date_to": "2026-05-01"}
        for path in ("accounts", "owners", *LISTS):
            body = {"link": links[0], "save_data": saved, **days}
            desk.ask("POST", f"{path}/", status, json=body)
    heads = {"X-Belvo-Request-Mode": "async"}
    desk.ask("POST", "transactions/", 202, json={"link": links[0], **days}, headers=heads)
    desk.ask("PATCH", f"links/{links[0]}/", json={"stale_in": "90d"})
    desk.ask("POST", f"links/{links[0]}/refresh/", 202)
    desk.refused("POST", f"links/{links[0]}/refresh/", "link_refreshed")
    desk.ask("DELETE", f"links/{links[0]}/", 204)
    desk.ask("DELETE", f"links/{links[1]}/", 202, headers=heads)
    desk.refused("GET", f"links/{links[0]}/", "not_found")
    assert len(desk.seen) > 40


def test_the_codes_and_their_statuses_are_the_contract_s() -> None:
    index = json.loads(shared("contracts", "belvo", "examples", "errors", "index.json").read_text("utf-8"))
    assert {each["code"]: each["http"] for each in index}.items() <= {
        c: s for c, (s, _) in CODES.items()
    }.items()


def test_the_pair_is_asked_for_with_every_call_and_in_the_body_for_a_token(desk: Desk) -> None:
    with httpx.Client(base_url=desk.url, trust_env=False) as stranger:
        assert stranger.get("/api/links/").status_code == 401
        assert stranger.post("/api/token/", json=asked("person-1")).status_code == 200
        wrong = asked("person-1", password="guess")
        assert stranger.post("/api/token/", json=wrong).json()[0]["code"] == "authentication_failed"


@pytest.mark.parametrize(
    ("field", "value"),
    [("scopes", "read_links"), ("fetch_resources", []), ("stale_in", None), ("widget", {})],
)
def test_a_token_is_made_for_exactly_what_is_documented(desk: Desk, field: str, value: Json) -> None:
    desk.ask("POST", "token/", 400, json=asked("person-1", **{field: value}))


def test_the_widget_opens_once_and_for_ten_minutes(desk: Desk) -> None:
    url = desk.widget("person-1")
    assert "link=" in desk.through(url)
    assert desk.http.get(url).status_code == 401
    late = desk.widget("person-2")
    desk.sandbox.advance(minutes=11)
    assert desk.http.get(late).status_code == 401


def test_the_widget_says_how_it_ended(desk: Desk) -> None:
    assert "at=exit" in desk.through(desk.widget("person-1"), answer="deny")
    stranger = desk.through(desk.widget("nobody-here"))
    assert "at=event" in stranger
    assert "login_error" in stranger


def test_what_names_a_person_is_no_name_of_a_link(desk: Desk) -> None:
    link = desk.linked("person-1", external_id=cpf_of("person-1"))
    assert "external_id" not in desk.ask("GET", f"links/{link}/")


def test_nothing_is_told_before_its_history_is_there_and_it_comes_in_any_order(desk: Desk) -> None:
    with Receiver() as receiver:
        desk.emulator.hooks.url, desk.emulator.hooks.authorization = receiver.url, "Bearer secret"
        link = dict(parse_qsl(urlsplit(desk.through(desk.widget("person-1"))).query))["link"]
        assert desk.ask("GET", "accounts/", params={"link": link})["count"] > 0
        assert desk.ask("GET", "transactions/", params={"link": link})["count"] == 0
        desk.sandbox.advance(minutes=1)
        desk.sandbox.settled()
        assert desk.ask("GET", "transactions/", params={"link": link})["count"] > 0
        assert {each.told["webhook_type"] for each in receiver.got} == set(
            asked("person-1")["fetch_resources"]
        )
        assert {each.headers["authorization"] for each in receiver.got} == {"Bearer secret"}
        assert len({each.told["webhook_id"] for each in receiver.got}) == len(receiver.got)


def test_webhooks_tell_of_new_changed_and_vanished_rows_and_of_consents(desk: Desk) -> None:
    schema = json.loads(
        shared("contracts", "belvo", "webhooks", "webhook-events.schema.json").read_text("utf-8")
    )
    judge = jsonschema_rs.Draft202012Validator(schema)
    with Receiver() as receiver:
        link = desk.linked("person-1", days="92")
        desk.emulator.hooks.url = receiver.url
        world = desk.sandbox.world
        account = world.person("person-1").accounts[2].id
        held = desk.sandbox.run(lambda: world.authorise(account, -10_00, "HELD"))
        desk.sandbox.advance(hours=7)
        desk.sandbox.run(lambda: world.settle(held.id, minor=-11_00))
        desk.sandbox.advance(hours=7)
        desk.sandbox.advance(days=90)
        desk.sandbox.advance(days=3)
        desk.sandbox.settled()
        for each in receiver.got:
            judge.validate(each.told)
            assert each.told["link_id"] == link
        assert {
            "TRANSACTIONS/new_transactions_available",
            "TRANSACTIONS/transactions_deleted",
            "CONSENTS/openfinance_consent_about_to_expire",
            "CONSENTS/openfinance_consent_expired",
        } <= set(receiver.keys)


def test_lists_are_filtered_and_paged(desk: Desk) -> None:
    link = desk.linked("person-1")
    assert desk.http.get("/api/transactions/").json()[0]["code"] == "required"
    whole = desk.ask("GET", "transactions/", params={"link": link, "page_size": 1000})
    walked: list[str] = []
    url = f"{desk.url}/api/transactions/?{urlencode({'link': link, 'page_size': 40, 'omit': 'account'})}"
    while url:
        page = desk.http.get(url).json()
        assert "account" not in page["results"][0]
        walked += [row["id"] for row in page["results"]]
        url = page["next"]
    assert walked == [row["id"] for row in whole["results"]]
    since = {
        "link": link,
        "value_date__gte": "2026-03-01",
        "amount__lt": "50",
        "type": "OUTFLOW",
        "page_size": 1000,
    }
    some = desk.ask("GET", "transactions/", params=since)["results"]
    assert [row["id"] for row in some] == [
        row["id"]
        for row in whole["results"]
        if row["value_date"] >= "2026-03-01" and row["amount"] < 50 and row["type"] == "OUTFLOW"
    ]


def test_banks_count_what_they_are_asked(desk: Desk) -> None:
    link = desk.linked("person-1")
    for _ in range(4):
        desk.ask("POST", "accounts/", 201, json={"link": link})
    desk.refused("POST", "accounts/", "institution_unavailable", json={"link": link})
    body = {"link": link, "date_from": "2025-05-01", "date_to": "2026-04-01"}
    for _ in range(4):
        desk.ask("POST", "transactions/", 201, json=body)
    desk.refused("POST", "transactions/", "institution_unavailable", json=body)
    desk.ask("POST", "transactions/", 201, json={**body, "date_from": "2026-03-30"})


def test_too_much_at_once_takes_too_long(desk: Desk) -> None:
    link = desk.linked("person-1")
    desk.emulator.options = Options(rows_max=10)
    body = {"link": link, "date_from": "2025-05-01", "date_to": "2026-04-01"}
    desk.refused("POST", "transactions/", "request_timeout", json=body)


def test_no_more_than_five_links_are_deleted_in_a_minute(desk: Desk) -> None:
    links = [desk.linked(person) for person in PEOPLE * 2]
    for link in links[:5]:
        desk.ask("DELETE", f"links/{link}/", 204)
    assert desk.http.delete(f"/api/links/{links[5]}/").status_code == 429
    desk.sandbox.advance(minutes=1)
    desk.ask("DELETE", f"links/{links[5]}/", 204)


def test_a_login_of_2023_goes_through_its_token(desk: Desk) -> None:
    desk.spec = belvo_spec(OF_2023)
    made = {"institution": "heimdall_mx_retail", "username": "bnk100", "password": "full"}
    waits = desk.refused("POST", "links/", "token_required", json=made)
    said = {"session": waits["session"], "link": waits["link"], "token": "12345"}
    link = desk.ask("PATCH", "links/", json=said)["id"]
    desk.refused("PATCH", "links/", "session_expired", json=said)
    desk.sandbox.advance(minutes=1)
    for path in ("accounts", "transactions", "balances", "owners"):
        assert desk.ask("GET", f"{path}/", params={"link": link, "page_size": 1000})["count"] > 0
    waits = desk.refused("POST", "accounts/", "token_required", json={"link": link})
    late = {"session": waits["session"], "link": link, "token": "1"}
    desk.sandbox.advance(hours=3)
    desk.refused("PATCH", "accounts/", "session_expired", json=late)
    wrong = {**made, "institution": "erebor_mx_retail", "password": "wrong"}
    desk.refused("POST", "links/", "login_error", json=wrong)
    made = {**wrong, "password": "right"}
    mexican = desk.ask("POST", "links/", 201, json=made)["id"]
    desk.sandbox.run(lambda: desk.emulator.break_login(desk.emulator.links[mexican]))
    assert desk.ask("GET", f"links/{mexican}/")["status"] == "invalid"
    desk.refused("POST", "accounts/", "invalid_link", json={"link": mexican})
    assert desk.ask("PUT", f"links/{mexican}/", json={"password": "new"})["status"] == "valid"


def test_brazil_s_banks_are_not_linked_by_password(desk: Desk) -> None:
    body = {"institution": "ofmockbank_br_retail", "username": "a", "password": "b"}
    desk.refused("POST", "links/", "unsupported_operation", json=body)


def test_a_person_is_served_at_the_sandbox_s_own_door(desk: Desk) -> None:
    door = f"{desk.sandbox.url}/_sandbox/belvo"
    filling = {"fields": ["document", "name"], "username": "person-1"}
    who = desk.http.post(f"{door}/link/fields", json=filling).json()["values"]
    assert who["document"] == cpf_of("person-1")
    person = {"hosted_link_url": desk.widget("person-1"), "username": "person-1", "password": "x"}
    back = desk.http.post(f"{door}/link/finish", json=person).json()["goes_to"]
    link = dict(parse_qsl(urlsplit(back).query))["link"]
    assert desk.http.post(f"{door}/links/{link}/reject").status_code == 200
    consents = desk.ask("GET", "consents/", params={"user_document": who["document"]})["results"]
    assert consents[0]["status"] == "REJECTED"
    assert consents[0]["undefined_consent_expiration"]


def test_belvo_s_own_client_of_2023_goes_through_every_flow(desk: Desk) -> None:
    python = JUDGES / "bin" / "python"
    if not python.exists():
        pytest.skip("belvo-python has an environment of its own: make .venv-judges/ready")
    desk.sandbox.run(lambda: desk.sandbox.world.person("bnk100", CountryCode.MX))
    walk = ROOT / "tests" / "support" / "belvo_sdk_walk.py"
    run = subprocess.run([python, walk, desk.url], capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.count("ok  ") == 16
