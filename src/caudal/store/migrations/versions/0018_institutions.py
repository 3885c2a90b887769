"""Which institutions can be linked."""

from caudal.store.migrations.runner import run_sql

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    run_sql("0018_institutions.up.sql")


def downgrade() -> None:
    run_sql("0018_institutions.down.sql")
