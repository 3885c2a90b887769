"""One page of Plaid's, decoded and normalised: by Caudal's adapter, by two bare floors, by Plaid's own Python library.

They take turns within one process, so that whatever the machine does meanwhile meets them all.
"""

import asyncio
import datetime as dt
import gc
import importlib
import time
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from caudal.model.changes import Change, Cursor, SourceRef, Status, TransactionSeen
from caudal.model.money import EXACT, Money
from caudal.providers.base import Access
from caudal.providers.http import Answer, Call, HttpBounds, SystemClock
from caudal.providers.plaid import PlaidConfig
from caudal.providers.plaid.client import PlaidClient
from caudal.providers.plaid.pull import pull
from caudal.providers.plaid.standing import Known, Standing

CAUDAL: Final = "caudal"
BARE: Final = "bare msgspec, six fields"
BARE_WHOLE: Final = "bare msgspec, to changes"
PEER: Final = "plaid-python"

_PAGES_A_TURN: Final = 5
"""Of the fast ones: a turn must be long beside the clock's tick."""

Told = tuple[int, Decimal]
"""How many movements, and their sum by our signs."""


class Spec(msgspec.Struct, frozen=True):
    """A file with the page, and how many turns everyone has; Plaid's library, which takes seconds, has fewer."""

    page: str
    turns: int
    peer_turns: int


class Decoded(msgspec.Struct, frozen=True):
    """Reader → CPU seconds for one page, the least of its turns (what is more, the machine added); and what all of them read."""

    cpu_s: dict[str, float]
    count: int


class _Reader(Protocol):
    """Reads the page `times` times; `told` says what was read last."""

    def read(self, times: int) -> None: ...

    def told(self) -> Told: ...


def measure(spec: Spec) -> Decoded:
    """Let everyone read the page in turn. Importing and the first, cold reading are not counted."""
    body = Path(spec.page).read_bytes()
    readers = {name: make(body) for name, make in _READERS.items()}
    for reader in readers.values():
        reader.read(1)
    told = {name: reader.told() for name, reader in readers.items()}
    if len(set(told.values())) != 1:
        raise RuntimeError(f"they don't read the same: {told}")
    turns: dict[str, list[float]] = {name: [] for name in readers}
    for turn in range(spec.turns):
        for name, reader in readers.items():
            if name != PEER:
                turns[name].append(_cpu_s(reader, _PAGES_A_TURN))
            elif turn < spec.peer_turns:
                turns[name].append(_cpu_s(reader, 1))
    (count, _) = told[CAUDAL]
    return Decoded({name: min(spent) for name, spent in turns.items()}, count)


def _cpu_s(reader: _Reader, pages: int) -> float:
    gc.collect()  # nobody pays for what another left behind
    began = time.process_time()
    reader.read(pages)
    return (time.process_time() - began) / pages


def _sum(amounts: Iterable[Decimal]) -> Told:
    count, total = 0, Decimal(0)
    for amount in amounts:
        count, total = count + 1, EXACT.add(total, amount)
    return count, total


class _Replay:
    """Stands where the adapter's HTTP client does and answers every call with one body."""

    def __init__(self, body: bytes) -> None:
        self._answer = Answer(200, {}, body, 0)

    async def send(self, _: Call) -> Answer:
        return self._answer


class _Caudal:
    """The adapter's own pull, from an answer's bytes to the changes of a page."""

    def __init__(self, body: bytes) -> None:
        self._clock = SystemClock()
        config = PlaidConfig(client_id="measured", secret="measured")
        self._client = PlaidClient(config, HttpBounds(), clock=self._clock)
        self._client._http = _Replay(body)  # type: ignore[assignment]  # all of HTTP that a pull asks for
        shown = msgspec.json.decode(body)["accounts"]
        accounts = {SourceRef(account["account_id"]): Known("USD") for account in shown}
        self._cursor = Standing(next="the page before", bank="First Platypus", accounts=accounts).cursor()
        self._access = Access("measured", "item", None, {"access_token": b"measured"})
        self._loop = asyncio.Runner()
        self._changes: list[Change] = []

    def read(self, times: int) -> None:
        self._loop.run(self._read(times))

    def told(self) -> Told:
        return _sum(change.money.amount for change in self._changes if isinstance(change, TransactionSeen))

    async def _read(self, times: int) -> None:
        for _ in range(times):
            pages = pull(self._client, self._access, Cursor(self._cursor), self._clock, ("US",))
            self._changes = list((await anext(pages)).changes)
            await pages.aclose()  # type: ignore[attr-defined]  # it is a generator


class _SixFields(msgspec.Struct, gc=False):
    account_id: str
    amount: Decimal
    date: dt.date
    name: str
    pending: bool
    transaction_id: str


class _SixFieldsPage(msgspec.Struct):
    added: list[_SixFields]
    next_cursor: str
    has_more: bool


class _Bare:
    """The least that can be called reading: one typed decode, a tuple for each record."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._decode = msgspec.json.Decoder(_SixFieldsPage).decode
        self._rows: list[tuple[str, str, Decimal, dt.date, bool, str]] = []

    def read(self, times: int) -> None:
        for _ in range(times):
            self._rows = [
                (each.transaction_id, each.account_id, -each.amount, each.date, each.pending, each.name)
                for each in self._decode(self._body).added
            ]

    def told(self) -> Told:
        return _sum(row[2] for row in self._rows)


class _Party(msgspec.Struct, gc=False):
    name: str | None = None


class _Meta(msgspec.Struct, gc=False):
    by_order_of: str | None = None
    payee: str | None = None
    payer: str | None = None
    reference_number: str | None = None


class _AllFields(msgspec.Struct, kw_only=True, gc=False):
    account_id: str
    amount: Decimal
    authorized_date: dt.date | None = None
    authorized_datetime: dt.datetime | None = None
    check_number: str | None = None
    counterparties: list[_Party] | None = None
    date: dt.date
    datetime: dt.datetime | None = None
    iso_currency_code: str | None = None
    merchant_name: str | None = None
    name: str
    original_description: str | None = None
    payment_meta: _Meta
    pending: bool
    pending_transaction_id: str | None = None
    transaction_id: str
    unofficial_currency_code: str | None = None


class _AllFieldsPage(msgspec.Struct):
    added: list[_AllFields]
    next_cursor: str
    has_more: bool


class _BareWhole:
    """One typed decode and the ledger's own words for each record, straight: nothing else of what a pull looks after."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._decode = msgspec.json.Decoder(_AllFieldsPage).decode
        self._changes: list[TransactionSeen] = []

    def read(self, times: int) -> None:
        for _ in range(times):
            self._changes = [_change(each) for each in self._decode(self._body).added]

    def told(self) -> Told:
        return _sum(change.money.amount for change in self._changes)


def _change(told: _AllFields) -> TransactionSeen:
    meta = told.payment_meta
    return TransactionSeen(
        SourceRef(told.account_id),
        told.transaction_id,
        Status.PENDING if told.pending else Status.BOOKED,
        Money(EXACT.minus(told.amount), told.iso_currency_code or told.unofficial_currency_code or "USD"),
        told.date,
        told.original_description or told.name,
        told.merchant_name or (told.counterparties[0].name if told.counterparties else meta.payee) or "",
        meta.reference_number or told.check_number or "",
        authorized_on=told.authorized_date,
        occurred_at=told.authorized_datetime or told.datetime,
        replaces=told.pending_transaction_id or "",
    )


class _Body(msgspec.Struct):
    """What Plaid's client takes for an HTTP answer."""

    data: str


class _PlaidPython:
    """As every call of Plaid's library does it."""

    def __init__(self, body: bytes) -> None:
        plaid = importlib.import_module("plaid")
        responses = importlib.import_module("plaid.model.transactions_sync_response")
        self._client: Any = plaid.ApiClient(plaid.Configuration())
        self._kind = (responses.TransactionsSyncResponse,)
        self._answer = _Body(body.decode())
        self._page: Any = None

    def read(self, times: int) -> None:
        for _ in range(times):
            self._page = self._client.deserialize(self._answer, self._kind, True)

    def told(self) -> Told:
        return _sum(-Decimal(str(each.amount)) for each in self._page.added)  # floats, all of them


_READERS: Final[dict[str, Callable[[bytes], _Reader]]] = {
    CAUDAL: _Caudal,
    BARE: _Bare,
    BARE_WHOLE: _BareWhole,
    PEER: _PlaidPython,
}
