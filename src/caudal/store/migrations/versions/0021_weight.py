"""What a person is to look at is no way to what was taken for a movement."""

from caudal.store.migrations.runner import run_sql

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    run_sql("0021_weight.up.sql")


def downgrade() -> None:
    run_sql("0021_weight.down.sql")
