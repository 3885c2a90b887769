"""Link as a person meets it: the hosted page walked form by form, and what the client learns of it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support import openapi
from tests.support.browser import Browser
from tests.support.plaid_client import LINK, PLATYPUS, PlaidClient
from tests.support.receiver import Receiver
from tests.support.shared import shared

from caudal_sandbox.economy.countries import CountryCode
from caudal_sandbox.plaid.emulator import Options
from caudal_sandbox.plaid.limits import Regime
from caudal_sandbox.plaid.users import ERROR_PASSWORDS
from caudal_sandbox.server import Sandbox
from caudal_sandbox.world import World

BANK = "First Platypus Bank"


class Clock:
    """The clock on the wall, which a test may move on."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class Town:
    """A sandbox, a client of it, and whoever gets its webhooks."""

    def __init__(self, sandbox: Sandbox, client: PlaidClient, receiver: Receiver, clock: Clock) -> None:
        self.sandbox, self.client, self.receiver, self.clock = sandbox, client, receiver, clock

    def link(self, **changed: Any) -> Any:
        """A link token with a hosted page."""
        return self.client.post("/link/token/create", **{**LINK, "webhook": self.receiver.url, **changed})

    def told(self, made: Any) -> Any:
        """What the client learns of its last session."""
        return self.client.post("/link/token/get", link_token=made["link_token"])["link_sessions"][-1]

    def heard(self, key: str) -> list[Any]:
        """The webhooks of that key that came."""
        self.sandbox.settled()
        return [each.told for each in self.receiver.got if each.key == key]

    def linked(self, bank: str = BANK, **changed: Any) -> str:
        """The access token of an Item that a person linked."""
        made = self.link(**changed)
        with Browser() as browser:
            through(browser.visit(made["hosted_link_url"]), bank)
        public = self.told(made)["results"]["item_add_results"][-1]["public_token"]
        return str(self.client.post("/item/public_token/exchange", public_token=public)["access_token"])


@pytest.fixture
def town() -> Iterator[Town]:
    clock = Clock()
    world = World(3, people=4, firms=0)
    options = Options(limits=Regime.OFF, login_days=None)
    with (
        Receiver() as receiver,
        Sandbox(world, plaid=options, clock=clock) as sandbox,
        PlaidClient(sandbox.url) as client,
    ):
        yield Town(sandbox, client, receiver, clock)


def log_in(browser: Browser, username: str = "user_good", password: str = "pass_good") -> Browser:
    return browser.press("Log in", username=username, password=password)


def through(browser: Browser, bank: str = BANK, **login: str) -> Browser:
    """All the way with all accounts."""
    return log_in(browser.press(bank), **login).press("Continue").press("Allow")


# --- a new bank ----------------------------------------------------------------------------------------------------


def test_a_person_links_a_bank_and_the_client_learns_of_it_in_three_ways(town: Town) -> None:
    made = town.link()
    with Browser() as browser:
        browser.visit(made["hosted_link_url"])
        assert "Choose your bank" in browser.text
        assert BANK in browser.buttons
        browser.press(BANK)
        assert f"Log in to {BANK}" in browser.text
        assert "user_good" in browser.text
        log_in(browser)
        assert "Which accounts?" in browser.text
        browser.press("Continue")
        assert "Share with Ledger of mine?" in browser.text
        browser.press("Allow")
        assert "You're done" in browser.text
    session = town.told(made)
    (result,) = session["results"]["item_add_results"]
    assert result["institution"] == {"institution_id": PLATYPUS, "name": BANK}
    assert session["on_success"]["public_token"] == result["public_token"]
    assert session["on_exit"] is None
    assert session["finished_at"]
    (finished,) = town.heard("LINK/SESSION_FINISHED")
    assert finished["status"] == "SUCCESS"
    assert finished["public_tokens"] == [result["public_token"]]
    assert "item_id" not in finished
    assert [each["public_token"] for each in town.heard("LINK/ITEM_ADD_RESULT")] == [result["public_token"]]
    (events,) = town.heard("LINK/EVENTS")
    names = [each["event_name"] for each in events["events"]]
    assert names[0] == "OPEN"
    assert names[-1] == "HANDOFF"
    assert {"SELECT_INSTITUTION", "SUBMIT_CREDENTIALS"} <= set(names)
    exchanged = town.client.post("/item/public_token/exchange", public_token=result["public_token"])
    accounts = town.client.post("/accounts/get", access_token=exchanged["access_token"])["accounts"]
    assert [each["account_id"] for each in accounts] == [each["id"] for each in result["accounts"]]


def test_every_webhook_about_link_is_what_the_description_says(town: Town) -> None:
    town.linked()
    with Browser() as browser:
        browser.visit(town.link()["hosted_link_url"]).press("Close")
    town.sandbox.settled()
    schemas = {
        "LINK/SESSION_FINISHED": "LinkSessionFinishedWebhook",
        "LINK/ITEM_ADD_RESULT": "ItemAddResultWebhook",
        "LINK/EVENTS": "LinkEventsWebhook",
    }
    about = [each for each in town.receiver.got if each.key in schemas]
    assert len(about) == 5
    for each in about:
        openapi.plaid().check_schema(schemas[each.key], each.body)


def test_only_the_accounts_that_were_ticked_are_shared(town: Town) -> None:
    made = town.link()
    with Browser() as browser:
        log_in(browser.visit(made["hosted_link_url"]).press(BANK)).press("Continue", tick=["1", "2"]).press(
            "Allow"
        )
    (result,) = town.told(made)["results"]["item_add_results"]
    assert len(result["accounts"]) == 2


def test_nothing_ticked_is_asked_again(town: Town) -> None:
    made = town.link()
    with Browser() as browser:
        log_in(browser.visit(made["hosted_link_url"]).press(BANK)).press("Continue", tick=[])
        assert "Choose at least one account." in browser.text
        assert "Which accounts?" in browser.text


def test_a_bank_is_found_by_part_of_its_name(town: Town) -> None:
    with Browser() as browser:
        browser.visit(town.link()["hosted_link_url"]).press("Search", query="gingham")
        assert "First Gingham Credit Union" in browser.buttons
        assert BANK not in browser.buttons
        browser.press("Search", query="<script>alert(1)</script>")
        assert "No bank of that name" in browser.text
        assert "<script" not in browser.source


def test_only_banks_of_the_countries_with_every_product_are_offered(town: Town) -> None:
    with Browser() as browser:
        browser.visit(town.link(country_codes=["GB"])["hosted_link_url"])
        assert "Royal Bank of Plaid" in browser.buttons
        assert BANK not in browser.buttons
        browser.visit(town.link(products=["investments"])["hosted_link_url"])
        assert BANK in browser.buttons
        assert "Tartan Bank" not in browser.buttons


def test_account_filters_leave_out_every_type_that_they_do_not_name(town: Town) -> None:
    made = town.link(account_filters={"depository": {"account_subtypes": ["savings"]}})
    with Browser() as browser:
        through(browser.visit(made["hosted_link_url"]))
    (result,) = town.told(made)["results"]["item_add_results"]
    assert {each["subtype"] for each in result["accounts"]} == {"savings"}


def test_accounts_without_anything_for_a_product_are_not_enough(town: Town) -> None:
    made = town.link(products=["investments"], account_filters={"depository": {"account_subtypes": ["all"]}})
    with Browser() as browser:
        log_in(browser.visit(made["hosted_link_url"]).press(BANK)).press("Continue")
        assert "NO_INVESTMENT_ACCOUNTS" in browser.text


def test_a_routing_number_leads_to_its_bank_at_once(town: Town) -> None:
    bank = town.client.post("/institutions/get_by_id", institution_id=PLATYPUS, country_codes=["US"])
    number = bank["institution"]["routing_numbers"][0]
    with Browser() as browser:
        browser.visit(town.link(institution_data={"routing_number": number})["hosted_link_url"])
        assert f"Log in to {BANK}" in browser.text


def test_people_of_the_world_log_in_at_their_own_bank(town: Town) -> None:
    holder = town.sandbox.world.holder("person-1")
    assert holder is not None
    assert holder.country is CountryCode.US
    home = holder.accounts[0].institution.name
    made = town.link()
    with Browser() as browser:
        through(browser.visit(made["hosted_link_url"]), home, username="person-1", password="x")
        assert "You're done" in browser.text


def test_several_banks_in_one_session(town: Town) -> None:
    made = town.link(enable_multi_item_link=True, user_id="usr_1")
    with Browser() as browser:
        through(browser.visit(made["hosted_link_url"])).press("Link another bank")
        through(browser, "Tartan Bank").press("Finish")
        assert "You're done" in browser.text
    assert len(town.told(made)["results"]["item_add_results"]) == 2
    (finished,) = town.heard("LINK/SESSION_FINISHED")
    assert len(finished["public_tokens"]) == 2


def test_in_the_end_the_person_is_sent_where_the_client_wants_them(town: Town) -> None:
    made = town.link(hosted_link={"completion_redirect_uri": "https://app.example/linked?ok=1"})
    with Browser() as browser:
        through(browser.visit(made["hosted_link_url"]))
        assert browser.away == "https://app.example/linked?ok=1"


# --- what goes wrong at the bank -----------------------------------------------------------------------------------


def test_a_wrong_password_is_told_and_may_be_tried_again(town: Town) -> None:
    made = town.link()
    with Browser() as browser:
        log_in(browser.visit(made["hosted_link_url"]).press(BANK), password="hunter2")
        assert "INVALID_CREDENTIALS" in browser.text
        assert "hunter2" not in browser.source
        log_in(browser).press("Continue").press("Allow")
        assert "You're done" in browser.text
    names = [each["event_name"] for each in town.told(made)["events"]]
    assert "ERROR" in names


@pytest.mark.parametrize("code", sorted(ERROR_PASSWORDS))
def test_every_error_password_shows_its_error_and_is_what_the_person_gave_up_on(
    town: Town, code: str
) -> None:
    made = town.link()
    with Browser() as browser:
        log_in(browser.visit(made["hosted_link_url"]).press(BANK), password=f"error_{code}")
        assert code in browser.text
        browser.press("Close")
        assert "You left" in browser.text
    session = town.told(made)
    assert session["exit"]["error"]["error_code"] == code
    assert session["exit"] == session["on_exit"]
    unsupported = code == "INSTITUTION_NO_LONGER_SUPPORTED"
    status = "institution_not_supported" if unsupported else "requires_credentials"
    assert session["exit"]["metadata"]["status"] == status
    assert session["results"] is None
    (finished,) = town.heard("LINK/SESSION_FINISHED")
    assert finished["status"] == "EXITED"


def test_the_documented_error_passwords_are_all_known() -> None:
    documented = shared("contracts", "plaid", "data", "sandbox.json").read_text("utf-8")
    assert all(f'"{code}"' in documented for code in ERROR_PASSWORDS)


def test_a_bank_that_is_down_or_unsupported_lets_nobody_in(town: Town) -> None:
    made = town.link()
    with Browser() as browser:
        browser.visit(made["hosted_link_url"]).press("Unhealthy Platypus Bank - Down")
        assert "INSTITUTION_DOWN" in log_in(browser).text
        browser.press("Another bank").press("Unsupported Platypus Bank - Institution Not Supported")
        assert "INSTITUTION_NO_LONGER_SUPPORTED" in browser.text
        browser.press("Close")
    assert town.told(made)["exit"]["metadata"]["status"] == "institution_not_supported"


def test_a_code_sent_to_a_device_is_asked_for(town: Town) -> None:
    made = town.link()
    with Browser() as browser:
        log_in(browser.visit(made["hosted_link_url"]).press(BANK), password="mfa_device")
        assert "One more check" in browser.text
        browser.press("Continue", answer="9999")
        assert "INVALID_MFA" in browser.text
        log_in(browser, password="mfa_device").press("Continue", answer="1234")
        browser.press("Continue").press("Allow")
        assert "You're done" in browser.text


def test_questions_and_selections_are_asked_round_by_round(town: Town) -> None:
    with Browser() as browser:
        log_in(browser.visit(town.link()["hosted_link_url"]).press(BANK), password="mfa_questions_2_2")
        browser.press("Continue", answer=["answer_0_0", "answer_0_1"])
        browser.press("Continue", answer=["answer_1_0", "answer_1_1"])
        assert "Which accounts?" in browser.text
    with Browser() as browser:
        log_in(browser.visit(town.link()["hosted_link_url"]).press(BANK), password="mfa_selections_1_1_3")
        browser.press("Continue", answer="answer_1_1_0")
        assert "Which accounts?" in browser.text


# --- pages and tokens ----------------------------------------------------------------------------------------------


def test_a_page_sent_twice_links_once(town: Town) -> None:
    made = town.link()
    with Browser() as browser, Browser() as twin:
        log_in(browser.visit(made["hosted_link_url"]).press(BANK)).press("Continue")
        twin.visit(made["hosted_link_url"])
        browser.press("Allow")
        twin.press("Allow")
        assert "You're done" in twin.text
    assert len(town.told(made)["results"]["item_add_results"]) == 1
    assert len(town.sandbox.plaid.items) == 1


def test_an_old_page_changes_nothing_any_more(town: Town) -> None:
    made = town.link()
    with Browser() as browser, Browser() as old:
        old.visit(made["hosted_link_url"])
        log_in(browser.visit(made["hosted_link_url"]).press(BANK))
        old.press("Close")
        assert "Which accounts?" in old.text


def test_a_page_needs_no_script_and_lets_none_in(town: Town) -> None:
    made = town.link(client_name="<b>Bold & Co")
    with Browser() as browser:
        browser.visit(made["hosted_link_url"])
        assert "script" not in browser.page.tags
        assert "<b>" not in browser.source
        assert "<b>Bold & Co" in browser.text
    answer = town.client.http.get(made["hosted_link_url"])
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_no_token_stands_in_an_address(town: Town) -> None:
    made = town.link()
    assert made["link_token"] not in made["hosted_link_url"]
    assert made["link_token"].removeprefix("link-sandbox-") not in made["hosted_link_url"]


def test_a_page_that_nobody_was_given_is_not_there(town: Town) -> None:
    answer = town.client.http.get("/hosted-link/nobody")
    assert answer.status_code == 404
    assert "expired" in answer.text


def test_who_left_may_start_again(town: Town) -> None:
    made = town.link()
    with Browser() as browser:
        browser.visit(made["hosted_link_url"]).press("Close").press("Start again")
        through(browser)
    sessions = town.client.post("/link/token/get", link_token=made["link_token"])["link_sessions"]
    assert [bool(each["exit"]) for each in sessions] == [True, False]


def test_a_page_ends_after_half_an_hour_unless_the_client_says_otherwise(town: Town) -> None:
    short, long = town.link(), town.link(hosted_link={"url_lifetime_seconds": 7_200})
    with Browser() as browser:
        log_in(browser.visit(short["hosted_link_url"]).press(BANK))
        town.clock.ahead = timedelta(minutes=31)
        browser.press("Continue")
        assert browser.status == 404
        assert "expired" in browser.text
        browser.visit(long["hosted_link_url"])
        assert "Choose your bank" in browser.text


@pytest.mark.parametrize(
    ("changed", "lives"),
    [
        ({"hosted_link": None}, timedelta(hours=4)),
        ({}, timedelta(minutes=30)),
        ({"hosted_link": {"delivery_method": "email"}}, timedelta(days=7)),
        ({"hosted_link": {"url_lifetime_seconds": 60}}, timedelta(minutes=1)),
    ],
)
def test_link_tokens_live_as_long_as_documented(town: Town, changed: Any, lives: timedelta) -> None:
    made = town.link(**changed)
    left = datetime.fromisoformat(made["expiration"]) - datetime.now(UTC)
    assert timedelta() <= lives - left < timedelta(seconds=30)
    assert ("hosted_link_url" in made) is (changed.get("hosted_link", {}) is not None)


def test_a_public_token_lives_half_an_hour(town: Town) -> None:
    made = town.link()
    with Browser() as browser:
        through(browser.visit(made["hosted_link_url"]))
    public = town.told(made)["results"]["item_add_results"][0]["public_token"]
    town.clock.ahead = timedelta(minutes=31)
    assert town.client.code("/item/public_token/exchange", public_token=public) == "INVALID_PUBLIC_TOKEN"


def test_a_session_is_told_of_for_six_hours(town: Town) -> None:
    made = town.link()
    with Browser() as browser:
        through(browser.visit(made["hosted_link_url"]))
    town.clock.ahead = timedelta(hours=5, minutes=59)
    assert town.told(made)["finished_at"]
    town.clock.ahead = timedelta(hours=6, minutes=1)
    assert town.client.post("/link/token/get", link_token=made["link_token"])["link_sessions"] == []


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"client_name": ""}, "INVALID_FIELD"),
        ({"language": "xx"}, "INVALID_FIELD"),
        ({"country_codes": []}, "INVALID_FIELD"),
        ({"country_codes": ["ZZ"]}, "INVALID_FIELD"),
        ({"user": None}, "MISSING_FIELDS"),
        ({"user": {}}, "MISSING_FIELDS"),
        ({"user": {"client_user_id": ""}}, "INVALID_FIELD"),
        ({"products": None}, "MISSING_FIELDS"),
        ({"products": []}, "MISSING_FIELDS"),
        ({"products": ["balance"]}, "INVALID_PRODUCT"),
        ({"products": ["weather"]}, "INVALID_FIELD"),
        ({"optional_products": ["transactions"]}, "INVALID_FIELD"),
        ({"required_if_supported_products": ["transactions"]}, "INVALID_FIELD"),
        ({"transactions": {"days_requested": 0}}, "INVALID_FIELD"),
        ({"transactions": {"days_requested": 731}}, "INVALID_FIELD"),
        ({"webhook": "ftp://x.example"}, "INVALID_FIELD"),
        ({"webhook": "not a url"}, "INVALID_FIELD"),
        ({"redirect_uri": "https://x.example/back?a=1"}, "INVALID_FIELD"),
        ({"hosted_link": {"url_lifetime_seconds": 0}}, "INVALID_FIELD"),
        ({"hosted_link": {"url_lifetime_seconds": 21 * 86_400 + 1}}, "INVALID_FIELD"),
        ({"hosted_link": {"completion_redirect_uri": "javascript:alert(1)"}}, "INVALID_FIELD"),
        ({"hosted_link": {"delivery_method": "sms"}}, "MISSING_FIELDS"),
        ({"hosted_link": {"colour": "blue"}}, "UNKNOWN_FIELDS"),
        ({"account_filters": {"depository": {"account_subtypes": ["mattress"]}}}, "INVALID_FIELD"),
        ({"access_token": "access-sandbox-nobody", "products": None}, "INVALID_ACCESS_TOKEN"),
        ({"enable_multi_item_link": True}, "MISSING_FIELDS"),
        ({"colour": "blue"}, "UNKNOWN_FIELDS"),
    ],
)
def test_a_link_token_that_breaks_a_rule_is_refused(town: Town, changed: Any, code: str) -> None:
    assert town.client.code("/link/token/create", **{**LINK, **changed}) == code


def test_what_a_link_token_was_asked_for_is_told_back(town: Town) -> None:
    made = town.link(account_filters={"credit": {"account_subtypes": ["all"]}})
    told = town.client.post("/link/token/get", link_token=made["link_token"])["metadata"]
    assert told["client_name"] == "Ledger of mine"
    assert told["initial_products"] == ["transactions"]
    assert told["webhook"] == town.receiver.url
    assert told["account_filters"] == {"credit": {"account_subtypes": ["all"]}}
    assert "institution_data" not in told


def test_a_client_name_too_long_is_not_shown(town: Town) -> None:
    with Browser() as browser:
        browser.visit(town.link(client_name="x" * 31)["hosted_link_url"])
        assert "This Application" in browser.text


# --- update mode ---------------------------------------------------------------------------------------------------


def update(town: Town, token: str, **changed: Any) -> Any:
    return town.link(products=None, access_token=token, **changed)


def test_update_mode_repairs_a_login_and_the_item_goes_on_with_the_same_token(town: Town) -> None:
    token = town.linked()
    town.client.post("/sandbox/item/reset_login", access_token=token)
    assert town.heard("ITEM/ERROR")[0]["error"]["error_code"] == "ITEM_LOGIN_REQUIRED"
    made = update(town, token)
    with Browser() as browser:
        browser.visit(made["hosted_link_url"])
        assert f"Log in to {BANK}" in browser.text
        assert "Another bank" not in browser.buttons
        log_in(browser).press("Allow")
        assert "You're done" in browser.text
    assert town.client.post("/item/get", access_token=token)["item"]["error"] is None
    assert len(town.heard("ITEM/LOGIN_REPAIRED")) == 1
    session = town.told(made)
    assert session["results"]["item_add_results"] == []
    assert session["on_success"]["metadata"]["institution"]["institution_id"] == PLATYPUS
    assert town.heard("LINK/SESSION_FINISHED")[-1]["status"] == "SUCCESS"


def test_update_mode_is_for_the_same_person(town: Town) -> None:
    token = town.linked()
    with Browser() as browser:
        browser.visit(update(town, token)["hosted_link_url"])
        log_in(browser, username="user_transactions_dynamic")
        assert "INVALID_CREDENTIALS" in browser.text


def test_update_mode_with_account_selection_adds_and_drops_accounts(town: Town) -> None:
    token = town.linked()
    before = town.client.post("/accounts/get", access_token=token)["accounts"]
    made = update(town, token, update={"account_selection_enabled": True})
    with Browser() as browser:
        log_in(browser.visit(made["hosted_link_url"])).press("Continue", tick=["1", "2"]).press("Allow")
    after = town.client.post("/accounts/get", access_token=token)["accounts"]
    assert [each["account_id"] for each in after] == [each["account_id"] for each in before[:2]]


def test_update_mode_asks_consent_for_more_products(town: Town) -> None:
    token = town.linked()
    refused = town.client.code("/liabilities/get", access_token=token)
    assert refused == "ADDITIONAL_CONSENT_REQUIRED"
    made = update(town, token, additional_consented_products=["liabilities"])
    with Browser() as browser:
        log_in(browser.visit(made["hosted_link_url"])).press("Allow")
    assert town.client.post("/liabilities/get", access_token=token)["accounts"]


def test_update_mode_takes_no_products(town: Town) -> None:
    asked = {**LINK, "access_token": town.linked()}
    assert town.client.code("/link/token/create", **asked) == "INVALID_FIELD"


def test_a_link_to_an_item_that_was_removed_leads_nowhere(town: Town) -> None:
    token = town.linked()
    made = update(town, token)
    town.client.post("/item/remove", access_token=token)
    with Browser() as browser:
        assert browser.visit(made["hosted_link_url"]).status == 404


# --- consents and logins that end ----------------------------------------------------------------------------------


def test_a_british_consent_is_warned_of_ends_and_is_renewed_by_update_mode(town: Town) -> None:
    token = town.linked("Royal Bank of Plaid", country_codes=["GB"])
    ends = town.client.post("/item/get", access_token=token)["item"]["consent_expiration_time"]
    assert datetime.fromisoformat(ends) == town.sandbox.world.now + timedelta(days=180)
    town.sandbox.advance(days=172)
    assert town.heard("ITEM/PENDING_EXPIRATION") == []
    town.sandbox.advance(days=2)
    (warned,) = town.heard("ITEM/PENDING_EXPIRATION")
    assert warned["consent_expiration_time"] == ends
    town.sandbox.advance(days=5)
    assert town.client.post("/item/get", access_token=token)["item"]["error"] is None
    town.sandbox.advance(days=2)
    assert town.client.code("/transactions/sync", access_token=token) == "ITEM_LOGIN_REQUIRED"
    with Browser() as browser:
        log_in(browser.visit(update(town, token, country_codes=["GB"])["hosted_link_url"])).press("Allow")
    item = town.client.post("/item/get", access_token=token)["item"]
    assert item["error"] is None
    assert datetime.fromisoformat(item["consent_expiration_time"]) == town.sandbox.world.now + timedelta(
        days=180
    )
    assert len(town.heard("ITEM/LOGIN_REPAIRED")) == 1
    assert len(town.heard("ITEM/PENDING_EXPIRATION")) == 1


def test_one_long_step_tells_the_same_as_many_short_ones(town: Town) -> None:
    token = town.linked("Royal Bank of Plaid", country_codes=["GB"])
    town.sandbox.advance(days=400)
    assert len(town.heard("ITEM/PENDING_EXPIRATION")) == 1
    assert len(town.heard("ITEM/ERROR")) == 1
    item = town.client.post("/item/get", access_token=token)
    last = datetime.fromisoformat(item["status"]["transactions"]["last_successful_update"])
    assert last == datetime(2026, 1, 1, 12, tzinfo=UTC) + timedelta(days=180)


def test_a_login_ends_after_the_days_it_is_good_for() -> None:
    options = Options(limits=Regime.OFF, login_days=30)
    with Sandbox(World(people=1, firms=0), plaid=options) as sandbox, PlaidClient(sandbox.url) as client:
        token = client.item()
        sandbox.advance(days=29)
        client.post("/transactions/sync", access_token=token)
        sandbox.advance(days=2)
        assert client.code("/transactions/sync", access_token=token) == "ITEM_LOGIN_REQUIRED"


def test_a_permission_taken_back_is_told_and_ends_the_item(town: Town) -> None:
    token = town.linked()
    (item,) = town.sandbox.plaid.items
    town.client.control("POST", f"/plaid/items/{item.item_id}/revoke")
    assert town.heard("ITEM/USER_PERMISSION_REVOKED")[0]["item_id"] == item.item_id
    assert town.client.code("/accounts/get", access_token=token) == "USER_PERMISSION_REVOKED"


# --- a person, played ----------------------------------------------------------------------------------------------


def test_the_played_person_walks_as_the_page_does(town: Town) -> None:
    by_hand, played = town.link(), town.link()
    with Browser() as browser:
        through(browser.visit(by_hand["hosted_link_url"]))
    seen = town.client.control(
        "POST", "/plaid/link/finish", link_token=played["link_token"], institution_id=PLATYPUS
    )
    assert seen["step"] == "done"
    first, second = town.told(by_hand), town.told(played)
    assert [each["event_name"] for each in first["events"]] == [
        each["event_name"] for each in second["events"]
    ]
    assert seen["public_tokens"] == [each["public_token"] for each in second["results"]["item_add_results"]]


def test_the_played_person_reads_what_went_wrong(town: Town) -> None:
    made = town.link()
    finish = {"link_token": made["link_token"], "institution_id": PLATYPUS}
    seen = town.client.control("POST", "/plaid/link/finish", **finish, password="error_ITEM_LOCKED")
    assert (seen["step"], seen["problem"]["error_code"]) == ("login", "ITEM_LOCKED")
    seen = town.client.control("POST", "/plaid/link/finish", **finish, password="mfa_device")
    assert seen["step"] == "mfa"
    seen = town.client.control("POST", "/plaid/link/finish", **finish, mfa=["1234"], accounts=["0000"])
    assert seen["step"] == "done"
    assert len(town.told(made)["results"]["item_add_results"][0]["accounts"]) == 1


def test_the_played_person_may_leave(town: Town) -> None:
    made = town.link()
    finish = {"link_token": made["link_token"], "institution_id": PLATYPUS}
    seen = town.client.control("POST", "/plaid/link/finish", **finish, leaves_at="consent")
    assert seen["step"] == "left"
    assert town.heard("LINK/SESSION_FINISHED")[0]["status"] == "EXITED"
