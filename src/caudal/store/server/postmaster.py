"""The running server: how it is set, started, recognised and stopped."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import psutil  # type: ignore[import-untyped]  # it ships no types

from caudal.store.server.folder import ServerFolder
from caudal.store.server.identity import Identity
from caudal.store.server.locks import PAUSE_SECONDS

_STOP_SECONDS_MAX: Final = 60
"""Stopping writes a checkpoint: after a big import on a slow disk that is more than a moment."""

_LOG_TAIL_BYTES: Final = 8 * 1024

_SETTINGS: Final = {
    # Commits survive a power cut. On the command line, where neither ALTER SYSTEM nor a file can overrule it.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    # Nobody but us.
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "max_connections": "100",
    # A small footprint on a laptop, and imports that don't checkpoint all the time.
    "io_method": "sync",
    "huge_pages": "off",
    "jit": "off",
    "max_logical_replication_workers": "0",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    # The same everywhere.
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    # What the server has to say of itself, and nothing of what people keep in it: an ERROR's text may quote a
    # value ('invalid input syntax for type numeric: "…"'), and goes to the client that caused it anyway.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_checkpoints": "off",
}

_launched: dict[Path, "subprocess.Popen[bytes]"] = {}
"""Servers started by this process, by folder: one stopped by somebody else is a zombie till we ask."""


class Launch:
    """A server that this process has just started, while it is not ready yet."""

    def __init__(self, process: "subprocess.Popen[bytes]", folder: ServerFolder, log_bytes: int) -> None:
        self._process = process
        self._folder = folder
        self._log_bytes = log_bytes

    @property
    def has_failed(self) -> bool:
        """It has ended without ever being ready."""
        return self._process.poll() is not None

    @property
    def complaint(self) -> str:
        """What it has logged since it was started, in short."""
        with self._folder.log.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(self._log_bytes, size - _LOG_TAIL_BYTES))
            lines = log.read().decode(errors="replace").replace(f"{self._folder.path}/", "").splitlines()
        complaints = re.findall(r"(?:FATAL|PANIC|HINT): +(?!the database system is)(.+)", "\n".join(lines))
        return "; ".join(complaints[-3:] or lines[-1:]) or "no word from it"


def launch(folder: ServerFolder, identity: Identity, bin_folder: Path, *, shared_memory_mib: int) -> Launch:
    """Start the postmaster. It inherits nothing of ours but the log."""
    settings = _SETTINGS | {
        "shared_buffers": f"{shared_memory_mib}MB",
        "unix_socket_directories": f'"{folder.socket_folder}"',
        "cluster_name": folder.tag,
    }
    if sys.platform == "darwin":
        settings["wal_sync_method"] = "fsync_writethrough"  # plain fsync leaves it in the drive's cache there
    command = [str(bin_folder / "postgres"), "-D", str(folder.data)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    with folder.open_log(identity) as log:
        process = identity.popen(command, log)
        log_bytes = log.tell()
    _launched[folder.path] = process
    return Launch(process, folder, log_bytes)


def find(folder: ServerFolder) -> psutil.Process | None:
    """The live postmaster of this folder. The pid in its file is believed only if that process is ours."""
    launched = _launched.get(folder.path)
    if launched is not None:
        if launched.poll() is None:
            return psutil.Process(launched.pid)  # known even before it has written its file
        del _launched[folder.path]
    process = _named_in_pid_file(folder)
    return process if process is not None and _is_alive(process) and _is_ours(process, folder) else None


def forget_dead_postmaster(folder: ServerFolder) -> bool:
    """Clear away what a killed postmaster or a reboot left. False while processes of it are still ending.

    Call under the exclusive lock, and only when `find` finds nobody.
    """
    if not (folder.data / "postmaster.pid").exists():
        return True
    orphans = [
        process for process in psutil.process_iter() if _is_ours(process, folder) and _is_alive(process)
    ]
    for orphan in orphans:
        _signal(orphan, signal.SIGTERM)  # aborts its transaction; nothing that was committed is at stake
    if orphans:
        return False
    if _named_in_pid_file(folder) is not None:
        # The pid is another program's by now. PostgreSQL can't know that, and would refuse to start; a pid of
        # nobody it handles itself, and more carefully (it looks at the shared memory too).
        (folder.data / "postmaster.pid").unlink()
    return True


def stop(folder: ServerFolder) -> bool:
    """Stop the server by a fast shutdown: open transactions are aborted. False if that takes too long."""
    deadline = time.monotonic() + _STOP_SECONDS_MAX
    process = find(folder)
    if process is not None:
        _signal(process, signal.SIGINT)
        while _is_alive(process):
            if time.monotonic() > deadline:
                return False
            time.sleep(PAUSE_SECONDS)
    find(folder)  # collects our own child's end
    return True


def _named_in_pid_file(folder: ServerFolder) -> psutil.Process | None:
    try:
        with (folder.data / "postmaster.pid").open("rb") as file:
            return psutil.Process(int(file.readline()))
    except (OSError, ValueError, psutil.Error):
        return None


def _is_ours(process: psutil.Process, folder: ServerFolder) -> bool:
    """By the title of the process, which has `cluster_name` in it and which every account may read."""
    try:
        return process.name() == "postgres" and any(folder.tag in word for word in process.cmdline())
    except psutil.Error:
        return False


def _is_alive(process: psutil.Process) -> bool:
    """A zombie is dead: it only waits for its parent, maybe a process of Caudal's that left long ago."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)  # psutil makes sure that the pid is still the same process
    except psutil.NoSuchProcess:
        return
