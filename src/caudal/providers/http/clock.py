"""The client's three dealings with time, so that a test can move it by hand."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Durations are `timedelta`: exact, and no float to go astray in a budget."""

    def monotonic(self) -> timedelta:
        """Time since some fixed moment; never goes back."""
        ...

    def now(self) -> datetime:
        """The calendar's time, in UTC: for dates a provider names and for what a person reads."""
        ...

    async def sleep(self, pause: timedelta) -> None:
        """Return after `pause`."""
        ...


class SystemClock:
    """The machine's clock."""

    def monotonic(self) -> timedelta:
        return timedelta(microseconds=time.monotonic_ns() // 1000)

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, pause: timedelta) -> None:
        await asyncio.sleep(pause.total_seconds())
