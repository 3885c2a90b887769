"""The other side of a movement: found by an amount opposite in sign, not by its hash alone."""

from caudal.store.migrations.runner import run_sql

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    run_sql("0012_opposite_sides.up.sql")


def downgrade() -> None:
    run_sql("0012_opposite_sides.down.sql")
