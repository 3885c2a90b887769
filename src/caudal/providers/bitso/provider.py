"""The provider `bitso`, whole."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Final

from caudal.model.changes import Cursor, Page
from caudal.model.errors import Refused
from caudal.provider_settings import BitsoSettings
from caudal.providers.base import (
    Access,
    Capability,
    Declaration,
    Delivery,
    Pace,
    Signal,
)
from caudal.providers.bitso import pull, webhooks
from caudal.providers.bitso.client import BUDGETS, URL, Asker, Nonces
from caudal.providers.bitso.errors import judge
from caudal.providers.bitso.link import Linking
from caudal.providers.http import (
    Budgets,
    Clock,
    HttpBounds,
    LocalBudgets,
    Observer,
    ProviderHttp,
)

CAPABILITIES: Final = frozenset(
    {
        Capability.ACCOUNTS,
        Capability.BALANCES,
        Capability.TRANSACTIONS,
        Capability.PENDING,
        Capability.LINK,
        Capability.RELINK,
        Capability.WEBHOOKS,
    }
)
"""No refresh: each pull reads what stands. No revoking: a key is deleted at Bitso, by its person."""

DECLARATION: Final = Declaration(
    name="bitso",
    title="Bitso",
    what="the exchange's balances and movements in Mexico, Argentina, Colombia and Brazil, by API key",
    capabilities=CAPABILITIES,
    verified=(
        "published signing vectors",
        "recorded answers of 2017 to 2024",
        "ccxt against the emulator",
        "months of every fault",
    ),
    unverified=(
        "what a key may do",
        "how near to now a nonce must be",
        "whether pending amounts are in a total",
        "where webhook keys are listed",
        "webhooks for a person's own login",
    ),
    pace=Pace(every=timedelta(minutes=15)),
)


@asynccontextmanager
async def opened(
    told: BitsoSettings,
    bounds: HttpBounds | None = None,
    *,
    clock: Clock,
    budgets: Budgets | None = None,
    observer: Observer | None = None,
) -> AsyncIterator["BitsoProvider"]:
    """Bitso as the settings have it, for one event loop, until its connections are closed."""
    budgets = budgets or LocalBudgets(BUDGETS, clock=clock)
    async with ProviderHttp(
        "bitso", told.url or URL, judge=judge, budgets=budgets, bounds=bounds, clock=clock, observer=observer
    ) as http:
        yield BitsoProvider(told, http, clock)


class BitsoProvider(Linking):
    """Bitso: one in a process."""

    name = "bitso"
    capabilities = CAPABILITIES

    def __init__(self, told: BitsoSettings, http: ProviderHttp, clock: Clock) -> None:
        self._told = told
        self._clock = clock
        self.asker = partial(Asker, http, Nonces(clock))
        self._keys = webhooks.Keys(http, told.webhook_keys_path, clock)

    async def pull(self, access: Access, cursor: Cursor) -> AsyncIterator[Page]:
        """The login's pages after `cursor`: see `pull`."""
        keys = {name: secret.decode() for name, secret in access.secrets.items()}
        if not keys.keys() >= {"key", "secret"}:
            raise Refused(f"connection {access.connection} has no key of Bitso's: link it again")
        async for page in pull.pull(self.asker(keys, access.reference), cursor, self._clock):
            yield page

    async def refresh(self, access: Access) -> None:
        """Does nothing: the next pull reads what stands then."""

    async def revoke(self, access: Access) -> None:
        """Does nothing: a key is deleted at Bitso, by its person. Forgetting it is all there is."""

    async def verify_webhook(self, delivery: Delivery) -> str:
        """The key of a webhook's event, once it is shown to be Bitso's."""
        return await webhooks.checked(delivery, self._keys, whole_body=self._told.webhook_signs == "body")

    def signals_of(self, body: bytes) -> list[Signal]:
        """What a genuine webhook says."""
        return webhooks.signals(body, self._told.webhook_account)
