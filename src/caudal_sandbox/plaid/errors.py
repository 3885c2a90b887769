"""What Plaid says when it says no: every error the emulator can answer with, as the wire carries it.

Codes, types, statuses and messages are those of Plaid's documentation (docs, Errors; the samples of each page). Where
the documentation leaves the message to the case, the one who raises the error writes it.
"""

from typing import Final

import msgspec

DOCUMENTATION: Final = "https://plaid.com/docs/errors/"


class Known(msgspec.Struct, frozen=True):
    """One documented error. `display_message` is for the person at the bank's door; None where there is none."""

    http_status: int
    error_type: str
    error_message: str
    display_message: str | None = None


def _again(what: str) -> str:
    return f"rate limit exceeded for attempts to access {what}. please try again later"


_SORRY: Final = "We apologize for the inconvenience."
_SILENT: Final = "this institution is not currently responding to this request. please try again soon"
_SILENT_DISPLAY: Final = f"This financial institution is not currently responding to requests. {_SORRY}"

_ITEM: Final[dict[str, tuple[str, str | None]]] = {
    "ACCESS_NOT_GRANTED": (
        "access to this product was not granted for the account",
        "The user did not grant the necessary permissions for this product on their account.",
    ),
    "INSUFFICIENT_CREDENTIALS": (
        "insufficient authorization was provided to complete the request",
        "INSUFFICIENT_CREDENTIALS",
    ),
    "INVALID_CREDENTIALS": (
        "the provided credentials were not correct",
        "The provided credentials were not correct. Please try again.",
    ),
    "INVALID_MFA": (
        "the provided MFA response(s) were not correct",
        "The provided MFA responses were not correct. Please try again.",
    ),
    "INVALID_OTP": ("the provided OTP was invalid", "The provided OTP was invalid. Please try again."),
    "INVALID_PHONE_NUMBER": (
        "the provided phone number was invalid",
        "The provided phone number was invalid. Please try again.",
    ),
    "INVALID_SEND_METHOD": ("the provided MFA send_method was invalid", None),
    "ITEM_CONCURRENTLY_DELETED": ("This item was deleted while the operation was in progress", None),
    "ITEM_LOCKED": (
        "the account is locked. prompt the user to visit the institution's site and unlock their account",
        (
            "The given account has been locked by the financial institution. "
            "Please visit your financial institution's website to unlock your account."
        ),
    ),
    "ITEM_LOGIN_REQUIRED": (
        (
            "the login details of this item have changed (credentials, MFA, or required user action) and a user "
            "login is required to update this information. use Link's update mode to restore the item to a good "
            "state"
        ),
        None,
    ),
    "ITEM_NOT_FOUND": (
        (
            "The Item you requested cannot be found. This Item does not exist, has been previously removed via "
            "/item/remove, or has had access removed by the user."
        ),
        None,
    ),
    "ITEM_NOT_SUPPORTED": (
        "this account is currently not supported",
        f"The given account is not currently supported for this financial institution. {_SORRY}",
    ),
    "MFA_NOT_SUPPORTED": (
        "this account requires a MFA type that we do not currently support for the institution",
        (
            "The multi-factor security features enabled on this account are not currently supported for this "
            f"financial institution. {_SORRY}"
        ),
    ),
    "NO_ACCOUNTS": (
        "no valid accounts were found for this item",
        (
            "No valid accounts were found at the financial institution. "
            "Please visit your financial institution's website to confirm accounts are available."
        ),
    ),
    "NO_INVESTMENT_ACCOUNTS": (
        (
            "There are no valid investment account(s) associated with this Item. "
            "See https://plaid.com/docs/api/#item-errors for more information."
        ),
        None,
    ),
    "NO_LIABILITY_ACCOUNTS": (
        (
            "There are no valid liability account(s) associated with this Item. "
            "See https://plaid.com/docs/api/#item-errors for more information."
        ),
        None,
    ),
    "PASSWORD_RESET_REQUIRED": (
        "user must reset their password",
        "The user needs to reset their password for their account",
    ),
    "PRODUCT_NOT_ENABLED": (
        (
            "A requested product was not enabled for the current access token. Please ensure it is included when "
            "when initializing Link and create the Item again."
        ),
        None,
    ),
    "PRODUCT_NOT_READY": (
        "the requested product is not yet ready. please provide a webhook or try the request again later",
        None,
    ),
    "PRODUCTS_NOT_SUPPORTED": ("the product is not supported by this item", None),
    "USER_INPUT_TIMEOUT": (
        "user must retry this operation",
        "The application timed out waiting for user input",
    ),
    "USER_SETUP_REQUIRED": (
        (
            "the account has not been fully set up. prompt the user to visit the issuing institution's site and "
            "finish the setup process"
        ),
        (
            "The given account is not fully setup. "
            "Please visit your financial institution's website to setup your account."
        ),
    ),
}

_INSTITUTION: Final[dict[str, tuple[str, str | None]]] = {
    "INSTITUTION_DOWN": (_SILENT, _SILENT_DISPLAY),
    "INSTITUTION_NOT_AVAILABLE": (_SILENT, _SILENT_DISPLAY),
    "INSTITUTION_NOT_RESPONDING": (_SILENT, _SILENT_DISPLAY),
    "INSTITUTION_NO_LONGER_SUPPORTED": (
        "this institution is no longer supported",
        f"This financial institution is no longer supported. {_SORRY}",
    ),
    "INSTITUTION_NOT_ENABLED_IN_ENVIRONMENT": ("Institution not enabled in this environment", None),
    "INSTITUTION_REGISTRATION_REQUIRED": (
        "not yet registered to create items for this institution",
        "You must register your application with this institution before you can create items for it.",
    ),
    "UNAUTHORIZED_INSTITUTION": (
        "not authorized to create items for this institution",
        "You are not authorized to create items for this institution at this time.",
    ),
    "UNSUPPORTED_RESPONSE": (
        "the data returned from the financial institution is not valid",
        "The data returned from the financial institution is not valid.",
    ),
    # [?] Named as a sandbox password, but no page of the documentation describes it.
    "COUNTRY_NOT_SUPPORTED": ("this country is not supported", None),
}

_INPUT: Final[dict[str, str]] = {
    "ADDITIONAL_CONSENT_REQUIRED": "client does not have user consent to access the product",
    "INVALID_ACCESS_TOKEN": "could not find matching access token",
    "INVALID_ACCOUNT_ID": "failed to find requested account ID for requested item",
    "INVALID_API_KEYS": "invalid client_id or secret provided",
    "INVALID_INSTITUTION": "invalid institution_id provided",
    "INVALID_LINK_TOKEN": "invalid link_token provided",
    "INVALID_PRODUCT": "client is not authorized to access the following products",
    "INVALID_PUBLIC_TOKEN": "could not find matching public token",
    "INVALID_WEBHOOK_VERIFICATION_KEY_ID": (
        "invalid key_id provided. note that key_ids are specific to Plaid environments, and verification "
        "requests must be made to the same environment that the webhook was sent from"
    ),
    "UNAUTHORIZED_ENVIRONMENT": (
        "you are not authorized to create items in this api environment. Go to the Dashboard "
        "(https://dashboard.plaid.com) to see which environments you are authorized for."
    ),
    "UNAUTHORIZED_ROUTE_ACCESS": "you are not authorized to access this route in this api environment.",
}

_REQUEST: Final[dict[str, str]] = {
    "INVALID_BODY": "body could not be parsed as JSON",
    "INVALID_CONFIGURATION": "please ensure that the request body is formatted correctly",
    "INVALID_FIELD": "a field of the request is not valid",
    "INVALID_HEADERS": "a header of the request is not valid",
    "MISSING_FIELDS": "the following required fields are missing",
    "SANDBOX_ONLY": (
        "access to this route is only available in the sandbox environment at https://sandbox.plaid.com/"
    ),
    "UNKNOWN_FIELDS": "the following fields are not recognized by this endpoint",
}

_LIMITS: Final[dict[str, str]] = {
    **dict.fromkeys(
        (
            "ACCOUNTS_LIMIT",
            "ACCOUNTS_BALANCE_GET_LIMIT",
            "BALANCE_LIMIT",
            "INVESTMENT_HOLDINGS_GET_LIMIT",
            "INVESTMENT_TRANSACTIONS_LIMIT",
            "ITEM_GET_LIMIT",
            "RATE_LIMIT",
            "TRANSACTIONS_LIMIT",
            "TRANSACTIONS_REFRESH_LIMIT",
            "TRANSACTIONS_SYNC_LIMIT",
        ),
        _again("this item"),
    ),
    "INSTITUTIONS_GET_LIMIT": _again('"institutions get by id"'),
    "INSTITUTIONS_GET_BY_ID_LIMIT": _again('"institutions get by id"'),
    "INSTITUTION_RATE_LIMIT": (
        "The institution is currently receiving too many requests. Please try again later."
    ),
    "CREDITS_EXHAUSTED": (
        "Free usage exhausted, please request full Production access to continue using this product"
    ),
}

KNOWN: Final[dict[str, Known]] = {
    **{code: Known(400, "ITEM_ERROR", *said) for code, said in _ITEM.items()},
    **{code: Known(400, "INSTITUTION_ERROR", *said) for code, said in _INSTITUTION.items()},
    **{code: Known(400, "INVALID_INPUT", said) for code, said in _INPUT.items()},
    **{code: Known(400, "INVALID_REQUEST", said) for code, said in _REQUEST.items()},
    **{code: Known(429, "RATE_LIMIT_EXCEEDED", said) for code, said in _LIMITS.items()},
    # The webhook's own example calls it an ITEM_ERROR, the page on errors an INVALID_INPUT: as the webhook says.
    "USER_PERMISSION_REVOKED": Known(
        400,
        "ITEM_ERROR",
        "the holder of this account has revoked their permission for your application to access it",
    ),
    "NOT_FOUND": Known(404, "INVALID_REQUEST", "not found"),
    "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION": Known(
        400,
        "TRANSACTIONS_ERROR",
        "Underlying transaction data changed since last page was fetched. "
        "Please restart pagination from last update.",
    ),
    "INTERNAL_SERVER_ERROR": Known(500, "API_ERROR", "an unexpected error occurred"),
    "PLANNED_MAINTENANCE": Known(
        503,
        "API_ERROR",
        "the Plaid API is temporarily unavailable due to planned maintenance. "
        "visit https://status.plaid.com/ for more information",
    ),
    "SANDBOX_PRODUCT_NOT_ENABLED": Known(400, "SANDBOX_ERROR", "The product is not enabled on this item"),
    "SANDBOX_WEBHOOK_INVALID": Known(
        400,
        "SANDBOX_ERROR",
        "Webhook for this item is either not set up, or invalid. "
        "Please update the item's webhook and try again.",
    ),
    # [?] Named as a sandbox password; the documentation lists it among payment errors without a sample.
    "PAYMENT_INVALID_RECIPIENT": Known(400, "PAYMENT_ERROR", "the payment recipient is not valid"),
}


class PlaidError(Exception):
    """One of Plaid's errors, to be answered. `message` where the documented one is only a pattern; `display` where a
    person shall read something of its own; `extra`: further fields of the body (`error_code_reason`).

    Raises KeyError for a code that isn't in `KNOWN`: the emulator can't answer what Plaid doesn't say.
    """

    def __init__(
        self, code: str, message: str | None = None, *, display: str | None = None, **extra: object
    ) -> None:
        self.code = code
        self.known = KNOWN[code]
        self.message = self.known.error_message if message is None else message
        self.display = self.known.display_message if display is None else display
        self.extra = extra
        super().__init__(f"{code}: {self.message}")

    @property
    def http_status(self) -> int:
        """The status the answer carries."""
        return self.known.http_status


def described(error: PlaidError) -> dict[str, object]:
    """The error as an Item's `error` and a webhook carry it: with its status, without a request's id."""
    return {
        "error_type": error.known.error_type,
        "error_code": error.code,
        "error_message": error.message,
        "display_message": error.display,
        "status": error.http_status,
        **error.extra,
    }


def body(error: PlaidError, request_id: str) -> dict[str, object]:
    """The error as the answer to a request: what the endpoint's body is instead."""
    area = error.known.error_type.lower().replace("_", "-").removesuffix("-error")
    return {
        **{
            name: value for name, value in described(error).items() if name != "status" or name in error.extra
        },
        "documentation_url": f"{DOCUMENTATION}{area}/#{error.code.lower()}",
        "suggested_action": None,
        "request_id": request_id,
    }
