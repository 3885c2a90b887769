"""Who lives in the sandbox and links at which provider: one line each, and a provider without one is missed by tests."""

from typing import Final, NamedTuple

from caudal_sandbox.economy.countries import CountryCode
from caudal_sandbox.economy.holders import Holder
from caudal_sandbox.world import World


class Life(NamedTuple):
    """Somebody who lives in `country`, and how they link. `name`: theirs; empty: the provider's."""

    country: CountryCode
    institution: str | None = None
    name: str = ""
    password: str = "pass_good"


LIVES: Final = {
    "plaid": Life(CountryCode.US, "ins_900003", "person-1"),
    "truelayer": Life(CountryCode.GB),
    "bitcoin": Life(CountryCode.US),
    "pluggy": Life(CountryCode.BR, password="password-ok"),
    "bitso": Life(CountryCode.MX),
}


def settle(world: World) -> dict[str, Holder]:
    """Call them in: provider → who links there."""
    return {provider: world.person(life.name or provider, life.country) for provider, life in LIVES.items()}
