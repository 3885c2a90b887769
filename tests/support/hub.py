"""A hub at work against a sandbox in this process: it links, syncs, mends, and is held against what really happened."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Container, Iterable, Iterator
from contextlib import asynccontextmanager
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple
from uuid import UUID

import httpx
import msgspec
from tests.support import openapi
from tests.support.books import all_rows, faults
from tests.support.plaid_script import HandClock

from caudal.hub import comparison, connections, installation, links, spaces, syncs
from caudal.hub.comparison import Comparison, TrueAccount
from caudal.hub.installation import Installation
from caudal.hub.links import Candidate, Connected
from caudal.hub.syncs import SyncReport
from caudal.model.errors import Malformed, NeedsUser, NotReady, RateLimited, Refused, Unavailable
from caudal.provider_settings import PlaidSettings
from caudal.providers.base import Access, Poll, Visit
from caudal.providers.http import HttpBounds
from caudal.providers.plaid import PlaidConfig, PlaidProvider
from caudal.settings import RunBounds, Settings
from caudal.store.database import Observer
from caudal.store.spaces import LinkedConnection, Space
from caudal_sandbox.economy.accounts import Account, AccountKind
from caudal_sandbox.economy.holders import Holder
from caudal_sandbox.economy.movements import AccountId, State
from caudal_sandbox.faults import CORRUPTIONS, Faults, Kind
from caudal_sandbox.plaid.institutions import CATALOGUE
from caudal_sandbox.plaid.items import Item
from caudal_sandbox.plaid.records.accounts import AccountType, has_transactions, type_of
from caudal_sandbox.server import Sandbox

CLIENT: Final = ("client-of-mine", "CANARY-secret-2c77")
PASSING: Final = (RateLimited, Unavailable, NotReady, Malformed)
"""What a later sync may well not meet again."""
PATIENCE: Final = timedelta(minutes=2)
"""After it a breaker lets through again, and a provider's minute of too many calls is over."""
TRIES_MAX: Final = 8
_A_DAY: Final = timedelta(days=1)

_MANGLING: Final = CORRUPTIONS | {Kind.TRUNCATED, Kind.MALFORMED_JSON, Kind.HTML}
"""Faults whose answers are wrong on purpose; every other answer must be what Plaid's description says."""

Told = tuple[str, str, date, Decimal, str]
"""(provider's account id, booked or pending, day, amount, currency)"""


class Login(NamedTuple):
    """What a person has to say at a bank's page."""

    username: str
    institution: str
    password: str = "pass_good"
    broker: bool = False


def logins_of(holder: Holder) -> list[Login]:
    """A login for each institution that tells something of somebody: of most loans no movement is told."""
    there = {
        account.institution.id
        for account in holder.accounts
        if has_transactions(account) or account.kind is AccountKind.BROKERAGE
    }
    return [
        Login(holder.name, each.institution_id, broker="transactions" not in each.products)
        for each in CATALOGUE.values()
        if each.bank.id in there
    ]


class _Telling(NamedTuple):
    """An account whose movements are told: the item that shows it, under which id, and what it is in the world."""

    item: Item
    account_id: str
    account: AccountId


class Wire(httpx.AsyncBaseTransport):
    """The network between an adapter and the sandbox: every body on it that no fault mangled is judged by Plaid's own
    description. One call at a time. `judged` counts what was, by path and status."""

    def __init__(self, lying_in_wait: Faults) -> None:
        self.judged: Counter[tuple[str, int]] = Counter()
        self._faults = lying_in_wait
        self._network = httpx.AsyncHTTPTransport(trust_env=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        before = self._mangled
        answer = await self._network.handle_async_request(request)
        assert isinstance(answer.stream, httpx.AsyncByteStream)

        def judge(body: bytes) -> None:
            if self._mangled == before:
                openapi.plaid().check(request.url.path, answer.status_code, body)
                self.judged[request.url.path, answer.status_code] += 1

        stream = _Heard(answer.stream, judge)
        return httpx.Response(
            answer.status_code, headers=answer.headers, stream=stream, extensions=answer.extensions
        )

    async def aclose(self) -> None:
        await self._network.aclose()

    @property
    def _mangled(self) -> int:
        return sum(count for kind, count in self._faults.struck.items() if kind in _MANGLING)


class _Heard(httpx.AsyncByteStream):
    """A body that goes by, and at its end is shown to `judge`."""

    def __init__(self, body: httpx.AsyncByteStream, judge: Callable[[bytes], None]) -> None:
        self._body = body
        self._judge = judge

    async def __aiter__(self) -> AsyncIterator[bytes]:
        heard = bytearray()
        async for chunk in self._body:
            heard += chunk
            yield chunk
        self._judge(bytes(heard))

    async def aclose(self) -> None:
        await self._body.aclose()


class Hub:
    """One space of an installation, whose Plaid is the sandbox. Time passes for both when somebody waits, and then at
    once: `clock` is the only one there is but for the world's own."""

    def __init__(
        self, opened: Installation, space: Space, live: PlaidProvider, sandbox: Sandbox, clock: HandClock
    ) -> None:
        self.opened = opened
        self.space = space
        self.live = live
        self.sandbox = sandbox
        self.clock = clock
        self.door = httpx.Client(base_url=f"{sandbox.url}/_sandbox", trust_env=False, timeout=30)
        self.logins: dict[UUID, Login] = {}
        self._first_quiet: dict[str | None, date] = {}
        self._told_before: dict[AccountId, date] = {}

    # What a person does

    async def link(self, login: Login) -> LinkedConnection:
        """Link a bank as `login`, whether that login is linked already or not."""
        step = await self._visited(login, None)
        assert isinstance(step, Candidate), step
        made = await links.proceed(self.opened, self.space, self.live, step.conclude)
        assert isinstance(made, Connected), made
        self.logins[made.connection.connection_id] = login
        return made.connection

    async def mend(self, connection: LinkedConnection) -> None:
        """Log in again at the bank's page."""
        step = await self._visited(self.logins[connection.connection_id], connection)
        assert isinstance(step, Connected), step
        assert not step.anew

    async def _visited(self, login: Login, relink: LinkedConnection | None) -> links.Progress:
        visit = await links.begin(
            self.opened,
            self.space,
            self.live,
            institution=login.institution,
            relink=relink,
            investments_only=login.broker and relink is None,
        )
        assert isinstance(visit, Visit), visit
        said = {
            "hosted_link_url": visit.url,
            "institution_id": login.institution,
            "username": login.username,
            "password": login.password,
        }
        seen = self.door.post("/plaid/link/finish", json=said).raise_for_status().json()
        assert seen["problem"] is None, seen
        return await links.proceed(self.opened, self.space, self.live, Poll(visit.state), relink)

    async def unlink(self, connection: LinkedConnection) -> None:
        """End it. What it told stays in the ledger, and what it would have told is told by another, if at all."""
        if connection.reference in self._first_quiet:
            for told in self._telling({connection.reference}):
                since = min(told.item.visible_from, self._told_before.get(told.account, date.max))
                self._told_before[told.account] = since
        await syncs.unlink(self.opened, self.space, connection, self.live)

    # Keeping in step

    async def linked(self) -> list[LinkedConnection]:
        """The connections that go on."""
        there = await connections.linked(self.opened, self.space)
        return [each for each in there if each.state != "revoked" and each.provider == "plaid"]

    async def access(self, connection: LinkedConnection) -> Access:
        """The connection, opened."""
        return await connections.access(self.opened, self.space, connection)

    async def sync(self, connection: LinkedConnection) -> SyncReport:
        """Sync once. Raises what came in between."""
        return await syncs.sync(self.opened, self.space, connection, self.live)

    async def persist(self, connection: LinkedConnection, tries: int = TRIES_MAX) -> SyncReport | None:
        """Sync until it goes through with nothing left to come, giving it the person or the patience that it takes;
        None where it never did. Under fire mending may fail as well: it is tried again with the next try."""
        for _ in range(tries):
            try:
                report = await self._sync_or_mend(connection)
                if report is not None and not report.preparing:
                    return report
            except PASSING:
                self.clock.time += PATIENCE
            except Refused as error:
                if "not in Plaid's words" not in str(error):  # a refusal that broke on its way says no more
                    raise
        return None

    async def _sync_or_mend(self, connection: LinkedConnection) -> SyncReport | None:
        try:
            return await self.sync(connection)
        except NeedsUser:
            await self.mend(connection)
            return None

    async def quiet(self) -> list[SyncReport]:
        """Nothing goes wrong any more: bring every connection up to date, in the end."""
        self.sandbox.faults.clear()
        self.clock.time += PATIENCE
        self.sandbox.advance(minutes=1)
        linked = await self.linked()
        reports = [await self.persist(connection) for connection in linked]
        assert all(reports), "with nothing in the way a sync still doesn't go through"
        for connection in linked:
            self._first_quiet.setdefault(connection.reference, self.sandbox.world.now.date())
        return [report for report in reports if report is not None]

    # What came of it

    async def compare(self) -> Comparison:
        """The ledger beside the truth, as `caudal sandbox compare` has it."""
        shown = {
            account_id: self._with_history(msgspec.convert(account, TrueAccount))
            for item in self._items()
            for account_id, account in item["accounts"].items()
        }
        told = map(msgspec.json.decode, self.door.get("/truth").raise_for_status().content.splitlines())
        movements = (each for each in told if each["record"] == "movement")
        return await comparison.compare(self.opened, self.space, "plaid", shown, movements)

    def _with_history(self, shown: TrueAccount) -> TrueAccount:
        since = self._told_before.get(AccountId(shown.account), shown.visible_from)
        return msgspec.structs.replace(shown, visible_from=min(since, shown.visible_from))

    async def amiss(self) -> list[str]:
        """Everything that differs between the ledger and the world, looked at by other ways than `compare`; empty where
        all is well: every movement once, every account proven up to now."""
        telling = self._telling({each.reference for each in await self.linked()})
        true, held = self._true(telling), self.held()
        return [
            *_counted("missing", true - held),
            *_counted("not so", held - true),
            *self._unproven(telling),
        ]

    async def unsound(self) -> dict[str, int]:
        """What `caudal doctor` finds amiss in the books; empty where they are sound."""
        return await faults(self.opened.store, self.space.space_id)

    def held(self) -> Counter[Told]:
        """What the ledger holds on the accounts of connections that go on, past row security and past our queries."""
        rows = all_rows(
            self.opened.settings.database_url,
            f"""
            select shown.reference, t.status, t.booked_on, t.amount, t.currency
            from (
                select s.account_id, min(s.reference) as reference
                from caudal.source_account s
                join caudal.connection c on c.space_id = s.space_id and c.connection_id = s.connection_id
                where s.space_id = '{self.space.space_id}' and c.state <> 'revoked' and c.provider = 'plaid'
                group by s.account_id
            ) shown
            join caudal.transaction t on t.space_id = '{self.space.space_id}' and t.account_id = shown.account_id
            where t.gone_at is null
            """,
        )
        return Counter(msgspec.convert(rows, list[Told]))

    def _items(self) -> list[dict[str, Any]]:
        """What the sandbox tells of its Plaid Items, for judging a ledger."""
        told = self.door.get("/plaid/items").raise_for_status().content
        return msgspec.json.decode(told, type=list[dict[str, Any]])

    def _telling(self, references: Container[str | None]) -> list[_Telling]:
        """The accounts of these items whose movements are told."""
        items = {item.item_id: item for item in self.sandbox.plaid.items if item.item_id in references}
        return [
            _Telling(items[told["item_id"]], account_id, AccountId(account["account"]))
            for told in self._items()
            if told["item_id"] in items
            for account_id, account in told["accounts"].items()
            if account["told"]
        ]

    def _true(self, telling: Iterable[_Telling]) -> Counter[Told]:
        return Counter(
            (account_id, each.state.value, each.on, each.amount, each.movement.currency)
            for item, account_id, account in telling
            for each in self.sandbox.world.account(account).movements()
            if each.state in _shown(self.sandbox.world.account(account).terms)
            and each.on >= min(item.visible_from, self._told_before.get(account, date.max))
        )

    def _unproven(self, telling: Iterable[_Telling]) -> Iterator[str]:
        """Accounts whose proof isn't there, or is older than what Plaid last fetched of them: by a day at most, for banks'
        days end at other hours than ours. What was quiet first today may have one balance told: it proves nothing yet."""
        proofs = {reference: (verdict, to) for reference, verdict, to in self._proofs()}
        for item, account_id, account in telling:
            verdict, to = proofs.get(account_id, ("none", None))
            due = item.updated_at.date() - _A_DAY
            young = self._first_quiet.get(item.item_id, date.min) >= due
            if verdict == "off" or (verdict == "none" and not young):
                yield f"{account}: {verdict}"
            elif verdict == "proven" and (to is None or to < due):
                yield f"{account}: proven to {to}, and it is {item.updated_at}"

    def _proofs(self) -> list[tuple[str, str, date | None]]:
        rows = all_rows(
            self.opened.settings.database_url,
            f"""
            select s.reference, p.verdict, p.proven_to
            from caudal.proof p
            join caudal.source_account s on s.space_id = p.space_id and s.account_id = p.account_id
            where p.space_id = '{self.space.space_id}'
            """,
        )
        return msgspec.convert(rows, list[tuple[str, str, date | None]])


def _shown(account: Account) -> frozenset[State]:
    """What a bank shows of movements; of a broker's cash Plaid tells those alone that have settled."""
    brokers = type_of(account) is AccountType.INVESTMENT
    return frozenset({State.BOOKED} if brokers else {State.BOOKED, State.PENDING})


def _counted(what: str, movements: Counter[Told]) -> Iterator[str]:
    for (account, status, day, amount, currency), count in sorted(movements.items()):
        yield f"{what}: {account} {status} {day} {amount} {currency}" + (f" ×{count}" if count > 1 else "")


def settings_for(settings: Settings, url: str, **more: Any) -> Settings:
    """`settings` with the sandbox at `url` for a Plaid, and no patience to speak of."""
    client_id, secret = CLIENT
    plaid = PlaidSettings(client_id, secret, environment="sandbox", url=url, country_codes="US,GB")
    return msgspec.structs.replace(
        settings,
        preparing_poll_ms=1,
        run=RunBounds(restart_wait_ms=1),
        http=HttpBounds(read_seconds_max=1),
        plaid=plaid,
        **more,
    )


@asynccontextmanager
async def opened_hub(
    settings: Settings,
    sandbox: Sandbox,
    clock: HandClock,
    *,
    space: str = "home",
    transport: httpx.AsyncBaseTransport | None = None,
    observe: Observer = lambda _: None,
) -> AsyncIterator[Hub]:
    """The space of that name, made where it isn't there, in an installation whose Plaid is `sandbox`."""
    quick = settings_for(settings, sandbox.url)
    plaid = quick.plaid
    config = PlaidConfig(plaid.client_id, plaid.secret, base_url=plaid.url, country_codes=("US", "GB"))
    async with (
        installation.opened(quick, observe) as opened,
        PlaidProvider(config, quick.http, clock=clock, transport=transport) as live,
    ):
        chosen = await spaces.chosen(opened.store, space, make=True)
        hub = Hub(opened, chosen, live, sandbox, clock)
        with hub.door:
            yield hub
