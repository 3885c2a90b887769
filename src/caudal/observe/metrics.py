"""What Prometheus may ask of a process: counts and times, by names of a few kinds.

No label holds a person, an account, an institution or an id: there would be a series for each, and whoever may look at
the graphs may not look at the books. What one process can't know (what waits, what is dead, how far behind) is a
`Standing`, read from the database when somebody asks.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from caudal.observe.standing import Standing

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4

_HTTP_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15)
_PROVIDER_SECONDS: Final = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2)
_SYNC_SECONDS: Final = (0.5, 1, 2, 5, 10, 14, 30, 60, 300, 900)
"""14: what a refresh somebody waits for may take (run.refresh_seconds_max)."""
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_PLAIN: Final = re.compile(r"[a-z][a-z0-9_/.-]{0,63}")
_OTHER: Final = "other"


class Metrics:
    """One process's counts. Made once where a process begins, handed to whoever has something to tell."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry(auto_describe=True)
        self._requests = self._histogram(
            "caudal_http_request_seconds",
            "Requests answered, by the template of their route.",
            ("route", "method", "status"),
            _HTTP_SECONDS,
        )
        self._provider_calls = self._histogram(
            "caudal_provider_request_seconds",
            "Calls to providers, each attempt of them.",
            ("provider", "op", "outcome"),
            _PROVIDER_SECONDS,
        )
        self._provider_errors = self._counter(
            "caudal_provider_errors", "Calls to providers that failed, by how.", "provider", "class"
        )
        self._limited = self._counter("caudal_rate_limited", "Calls to which a provider said: too often.")
        self._breakers = Gauge(
            "caudal_breaker_state",
            "Whether this process leaves a provider alone for a while (1) or not (0).",
            ("provider",),
            registry=self._registry,
        )
        self._runs = self._counter(
            "caudal_sync_runs", "Syncs of connections, by how they ended.", "provider", "result"
        )
        self._run_seconds = self._histogram(
            "caudal_sync_seconds", "How long syncs of connections took.", (), _SYNC_SECONDS
        )
        self._transactions = self._counter(
            "caudal_transactions",
            "Transactions that providers told of, by what they changed.",
            "provider",
            "change",
        )
        self._webhooks = self._counter(
            "caudal_webhook_received", "Webhooks that came, by what was thought of them.", "provider", "verdict"
        )  # fmt: skip

    def answered(self, route: str | None, method: str, status: int, *, seconds: float) -> None:
        """A request was answered. `route`: the template, None where none fits; what came in its place is not a name."""
        known = method if method in _METHODS else _OTHER
        self._requests.labels(route or "unmatched", known, str(status)).observe(seconds)

    def called(
        self,
        provider: str,
        operation: str,
        outcome: str,
        *,
        ms: int,
        fine: bool,
        limited: bool,
        circuit_open: bool,
    ) -> None:
        """A provider was called once."""
        self._provider_calls.labels(_plain(provider), _plain(operation), _plain(outcome)).observe(ms / 1000)
        self._breakers.labels(_plain(provider)).set(circuit_open)
        if not fine:
            self._provider_errors.labels(_plain(provider), _plain(outcome)).inc()
        if limited:
            self._limited.inc()

    def synced(
        self,
        provider: str,
        result: str,
        *,
        seconds: float,
        added: int = 0,
        modified: int = 0,
        removed: int = 0,
        duplicate: int = 0,
    ) -> None:
        """A sync of a connection ended. `duplicate`: what it was told again, unchanged."""
        self._runs.labels(_plain(provider), _plain(result)).inc()
        self._run_seconds.observe(seconds)
        changes = {"added": added, "modified": modified, "removed": removed, "duplicate": duplicate}
        for change, count in changes.items():
            self._transactions.labels(_plain(provider), change).inc(count)

    def counted(self, provider: str, verdict: str) -> None:
        """A webhook came. Whoever sends to a provider that isn't there writes its name, and gets no series for it."""
        known = _OTHER if verdict == "unknown_provider" else _plain(provider)
        self._webhooks.labels(known, _plain(verdict)).inc()

    def exposition(self, standing: Standing) -> bytes:
        """All there is to tell, in Prometheus's text format 0.0.4."""
        return generate_latest(_Joined(self._registry, standing))

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(name, what, labels, registry=self._registry)

    def _histogram(
        self, name: str, what: str, labels: tuple[str, ...], bounds: tuple[float, ...]
    ) -> Histogram:
        return Histogram(name, what, labels, buckets=bounds, registry=self._registry)


class _Joined(CollectorRegistry):
    """This process's counts and the standing of all, as one registry to write out."""

    def __init__(self, registry: CollectorRegistry, standing: Standing) -> None:
        super().__init__()
        self._own = registry
        self._standing = standing

    def collect(self) -> Iterator[Metric]:
        """Every family, ours first."""
        yield from self._own.collect()
        yield from _families(self._standing)


def _families(told: Standing) -> Iterator[Metric]:
    """The standing as gauges. `_dead_total` among them: it falls when somebody revives what is dead."""
    yield _gauge("caudal_database_reachable", "Whether the database answers.", int(told.reachable))
    if not told.reachable:
        return  # a zero would say that nothing waits
    yield _by(
        "caudal_sync_lag_seconds",
        "Since the last good run, of the connection furthest behind.",
        "provider",
        told.lag_seconds,
    )
    yield _by(
        "caudal_reconcile_breaks",
        "Accounts whose ledger is off from their balances.",
        "provider",
        told.breaks,
    )
    yield _gauge(
        "caudal_webhook_age_seconds", "How long the oldest webhook has waited.", told.webhook_age_seconds
    )
    yield _gauge("caudal_inbox_depth", "Webhooks that wait.", told.inbox_waiting)
    yield _gauge("caudal_inbox_dead", "Webhooks that could not be worked off.", told.inbox_dead)
    yield _by("caudal_jobs_depth", "Jobs that wait or run.", "queue", told.jobs)
    yield _gauge(
        "caudal_job_age_seconds", "How long the oldest job that is due has waited.", told.job_age_seconds
    )
    yield _gauge("caudal_jobs_dead_total", "Jobs that failed for good.", told.jobs_dead)


def _gauge(name: str, what: str, value: int) -> Metric:
    return GaugeMetricFamily(name, what, value=value)


def _by(name: str, what: str, label: str, values: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(name, what, labels=[label])
    for value, count in sorted(values.items()):
        family.add_metric([_plain(value)], count)
    return family


def _plain(name: str) -> str:
    """A name from our own code. Anything else is none that should make a series of its own."""
    return name if _PLAIN.fullmatch(name) else _OTHER
