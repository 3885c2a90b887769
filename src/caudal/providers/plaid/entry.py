"""How Plaid is opened from the installation's settings."""

from msgspec.structs import replace

from caudal.model.errors import ConfigError
from caudal.providers.http import BudgetsOf, Clock, Observer
from caudal.providers.plaid.client import BUDGETS
from caudal.providers.plaid.config import PlaidConfig
from caudal.providers.plaid.provider import DECLARATION, PlaidProvider
from caudal.settings import Settings

__all__ = ["BUDGETS", "DECLARATION", "opened", "sandboxed"]


def opened(
    settings: Settings, clock: Clock, observe: Observer | None, budgets: BudgetsOf | None
) -> PlaidProvider:
    """Raises ConfigError where its keys are missing."""
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
    kept = None if budgets is None else budgets("plaid", BUDGETS)
    return PlaidProvider(config, settings.http, clock=clock, budgets=kept, observer=observe)


def sandboxed(settings: Settings, url: str) -> Settings:
    """As the sandbox at `url` takes it: any keys."""
    told = replace(settings.plaid, client_id="sandbox", secret="sandbox", environment="sandbox", url=url)  # noqa: S106  no one's
    return replace(settings, plaid=told)
