"""Same account: what is asked, what people said of accounts, and where a source account was booked first."""

from caudal.store.migrations.runner import run_sql

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    run_sql("0008_same_account.up.sql")


def downgrade() -> None:
    run_sql("0008_same_account.down.sql")
