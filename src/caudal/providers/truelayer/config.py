"""What an installation says about its TrueLayer account."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from caudal.model.errors import ConfigError


class _Hosts(NamedTuple):
    auth: str
    api: str
    webhooks: str


_HOSTS: Final = {
    "sandbox": _Hosts(
        "https://auth.truelayer-sandbox.com",
        "https://api.truelayer-sandbox.com",
        "https://webhooks.truelayer-sandbox.com",
    ),
    "live": _Hosts(
        "https://auth.truelayer.com", "https://api.truelayer.com", "https://webhooks.truelayer.com"
    ),
}

JWKS_PATH: Final = "/.well-known/jwks"
_PROVIDERS: Final = {"sandbox": "uk-cs-mock", "live": "uk-ob-all uk-oauth-all"}
"""What is offered where nothing else is said."""
HISTORY_MONTHS: Final = (60, 24, 12, 3)
"""How far back is asked at first, then where the bank says that this is too far: not all four, for failed tries count
among the day's few (contract: an integrator is given 60 months, and an error at 72)."""


class TrueLayerConfig(msgspec.Struct, frozen=True):
    """TrueLayer's keys. `providers`: ids and groups of those offered, by spaces. `base_url` replaces TrueLayer's
    three hosts (an emulator on this machine).

    `extend`: this client may ask for consents to be extended (TrueLayer enables it for each). `webhook_url`: the public
    address TrueLayer calls; its path is signed. `card_signs` and `card_balance_signs`: (provider id or `*`) → ``owed`` or
    ``owned``, over what is known of banks (`signs`).

    Raises ConfigError naming the field that can't do, and never its value where that is secret.
    """

    client_id: str
    client_secret: str
    environment: str = "live"
    base_url: str | None = None
    providers: str = ""
    extend: bool = False
    webhook_url: str = ""
    history_months: tuple[int, ...] = HISTORY_MONTHS
    card_signs: Mapping[str, str] = {}
    card_balance_signs: Mapping[str, str] = {}

    def __post_init__(self) -> None:
        if not self.client_id or not self.client_secret:
            raise ConfigError(
                "truelayer: client_id and client_secret are missing: TrueLayer's Console has them"
            )
        if self.environment not in _HOSTS:
            raise ConfigError(f"truelayer: environment {self.environment!r} is none: use sandbox or live")
        sandbox = self.client_id.startswith("sandbox-")
        if self.base_url is None and sandbox != (self.environment == "sandbox"):
            raise ConfigError(
                "truelayer: client_id is of the other environment: the sandbox's begin with sandbox-"
            )
        if not self.history_months or any(months < 1 for months in self.history_months):
            raise ConfigError("truelayer: history_months: give at least one, of at least 1 month")
        for signs in (self.card_signs, self.card_balance_signs):
            if unknown := sorted(set(signs.values()) - {"owed", "owned"}):
                raise ConfigError(f"truelayer: card signs: {', '.join(unknown)}: use owed or owned")

    @property
    def auth_url(self) -> str:
        """Where people are sent and tokens come from."""
        return self.base_url or _HOSTS[self.environment].auth

    @property
    def api_url(self) -> str:
        """Where data comes from."""
        return self.base_url or _HOSTS[self.environment].api

    @property
    def webhooks_url(self) -> str:
        """Where the keys of its webhooks are."""
        return self.base_url or _HOSTS[self.environment].webhooks

    @property
    def offered(self) -> str:
        """The banks that are offered."""
        return self.providers or _PROVIDERS[self.environment]

    def __repr__(self) -> str:
        return f"TrueLayerConfig({self.environment!r}, api={self.api_url!r}, client_id=…, client_secret=…)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("", repr(self))]
