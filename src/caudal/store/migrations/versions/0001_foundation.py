"""The floor: spaces, ways in, observations, transactions, proof."""

from caudal.store.migrations.runner import run_sql

revision = "0001"
down_revision = None


def upgrade() -> None:
    run_sql("0001_foundation.up.sql")


def downgrade() -> None:
    run_sql("0001_foundation.down.sql")
