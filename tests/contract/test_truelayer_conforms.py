"""TrueLayer keeps the promises of every provider."""

import html
import re
from contextlib import AbstractAsyncContextManager
from functools import partial

import httpx
from tests.contract.conformance import BOUNDS, Conformance, Rig
from tests.support.plaid_script import HandClock

from caudal.hub.links import returned
from caudal.model.errors import NeedsUser, ProviderError, RateLimited, Refused, Revoked, Unavailable
from caudal.providers.base import LinkAnswer, LinkStep, LiveProvider, Visit
from caudal.providers.truelayer.config import TrueLayerConfig
from caudal.providers.truelayer.errors import Refusal, error_for
from caudal.providers.truelayer.provider import DECLARATION, TrueLayerProvider
from caudal_sandbox.economy.countries import CountryCode
from caudal_sandbox.faults import Kind
from caudal_sandbox.server import Sandbox
from caudal_sandbox.truelayer.app import KINDS
from caudal_sandbox.truelayer.service import TrueLayer

SECRET = "CANARY-truelayer-71c0"
BANK, PERSON = "ob-thornbury-vale", "person-2"
FAMILIES: dict[str, type[ProviderError]] = {
    "data validation_error": Refused,
    "data invalid_date_range": Refused,
    "data deprecated_provider": NeedsUser,
    "data unauthorized": NeedsUser,
    "data invalid_token": NeedsUser,
    "data access_denied": NeedsUser,
    "data sca_exceeded": NeedsUser,
    "data account_not_found": Refused,
    "data provider_too_many_requests": RateLimited,
    "data provider_request_limit_exceeded": RateLimited,
    "data internal_server_error": Unavailable,
    "data endpoint_not_supported": Refused,
    "data provider_error": Unavailable,
    "data connector_overload": Unavailable,
    "data temporarily_unavailable": Unavailable,
    "data connector_timeout": Unavailable,
    "data provider_timeout": Unavailable,
    "auth invalid_grant": NeedsUser,
    "auth invalid_client": Refused,
    "auth invalid_request": Refused,
    "auth unauthorized_client": Refused,
    "auth access_denied": NeedsUser,
    "auth not_found": Revoked,
}
"""Every code of Data v1 and of the authentication server (contract, §5)."""


def truelayer(sandbox: Sandbox) -> TrueLayer:
    found = sandbox.emulators["truelayer"]
    assert isinstance(found, TrueLayer)
    return found


def opened(sandbox: Sandbox, clock: HandClock) -> AbstractAsyncContextManager[LiveProvider]:
    config = TrueLayerConfig("sandbox-hub", SECRET, "sandbox", sandbox.url_of("truelayer"), "uk-ob-all")
    return TrueLayerProvider(config, BOUNDS, clock=clock)


def person(sandbox: Sandbox, step: LinkStep) -> LinkAnswer:
    """Goes through the page, and comes back by its redirect."""
    assert isinstance(step, Visit), step
    with httpx.Client(trust_env=False) as browser:
        page = browser.get(step.url)
        session = html.unescape(re.findall(r'name=session value="([^"]+)"', page.text)[0])
        form = {"session": session, "provider_id": BANK, "username": PERSON, "password": "x"}
        back = browser.post(f"{sandbox.url_of('truelayer')}/dialog", data=form)
    return returned(step, back.headers["location"])


def need_user(sandbox: Sandbox) -> None:
    """The consents end."""
    for each in truelayer(sandbox).emulator.connections.all:
        each.expires_at = sandbox.world.now


def error_of(code: str) -> ProviderError:
    where, _, name = code.partition(" ")
    return error_for(Refusal("accounts", 418, name, auth=where == "auth"))


class TestTrueLayer(Conformance):
    rig = Rig(
        DECLARATION,
        opened,
        person,
        need_user=need_user,
        end=None,
        codes=lambda: FAMILIES,
        error_of=error_of,
        secrets=(SECRET,),
        people=(PERSON,),
        country=CountryCode.GB,
        emulators=(partial(TrueLayer, limited=False),),
        never=frozenset(Kind) - KINDS,
    )
