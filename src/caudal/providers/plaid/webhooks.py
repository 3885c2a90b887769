"""What Plaid's webhooks mean (Plaid docs, Webhooks). They are hints: what happened is fetched, never read from them.

Duplicates, disorder and delays of a day are usual; each signal may be acted on twice.
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from caudal.model.errors import Malformed, NeedsUser, Revoked
from caudal.providers.base import (
    EndedSignal,
    FetchSignal,
    LinkSignal,
    MendedSignal,
    OutageSignal,
    Signal,
    UserNeededSignal,
)
from caudal.providers.plaid.errors import Refusal, error_for
from caudal.providers.plaid.payloads import Webhook

_RELINK: Final = "link this connection again before then, and it goes on without a gap"

Reader = Callable[[Webhook, str], Signal]


def signals(body: bytes) -> list[Signal]:
    """What a genuine webhook says; nothing for one that doesn't concern us or that we don't know yet.

    Raises Malformed where it isn't a webhook at all, or lacks what says whom it is about.
    """
    try:
        told = _WEBHOOK.decode(body)
    except msgspec.DecodeError as error:
        raise Malformed("plaid webhook", str(error)) from None
    key = (told.webhook_type, told.webhook_code)
    if told.webhook_type == "LINK":
        return [LinkSignal(told.link_token)] if told.link_token else []
    if key == ("DASHBOARD_CONFIGURED_ALERT", "INSTITUTION_STATUS_ALERT_TRIGGERED"):
        return _outage(told)
    reader = _READERS.get(key)
    if reader is None:
        return []
    if not told.item_id:
        raise Malformed(f"plaid webhook {told.webhook_type}/{told.webhook_code}", "names no item_id")
    return [reader(told, told.item_id)]


def _fetch(what: str) -> Reader:
    return lambda _, item: FetchSignal(item, what)


def _in_error(told: Webhook, item: str) -> Signal:
    """The Item's error by its code. What isn't the person's to mend, the next pull meets by itself."""
    if told.error is None:
        return FetchSignal(item, "an error that isn't told")
    error = error_for(Refusal("webhook ITEM/ERROR", 200, told.error))
    if isinstance(error, NeedsUser):
        return UserNeededSignal(item, error.reason, error.action)
    if isinstance(error, Revoked):
        return EndedSignal(item)
    return FetchSignal(item, f"the error {told.error.error_code}")


def _expires(told: Webhook, item: str) -> Signal:
    """Europe: 7 days before the consent ends."""
    return UserNeededSignal(item, "the consent given to Plaid ends", _RELINK, told.consent_expiration_time)


def _disconnects(told: Webhook, item: str) -> Signal:
    """US and Canada: 7 days before the bank cuts the connection."""
    why = "the bank moves to another way of access"
    if told.reason == "INSTITUTION_TOKEN_EXPIRATION":
        why = "the access the bank gave ends"
    return UserNeededSignal(item, why, _RELINK, told.disconnect_time)


def _mended(_: Webhook, item: str) -> Signal:
    return MendedSignal(item)


def _ended(_: Webhook, item: str) -> Signal:
    return EndedSignal(item)


def _account_ended(told: Webhook, item: str) -> Signal:
    """Without the account's id it is for the next pull to find out which one is gone."""
    return (
        EndedSignal(item, told.account_id) if told.account_id else FetchSignal(item, "an account was revoked")
    )


def _outage(told: Webhook) -> list[Signal]:
    if not told.institution_id:
        return []
    rate = told.institution_overall_success_rate
    return [OutageSignal(told.institution_id, f"success rate {rate}" if rate is not None else "in trouble")]


_READERS: Final[Mapping[tuple[str, str], Reader]] = {
    ("TRANSACTIONS", "SYNC_UPDATES_AVAILABLE"): _fetch("transactions"),
    ("ITEM", "ERROR"): _in_error,
    ("ITEM", "LOGIN_REPAIRED"): _mended,
    ("ITEM", "PENDING_EXPIRATION"): _expires,
    ("ITEM", "PENDING_DISCONNECT"): _disconnects,
    # The connection works as it did: it needs no one. Which accounts are shared, a person changes by linking again.
    ("ITEM", "NEW_ACCOUNTS_AVAILABLE"): _fetch("new accounts that could be shared by linking again"),
    ("ITEM", "USER_PERMISSION_REVOKED"): _ended,
    ("ITEM", "USER_ACCOUNT_REVOKED"): _account_ended,
    ("HOLDINGS", "DEFAULT_UPDATE"): _fetch("holdings"),
    ("INVESTMENTS_TRANSACTIONS", "DEFAULT_UPDATE"): _fetch("investment transactions"),
    ("INVESTMENTS_TRANSACTIONS", "HISTORICAL_UPDATE"): _fetch("investment transactions"),
    ("LIABILITIES", "DEFAULT_UPDATE"): _fetch("liabilities"),
}
"""What isn't here says nothing to us: TRANSACTIONS' INITIAL_UPDATE, HISTORICAL_UPDATE, DEFAULT_UPDATE and
TRANSACTIONS_REMOVED are twins of SYNC_UPDATES_AVAILABLE for another endpoint (Plaid docs, Transactions: webhooks),
RECURRING_TRANSACTIONS_UPDATE is of streams we find ourselves, ITEM/WEBHOOK_UPDATE_ACKNOWLEDGED is our own doing."""

_WEBHOOK: Final = msgspec.json.Decoder(Webhook)
