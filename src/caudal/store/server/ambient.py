"""A program of its own: become another account, keep one capability, then become the given command.

    python -I -S ambient.py UID GID CAPABILITY COMMAND...

PostgreSQL refuses to run as root, but root's folders are often closed to every other account. On Linux a
process may keep a capability across `execve` by making it *ambient* (capabilities(7)); then nothing has to be
copied or opened. Imports the standard library alone, and runs before any other account needs to reach a
Python.
"""

import ctypes
import os
import sys
from typing import Final

DAC_OVERRIDE: Final = 1
DAC_READ_SEARCH: Final = 2

_PR_GET_SECUREBITS: Final = 27
_PR_SET_SECUREBITS: Final = 28
_PR_CAP_AMBIENT: Final = 47
_PR_CAP_AMBIENT_RAISE: Final = 2
_SECBIT_NO_SETUID_FIXUP: Final = 1 << 2
_CAPABILITY_VERSION_3: Final = 0x20080522


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def become(uid: int, gid: int, capability: int) -> None:
    """Change the account for good, and drop every capability but one. Raises OSError if it may not."""
    libc = ctypes.CDLL(None, use_errno=True)
    # Without this bit the kernel empties the sets at setresuid, and access(2), by which PostgreSQL looks at
    # its own programs, goes on ignoring capabilities in every process whose real uid is not root's.
    bits = libc.prctl(_PR_GET_SECUREBITS, 0, 0, 0, 0)
    _done(libc.prctl(_PR_SET_SECUREBITS, bits | _SECBIT_NO_SETUID_FIXUP, 0, 0, 0))
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    mask = 1 << capability
    sets = (_Sets * 2)(_Sets(mask, mask, mask), _Sets(0, 0, 0))
    _done(libc.capset(ctypes.byref(_Header(_CAPABILITY_VERSION_3, 0)), ctypes.byref(sets)))
    _done(libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability, 0, 0))


def _done(status: int) -> None:
    if status != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def main(arguments: list[str]) -> None:
    """Never returns: the process becomes the command, or ends with status 126 and one line that says why."""
    uid, gid, capability = (int(argument) for argument in arguments[:3])
    command = arguments[3:]
    try:
        become(uid, gid, capability)
        os.execv(command[0], command)  # noqa: S606  # an argument list of our own making, no shell
    except OSError as error:
        sys.exit(f"can't run as uid {uid} with capability {capability}: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv[1:])
