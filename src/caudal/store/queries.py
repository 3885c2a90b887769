"""The named queries of sql/*.sql: each stands under ``-- name:`` and a line that says what it does."""

import re
from functools import cache
from importlib.resources import files

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


@cache
def load() -> dict[str, str]:
    """Every query by its name. Raises ValueError where a name is used twice."""
    queries: dict[str, str] = {}
    for file in sorted(files("caudal.store").joinpath("sql").iterdir(), key=lambda file: file.name):
        _, *parts = _NAME.split(file.read_text("utf-8"))
        for name, text in zip(parts[::2], parts[1::2], strict=True):
            if name in queries:
                raise ValueError(f"two queries are named {name}")
            queries[name] = text.strip()
    return queries
