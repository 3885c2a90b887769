"""An Esplora server as an ASGI application (API.md; errors: Blockstream/electrs and mempool/electrs, src/rest.rs)."""

import hashlib
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from caudal_sandbox.corruption import Weak, corrupt
from caudal_sandbox.emulators import path_of
from caudal_sandbox.esplora import answers
from caudal_sandbox.esplora.life import Life
from caudal_sandbox.esplora.wallets import Kind as WalletKind
from caudal_sandbox.esplora.wallets import Wallet
from caudal_sandbox.faults import CORRUPTIONS, Fault, Faults, Kind, Strike
from caudal_sandbox.playing import before, check_public, first, played

PROVIDER: Final = "bitcoin"
_HEX64: Final = re.compile(r"[0-9a-f]{64}")
PLAYED: Final = frozenset(
    {Kind.LATENCY, Kind.HANG, Kind.RESET, Kind.RATE_LIMITED, Kind.SERVER_ERROR, Kind.TRUNCATED}
) | frozenset({Kind.MALFORMED_JSON, Kind.HTML, Kind.MUTATION, *CORRUPTIONS} - {Kind.BOTH_CURRENCIES_NULL})
"""What can befall a server that has no login, no bank behind it and no webhooks."""
_WEAK: Final = Weak(
    places={
        Kind.WRONG_TYPES: ("*/vout/*/value", "chain_stats/tx_count", "value"),
        Kind.ABSENT_OPTIONAL: ("*/vout/*/scriptpubkey_address", "*/vin/*/witness", "mempool_stats"),
        Kind.UNKNOWN_ENUM: ("*/vout/*/scriptpubkey_type", "vout/*/scriptpubkey_type"),
        Kind.UNKNOWN_FIELD: ("*", "chain_stats", "status"),
    },
    currencies=(),
)


class Options(msgspec.Struct, frozen=True):
    """How this server is. `dialect`: whose electrs (they differ where a page's start is unknown). `block_minutes`: from
    one block to the next. `busy`: how many in a hundred wallets do something before each block. `calls_per_minute`: more
    are answered 429; None: no limit."""

    dialect: Literal["blockstream", "mempool"] = "blockstream"
    network: Literal["main", "test"] = "main"
    block_minutes: int = 240
    busy: int = 25
    calls_per_minute: int | None = None


class EsploraError(Exception):
    """An answer that isn't what was asked for: a status, and words as plain text."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status
        self.words = words


class Esplora:
    """An Esplora whose chain grows with `now` from `begins` on. Blocks are mined when somebody looks.

    `asked_of`: the wallets, by name, that somebody asked of.
    `people`: each has a wallet of every kind in turn, or those of `wallets` where they are given. `clock` counts the
    calls of a minute.
    """

    def __init__(
        self,
        seed: int,
        now: Callable[[], datetime],
        faults: Faults | None = None,
        *,
        begins: datetime | None = None,
        people: Sequence[str] = (),
        wallets: Sequence[tuple[str, WalletKind]] = (),
        options: Options | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.options = options or Options()
        kinds = tuple(WalletKind)[1:]
        drawn = [(f"{name}:{kinds[n % len(kinds)]}", kinds[n % len(kinds)]) for n, name in enumerate(people)]
        made = [Wallet(seed, name, kind, self.options.network) for name, kind in (*drawn, *wallets)]
        self.life = Life(seed, made, self.options.network, busy=self.options.busy)
        self.faults = faults or Faults()
        self.app: ASGIApp = self._serve
        self._now, self._clock = now, clock
        self._mined_to = begins or now()
        self.life.found(self._mined_to)
        self.asked_of: set[str] = set()
        self._by_hash: dict[str, bytes] = {}
        self._calls: list[datetime] = []

    @property
    def wallets(self) -> dict[str, Wallet]:
        """Whose truth is known, by name."""
        return self.life.wallets

    def truth(self, wallet: str) -> dict[str, tuple[int, bool]]:
        """What that wallet moved: txid → (net in sats, whether it is confirmed)."""
        self.catch_up()
        return self.wallets[wallet].truth(self.life.chain)

    def catch_up(self) -> None:
        """Mine what is due by now."""
        step = timedelta(minutes=self.options.block_minutes)
        while self._mined_to + step <= self._now():
            self._mined_to += step
            self.life.block(self._mined_to)

    def check(self, fault: Fault) -> None:
        """Raises ValueError for a fault this server can't have."""
        check_public(fault, PLAYED, "an Esplora")

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        response = await self._response(request.method, path_of(scope).removesuffix("/") or "/")
        await response(scope, receive, send)

    async def _response(self, method: str, path: str) -> Response:
        strikes = self.faults.strike(provider=PROVIDER, endpoint=path, connection=None, kinds=PLAYED)
        gone = await before(strikes)
        return gone or played(self._whole(method, path, strikes), strikes)

    def _whole(self, method: str, path: str, strikes: tuple[Strike, ...]) -> Response:
        limited = first(strikes, Kind.RATE_LIMITED)
        if limited or self._too_often():
            after = limited.fault.number("retry_after") if limited else 0
            head = {"Retry-After": str(after)} if after else {}
            return PlainTextResponse("Too Many Requests", 429, head)
        failing = first(strikes, Kind.SERVER_ERROR)
        if failing:
            return PlainTextResponse("Internal Server Error", failing.fault.number("status"))
        if first(strikes, Kind.MUTATION):
            self.life.block(self._mined_to)
        self.catch_up()
        try:
            told = self._answer(method, [part for part in path.split("/") if part])
        except EsploraError as error:
            return PlainTextResponse(error.words, error.status)
        return self._said(told, strikes)

    def _said(self, told: object, strikes: Sequence[Strike]) -> Response:
        if isinstance(told, str):
            return PlainTextResponse(told)
        tree = msgspec.to_builtins(told)
        for strike in strikes:
            if strike.kind in CORRUPTIONS and not corrupt(tree, strike, _WEAK):
                self.faults.spare(strike)
        return Response(msgspec.json.encode(tree), media_type="application/json")

    def _too_often(self) -> bool:
        limit = self.options.calls_per_minute
        if limit is None:
            return False
        now = self._clock()
        self._calls = [at for at in self._calls if now - at < timedelta(minutes=1)]
        if len(self._calls) >= limit:
            return True
        self._calls.append(now)
        return False

    def _answer(self, method: str, parts: list[str]) -> object:
        chain = self.life.chain
        match parts if method == "GET" else []:
            case ["blocks", "tip", "height"]:
                return str(chain.tip.height)
            case ["blocks", "tip", "hash"]:
                return chain.tip.hash
            case ["block-height", height]:
                found = chain.at(int(height)) if height.isdigit() else None
                if found is None:
                    raise EsploraError(404, "Block not found")
                return found.hash
            case ["block", name, *rest]:
                return self._block(name, rest)
            case ["tx", txid, *rest]:
                return self._tx(txid, rest)
            case [("address" | "scripthash") as by, name, *rest]:
                of = self._script(by, name)
                self.asked_of.update(each.name for each in self.wallets.values() if each.owns(of))
                return self._of_script(of, by, name, rest)
        raise EsploraError(404, "endpoint does not exist")

    def _block(self, name: str, rest: list[str]) -> object:
        found = self.life.chain.blocks.get(_hex(name))
        if rest == ["status"]:
            # electrs answers this for any hash: one it doesn't know is in no chain of its own
            if found is None or not self.life.chain.is_best(found):
                return {"in_best_chain": False}
            after = self.life.chain.at(found.height + 1)
            told: dict[str, Any] = {"in_best_chain": True, "height": found.height}
            return told | ({"next_best": after.hash} if after else {"next_best": None})
        if found is None:
            raise EsploraError(404, "Block not found")
        if not rest:
            return answers.block(found)
        if rest == ["txids"]:
            return [tx.txid for tx in found.txs]
        raise EsploraError(404, "endpoint does not exist")

    def _tx(self, txid: str, rest: list[str]) -> object:
        found = self.life.chain.tx(_hex(txid))
        if found is None:
            raise EsploraError(404, "Transaction not found")
        tx, block = found
        match rest:
            case []:
                return answers.transaction(tx, block, self.options.network)
            case ["status"]:
                return answers.status(block)
            case ["hex"]:
                return tx.raw.hex()
            case ["outspends"]:
                return [self._outspend(txid, place) for place in range(len(tx.outputs))]
        raise EsploraError(404, "endpoint does not exist")

    def _outspend(self, txid: str, place: int) -> dict[str, Any]:
        chain = self.life.chain
        by = chain.spender((txid, place))
        found = chain.tx(by) if by else None
        if by is None or found is None:
            return {"spent": False}
        vin = [each.outpoint for each in found[0].inputs].index((txid, place))
        return {"spent": True, "txid": by, "vin": vin, "status": answers.status(found[1])}

    def _script(self, by: str, name: str) -> bytes:
        if by == "address":
            of = answers.script_of(name, self.options.network)
            if of is None:
                raise EsploraError(400, "Invalid Bitcoin address")
            return of
        if name not in self._by_hash:
            known = (each for wallet in self.wallets.values() for each in wallet.scripts)
            self._by_hash |= {hashlib.sha256(each).hexdigest(): each for each in known}
        return self._by_hash.get(_hex(name), b"")

    def _of_script(self, of: bytes, by: str, name: str, rest: list[str]) -> object:
        chain = self.life.chain
        match rest:
            case []:
                confirmed, waiting = answers.stats(chain, of)
                return {by: name, "chain_stats": confirmed, "mempool_stats": waiting}
            case ["txs"]:
                return self._told([tx.txid for tx in chain.waiting(of)][: answers.MEMPOOL_MAX]) + self._page(
                    of
                )
            case ["txs", "mempool"]:
                return self._told([tx.txid for tx in chain.waiting(of)][: answers.MEMPOOL_MAX])
            case ["txs", "chain"]:
                return self._page(of)
            case ["txs", "chain", last]:
                return self._page(of, _hex(last))
            case ["utxo"]:
                told = answers.utxo(chain, of)
                if len(told) > answers.UTXOS_MAX:
                    words = "Too many unspent transaction outputs (>500). Contact support to raise limits."
                    raise EsploraError(400, words)
                return told
        raise EsploraError(404, "endpoint does not exist")

    def _page(self, of: bytes, last: str | None = None) -> list[dict[str, Any]]:
        """25 confirmed ones, from the newest or after `last`. One that isn't there any more: by the dialect, an end
        that is none, or a refusal."""
        names = self.life.chain.history(of)
        if last is not None:
            if last not in names:
                if self.options.dialect == "mempool":
                    raise EsploraError(422, "after_txid not found")
                return []
            names = names[names.index(last) + 1 :]
        return self._told(names[: answers.CONFIRMED_PER_PAGE])

    def _told(self, names: Sequence[str]) -> list[dict[str, Any]]:
        found = (self.life.chain.tx(txid) for txid in names)
        return [answers.transaction(*each, self.options.network) for each in found if each is not None]


def _hex(text: str) -> str:
    if not _HEX64.fullmatch(text):
        raise EsploraError(400, "Invalid hex string")
    return text
