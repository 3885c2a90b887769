"""Belvo's part of the sandbox's own door: its links and what is done to them, a person at its widget, its dashboard."""

from collections.abc import Callable, Sequence
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from caudal_sandbox.belvo import widget
from caudal_sandbox.belvo.emulator import Emulator
from caudal_sandbox.belvo.errors import BelvoError
from caudal_sandbox.door import Asking, Done, DoorRoute, Filling, Person, answer, read


class _Dashboard(Asking, frozen=True):
    """Where webhooks go, and with which header."""

    url: str
    authorization: str = ""


class Door:
    """What can be asked below ``/_sandbox/belvo``. `begun`: called where a link was made."""

    def __init__(self, emulator: Emulator, begun: Callable[[], None]) -> None:
        self._emulator = emulator
        self._begun = begun

    @property
    def routes(self) -> Sequence[DoorRoute]:
        """Each."""
        return (
            DoorRoute("GET", "/links", self._links),
            DoorRoute("POST", "/links/{link_id}/{what}", self._link),
            DoorRoute("POST", "/link/fields", self._fields),
            DoorRoute("POST", "/link/finish", self._finish),
            DoorRoute("POST", "/webhook", self._webhook),
        )

    async def _links(self, _request: Request) -> Response:
        return answer(
            [
                {
                    "link": link.id,
                    "institution": link.bank.name,
                    "person": link.holder.name,
                    "status": link.status,
                }
                for link in self._emulator.links.values()
            ]
        )

    async def _link(self, request: Request) -> Response:
        emulator = self._emulator
        link = emulator.links[request.path_params["link_id"]]
        match request.path_params["what"]:
            case "break":
                emulator.break_login(link)
            case "token":
                emulator.break_login(link, "token_required")
            case "authorise" | "reject" if link.consent:
                done = {"authorise": "AUTHORISED", "reject": "REJECTED"}
                link.consent.status = done[request.path_params["what"]]
            case "reissue":
                link.issue += 1
                emulator.collect(link)
            case "delete":
                emulator.links.pop(link.id)
                emulator.hooks.tell(link, "LINK", "link_deleted")
            case what:
                raise ValueError(
                    f"nothing is called {what}: break, token, authorise, reject, reissue, delete"
                )
        emulator.hooks.flush()
        return answer({"link": link.id, "status": link.status})

    async def _fields(self, request: Request) -> Response:
        """What a person says who is asked who they are, or for their login."""
        asked = await read(request, Filling)
        said = {"username": asked.username, "password": "right", "token": "12345"}
        if "document" in asked.fields:
            said["document"], said["name"] = widget.who(self._emulator, asked.username)
        return answer({"values": {name: said.get(name, "") for name in asked.fields}})

    async def _finish(self, request: Request) -> Response:
        """A person goes through the widget, and allows it."""
        asked, emulator = await read(request, Person), self._emulator
        query = dict(parse_qsl(asked.hosted_link_url.partition("?")[2]))
        bank = asked.institution_id or query.get("institutions") or "ofmockbank_br_retail"
        try:
            back = widget.submitted(emulator, {**query, "institution": bank, "answer": "allow"})
        except BelvoError as error:
            return answer(Done("widget", problem={"error_code": error.code, "error_message": error.words}))
        self._begun()
        emulator.hooks.flush()
        return answer(Done("back", goes_to=back))

    async def _webhook(self, request: Request) -> Response:
        asked = await read(request, _Dashboard)
        self._emulator.hooks.url, self._emulator.hooks.authorization = asked.url, asked.authorization
        return answer({"url": asked.url})
