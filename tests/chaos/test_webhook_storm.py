"""Ten thousand webhooks, doubled, out of order, late and forged, while workers are killed: what was answered 2xx is
worked off or visibly dead, the ledger is the truth, and what was forged left nothing.

Nothing is due by itself here: whatever reaches the ledger, a webhook brought it. A tenth unless CAUDAL_CHAOS=full.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from tests.support.books import all_rows
from tests.support.chaos import FULL, tell
from tests.support.command import Command
from tests.support.hub import CLIENT, Hub, Login, opened_hub
from tests.support.plaid_script import HandClock
from tests.support.storm import Processes, Storm, Weather, processes

from caudal.settings import Settings
from caudal_sandbox.faults import Fault, Kind
from caudal_sandbox.plaid.emulator import Options
from caudal_sandbox.plaid.limits import Regime
from caudal_sandbox.server import Sandbox
from caudal_sandbox.world import World

WEATHER = Weather(count=10_000 if FULL else 1_000, per_second=60)
WORKERS = 2
KILL_EVERY_SECONDS = 2.5
BANKS = 16
"""Connections, each to a shop of its own."""
DRAIN_SECONDS_MAX = 90
KEY_GETS = Fault(Kind.LATENCY, endpoint="/webhook_verification_key/get", params={"milliseconds": 1})
"""Harms nobody, and counts."""
NOW = datetime(2026, 3, 2, 3, tzinfo=UTC)
QUICK = {
    "CAUDAL_WORKER_HEARTBEAT_SECONDS": 1,
    "CAUDAL_WORKER_SILENT_SECONDS_MAX": 3,
    "CAUDAL_WORKER_RESCUE_EVERY_SECONDS": 1,
    "CAUDAL_WORKER_POLL_MS": 500,
}
"""A worker that is killed is missed soon: there is no time to wait for it here."""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    world = World(7, people=0, firms=0, begins=date(2026, 2, 20), now=NOW)
    with Sandbox(world, plaid=Options(limits=Regime.OFF)) as running:
        yield running


@pytest.fixture
def fleet(settings: Settings, sandbox: Sandbox, tmp_path: Path) -> Iterator[Processes]:
    client_id, secret = CLIENT
    plaid = {
        "CAUDAL_PLAID_CLIENT_ID": client_id,
        "CAUDAL_PLAID_SECRET": secret,
        "CAUDAL_PLAID_ENVIRONMENT": "sandbox",
        "CAUDAL_PLAID_URL": sandbox.url,
    }
    with processes(Command(settings, tmp_path), **plaid, **QUICK) as there:
        yield there


async def link(hub: Hub) -> None:
    """Connections whose history is all there and all told, with a balance to prove what comes from."""
    for payments in range(1, BANKS + 1):
        await hub.link(Login(f"user_busy_{payments}", "ins_109508"))
    for item in hub.sandbox.plaid.items:
        hub.sandbox.run(lambda item=item: [item.update(hub.sandbox.plaid) for _ in range(2)])
    await hub.quiet()
    hub.sandbox.advance(days=2)
    await hub.quiet()
    hub.sandbox.run(lambda: hub.sandbox.faults.add(KEY_GETS))


async def weather(storm: Storm, fleet: Processes) -> None:
    """The storm, and the killing; at the end all workers live."""
    chance = random.Random(3)
    workers = [fleet.worker() for _ in range(WORKERS)]
    killing = asyncio.create_task(fleet.kill_now_and_then(workers, KILL_EVERY_SECONDS, chance))
    try:
        await storm.rage()
    finally:
        killing.cancel()
        with suppress(asyncio.CancelledError):
            await killing


def undone(url: str) -> list[tuple[object, ...]]:
    """What is still to be done: webhooks, and jobs of each queue."""
    return all_rows(
        url,
        """
        select 'webhooks', count(*)::int from caudal.inbox where state = 'new' having count(*) > 0
        union all
        select queue_name || ' ' || status, count(*)::int from caudal_jobs.procrastinate_jobs
        where status in ('todo', 'doing') group by queue_name, status
        """,
    )


async def drain(url: str) -> float:
    """Wait until nothing is left to be done. How long that took, in seconds."""
    began = time.monotonic()
    while left := undone(url):
        assert time.monotonic() - began < DRAIN_SECONDS_MAX, left
        await asyncio.sleep(0.25)
    return time.monotonic() - began


def test_webhooks_in_a_storm_are_worked_off_once_whoever_is_killed(
    settings: Settings, sandbox: Sandbox, fleet: Processes
) -> None:
    async def work() -> None:
        async with opened_hub(settings, sandbox, HandClock(NOW)) as hub:
            await link(hub)
            fleet.open_door()
            began = time.monotonic()
            storm = Storm(sandbox, WEATHER, fleet.url)
            await weather(storm, fleet)
            raged = time.monotonic() - began
            drained = await drain(settings.database_url)
            expect_every_taken_webhook_done_or_dead(settings.database_url, storm)
            expect_nothing_of_the_forged(sandbox, storm, minutes=raged / 60)
            dead = all_rows(
                settings.database_url,
                "select id, queue_name, args::text from caudal_jobs.procrastinate_jobs where status = 'failed'",
            )
            assert dead == [], fleet.said()[-4000:]
            assert await hub.amiss() == []
            assert await hub.unsound() == {}
            kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(storm.kinds.items()))
            tell(
                11, f"webhooks ({kinds}) while workers are killed", len(storm.sent), "each genuine one done once, forged ones 401 and no row; ledger = truth",
                f"{len(storm.genuine)} taken and done, {len(storm.forgeries)} refused with 401; {fleet.kills} kills in {raged:.0f} s, drained in {drained:.1f} s; ledger = truth",
            )  # fmt: skip

    asyncio.run(work())


def expect_every_taken_webhook_done_or_dead(url: str, storm: Storm) -> None:
    """The inbox holds what was taken, each once, and nothing else; none of it waits."""
    assert all(each.taken for each in storm.genuine)
    taken = {each.event_key for each in storm.genuine}
    rows = all_rows(url, "select event_key, state from caudal.inbox")
    assert Counter(key for key, _ in rows) == Counter(taken)
    assert {state for _, state in rows} == {"done"}


def expect_nothing_of_the_forged(sandbox: Sandbox, storm: Storm, *, minutes: float) -> None:
    """Each was refused, and whatever key ids they named, Plaid was asked for a key once a minute at most."""
    assert len(storm.forgeries) > WEATHER.count // 100 * WEATHER.forged // 2
    assert {status for each in storm.forgeries for status in each.answers} == {401}
    assert 1 <= sandbox.faults.struck[Kind.LATENCY] <= 1 + minutes + 1
