"""Which providers one can link with, and how to open one. Each is imported only when it is asked for."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from importlib import import_module
from typing import Final, Protocol, cast

from caudal.model.errors import NotFound
from caudal.providers.base import FOUR_A_DAY, Declaration, LiveProvider, Pace
from caudal.providers.http import Budget, BudgetsOf, Clock, Observer, SystemClock
from caudal.providers.sandboxed import SandboxClock
from caudal.settings import Settings

_PACES: Final[dict[str, Pace]] = {
    "plaid": Pace(),
    "truelayer": FOUR_A_DAY,
    "belvo": Pace(timedelta(hours=6)),
    "bitcoin": Pace(),
    "pluggy": Pace(),
    "bitso": Pace(every=timedelta(minutes=15)),
    "ethereum": Pace(),
}
"""Every provider, in the order in which they are shown, with the pace its declaration says: asked for often, and
without importing the adapter. To add one is a line here, and a module `entry` in its folder."""


class Entry(Protocol):
    """A provider's module `entry`."""

    @property
    def DECLARATION(self) -> Declaration:  # noqa: N802  a module's constant
        """What its adapter says of itself."""
        ...

    @property
    def BUDGETS(self) -> Mapping[str, Budget]:  # noqa: N802  as above
        """How often it may be asked: operation → budget."""
        ...

    def opened(
        self, settings: Settings, clock: Clock, observe: Observer | None, budgets: BudgetsOf | None
    ) -> AbstractAsyncContextManager[LiveProvider]:
        """The adapter as the settings have it. Raises ConfigError where it isn't set up."""
        ...

    def sandboxed(self, settings: Settings, url: str) -> Settings:
        """The settings by which the adapter asks the sandbox at that address."""
        ...


@asynccontextmanager
async def opened(
    settings: Settings, name: str, observe: Observer | None = None, budgets: BudgetsOf | None = None
) -> AsyncIterator[LiveProvider]:
    """The provider of that name, ready to be called. Raises NotFound, or ConfigError where it isn't set up.

    `budgets` are where its calls wait for their turn: without, in this process's own.
    """
    if name not in _PACES:
        raise NotFound(f"no provider {name!r} to link with (there are: {', '.join(_PACES)})")
    entry = _entry(name)
    clock: Clock = SystemClock()
    if settings.sandbox:
        settings, clock = entry.sandboxed(settings, settings.sandbox), SandboxClock(settings.sandbox)
    async with entry.opened(settings, clock, observe, budgets) as live:
        yield live


def budgets() -> dict[str, Mapping[str, Budget]]:
    """How often each provider may be asked, as its adapter declares it: provider → operation → budget."""
    return {name: _entry(name).BUDGETS for name in _PACES}


def paces() -> dict[str, Pace]:
    """How often each provider's connections are pulled."""
    return dict(_PACES)


def declarations() -> list[Declaration]:
    """What each provider's adapter says of itself, in the order in which they are shown."""
    return [_entry(name).DECLARATION for name in _PACES]


def _entry(name: str) -> Entry:
    return cast(Entry, import_module(f"caudal.providers.{name}.entry"))
