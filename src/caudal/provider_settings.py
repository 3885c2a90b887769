"""What an installation says of each provider: its account there, where it is asked. `Settings` holds a group of each."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Count = Annotated[int, Meta(ge=1)]


class PlaidSettings(msgspec.Struct, frozen=True):
    """The operator's account at Plaid. `url`: elsewhere than Plaid's own host, for the sandbox on this machine."""

    client_id: str = ""
    secret: str = ""
    environment: str = "production"
    """``production`` or ``sandbox``. Plaid has had no development environment since 2024."""
    url: str = ""
    webhook_url: str = ""
    """Where Plaid may reach this installation; without it, syncs find everything a little later."""
    country_codes: str = "US"
    """Comma-separated ISO 3166-1 codes of the countries whose banks are offered."""

    def __repr__(self) -> str:
        state = "set" if self.secret else "not set"
        return f"PlaidSettings(environment={self.environment!r}, url={self.url!r}, secret={state})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("", repr(self))]


class RatesSettings(msgspec.Struct, frozen=True):
    """Where rates and prices come from. Each `url`: elsewhere than the source's own host, for the sandbox."""

    fetch: Literal["daily", "never"] = "daily"
    """Whether workers fetch them for what accounts hold; else `caudal fx fetch` does."""
    every_hours: Count = 12
    """How long a source that has told all is left alone: central banks tell once a day."""
    ecb_url: str = ""
    banxico_url: str = ""
    banxico_token: str = ""
    """Of Banco de México, free; without it there is no official rate of the peso, and the ECB's cross stands in."""
    bcb_ptax_url: str = ""
    bcb_sgs_url: str = ""
    coingecko_url: str = ""
    coingecko_key: str = ""
    """Without one, calls are counted by address, and few are allowed."""
    coingecko_plan: Literal["demo", "pro"] = "demo"
    coingecko_per_minute: Count = 30
    """CoinGecko's own pages name 30 and 100 for the demo plan."""

    def __repr__(self) -> str:
        return f"RatesSettings(fetch={self.fetch!r}, …)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("", repr(self))]


class TrueLayerSettings(msgspec.Struct, frozen=True):
    """The operator's account at TrueLayer. `url`: elsewhere than its own hosts, for the sandbox on this machine."""

    client_id: str = ""
    client_secret: str = ""
    environment: str = "live"
    """``live`` or ``sandbox``: the client id is of one of them."""
    url: str = ""
    webhook_url: str = ""
    """Where TrueLayer calls; its Data API v1 has no webhooks for news, so that nothing is lost without."""
    providers: str = ""
    """Space-separated ids and groups of the banks that are offered; all of the UK's where it is empty."""
    extend: bool = False
    """Whether TrueLayer has enabled extending consents for this client."""

    def __repr__(self) -> str:
        state = "set" if self.client_secret else "not set"
        return f"TrueLayerSettings(environment={self.environment!r}, url={self.url!r}, client_secret={state})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("", repr(self))]


class BelvoSettings(msgspec.Struct, frozen=True):
    """The operator's organisation at Belvo. `url`, `widget_url`: elsewhere than Belvo's own, for the sandbox."""

    secret_id: str = ""
    secret_password: str = ""
    environment: str = "production"
    """``production`` or ``sandbox``."""
    url: str = ""
    widget_url: str = "https://widget.belvo.io/"
    webhook_url: str = ""
    authorization: str = ""
    """The header that Belvo's dashboard sends with webhooks, whole (``Bearer …``); without it none is believed."""
    company: str = ""
    company_icon: str = ""
    company_logo: str = ""
    """Addresses of pictures. Belvo's widget shows who asks."""
    terms_url: str = ""
    landing_url: str = ""
    """Where the widget leaves people; the terms where it is empty."""
    purpose: str = ""
    """What their data is for, in their language, up to 140 characters."""
    investments: bool = False
    """Have positions fetched: Belvo charges for them."""
    legacy: bool = False
    """Offer the credential links of 2023 (Mexico, Colombia), which Belvo sells no more."""

    def __repr__(self) -> str:
        state = "set" if self.secret_password else "not set"
        return f"BelvoSettings(environment={self.environment!r}, url={self.url!r}, secret_password={state})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("", repr(self))]


class BitcoinSettings(msgspec.Struct, frozen=True):
    """Where the chain is read."""

    url: str = ""
    """Base URLs of Esplora servers, comma-separated, the preferred one first; empty: public ones, which then learn which
    addresses are one person's. A server of one's own is asked without limit."""
    network: Literal["main", "test", "signet", "regtest"] = "main"
    gap: Count = 20
    """How many unused addresses in a row end a wallet's chain; merchants' wallets need more, up to 1,000."""
    scripts_max: Count = 20_000
    """Addresses of one chain of one wallet."""


class PluggySettings(msgspec.Struct, frozen=True):
    """The operator's application at Pluggy. `url`, `connect_url`: elsewhere than Pluggy's own, for the sandbox on this
    machine."""

    client_id: str = ""
    secret: str = ""
    url: str = ""
    connect_url: str = ""
    webhook_url: str = ""
    """Where Pluggy may reach this installation: https, by a public name."""
    webhook_header: str = "x-caudal-secret"
    webhook_secret: str = ""
    """What Pluggy is told to send in that header with each webhook; without it none is believed, nor asked for."""

    def __repr__(self) -> str:
        return f"PluggySettings(url={self.url!r}, secret={'set' if self.secret else 'not set'})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("", repr(self))]


class BitsoSettings(msgspec.Struct, frozen=True):
    """How Bitso is asked. `url`: elsewhere than at Bitso's own host. Keys are asked for when a login is linked."""

    url: str = ""
    webhook_url: str = ""
    webhook_account: str = ""
    """The login (Bitso's `client_id`) whose webhooks Bitso sends here: they don't name one."""
    webhook_keys_path: str = "webhooks/public-key"
    """Where Bitso lists the public keys of its webhooks, below `url`."""
    webhook_signs: Literal["payload", "body"] = "payload"
    """What Bitso signs of a webhook, of which its own documents and others' code differ."""


class EthereumSettings(msgspec.Struct, frozen=True):
    """Where the chain is read."""

    url: str = ""
    """The explorer's API, ending in ``/api``; empty: the public one of `dialect`, which then learns which addresses
    are one person's."""
    dialect: Literal["etherscan", "blockscout"] = "etherscan"
    key: str = ""
    """The explorer's. It goes into the query of every call: it has no other place."""
    rpc_url: str = ""
    """A node (JSON-RPC), for balances at a very block. May hold a key, so it is a secret."""
    chain_id: Count = 1
    tokens: str = ""
    """More contracts whose tokens are told: ``contract=CODE``, comma-separated, of codes that Caudal knows."""
    page_rows: Count = 1_000
    """Rows asked for at once; paid plans allow up to 10,000."""
    rows_max: Count = 50_000
    """Rows of one list of one address, beyond which it is refused."""

    def __repr__(self) -> str:
        state = "set" if self.key else "not set"
        return f"EthereumSettings(dialect={self.dialect!r}, chain_id={self.chain_id}, key={state})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("", repr(self))]
