"""A provider whose links go the way a test says, step by step, and that keeps what it was answered."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

from caudal.providers.base import (
    Capability,
    LinkAnswer,
    LinkRequest,
    LinkState,
    LinkStep,
    LiveProvider,
    Visit,
    WithoutWebhooks,
)

NAME = "stepping"


class Stepping(WithoutWebhooks):
    """Gives `steps` one by one; one that is an error is raised."""

    name = NAME
    capabilities = frozenset({Capability.LINK, Capability.RELINK, Capability.REDIRECT})

    def __init__(self, steps: Sequence[LinkStep | Exception]) -> None:
        self.steps = list(steps)
        self.asked: list[LinkRequest | LinkAnswer] = []

    async def begin_link(self, request: LinkRequest) -> LinkStep:
        """The first step."""
        return self._next(request)

    async def continue_link(self, answer: LinkAnswer) -> LinkStep:
        """The next step."""
        return self._next(answer)

    def _next(self, asked: LinkRequest | LinkAnswer) -> LinkStep:
        self.asked.append(asked)
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    @property
    def live(self) -> dict[str, LiveProvider]:
        """As those that are set up."""
        return {NAME: cast("LiveProvider", self)}


def visit(word: str = "", *, poll_seconds: int = 0) -> Visit:
    """A page to go to, come back from with `word`, or asked about."""
    until = datetime.now(UTC) + timedelta(minutes=10)
    url, state = "https://bank.test/login", LinkState("the bank's own state: secret")
    return Visit(url, state, until, poll_seconds, session="theirs", returns=word)
