"""A watch over addresses: what each row becomes, and whatever befalls the chain and its servers between two pulls."""

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
    AccountSeen,
    BalanceSeen,
    Cursor,
    Page,
    Status,
    TransactionGone,
    TransactionSeen,
    Unreadable,
)
from caudal.model.errors import (
    ConfigError,
    CursorInvalid,
    Malformed,
    NotReady,
    RateLimited,
    Refused,
    Unavailable,
)
from caudal.providers.base import Access
from caudal.providers.ethereum import EthereumConfig, EthereumProvider
from caudal.providers.ethereum.standing import TRIES_MAX, Standing
from caudal_sandbox.ethereum.app import BLOCKSCOUT, ETHERSCAN, Ethereum
from caudal_sandbox.ethereum.chain import GWEI, Inner, Log
from caudal_sandbox.ethereum.explorer import Options
from caudal_sandbox.ethereum.life import DAI, ETHER_WEI, USDC

START = datetime(2026, 1, 1, tzinfo=UTC)
HOST = "http://127.0.0.1:1"
PLACES = {"etherscan": ETHERSCAN, "blockscout": BLOCKSCOUT}
Change = Callable[[httpx.Request, httpx.Response], httpx.Response]


class Watch:
    """One wallet's two addresses, on a chain on which nothing happens but what a test does."""

    def __init__(self, dialect: Any = "etherscan", *, node: bool = False, **options: Any) -> None:
        self.clock = HandClock(START)
        self.ethereum = Ethereum(5, lambda: START, names=["founder", "mine"], options=Options(**options))
        self.life, self.chain = self.ethereum.life, self.ethereum.life.chain
        self.wallet = self.ethereum.wallets["mine"]
        self.own, self.shared = self.wallet.addresses
        self.addresses = [self.own]
        self.cursor = Cursor("")
        self.asked: list[httpx.URL] = []
        self.config = EthereumConfig(HOST + PLACES[dialect], dialect, "s3cret", f"{HOST}/rpc" if node else "")
        self.change: Change = lambda _, answer: answer
        self.life.pay(self.own, ETHER_WEI)
        self.mine()

    def mine(self, blocks: int = 1) -> None:
        """Blocks: the first has all that waits."""
        for _ in range(blocks):
            self.life.mine(START)

    def pull(self, cursor: Cursor | None = None) -> list[Page]:
        """All pages from where the watch stands; it goes on from there, whatever ends the pull."""
        pages: list[Page] = []

        async def work() -> None:
            access = Access("c", "r", None, {"addresses": msgspec.json.encode(self.addresses)})
            async with EthereumProvider(self.config, clock=self.clock, transport=_Network(self)) as live:
                async for page in live.pull(access, self.cursor if cursor is None else cursor):
                    pages.append(page)
                    self.cursor = page.next

        asyncio.run(work())
        return pages

    def settled(self) -> list[Page]:
        """What a pull tells of it all, once 70 blocks have made it final."""
        self.pull()
        self.mine(70)
        return self.pull()


class _Network(httpx.AsyncBaseTransport):
    """What lies between: notes what is asked, and lets a test change what is answered."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._inner = httpx.ASGITransport(watch.ethereum.app)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._watch.asked.append(request.url)
        answer = await self._inner.handle_async_request(request)
        body = await answer.aread()
        changed = self._watch.change(request, httpx.Response(answer.status_code, content=body))
        return _streamed(changed)


def _streamed(answer: httpx.Response) -> httpx.Response:
    async def chunks() -> Any:
        yield answer.content

    return httpx.Response(answer.status_code, content=chunks())


def moved(pages: list[Page]) -> list[tuple[str, str, str]]:
    """What was told: (id, description, money)."""
    seen = [each for page in pages for each in page.changes if isinstance(each, TransactionSeen)]
    assert all(each.status is Status.BOOKED for each in seen)
    return [(each.id, each.description, str(each.money)) for each in seen]


def sums(pages: list[Page]) -> list[str]:
    """The money that was told to move."""
    return [money for _, _, money in moved(pages)]


def gone(pages: list[Page]) -> list[str]:
    return [each.id for page in pages for each in page.changes if isinstance(each, TransactionGone)]


def balances(pages: list[Page]) -> list[str]:
    return [str(each.money) for page in pages for each in page.changes if isinstance(each, BalanceSeen)]


def unreadable(pages: list[Page]) -> list[Unreadable]:
    return [each for page in pages for each in page.unreadable]


def swapped(old: str, new: str, action: str = "") -> Change:
    """Answers (of that action) with one word for another."""

    def change(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        if action and request.url.params.get("action") != action:
            return answer
        return httpx.Response(answer.status_code, text=answer.text.replace(old, new))

    return change


def fee(gas: int = 21_000) -> str:
    return f"-{Decimal(gas * GWEI).scaleb(-18):.18f} ETH"


@pytest.mark.parametrize(
    ("dialect", "node"), [("etherscan", False), ("blockscout", False), ("etherscan", True)]
)
def test_every_kind_of_row_is_what_it_moved_and_the_balance_its_sum(dialect: str, node: bool) -> None:
    watch = Watch(dialect, node=node)
    watch.pull()
    own, other, price = watch.own, watch.life.outside, {"gas_price": GWEI}
    watch.life.send(own, other, 5, **price)
    watch.life.send(own, other, 7, ok=False, **price)
    watch.life.send(own, own, 9, **price)
    watch.life.send(own, "", 11, created="0x" + "cc" * 20, **price)
    watch.life.inner(own, 13)
    watch.life.pay_token(USDC, own, 17, times=2)
    watch.life.paid_out.append(watch.chain.withdrawal(own, 19))
    watch.mine()
    pages = watch.pull()
    usdc = "0.000017 USDC"
    assert sorted(sums(pages)) == sorted(
        [
            "-0.000000000000000005 ETH",
            "-0.000000000000000011 ETH",
            *["0.000000000000000013 ETH"] * 2,
            "0.000000019000000000 ETH",
            *[fee()] * 4,
            *[usdc] * 2,
        ]
    )
    words = {description.partition(" 0x")[0] for _, description, _ in moved(pages)}
    assert words == {
        *(
            "sent to",
            "received from",
            "contract created",
            "network fee",
            "network fee of a failed transaction",
        ),
        "validator withdrawal",
    }
    assert len({each for each, _, _ in moved(pages)}) == 11
    spent = 5 + 11 + 4 * 21_000 * GWEI - 26 - 19 * GWEI
    assert balances(pages) == [f"{Decimal(ETHER_WEI - spent).scaleb(-18):f} ETH", "0.000034 USDC"]
    assert not unreadable(pages)


def test_ids_are_the_transactions_hash_kind_and_place_and_the_same_by_any_server() -> None:
    told = []
    for dialect in PLACES:
        watch = Watch(dialect)
        tx = watch.life.send(
            watch.own, watch.life.mixer, 5, logs=(Log(USDC, watch.life.outside, watch.own, 3),) * 2
        )
        inner = watch.life.inner(watch.own, 13)
        watch.mine()
        seen = [each for page in watch.pull() for each in page.changes if isinstance(each, TransactionSeen)]
        told.append({each.id for each in seen})
        assert {f"eth:1:{tx.hash}", f"eth:1:{tx.hash}:fee"} <= told[-1]
        for name, kind in ((tx.hash, "t"), (inner.hash, "i")):
            twins = sorted(each for each in told[-1] if each.startswith(f"eth:1:{name}:{kind}:"))
            assert [each[-2:] for each in twins] == [":0", ":1"]
        assert {each.reference for each in seen if tx.hash in each.id} == {tx.hash}
    assert told[0] == told[1]


def test_a_shared_wallet_pays_by_inner_calls_and_no_fee() -> None:
    watch = Watch()
    watch.addresses = [watch.own, watch.shared]
    watch.life.pay(watch.shared, 100)
    watch.mine()
    watch.pull()
    watch.life.shared_pays(watch.wallet, watch.own, 40)
    watch.mine()
    pages = watch.pull()
    assert sorted(sums(pages)) == ["-0.000000000000000040 ETH", "0.000000000000000040 ETH"]
    assert (
        len({each.reference for p in pages for each in p.changes if isinstance(each, TransactionSeen)}) == 1
    )


def test_what_was_there_from_the_beginning_is_told_from_there() -> None:
    watch = Watch()
    watch.addresses = [watch.ethereum.wallets["founder"].own]
    pages = watch.pull()
    [seen] = [each for page in pages for each in page.changes if isinstance(each, TransactionSeen)]
    assert (seen.id, str(seen.booked_on)) == (f"eth:1:GENESIS_{watch.addresses[0][2:]}", "2015-07-30")
    assert balances(pages) == ["2.000000000000000000 ETH"]


def test_a_false_token_is_kept_apart_once_and_nothing_sent_is_nothing() -> None:
    watch = Watch()
    watch.pull()
    watch.life.pay_token(watch.life.fake, watch.own, 10**9)
    poison = (Log(USDC, watch.own, "0x" + "99" * 20, 0),)
    watch.life.send(watch.life.outside, USDC.contract, logs=poison)
    watch.mine()
    pages = watch.pull()
    assert sums(pages) == []
    [kept] = unreadable(pages)
    assert kept.where == f"token {watch.life.fake.contract}"
    assert '"confirmations":""' in kept.raw
    assert unreadable(watch.pull()) == []
    accounts = {each.currency for page in pages for each in page.changes if isinstance(each, AccountSeen)}
    assert accounts == {"ETH"}


def test_a_known_contract_with_other_decimals_is_not_believed() -> None:
    watch = Watch()
    watch.life.pay_token(DAI, watch.own, 5)
    watch.mine()
    watch.change = swapped('"tokenDecimal":"18"', '"tokenDecimal":"6"')
    assert [each.why for each in unreadable(watch.pull())] == ["DAI has 18 decimals"]


def test_tokens_that_are_told_from_now_on_are_read_from_the_beginning() -> None:
    watch = Watch()
    watch.life.pay_token(watch.life.fake, watch.own, 5 * 10**6)
    watch.mine(70)
    watch.settled()
    watch.config = msgspec.structs.replace(watch.config, tokens=(f"{watch.life.fake.contract}=USDC",))
    pages = watch.pull()
    assert "5.000000 USDC" in sums(pages)
    assert "5.000000 USDC" in balances(pages)
    with pytest.raises(ConfigError, match="tokens"):
        EthereumConfig(tokens=("0x12=USDC",))


def test_nothing_new_tells_nothing_and_reads_from_where_it_was_final() -> None:
    watch = Watch()
    watch.settled()
    base = Standing.read(watch.cursor).base
    watch.asked.clear()
    pages = watch.pull()
    assert base is not None
    assert (sums(pages), balances(pages), gone(pages)) == ([], [], [])
    starts = {url.params["startblock"] for url in watch.asked if "startblock" in url.params}
    assert starts == {str(base.number + 1)}


@pytest.mark.parametrize("node", [False, True])
def test_what_a_reorganisation_drops_is_gone_and_what_it_moves_is_told_anew(node: bool) -> None:
    watch = Watch(node=node)
    kept = watch.life.pay(watch.own, 5)
    lost = watch.life.inner(watch.own, 7)
    watch.mine()
    watch.pull()
    watch.chain.reorganise(1, START, [lost.hash])
    pages = watch.pull()
    assert sorted(each.split(":")[2] for each in gone(pages)) == [lost.hash] * 2
    assert [each.split(":")[0] for each, _, _ in moved(pages)] == ["eth"]
    assert sums(pages) == ["0.000000000000000005 ETH"]
    assert balances(pages) == ["1.000000000000000005 ETH"]
    assert kept.hash in str(pages)


def test_what_the_explorer_does_not_list_though_it_happened_is_not_taken_back() -> None:
    watch = Watch()
    tx = watch.life.pay(watch.own, 5)
    watch.mine()
    watch.pull()
    watch.change = lambda request, answer: (
        httpx.Response(200, json={"status": "0", "message": "No transactions found", "result": []})
        if request.url.params.get("action") == "txlist"
        else answer
    )
    pages = watch.pull()
    assert (gone(pages), balances(pages)) == ([], [])
    watch.change = lambda _, answer: answer
    assert (gone(pages := watch.pull()), sums(pages)) == ([], [])
    assert tx.hash in watch.cursor


def test_below_what_was_final_all_is_read_anew_and_a_window_says_so() -> None:
    watch = Watch()
    lost = watch.life.pay(watch.own, 5)
    watch.mine(80)
    watch.settled()
    watch.chain.reorganise(150, START, [lost.hash])
    pages = watch.pull()
    held = {name for page in pages for window in page.windows for name in window.holds or ()}
    assert held
    assert f"eth:1:{lost.hash}" not in held
    assert balances(pages) == ["1.000000000000000000 ETH"]


def test_what_does_not_add_up_is_waited_for_and_then_taken_as_it_is() -> None:
    """Inner transactions that the explorer hasn't read yet: the balance knows of them."""
    watch = Watch(node=True)
    watch.life.inner(watch.own, 7)
    watch.mine()
    empty = {"status": "0", "message": "No transactions found", "result": []}
    watch.change = lambda request, answer: (
        httpx.Response(200, json=empty) if request.url.params.get("action") == "txlistinternal" else answer
    )
    for _ in range(TRIES_MAX):
        with pytest.raises(NotReady, match="add up"):
            watch.pull()
    assert balances(watch.pull()) == ["1.000000000000000014 ETH"]
    late = Watch(node=True)
    late.life.inner(late.own, 7)
    late.mine()
    late.change = watch.change
    with pytest.raises(NotReady):
        late.pull()
    late.mine(100)
    late.change = lambda _, answer: answer
    pages = late.pull()
    assert sums(pages).count("0.000000000000000007 ETH") == 2
    assert balances(pages) == ["1.000000000000000014 ETH"]


def test_a_record_that_cannot_be_read_is_set_aside_and_read_again_until_it_can() -> None:
    watch = Watch()
    watch.life.pay(watch.own, 5)
    watch.life.pay(watch.own, 6)
    watch.mine()
    watch.change = swapped('"value":"5"', '"value":5')
    pages = watch.pull()
    assert len(unreadable(pages)) == 1
    assert "0.000000000000000006 ETH" in sums(pages)
    assert balances(pages) == []
    assert not [window for page in pages for window in page.windows]
    watch.change = lambda _, answer: answer
    pages = watch.pull()
    assert "0.000000000000000005 ETH" in sums(pages)
    assert balances(pages) == ["1.000000000000000011 ETH"]


def test_withdrawals_that_an_explorer_does_not_list_show_in_the_balance_alone() -> None:
    watch = Watch("blockscout", withdrawals=False)
    watch.pull()
    watch.life.paid_out.append(watch.chain.withdrawal(watch.own, 19))
    watch.mine()
    for _ in range(TRIES_MAX):
        with pytest.raises(NotReady):
            watch.pull()
    pages = watch.pull()
    assert (sums(pages), balances(pages)) == ([], ["1.000000019000000000 ETH"])


def test_a_kind_of_call_that_is_not_known_is_set_aside() -> None:
    watch = Watch("blockscout")
    watch.life.send(watch.life.outside, watch.life.mixer, inner=(Inner(watch.life.mixer, watch.own, 5),))
    watch.mine()
    watch.change = swapped('"callType":"call"', '"callType":"teleport"')
    assert len(unreadable(watch.pull())) == 1


@pytest.mark.parametrize("rows", [3, 7, 1_000])
def test_pages_lose_nothing_at_their_edges_nor_in_a_block_that_fills_several(rows: int) -> None:
    watch = Watch(rows_max=rows)
    watch.config = msgspec.structs.replace(watch.config, page_rows=rows)
    for number in range(40):
        for _ in range(1 + 12 * (number == 20)):
            watch.life.pay_token(USDC, watch.own, 1)
        watch.mine()
    pages = watch.pull()
    assert sums(pages).count("0.000001 USDC") == 52
    assert balances(pages)[1] == "0.000052 USDC"


def test_a_range_that_takes_too_long_is_halved() -> None:
    watch = Watch(rows_timeout=4)
    for _ in range(40):
        watch.life.pay(watch.own, 1)
        watch.mine()
    assert sums(watch.pull()).count("0.000000000000000001 ETH") == 40


def test_more_rows_than_the_bound_are_refused_and_never_cut() -> None:
    watch = Watch()
    watch.config = msgspec.structs.replace(watch.config, rows_max=5)
    for _ in range(9):
        watch.life.pay(watch.own, 1)
    watch.mine()
    with pytest.raises(Refused, match="ROWS_MAX"):
        watch.pull()
    deep = Watch(rows_max=1)
    deep.config = msgspec.structs.replace(deep.config, page_rows=1)
    deep.change = lambda request, answer: (
        httpx.Response(200, json={"status": "0", "message": "Result window is too large", "result": None})
        if int(request.url.params.get("page", "1")) > 3
        else answer
    )
    for _ in range(5):
        deep.life.pay(deep.own, 1)
    deep.mine()
    with pytest.raises(Unavailable, match="Result window"):
        deep.pull()


def test_rows_that_are_not_in_order_are_not_believed() -> None:
    watch = Watch(rows_max=2)
    watch.config = msgspec.structs.replace(watch.config, page_rows=2)
    for _ in range(5):
        watch.life.pay(watch.own, 1)
        watch.mine()
    watch.change = lambda request, answer: (
        httpx.Response(200, json={**answer.json(), "result": answer.json()["result"][::-1]})
        if request.url.params.get("action") == "txlist"
        else answer
    )
    with pytest.raises(Malformed, match="order"):
        watch.pull()


def test_rows_of_other_blocks_than_were_asked_for_are_not_believed() -> None:
    watch = Watch()
    watch.settled()
    watch.life.pay(watch.own, 5)
    watch.mine()
    tip = watch.chain.tip.number
    watch.change = swapped(f'"blockNumber":"{tip}"', f'"blockNumber":"{tip - 90}"', "txlist")
    with pytest.raises(Malformed, match="asked for"):
        watch.pull()


def test_a_block_that_comes_amid_a_pull_is_read_too_and_the_balance_is_of_one_block() -> None:
    watch = Watch()
    watch.pull()
    blocks = [1]

    def come(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        if request.url.params.get("action") == "balancemulti" and blocks:
            blocks.pop()
            watch.life.pay(watch.own, 5)
            watch.mine()
        return answer

    watch.change = come
    pages = watch.pull()
    assert sums(pages) == ["0.000000000000000005 ETH"]
    assert balances(pages) == ["1.000000000000000005 ETH"]


def test_where_blocks_never_stop_coming_movements_are_told_and_no_balance() -> None:
    watch = Watch()

    def come(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        if request.url.params.get("action") == "balancemulti":
            watch.mine()
        return answer

    watch.change = come
    pages = watch.pull()
    assert (len(sums(pages)), balances(pages)) == (1, [])
    for _ in range(5):
        watch.pull()
    base = Standing.read(watch.cursor).base
    assert base is not None
    watch.change = lambda _, answer: answer
    assert balances(watch.pull()) == ["1.000000000000000000 ETH"]


def test_a_chain_that_changes_amid_a_pull_is_looked_at_again() -> None:
    watch = Watch()
    lost = watch.life.pay(watch.own, 5)
    watch.mine()
    times = [1]

    def left(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        if request.url.params.get("action") == "tokentx" and times:
            times.pop()
            watch.chain.reorganise(1, START, [lost.hash])
        return answer

    watch.change = left
    pages = watch.pull()
    assert lost.hash not in str(pages)
    assert balances(pages) == ["1.000000000000000000 ETH"]


def test_a_server_that_is_behind_takes_nothing_back() -> None:
    watch = Watch()
    watch.life.pay(watch.own, 5)
    watch.mine(3)
    watch.pull()
    tip = watch.chain.tip.number
    watch.change = swapped(hex(tip), hex(tip - 2), "eth_blockNumber")
    with pytest.raises(Unavailable, match="behind"):
        watch.pull()


@pytest.mark.parametrize(
    ("said", "family"),
    [
        ({"status": "0", "message": "NOTOK", "result": "Max daily rate limit reached. 110000"}, RateLimited),
        ({"status": "0", "message": "NOTOK", "result": "Invalid API Key (#err2)"}, Refused),
        ({"status": "0", "message": "NOTOK", "result": "Nobody ever said so"}, Unavailable),
        ({"status": "2", "message": "Data is being indexed", "result": []}, NotReady),
        ({"status": "7", "message": "OK", "result": []}, Malformed),
        ({"status": "1", "message": "OK", "result": {}}, Malformed),
    ],
)
def test_a_refusal_is_of_the_family_and_tells_no_key(said: Any, family: type[Exception]) -> None:
    watch = Watch()
    watch.change = lambda request, answer: (
        httpx.Response(200, json=said) if request.url.params.get("action") == "txlist" else answer
    )
    with pytest.raises(family) as met:
        watch.pull()
    assert "s3cret" not in f"{met.value!r} {met.value} {watch.config!r}"
    assert any(url.params.get("apikey") == "s3cret" for url in watch.asked)
    if isinstance(met.value, RateLimited):
        assert met.value.retry_after >= timedelta(hours=23)


def test_a_cursor_of_somebody_else_is_pulled_anew() -> None:
    with pytest.raises(CursorInvalid):
        Watch().pull(Cursor("nonsense"))


def test_no_address_and_no_key_is_in_the_cursor() -> None:
    watch = Watch()
    watch.life.pay_token(USDC, watch.own, 5)
    watch.settled()
    assert watch.own not in watch.cursor.lower()
    assert "s3cret" not in watch.cursor
