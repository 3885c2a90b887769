"""What Prometheus, a load balancer and whoever reads the log can see of the server; and what none of them can."""

import asyncio
import io
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx
import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from tests.support.books import ACCOUNT, Books, page, pull_of, seen, shut_out
from tests.unit.test_logs import Log, logging_to

from caudal.api import app, health
from caudal.api.requests import Requests
from caudal.hub import installation
from caudal.hub.installation import Installation
from caudal.model.errors import CaudalError
from caudal.observe import logs
from caudal.observe.context import current
from caudal.observe.metrics import Metrics
from caudal.observe.standing import Standing
from caudal.providers.http import Call, HttpBounds, ProviderHttp
from caudal.settings import InboxBounds, Settings
from caudal.store import jobs, spaces
from caudal.store.jobs import Work
from caudal.sync import engine
from caudal.sync.calls import counted_by

Result = TypeVar("Result")
Door = Callable[..., Awaitable[httpx.Response]]
LABELS = {
    "route",
    "method",
    "status",
    "provider",
    "op",
    "outcome",
    "class",
    "result",
    "change",
    "verdict",
    "queue",
    "le",
}
SECURITY_NAMES = {
    "caudal_http_request_seconds", "caudal_provider_request_seconds", "caudal_provider_errors", "caudal_rate_limited",
    "caudal_breaker_state", "caudal_sync_runs", "caudal_sync_seconds", "caudal_sync_lag_seconds", "caudal_transactions",
    "caudal_reconcile_breaks", "caudal_webhook_received", "caudal_webhook_age_seconds", "caudal_inbox_depth",
    "caudal_jobs_depth", "caudal_job_age_seconds", "caudal_jobs_dead_total",
}  # fmt: skip
"""What dashboards and alerts go by; a counter's `_total` is left out."""


async def _fails(request: Request) -> Response:
    raise ValueError(f"{request.url} secret=CANARY-77")


async def _about(_: Request) -> Response:
    return PlainTextResponse(current()["request_id"])


def served(settings: Settings, act: Callable[[Door, Installation, Metrics], Awaitable[Result]]) -> Result:
    """Run `act` with a door to the application of an installation."""

    async def work() -> Result:
        metrics = Metrics()
        async with installation.opened(settings) as opened:
            routes = [
                *health.routes(opened, metrics),
                Route("/fails/{what}", _fails),
                Route("/about", _about),
            ]
            made = Requests(app.make(opened, {}, routes, counted=metrics.counted), metrics)
            transport = httpx.ASGITransport(made, raise_app_exceptions=True)
            async with httpx.AsyncClient(transport=transport, base_url="http://caudal.test") as client:
                return await act(client.request, opened, metrics)

    return asyncio.run(work())


def told(text: str) -> dict[str, dict[tuple[str, ...], float]]:
    """Sample → its labels' values, in the order of their names → value."""
    samples: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = tuple(value for _, value in sorted(sample.labels.items()))
            samples.setdefault(sample.name, {})[labels] = sample.value
    return samples


def done(settings: Settings, statement: str) -> None:
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        connection.execute(statement.encode())


# --- is it alive, can it work --------------------------------------------------------------------------------


def test_a_sound_server_is_alive_and_ready(settings: Settings) -> None:
    async def act(door: Door, opened: Installation, metrics: Metrics) -> list[httpx.Response]:
        return [await door("GET", path) for path in ("/healthz", "/readyz")]

    alive, ready = served(settings, act)
    assert (alive.status_code, alive.text) == (200, "alive\n")
    assert (ready.status_code, ready.json()["ready"]) == (200, True)


def test_without_its_database_it_is_alive_and_not_ready_and_still_tells_what_it_knows(
    settings: Settings,
) -> None:
    async def act(door: Door, opened: Installation, metrics: Metrics) -> list[httpx.Response]:
        metrics.counted("plaid", "accepted")
        with shut_out(settings.database_url):
            away = [await door("GET", path) for path in ("/healthz", "/readyz", "/metrics")]
        return [*away, await door("GET", "/readyz")]

    alive, ready, figures, later = served(settings, act)
    assert (alive.status_code, ready.status_code, later.status_code) == (200, 503, 200)
    assert ready.json() == {
        "ready": False,
        "database": False,
        "schema": False,
        "inbox": False,
        "inbox_seconds": 0,
    }
    samples = told(figures.text)
    assert samples["caudal_database_reachable"] == {(): 0}
    assert samples["caudal_webhook_received_total"] == {("plaid", "accepted"): 1}
    assert "caudal_inbox_depth" not in samples, "a zero would say that nothing waits"


def test_a_schema_of_another_version_is_not_ready(settings: Settings) -> None:
    async def act(door: Door, opened: Installation, metrics: Metrics) -> httpx.Response:
        done(settings, "update public.caudal_migration set version_num = '9999'")
        return await door("GET", "/readyz")

    answer = served(settings, act)
    assert (answer.status_code, answer.json()["database"], answer.json()["schema"]) == (503, True, False)


@pytest.mark.parametrize(("seconds", "due_in", "ready"), [(50, 0, True), (70, 0, False), (70, 100, True)])
def test_webhooks_that_lie_about_are_not_ready(
    settings: Settings, seconds: int, due_in: int, ready: bool
) -> None:
    """What failed and is to be tried again later doesn't lie about."""

    async def act(door: Door, opened: Installation, metrics: Metrics) -> httpx.Response:
        waiting(settings, due_seconds=due_in - seconds)
        return await door("GET", "/readyz")

    assert InboxBounds().behind_seconds_max == 60
    answer = served(settings, act)
    assert answer.json()["inbox"] is ready
    assert answer.json()["inbox_seconds"] in (range(1) if due_in else range(seconds, seconds + 20))
    assert answer.status_code == (200 if ready else 503)


def waiting(settings: Settings, *, due_seconds: int) -> None:
    done(
        settings,
        "insert into caudal.inbox (provider, event_key, received_at, wrapping_key, sealed, due_at) "
        f"values ('plaid', '{due_seconds}', now(), 'k', '', now() + interval '{due_seconds} s')",
    )


# --- requests ------------------------------------------------------------------------------------------------


def test_requests_are_counted_by_the_template_of_their_route(settings: Settings) -> None:
    async def act(door: Door, opened: Installation, metrics: Metrics) -> str:
        for number in range(3):
            await door("POST", f"/webhooks/guess-{number}?token=CANARY")
            await door("GET", f"/nothing/here/{number}")
            await door(f"METHOD{number}", "/healthz")
        return (await door("GET", "/metrics")).text

    text = served(settings, act)
    counted = told(text)["caudal_http_request_seconds_count"]
    assert counted == {
        ("POST", "/webhooks/{provider}", "404"): 3,
        ("GET", "unmatched", "404"): 3,
        ("other", "/healthz", "405"): 3,
    }
    assert told(text)["caudal_webhook_received_total"] == {("other", "unknown_provider"): 3}
    assert "guess" not in text


def test_a_request_has_one_name_in_its_answer_in_the_log_and_within(settings: Settings) -> None:
    async def act(door: Door, opened: Installation, metrics: Metrics) -> tuple[Log, list[httpx.Response]]:
        with logging_to(io.StringIO(), "info") as log:
            given = await door("GET", "/about?code=CANARY", headers={"X-Request-Id": "from-outside-1"})
            made = await door("GET", "/about", headers={"X-Request-Id": "not a name"})
            await door("GET", "/healthz")
            return log, [given, made]

    log, (given, made) = served(settings, act)
    assert given.text == given.headers["x-request-id"] == "from-outside-1"
    assert made.text == made.headers["x-request-id"] != "not a name"
    assert [(line["request_id"], line["route"], line["status"], line["method"]) for line in log.lines] == [
        ("from-outside-1", "/about", 200, "GET"), (made.text, "/about", 200, "GET")
    ]  # fmt: skip
    assert all(isinstance(line["ms"], int) for line in log.lines)
    assert "CANARY" not in log.text


def test_a_request_that_fails_is_answered_told_once_and_shows_no_secret(settings: Settings) -> None:
    async def act(door: Door, opened: Installation, metrics: Metrics) -> tuple[Log, httpx.Response, str]:
        with logging_to(io.StringIO(), "info") as log:
            answer = await door("GET", "/fails/now?code=CANARY-1", headers={"X-Request-Id": "request-9"})
            return log, answer, (await door("GET", "/metrics")).text

    log, answer, text = served(settings, act)
    assert (answer.status_code, answer.headers["x-request-id"]) == (500, "request-9")
    assert "CANARY" not in answer.text
    failed, line = log.lines
    assert (failed["event"], failed["exception"][0]["kind"], failed["request_id"]) == ("a request failed", "ValueError", "request-9")  # fmt: skip
    assert (line["status"], line["route"]) == (500, "/fails/{what}")
    assert "CANARY" not in log.text
    assert told(text)["caudal_http_request_seconds_count"]["GET", "/fails/{what}", "500"] == 1


def test_who_goes_away_before_the_answer_is_counted_as_gone() -> None:
    metrics = Metrics()

    async def hangs(scope: Any, receive: Any, send: Any) -> None:
        return

    async def work() -> None:
        async def send(message: Any) -> None:
            raise AssertionError(message)

        scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
        await Requests(hangs, metrics)(scope, send, send)

    asyncio.run(work())
    figures = told(metrics.exposition(Standing(reachable=False)).decode())
    assert figures["caudal_http_request_seconds_count"] == {("GET", "unmatched", "499"): 1}


# --- what is told --------------------------------------------------------------------------------------------


async def calls_to(answers: list[int], metrics: Metrics, bounds: HttpBounds) -> None:
    """A provider that answers so, each asked for once."""
    left = iter(answers)

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(next(left, 400), content=_body(), headers={"Retry-After": "100"})

    async def _body() -> Any:
        yield b"{}"

    async with ProviderHttp(
        "riverbank", "https://river.example", bounds=bounds, observer=counted_by(metrics), transport=httpx.MockTransport(answer)
    ) as http:  # fmt: skip
        for number in range(len(answers)):
            try:
                await http.send(Call("items/get", "POST", "/items", b"{}", item=f"item-{number}"))
            except CaudalError:
                continue


def test_calls_errors_limits_and_the_breaker_are_told() -> None:
    metrics = Metrics()
    bounds = HttpBounds(retries_max=1, breaker_failures_max=2, backoff_ms_first=1)

    def look() -> dict[str, dict[tuple[str, ...], float]]:
        return told(metrics.exposition(Standing(reachable=False)).decode())

    asyncio.run(calls_to([200, 200, 400, 429], metrics, bounds))
    first = look()
    assert first["caudal_provider_request_seconds_count"] == {
        ("items/get", "fine", "riverbank"): 2,
        ("items/get", "failed", "riverbank"): 1,
        ("items/get", "limited", "riverbank"): 1,
    }
    assert first["caudal_provider_errors_total"] == {("failed", "riverbank"): 1, ("limited", "riverbank"): 1}
    assert first["caudal_rate_limited_total"] == {(): 1}
    assert first["caudal_breaker_state"] == {("riverbank",): 0}
    asyncio.run(calls_to([500, 500], metrics, bounds))
    assert look()["caudal_breaker_state"] == {("riverbank",): 1}


async def busy(opened: Installation, metrics: Metrics) -> list[str]:
    """Something of everything. Returns the names and ids in it that are nobody's business."""
    space = await spaces.create_space(opened.store, "the Millers")
    async with opened.store.transaction(space.space_id) as tx:
        made = await spaces.add_connection(
            tx,
            space.space_id,
            provider="plaid",
            reference="item-xyz",
            institution=("ins_77", "Alder Bank", "US"),
        )
    there = Books(space.space_id, made.connection_id)
    await engine.run(opened.store, there.job(), pull_of(page([seen("tx-1")])))
    async with opened.store.engine() as tx:
        await jobs.enqueue(
            tx, [Work("sync", "sync", 1, {"connection": str(made.connection_id)}), Work("odd Queue!", "t", 1)]
        )
    metrics.synced("plaid", "complete", seconds=1.5, added=3, duplicate=7)
    for provider, verdict in (
        ("plaid", "accepted"),
        ("plaid", "forged"),
        ("guess-of-mine", "unknown_provider"),
    ):
        metrics.counted(provider, verdict)
    await calls_to([200, 500, 429], metrics, HttpBounds(retries_max=1, backoff_ms_first=1))
    return [
        str(space.space_id), str(made.connection_id), "Millers", "Alder", "ins_77", "item-", "tx-1", ACCOUNT.name, "guess-of-mine",
    ]  # fmt: skip


def test_every_name_that_dashboards_go_by_is_there_and_no_label_holds_anybody(settings: Settings) -> None:
    async def act(door: Door, opened: Installation, metrics: Metrics) -> tuple[list[str], str]:
        private = await busy(opened, metrics)
        for name in private:
            await door("GET", f"/fails/{name}", headers={"X-Request-Id": "request-9"})
        return private, (await door("GET", "/metrics")).text

    private, text = served(settings, act)
    families = list(text_string_to_metric_families(text))
    assert {family.name for family in families} >= SECURITY_NAMES
    assert {label for family in families for sample in family.samples for label in sample.labels} <= LABELS
    assert [name for name in private if name in text] == []
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-", text)
    samples = told(text)
    assert samples["caudal_transactions_total"][("added", "plaid")] == 3
    assert samples["caudal_sync_runs_total"] == {("plaid", "complete"): 1}
    assert samples["caudal_jobs_depth"] == {("sync",): 1, ("other",): 1}


def test_what_no_process_knows_alone_is_read_when_it_is_asked_for(settings: Settings) -> None:
    async def act(
        door: Door, opened: Installation, metrics: Metrics
    ) -> list[dict[str, dict[tuple[str, ...], float]]]:
        await busy(opened, Metrics())
        before = told((await door("GET", "/metrics")).text)
        done(settings, "update caudal.schedule set last_good_at = now() - interval '1 hour'")
        done(
            settings,
            "update caudal.proof set verdict = 'off', proven_to = null, off_by = 1, off_since = '2026-03-01'",
        )
        done(
            settings, "update caudal_jobs.procrastinate_jobs set status = 'failed' where queue_name <> 'sync'"
        )
        done(
            settings,
            "update caudal_jobs.procrastinate_jobs set scheduled_at = now() - interval '90 s' where queue_name = 'sync'",
        )
        for number in range(3):
            waiting(settings, due_seconds=-30 - number)
        return [before, told((await door("GET", "/metrics")).text)]

    before, after = served(settings, act)
    assert before["caudal_sync_lag_seconds"]["plaid",] < 60
    assert after["caudal_sync_lag_seconds"]["plaid",] == pytest.approx(3600, abs=60)
    assert before.get("caudal_reconcile_breaks", {}) == {}
    assert after["caudal_reconcile_breaks"] == {("plaid",): 1}
    assert (before["caudal_inbox_depth"][()], after["caudal_inbox_depth"][()]) == (0, 3)
    assert after["caudal_webhook_age_seconds"][()] == pytest.approx(32, abs=15)
    assert after["caudal_job_age_seconds"][()] == pytest.approx(90, abs=15)
    assert (before["caudal_jobs_dead_total"][()], after["caudal_jobs_dead_total"][()]) == (0, 1)


def test_a_connection_that_waits_for_its_person_is_not_how_far_behind_we_are(settings: Settings) -> None:
    async def act(door: Door, opened: Installation, metrics: Metrics) -> str:
        await busy(opened, metrics)
        done(settings, "update caudal.schedule set last_good_at = now() - interval '9 days', due_at = null")
        return (await door("GET", "/metrics")).text

    assert "caudal_sync_lag_seconds" not in told(served(settings, act))


def test_the_log_of_a_busy_server_is_one_object_a_line(settings: Settings) -> None:
    async def act(door: Door, opened: Installation, metrics: Metrics) -> str:
        with logging_to(io.StringIO()) as log:
            logs.logger("caudal.test").info("begins")
            await busy(opened, metrics)
            await door("GET", "/metrics")
            return log.text

    lines = [json.loads(line) for line in served(settings, act).splitlines()]
    assert len(lines) > 3
