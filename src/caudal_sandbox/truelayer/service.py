"""TrueLayer as the sandbox's service holds it: its three hosts below one prefix."""

from collections.abc import Iterator, Mapping
from datetime import date

from starlette.types import ASGIApp

from caudal_sandbox.emulators import Ground, OverBanks, Shown, WithoutWebhooks
from caudal_sandbox.faults import Fault
from caudal_sandbox.playing import check_status
from caudal_sandbox.truelayer import records
from caudal_sandbox.truelayer.app import Api, check_code
from caudal_sandbox.truelayer.emulator import Emulator


class TrueLayer(OverBanks, WithoutWebhooks):
    """One TrueLayer over the world. What its asynchronous calls would post stays in its outbox."""

    name = "truelayer"
    prefix = "/truelayer"

    def __init__(self, ground: Ground, *, limited: bool = True) -> None:
        self.emulator = Emulator(ground.world, ground.faults, ground.clock, limited=limited)
        self.app: ASGIApp = Api(self.emulator)

    def check(self, fault: Fault) -> None:
        """Raises ValueError for a code TrueLayer doesn't know, an impossible status."""
        check_code(fault)
        check_status(fault)

    def status(self) -> Mapping[str, object]:
        """How many consents stand."""
        now = self.emulator.world.now
        return {"connections": sum(each.live(now) for each in self.emulator.connections.all)}

    def shown(self) -> Iterator[Shown]:
        """The accounts that were told of, each from the first day that was asked for, whichever consent it was."""
        world = self.emulator.world
        told_from: dict[str, date] = {}
        for connection in self.emulator.connections.all:
            for view in world.accounts(connection.holder):
                reference = records.account_id(view.terms)
                if reference not in connection.told_from:
                    continue
                first = min(connection.told_from[reference], told_from.get(reference, date.max))
                told_from[reference] = first
                yield Shown(
                    connection.credentials_id,
                    reference,
                    view.terms.id,
                    max(world.begins, first),
                    pending="pending" not in connection.bank.quirks.unsupported,
                )
