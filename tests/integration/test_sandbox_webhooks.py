"""Webhooks as they arrive: signed so that anybody can check, tried again, and wrong where a fault wants them so."""

import hashlib
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey
from tests.support.plaid_client import PlaidClient
from tests.support.receiver import Received, Receiver

from caudal_sandbox.faults import Fault, Kind
from caudal_sandbox.plaid.emulator import Options
from caudal_sandbox.plaid.limits import Regime
from caudal_sandbox.plaid.webhooks import Fate, Forgery
from caudal_sandbox.server import Sandbox
from caudal_sandbox.world import World

SYNC = "TRANSACTIONS/SYNC_UPDATES_AVAILABLE"
SOON = Fraction(1, 100_000)
"""30 seconds become 0.3 milliseconds."""


class NotGenuine(Exception):
    """What a careful reader of the documentation would refuse, and why."""


def verify(client: PlaidClient, got: Received, *, now: datetime | None = None) -> dict[str, Any]:
    """The documented check, step by step (Webhook verification): raises NotGenuine."""
    if got.verification is None:
        raise NotGenuine("unsigned")
    signed = jws.extract_compact(got.verification.encode())
    if signed.headers().get("alg") != "ES256":
        raise NotGenuine("algorithm")
    answer = client.raw("/webhook_verification_key/get", key_id=signed.headers()["kid"])
    if answer.status_code != 200:
        raise NotGenuine("key id")
    key = answer.json()["key"]
    if key["expired_at"] is not None:
        raise NotGenuine("expired key")
    if not jws.validate_compact(
        signed, ECKey.import_key({name: key[name] for name in ("kty", "crv", "x", "y")})
    ):
        raise NotGenuine("signature")
    claims: dict[str, Any] = json.loads(signed.payload)
    at = (now or datetime.now(UTC)).timestamp()
    if not -60 <= at - claims["iat"] <= 300:
        raise NotGenuine("age")
    if claims["request_body_sha256"] != hashlib.sha256(got.body).hexdigest():
        raise NotGenuine("body")
    return claims


class Town:
    """A sandbox, a client, and a receiver of webhooks."""

    def __init__(self, sandbox: Sandbox, client: PlaidClient, receiver: Receiver) -> None:
        self.sandbox, self.client, self.receiver = sandbox, client, receiver

    def fault(self, kind: Kind, **said: Any) -> None:
        params = said.pop("params", {})
        self.sandbox.run(lambda: self.sandbox.faults.add(Fault(kind, params=params, **said)))

    def fire(self, token: str, code: str = "SYNC_UPDATES_AVAILABLE") -> None:
        self.client.post("/sandbox/item/fire_webhook", access_token=token, webhook_code=code)

    def hooked(self) -> str:
        return self.client.item(webhook=self.receiver.url)


@pytest.fixture
def town() -> Iterator[Town]:
    options = Options(limits=Regime.OFF, time_scale=SOON)
    with (
        Receiver() as receiver,
        Sandbox(World(people=1, firms=0), plaid=options) as sandbox,
        PlaidClient(sandbox.url) as client,
    ):
        yield Town(sandbox, client, receiver)


# --- genuine ones --------------------------------------------------------------------------------------------------


def test_a_webhook_passes_the_documented_check(town: Town) -> None:
    town.fire(town.hooked())
    town.sandbox.settled()
    (got,) = town.receiver.got
    assert verify(town.client, got)
    assert set(verify(town.client, got)) == {"iat", "request_body_sha256"}
    assert got.body.startswith(b'{\n  "environment": "sandbox",\n')


def test_one_byte_more_or_less_does_not_pass(town: Town) -> None:
    town.fire(town.hooked())
    town.sandbox.settled()
    (got,) = town.receiver.got
    with pytest.raises(NotGenuine, match="body"):
        verify(town.client, got._replace(body=got.body + b"\n"))
    with pytest.raises(NotGenuine, match="age"):
        verify(town.client, got, now=datetime.now(UTC) + timedelta(minutes=6))


def test_after_a_rotation_the_new_key_signs_and_the_old_one_has_expired(town: Town) -> None:
    token = town.hooked()
    town.fire(token)
    old = town.sandbox.plaid.keys.kid
    new = town.client.control("POST", "/plaid/keys/rotate")["key_id"]
    town.sandbox.settled()
    town.fire(token)
    town.sandbox.settled()
    first, second = town.receiver.got
    with pytest.raises(NotGenuine, match="expired key"):
        verify(town.client, first)
    assert verify(town.client, second)
    told = {kid: town.client.post("/webhook_verification_key/get", key_id=kid)["key"] for kid in (old, new)}
    assert told[old]["expired_at"] is not None
    assert told[new]["expired_at"] is None


def test_the_first_sync_arms_the_webhook_and_the_history_comes_with_it(town: Town) -> None:
    token = town.hooked()
    town.sandbox.settled()
    assert town.receiver.keys == []
    town.client.post("/transactions/sync", access_token=token)
    town.sandbox.settled()
    assert sorted(town.receiver.keys) == sorted([SYNC, "TRANSACTIONS/INITIAL_UPDATE"])
    town.client.sync(token)
    town.sandbox.settled()
    hooks = [each.told for each in town.receiver.got if each.key == SYNC]
    assert [each["historical_update_complete"] for each in hooks] == [False, True]


def test_an_item_without_a_url_sends_nothing(town: Town) -> None:
    town.client.sync(town.client.item())
    town.sandbox.advance(days=3)
    town.sandbox.settled()
    assert town.receiver.got == []
    assert sum(town.sandbox.plaid.courier.counts.values()) == 0


def test_a_moved_webhook_is_acknowledged_at_its_new_url(town: Town) -> None:
    token = town.hooked()
    with Receiver() as other:
        town.client.post("/item/webhook/update", access_token=token, webhook=other.url)
        town.sandbox.settled()
        assert other.keys == ["ITEM/WEBHOOK_UPDATE_ACKNOWLEDGED"]
        assert other.got[0].told["new_webhook_url"] == other.url
        town.fire(token)
        town.sandbox.settled()
        assert len(other.got) == 2
    assert town.receiver.got == []


def test_nothing_is_sent_for_an_item_that_was_removed(town: Town) -> None:
    token = town.hooked()
    town.client.sync(town.hooked())
    town.client.post("/item/remove", access_token=token)
    item_id = next(iter(town.sandbox.plaid.items)).item_id
    town.sandbox.advance(days=3)
    town.sandbox.settled()
    assert {each.told["item_id"] for each in town.receiver.got} == {item_id}


def test_what_was_sent_last_shows_on_the_item(town: Town) -> None:
    token = town.hooked()
    town.fire(token)
    last = town.client.post("/item/get", access_token=token)["status"]["last_webhook"]
    assert last["code_sent"] == "SYNC_UPDATES_AVAILABLE"


def test_advancing_answers_when_every_webhook_was_tried_once(town: Town) -> None:
    token = town.client.item(username="person-1", institution=_home(town), webhook=town.receiver.url)
    for _ in range(3):
        town.client.sync(token)
    town.sandbox.settled()
    seen = len(town.receiver.got)
    town.client.control("POST", "/advance", days=10)
    assert len(town.receiver.got) > seen


def _home(town: Town) -> str:
    holder = town.sandbox.world.holder("person-1")
    assert holder is not None
    bank = holder.accounts[0].institution.id
    return next(key for key, each in town.sandbox.plaid.catalogue.items() if each.bank.id == bank)


# --- tried again ---------------------------------------------------------------------------------------------------


def test_a_webhook_refused_is_tried_again_with_a_fresh_signature_until_it_is_taken(town: Town) -> None:
    with Receiver(lambda nth: 500 if nth < 3 else 200) as flaky:
        town.fire(town.client.item(webhook=flaky.url))
        town.sandbox.settled()
        assert len(flaky.got) == 4
        assert len({each.body for each in flaky.got}) == 1
        assert len({each.verification for each in flaky.got}) == 4
    assert town.sandbox.plaid.courier.counts[Fate.DELIVERED] == 1


def test_a_webhook_nobody_takes_is_given_up_after_a_day_of_attempts(town: Town) -> None:
    town.fire(town.client.item(webhook="http://127.0.0.1:9/nobody"))
    town.sandbox.settled()
    (delivery,) = town.sandbox.plaid.courier.journal
    assert delivery.fate is Fate.GIVEN_UP
    # 30 s, then × 4: the seventh attempt is 40,950 s after the first, an eighth would be beyond 24 hours.
    assert len(delivery.attempts) == 7
    assert {each.status for each in delivery.attempts} == {None}
    assert delivery.attempts[0].problem == "ConnectError"


def test_a_redirect_is_no_delivery_and_not_followed(town: Town) -> None:
    with Receiver(lambda _nth: 307, elsewhere=town.receiver.url) as moved:
        town.fire(town.client.item(webhook=moved.url))
        town.sandbox.settled()
        assert len(moved.got) == 7
    assert town.receiver.got == []


def test_waits_between_attempts_grow_fourfold() -> None:
    options = Options(limits=Regime.OFF, time_scale=Fraction(1, 600))  # 30 s become 50 ms
    with (
        Receiver(lambda nth: 503 if nth < 3 else 200) as slow,
        Sandbox(World(people=1, firms=0), plaid=options) as sandbox,
        PlaidClient(sandbox.url) as client,
    ):
        token = client.item(webhook=slow.url)
        client.post("/sandbox/item/fire_webhook", access_token=token, webhook_code="LOGIN_REPAIRED")
        sandbox.settled()
        waits = [later.at - one.at for one, later in zip(slow.got, slow.got[1:], strict=False)]
    assert waits[0] >= 0.05
    assert waits[1] >= 0.2
    assert waits[2] >= 0.8


def test_no_second_attempts_for_a_client_of_whom_nearly_all_fail(town: Town) -> None:
    token = town.client.item(webhook="http://127.0.0.1:9/nobody")
    for _ in range(6):
        town.fire(token)
        town.sandbox.settled()
    journal = list(town.sandbox.plaid.courier.journal)
    assert len(journal[0].attempts) == 7
    assert len(journal[-1].attempts) == 1


def test_stopping_waits_for_no_webhook_that_is_on_its_way() -> None:
    began = time.monotonic()
    options = Options(limits=Regime.OFF)
    with Sandbox(World(people=1, firms=0), plaid=options) as sandbox, PlaidClient(sandbox.url) as client:
        token = client.item(webhook="http://127.0.0.1:9/nobody")
        client.post("/sandbox/item/fire_webhook", access_token=token, webhook_code="LOGIN_REPAIRED")
    assert time.monotonic() - began < 10


# --- gone wrong ----------------------------------------------------------------------------------------------------


def test_a_lost_webhook_never_comes_and_is_written_down(town: Town) -> None:
    town.fault(Kind.WEBHOOK_LOST, count=1)
    token = town.hooked()
    town.fire(token)
    town.fire(token)
    town.sandbox.settled()
    assert len(town.receiver.got) == 1
    assert town.sandbox.plaid.courier.counts[Fate.LOST] == 1


def test_a_duplicated_webhook_comes_twice_and_both_are_genuine(town: Town) -> None:
    town.fault(Kind.WEBHOOK_DUPLICATED, count=1)
    town.fire(town.hooked())
    town.sandbox.settled()
    first, second = town.receiver.got
    assert first.body == second.body
    assert verify(town.client, first)
    assert verify(town.client, second)


def test_a_late_webhook_is_signed_when_it_is_sent(town: Town) -> None:
    town.fault(Kind.WEBHOOK_LATE, count=1, params={"milliseconds": 300})
    token = town.hooked()
    town.fire(token, "LOGIN_REPAIRED")
    town.fire(token, "NEW_ACCOUNTS_AVAILABLE")
    town.sandbox.settled()
    assert town.receiver.keys == ["ITEM/NEW_ACCOUNTS_AVAILABLE", "ITEM/LOGIN_REPAIRED"]
    assert verify(town.client, town.receiver.got[1])


def test_a_reordered_webhook_comes_after_the_next(town: Town) -> None:
    town.fault(Kind.WEBHOOK_REORDERED, count=1, params={"milliseconds": 60_000})
    token = town.hooked()
    town.fire(token, "LOGIN_REPAIRED")
    town.fire(token, "NEW_ACCOUNTS_AVAILABLE")
    town.sandbox.settled()
    assert town.receiver.keys == ["ITEM/NEW_ACCOUNTS_AVAILABLE", "ITEM/LOGIN_REPAIRED"]


def test_a_reordered_webhook_without_a_next_still_comes(town: Town) -> None:
    town.fault(Kind.WEBHOOK_REORDERED, count=1, params={"milliseconds": 50})
    town.fire(town.hooked())
    town.sandbox.settled()
    assert len(town.receiver.got) == 1


def test_a_replayed_webhook_is_the_very_same_bytes_again(town: Town) -> None:
    town.fault(Kind.WEBHOOK_REPLAYED, count=1, params={"milliseconds": 50})
    town.fire(town.hooked())
    town.sandbox.settled()
    first, second = town.receiver.got
    assert first[:2] == second[:2]
    assert second.at > first.at


@pytest.mark.parametrize(
    ("how", "why"),
    [
        (Forgery.UNSIGNED, "unsigned"),
        (Forgery.OTHER_KEY, "signature"),
        (Forgery.OTHER_KID, "key id"),
        (Forgery.OTHER_BODY, "body"),
        (Forgery.OTHER_ALGORITHM, "algorithm"),
        (Forgery.STALE, "age"),
        (Forgery.FROM_THE_FUTURE, "age"),
    ],
)
def test_a_forged_webhook_asks_for_harm_beside_the_genuine_one_and_fails_in_its_own_way(
    town: Town, how: Forgery, why: str
) -> None:
    town.fault(Kind.WEBHOOK_FORGED, count=1, params={"how": how.value})
    town.fire(town.hooked())
    town.sandbox.settled()
    (forged,) = [each for each in town.receiver.got if each.key == "ITEM/USER_PERMISSION_REVOKED"]
    (genuine,) = [each for each in town.receiver.got if each.key == SYNC]
    with pytest.raises(NotGenuine, match=why):
        verify(town.client, forged)
    assert verify(town.client, genuine)


def test_a_forged_webhook_is_not_tried_again(town: Town) -> None:
    with Receiver(lambda _nth: 401) as strict:
        town.fault(Kind.WEBHOOK_FORGED, count=1, params={"how": "other_key"})
        token = town.client.item(webhook=strict.url)
        town.fire(token)
        town.sandbox.settled()
        keys = strict.keys
    assert keys.count("ITEM/USER_PERMISSION_REVOKED") == 1
    assert keys.count(SYNC) == 7


def test_faults_are_aimed_at_one_item_and_one_kind_of_webhook(town: Town) -> None:
    first, second = town.hooked(), town.hooked()
    item_id = next(iter(town.sandbox.plaid.items)).item_id
    town.fault(Kind.WEBHOOK_LOST, connection=item_id, endpoint="ITEM/*")
    for token in (first, second):
        town.fire(token, "LOGIN_REPAIRED")
        town.fire(token)
    town.sandbox.settled()
    assert sorted(town.receiver.keys) == ["ITEM/LOGIN_REPAIRED", SYNC, SYNC]
