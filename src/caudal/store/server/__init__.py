"""Caudal's own PostgreSQL: one server per folder, shared by every process that uses it, gone with the last.

    with Server(home / "postgres") as server:
        psycopg.connect(server.conninfo())

Rooms: `shared` joins and leaves, `postmaster` is the running server, `cluster` its data directory, `folder`
where everything lies, `identity` who it runs as, `binaries` whose programs it is. Linux and macOS only:
importing this elsewhere raises ConfigError, so import it where `DATABASE_URL` is not given.
"""

import sys

from caudal.model.errors import ConfigError

if sys.platform == "win32":
    raise ConfigError("Caudal's own PostgreSQL runs on Linux and macOS; elsewhere set DATABASE_URL to yours")

from caudal.store.server.binaries import binaries
from caudal.store.server.shared import Server

__all__ = ["Server", "binaries"]
