"""The adapter for Brook: an API key, accounts, movements read by date with some overlap."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date, timedelta
from decimal import Decimal
from types import TracebackType
from typing import Annotated, Final, Self, TypeVar

import httpx
import msgspec

from caudal.model.changes import (
    AccountKind,
    AccountSeen,
    BalanceKind,
    BalanceSeen,
    Change,
    Cursor,
    Page,
    SourceRef,
    Status,
    TransactionSeen,
    Unreadable,
    Window,
)
from caudal.model.errors import Malformed, NeedsUser, NotReady, ProviderError, Refused, Revoked, Unavailable
from caudal.model.money import Money
from caudal.providers.base import (
    Access,
    AccountFound,
    Ask,
    Capability,
    Conclude,
    Declaration,
    Fields,
    Found,
    InstitutionFound,
    LinkAnswer,
    Linked,
    LinkRequest,
    LinkState,
    LinkStep,
    Mended,
    WithoutWebhooks,
)
from caudal.providers.http import Call, Clock, HttpBounds, ProviderHttp

DECLARATION: Final = Declaration(
    "brook",
    "Brook",
    "one bank's accounts, by API key",
    frozenset(
        {
            Capability.ACCOUNTS,
            Capability.BALANCES,
            Capability.TRANSACTIONS,
            Capability.WINDOWS,
            Capability.LINK,
            Capability.RELINK,
        }
    ),
    verified=("its emulator",),
    unverified=("that there is such a bank",),
)
OVERLAP: Final = timedelta(days=20)
"""A bank takes in what happened up to 14 days ago (Brook's contract)."""
HISTORY: Final = date(2000, 1, 1)
_BROOK: Final = InstitutionFound("brook", "Brook")
_KEY: Final = {"key": "the API key that Brook shows under Settings"}

RULES: Final[Mapping[str, Callable[[str], ProviderError]]] = {
    "bad_key": lambda why: NeedsUser(why, action="link this connection again with a key that is good"),
    "sign_in_again": lambda why: NeedsUser(why, action="sign in at Brook, then link this connection again"),
    "key_withdrawn": Revoked,
    "bad_request": Refused,
    "not_found": Refused,
    "preparing": lambda why: NotReady(why, retry_after=timedelta(seconds=5)),
    "slow_down": Unavailable,  # met only where the client gave up on it: it raises RateLimited itself
    "broken": Unavailable,
    "bank_down": Unavailable,
}


class _Refusal(msgspec.Struct):
    error: str


_Amount = Annotated[str, msgspec.Meta(pattern=r"^-?[0-9]{1,15}[.][0-9]{2}$")]
"""Decimal text alone: a number in its place is no amount of Brook's, however well it would do for one."""


class _Account(msgspec.Struct):
    id: str
    kind: str
    currency: str
    balance: _Amount
    day: date
    name: str = ""

    def __post_init__(self) -> None:
        """Raises MoneyError, which makes it a record that can't be read, for an unknown currency."""
        Money(Decimal(self.balance), self.currency)


class _Accounts(msgspec.Struct):
    customer: str
    accounts: list[msgspec.Raw]


class _Movement(msgspec.Struct):
    id: str
    day: date
    amount: _Amount
    text: str = ""


class _Movements(msgspec.Struct):
    movements: list[msgspec.Raw]


T = TypeVar("T")


class BrookProvider(WithoutWebhooks, AbstractAsyncContextManager["BrookProvider"]):
    """Brook, for one event loop; a context that holds its connections."""

    name = DECLARATION.name
    capabilities = DECLARATION.capabilities

    def __init__(
        self,
        url: str,
        bounds: HttpBounds | None = None,
        *,
        clock: Clock | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._http = ProviderHttp("brook", url, bounds=bounds, clock=clock, transport=transport)

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.__aexit__(kind, error, trace)

    async def pull(self, access: Access, cursor: Cursor) -> AsyncIterator[Page]:
        """A page an account. The cursor: account → the day it was read to; kept back where a record couldn't be read."""
        read_to = msgspec.json.decode(cursor or "{}", type=dict[str, date])
        key = access.secrets["key"].decode()
        told = await self._get("accounts", {}, key, _Accounts)
        accounts, unreadable = _sorted_out(told.accounts, _Account, "accounts")
        if not accounts:
            yield Page((), cursor, more=False, unreadable=unreadable)
        for place, (account, _) in enumerate(accounts, 1):
            page = await self._page(account, read_to, key)
            more = place < len(accounts)
            yield msgspec.structs.replace(page, more=more, unreadable=[*unreadable, *page.unreadable])
            unreadable = []

    async def _page(self, account: _Account, read_to: dict[str, date], key: str) -> Page:
        ref = SourceRef(account.id)
        first = read_to[ref] - OVERLAP if ref in read_to else HISTORY
        days = {"account": ref, "from": first.isoformat(), "to": account.day.isoformat()}
        told = await self._get("movements", days, key, _Movements)
        movements, unreadable = _sorted_out(told.movements, _Movement, "movements", ref)
        kind = AccountKind(account.kind) if account.kind in set(AccountKind) else AccountKind.OTHER
        changes: list[Change] = [AccountSeen(ref, kind, account.currency, account.name, institution="Brook")]
        changes += [
            TransactionSeen(
                ref,
                each.id,
                Status.BOOKED,
                Money(Decimal(each.amount), account.currency),
                each.day,
                each.text,
                raw=raw,
            )
            for each, raw in movements
        ]
        windows = []
        if not unreadable:
            held = frozenset(each.id for each, _ in movements)
            windows = [Window(ref, first, account.day, held)]
            stands = Money(Decimal(account.balance), account.currency)
            changes.append(BalanceSeen(ref, BalanceKind.BOOKED, stands, account.day, firm=False))
            read_to[ref] = account.day
        return Page(changes, _cursor(read_to), more=False, windows=windows, unreadable=unreadable)

    async def begin_link(self, request: LinkRequest) -> LinkStep:
        """What to ask for."""
        return Ask(_KEY, LinkState("relink" if request.relink else "link"), frozenset(_KEY))

    async def continue_link(self, answer: LinkAnswer) -> LinkStep:
        """Try the key; ask again for one that isn't good."""
        match answer:
            case Fields(state=state, values=values):
                try:
                    told = await self._get("accounts", {}, values.get("key") or "none", _Accounts)
                except NeedsUser:
                    return Ask(_KEY, state, frozenset(_KEY), why="Brook doesn't know that key")
                if state.value == "relink":
                    return Mended({"key": values["key"].encode()})
                there, _ = _sorted_out(told.accounts, _Account, "accounts")
                found = tuple(AccountFound(SourceRef(a.id), a.name, None, a.kind) for a, _ in there)
                return Found(_BROOK, found, LinkState(f"{told.customer}\n{values['key']}"))
            case Conclude(state=state):
                customer, _, key = state.value.partition("\n")
                return Linked(customer, _BROOK, {"key": key.encode()})
            case _:
                raise Refused("brook: there is nothing to poll for")

    async def refresh(self, access: Access) -> None:
        """Brook tells what stands now, whenever it is asked."""

    async def revoke(self, access: Access) -> None:
        """A key is withdrawn at Brook, by its customer; we forget ours."""

    async def _get(self, operation: str, query: Mapping[str, str], key: str, into: type[T]) -> T:
        call = Call(operation, "GET", f"/{operation}", query=query, headers={"X-Api-Key": key})
        answer = await self._http.send(call)
        where = f"brook {operation}"
        try:
            if answer.status == 200:
                return msgspec.json.decode(answer.body, type=into)
            code = msgspec.json.decode(answer.body, type=_Refusal).error
        except msgspec.DecodeError:
            if answer.status >= 500:
                raise Unavailable(f"{where}: answered {answer.status}") from None
            raise Malformed(f"{where}: answer", "isn't what Brook's contract says") from None
        raise error_of(code, where)


def error_of(code: str, where: str = "brook") -> ProviderError:
    """What Brook's code means."""
    return RULES.get(code, Refused)(f"{where}: {code if code in RULES else 'a code we do not know'}")


def _sorted_out(
    raws: Sequence[msgspec.Raw], into: type[T], where: str, ref: SourceRef | None = None
) -> tuple[list[tuple[T, str]], list[Unreadable]]:
    """(what can be read with its raw text, what can't)."""
    good: list[tuple[T, str]] = []
    bad: list[Unreadable] = []
    for raw in raws:
        text = bytes(raw).decode()
        try:
            good.append((msgspec.json.decode(raw, type=into), text))
        except msgspec.DecodeError as error:
            bad.append(Unreadable(f"brook {where}", str(error), text, ref))
    return good, bad


def _cursor(read_to: Mapping[str, date]) -> Cursor:
    return Cursor(msgspec.json.encode(read_to, order="sorted").decode())
