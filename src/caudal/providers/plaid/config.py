"""What an installation says about its Plaid account."""

from typing import Any, Final

import msgspec

from caudal.model.errors import ConfigError

_HOSTS: Final = {
    "sandbox": "https://sandbox.plaid.com",
    "production": "https://production.plaid.com",
}
"""Plaid docs, API: environments. Limited Production uses production's; Development was shut down in 2024."""

_COUNTRIES: Final = frozenset(("AT", "BE", "CA", "DE", "DK", "EE", "ES", "FI", "FR", "GB")) | frozenset(
    ("IE", "IT", "LT", "LV", "NL", "NO", "PL", "PT", "SE", "US")
)
"""Plaid's OpenAPI, CountryCode."""

CLIENT_NAME_CHARS_MAX: Final = 30
"""Plaid's OpenAPI, /link/token/create: a longer one is shown as "This Application"."""

DAYS_REQUESTED_MAX: Final = 730
"""Plaid's OpenAPI, LinkTokenTransactions. Fixed for ever when Transactions is added to an Item, so ask for all."""


class PlaidConfig(msgspec.Struct, frozen=True):
    """Plaid's keys and what people are shown. `base_url` replaces Plaid's own (an emulator on this machine).

    Raises ConfigError naming the field that can't do, and never its value where that is secret.
    """

    client_id: str
    secret: str
    environment: str = "sandbox"
    base_url: str | None = None
    client_name: str = "Caudal"
    country_codes: tuple[str, ...] = ("US",)
    days_requested: int = DAYS_REQUESTED_MAX

    def __post_init__(self) -> None:
        if not self.client_id or not self.secret:
            raise ConfigError(
                "plaid: client_id and secret are missing: Plaid's dashboard shows them under Keys"
            )
        if self.environment == "development":
            raise ConfigError("plaid: the environment development is gone: use sandbox or production")
        if self.environment not in _HOSTS:
            raise ConfigError(f"plaid: environment {self.environment!r} is none: use sandbox or production")
        if unknown := sorted(set(self.country_codes) - _COUNTRIES):
            raise ConfigError(f"plaid: country_codes: Plaid has no {', '.join(unknown)}")
        if not self.country_codes:
            raise ConfigError("plaid: country_codes: name at least one country, such as US")
        if not 0 < len(self.client_name) <= CLIENT_NAME_CHARS_MAX:
            raise ConfigError(f"plaid: client_name: give 1 to {CLIENT_NAME_CHARS_MAX} characters")
        if not 1 <= self.days_requested <= DAYS_REQUESTED_MAX:
            raise ConfigError(f"plaid: days_requested: give 1 to {DAYS_REQUESTED_MAX} days")

    @property
    def url(self) -> str:
        """Where Plaid is asked."""
        return self.base_url or _HOSTS[self.environment]

    def __repr__(self) -> str:
        return f"PlaidConfig({self.environment!r}, url={self.url!r}, client_id=…, secret=…)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("", repr(self))]
