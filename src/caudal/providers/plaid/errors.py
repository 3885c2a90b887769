"""What each of Plaid's error codes means for a connection (Plaid docs, Errors; docs per error_type).

Told by `error_code`, then by `error_type`, then by the HTTP status; never by the message, which changes. A code not
in the table is one Plaid has added since: its type says enough to treat it right.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

import msgspec

from caudal.model.errors import (
    CursorInvalid,
    Malformed,
    NeedsUser,
    NotReady,
    ProviderError,
    RateLimited,
    Refused,
    Revoked,
    Unavailable,
)
from caudal.providers.http import (
    Answer,
    Failed,
    Fine,
    Later,
    Limited,
    Verdict,
    by_status_alone,
    redact,
    unworded,
)
from caudal.providers.plaid.payloads import PlaidError

PREPARING: Final = timedelta(seconds=5)
"""Data is usually there within seconds to minutes (Plaid docs, Transactions); the engine backs off from here."""
_A_MINUTE: Final = timedelta(minutes=1)
"""Budgets are per minute, and Plaid sends no Retry-After (Plaid docs, Rate limit errors)."""
_AN_HOUR: Final = timedelta(hours=1)
"""INSTITUTION_RATE_LIMIT is the bank's own limit, which is per hours where banks tell it [?]."""


class Refusal(msgspec.Struct, frozen=True):
    """A refusal and what it was the answer to."""

    operation: str
    status: int
    error: PlaidError

    def __str__(self) -> str:
        error = self.error
        why = redact(error.error_message) if error.error_message else "no reason told"
        reason = f" ({redact(error.error_code_reason)})" if error.error_code_reason else ""
        code = redact(error.error_code)
        return f"plaid {self.operation}: {code}{reason}, request {_request_id(error)}: {why}"


Rule = Callable[[Refusal], ProviderError]


def _needs_user(action: str) -> Rule:
    """Plaid's own words for people come first, where it has any (not its code in their place)."""

    def rule(refusal: Refusal) -> ProviderError:
        told = refusal.error.display_message
        reason = redact(told) if told and told != refusal.error.error_code else str(refusal)
        return NeedsUser(reason, action=action)

    return rule


def _revoked(refusal: Refusal) -> ProviderError:
    """Over for good.

    INVALID_ACCESS_TOKEN is among them. Met for *all* connections at once it means keys of another environment rather
    than the end of each: a single connection can't tell, so whoever acts on Revoked for many should ask first.
    """
    return Revoked(str(refusal))


def _unavailable(refusal: Refusal) -> ProviderError:
    return Unavailable(str(refusal))


def _refused(refusal: Refusal) -> ProviderError:
    return Refused(str(refusal))


def _limited(pause: timedelta) -> Rule:
    return lambda refusal: RateLimited(str(refusal), retry_after=pause)


def _not_ready(refusal: Refusal) -> ProviderError:
    return NotReady(str(refusal), retry_after=PREPARING)


def _pull_again(refusal: Refusal) -> ProviderError:
    """From the beginning, where nobody says better; the pull knows where its loop began."""
    return CursorInvalid(str(refusal), restart="")


_LOG_IN = _needs_user("log in to the bank again by linking this connection anew")
_CONSENT = _needs_user("link this connection again and share what is asked for")
_AT_THE_BANK = _needs_user("put it in order at the bank itself, then link this connection again")
_LINK_ANEW = _needs_user("link the bank anew")
_ELSEWHERE = _needs_user("this login can't be used: link another one, or import its statements as files")
_TOO_OFTEN = _limited(_A_MINUTE)

RULES: Final[Mapping[str, Rule]] = {
    # ITEM_ERROR
    "ACCESS_NOT_GRANTED": _CONSENT,
    "INSUFFICIENT_CREDENTIALS": _LOG_IN,
    "INVALID_CREDENTIALS": _LOG_IN,
    "INVALID_MFA": _LOG_IN,
    "INVALID_SEND_METHOD": _LOG_IN,
    "INVALID_PHONE_NUMBER": _LOG_IN,
    "INVALID_OTP": _LOG_IN,
    "INVALID_UPDATED_USERNAME": _LOG_IN,
    "ITEM_CONCURRENTLY_DELETED": _revoked,
    "ITEM_LOCKED": _AT_THE_BANK,
    "ITEM_LOGIN_REQUIRED": _LOG_IN,
    "ITEM_NOT_FOUND": _revoked,
    "ITEM_NOT_SUPPORTED": _ELSEWHERE,
    "MANUAL_VERIFICATION_REQUIRED": _LOG_IN,
    "MFA_NOT_SUPPORTED": _ELSEWHERE,
    "NO_ACCOUNTS": _AT_THE_BANK,
    "PASSWORD_RESET_REQUIRED": _AT_THE_BANK,
    "PRODUCT_NOT_ENABLED": _CONSENT,
    "PRODUCT_NOT_READY": _not_ready,
    "USER_SETUP_REQUIRED": _AT_THE_BANK,
    "USER_INPUT_TIMEOUT": _LOG_IN,
    # ITEM_ERROR: a product this login has not. The pull switches the product off instead.
    "INSTANT_MATCH_FAILED": _refused,
    "NO_AUTH_ACCOUNTS": _refused,
    "NO_INVESTMENT_ACCOUNTS": _refused,
    "NO_INVESTMENT_AUTH_ACCOUNTS": _refused,
    "NO_LIABILITY_ACCOUNTS": _refused,
    "PRODUCTS_NOT_SUPPORTED": _refused,
    # INSTITUTION_ERROR
    "INSTITUTION_DOWN": _unavailable,
    "INSTITUTION_NOT_RESPONDING": _unavailable,
    "INSTITUTION_NOT_AVAILABLE": _unavailable,
    "UNSUPPORTED_RESPONSE": _unavailable,
    "INSTITUTION_NO_LONGER_SUPPORTED": _ELSEWHERE,
    "INSTITUTION_NOT_ENABLED_IN_ENVIRONMENT": _refused,
    "INSTITUTION_REGISTRATION_REQUIRED": _refused,
    "UNAUTHORIZED_INSTITUTION": _refused,
    # TRANSACTIONS_ERROR
    "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION": _pull_again,
    # API_ERROR
    "INTERNAL_SERVER_ERROR": _unavailable,
    "PLANNED_MAINTENANCE": _unavailable,
    # RATE_LIMIT_EXCEEDED
    "ACCOUNTS_LIMIT": _TOO_OFTEN,
    "ACCOUNTS_BALANCE_GET_LIMIT": _TOO_OFTEN,
    "AUTH_LIMIT": _TOO_OFTEN,
    "BALANCE_LIMIT": _TOO_OFTEN,
    "IDENTITY_LIMIT": _TOO_OFTEN,
    "INSTITUTIONS_GET_LIMIT": _TOO_OFTEN,
    "INSTITUTIONS_GET_BY_ID_LIMIT": _TOO_OFTEN,
    "INSTITUTION_RATE_LIMIT": _limited(_AN_HOUR),
    "INVESTMENT_HOLDINGS_GET_LIMIT": _TOO_OFTEN,
    "INVESTMENT_TRANSACTIONS_LIMIT": _TOO_OFTEN,
    "ITEM_GET_LIMIT": _TOO_OFTEN,
    "RATE_LIMIT": _TOO_OFTEN,
    "TRANSACTIONS_LIMIT": _TOO_OFTEN,
    "TRANSACTIONS_REFRESH_LIMIT": _TOO_OFTEN,
    "TRANSACTIONS_SYNC_LIMIT": _TOO_OFTEN,
    "CREDITS_EXHAUSTED": _refused,
    # INVALID_INPUT
    "INVALID_ACCESS_TOKEN": _revoked,
    "USER_PERMISSION_REVOKED": _revoked,
    "ADDITIONAL_CONSENT_REQUIRED": _CONSENT,
    "INVALID_PUBLIC_TOKEN": _LINK_ANEW,
    "PROFILE_AUTHENTICATION_FAILED": _LOG_IN,
    "TOO_MANY_VERIFICATION_ATTEMPTS": _LINK_ANEW,
    "DIRECT_INTEGRATION_NOT_ENABLED": _refused,
    "INCORRECT_DEPOSIT_VERIFICATION": _refused,
    "INVALID_ACCOUNT_ID": _refused,
    "INVALID_API_KEYS": _refused,
    "INVALID_AUDIT_COPY_TOKEN": _refused,
    "INVALID_INSTITUTION": _refused,
    "INVALID_LINK_CUSTOMIZATION": _refused,
    "INVALID_LINK_TOKEN": _refused,
    "INVALID_PROCESSOR_TOKEN": _refused,
    "INVALID_PRODUCT": _refused,
    "INVALID_STRIPE_ACCOUNT": _refused,
    "INVALID_USER_ID": _refused,
    "INVALID_USER_TOKEN": _refused,
    "INVALID_WEBHOOK_VERIFICATION_KEY_ID": _refused,
    "UNAUTHORIZED_ENVIRONMENT": _refused,
    "UNAUTHORIZED_ROUTE_ACCESS": _refused,
    # USER_ERROR
    "INVALID_USER_IDENTITY_DATA": _refused,
    # INVALID_REQUEST
    "INCOMPATIBLE_API_VERSION": _refused,
    "INVALID_ACCOUNT_NUMBER": _refused,
    "INVALID_BODY": _refused,
    "INVALID_CONFIGURATION": _refused,
    "INVALID_FIELD": _refused,
    "INVALID_HEADERS": _refused,
    "MISSING_FIELDS": _refused,
    "NO_LONGER_AVAILABLE": _refused,
    "NOT_FOUND": _refused,
    "SANDBOX_ONLY": _refused,
    "UNKNOWN_FIELDS": _refused,
    # INVALID_RESULT
    "LAST_UPDATED_DATETIME_OUT_OF_RANGE": _refused,
    "PLAID_DIRECT_ITEM_IMPORT_RETURNED_INVALID_MFA": _refused,
    # SANDBOX_ERROR
    "SANDBOX_PRODUCT_NOT_ENABLED": _refused,
    "SANDBOX_WEBHOOK_INVALID": _refused,
    "SANDBOX_TRANSFER_EVENT_TRANSITION_INVALID": _refused,
    # OAUTH_ERROR
    "INCORRECT_OAUTH_NONCE": _LINK_ANEW,
    "INCORRECT_LINK_TOKEN": _LINK_ANEW,
    "OAUTH_STATE_ID_ALREADY_PROCESSED": _LINK_ANEW,
    "OAUTH_STATE_ID_NOT_FOUND": _LINK_ANEW,
}
"""Every code Plaid documents, and what it means."""

_BY_TYPE: Final[Mapping[str, Rule]] = {
    "ITEM_ERROR": _LOG_IN,
    "OAUTH_ERROR": _LINK_ANEW,
    "INSTITUTION_ERROR": _unavailable,
    "TRANSACTIONS_ERROR": _unavailable,
    "API_ERROR": _unavailable,
    "RATE_LIMIT_EXCEEDED": _TOO_OFTEN,
}
"""For codes Plaid has added since. Any other type is a request Plaid won't take: our bug, or the installation's."""

PRODUCT_OFF: Final = frozenset(
    {
        "ACCESS_NOT_GRANTED",
        "ADDITIONAL_CONSENT_REQUIRED",
        "INVALID_PRODUCT",
        "NO_INVESTMENT_ACCOUNTS",
        "NO_LIABILITY_ACCOUNTS",
        "PRODUCTS_NOT_SUPPORTED",
        "PRODUCT_NOT_ENABLED",
    }
)
"""Of one product: this login doesn't have it, or its person didn't share it. The others go on."""

OVER: Final = frozenset({"ITEM_NOT_FOUND", "INVALID_ACCESS_TOKEN", "ITEM_CONCURRENTLY_DELETED"})
"""There is nothing left to remove."""

_CLIENT_WIDE: Final = frozenset(
    {"ACCOUNTS_BALANCE_GET_LIMIT", "INSTITUTIONS_GET_LIMIT", "INSTITUTIONS_GET_BY_ID_LIMIT"}
)
"""Limits of all our calls together (Plaid docs, Rate limits)."""

_ERROR: Final = msgspec.json.Decoder(PlaidError)


def error_for(refusal: Refusal) -> ProviderError:
    """The error of our family that `refusal` is."""
    return _rule(refusal.error)(refusal)


def read_refusal(operation: str, answer: Answer) -> Refusal | ProviderError:
    """What an answer other than 200 says: Plaid's own words, or an error where something else answered for it."""
    error = _plaid_error(answer)
    if error is not None:
        return Refusal(operation, answer.status, error)
    message = f"plaid {operation}: answered {answer.status}, and not in Plaid's words"
    passing = unworded(answer, message, _A_MINUTE)
    if passing is not None:
        return passing
    if answer.says_json:  # Plaid's own, most likely, and broken on its way: the next one may not be
        why = (
            f"{answer.status}, and its JSON is none of Plaid's words; if it stays so, is the base URL right?"
        )
        return Malformed(f"plaid {operation}: answer", why)
    return Refused(f"{message}: is the base URL right?")


def judge(answer: Answer) -> Verdict:
    """Whether asking again helps. A bank that is down is asked again only as far as the breaker needs to notice."""
    if answer.status == 200:
        return Fine()
    error = _plaid_error(answer)
    if error is None:
        return by_status_alone(answer)
    rule = _rule(error)
    if rule is _TOO_OFTEN:
        return Limited(answer.retry_after, client_wide=error.error_code in _CLIENT_WIDE)
    if rule is _unavailable:
        return Later(provider_wide=error.error_type == "API_ERROR")
    return Failed()


def request_id(answer: Answer) -> str | None:
    """Plaid's name of an exchange, at the end of each body: read without decoding the rest (bodies are megabytes)."""
    found = answer.body.rfind(b'"request_id"')
    parts = answer.body[found : found + 100].split(b'"') if found >= 0 else []
    return parts[3].decode("ascii", "replace") if len(parts) > 4 else None


def _rule(error: PlaidError) -> Rule:
    return RULES.get(error.error_code) or _BY_TYPE.get(error.error_type, _refused)


def _plaid_error(answer: Answer) -> PlaidError | None:
    try:
        return _ERROR.decode(answer.body)
    except msgspec.DecodeError:
        return None


def _request_id(error: PlaidError) -> str:
    return redact(error.request_id) if error.request_id else "unnamed"
