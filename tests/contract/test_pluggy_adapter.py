"""The adapter for Pluggy, against its emulator and against records of our own: links, signs, days, windows, webhooks."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial

import httpx
import msgspec
import pytest
from tests.contract.conformance import BOUNDS, NOW
from tests.support.plaid_script import HandClock
from tests.support.shared import shared

from caudal.model.changes import (
    AccountSeen,
    BalanceKind,
    BalanceSeen,
    Cursor,
    HoldingsSeen,
    Page,
    Status,
    TransactionSeen,
    Window,
)
from caudal.model.errors import NotGenuine, NotReady, RateLimited, Unavailable
from caudal.providers.base import (
    Abandoned,
    Access,
    Ask,
    Conclude,
    Delivery,
    FetchSignal,
    Fields,
    Found,
    Linked,
    LinkRequest,
    LinkStep,
    MendedSignal,
    OutageSignal,
    Poll,
    Visit,
    Waiting,
)
from caudal.providers.pluggy.client import PluggyConfig
from caudal.providers.pluggy.normalise import Known, contradicts, day_of, known_accounts, transaction_seen
from caudal.providers.pluggy.payloads import Connector, Item, Transaction
from caudal.providers.pluggy.provider import PluggyProvider
from caudal.providers.pluggy.webhooks import signals
from caudal_sandbox.faults import Fault, Kind
from caudal_sandbox.pluggy.emulator import Options
from caudal_sandbox.pluggy.service import Pluggy
from caudal_sandbox.server import Sandbox
from caudal_sandbox.world import World

CLIENT = "5a1d0c9e-7d7f-4f6e-9c55-0d8f3a2b1c4d"
OK = {"user": "user-ok", "password": "password-ok", "token": "123456"}
ANA = {"user": "ana", "password": "password-ok"}
AURORA, AURORA_OPEN = "210", "610"
HOOK = "CANARY-hook"


class Bench:
    """An adapter and its emulator."""

    def __init__(self, sandbox: Sandbox, live: PluggyProvider) -> None:
        self.sandbox = sandbox
        self.live = live

    @property
    def pluggy(self) -> Pluggy:
        found = self.sandbox.emulators["pluggy"]
        assert isinstance(found, Pluggy)
        return found

    async def begun(self, institution: str | None, relink: Access | None = None) -> LinkStep:
        return await self.live.begin_link(LinkRequest("space-1", relink=relink, institution=institution))

    async def said(self, step: LinkStep, **values: str) -> LinkStep:
        assert isinstance(step, Ask), step
        return await self.live.continue_link(Fields(step.state, values))

    async def concluded(self, step: LinkStep) -> Access:
        assert isinstance(step, Found), step
        made = await self.live.continue_link(Conclude(step.state))
        assert isinstance(made, Linked)
        return Access("c-1", made.reference, made.institution.reference, made.secrets)

    async def linked(self, institution: str, values: dict[str, str]) -> Access:
        return await self.concluded(await self.said(await self.begun(institution), **values))

    async def pull(self, access: Access, cursor: str = "") -> list[Page]:
        return [page async for page in self.live.pull(access, Cursor(cursor))]


def with_bench(work: Callable[[Bench], Awaitable[None]], options: Options | None = None) -> None:
    world = World(1, people=0, firms=0, begins=date(2026, 1, 1), now=NOW)
    clock = HandClock(NOW)
    maker = partial(Pluggy, options=options or Options(page_rows=40))

    async def there(sandbox: Sandbox) -> None:
        url = sandbox.url_of("pluggy")
        config = PluggyConfig(CLIENT, "CANARY-secret", url, f"{url}/connect", webhook_secret=HOOK)
        async with PluggyProvider(config, BOUNDS, clock=clock) as live:
            await work(Bench(sandbox, live))

    with Sandbox(world, emulators=(maker,), clock=clock.now) as sandbox:
        asyncio.run(there(sandbox))


def movements(pages: list[Page]) -> list[TransactionSeen]:
    return [each for page in pages for each in page.changes if isinstance(each, TransactionSeen)]


# Linking


@pytest.mark.parametrize("connector", ["4", "5", "6"])
def test_a_second_step_is_asked_for_and_a_wrong_token_asks_for_everything_again(connector: str) -> None:
    async def work(bench: Bench) -> None:
        form = await bench.begun(connector)
        assert isinstance(form, Ask)
        assert form.secret == {"password"}
        again = await bench.said(await bench.said(form, **OK), token="000000")
        assert isinstance(again, Ask)
        assert set(again.fields) == {"user", "password"}
        assert again.why
        found = await bench.said(await bench.said(again, **OK), token="123456")
        assert (await bench.concluded(found)).institution == connector

    with_bench(work)


def test_credentials_that_are_wrong_are_asked_for_again_and_trouble_at_the_bank_ends_it() -> None:
    async def work(bench: Bench) -> None:
        again = await bench.said(await bench.begun("2"), user="user-ok", password="wrong")
        assert isinstance(again, Ask)
        assert isinstance(await bench.said(again, **OK), Found)
        locked = await bench.said(await bench.begun("2"), user="user-locked", password="password-ok")
        assert isinstance(locked, Abandoned)
        with pytest.raises(Unavailable):
            await bench.said(await bench.begun("2"), user="user-unavailable", password="password-ok")
        incomplete = await bench.said(await bench.begun("2"), user="user-ok")
        assert isinstance(incomplete, Ask)

    with_bench(work)


@pytest.mark.parametrize(("decision", "ends"), [("approve", Found), ("deny", Abandoned)])
def test_the_bank_s_own_page_is_visited(decision: str, ends: type[LinkStep]) -> None:
    async def work(bench: Bench) -> None:
        visit = await bench.said(await bench.begun(AURORA_OPEN), cpf="416.799.495-00")
        assert isinstance(visit, Visit)
        assert isinstance(await bench.live.continue_link(Poll(visit.state)), Waiting)
        await asyncio.to_thread(httpx.post, visit.url, data={"decision": decision}, trust_env=False)
        step: LinkStep = Waiting(visit.state)
        for _ in range(10):
            if isinstance(step, Waiting):
                step = await bench.live.continue_link(Poll(visit.state))
        assert isinstance(step, ends)

    with_bench(work)


def test_a_qr_code_is_shown_as_the_page_it_is() -> None:
    async def work(bench: Bench) -> None:
        visit = await bench.said(await bench.begun("7"), **OK)
        assert isinstance(visit, Visit)
        assert "/oauth/" in visit.url

    with_bench(work)


@pytest.mark.parametrize(("free", "institution"), [(False, None), (True, AURORA)])
def test_the_widget_links_where_nothing_was_chosen_or_the_plan_has_no_other_way(
    free: bool, institution: str | None
) -> None:
    async def work(bench: Bench) -> None:
        step = await bench.begun(institution)
        if institution is not None:
            step = await bench.said(step, **ANA)
        assert isinstance(step, Visit)
        assert isinstance(await bench.live.continue_link(Poll(step.state)), Waiting)
        await _at_the_widget(bench, step.url)
        found = await bench.live.continue_link(Poll(step.state))
        access = await bench.concluded(found)
        assert movements(await bench.pull(access))

    with_bench(work, Options(free_plan=free))


async def _at_the_widget(bench: Bench, url: str) -> None:
    said = {"hosted_link_url": url, "institution_id": AURORA, "username": "ana", "password": "password-ok"}
    door = f"{bench.sandbox.url}/_sandbox/pluggy/link/finish"
    (await asyncio.to_thread(httpx.post, door, json=said, trust_env=False)).raise_for_status()


def test_an_item_that_is_another_link_s_is_none_of_this_one_s() -> None:
    async def work(bench: Bench) -> None:
        mine, other = [await bench.begun(None) for _ in range(2)]
        assert isinstance(mine, Visit)
        assert isinstance(other, Visit)
        await _at_the_widget(bench, other.url)
        assert isinstance(await bench.live.continue_link(Poll(mine.state)), Waiting)
        assert isinstance(await bench.live.continue_link(Poll(other.state)), Found)

    with_bench(work)


# Keys


def test_a_key_is_asked_for_once_by_all_who_wait_for_it_and_again_when_it_is_over() -> None:
    async def work(bench: Bench) -> None:
        access = await bench.linked(AURORA, ANA)
        emulator = bench.pluggy.emulator
        asked: list[object] = []
        given = emulator.keys.auth
        emulator.keys.auth = lambda *said: asked.append(said) or given(*said)  # type: ignore[method-assign,func-returns-value]
        bench.sandbox.run(emulator.keys.expire)
        await asyncio.gather(*(bench.pull(access) for _ in range(8)))
        assert len(asked) == 1

    with_bench(work)


# What is told


def test_signs_are_the_same_whichever_way_round_the_connector_has_them() -> None:
    async def work(bench: Bench) -> None:
        for access in (await bench.linked("2", OK), await bench.linked(AURORA, ANA)):
            pages = await bench.pull(access)
            bought = [each for each in movements(pages) if "CAFÉ" in each.description]
            assert bought
            assert all(each.money.amount < 0 for each in bought)
            limits = [
                each.money.amount
                for page in pages
                for each in page.changes
                if isinstance(each, BalanceSeen) and each.kind is BalanceKind.LIMIT
            ]
            assert limits
            assert not [each for page in pages for each in page.unreadable]

    with_bench(work)


def test_the_ledger_s_balances_and_positions_are_told() -> None:
    async def work(bench: Bench) -> None:
        changes = [each for page in await bench.pull(await bench.linked("2", OK)) for each in page.changes]
        kinds = {each.kind for each in changes if isinstance(each, BalanceSeen)}
        assert kinds == {
            BalanceKind.BOOKED,
            BalanceKind.AVAILABLE,
            BalanceKind.LIMIT,
            BalanceKind.VALUE,
            BalanceKind.PRESUMED,
        }
        [held] = [each for each in changes if isinstance(each, HoldingsSeen)]
        assert all(each.quantity > 0 and each.price for each in held.holdings)
        assert {each.institution for each in changes if isinstance(each, AccountSeen)} == {"Pluggy Bank"}

    with_bench(work)


def test_nothing_is_read_where_the_bank_was_not_visited_since_and_little_where_it_was() -> None:
    async def work(bench: Bench) -> None:
        access = await bench.linked(AURORA, ANA)
        whole = await bench.pull(access)
        assert await bench.pull(access, whole[-1].next) == []
        bench.sandbox.advance(days=2)  # every row was made lately then: all is read once more
        second = await bench.pull(access, whole[-1].next)
        bench.sandbox.advance(hours=9)
        part = await bench.pull(access, second[-1].next)
        assert 0 < len(movements(part)) < len(movements(whole))
        bench.sandbox.advance(days=8)
        again = await bench.pull(access, part[-1].next)
        assert len(movements(again)) >= len(movements(whole))

    with_bench(work)


def test_a_row_made_late_with_an_old_day_has_everything_read() -> None:
    async def work(bench: Bench) -> None:
        access = await bench.linked(AURORA, ANA)
        whole = await bench.pull(access)
        bench.sandbox.run(
            lambda: [bench.pluggy.emulator.reissue(each) for each in bench.pluggy.emulator.items]
        )
        again = await bench.pull(access, whole[-1].next)
        assert len(movements(again)) == len(movements(whole))
        windows: list[Window] = [each for page in again for each in page.windows]
        assert not {each.id for each in movements(whole)} & {
            row for each in windows for row in each.holds or ()
        }

    with_bench(work)


def test_what_changes_while_it_is_read_is_read_anew() -> None:
    async def work(bench: Bench) -> None:
        access = await bench.linked(AURORA, ANA)
        bench.sandbox.run(lambda: bench.sandbox.faults.add(Fault(Kind.MUTATION, provider="pluggy", count=1)))
        with pytest.raises(NotReady):
            await bench.pull(access)
        assert movements(await bench.pull(access))

    with_bench(work)


def test_old_data_is_told_before_the_bank_s_trouble_is() -> None:
    async def work(bench: Bench) -> None:
        access = await bench.linked(AURORA, ANA)
        bench.sandbox.run(
            lambda: [
                bench.pluggy.emulator.break_login(each, "SITE_NOT_AVAILABLE")
                for each in bench.pluggy.emulator.items
            ]
        )
        pulling = bench.live.pull(access, Cursor(""))
        told = [await anext(pulling) for _ in range(5)]
        with pytest.raises(Unavailable):
            await anext(pulling)
        assert movements(told)

    with_bench(work)


def test_a_product_that_is_stale_proves_nothing() -> None:
    async def work(bench: Bench) -> None:
        access = await bench.linked("2", {"user": "user-ok-account-error", "password": "password-ok"})
        pages = await bench.pull(access)
        cards = {
            each.ref
            for page in pages
            for each in page.changes
            if isinstance(each, AccountSeen) and each.kind == "card"
        }
        assert {window.ref for page in pages for window in page.windows} == cards

    with_bench(work)


def test_a_refresh_too_soon_says_when_to_come_again() -> None:
    async def work(bench: Bench) -> None:
        access = await bench.linked(AURORA, ANA)
        await bench.live.refresh(access)
        await bench.live.refresh(access)  # it is at the bank already
        bench.sandbox.advance(minutes=5)
        with pytest.raises(RateLimited) as later:
            await bench.live.refresh(access)
        assert later.value.retry_after == timedelta(hours=1)

    with_bench(work)


# Records


@pytest.mark.parametrize(
    ("told", "day"),
    [
        ("2026-07-03T01:15:00.000Z", date(2026, 7, 2)),
        ("2026-07-28T03:00:00.000Z", date(2026, 7, 28)),
        ("2026-07-28T00:00:00.000Z", date(2026, 7, 28)),
        ("2026-07-28T00:00:00", date(2026, 7, 28)),
        ("2018-12-01T01:30:00.000Z", date(2018, 11, 30)),
    ],
)
def test_days_are_brazils(told: str, day: date) -> None:
    assert day_of(datetime.fromisoformat(told)) == day


def known(kind: str = "CREDIT", *, sandbox: bool = False) -> Known:
    record = {"id": "a", "type": kind, "subtype": "", "balance": 1, "currencyCode": "BRL", "name": "x"}
    item = Item("i", "UPDATED", connector=Connector(601, "Bank", is_sandbox=sandbox))
    [found], unreadable = known_accounts([msgspec.Raw(msgspec.json.encode(record))], item)
    assert not unreadable
    return found


def seen(account: Known, **told: object) -> TransactionSeen:
    record = {"id": "t", "currencyCode": "BRL", "amount": 12.5, "date": "2026-07-04T03:00:00Z", **told}
    return transaction_seen(
        account, msgspec.json.decode(msgspec.json.encode(record), type=Transaction), "", date(2026, 7, 10)
    )


def test_a_purchase_abroad_is_booked_in_the_account_s_currency() -> None:
    told = seen(known(), currencyCode="USD", amount=20, amountInAccountCurrency=112.4)
    assert (told.money.amount, told.money.currency) == (Decimal("-112.4"), "BRL")


def test_what_is_dated_ahead_has_not_happened() -> None:
    assert seen(known(), date="2026-08-05T03:00:00Z", status="POSTED").status is Status.PENDING
    assert seen(known(), status="POSTED").status is Status.BOOKED


def test_a_type_that_says_otherwise_is_noticed_and_the_sign_followed() -> None:
    row = Transaction("t", "BRL", Decimal(5), NOW, type="CREDIT")
    money = transaction_seen(known(), row, "", date(2026, 7, 10)).money
    assert money.amount == -5
    assert contradicts(known(), row, money)
    assert not contradicts(known(sandbox=True), row, money)


def test_the_counterparty_is_whoever_is_on_the_other_side() -> None:
    parties = {"payer": {"name": "Ana"}, "receiver": {"name": "Padaria"}}
    assert seen(known("BANK"), amount=-3, paymentData=parties).counterparty == "Padaria"
    assert seen(known("BANK"), amount=3, paymentData=parties).counterparty == "Ana"


def test_an_account_of_a_type_nobody_knows_is_kept_and_not_told() -> None:
    record = {"id": "a", "type": "VOUCHER", "subtype": "", "balance": 1, "currencyCode": "BRL", "name": "x"}
    found, unreadable = known_accounts([msgspec.Raw(msgspec.json.encode(record))], Item("i", "UPDATED"))
    assert not found
    assert "VOUCHER" in unreadable[0].raw


# Webhooks


def test_every_documented_event_is_translated_and_what_is_new_is_no_error() -> None:
    folder = shared("contracts", "pluggy", "contract.md").parent / "examples" / "webhooks"
    told = {
        file.stem: signals(file.read_bytes())
        for file in sorted(folder.glob("*.json"))
        if file.stem != "index"
    }
    ours = {name for name in told if name.split(".")[0] in {"item", "transactions"}}
    assert all(isinstance(told[name][0], FetchSignal | MendedSignal) for name in ours)
    assert len(ours) == 10
    assert all(isinstance(each, OutageSignal) for each in told["connector.status_updated"])
    assert not [name for name in told.keys() - ours - {"connector.status_updated"} if told[name]]
    assert signals(b'{"event":"moon/landed","eventId":"1"}') == []


def test_a_webhook_without_the_header_or_with_another_is_not_believed() -> None:
    async def work(bench: Bench) -> None:
        body = b'{"event":"item/updated","eventId":"e-1","itemId":"i"}'
        at = datetime(2026, 7, 1, tzinfo=UTC)
        assert await bench.live.verify_webhook(Delivery({"x-caudal-secret": HOOK}, body, at)) == "e-1"
        for headers in (
            {},
            {"x-caudal-secret": ""},
            {"x-caudal-secret": f"{HOOK}x"},
            {"x-pluggy-signature": HOOK},
        ):
            with pytest.raises(NotGenuine):
                await bench.live.verify_webhook(Delivery(headers, body, at))

    with_bench(work)


def test_without_a_secret_nothing_is_believed() -> None:
    async def work() -> None:
        async with PluggyProvider(PluggyConfig(CLIENT, "s")) as live:
            with pytest.raises(NotGenuine):
                await live.verify_webhook(Delivery({"x-caudal-secret": ""}, b'{"event":"x"}', NOW))

    asyncio.run(work())


def test_our_webhook_is_registered_once_with_its_header() -> None:
    async def work(bench: Bench) -> None:
        for _ in range(2):
            await bench.live.begin_link(
                LinkRequest("space-1", webhook_url="http://127.0.0.1:9/webhooks/pluggy")
            )
        [made] = bench.pluggy.emulator.hooks.of(CLIENT)
        assert made.headers == {"x-caudal-secret": HOOK}

    with_bench(work)
