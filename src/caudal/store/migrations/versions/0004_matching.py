"""One truth: which strands are of one movement, and what people decided of them."""

from caudal.store.migrations.runner import run_sql

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run_sql("0004_matching.up.sql")


def downgrade() -> None:
    run_sql("0004_matching.down.sql")
