"""Brook, which nobody has heard of, keeps every promise: adding a provider is an afternoon."""

from contextlib import AbstractAsyncContextManager

from tests.contract.conformance import BOUNDS, Conformance, Rig
from tests.support.brook.adapter import DECLARATION, BrookProvider, error_of
from tests.support.brook.emulator import REFUSALS, Brook
from tests.support.plaid_script import HandClock

from caudal.model.errors import NeedsUser, NotReady, Refused, Revoked, Unavailable
from caudal.providers.base import Ask, Fields, LinkAnswer, LinkStep, LiveProvider
from caudal_sandbox.faults import WEBHOOKS, Kind
from caudal_sandbox.server import Sandbox

KEY = "CANARY-brook-key-1"
CODES = {
    "bad_key": NeedsUser,
    "sign_in_again": NeedsUser,
    "key_withdrawn": Revoked,
    "bad_request": Refused,
    "not_found": Refused,
    "preparing": NotReady,
    "slow_down": Unavailable,
    "broken": Unavailable,
    "bank_down": Unavailable,
}


def brook(sandbox: Sandbox) -> Brook:
    found = sandbox.emulators["brook"]
    assert isinstance(found, Brook)
    return found


def opened(sandbox: Sandbox, clock: HandClock) -> AbstractAsyncContextManager[LiveProvider]:
    return BrookProvider(sandbox.url_of("brook"), BOUNDS, clock=clock)


def person(sandbox: Sandbox, step: LinkStep) -> LinkAnswer:
    assert isinstance(step, Ask)
    sandbox.run(lambda: say(sandbox, ""))
    return Fields(step.state, dict.fromkeys(step.fields, KEY))


def say(sandbox: Sandbox, trouble: str) -> None:
    brook(sandbox).trouble = trouble


class TestBrook(Conformance):
    rig = Rig(
        DECLARATION,
        opened,
        person,
        need_user=lambda sandbox: say(sandbox, "sign_in_again"),
        end=lambda sandbox: say(sandbox, "key_withdrawn"),
        codes=CODES,
        error_of=error_of,
        secrets=(KEY,),
        emulators=(Brook,),
        never=WEBHOOKS | {Kind.MUTATION},
    )


def test_the_codes_are_the_contract_s() -> None:
    assert CODES.keys() == REFUSALS.keys()
