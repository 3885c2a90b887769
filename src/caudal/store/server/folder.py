"""The one folder of Caudal's own PostgreSQL: what lies where, private to one account."""

import hashlib
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

from psycopg.conninfo import make_conninfo

from caudal.model.errors import ConfigError
from caudal.store.server.identity import Identity

ADMIN: Final = "caudal_admin"
DATABASE: Final = "caudal"
PORT: Final = 5432
"""Only the socket's name: nothing listens on TCP."""

_SOCKET_BYTES_MAX: Final = 103 if sys.platform == "darwin" else 107
"""What sockaddr_un holds, less its closing NUL."""

_LOG_BYTES_MAX: Final = 10 * 1024**2
"""A bigger log is put aside at the next start, over the one put aside before."""

_SHORT_FOLDER: Final = Path("/tmp")  # noqa: S108  # what is made in it is checked, see _make_socket_folder
"""Not TMPDIR, which may be long, and different for each process: all have to meet at the same socket."""


class ServerFolder:
    """Where everything lies, and the files that are ours. (`cluster` makes the data directory.)"""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().resolve()
        self.data = self.path / "data"
        self.log = self.path / "postgres.log"
        self.passfile = self.path / "passfile"
        self._start_lock = self.path / "start.lock"
        self._users_lock = self.path / "users.lock"
        self.tag = f"caudal-{hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]}"
        """Shown in the title of each of this server's processes, by which they are told from all others."""
        self.socket_folder = self.path if _can_hold_socket(self.path) else _SHORT_FOLDER / self.tag

    def __repr__(self) -> str:
        return f"ServerFolder({str(self.path)!r})"

    def conninfo(self, dbname: str) -> str:
        """How libpq reaches the server. The empty values keep PGPASSWORD and PGHOSTADDR from being used."""
        return make_conninfo(
            host=str(self.socket_folder),
            hostaddr="",
            port=PORT,
            user=ADMIN,
            password="",
            passfile=str(self.passfile),
            dbname=dbname,
        )

    def prepare(self, owner: Identity) -> None:
        """Make the folder, and make it private to `owner`. Raises ConfigError if it is somebody else's."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._refuse_foreign_content()
            _make_private(self.path, owner)
            if self.socket_folder != self.path:
                self._make_socket_folder(owner)
        except OSError as error:
            raise ConfigError(
                f"{error.filename or self.path}: {error.strerror}; set CAUDAL_HOME to a folder of yours"
            ) from error

    def open_start_lock(self, owner: Identity) -> int:
        """Held alone while somebody starts, joins or leaves the server."""
        return open_private(self._start_lock, os.O_RDWR, owner)

    def open_users_lock(self, owner: Identity) -> int:
        """Held together by everybody who uses the server."""
        return open_private(self._users_lock, os.O_RDWR, owner)

    def open_log(self, owner: Identity) -> IO[bytes]:
        """The log, to be written at its end."""
        with suppress(FileNotFoundError):
            if self.log.lstat().st_size > _LOG_BYTES_MAX:
                self.log.replace(self.log.with_suffix(".log.1"))
        return os.fdopen(open_private(self.log, os.O_WRONLY | os.O_APPEND, owner), "ab")

    def write_passfile(self, password: str, owner: Identity) -> None:
        """Keep the password for libpq, whole or not at all."""
        draft = self.passfile.with_suffix(".new")
        draft.unlink(missing_ok=True)
        with os.fdopen(open_private(draft, os.O_WRONLY, owner), "w", encoding="utf-8") as file:
            file.write(f"*:*:*:{ADMIN}:{password}\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.passfile)
        fsync_folder(self.path)

    def remove_socket_folder(self) -> None:
        """After the server has gone; nothing of ours stays outside the folder."""
        if self.socket_folder != self.path:
            with suppress(OSError):
                self.socket_folder.rmdir()

    def _refuse_foreign_content(self) -> None:
        """Only an empty folder, or one with our names in it, is ours: a mistyped CAUDAL_HOME is spared."""
        names = {entry.name for entry in self.path.iterdir()}
        if names and names.isdisjoint({self.data.name, self._start_lock.name}):
            raise ConfigError(
                f"{self.path} holds other things than Caudal's PostgreSQL: set CAUDAL_HOME to another folder"
            )

    def _make_socket_folder(self, owner: Identity) -> None:
        """A short private folder for the socket, where the folder's own path is too long for one.

        Everybody may write to its parent, so what is found there is taken only if it is a real folder,
        `owner`'s, and closed to all others.
        """
        with suppress(FileExistsError):
            self.socket_folder.mkdir(mode=0o700)
        found = self.socket_folder.lstat()
        mine = found.st_uid in {owner.uid, os.geteuid()}
        if not stat.S_ISDIR(found.st_mode) or not mine or found.st_mode & 0o077:
            raise ConfigError(
                f"{self.socket_folder} is not a private folder of Caudal's: remove it, or ask who made it"
            )
        _make_private(self.socket_folder, owner)


def open_private(path: Path, flags: int, owner: Identity) -> int:
    """A descriptor of a file that only `owner` may read, made if need be. Never follows a symbolic link."""
    descriptor = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    owner.own(descriptor)
    return descriptor


def fsync_folder(path: Path) -> None:
    """Make the names in a folder (what was created or renamed there) survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make_private(path: Path, owner: Identity) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if stat.S_IMODE(os.fstat(descriptor).st_mode) != 0o700:
            os.fchmod(descriptor, 0o700)
        owner.own(descriptor)
    finally:
        os.close(descriptor)


def _can_hold_socket(folder: Path) -> bool:
    """Short enough, and free of what separates or quotes folders in libpq's `host` and the server's list."""
    path = os.fsencode(folder / f".s.PGSQL.{PORT}")
    return len(path) <= _SOCKET_BYTES_MAX and not set(path) & set(b',"')
