"""Which providers one can link with, and how to open one. Each is imported only when it is asked for."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, NamedTuple

from caudal.model.errors import ConfigError, NotFound
from caudal.providers.base import Declaration, LiveProvider, Pace
from caudal.providers.http import Budget, BudgetsOf, Observer
from caudal.settings import Settings


@asynccontextmanager
async def opened(
    settings: Settings, name: str, observe: Observer | None = None, budgets: BudgetsOf | None = None
) -> AsyncIterator[LiveProvider]:
    """The provider of that name, ready to be called. Raises NotFound, or ConfigError where it isn't set up.

    `budgets` are where its calls wait for their turn: without, in this process's own.
    """
    if name not in _LIVE:
        raise NotFound(f"no provider {name!r} to link with (there are: {', '.join(_LIVE)})")
    async with _LIVE[name].open(settings, observe, budgets) as live:
        yield live


def budgets() -> dict[str, Mapping[str, Budget]]:
    """How often each provider may be asked, as its adapter declares it: provider → operation → budget."""
    return {name: live.budgets() for name, live in _LIVE.items()}


def paces() -> dict[str, Pace]:
    """How often each provider's connections are pulled."""
    return {name: live.pace for name, live in _LIVE.items()}


def declarations() -> list[Declaration]:
    """What each provider's adapter says of itself, in the order in which they are shown."""
    return [live.declared() for live in _LIVE.values()]


def _plaid(
    settings: Settings, observe: Observer | None, budgets: BudgetsOf | None
) -> AbstractAsyncContextManager[LiveProvider]:
    from caudal.providers.plaid.config import PlaidConfig  # noqa: PLC0415
    from caudal.providers.plaid.provider import PlaidProvider  # noqa: PLC0415

    told = settings.plaid
    if not told.client_id or not told.secret:
        raise ConfigError(
            "Plaid isn't set up: set CAUDAL_PLAID_CLIENT_ID and CAUDAL_PLAID_SECRET (or CAUDAL_PLAID_SECRET_FILE); "
            "to try it without an account, run `caudal sandbox serve` and use what it prints"
        )
    config = PlaidConfig(
        client_id=told.client_id,
        secret=told.secret,
        environment=told.environment,
        base_url=told.url or None,
        country_codes=tuple(code.strip().upper() for code in told.country_codes.split(",") if code.strip()),
    )
    kept = None if budgets is None else budgets("plaid", _plaid_budgets())
    return PlaidProvider(config, settings.http, budgets=kept, observer=observe)


def _plaid_budgets() -> Mapping[str, Budget]:
    from caudal.providers.plaid.client import BUDGETS  # noqa: PLC0415

    return BUDGETS


def _plaid_declared() -> Declaration:
    from caudal.providers.plaid.provider import DECLARATION  # noqa: PLC0415

    return DECLARATION


class _Live(NamedTuple):
    """How to open a provider, and what is known of it without that."""

    open: Callable[[Settings, Observer | None, BudgetsOf | None], AbstractAsyncContextManager[LiveProvider]]
    budgets: Callable[[], Mapping[str, Budget]]
    declared: Callable[[], Declaration]
    pace: Pace = Pace()
    """As its declaration says it: asked for often, and without importing the adapter."""


_LIVE: Final[dict[str, _Live]] = {
    "plaid": _Live(_plaid, _plaid_budgets, _plaid_declared),
}
