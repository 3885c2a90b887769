"""Plaid keeps the promises of every provider."""

import json
from contextlib import AbstractAsyncContextManager
from datetime import timedelta

import httpx
from tests.contract.conformance import BOUNDS, Conformance, Rig
from tests.support.hub import CLIENT
from tests.support.plaid_script import HandClock
from tests.support.receiver import Receiver
from tests.support.shared import shared

from caudal.model.errors import ProviderError
from caudal.providers.base import Delivery, LinkAnswer, LinkStep, LiveProvider, Poll, Visit, Waiting
from caudal.providers.plaid import PlaidConfig, PlaidProvider
from caudal.providers.plaid.errors import RULES, Refusal, error_for
from caudal.providers.plaid.payloads import PlaidError
from caudal.providers.plaid.provider import DECLARATION
from caudal_sandbox.faults import WEBHOOKS, Kind
from caudal_sandbox.server import Sandbox

PLATYPUS = "ins_109508"


def opened(sandbox: Sandbox, clock: HandClock) -> AbstractAsyncContextManager[LiveProvider]:
    config = PlaidConfig(*CLIENT, base_url=sandbox.url)
    return PlaidProvider(config, BOUNDS, clock=clock)


def person(sandbox: Sandbox, step: LinkStep) -> LinkAnswer:
    assert isinstance(step, Visit | Waiting), step
    if isinstance(step, Visit):
        said = {
            "hosted_link_url": step.url,
            "institution_id": PLATYPUS,
            "username": "user_good",
            "password": "pass_good",
        }
        httpx.post(f"{sandbox.url}/_sandbox/plaid/link/finish", json=said, trust_env=False).raise_for_status()
    return Poll(step.state)


def need_user(sandbox: Sandbox) -> None:
    for item in sandbox.plaid.items:
        sandbox.plaid.break_login(item, "ITEM_LOGIN_REQUIRED")


def end(sandbox: Sandbox) -> None:
    for item in sandbox.plaid.items:
        sandbox.plaid.revoke(item)


def error_of(code: str) -> ProviderError:
    return error_for(Refusal("item/get", 400, PlaidError(error_type="ITEM_ERROR", error_code=code)))


def documented() -> dict[str, type[ProviderError]]:
    """Every code in Plaid's own list has a rule of its own; that it is the right one, `test_plaid_adapter` says."""
    told = json.loads(shared("contracts", "plaid", "data", "errors.json").read_bytes())["errors"]
    codes = [entry["error_code"] for entry in told]
    assert set(codes) <= RULES.keys()
    return {code: type(error_of(code)) for code in codes}


def deliver(sandbox: Sandbox) -> list[Delivery]:
    """A webhook of a login that is asked for, and of one that works again."""
    with Receiver() as receiver:
        for item in sandbox.plaid.items:
            item.webhook = receiver.url
        sandbox.run(lambda: need_user(sandbox))
        sandbox.settled()
        return [
            Delivery(each.headers, each.body, sandbox.plaid.clock() + timedelta(seconds=1))
            for each in receiver.got
        ]


class TestPlaid(Conformance):
    rig = Rig(
        DECLARATION,
        opened,
        person,
        need_user=need_user,
        end=end,
        codes=documented,
        error_of=error_of,
        secrets=CLIENT[1:],
        institution=PLATYPUS,
        people=(),
        never=WEBHOOKS | {Kind.MUTATION},
        deliver=deliver,
    )
