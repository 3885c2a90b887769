"""The command `caudal` as a process of its own: arguments and environment in, exit code and both outputs out."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import msgspec

from caudal.settings import Settings


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


class Command(msgspec.Struct, frozen=True):
    """`caudal` with this installation's settings and nothing of the tester's own."""

    settings: Settings
    cwd: Path

    def environ(self, **more: str) -> dict[str, str]:
        """The environment it runs in."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("CAUDAL_", "PG")) and name != "DATABASE_URL"
        }
        kept |= {
            "CAUDAL_HOME": self.settings.home,
            "PYTHONIOENCODING": "utf-8",
            "CAUDAL_RATES_FETCH": "never",
        }
        if self.settings.database_url:
            kept["DATABASE_URL"] = self.settings.database_url
        return kept | more

    def start(self, *arguments: str | Path, **more: str) -> "subprocess.Popen[str]":
        """Begin, with both outputs caught."""
        return subprocess.Popen(
            [sys.executable, "-m", "caudal", *map(str, arguments)],
            env=self.environ(**more),
            cwd=self.cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def __call__(self, *arguments: str | Path, **more: str) -> Done:
        """Run to the end."""
        process = self.start(*arguments, **more)
        try:
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
        return Done(process.returncode, out, err)

    def told(self, *arguments: str | Path) -> object:
        """The JSON it prints, which must be one document, with nothing amiss."""
        done = self(*arguments, "--json")
        assert (done.code, done.err) == (0, ""), done
        assert done.out.count("\n") == 1
        return msgspec.json.decode(done.out)
