"""The provider `belvo`, whole."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Final

import httpx

from caudal.model.changes import Cursor, Page
from caudal.model.errors import RateLimited
from caudal.providers.base import (
    Access,
    Capability,
    Declaration,
    Delivery,
    InstitutionOffered,
    LinkAnswer,
    LinkRequest,
    LinkStep,
    Pace,
    Signal,
)
from caudal.providers.belvo import institutions, pull, webhooks
from caudal.providers.belvo.client import BelvoClient, BelvoConfig, link_of
from caudal.providers.belvo.errors import error_for
from caudal.providers.belvo.link import Linking
from caudal.providers.context import Context
from caudal.providers.http import Budgets, Clock, HttpBounds, Observer, SystemClock

PACE: Final = Pace(timedelta(hours=6))
"""Belvo goes to the banks every six hours at the most; its webhooks tell of more."""

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
    name="belvo",
    title="Belvo",
    what="banks of Brazil, by Open Finance",
    capabilities=CAPABILITIES,
    pace=PACE,
    verified=(
        "Belvo's OpenAPI 1.223.0: every answer of its emulator",
        "belvo-python, which goes through the emulator of the links of 2023",
        "every error code of its contract, and every kind of fault",
    ),
    unverified=(
        "whether a row's id outlives its booking",
        "the exact bodies of consent webhooks and of the widget's addresses",
        "the links of 2023 (Mexico, Colombia), which Belvo sells no more",
    ),
)


class BelvoProvider(Context):
    """Banks by Belvo: one in a process, for one event loop; a context that holds its connections."""

    name = "belvo"
    capabilities = CAPABILITIES

    def __init__(
        self,
        config: BelvoConfig,
        http_bounds: HttpBounds | None = None,
        *,
        clock: Clock | None = None,
        budgets: Budgets | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._config = config
        self._clock = clock or SystemClock()
        self._client = self._inside = BelvoClient(
            config,
            http_bounds or HttpBounds(),
            clock=self._clock,
            budgets=budgets,
            transport=transport,
            observer=observer,
        )
        self._linking = Linking(self._client, config, self._clock)

    def __repr__(self) -> str:
        return f"BelvoProvider({self._config!r})"

    def pull(self, access: Access, cursor: Cursor) -> AsyncIterator[Page]:
        """The connection's pages after `cursor`: see `pull`."""
        return pull.pull(self._client, access, cursor, self._clock)

    def institutions(self) -> AsyncIterator[Sequence[InstitutionOffered]]:
        """Which institutions can be linked: see `institutions`."""
        return institutions.institutions(self._client, legacy=self._config.legacy)

    async def begin_link(self, request: LinkRequest) -> LinkStep:
        """Who it is, then Belvo's widget."""
        return await self._linking.begin(request)

    async def continue_link(self, answer: LinkAnswer) -> LinkStep:
        """The next step of a link."""
        return await self._linking.go_on(answer)

    async def refresh(self, access: Access) -> None:
        """Have Belvo go to the bank; its webhooks say when it is back. Asked for again within ten minutes it needn't."""
        path = f"POST /api/links/{link_of(access)}/refresh/"
        answer = await self._client.send(path, operation="links/refresh", body={}, access=access)
        if answer.status != 202:
            error = error_for(answer, "belvo links/refresh")
            if not (isinstance(error, RateLimited) and answer.status == 409):
                raise error

    async def revoke(self, access: Access) -> None:
        """Delete the link, and all that Belvo holds of it. The consent at the bank ends with it."""
        await self._client.delete(link_of(access), access)

    async def verify_webhook(self, delivery: Delivery) -> str:
        """The webhook's id, by the header that Belvo was told."""
        return webhooks.key_of(delivery, self._config.authorization)

    def signals_of(self, body: bytes) -> list[Signal]:
        """What a webhook says."""
        return webhooks.signals(body)
