"""Taking in webhooks: Caudal beside a server that commits each by itself, and one that keeps nothing; taking turns."""

import statistics
from collections.abc import Iterator
from typing import Final

import msgspec
import psutil  # type: ignore[import-untyped]  # it ships no types
from joserfc.jwk import ECKey
from rich.console import Console
from tests.bench import one_delivery, webhook_server
from tests.bench.apart import measured
from tests.bench.imports import Place, place
from tests.bench.one_delivery import BODY_BYTES, Delivered
from tests.bench.sheet import Figure, Sheet
from tests.bench.webhook_server import CAUDAL, NAIVE, NO_DATABASE, POOL
from tests.support.webhook_server import running

from caudal.store.migrate import upgrade

CONNECTIONS: Final = 64
RATE_AIM: Final = 2.0
"""Times the requests a second of the one that commits each by itself."""
P99_AIM: Final = 0.6
"""Times its p99."""
CPU_AIM: Final = 1.2
"""Times the server's CPU of the one that keeps nothing."""

_SECONDS_MAX: Final = 600
_KID: Final = "measured"


class Turn(msgspec.Struct, frozen=True):
    """One server, loaded once."""

    delivered: Delivered
    count: int
    server_cpu_s: float

    @property
    def per_second(self) -> float:
        """Requests."""
        return self.count / self.delivered.wall_s


def sheets(console: Console, *, quick: bool) -> Iterator[Sheet]:
    """Measure, and tell."""
    count, turns = (3_000, 3) if quick else (10_000, 7)
    told: dict[str, list[Turn]] = {server: [] for server in (CAUDAL, NAIVE, NO_DATABASE)}
    key = ECKey.generate_key("P-256")
    with place() as where, where.database() as url:
        upgrade(url)
        for number in range(turns):
            for server, done in told.items():
                with console.status(f"{server}: turn {number + 1} of {turns}"):
                    done.append(_turn(where, url, server, key, count, f"{number}"))
    yield _sheet(told, count, turns)


def _turn(where: Place, url: str, server: str, key: ECKey, count: int, name: str) -> Turn:
    shown = {name: str(value) for name, value in key.as_dict(private=False).items()}
    public = {
        **{part: shown[part] for part in ("kty", "crv", "x", "y")},
        "alg": "ES256",
        "use": "sig",
        "kid": _KID,
        "created_at": 0,
        "expired_at": None,
    }
    serving = msgspec.convert(
        {"server": server, "home": str(where.home), "database_url": url, "key": public}, webhook_server.Spec
    )
    with running(webhook_server.__name__, serving) as (port, server_process):
        process = psutil.Process(server_process.pid)
        private = {name: str(value) for name, value in key.as_dict(private=True).items() if name != "key_ops"}
        spec = one_delivery.Spec(port, 200, CONNECTIONS, _KID, private, f"warm-{server}-{name}")
        measured(one_delivery.__name__, spec, Delivered, seconds_max=_SECONDS_MAX)
        before = sum(process.cpu_times()[:2])
        spec = msgspec.structs.replace(spec, count=count, name=f"{server}-{name}")
        delivered = measured(one_delivery.__name__, spec, Delivered, seconds_max=_SECONDS_MAX)
        cpu_s = sum(process.cpu_times()[:2]) - before
    if delivered.answers != {200: count}:
        raise RuntimeError(f"{server} answered {delivered.answers}")
    return Turn(delivered, count, cpu_s)


def _sheet(told: dict[str, list[Turn]], count: int, turns: int) -> Sheet:
    sheet = Sheet(
        f"Taking in {count:,} webhooks of {BODY_BYTES:,} bytes, ES256, over {CONNECTIONS} connections",
        ("server", "requests/s", "beside a\ncommit each", "p50 ms", "p99 ms", "beside a\ncommit each", "server CPU\nµs each", "beside no\ndatabase"),
        note=f"Medians of {turns} turns, the servers taking turns on the same machine, one process each, with whoever delivers and "
        f"PostgreSQL on the same cores. {NAIVE}: the same verification, then INSERT and commit for each request, {POOL} "
        f"connections. {NO_DATABASE}: the same verification, nothing kept. Aims: ≥ {RATE_AIM:g} × the requests and ≤ {P99_AIM:g} × the "
        f"p99 of a commit each, ≤ {CPU_AIM:g} × the CPU of no database.",
    )  # fmt: skip
    middle = {server: _medians(done) for server, done in told.items()}
    naive, bare = middle[NAIVE], middle[NO_DATABASE]
    for server, (rate, p50, p99, cpu_us) in middle.items():
        ours = server == CAUDAL
        sheet.add(
            server,
            f"{rate:,.0f}",
            Figure(f"{rate / naive[0]:.2f} ×", rate / naive[0] >= RATE_AIM if ours else None),
            f"{p50:.1f}",
            f"{p99:.1f}",
            Figure(f"{p99 / naive[2]:.2f} ×", p99 / naive[2] <= P99_AIM if ours else None),
            f"{cpu_us:,.0f}",
            Figure(f"{cpu_us / bare[3]:.2f} ×", cpu_us / bare[3] <= CPU_AIM if ours else None),
        )
    return sheet


def _medians(turns: list[Turn]) -> tuple[float, float, float, float]:
    """(requests a second, p50 ms, p99 ms, server's CPU µs for each)"""
    return (
        statistics.median(turn.per_second for turn in turns),
        statistics.median(turn.delivered.p50_ms for turn in turns),
        statistics.median(turn.delivered.p99_ms for turn in turns),
        statistics.median(1e6 * turn.server_cpu_s / turn.count for turn in turns),
    )
