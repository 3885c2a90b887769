"""The time in a sandbox, for adapters that are pointed at one: its banks' days are its world's, not this machine's."""

from datetime import UTC, datetime, timedelta
from typing import Final

import httpx
import msgspec

from caudal.providers.http import SystemClock

_HOLDS_FOR: Final = timedelta(seconds=1)
"""How long an answer is taken to be so still. Whoever moves the sandbox's clock waits for no one."""
_SECONDS_MAX: Final = 5


class _Now(msgspec.Struct):
    now: datetime


class SandboxClock(SystemClock):
    """The world's time in the sandbox at `url`; waits are this machine's. Asks there, on this thread, at most once a
    second; where nobody answers it goes by what it heard last, or by this machine's own time."""

    def __init__(self, url: str) -> None:
        self._url = f"{url.rstrip('/')}/_sandbox/now"
        self._ahead = timedelta()
        self._asked: timedelta | None = None

    def now(self) -> datetime:
        """In UTC."""
        if self._asked is None or self.monotonic() - self._asked >= _HOLDS_FOR:
            self._ahead = self._heard()
            self._asked = self.monotonic()
        return datetime.now(UTC) + self._ahead

    def _heard(self) -> timedelta:
        try:
            answer = httpx.get(self._url, timeout=_SECONDS_MAX, trust_env=False)
            return msgspec.json.decode(answer.content, type=_Now).now - datetime.now(UTC)
        except (httpx.HTTPError, msgspec.DecodeError):
            return self._ahead
