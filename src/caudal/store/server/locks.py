"""Locks that vanish with the process that held them, however it ended.

flock, not lockf: its locks belong to the open file description, so two users within one process don't share
one, and closing some other descriptor of the same file doesn't drop it. The price is that a forked child
shares its parent's lock, so every lock here is released by name (LOCK_UN), and a share knows who took it.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from caudal.model.errors import ConfigError

PAUSE_SECONDS: Final = 0.01
"""Between two looks at something that another process will change."""


@contextmanager
def exclusive(descriptor: int, *, deadline: float) -> Iterator[None]:
    """Hold the file alone while starting, joining or stopping; closes `descriptor` at the end.

    `deadline` is a `time.monotonic()`; raises ConfigError when another process holds the file beyond it.
    """
    try:
        while not _locked(descriptor, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise ConfigError(
                    "another process is still starting or stopping Caudal's PostgreSQL; try again later, "
                    "or raise CAUDAL_SERVER_START_SECONDS_MAX"
                )
            time.sleep(PAUSE_SECONDS)
        try:
            yield
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


class Share:
    """One user's part in the running server: a shared lock until `release`, or the end of the process."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._taker_pid = os.getpid()
        fcntl.flock(descriptor, fcntl.LOCK_SH)

    @property
    def is_inherited(self) -> bool:
        """Taken by the process that this one was forked from, which still counts on it."""
        return os.getpid() != self._taker_pid

    def is_the_last(self) -> bool:
        """Whether nobody else has a share. Ask on leaving, under the exclusive lock: a no ends this one."""
        return _locked(self._descriptor, fcntl.LOCK_EX)

    def release(self) -> None:
        """Give the share back. A forked child only forgets it: unlocking would unlock the parent's too."""
        if not self.is_inherited:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        os.close(self._descriptor)


def _locked(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
