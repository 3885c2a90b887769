"""An Item's life as its client leads it: exchanged for a token, told of elsewhere, given a new token, removed."""

from typing import Annotated, Final, Literal

import msgspec

from caudal_sandbox.plaid.answers.endpoints import ItemRequest, Request
from caudal_sandbox.plaid.answers.item import item_record
from caudal_sandbox.plaid.calls import Call, Route
from caudal_sandbox.plaid.emulator import Emulator
from caudal_sandbox.plaid.link_requests import check_url
from caudal_sandbox.plaid.notices import Notice
from caudal_sandbox.plaid.signing import PublicKey

Reason = Literal[
    "FRAUD_FIRST_PARTY",
    "FRAUD_FALSE_IDENTITY",
    "FRAUD_ABUSE",
    "FRAUD_OTHER",
    "CONNECTION_IS_NON_FUNCTIONAL",
    "OTHER",
]


class Exchange(Request, frozen=True, kw_only=True):
    """`/item/public_token/exchange`"""

    public_token: str


class Remove(ItemRequest, frozen=True, kw_only=True):
    """`/item/remove`. The reason is for Plaid's own statistics."""

    reason_code: Reason | None = None
    reason_note: Annotated[str, msgspec.Meta(max_length=512)] | None = None


class WebhookUpdate(ItemRequest, frozen=True, kw_only=True):
    """`/item/webhook/update`. null takes the webhook away."""

    webhook: str | None = None


class KeyGet(Request, frozen=True, kw_only=True):
    """`/webhook_verification_key/get`"""

    key_id: str


class Exchanged(msgspec.Struct, frozen=True):
    """The token that opens the Item from now on."""

    access_token: str
    item_id: str


class KeyAnswer(msgspec.Struct, frozen=True):
    """The public half of a signing key."""

    key: PublicKey


def exchange(emulator: Emulator, call: Call[Exchange]) -> Exchanged:
    """Once, within 30 minutes; the token of update mode leads to the Item's own access token."""
    public = emulator.tokens.exchanged(call.asked.public_token, client_id=call.client_id)
    item = emulator.items.by_id(public.item_id)
    return Exchanged(item.access_token, item.item_id)


def remove(emulator: Emulator, call: Call[Remove]) -> dict[str, object]:
    """No webhook tells of it, and none comes after it."""
    emulator.items.remove(call.of_item)
    return {}


def webhook_update(emulator: Emulator, call: Call[WebhookUpdate]) -> dict[str, object]:
    """The acknowledgement goes to the new URL."""
    item, url = call.of_item, call.asked.webhook or ""
    if url:
        check_url("webhook", url)
    item.webhook = url
    emulator.notify(
        item, [Notice("ITEM", "WEBHOOK_UPDATE_ACKNOWLEDGED", {"error": None, "new_webhook_url": url})]
    )
    return {"item": item_record(item)}


def invalidate(emulator: Emulator, call: Call[ItemRequest]) -> dict[str, object]:
    """The old token is dead at once."""
    return {"new_access_token": emulator.items.rotate(call.of_item)}


def key_get(emulator: Emulator, call: Call[KeyGet]) -> KeyAnswer:
    """Expired keys too, as long as the emulator lives."""
    return KeyAnswer(emulator.keys.public(call.asked.key_id))


ROUTES: Final = (
    Route("/item/public_token/exchange", Exchange, "client", exchange),
    Route("/item/remove", Remove, "item", remove),
    Route("/item/webhook/update", WebhookUpdate, "item", webhook_update),
    Route("/item/access_token/invalidate", ItemRequest, "item", invalidate),
    Route("/webhook_verification_key/get", KeyGet, "client", key_get),
)
