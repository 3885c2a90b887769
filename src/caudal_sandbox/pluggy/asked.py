"""What every call needs: who asks for what, lists in pages, and what is found by an id that was asked for."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from caudal_sandbox.economy.movements import AccountId
from caudal_sandbox.economy.view import AccountView
from caudal_sandbox.pluggy.connectors import CONNECTORS, Connector
from caudal_sandbox.pluggy.emulator import Emulator
from caudal_sandbox.pluggy.errors import PluggyError, forbidden, invalid
from caudal_sandbox.pluggy.items import Item
from caudal_sandbox.pluggy.keys import Bearer

Told = Mapping[str, object] | Sequence[object]
PAGE_MAX: Final = 500
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class Asked:
    """One call."""

    def __init__(self, bearer: Bearer, query: Mapping[str, str], body: Mapping[str, object]) -> None:
        self.bearer = bearer
        self.query = query
        self.body = body

    def only(self, *names: str) -> Mapping[str, str]:
        """The query, which may name these alone (contract §5.1: whitelist validation)."""
        for name in self.query:
            if name not in names:
                raise invalid(f"property {name} should not exist")
        return self.query


Call = Callable[[Emulator, Asked, str], Told]
"""The emulator, what is asked, and the id in the path ('' where there is none)."""


def page_of(rows: Sequence[object], query: Mapping[str, str] | None = None) -> dict[str, object]:
    """A list in pages from 1, of `pageSize`; the whole where the endpoint takes none."""
    size = min(_number(query, "pageSize", PAGE_MAX), PAGE_MAX) if query is not None else max(1, len(rows))
    number = _number(query or {}, "page", 1)
    shown = rows[(number - 1) * size : number * size]
    return {"total": len(rows), "totalPages": max(1, -(-len(rows) // size)), "page": number, "results": shown}


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    said = query.get(name, str(default))
    if not said.isdigit() or not int(said):
        raise invalid(f"{name} must be a positive number")
    return int(said)


def text_of(told: Mapping[str, object], name: str) -> str | None:
    return str(told[name]) if told.get(name) else None


def mine(pluggy: Emulator, asked: Asked) -> list[Item]:
    return [each for each in pluggy.items if each.client_id == asked.bearer.client_id]


def item_of(pluggy: Emulator, asked: Asked, ident: str) -> Item:
    """Raises PluggyError; also for an item that a connect token isn't for."""
    if not _UUID.fullmatch(ident):
        raise invalid("itemId must be a UUID")
    session = asked.bearer.session
    if session is not None and session.item != ident:
        raise forbidden()
    found = pluggy.items.get(ident, asked.bearer.client_id)
    if found is None:
        raise PluggyError("ITEM_NOT_FOUND")
    pluggy.struck(found)
    return found


def account_of(pluggy: Emulator, asked: Asked, ident: str | None) -> tuple[Item, AccountView]:
    if ident is None or not _UUID.fullmatch(ident):
        raise invalid("accountId should not be null or undefined,accountId must be a UUID")
    for item in mine(pluggy, asked):
        for each in item.accounts():
            if item.account_id(AccountId(each)) == ident:
                pluggy.struck(item)
                return item, pluggy.world.account(each)
    raise PluggyError("ACCOUNT_NOT_FOUND")


def connector_of(ident: str) -> Connector:
    found = CONNECTORS.get(int(ident)) if ident.isdigit() else None
    if found is None:
        raise PluggyError("CONNECTOR_NOT_FOUND")
    return found
