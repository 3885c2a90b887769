"""Transfers: which transactions are the two sides of one movement between own accounts."""

from caudal.store.migrations.runner import run_sql

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    run_sql("0009_transfers.up.sql")


def downgrade() -> None:
    run_sql("0009_transfers.down.sql")
