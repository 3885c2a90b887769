"""How Pluggy is opened from the installation's settings."""

from msgspec.structs import replace

from caudal.model.errors import ConfigError
from caudal.providers.http import BudgetsOf, Clock, Observer
from caudal.providers.pluggy.client import BUDGETS, PluggyConfig
from caudal.providers.pluggy.provider import DECLARATION, PluggyProvider
from caudal.settings import Settings

__all__ = ["BUDGETS", "DECLARATION", "opened", "sandboxed"]


def opened(
    settings: Settings, clock: Clock, observe: Observer | None, budgets: BudgetsOf | None
) -> PluggyProvider:
    """Raises ConfigError where its keys are missing."""
    told = settings.pluggy
    if not told.client_id or not told.secret:
        raise ConfigError(
            "Pluggy isn't set up: set CAUDAL_PLUGGY_CLIENT_ID and CAUDAL_PLUGGY_SECRET (or CAUDAL_PLUGGY_SECRET_FILE)"
        )
    config = PluggyConfig(
        told.client_id,
        told.secret,
        told.url or PluggyConfig.url,
        told.connect_url or PluggyConfig.connect_url,
        webhook_header=told.webhook_header,
        webhook_secret=told.webhook_secret,
    )
    kept = None if budgets is None else budgets("pluggy", BUDGETS)
    return PluggyProvider(config, settings.http, clock=clock, budgets=kept, observer=observe)


def sandboxed(settings: Settings, url: str) -> Settings:
    """As the sandbox at `url` takes it: whatever application comes first."""
    told = replace(
        settings.pluggy,
        client_id="5a0d0b0c-0000-4000-8000-000000000000",
        secret="sandbox",  # noqa: S106  no one's
        url=f"{url}/pluggy",
        connect_url=f"{url}/pluggy/connect",
    )
    return replace(settings, pluggy=told)
