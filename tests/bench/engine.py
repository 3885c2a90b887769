"""The engine at scale: from a webhook to the ledger, and thousands of connections that are due and have nothing new."""

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Console
from tests.bench.crowd import assemble
from tests.bench.heard import IDLE, Heard, heard
from tests.bench.imports import Place, place
from tests.bench.one_worker import Spec
from tests.bench.rooms import ELSEWHERE
from tests.bench.sheet import Figure, Sheet
from tests.bench.slow_bank import slow_bank
from tests.bench.team import Done, all_due, team

SEEN_P95_MS_AIM: Final = 1_000
"""A webhook at the door to its transaction in the ledger."""
FOUR_WORKERS_AIM: Final = 3.0
"""Times what one does."""

CROWD: Final = 10_000
ANSWER_MS: Final = 100
CALLS: Final = 2
"""That an idle sync makes: /transactions/sync and /item/get."""
TEAMS: Final = ((1, 2), (2, 2), (4, 2), (1, 8))
"""Workers, and jobs of each at once. Two, so that four workers together don't need more than half of two cores: what
is measured is whether they stand in each other's way, not how many cores there are. Eight is what ships."""

_PERCENTILES: Final = (0.5, 0.95, 0.99)
_STAGES: Final = {
    "kept": "in the inbox, committed",
    "told": "worked off, its sync queued",
    "begun": "the sync begun",
    "seen": "in the ledger, its event written",
}


def sheets(console: Console, *, quick: bool) -> Iterator[Sheet]:
    """Measure, and tell."""
    banks, count = (6, 40) if quick else (12, 200)
    with place() as where:
        with console.status(f"{count} webhooks"), where.database() as url:
            yield _heard_sheet(heard(where, url, banks=banks, count=count), banks)
        with console.status(f"{CROWD:,} connections"), where.database() as url:
            told = _crowd(where, url, seconds=8 if quick else 20)
    yield _crowd_sheet(told)
    yield _cost_sheet(told)


def _heard_sheet(told: Sequence[Heard], banks: int) -> Sheet:
    sheet = Sheet(
        f"{len(told)} webhooks, ms since the door had each",
        ("until it is", "p50", "p95", "p99"),
        note=f"One after the other about {banks} connections, {IDLE:,} others idle beside them. Door, worker, sandbox and "
        "PostgreSQL are processes of their own, as they ship. The sync asks Plaid four times: for the news, whether there "
        f"are more, for the Item and for its balances. Aim for the last: p95 ≤ {SEEN_P95_MS_AIM:,}.",
    )
    for stage, words in _STAGES.items():
        took = sorted(getattr(each, stage) * 1_000 for each in told)
        p50, p95, p99 = (took[min(len(took) - 1, int(len(took) * part))] for part in _PERCENTILES)
        last = Figure.at_most(p95, SEEN_P95_MS_AIM, "{:,.0f}") if stage == "seen" else f"{p95:,.0f}"
        sheet.add(words, f"{p50:,.0f}", last, f"{p99:,.0f}")
    return sheet


def _crowd(where: Place, url: str, *, seconds: float) -> list[Done]:
    assemble(url, where.home, CROWD)
    told = []
    with slow_bank(ANSWER_MS) as bank_url:
        for workers, jobs_at_once in TEAMS:
            all_due(url)
            spec = Spec(str(where.home), url, bank_url, jobs_at_once)
            with team(spec, workers, where.postmaster) as at_work:
                told.append(at_work.look(seconds))
    return told


def _crowd_sheet(told: Sequence[Done]) -> Sheet:
    sheet = Sheet(
        f"{CROWD:,} connections due at once, a provider that answers after {ANSWER_MS} ms and has nothing new",
        ("workers", "jobs at\nonce", "syncs\na second", "× one\nworker", "one sync\nms", "of it\nwaiting", f"all {CROWD:,}\ns"),
        note=f"A sync asks {CALLS} times. all: from the rate of a few seconds, not run to the end. waiting: the provider's part "
        f"of one sync; the rest is work, and on a busy machine the wait for a core. Aim: four ≥ {FOUR_WORKERS_AIM:g} × one.",
        texts=0,
    )  # fmt: skip
    one = told[0]
    for done in told:
        ratio = done.per_second / one.per_second
        alike = done.jobs_at_once == one.jobs_at_once
        sheet.add(
            str(done.workers),
            str(done.jobs_at_once),
            f"{done.per_second:.1f}",
            _beside_one(done.workers, ratio) if alike else "",
            f"{done.took_s * 1_000:.0f}",
            f"{CALLS * ANSWER_MS / 1_000 / done.took_s:.0%}" if done.took_s else "",
            f"{CROWD / done.per_second:,.0f}",
        )
    return sheet


def _beside_one(workers: int, ratio: float) -> Figure | str:
    return Figure.at_least(ratio, FOUR_WORKERS_AIM, "{:.2f}") if workers == 4 else f"{ratio:.2f}"


def _cost_sheet(told: Sequence[Done]) -> Sheet:
    rooms = sorted({room for done in told for room in done.shares} - {ELSEWHERE})
    sheet = Sheet(
        "What one idle sync costs: CPU ms, and what it asks of the database",
        ("workers", "jobs at\nonce", "client", "PostgreSQL", "statements", "transactions", *rooms, "event loop"),
        note="An idle connection that is pulled once an hour costs this once an hour. statements: those of the store, commits "
        "and scopes left out; transactions: as PostgreSQL counts them, the queue's own among them. The last columns are "
        "the client's CPU by room, looked at every 5 ms of it.",
        texts=0,
    )  # fmt: skip
    for done in told:
        client_ms = done.a_sync(done.client_cpu_s) * 1_000
        sent = sum(count for name, count in done.statements.items() if name not in {"commit", "enter_scope"})
        sheet.add(
            str(done.workers),
            str(done.jobs_at_once),
            f"{client_ms:.1f}",
            f"{done.a_sync(done.server_cpu_s) * 1_000:.1f}",
            f"{done.a_sync(sent):.1f}",
            f"{done.a_sync(done.commits):.1f}",
            *(f"{done.shares.get(room, 0.0) * client_ms:.1f}" for room in (*rooms, ELSEWHERE)),
        )
    return sheet
