"""What explorers' and nodes' errors mean. Explorers tell theirs in a text, with HTTP 200; texts change, so they are known
by how they begin."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from caudal.model.errors import NotReady, ProviderError, RateLimited, Refused, Unavailable
from caudal.providers.http import Answer

A_SECOND: Final = timedelta(seconds=1)
A_MINUTE: Final = timedelta(minutes=1)


class TooMuch(Unavailable):
    """The answer would be too large: ask for fewer blocks."""


class NotOffered(Refused):
    """The explorer hasn't this list."""


Rule = Callable[[str, datetime], ProviderError]


def _limited(pause: timedelta) -> Rule:
    return lambda said, _: RateLimited(said, retry_after=pause)


def _until_midnight(said: str, now: datetime) -> ProviderError:
    """The day's calls are spent: it begins anew at 00:00 UTC."""
    today = now.astimezone(UTC)
    midnight = datetime(today.year, today.month, today.day, tzinfo=UTC) + timedelta(days=1)
    return RateLimited(said, retry_after=midnight - today)


def _refused(hint: str) -> Rule:
    return lambda said, _: Refused(f"{said}: {hint}")


_KEY: Final = _refused("look at CAUDAL_ETHEREUM_KEY")

RULES: Final[Mapping[str, Rule]] = {
    "Max calls per sec": _limited(A_SECOND),
    "Max rate limit reached": _limited(A_MINUTE),
    "Max daily": _until_midnight,
    "Free API access is not supported": _refused(
        "its free plan hasn't this chain: look at CAUDAL_ETHEREUM_CHAIN_ID"
    ),
    "Free API access is temporarily": lambda said, _: Unavailable(said),
    "Invalid API Key": _KEY,
    "Missing/Invalid API Key": _KEY,
    "Too many invalid api key": _KEY,
    "Query Timeout": lambda said, _: TooMuch(said),
    "Result window is too large": lambda said, _: TooMuch(said),
    "Unknown action": lambda said, _: NotOffered(said),
    "Error!": _refused("the explorer doesn't know this call: look at CAUDAL_ETHEREUM_URL and _DIALECT"),
}
"""How an explorer's text begins → what it is."""

HTTP_RULES: Final[Mapping[int, Rule]] = {
    401: _KEY,
    402: _refused("its key has no credit left: look at CAUDAL_ETHEREUM_KEY"),
    429: _limited(A_MINUTE),
}
RPC_RULES: Final[Mapping[int, Rule]] = {
    -32700: _refused("our bug"),
    -32600: _refused("our bug"),
    -32601: _refused("the node doesn't know this call: look at CAUDAL_ETHEREUM_RPC_URL"),
    -32602: _refused("our bug"),
    -32005: _limited(A_MINUTE),
}
"""JSON-RPC 2.0, §5.1; −32005 by EIP-1474 [?]. All others (−32000: a block that this node hasn't) pass."""


def told(operation: str, words: str, now: datetime) -> ProviderError:
    """What an explorer's refusal is. Words that aren't documented pass, or will be seen not to."""
    for begins, rule in RULES.items():
        if words.startswith(begins):
            return rule(f"ethereum {operation}: {begins}", now)
    return Unavailable(f"ethereum {operation}: refused in words that aren't documented")


def by_code(operation: str, code: int, now: datetime) -> ProviderError:
    """What a node's error object is."""
    said = f"ethereum {operation}: the node's error {code}"
    rule = RPC_RULES.get(code)
    return rule(said, now) if rule else Unavailable(said)


def by_http(operation: str, answer: Answer, now: datetime) -> ProviderError:
    """What an answer other than 200 is."""
    said = f"ethereum {operation}: answered {answer.status}"
    if answer.status == 429 and answer.retry_after is not None:
        return RateLimited(said, retry_after=answer.retry_after)
    if answer.status in HTTP_RULES:
        return HTTP_RULES[answer.status](said, now)
    if answer.status >= 500 or answer.status == 408:
        return Unavailable(said)
    return Refused(f"{said}: is it an explorer, or a node?")


def behind(operation: str) -> ProviderError:
    """Blockscout's status "2": it knows of the data and hasn't read it yet."""
    return NotReady(f"ethereum {operation}: the explorer is still reading the chain", retry_after=A_MINUTE)
