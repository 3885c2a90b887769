"""What goes to a provider, what comes back, and what an adapter and an onlooker say about it.

Nothing here shows a body or a header in its repr: both carry secrets, and a repr ends in logs and tracebacks.
"""

import enum
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

import msgspec

from caudal.model.errors import ProviderError, RateLimited, Refused, Unavailable

_PATH: Final = re.compile(r"/(?!/)[A-Za-z0-9._~!$&'()*+,;=:@%/-]*")
"""RFC 3986 §3.3, beginning with one slash: two would name another host."""


Sign = Callable[[str, str, bytes], Mapping[str, str]]
"""(method, path with its query exactly as it is sent, body) → headers that hold for this one attempt."""


class Call(msgspec.Struct, frozen=True):
    """One request. Raises Refused where it could reach anything but a path of the provider's own."""

    operation: str
    """What is asked, by a name from the adapter's code ("transactions/sync"): the key of budgets and logs."""
    method: str
    path: str
    """Below the base URL, beginning with a slash; variable parts quoted by the caller."""
    body: bytes | None = None
    query: Mapping[str, str] = {}
    """Never a secret, unless the provider takes it nowhere else: servers and proxies log URLs."""
    headers: Mapping[str, str] = {}
    item: str | None = None
    """The provider's name for one login (Plaid: Item). A budget may be each item's own."""
    institution: str | None = None
    """The bank behind the call, which can be down while the provider is up."""
    repeatable: bool = True
    """Whether sending it twice is harmless. If not (a token exchange) it is not sent again once it may have left."""
    sign: Sign | None = None
    """For signatures over the request itself, or that hold but once: asked before each attempt."""
    within: timedelta | None = None
    """Total time for this call, where it is less than the client's own bound."""

    def __post_init__(self) -> None:
        if not _PATH.fullmatch(self.path) or {".", ".."} & set(self.path.split("/")):
            raise Refused(f"{self.operation}: the path of a call is one below the base URL, and quoted")

    def __repr__(self) -> str:
        return f"Call({self.operation!r}, {self.method} …)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("operation", self.operation), ("method", self.method)]


class Answer(msgspec.Struct, frozen=True):
    """A complete HTTP answer, whatever its status."""

    status: int
    headers: Mapping[str, str]
    """Names in any case."""
    body: bytes
    """Unpacked, within the bound."""
    ms: int
    retry_after: timedelta | None = None
    """What the header of that name asks for, in either of its forms; never negative."""

    def header(self, name: str) -> str:
        """The header of that name (in lower case); '' where there is none."""
        return next((value for each, value in self.headers.items() if each.lower() == name), "")

    @property
    def says_json(self) -> bool:
        """Whether its body claims to be JSON."""
        return "json" in self.header("content-type").lower()

    def __repr__(self) -> str:
        return f"Answer({self.status}, {len(self.body)} bytes, {self.ms} ms)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("status", self.status), ("bytes", len(self.body)), ("ms", self.ms)]


class Fine(msgspec.Struct, frozen=True):
    """What was asked for."""


class Failed(msgspec.Struct, frozen=True):
    """An answer that asking again will not change. The adapter says which error it is."""


class Later(msgspec.Struct, frozen=True):
    """Passes by itself: ask again, and stop asking if it goes on. Blamed on the call's institution, if it names one."""

    provider_wide: bool = False
    """The provider itself is at fault, whichever institution was asked for."""


class Limited(msgspec.Struct, frozen=True):
    """Asked too often. `after` is what the provider told, None where it told nothing."""

    after: timedelta | None = None
    client_wide: bool = False
    """The limit of all our calls of this operation was met, not that of the one item."""


Verdict = Fine | Failed | Later | Limited
Judge = Callable[[Answer], Verdict]
"""Must not raise, whatever the body holds: an error page in front of the provider is an answer too."""


def by_status(answer: Answer) -> Verdict:
    """What HTTP alone says (RFC 9110 §15, RFC 6585 §4). An adapter that knows its provider's codes says more."""
    if answer.status == 429 or (answer.status == 503 and answer.retry_after is not None):
        return Limited(answer.retry_after)
    if answer.status == 408 or answer.status >= 500:
        return Later()
    return Failed() if answer.status >= 400 else Fine()


def by_status_alone(answer: Answer) -> Verdict:
    """`by_status`, where nobody stands behind the provider: what fails is its own."""
    verdict = by_status(answer)
    return Later(provider_wide=True) if isinstance(verdict, Later) else verdict


def unworded(answer: Answer, message: str, pause: timedelta) -> ProviderError | None:
    """What passes by itself of an answer in nobody's words: asked too often (`pause` where it doesn't say for how long),
    in trouble. None for the rest, which its adapter judges."""
    if answer.status == 429:
        return RateLimited(message, retry_after=answer.retry_after or pause)
    return Unavailable(message) if answer.status >= 500 or answer.status == 408 else None


class Outcome(enum.StrEnum):
    """How an attempt ended."""

    FINE = "fine"
    FAILED = "failed"
    LATER = "later"
    LIMITED = "limited"
    UNREACHABLE = "unreachable"
    """No connection."""
    UNTRUSTED = "untrusted"
    """No certificate that can be believed."""
    TIMEOUT = "timeout"
    BROKEN = "broken"
    """The answer was cut off or is no HTTP."""
    REDIRECTED = "redirected"
    UNREADABLE = "unreadable"
    """A body too large, or packed in a way that can't be undone."""
    BUSY = "busy"
    """All connections were in use, and stayed so."""
    REFUSED = "refused"
    """A request that can't be sent: our bug."""
    CANCELLED = "cancelled"


class Exchange(msgspec.Struct, frozen=True):
    """One attempt, as an onlooker may know it: no body, no header, no URL."""

    provider: str
    operation: str
    outcome: Outcome
    status: int | None
    ms: int
    attempt: int
    request_id: str | None
    """The provider's name for this exchange: what its support asks for."""
    institution: str | None = None
    """The bank behind the call, by the provider's id of it."""
    circuit_open: bool = False
    """Whether, after it, the provider as a whole is left alone for a while."""


Observer = Callable[[Exchange], None]
"""Told of every attempt (what was held back was none), in the middle of the call: quick, and must not raise."""
