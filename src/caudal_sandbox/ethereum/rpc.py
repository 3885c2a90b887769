"""A node (ethereum/execution-apis): JSON-RPC over POST. Quantities are hexadecimal without leading zeros."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from caudal_sandbox.ethereum.chain import FIRST, Block, Chain, Log
from caudal_sandbox.ethereum.life import DAI, USDC

Json = Any

TRANSFER: Final = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
BALANCE_OF: Final = "0x70a08231"
DECIMALS: Final = "0x313ce567"
SYMBOL: Final = "0x95d89b41"
ZERO: Final = "0x" + 64 * "0"
BLOOM: Final = "0x" + 512 * "0"


class RpcError(Exception):
    """An error object."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Node:
    """What a node knows of a chain."""

    def __init__(self, chain: Chain, chain_id: int) -> None:
        self._chain = chain
        self._chain_id = chain_id
        self._methods: Mapping[str, Callable[..., Json]] = {
            "eth_chainId": lambda: quantity(self._chain_id),
            "eth_blockNumber": lambda: quantity(self._chain.tip.number),
            "eth_getBalance": self._balance,
            "eth_getTransactionCount": lambda who, _tag="latest": quantity(self._chain.nonce(who.lower())),
            "eth_getBlockByNumber": self._block,
            "eth_getTransactionReceipt": self.receipt,
            "eth_getLogs": self._logs,
            "eth_call": self._call,
        }

    def answer(self, body: bytes) -> Json:
        """The answer to what was posted: to a batch a list, in the order it likes."""
        try:
            asked = msgspec.json.decode(body)
        except msgspec.DecodeError:
            return {"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "parse error"}}
        if isinstance(asked, list):
            return [self._one(each) for each in reversed(asked)]
        return self._one(asked)

    def called(self, method: str, params: Sequence[Json]) -> Json:
        """The result. Raises RpcError."""
        if method not in self._methods:
            raise RpcError(-32601, f"the method {method} does not exist/is not available")
        try:
            return self._methods[method](*params)
        except (TypeError, ValueError, AttributeError, KeyError):
            raise RpcError(-32602, "invalid params") from None

    def _one(self, asked: Json) -> Json:
        if not isinstance(asked, dict) or not isinstance(asked.get("method"), str):
            return {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "invalid request"}}
        head = {"jsonrpc": "2.0", "id": asked.get("id")}
        try:
            return {**head, "result": self.called(asked["method"], asked.get("params", ()))}
        except RpcError as error:
            return {**head, "error": {"code": error.code, "message": error.message}}

    def _named(self, tag: str) -> Block | None:
        """The block of that tag, number or hash."""
        if tag in {"latest", "pending"}:
            return self._chain.tip
        if tag in {"finalized", "safe"}:
            return self._chain.final
        if tag == "earliest":
            return self._chain.best[0]
        if len(tag) == 66:
            return next((each for each in self._chain.best if each.hash == tag), None)
        return self._chain.at(int(tag, 16))

    def _state(self, tag: str) -> int:
        block = self._named(tag)
        if block is None:
            raise RpcError(-32000, "header not found")
        return block.number

    def _balance(self, who: str, tag: str = "latest") -> str:
        return quantity(self._chain.balance(who.lower(), number=self._state(tag)))

    def _block(self, tag: str, whole: bool) -> Json:  # noqa: FBT001  the method's own parameter
        block = self._named(tag)
        if block is None:
            return None
        gas = sum(tx.gas_used for tx in block.txs)
        zeros = dict.fromkeys(("mixHash", "parentBeaconBlockRoot", "receiptsRoot", "stateRoot"), ZERO)
        roots = dict.fromkeys(("sha3Uncles", "transactionsRoot", "withdrawalsRoot", "requestsHash"), ZERO)
        none = dict.fromkeys(("blobGasUsed", "difficulty", "excessBlobGas"), "0x0")
        return {
            **zeros,
            **roots,
            **none,
            "baseFeePerGas": quantity(10**9),
            "extraData": "0x",
            "gasLimit": quantity(36_000_000),
            "gasUsed": quantity(gas),
            "hash": block.hash,
            "logsBloom": BLOOM,
            "miner": "0x" + 40 * "0",
            "nonce": "0x0000000000000000",
            "number": quantity(block.number),
            "parentHash": block.parent,
            "size": quantity(600 + 110 * len(block.txs)),
            "timestamp": quantity(block.time),
            "transactions": [{"hash": tx.hash} if whole else tx.hash for tx in block.txs],
            "uncles": [],
            "withdrawals": [
                {
                    "index": quantity(each.index),
                    "validatorIndex": quantity(each.validator),
                    "address": each.address,
                    "amount": quantity(each.gwei),
                }
                for each in block.withdrawals
            ],
        }

    def receipt(self, name: str) -> Json:
        """A transaction's receipt; None where no block has it."""
        found = self._chain.tx(name)
        if found is None:
            return None
        block, place = found
        tx = block.txs[place]
        return {
            "blockHash": block.hash,
            "blockNumber": quantity(block.number),
            "contractAddress": tx.created or None,
            "cumulativeGasUsed": quantity(sum(each.gas_used for each in block.txs[: place + 1])),
            "effectiveGasPrice": quantity(tx.gas_price),
            "from": tx.sender,
            "gasUsed": quantity(tx.gas_used),
            "logs": self._of_block(block, place),
            "logsBloom": BLOOM,
            "status": "0x1" if tx.ok else "0x0",
            "to": tx.to or None,
            "transactionHash": tx.hash,
            "transactionIndex": quantity(place),
            "type": "0x2",
        }

    def _logs(self, wanted: Mapping[str, Json]) -> Json:
        start, end = (self._edge(wanted.get(name, "latest")) for name in ("fromBlock", "toBlock"))
        if "blockHash" in wanted:
            start = end = self._state(wanted["blockHash"])
        if start > end:
            raise RpcError(-32602, "invalid block range params")
        if end > self._chain.tip.number:
            raise RpcError(-32602, "block range extends beyond current head block")
        return [
            log
            for number in range(max(start, FIRST), end + 1)
            for log in self._of_block(self._chain.best[number - FIRST])
            if _matches(log, wanted)
        ]

    def _edge(self, tag: str) -> int:
        return int(tag, 16) if tag.startswith("0x") else self._state(tag)

    def _of_block(self, block: Block, only: int | None = None) -> list[Json]:
        told = [(place, log) for place, tx in enumerate(block.txs) if tx.ok for log in tx.logs]
        return [
            _log(block, place, index, log)
            for index, (place, log) in enumerate(told)
            if only is None or place == only
        ]

    def _call(self, call: Mapping[str, str], tag: str = "latest") -> str:
        contract, data = call["to"].lower(), call.get("data") or call.get("input") or "0x"
        number = self._state(tag)
        token = next((each for each in (USDC, DAI) if each.contract == contract), None)
        if token is None:
            return "0x"
        if data.startswith(BALANCE_OF) and len(data) == 74:
            return word(self._chain.balance(f"0x{data[34:].lower()}", contract, number))
        if data == DECIMALS:
            return word(token.decimals or 0)
        if data == SYMBOL:
            text = token.symbol.encode()
            return word(32) + word(len(text))[2:] + text.hex().ljust(64, "0")
        raise RpcError(3, "execution reverted")


def quantity(number: int) -> str:
    """As JSON-RPC writes a number."""
    return hex(number)


def word(number: int) -> str:
    """32 bytes."""
    return f"0x{number:064x}"


def _log(block: Block, place: int, index: int, log: Log) -> Json:
    return {
        "address": log.token.contract,
        "topics": [TRANSFER, word(int(log.sender, 16)), word(int(log.to, 16))],
        "data": word(log.units),
        "blockNumber": quantity(block.number),
        "transactionHash": block.txs[place].hash,
        "transactionIndex": quantity(place),
        "blockHash": block.hash,
        "blockTimestamp": quantity(block.time),
        "logIndex": quantity(index),
        "removed": False,
    }


def _matches(log: Json, wanted: Mapping[str, Json]) -> bool:
    places = wanted.get("address") or [log["address"]]
    if log["address"] not in ([places] if isinstance(places, str) else places):
        return False
    for told, want in zip(log["topics"], wanted.get("topics") or (), strict=False):
        if want and told not in ([want] if isinstance(want, str) else want):
            return False
    return True
