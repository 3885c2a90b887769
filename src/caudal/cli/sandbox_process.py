"""A sandbox of one's own: started as a process beside this one, gone when it is no longer needed."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from caudal.model.errors import ConfigError

_STOP_SECONDS_MAX = 10


@contextmanager
def running(*options: str) -> Iterator[str]:
    """The address of a fresh sandbox on a free port of this machine. It ends with the block, or with this process."""
    command = (sys.executable, "-m", "caudal_sandbox", "serve", "--port", "0", "--stop-with-parent", *options)
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603  our own module
    try:
        line = process.stdout.readline() if process.stdout else b""
        if not line:
            raise ConfigError(f"the sandbox didn't start (exit code {process.wait(_STOP_SECONDS_MAX)})")
        yield str(json.loads(line)["url"])
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
