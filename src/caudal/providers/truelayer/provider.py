"""The provider `truelayer`, whole."""

from collections.abc import AsyncIterator, Sequence
from typing import Final

import httpx
import msgspec

from caudal.model.changes import Cursor, Page
from caudal.model.errors import Malformed, NeedsUser, NotGenuine
from caudal.providers.base import (
    FOUR_A_DAY,
    Access,
    Capability,
    Declaration,
    Delivery,
    FetchSignal,
    InstitutionOffered,
    LinkAnswer,
    LinkRequest,
    LinkStep,
    Signal,
)
from caudal.providers.context import Context
from caudal.providers.http import Budgets, Clock, HttpBounds, Observer, SystemClock
from caudal.providers.truelayer import institutions, pull
from caudal.providers.truelayer.client import TrueLayerClient
from caudal.providers.truelayer.config import TrueLayerConfig
from caudal.providers.truelayer.errors import TOKEN_DEAD, error_for
from caudal.providers.truelayer.genuine import EVENT, KeyCache, checked, jku_of, path_of
from caudal.providers.truelayer.link import Linking
from caudal.providers.truelayer.tokens import Tokens

CAPABILITIES: Final = frozenset(
    {
        Capability.ACCOUNTS,
        Capability.BALANCES,
        Capability.TRANSACTIONS,
        Capability.PENDING,
        Capability.WINDOWS,
        Capability.LINK,
        Capability.RELINK,
        Capability.INSTITUTIONS,
        Capability.REDIRECT,
        Capability.REVOKE,
    }
)
"""No webhooks: Data v1 has none for news, and what v3 sends concerns connections of its own. No refresh: each pull goes
to the bank."""

DECLARATION: Final = Declaration(
    name="truelayer",
    title="TrueLayer",
    what="banks and cards of the United Kingdom, by open banking",
    capabilities=CAPABILITIES,
    pace=FOUR_A_DAY,
    verified=(
        "TrueLayer's published answers and errors of Data v1",
        "truelayer-signing and its vectors, for webhooks",
        "months of every fault, at banks with each sort of ids and signs",
    ),
    unverified=(
        "which sign a bank's card amounts have (`providers/truelayer/signs.toml`)",
        "for how long after a login old history is given",
        "that ids are the same after a new consent",
    ),
)

_NEWS: Final = frozenset({"connection_authorized", "transactions_request_completed"})


class TrueLayerProvider(Context):
    """Banks by TrueLayer: one in a process, for one event loop; a context that holds its connections."""

    name = "truelayer"
    capabilities = CAPABILITIES

    def __init__(
        self,
        config: TrueLayerConfig,
        http_bounds: HttpBounds | None = None,
        *,
        clock: Clock | None = None,
        budgets: Budgets | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._config = config
        self._clock = clock or SystemClock()
        self._client = self._inside = TrueLayerClient(
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
        return f"TrueLayerProvider({self._config!r})"

    def pull(self, access: Access, cursor: Cursor) -> AsyncIterator[Page]:
        """The connection's pages after `cursor`: see `pull`."""
        return pull.pull(self._client, access, cursor, self._clock, self._config)

    def institutions(self) -> AsyncIterator[Sequence[InstitutionOffered]]:
        """Which institutions can be linked: see `institutions`."""
        return institutions.institutions(self._client, self._config)

    async def begin_link(self, request: LinkRequest) -> LinkStep:
        """Where to send the person: TrueLayer's auth dialog."""
        return await self._linking.begin(request)

    async def continue_link(self, answer: LinkAnswer) -> LinkStep:
        """The next step of a link."""
        return await self._linking.go_on(answer)

    async def refresh(self, access: Access) -> None:
        """Nothing is needed: each pull reads at the bank."""

    async def revoke(self, access: Access) -> None:
        """End the connection (DELETE /api/delete). One whose token can't be renewed is over already (contract, §2.6)."""
        try:
            token = await Tokens(self._client, access, self._clock).bearer()
        except NeedsUser:
            return
        refusal = await self._client.delete(token)
        if refusal is not None and refusal.code not in TOKEN_DEAD:
            raise error_for(refusal)

    async def verify_webhook(self, delivery: Delivery) -> str:
        """The key of a signed webhook's event (Data v3, payments). What isn't signed, as the callbacks of v1's
        asynchronous calls, is nobody's: this adapter makes none of those."""
        if not self._config.webhook_url:
            raise NotGenuine("truelayer: webhooks aren't set up: CAUDAL_TRUELAYER_WEBHOOK_URL")
        path = path_of(self._config.webhook_url)
        return await checked(delivery, self._keys, path, jku_of(self._config))

    def signals_of(self, body: bytes) -> list[Signal]:
        """What a genuine webhook says: that there is news, or nothing that concerns us."""
        try:
            event = EVENT.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Malformed("truelayer webhook", str(error)) from None
        if event.type not in _NEWS or not event.connection_id:
            return []
        return [FetchSignal(event.connection_id, event.type)]
