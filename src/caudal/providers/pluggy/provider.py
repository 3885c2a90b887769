"""The provider `pluggy`, whole."""

from collections.abc import AsyncIterator, Sequence
from typing import Final

import httpx

from caudal.model.changes import Cursor, Page
from caudal.model.errors import Refused, Revoked
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
from caudal.providers.pluggy import institutions, pull
from caudal.providers.pluggy.client import PluggyClient, PluggyConfig
from caudal.providers.pluggy.link import Linking
from caudal.providers.pluggy.payloads import Count, Item
from caudal.providers.pluggy.webhooks import Verifier, by_header, key_of, signals

DECLARATION: Final = Declaration(
    name="pluggy",
    title="Pluggy",
    what="Brazil's banks, cards, loans and investments, by Open Finance too",
    capabilities=frozenset(Capability) - {Capability.REDIRECT},
    verified=(
        "Pluggy's OpenAPI description against the emulator",
        "pluggy-sdk against the emulator",
        "signs and dates as integrators report them",
    ),
    unverified=(
        "a signature of webhooks",
        "where the address of a bank's page stands",
        "whether a card's balance is the sum of its booked movements",
        "how long rows older than a year are kept",
    ),
)


class PluggyProvider(Context):
    """Banks by Pluggy: one in a process, for one event loop; a context that holds its connections.

    `verifier`: what shows that a webhook is Pluggy's, in place of the header that the settings name.
    """

    name = DECLARATION.name
    capabilities = DECLARATION.capabilities

    def __init__(
        self,
        config: PluggyConfig,
        bounds: HttpBounds | None = None,
        *,
        clock: Clock | None = None,
        budgets: Budgets | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        observer: Observer | None = None,
        verifier: Verifier | None = None,
    ) -> None:
        clock = clock or SystemClock()
        self._client = self._inside = PluggyClient(
            config,
            bounds or HttpBounds(),
            clock=clock,
            budgets=budgets,
            transport=transport,
            observer=observer,
        )
        self._linking = Linking(self._client, config, clock)
        self._verifier = verifier or by_header(config.webhook_header, config.webhook_secret)

    def pull(self, access: Access, cursor: Cursor) -> AsyncIterator[Page]:
        """The connection's pages after `cursor`: see `pull`."""
        return pull.pull(self._client, access, cursor)

    def institutions(self) -> AsyncIterator[Sequence[InstitutionOffered]]:
        """Which institutions can be linked: see `institutions`."""
        return institutions.institutions(self._client)

    async def begin_link(self, request: LinkRequest) -> LinkStep:
        """Where to send the person, or what to ask for."""
        return await self._linking.begin(request)

    async def continue_link(self, answer: LinkAnswer) -> LinkStep:
        """The next step of a link."""
        return await self._linking.go_on(answer)

    async def refresh(self, access: Access) -> None:
        """Have Pluggy go to the bank now; what it finds is there after the webhook. While it is there already, that is
        what was asked for."""
        path = f"PATCH /items/{access.reference}"
        try:
            await self._client.ask(path, Item, operation="items/update", body={}, item=access.reference)
        except Refused:
            if (await self._client.item(access.reference)).status not in {"UPDATING", "MERGING"}:
                raise

    async def revoke(self, access: Access) -> None:
        """Delete the item: its data and its consent are gone at Pluggy. One that is over is no error."""
        try:
            await self._client.ask(f"DELETE /items/{access.reference}", Count, operation="items/delete")
        except Revoked:
            return

    async def verify_webhook(self, delivery: Delivery) -> str:
        """The key of a webhook's event, once it is shown to be Pluggy's. Raises NotGenuine."""
        return key_of(delivery, self._verifier)

    def signals_of(self, body: bytes) -> list[Signal]:
        """What a genuine webhook says."""
        return signals(body)
