"""Plaid's data endpoints called without a server: every answer checked against Plaid's own description."""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec
from tests.support import openapi

from caudal_sandbox.economy.holders import Holder
from caudal_sandbox.plaid import errors
from caudal_sandbox.plaid.answers import ENDPOINTS
from caudal_sandbox.plaid.errors import PlaidError
from caudal_sandbox.plaid.institutions import CATALOGUE, PlaidInstitution
from caudal_sandbox.plaid.items import Item, Items
from caudal_sandbox.plaid.notices import Notice
from caudal_sandbox.plaid.users import Admitted, login
from caudal_sandbox.plaid.wire import encode
from caudal_sandbox.world import World

Json = dict[str, Any]

_REQUEST_ID = "abcdefghijklmno"
_NUMBERS = msgspec.json.Decoder(float_hook=Decimal)


class Plaid:
    """Items and answers over one world, and the webhooks they would have sent."""

    def __init__(self, world: World, *, checked: bool = True) -> None:
        self._world = world
        self._items = Items(world)
        self.checked = checked
        self.withheld: Collection[str] = frozenset()
        self.sent: list[tuple[Item, Notice]] = []

    @property
    def world(self) -> World:
        return self._world

    @property
    def items(self) -> Items:
        return self._items

    @property
    def catalogue(self) -> Mapping[str, PlaidInstitution]:
        return CATALOGUE

    def notify(self, item: Item, notices: Sequence[Notice]) -> None:
        self.sent += [(item, notice) for notice in notices]

    def codes(self) -> list[str]:
        """The codes of the webhooks sent since this was last asked."""
        sent, self.sent = self.sent, []
        return [notice.webhook_code for _, notice in sent]

    def update(self, item: Item) -> list[str]:
        """Plaid goes to the bank; the codes of the webhooks that causes."""
        notices = item.update(self)
        self.notify(item, notices)
        return [notice.webhook_code for notice in notices]

    def call(self, path: str, item: Item | None = None, **fields: object) -> Json:
        """The answer to a request; of an error its body. Numbers are Decimal."""
        endpoint = ENDPOINTS[path]
        body = {"access_token": item.access_token, **fields} if item else fields
        try:
            asked = msgspec.convert(body, endpoint.request)
            told = self.items.by_token(item.access_token) if item else None
            raw, status = encode(endpoint.answer(self, told, asked), _REQUEST_ID), 200
        except PlaidError as error:
            raw, status = encode(errors.body(error, _REQUEST_ID)), error.http_status
        if self.checked:
            openapi.plaid().check(path, status, raw)
        answer: Json = _NUMBERS.decode(raw)
        return answer


def institution_of(holder: Holder, slug: str = "checking") -> PlaidInstitution:
    """Where the holder has the account of that slug."""
    bank = next(each.institution for each in holder.accounts if each.id.endswith(f":{slug}"))
    return next(each for each in CATALOGUE.values() if each.bank.id == bank.id)


def open_item(
    plaid: Plaid,
    username: str,
    institution: PlaidInstitution,
    *,
    password: str = "pass_good",
    products: Sequence[str] = ("transactions",),
    consented: Collection[str] = (),
    days_requested: int = 730,
) -> Item:
    """An item on every account of a login that is let in at once."""
    admitted = login(plaid.world, institution, username, password)
    assert isinstance(admitted, Admitted), admitted
    return plaid.items.open(
        client_id="client",
        institution=institution,
        login=admitted,
        username=username,
        accounts=admitted.accounts,
        products=products,
        consented=consented,
        webhook="http://127.0.0.1:9/hook",
        days_requested=days_requested,
    )
