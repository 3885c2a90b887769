"""Bitso keeps the promises of every provider."""

import json
from contextlib import AbstractAsyncContextManager
from datetime import timedelta

import pytest
from tests.contract.conformance import BOUNDS, Conformance, Rig
from tests.support.plaid_script import HandClock
from tests.support.shared import shared

from caudal.model.errors import NeedsUser, NotReady, ProviderError, RateLimited, Refused, Revoked, Unavailable
from caudal.provider_settings import BitsoSettings
from caudal.providers.base import Ask, Delivery, Fields, LinkAnswer, LinkStep, LiveProvider
from caudal.providers.bitso import provider
from caudal.providers.bitso.errors import error_of
from caudal.providers.bitso.provider import DECLARATION
from caudal_sandbox.bitso.service import CLIENT_ID, KEY, SECRET, Bitso
from caudal_sandbox.faults import WEBHOOKS, Kind
from caudal_sandbox.server import Sandbox

OTHERS = {
    **dict.fromkeys(("0101", "1000", "1003", "0207", "104"), Unavailable),
    **dict.fromkeys(("0201", "0202", "0203", "0204", "0205", "0208", "0209", "0210"), NeedsUser),
    **dict.fromkeys(("0211", "0212", "0213", "0214", "0215", "0216"), NeedsUser),
    "0326": Revoked,
    **dict.fromkeys(("0377", "0378"), NotReady),
    **dict.fromkeys(("0801", "0802"), RateLimited),
}
"""What isn't a request that Bitso won't take."""


def bitso(sandbox: Sandbox) -> Bitso:
    found = sandbox.emulators["bitso"]
    assert isinstance(found, Bitso)
    return found


def opened(sandbox: Sandbox, clock: HandClock) -> AbstractAsyncContextManager[LiveProvider]:
    told = BitsoSettings(f"{sandbox.url_of('bitso')}/v3", webhook_account=CLIENT_ID)
    return provider.opened(told, BOUNDS, clock=clock)


def person(sandbox: Sandbox, step: LinkStep) -> LinkAnswer:
    assert isinstance(step, Ask)
    sandbox.run(lambda: say(sandbox, ""))
    return Fields(step.state, {"key": KEY, "secret": SECRET})


def say(sandbox: Sandbox, trouble: str) -> None:
    bitso(sandbox).keys[KEY].trouble = trouble


def documented() -> dict[str, type[ProviderError]]:
    told = json.loads(shared("contracts", "bitso", "specs", "error_codes.json").read_bytes())
    codes = [*told["codes"], *told["legacy"]]
    assert set(codes) >= OTHERS.keys()
    return {code: OTHERS.get(code, type(error_of("0301"))) for code in codes if code not in ("0901", "1004")}


def deliver(sandbox: Sandbox) -> list[Delivery]:
    there = bitso(sandbox)
    held = sandbox.run(there.hold)
    notices = sandbox.run(lambda: [*there.notices(there.books.transfers[0]), *there.notices(held)])
    return [Delivery(each.headers, each.body, sandbox.world.now + timedelta(seconds=1)) for each in notices]


class TestBitso(Conformance):
    rig = Rig(
        DECLARATION,
        opened,
        person,
        need_user=lambda sandbox: say(sandbox, "0202"),
        end=lambda sandbox: say(sandbox, "0326"),
        codes=documented,
        error_of=error_of,
        secrets=(KEY, SECRET),
        people=(),
        never=WEBHOOKS | {Kind.REISSUED_IDS},
        deliver=deliver,
        happens=lambda sandbox: bitso(sandbox).happen(),
        holds=lambda sandbox: bitso(sandbox).hold(),
    )


def test_a_refusal_that_is_none_of_ours_is_our_mistake() -> None:
    assert type(error_of("0301")) is Refused


@pytest.mark.parametrize("code", ["0901", "1004"])
def test_what_bitso_has_no_more_is_refused_and_known_to_be_gone(code: str) -> None:
    assert isinstance(error_of(code), Refused)
