"""Runs SQL as it is: no parameters, no templating."""

from importlib.resources import files

from alembic import op


def run_sql(name: str) -> None:
    """Execute the file `name` of versions/ on the migration's own connection."""
    run_text(files("caudal.store.migrations").joinpath("versions", name).read_text("utf-8"))


def run_text(sql: str) -> None:
    """Execute `sql`, several statements maybe, on the migration's own connection."""
    driver = op.get_bind().connection.driver_connection
    if driver is None:  # Alembic's offline mode, which Caudal does not use
        raise RuntimeError("migrations run on a live connection")
    driver.execute(sql)
