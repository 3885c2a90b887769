"""One installation of Caudal: its settings, its keyring, its database."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import msgspec

from caudal.model.errors import ConfigError
from caudal.settings import Settings
from caudal.store.database import Observer, Store
from caudal.store.revision import REVISION, current
from caudal.vault import keyring
from caudal.vault.keyring import Keyring


class Installation(msgspec.Struct, frozen=True):
    """What every use case works on."""

    settings: Settings
    store: Store
    keyring: Keyring
    conninfo: str
    """How to reach the database; it may hold a password."""
    revive: Callable[[], None]
    """Bring back Caudal's own database if it has died; another's is its owner's to mend. Blocks."""

    def __repr__(self) -> str:
        return f"Installation({self.settings!r})"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("", repr(self))]


@asynccontextmanager
async def opened(settings: Settings, observe: Observer = lambda _: None) -> AsyncIterator[Installation]:
    """The installation, its database up and its schema current.

    The keyring comes first: no key, no start. Raises ConfigError saying what is missing.
    """
    keys = keyring.load(keyring.path_in(settings.home_path))
    with _served(settings) as (conninfo, revive):
        make_current(conninfo, settings)
        async with await Store.open(
            conninfo,
            statement_seconds_max=settings.statement_seconds_max,
            connect_seconds_max=settings.connect_seconds_max,
            connections_max=settings.database_connections_max,
            turn_seconds_max=settings.database_turn_seconds_max,
            observe=observe,
        ) as store:
            yield Installation(settings, store, keys, conninfo, revive)


@asynccontextmanager
async def apart(installation: Installation, connections_max: int) -> AsyncIterator[Installation]:
    """The same installation by connections of its own, which nobody else can use up."""
    settings = installation.settings
    async with await Store.open(
        installation.conninfo,
        statement_seconds_max=settings.statement_seconds_max,
        connect_seconds_max=settings.connect_seconds_max,
        connections_max=connections_max,
        turn_seconds_max=settings.database_turn_seconds_max,
    ) as store:
        yield msgspec.structs.replace(installation, store=store)


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """Where the database is: DATABASE_URL, and then nothing is started; else Caudal's own server, joined or started."""
    with _served(settings) as (conninfo, _):
        yield conninfo


@contextmanager
def _served(settings: Settings) -> Iterator[tuple[str, Callable[[], None]]]:
    if settings.database_url:
        yield settings.database_url, lambda: None
        return
    # Here and not above: elsewhere than on Linux and macOS it can't be imported.
    from caudal.store.server import Server  # noqa: PLC0415

    with Server(
        settings.home_path / "postgres",
        start_seconds_max=settings.server_start_seconds_max,
        shared_memory_mib=settings.server_shared_memory_mib,
    ) as server:
        yield server.conninfo(), server.revive


def make_current(conninfo: str, settings: Settings) -> None:
    """Bring the schema to this version's revision. Raises ConfigError where a newer Caudal wrote it."""
    if current(conninfo, connect_seconds_max=settings.connect_seconds_max) == REVISION:
        return
    # Here and not above: Alembic takes long to import, and there is rarely work for it.
    from caudal.store.migrate import upgrade  # noqa: PLC0415

    upgrade(conninfo)
    if current(conninfo) != REVISION:
        raise ConfigError(
            "the migrations ran, but the schema is not at the revision this Caudal needs; install it again"
        )
