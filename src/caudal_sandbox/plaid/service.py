"""Plaid as the sandbox's service holds it: its API and pages at the root, its part of the control door, its webhooks."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from starlette.types import ASGIApp, Receive, Scope, Send

from caudal_sandbox.courier import Posting
from caudal_sandbox.door import DoorRoute
from caudal_sandbox.emulators import Ground, OverBanks, Shown
from caudal_sandbox.faults import Fault
from caudal_sandbox.plaid import trouble
from caudal_sandbox.plaid.app import Api
from caudal_sandbox.plaid.door import Door, has_movements
from caudal_sandbox.plaid.emulator import Emulator, Options
from caudal_sandbox.plaid.hosted import Hosted
from caudal_sandbox.plaid.link import PAGES
from caudal_sandbox.plaid.records.accounts import has_transactions


class Plaid(OverBanks, Posting):
    """One Plaid over the world."""

    name = "plaid"
    prefix = ""

    def __init__(self, ground: Ground, options: Options | None = None) -> None:
        self.emulator = Emulator(ground.world, ground.faults, ground.clock, options or Options())
        self.courier = self.emulator.courier
        self.door: Sequence[DoorRoute] = Door(self.emulator).routes
        self.app: ASGIApp = self._answer
        self._api = Api(self.emulator)
        self._hosted = Hosted(self.emulator)

    def check(self, fault: Fault) -> None:
        """Raises ValueError for a code Plaid doesn't know, an impossible status."""
        trouble.check(fault)

    def status(self) -> Mapping[str, object]:
        """Its Items, the fate of its webhooks, its limits."""
        emulator = self.emulator
        return {
            "items": len(emulator.items),
            "webhooks": emulator.courier.counts,
            "limits": emulator.limits.regime,
        }

    def shown(self) -> Iterator[Shown]:
        """The accounts of its Items."""
        world = self.emulator.world
        for item in self.emulator.items:
            for reference, account in item.truth_accounts().items():
                terms = world.account(account).terms
                yield Shown(
                    item.item_id,
                    reference,
                    account,
                    item.visible_from,
                    told=has_movements(item, terms),
                    pending=has_transactions(terms),
                )

    def deadlines(self, after: datetime, until: datetime) -> Sequence[datetime]:
        """When logins and consents end."""
        return self.emulator.deadlines(after, until)

    def go_on(self) -> Iterator[object]:
        """It goes to every bank."""
        return self.emulator.go_on()

    def flush(self) -> None:
        """Send what waits."""
        self.emulator.flush()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        app: ASGIApp = self._hosted if scope["path"].startswith(PAGES) else self._api
        await app(scope, receive, send)
