"""Bitso at length: balances are proven by movements through months of faults, and what isn't told is seen."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from decimal import Decimal
from functools import partial

import msgspec
import pytest
from tests.contract import test_bitso_conforms as conforms
from tests.contract.conformance import PATIENCE, Books
from tests.support.plaid_script import HandClock

from caudal.hub import ledger, links, proofs
from caudal.hub.links import Candidate, Connected
from caudal.model.errors import ConflictError, ProviderError, RateLimited, Revoked
from caudal.providers.base import LiveProvider
from caudal.settings import Settings
from caudal.store.ledger import Filter, ProofRow
from caudal_sandbox.bitso.service import Bitso, Options
from caudal_sandbox.faults import WEBHOOKS, Fault, Kind
from caudal_sandbox.server import Sandbox

MONTHS = 6
PER_MILLE = 60


def with_books(settings: Settings, options: Options, work: Callable[[Books], Awaitable[None]]) -> None:
    """A linked login at a Bitso of that kind."""
    suite = conforms.TestBitso()
    suite.rig = conforms.TestBitso.rig._replace(emulators=(partial(Bitso, options=options),))  # type: ignore[misc]
    suite.with_books(settings, work)


def pass_time(books: Books, days: int) -> None:
    """In the world, and on our own clock."""
    books.bench.sandbox.advance(days=days)
    books.bench.clock.time = max(books.bench.clock.time, books.bench.sandbox.world.now)


async def verdicts(books: Books) -> dict[str, ProofRow]:
    """What is said of each currency."""
    told = await proofs.proofs(books.opened, books.space, None, 5)
    return {each.row.currency: each.row for each in told}


@pytest.mark.parametrize("options", [Options(), Options(ledger=False), Options(pending_inside=True)], ids=str)
def test_every_balance_is_proven_by_its_movements_after_months_of_faults(
    settings: Settings, options: Options
) -> None:
    async def work(books: Books) -> None:
        sandbox = books.bench.sandbox
        for kind in sorted(set(Kind) - WEBHOOKS - {Kind.HANG, Kind.LATENCY}):
            sandbox.run(partial(sandbox.faults.add, Fault(kind, provider="bitso", per_mille=PER_MILLE)))
        for _ in range(MONTHS * 3):
            pass_time(books, 10)
            try:
                await books.sync()
            except ProviderError as error:
                await books.go_on_after(error)
        sandbox.run(sandbox.faults.clear)
        for _ in range(4):
            books.bench.clock.time += PATIENCE
            pass_time(books, 2)
            await books.through()
        if options.ledger:
            await books.expect_the_truth()
        found = await verdicts(books)
        assert found.keys() >= {"MXN", "USD", "BTC", "ETH", "XRP", "USDT"}
        assert {currency: row.verdict for currency, row in found.items() if row.verdict != "proven"} == {}
        there = conforms.bitso(sandbox).books.booked(sandbox.world.now)
        held = {
            each.held.currency.lower(): each.held.booked
            for each in await ledger.accounts(books.opened, books.space)
        }
        assert {code: held[code] for code in there} == there

    with_books(settings, options, work)


def test_what_no_list_tells_of_is_seen_to_the_last_unit(settings: Settings) -> None:
    async def work(books: Books) -> None:
        there = conforms.bitso(books.bench.sandbox)
        there.options = Options(off_by="12.34567891")
        for _ in range(3):
            pass_time(books, 3)
            await books.through()
        found = await verdicts(books)
        assert (found["MXN"].verdict, found["MXN"].off_by) == ("off", Decimal("12.34567891"))
        assert found["BTC"].verdict == "proven"

    with_books(settings, Options(), work)


def test_an_asset_that_nobody_knows_is_put_aside_and_its_other_side_told(settings: Settings) -> None:
    async def work(books: Books) -> None:
        there = conforms.bitso(books.bench.sandbox)
        now = there.now
        trade = partial(there.life.trade, now, "mana_mxn", Decimal("3.5"), Decimal("9.01"))
        books.bench.sandbox.run(trade)
        for _ in range(4):
            pass_time(books, 2)
            await books.through()
        found = await verdicts(books)
        assert found["MXN"].verdict == "proven"
        assert "MANA" not in found
        aside = await ledger.quarantine(books.opened, books.space, 50)
        assert any("mana" in each.why for each in aside)

    with_books(settings, Options(), work)


def test_the_lockout_is_sat_out_and_nothing_is_lost(settings: Settings) -> None:
    async def work(books: Books) -> None:
        there = conforms.bitso(books.bench.sandbox)
        books.bench.something_happens()
        there.options = Options(calls_per_minute=2)
        with pytest.raises(RateLimited) as limited:
            await books.sync()
        assert limited.value.retry_after >= timedelta(minutes=1)
        there.options = Options()
        books.bench.clock.time += PATIENCE
        await books.through()
        await books.expect_the_truth()

    with_books(settings, Options(), work)


def test_two_hubs_with_one_key_at_once_do_not_lock_each_other_out(settings: Settings) -> None:
    async def work(books: Books) -> None:
        bench = books.bench
        access = await bench.access()
        other = conforms.opened(bench.sandbox, bench.clock)
        async with other as live:
            for _ in range(3):
                async for page in live.pull(access, ""):  # type: ignore[arg-type]
                    assert not page.unreadable
                assert await bench.pull(access)

    with_books(settings, Options(), work)


def test_a_trade_is_movements_that_are_called_the_same(settings: Settings) -> None:
    async def work(books: Books) -> None:
        there = conforms.bitso(books.bench.sandbox)
        trade = next(each for each in there.books.trades if each.fee and each.major > 0)
        rows = await ledger.transactions(books.opened, books.space, Filter(limit=10_000))
        legs = {
            (row.currency, row.amount, row.description.startswith("fee"))
            for row in rows
            if row.reference == f"bitso:trade:{trade.tid}"
        }
        assert legs == {
            (trade.major_currency.upper(), trade.major, False),
            ("MXN", trade.minor, False),
            (trade.major_currency.upper(), -trade.fee, True),
        }

    with_books(settings, Options(), work)


def test_a_clock_that_is_months_ahead_hides_nothing(settings: Settings) -> None:
    async def work(books: Books) -> None:
        for _ in range(4):
            books.bench.sandbox.advance(days=10)
            books.bench.something_happens()
            await books.through()
        await books.expect_the_truth()

    suite = conforms.TestBitso()

    def opened(sandbox: Sandbox, clock: HandClock) -> AbstractAsyncContextManager[LiveProvider]:
        ahead = HandClock(clock.time + timedelta(days=300))
        conforms.bitso(sandbox)._ground = msgspec.structs.replace(
            conforms.bitso(sandbox)._ground, clock=ahead.now
        )
        return conforms.opened(sandbox, ahead)

    suite.rig = suite.rig._replace(opened=opened)  # type: ignore[misc]
    suite.with_books(settings, work)


def test_a_login_linked_anew_after_its_key_was_deleted_goes_on_with_the_same_accounts(
    settings: Settings,
) -> None:
    async def work(books: Books) -> None:
        bench = books.bench
        bench.sandbox.run(lambda: conforms.say(bench.sandbox, "0326"))
        with pytest.raises(Revoked):
            await books.sync()
        step = await links.begin(books.opened, books.space, bench.live)
        while not isinstance(step, Connected):
            answer = step.conclude if isinstance(step, Candidate) else bench.answer(step)
            step = await links.proceed(books.opened, books.space, bench.live, answer)
        again = books._replace(connection=step.connection)
        for _ in range(3):
            bench.something_happens()
            await again.through()
        there = conforms.bitso(bench.sandbox)
        held = {
            each.held.currency.lower(): each.held for each in await ledger.accounts(books.opened, books.space)
        }
        assert {code: row.booked for code, row in held.items()} == there.books.booked(there.now)
        assert {row.verdict for row in held.values()} == {"proven"}

    with_books(settings, Options(), work)


def test_one_login_is_not_linked_twice_over(settings: Settings) -> None:
    async def work(books: Books) -> None:
        bench = books.bench
        step = await links.begin(books.opened, books.space, bench.live)
        step = await links.proceed(books.opened, books.space, bench.live, bench.answer(step))  # type: ignore[arg-type]
        assert isinstance(step, Candidate)
        assert step.already is not None
        with pytest.raises(ConflictError, match="linked already"):
            await links.proceed(books.opened, books.space, bench.live, step.conclude)

    with_books(settings, Options(), work)
