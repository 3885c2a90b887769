"""One call of the API as an endpoint of the front sees it: who asks, for what, about which Item."""

from collections.abc import Callable
from typing import Any, Generic, Literal, TypeVar

import msgspec

from caudal_sandbox.plaid.emulator import Emulator
from caudal_sandbox.plaid.items import Item

Asked = TypeVar("Asked")


class Call(msgspec.Struct, Generic[Asked], frozen=True):
    """`asked`: the request, read and checked. `item`: what its access token stands for, where the endpoint takes one.
    `origin`: how the client reached the emulator (``http://127.0.0.1:8081``), for addresses it shall visit.
    """

    client_id: str
    asked: Asked
    item: Item | None
    origin: str

    @property
    def of_item(self) -> Item:
        """The Item of an endpoint that takes one."""
        if self.item is None:
            raise TypeError("this endpoint takes no access token")
        return self.item


class Route(msgspec.Struct, frozen=True):
    """An endpoint: where it is, what it takes, whether an access token leads to an Item, and how it answers."""

    path: str
    request: type[msgspec.Struct]
    scope: Literal["item", "client"]
    answer: Callable[[Emulator, Call[Any]], object]  # each endpoint takes the request it names
