"""Only what TrueLayer signed, for this address, lately, by a key of its own, is genuine; v1's callbacks never are."""

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.support.truelayer import BASE, Stand

from caudal.model.errors import Malformed, NotGenuine
from caudal.providers.base import Delivery, FetchSignal
from caudal.providers.truelayer import TrueLayerConfig, TrueLayerProvider

URL = "https://hub.example/webhooks/truelayer"
EVENT = {"type": "transactions_request_completed", "event_id": "e-1", "connection_id": "con-1"}


def delivered(stand: Stand, *, url: str = URL, origin: str = BASE, **changed: Any) -> Delivery:
    hook = stand.emulator.send_event(url, EVENT, origin)
    headers = {name.lower(): value for name, value in hook.headers.items()}
    told = Delivery(headers, hook.body, stand.world.now)
    for field, value in changed.items():
        told = Delivery(
            **{"headers": told.headers, "body": told.body, "received_at": told.received_at, field: value}
        )
    return told


def verified(stand: Stand, delivery: Delivery) -> str:
    return stand.run(lambda live: live.verify_webhook(delivery))


def test_a_signed_webhook_is_known_by_its_event() -> None:
    stand = Stand(webhook_url=URL)
    assert verified(stand, delivered(stand)) == "e-1"
    assert verified(stand, delivered(stand, url=f"{URL}/")) == "e-1"


@pytest.mark.parametrize(
    "wrong",
    [
        {"body": b'{"type":"forged"}'},
        {"headers": {}},
        {"url": "https://hub.example/another"},
        {"origin": "https://webhooks.attacker.example"},
        {"received_at": datetime(2025, 6, 6, tzinfo=UTC)},
        {"received_at": datetime(2025, 6, 2, 11, tzinfo=UTC)},
    ],
)
def test_what_is_forged_misdirected_or_old_is_not_genuine(wrong: dict[str, Any]) -> None:
    stand = Stand(webhook_url=URL)
    with pytest.raises(NotGenuine):
        verified(stand, delivered(stand, **wrong))


def test_keys_are_fetched_once_a_minute_whoever_asks_for_them() -> None:
    stand = Stand(webhook_url=URL)
    genuine = delivered(stand)
    stand.emulator.signer.kid = "unknown"

    async def act(live: TrueLayerProvider) -> None:
        unknown = [delivered(stand) for _ in range(3)]
        stand.emulator.signer.kid = "another"
        for each in (*unknown, genuine):
            with pytest.raises(NotGenuine):
                await live.verify_webhook(each)

    stand.run(act)


def test_without_an_address_nothing_is_genuine() -> None:
    stand = Stand()
    with pytest.raises(NotGenuine):
        verified(stand, delivered(stand))


def test_news_of_a_connection_is_a_reason_to_fetch_and_anything_else_none() -> None:
    live = TrueLayerProvider(TrueLayerConfig("sandbox-hub", "s", "sandbox"))
    body = b'{"type":"transactions_request_completed","connection_id":"con-1"}'
    assert live.signals_of(body) == [FetchSignal("con-1", "transactions_request_completed")]
    assert live.signals_of(b'{"type":"payment_executed"}') == []
    with pytest.raises(Malformed):
        live.signals_of(b"no JSON")
