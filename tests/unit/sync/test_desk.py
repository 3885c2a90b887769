"""Those who wait are asked for together, if their turns are for about the same time."""

from datetime import timedelta

from caudal.providers.http.budgets import Pace
from caudal.sync.desk import Desk, Question, needs
from caudal.sync.leases import Leased

SECOND = timedelta(seconds=1)
LEASE = SECOND / 2
EVERYBODY = Leased("", Pace.of(120))


def question(item: str, start: timedelta | None) -> Question:
    return Question([EVERYBODY, Leased(item, Pace.of(10))], SECOND, start)


def test_one_asks_for_all_who_wait_for_the_same_time() -> None:
    desk = Desk()
    now, soon, later, held = (
        question("x", SECOND),
        question("y", SECOND + LEASE),
        question("z", 3 * SECOND),
        question("w", None),
    )
    for each in (later, now, soon, held):
        desk.enter(each)
    assert desk.take(now, LEASE) == [now, soon, held]
    assert [desk.waits(each) for each in (now, soon, later, held)] == [False, False, True, False]


def test_who_gave_up_is_not_asked_for() -> None:
    desk = Desk()
    here, gone = question("x", SECOND), question("y", SECOND)
    for each in (here, gone):
        desk.enter(each)
    desk.leave(gone)
    assert desk.take(here, LEASE) == [here]


def test_of_a_bucket_that_several_wait_for_there_is_a_turn_for_each() -> None:
    asked = needs([question("x", 2 * SECOND), question("y", SECOND), question("z", None)])
    wishes = {item: need.wish(SECOND, LEASE) for item, need in asked.items()}
    assert {item: wish.turns for item, wish in wishes.items()} == {"": 2, "x": 1, "y": 1, "z": 0}
    assert [wishes[item].not_before for item in ("", "x", "y")] == [0 * SECOND, SECOND, 0 * SECOND]
