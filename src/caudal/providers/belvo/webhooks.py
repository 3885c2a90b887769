"""What Belvo's webhooks mean, and what shows that one is Belvo's (contract, §5).

Belvo signs nothing: it sends an Authorization header that its dashboard was told. So who sent one is shown, and of what
it says nothing: each is a hint, and what happened is fetched.
"""

import hmac
from typing import Final

import msgspec

from caudal.model.errors import Malformed, NotGenuine
from caudal.providers.base import Delivery, FetchSignal, LinkSignal, MendedSignal, Signal
from caudal.providers.belvo.payloads import Webhook

_DATA: Final = frozenset({"ACCOUNTS", "TRANSACTIONS", "INVESTMENTS", "INVESTMENT_TRANSACTIONS"})
_CONSENTS: Final = frozenset({"CONSENT", "CONSENTS"})
"""[?] Which of the two it is isn't told."""


def key_of(delivery: Delivery, authorization: str) -> str:
    """The event's id. Raises NotGenuine; always, where no header was agreed on."""
    told = delivery.headers.get("authorization", "")
    if not authorization or not hmac.compare_digest(told.encode(), authorization.encode()):
        raise NotGenuine("not with the Authorization that Belvo was told")
    try:
        return _WEBHOOK.decode(delivery.body).webhook_id
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise NotGenuine("not a webhook of Belvo's") from None


def signals(body: bytes) -> list[Signal]:
    """What a webhook says; nothing for one of what isn't read (owners, bills, enrichment), or that is new. Raises
    Malformed."""
    try:
        told = _WEBHOOK.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed("belvo webhook", str(error)) from None
    reference = told.external_id or told.link_id
    if not reference:
        raise Malformed(f"belvo webhook {told.webhook_type}", "names no link")
    what = f"{told.webhook_type.lower()}: {told.webhook_code}"
    if told.webhook_type in {"LINK", *_CONSENTS}:
        return [FetchSignal(reference, what)]
    if told.webhook_type not in _DATA:
        return []
    if told.webhook_type == "ACCOUNTS" and told.webhook_code == "historical_update" and told.external_id:
        return [MendedSignal(reference), LinkSignal(told.external_id)]
    # A link that brings news works, whatever it lacked before: if it still does, the pull that follows says so.
    return [MendedSignal(reference)]


_WEBHOOK: Final = msgspec.json.Decoder(Webhook)
