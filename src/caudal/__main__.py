"""``python -m caudal`` is the command ``caudal``."""

from caudal.cli.main import run

run()
