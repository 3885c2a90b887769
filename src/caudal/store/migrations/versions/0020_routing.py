"""Each account of a login in the space it belongs to."""

from caudal.store.migrations.runner import run_sql

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    run_sql("0020_routing.up.sql")


def downgrade() -> None:
    run_sql("0020_routing.down.sql")
