"""Every bound Caudal has, in one place, with its unit in its name and its default beside it.

Each field is read from the environment variable ``CAUDAL_<FIELD IN CAPITALS>`` (and ``DATABASE_URL``, by custom).
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
import platformdirs
from msgspec import Meta

from caudal.model.errors import ConfigError

Count = Annotated[int, Meta(ge=1)]


class FileBounds(msgspec.Struct, frozen=True):
    """What a statement file may cost before it is refused."""

    file_bytes_max: Count = 4 * 1024**3
    line_bytes_max: Count = 1024**2
    """One line (or one SGML/XML element's text). A longer one is no statement."""
    record_bytes_max: Count = 4 * 1024**2
    """One transaction with all its details."""
    nesting_max: Count = 64
    """Elements within elements (XML, SGML)."""
    unreadable_max: Count = 10_000
    """Records that may fail to be read before the file is refused as a whole."""


class Settings(msgspec.Struct, frozen=True):
    """The installation's settings. `load()` reads them; `home` holds the keyring and Caudal's own database."""

    home: str = ""
    database_url: str = ""
    """A PostgreSQL to use instead of Caudal's own, which is then not started. Read from ``DATABASE_URL``."""
    page_transactions_max: Count = 5_000
    statement_seconds_max: Count = 300
    connect_seconds_max: Count = 30
    server_start_seconds_max: Count = 60
    server_shared_memory_mib: Count = 64
    file_bytes_max: Count = FileBounds().file_bytes_max
    line_bytes_max: Count = FileBounds().line_bytes_max
    record_bytes_max: Count = FileBounds().record_bytes_max
    nesting_max: Count = FileBounds().nesting_max
    unreadable_max: Count = FileBounds().unreadable_max

    def __repr__(self) -> str:
        return f"Settings(home={self.home!r}, database_url={'set' if self.database_url else 'not set'}, …)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("", f"home={self.home!r}")]

    @property
    def home_path(self) -> Path:
        """The folder that holds everything Caudal keeps on this machine."""
        return Path(self.home) if self.home else Path(platformdirs.user_data_dir("caudal"))

    @property
    def file_bounds(self) -> FileBounds:
        """The bounds on reading one statement file."""
        return FileBounds(
            file_bytes_max=self.file_bytes_max,
            line_bytes_max=self.line_bytes_max,
            record_bytes_max=self.record_bytes_max,
            nesting_max=self.nesting_max,
            unreadable_max=self.unreadable_max,
        )


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from the environment. Raises ConfigError naming the variable that can't be read."""
    given = {
        field: environ[variable]
        for field in Settings.__struct_fields__
        if environ.get(variable := _variable(field))
    }
    try:
        return msgspec.convert(given, Settings, strict=False)
    except msgspec.ValidationError as error:
        field = str(error).rpartition("$.")[2].rstrip("`")
        raise ConfigError(f"{_variable(field)}: {error}") from None


def _variable(field: str) -> str:
    return "DATABASE_URL" if field == "database_url" else f"CAUDAL_{field.upper()}"
