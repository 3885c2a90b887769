"""The queue's own way to the database. Imports procrastinate: only where a worker runs."""

from typing import Any

from procrastinate import PsycopgConnector
from psycopg import AsyncConnection

from caudal.store.conninfo import watched


def connector(conninfo: str, *, connections_max: int, connect_seconds_max: int) -> PsycopgConnector:
    """The queue's own way to the database, as the app, its tables in the path. Each statement commits by itself: a worker
    that is cut off between two leaves no lock behind."""
    options: dict[str, Any] = {
        "options": "-c role=caudal_app -c search_path=caudal_jobs,pg_temp",
        "application_name": "caudal queue",
        "connect_timeout": connect_seconds_max,
    }
    return PsycopgConnector(
        conninfo=watched(conninfo),
        kwargs=options,
        min_size=1,
        max_size=connections_max,
        configure=_one_by_one,
    )


async def _one_by_one(connection: AsyncConnection) -> None:
    await connection.set_autocommit(True)
