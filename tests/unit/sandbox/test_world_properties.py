"""Whatever the steps and wherever one looks: one world, one history, balances that follow from it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from caudal_sandbox.economy.movements import State, money
from caudal_sandbox.world import World

BEGAN = datetime(2024, 1, 1, tzinfo=UTC)
SPAN = 500 * 24 * 60
WORLD = World(11, people=4, firms=1, now=BEGAN + timedelta(minutes=SPAN))
VIEWS = [view for holder in WORLD.holders for view in WORLD.accounts(holder)]

minutes = st.integers(0, SPAN)
views = st.sampled_from(VIEWS)


@settings(max_examples=25, deadline=None)
@given(
    steps=st.lists(minutes, max_size=6, unique=True), looks=st.lists(st.booleans(), min_size=6, max_size=6)
)
def test_moving_the_clock_in_any_steps_gives_the_same_world(steps: list[int], looks: list[bool]) -> None:
    walked = World(11, people=1, firms=0, now=BEGAN)
    holder = walked.holders[0]
    for step, look in zip(sorted(steps), looks, strict=False):
        walked.advance_to(BEGAN + timedelta(minutes=step))
        if look:
            for view in walked.accounts(holder):
                view.movements()
    walked.advance_to(WORLD.now)
    assert [view.movements() for view in walked.accounts(holder)] == [
        view.movements() for view in WORLD.accounts(WORLD.holders[0])
    ]


@settings(max_examples=150, deadline=None)
@given(view=views, minute=minutes)
def test_at_any_instant_the_balances_are_the_sum_of_what_the_movements_say(view, minute: int) -> None:
    at = BEGAN + timedelta(minutes=minute)
    booked, pending = view.terms.opening, Decimal(0)
    for sighting in view.movements():
        state = sighting.movement.state(at)
        booked += sighting.movement.amount(state) if state is State.BOOKED else 0
        pending += sighting.movement.amount(state) if state is State.PENDING else 0
    assert view.booked(at) == booked
    assert view.pending(at) == pending
    assert view.available(at) == booked + pending + money(view.terms.credit_line_minor)


@settings(max_examples=150, deadline=None)
@given(view=views, minute=minutes)
def test_what_was_visible_at_an_instant_is_the_same_seen_from_later(view, minute: int) -> None:
    at = BEGAN + timedelta(minutes=minute)
    then = {each.movement.id: each.state for each in view.movements(at)}
    now = {
        each.movement.id: state
        for each in view.movements()
        if (state := each.movement.state(at)) is not State.NOT_YET
    }
    assert then == now


@settings(max_examples=150, deadline=None)
@given(view=views, cuts=st.lists(minutes, max_size=8))
def test_the_events_between_any_instants_are_the_whole_history_in_pieces(view, cuts: list[int]) -> None:
    instants = [BEGAN + timedelta(minutes=cut) for cut in sorted(cuts)] + [WORLD.now]
    pieces = []
    after = None
    for until in instants:
        pieces += view.events(after, until)
        after = until
    assert pieces == list(view.events())
    assert [event.at for event in pieces] == sorted(event.at for event in pieces)


@settings(max_examples=100, deadline=None)
@given(view=views)
def test_every_movement_lives_one_of_three_lives(view) -> None:
    lives: dict[str, list[State]] = {}
    for event in view.events():
        lives.setdefault(event.movement.id, []).append(event.state)
    allowed = ([State.BOOKED], [State.PENDING], [State.PENDING, State.BOOKED], [State.PENDING, State.EXPIRED])
    assert all(life in allowed for life in lives.values())
