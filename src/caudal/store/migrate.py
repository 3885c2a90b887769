"""Moving the schema forward and back. Imports Alembic, so imported only where a migration is to run."""

from collections.abc import Callable
from typing import Final

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, pool

from caudal.model.errors import ConfigError
from caudal.store.revision import current

_LOCK: Final = 20_261_122  # any constant of our own: one migration at a time on a database


def revisions() -> list[str]:
    """Every revision this version of Caudal knows, newest first."""
    return [script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()]


def upgrade(conninfo: str, revision: str = "head") -> None:
    """Forward to `revision`. Raises ConfigError where the database is newer than this Caudal; changes nothing then."""
    now = current(conninfo)
    if now is not None and now not in revisions():
        raise ConfigError(
            f"the database stands at revision {now}, which this version of Caudal does not know: "
            "a newer one wrote it. Upgrade Caudal; nothing was changed"
        )
    _run(conninfo, lambda config: command.upgrade(config, revision))


def downgrade(conninfo: str, revision: str) -> None:
    """Back to `revision` ('base' = nothing left). The data of what is taken away is lost."""
    _run(conninfo, lambda config: command.downgrade(config, revision))


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "caudal.store:migrations")
    config.set_main_option("path_separator", "os")
    return config


def _run(conninfo: str, act: Callable[[Config], None]) -> None:
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(conninfo), poolclass=pool.NullPool
    )
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("select pg_advisory_lock(%(lock)s)", {"lock": _LOCK})
            connection.commit()
            config = _config()
            config.attributes["connection"] = connection
            act(config)
            connection.commit()
    finally:
        engine.dispose()
