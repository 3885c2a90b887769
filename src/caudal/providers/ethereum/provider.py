"""The provider `ethereum`, whole."""

from collections.abc import AsyncIterator
from types import TracebackType
from typing import Final, Self

import httpx

from caudal.model.changes import Cursor, Page
from caudal.providers.base import (
    Access,
    Capability,
    Declaration,
    LinkAnswer,
    LinkRequest,
    LinkStep,
)
from caudal.providers.ethereum import link, pull
from caudal.providers.ethereum.client import Servers
from caudal.providers.ethereum.config import EthereumConfig
from caudal.providers.http import Budgets, Clock, HttpBounds, Observer, SystemClock
from caudal.providers.watched import Watching

CAPABILITIES: Final = frozenset(
    {
        Capability.ACCOUNTS,
        Capability.BALANCES,
        Capability.TRANSACTIONS,
        Capability.WINDOWS,
        Capability.LINK,
    }
)
"""Nothing is pending: explorers list what is in a block. No webhooks, no refresh, no re-link, no revoking: each pull
reads the chain as it is now, and what is public neither expires nor can be taken back."""

DECLARATION: Final = Declaration(
    name="ethereum",
    title="Ethereum",
    what="ether, USDC, USDT and DAI at addresses that are watched, by Etherscan, Blockscout or a node",
    capabilities=CAPABILITIES,
    verified=(
        "the vectors of EIP-55",
        "Blockscout's own description of its API",
        "recorded answers of Etherscan V2, Blockscout and nodes",
        "every kind of fault, and reorganised blocks",
    ),
    unverified=(
        "how often and how many rows a free plan allows",
        "whether Blockscout lists a transaction's outermost call among its inner ones",
        "fees of transactions that carry blobs",
    ),
)


class EthereumProvider(Watching):
    """Addresses by an explorer: one in a process, for one event loop; a context that holds its connections."""

    name = "ethereum"
    capabilities = CAPABILITIES

    def __init__(
        self,
        config: EthereumConfig,
        http_bounds: HttpBounds | None = None,
        *,
        clock: Clock | None = None,
        budgets: Budgets | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._config = config
        self._servers = Servers(
            config,
            http_bounds or HttpBounds(),
            clock=clock or SystemClock(),
            budgets=budgets,
            transport=transport,
            observer=observer,
        )

    async def __aenter__(self) -> Self:
        await self._servers.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._servers.__aexit__(kind, error, trace)

    async def pull(self, access: Access, cursor: Cursor) -> AsyncIterator[Page]:
        """The addresses' pages after `cursor`: see `pull`."""
        async for page in pull.pull(self._servers, link.opened(access), cursor, self._config):
            yield page

    async def begin_link(self, request: LinkRequest) -> LinkStep:
        """What to ask the person for."""
        return link.begin(request)

    async def continue_link(self, answer: LinkAnswer) -> LinkStep:
        """The next step of a link."""
        return link.go_on(answer, self._config)
