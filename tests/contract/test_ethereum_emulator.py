"""The emulated explorers and node: their answers by Blockscout's own description, the recorded ones and the official
JSON-RPC tests; their paging, limits and refusals by the documentation."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jsonschema_rs
import msgspec
import pytest
import yaml
from tests.support.openapi import as_json_schema
from tests.support.shared import shared

from caudal_sandbox.ethereum.app import BLOCKSCOUT, ETHERSCAN, Ethereum
from caudal_sandbox.ethereum.chain import FIRST
from caudal_sandbox.ethereum.explorer import LISTS, TIMEOUT, TOO_DEEP, Options
from caudal_sandbox.ethereum.life import USDC, Wallet

START = datetime(2026, 1, 1, tzinfo=UTC)
PLACES = {"etherscan": ETHERSCAN, "blockscout": BLOCKSCOUT}
ACTIONS = sorted(LISTS)
OPEN = "^(0x[a-fA-F0-9]{40})?$"
"""Blockscout describes an address in every place; in the recorded answers `to` and `contractAddress` may be empty."""


def of(days: int = 0, **options: Any) -> tuple[Ethereum, Wallet]:
    """A chain that has lived so long, and a wallet on it."""
    now = [START]
    made = Ethereum(
        7, lambda: now[0], names=["mine", "other"], options=Options(**options), clock=lambda: now[0]
    )
    now[0] += timedelta(days=days)
    made.catch_up()
    return made, made.wallets["mine"]


def get(made: Ethereum, place: str, *, status: int = 200, **asked: object) -> Any:
    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(made.app), base_url="http://chain"
        ) as client:
            said = {"module": "account", "chainid": 1, "sort": "asc", **asked}
            return await client.get(PLACES[place], params={name: str(each) for name, each in said.items()})

    answer = asyncio.run(ask())
    assert answer.status_code == status
    return answer.json()


def post(made: Ethereum, body: Any, path: str = "/rpc") -> Any:
    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(made.app), base_url="http://chain"
        ) as client:
            return await client.post(
                path, content=body if isinstance(body, bytes) else msgspec.json.encode(body)
            )

    return asyncio.run(ask()).json()


def called(made: Ethereum, method: str, *params: object) -> Any:
    return post(made, {"jsonrpc": "2.0", "id": 1, "method": method, "params": params})


def recorded(name: str) -> Any:
    return msgspec.json.decode(shared("contracts", "ethereum", "recorded", name).read_bytes())


class Judge:
    """Blockscout's description of its calls."""

    def __init__(self) -> None:
        file = shared("contracts", "ethereum", "specs", "blockscout-rpc-api.openapi.yaml")
        document = yaml.load(file.read_text("utf-8"), Loader=yaml.CSafeLoader)
        schemas = as_json_schema(document["components"]["schemas"])
        for row in ("Transaction", "InternalTransaction"):
            for field in ("to", "contractAddress"):
                schemas[row]["properties"][field] = {"type": "string", "pattern": OPEN}
        self._components = {"schemas": schemas}
        self._paths = document["paths"]

    def check(self, action: str, body: Any) -> None:
        """Raises AssertionError unless that is what the action answers. An empty list is described nowhere, and recorded."""
        if body["status"] == "0" and body["result"] == []:
            return
        told = self._paths[f"/?module=account&action={action}"]["get"]["responses"]["200"]
        schema = as_json_schema(told["content"]["application/json"]["schema"])
        whole = {**schema, "components": self._components}
        wrong = list(jsonschema_rs.Draft202012Validator(whole).iter_errors(body))
        assert not wrong, (action, wrong[:3])

    def check_reply(self, body: Any) -> None:
        """Of a node."""
        whole = {**self._components["schemas"]["JsonRpcResponse"]}
        assert jsonschema_rs.Draft202012Validator(whole).is_valid(body), body


@pytest.mark.parametrize("name", ["blockscout_txlist.json", "blockscout_txlistinternal.json"])
def test_the_judge_takes_what_blockscout_was_recorded_to_say(name: str) -> None:
    body = recorded(name)["body"]
    Judge().check("txlist" if name.endswith("txlist.json") else "txlistinternal", body)


def test_every_answer_of_months_is_as_blockscout_describes_it() -> None:
    judge = Judge()
    made, _ = of(days=60, busy=60)
    counts = dict.fromkeys(("txlist", "txlistinternal", "tokentx"), 0)
    for place in PLACES:
        for wallet in made.wallets.values():
            for who in wallet.addresses:
                for action in counts:
                    body = get(made, place, action=action, address=who, startblock=1)
                    # Etherscan names kinds of calls that this description doesn't
                    if (place, action) != ("etherscan", "txlistinternal"):
                        judge.check(action, body)
                    counts[action] += len(body["result"])
                judge.check("balancemulti", get(made, place, action="balancemulti", address=who))
                asked = {"address": who, "contractaddress": USDC.contract}
                judge.check("tokenbalance", get(made, place, action="tokenbalance", **asked))
    assert all(count > 20 for count in counts.values())
    for method in ("eth_blockNumber", "eth_chainId"):
        judge.check_reply(called(made, method))
    judge.check_reply(called(made, "eth_nothing"))


def test_rows_have_the_fields_of_the_recorded_ones() -> None:
    made, wallet = of(days=60, busy=60)
    files = {
        ("etherscan", "txlist"): "etherscan_v2_txlist.json",
        ("etherscan", "tokentx"): "etherscan_v2_tokentx.json",
        ("etherscan", "txsBeaconWithdrawal"): "etherscan_v2_txsBeaconWithdrawal.json",
        ("blockscout", "txlist"): "blockscout_txlist.json",
        ("blockscout", "txlistinternal"): "blockscout_txlistinternal.json",
    }
    for (place, action), name in files.items():
        told = get(made, place, action=action, address=wallet.own, startblock=1)["result"]
        assert {*told[0]} == {*recorded(name)["body"]["result"][0]}, name
        assert all(isinstance(value, str) for row in told for value in row.values())
    genesis = get(made, "etherscan", action="txlist", address=wallet.own)["result"][0]
    assert {*genesis} == {*recorded("etherscan_v2_txlist.json")["body"]["result"][0]}
    assert genesis["hash"] == f"GENESIS_{wallet.own[2:]}"
    inner = get(made, "etherscan", action="txlistinternal", address=wallet.own)["result"][0]
    by_hash = get(made, "etherscan", action="txlistinternal", txhash=inner["hash"])["result"][0]
    assert {*by_hash} == {*recorded("etherscan_v2_txlistinternal.json")["body"]["result"][0]}


def test_a_node_answers_as_the_official_tests_have_it() -> None:
    made, wallet = of(days=20, busy=60)
    tests = {
        each["file"].removeprefix("tests/"): each
        for each in recorded("execution_apis_jsonrpc_tests.json")["tests"]
    }

    def official(name: str) -> Any:
        return tests[f"{name}.io"]["response"]

    block = called(made, "eth_getBlockByNumber", hex(FIRST + 3), False)["result"]
    assert {*block} >= {*official("eth_getBlockByNumber/get-block-merge-fork")["result"]} - {
        "totalDifficulty"
    }
    final = called(made, "eth_getBlockByNumber", "finalized", False)["result"]
    assert int(final["number"], 16) == made.life.chain.tip.number - 64
    missing = called(made, "eth_getBlockByNumber", hex(10**9), True)
    assert missing == official("eth_getBlockByNumber/get-block-notfound")
    assert called(made, "eth_getBalance", "0x" + "c1" * 20) == official(
        "eth_getBalance/get-balance-unknown-account"
    )
    unknown = called(made, "eth_getTransactionReceipt", "0x" + "de" * 32)
    assert unknown == official("eth_getTransactionReceipt/get-notfound-tx")
    row = get(made, "etherscan", action="tokentx", address=wallet.own)["result"][0]
    receipt = called(made, "eth_getTransactionReceipt", row["hash"])["result"]
    assert {*receipt} == {*official("eth_getTransactionReceipt/get-dynamic-fee")["result"]}
    log = official("eth_getLogs/contract-addr")["result"][0]
    assert {*receipt["logs"][0]} == {*log}
    topics = [[receipt["logs"][0]["topics"][0]], None, ["0x" + "0" * 24 + wallet.own[2:]]]
    logs = called(made, "eth_getLogs", {"fromBlock": hex(FIRST), "toBlock": "latest", "topics": topics})[
        "result"
    ]
    assert all(each["topics"][2] == topics[2][0] for each in logs)
    for name in ("filter-error-future-block-range", "filter-error-reversed-block-range"):
        error = official(f"eth_getLogs/{name}")["error"]
        start = 10**9 if "reversed" in name else FIRST
        end = FIRST if "reversed" in name else 10**9
        told = called(made, "eth_getLogs", {"fromBlock": hex(start), "toBlock": hex(end)})
        assert told["error"] == error


def test_a_node_refuses_by_the_codes_of_json_rpc() -> None:
    made, _ = of()
    assert post(made, b"{")["error"]["code"] == -32700
    assert post(made, {"id": 1})["error"]["code"] == -32600
    assert called(made, "eth_unheard")["error"]["code"] == -32601
    assert called(made, "eth_getBalance")["error"]["code"] == -32602
    assert called(made, "eth_getBalance", "0x" + "1" * 40, hex(10**9))["error"]["code"] == -32000
    batch = [{"jsonrpc": "2.0", "id": n, "method": "eth_chainId"} for n in (1, 2)]
    assert sorted(each["id"] for each in post(made, batch)) == [1, 2]


def test_the_balance_is_the_sum_of_what_the_lists_tell_to_the_last_wei() -> None:
    made, wallet = of(days=60, busy=60)
    for who in wallet.addresses:
        wei = 0
        for row in get(made, "etherscan", action="txlist", address=who)["result"]:
            mine, ok = row["from"] == who, row["isError"] == "0"
            wei -= int(row["gasUsed"]) * int(row["gasPrice"]) * mine
            wei += int(row["value"]) * ok * ((row["to"] == who) - mine)
        for row in get(made, "etherscan", action="txlistinternal", address=who)["result"]:
            moves = row["type"] == "call" and row["isError"] == "0"
            wei += int(row["value"]) * moves * ((row["to"] == who) - (row["from"] == who))
        for row in get(made, "etherscan", action="txsBeaconWithdrawal", address=who)["result"]:
            wei += int(row["amount"]) * 10**9
        assert str(wei) == get(made, "etherscan", action="balancemulti", address=who)["result"][0]["balance"]
        assert hex(wei) == called(made, "eth_getBalance", who, "latest")["result"]


@pytest.mark.parametrize("count", [999, 1_000, 1_001])
def test_a_page_is_cut_to_a_thousand_rows_whatever_is_asked_for(count: int) -> None:
    made, wallet = of()
    for _ in range(count):
        made.life.pay_token(USDC, wallet.shared, 1)
    made.life.mine(START)
    asked = {"action": "tokentx", "address": wallet.shared}
    assert len(get(made, "etherscan", **asked, page=1, offset=10_000)["result"]) == min(count, 1_000)
    rest = get(made, "etherscan", **asked, page=2, offset=1_000)
    assert len(rest["result"]) == max(count - 1_000, 0)
    deep = get(made, "etherscan", **asked, page=11, offset=1_000)
    assert (deep["status"], deep["message"], deep["result"]) == ("0", TOO_DEEP, None)


def test_what_is_not_told_at_once_is_refused_in_the_documented_words() -> None:
    cases = msgspec.json.decode(
        shared("contracts", "ethereum", "examples", "etherscan_errors.json").read_bytes()
    )
    words = {each["name"]: each["body"] for each in cases["cases"]}
    made, wallet = of(days=30, keys=frozenset({"k"}), calls_per_second=3, rows_timeout=2, busy=90)
    asked = {"action": "txlist", "address": wallet.own}
    assert get(made, "etherscan", **asked) == words["invalid_key"]
    assert get(made, "etherscan", **asked, chainid=8453, apikey="k") == words["chain_not_free"]
    assert get(made, "etherscan", **asked, apikey="k") == words["timeout"]
    assert get(made, "etherscan", **asked, apikey="k", startblock=1, endblock=2) == words["empty_history"]
    get(made, "etherscan", **asked, apikey="k")
    assert get(made, "etherscan", **asked, apikey="k") == words["second_limit"]
    get(made, "blockscout", **asked, status=402)
    get(
        made, "blockscout", **asked, apikey="k", status=429
    ) if made.blockscout.limited().status != 429 else None
    for _ in range(5):
        told = get(made, "etherscan", **asked, apikey="guess")
    assert told["result"].startswith("Too many invalid api key attempts")
    assert words["timeout"]["message"] == TIMEOUT


def test_blockscout_is_newest_first_unless_it_is_asked_otherwise() -> None:
    made, wallet = of(days=30, busy=90)
    told = get(made, "blockscout", action="txlist", address=wallet.own, sort="")["result"]
    blocks = [int(row["blockNumber"]) for row in told]
    assert blocks == sorted(blocks, reverse=True)


def test_a_reorganisation_moves_a_transaction_and_drops_another() -> None:
    made, wallet = of()
    kept, lost = made.life.pay(wallet.own, 10), made.life.inner(wallet.own, 5)
    made.life.mine(START)
    before = made.life.chain.tip
    made.life.chain.reorganise(1, START, [lost.hash])
    rows = get(made, "etherscan", action="txlist", address=wallet.own, startblock=1)["result"]
    assert [row["hash"] for row in rows] == [kept.hash]
    assert rows[0]["blockHash"] != before.hash
    assert int(rows[0]["blockNumber"]) == before.number + 1
    assert called(made, "eth_getTransactionReceipt", lost.hash)["result"] is None
    assert called(made, "eth_getBlockByNumber", hex(before.number), False)["result"]["hash"] != before.hash


def test_the_same_seed_lives_the_same_life() -> None:
    chains = [of(days=10)[0].life.chain for _ in range(2)]
    assert [block.hash for block in chains[0].best] == [block.hash for block in chains[1].best]
