"""Fixtures that need a server: one PostgreSQL for the whole run, a fresh database for each test that asks."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import hypothesis
import psycopg
import pytest
from tests.support.opened import on

from caudal.settings import Settings
from caudal.store.migrate import upgrade
from caudal.store.server import Server
from caudal.vault import keyring

_TEMPLATE = "caudal_template"

hypothesis.settings.register_profile(
    "caudal", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("caudal")
"""How fast a machine is just now says nothing of what is tested on it."""


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Caudal's own PostgreSQL, started for the tests and gone with them."""
    with Server(tmp_path_factory.mktemp("server") / "postgres") as running:
        with psycopg.connect(running.conninfo(), autocommit=True) as connection:
            connection.execute(f"create database {_TEMPLATE}")
        upgrade(running.conninfo(_TEMPLATE))
        yield running


@pytest.fixture
def conninfo(server: Server, request: pytest.FixtureRequest) -> Iterator[str]:
    """A migrated, empty database of the test's own."""
    name = f"test_{abs(hash(request.node.nodeid)):x}"
    with psycopg.connect(server.conninfo(), autocommit=True) as connection:
        connection.execute(f"create database {name} template {_TEMPLATE}")
        # The template's rights on the database itself are not copied.
        connection.execute(f"grant create, connect, temporary on database {name} to caudal_owner")
        connection.execute(f"grant connect, temporary on database {name} to caudal_app")
    yield server.conninfo(name)
    with psycopg.connect(server.conninfo(), autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)")


@pytest.fixture
def empty_conninfo(server: Server, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database that no migration has touched."""
    name = f"empty_{abs(hash(request.node.nodeid)):x}"
    with psycopg.connect(server.conninfo(), autocommit=True) as connection:
        connection.execute(f"create database {name}")
    yield server.conninfo(name)
    with psycopg.connect(server.conninfo(), autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)")


@pytest.fixture
def settings(conninfo: str, tmp_path: Path) -> Settings:
    """An installation on a database of the test's own, with a keyring."""
    keyring.create(tmp_path / "home" / keyring.FILE_NAME)
    return Settings(home=str(tmp_path / "home"), database_url=conninfo)


@pytest.fixture
def opened(settings: Settings) -> Callable[..., object]:
    """Runs something on an installation of the test's own (`tests.support.opened.Opened`)."""
    return partial(on, settings)
