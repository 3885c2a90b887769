"""Who lives in the sandbox and links at which provider: one line each, and a provider without one is missed by tests."""

from typing import Final, NamedTuple

from caudal_sandbox.economy.countries import CountryCode
from caudal_sandbox.economy.holders import Holder
from caudal_sandbox.plaid.institutions import CATALOGUE
from caudal_sandbox.world import World


class Life(NamedTuple):
    """Somebody who lives in `country`, and how they link there. They are called as the provider is. `named`: they have to
    name their bank."""

    country: CountryCode
    named: bool = False
    password: str = "pass_good"


LIVES: Final = {
    "plaid": Life(CountryCode.US, named=True),
    "truelayer": Life(CountryCode.GB),
    "bitcoin": Life(CountryCode.US),
    "pluggy": Life(CountryCode.BR, password="password-ok"),
    "bitso": Life(CountryCode.MX),
    "belvo": Life(CountryCode.BR),
    "ethereum": Life(CountryCode.US),
}


def settle(world: World) -> dict[str, Holder]:
    """Call them in: provider → who links there."""
    return {provider: world.person(provider, life.country) for provider, life in LIVES.items()}


def bank_of(world: World, provider: str) -> str | None:
    """Plaid's name of where that person banks; None where they needn't say."""
    if not LIVES[provider].named:
        return None
    home = world.person(provider, LIVES[provider].country).accounts[0].institution
    return next(each.institution_id for each in CATALOGUE.values() if each.bank == home)
