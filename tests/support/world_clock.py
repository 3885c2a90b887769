"""Time as a simulated world has it."""

from datetime import UTC, datetime, timedelta

from tests.support.plaid_script import HandClock

from caudal_sandbox.world import World


class WorldClock(HandClock):
    """The world's time, and what was waited for beyond it."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        self._began = self.time

    def now(self) -> datetime:
        return self._world.now + (self.time - self._began)

    def monotonic(self) -> timedelta:
        return self.now() - datetime(2020, 1, 1, tzinfo=UTC)
