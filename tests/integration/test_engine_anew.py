"""Called back and pulled anew: what a source no longer holds goes, what it wasn't asked about stays."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import date, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.books import (
    REF,
    Books,
    all_rows,
    books,
    faults,
    instead_of,
    page,
    pull_of,
    seen,
    standing,
    unrested,
)
from tests.support.feed import CHANGED, SECOND, Act, Feed, Pull, both, called_back, in_turn

from caudal.model.changes import (
    BalanceKind,
    BalanceSeen,
    Cursor,
    Page,
    Status,
    TransactionGone,
    TransactionSeen,
)
from caudal.model.errors import Unavailable
from caudal.model.money import Money
from caudal.settings import RunBounds
from caudal.store.database import Store
from caudal.sync import engine

DAY = date(2026, 3, 2)


def job(there: Books, stream: str = "", restarts_max: int = 5) -> engine.Job:
    bounds = RunBounds(restarts_max=restarts_max, restart_wait_ms=1)
    return msgspec.structs.replace(there.job(stream), bounds=bounds)


def balance(amount: str, days: int) -> BalanceSeen:
    return BalanceSeen(SECOND, BalanceKind.BOOKED, Money(Decimal(amount), "EUR"), DAY + timedelta(days))


def held_after(conninfo: str, *runs: Pull) -> dict[str, str]:
    """What a new space holds after these runs; nothing may be left over of the comparing."""

    async def work() -> dict[str, Decimal]:
        async with await Store.open(conninfo) as store:
            there = await books(store)
            for pull in runs:
                await engine.run(store, job(there), pull)
            assert await faults(store, there.space_id) == {}
            return standing(conninfo, there.space_id)

    held = asyncio.run(work())
    assert all_rows(conninfo, "select * from caudal.told_again") == []
    assert all_rows(conninfo, "select distinct sweep from caudal.cursor") == [("none",)]
    return {id_: str(amount) for id_, amount in held.items()}


def test_what_only_the_aborted_attempt_told_is_gone(conninfo: str) -> None:
    held = held_after(
        conninfo,
        in_turn(page([seen("before")], "c0"), page([], "c1")),
        in_turn(
            unrested(page([seen("kept", "-1.00"), seen("dropped")]), "c1"),
            unrested(page([seen("dropped too")]), "c2"),
            called_back("c0"),
            unrested(page([seen("kept", "-2.00")]), "c1"),
            page([seen("late")]),
        ),
    )
    assert held == {"before": "-4.50", "kept": "-2.00", "late": "-4.50"}


def test_it_is_gone_however_often_the_source_calls_back(conninfo: str) -> None:
    attempts = [(unrested(page([seen(f"try {n}")]), "c1"), called_back("c0")) for n in range(3)]
    again = in_turn(*[act for attempt in attempts for act in attempt], page([seen("try 1"), seen("last")]))
    assert held_after(conninfo, in_turn(page([seen("before")])), again) == {
        "before": "-4.50", "try 1": "-4.50", "last": "-4.50"
    }  # fmt: skip


def test_the_attempt_may_end_in_one_run_and_the_next_begin_in_another(conninfo: str) -> None:
    async def work() -> None:
        async with await Store.open(conninfo) as store:
            there = await books(store)
            await engine.run(store, job(there), in_turn(page([seen("before")])))
            with pytest.raises(Unavailable):
                await engine.run(
                    store, job(there), in_turn(unrested(page([seen("dropped")]), "c1"), Unavailable("down"))
                )
            again = unrested(page([seen("told again", text="of its own")]), "c2")
            with pytest.raises(Unavailable):
                await engine.run(store, job(there), in_turn(called_back("c0"), again, Unavailable("down")))
            assert standing(conninfo, there.space_id).keys() == {"before", "dropped", "told again"}
            done = await engine.run(store, job(there), in_turn(page([seen("end", text="the end")])))
            assert standing(conninfo, there.space_id).keys() == {"before", "told again", "end"}
            assert (done.created, done.gone) == (1, 1)

    asyncio.run(work())


def test_what_was_told_before_the_stream_rested_is_untouched_even_where_the_attempt_told_it_again(
    conninfo: str,
) -> None:
    held = held_after(
        conninfo,
        in_turn(page([seen("same"), seen("other")])),
        in_turn(unrested(page([seen("same")]), "c1"), called_back("c0"), page([])),
    )
    assert held == {"same": "-4.50", "other": "-4.50"}


def test_a_loop_that_is_not_called_back_takes_nothing_away(conninfo: str) -> None:
    loop = in_turn(unrested(page([seen("one")]), "c1"), unrested(page([seen("two")]), "c2"), page([]))
    assert held_after(conninfo, loop, in_turn(page([]))).keys() == {"one", "two"}


def test_a_hold_that_was_billed_while_the_source_was_read_is_one_transaction(conninfo: str) -> None:
    hold, bill = seen("hold", "-9.00", status=Status.PENDING), instead_of("hold", seen("bill", "-9.90"))
    start = in_turn(page([seen("before")]))
    billed_then = in_turn(
        unrested(page([hold]), "c1"), called_back("c0"), page([bill, TransactionGone(REF, "hold")])
    )
    assert held_after(conninfo, start, billed_then) == {"before": "-4.50", "bill": "-9.90"}
    hold_forgotten = in_turn(unrested(page([hold]), "c1"), called_back("c0"), page([bill]))
    assert held_after(conninfo, start, hold_forgotten)["bill"] == "-9.90"


def test_a_bill_that_the_source_took_back_while_it_was_read_gives_its_hold_the_place_back(
    conninfo: str,
) -> None:
    hold, bill = seen("hold", "-9.00", status=Status.PENDING), instead_of("hold", seen("bill", "-9.90"))
    aborted = unrested(page([bill, TransactionGone(REF, "hold")]), "c1")
    held = held_after(
        conninfo, in_turn(page([hold])), in_turn(aborted, called_back("c0"), page([hold, seen("new")]))
    )
    assert held == {"hold": "-9.00", "new": "-4.50"}


def test_from_the_beginning_only_the_days_that_are_told_again_are_compared(conninfo: str) -> None:
    def on(id_: str, days: int, status: Status = Status.BOOKED) -> TransactionSeen:
        return seen(id_, day=DAY + timedelta(days), status=status)

    held = held_after(
        conninfo,
        in_turn(page([on("older", -1), on("first", 0), on("lost", 0), on("lost later", 5)])),
        in_turn(page([on("lapsed", -9, Status.PENDING), on("held", -9, Status.PENDING)])),
        in_turn(called_back(""), page([on("held", 0, Status.PENDING), on("first", 0)])),
    )
    assert held.keys() == {"older", "first", "held"}


def test_an_account_of_which_nothing_is_told_again_is_left_alone(conninfo: str) -> None:
    def at_savings(id_: str) -> TransactionSeen:
        return seen(id_, ref=SECOND)

    held = held_after(
        conninfo,
        in_turn(both(seen("one"), seen("two"), at_savings("saved"))),
        in_turn(called_back(""), page([seen("one")])),
    )
    assert held.keys() == {"one", "saved"}


def test_what_was_told_of_another_account_since_the_stream_rested_is_compared_too(conninfo: str) -> None:
    told = unrested(both(seen("mine"), seen("saved", ref=SECOND)), "c1")
    assert held_after(conninfo, in_turn(told, called_back(""), page([seen("mine")]))).keys() == {"mine"}


def test_one_stream_that_is_pulled_anew_leaves_the_others_alone(conninfo: str) -> None:
    async def work() -> None:
        async with await Store.open(conninfo) as store:
            there = await books(store)
            await engine.run(store, job(there, "cards"), pull_of(page([seen("card")])))
            await engine.run(store, job(there, "loans"), in_turn(called_back(""), page([seen("loan")])))
            assert standing(conninfo, there.space_id).keys() == {"card", "loan"}

    asyncio.run(work())


def test_a_source_that_calls_back_for_ever_is_pulled_from_its_beginning_and_then_left_alone(
    conninfo: str,
) -> None:
    asked: list[str] = []

    async def restless(cursor: Cursor) -> AsyncIterator[Page]:
        asked.append(cursor)
        yield unrested(page([seen("a")]), "amid")
        raise called_back("start")

    async def work() -> None:
        async with await Store.open(conninfo) as store:
            there = await books(store)
            with pytest.raises(Unavailable, match=f"{CHANGED}; 3 times from there and 3 times"):
                await engine.run(store, job(there, restarts_max=3), restless)
            assert asked == ["", *["start"] * 3, *[""] * 3]
            await engine.run(store, job(there), in_turn(called_back(""), page([seen("b")])))
            assert standing(conninfo, there.space_id).keys() == {"b"}

    asyncio.run(work())
    assert all_rows(conninfo, "select * from caudal.told_again") == []
    assert all_rows(conninfo, "select outcome from caudal.run order by started_at") == [
        ("partial",), ("complete",)
    ]  # fmt: skip


def test_what_a_comparison_took_away_counts_in_the_verdict(conninfo: str) -> None:
    async def work() -> None:
        async with await Store.open(conninfo) as store:
            there = await books(store)
            start = both(balance("50.00", -1), balance("50.00", 1))
            await engine.run(store, job(there), in_turn(start))
            wrong = unrested(both(seen("never was", ref=SECOND)), "c1")
            with pytest.raises(Unavailable):
                await engine.run(store, job(there), in_turn(wrong, Unavailable("down")))
            verdicts = "select verdict, off_by from caudal.proof where verdict <> 'none'"
            assert all_rows(conninfo, verdicts) == [("off", Decimal("4.50"))]
            await engine.run(store, job(there), in_turn(called_back("c0"), page([seen("other")])))
            assert all_rows(conninfo, verdicts) == [("proven", None)]

    asyncio.run(work())


class Crash(Exception):
    """The process dies here."""


async def run_until(store: Store, which: engine.Job, pull: Pull, statement: int) -> bool:
    """Run, and die before the n-th statement (0: never). Whether it came to that."""
    sent = 0

    def observe(_: str) -> None:
        nonlocal sent
        sent += 1
        if sent == statement:
            raise Crash

    store._observe = observe
    try:
        await engine.run(store, which, pull)
    except (Crash, Unavailable) as end:
        return isinstance(end, Crash)
    finally:
        store._observe = lambda _: None
    return False


async def called_back_once(cursor: Cursor) -> AsyncIterator[Page]:
    """A source that lost two records after it had told of them: whoever is amid the loop then is called back."""
    if cursor == "c0":
        hold = seen("hold", status=Status.PENDING)
        lost = seen("dropped too", ref=SECOND)
        yield unrested(both(hold, seen("dropped"), lost, seen("saved", "-6.00", ref=SECOND)), "c0, amid")
    if cursor in {"c0", "c0, amid"}:
        raise called_back("c0 anew")
    if cursor == "c0 anew":
        yield unrested(both(seen("late")), "c1")
    if cursor in {"c0 anew", "c1"}:
        bill = instead_of("hold", seen("bill", "-5.00"))
        yield both(bill, seen("saved", "-6.00", ref=SECOND), cursor="c2")


def test_a_crash_anywhere_in_an_attempt_or_in_the_next_one_ends_in_the_same_ledger(conninfo: str) -> None:
    async def crash_at(store: Store, statement: int) -> tuple[bool, object]:
        there = await books(store, f"crash {statement}")
        start = both(
            seen("before"), seen("saved", ref=SECOND), balance("9.00", -1), balance("3.00", 1), cursor="c0"
        )
        await engine.run(store, job(there), pull_of(start))
        crashed = await run_until(store, job(there), called_back_once, statement)
        await engine.run(store, job(there), called_back_once)
        assert await faults(store, there.space_id) == {}
        return crashed, (
            standing(conninfo, there.space_id),
            all_rows(conninfo, "select * from caudal.told_again"),
            all_rows(conninfo, f"select value, sweep from caudal.cursor where space_id = '{there.space_id}'"),
            all_rows(
                conninfo, f"select verdict from caudal.proof where space_id = '{there.space_id}' order by 1"
            ),
        )

    async def work() -> int:
        async with await Store.open(conninfo) as store:
            crashed, undisturbed = await crash_at(store, 0)
            assert not crashed
            held = {"before": "-4.50", "saved": "-6.00", "late": "-4.50", "bill": "-5.00"}
            amounts = {id_: Decimal(amount) for id_, amount in held.items()}
            assert undisturbed == (amounts, [], [("c2", "none")], [("none",), ("proven",)])
            statement = 1
            while (outcome := await crash_at(store, statement))[0]:
                assert outcome[1] == undisturbed, f"after a crash before statement {statement}"
                statement += 1
            return statement

    assert asyncio.run(work()) > 90


ACTS = st.tuples(
    st.sampled_from(["buy", "buy", "buy", "bill", "bill", "take back", "amend", "bring back"]),
    st.integers(0, 50),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    start=st.lists(ACTS, max_size=12),
    meanwhile=st.lists(st.none() | ACTS, max_size=25),
    page_size=st.integers(1, 4),
    deaths=st.lists(st.integers(5, 150), max_size=3),
)
def test_whatever_happens_while_a_source_is_read_the_ledger_ends_as_the_source(
    conninfo: str, start: list[Act], meanwhile: list[Act | None], page_size: int, deaths: list[int]
) -> None:
    feed = Feed(page_size, [*start, *meanwhile])

    async def work() -> None:
        async with await Store.open(conninfo) as store:
            there = await books(store)
            for statement in deaths:
                await run_until(store, job(there), feed.pull, statement)
            with contextlib.suppress(Unavailable):
                await engine.run(store, job(there), feed.pull)
            feed.rest()
            await engine.run(store, job(there), feed.pull)
            assert standing(conninfo, there.space_id) == feed.live
            assert await faults(store, there.space_id) == {}
            again = await engine.run(store, job(there), feed.pull)
            assert (again.created, again.changed, again.gone) == (0, 0, 0)

    asyncio.run(work())
    assert all_rows(conninfo, "select * from caudal.told_again") == []
