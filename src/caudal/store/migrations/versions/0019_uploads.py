"""Files that wait to be taken in."""

from caudal.store.migrations.runner import run_sql

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    run_sql("0019_uploads.up.sql")


def downgrade() -> None:
    run_sql("0019_uploads.down.sql")
