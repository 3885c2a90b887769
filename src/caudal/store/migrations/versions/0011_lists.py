"""Sources whose windows name what is pending beside what is booked."""

from caudal.store.migrations.runner import run_sql

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    run_sql("0011_lists.up.sql")


def downgrade() -> None:
    run_sql("0011_lists.down.sql")
