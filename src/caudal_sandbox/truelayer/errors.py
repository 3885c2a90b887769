"""TrueLayer's refusals: code, status, words (Data API v1, errors; authentication server, errors)."""

from typing import Final

DATA: Final = {
    "validation_error": (400, "Supplied parameters are not valid"),
    "invalid_date_range": (400, "The parameters 'to' and 'from' are invalid"),
    "deprecated_provider": (400, "The provider has been deprecated"),
    "unauthorized": (401, "The credentials are not valid"),
    "invalid_token": (401, "The token is no longer valid"),
    "access_denied": (403, "Access to this resource is denied"),
    "sca_exceeded": (403, "SCA exemption expired: the user must re-authenticate at the bank"),
    "account_not_found": (404, "The requested account cannot be found"),
    "provider_too_many_requests": (429, "The request limit to the provider has been exceeded"),
    "provider_request_limit_exceeded": (429, "The provider limit of unattended calls has been exceeded"),
    "internal_server_error": (500, "Internal server error"),
    "endpoint_not_supported": (501, "Feature not supported by the provider"),
    "provider_error": (503, "The provider service is currently unavailable"),
    "connector_overload": (503, "The connector is overloaded"),
    "temporarily_unavailable": (503, "The request cannot be processed at this time, try again later"),
    "connector_timeout": (504, "The connector timed out"),
    "provider_timeout": (504, "The provider timed out"),
}
"""Of Data v1."""

MOCK_ONLY: Final = {
    "account_permanently_locked": (403, "The account is locked"),
    "account_temporarily_locked": (403, "The account is locked for a while"),
    "user_input_required": (403, "The user has to act"),
    "wrong_credentials": (403, "The credentials are wrong"),
    "internal_error": (500, "Internal error"),
}
"""What users of the mock bank named ``error.<code>`` may ask for besides. Their statuses aren't documented [?]."""

AUTH: Final = {
    "invalid_grant": (400, "Invalid refresh token or authorization code"),
    "invalid_client": (400, "Unknown client or wrong secret"),
    "invalid_request": (400, "The request is not valid"),
    "unauthorized_client": (401, ""),
    "access_denied": (400, "The user cancelled"),
    "internal_server_error": (500, "Internal server error"),
}
"""Of the authentication server."""

PROBLEMS: Final = {
    "invalid-parameters": (400, "Invalid Parameters"),
    "unauthenticated": (401, "Unauthenticated"),
    "unprocessable": (422, "Unprocessable"),
}
"""Of /connections/extend (application/problem+json)."""


class Refused(Exception):
    """A refusal on its way out. `auth`: the authentication server's."""

    def __init__(self, code: str, *, auth: bool = False, status: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        table = AUTH if auth else DATA | MOCK_ONLY
        self.status, self.words = table[code]
        self.status = status or self.status
        self.auth = auth

    def body(self) -> dict[str, object]:
        """As it goes over the wire."""
        told: dict[str, object] = {"error": self.code}
        if self.words:
            told["error_description"] = self.words
        return told if self.auth else {**told, "error_details": {}}


class Problem(Exception):
    """A refusal of /connections/extend."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(kind)
        self.kind = kind
        self.detail = detail
        self.status, self.title = PROBLEMS[kind]

    def body(self, trace: str) -> dict[str, object]:
        """As it goes over the wire."""
        return {
            "type": f"https://docs.truelayer.com/docs/error-types#{self.kind}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "trace_id": trace,
        }
