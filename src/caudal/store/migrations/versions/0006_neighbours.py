"""Whoever may tell of the same movement is found for a whole page at once, not by a query for each."""

from caudal.store.migrations.runner import run_sql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    run_sql("0006_neighbours.up.sql")


def downgrade() -> None:
    run_sql("0006_neighbours.down.sql")
