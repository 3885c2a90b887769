"""A watch over a wallet: what is told, of whatever befalls the chain between two pulls."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import msgspec
import pytest
from tests.support.plaid_script import HandClock

from caudal.model.changes import (
    BalanceKind,
    BalanceSeen,
    Cursor,
    Page,
    Status,
    TransactionGone,
    TransactionSeen,
)
from caudal.model.errors import CursorInvalid, Refused, Unavailable
from caudal.providers.base import Access
from caudal.providers.bitcoin import BitcoinConfig, BitcoinProvider
from caudal.providers.bitcoin.keys import ScriptKind, name_of, read
from caudal_sandbox.esplora.app import Esplora, Options
from caudal_sandbox.esplora.transactions import Output, Tx
from caudal_sandbox.esplora.wallets import Kind, Wallet

START = datetime(2026, 1, 1, tzinfo=UTC)
Change = Callable[[httpx.Request, httpx.Response], httpx.Response]


class Watch:
    """One wallet on a chain on which nothing happens but what a test does."""

    def __init__(self, kind: Kind = Kind.P2WPKH, *, gap: int = 20, dialect: Any = "blockstream") -> None:
        self.clock = HandClock(START)
        options = Options(dialect=dialect)
        self.esplora = Esplora(5, lambda: START, wallets=[("mine", kind)], options=options)
        self.chain, self.life = self.esplora.life.chain, self.esplora.life
        self.wallet: Wallet = self.esplora.wallets["mine"]
        self.cursor = Cursor("")
        self.asked: list[str] = []
        self.config = BitcoinConfig(("http://127.0.0.1:1",), gap=gap)
        self.change: Change = lambda _, answer: answer
        kinds = [ScriptKind(kind)] if kind in set(ScriptKind) else []
        descriptors = read(self.wallet.key, "main").decided(kinds).descriptors
        secrets = {"wallet": msgspec.json.encode(descriptors)}
        self.access = Access("connection-1", name_of(descriptors), None, secrets)

    def mine(self, **told: Any) -> None:
        """A block."""
        self.chain.mine(START, self.life.outside.script(0, 0), **told)

    def paid(self, sats: int, *, skip: int = 0) -> Tx:
        """A payment in, confirmed."""
        tx = self.life.pay(self.wallet, sats, skip=skip)
        self.mine()
        return tx

    def pull(self, cursor: Cursor | None = None) -> list[Page]:
        """All pages from where the watch stands; it goes on from there."""

        async def work() -> list[Page]:
            async with BitcoinProvider(self.config, clock=self.clock, transport=_Network(self)) as live:
                start = self.cursor if cursor is None else cursor
                return [page async for page in live.pull(self.access, start)]

        pages = asyncio.run(work())
        self.cursor = pages[-1].next
        return pages


class _Network(httpx.AsyncBaseTransport):
    """What lies between: notes what is asked, and lets a test change what is answered."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._inner = httpx.ASGITransport(watch.esplora.app)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._watch.asked.append(request.url.path)
        answer = await self._inner.handle_async_request(request)
        body = await answer.aread()
        plain = httpx.Response(answer.status_code, content=body, headers=answer.headers)
        return _streamed(self._watch.change(request, plain))


def _streamed(answer: httpx.Response) -> httpx.Response:
    async def chunks() -> Any:
        yield answer.content

    head = {"content-type": answer.headers.get("content-type", "text/plain")}
    return httpx.Response(answer.status_code, content=chunks(), headers=head)


def seen(pages: list[Page]) -> dict[str, TransactionSeen]:
    """The transactions told, by id."""
    return {each.id: each for page in pages for each in page.changes if isinstance(each, TransactionSeen)}


def gone(pages: list[Page]) -> list[str]:
    """The ids told to be gone."""
    return [each.id for page in pages for each in page.changes if isinstance(each, TransactionGone)]


def balances(pages: list[Page]) -> dict[BalanceKind, Decimal]:
    """The balances told."""
    told = [each for page in pages for each in page.changes if isinstance(each, BalanceSeen)]
    return {each.kind: each.money.amount for each in told}


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.P2PK])
def test_a_wallets_movements_are_net_of_its_change_and_its_fee(kind: Kind) -> None:
    watch = Watch(kind)
    came = watch.paid(500_000)
    sent = watch.life.spend(watch.wallet, 70_000, fee=400, note=b"thanks")
    assert sent is not None
    watch.mine()
    moved = watch.wallet.pay(watch.chain, [], 300, to_itself=50_000)
    assert moved is not None
    watch.chain.broadcast(moved)
    told = seen(pages := watch.pull())
    assert {txid: (str(each.money), each.status) for txid, each in told.items()} == {
        came.txid: ("0.00500000 BTC", Status.BOOKED),
        sent.txid: ("-0.00070400 BTC", Status.BOOKED),
        moved.txid: ("-0.00000300 BTC", Status.PENDING),
    }
    assert told[came.txid].description == "received"
    assert told[sent.txid].description.startswith("sent to bc1q")
    assert told[moved.txid].description == "moved within the wallet: fee"
    assert all(each.counterparty == "" and each.reference == txid for txid, each in told.items())
    assert balances(pages) == {
        BalanceKind.BOOKED: Decimal("0.00429600"),
        BalanceKind.AVAILABLE: Decimal("0.00429300"),
    }


def test_a_gap_of_19_is_crossed_and_one_of_20_ends_the_chain() -> None:
    watch = Watch()
    watch.paid(1_000)
    near = watch.paid(2_000, skip=19)
    far = watch.paid(3_000, skip=20)
    assert near.txid in (told := seen(watch.pull()))
    assert far.txid not in told
    wider = Watch(gap=21)
    wider.paid(1_000)
    far = wider.paid(3_000, skip=20)
    assert far.txid in seen(wider.pull())


def test_an_emptied_address_is_a_used_one() -> None:
    watch = Watch()
    watch.paid(50_000)
    tx = watch.wallet.pay(watch.chain, [Output(watch.life.outside.receive(), 49_600)], 400)
    assert tx is not None
    watch.chain.broadcast(tx)
    watch.mine()
    after = watch.paid(7_000, skip=18)
    assert set(seen(pages := watch.pull())) >= {tx.txid, after.txid}
    assert balances(pages)[BalanceKind.BOOKED] == Decimal("0.00007000")


def test_what_is_found_later_corrects_what_was_told_without_it() -> None:
    """A payment to an address beyond the gap is the wallet's too, once the gap is crossed."""
    watch = Watch()
    watch.paid(900_000)
    beyond = watch.wallet.script(0, 30)
    out = watch.wallet.pay(watch.chain, [Output(beyond, 100_000)], 500)
    assert out is not None
    watch.chain.broadcast(out)
    watch.mine()
    assert str(seen(watch.pull())[out.txid].money) == "-0.00100500 BTC"
    tx = watch.life.outside.pay(watch.chain, [Output(watch.wallet.script(0, 15), 4_000)], 300)
    assert tx is not None
    watch.chain.broadcast(tx)
    watch.mine()
    assert str(seen(watch.pull())[out.txid].money) == "-0.00000500 BTC"


def test_a_dearer_payment_replaces_the_first_one() -> None:
    watch = Watch()
    watch.paid(500_000)
    first = watch.life.spend(watch.wallet, 70_000)
    assert first is not None
    watch.pull()
    dearer = watch.wallet.dearer(first, 900)
    assert dearer is not None
    watch.chain.broadcast(dearer)
    pages = watch.pull()
    assert seen(pages)[dearer.txid].replaces == first.txid
    assert gone(pages) == []


def test_what_left_the_mempool_is_gone_and_stands_again_if_it_comes_back() -> None:
    watch = Watch()
    tx = watch.life.pay(watch.wallet, 5_000)
    assert seen(watch.pull())[tx.txid].status is Status.PENDING
    watch.chain.evict(tx.txid)
    assert gone(watch.pull()) == [tx.txid]
    watch.chain.broadcast(tx)
    assert tx.txid in seen(watch.pull())


@pytest.mark.parametrize("depth", [1, 3, 9, 30])
def test_what_a_reorganisation_takes_back_waits_again_or_is_gone(depth: int) -> None:
    watch = Watch()
    kept, lost = watch.paid(5_000), watch.paid(6_000)
    for _ in range(depth - 1):
        watch.mine()
    watch.pull()
    watch.chain.reorganise(
        depth + 1, START, watch.life.outside.script(0, 0), vanishing=[lost.txid], empty=depth + 2
    )
    pages = watch.pull()
    assert seen(pages)[kept.txid].status is Status.PENDING
    swept = {txid for page in pages for window in page.windows for txid in {lost.txid} - (window.holds or {})}
    assert lost.txid in {*gone(pages), *swept}
    assert balances(pages)[BalanceKind.BOOKED] == 0


def test_nothing_new_costs_the_addresses_and_tells_nothing() -> None:
    watch = Watch()
    watch.paid(5_000)
    watch.pull()
    watch.asked.clear()
    pages = watch.pull()
    assert seen(pages) == {}
    assert balances(pages) == {}
    assert not [path for path in watch.asked if "/txs" in path]


def test_pulled_again_from_the_same_cursor_it_says_the_same() -> None:
    watch = Watch()
    watch.paid(5_000)
    first = watch.cursor
    once = watch.pull()
    again = watch.pull(first)
    assert (once, watch.cursor) == (again, once[-1].next)


@pytest.mark.parametrize("dialect", ["blockstream", "mempool"])
def test_an_end_that_is_none_is_noticed_by_the_count(dialect: str) -> None:
    watch = Watch(Kind.ADDRESS, dialect=dialect)
    for _ in range(60):
        watch.paid(1_000)
    lies = [True]

    def lost(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        if "/txs/chain/" in request.url.path and lies:
            lies.pop()
            return (
                httpx.Response(422, text="after_txid not found")
                if dialect == "mempool"
                else httpx.Response(200, text="[]")
            )
        return answer

    watch.change = lost
    assert len(seen(pages := watch.pull())) == 60
    assert balances(pages)[BalanceKind.BOOKED] == Decimal("0.00060000")


def test_a_server_that_tells_less_than_it_counts_is_not_believed() -> None:
    watch = Watch(Kind.ADDRESS)
    for _ in range(30):
        watch.paid(1_000)
    watch.change = lambda request, answer: (
        httpx.Response(200, text="[]") if "/txs/chain/" in request.url.path else answer
    )
    with pytest.raises(Unavailable, match="less than it counts"):
        watch.pull()


def test_a_record_that_cannot_be_read_is_set_aside_and_the_rest_told() -> None:
    watch = Watch()
    good, bad = watch.paid(5_000), watch.paid(6_000)

    def broken(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        return httpx.Response(200, text=answer.text.replace('"value":6000}', '"value":-6}'))

    watch.change = broken
    pages = watch.pull()
    assert set(seen(pages)) == {good.txid}
    assert {each.where.split()[0] for page in pages for each in page.unreadable} == {"script"}
    assert balances(pages) == {}
    assert not any(page.windows for page in pages)
    watch.change = lambda _, answer: answer
    assert bad.txid in seen(pages := watch.pull())
    assert balances(pages)[BalanceKind.BOOKED] == Decimal("0.00011000")


def test_a_block_that_comes_amid_a_pull_has_the_wallet_looked_through_again() -> None:
    watch = Watch()
    watch.paid(5_000)
    late = watch.life.pay(watch.wallet, 6_000)
    blocks = [1]

    def mined(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        if "/txs" in request.url.path and blocks:
            blocks.pop()
            watch.mine()
        return answer

    watch.change = mined
    pages = watch.pull()
    assert seen(pages)[late.txid].status is Status.BOOKED
    assert balances(pages)[BalanceKind.BOOKED] == Decimal("0.00011000")
    assert [page.more for page in pages] == [True] * (len(pages) - 1) + [False]


def test_where_blocks_never_stop_coming_movements_are_told_and_no_balance() -> None:
    watch = Watch()
    tx = watch.paid(5_000)

    def mined(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        if "/address/" in request.url.path:
            watch.mine()
        return answer

    watch.change = mined
    pages = watch.pull()
    assert tx.txid in seen(pages)
    assert balances(pages) == {}
    watch.change = lambda _, answer: answer
    assert balances(watch.pull())[BalanceKind.BOOKED] == Decimal("0.00005000")


def test_a_mirror_that_is_behind_takes_nothing_back() -> None:
    watch = Watch()
    watch.paid(5_000)
    for _ in range(12):
        watch.mine()
    watch.pull()
    behind = watch.chain.best[-4].hash
    watch.change = lambda request, answer: (
        httpx.Response(200, text=behind) if request.url.path == "/blocks/tip/hash" else answer
    )
    assert gone(watch.pull()) == []
    watch.change = lambda _, answer: answer
    assert (gone(pages := watch.pull()), seen(pages)) == ([], {})


def test_what_comes_after_a_record_that_is_never_readable_is_told_all_the_same() -> None:
    watch = Watch(Kind.ADDRESS)
    for number in range(60):
        watch.paid(1_000 + number)
    watch.change = lambda request, answer: httpx.Response(
        answer.status_code, text=answer.text.replace('"value":1037}', '"value":"37"}')
    )
    assert len(seen(watch.pull())) == 59
    for _ in range(3):
        told = balances(watch.pull())
    assert told[BalanceKind.BOOKED] == Decimal("0.00061770"), "given up, and the ledger is off by it"


def test_a_blocks_reward_is_booked_at_once_and_available_after_a_hundred_confirmations() -> None:
    watch = Watch()
    watch.chain.mine(START, watch.wallet.receive())
    told = balances(watch.pull())
    assert (told[BalanceKind.BOOKED], told[BalanceKind.AVAILABLE]) == (Decimal("3.12500000"), 0)
    for _ in range(99):
        watch.mine()
    assert balances(watch.pull())[BalanceKind.AVAILABLE] == Decimal("3.12500000")


def test_more_waiting_than_can_be_told_leaves_the_available_balance_untold() -> None:
    watch = Watch(Kind.ADDRESS)
    for _ in range(51):
        watch.life.pay(watch.wallet, 1_000)
    pages = watch.pull()
    assert len(seen(pages)) == 50
    assert BalanceKind.AVAILABLE not in balances(pages)


def test_dust_from_a_stranger_is_called_so() -> None:
    watch = Watch()
    tx = watch.paid(600)
    assert seen(watch.pull())[tx.txid].description == "received (dust)"


def test_the_next_server_is_asked_where_one_is_down() -> None:
    watch = Watch()
    watch.paid(5_000)
    watch.config = BitcoinConfig(("http://127.0.0.1:1", "http://127.0.0.1:2"))
    watch.change = lambda request, answer: (
        httpx.Response(500, text="down") if request.url.port == 1 else answer
    )
    assert len(seen(watch.pull())) == 1


def test_a_cursor_of_somebody_else_is_pulled_anew() -> None:
    watch = Watch()
    with pytest.raises(CursorInvalid):
        watch.pull(Cursor("nonsense"))


def test_a_wallet_without_end_is_left_alone() -> None:
    watch = Watch()
    watch.config = BitcoinConfig(("http://127.0.0.1:1",), scripts_max=10)
    with pytest.raises(Refused, match="scripts_max"):
        watch.pull()


def test_no_key_and_no_address_is_in_the_cursor() -> None:
    watch = Watch()
    watch.paid(5_000)
    watch.pull()
    assert "bc1" not in watch.cursor
    assert "pub" not in watch.cursor


def test_a_moment_that_moves_backwards_keeps_its_days() -> None:
    """A block's time is its miner's: the movement is booked on the day it says."""
    watch = Watch()
    tx = watch.life.pay(watch.wallet, 5_000)
    watch.chain.mine(START - timedelta(hours=1), watch.life.outside.script(0, 0))
    told = seen(watch.pull())[tx.txid]
    assert told.booked_on.isoformat() == "2025-12-31"
    assert told.occurred_at == START - timedelta(hours=1)
