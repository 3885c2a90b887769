"""A client of the API, for programs:

    from caudal.client import Caudal

    with Caudal("http://127.0.0.1:8710", key) as hub:
        [space] = hub.list_spaces().data
        for movement in hub.items(hub.list_transactions, space.space_id, text="rent"):
            print(movement.booked_on, movement.amount, movement.currency)

`AsyncCaudal` is the same to be awaited. Every operation of the API's document is a method, what it gives a typed struct,
amounts Decimal. What can do no harm is asked again when the line breaks or the hub is busy; each POST has a name of its
own (Idempotency-Key), so that it is done once however often it is sent.
"""

from caudal.client.core import ApiError, Event, Fault, Page, Unreachable
from caudal.client.operations import AsyncOperations, Operations


class Caudal(Operations):
    """A hub, asked by a key or in a session."""


class AsyncCaudal(AsyncOperations):
    """The same, to be awaited."""


__all__ = ["ApiError", "AsyncCaudal", "Caudal", "Event", "Fault", "Page", "Unreachable"]
