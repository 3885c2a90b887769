"""One login, several spaces: each account is in the one it belongs to, whole, and in no other."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as chosen
from hypothesis import strategies as st
from tests.support.api import Hub, Who, at_hub
from tests.support.books import all_rows, faults
from tests.support.opened import on
from tests.support.stepping import NAME
from tests.support.twofold import FIRM, NAMES, OWN, Twofold
from tests.support.web import browsing, text_of

from caudal.hub import connections, ledger, links, routing, syncs
from caudal.hub.installation import Installation
from caudal.model.changes import Unreadable
from caudal.model.errors import NeedsUser, Unavailable
from caudal.settings import Settings
from caudal.store import spaces
from caudal.store.database import Store
from caudal.store.ledger import Filter
from caudal.store.spaces import LinkedConnection, Space


class Books:
    """Somebody with private books and a firm's, and a login that holds an account of each."""

    def __init__(self, hub: Hub, bank: Twofold, ana: Who, home: str, firm: str) -> None:
        self.hub = hub
        self.bank = bank
        self.ana = ana
        self.home = home
        self.firm = firm
        self.connection = ""

    async def link(self) -> str:
        """Link it by its page, until it is asked where the accounts belong. Returns the page's path."""
        made = await self.ana.post(f"/v1/spaces/{self.home}/link-sessions", {"provider": NAME})
        path: str = made["url"].removeprefix("http://hub.test")
        async with browsing(self.hub) as guest:
            await guest.post(f"{path}/agree")
            await guest.post(f"{path}/poll")
        [there] = (await self.ana.get(f"/v1/spaces/{self.home}/connections"))["data"]
        self.connection = there["connection_id"]
        return path

    async def linked(self, firm: bool = True) -> None:
        """Link it, the firm's account in the firm's books or where the rest is, and pull it all."""
        path = await self.link()
        await self.sync()
        async with browsing(self.hub) as guest:
            said = {f"space-{OWN}": self.home, f"space-{FIRM}": self.firm if firm else self.home}
            await guest.post(f"{path}/accounts", {"account": [OWN, FIRM], **said})
        await self.sync()

    async def sync(self) -> syncs.SyncReport:
        """Pull it, as a worker does."""
        space = Space(UUID(self.home), "home")
        return await syncs.sync(self.hub.opened, space, await self.there(), self.bank.provider)

    async def there(self) -> LinkedConnection:
        """The connection."""
        return await connections.by_id(self.hub.opened, Space(UUID(self.home), "home"), UUID(self.connection))

    async def route(self, **said: str) -> Any:
        """Say where accounts belong."""
        return await self.ana.ask(
            "PATCH",
            f"/v1/spaces/{self.home}/connections/{self.connection}/routes",
            json={"accounts": said},
        )

    async def movements(self, space: str) -> list[tuple[str, Decimal]]:
        """What a space's ledger holds."""
        found = await self.ana.get(f"/v1/spaces/{space}/transactions?limit=200")
        return sorted((each["description"], Decimal(each["amount"])) for each in found["data"])

    async def proofs(self, space: str) -> dict[str, tuple[str, str]]:
        """Account → verdict and day, in a space."""
        found = await self.ana.get(f"/v1/spaces/{space}/proof")
        return {
            each["account"]: (each["proof"]["verdict"], each["proof"]["proven_to"]) for each in found["data"]
        }


def at_bank(
    settings: Settings, work: Callable[[Books], Awaitable[None]], bank: Twofold | None = None
) -> None:
    """Do it with a login of both."""
    there = bank or Twofold()

    async def at(hub: Hub) -> None:
        ana, home = await hub.home()
        firm = await hub.space(ana, "Firma")
        await work(Books(hub, there, ana, home, firm))

    at_hub(settings, at, there.live)


def some() -> Twofold:
    """A bank that holds something of each."""
    bank = Twofold()
    for n in range(5):
        bank.book(f"o{n}", OWN, f"-{n + 1}.50", date(2026, 2, n + 1), f"own {n}")
        bank.book(f"f{n}", FIRM, f"{n + 1}00.00", date(2026, 2, n + 1), f"firm {n}")
    return bank


def spoken_of(conninfo: str, space: str, text: str) -> list[str]:
    """The tables that hold a row of a space with this text in it."""
    tables = all_rows(
        conninfo,
        """select table_name from information_schema.columns where table_schema = 'caudal' and column_name = 'space_id'
        order by 1""",
    )
    return [
        str(name)
        for (name,) in tables
        if all_rows(
            conninfo,
            f"select 1 from caudal.{name} row where space_id = '{space}' and row::text like %s",
            [f"%{text}%"],
        )
    ]


def test_each_account_is_in_the_space_it_belongs_to_and_nothing_of_it_in_another(settings: Settings) -> None:
    async def work(books: Books) -> None:
        await books.linked()
        assert [text for text, _ in await books.movements(books.home)] == [f"own {n}" for n in range(5)]
        assert [text for text, _ in await books.movements(books.firm)] == [f"firm {n}" for n in range(5)]
        assert await books.proofs(books.home) == {"Conta pessoal": ("proven", "2026-03-31")}
        assert await books.proofs(books.firm) == {"Conta da firma": ("proven", "2026-03-31")}
        for text in (NAMES[OWN], "own 1", "<o1"):
            assert spoken_of(settings.database_url, books.firm, text) == []
        for text in ("firm 1", "<f1"):
            assert spoken_of(settings.database_url, books.home, text) == []
        assert spoken_of(settings.database_url, books.home, NAMES[FIRM]) == ["account_route"]
        books.bank.book("o9", OWN, "-9.00", text="own 9")
        books.bank.book("f9", FIRM, "-9.00", text="firm 9")
        books.bank.take_back("f0")
        report = await books.sync()
        assert (report.created, report.gone) == (2, 1)
        assert "firm 9" in dict(await books.movements(books.firm))
        assert "firm 0" not in dict(await books.movements(books.firm))
        for space in (books.home, books.firm):
            assert await faults(books.hub.opened.store, UUID(space)) == {}

    at_bank(settings, work, some())


def test_nothing_is_written_before_its_person_said_where_it_belongs(settings: Settings) -> None:
    async def work(books: Books) -> None:
        path = await books.link()
        report = await books.sync()
        assert (report.preparing, report.seen) == (True, 0)
        assert all_rows(settings.database_url, "select * from caudal.source_account") == []
        assert all_rows(settings.database_url, "select * from caudal.observation") == []
        async with browsing(books.hub) as guest:
            page = await guest.get(path)
            assert "say where each account belongs" in text_of(page)
            assert "Conta da firma" in text_of(page)
            assert page.text.count(f'value="{books.firm}"') == 2
        [there] = (await books.ana.get(f"/v1/spaces/{books.home}/connections"))["data"]
        assert there["choosing"] is True

    at_bank(settings, work, some())


def test_what_is_not_wanted_while_linking_is_never_written(settings: Settings) -> None:
    async def work(books: Books) -> None:
        path = await books.link()
        await books.sync()
        async with browsing(books.hub) as guest:
            said = {f"space-{OWN}": books.home, f"space-{FIRM}": books.firm}
            await guest.post(f"{path}/accounts", {"account": [OWN], **said})
        await books.sync()
        assert len(await books.movements(books.home)) == 5
        assert await books.movements(books.firm) == []
        assert spoken_of(settings.database_url, books.firm, "firm 1") == []

    at_bank(settings, work, some())


def test_who_says_nothing_has_it_all_at_home_in_the_end(settings: Settings) -> None:
    async def work(books: Books) -> None:
        await books.link()
        await books.sync()
        with_time = "update caudal.connection set choice_until = now() - interval '1 second' returning 1"
        assert all_rows(settings.database_url, with_time) == [(1,)]
        await books.sync()
        assert len(await books.movements(books.home)) == 10
        assert await books.movements(books.firm) == []

    at_bank(settings, work, some())


def test_who_has_one_space_alone_is_asked_nothing(settings: Settings) -> None:
    async def work(hub: Hub) -> None:
        ana, home = await hub.home()
        books = Books(hub, bank, ana, home, "")
        await books.link()
        assert (await books.sync()).created == 10

    bank = some()
    at_hub(settings, work, bank.live)


def test_an_account_takes_along_what_was_told_of_it_and_what_people_said(settings: Settings) -> None:
    async def work(books: Books) -> None:
        await books.linked(firm=False)
        before = {
            row["description"]: row
            for row in (await books.ana.get(f"/v1/spaces/{books.home}/transactions"))["data"]
        }
        for text, change in (("firm 1", {"category": "Sales"}), ("own 1", {"category": "Coffee"})):
            of = f"/v1/spaces/{books.home}/transactions/{before[text]['transaction_id']}"
            tag = (await books.ana.ask("GET", of)).headers["etag"]
            await books.ana.ask("PATCH", of, json=change, headers={"if-match": tag})
        gone = f"/v1/spaces/{books.home}/transactions/{before['firm 2']['transaction_id']}"
        await books.ana.ask(
            "DELETE", gone, headers={"if-match": (await books.ana.ask("GET", gone)).headers["etag"]}
        )
        books.bank.log = [
            each for each in books.bank.log if each[0] != "f4"
        ]  # too long ago for the bank to tell again
        moved = await books.route(firm=books.firm)
        assert {each["name"]: each["space_id"] for each in moved.json()["data"]} == {
            "Conta pessoal": books.home,
            "Conta da firma": books.firm,
        }
        await _in_the_firms_books(books)
        await books.sync()
        await _in_the_firms_books(books)
        assert [
            each["name"] for each in (await books.ana.get(f"/v1/spaces/{books.home}/accounts"))["data"]
        ] == ["Conta pessoal"]

    async def _in_the_firms_books(books: Books) -> None:
        assert [text for text, _ in await books.movements(books.home)] == [f"own {n}" for n in range(5)]
        there = (await books.ana.get(f"/v1/spaces/{books.firm}/transactions"))["data"]
        assert sorted(row["description"] for row in there) == ["firm 0", "firm 1", "firm 3", "firm 4"]
        assert {row["description"]: row["category"] for row in there}["firm 1"] == "Sales"
        for space in (books.home, books.firm):
            assert await faults(books.hub.opened.store, UUID(space)) == {}

    bank = some()
    bank.log.sort(key=lambda each: each[0] != "f4")
    bank.log[0][1].day = date(2025, 12, 1)  # type: ignore[union-attr]
    at_bank(settings, work, bank)


def test_there_and_back_again_is_as_it_was(settings: Settings) -> None:
    async def work(books: Books) -> None:
        await books.linked(firm=False)
        held, proofs = await books.movements(books.home), await books.proofs(books.home)
        assert (await books.route(firm=books.firm)).status_code == 200
        assert proofs["Conta da firma"] == (await books.proofs(books.firm))["Conta da firma"]
        assert (await books.route(firm=books.home)).status_code == 200
        assert (await books.movements(books.home), await books.proofs(books.home)) == (held, proofs)
        assert await books.movements(books.firm) == []
        [there] = (await books.ana.get(f"/v1/spaces/{books.firm}/connections"))["data"]
        assert there["state"] == "revoked"
        await books.sync()
        assert (await books.movements(books.home), await books.proofs(books.home)) == (held, proofs)

    at_bank(settings, work, some())


def test_what_becomes_of_the_connection_reaches_every_space_it_feeds(settings: Settings) -> None:
    async def work(books: Books) -> None:
        await books.linked()
        books.bank.trouble = NeedsUser("the password of Conta pessoal was changed", action="sign in again")
        with pytest.raises(NeedsUser):
            await books.sync()
        for space in (books.home, books.firm):
            [there] = (await books.ana.get(f"/v1/spaces/{space}/connections"))["data"]
            assert there["state"] == "needs_user"
            told = (await books.ana.get(f"/v1/spaces/{space}/events?limit=200"))["data"]
            assert {each["kind"] for each in told[-2:]} == {"connection.state", "run.finished"}
        errors = [
            (await books.ana.get(f"/v1/spaces/{space}/runs"))["data"][0]["error"]
            for space in (books.home, books.firm)
        ]
        assert "Conta pessoal" in errors[0]
        assert errors[1] == "NeedsUser"
        pause = f"/v1/spaces/{books.home}/connections/{books.connection}/pause"
        await books.ana.post(pause)
        [there] = (await books.ana.get(f"/v1/spaces/{books.firm}/connections"))["data"]
        assert there["paused_at"] is not None
        told = (await books.ana.get(f"/v1/spaces/{books.firm}/events?limit=200"))["data"]
        assert told[-1]["kind"] == "connection.paused"
        assert there["home_space_id"] == books.home

    at_bank(settings, work, some())


def test_where_it_is_only_fed_a_connection_is_seen_and_not_managed(settings: Settings) -> None:
    async def work(books: Books) -> None:
        await books.linked()
        there = f"/v1/spaces/{books.firm}/connections/{books.connection}"
        shown = (await books.ana.get(f"{there}/accounts"))["data"]
        assert [(each["name"], each["space_id"]) for each in shown] == [("Conta da firma", books.firm)]
        for method, path in (("POST", "/refresh"), ("POST", "/pause"), ("DELETE", "")):
            assert await books.ana.refused(method, f"{there}{path}") == "conflict"
        said = {"accounts": {FIRM: books.firm}}
        assert await books.ana.refused("PATCH", f"{there}/routes", json=said) == "conflict"
        secrets = "select distinct space_id::text from caudal.credential union select space_id::text from caudal.data_key"
        assert all_rows(settings.database_url, secrets) == [(books.home,)]
        assert all_rows(settings.database_url, "select distinct space_id::text from caudal.schedule") == [
            (books.home,)
        ]
        assert all_rows(
            settings.database_url, "select value from caudal.cursor where space_id = %s", [books.firm]
        ) == [("",)]

    at_bank(settings, work, some())


def test_accounts_go_only_where_who_says_so_may_link(settings: Settings) -> None:
    async def work(books: Books) -> None:
        await books.linked(firm=False)
        bia = await books.hub.member(books.ana, books.home, "member", "bia@example.org")
        theirs = await books.hub.space(bia, "Bia")
        routes = f"/v1/spaces/{books.home}/connections/{books.connection}/routes"
        scopes = ["connections:read", "connections:manage"]
        key = await books.hub.key(books.ana, books.home, scopes=scopes)
        for who, space in ((books.ana, theirs), (bia, books.firm), (key, books.firm)):
            assert await who.refused("PATCH", routes, json={"accounts": {FIRM: space}}) == "not_found"
        await books.hub.member(books.ana, books.firm, "viewer", "caio@example.org")
        assert len(await books.movements(books.home)) == 10
        assert (
            all_rows(settings.database_url, "select 1 from caudal.connection where home_space_id is not null")
            == []
        )

    at_bank(settings, work, some())


def test_an_account_that_is_not_wanted_is_left_out_wherever_it_belongs(settings: Settings) -> None:
    async def work(books: Books) -> None:
        await books.linked()
        accounts = f"/v1/spaces/{books.home}/connections/{books.connection}/accounts"
        answer = await books.ana.ask("PATCH", accounts, json={"references": [OWN]})
        assert {each["reference"]: each["selected"] for each in answer.json()["data"]} == {
            OWN: True,
            FIRM: False,
        }
        for ref in (OWN, FIRM):
            books.bank.book(f"n-{ref}", ref, "-3.00", text=f"{ref}, later")
        await books.sync()
        assert "own, later" in dict(await books.movements(books.home))
        assert "firm, later" not in dict(await books.movements(books.firm))
        await books.ana.ask("PATCH", accounts, json={"references": [OWN, FIRM]})
        await books.sync()
        assert "firm, later" in dict(await books.movements(books.firm))

    at_bank(settings, work, some())


def test_who_refreshes_needs_not_be_in_the_spaces_it_feeds(settings: Settings) -> None:
    async def work(books: Books) -> None:
        await books.linked()
        bia = await books.hub.member(books.ana, books.home, "member", "bia@example.org")
        books.bank.book("f9", FIRM, "-9.00", text="firm 9")
        done = await bia.post(f"/v1/spaces/{books.home}/connections/{books.connection}/refresh")
        assert [each["freshness"] for each in done["connections"]] == ["fresh"]
        assert "firm 9" in dict(await books.movements(books.firm))
        assert await bia.refused("GET", f"/v1/spaces/{books.firm}/transactions") == "not_found"

    at_bank(settings, work, some())


def test_what_can_not_be_read_lies_where_its_account_belongs(settings: Settings) -> None:
    async def work(books: Books) -> None:
        await books.linked()
        books.bank.unreadable = [
            Unreadable("row 7", "no amount", "raw", FIRM),
            Unreadable("row 8", "no amount", "raw", None),
        ]
        await books.sync()
        rows = all_rows(
            settings.database_url, "select space_id::text, place from caudal.quarantine order by place"
        )
        assert rows == [(books.firm, "row 7"), (books.home, "row 8")]

    at_bank(settings, work, some())


def test_a_page_is_in_all_its_spaces_or_in_none(settings: Settings) -> None:
    async def work(books: Books) -> None:
        await books.linked()
        held = [await books.movements(space) for space in (books.home, books.firm)]
        for n in range(3):
            books.bank.book(f"o1{n}", OWN, "-1.00", text=f"own 1{n}")
            books.bank.book(f"f1{n}", FIRM, "1.00", text=f"firm 1{n}")
        sent = 0

        def cut(at: int) -> Callable[[str], None]:
            def observe(_: str) -> None:
                nonlocal sent
                sent += 1
                if sent == at:
                    raise Unavailable("cut off")

            return observe

        there, known = await books.there(), ""
        for at in range(20, 200, 13):
            sent = 0
            async with await Store.open(settings.database_url, observe=cut(at)) as store:
                opened = _with(books, store)
                with suppress(Unavailable):
                    await syncs.sync(opened, Space(UUID(books.home), "home"), there, books.bank.provider)
            now = [await books.movements(space) for space in (books.home, books.firm)]
            grown = [len(after) - len(before) for after, before in zip(now, held, strict=True)]
            [(cursor,)] = all_rows(
                settings.database_url, "select value from caudal.cursor where space_id = %s", [books.home]
            )
            assert sum(grown) == int(str(cursor)) - 10, (at, grown, cursor)
            known = str(cursor)
        assert known == "16"

    at_bank(settings, work, some())


def _with(books: Books, store: Store) -> Installation:
    return msgspec.structs.replace(books.hub.opened, store=store)


async def _statements(books: Books, there: LinkedConnection) -> Counter[str]:
    """How often which statement is sent by a sync."""
    sent: Counter[str] = Counter()

    def observe(name: str) -> None:
        sent[name] += 1

    async with await Store.open(books.hub.opened.settings.database_url or "", observe=observe) as store:
        await syncs.sync(_with(books, store), Space(UUID(books.home), "home"), there, books.bank.provider)
    return sent


def test_a_page_of_two_spaces_costs_the_same_statements_whatever_is_in_it(settings: Settings) -> None:
    async def work(books: Books) -> None:
        await books.linked()
        there, counts = await books.there(), []
        for size in (1, 400):
            books.bank.page = 2 * size
            for n in range(size):
                books.bank.book(f"o{size}-{n}", OWN, "-1.00", text=f"own {size} {n}")
                books.bank.book(f"f{size}-{n}", FIRM, "1.00", text=f"firm {size} {n}")
            counts.append(await _statements(books, there))
        assert counts[0] == counts[1]

    at_bank(settings, work, some())


def test_two_logins_that_feed_one_another_s_books_never_wait_for_each_other(settings: Settings) -> None:
    async def work(opened: Installation) -> None:
        here = [await spaces.create_space(opened.store, name) for name in ("home", "Firma")]
        banks = [some(), some()]
        jobs = []
        for place, bank in enumerate(banks):
            bank.steps.pop(0)
            connection = await linked(opened, here[place], bank)
            await syncs.sync(opened, here[place], connection, bank.provider)
            said: dict[str, UUID] = {OWN: here[place].space_id, FIRM: here[1 - place].space_id}
            await routing.route(opened, here[place], connection, said)
            for n in range(60):
                bank.book(f"p{n}", OWN, "-1.00", text=f"own p{n}")
                bank.book(f"q{n}", FIRM, "1.00", text=f"firm q{n}")
            jobs.append((here[place], connection, bank.provider))
        done = await asyncio.gather(*(syncs.sync(opened, *job) for job in jobs))
        assert [each.created for each in done] == [120, 120]
        for space in here:
            assert await faults(opened.store, space.space_id) == {}

    on(settings, work)


def test_what_another_login_tells_of_the_same_account_stays_where_it_is(settings: Settings) -> None:
    async def held(opened: Installation, space: Space) -> list[tuple[str, str]]:
        rows = await ledger.transactions(opened, space, Filter(limit=100))
        return sorted((row.account, row.description) for row in rows if row.account == NAMES[FIRM])

    async def work(opened: Installation) -> None:
        home, firm = [await spaces.create_space(opened.store, name) for name in ("home", "Firma")]
        first, second = some(), Twofold("another login")
        second.book("older", FIRM, "75.00", date(2026, 1, 20), "firm, long ago")
        for n in range(5):
            second.book(f"again {n}", FIRM, f"{n + 1}00.00", date(2026, 2, n + 1), f"firm {n}")
        made = []
        for bank in (first, second):
            bank.steps.pop(0)
            made.append(await linked(opened, home, bank))
            await syncs.sync(opened, home, made[-1], bank.provider)
        both = await held(opened, home)
        assert len(both) == 6
        await routing.route(opened, home, made[0], {FIRM: firm.space_id})
        assert [text for _, text in await held(opened, firm)] == [f"firm {n}" for n in range(5)]
        assert await held(opened, home) == both
        await routing.route(opened, home, made[1], {FIRM: firm.space_id})
        assert (await held(opened, home), await held(opened, firm)) == ([], both)
        for connection, bank in zip(made, (first, second), strict=True):
            await syncs.sync(opened, home, connection, bank.provider)
        assert (await held(opened, home), await held(opened, firm)) == ([], both)
        for space in (home, firm):
            assert await faults(opened.store, space.space_id) == {}

    on(settings, work)


_ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("book"), st.sampled_from([OWN, FIRM]), st.integers(1, 28)),
        st.tuples(st.just("take_back"), st.integers(0, 30), st.none()),
        st.tuples(st.just("route"), st.sampled_from([OWN, FIRM]), st.integers(0, 2)),
        st.tuples(st.just("sync"), st.none(), st.none()),
    ),
    max_size=14,
)


@chosen(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=_ACTS)
def test_wherever_accounts_go_every_movement_is_in_one_space_once(
    settings: Settings, acts: list[tuple[Any, Any, Any]]
) -> None:
    async def work(opened: Installation) -> None:
        bank = some()
        bank.steps.pop(0)
        here = [await spaces.create_space(opened.store, name) for name in ("home", "Firma", "Third")]
        connection = await linked(opened, here[0], bank)
        where = {OWN: here[0], FIRM: here[0]}
        for n, (act, one, two) in enumerate(acts):
            if act == "book":
                bank.book(f"x{n}", one, f"{n + 1}.00", date(2026, 3, two), f"{one} {n}")
            elif act == "take_back" and bank.held:
                held = sorted(bank.held)
                bank.take_back(held[one % len(held)])
            elif act == "route":
                there = await routing.where(opened, here[0], connection)
                if there.accounts:
                    where[one] = here[two]
                    await routing.route(opened, here[0], connection, {one: here[two].space_id})
            elif act == "sync":
                await syncs.sync(opened, here[0], connection, bank.provider)
        await syncs.sync(opened, here[0], connection, bank.provider)
        for space in here:
            expected = sorted(
                (told.text, told.amount) for told in bank.held.values() if where[told.ref] == space
            )
            query = """select description, amount from caudal.transaction
                where gone_at is null and space_id = %s order by 1, 2"""
            assert all_rows(settings.database_url, query, [space.space_id]) == expected
            assert await faults(opened.store, space.space_id) == {}
            query = """select distinct verdict from caudal.proof p where space_id = %s and exists (
                select from caudal.source_account s where s.account_id = p.account_id and not s.elsewhere)"""
            verdicts = all_rows(settings.database_url, query, [space.space_id])
            assert verdicts in ([], [("proven",)])

    on(settings, work)


async def linked(opened: Installation, space: Space, bank: Twofold) -> LinkedConnection:
    """A connection that nobody is asked about."""
    made = await links.begin(opened, space, bank.provider)
    assert isinstance(made, links.Connected)
    return made.connection
