"""The provider `bitcoin`, whole."""

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
from caudal.providers.bitcoin import pull
from caudal.providers.bitcoin.client import Servers
from caudal.providers.bitcoin.config import BitcoinConfig
from caudal.providers.bitcoin.link import Linking, opened
from caudal.providers.http import Budgets, Clock, HttpBounds, Observer, SystemClock
from caudal.providers.watched import Watching

CAPABILITIES: Final = frozenset(
    {
        Capability.ACCOUNTS,
        Capability.BALANCES,
        Capability.TRANSACTIONS,
        Capability.PENDING,
        Capability.WINDOWS,
        Capability.LINK,
    }
)
"""No webhooks: an Esplora sends none. No refresh: each pull reads the chain as it is now. No re-link, no revoking:
what is public neither expires nor can be taken back; forgetting it is all there is."""

DECLARATION: Final = Declaration(
    name="bitcoin",
    title="Bitcoin",
    what="wallets, watched by an address, an xpub, ypub or zpub, or a descriptor",
    capabilities=CAPABILITIES,
    verified=(
        "the vectors of BIP32, 44, 49, 84, 86, 173, 350, 380 to 386 and SLIP-132",
        "embit against the emulator's transactions",
        "recorded answers of two Esploras",
        "months of every fault, replacements and reorganised blocks",
    ),
    unverified=("how often a public server may be asked", "a wallet of tens of thousands of addresses"),
)


class BitcoinProvider(Watching):
    """Wallets by Esplora: one in a process, for one event loop; a context that holds its connections."""

    name = "bitcoin"
    capabilities = CAPABILITIES

    def __init__(
        self,
        config: BitcoinConfig,
        http_bounds: HttpBounds | None = None,
        *,
        clock: Clock | None = None,
        budgets: Budgets | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._config = config
        self._clock = clock or SystemClock()
        self._servers = Servers(
            config,
            http_bounds or HttpBounds(),
            clock=self._clock,
            budgets=budgets,
            transport=transport,
            observer=observer,
        )
        self._linking = Linking(self._servers, config)

    async def __aenter__(self) -> Self:
        await self._servers.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._servers.__aexit__(kind, error, trace)

    async def pull(self, access: Access, cursor: Cursor) -> AsyncIterator[Page]:
        """The wallet's pages after `cursor`: see `pull`."""
        wallet = opened(access, self._config)
        async for page in pull.pull(self._servers.all, wallet, cursor, self._config, self._clock):
            yield page

    async def begin_link(self, request: LinkRequest) -> LinkStep:
        """What to ask the person for."""
        return self._linking.begin(request)

    async def continue_link(self, answer: LinkAnswer) -> LinkStep:
        """The next step of a link."""
        return await self._linking.go_on(answer)
