"""A webhook on its way in: verified, sealed, committed; only then may it be answered."""

import enum
from collections.abc import Mapping

from caudal.hub.installation import Installation
from caudal.hub.webhooks.commits import GroupCommit
from caudal.model.errors import NotGenuine, ProviderError, StoreError
from caudal.observe import security
from caudal.providers.base import Capability, Delivery, LiveProvider
from caudal.store.inbox import Letter
from caudal.vault.rows import WEBHOOKS, RowSeal


class Verdict(enum.StrEnum):
    """What became of a delivery. All but the first two left nothing behind."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    FORGED = "forged"
    TOO_LARGE = "too_large"
    UNKNOWN_PROVIDER = "unknown_provider"
    UNAVAILABLE = "unavailable"
    """It may be genuine, and can't be kept or told from a forged one now: it is to come again."""


class Acceptor:
    """Takes in webhooks of the providers that are set up. One in a process, for one event loop."""

    def __init__(self, installation: Installation, providers: Mapping[str, LiveProvider]) -> None:
        self._providers = providers
        self._seal = RowSeal(installation.keyring, WEBHOOKS)
        self._commits = GroupCommit(installation.store, installation.settings.inbox)

    def knows(self, provider: str) -> bool:
        """Whether that provider is set up, and sends webhooks."""
        live = self._providers.get(provider)
        return live is not None and Capability.WEBHOOKS in live.capabilities

    async def accept(self, provider: str, delivery: Delivery) -> Verdict:
        """Keep a delivery of a provider that is set up, if it is genuine. How long that may take is the caller's to say:
        given up, it may be kept all the same, and is known when it comes again."""
        try:
            event_key = await self._providers[provider].verify_webhook(delivery)
        except NotGenuine:
            security.refused("webhook.forged", provider=provider)
            return Verdict.FORGED
        except (ProviderError, StoreError):  # its key can't be asked for now
            return Verdict.UNAVAILABLE
        letter = Letter(
            provider=provider,
            event_key=event_key,
            received_at=delivery.received_at,
            wrapping_key=self._seal.wrapping_key,
            sealed=self._seal.seal((provider, event_key), delivery.body),
        )
        try:
            new = await self._commits.keep(letter)
        except (StoreError, TimeoutError):
            return Verdict.UNAVAILABLE
        return Verdict.ACCEPTED if new else Verdict.DUPLICATE

    async def close(self) -> None:
        """Bring to its end what is under way."""
        await self._commits.close()
