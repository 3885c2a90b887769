"""How TrueLayer is opened from the installation's settings."""

from msgspec.structs import replace

from caudal.model.errors import ConfigError
from caudal.providers.http import BudgetsOf, Clock, Observer
from caudal.providers.truelayer.client import BUDGETS
from caudal.providers.truelayer.config import TrueLayerConfig
from caudal.providers.truelayer.provider import DECLARATION, TrueLayerProvider
from caudal.settings import Settings

__all__ = ["BUDGETS", "DECLARATION", "opened", "sandboxed"]


def opened(
    settings: Settings, clock: Clock, observe: Observer | None, budgets: BudgetsOf | None
) -> TrueLayerProvider:
    """Raises ConfigError where its keys are missing."""
    told = settings.truelayer
    if not told.client_id or not told.client_secret:
        raise ConfigError(
            "TrueLayer isn't set up: set CAUDAL_TRUELAYER_CLIENT_ID and CAUDAL_TRUELAYER_CLIENT_SECRET (or …_FILE)"
        )
    config = TrueLayerConfig(
        client_id=told.client_id,
        client_secret=told.client_secret,
        environment=told.environment,
        base_url=told.url or None,
        providers=told.providers,
        extend=told.extend,
        webhook_url=told.webhook_url,
    )
    kept = None if budgets is None else budgets("truelayer", BUDGETS)
    return TrueLayerProvider(config, settings.http, clock=clock, budgets=kept, observer=observe)


def sandboxed(settings: Settings, url: str) -> Settings:
    """As the sandbox at `url` takes it: any keys, all of its banks."""
    told = replace(
        settings.truelayer,
        client_id="sandbox-caudal",
        client_secret="sandbox",  # noqa: S106  no one's
        environment="sandbox",
        url=f"{url}/truelayer",
        providers="uk-ob-all uk-cs-mock",
    )
    return replace(settings, truelayer=told)
