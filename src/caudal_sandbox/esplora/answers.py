"""What Esplora answers (API.md): its JSON, in its order."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from embit import base58, bech32, script
from embit.networks import NETWORKS

from caudal_sandbox.esplora.chain import Block, Chain
from caudal_sandbox.esplora.transactions import Input, Output, Tx, asm, kind_of

CONFIRMED_PER_PAGE: Final = 25
MEMPOOL_MAX: Final = 50
UTXOS_MAX: Final = 500

Json = dict[str, Any]

_ADDRESSED: Final = frozenset({"p2pkh", "p2sh", "v0_p2wpkh", "v0_p2wsh", "v1_p2tr"})


def transaction(tx: Tx, block: Block | None, network: str) -> Json:
    """A transaction. `block` None: it waits."""
    return {
        "txid": tx.txid,
        "version": tx.version,
        "locktime": tx.locktime,
        "vin": [_input(each, tx.is_coinbase, network) for each in tx.inputs],
        "vout": [_output(each, network) for each in tx.outputs],
        "size": tx.size,
        "weight": tx.weight,
        "fee": tx.fee,
        "status": status(block),
    }


def status(block: Block | None) -> Json:
    """Whether and where it is confirmed: nothing else is told of what isn't."""
    if block is None:
        return {"confirmed": False}
    return {
        "confirmed": True,
        "block_height": block.height,
        "block_hash": block.hash,
        "block_time": block.time,
    }


def stats(chain: Chain, of: bytes) -> tuple[Json, Json]:
    """`chain_stats` and `mempool_stats` of a script."""
    confirmed = [found[0] for txid in chain.history(of) if (found := chain.tx(txid)) is not None]
    return _sums(confirmed, of), _sums(chain.waiting(of), of)


def utxo(chain: Chain, of: bytes) -> list[Json]:
    """What lies unspent at a script."""
    told = []
    for (txid, place), out in chain.unspent([of], spendable=False):
        found = chain.tx(txid)
        block = found[1] if found else None
        told.append({"txid": txid, "vout": place, "status": status(block), "value": out.sats})
    return told


def block(of: Block) -> Json:
    """A block's head."""
    return {
        "id": of.hash,
        "height": of.height,
        "version": 0x20000000,
        "timestamp": of.time,
        "tx_count": len(of.txs),
        "size": 81 + sum(tx.size for tx in of.txs),
        "weight": 324 + sum(tx.weight for tx in of.txs),
        "merkle_root": of.merkle_root,
        "previousblockhash": of.previous,
        "mediantime": of.time,
        "nonce": of.nonce,
        "bits": 0x1D00FFFF,
        "difficulty": 1,
    }


def script_of(address: str, network: str) -> bytes | None:
    """What an address stands for; None where it is none of this network's."""
    told = NETWORKS[network]
    version, program = bech32.decode(told["bech32"], address)
    if version is not None:
        return bytes([version + 0x50 if version else 0, len(program), *program])
    try:
        raw = bytes(base58.decode_check(address))
    except Exception:  # noqa: BLE001  whatever the library raises for what is no base58
        return None
    if len(raw) != 21:
        return None
    if raw[:1] == told["p2pkh"]:
        return b"\x76\xa9\x14" + raw[1:] + b"\x88\xac"
    return b"\xa9\x14" + raw[1:] + b"\x87" if raw[:1] == told["p2sh"] else None


def _input(each: Input, coinbase: bool, network: str) -> Json:  # noqa: FBT001  one word of the format
    txid, vout = each.outpoint
    told: Json = {
        "txid": txid,
        "vout": vout,
        "prevout": None if each.prevout is None else _output(each.prevout, network),
        "scriptsig": each.scriptsig.hex(),
        "scriptsig_asm": asm(each.scriptsig),
    }
    if each.witness:
        told["witness"] = [part.hex() for part in each.witness]
    told["is_coinbase"] = coinbase
    told["sequence"] = each.sequence
    if each.prevout is not None and kind_of(each.prevout.script) == "p2sh":
        told["inner_redeemscript_asm"] = asm(each.scriptsig[1:])
    if each.prevout is not None and kind_of(each.prevout.script) == "v0_p2wsh":
        told["inner_witnessscript_asm"] = asm(each.witness[-1])
    return told


def _output(out: Output, network: str) -> Json:
    kind = kind_of(out.script)
    told: Json = {
        "scriptpubkey": out.script.hex(),
        "scriptpubkey_asm": asm(out.script),
        "scriptpubkey_type": kind,
    }
    if kind in _ADDRESSED:
        told["scriptpubkey_address"] = script.Script(out.script).address(NETWORKS[network])
    told["value"] = out.sats
    return told


def _sums(txs: Sequence[Tx], of: bytes) -> Json:
    funded = [out.sats for tx in txs for out in tx.outputs if out.script == of]
    spent = list(_spent(txs, of))
    return {
        "funded_txo_count": len(funded),
        "funded_txo_sum": sum(funded),
        "spent_txo_count": len(spent),
        "spent_txo_sum": sum(spent),
        "tx_count": len(txs),
    }


def _spent(txs: Iterable[Tx], of: bytes) -> Iterable[int]:
    for tx in txs:
        for each in tx.inputs:
            if each.prevout is not None and each.prevout.script == of:
                yield each.prevout.sats
