"""One chain behind three doors, as an ASGI application: Etherscan V2 (``/v2/api``), Blockscout (``/blockscout/api``, and
its node at ``/blockscout/api/eth-rpc``), a node (``/rpc``)."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from caudal_sandbox.corruption import Weak, corrupt
from caudal_sandbox.emulators import path_of
from caudal_sandbox.ethereum.explorer import Explorer, Options, Said
from caudal_sandbox.ethereum.life import Life, Wallet
from caudal_sandbox.ethereum.rpc import Node
from caudal_sandbox.faults import CORRUPTIONS, Fault, Faults, Kind, Strike
from caudal_sandbox.playing import before, check_public, first, played

PROVIDER: Final = "ethereum"
ETHERSCAN: Final = "/v2/api"
BLOCKSCOUT: Final = "/blockscout/api"
NODES: Final = ("/rpc", f"{BLOCKSCOUT}/eth-rpc")
PLAYED: Final = frozenset(
    {Kind.LATENCY, Kind.HANG, Kind.RESET, Kind.RATE_LIMITED, Kind.SERVER_ERROR, Kind.TRUNCATED}
) | frozenset(
    {Kind.MALFORMED_JSON, Kind.HTML, Kind.MUTATION, Kind.NOT_READY, *CORRUPTIONS}
    - {Kind.BOTH_CURRENCIES_NULL}
)
"""What can befall servers that have no login, no bank behind them and no webhooks."""
_WEAK: Final = Weak(
    places={
        Kind.WRONG_TYPES: ("result/*/value", "result/*/amount", "result", "status"),
        Kind.ABSENT_OPTIONAL: (
            "result/*/gas",
            "result/*/confirmations",
            "result/logsBloom",
            "message",
            "jsonrpc",
        ),
        Kind.UNKNOWN_ENUM: ("result/*/isError", "result/*/type", "status"),
        Kind.UNKNOWN_FIELD: ("result/*", "result"),
    },
    currencies=(),
)


class Ethereum:
    """A chain that grows with `now` from `begins` on: blocks are made when somebody looks. `names`: who has a wallet;
    `watched`: addresses that somebody asked of. `clock` counts the calls of a second."""

    def __init__(
        self,
        seed: int,
        now: Callable[[], datetime],
        faults: Faults | None = None,
        *,
        begins: datetime | None = None,
        names: Sequence[str] = (),
        options: Options | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.options = options or Options()
        self.life = Life(seed, names, busy=self.options.busy)
        self.faults = faults or Faults()
        self.watched: set[str] = set()
        self.app: ASGIApp = self._serve
        self.etherscan = Explorer(self.life.chain, "etherscan", self.options)
        self.blockscout = Explorer(self.life.chain, "blockscout", self.options)
        self.node = Node(self.life.chain, self.options.chain_id)
        self._now, self._clock = now, clock
        self._made_to = begins or now()
        self.life.found(self._made_to)

    @property
    def wallets(self) -> Mapping[str, Wallet]:
        """Whose truth is known, by name."""
        return self.life.wallets

    def catch_up(self) -> None:
        """Make the blocks that are due by now."""
        step = timedelta(minutes=self.options.block_minutes)
        while self._made_to + step <= self._now():
            self._made_to += step
            self.life.block(self._made_to)

    def check(self, fault: Fault) -> None:
        """Raises ValueError for a fault that these servers can't have."""
        check_public(fault, PLAYED, "an explorer")

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        body = await request.body()
        response = await self._response(request.method, path_of(scope), scope["query_string"], body)
        await response(scope, receive, send)

    async def _response(self, method: str, path: str, query: bytes, body: bytes) -> Response:
        asked = dict(parse_qsl(query.decode("ascii", "replace")))
        posted = path in NODES and method == "POST"
        endpoint = _method(body) if posted else f"{asked.get('module', '')}/{asked.get('action', '')}"
        strikes = self.faults.strike(provider=PROVIDER, endpoint=endpoint, connection=None, kinds=PLAYED)
        gone = await before(strikes)
        if gone is not None:
            return gone
        if path == ETHERSCAN:
            explorer: Explorer | None = self.etherscan
        elif path == BLOCKSCOUT:
            explorer = self.blockscout
        else:
            explorer = None
        if explorer is None and not posted:
            return PlainTextResponse("Not Found", 404)
        return played(self._whole(path, explorer, asked, body, strikes), strikes)

    def _posted(self, path: str, asked: Mapping[str, str], body: bytes) -> Said:
        """A node's answer; Blockscout's own wants Blockscout's key."""
        unpaid = path != NODES[0] and self.options.keys and asked.get("apikey") not in self.options.keys
        return Said({"message": "Payment required"}, 402) if unpaid else Said(self.node.answer(body))

    def _whole(
        self,
        path: str,
        explorer: Explorer | None,
        asked: Mapping[str, str],
        body: bytes,
        strikes: tuple[Strike, ...],
    ) -> Response:
        if first(strikes, Kind.RATE_LIMITED):
            return _json(explorer.limited() if explorer else Said({"message": "Too Many Requests"}, 429))
        if failing := first(strikes, Kind.SERVER_ERROR):
            return PlainTextResponse("Internal Server Error", failing.fault.number("status"))
        if first(strikes, Kind.MUTATION):
            self.life.mine(self._made_to)
        self.catch_up()
        if explorer is None:
            said = self._posted(path, asked, body)
        else:
            who = asked.get("address", "").lower()
            self.watched.update(each for each in who.split(",") if each)
            said = explorer.answer(asked, self._clock())
        for strike in strikes:
            said = self._stricken(said, strike, explorer)
        return _json(said)

    def _stricken(self, said: Said, strike: Strike, by: Explorer | None) -> Said:
        """An answer that one fault befell. Only Blockscout says that it is behind."""
        if strike.kind is Kind.NOT_READY:
            if by is not self.blockscout or not isinstance(said.body.get("result"), list):
                self.faults.spare(strike)
                return said
            return Said({"status": "2", "message": "Some data is being indexed", "result": []})
        if strike.kind in CORRUPTIONS:
            tree = msgspec.to_builtins(said.body)
            if not corrupt(tree, strike, _WEAK):
                self.faults.spare(strike)
            return Said(tree, said.status)
        return said


def _method(body: bytes) -> str:
    try:
        asked = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return "rpc"
    return str(asked.get("method", "rpc")) if isinstance(asked, dict) else "rpc"


def _json(said: Said) -> Response:
    return Response(msgspec.json.encode(said.body), said.status, media_type="application/json")
