"""How Bitcoin is opened from the installation's settings."""

from msgspec.structs import replace

from caudal.providers.bitcoin.config import PUBLIC_BUDGETS, BitcoinConfig
from caudal.providers.bitcoin.provider import DECLARATION, BitcoinProvider
from caudal.providers.http import BudgetsOf, Clock, Observer
from caudal.settings import Settings

__all__ = ["BUDGETS", "DECLARATION", "opened", "sandboxed"]

BUDGETS = PUBLIC_BUDGETS


def opened(
    settings: Settings, clock: Clock, observe: Observer | None, budgets: BudgetsOf | None
) -> BitcoinProvider:
    """Raises ConfigError for settings that can't be."""
    told = settings.bitcoin
    servers = tuple(url.strip() for url in told.url.split(",") if url.strip())
    config = BitcoinConfig(servers, told.network, told.gap, told.scripts_max)
    kept = None if budgets is None else budgets("bitcoin", config.budgets)
    return BitcoinProvider(config, settings.http, clock=clock, budgets=kept, observer=observe)


def sandboxed(settings: Settings, url: str) -> Settings:
    """By the Esplora of the sandbox at `url`."""
    return replace(settings, bitcoin=replace(settings.bitcoin, url=f"{url}/esplora", network="main"))
