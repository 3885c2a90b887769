"""The emulated Esplora: its transactions by embit's own parser, its answers by the recorded ones, its paging by the docs."""

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import httpx
import msgspec
import pytest
from embit.transaction import Transaction
from tests.support.shared import shared

from caudal_sandbox.esplora.app import Esplora, Options
from caudal_sandbox.esplora.transactions import Output
from caudal_sandbox.esplora.wallets import Kind, Wallet

START = datetime(2026, 1, 1, tzinfo=UTC)


def get(esplora: Esplora, path: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(esplora.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://esplora") as client:
            return await client.get(path)

    return asyncio.run(ask())


def of(kind: Kind = Kind.P2WPKH, **options: Any) -> tuple[Esplora, Wallet]:
    """An Esplora whose time stands still, and a wallet nobody uses but the test."""
    esplora = Esplora(7, lambda: START, wallets=[("mine", kind)], options=Options(**options))
    return esplora, esplora.wallets["mine"]


def paid(esplora: Esplora, wallet: Wallet, times: int) -> str:
    """An address paid so often, all confirmed."""
    script = wallet.script(0, 0)
    outside = esplora.life.outside
    for _ in range(times):
        tx = outside.pay(esplora.life.chain, [Output(script, 10_000)], 300)
        assert tx is not None
        esplora.life.chain.broadcast(tx)
        esplora.life.chain.mine(START, outside.script(0, 0))
    return wallet.address(script)


@pytest.mark.parametrize("kind", list(Kind))
def test_embit_reads_every_transaction_as_it_was_meant(kind: Kind) -> None:
    esplora, wallet = of(kind)
    chain, life = esplora.life.chain, esplora.life
    life.pay(wallet, 500_000)
    chain.mine(START, life.outside.script(0, 0))
    assert life.spend(wallet, 70_000, note=b"a note") is not None
    told = [tx for block in chain.best[-2:] for tx in block.txs] + list(chain.mempool.values())
    for tx in told:
        read = Transaction.read_from(BytesIO(tx.raw))
        assert read.txid().hex() == tx.txid
        assert read.serialize() == tx.raw
        assert [out.value for out in read.vout] == [out.sats for out in tx.outputs]
        assert [each.txid.hex() for each in read.vin] == [each.outpoint[0] for each in tx.inputs]
        assert tx.weight == 3 * len(read.serialize()) + len(tx.raw) - 3 * (tx.size - _stripped(read))
        assert get(esplora, f"/tx/{tx.txid}/hex").text == tx.raw.hex()


def _stripped(tx: Transaction) -> int:
    """Bytes without witnesses."""
    for each in tx.vin:
        each.witness.items = []
    return len(tx.serialize())


def test_a_transaction_has_the_fields_of_the_recorded_ones() -> None:
    recorded = msgspec.json.decode(
        shared("contracts", "bitcoin", "recorded", "esplora_2024_rosen.json").read_bytes()
    )["txResponse"]
    esplora, wallet = of(Kind.P2TR)
    esplora.life.pay(wallet, 500_000)
    esplora.life.chain.mine(START, esplora.life.outside.script(0, 0))
    tx = esplora.life.spend(wallet, 70_000)
    assert tx is not None
    esplora.life.chain.mine(START, esplora.life.outside.script(0, 0))
    told = get(esplora, f"/tx/{tx.txid}").json()
    assert told.keys() == recorded.keys()
    assert told["vin"][0].keys() == recorded["vin"][0].keys()
    assert told["vin"][0]["prevout"].keys() == recorded["vin"][0]["prevout"].keys()
    assert told["vin"][0]["prevout"]["scriptpubkey_type"] == "v1_p2tr"
    assert told["vout"][0].keys() == recorded["vout"][0].keys()
    assert told["status"].keys() == recorded["status"].keys()
    block = get(esplora, f"/block/{told['status']['block_hash']}").json()
    assert block.keys() == {*recorded_block()}


def recorded_block() -> dict[str, Any]:
    path = shared("contracts", "bitcoin", "recorded", "esplora_2024_rosen.json")
    told: dict[str, Any] = msgspec.json.decode(path.read_bytes())["blockResponse"]
    return told


def test_what_is_unconfirmed_says_nothing_of_a_block_and_a_coinbase_spends_nothing() -> None:
    esplora, wallet = of()
    tx = esplora.life.pay(wallet, 9_000)
    assert get(esplora, f"/tx/{tx.txid}").json()["status"] == {"confirmed": False}
    coinbase = esplora.life.chain.tip.txs[0]
    told = get(esplora, f"/tx/{coinbase.txid}").json()["vin"][0]
    assert (told["prevout"], told["is_coinbase"], told["txid"]) == (None, True, "00" * 32)


@pytest.mark.parametrize("times", [25, 26, 50, 51])
def test_pages_have_25_and_follow_one_another_to_the_end(times: int) -> None:
    esplora, wallet = of()
    address = paid(esplora, wallet, times)
    page = get(esplora, f"/address/{address}/txs").json()
    txids = [each["txid"] for each in page]
    while len(page) == 25:
        page = get(esplora, f"/address/{address}/txs/chain/{txids[-1]}").json()
        txids += [each["txid"] for each in page]
    assert len(set(txids)) == times == get(esplora, f"/address/{address}").json()["chain_stats"]["tx_count"]


def test_a_script_is_told_by_its_hash_as_by_its_address_and_without_one_by_its_hash_alone() -> None:
    esplora, wallet = of()
    address = paid(esplora, wallet, 2)
    hashed = hashlib.sha256(wallet.script(0, 0)).hexdigest()
    told = get(esplora, f"/scripthash/{hashed}").json()
    assert told.pop("scripthash") == hashed
    assert told == {k: v for k, v in get(esplora, f"/address/{address}").json().items() if k != "address"}
    assert (
        get(esplora, f"/scripthash/{hashed}/txs").content == get(esplora, f"/address/{address}/txs").content
    )
    esplora, miner = of(Kind.P2PK)
    tx = esplora.life.pay(miner, 9_000)
    out = next(each for each in tx.outputs if each.sats == 9_000)
    (told,) = get(esplora, f"/scripthash/{hashlib.sha256(out.script).hexdigest()}/txs").json()
    (shown,) = [each for each in told["vout"] if each["value"] == 9_000]
    assert shown["scriptpubkey_type"] == "p2pk"
    assert "scriptpubkey_address" not in shown


def test_too_many_calls_are_answered_429() -> None:
    esplora, _ = of(calls_per_minute=2)
    assert [get(esplora, "/blocks/tip/height").status_code for _ in range(3)] == [200, 200, 429]


def test_a_page_after_what_is_not_there_ends_or_is_refused_by_the_dialect() -> None:
    for dialect, status, body in (("blockstream", 200, "[]"), ("mempool", 422, "after_txid not found")):
        esplora, wallet = of(dialect=dialect)
        address = paid(esplora, wallet, 1)
        answer = get(esplora, f"/address/{address}/txs/chain/{'ab' * 32}")
        assert (answer.status_code, answer.text) == (status, body)


def test_errors_are_the_documented_ones_as_plain_text() -> None:
    documented = msgspec.json.decode(
        shared("contracts", "bitcoin", "examples", "esplora_errors.json").read_bytes()
    )["cases"]
    esplora, wallet = of()
    asked = {"/address/notanaddress": 0, f"/tx/{'ab' * 32}": 1, "/tx/zz": 2}
    for path, place in asked.items():
        answer = get(esplora, path)
        assert (answer.status_code, answer.text) == (documented[place]["status"], documented[place]["body"])
        assert answer.headers["content-type"].startswith("text/plain")
    address = paid(esplora, wallet, 1)
    chain = esplora.life.chain
    many = esplora.life.outside.pay(chain, [Output(wallet.script(0, 0), 600)] * 501, 9_000)
    assert many is not None
    chain.broadcast(many)
    answer = get(esplora, f"/address/{address}/utxo")
    assert (answer.status_code, answer.text) == (documented[3]["status"], documented[3]["body"])


def test_a_reorganisation_leaves_blocks_and_brings_payments_back_to_wait() -> None:
    esplora, wallet = of()
    tx = esplora.life.pay(wallet, 9_000)
    chain, miner = esplora.life.chain, esplora.life.outside.script(0, 0)
    left = chain.mine(START, miner)
    chain.reorganise(1, START, miner, empty=2)
    assert get(esplora, f"/block/{left.hash}/status").json() == {"in_best_chain": False}
    assert get(esplora, f"/tx/{tx.txid}/status").json() == {"confirmed": False}
    assert get(esplora, "/blocks/tip/height").text == str(left.height + 1)


def test_a_dearer_payment_takes_the_place_of_the_first() -> None:
    esplora, wallet = of()
    esplora.life.pay(wallet, 500_000)
    esplora.life.chain.mine(START, esplora.life.outside.script(0, 0))
    first = esplora.life.spend(wallet, 70_000)
    assert first is not None
    dearer = wallet.dearer(first, 900)
    assert dearer is not None
    esplora.life.chain.broadcast(dearer)
    assert get(esplora, f"/tx/{first.txid}").status_code == 404
    spent = get(esplora, f"/tx/{first.inputs[0].outpoint[0]}/outspends").json()
    assert [each["txid"] for each in spent if each["spent"]].count(dearer.txid) == 1


def test_the_same_seed_lives_the_same_life() -> None:
    def tips() -> list[str]:
        now = [START]
        esplora = Esplora(3, lambda: now[0], people=["person-1"], options=Options(block_minutes=60))
        now[0] += timedelta(days=3)
        esplora.catch_up()
        return [block.hash for block in esplora.life.chain.best]

    assert tips() == tips()
