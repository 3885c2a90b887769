"""What each of Bitso's codes means for a connection (contract §4, specs/error_codes.json)."""

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
from caudal.providers.http import Answer, Failed, Later, Limited, Verdict, by_status

LOCKED_FOR: Final = timedelta(minutes=1)
"""Over the limit Bitso answers 420 for a minute, and says of no Retry-After (contract §3)."""
WRITTEN_IN: Final = timedelta(seconds=3)
"""A match's trades are there within seconds (contract §4: 0377)."""


class Absent(Refused):
    """Bitso has no such address, or has it no more."""


Rule = Callable[[str], ProviderError]


def _needs(action: str) -> Rule:
    return lambda said: NeedsUser(said, action=action)


def _limited(said: str) -> ProviderError:
    return RateLimited(said, retry_after=LOCKED_FOR)


def _unready(said: str) -> ProviderError:
    return NotReady(said, retry_after=WRITTEN_IN)


def _clock(said: str) -> ProviderError:
    return Unavailable(f"{said}: is this machine's clock right, and the key this hub's own? Nonces are times")


_ANEW: Final = _needs("link this connection again with a key that is good, and with view permissions alone")
_AT_BITSO: Final = _needs("settle it at Bitso, then link this connection again")
_ADDRESS: Final = _needs("allow this machine's address for the key at Bitso, or link again with another key")

RULES: Final[Mapping[str, Rule]] = {
    "104": _clock,
    "0101": Unavailable,
    "0102": Refused,
    **dict.fromkeys(("0201", "0202", "0203", "0208", "0212", "0215"), _ANEW),
    **dict.fromkeys(("0204", "0205", "0209", "0210", "0214", "0216"), _AT_BITSO),
    "0207": _clock,
    **dict.fromkeys(("0211", "0213"), _ADDRESS),
    "0206": Refused,
    "0326": Revoked,
    **dict.fromkeys(("0377", "0378"), _unready),
    **dict.fromkeys(("0801", "0802"), _limited),
    **dict.fromkeys(("1000", "1003"), Unavailable),
    **dict.fromkeys(("0901", "1004"), Absent),
}
"""Every code that isn't a request of ours that Bitso won't take (`_refused`)."""

_BY_CATEGORY: Final[Mapping[str, Rule]] = {"01": Unavailable, "02": _ANEW, "08": _limited}
"""For codes added since: the first two digits."""
CLOCK: Final = frozenset({"104", "0207"})
"""A nonce too old, or one that was used: worth another, once."""


class _Error(msgspec.Struct):
    code: str | int


class _Head(msgspec.Struct):
    success: bool
    error: _Error | None = None


_HEAD: Final = msgspec.json.Decoder(_Head)


def error_of(code: str, where: str = "bitso") -> ProviderError:
    """What Bitso's code means. Its message isn't repeated: it may quote what was sent."""
    return _rule(code)(f"{where}: Bitso says {code if code.isdigit() else 'what is no code'}")


def code_of(answer: Answer) -> str | None:
    """The code of a refusal, '' where it names none; None where it is none of Bitso's. `success` decides, not the HTTP
    status (contract §4)."""
    try:
        head = _HEAD.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return None if head.success else str(head.error.code) if head.error else ""


def error_for(answer: Answer, where: str) -> ProviderError:
    """The error of an answer that isn't what was asked for."""
    code = code_of(answer)
    if code is not None:
        return error_of(code, where)
    message = f"{where}: answered {answer.status}, and not in Bitso's words"
    if answer.status in (420, 429):
        return RateLimited(message, retry_after=answer.retry_after or LOCKED_FOR)
    if answer.status >= 500 or answer.status == 408:
        return Unavailable(message)
    if answer.status == 404:
        return Absent(f"{message}: is CAUDAL_BITSO_URL right?")
    return Malformed(f"{where}: answer", f"{answer.status}, and none of Bitso's words")


def judge(answer: Answer) -> Verdict:
    """Whether asking again helps."""
    code = code_of(answer)
    if code is not None:
        rule = _rule(code)
        if rule is _limited:
            return Limited(answer.retry_after)
        return Later(provider_wide=True) if rule is Unavailable else Failed()
    if answer.status == 420:
        return Limited(answer.retry_after)
    verdict = by_status(answer)
    return Later(provider_wide=True) if isinstance(verdict, Later) else verdict


def _rule(code: str) -> Rule:
    return RULES.get(code) or _BY_CATEGORY.get(code[:2], Refused)
