"""Explorers' calls: Etherscan V2 and Blockscout's compatible one. Errors are HTTP 200 with a text, but for Blockscout's
402 and 429 (`examples` of the contract; Blockscout, RPC API)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

import msgspec

from caudal_sandbox.ethereum.chain import Chain
from caudal_sandbox.ethereum.rows import Dialect, Lister
from caudal_sandbox.ethereum.rpc import Node, RpcError

LISTS: Final = frozenset({"txlist", "txlistinternal", "tokentx", "txsBeaconWithdrawal"})
WINDOW_MAX: Final = 10_000
ADDRESSES_MAX: Final = 20
BAD_KEYS_MAX: Final = 5
_BAD_KEYS_WITHIN: Final = timedelta(seconds=30)
_SECOND: Final = timedelta(seconds=1)
_PROXIED: Final = frozenset(
    {"eth_blockNumber", "eth_getBlockByNumber", "eth_getTransactionReceipt", "eth_call"}
)

SECOND_LIMIT: Final = "Max calls per sec rate limit reached ({}/sec)"
NOT_FREE: Final = (
    "Free API access is not supported for this chain. Please upgrade your api plan for full chain coverage."
)
BAD_KEY: Final = "Invalid API Key (#err2)"
TOO_MANY_BAD: Final = "Too many invalid api key attempts, please try again later"
TIMEOUT: Final = "Query Timeout occurred. Please select a smaller result dataset"
TOO_DEEP: Final = "Result window is too large, PageNo x Offset size must be less than or equal to 10000"


class Options(msgspec.Struct, frozen=True):
    """How this chain is told. `keys`: none are asked for where there are none. `rows_max`: a page's most, whatever is
    asked for; `rows_timeout`: from how many rows on a range takes too long; `withdrawals`: whether Blockscout lists them
    (its description doesn't). `block_minutes`: from one block to the next; `busy`: how many wallets in a hundred do
    something before each."""

    keys: frozenset[str] = frozenset()
    calls_per_second: int | None = None
    rows_max: int = 1_000
    rows_timeout: int | None = None
    withdrawals: bool = True
    chain_id: int = 1
    block_minutes: int = 180
    busy: int = 25


class Said(msgspec.Struct, frozen=True):
    """An answer: a status and a body."""

    body: Any
    status: int = 200


def fine(result: object) -> Said:
    """What was asked for."""
    return Said({"status": "1", "message": "OK", "result": result})


def refused(words: str) -> Said:
    """Status "0", in a text."""
    return Said({"status": "0", "message": "NOTOK", "result": words})


def empty(action: str) -> Said:
    """An empty list is told as a refusal that is none."""
    words = "No token transfers found" if action == "tokentx" else "No transactions found"
    return Said({"status": "0", "message": words, "result": []})


class Explorer:
    """One explorer of one dialect."""

    def __init__(self, chain: Chain, dialect: Dialect, options: Options) -> None:
        self._chain = chain
        self._dialect = dialect
        self._options = options
        self._lister = Lister(chain, dialect)
        self._node = Node(chain, options.chain_id)
        self._calls: list[datetime] = []
        self._bad_keys: list[datetime] = []

    def answer(self, asked: Mapping[str, str], now: datetime) -> Said:
        """The answer to a call's parameters."""
        if refusal := self._unwelcome(asked, now):
            return refusal
        module, action = asked.get("module", ""), asked.get("action", "")
        if (
            self._dialect == "blockscout"
            and action == "txsBeaconWithdrawal"
            and not self._options.withdrawals
        ):
            return Said({"status": "0", "message": "Unknown action", "result": None})
        if module == "account" and action in LISTS:
            return self._list(action, asked)
        if module == "account" and action in {"balance", "balancemulti", "tokenbalance"}:
            return self._balance(action, asked)
        if module == "proxy" and action in _PROXIED and self._dialect == "etherscan":
            return self._proxied(action, asked)
        return refused("Error! Missing Or invalid Action name")

    def _unwelcome(self, asked: Mapping[str, str], now: datetime) -> Said | None:
        options, etherscan = self._options, self._dialect == "etherscan"
        if etherscan and asked.get("chainid") != str(options.chain_id):
            return refused(NOT_FREE)
        if options.keys and asked.get("apikey") not in options.keys:
            self._bad_keys = [at for at in self._bad_keys if now - at < _BAD_KEYS_WITHIN] + [now]
            if not etherscan:
                return Said({"message": "Payment required"}, 402)
            return refused(BAD_KEY if len(self._bad_keys) <= BAD_KEYS_MAX else TOO_MANY_BAD)
        limit = options.calls_per_second
        self._calls = [at for at in self._calls if now - at < _SECOND]
        if limit is not None and len(self._calls) >= limit:
            return self.limited()
        self._calls.append(now)
        return None

    def limited(self) -> Said:
        """Too often."""
        if self._dialect == "blockscout":
            return Said({"message": "429 Too Many Requests"}, 429)
        return refused(SECOND_LIMIT.format(self._options.calls_per_second or 3))

    def _list(self, action: str, asked: Mapping[str, str]) -> Said:
        ascending = asked.get("sort", "asc" if self._dialect == "etherscan" else "desc") == "asc"
        try:
            start = int(asked.get("startblock", 0))
            end = int(asked.get("endblock", 999_999_999))
            offset = int(asked.get("offset", self._options.rows_max))
            page = int(asked.get("page", 1)) if "offset" in asked or self._dialect == "etherscan" else 1
        except ValueError:
            return refused("Error! Invalid block or page")
        if not asked.get("address") and not asked.get("txhash"):
            return refused("Error! Missing address")
        if page * offset > WINDOW_MAX:
            return Said({"status": "0", "message": TOO_DEEP, "result": None})
        rows = list(self._lister.rows(action, asked, start, end))
        if self._options.rows_timeout is not None and len(rows) > self._options.rows_timeout and start < end:
            return Said({"status": "0", "message": TIMEOUT, "result": None})
        size = min(offset, self._options.rows_max)
        ordered = rows if ascending else rows[::-1]
        shown = list(islice(ordered, (page - 1) * size, page * size))
        return fine(shown) if shown else empty(action)

    def _balance(self, action: str, asked: Mapping[str, str]) -> Said:
        named = [each.lower() for each in asked.get("address", "").split(",") if each]
        if not named or len(named) > ADDRESSES_MAX:
            return refused("Error! Invalid address format")
        if action == "balancemulti":
            stale = {"stale": False} if self._dialect == "blockscout" else {}
            told = [{"account": who, "balance": str(self._chain.balance(who)), **stale} for who in named]
            return fine(told)
        contract = asked.get("contractaddress", "").lower() if action == "tokenbalance" else ""
        return fine(str(self._chain.balance(named[0], contract)))

    def _proxied(self, action: str, asked: Mapping[str, str]) -> Said:
        tag = asked.get("tag", "latest")
        every: dict[str, list[Any]] = {
            "eth_blockNumber": [],
            "eth_getBlockByNumber": [tag, asked.get("boolean") == "true"],
            "eth_getTransactionReceipt": [asked.get("txhash", "")],
            "eth_call": [{"to": asked.get("to", ""), "data": asked.get("data", "")}, tag],
        }
        params = every[action]
        head = {"jsonrpc": "2.0", "id": 83 if action == "eth_blockNumber" else 1}
        try:
            return Said({**head, "result": self._node.called(action, params)})
        except RpcError as error:
            return Said({**head, "error": {"code": error.code, "message": error.message}})
