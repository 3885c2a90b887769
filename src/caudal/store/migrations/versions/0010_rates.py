"""Rates and prices: several sources of one day, what was corrected, how far each was asked; a space's currency."""

from caudal.store.migrations.runner import run_sql

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    run_sql("0010_rates.up.sql")


def downgrade() -> None:
    run_sql("0010_rates.down.sql")
