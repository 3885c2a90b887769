"""Which providers one can link with, and how to open one. Each is imported only when it is asked for."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from caudal.model.errors import ConfigError, NotFound
from caudal.providers.base import LiveProvider
from caudal.providers.http import Observer
from caudal.settings import Settings


@asynccontextmanager
async def opened(
    settings: Settings, name: str, observe: Observer | None = None
) -> AsyncIterator[LiveProvider]:
    """The provider of that name, ready to be called. Raises NotFound, or ConfigError where it isn't set up."""
    if name not in _LIVE:
        raise NotFound(f"no provider {name!r} to link with (there are: {', '.join(_LIVE)})")
    async with _LIVE[name](settings, observe) as live:
        yield live


def _plaid(settings: Settings, observe: Observer | None) -> AbstractAsyncContextManager[LiveProvider]:
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
    return PlaidProvider(config, settings.http, observer=observe)


_LIVE: Final[dict[str, Callable[[Settings, Observer | None], AbstractAsyncContextManager[LiveProvider]]]] = {
    "plaid": _plaid
}
