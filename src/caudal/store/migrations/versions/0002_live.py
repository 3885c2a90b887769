"""Live connections: who they are at their provider, records that replace others, pulling again, positions."""

from caudal.store.migrations.runner import run_sql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run_sql("0002_live.up.sql")


def downgrade() -> None:
    run_sql("0002_live.down.sql")
