"""Linking on Plaid's own page: what it is asked for, what came of it, and what it costs to conclude."""

import asyncio
import json
import logging
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from rich.console import Console
from tests.support.plaid_script import (
    ACCESS,
    TOKEN,
    HandClock,
    Json,
    Raw,
    Script,
    institution,
    provider,
    refusal,
)

from caudal.model.errors import Refused, Unavailable
from caudal.providers.base import (
    Abandoned,
    AccountFound,
    Conclude,
    Fields,
    Found,
    InstitutionFound,
    LinkAnswer,
    Linked,
    LinkRequest,
    LinkSignal,
    LinkState,
    LinkStep,
    Mended,
    Poll,
    Visit,
    Waiting,
)
from caudal.providers.plaid.webhooks import signals

CREATE, GET, EXCHANGE = "link/token/create", "link/token/get", "item/public_token/exchange"
LINK_TOKEN, PUBLIC_TOKEN = "link-sandbox-CANARY-11aa", "public-sandbox-CANARY-22bb"
PAGE = "https://hosted.plaid.example/link/abc"
EXPIRES = "2026-03-10T16:00:00Z"

CREATED = {"link_token": LINK_TOKEN, "expiration": EXPIRES, "hosted_link_url": PAGE}
ADDED = {
    "public_token": PUBLIC_TOKEN,
    "institution": {"institution_id": "ins_77", "name": "Alder Bank"},
    "accounts": [
        {"id": "acc-till", "name": "Till", "mask": "4711", "type": "depository", "subtype": "checking"},
        {"id": "acc-card", "name": None, "mask": None, "type": "credit", "subtype": "credit card"},
    ],
}


def session(*added: Json, finished: bool = True, **more: Any) -> Json:
    told = {"link_session_id": "s1", "finished_at": "2026-03-10T15:29:00.330312653Z" if finished else None}
    return {**told, "results": {"item_add_results": list(added)}, **more}


def sessions(*told: Json, expiration: str = EXPIRES) -> Json:
    return {"link_token": LINK_TOKEN, "expiration": expiration, "link_sessions": list(told)}


def begun(plaid: Script, request: LinkRequest, **config: Any) -> LinkStep:
    async def run() -> LinkStep:
        async with provider(plaid, **config) as live:
            return await live.begin_link(request)

    return asyncio.run(run())


def answered(plaid: Script, answer: LinkAnswer, clock: HandClock | None = None) -> LinkStep:
    async def run() -> LinkStep:
        async with provider(plaid, clock) as live:
            return await live.continue_link(answer)

    return asyncio.run(run())


def under_way(relink: bool = False) -> LinkState:
    step = begun(Script({CREATE: CREATED}), LinkRequest("space-1", relink=ACCESS if relink else None))
    assert isinstance(step, Visit)
    return step.state


def polled(*told: Json, relink: bool = False, clock: HandClock | None = None, **more: Any) -> LinkStep:
    lines: dict[str, Any] = {GET: sessions(*told, **more), "institutions/get_by_id": institution()}
    return answered(Script(lines), Poll(under_way(relink)), clock)


def test_a_new_link_asks_for_transactions_and_for_consent_to_the_rest() -> None:
    plaid = Script({CREATE: CREATED})
    step = begun(plaid, LinkRequest("space-1", webhook_url="https://hub.example/hook", language="pt"))
    assert isinstance(step, Visit)
    assert (step.url, step.poll_seconds, step.expires_at) == (PAGE, 5, datetime(2026, 3, 10, 16, tzinfo=UTC))
    assert plaid.bodies(CREATE) == [
        {
            "additional_consented_products": ["investments", "liabilities"],
            "client_name": "Caudal",
            "country_codes": ["US"],
            "hosted_link": {},
            "language": "pt",
            "products": ["transactions"],
            "transactions": {"days_requested": 730},
            "user": {"client_user_id": "space-1"},
            "webhook": "https://hub.example/hook",
        }
    ]


def test_a_broker_is_asked_for_investments_alone_or_it_would_not_be_shown() -> None:
    plaid = Script({CREATE: CREATED})
    begun(plaid, LinkRequest("space-1", investments_only=True))
    [asked] = plaid.bodies(CREATE)
    assert asked["products"] == ["investments"]
    assert asked["additional_consented_products"] == ["liabilities"]
    assert "transactions" not in asked


def test_a_visit_names_its_session_as_the_signal_does_and_shows_it_to_nobody() -> None:
    visit = begun(Script({CREATE: CREATED}), LinkRequest("space-1"))
    assert isinstance(visit, Visit)
    body = {"webhook_type": "LINK", "webhook_code": "SESSION_FINISHED", "link_token": LINK_TOKEN}
    assert signals(json.dumps(body).encode()) == [LinkSignal(visit.session)]
    shown = Console(file=StringIO(), width=500)
    shown.print(visit)
    written = shown.file.getvalue() if isinstance(shown.file, StringIO) else ""
    for text in (repr(visit), str(visit), f"{visit}", written):
        assert PAGE in text
        assert LINK_TOKEN not in text


def test_a_language_plaid_does_not_speak_is_english() -> None:
    plaid = Script({CREATE: CREATED})
    begun(plaid, LinkRequest("space-1", language="eu", return_url="https://hub.example/done"))
    [asked] = plaid.bodies(CREATE)
    assert asked["language"] == "en"
    assert asked["hosted_link"] == {"completion_redirect_uri": "https://hub.example/done"}
    assert "webhook" not in asked


def test_what_the_installation_says_is_what_is_asked_for() -> None:
    plaid = Script({CREATE: CREATED})
    begun(
        plaid, LinkRequest("space-1"), client_name="Our House", country_codes=("GB", "IE"), days_requested=90
    )
    [asked] = plaid.bodies(CREATE)
    assert (asked["client_name"], asked["country_codes"]) == ("Our House", ["GB", "IE"])
    assert asked["transactions"] == {"days_requested": 90}


def test_a_chosen_bank_is_preselected_by_its_routing_number_where_it_has_one() -> None:
    bank = institution()
    bank["institution"]["routing_numbers"] = ["021000000", "021000001"]
    plaid = Script({CREATE: CREATED, "institutions/get_by_id": bank})
    begun(plaid, LinkRequest("space-1", institution="ins_77"))
    assert plaid.bodies(CREATE)[0]["institution_data"] == {"routing_number": "021000000"}
    assert plaid.bodies("institutions/get_by_id") == [{"institution_id": "ins_77", "country_codes": ["US"]}]


@pytest.mark.parametrize("said", [institution(), refusal("INVALID_INSTITUTION", "INVALID_INPUT")])
def test_a_chosen_bank_without_one_is_looked_for_by_the_person(said: Json | Raw) -> None:
    plaid = Script({CREATE: CREATED, "institutions/get_by_id": said})
    assert isinstance(begun(plaid, LinkRequest("space-1", institution="ins_77")), Visit)
    assert "institution_data" not in plaid.bodies(CREATE)[0]


def test_mending_names_the_item_and_leaves_products_and_webhook_alone() -> None:
    plaid = Script({CREATE: CREATED})
    request = LinkRequest(
        "space-1", relink=ACCESS, webhook_url="https://hub.example/hook", choose_accounts=True
    )
    begun(plaid, request)
    [asked] = plaid.bodies(CREATE)
    assert asked["access_token"] == TOKEN
    assert asked["update"] == {"account_selection_enabled": True}
    assert asked.keys().isdisjoint({"products", "webhook", "transactions", "institution_data"})
    plaid = Script({CREATE: CREATED})
    begun(plaid, LinkRequest("space-1", relink=ACCESS))
    assert "update" not in plaid.bodies(CREATE)[0]


def test_an_account_without_hosted_link_is_told_so() -> None:
    with pytest.raises(Refused, match="Hosted Link"):
        begun(Script({CREATE: {"link_token": LINK_TOKEN, "expiration": EXPIRES}}), LinkRequest("space-1"))


@pytest.mark.parametrize("told", [[], [session(finished=False)], [session(finished=False), session(exit={})]])
def test_a_person_at_it_is_waited_for(told: list[Json]) -> None:
    step = polled(*told)
    assert isinstance(step, Waiting)
    assert isinstance(
        answered(
            Script({GET: sessions(session(ADDED)), "institutions/get_by_id": institution()}), Poll(step.state)
        ),
        Found,
    )


def test_what_was_chosen_is_found_and_nothing_is_concluded_yet() -> None:
    step = polled(session(ADDED))
    assert isinstance(step, Found)
    assert step.institution == InstitutionFound("ins_77", "Alder Bank", "US")
    assert step.accounts == (
        AccountFound("acc-till", "Till", "4711", "checking"),
        AccountFound("acc-card", "", None, "card"),
    )


def test_the_deprecated_twin_of_the_results_does_as_well() -> None:
    metadata = {"institution": ADDED["institution"], "accounts": ADDED["accounts"]}
    twin = {"public_token": PUBLIC_TOKEN, "metadata": metadata}
    assert polled({"finished_at": None, "on_success": twin}) == polled(session(ADDED))


def test_a_success_beats_an_exit_before_it() -> None:
    left = session(exit={"error": None, "metadata": {}})
    assert isinstance(polled(left, session(ADDED)), Found)


def test_of_several_logins_the_first_is_taken_and_the_rest_is_said(caplog: pytest.LogCaptureFixture) -> None:
    other = {**ADDED, "public_token": "public-sandbox-CANARY-33cc", "accounts": []}
    with caplog.at_level(logging.WARNING, logger="caudal.providers.plaid"):
        step = polled(session(ADDED, other))
    assert isinstance(step, Found)
    assert len(step.accounts) == 2
    assert "2 logins" in caplog.text
    assert "CANARY" not in caplog.text


def test_a_bank_in_several_countries_or_in_trouble_has_none_told() -> None:
    several: dict[str, Any] = {
        GET: sessions(session(ADDED)),
        "institutions/get_by_id": institution("GB", "IE"),
    }
    step = answered(Script(several), Poll(under_way()))
    assert isinstance(step, Found)
    assert step.institution.country is None
    down = refusal("INTERNAL_SERVER_ERROR", "API_ERROR", 500)
    step = answered(
        Script({GET: sessions(session(ADDED)), "institutions/get_by_id": down}), Poll(under_way())
    )
    assert isinstance(step, Found)
    assert step.institution.country is None


@pytest.mark.parametrize("field", ["exit", "on_exit"])
def test_a_page_closed_by_hand_is_abandoned(field: str) -> None:
    step = polled(session(**{field: {"error": None, "metadata": None}}))
    assert isinstance(step, Abandoned)
    assert "closed" in step.why


def test_what_the_bank_said_is_why() -> None:
    error = {
        "error_code": "INVALID_CREDENTIALS",
        "error_type": "ITEM_ERROR",
        "display_message": "Wrong password.",
    }
    assert polled(session(exit={"error": error})) == Abandoned("Wrong password.")
    step = polled(session(exit={"error": {"error_code": "MFA_NOT_SUPPORTED"}}))
    assert isinstance(step, Abandoned)
    assert "MFA_NOT_SUPPORTED" in step.why


def test_time_runs_out_but_not_for_one_who_came_in_time() -> None:
    late = HandClock(datetime(2026, 3, 10, 16, 0, 1, tzinfo=UTC))
    assert isinstance(polled(clock=late), Abandoned)
    assert isinstance(polled(session(finished=False), clock=late), Waiting)
    much_later = HandClock(late.time + timedelta(minutes=30))
    assert isinstance(polled(session(finished=False), clock=much_later), Abandoned)
    assert isinstance(polled(session(ADDED), clock=much_later), Found)


def test_a_link_plaid_has_forgotten_is_abandoned() -> None:
    forgotten = refusal("INVALID_LINK_TOKEN", "INVALID_INPUT")
    assert isinstance(answered(Script({GET: forgotten}), Poll(under_way())), Abandoned)


@pytest.mark.parametrize(
    "done",
    [
        session(ADDED),
        {"finished_at": "2026-03-10T15:29:00Z", "on_success": {"public_token": "", "metadata": None}},
        {"finished_at": "2026-03-10T15:29:00Z"},
    ],
)
def test_a_mended_connection_keeps_its_credentials(done: Json) -> None:
    assert polled(done, relink=True) == Mended()


def test_mending_that_was_left_is_abandoned_and_one_under_way_waited_for() -> None:
    assert isinstance(polled(session(exit={"error": None}), relink=True), Abandoned)
    assert isinstance(polled(session(finished=False), relink=True), Waiting)


def concluded(said: Json | Raw) -> tuple[LinkStep, Script]:
    found = polled(session(ADDED))
    assert isinstance(found, Found)
    plaid = Script({EXCHANGE: [said]})
    return answered(plaid, Conclude(found.state)), plaid


def test_concluding_exchanges_the_public_token_for_a_connection() -> None:
    step, plaid = concluded({"access_token": TOKEN, "item_id": "item-alder"})
    assert isinstance(step, Linked)
    assert (step.reference, step.secrets) == ("item-alder", {"access_token": TOKEN.encode()})
    assert step.institution == InstitutionFound("ins_77", "Alder Bank", "US")
    assert plaid.asked == [(EXCHANGE, {"public_token": PUBLIC_TOKEN})]


def test_a_public_token_that_lapsed_is_abandoned() -> None:
    assert isinstance(concluded(refusal("INVALID_PUBLIC_TOKEN", "INVALID_INPUT"))[0], Abandoned)


def test_an_exchange_is_never_sent_twice() -> None:
    found = polled(session(ADDED))
    assert isinstance(found, Found)
    plaid = Script({EXCHANGE: Raw(503, b"")})
    with pytest.raises(Unavailable):
        answered(plaid, Conclude(found.state))
    assert plaid.paths == [EXCHANGE]


def test_answers_out_of_turn_are_refused() -> None:
    waiting, found = under_way(), polled(session(ADDED))
    assert isinstance(found, Found)
    for wrong in (Conclude(waiting), Poll(found.state), Fields(waiting, {}), Poll(LinkState("nonsense"))):
        with pytest.raises(Refused):
            answered(Script({}), wrong)


def test_no_token_shows() -> None:
    found = polled(session(ADDED))
    linked, _ = concluded({"access_token": TOKEN, "item_id": "item-alder"})
    assert "CANARY" not in f"{under_way()!r} {found!r} {linked!r}"
