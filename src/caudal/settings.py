"""Every bound and every choice Caudal has, in one place, with its unit in its name and its default beside it.

Each field is read from an environment variable of its own: ``CAUDAL_`` and its name in capitals (``DATABASE_URL`` by
custom without it); a field of a group has the group's prefix in between (``CAUDAL_HTTP_CONNECT_SECONDS_MAX``).
A secret may lie in a file instead: ``CAUDAL_PLAID_SECRET_FILE`` names it.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
import platformdirs
from msgspec import Meta

from caudal.model.errors import ConfigError
from caudal.provider_settings import (
    BelvoSettings,
    BitcoinSettings,
    BitsoSettings,
    Count,
    EthereumSettings,
    PlaidSettings,
    PluggySettings,
    RatesSettings,
    TrueLayerSettings,
)


class FileBounds(msgspec.Struct, frozen=True):
    """What a statement file may cost before it is refused."""

    file_bytes_max: Count = 4 * 1024**3
    line_bytes_max: Count = 1024**2
    """One line (or one SGML/XML element's text). A longer one is no statement."""
    record_bytes_max: Count = 4 * 1024**2
    """One transaction with all its details."""
    nesting_max: Count = 64
    """Elements within elements (XML, SGML)."""
    upload_bytes_max: Count = 64 * 1024**2
    """A file that comes over HTTP. A larger one is imported from the command line."""
    preview_entries_max: Count = 20_000
    """Movements of a file that is tried before it is taken in: a larger one is only looked through."""
    waiting_files_max: Count = 20
    """Files of a space that wait to be taken in after their preview."""
    waiting_bytes_max: Count = 256 * 1024**2
    """The same, together."""
    waiting_minutes: Count = 60
    """How long they wait."""
    unreadable_max: Count = 10_000
    """Records that may fail to be read before the file is refused as a whole."""


class HttpBounds(msgspec.Struct, frozen=True):
    """What one call to a provider may cost."""

    connect_seconds_max: Count = 10
    """Name look-up and TCP together; TLS may take as long again."""
    read_seconds_max: Count = 60
    """Silence in the middle of an answer; also the wait for a free connection. Plaid's first sync of an Item takes
    up to 8 times a usual one (Plaid docs, Transactions), so a minute is the least."""
    total_seconds_max: Count = 90
    """One call from start to end: its waits, its retries, its last byte."""
    body_bytes_max: Count = 32 * 1024**2
    """One answer's body, on the wire and unpacked."""
    connections_max: Count = 32
    idle_seconds_max: Count = 15
    """How long an unused connection is kept. Shorter than any provider's own limit: a connection the other side
    is about to close costs a call that can't be repeated."""
    retries_max: Count = 3
    """Attempts after the first."""
    backoff_ms_first: Count = 500
    """Before retry n we wait a random part (full jitter) of this, doubled n-1 times."""
    backoff_seconds_max: Count = 30
    retry_after_seconds_max: Count = 5
    """The longest wait a provider may ask for that is sat out inside a call; a longer one is the engine's."""
    limited_seconds_default: Count = 60
    """How long to keep away when a provider says "too often" and not for how long (Plaid never says), before
    up to a quarter of jitter is added. Budgets are per minute, so it is one."""
    budget_seconds_max: Count = 5
    """The longest wait for a turn within our own budget that is sat out inside a call."""
    budget_lease_ms: Count = 500
    """For how long a process leases turns of a budget that it shares with others. So old may be what it knows of a
    provider that said "too often" to another process."""
    breaker_failures_max: Count = 5
    """Failures in a row after which nothing is sent for a while."""
    breaker_open_seconds: Count = 60
    breakers_max: Count = 10_000
    """Failing institutions remembered; beyond that the one that failed longest ago is forgotten."""


class RunBounds(msgspec.Struct, frozen=True):
    """What one run may take, and when the next comes."""

    restarts_max: Count = 5
    """Restarts in one run from the cursor the source names; then the stream is pulled anew from its beginning, once
    with as many restarts, and then the source counts as unavailable."""
    restart_wait_ms: Count = 500
    """Before the first restart; twice as long before each further one."""
    pages_max: Count = 200
    """Pages of one run. What is left goes on in another, at low priority: nobody's history keeps others waiting."""
    run_seconds_max: Count = 900
    """The longest a run in the background takes. What it committed stays."""
    refresh_seconds_max: Count = 14
    """The longest somebody waits for a refresh they asked for; what isn't done by then goes on in the background."""
    tries_max: Count = 6
    """Tries in a row of what fails, before it is left to the next time it is due."""
    backoff_seconds_first: Count = 30
    """The wait before the second try, which doubles from there; half of it is by chance."""
    backoff_seconds_max: Count = 1_800


class InboxBounds(msgspec.Struct, frozen=True):
    """What webhooks may cost, and how long they are kept."""

    body_bytes_max: Count = 256 * 1024
    """One webhook's body; a larger one is refused before it is read."""
    header_bytes_max: Count = 16 * 1024
    waiting_max: Count = 4_096
    """Webhooks that wait for their commit at the same moment; whoever comes on top is asked to come again."""
    commit_max: Count = 256
    """Webhooks in one commit."""
    answer_seconds_max: Count = 4
    """From its headers to our answer; Plaid waits ten (Plaid docs, Webhooks)."""
    retry_after_seconds: Count = 30
    """When to come again, for whom it isn't kept."""
    announce_ms: Count = 20
    """The workers are told of new webhooks no more often."""
    batch_max: Count = 100
    """Webhooks worked off together."""
    attempts_max: Count = 5
    """Tries of one that can't be worked off, before it is dead and waits for a person."""
    retry_seconds_first: Count = 30
    """Before the second try; twice as long before each further one."""
    kept_days: Count = 30
    """How long one that is done can still be shown and replayed."""
    behind_seconds_max: Count = 60
    """How long one may wait to be worked off before this installation says that it isn't ready."""


class WorkerBounds(msgspec.Struct, frozen=True):
    """How a worker goes about its jobs."""

    jobs_at_once: Count = 8
    """Jobs are mostly waiting for a provider: one worker does several."""
    poll_ms: Count = 2_000
    """How often the queue is looked at when nothing announced a job."""
    heartbeat_seconds: Count = 4
    silent_seconds_max: Count = 15
    """A worker not heard of for so long is gone; its jobs are queued again."""
    rescue_every_seconds: Count = 5
    lost_max: Count = 5
    """A job that lost so many workers is not tried again: it may be what ends them."""
    away_seconds_max: Count = 1_800
    """How long a job that the database is away for is begun again, before it is given up."""
    drain_seconds_max: Count = 18
    """The longest a worker that is told to stop goes on with what it has begun."""
    restart_seconds_max: Count = 10
    """The longest wait before a worker looks whether its database is back."""
    tick_ms: Count = 1_000
    """How often it is looked which connections are due."""
    due_at_once_max: Count = 500
    """How many wait in the queue at most, of those that are merely due."""
    done_jobs_hours: Count = 24


class IdentityBounds(msgspec.Struct, frozen=True):
    """How long a login lasts, and how often one may be tried (reference: ASVS 6.3.1, 7.3)."""

    access_minutes: Count = 15
    """An access token; the browser or the program renews it."""
    idle_days_max: Count = 7
    """A session nobody used."""
    session_days_max: Count = 30
    """A session at all."""
    tries_max: Count = 5
    """Failures of one account from one address, in `tries_minutes`, before nobody from there is heard for it."""
    tries_minutes: Count = 15
    address_tries_max: Count = 50
    """Failures from one address in an hour, whoever they are of."""


class ApiBounds(msgspec.Struct, frozen=True):
    """What one request may cost, and how many may come."""

    body_bytes_max: Count = 1024**2
    """A request's body, but for files, which have bounds of their own."""
    body_seconds_max: Count = 30
    """In which it must have come."""
    file_seconds_max: Count = 300
    """The same, where it is a file."""
    requests_per_minute: Count = 600
    """Of one key, one session, or one address that shows neither."""
    answers_hours: Count = 24
    """How long the answer to a named request (Idempotency-Key) is kept."""
    database_connections_max: Count = 8
    """The API's own, beside the workers'."""
    behind_proxy: bool = False
    """Whether a proxy of ours stands before the hub and says in ``X-Forwarded-For`` who knocks; else that header is
    anybody's word."""


class LinkBounds(msgspec.Struct, frozen=True):
    """The page by which somebody links a bank."""

    minutes: Count = 30
    """How long a link may take from its making."""
    kept_days: Count = 7
    """How long it is remembered how it went."""
    origins: str = ""
    """The sites (``https://app.example``, separated by spaces) that a link may send people back to, and that may show it
    in a frame."""


class Settings(msgspec.Struct, frozen=True):
    """The installation's settings. `load()` reads them; `home` holds the keyring and Caudal's own database."""

    home: str = ""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """From where on servers and workers log what they do. Libraries are heard from warnings on, whatever it is."""
    database_url: str = ""
    """A PostgreSQL to use instead of Caudal's own, which is then not started. Read from ``DATABASE_URL``."""
    page_transactions_max: Count = 5_000
    statement_seconds_max: Count = 300
    connect_seconds_max: Count = 30
    database_connections_max: Count = 8
    """How many of the database's connections one process uses, beside those of its queue and of its door."""
    database_turn_seconds_max: Count = 30
    """How long work waits for one of them, or for a database that is away."""
    server_start_seconds_max: Count = 60
    server_shared_memory_mib: Count = 64
    public_url: str = ""
    """Where the world reaches `caudal serve`, such as ``https://hub.example``: providers send webhooks below it."""
    sandbox: str = ""
    """Where a sandbox of this machine runs, such as ``http://127.0.0.1:8471``: every provider is asked there, in place of
    the real one, whatever its own settings say."""
    return_url: str = ""
    """Where banks send people back to after a login, as it is registered at the provider. Empty: to the port below, on
    this machine. Set, the person pastes the address they were sent to."""
    return_port: Annotated[int, Meta(ge=1, le=65_535)] = 8473
    """Where `caudal link` listens for that one request."""
    preparing_poll_ms: Count = 5_000
    """How often a provider that is still preparing a new connection's history is asked again."""
    preparing_seconds_max: Count = 600
    """How long that goes on before the rest is left to the next sync."""
    events_poll_ms: Count = 300
    """How often whoever follows events looks for new ones."""
    file_bounds: FileBounds = FileBounds()
    http: HttpBounds = HttpBounds()
    run: RunBounds = RunBounds()
    worker: WorkerBounds = WorkerBounds()
    inbox: InboxBounds = InboxBounds()
    identity: IdentityBounds = IdentityBounds()
    api: ApiBounds = ApiBounds()
    link: LinkBounds = LinkBounds()
    plaid: PlaidSettings = PlaidSettings()
    pluggy: PluggySettings = PluggySettings()
    bitso: BitsoSettings = BitsoSettings()
    rates: RatesSettings = RatesSettings()
    bitcoin: BitcoinSettings = BitcoinSettings()
    ethereum: EthereumSettings = EthereumSettings()
    truelayer: TrueLayerSettings = TrueLayerSettings()
    belvo: BelvoSettings = BelvoSettings()

    def __repr__(self) -> str:
        return f"Settings(home={self.home!r}, database_url={'set' if self.database_url else 'not set'}, …)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("", f"home={self.home!r}")]

    def webhook_url(self, provider: str) -> str | None:
        """Where that provider may tell of news, None where it can't: its own setting, else below `public_url`."""
        own: str = getattr(getattr(self, provider, None), "webhook_url", "")
        below = f"{self.public_url.rstrip('/')}/webhooks/{provider}" if self.public_url else ""
        return own or below or None

    @property
    def home_path(self) -> Path:
        """The folder that holds everything Caudal keeps on this machine."""
        return Path(self.home) if self.home else Path(platformdirs.user_data_dir("caudal"))


_PREFIXES: Final = {
    "file_bounds": "",
    "http": "HTTP_",
    "run": "RUN_",
    "worker": "WORKER_",
    "inbox": "INBOX_",
    "identity": "IDENTITY_",
    "api": "API_",
    "link": "LINK_",
    "plaid": "PLAID_",
    "pluggy": "PLUGGY_",
    "bitso": "BITSO_",
    "rates": "RATES_",
    "truelayer": "TRUELAYER_",
    "belvo": "BELVO_",
    "bitcoin": "BITCOIN_",
    "ethereum": "ETHEREUM_",
}
"""Group → what its variables begin with, after ``CAUDAL_``."""

_SECRETS: Final = {
    "CAUDAL_PLAID_SECRET",
    "CAUDAL_TRUELAYER_CLIENT_SECRET",
    "CAUDAL_PLUGGY_SECRET",
    "CAUDAL_PLUGGY_WEBHOOK_SECRET",
    "CAUDAL_BELVO_SECRET_PASSWORD",
    "CAUDAL_BELVO_AUTHORIZATION",
    "CAUDAL_ETHEREUM_KEY",
    "CAUDAL_ETHEREUM_RPC_URL",
    "CAUDAL_RATES_BANXICO_TOKEN",
    "CAUDAL_RATES_COINGECKO_KEY",
}
"""May be given as a file's name, in ``…_FILE``."""


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from the environment. Raises ConfigError naming the variable that can't be read."""
    given: dict[str, Any] = {}
    for path, variable in variables():
        if value := _value(environ, variable):
            group, _, field = path.rpartition(".")
            (given.setdefault(group, {}) if group else given)[field] = value
    try:
        return msgspec.convert(given, Settings, strict=False)
    except msgspec.ValidationError as error:
        path = str(error).rpartition("$.")[2].rstrip("`")
        raise ConfigError(f"{dict(variables())[path]}: {error}") from None


def variables() -> Iterator[tuple[str, str]]:
    """(field, its environment variable), a group's field as ``group.field``."""
    for field in Settings.__struct_fields__:
        if field not in _PREFIXES:
            yield field, "DATABASE_URL" if field == "database_url" else f"CAUDAL_{field.upper()}"
            continue
        for inner in getattr(Settings(), field).__struct_fields__:
            yield f"{field}.{inner}", f"CAUDAL_{_PREFIXES[field]}{inner.upper()}"


def _value(environ: Mapping[str, str], variable: str) -> str:
    given, elsewhere = environ.get(variable, ""), environ.get(f"{variable}_FILE", "")
    if variable not in _SECRETS or not elsewhere:
        return given
    if given:
        raise ConfigError(f"{variable} and {variable}_FILE are both set: keep one")
    try:
        return Path(elsewhere).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{variable}_FILE: can't be read ({type(error).__name__})") from None
