"""What a piece of work costs: CPU seconds first, since wall time depends on what else the machine does."""

import contextlib
import resource
import sys
import time
from pathlib import Path
from typing import Final

import msgspec
import psutil  # type: ignore[import-untyped]  # it ships no types

_MIB: Final = 1024 * 1024
_STATUS: Final = Path("/proc/self/status")
_CLEAR_REFS: Final = Path("/proc/self/clear_refs")


class Cost(msgspec.Struct, frozen=True):
    """`cpu_s`: user + system. The server's counts all its processes, those that ended meanwhile included."""

    wall_s: float
    client_cpu_s: float
    server_cpu_s: float
    rss_peak_mib: float
    rss_grown_mib: float
    """The peak less what the process held when the work began."""

    @property
    def cpu_s(self) -> float:
        """Of both sides."""
        return self.client_cpu_s + self.server_cpu_s


class Meter:
    """Counts from when it is made. `postmaster`: the pid of the PostgreSQL server that does a part of the work."""

    def __init__(self, postmaster: int | None = None) -> None:
        self._postmaster = psutil.Process(postmaster) if postmaster else None
        with contextlib.suppress(OSError):
            _CLEAR_REFS.write_text("5")  # Linux: the peak begins anew, imports don't count (man 5 proc)
        self._rss_mib = psutil.Process().memory_info().rss / _MIB
        self._server_s = self._server_cpu_s()
        self._client_s = time.process_time()
        self._began_s = time.perf_counter()

    def read(self) -> Cost:
        """What was spent since."""
        wall_s = time.perf_counter() - self._began_s
        client_s = time.process_time() - self._client_s
        server_s = self._server_cpu_s() - self._server_s
        peak_mib = _rss_peak_mib()
        return Cost(wall_s, client_s, server_s, peak_mib, peak_mib - self._rss_mib)

    def _server_cpu_s(self) -> float:
        """Living processes' own CPU, and in the postmaster's account that of children it has buried (not on macOS)."""
        if self._postmaster is None:
            return 0.0
        spent_s = float(sum(self._postmaster.cpu_times()[:4]))
        for backend in self._postmaster.children():
            with contextlib.suppress(psutil.NoSuchProcess):
                spent_s += sum(backend.cpu_times()[:4])
        return spent_s


def _rss_peak_mib() -> float:
    # Not ru_maxrss where there is better: across fork and exec it inherits the parent's peak.
    if _STATUS.exists():
        line = next(line for line in _STATUS.read_text("ascii").splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / _MIB if sys.platform == "darwin" else peak / 1024
