"""Who may enter: people, their second factors and sessions, members of spaces, keys of programs."""

from caudal.store.migrations.runner import run_sql

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    run_sql("0013_identity.up.sql")


def downgrade() -> None:
    run_sql("0013_identity.down.sql")
