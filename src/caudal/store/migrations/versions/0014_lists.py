"""Lists and searches of transactions: what each day says, and transactions by day."""

from caudal.store.migrations.runner import run_sql

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    run_sql("0014_lists.up.sql")


def downgrade() -> None:
    run_sql("0014_lists.down.sql")
