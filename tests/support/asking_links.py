"""A provider that exists to be linked with: by fields in several rounds, by a redirect to us, or by a widget that answers
by webhook. It has nothing to pull."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Final, Self

import msgspec

from caudal.model.changes import Cursor, Page
from caudal.model.errors import NotGenuine, Refused
from caudal.providers.base import (
    Abandoned,
    Access,
    Ask,
    Capability,
    Delivery,
    Fields,
    InstitutionFound,
    LinkAnswer,
    Linked,
    LinkRequest,
    LinkSignal,
    LinkState,
    LinkStep,
    Mended,
    Signal,
    Visit,
)

STATE: Final = "CANARY-state-word"
CODE: Final = "CANARY-code-71"
BANK: Final = InstitutionFound("alder", "Alder Bank")
LIFE: Final = timedelta(seconds=20)


class AskingProvider(AbstractAsyncContextManager["AskingProvider"]):
    """Linked in the way that its `way` says: ``fields``, ``redirect`` or ``widget``. `life`: how long a visit lasts."""

    name = "alder"
    capabilities = frozenset({Capability.LINK, Capability.REDIRECT, Capability.WEBHOOKS})

    def __init__(self, way: str, life: timedelta = LIFE) -> None:
        self.way = way
        self.life = life
        self.requests: list[LinkRequest] = []
        self.answers: list[LinkAnswer] = []

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is open."""

    async def __aenter__(self) -> Self:
        return self

    async def begin_link(self, request: LinkRequest) -> LinkStep:
        """The first step of its way."""
        self.requests.append(request)
        until = datetime.now(UTC) + self.life
        state = LinkState("relink" if request.relink else "new")
        match self.way:
            case "fields":
                what = {"key": "the API key", "secret": "the API secret"}
                return Ask(what, state, frozenset({"secret"}))
            case "redirect":
                page = f"https://alder.example/auth?redirect_uri={request.return_url}"
                return Visit(page, state, until, returns=STATE)
            case _:
                page = "https://alder.example/widget"
                return Visit(page, state, until, 1, session="session-1", by_webhook=True)

    async def continue_link(self, answer: LinkAnswer) -> LinkStep:
        """A second round for fields; else the connection."""
        self.answers.append(answer)
        if not isinstance(answer, Fields):
            raise Refused(f"alder: {type(answer).__name__} makes no sense here")
        told = answer.values
        if "error" in told:
            return Abandoned(f"the bank said {told['error']}")
        if self.way == "fields" and "otp" not in told:
            state = LinkState(f"{answer.state.value}\n{told['secret']}")
            return Ask({"otp": "the code from your phone"}, state, why="a code is on its way")
        if answer.state.value.startswith("relink"):
            return Mended({"token": b"CANARY-newer-token"})
        return Linked(told.get("item", "login-1"), BANK, {"token": b"CANARY-token"})

    async def pull(self, access: Access, cursor: Cursor) -> AsyncIterator[Page]:
        """Nothing."""
        yield Page((), cursor, more=False)

    async def refresh(self, access: Access) -> None:
        """Nothing to ask for."""

    async def revoke(self, access: Access) -> None:
        """Nothing to end."""

    async def verify_webhook(self, delivery: Delivery) -> str:
        """Genuine is what says so."""
        if delivery.headers.get("alder") != "genuine":
            raise NotGenuine("not Alder's")
        return delivery.body.decode()

    def signals_of(self, body: bytes) -> list[Signal]:
        """A link's result."""
        return [msgspec.json.decode(body, type=LinkSignal)]
