"""Belvo's refusals: an array of one or more, whatever was asked (contract §6)."""

from collections.abc import Mapping
from typing import Final

CODES: Final[Mapping[str, tuple[int, str]]] = {
    "required": (400, "This field is required."),
    "null": (400, "This field may not be null."),
    "blank": (400, "This field may not be blank."),
    "invalid": (400, "This value is not valid."),
    "does_not_exist": (400, "Object does not exist."),
    "invalid_period": (400, "The number of days between date_from and date_to must be at least 90 days"),
    "unsupported_operation": (
        400,
        "The resource you are trying to access is not supported by this institution",
    ),
    "invalid_fetch_resources": (400, "Single links without stored credentials must fetch resources"),
    "invalid_credentials_storage": (400, "Recurrent links must store the credentials"),
    "login_error": (400, "Invalid credentials provided to login to the institution"),
    "invalid_link": (400, "The link has been invalidated. You may need to update link credentials"),
    "unconfirmed_link": (400, "The link creation has not been completed yet"),
    "too_many_sessions": (
        400,
        "Impossible to login, a session is already opened with the institution for these credentials",
    ),
    "session_expired": (400, "The session you are trying to resume has expired, please start again"),
    "institution_down": (400, "The financial institution is down, try again later"),
    "institution_unavailable": (400, "The financial institution is unavailable"),
    "institution_inactive": (400, "The institution has been temporarily deactivated"),
    "authentication_failed": (401, "Invalid Secret Keys"),
    "consent_without_accounts": (401, "The consent has no accounts that can be shared"),
    "access_to_resource_denied": (403, "You don't have access to this resource."),
    "not_found": (404, "Not found"),
    "request_timeout": (408, "The request timed out, you can retry asking for less data"),
    "link_refreshed": (409, "The link has already been refreshed. Please wait before trying again."),
    "idempotency_key_conflict": (409, "A request with this idempotency key is already being processed."),
    "idempotency_payload_mismatch": (
        422,
        "A different request with the same idempotency key already exists.",
    ),
    "token_required": (428, "A MFA token is required by the institution to login"),
    "unexpected_error": (500, "Belvo is unable to process the request due to an internal system issue"),
}
"""Every code of the contract, its status and words."""

THROTTLED: Final = "throttled"
"""[?] What a 429 says: the contract gives its status alone, and for deleting links alone."""


class BelvoError(Exception):
    """A refusal on its way out. `field`: of the request; `more`: further keys (of an MFA request)."""

    def __init__(self, code: str, *, field: str = "", more: Mapping[str, object] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.status, self.words = CODES.get(code, (429, "Request was throttled."))
        self.field = field
        self.more = more or {}

    def body(self, request_id: str) -> list[dict[str, object]]:
        """As it goes over the wire."""
        named = {"field": self.field} if self.field else {}
        return [{"code": self.code, "message": self.words, "request_id": request_id, **named, **self.more}]
