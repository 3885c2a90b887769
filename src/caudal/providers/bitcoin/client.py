"""How an Esplora is asked (API.md): every call a GET without credentials. Its paths name what is watched, so they are in
no log of ours; the server sees them, and that they are one person's."""

import re
from types import TracebackType
from typing import Final, Protocol, Self, TypeVar

import httpx
import msgspec
from msgspec import Raw

from caudal.model.errors import Malformed
from caudal.providers.bitcoin.config import BitcoinConfig
from caudal.providers.bitcoin.errors import NotThere, error_for
from caudal.providers.bitcoin.keys import Script
from caudal.providers.bitcoin.payloads import BLOCK, BLOCK_STATUS, RECORDS, STATS, Block, Stats
from caudal.providers.http import (
    Answer,
    Budgets,
    Call,
    Clock,
    HttpBounds,
    LocalBudgets,
    Observer,
    ProviderHttp,
    by_status_alone,
)

_HASH: Final = re.compile(r"[0-9a-f]{64}")

T_co = TypeVar("T_co", covariant=True)


class _Decoder(Protocol[T_co]):
    def decode(self, body: bytes, /) -> T_co: ...


class Esplora:
    """One server, for one event loop."""

    def __init__(self, http: ProviderHttp) -> None:
        self._http = http

    async def tip(self) -> Block:
        """The last block. Raises the ProviderError family."""
        answer = await self._get("tip", "/blocks/tip/hash")
        return await self.block(_hash(answer, "tip"))

    async def block(self, name: str) -> Block:
        """A block's head."""
        return _decoded(await self._get("block", f"/block/{name}"), BLOCK, "block")

    async def block_at(self, height: int) -> Block:
        """The best chain's block of that height."""
        return Block(_hash(await self._get("block", f"/block-height/{height}"), "block"), height)

    async def is_best(self, name: str) -> bool:
        """Whether a block is in the best chain. One that the server doesn't know isn't."""
        try:
            answer = await self._get("block", f"/block/{name}/status")
        except NotThere:
            return False
        return _decoded(answer, BLOCK_STATUS, "block").in_best_chain

    async def stats(self, script: Script) -> Stats:
        """What a script had."""
        return _decoded(await self._get("address", f"/{script.path}"), STATS, "address")

    async def newest(self, script: Script) -> list[Raw]:
        """Up to 50 unconfirmed transactions, then the 25 newest confirmed ones."""
        return _decoded(await self._get("txs", f"/{script.path}/txs"), RECORDS, "txs")

    async def older(self, script: Script, than: str) -> list[Raw]:
        """The 25 confirmed ones before that. [] may also mean that `than` isn't there any more; PageLost always does."""
        return _decoded(await self._get("txs", f"/{script.path}/txs/chain/{than}"), RECORDS, "txs")

    async def tx(self, txid: str) -> Raw | None:
        """A transaction, None where nobody knows it."""
        try:
            answer = await self._get("tx", f"/tx/{txid}")
        except NotThere:
            return None
        return Raw(answer.body)

    async def _get(self, operation: str, path: str) -> Answer:
        answer = await self._http.send(Call(operation, "GET", path))
        if answer.status != 200:
            raise error_for(operation, answer)
        return answer


class Servers:
    """All servers an installation may ask, in order of preference. A context that holds their connections."""

    def __init__(
        self,
        config: BitcoinConfig,
        bounds: HttpBounds,
        *,
        clock: Clock,
        budgets: Budgets | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._https = [
            ProviderHttp(
                "bitcoin",
                url,
                judge=by_status_alone,
                budgets=budgets or LocalBudgets(config.budgets, clock=clock),
                bounds=bounds,
                clock=clock,
                observer=observer,
                transport=transport,
            )
            for url in config.urls
        ]
        self.all = [Esplora(each) for each in self._https]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in self._https:
            await each.__aexit__(kind, error, trace)


def _decoded(answer: Answer, decoder: _Decoder[T_co], operation: str) -> T_co:
    try:
        return decoder.decode(answer.body)
    except msgspec.DecodeError as error:
        raise Malformed(f"bitcoin {operation}: answer", str(error)) from None


def _hash(answer: Answer, operation: str) -> str:
    """A block's name, told as plain text."""
    text = answer.body[:100].decode("ascii", "replace").strip()
    if not _HASH.fullmatch(text):
        raise Malformed(f"bitcoin {operation}: answer", "no hash of a block")
    return text
