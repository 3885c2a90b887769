"""Whose CPU it was, as `make bench` tells it."""

import time

from tests.bench.rooms import ELSEWHERE, Rooms


def _busy() -> None:
    until = time.process_time() + 0.2
    while time.process_time() < until:
        sum(range(1_000))


def _calls_on() -> None:
    _busy()


def test_cpu_is_of_the_innermost_room() -> None:
    with Rooms({f"{__name__}._busy": "inner", f"{__name__}._calls_on": "outer"}) as rooms:
        _calls_on()
    assert rooms.shares() == {"inner": 1.0}


def test_code_that_no_room_knows_counts_for_its_caller() -> None:
    with Rooms({f"{__name__}._calls_on": "caller"}) as rooms:
        _calls_on()
    assert rooms.shares() == {"caller": 1.0}


def test_a_function_may_have_another_room_than_its_module() -> None:
    with Rooms(
        {__name__: "module", f"{__name__}._busy": "function", __name__[:-1]: "no part of a name"}
    ) as rooms:
        _calls_on()
    assert rooms.shares() == {"function": 1.0}


def test_cpu_of_no_room_is_not_lost() -> None:
    with Rooms({"somewhere": "else"}) as rooms:
        _busy()
    assert rooms.shares() == {ELSEWHERE: 1.0}
