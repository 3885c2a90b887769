"""What each of TrueLayer's error codes means for a connection (Data API v1, errors; authentication server, errors).

Told by `error`, never by its description, which is not contract. A code not in the tables goes by its HTTP status.
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
from caudal.providers.truelayer.payloads import Problem, TrueLayerError

_BANK_PAUSE: Final = timedelta(minutes=15)
"""provider_too_many_requests: back off for minutes to hours (contract); nothing says for how long [?]."""
_TOMORROW: Final = timedelta(hours=24)
"""provider_request_limit_exceeded: the day's unattended calls are spent. Whose day it is isn't told [?]: a whole one."""


class Refusal(msgspec.Struct, frozen=True):
    """A refusal and what it was the answer to. `auth`: of the authentication server, whose codes mean other things."""

    operation: str
    status: int
    code: str
    detail: str = ""
    auth: bool = False
    correlation: str = ""

    def __str__(self) -> str:
        why = redact(self.detail) if self.detail else "no reason told"
        return (
            f"truelayer {self.operation}: {redact(self.code)}, request {self.correlation or 'unnamed'}: {why}"
        )


Rule = Callable[[Refusal], ProviderError]

LINK_AGAIN: Final = "log in to the bank again by linking this connection anew"


def _needs_user(action: str) -> Rule:
    return lambda refusal: NeedsUser(str(refusal), action=action)


def _unavailable(refusal: Refusal) -> ProviderError:
    return Unavailable(str(refusal))


def _refused(refusal: Refusal) -> ProviderError:
    return Refused(str(refusal))


def _revoked(refusal: Refusal) -> ProviderError:
    return Revoked(str(refusal))


def _limited(pause: timedelta) -> Rule:
    return lambda refusal: RateLimited(str(refusal), retry_after=pause)


_LOG_IN: Final = _needs_user(LINK_AGAIN)

RULES: Final[Mapping[str, Rule]] = {
    "validation_error": _refused,
    "invalid_date_range": _refused,  # the pull shrinks its window first
    "deprecated_provider": _needs_user("TrueLayer has another way to this bank: link it anew"),
    "unauthorized": _LOG_IN,  # the client has renewed the token and asked again
    "invalid_token": _LOG_IN,
    "access_denied": _LOG_IN,  # of one feature: the pull switches it off instead
    "sca_exceeded": _LOG_IN,  # the pull narrows its window first
    "account_not_found": _refused,  # the pull tells that the account is gone
    "provider_too_many_requests": _limited(_BANK_PAUSE),
    "provider_request_limit_exceeded": _limited(_TOMORROW),
    "internal_server_error": _unavailable,
    "endpoint_not_supported": _refused,  # the pull leaves the feature alone for a while
    "provider_error": _unavailable,
    "connector_overload": _unavailable,
    "temporarily_unavailable": _unavailable,
    "connector_timeout": _unavailable,
    "provider_timeout": _unavailable,
    # Heard of the mock bank alone.
    "account_permanently_locked": _needs_user("put it in order at the bank itself, then link it again"),
    "account_temporarily_locked": _needs_user("put it in order at the bank itself, then link it again"),
    "user_input_required": _LOG_IN,
    "wrong_credentials": _LOG_IN,
    "internal_error": _unavailable,
}
"""Every code of Data v1."""

AUTH_RULES: Final[Mapping[str, Rule]] = {
    "invalid_grant": _LOG_IN,
    "invalid_client": _refused,
    "invalid_request": _refused,
    "unauthorized_client": _refused,
    "access_denied": _LOG_IN,
    "not_found": _revoked,
    "internal_server_error": _unavailable,
}
"""Every code of the authentication server."""

PROBLEM_RULES: Final[Mapping[str, Rule]] = {
    "invalid-parameters": _refused,
    "invalid_state": _refused,
    "unauthenticated": _LOG_IN,
    "forbidden": _LOG_IN,
    "not-found": _revoked,
    "rate-limit-exceeded": _limited(_BANK_PAUSE),
    "unknown-error": _unavailable,
    "provider-error": _unavailable,
    "gateway-timeout": _unavailable,
    "unprocessable": _needs_user("this consent can't be extended: link the bank anew"),
}
"""The problem types of /connections/extend and of Data v3, by what follows the last ``#`` or ``/``."""

REDIRECTED: Final[Mapping[str, str]] = {
    "access_denied": "it was cancelled, or the bank refused",
    "invalid_request": "TrueLayer didn't take the link",
    "invalid_scope": "the bank doesn't share what was asked for",
    "server_error": "the bank was in trouble: try again",
}
"""What the page at TrueLayer ended with (`error` of the address it came back to); the last two unverified [?]."""

FEATURE_OFF: Final = frozenset({"access_denied", "endpoint_not_supported"})
"""Of one feature: this bank hasn't it, or its person didn't share it. The others go on."""
TOKEN_DEAD: Final = frozenset({"invalid_token", "unauthorized"})

_ERROR: Final = msgspec.json.Decoder(TrueLayerError)
_PROBLEM: Final = msgspec.json.Decoder(Problem)


def error_for(refusal: Refusal) -> ProviderError:
    """The error of our family that `refusal` is."""
    table = AUTH_RULES if refusal.auth else RULES
    rule = table.get(refusal.code) or PROBLEM_RULES.get(refusal.code)
    return (rule or _by_status(refusal.status))(refusal)


def _by_status(status: int) -> Rule:
    if status == 429:
        return _limited(_BANK_PAUSE)
    if status in {401, 403}:
        return _LOG_IN
    return _unavailable if status >= 500 or status == 408 else _refused


def read_refusal(operation: str, answer: Answer, *, auth: bool = False) -> Refusal | ProviderError:
    """What an answer that isn't a success says: TrueLayer's own words, or an error where something else answered."""
    named = correlation(answer) or ""
    told = _told(answer)
    if told is not None:
        return Refusal(operation, answer.status, told[0], told[1], auth=auth, correlation=named)
    message = f"truelayer {operation}: answered {answer.status}, and not in TrueLayer's words"
    passing = unworded(answer, message, _BANK_PAUSE)
    if passing is not None:
        return passing
    if answer.status < 400:
        return Malformed(f"truelayer {operation}: answer", f"status {answer.status} was not asked for")
    if answer.says_json:
        return Malformed(
            f"truelayer {operation}: answer", f"status {answer.status}, and its reason can't be read"
        )
    return Refused(f"{message}: is the base URL right?")


def judge(answer: Answer) -> Verdict:
    """Whether asking again helps. The day's limit is its connection's and endpoint's own: it holds up nobody else."""
    told = _told(answer) if answer.status >= 400 else None
    if told is None:
        return by_status_alone(answer)
    code = told[0]
    if code in {"internal_server_error", "temporarily_unavailable", "unknown-error"}:
        return Later(provider_wide=True)
    if answer.status >= 500 and code not in FEATURE_OFF:
        return Later()
    if answer.status == 429 and code not in RULES:
        return Limited(answer.retry_after)
    return Failed() if answer.status >= 400 else Fine()


def correlation(answer: Answer) -> str | None:
    """TrueLayer's name of an exchange (X-TL-Correlation-Id)."""
    return answer.header("x-tl-correlation-id") or None


def _told(answer: Answer) -> tuple[str, str] | None:
    """(code, description)."""
    try:
        error = _ERROR.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _problem(answer)
    return error.error, error.error_description or ""


def _problem(answer: Answer) -> tuple[str, str] | None:
    try:
        problem = _PROBLEM.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return problem.type.replace("#", "/").rpartition("/")[2] or problem.title, problem.title
