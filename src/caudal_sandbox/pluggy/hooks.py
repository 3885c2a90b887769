"""Pluggy's webhooks: registered by an application for an event, or by an item; ids alone in the body, and for proof the
headers that whoever registered them asked for (contract §6).
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from fractions import Fraction
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

import msgspec

from caudal_sandbox.courier import Courier as AnyCourier
from caudal_sandbox.courier import Delivery, Hook
from caudal_sandbox.faults import Faults, Strike
from caudal_sandbox.pluggy.errors import PluggyError, invalid
from caudal_sandbox.pluggy.items import Happening, Item
from caudal_sandbox.pluggy.names import stamp, uuid_of

PER_EVENT_MAX: Final = 5
HOST: Final = "https://api.pluggy.ai"
EVENTS: Final = (
    "item/created",
    "item/updated",
    "item/error",
    "item/deleted",
    "item/waiting_user_input",
    "item/waiting_user_action",
    "item/login_succeeded",
    "connector/status_updated",
    "transactions/created",
    "transactions/updated",
    "transactions/deleted",
)
"""What can be subscribed to, beside ``all`` and what concerns payments."""


class Registration(msgspec.Struct):
    """One subscription."""

    id: str
    client_id: str
    url: str
    event: str
    headers: dict[str, str]
    created: datetime
    updated: datetime
    disabled: datetime | None = None

    def record(self) -> dict[str, object]:
        """As JSON."""
        return {
            "id": self.id,
            "url": self.url,
            "event": self.event,
            "headers": self.headers,
            "createdAt": stamp(self.created),
            "updatedAt": stamp(self.updated),
            "disabledAt": stamp(self.disabled) if self.disabled else None,
        }


class Courier(AnyCourier):
    """Sends them. 9 attempts: three at once, three after an hour, three after two (contract §6, the older page)."""

    name = "pluggy"

    def __init__(
        self, faults: Faults, clock: Callable[[], datetime], *, time_scale: Fraction = Fraction(1)
    ) -> None:
        super().__init__(faults, clock, time_scale=time_scale)

    def pauses(self, delivery: Delivery) -> Iterator[timedelta]:
        """Eight further attempts; none of what was refused as unauthorised (the newer page)."""
        for pause in (0, 0, 3_600, 0, 0, 3_600, 0, 0):
            if delivery.attempts[-1].status in {401, 403}:
                return
            yield timedelta(seconds=pause)

    def forgery(self, hook: Hook, strike: Strike) -> Delivery:
        """The same without the right header, asking for the harm a webhook can ask for [how: ``bare``, ``wrong``]."""
        how = strike.fault.word("how") or strike.chance.pick(("bare", "wrong"))
        wrong = {name: f"{value}x" for name, value in hook.headers.items()} if how == "wrong" else {}
        told = {"event": "item/deleted", "eventId": uuid_of("forged", self.counts), "itemId": hook.item_id}
        body = msgspec.json.encode(told)
        delivery = self.opened(Hook(hook.url, hook.client_id, hook.item_id, hook.key, body, wrong))
        delivery.guise = how
        return delivery


class Hooks:
    """The subscriptions, and what is sent by them. `relaxed`: takes http and addresses of this machine, as tests need."""

    def __init__(self, courier: Courier, clock: Callable[[], datetime], *, relaxed: bool = True) -> None:
        self.courier = courier
        self._clock = clock
        self._relaxed = relaxed
        self._all: dict[str, Registration] = {}
        self._told = 0
        self._waiting: list[Hook] = []

    def of(self, client_id: str) -> list[Registration]:
        """An application's."""
        return [each for each in self._all.values() if each.client_id == client_id]

    def get(self, ident: str, client_id: str) -> Registration:
        """One. Raises PluggyError where there is none."""
        found = self._all.get(ident)
        if found is None or found.client_id != client_id:
            raise PluggyError("WEBHOOK_NOT_FOUND")
        return found

    def register(self, client_id: str, asked: Mapping[str, object]) -> Registration:
        """A new one. Raises PluggyError."""
        url, event = str(asked.get("url", "")), str(asked.get("event", ""))
        self._check(client_id, url, event)
        now = self._clock()
        ident = uuid_of("webhook", client_id, url, event)
        made = Registration(ident, client_id, url, event, _headers(asked), now, now)
        self._all[ident] = made
        return made

    def change(self, found: Registration, asked: Mapping[str, object]) -> Registration:
        """Another URL, event, headers; enabled or not. Raises PluggyError; also where URL and event stay the same."""
        url, event = str(asked.get("url", found.url)), str(asked.get("event", found.event))
        if {"url", "event"} & asked.keys():
            self._check(found.client_id, url, event)
        found.url, found.event, found.updated = url, event, self._clock()
        if "headers" in asked:
            found.headers = _headers(asked)
        if "enabled" in asked:
            found.disabled = None if asked["enabled"] else self._clock()
        return found

    def remove(self, found: Registration) -> None:
        """It is over."""
        del self._all[found.id]

    def _check(self, client_id: str, url: str, event: str) -> None:
        if event not in {"all", *EVENTS}:
            raise invalid(f"event must be one of the following values: all, {', '.join(EVENTS)}")
        parts = urlsplit(url)
        if not parts.hostname:
            raise invalid("url must be a URL address")
        if not self._relaxed:
            _check_public(parts.scheme, parts.hostname)
        mine = [each for each in self.of(client_id) if each.event == event]
        if any(each.url == url for each in mine):
            raise invalid("Webhook with the same url and event already exists")
        if len(mine) >= PER_EVENT_MAX:
            raise invalid(f"at most {PER_EVENT_MAX} webhooks of one event")

    def tell(self, item: Item, happening: Happening) -> None:
        """To everybody who subscribed: it goes out with the next `flush`."""
        self._told += 1
        fields = dict(happening.fields)
        created_from = fields.pop("created_from", None)
        if isinstance(created_from, datetime):
            fields |= _links(str(fields["accountId"]), stamp(created_from))
        told = {
            "event": happening.event,
            "eventId": uuid_of("event", item.id, self._told),
            "id": item.id,
            "itemId": item.id,
            "clientUserId": item.client_user,
            "triggeredBy": item.trigger,
            **fields,
        }
        body = msgspec.json.encode(told)
        targets = [
            (each.url, each.headers)
            for each in self.of(item.client_id)
            if each.disabled is None and each.event in {"all", happening.event}
        ]
        if item.webhook_url:
            targets.append((item.webhook_url, {}))
        self._waiting += [
            Hook(url, item.client_id, item.id, happening.event, body, headers) for url, headers in targets
        ]

    def flush(self) -> None:
        """Send what waits. On the running loop."""
        waiting, self._waiting = self._waiting, []
        for hook in waiting:
            self.courier.post(hook)


def _links(account: str, created_from: str) -> dict[str, object]:
    query = f"accountId={account}&createdAtFrom={created_from}"
    return {
        "transactionsCreatedAtFrom": created_from,
        "createdTransactionsLink": f"{HOST}/transactions?{query}",
        "createdTransactionsLinkV2": f"{HOST}/v2/transactions?{query}",
    }


def _headers(asked: Mapping[str, object]) -> dict[str, str]:
    said = asked.get("headers")
    return {str(name): str(value) for name, value in said.items()} if isinstance(said, dict) else {}


def _check_public(scheme: str, host: str) -> None:
    """Raises PluggyError for what no provider on the internet could reach."""
    if scheme != "https":
        raise invalid("url must be https")
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        raise invalid("url must not have a reserved host")
    try:
        ip_address(host)
    except ValueError:
        return
    raise invalid("url must have a host name, not an address")
