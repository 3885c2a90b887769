"""How often Pluggy lets itself be asked: by the minute and endpoint (contract §7)."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

MINUTE: Final = timedelta(minutes=1)
PER_MINUTE: Final[Mapping[str, int]] = {
    "auth": 360,
    "accounts": 360,
    "transactions": 360,
    "v2/transactions": 360,
    "investments": 360,
}
UPDATES_PER_MINUTE: Final = 20
"""Of PATCH /items."""


class Limits:
    """Counts calls in fixed minutes."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._counted: dict[str, tuple[datetime, int]] = {}

    def exceeded(self, method: str, path: str) -> Mapping[str, str] | None:
        """Counts this call. The headers of its refusal where it is one too many; None where it isn't."""
        endpoint = path.strip("/")
        limit = PER_MINUTE.get(endpoint)
        if method == "PATCH" and endpoint.startswith("items/"):
            endpoint, limit = "items", UPDATES_PER_MINUTE
        if limit is None:
            return None
        now = self._clock()
        since, count = self._counted.get(endpoint, (now, 0))
        if now - since >= MINUTE:
            since, count = now, 0
        self._counted[endpoint] = (since, count + 1)
        if count < limit:
            return None
        left = -((since + MINUTE - now) // timedelta(seconds=-1))
        return limited(limit, left)


def limited(limit: int, seconds: int) -> Mapping[str, str]:
    """The headers of a 429."""
    told = {
        "RateLimit-Limit": limit,
        "RateLimit-Remaining": 0,
        "RateLimit-Reset": seconds,
        "Retry-After": seconds,
    }
    return {name: str(value) for name, value in told.items()}
