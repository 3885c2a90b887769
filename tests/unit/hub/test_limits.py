"""Turns: so many a minute of each name, filled up evenly, and nobody kept for good."""

from hypothesis import given
from hypothesis import strategies as st

from caudal.hub.limits import Limits

SECOND = 1_000_000_000


def test_a_minute_holds_so_many_and_no_more() -> None:
    limits = Limits(60)
    turns = [limits.take("ana", 0) for _ in range(61)]
    assert [turn.heard for turn in turns] == [True] * 60 + [False]
    assert [turn.left for turn in turns] == [*range(59, -1, -1), 0]
    assert turns[-1].wait == 1
    assert turns[0].reset == 1
    assert turns[-1].reset == 60


def test_who_waits_as_long_as_told_is_heard() -> None:
    limits = Limits(60)
    for _ in range(61):
        last = limits.take("ana", 0)
    assert limits.take("ana", last.wait * SECOND).heard
    assert not limits.take("ana", last.wait * SECOND).heard


def test_one_name_takes_nothing_from_another() -> None:
    limits = Limits(1)
    assert limits.take("ana", 0).heard
    assert not limits.take("ana", 0).heard
    assert limits.take("eva", 0).heard


@given(st.integers(1, 600), st.lists(st.integers(0, 5 * SECOND), max_size=300))
def test_in_no_minute_are_more_heard_than_two_minutes_turns(per_minute: int, pauses: list[int]) -> None:
    limits, now, heard = Limits(per_minute), 0, []
    for pause in pauses:
        now += pause
        if limits.take("ana", now).heard:
            heard.append(now)
    for at in heard:
        within = sum(at <= each < at + 60 * SECOND for each in heard)
        assert within <= 2 * per_minute + 1
