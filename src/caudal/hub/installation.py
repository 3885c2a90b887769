"""One installation of Caudal: its settings, its keyring, its database."""

from collections.abc import AsyncIterator, Iterator
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


@asynccontextmanager
async def opened(settings: Settings, observe: Observer = lambda _: None) -> AsyncIterator[Installation]:
    """The installation, its database up and its schema current.

    The keyring comes first: no key, no start. Raises ConfigError saying what is missing.
    """
    keys = keyring.load(keyring.path_in(settings.home_path))
    with database(settings) as conninfo:
        make_current(conninfo, settings)
        async with await Store.open(
            conninfo,
            statement_seconds_max=settings.statement_seconds_max,
            connect_seconds_max=settings.connect_seconds_max,
            connections_max=settings.database_connections_max,
            turn_seconds_max=settings.database_turn_seconds_max,
            observe=observe,
        ) as store:
            yield Installation(settings, store, keys)


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """Where the database is: DATABASE_URL, and then nothing is started; else Caudal's own server, joined or started."""
    if settings.database_url:
        yield settings.database_url
        return
    # Here and not above: elsewhere than on Linux and macOS it can't be imported.
    from caudal.store.server import Server  # noqa: PLC0415

    with Server(
        settings.home_path / "postgres",
        start_seconds_max=settings.server_start_seconds_max,
        shared_memory_mib=settings.server_shared_memory_mib,
    ) as server:
        yield server.conninfo()


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
