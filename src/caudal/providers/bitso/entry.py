"""How Bitso is opened from the installation's settings."""

from contextlib import AbstractAsyncContextManager

from msgspec.structs import replace

from caudal.providers.bitso.client import BUDGETS
from caudal.providers.bitso.provider import DECLARATION, BitsoProvider
from caudal.providers.bitso.provider import opened as provider
from caudal.providers.http import BudgetsOf, Clock, Observer
from caudal.settings import Settings

__all__ = ["BUDGETS", "DECLARATION", "opened", "sandboxed"]


def opened(
    settings: Settings, clock: Clock, observe: Observer | None, budgets: BudgetsOf | None
) -> AbstractAsyncContextManager[BitsoProvider]:
    """Nothing needs to be set: a key is each connection's own."""
    kept = None if budgets is None else budgets("bitso", BUDGETS)
    return provider(settings.bitso, settings.http, clock=clock, budgets=kept, observer=observe)


def sandboxed(settings: Settings, url: str) -> Settings:
    """By the Bitso of the sandbox at `url`."""
    return replace(settings, bitso=replace(settings.bitso, url=f"{url}/bitso/v3"))
