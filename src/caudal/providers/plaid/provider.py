"""The provider `plaid`, whole."""

from collections.abc import AsyncIterator, Sequence
from typing import Final

import httpx

from caudal.model.changes import Cursor, Page
from caudal.providers.base import (
    Access,
    Capability,
    Declaration,
    Delivery,
    InstitutionOffered,
    LinkAnswer,
    LinkRequest,
    LinkStep,
    Signal,
)
from caudal.providers.context import Context
from caudal.providers.http import Budgets, Clock, HttpBounds, Observer, SystemClock
from caudal.providers.plaid import institutions, pull
from caudal.providers.plaid.client import EMPTY, PlaidClient
from caudal.providers.plaid.config import PlaidConfig
from caudal.providers.plaid.errors import OVER, PRODUCT_OFF, Refusal, error_for
from caudal.providers.plaid.genuine import KeyCache, checked
from caudal.providers.plaid.link import Linking
from caudal.providers.plaid.webhooks import signals

CAPABILITIES: Final = frozenset(
    {
        Capability.ACCOUNTS,
        Capability.BALANCES,
        Capability.TRANSACTIONS,
        Capability.PENDING,
        Capability.HOLDINGS,
        Capability.WINDOWS,
        Capability.LINK,
        Capability.RELINK,
        Capability.INSTITUTIONS,
        Capability.REFRESH,
        Capability.REVOKE,
        Capability.WEBHOOKS,
    }
)

DECLARATION: Final = Declaration(
    name="plaid",
    title="Plaid",
    what="banks, cards, loans and brokers of North America and Europe",
    capabilities=CAPABILITIES,
    verified=(
        "Plaid's OpenAPI description",
        "plaid-python 46 against the emulator",
        "recorded sandbox answers",
        "two years of every fault",
    ),
    unverified=(
        "a bank's real login pages",
        "how long a bank takes to prepare history",
        "a bank's own limit behind INSTITUTION_RATE_LIMIT",
    ),
)


class PlaidProvider(Context):
    """Banks by Plaid: one in a process, for one event loop; a context that holds its connections.

    `budgets` replaces this process's own of Plaid's documented limits (`client.BUDGETS`), to share them or to lift them.
    """

    name = "plaid"
    capabilities = CAPABILITIES

    def __init__(
        self,
        config: PlaidConfig,
        http_bounds: HttpBounds | None = None,
        *,
        clock: Clock | None = None,
        budgets: Budgets | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._config = config
        self._clock = clock or SystemClock()
        self._client = self._inside = PlaidClient(
            config,
            http_bounds or HttpBounds(),
            clock=self._clock,
            budgets=budgets,
            transport=transport,
            observer=observer,
        )
        self._linking = Linking(self._client, config, self._clock)
        self._keys = KeyCache(self._client, self._clock)

    def __repr__(self) -> str:
        return f"PlaidProvider({self._config!r})"

    def pull(self, access: Access, cursor: Cursor) -> AsyncIterator[Page]:
        """The connection's pages after `cursor`: see `pull`."""
        return pull.pull(self._client, access, cursor, self._clock, self._config.country_codes)

    def institutions(self) -> AsyncIterator[Sequence[InstitutionOffered]]:
        """Which institutions can be linked: see `institutions`."""
        return institutions.institutions(self._client)

    async def begin_link(self, request: LinkRequest) -> LinkStep:
        """Where to send the person: Plaid's own page (Hosted Link)."""
        return await self._linking.begin(request)

    async def continue_link(self, answer: LinkAnswer) -> LinkStep:
        """The next step of a link."""
        return await self._linking.go_on(answer)

    async def refresh(self, access: Access) -> None:
        """Have Plaid go to the bank now, or to the broker where there are no transactions. It answers at once; what it
        finds is there after the webhook.

        Add-ons that are paid for by the call: Refused where Plaid's account has not got them.
        """
        refusal = await self._client.ask("transactions/refresh", {}, EMPTY, access=access)
        if isinstance(refusal, Refusal) and refusal.error.error_code in PRODUCT_OFF:
            investments = await self._client.ask("investments/refresh", {}, EMPTY, access=access)
            if not isinstance(investments, Refusal):
                return
        if isinstance(refusal, Refusal):
            raise error_for(refusal)

    async def revoke(self, access: Access) -> None:
        """Remove the Item: billing ends, the token dies, no webhook comes any more. One that is over is no error."""
        answer = await self._client.ask("item/remove", {}, EMPTY, access=access)
        if isinstance(answer, Refusal) and answer.error.error_code not in OVER:
            raise error_for(answer)

    async def verify_webhook(self, delivery: Delivery) -> str:
        """The key of a webhook's event, once it is shown to be Plaid's. Raises NotGenuine, and where the key it names
        can't be fetched now the error of that: it will be delivered again."""
        return await checked(delivery, self._keys)

    def signals_of(self, body: bytes) -> list[Signal]:
        """What a genuine webhook says."""
        return signals(body)
