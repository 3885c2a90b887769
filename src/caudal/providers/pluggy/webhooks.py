"""What Pluggy's webhooks mean, and what shows that one is Pluggy's (contract §6).

Pluggy signs nothing (as of the contract [?]): it sends the headers that were asked for when the webhook was registered.
So who sent it is shown, and of what it says nothing: every webhook is a hint alone, and what happened is fetched.
"""

import hmac
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Final

import msgspec

from caudal.model.errors import Malformed, NotGenuine
from caudal.providers.base import Delivery, FetchSignal, LinkSignal, MendedSignal, OutageSignal, Signal
from caudal.providers.pluggy.payloads import Webhook

Verifier = Callable[[Delivery], bool]
"""Whether a delivery is Pluggy's. Another takes its place once Pluggy's signature can be read about."""


def by_header(name: str, secret: str) -> Verifier:
    """By a header that only Pluggy was told; nothing is believed without a secret."""

    def shown(delivery: Delivery) -> bool:
        told = delivery.headers.get(name.lower(), "")
        return bool(secret) and hmac.compare_digest(told.encode(), secret.encode())

    return shown


def key_of(delivery: Delivery, verifier: Verifier) -> str:
    """The event's id, or where it has none what names its bytes. Raises NotGenuine."""
    if not verifier(delivery):
        raise NotGenuine("not with the header that Pluggy was told")
    try:
        told = _WEBHOOK.decode(delivery.body)
    except msgspec.DecodeError:
        raise NotGenuine("not a webhook of Pluggy's") from None
    return told.event_id or sha256(delivery.body).hexdigest()


def signals(body: bytes) -> list[Signal]:
    """What a webhook says; nothing for one that doesn't concern us or that nobody knows yet. Raises Malformed."""
    try:
        told = _WEBHOOK.decode(body)
    except msgspec.DecodeError as error:
        raise Malformed("pluggy webhook", str(error)) from None
    if told.event == "connector/status_updated":
        return _outage(told)
    meaning = _MEANINGS.get(told.event)
    if meaning is None:
        return []
    item = told.item_id or told.id
    if not item:
        raise Malformed(f"pluggy webhook {told.event}", "names no item")
    # Of a link under way its own name is known, and the item's isn't yet.
    linking: list[Signal] = [LinkSignal(told.client_user_id)] if told.client_user_id else []
    return [meaning(item), *(linking if told.event.startswith("item/") else [])]


def _outage(told: Webhook) -> list[Signal]:
    status = told.data.status if told.data else ""
    return [OutageSignal(told.id, status.lower())] if told.id and status in {"OFFLINE", "UNSTABLE"} else []


def _fetch(what: str) -> Callable[[str], Signal]:
    return lambda item: FetchSignal(item, what)


_MEANINGS: Final[Mapping[str, Callable[[str], Signal]]] = {
    "item/created": _fetch("a first visit to the bank"),
    # It may have needed its person, and not any more: if it still does, the pull that follows says so.
    "item/updated": MendedSignal,
    "item/error": _fetch("an error"),
    "item/deleted": _fetch("its end"),
    "item/waiting_user_input": _fetch("a question to its person"),
    "item/waiting_user_action": _fetch("something to be done by its person"),
    "item/login_succeeded": _fetch("a login"),
    "transactions/created": _fetch("new transactions"),
    "transactions/updated": _fetch("changed transactions"),
    "transactions/deleted": _fetch("transactions that are gone"),
}
"""What isn't here concerns payments, or is new."""

_WEBHOOK: Final = msgspec.json.Decoder(Webhook)
