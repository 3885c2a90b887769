"""What deserves a person's look, found by indexes of its own."""

from caudal.store.migrations.runner import run_sql

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    run_sql("0016_review.up.sql")


def downgrade() -> None:
    run_sql("0016_review.down.sql")
