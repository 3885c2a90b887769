"""What a login comes to: the sandbox's table of users (contract §8) and the codes of execution errors (§3.3)."""

from collections.abc import Mapping
from typing import Final

import msgspec

PASSWORD: Final = "password-ok"  # noqa: S105  the contract's, for everybody
TOKEN: Final = "123456"  # noqa: S105  as above

USERS: Final[Mapping[str, str]] = {
    "user-logged": "ALREADY_LOGGED_IN",
    "user-locked": "ACCOUNT_LOCKED",
    "user-error": "UNEXPECTED_ERROR",
    "user-unavailable": "SITE_NOT_AVAILABLE",
    "user-account-need-actions": "ACCOUNT_NEEDS_ACTION",
    "user-account-need-actions-provider-message": "ACCOUNT_NEEDS_ACTION",
    "user-connection-error": "CONNECTION_ERROR",
    "user-account-credentials-reset": "ACCOUNT_CREDENTIALS_RESET",
}
"""User → the error that its login ends in."""
OF_THE_LOGIN: Final = {
    "INVALID_CREDENTIALS": "Invalid credentials",
    "INVALID_CREDENTIALS_MFA": "The token isn't right",
    "ACCOUNT_LOCKED": "The account is locked",
    "ACCOUNT_CREDENTIALS_RESET": "The credentials must be reset",
    "USER_AUTHORIZATION_PENDING": "Another approval is needed",
    "USER_AUTHORIZATION_NOT_GRANTED": "The user did not grant the authorization",
    "USER_AUTHORIZATION_REVOKED": "The user revoked the authorization",
    "USER_NOT_SUPPORTED": "This user is not supported",
}
"""Errors after which credentials or consent are no longer valid: status LOGIN_ERROR."""
OF_THE_EXECUTION: Final = {
    "USER_INPUT_TIMEOUT": "The token came too late",
    "ACCOUNT_NEEDS_ACTION": "The account needs an action of its user",
    "ALREADY_LOGGED_IN": "The user is logged in elsewhere",
    "SITE_NOT_AVAILABLE": "The institution isn't available",
    "CONNECTION_ERROR": "The connection to the institution failed",
    "UNEXPECTED_ERROR": "An unexpected error occurred",
}
"""Errors of a run alone: status OUTDATED."""
MESSAGES: Final = {**OF_THE_LOGIN, **OF_THE_EXECUTION}


class Outcome(msgspec.Struct, frozen=True):
    """How a login ends: the error's code, '' for none; `partial`: the accounts' product failed; `warned`: with a
    warning."""

    code: str = ""
    partial: bool = False
    warned: bool = False
    provider_message: str | None = None


def outcome_of(user: str, password: str, *, sandbox: bool) -> Outcome:
    """What that user comes to. Beyond the sandbox's own table anybody who knows the password may log in to a bank of
    the world."""
    if password != PASSWORD:
        return Outcome("INVALID_CREDENTIALS")
    if code := USERS.get(user):
        said = "Accept the new terms in the app" if user.endswith("provider-message") else None
        return Outcome(code, provider_message=said)
    if sandbox and not user.startswith("user-ok"):
        return Outcome("INVALID_CREDENTIALS")
    return Outcome(partial=user == "user-ok-account-error", warned=user == "user-ok-account-warning")
