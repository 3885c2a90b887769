"""A login linked anew: how far what its ended connection told is compared with what it tells."""

from caudal.store.migrations.runner import run_sql

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run_sql("0005_succession.up.sql")


def downgrade() -> None:
    run_sql("0005_succession.down.sql")
