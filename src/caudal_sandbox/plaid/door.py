"""Plaid's part of the sandbox's own door: its Items and what is done to them, a person at its page, its webhooks."""

from collections.abc import Sequence
from http import HTTPStatus
from itertools import islice
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from caudal_sandbox.door import DoorRoute, Handler, answer, read
from caudal_sandbox.economy.accounts import Account
from caudal_sandbox.plaid.emulator import Emulator
from caudal_sandbox.plaid.errors import PlaidError, described
from caudal_sandbox.plaid.items import Item
from caudal_sandbox.plaid.person import Person, walk
from caudal_sandbox.plaid.records.accounts import AccountType, has_transactions, type_of
from caudal_sandbox.world import World

JOURNAL_SHOWN_MAX: Final = 1_000


class Door:
    """What can be asked below ``/_sandbox/plaid``."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    @property
    def routes(self) -> Sequence[DoorRoute]:
        """Each, its refusals told in Plaid's words."""
        return [
            DoorRoute(method, path, _in_plaids_words(handler))
            for method, path, handler in (
                ("GET", "/items", self._items),
                ("POST", "/items/{item_id}/{what}", self._item),
                ("POST", "/link/finish", self._link_finish),
                ("GET", "/webhooks", self._webhooks),
                ("POST", "/webhooks/settled", self._webhooks_settled),
                ("POST", "/keys/rotate", self._keys_rotate),
            )
        ]

    async def _items(self, _request: Request) -> Response:
        return answer([_item_told(item, self._emulator.world) for item in self._emulator.items])

    async def _item(self, request: Request) -> Response:
        emulator = self._emulator
        item = emulator.items.by_id(request.path_params["item_id"])
        match request.path_params["what"]:
            case "reset_login":
                emulator.break_login(item, "ITEM_LOGIN_REQUIRED")
            case "repair":
                emulator.log_in_again(item)
            case "revoke":
                emulator.revoke(item)
            case "reissue":
                item.reissue()
            case "touch":
                item.touch()
            case "update":
                emulator.notify(item, item.update(emulator))
            case what:
                raise KeyError(
                    f"nothing is called {what}: reset_login, repair, revoke, reissue, touch, update are"
                )
        emulator.flush()
        await emulator.courier.attempted()
        return answer(_item_told(item, self._emulator.world))

    async def _link_finish(self, request: Request) -> Response:
        seen = walk(self._emulator, await read(request, Person))
        self._emulator.flush()
        await self._emulator.courier.attempted()
        return answer(seen)

    async def _webhooks(self, _request: Request) -> Response:
        journal = self._emulator.courier.journal
        return answer(
            [
                {
                    "number": each.number,
                    "url": each.hook.url,
                    "key": each.hook.key,
                    "item_id": each.hook.item_id,
                    "fate": each.fate,
                    "guise": each.guise,
                    "attempts": each.attempts,
                }
                for each in islice(journal, max(0, len(journal) - JOURNAL_SHOWN_MAX), None)
            ]
        )

    async def _webhooks_settled(self, _request: Request) -> Response:
        """Answers when nothing is on its way any more: with real waits that may be a day."""
        await self._emulator.courier.settled()
        return answer(self._emulator.courier.counts)

    async def _keys_rotate(self, _request: Request) -> Response:
        return answer({"key_id": self._emulator.keys.rotate()})


def _in_plaids_words(handler: Handler) -> Handler:
    async def inside(request: Request) -> Response:
        try:
            return await handler(request)
        except PlaidError as error:
            return answer({"error": str(error), "plaid": described(error)}, HTTPStatus.BAD_REQUEST)

    return inside


def has_movements(item: Item, account: Account) -> bool:
    """Whether Plaid tells the account's movements to the item's client."""
    if type_of(account) is AccountType.INVESTMENT:
        return "investments" in {*item.products, *item.consented_products}
    return has_transactions(account)


def _item_told(item: Item, world: World) -> dict[str, object]:
    """Which account of the world each of its accounts is, whether its movements are told, and whether also those that
    are pending (of investments only what is settled): for judging a ledger. No token."""
    return {
        "item_id": item.item_id,
        "client_id": item.client_id,
        "institution_id": item.institution.institution_id,
        "username": item.username,
        "accounts": {
            account_id: {
                "account": account,
                "visible_from": item.visible_from,
                "told": has_movements(item, world.account(account).terms),
                "pending": has_transactions(world.account(account).terms),
            }
            for account_id, account in item.truth_accounts().items()
        },
        "products": item.products,
        "stage": item.stage,
        "armed": item.armed,
        "error": item.error,
    }
