"""The hosted page over HTTP: a person's browser asks for it, and sends its forms back to the same address."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs

from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from caudal_sandbox.economy.movements import AccountId
from caudal_sandbox.plaid import link_walk
from caudal_sandbox.plaid.emulator import Emulator
from caudal_sandbox.plaid.errors import PlaidError
from caudal_sandbox.plaid.link import PAGES
from caudal_sandbox.plaid.link_pages import HEADERS, gone, page
from caudal_sandbox.plaid.link_state import Session, Step
from caudal_sandbox.plaid.link_tokens import LinkToken

FORM_MAX: Final = 262_144
"""Bytes of a form: a custom user's password is a JSON object of up to 55 kB, escaped."""
FIELDS_MAX: Final = 200

Form = Mapping[str, Sequence[str]]


class Hosted:
    """The hosted pages as an ASGI application."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._response(request)
            await response(scope, receive, send)
        except ClientDisconnect:
            return
        finally:
            self._emulator.flush()

    async def _response(self, request: Request) -> Response:
        emulator = self._emulator
        try:
            token = emulator.tokens.of_page(request.url.path.removeprefix(PAGES))
            session = link_walk.visit(emulator, token)
            if request.method == "POST":
                form = await _form(request)
                submit(emulator, token, session, form)
                return RedirectResponse(_next(request, token), HTTPStatus.SEE_OTHER, HEADERS)
        except PlaidError:
            return HTMLResponse(gone(), HTTPStatus.NOT_FOUND, HEADERS)
        except ValueError:
            return HTMLResponse(gone(), HTTPStatus.BAD_REQUEST, HEADERS)
        if request.method != "GET":
            return Response(status_code=HTTPStatus.METHOD_NOT_ALLOWED, headers={"Allow": "GET, POST"})
        return HTMLResponse(page(emulator, token, session), headers=HEADERS)


def submit(emulator: Emulator, token: LinkToken, session: Session, form: Form) -> None:
    """Do what a form asks for. One that was sent from another step than the session's does nothing."""
    do = _one(form, "do")
    if do == "again" and session.step is Step.LEFT:
        link_walk.begin(emulator, token)
        return
    if _one(form, "step") != session.step:
        return
    match do:
        case "search":
            link_walk.search(emulator, session, _one(form, "query"))
        case "choose":
            link_walk.choose(emulator, token, session, _one(form, "institution_id"))
        case "back":
            link_walk.back(emulator, token, session)
        case "log_in":
            link_walk.log_in(emulator, token, session, _one(form, "username"), _one(form, "password"))
        case "answer":
            link_walk.answer(emulator, token, session, form.get("answer", ()))
        case "select":
            link_walk.select(emulator, token, session, _chosen(session, form.get("account", ())))
        case "agree":
            link_walk.agree(emulator, token, session)
        case "another":
            link_walk.another(emulator, session)
        case "finish" | "leave":
            link_walk.leave(emulator, token, session)


def _chosen(session: Session, numbers: Sequence[str]) -> list[AccountId]:
    """Accounts by their place on the page, from 1."""
    places = {str(number): account.id for number, account in enumerate(session.offered, 1)}
    return [places[number] for number in numbers if number in places]


def _next(request: Request, token: LinkToken) -> str:
    """Back to the page, or away from it once it is over and the client wants the person elsewhere."""
    hosted = token.wanted.hosted_link
    if token.sessions[-1].step.over and hosted is not None and hosted.completion_redirect_uri:
        return hosted.completion_redirect_uri
    return request.url.path


async def _form(request: Request) -> Form:
    """The fields of a form. Raises ValueError for more than a page of ours would send."""
    read = bytearray()
    async for chunk in request.stream():
        read += chunk
        if len(read) > FORM_MAX:
            raise ValueError(f"a form of more than {FORM_MAX} bytes")
    return parse_qs(read.decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX)


def _one(form: Form, name: str) -> str:
    return (form.get(name) or [""])[0]
