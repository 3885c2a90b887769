"""Pluggy keeps the promises of every provider, with the signs of production and with those of its sandbox."""

import json
import re
from contextlib import AbstractAsyncContextManager
from functools import partial

import httpx
import pytest
from tests.contract.conformance import BOUNDS, Books, Conformance, Rig
from tests.support.plaid_script import HandClock
from tests.support.receiver import Receiver
from tests.support.shared import shared

from caudal.model.errors import NeedsUser, ProviderError, RateLimited, Refused, Revoked, Unavailable
from caudal.providers.base import (
    Ask,
    Delivery,
    Fields,
    LinkAnswer,
    LinkStep,
    LiveProvider,
    Poll,
    Visit,
    Waiting,
)
from caudal.providers.pluggy.client import PluggyConfig
from caudal.providers.pluggy.errors import RULES, error_of
from caudal.providers.pluggy.provider import DECLARATION, PluggyProvider
from caudal.settings import Settings
from caudal_sandbox.faults import WEBHOOKS
from caudal_sandbox.pluggy.emulator import Options
from caudal_sandbox.pluggy.logins import MESSAGES
from caudal_sandbox.pluggy.service import Pluggy
from caudal_sandbox.server import Sandbox

CLIENT_ID = "5a1d0c9e-7d7f-4f6e-9c55-0d8f3a2b1c4d"
SECRET = "CANARY-pluggy-secret"
HOOK_SECRET = "CANARY-pluggy-hook"
PASSWORD = "password-ok"
AURORA = "210"
"""A bank of the world, by password: Banco Aurora Sul."""

EXPECTED: dict[type[ProviderError], str] = {
    NeedsUser: """INVALID_CREDENTIALS INVALID_CREDENTIALS_MFA USER_INPUT_TIMEOUT USER_AUTHORIZATION_PENDING
        USER_AUTHORIZATION_NOT_GRANTED USER_AUTHORIZATION_REVOKED ACCOUNT_LOCKED ACCOUNT_CREDENTIALS_RESET
        ACCOUNT_NEEDS_ACTION USER_NOT_SUPPORTED TOO_MANY_CONSECUTIVE_LOGIN_FAILURES TOO_MANY_CONSECUTIVE_ERRORS
        ITEM_ORIGINAL_CONNECTED_WITH_DIFFERENT_ACCOUNT BALANCE_CONSENT_ERROR""",
    Revoked: "ITEM_NOT_FOUND",
    RateLimited: "CLIENT_IS_UPDATING_BEFORE_ALLOWED_FREQUENCY BALANCE_OPEN_FINANCE_RATE_LIMIT",
    Unavailable: """ALREADY_LOGGED_IN SITE_NOT_AVAILABLE CONNECTION_ERROR UNEXPECTED_ERROR ACCOUNT_NOT_FOUND
        INVESTMENT_NOT_FOUND BALANCE_CONNECTOR_UNAVAILABLE BALANCE_FETCH_ERROR BALANCE_NOT_FOUND
        INTERNAL_SERVER_ERROR""",
}
"""What the contract's tables (§3.3, §3.4, §4) make of each; whatever isn't here is our bug, or not for us."""


def opened(sandbox: Sandbox, clock: HandClock) -> AbstractAsyncContextManager[LiveProvider]:
    url = sandbox.url_of("pluggy")
    config = PluggyConfig(CLIENT_ID, SECRET, url, f"{url}/connect", webhook_secret=HOOK_SECRET)
    return PluggyProvider(config, BOUNDS, clock=clock)


def person(_: Sandbox, step: LinkStep) -> LinkAnswer:
    assert isinstance(step, Ask), step
    said = {"user": "ana", "password": PASSWORD}
    return Fields(step.state, {name: said[name] for name in step.fields})


def pluggy(sandbox: Sandbox) -> Pluggy:
    found = sandbox.emulators["pluggy"]
    assert isinstance(found, Pluggy)
    return found


def need_user(sandbox: Sandbox) -> None:
    emulator = pluggy(sandbox).emulator
    for item in emulator.items:
        emulator.break_login(item, "INVALID_CREDENTIALS")


def end(sandbox: Sandbox) -> None:
    emulator = pluggy(sandbox).emulator
    for item in emulator.items:
        emulator.remove(item)


def documented() -> dict[str, type[ProviderError]]:
    """Every code in the contract's text, its examples and the description has a rule of its own, and the right one."""
    found = {*MESSAGES}
    folder = shared("contracts", "pluggy", "contract.md").parent
    for file in [
        *folder.glob("examples/errors/*.json"),
        *folder.glob("recorded/*.json"),
        *folder.glob("openapi/*.json"),
    ]:
        found |= {*re.findall(r'"codeDescription": *"([A-Z_]+)"', file.read_text("utf-8"))}
    text = (folder / "contract.md").read_text("utf-8")
    section = text[text.index("### 3.4") : text.index("### 4.1")]
    found |= set(re.findall(r"`([A-Z]+(?:_[A-Z]+){2,})`", section))
    expected = {code: kind for kind, codes in EXPECTED.items() for code in codes.split()}
    assert found <= RULES.keys(), found - RULES.keys()
    assert json.dumps(sorted(expected.keys() - RULES.keys())) == "[]"
    return {code: expected.get(code, Refused) for code in found | expected.keys()}


def deliver(sandbox: Sandbox) -> list[Delivery]:
    """Webhooks of a login that is asked for, of new rows, and of the end."""
    emulator = pluggy(sandbox).emulator
    with Receiver() as receiver:
        url = sandbox.url_of("pluggy")
        key = httpx.post(f"{url}/auth", json={"clientId": CLIENT_ID, "clientSecret": SECRET}, trust_env=False)
        asked = {"url": receiver.url, "event": "all", "headers": {"x-caudal-secret": HOOK_SECRET}}
        made = httpx.post(
            f"{url}/webhooks", json=asked, headers={"X-API-KEY": key.json()["apiKey"]}, trust_env=False
        )
        assert made.status_code == 201
        sandbox.advance(hours=25)
        for done in (need_user, end):
            sandbox.run(partial(done, sandbox))
        sandbox.settled()
        return [Delivery(each.headers, each.body, emulator.clock()) for each in receiver.got]


class TestPluggy(Conformance):
    rig = Rig(
        DECLARATION,
        opened,
        person,
        need_user=need_user,
        end=end,
        codes=documented,
        error_of=error_of,
        secrets=(SECRET, HOOK_SECRET, PASSWORD),
        emulators=(partial(Pluggy, options=Options(page_rows=40)),),
        institution=AURORA,
        people=(),
        never=WEBHOOKS,
        deliver=deliver,
        signed=False,
    )


def anybody(sandbox: Sandbox, step: LinkStep) -> LinkAnswer:
    """Fills in any form, and approves at the bank's page."""
    if isinstance(step, Ask):
        said = {"user": "user-ok", "password": PASSWORD, "cpf": "416.799.495-00"}
        return Fields(step.state, {name: said[name] for name in step.fields})
    assert isinstance(step, Visit | Waiting), step
    if isinstance(step, Visit):
        httpx.post(step.url, data={"decision": "approve"}, trust_env=False).raise_for_status()
    return Poll(step.state)


@pytest.mark.parametrize("institution", ["2", "610"])
def test_the_sandbox_s_signs_and_open_finance_come_to_the_same_ledger(
    settings: Settings, institution: str
) -> None:
    suite = Conformance()
    suite.rig = TestPluggy.rig._replace(institution=institution, person=anybody)  # type: ignore[misc]
    suite.test_a_ledger_written_a_page_a_run_is_the_truth(settings)


def test_three_statements_that_close_leave_every_movement_once(settings: Settings) -> None:
    async def work(books: Books) -> None:
        for _ in range(9):
            books.bench.sandbox.advance(days=10)
            await books.through()
            await books.expect_the_truth()

    TestPluggy().with_books(settings, work)
