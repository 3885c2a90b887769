"""TrueLayer as the sandbox's service holds it: its three hosts below one prefix."""

from collections.abc import Iterator, Mapping
from datetime import date
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from caudal_sandbox.door import Done, DoorRoute, Person, answer, read
from caudal_sandbox.emulators import Ground, OverBanks, Shown, WithoutWebhooks
from caudal_sandbox.faults import Fault
from caudal_sandbox.playing import check_status
from caudal_sandbox.truelayer import records
from caudal_sandbox.truelayer.app import Api, check_code
from caudal_sandbox.truelayer.emulator import Emulator
from caudal_sandbox.truelayer.errors import Refused


class TrueLayer(OverBanks, WithoutWebhooks):
    """One TrueLayer over the world. What its asynchronous calls would post stays in its outbox."""

    name = "truelayer"
    prefix = "/truelayer"

    def __init__(self, ground: Ground, *, limited: bool = True) -> None:
        self.emulator = Emulator(ground.world, ground.faults, ground.clock, limited=limited)
        self._api = Api(self.emulator)
        self.app: ASGIApp = self._api
        self.door = (DoorRoute("POST", "/link/finish", self._finish),)

    async def _finish(self, request: Request) -> Response:
        """A person goes through the dialog."""
        asked = await read(request, Person)
        told = urlsplit(asked.hosted_link_url)
        query = dict(parse_qsl(told.query))
        dialog = self._api.dialog
        try:
            session = query["session"] if "session" in query else dialog.open(query, told.query)
            form = {
                "session": session,
                "provider_id": asked.institution_id
                or query.get("provider_id")
                or self._bank_of(asked.username),
                "username": asked.username,
                "password": asked.password,
            }
            return answer(Done("back", goes_to=dialog.submit(form)))
        except Refused as refusal:
            said = {"error_code": refusal.code, "error_message": refusal.words}
            return answer(Done("bank", problem=said))

    def _bank_of(self, name: str) -> str:
        """Where that person banks first. Raises KeyError for nobody."""
        holder = self.emulator.world.holder(name)
        if holder is None:
            raise KeyError(f"nobody here is called {name}")
        return f"ob-{holder.accounts[0].institution.id}"

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
