"""How explorers list what happened at an address: Etherscan's fields (its V2 answers) and Blockscout's (its OpenAPI
description and answers). All numbers are decimal text."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, Literal

from caudal_sandbox.ethereum.chain import FIRST, GENESIS_TIME, Block, Chain, Log, Tx

Dialect = Literal["etherscan", "blockscout"]
Row = dict[str, str]

INPUT_CUT: Final = "deprecated"
"""What Etherscan says in place of a token transfer's input."""


class Lister:
    """The lists of one chain in one dialect, in the order of the chain."""

    def __init__(self, chain: Chain, dialect: Dialect) -> None:
        self._chain = chain
        self._dialect = dialect

    def rows(self, action: str, of: Mapping[str, str], start: int, end: int) -> Iterator[Row]:
        """The rows that `action` has of blocks `start` to `end`. `of`: the call's address, txhash, contractaddress."""
        who = of.get("address", "").lower()
        if action == "txlist" and start == 0 and who in self._chain.genesis:
            yield self._genesis(who)
        tell: Callable[[Block, Mapping[str, str]], Iterator[Row]] = {
            "txlist": self._normal,
            "txlistinternal": self._inner,
            "tokentx": self._tokens,
            "txsBeaconWithdrawal": self._withdrawals,
        }[action]
        first, last = max(start - FIRST, 0), min(end - FIRST, len(self._chain.best) - 1)
        for place in range(first, last + 1):
            yield from tell(self._chain.best[place], {**of, "address": who})

    def _normal(self, block: Block, of: Mapping[str, str]) -> Iterator[Row]:
        for place, tx in enumerate(block.txs):
            if of["address"] in {tx.sender, tx.to, tx.created}:
                row = self._head(block, tx, place)
                row |= {"to": tx.to, "value": str(tx.value), "contractAddress": tx.created, "input": tx.data}
                row |= {"isError": "0" if tx.ok else "1", "txreceipt_status": "1" if tx.ok else "0"}
                row["methodId"] = tx.data[:10]
                if self._dialect == "etherscan":
                    row["functionName"] = ""
                yield row

    def _inner(self, block: Block, of: Mapping[str, str]) -> Iterator[Row]:
        for tx in block.txs:
            if of.get("txhash", tx.hash) != tx.hash:
                continue
            for place, each in enumerate(tx.inner if tx.ok else (), 1):
                if of["address"] not in {"", each.sender, each.to}:
                    continue
                blockscout = self._dialect == "blockscout"
                moving = each.kind in {"create", "suicide"}
                row = {
                    "blockNumber": str(block.number),
                    "timeStamp": str(block.time),
                    "from": each.sender,
                    "to": "" if each.kind == "create" else each.to,
                    "value": str(each.units),
                    "contractAddress": each.to if each.kind == "create" else "",
                    "input": "0x" if blockscout else "",
                    "type": "call" if blockscout and not moving else each.kind,
                    "gas": "40000",
                    "gasUsed": "2300",
                    "isError": "0" if each.ok else "1",
                    "errCode": "" if each.ok else "Reverted",
                }
                if blockscout:
                    row |= {"transactionHash": tx.hash, "index": str(place)}
                    row["callType"] = "" if moving else each.kind
                elif "txhash" not in of:
                    row["hash"] = tx.hash
                yield row

    def _tokens(self, block: Block, of: Mapping[str, str]) -> Iterator[Row]:
        only = of.get("contractaddress", "").lower()
        for place, tx in enumerate(block.txs):
            for log in tx.logs if tx.ok else ():
                mine = of["address"] in {log.sender, log.to}
                if mine and only in {"", log.token.contract}:
                    yield self._head(block, tx, place) | self._log(tx, log)

    def _log(self, tx: Tx, log: Log) -> Row:
        decimals = log.token.decimals
        told = {
            "from": log.sender,
            "to": log.to,
            "value": str(log.units),
            "contractAddress": log.token.contract,
            "tokenName": log.token.name,
            "tokenSymbol": log.token.symbol,
            "tokenDecimal": "" if decimals is None else str(decimals),
            "input": INPUT_CUT if self._dialect == "etherscan" else tx.data,
        }
        return told | ({"methodId": tx.data[:10]} if self._dialect == "blockscout" else {})

    def _withdrawals(self, block: Block, of: Mapping[str, str]) -> Iterator[Row]:
        for each in block.withdrawals:
            if each.address == of["address"]:
                yield {
                    "withdrawalIndex": str(each.index),
                    "validatorIndex": str(each.validator),
                    "address": each.address,
                    "amount": str(each.gwei),
                    "blockNumber": str(block.number),
                    "timestamp": str(block.time),
                }

    def _head(self, block: Block, tx: Tx, place: int) -> Row:
        gas = sum(each.gas_used for each in block.txs[: place + 1])
        return {
            "blockNumber": str(block.number),
            "timeStamp": str(block.time),
            "hash": tx.hash,
            "nonce": str(tx.nonce),
            "blockHash": block.hash,
            "transactionIndex": str(place),
            "from": tx.sender,
            "gas": str(tx.gas_used * 2),
            "gasPrice": str(tx.gas_price),
            "gasUsed": str(tx.gas_used),
            "cumulativeGasUsed": str(gas),
            "confirmations": str(self._chain.tip.number - block.number + 1),
        }

    def _genesis(self, who: str) -> Row:
        empty = dict.fromkeys(
            ("blockHash", "nonce", "input", "methodId", "functionName", "txreceipt_status"), ""
        )
        zero = dict.fromkeys(
            ("blockNumber", "transactionIndex", "gas", "gasPrice", "gasUsed", "isError"), "0"
        )
        return {
            **empty,
            **zero,
            "contractAddress": "",
            "cumulativeGasUsed": "0",
            "timeStamp": str(GENESIS_TIME),
            "hash": f"GENESIS_{who[2:]}",
            "from": "GENESIS",
            "to": who,
            "value": str(self._chain.genesis[who]),
            "confirmations": str(self._chain.tip.number + 1),
        }
