"""What is presumed to be a balance."""

from caudal.store.migrations.runner import run_sql

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    run_sql("0022_presumed.up.sql")


def downgrade() -> None:
    run_sql("0022_presumed.down.sql")
