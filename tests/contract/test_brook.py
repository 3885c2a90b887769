"""Brook, which nobody has heard of, keeps every promise: adding a provider is an afternoon.

And a Brook whose adapter breaks one of them is found out by the suite.
"""

from contextlib import AbstractAsyncContextManager
from random import sample

import msgspec
import pytest
from tests.contract.conformance import BOUNDS, Conformance, Rig
from tests.support.brook.adapter import DECLARATION, BrookProvider, error_of
from tests.support.brook.emulator import REFUSALS, Brook
from tests.support.plaid_script import HandClock

from caudal.model.changes import TransactionSeen
from caudal.model.errors import NeedsUser, NotReady, ProviderError, Refused, Revoked, Unavailable
from caudal.providers.base import Ask, Capability, Fields, LinkAnswer, LinkStep, LiveProvider
from caudal.settings import Settings
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
        codes=lambda: CODES,
        error_of=error_of,
        secrets=(KEY,),
        emulators=(Brook,),
        never=WEBHOOKS | {Kind.MUTATION},
    )


def test_the_codes_are_the_contract_s() -> None:
    assert CODES.keys() == REFUSALS.keys()


class Forgetful(BrookProvider):
    """Leaves out a movement."""

    async def pull(self, access, cursor):
        async for page in super().pull(access, cursor):
            movements = [each for each in page.changes if isinstance(each, TransactionSeen)]
            gone = movements[len(movements) // 2] if movements else None
            kept = [each for each in page.changes if each is not gone]
            yield msgspec.structs.replace(page, changes=kept, windows=())


class Fickle(BrookProvider):
    """Says something else each time."""

    async def pull(self, access, cursor):
        async for page in super().pull(access, cursor):
            yield msgspec.structs.replace(page, changes=sample(page.changes, len(page.changes)))


class Hasty(BrookProvider):
    """Steps over what follows its first page."""

    async def pull(self, access, cursor):
        pages = [page async for page in super().pull(access, cursor)]
        for page in pages:
            yield msgspec.structs.replace(page, next=pages[-1].next)


class Clumsy(BrookProvider):
    """Lets an error of its own out, with the key in it."""

    async def pull(self, access, cursor):
        try:
            async for page in super().pull(access, cursor):
                yield page
        except ProviderError as error:
            raise RuntimeError(access.secrets["key"].decode()) from error


class Talkative(BrookProvider):
    """Tells the key where it can't go on."""

    async def pull(self, access, cursor):
        try:
            async for page in super().pull(access, cursor):
                yield page
        except Unavailable as error:
            raise Unavailable(f"{error} with {access.secrets['key'].decode()}") from error


class Boastful(BrookProvider):
    """Declares what it hasn't."""

    capabilities = BrookProvider.capabilities | {Capability.PENDING}


def of(adapter: type[BrookProvider]) -> Conformance:
    """The suite, for that adapter in Brook's place."""

    def opened(sandbox: Sandbox, clock: HandClock) -> AbstractAsyncContextManager[LiveProvider]:
        return adapter(sandbox.url_of("brook"), BOUNDS, clock=clock)

    suite = Conformance()
    declared = msgspec.structs.replace(DECLARATION, capabilities=adapter.capabilities)
    suite.rig = TestBrook.rig._replace(opened=opened, declaration=declared)  # type: ignore[misc]
    return suite


def test_a_movement_left_out_is_found(settings: Settings) -> None:
    with pytest.raises(AssertionError, match="missing"):
        of(Forgetful).test_a_ledger_written_a_page_a_run_is_the_truth(settings)


def test_an_adapter_that_says_something_else_each_time_is_found() -> None:
    with pytest.raises(AssertionError):
        of(Fickle).test_pulling_again_from_the_same_cursor_says_the_same()


def test_a_cursor_that_is_ahead_of_its_page_is_found() -> None:
    with pytest.raises(AssertionError):
        of(Hasty).test_a_pull_that_ends_after_any_page_goes_on_from_there_and_loses_nothing()


def test_an_error_of_another_family_is_found(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(RuntimeError):
        of(Clumsy).test_a_fault_ends_in_the_family_and_once_it_is_quiet_the_ledger_is_the_truth(
            settings, Kind.NOT_READY, caplog
        )


def test_a_secret_in_an_error_is_found(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(AssertionError):
        of(Talkative).test_a_fault_ends_in_the_family_and_once_it_is_quiet_the_ledger_is_the_truth(
            settings, Kind.HTML, caplog
        )


def test_a_capability_that_is_not_there_is_found() -> None:
    with pytest.raises(AssertionError):
        of(Boastful).test_it_keeps_what_it_declares()
