"""Rules of the house that no linter knows. Run by `make lint`; prints each breach and exits 1.

One way to open a transaction and one way to scope it (store/database.py); SQL in the store alone; no float where
money is; nothing but the settings and the keyring reads the environment.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src/caudal"

CONNECTS = {"store/database.py", "store/revision.py", "store/migrate.py", "store/server/shared.py"}
BEGINS = {"store/database.py"}
SCOPES = {"store/sql/spaces.sql", "store/migrations/versions/0001_foundation.up.sql", "store/schema.txt"}
READS_ENVIRONMENT = re.compile(r"settings\.py|vault/keyring\.py|store/server/\w+\.py")
EXACT_ROOMS = (
    "model/",
    "matching/",
    "providers/",
    "hub/",
    "store/pages.py",
    "store/beside.py",
    "store/ledger.py",
    "sync/",
)
SCORES = {"providers/file/csv/columns.py", "providers/file/csv/proposal.py"}
"""Weigh evidence, not money."""
SQL = re.compile(
    r"^\s*(select\b.+\bfrom\b|with\b.+\bas\s*\(|create\s+(table|schema|index|role)\b|alter\s+table\b|drop\s+table\b|truncate\b|copy\b.+\bfrom\b|insert\s+into\b|update\s+\S+\s+set\b|delete\s+from\b|set\s+(local|role)\b)",
    re.IGNORECASE | re.DOTALL,
)
SCOPING = re.compile(r"caudal\.spaces|set_config\('role'")


def breaches() -> Iterator[str]:
    """Every breach, as ``file:line: what``."""
    for path in sorted(SOURCE.rglob("*")):
        name = path.relative_to(SOURCE).as_posix()
        if path.suffix in {".py", ".sql", ".txt"} and name not in SCOPES:
            for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
                if SCOPING.search(line):
                    yield f"{name}:{number}: only Store.transaction scopes a transaction"
        if path.suffix == ".py":
            tree = ast.parse(path.read_text("utf-8"))
            for node in ast.walk(tree):
                for what in _breaches(name, node):
                    yield f"{name}:{getattr(node, 'lineno', 0)}: {what}"
    for path in sorted((ROOT / "src/caudal_sandbox").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if _is_float(node):
                yield f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}: a float where money is"


def _breaches(name: str, node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        called = node.func
        if called.attr == "connect" and name not in CONNECTS:
            yield "only the store connects to the database"
        if (
            called.attr == "transaction"
            and ast.unparse(called.value).endswith("connection")
            and name not in BEGINS
        ):
            yield "only Store.transaction begins a transaction"
    elsewhere = not name.startswith("store/")
    if elsewhere and isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value):
        yield "SQL stands in store/sql"
    if name.startswith(EXACT_ROOMS) and name not in SCORES and _is_float(node):
        yield "a float where money is"
    if isinstance(node, ast.ImportFrom):
        yield from _imports(name, node)
    if (
        isinstance(node, ast.Attribute)
        and node.attr in {"environ", "getenv"}
        and not READS_ENVIRONMENT.fullmatch(name)
    ):
        yield "only the settings read the environment"


def _is_float(node: ast.AST) -> bool:
    literal = isinstance(node, ast.Constant) and isinstance(node.value, float)
    return literal or (isinstance(node, ast.Name) and node.id == "float")


def _imports(name: str, node: ast.ImportFrom) -> Iterator[str]:
    names = {alias.name for alias in node.names}
    if node.module == "os" and names & {"environ", "getenv"} and not READS_ENVIRONMENT.fullmatch(name):
        yield "only the settings read the environment"
    if node.module == "psycopg" and "connect" in names and name not in CONNECTS:
        yield "only the store connects to the database"


def main() -> int:
    """Print the breaches; 1 where there are any."""
    found = list(breaches())
    for breach in found:
        print(breach)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
