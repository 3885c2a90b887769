"""What the planner is told of tables nobody has analysed yet: that all their rows may well be of one space."""

from caudal.store.migrations.runner import run_sql

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    run_sql("0007_statistics.up.sql")


def downgrade() -> None:
    run_sql("0007_statistics.down.sql")
