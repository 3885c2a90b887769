"""Connections that rest until their person goes on."""

from caudal.store.migrations.runner import run_sql

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    run_sql("0017_pause.up.sql")


def downgrade() -> None:
    run_sql("0017_pause.down.sql")
