"""An endpoint of the API: what it takes, and how it answers."""

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from caudal_sandbox.plaid.items import Item, Service


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every request refuses: a field it doesn't know (UNKNOWN_FIELDS). Client id and secret are taken out of the
    body before it is read."""


class ItemRequest(Request, frozen=True, kw_only=True):
    """A request about one item."""

    access_token: str


class Empty(msgspec.Struct, frozen=True):
    """An answer that says no more than that it was done."""


class Endpoint(msgspec.Struct, frozen=True):
    """`scope`: whether an access token leads to an item, which `answer` then gets (else None). `answer` raises
    `PlaidError`."""

    path: str
    request: type[Request]
    scope: Literal["item", "client"]
    answer: Callable[[Service, Item | None, Any], msgspec.Struct]  # each endpoint takes the request it names


def of(item: Item | None) -> Item:
    """The item of an endpoint that takes one. Raises TypeError where the front gave none."""
    if item is None:
        raise TypeError("this endpoint is about an item")
    return item
