"""Which revision of the schema this Caudal works with, and which one a database stands at."""

from typing import Final

import psycopg

from caudal.model.errors import ConfigError
from caudal.store.conninfo import check, unreachable
from caudal.store.queries import load

REVISION: Final = "0022"
"""The schema this version of Caudal reads and writes (a test holds it to the newest migration)."""

POSTGRES_MAJOR_MIN: Final = 18
"""The oldest PostgreSQL the schema runs on (uuidv7)."""


def current(conninfo: str, *, connect_seconds_max: int = 30) -> str | None:
    """The revision the database stands at, None where it is empty.

    Raises ConfigError where it can't be reached or is older than PostgreSQL 18.
    """
    check(conninfo)
    try:
        with psycopg.connect(conninfo, autocommit=True, connect_timeout=connect_seconds_max) as connection:
            major = connection.info.server_version // 10_000
            if major < POSTGRES_MAJOR_MIN:
                raise ConfigError(
                    f"the database is PostgreSQL {major}; Caudal needs {POSTGRES_MAJOR_MIN} or newer"
                )
            queries = load()
            found = connection.execute(queries["migration_table"].encode()).fetchone()
            if found is None or found[0] is None:
                return None
            row = connection.execute(queries["migration_revision"].encode()).fetchone()
            return str(row[0]) if row else None
    except psycopg.OperationalError as error:
        raise unreachable(error, conninfo) from None
