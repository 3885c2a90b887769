"""Belvo keeps the promises of every provider."""

import json
from contextlib import AbstractAsyncContextManager
from functools import partial
from urllib.parse import parse_qsl, urlsplit

import httpx
from tests.contract.conformance import BOUNDS, Conformance, Rig
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
from caudal.providers.belvo.client import BelvoConfig
from caudal.providers.belvo.errors import RULES, error_of
from caudal.providers.belvo.provider import DECLARATION, BelvoProvider
from caudal_sandbox.belvo.emulator import Options
from caudal_sandbox.belvo.names import cpf_of
from caudal_sandbox.belvo.service import Belvo
from caudal_sandbox.economy.countries import CountryCode
from caudal_sandbox.faults import WEBHOOKS
from caudal_sandbox.server import Sandbox

SECRET = "CANARY-belvo-password"
HEADER = "Bearer CANARY-belvo-webhook"
PERSON = "person-1"
TERMS = "https://hub.example/terms"

EXPECTED: dict[type[ProviderError], str] = {
    NeedsUser: "login_error invalid_link unconfirmed_link session_expired token_required consent_without_accounts",
    Revoked: "not_found",
    RateLimited: "link_refreshed",
    Unavailable: """too_many_sessions institution_down institution_unavailable institution_inactive request_timeout
        idempotency_key_conflict unexpected_error""",
}
"""What the contract (§6) makes of each code; whatever isn't here is our bug."""


def belvo(sandbox: Sandbox) -> Belvo:
    found = sandbox.emulators["belvo"]
    assert isinstance(found, Belvo)
    return found


def configured(sandbox: Sandbox, **more: object) -> BelvoConfig:
    url = sandbox.url_of("belvo")
    told = {
        "company": "Caudal",
        "company_icon": TERMS,
        "company_logo": TERMS,
        "terms_url": TERMS,
        "purpose": "ver",
    }
    return BelvoConfig(
        "hub", SECRET, "sandbox", url, f"{url}/widget/", HEADER, **{**told, "investments": True, **more}
    )


def opened(sandbox: Sandbox, clock: HandClock) -> AbstractAsyncContextManager[LiveProvider]:
    return BelvoProvider(configured(sandbox, page_size=60), BOUNDS, clock=clock)


def browse(url: str, **said: str) -> str:
    """A person goes through the widget; where they end."""
    form = {
        **dict(parse_qsl(urlsplit(url).query)),
        "institution": "ofmockbank_br_retail",
        "answer": "allow",
        **said,
    }
    with httpx.Client(trust_env=False) as browser:
        assert "Autorizar" in browser.get(url).text
        return browser.post(url.partition("?")[0], data=form).headers["location"]


def person(_: Sandbox, step: LinkStep) -> LinkAnswer:
    if isinstance(step, Ask):
        return Fields(step.state, {"document": cpf_of(PERSON), "name": "Pessoa"})
    assert isinstance(step, Visit | Waiting), step
    if isinstance(step, Visit):
        browse(step.url)
    return Poll(step.state)


def need_user(sandbox: Sandbox) -> None:
    """The consents end."""
    for link in belvo(sandbox).emulator.links.values():
        assert link.consent is not None
        link.consent.status = "EXPIRED"


def end(sandbox: Sandbox) -> None:
    """The links are deleted."""
    belvo(sandbox).emulator.links.clear()


def documented() -> dict[str, type[ProviderError]]:
    """Every code of the contract's examples and of its table."""
    folder = shared("contracts", "belvo", "contract.md").parent
    found = {each["code"] for each in json.loads((folder / "examples/errors/index.json").read_text("utf-8"))}
    expected = {code: kind for kind, codes in EXPECTED.items() for code in codes.split()}
    assert found <= RULES.keys(), found - RULES.keys()
    assert expected.keys() <= RULES.keys()
    return {code: expected.get(code, Refused) for code in RULES}


def deliver(sandbox: Sandbox) -> list[Delivery]:
    """Webhooks of new rows, and of a login that is wanted."""
    emulator = belvo(sandbox).emulator
    with Receiver() as receiver:
        emulator.hooks.url, emulator.hooks.authorization = receiver.url, HEADER
        sandbox.advance(hours=25)
        sandbox.run(lambda: [emulator.break_login(link) for link in emulator.links.values()])
        sandbox.settled()
        return [Delivery(each.headers, each.body, emulator.clock()) for each in receiver.got]


class TestBelvo(Conformance):
    rig = Rig(
        DECLARATION,
        opened,
        person,
        need_user=need_user,
        end=end,
        codes=documented,
        error_of=error_of,
        secrets=(SECRET, HEADER, cpf_of(PERSON)),
        emulators=(partial(Belvo, options=Options(limited=False)),),
        people=(PERSON,),
        country=CountryCode.BR,
        never=WEBHOOKS,
        deliver=deliver,
        signed=False,
    )
