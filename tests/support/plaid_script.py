"""Plaid from a script: what each path answers, in turn, and what it was asked. Records in Plaid's shape, our own words."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import httpx
import msgspec

from caudal.model.changes import Cursor, Page
from caudal.model.errors import CaudalError
from caudal.providers.base import Access
from caudal.providers.http import HttpBounds
from caudal.providers.plaid import PlaidConfig, PlaidProvider

NOW = datetime(2026, 3, 10, 15, 30, tzinfo=UTC)
SECRET = "CANARY-secret-5f1d"
TOKEN = "access-sandbox-CANARY-7c20"
ACCESS = Access("connection-1", "item-alder", "ins_77", {"access_token": TOKEN.encode()})

_ENCODER = msgspec.json.Encoder(order="sorted", decimal_format="number")

Json = dict[str, Any]


class Raw(NamedTuple):
    """An answer as it goes over the wire."""

    status: int
    body: bytes

    def response(self) -> httpx.Response:
        """Streamed, as from a network."""
        return httpx.Response(self.status, content=_streamed(self.body))


async def _streamed(body: bytes) -> AsyncIterator[bytes]:
    await asyncio.sleep(0)  # others get their turn, as they do while a network is waited for
    yield body


Said = Json | Raw | Callable[[Json], "Json | Raw"]


class HandClock:
    """Time that passes only when someone sleeps or a test moves it."""

    def __init__(self, now: datetime = NOW) -> None:
        self.time = now

    def monotonic(self) -> timedelta:
        return self.time - datetime(2020, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    async def sleep(self, pause: timedelta) -> None:
        self.time += pause
        await asyncio.sleep(0)


class Script:
    """Path (without its slash) → what it answers: one thing each time, or a list of things one after the other."""

    def __init__(self, lines: Mapping[str, Said | list[Said]]) -> None:
        self._lines = {path: list(said) if isinstance(said, list) else said for path, said in lines.items()}
        self.asked: list[tuple[str, Json]] = []
        self.headers: list[httpx.Headers] = []

    @property
    def paths(self) -> list[str]:
        """What was asked, in order."""
        return [path for path, _ in self.asked]

    def bodies(self, path: str) -> list[Json]:
        """What `path` was asked with."""
        return [body for asked, body in self.asked if asked == path]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path, body = request.url.path[1:], json.loads(request.content)
        self.asked.append((path, body))
        self.headers.append(request.headers)
        said = self._lines.get(path)
        if isinstance(said, list):
            said = said.pop(0) if said else None
        if callable(said):
            said = said(body)
        if said is None:
            raise AssertionError(f"the script has no answer left for {path}")
        return (said if isinstance(said, Raw) else answer(said)).response()


def answer(body: Json, status: int = 200) -> Raw:
    """As Plaid writes it: keys in order, indented by two. Decimals as numbers."""
    told = _ENCODER.encode({"request_id": "rQ7script0000ab", **body})
    return Raw(status, msgspec.json.format(told, indent=2))


def refusal(code: str, type_: str = "ITEM_ERROR", status: int = 400, **more: Any) -> Raw:
    """An error in Plaid's form."""
    body = {
        "error_code": code,
        "error_type": type_,
        "error_message": f"scripted {code.lower()}",
        "display_message": None,
        "request_id": "rQ7refused000cd",
    }
    return answer({**body, **more}, status)


def provider(script: Script, clock: HandClock | None = None, **config: Any) -> PlaidProvider:
    """The adapter, talking to `script`; retries are off unless the script is about them."""
    told = PlaidConfig(**{"client_id": "client-1", "secret": SECRET, **config})
    return PlaidProvider(
        told,
        HttpBounds(retries_max=1, backoff_ms_first=1),
        clock=clock or HandClock(),
        transport=httpx.MockTransport(script),
    )


def pulled(
    script: Script, cursor: str = "", clock: HandClock | None = None
) -> tuple[list[Page], CaudalError | None]:
    """The pages of one pull, and the error it ended with, if any."""

    async def run() -> tuple[list[Page], CaudalError | None]:
        pages: list[Page] = []
        async with provider(script, clock) as plaid:
            try:
                async for page in plaid.pull(ACCESS, Cursor(cursor)):
                    pages.append(page)  # noqa: PERF401  pages before an error count
            except CaudalError as error:
                return pages, error
        return pages, None

    return asyncio.run(run())


def account(
    account_id: str = "acc-till", type_: str = "depository", subtype: str | None = "checking", **more: Any
) -> Json:
    """An account in Plaid's shape."""
    balances = {
        "available": Decimal("90.10"),
        "current": Decimal("100.10"),
        "limit": None,
        "iso_currency_code": "USD",
        "unofficial_currency_code": None,
    }
    told = {
        "account_id": account_id,
        "balances": {**balances, **more.pop("balances", {})},
        "mask": "4711",
        "name": f"{account_id} of Ada",
        "official_name": "Everyday Plus",
        "subtype": subtype,
        "type": type_,
    }
    return {**told, **more}


def transaction(transaction_id: str, amount: str = "12.50", **more: Any) -> Json:
    """A transaction in Plaid's shape."""
    told = {
        "account_id": "acc-till",
        "amount": Decimal(amount),
        "authorized_date": None,
        "authorized_datetime": None,
        "counterparties": [],
        "date": "2026-03-09",
        "datetime": None,
        "iso_currency_code": "USD",
        "merchant_name": None,
        "name": "GREENGROCER 12",
        "payment_channel": "in store",
        "payment_meta": {"payee": None, "payer": None, "reference_number": None},
        "pending": False,
        "pending_transaction_id": None,
        "transaction_id": transaction_id,
        "unofficial_currency_code": None,
    }
    return {**told, **more}


def synced(
    next_cursor: str,
    added: Sequence[Json] = (),
    modified: Sequence[Json] = (),
    removed: Sequence[str] = (),
    *,
    has_more: bool = False,
    accounts: Sequence[Json] | None = None,
    status: str = "HISTORICAL_UPDATE_COMPLETE",
) -> Json:
    """A sync answer; it carries the account of its transactions."""
    told = accounts if accounts is not None else ([account()] if added or modified else [])
    return {
        "accounts": list(told),
        "added": list(added),
        "has_more": has_more,
        "modified": list(modified),
        "next_cursor": next_cursor,
        "removed": [{"account_id": "acc-till", "transaction_id": each} for each in removed],
        "transactions_update_status": status,
    }


def item(updated: str | None = "2026-03-10T12:00:00Z", invested: str | None = None, **more: Any) -> Json:
    """An Item's state."""
    told = {
        "item_id": "item-alder",
        "institution_id": "ins_77",
        "institution_name": "Alder Bank",
        "error": None,
        "products": ["transactions"],
        "consented_products": ["transactions", "investments"],
        **more,
    }
    status: Json = {"transactions": {"last_successful_update": updated}}
    if invested is not None:
        status["investments"] = {"last_successful_update": invested}
    return {"item": told, "status": status}


def institution(*countries: str) -> Json:
    """A bank's page."""
    told = {
        "institution_id": "ins_77",
        "name": "Alder Bank, N.A.",
        "country_codes": list(countries or ("US",)),
    }
    return {"institution": told}
