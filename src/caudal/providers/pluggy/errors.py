"""What each of Pluggy's codes means for a connection: those of a refusal (`codeDescription`) and those of an item's last
execution (`error.code`) in one table (contract §3.3, §3.4, §4, §7).

Only codes are switched on; messages change. A refusal without a code is told by its status.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

import msgspec

from caudal.model.errors import (
    Malformed,
    NeedsUser,
    NotReady,
    ProviderError,
    RateLimited,
    Refused,
    Revoked,
    Unavailable,
)
from caudal.providers.http import Answer, redact

Rule = Callable[[str], ProviderError]

PREPARING: Final = timedelta(seconds=5)
"""A first sync takes minutes (contract §5.6); the engine backs off from here."""
_AN_HOUR: Final = timedelta(hours=1)
"""Observed between two updates that a client may ask for (the documented example says 24) [?]."""
_A_DAY: Final = timedelta(days=1)
_A_MINUTE: Final = timedelta(minutes=1)
"""Limits are by the minute; used where no Retry-After comes."""


def _needs_user(action: str) -> Rule:
    return lambda why: NeedsUser(why, action=action)


def _limited(pause: timedelta) -> Rule:
    return lambda why: RateLimited(why, retry_after=pause)


_LOG_IN: Final = _needs_user("link this connection again and log in")
_CONSENT: Final = _needs_user("link this connection again and authorise it at the bank")
_AT_THE_BANK: Final = _needs_user("put it in order at the bank itself, then link this connection again")
_APPROVE: Final = _needs_user(
    "have it approved at the bank by everybody who must, then link this connection again"
)
_ELSEWHERE: Final = _needs_user(
    "this login can't be used: link another one, or import its statements as files"
)

RULES: Final[Mapping[str, Rule]] = {
    # An item's execution
    "INVALID_CREDENTIALS": _LOG_IN,
    "INVALID_CREDENTIALS_MFA": _LOG_IN,
    "USER_INPUT_TIMEOUT": _LOG_IN,
    "USER_AUTHORIZATION_PENDING": _APPROVE,
    "USER_AUTHORIZATION_NOT_GRANTED": _CONSENT,
    "USER_AUTHORIZATION_REVOKED": _CONSENT,
    "ACCOUNT_LOCKED": _AT_THE_BANK,
    "ACCOUNT_CREDENTIALS_RESET": _AT_THE_BANK,
    "ACCOUNT_NEEDS_ACTION": _AT_THE_BANK,
    "USER_NOT_SUPPORTED": _ELSEWHERE,
    "ALREADY_LOGGED_IN": Unavailable,
    "SITE_NOT_AVAILABLE": Unavailable,
    "CONNECTION_ERROR": Unavailable,
    "UNEXPECTED_ERROR": Unavailable,
    # Updating and making items
    "CLIENT_IS_UPDATING_BEFORE_ALLOWED_FREQUENCY": _limited(_AN_HOUR),
    "TOO_MANY_CONSECUTIVE_LOGIN_FAILURES": _LOG_IN,
    "TOO_MANY_CONSECUTIVE_ERRORS": _LOG_IN,
    "ITEM_ORIGINAL_CONNECTED_WITH_DIFFERENT_ACCOUNT": _LOG_IN,
    "ITEM_NOT_FOUND": Revoked,
    # The real-time balance
    "BALANCE_CONSENT_ERROR": _CONSENT,
    "BALANCE_CONNECTOR_UNAVAILABLE": Unavailable,
    "BALANCE_FETCH_ERROR": Unavailable,
    "BALANCE_NOT_FOUND": Unavailable,
    "BALANCE_OPEN_FINANCE_RATE_LIMIT": _limited(_A_DAY),
    # Gone between two calls: the next pull sees what is left
    "ACCOUNT_NOT_FOUND": Unavailable,
    "INVESTMENT_NOT_FOUND": Unavailable,
    "INTERNAL_SERVER_ERROR": Unavailable,
    # Our bug, or what our account at Pluggy may
    **dict.fromkeys(
        (
            "BALANCE_INVALID_REQUEST", "BOLETO_CONNECTION_CREATION_CREDENTIALS_ERROR", "CATEGORY_NOT_FOUND",
            "CATEGORY_RULE_FORBIDDEN", "CATEGORY_RULE_NOT_FOUND", "CLIENT_DISABLED", "CLIENT_HAS_ITEM_UPDATES_DISABLED",
            "CLIENT_KEYS_UNAUTHORIZED", "CONNECTOR_NOT_FOUND", "CONNECTOR_REQUIRED_PARAMETER_VALIDATION_ERROR",
            "CONNECTOR_VALIDATION_ERROR", "CONSENT_NOT_FOUND", "CREATE_ITEMS_API_FREE_DISABLED",
            "CREDIT_CARD_BILL_NOT_FOUND", "ENDPOINT_DEPRECATED", "IDENTITY_NOT_FOUND",
            "IDS_PARAMETER_EXCEEDS_MAX_LENGTH", "ITEM_CREATION_LIMIT_EXCEEDED", "ITEM_USER_ALREADY_EXISTS",
            "LOAN_NOT_FOUND", "MFA_PARAMERTER_WAS_ALREADY_USED_ERROR", "PARAMETERS_NOT_PROVIDED",
            "PAYMENT_CUSTOMER_NOT_FOUND", "PAYMENT_INSTITUTION_NOT_FOUND", "PAYMENT_INTENT_NOT_FOUND",
            "PAYMENT_RECIPIENT_NOT_FOUND", "PAYMENT_REQUEST_NOT_FOUND", "SANDBOX_CLIENT_ITEM_UPDATE_NOT_ALLOWED",
            "SMART_TRANSFER_PAYMENT_NOT_FOUND", "SMART_TRANSFER_PREAUTHORIZATION_NOT_FOUND",
            "TRANSACTION_NOT_FOUND", "WEBHOOK_NOT_FOUND",
        ),
        Refused,
    ),
}  # fmt: skip
"""Every code the contract documents."""


class Refusal(msgspec.Struct, rename="camel"):
    """A refusal's body; `code` is the status again."""

    message: str = ""
    code_description: str = ""


def error_of(code: str, where: str = "pluggy") -> ProviderError:
    """What a code means. One that isn't in the table is of an execution that failed as none did before, or of a request
    that Pluggy won't take: `Refused`."""
    return RULES.get(code, Refused)(f"{where}: {code if code in RULES else 'a code we do not know'}")


def refusal_of(answer: Answer) -> Refusal | None:
    """Its body; None where it isn't one of Pluggy's."""
    try:
        return _REFUSAL.decode(answer.body)
    except msgspec.DecodeError:
        return None


def error_for(answer: Answer, where: str) -> ProviderError:
    """What a refusal means: by its code, else by its status."""
    refusal = refusal_of(answer)
    if answer.status == 429:
        return RateLimited(f"{where}: asked too often", retry_after=answer.retry_after or _A_MINUTE)
    if refusal is not None and refusal.code_description in RULES:
        return error_of(refusal.code_description, where)
    if answer.status >= 500 or answer.status == 408:
        return Unavailable(f"{where}: answered {answer.status}")
    if refusal is None:
        return Malformed(f"{where}: answer", f"{answer.status}, and not in Pluggy's words")
    return Refused(f"{where}: {answer.status}: {redact(refusal.message)}")


def preparing(where: str) -> NotReady:
    """Pluggy is at the bank."""
    return NotReady(f"{where}: the bank's data is being fetched", retry_after=PREPARING)


_REFUSAL: Final = msgspec.json.Decoder(Refusal)
