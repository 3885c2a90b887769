"""The providers of a process that stays up: each opened when it is first needed, closed with the process."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from caudal.model.errors import ConfigError, NotFound
from caudal.providers import registry
from caudal.providers.base import LiveProvider
from caudal.providers.http import BudgetsOf, Observer
from caudal.settings import Settings


class Providers:
    """Live providers by name. For one event loop."""

    def __init__(
        self, settings: Settings, observe: Observer | None = None, budgets: BudgetsOf | None = None
    ) -> None:
        self._settings = settings
        self._observe = observe
        self._budgets = budgets
        self._open: Final[dict[str, LiveProvider]] = {}
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()

    async def get(self, name: str) -> LiveProvider:
        """The provider of that name. Raises NotFound, or ConfigError where it isn't set up."""
        async with self._opening:
            if name not in self._open:
                opening = registry.opened(self._settings, name, self._observe, self._budgets)
                self._open[name] = await self._stack.enter_async_context(opening)
        return self._open[name]

    async def set_up(self) -> dict[str, LiveProvider]:
        """Every provider that is set up."""
        for name in registry.paces():
            try:
                await self.get(name)
            except (ConfigError, NotFound):
                continue
        return dict(self._open)

    async def close(self) -> None:
        """Close them all."""
        await self._stack.aclose()


def one_of(there: Mapping[str, LiveProvider], name: str) -> LiveProvider:
    """The provider of that name among those that are set up. Raises NotFound."""
    if name not in there:
        raise NotFound(f"the provider {name} isn't set up here")
    return there[name]


@asynccontextmanager
async def held(
    settings: Settings, observe: Observer | None = None, budgets: BudgetsOf | None = None
) -> AsyncIterator[Providers]:
    """Providers, closed at the end of the block."""
    providers = Providers(settings, observe, budgets)
    try:
        yield providers
    finally:
        await providers.close()
