"""Links that are under way, by a page of their own."""

from caudal.store.migrations.runner import run_sql

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    run_sql("0015_link_sessions.up.sql")


def downgrade() -> None:
    run_sql("0015_link_sessions.down.sql")
