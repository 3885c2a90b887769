"""The pages for people: consent and bank, login, and back to the client with a code (contract, §2.1, §2b)."""

from html import escape
from typing import Final
from urllib.parse import urlencode

import msgspec

from caudal_sandbox.truelayer.banks import BANKS, offered
from caudal_sandbox.truelayer.connections import Connection
from caudal_sandbox.truelayer.emulator import SCOPES, Emulator
from caudal_sandbox.truelayer.errors import Refused
from caudal_sandbox.truelayer.records import hexed

LOGIN: Final = "/dialog"
_ETERNAL: Final = "eternal"


class Session(msgspec.Struct, frozen=True):
    """A person on their way. `again`: the consent that is extended."""

    client_id: str
    redirect_uri: str
    scope: str
    state: str
    providers: str
    provider_id: str
    challenge: str
    again: Connection | None = None


class Dialog:
    """Who is on their way through the pages. Each link opens once."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._sessions: dict[str, Session] = {}
        self._opened: set[str] = set()

    def open(self, query: dict[str, str], link: str) -> str:
        """A session that begins at that link. Raises invalid_request for a link that can't do or was opened before."""
        redirect_uri, allowed = query.get("redirect_uri", ""), self._emulator.redirect_uris
        right = query.get("response_type") == "code" and query.get("client_id") and redirect_uri
        if not right or (allowed and redirect_uri not in allowed) or link in self._opened:
            raise Refused("invalid_request", auth=True)
        self._opened.add(link)
        session = hexed("session", link)
        self._sessions.setdefault(
            session,
            Session(
                query["client_id"],
                redirect_uri,
                query.get("scope", ""),
                query.get("state", ""),
                query.get("providers", ""),
                query.get("provider_id", ""),
                query.get("code_challenge", ""),
            ),
        )
        return session

    def extension(self, connection: Connection, redirect_uri: str, state: str, origin: str) -> str:
        """The link at which a consent is extended."""
        ticket = hexed("extension", connection.credentials_id, state, len(self._sessions))
        self._sessions[ticket] = Session(
            connection.client_id,
            redirect_uri,
            " ".join(connection.scopes),
            state,
            connection.bank.provider_id,
            connection.bank.provider_id,
            "",
            connection,
        )
        return f"{origin}{LOGIN}?session={ticket}"

    def page(self, session: str) -> str:
        """The page of a session under way. Raises invalid_request."""
        if session not in self._sessions:
            raise Refused("invalid_request", auth=True)
        return self._page(session)

    def submit(self, form: dict[str, str]) -> str:
        """Where the person is sent after filling in the page: back to the client. Raises as `open`, and access_denied."""
        session = self._sessions.get(form.get("session", ""))
        if session is None:
            raise Refused("invalid_request", auth=True)
        if "cancel" in form:
            del self._sessions[form["session"]]
            return _back(session, {"error": "access_denied"})
        bank = BANKS.get(form.get("provider_id", ""))
        if bank is None or bank not in offered(session.providers):
            raise Refused("invalid_request", auth=True)
        user, password = form.get("username", ""), form.get("password", "")
        name, accounts, broken = self._emulator.log_in(bank, user, password)
        del self._sessions[form["session"]]
        holder = self._emulator.world.holder(name)
        if holder is None:
            raise Refused("access_denied", auth=True)
        connection = self._emulator.connections.add(
            client_id=session.client_id,
            bank=bank,
            holder=holder,
            accounts=accounts,
            scopes=frozenset(session.scope.split()) & SCOPES,
            again=session.again,
        )
        connection.broken, connection.eternal = broken, password == _ETERNAL
        code = self._emulator.connections.code(connection, session.redirect_uri, session.challenge)
        return _back(session, {"code": code, "scope": session.scope})

    def _page(self, session: str) -> str:
        told = self._sessions[session]
        banks = [
            bank
            for bank in offered(told.providers)
            if told.provider_id in {"", bank.provider_id, "uk-cs-mock"}
        ]
        choices = "".join(
            f'<option value="{escape(bank.provider_id)}">{escape(bank.name)}</option>' for bank in banks
        )
        return (
            "<!doctype html><html lang=en><title>Share your accounts</title>"
            f"<h1>{escape(told.client_id)} asks to read: {escape(told.scope)}</h1>"
            f'<form method=post action="dialog"><input type=hidden name=session value="{escape(session)}">'
            f"<label>Bank <select name=provider_id>{choices}</select></label>"
            "<label>User <input name=username></label><label>Password <input name=password type=password></label>"
            "<button>Allow for 90 days</button><button name=cancel value=1>Cancel</button></form></html>"
        )


def _back(session: Session, told: dict[str, str]) -> str:
    joined = "&" if "?" in session.redirect_uri else "?"
    state = {"state": session.state} if session.state else {}
    return session.redirect_uri + joined + urlencode({**told, **state})
