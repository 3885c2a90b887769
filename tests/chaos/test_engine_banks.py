"""Banks that hang, webhooks that never come, consents that end in the middle of a page."""

import random
import time
from datetime import timedelta

from tests.support.chaos import tell, times
from tests.support.fleet import HOSTS, Fleet
from tests.support.hub import Hub
from tests.support.processes import wait_for

from caudal.providers import registry
from caudal.store.spaces import LinkedConnection
from caudal_sandbox.faults import Kind
from caudal_sandbox.plaid.webhooks import Fate

HANGS = times(500)
SENT = times(1_000)
REVOKED = times(200)
TOGETHER = 20
"""Linked at once, and ended while their first sync is under way."""
READ_SECONDS, CALL_SECONDS = 1, 3
"""Of 60 and 90: the bounds are what is looked at, not how long they are."""


def test_a_bank_that_hangs_is_cut_off_and_keeps_nobody(fleet: Fleet) -> None:
    fleet.workers(
        1, CAUDAL_HTTP_READ_SECONDS_MAX=str(READ_SECONDS), CAUDAL_HTTP_TOTAL_SECONDS_MAX=str(CALL_SECONDS),
        CAUDAL_RUN_TRIES_MAX="1", CAUDAL_WORKER_JOBS_AT_ONCE="6", CAUDAL_HTTP_BREAKER_FAILURES_MAX="1000",
    )  # fmt: skip
    fleet.brought_up_to_date()
    struck, held, others = _hung(fleet), [], []
    hanging = fleet.town[
        :: len(HOSTS)
    ]  # all at one bank: its other connections would be kept from it as well
    well = [each for each in fleet.town if each not in hanging]
    for each in hanging:
        fleet.strike(Kind.HANG, endpoint="/transactions/sync", connection=str(each.reference))
    while (count := _hung(fleet) - struck) < HANGS:
        place = fleet.place()
        fleet.due(fleet.town)
        done = {f"connection:{each.connection_id}" for each in well}
        began = time.monotonic()
        wait_for("the others to be synced", lambda place=place: done <= _done(fleet, place), 60)  # noqa: B023
        others.append(time.monotonic() - began)
        hung = {f"connection:{each.connection_id}" for each in hanging}
        wait_for("those that hang to be cut off", lambda place=place: hung <= _done(fleet, place), 60)  # noqa: B023
        held += [
            (turn.ended - turn.began).total_seconds()
            for turn in fleet.turns(place)
            if turn.lock in hung and turn.ended
        ]
    fleet.set_right()
    assert max(held) <= CALL_SECONDS + 5
    tell(
        9, f"a bank that takes a call and never answers (bounds here: {READ_SECONDS} s of silence, {CALL_SECONDS} s a call)", count,
        "cut at the bounds, the others unaffected",
        f"each sync that hung was over after {max(held):.1f} s at most; all {len(well)} others synced meanwhile within {max(others):.1f} s",
    )  # fmt: skip


def _hung(fleet: Fleet) -> int:
    return fleet.sandbox.faults.struck.get(Kind.HANG, 0)


def _done(fleet: Fleet, place: int) -> set[str]:
    return {turn.lock for turn in fleet.turns(place) if turn.ended is not None}


def test_what_lost_webhooks_would_have_told_is_found_within_one_cadence(fleet: Fleet) -> None:
    listening = fleet.link(6, webhooks=True)
    fleet.serve()
    fleet.set_right()
    counts = fleet.sandbox.plaid.courier.counts
    before = dict(counts)
    fleet.strike(Kind.WEBHOOK_LOST, per_mille=300)
    while (
        sent := counts[Fate.DELIVERED] + counts[Fate.LOST] - before[Fate.DELIVERED] - before[Fate.LOST]
    ) < SENT:
        fleet.news(6)
    fleet.hasten()
    lost = counts[Fate.LOST] - before[Fate.LOST]
    assert sent // 5 < lost < sent // 2
    fleet.sandbox.run(fleet.sandbox.faults.clear)
    fleet.drained()
    behind = len(fleet.within(_differing))
    pace = registry.paces()["plaid"].every
    latest = fleet.postgres.ask("select max(due_at) - now() from caudal.schedule")[0][0]
    assert latest <= pace, "whatever is missing, it is pulled within one cadence"
    fleet.brought_up_to_date()
    assert fleet.within(_differing) == []
    fleet.set_right()
    tell(
        13, f"30 % of webhooks lost, on {len(listening)} connections", sent, "the schedule repairs within one cadence",
        f"{lost} lost; {'some accounts behind' if behind else 'nothing behind'} before; every connection due within {latest / timedelta(minutes=1):.0f} min; after one round ledger = truth",
    )  # fmt: skip


async def _differing(hub: Hub) -> list[str]:
    return list((await hub.compare()).first)


def test_after_a_consent_ends_nothing_is_written_any_more(fleet: Fleet) -> None:
    chance, since = random.Random(4), fleet.place()
    fleet.strike(Kind.LATENCY, endpoint="/transactions/sync", milliseconds=150)
    fleet.workers(2)
    written: list[tuple[LinkedConnection, int]] = []
    while len(written) < REVOKED:
        for nth, connection in enumerate(fleet.link(TOGETHER)):
            fleet.due([connection])
            wait_for("the sync to begin", lambda connection=connection: _syncing(fleet, connection), 60)
            time.sleep(chance.uniform(0, 0.5))
            if nth % 2:
                fleet.within(lambda hub, connection=connection: hub.unlink(connection))
            else:
                fleet.sandbox.run(lambda connection=connection: _revoke(fleet, connection))
                wait_for(
                    "the end to be known here", lambda connection=connection: _ended(fleet, connection), 60
                )
            written.append((connection, _observed(fleet, connection)))
    fleet.set_right()
    for connection, count in written:
        assert _ended(fleet, connection)
        assert _observed(fleet, connection) == count
    assert (
        fleet.rows(
            "caudal.credential k join caudal.connection c using (space_id, connection_id) where c.state = 'revoked' and k.sealed is not null"
        )
        == 0
    )
    assert fleet.overlaps(since) == []
    amid = sum(1 for _, count in written if count)
    tell(
        18, "consent ended in the middle of a sync, by its person and by its bank", len(written), "nothing written after (I11)",
        f"0 rows after; {amid} had written pages before; no secret left, no connection due",
    )  # fmt: skip


def _syncing(fleet: Fleet, connection: LinkedConnection) -> int:
    if not fleet.left():  # a run that ended just now has said when it is due
        fleet.due([connection])
    return fleet.rows(
        f"caudal.run where outcome = 'running' and connection_id = '{connection.connection_id}'"
    )


def _ended(fleet: Fleet, connection: LinkedConnection) -> int:
    fleet.hasten()
    fleet.due([connection])
    return fleet.rows(
        f"caudal.connection where state = 'revoked' and connection_id = '{connection.connection_id}'"
    )


def _observed(fleet: Fleet, connection: LinkedConnection) -> int:
    return fleet.rows(
        "caudal.observation o join caudal.source_account s using (space_id, source_account_id) "
        f"where s.connection_id = '{connection.connection_id}'"
    )


def _revoke(fleet: Fleet, connection: LinkedConnection) -> None:
    item = next(item for item in fleet.sandbox.plaid.items if item.item_id == connection.reference)
    fleet.sandbox.plaid.revoke(item)
