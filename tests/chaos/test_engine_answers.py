"""Banks that fail, answer in pieces or in riddles, or change their data while it is read: in the end it is all there."""

import random
import time
from collections.abc import Collection

import pytest
from tests.support.chaos import tell, times
from tests.support.fleet import HOSTS, Fleet
from tests.support.processes import wait_for

from caudal_sandbox.faults import Kind

FAILED = times(2_000)
BROKEN = times(2_000)
MUTATED = times(200)
UNDAUNTED = {
    "CAUDAL_HTTP_BREAKER_FAILURES_MAX": "1000000",
    "CAUDAL_HTTP_BACKOFF_MS_FIRST": "20",
    "CAUDAL_RUN_RESTART_WAIT_MS": "20",
}
"""No breaker, and no patience: the faults are to strike as often as they are counted."""
PIECES = (Kind.TRUNCATED, Kind.MALFORMED_JSON, Kind.HTML, Kind.WRONG_TYPES, Kind.BOTH_CURRENCIES_NULL)
BREAKER_FAILURES, OPEN_SECONDS = 5, 2


def struck(fleet: Fleet, kinds: Collection[Kind]) -> int:
    return sum(fleet.sandbox.faults.struck.get(kind, 0) for kind in kinds)


def endure(fleet: Fleet, kinds: Collection[Kind], wanted: int) -> int:
    """Have everybody synced again and again until so many answers were wrong. Returns how many were."""
    before = struck(fleet, kinds)
    while (count := struck(fleet, kinds) - before) < wanted:
        fleet.news(1)
        fleet.due(fleet.town)
        time.sleep(0.5)
    return count


def troubled(fleet: Fleet) -> int:
    """How many connections are still said to be in trouble."""
    return fleet.rows("caudal.connection where state not in ('active', 'revoked')")


def test_a_bank_that_fails_now_and_then_is_asked_again_and_nothing_is_missed(fleet: Fleet) -> None:
    fleet.workers(2, **UNDAUNTED)
    fleet.brought_up_to_date()
    for status in (500, 502, 503, 504):
        fleet.strike(Kind.SERVER_ERROR, per_mille=100, status=status)
    count = endure(fleet, [Kind.SERVER_ERROR], FAILED)
    fleet.set_right()
    assert troubled(fleet) == 0
    tell(
        8, "500, 502, 503 and 504 at random", count, "asked again with backoff, nothing lost, no error sticks",
        "every connection active again; ledger = truth",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "every", "who"),
    [(Kind.INSTITUTION_DOWN, len(HOSTS), "a bank"), (Kind.SERVER_ERROR, 1, "a provider")],
)
def test_who_only_fails_is_left_alone_but_for_a_probe_now_and_then(
    fleet: Fleet, kind: Kind, every: int, who: str
) -> None:
    """All at one bank, or everybody: then there is nobody else to be served."""
    workers = fleet.workers(
        2,
        CAUDAL_HTTP_BREAKER_FAILURES_MAX=str(BREAKER_FAILURES),
        CAUDAL_HTTP_BREAKER_OPEN_SECONDS=str(OPEN_SECONDS),
    )
    fleet.brought_up_to_date()
    sick = fleet.town[::every]
    well = {f"connection:{each.connection_id}" for each in fleet.town if each not in sick}
    before, place, began = struck(fleet, [kind]), fleet.place(), time.monotonic()
    for each in sick:
        fleet.strike(kind, connection=str(each.reference))
    while (lasted := time.monotonic() - began) < 5 * OPEN_SECONDS:
        fleet.due(fleet.town)
        time.sleep(0.2)
    asked = struck(fleet, [kind]) - before
    assert asked <= len(workers) * (BREAKER_FAILURES + lasted // OPEN_SECONDS + 1)
    others = sum(1 for turn in fleet.turns(place) if turn.lock in well and turn.ended)
    assert others >= 2 * len(well)
    fleet.sandbox.run(fleet.sandbox.faults.clear)
    cured = time.monotonic()
    wait_for("them to be asked again", lambda: _active(fleet), 60)
    back = time.monotonic() - cured
    fleet.set_right()
    tell(
        8, f"{who} that only fails, for {lasted:.0f} s (breaker: {BREAKER_FAILURES} failures, {OPEN_SECONDS} s), asked by {len(workers)} workers",
        asked, "breaker opens ≤ 10 failures, one probe at a time, others unaffected",
        f"{asked} requests reached it; {others} syncs of others meanwhile; all active {back:.1f} s after it was well",
    )  # fmt: skip


def _active(fleet: Fleet) -> bool:
    fleet.due(fleet.town)
    time.sleep(0.3)
    return troubled(fleet) == 0


def test_what_comes_in_pieces_or_riddles_is_kept_shown_and_asked_for_again(fleet: Fleet) -> None:
    fleet.workers(2, **UNDAUNTED)
    fleet.brought_up_to_date()
    for kind in PIECES:
        fleet.strike(kind, per_mille=60)
    for where in ("added/*/amount", "added/*/date", "removed/*/transaction_id"):
        fleet.strike(Kind.WRONG_TYPES, endpoint="/transactions/sync", per_mille=60, where=where)
    count = endure(fleet, PIECES, BROKEN)
    quarantined = fleet.rows("caudal.quarantine")
    assert quarantined > 0
    fleet.set_right()
    assert troubled(fleet) == 0
    tell(
        10, "truncated JSON, none at all, HTML, wrong types, amounts without a currency", count, "kept and shown, cursor not moved past it, asked for again",
        f"{quarantined} records in quarantine, all told again since; ledger = truth",
    )  # fmt: skip


def test_what_changes_while_it_is_read_is_read_anew(fleet: Fleet) -> None:
    chance = random.Random(19)
    fleet.workers(2, **UNDAUNTED)
    fleet.brought_up_to_date()
    fleet.strike(Kind.MUTATION, endpoint="/transactions/sync", per_mille=400)
    before = struck(fleet, [Kind.MUTATION])
    while (count := struck(fleet, [Kind.MUTATION]) - before) < MUTATED:
        fleet.news(1)
        fleet.reissue([chance.choice(fleet.town)])
        fleet.due(fleet.town)
        time.sleep(0.5)
    fleet.set_right()
    assert troubled(fleet) == 0
    tell(
        19, "the data changes while it is read, cursors called back", count, "pulled anew from where the bank says, ledger = truth",
        "equal; no connection in trouble",
    )  # fmt: skip
