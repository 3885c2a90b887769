"""Which account PostgreSQL runs as. It refuses to be root, so root lends it another account that exists."""

import os
import pwd
import re
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Final

from caudal.model.errors import ConfigError
from caudal.store.server import ambient
from caudal.store.server.binaries import MAJOR_MIN

_PROBE_SECONDS_MAX: Final = 10

_KEPT_VARIABLES: Final = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""All that PostgreSQL's programs get of our environment: the rest (PG*, LC_*, secrets) is not for them."""


@dataclass(frozen=True, slots=True)
class Identity:
    """An account, and the Linux capability it needs (if any) to reach what root has closed to it."""

    uid: int
    gid: int
    name: str
    capability: int | None = None

    @property
    def is_lent(self) -> bool:
        """We are root, and this is somebody else."""
        return os.geteuid() == 0 and self.uid != 0

    def own(self, descriptor: int) -> None:
        """Make an open file or folder this account's."""
        if self.is_lent and os.fstat(descriptor).st_uid != self.uid:
            os.fchown(descriptor, self.uid, self.gid)

    def own_tree(self, folder: Path) -> None:
        """Make a folder, as restored or copied by root, this account's with all that is in it."""
        if not self.is_lent or folder.stat().st_uid == self.uid:
            return
        for inner, folders, files in os.walk(folder, topdown=False):
            for name in (*folders, *files):
                os.lchown(Path(inner, name), self.uid, self.gid)
        os.lchown(folder, self.uid, self.gid)  # last: an interrupted change is taken up again

    def popen(self, command: list[str], output: int | IO[bytes]) -> "subprocess.Popen[bytes]":
        """Run as this account, in a session of its own, where the terminal's Ctrl-C doesn't reach."""
        plain = self.is_lent and self.capability is None
        return subprocess.Popen(  # noqa: S603  # an argument list of our own making, no shell
            [*self._wrapper(), *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",  # ours may be closed to the account
            env={name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ} | {"LC_ALL": "C"},
            umask=0o077,
            start_new_session=True,
            user=self.uid if plain else None,
            group=self.gid if plain else None,
            extra_groups=[] if plain else None,
        )

    def run(self, command: list[str], *, seconds_max: float) -> tuple[int, str]:
        """Exit status and output. Kills a command that takes longer, and raises subprocess.TimeoutExpired."""
        with self.popen(command, subprocess.PIPE) as process:
            try:
                output, _ = process.communicate(timeout=seconds_max)
            except BaseException:
                process.kill()
                raise
        return process.returncode, output.decode(errors="replace")

    def reaching(self, folder: Path, postgres: Path) -> tuple["Identity", int]:
        """This account, with the least capability that lets it enter `folder` and run `postgres`; its major.

        Tried, not computed from mode bits: access lists, mount options and containers have their say too.
        Raises ConfigError that says what to do if it can't.
        """
        capabilities = (None, ambient.DAC_READ_SEARCH, ambient.DAC_OVERRIDE)
        output = ""
        for capability in capabilities if self.is_lent and sys.platform == "linux" else capabilities[:1]:
            able = replace(self, capability=capability)
            command = ["/bin/sh", "-c", 'cd "$1" && exec "$2" --version', "sh", str(folder), str(postgres)]
            try:
                status, output = able.run(command, seconds_max=_PROBE_SECONDS_MAX)
            except (OSError, subprocess.SubprocessError) as error:
                output = str(error)
                continue
            if status == 0:
                return able, _major(output)
        if not self.is_lent:
            raise ConfigError(f"PostgreSQL's programs can't be run here: {_last_line(output)}")
        raise ConfigError(
            f"PostgreSQL can't run as root, and the account {self.name} can't reach its programs or folder: "
            f"{_last_line(output)}. Run Caudal as an ordinary user, set CAUDAL_HOME to a folder that "
            f"{self.name} can reach (or CAUDAL_PG_USER to an account that can), or set DATABASE_URL"
        )

    def _wrapper(self) -> list[str]:
        if self.capability is None:
            return []
        numbers = (self.uid, self.gid, self.capability)
        return [sys.executable, "-I", "-S", ambient.__file__, *map(str, numbers)]


def identity_for(*kept: Path) -> Identity:
    """Whoever runs Caudal; for root CAUDAL_PG_USER, else the owner of what is there, else a system one.

    `kept` are the places whose owner counts, the most telling first. With it `sudo caudal` runs a person's
    server as that person, and leaves nothing in the folder that only root could use.
    """
    uid = os.geteuid()
    if uid != 0:
        return Identity(uid, os.getegid(), str(uid))
    chosen = os.environ.get("CAUDAL_PG_USER")
    if chosen:
        return _account(chosen)
    for path in kept:
        if path.exists() and (owned := path.stat()).st_uid != 0:
            return Identity(owned.st_uid, owned.st_gid, str(owned.st_uid))
    try:
        return _account("postgres")
    except ConfigError:
        return _account("nobody")


def _account(name: str) -> Identity:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise ConfigError(
            f"PostgreSQL can't run as root, and there is no account {name} to run it as: "
            "set CAUDAL_PG_USER to one, run Caudal as an ordinary user, or set DATABASE_URL"
        ) from None
    if entry.pw_uid == 0:
        raise ConfigError(
            f"PostgreSQL can't run as root: CAUDAL_PG_USER must name another account than {name}"
        )
    return Identity(entry.pw_uid, entry.pw_gid, name)


def _major(version: str) -> int:
    found = re.search(r"\) (\d+)", version)
    if found is None:
        raise ConfigError(f"this is no PostgreSQL: its version reads {_last_line(version)!r}")
    if int(found[1]) < MAJOR_MIN:
        raise ConfigError(
            f"Caudal's own server needs PostgreSQL {MAJOR_MIN} or newer; these programs are {found[1]}"
        )
    return int(found[1])


def _last_line(output: str) -> str:
    return output.strip().rpartition("\n")[2]
