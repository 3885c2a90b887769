"""The whole: configuration, what goes over the wire, refresh and revoke, and where no secret ever shows."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from tests.support.plaid_script import ACCESS, SECRET, TOKEN, Script, item, provider, pulled, refusal, synced

from caudal.model.errors import ConfigError, NeedsUser, RateLimited, Refused, Revoked
from caudal.providers.base import Access, LiveProvider
from caudal.providers.plaid import PlaidConfig, PlaidProvider
from caudal.providers.plaid.client import BUDGETS

REMOVE, REFRESH = "item/remove", "transactions/refresh"


def done(script: Script, act: Callable[[PlaidProvider], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        async with provider(script) as plaid:
            await act(plaid)

    asyncio.run(run())


def test_it_is_a_live_provider() -> None:
    live: LiveProvider = provider(Script({}))
    assert live.name == "plaid"


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"environment": "development"}, "is gone"),
        ({"environment": "moon"}, "environment"),
        ({"client_id": ""}, "client_id"),
        ({"secret": ""}, "secret"),
        ({"country_codes": ("US", "BR")}, "BR"),
        ({"country_codes": ()}, "country_codes"),
        ({"client_name": "x" * 31}, "client_name"),
        ({"days_requested": 731}, "days_requested"),
        ({"base_url": "http://plaid.example"}, "https"),
    ],
)
def test_a_configuration_that_cannot_do_says_which_field(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named) as error:
        provider(Script({}), **wrong)
    assert SECRET not in str(error.value)


def test_each_environment_has_its_host_and_an_emulator_its_own() -> None:
    assert PlaidConfig("c", "s").url == "https://sandbox.plaid.com"
    assert PlaidConfig("c", "s", "production").url == "https://production.plaid.com"
    assert PlaidConfig("c", "s", base_url="http://127.0.0.1:9").url == "http://127.0.0.1:9"


def test_credentials_go_in_headers_and_never_in_bodies() -> None:
    script = Script({"item/get": item(), "transactions/sync": synced("c1")})
    pulled(script, '{"bank":"Alder Bank","next":"c1","told":"2026-03-10T12:00:00+00:00"}')
    assert len(script.headers) == 2
    for headers in script.headers:
        assert headers["PLAID-CLIENT-ID"] == "client-1"
        assert headers["PLAID-SECRET"] == SECRET
        assert headers["Plaid-Version"] == "2020-09-14"
        assert headers["Content-Type"] == "application/json"
    assert all(SECRET not in str(body) and "client_id" not in body for _, body in script.asked)


def test_refresh_asks_plaid_to_go_to_the_bank() -> None:
    script = Script({REFRESH: {}})
    done(script, lambda plaid: plaid.refresh(ACCESS))
    assert script.asked == [(REFRESH, {"access_token": TOKEN})]


def test_an_add_on_that_is_not_there_is_refused() -> None:
    with pytest.raises(Refused):
        done(
            Script({REFRESH: refusal("UNAUTHORIZED_ROUTE_ACCESS", "INVALID_INPUT")}),
            lambda p: p.refresh(ACCESS),
        )


def test_a_broker_is_asked_for_its_investments_instead() -> None:
    script = Script({REFRESH: refusal("PRODUCTS_NOT_SUPPORTED"), "investments/refresh": {}})
    done(script, lambda plaid: plaid.refresh(ACCESS))
    assert script.paths == [REFRESH, "investments/refresh"]


def test_where_neither_can_be_refreshed_the_transactions_say_why() -> None:
    script = Script(
        {
            REFRESH: refusal("ACCESS_NOT_GRANTED", display_message="Share it again, Ada."),
            "investments/refresh": refusal("NO_INVESTMENT_ACCOUNTS"),
        }
    )
    with pytest.raises(NeedsUser, match="Share it again"):
        done(script, lambda plaid: plaid.refresh(ACCESS))


@pytest.mark.parametrize("code", ["ITEM_NOT_FOUND", "INVALID_ACCESS_TOKEN", "ITEM_CONCURRENTLY_DELETED"])
def test_revoking_what_is_over_is_no_error(code: str) -> None:
    script = Script({REMOVE: refusal(code)})
    done(script, lambda plaid: plaid.revoke(ACCESS))
    assert script.asked == [(REMOVE, {"access_token": TOKEN})]


def test_revoking_that_fails_says_so() -> None:
    with pytest.raises(NeedsUser):
        done(Script({REMOVE: refusal("ITEM_LOGIN_REQUIRED")}), lambda plaid: plaid.revoke(ACCESS))


def test_a_connection_without_its_token_is_refused_before_anything_is_sent() -> None:
    script = Script({})
    with pytest.raises(Refused, match="connection-9"):
        done(script, lambda plaid: plaid.refresh(Access("connection-9", "item", None, {})))
    assert script.asked == []


def test_our_own_budget_is_kept_before_plaids_is_met() -> None:
    script = Script({REFRESH: {}})

    async def thrice(plaid: PlaidProvider) -> None:
        for _ in range(3):
            await plaid.refresh(ACCESS)

    with pytest.raises(RateLimited):
        done(script, thrice)
    assert 1 <= len(script.asked) <= 2


def test_every_operation_that_has_a_documented_limit_has_a_budget() -> None:
    assert BUDGETS["transactions/sync"].per_item_per_minute == 50
    assert BUDGETS["transactions/sync"].per_client_per_minute == 2500
    assert BUDGETS["institutions/get_by_id"].per_item_per_minute is None


def test_no_secret_shows_in_logs_errors_or_reprs(caplog: pytest.LogCaptureFixture) -> None:
    leaky = f'bad access_token {TOKEN}, "secret": "{SECRET}" and Bearer {TOKEN}'
    script = Script(
        {"transactions/sync": refusal("INVALID_ACCESS_TOKEN", "INVALID_INPUT", error_message=leaky)}
    )
    with caplog.at_level(logging.DEBUG):
        _, error = pulled(script, '{"bank":"Alder Bank"}')
    plaid = provider(script)
    shown = f"{caplog.text} {error!s} {error!r} {plaid!r} {PlaidConfig('client-1', SECRET)!r}"
    assert isinstance(error, Revoked)
    assert TOKEN not in shown
    assert SECRET not in shown
    assert "rQ7refused000cd" in str(error)
