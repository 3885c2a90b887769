"""Leased turns come no earlier than granted, and are not used late."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from caudal.providers.http.budgets import Pace
from caudal.store.budgets import Granted
from caudal.sync.leases import Leased, earliest

NOTHING = timedelta(0)
SECOND = timedelta(seconds=1)
LATE = SECOND
LEASE = SECOND / 2
PACE = Pace.of(120)


def leased(turns: int, *, sent: timedelta = NOTHING, took: timedelta = NOTHING, **told: object) -> Leased:
    """A bucket after a statement of that time, answered with so many turns from a full bucket."""
    bucket = Leased("", PACE)
    offsets = {"start_in": NOTHING, "full_in": NOTHING, "free_in": None, "held_in": None, "raced": False}
    bucket.learn(Granted("", turns, **{**offsets, **told}), sent, sent + took, LATE)
    return bucket


def ms(most: int) -> st.SearchStrategy[timedelta]:
    return st.integers(0, most).map(lambda number: timedelta(milliseconds=number))


@given(turns=st.integers(1, 40), took=ms(1500), start_in=ms(5000), pauses=st.lists(ms(700), max_size=40))
def test_a_turn_is_used_no_earlier_than_its_time_and_no_more_than_so_much_later(
    turns: int, took: timedelta, start_in: timedelta, pauses: list[timedelta]
) -> None:
    """Whenever between sending and answer the database carried it out: `after` it at the earliest, LATE at the latest."""
    bucket = leased(turns, took=took, start_in=start_in, full_in=start_in)
    due = [max(start_in, start_in + number * PACE.interval - PACE.tolerance) for number in range(turns)]
    now = took
    used = 0
    for pause in pauses:
        start, lacking = earliest([bucket], now)
        if not lacking:
            bucket.take(start)
            possible = [after for after in due if took + after <= start <= after + LATE]
            assert possible, "it was due in time, however long its statement took"
            due.remove(possible[0])
            used += 1
        now += pause
    assert used <= turns


def test_a_turn_is_used_once() -> None:
    bucket = leased(2)
    for _ in range(2):
        assert earliest([bucket], NOTHING) == (NOTHING, [])
        bucket.take(NOTHING)
    assert earliest([bucket], NOTHING)[1] == [bucket]


def test_a_call_starts_at_the_latest_of_its_turns_unless_another_is_too_old_by_then() -> None:
    client, soon, late = (
        leased(1),
        leased(1, start_in=SECOND / 2, full_in=SECOND / 2),
        leased(1, start_in=3 * SECOND, full_in=3 * SECOND),
    )
    assert earliest([client, soon], NOTHING) == (SECOND / 2, [])
    assert earliest([client, late], NOTHING) == (3 * SECOND, [client])


def test_turns_of_a_bucket_that_another_made_at_the_same_moment_are_not_used() -> None:
    bucket = leased(3, raced=True)
    assert earliest([bucket], NOTHING) == (NOTHING, [bucket])


def test_what_is_leased_is_void_when_it_is_held_and_nothing_comes_before_its_end() -> None:
    bucket = leased(3)
    bucket.hold(2 * SECOND)
    assert earliest([bucket], NOTHING) == (2 * SECOND, [bucket])


def test_a_hold_heard_of_with_other_turns_counts_for_those_leased_before() -> None:
    bucket = leased(3)
    bucket.learn(Granted("", 0, NOTHING, NOTHING, None, 5 * SECOND, raced=False), NOTHING, NOTHING, LATE)
    assert earliest([bucket], NOTHING) == (5 * SECOND, [bucket])


def test_without_a_limit_there_is_nothing_to_lack() -> None:
    bucket = Leased("", None)
    assert earliest([bucket], SECOND) == (SECOND, [])
    assert bucket.wish(SECOND, LEASE, 1, NOTHING).turns == 0


def test_leases_grow_while_they_are_used_up_at_once_and_start_small_again() -> None:
    bucket, sizes = Leased("", PACE), []
    now = NOTHING
    for pause in (NOTHING, LEASE, LEASE, LEASE, LEASE, 2 * LEASE):
        now += pause
        turns = bucket.wish(now, LEASE, 1, NOTHING).turns
        sizes.append(turns)
        bucket.learn(Granted("", turns, NOTHING, NOTHING, None, None, raced=False), now, now, LATE)
        for _ in range(turns):
            bucket.take(now)
    assert sizes == [1, 2, 4, 7, 7, 1], "a quarter of the 30 that may come at once"


def test_there_is_a_turn_for_each_who_waits() -> None:
    assert Leased("", PACE).wish(NOTHING, LEASE, 20, SECOND).turns == 20
    assert Leased("", PACE).wish(NOTHING, LEASE, 0, SECOND).turns == 0
