"""Belvo's webhooks: one address for an organisation, set in its dashboard with a static Authorization header; no
signature (contract §5)."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final

import msgspec

from caudal_sandbox.belvo.links import Link
from caudal_sandbox.belvo.names import uuid_of
from caudal_sandbox.courier import Courier as AnyCourier
from caudal_sandbox.courier import Delivery, Hook
from caudal_sandbox.faults import Strike

RETRIES: Final = 5
PAUSE: Final = timedelta(minutes=1)
"""The contract says that it grows linearly, and not from what [?]."""


class Courier(AnyCourier):
    """Sends them: five more attempts after a failed one."""

    name = "belvo"

    def pauses(self, delivery: Delivery) -> Iterator[timedelta]:  # noqa: ARG002  the same for all
        """Each a minute longer than the one before."""
        return (PAUSE * nth for nth in range(1, RETRIES + 1))

    def forgery(self, hook: Hook, strike: Strike) -> Delivery:
        """That the link is deleted, without the right header [how: ``bare``, ``wrong``]."""
        how = strike.fault.word("how") or strike.chance.pick(("bare", "wrong"))
        wrong = {"Authorization": "Bearer of-somebody-else"} if how == "wrong" else {}
        told = {
            "webhook_id": uuid_of("forged", hook.item_id),
            "webhook_type": "LINK",
            "process_type": "link_deleted",
            "webhook_code": "link_deleted",
            "link_id": hook.item_id,
            "data": None,
        }
        delivery = self.opened(
            Hook(
                hook.url, hook.client_id, hook.item_id, "LINK/link_deleted", msgspec.json.encode(told), wrong
            )
        )
        delivery.guise = how
        return delivery


class Hooks:
    """What is to be sent. `url` and `authorization`: as the dashboard has them; without an address nothing is."""

    def __init__(self, courier: Courier) -> None:
        self.courier = courier
        self.url = ""
        self.authorization = ""
        self._told = 0
        self._waiting: list[Hook] = []

    def tell(
        self, link: Link, kind: str, code: str, data: Mapping[str, object] | None = None, *, process: str = ""
    ) -> None:
        """It goes out with the next `flush`."""
        self._told += 1
        if not self.url:
            return
        told = {
            "webhook_id": uuid_of("webhook", link.id, self._told),
            "webhook_type": kind,
            "process_type": process or code,
            "webhook_code": code,
            "link_id": link.id,
            "request_id": uuid_of("request of", link.id, self._told),
            "external_id": link.external_id,
            "data": data,
        }
        heads = {"Authorization": self.authorization} if self.authorization else {}
        self._waiting.append(
            Hook(self.url, "organisation", link.id, f"{kind}/{code}", msgspec.json.encode(told), heads)
        )

    def flush(self) -> None:
        """Send what waits. On the running loop."""
        waiting, self._waiting = self._waiting, []
        for hook in waiting:
            self.courier.post(hook)
