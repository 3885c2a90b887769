"""How a run ends: what is written on it, and what it makes of its connection."""

import asyncio
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

import msgspec
import pytest
from tests.support.books import REF, Books, all_rows, books, page, pull_of, seen, standing, unrested
from tests.support.feed import in_turn

from caudal.model.changes import Status
from caudal.model.errors import NeedsUser, NotReady, ProviderError, RateLimited, Refused, Revoked, Unavailable
from caudal.store import spaces
from caudal.store.database import Store
from caudal.store.showing import Route
from caudal.sync import engine

LATER = timedelta(minutes=5)
ENDINGS: dict[str, tuple[ProviderError, tuple[str, str, str]]] = {
    "the person is needed": (
        NeedsUser("the bank wants a new password", action="link it again"),
        ("needs_user", "the bank wants a new password", "link it again"),
    ),
    "an outage": (Unavailable("the bank is down"), ("degraded", "the bank is down", "")),
    "the end": (Revoked("the person ended it"), ("revoked", "the person ended it", "")),
    "a limit": (RateLimited("too often", retry_after=LATER), ("active", "", "")),
    "our own mistake": (Refused("no such field"), ("degraded", "no such field", "")),
}


@pytest.mark.parametrize(("error", "state"), ENDINGS.values(), ids=list(ENDINGS))
@pytest.mark.parametrize("pages", [0, 2])
def test_how_a_run_ends_is_written_on_it_and_on_its_connection(
    conninfo: str, error: ProviderError, state: tuple[str, str, str], pages: int
) -> None:
    told_first = [unrested(page([seen(f"{n}")]), f"c{n}") for n in range(pages)]

    async def work() -> None:
        async with await Store.open(conninfo) as store:
            there = await books(store)
            with pytest.raises(type(error)) as caught:
                await engine.run(store, there.job(), in_turn(*told_first, error))
            assert caught.value is error

    asyncio.run(work())
    assert connection_state(conninfo) == state
    ended = "select outcome, error, seen, finished_at is not null from caudal.run"
    assert all_rows(conninfo, ended) == [("partial" if pages else "failed", str(error), pages, True)]


@pytest.mark.parametrize("before", ["the person is needed", "an outage"])
def test_a_run_that_comes_to_its_end_makes_the_connection_active_again(conninfo: str, before: str) -> None:
    async def work() -> None:
        async with await Store.open(conninfo) as store:
            there = await books(store)
            with pytest.raises(ProviderError):
                await engine.run(store, there.job(), in_turn(ENDINGS[before][0]))
            await engine.run(store, there.job(), in_turn(page([])))

    asyncio.run(work())
    assert connection_state(conninfo) == ("active", "", "")


def test_a_revoked_connection_stays_revoked_and_nothing_more_is_written(conninfo: str) -> None:
    async def work() -> None:
        async with await Store.open(conninfo) as store:
            there = await books(store)
            with pytest.raises(Revoked, match="the person ended it"):
                await engine.run(store, there.job(), in_turn(ENDINGS["the end"][0]))
            for act in (page([seen("a")]), ENDINGS["the person is needed"][0], ENDINGS["an outage"][0]):
                with pytest.raises(ProviderError):
                    await engine.run(store, there.job(), in_turn(act))
            async with store.transaction(there.space_id) as tx:
                await spaces.change_state(tx, there.space_id, there.connection_id, "active")
            assert standing(conninfo, there.space_id) == {}

    asyncio.run(work())
    assert connection_state(conninfo) == ENDINGS["the end"][1]


@pytest.mark.parametrize("pages", [0, 2])
def test_a_source_that_is_still_preparing_is_no_failure_and_says_when_to_come_again(
    conninfo: str, pages: int
) -> None:
    told_first = [page([seen(f"{n}")], f"c{n}") for n in range(pages)]
    unready = NotReady("history is being prepared", retry_after=LATER)

    async def work() -> engine.Report:
        async with await Store.open(conninfo) as store:
            there = await books(store)
            return await engine.run(store, there.job(), in_turn(*told_first, unready))

    report = asyncio.run(work())
    assert (report.again_after, report.pages, report.created) == (LATER, pages, pages)
    assert all_rows(conninfo, "select outcome, error, pages from caudal.run") == [("complete", None, pages)]
    assert connection_state(conninfo) == ("active", "", "")


def connection_state(conninfo: str) -> tuple[object, ...]:
    return all_rows(conninfo, "select state, state_reason, state_action from caudal.connection")[0]


def test_what_an_ended_connection_left_pending_goes_with_the_next_page_though_that_tells_nothing_new(
    conninfo: str,
) -> None:
    """As another at the bank tells of the account on, it is that one's to say what became of it."""
    hold, bill = seen("hold", "-9.00", status=Status.PENDING), seen("bill", "-4.50", day=date(2026, 1, 2))

    async def work() -> Books:
        async with await Store.open(conninfo) as store:
            space_id = (await books(store)).space_id
            async with store.transaction(space_id) as tx:
                one = await spaces.connection(tx, space_id, "plaid", "one")
                other = await spaces.connection(tx, space_id, "plaid", "other")
            ended, heir = (Books(space_id, each.connection_id) for each in (one, other))
            await engine.run(store, ended.job(), pull_of(page([hold])))
            [(account_id,)] = all_rows(conninfo, "select account_id from caudal.account")
            routes = {REF: Route(UUID(str(account_id)), "Giro")}
            job = msgspec.structs.replace(heir.job(), routes=routes)
            await engine.run(store, job, pull_of(page([bill])))
            assert standing(conninfo, space_id) == {"hold": Decimal("-9.00"), "bill": Decimal("-4.50")}
            async with store.transaction(space_id) as tx:
                await spaces.change_state(tx, space_id, one.connection_id, "revoked")
            await engine.run(store, job, pull_of(page([bill])))
        return heir

    heir = asyncio.run(work())
    assert standing(conninfo, heir.space_id) == {"bill": Decimal("-4.50")}
