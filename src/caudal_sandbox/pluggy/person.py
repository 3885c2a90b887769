"""A person at Pluggy's widget or at a bank's page, who does the next thing that is to be done there."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qs, urlsplit

from caudal_sandbox.door import Asking
from caudal_sandbox.pluggy.connectors import CONNECTORS, Connector
from caudal_sandbox.pluggy.emulator import Emulator
from caudal_sandbox.pluggy.items import Item
from caudal_sandbox.pluggy.logins import MESSAGES, PASSWORD, TOKEN

DEFAULT: Final = 2
CPF: Final = "416.799.495-00"


class Person(Asking, frozen=True, kw_only=True):
    """Who is at which page. `decision`: what they say to their bank."""

    hosted_link_url: str
    institution_id: str | None = None
    username: str | None = None
    password: str | None = None
    decision: str = "approve"


class Seen(Asking, frozen=True, kw_only=True):
    """How it ended. `problem`: what the page says is wrong."""

    step: str
    problem: Mapping[str, str] | None
    item_id: str


def finish(emulator: Emulator, person: Person) -> Seen:
    """Go through that page. Raises KeyError for one there isn't, PluggyError where its token is worth nothing."""
    parts = urlsplit(person.hosted_link_url)
    if "/oauth/" in parts.path:
        item = emulator.decide(parts.path.rpartition("/")[2], person.decision)
        emulator.run(item)
        return _seen(item)
    token = parse_qs(parts.query).get("connect_token", [""])[0]
    said = {"user": person.username or "user-ok", "password": person.password or PASSWORD, "cpf": CPF}
    return connect(emulator, token, person.institution_id, {**said, "token": TOKEN}, person.decision)


def connect(
    emulator: Emulator,
    token: str,
    institution: str | None,
    said: Mapping[str, str],
    decision: str = "approve",
) -> Seen:
    """Log in through the widget: a new item, or the one that the token is there to mend."""
    session = emulator.keys.bearer(token).session
    if session is None:
        raise KeyError("that is no connect token")
    item = emulator.items.get(session.item, session.client_id)
    if item is None:
        found: Connector | None = CONNECTORS.get(int(institution or _home(emulator, said.get("user", ""))))
        if found is None:
            raise KeyError(f"no connector {institution}")
        item = emulator.items.make(session.client_id, found, said, "USER")
        item.client_user, item.webhook_url = session.client_user, session.webhook_url
        session.item = item.id
    else:
        emulator.items.update(item, said, "USER")
    emulator.run(item)
    if item.waits_for in {"text", "image", "select"}:
        item.answered(right=said.get("token") == TOKEN, code="INVALID_CREDENTIALS_MFA")
    elif item.waits_for is not None:
        emulator.decide(item.oauth, decision)
    emulator.run(item)
    return _seen(item)


def filled(fields: list[str], username: str) -> Mapping[str, str]:
    """What somebody says to the fields of a bank's form. Raises KeyError for one that no form has."""
    known = {"user": username, "password": PASSWORD, "cpf": CPF, "token": TOKEN}
    return {name: known[name] for name in fields}


def _home(emulator: Emulator, name: str) -> int:
    """Where somebody of the world banks first; else the sandbox's own bank."""
    holder = emulator.world.holder(name)
    banks = {
        each.institution.id: each.id
        for each in CONNECTORS.values()
        if each.institution and not each.open_finance
    }
    return banks.get(holder.accounts[0].institution.id, DEFAULT) if holder else DEFAULT


def _seen(item: Item) -> Seen:
    problem = {"error_code": item.error, "error_message": MESSAGES[item.error]} if item.error else None
    return Seen(step=item.execution, problem=problem, item_id=item.id)
