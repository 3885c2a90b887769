"""Belvo's adapter: how one links, what a record may be short of, what a webhook is worth."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.contract import test_belvo_conforms as rigged
from tests.contract.conformance import BOUNDS, Bench, sandboxed
from tests.contract.test_belvo_conforms import HEADER, PERSON, SECRET, belvo, browse, configured
from tests.support.shared import shared

from caudal.model.changes import BalanceKind, BalanceSeen, HoldingsSeen, Status, TransactionSeen
from caudal.model.errors import ConfigError, NeedsUser, NotGenuine, NotReady, Refused
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
    LinkSignal,
    LinkState,
    LinkStep,
    Mended,
    MendedSignal,
    Poll,
    Visit,
    Waiting,
)
from caudal.providers.belvo.client import BelvoConfig
from caudal.providers.belvo.normalise import balances_seen, known_account, movements_seen
from caudal.providers.belvo.payloads import Account, Transaction
from caudal.providers.belvo.provider import BelvoProvider
from caudal.providers.belvo.webhooks import key_of, signals
from caudal.providers.rows import read_all
from caudal_sandbox.belvo.names import cpf_of
from caudal_sandbox.economy.countries import CountryCode

TODAY = date(2026, 4, 1)
WHO = {"document": cpf_of(PERSON), "name": "Pessoa"}


def at_belvo(work: Callable[[Bench], Awaitable[None]], **more: object) -> None:
    """Do something with an adapter at an emulator."""
    rig = rigged.TestBelvo.rig

    async def there() -> None:
        with sandboxed(rig) as (sandbox, clock):
            async with BelvoProvider(configured(sandbox, **more), BOUNDS, clock=clock) as live:
                await work(Bench(rig, sandbox, clock, live))

    asyncio.run(there())


async def visited(bench: Bench, request: LinkRequest, who: dict[str, str] | None = None) -> Visit:
    step = await bench.live.begin_link(request)
    if isinstance(step, Ask):
        step = await bench.live.continue_link(Fields(step.state, who or WHO))
    assert isinstance(step, Visit), step
    return step


async def went(bench: Bench, visit: Visit, **said: str) -> LinkStep:
    await asyncio.to_thread(browse, visit.url, **said)
    return await bench.live.continue_link(Poll(visit.state))


def opened(made: Linked) -> Access:
    return Access("c", made.reference, made.institution.reference, made.secrets)


class TestTheWidget:
    def test_a_person_is_asked_who_they_are_until_it_can_be_right(self) -> None:
        async def work(bench: Bench) -> None:
            step = await bench.live.begin_link(LinkRequest("space-1"))
            for wrong in (
                {"document": "123", "name": "A"},
                {"document": WHO["document"]},
                {**WHO, "name": "A / B"},
            ):
                assert isinstance(step, Ask)
                assert "document" in step.secret
                step = await bench.live.continue_link(Fields(step.state, wrong))
                assert isinstance(step, Ask)
                assert step.why
            written = (
                f"{WHO['document'][:3]}.{WHO['document'][3:6]}.{WHO['document'][6:9]}-{WHO['document'][9:]}"
            )
            firm = {"document": f"{written} 12.ABC.345/01DE-35", "name": "Pessoa / Firma"}
            assert isinstance(await bench.live.continue_link(Fields(step.state, firm)), Visit)

        at_belvo(work)

    def test_it_is_waited_for_and_found_by_our_own_name_of_it(self) -> None:
        async def work(bench: Bench) -> None:
            visit = await visited(bench, LinkRequest("space-1"))
            assert isinstance(await bench.live.continue_link(Poll(visit.state)), Waiting)
            found = await went(bench, visit)
            assert isinstance(found, Found)
            assert found.institution.name == "Mock Bank"
            assert found.institution.country == "BR"
            assert len(found.accounts) > 3
            made = await bench.live.continue_link(Conclude(found.state))
            assert isinstance(made, Linked)
            assert made.reference == visit.session

        at_belvo(work)

    def test_whoever_doesn_t_come_in_time_has_to_start_again(self) -> None:
        async def work(bench: Bench) -> None:
            visit = await visited(bench, LinkRequest("space-1"))
            await asyncio.to_thread(browse, visit.url, answer="deny")
            assert isinstance(await bench.live.continue_link(Poll(visit.state)), Waiting)
            await asyncio.to_thread(bench.sandbox.advance, minutes=11)
            assert isinstance(await bench.live.continue_link(Poll(visit.state)), Abandoned)

        at_belvo(work)

    def test_another_s_login_mends_nothing_and_is_not_kept(self) -> None:
        async def work(bench: Bench) -> None:
            access = await bench.access()
            visit = await visited(
                bench, LinkRequest("space-1", relink=access, institution=access.institution)
            )
            assert visit.session == access.reference
            other = await went(bench, visit, institution="serraclara_br_retail")
            assert isinstance(other, Abandoned)
            assert len(belvo(bench.sandbox).emulator.links) == 1
            visit = await visited(
                bench, LinkRequest("space-1", relink=access, institution=access.institution)
            )
            mended = await went(bench, visit)
            assert isinstance(mended, Mended)
            assert mended.secrets["link"] != access.secrets["link"]
            assert [*belvo(bench.sandbox).emulator.links] == [mended.secrets["link"].decode()]

        at_belvo(work)

    def test_what_the_widget_must_show_is_asked_of_the_operator(self) -> None:
        async def work(bench: Bench) -> None:
            step = await bench.live.begin_link(LinkRequest("space-1"))
            assert isinstance(step, Ask)
            with pytest.raises(ConfigError, match="CAUDAL_BELVO_COMPANY, CAUDAL_BELVO_PURPOSE"):
                await bench.live.continue_link(Fields(step.state, WHO))

        at_belvo(work, company="", purpose="")

    def test_a_state_of_another_s_making_is_refused(self) -> None:
        async def work(bench: Bench) -> None:
            with pytest.raises(Refused):
                await bench.live.continue_link(Poll(LinkState("{}")))

        at_belvo(work)


class TestLoginsOf2023:
    @pytest.mark.parametrize("institution", ["erebor_mx_retail", "heimdall_mx_retail"])
    def test_a_login_is_linked_read_and_mended(self, institution: str) -> None:
        async def work(bench: Bench) -> None:
            sandbox = bench.sandbox
            sandbox.run(lambda: sandbox.world.person("maria", CountryCode.MX))
            step = await bench.live.begin_link(LinkRequest("space-1", institution=institution))
            assert isinstance(step, Ask)
            assert set(step.fields) == {"username", "password"} == step.secret
            wrong = await bench.live.continue_link(
                Fields(step.state, {"username": "maria", "password": "wrong"})
            )
            assert isinstance(wrong, Ask)
            assert wrong.why
            right = {"username": "maria", "password": "right"}
            step = await with_token(bench, await bench.live.continue_link(Fields(wrong.state, right)))
            assert isinstance(step, Found)
            made = await bench.live.continue_link(Conclude(step.state))
            assert isinstance(made, Linked)
            access = opened(made)
            with pytest.raises(NotReady):
                await bench.pull(access)
            await asyncio.to_thread(sandbox.advance, hours=13)
            pages = await bench.pull(access)
            told = [each for page in pages for each in page.changes if isinstance(each, TransactionSeen)]
            shown = [each.account for each in belvo(sandbox).shown()]
            really = sum(
                sum(
                    each.state in {"booked", "pending"} for each in sandbox.world.account(account).movements()
                )
                for account in shown
            )
            assert len(told) == really > 10
            assert len({(each.ref, each.id) for each in told}) == really
            assert {each.money.currency for each in told} == {"MXN"}
            emulator = belvo(sandbox).emulator
            sandbox.run(lambda: [emulator.break_login(link) for link in emulator.links.values()])
            with pytest.raises(NeedsUser):
                await bench.pull(access, pages[-1].next)
            step = await bench.live.begin_link(LinkRequest("space-1", relink=access))
            assert isinstance(step, Ask)
            mended = await with_token(bench, await bench.live.continue_link(Fields(step.state, right)))
            assert isinstance(mended, Mended)
            assert await bench.pull(access, pages[-1].next)

        at_belvo(work, legacy=True)

    def test_without_the_operator_s_word_there_are_none(self) -> None:
        async def work(bench: Bench) -> None:
            step = await bench.live.begin_link(LinkRequest("space-1", institution="erebor_mx_retail"))
            assert isinstance(step, Ask)
            assert "document" in step.fields

        at_belvo(work)


async def with_token(bench: Bench, step: LinkStep) -> LinkStep:
    """The next step after the token, where the bank wants one."""
    if isinstance(step, Ask) and "token" in step.fields:
        assert step.secret == {"token"}
        return await bench.live.continue_link(Fields(step.state, {"token": "12345"}))
    return step


class TestPositions:
    def test_what_a_login_holds_is_told_with_its_movements(self) -> None:
        async def work(bench: Bench) -> None:
            access = await bench.access()
            changes = [change for page in await bench.pull(access) for change in page.changes]
            (held,) = [each for each in changes if isinstance(each, HoldingsSeen)]
            world = bench.sandbox.world
            view = next(v for v in world.accounts(world.person(PERSON)) if v.positions())
            assert {each.asset: each.quantity for each in held.holdings} == {
                each.security.symbol: each.quantity for each in view.positions()
            }
            moved = [each for each in changes if isinstance(each, TransactionSeen) and each.ref == held.ref]
            bought = sum(
                -each.amount for each in view.movements() if each.movement.trade and each.state == "booked"
            )
            assert sum(each.money.amount for each in moved) == bought

        at_belvo(work)

    def test_where_the_operator_didn_t_buy_them_nobody_asks_for_them(self) -> None:
        async def work(bench: Bench) -> None:
            access = await bench.access()
            changes = [change for page in await bench.pull(access) for change in page.changes]
            assert not [each for each in changes if isinstance(each, HoldingsSeen)]

        at_belvo(work, investments=False)


def record(**more: object) -> dict[str, Any]:
    told = {
        "id": "1", "internal_identification": "A1", "amount": 12.5, "type": "OUTFLOW", "currency": "BRL",
        "value_date": "2026-03-30", "status": "PROCESSED", "description": "PIX", "local_currency_amount": None,
    }  # fmt: skip
    return {**told, **more}


def account(**more: object) -> Any:
    told = {
        "id": "b1", "category": "CHECKING_ACCOUNT", "balance_type": "ASSET", "currency": "BRL", "name": "Conta",
        "number": "2455024", "check_digit": "4", "internal_identification": "9279", "collected_at": "2026-04-01T12:00:00Z",
        "public_identification_value": "0001/2455024-4", "balance": {"current": 100.25, "available": 90},
    }  # fmt: skip
    read = msgspec.json.decode(json.dumps({**told, **more}), type=Account)
    return known_account(read, "raw", "Banco", "BR")


def movements(*records: dict[str, Any], known: Any = None) -> tuple[list[TransactionSeen], list[Any]]:
    rows = [msgspec.Raw(json.dumps(each).encode()) for each in records]
    read, bad = read_all(rows, Transaction, "belvo transactions")
    seen, more = movements_seen(read, known or account(), TODAY)
    return seen, bad + more


class TestRecords:
    def test_the_direction_is_told_beside_the_amount(self) -> None:
        (out, back), bad = movements(record(), record(internal_identification="A2", type="INFLOW", amount=3))
        assert (out.money.amount, back.money.amount, bad) == (Decimal("-12.5"), Decimal(3), [])

    @pytest.mark.parametrize(
        "odd",
        [
            {"type": None},
            {"type": "UNCATEGORIZED"},
            {"status": "WORD_OF_TOMORROW"},
            {"amount": -1},
            {"amount": 1.2345},
            {"amount": "a lot"},
            {"currency": None},
            {"currency": "USD"},
            {"value_date": None},
        ],
    )
    def test_what_can_t_be_understood_is_kept_raw_and_the_rest_told(self, odd: dict[str, Any]) -> None:
        seen, bad = movements(record(**odd), record(internal_identification="A2"))
        assert [each.id for each in seen] == ["A2"]
        assert len(bad) == 1
        assert json.loads(bad[0].raw) == record(**odd)

    def test_a_card_s_row_abroad_counts_what_it_came_to(self) -> None:
        (seen,), _ = movements(record(currency="USD", amount=10, local_currency_amount=57.31))
        assert (seen.money.amount, seen.money.currency) == (Decimal("-57.31"), "BRL")

    def test_what_is_yet_to_come_is_pending_and_what_says_nothing_is_booked(self) -> None:
        rows = (
            record(internal_identification="A1", status="PENDING"),
            record(internal_identification="A2", value_date="2026-05-02"),
            record(internal_identification="A3", status=None),
        )
        seen, _ = movements(*rows)
        by_id = {each.id: each.status for each in seen}
        assert by_id == {"A1": Status.PENDING, "A2": Status.PENDING, "A3": Status.BOOKED}

    def test_midnight_is_no_instant(self) -> None:
        seen, _ = movements(
            record(transacted_at="2026-03-30T00:00:00.000Z"),
            record(internal_identification="A2", transacted_at="2026-03-30T13:01:02.000Z"),
        )
        assert [each.occurred_at for each in seen] == [None, datetime(2026, 3, 30, 13, 1, 2, tzinfo=UTC)]

    def test_twins_without_a_name_stay_two_and_one_name_of_two_names_neither(self) -> None:
        nameless = record(internal_identification=None)
        seen, _ = movements(nameless, nameless)
        assert len({each.id for each in seen}) == 2
        seen, _ = movements(record(), record(amount=13))
        assert len({each.id for each in seen}) == 2

    def test_what_is_owed_is_negative_and_a_card_s_period_proves_nothing(self) -> None:
        card = account(category="CREDIT_CARD", balance_type="LIABILITY", credit_data={"credit_limit": 5000})
        told = {each.kind: each.money.amount for each in balances_seen(card) if isinstance(each, BalanceSeen)}
        assert told == {
            BalanceKind.VALUE: Decimal("-100.25"),
            BalanceKind.AVAILABLE: Decimal(90),
            BalanceKind.LIMIT: Decimal(5000),
        }
        assert {each.kind for each in balances_seen(account())} == {BalanceKind.BOOKED, BalanceKind.AVAILABLE}

    def test_an_account_goes_by_its_bank_s_id_else_by_its_number(self) -> None:
        assert account().seen.ref == "9279"
        assert account().seen.number == "2455024-4"
        assert account(internal_identification=None).seen.ref == "0001/2455024-4"
        with pytest.raises(ValueError, match="names it"):
            account(internal_identification=None, public_identification_value=None)
        with pytest.raises(ValueError, match="nobody knows"):
            account(category="MOON_ACCOUNT")

    def test_both_official_examples_of_an_account_and_every_row_of_the_profile_are_read(self) -> None:
        profile = json.loads(
            shared("contracts", "belvo", "examples", "profiles", "ofda_br_profile.json").read_text()
        )
        rows = [msgspec.Raw(json.dumps(each).encode()) for each in profile["accounts"]]
        read, bad = read_all(rows, Account, "belvo accounts")
        assert not bad
        known = {told.id: known_account(told, raw, "", "BR") for told, raw in read}
        told = unread = 0
        for each in profile["transactions"]:
            seen, bad = movements(each, known=known[each["account"]["id"]])
            told, unread = told + len(seen), unread + len(bad)
        assert unread == sum(each["type"] is None for each in profile["transactions"])
        assert told + unread == len(profile["transactions"])


class TestWebhooks:
    def test_each_of_the_contract_s_examples_means_what_it_should(self) -> None:
        folder = shared("contracts", "belvo", "examples", "webhooks")
        meant = {file.stem: signals(file.read_bytes()) for file in folder.glob("*.*.json")}
        fetched = {"LINK.invalid_credentials", "LINK.token_required", "LINK.link_deleted"}
        for name, found in meant.items():
            kinds = {type(each) for each in found}
            if name in fetched or name.startswith("CONSENT."):
                assert kinds == {FetchSignal}, name
            elif name == "ACCOUNTS.historical_update":
                assert kinds == {MendedSignal, LinkSignal}, name
            elif name.startswith(("ACCOUNTS.", "TRANSACTIONS.", "INVESTMENT")):
                assert kinds == {MendedSignal}, name
            else:
                assert not found, name
            assert {each.reference for each in found if not isinstance(each, LinkSignal)} <= {"user-42"}

    @pytest.mark.parametrize("header", ["", "Bearer", HEADER + "x", HEADER.lower(), "Basic " + HEADER])
    def test_without_the_header_none_is_believed(self, header: str) -> None:
        body = b'{"webhook_id":"1","webhook_type":"LINK","webhook_code":"link_deleted","link_id":"l"}'
        at = datetime(2026, 4, 1, tzinfo=UTC)
        assert key_of(Delivery({"authorization": HEADER}, body, at), HEADER) == "1"
        for agreed in (HEADER, ""):
            with pytest.raises(NotGenuine):
                key_of(Delivery({"authorization": header}, body, at), agreed)


@pytest.mark.parametrize(
    "wrong", [{"secret_id": ""}, {"environment": "development"}, {"authorization": "secret"}]
)
def test_a_configuration_that_can_t_do_is_refused_and_shows_no_secret(wrong: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as refused:
        BelvoConfig(**{"secret_id": "id", "secret_password": SECRET, **wrong})
    assert SECRET not in str(refused.value)
    assert SECRET not in repr(BelvoConfig("id", SECRET))
