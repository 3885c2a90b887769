"""Alembic's entry: runs on the connection that `caudal.store.migrate` hands over, in one transaction."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, version_table="caudal_migration", transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
