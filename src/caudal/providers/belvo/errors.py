"""What each of Belvo's codes means for a connection (contract, §6). A refusal is a list: its first entry decides.

Codes alone are switched on: their words change. A code that isn't in the table goes by its status.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

import msgspec

from caudal.model.errors import (
    Malformed,
    NeedsUser,
    ProviderError,
    RateLimited,
    Refused,
    Revoked,
    Unavailable,
)
from caudal.providers.belvo.payloads import Refusal
from caudal.providers.http import Answer, redact

Rule = Callable[[str], ProviderError]

COOLDOWN: Final = timedelta(minutes=10)
"""Between two refreshes of a link that are asked for (OpenAPI, links/refresh)."""
_A_MINUTE: Final = timedelta(minutes=1)
"""A 429 is documented for deleting links, five a minute, and says for how long nowhere."""

LINK_AGAIN: Final = "link this connection again and authorise it at the bank"


def _needs_user(action: str) -> Rule:
    return lambda why: NeedsUser(why, action=action)


RULES: Final[Mapping[str, Rule]] = {
    # Our bug, or what our organisation may
    "required": Refused,
    "null": Refused,
    "blank": Refused,
    "invalid": Refused,
    "does_not_exist": Refused,
    "invalid_period": Refused,
    "unsupported_operation": Refused,
    "invalid_fetch_resources": Refused,
    "invalid_credentials_storage": Refused,
    "authentication_failed": Refused,
    "access_to_resource_denied": Refused,
    "idempotency_payload_mismatch": Refused,
    # The person
    "login_error": _needs_user("link this connection again with the right login"),
    "invalid_link": _needs_user(LINK_AGAIN),
    "unconfirmed_link": _needs_user("link this connection again: its login was never finished"),
    "session_expired": _needs_user("link this connection again: the token came too late"),
    "token_required": _needs_user("link this connection again and give the token that the bank asks for"),
    "consent_without_accounts": _needs_user("link it again and allow an account to be shared: none is"),
    # Passes
    "too_many_sessions": Unavailable,
    "institution_down": Unavailable,
    "institution_unavailable": Unavailable,
    "institution_inactive": Unavailable,
    "request_timeout": Unavailable,
    "idempotency_key_conflict": Unavailable,
    "unexpected_error": Unavailable,
    "link_refreshed": lambda why: RateLimited(why, retry_after=COOLDOWN),
    # Over
    "not_found": Revoked,
}
"""Every code of the contract."""


def error_of(code: str, where: str = "belvo") -> ProviderError:
    """What a code means."""
    return RULES.get(code, Refused)(f"{where}: {code if code in RULES else 'a code we do not know'}")


def refusal_of(answer: Answer) -> Refusal | None:
    """The first of a refusal's list; None where it isn't one of Belvo's."""
    try:
        told = _REFUSALS.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return told[0] if told else None


def error_for(answer: Answer, where: str) -> ProviderError:
    """What a refusal means: by its code, else by its status."""
    refusal = refusal_of(answer)
    if answer.status == 429:
        return RateLimited(f"{where}: asked too often", retry_after=answer.retry_after or _A_MINUTE)
    if refusal is not None and refusal.code in RULES:
        named = f"{where}, request {redact(refusal.request_id)}" if refusal.request_id else where
        return error_of(refusal.code, named)
    if answer.status >= 500 or answer.status == 408:
        return Unavailable(f"{where}: answered {answer.status}")
    if refusal is None:
        return Malformed(f"{where}: answer", f"{answer.status}, and not in Belvo's words")
    return Refused(f"{where}: {answer.status}: {redact(refusal.code)}")


_REFUSALS: Final = msgspec.json.Decoder(list[Refusal])
