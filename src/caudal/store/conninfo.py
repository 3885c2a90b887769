"""Connection strings: checked before use, and never quoted in an error."""

from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from caudal.model.errors import ConfigError


def check(conninfo: str) -> None:
    """Raise ConfigError where `conninfo` is neither a PostgreSQL URL nor a keyword string."""
    try:
        conninfo_to_dict(conninfo)
    except psycopg.ProgrammingError:  # its own text quotes the string, password and all
        raise ConfigError(
            "DATABASE_URL is not a PostgreSQL connection string: postgresql://user:password@host:port/database"
        ) from None


def watched(conninfo: str) -> str:
    """The same, and over TCP a server that doesn't answer is noticed within a minute, unless it says otherwise."""
    watching: dict[str, Any] = {
        "keepalives_idle": 20,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 50_000,
    }
    return make_conninfo("", **watching | conninfo_to_dict(conninfo))


def unreachable(error: psycopg.Error, conninfo: str) -> ConfigError:
    """What to tell a person of a failed connection: the server's first line, without the password."""
    reason = str(error).strip().partition("\n")[0]
    password = conninfo_to_dict(conninfo).get("password")
    if isinstance(password, str) and password:
        reason = reason.replace(password, "…")
    return ConfigError(f"can't reach the database: {reason}; is DATABASE_URL right, and the server up?")
