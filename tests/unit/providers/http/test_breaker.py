"""Who is down is not asked; who may be back is asked by one."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.unit.providers.http.wire import Bench, HandClock, Wire, against, call, cut, drip, reply, silence

from caudal.model.errors import RateLimited, Unavailable
from caudal.providers.http import Answer, Budget, Failed, Fine, HttpBounds, Later, Limited, Verdict, by_status
from caudal.providers.http.breaker import Breakers, Permit

BOUNDS = HttpBounds(breaker_failures_max=3, breaker_open_seconds=60, retries_max=1)
MINUTE = timedelta(seconds=60)


def circuits(bounds: HttpBounds = BOUNDS) -> tuple[Breakers, HandClock]:
    clock = HandClock()
    return Breakers("riverbank", bounds, clock), clock


def settled(breakers: Breakers, verdict: Verdict, institution: str | None = None) -> None:
    with breakers.admit(institution) as permit:
        permit.settle(verdict)


def shut(breakers: Breakers, institution: str | None = None) -> bool:
    return breakers.why_not(institution) is not None


def broken(institution: str | None = None) -> tuple[Breakers, HandClock]:
    """Circuits of which one is open."""
    breakers, clock = circuits()
    for _ in range(3):
        settled(breakers, Later(), institution)
    return breakers, clock


def test_failures_in_a_row_open_the_gate_and_it_says_until_when() -> None:
    breakers, _ = circuits()
    for _ in range(2):
        settled(breakers, Later())
        assert not shut(breakers)
    settled(breakers, Later())
    with pytest.raises(
        Unavailable, match=r"riverbank failed 3 times in a row; not asked again until 09:01:00 UTC"
    ):
        breakers.admit(None)


@pytest.mark.parametrize("verdict", [Fine(), Failed(), Limited()])
def test_any_answer_ends_the_row(verdict: Verdict) -> None:
    breakers, _ = circuits()
    for each in (Later(), Later(), verdict, Later(), Later()):
        settled(breakers, each)
    assert not shut(breakers)


def test_an_institution_that_is_down_keeps_nobody_from_the_others() -> None:
    breakers, _ = broken("ins_1")
    assert shut(breakers, "ins_1")
    assert not shut(breakers, "ins_2")
    assert not shut(breakers)
    with pytest.raises(Unavailable, match="institution ins_1"):
        breakers.admit("ins_1")


def test_a_provider_that_is_down_keeps_everybody_from_its_institutions() -> None:
    breakers, _ = broken()
    assert shut(breakers, "ins_1")


def test_what_is_the_providers_fault_is_not_held_against_the_institution() -> None:
    breakers, clock = circuits()
    for _ in range(3):
        settled(breakers, Later(provider_wide=True), "ins_1")
    assert set(breakers._circuits) == {None}
    assert shut(breakers)
    clock.passed += MINUTE
    settled(breakers, Fine())
    assert not shut(breakers, "ins_1")


def test_an_institution_that_fails_shows_the_provider_at_work() -> None:
    breakers, _ = circuits()
    for verdict in (Later(), Later()):
        settled(breakers, verdict)
    settled(breakers, Later(), "ins_1")
    settled(breakers, Later())
    assert not shut(breakers)


def test_after_a_while_one_finds_out_and_the_others_wait_for_it() -> None:
    breakers, clock = broken()
    clock.passed += MINUTE - timedelta(microseconds=1)
    assert shut(breakers)
    clock.passed += timedelta(microseconds=1)
    probe = breakers.admit(None)
    with pytest.raises(Unavailable, match="finding out"):
        breakers.admit("ins_1")
    probe.settle(Fine())
    assert not shut(breakers)


def test_a_probe_that_fails_opens_the_gate_for_another_while() -> None:
    breakers, clock = broken()
    clock.passed += MINUTE
    settled(breakers, Later())
    assert shut(breakers)
    clock.passed += MINUTE
    settled(breakers, Fine())
    settled(breakers, Later())
    assert not shut(breakers), "closed again, it counts from nothing"


def test_a_probe_that_learns_nothing_leaves_it_to_the_next() -> None:
    breakers, clock = broken("ins_1")
    clock.passed += MINUTE
    with pytest.raises(ZeroDivisionError), breakers.admit("ins_1"):
        raise ZeroDivisionError
    settled(breakers, Fine(), "ins_1")
    assert not shut(breakers, "ins_1")


def test_what_comes_in_late_neither_opens_nor_prolongs() -> None:
    breakers, clock = circuits()
    late, later = breakers.admit(None), breakers.admit(None)
    for _ in range(3):
        settled(breakers, Later())
    late.settle(Fine())
    assert shut(breakers), "it was sent before the others failed"
    clock.passed += MINUTE / 2
    later.settle(Later())
    clock.passed += MINUTE / 2
    assert not shut(breakers)


def test_failing_institutions_are_remembered_up_to_the_bound() -> None:
    breakers, _ = circuits(HttpBounds(breaker_failures_max=1, breakers_max=2))
    for number in range(100):
        settled(breakers, Later(), f"ins_{number}")
    assert len(breakers._circuits) == 2
    assert shut(breakers, "ins_99")
    assert not shut(breakers, "ins_0")


def test_the_institution_that_failed_longest_ago_is_forgotten_first() -> None:
    breakers, _ = circuits(HttpBounds(breakers_max=2))
    for institution in ("ins_1", "ins_2", "ins_1", "ins_3"):
        settled(breakers, Later(), institution)
    assert set(breakers._circuits) == {"ins_1", "ins_3"}


def test_the_provider_is_never_forgotten_for_its_institutions() -> None:
    breakers, _ = circuits(HttpBounds(breaker_failures_max=1, breakers_max=2))
    under_way = [breakers.admit(f"ins_{number}") for number in range(10)]
    settled(breakers, Later())
    for permit in under_way:
        permit.settle(Later())
    assert len(breakers._circuits) == 2
    assert shut(breakers)


# --- Before a wire --------------------------------------------------------------------------------------------


def test_while_the_gate_is_open_nothing_is_sent() -> None:
    async def act(wire: Wire, bench: Bench) -> tuple[int, int, int]:
        for _ in range(2):
            await bench.http.send(call())
        shut_at = len(wire.asked)
        with pytest.raises(Unavailable, match="not asked again until"):
            await bench.http.send(call())
        still = len(wire.asked)
        bench.clock.passed += MINUTE
        wire.scripts[:] = [reply()]
        return shut_at, still, (await bench.http.send(call())).status

    assert against(reply(503), act, bounds=BOUNDS) == (3, 3, 200)


def test_the_answer_that_opens_the_gate_is_still_returned() -> None:
    async def act(wire: Wire, bench: Bench) -> tuple[int, bytes]:
        answer = await bench.http.send(call())
        return len(wire.asked), answer.body

    bounds = HttpBounds(breaker_failures_max=2, retries_max=10)
    assert against(reply(503, b"why"), act, bounds=bounds) == (2, b"why")


def test_a_broken_connection_is_the_providers_fault_and_silence_the_institutions() -> None:
    async def act(wire: Wire, bench: Bench) -> tuple[bool, bool]:
        with pytest.raises(Unavailable):
            await bench.http.send(call(institution="ins_1", repeatable=False))
        breakers = bench.http._breakers
        return shut(breakers), shut(breakers, "ins_1")

    once = HttpBounds(breaker_failures_max=1, read_seconds_max=1)
    assert against(cut(b""), act, bounds=once) == (True, True)
    assert against(silence, act, bounds=once) == (False, True)


def test_a_caller_in_a_hurry_blames_nobody() -> None:
    async def act(wire: Wire, bench: Bench) -> bool:
        with pytest.raises(Unavailable):
            await bench.http.send(call(institution="ins_1", within=timedelta(seconds=0.2)))
        return shut(bench.http._breakers, "ins_1")

    assert against(silence, act, bounds=HttpBounds(breaker_failures_max=1, read_seconds_max=1)) is False
    assert (
        against(drip(b"HTTP/1.1 200 OK\r\n" * 99, 0.02), act, bounds=HttpBounds(breaker_failures_max=1))
        is False
    )


def test_an_answer_without_end_is_held_against_the_institution() -> None:
    async def act(wire: Wire, bench: Bench) -> bool:
        with pytest.raises(Unavailable):
            await bench.http.send(call(institution="ins_1"))
        return shut(bench.http._breakers, "ins_1")

    bounds = HttpBounds(breaker_failures_max=1, read_seconds_max=1, total_seconds_max=1)
    assert against(drip(reply(200, b"x" * 1000), 0.02), act, bounds=bounds) is True


def test_a_cancelled_probe_gives_its_turn_to_the_next() -> None:
    async def act(wire: Wire, bench: Bench) -> int:
        with pytest.raises(Unavailable):
            await bench.http.send(call(repeatable=False))
        bench.clock.passed += MINUTE
        wire.scripts[:] = [silence]
        probe = asyncio.create_task(bench.http.send(call()))
        await asyncio.sleep(0.1)
        with pytest.raises(Unavailable, match="finding out"):
            await bench.http.send(call())
        probe.cancel()
        await asyncio.gather(probe, return_exceptions=True)
        wire.scripts[:] = [reply()]
        return (await bench.http.send(call())).status

    assert against(cut(b""), act, bounds=HttpBounds(breaker_failures_max=1)) == 200


def test_a_probe_without_a_turn_in_the_budget_leaves_it_to_the_next() -> None:
    async def act(wire: Wire, bench: Bench) -> int:
        with pytest.raises(Unavailable):
            await bench.http.send(call(operation="other", repeatable=False))
        bench.clock.passed += MINUTE
        await bench.http._budgets.hold("feed", None, MINUTE)
        with pytest.raises(RateLimited):
            await bench.http.send(call())
        return (await bench.http.send(call(operation="other"))).status

    table = {"feed": Budget(per_client_per_minute=1)}
    assert against([cut(b""), reply()], act, bounds=HttpBounds(breaker_failures_max=1), table=table) == 200


def test_an_adapter_can_tell_the_provider_from_the_institution() -> None:
    def judge(answer: Answer) -> Verdict:
        return Later(provider_wide=True) if answer.body == b"maintenance" else by_status(answer)

    async def act(wire: Wire, bench: Bench) -> bool:
        await bench.http.send(call(institution="ins_1"))
        return shut(bench.http._breakers, "ins_2")

    once = HttpBounds(breaker_failures_max=1)
    assert against(reply(503, b"maintenance"), act, bounds=once, judge=judge) is True
    assert against(reply(503, b"bank down"), act, bounds=once, judge=judge) is False


# --- Whatever happens -----------------------------------------------------------------------------------------

INSTITUTIONS = (None, "ins_1", "ins_2", "ins_3")
VERDICTS = (Fine(), Failed(), Later(), Later(provider_wide=True), Limited(), None)


@given(
    limit=st.integers(1, 10),
    answers=st.lists(st.booleans(), max_size=40),
    institution=st.sampled_from([None, "ins_1"]),
)
def test_it_opens_at_just_so_many_failures_in_a_row(
    limit: int, answers: list[bool], institution: str | None
) -> None:
    breakers, _ = circuits(HttpBounds(breaker_failures_max=limit))
    row = 0
    for fine in answers:
        assert shut(breakers, institution) == (row >= limit)
        if row >= limit:
            break
        settled(breakers, Fine() if fine else Later(), institution)
        row = 0 if fine else row + 1


def test_as_it_comes_it_opens_after_ten_failures_at_the_latest() -> None:
    assert HttpBounds().breaker_failures_max <= 10


@given(
    institution=st.sampled_from([None, "ins_1"]),
    verdicts=st.lists(st.sampled_from([Fine(), Later(), None]), min_size=1, max_size=8),
    callers=st.integers(2, 20),
)
def test_of_all_who_come_when_it_may_be_back_exactly_one_gets_through(
    institution: str | None, verdicts: list[Verdict | None], callers: int
) -> None:
    breakers, clock = broken(institution)
    for verdict in verdicts:
        clock.passed += MINUTE
        let_in = [permit for _ in range(callers) if (permit := admitted(breakers, institution))]
        assert len(let_in) == 1
        with let_in[0] as permit:
            if verdict is not None:
                permit.settle(verdict)
        if isinstance(verdict, Fine):
            assert not shut(breakers, institution)
            return


def admitted(breakers: Breakers, institution: str | None) -> Permit | None:
    try:
        return breakers.admit(institution)
    except Unavailable:
        return None


class Circuits(RuleBasedStateMachine):
    """Calls that begin, end and are cancelled in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.breakers, self.clock = circuits(
            HttpBounds(breaker_failures_max=2, breaker_open_seconds=10, breakers_max=2)
        )
        self.under_way: list[Permit] = []

    @rule(institution=st.sampled_from(INSTITUTIONS))
    def begin(self, institution: str | None) -> None:
        try:
            self.under_way.append(self.breakers.admit(institution).__enter__())
        except Unavailable:
            assert self.breakers._circuits

    @precondition(lambda self: self.under_way)
    @rule(pick=st.integers(0, 99), verdict=st.sampled_from(VERDICTS))
    def end(self, pick: int, verdict: Verdict | None) -> None:
        permit = self.under_way.pop(pick % len(self.under_way))
        if verdict is not None:
            permit.settle(verdict)
        permit.__exit__(None, None, None)

    @rule(seconds=st.integers(1, 30))
    def wait(self, seconds: int) -> None:
        self.clock.passed += timedelta(seconds=seconds)

    @invariant()
    def memory_is_bounded(self) -> None:
        assert len(self.breakers._circuits) <= 2

    @invariant()
    def a_gate_waits_for_no_probe_but_one_under_way(self) -> None:
        if not self.under_way:
            assert not any(circuit.probing for circuit in self.breakers._circuits.values())

    def teardown(self) -> None:
        for permit in self.under_way:
            permit.__exit__(None, None, None)
        self.clock.passed += timedelta(seconds=10)
        for institution in INSTITUTIONS:
            assert not shut(self.breakers, institution), "every circuit lets a probe through in the end"


TestCircuits = Circuits.TestCase
TestCircuits.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
