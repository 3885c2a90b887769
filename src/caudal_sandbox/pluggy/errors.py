"""What Pluggy refuses, in its words (contract §7; the OpenAPI's examples of errors)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

KNOWN: Final[Mapping[str, tuple[int, str]]] = {
    "ACCOUNT_NOT_FOUND": (404, "account not found"),
    "BALANCE_CONNECTOR_UNAVAILABLE": (
        502,
        "The financial institution is temporarily unavailable to provide the balance. Please try again later.",
    ),
    "BALANCE_CONSENT_ERROR": (
        403,
        (
            "The financial institution denied access to the account balance. "
            "The consent may be expired or missing the required permission."
        ),
    ),
    "BALANCE_FETCH_ERROR": (500, "An error occurred while fetching the account balance from the connector"),
    "BALANCE_INVALID_REQUEST": (
        400,
        "The balance request was rejected as invalid by the financial institution.",
    ),
    "BALANCE_NOT_FOUND": (404, "The account balance was not found at the financial institution."),
    "BALANCE_OPEN_FINANCE_RATE_LIMIT": (
        429,
        "The financial institution rate-limited the balance request. Please try again later.",
    ),
    "CATEGORY_NOT_FOUND": (404, "category not found"),
    "CLIENT_IS_UPDATING_BEFORE_ALLOWED_FREQUENCY": (409, ""),
    "CLIENT_KEYS_UNAUTHORIZED": (401, "Client keys are invalid"),
    "CONNECTOR_NOT_FOUND": (404, "connector not found"),
    "CONNECTOR_VALIDATION_ERROR": (400, "There are validation errors in the item's parameters"),
    "CREATE_ITEMS_API_FREE_DISABLED": (403, "Creating items by the API isn't part of this plan"),
    "CREDIT_CARD_BILL_NOT_FOUND": (404, "Bill not found"),
    "ENDPOINT_DEPRECATED": (410, "Use GET /v2/transactions with cursor pagination instead"),
    "IDENTITY_NOT_FOUND": (404, "identity not found"),
    "IDS_PARAMETER_EXCEEDS_MAX_LENGTH": (400, "ids takes at most 500 ids"),
    "INTERNAL_SERVER_ERROR": (500, "Internal Server Error"),
    "INVESTMENT_NOT_FOUND": (404, "investment not found"),
    "ITEM_NOT_FOUND": (404, "item not found"),
    "TOO_MANY_CONSECUTIVE_LOGIN_FAILURES": (400, "too many login failures in a row"),
    "TRANSACTION_NOT_FOUND": (404, "transaction not found"),
    "WEBHOOK_NOT_FOUND": (404, "webhook not found"),
}
"""Every codeDescription said here → its status and its message."""


class PluggyError(Exception):
    """A refusal: `code` is its codeDescription, '' where it has none."""

    def __init__(self, code: str, message: str = "", *, status: int = 400, **more: object) -> None:
        known_status, known_message = KNOWN[code] if code else (status, message)
        self.code = code
        self.status = known_status
        self.message = message or known_message
        self.more = more
        super().__init__(self.message)

    def body(self) -> dict[str, object]:
        """As JSON."""
        named = {"codeDescription": self.code} if self.code else {}
        return {"code": self.status, **named, "message": self.message, **self.more}


def invalid(message: str) -> PluggyError:
    """A request that isn't one: told without a code."""
    return PluggyError("", message, status=HTTPStatus.BAD_REQUEST)


def forbidden() -> PluggyError:
    """A key that is missing, wrong or expired, or a connect token beyond its reach."""
    return PluggyError("", "Missing or invalid authorization token", status=HTTPStatus.FORBIDDEN)
