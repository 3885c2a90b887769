"""The schema, as a sequence of hand-written SQL files; Alembic keeps the order and the version table."""
