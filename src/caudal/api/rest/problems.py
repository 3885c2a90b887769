"""What went wrong, as the API says it: RFC 9457 problem details with a code that stays the same.

Never what was sent, never a name of the database's: of our own faults the request's name alone.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

import msgspec
from starlette.responses import Response

from caudal.hub.identity.login import NotAdmitted, TooManyTries
from caudal.model.errors import (
    CaudalError,
    ConflictError,
    Malformed,
    MoneyError,
    NeedsUser,
    NotFound,
    NotReady,
    ProviderError,
    RateLimited,
    Revoked,
    StoreAway,
    Unavailable,
)
from caudal.vault.passwords import TooBusy

MEDIA_TYPE: Final = "application/problem+json"
_RETRY_SECONDS: Final = 5


class Fault(msgspec.Struct, frozen=True):
    """One thing that is wrong with a request. `at`: a JSON path into its body (``$.amount``), or its query's field."""

    at: str
    says: str


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """An error. `code` is for programs and stays; `detail` is for people. `request_id`: what to quote when asking."""

    type: str
    title: str
    status: int
    code: str
    detail: str = ""
    request_id: str = ""
    action: str = ""
    """What the person can do, where only they can mend it."""
    faults: tuple[Fault, ...] = ()


class Code(msgspec.Struct, frozen=True):
    """A kind of problem."""

    name: str
    status: int
    title: str


UNAUTHENTICATED: Final = Code("unauthenticated", 401, "Nobody known asks")
STRONGER: Final = Code("second_factor_required", 403, "A second factor is needed for this")
UNPROVED: Final = Code("proof_required", 403, "Show again who you are")
FORBIDDEN: Final = Code("forbidden", 403, "Not allowed")
NOT_FOUND: Final = Code("not_found", 404, "There is no such thing here")
WRONG_METHOD: Final = Code("method_not_allowed", 405, "There is nothing to do so here")
CONFLICT: Final = Code("conflict", 409, "It contradicts what is there")
NEEDS_USER: Final = Code("needs_user", 409, "The person is needed")
IN_PROGRESS: Final = Code("idempotency_in_progress", 409, "The same request is being worked on, or broke off")
CHANGED: Final = Code("changed_meanwhile", 412, "It was changed since it was read")
TOO_LARGE: Final = Code("too_large", 413, "The body is too large")
WRONG_MEDIA: Final = Code("unsupported_media_type", 415, "The body is of another kind than this takes")
INVALID: Final = Code("invalid", 422, "The request can't be read")
REUSED_KEY: Final = Code("idempotency_mismatch", 422, "The idempotency key was used for another request")
UNCONDITIONAL: Final = Code("precondition_required", 428, "If-Match is needed")
TOO_MANY: Final = Code("too_many_requests", 429, "Too many requests")
FAILED: Final = Code("internal", 500, "Something broke here")
PROVIDER_DOWN: Final = Code("provider_unavailable", 502, "The provider can't be reached")
AWAY: Final = Code("unavailable", 503, "Not now")

CODES: Final[Mapping[str, Code]] = {
    code.name: code
    for code in (
        UNAUTHENTICATED,
        STRONGER,
        UNPROVED,
        FORBIDDEN,
        NOT_FOUND,
        WRONG_METHOD,
        CONFLICT,
        NEEDS_USER,
        IN_PROGRESS,
        CHANGED,
        TOO_LARGE,
        WRONG_MEDIA,
        INVALID,
        REUSED_KEY,
        UNCONDITIONAL,
        TOO_MANY,
        FAILED,
        PROVIDER_DOWN,
        AWAY,
    )
}


class Rejected(Exception):
    """A request that ends in a problem."""

    def __init__(
        self,
        code: Code,
        detail: str = "",
        *,
        action: str = "",
        faults: tuple[Fault, ...] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code.name)
        self.code, self.detail, self.action, self.faults = code, detail, action, faults
        self.headers = dict(headers or {})

    def response(self, request_id: str) -> Response:
        """As it is answered."""
        code = self.code
        told = Problem(
            type=f"urn:caudal:problem:{code.name}",
            title=code.title,
            status=code.status,
            code=code.name,
            detail=self.detail,
            request_id=request_id,
            action=self.action,
            faults=self.faults,
        )
        return Response(msgspec.json.encode(told), code.status, self.headers, media_type=MEDIA_TYPE)


def of(error: CaudalError) -> Rejected:  # noqa: PLR0911  one for each family
    """What an error of Caudal's is to who asked: one rule for each, the nearest of its family."""
    match error:
        case TooManyTries():
            return Rejected(TOO_MANY, str(error), headers={"Retry-After": _seconds(error.retry_after)})
        case TooBusy():
            return Rejected(AWAY, str(error), headers={"Retry-After": str(_RETRY_SECONDS)})
        case NotAdmitted():
            return Rejected(UNAUTHENTICATED, str(error))
        case NotFound():
            return Rejected(NOT_FOUND, str(error))
        case NeedsUser():
            return Rejected(NEEDS_USER, error.reason, action=error.action)
        case ConflictError() | Revoked():
            return Rejected(CONFLICT, str(error))
        case MoneyError() | Malformed():
            return Rejected(INVALID, str(error))
        case RateLimited() | NotReady():
            return Rejected(AWAY, str(error), headers={"Retry-After": _seconds(error.retry_after)})
        case Unavailable():
            return Rejected(PROVIDER_DOWN, str(error))
        case StoreAway():
            return Rejected(AWAY, headers={"Retry-After": str(_RETRY_SECONDS)})
        case ProviderError() | _:
            return Rejected(FAILED)


def _seconds(wait: timedelta) -> str:
    return str(max(1, round(wait.total_seconds())))


_AT: Final = re.compile(r" - at `(?P<at>[^`]*)`$")
_VALUE: Final = re.compile(r"(?<=^Invalid enum value) .*")


def invalid(error: msgspec.DecodeError, where: str = "$") -> Rejected:
    """What msgspec says of a request it can't read: where and why, without what stood there."""
    text = str(error)
    at = _AT.search(text)
    says = _VALUE.sub("", _AT.sub("", text)) if isinstance(error, msgspec.ValidationError) else "not JSON"
    return Rejected(INVALID, faults=(Fault(at["at"] if at else where, says),))
