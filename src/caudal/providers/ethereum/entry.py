"""How Ethereum is opened from the installation's settings."""

from msgspec.structs import replace

from caudal.providers.ethereum.config import PUBLIC_BUDGETS, EthereumConfig
from caudal.providers.ethereum.provider import DECLARATION, EthereumProvider
from caudal.providers.http import BudgetsOf, Clock, Observer
from caudal.settings import Settings

__all__ = ["BUDGETS", "DECLARATION", "opened", "sandboxed"]

BUDGETS = PUBLIC_BUDGETS


def opened(
    settings: Settings, clock: Clock, observe: Observer | None, budgets: BudgetsOf | None
) -> EthereumProvider:
    """Raises ConfigError for settings that can't be."""
    told = settings.ethereum
    tokens = tuple(each.strip() for each in told.tokens.split(",") if each.strip())
    config = EthereumConfig(
        told.url, told.dialect, told.key, told.rpc_url, told.chain_id, tokens, told.page_rows, told.rows_max
    )
    kept = None if budgets is None else budgets("ethereum", config.budgets)
    return EthereumProvider(config, settings.http, clock=clock, budgets=kept, observer=observe)


def sandboxed(settings: Settings, url: str) -> Settings:
    """By the explorer of the sandbox at `url`."""
    told = replace(
        settings.ethereum, url=f"{url}/ethereum/v2/api", dialect="etherscan", rpc_url="", chain_id=1
    )
    return replace(settings, ethereum=told)
