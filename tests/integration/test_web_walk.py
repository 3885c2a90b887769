"""Every page and action that is declared × who may not have it: nobody gets in, and nobody changes anything."""

import pkgutil
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from importlib import import_module
from io import BytesIO
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from psycopg import sql
from tests.support.api import Hub, Who, at_hub
from tests.support.statements import Account, Movement, Statement, write_ofx2
from tests.support.web import SITE, Browser, browsing, signed_in, strengthen

from caudal.hub.identity import members
from caudal.hub.identity.roles import SCOPES, Role, Scope, scopes_of
from caudal.hub.identity.sessions import Session
from caudal.hub.installation import Installation
from caudal.settings import Settings
from caudal.store.members import Membership
from caudal.web import routes
from caudal.web.routes import DECLARED, live
from caudal.web.routing import Declared, Entry

IN_SPACE = [each for each in DECLARED if "{space}" in each.path]
OF_PEOPLE = [each for each in DECLARED if each.needs is not Entry.GUEST]
ACTIONS = [each for each in DECLARED if each.method == "POST"]
WORD, AMOUNT = "Xylograph", Decimal("7654.32")
"""In what only one's own may see."""
SILENT = {
    "/s/{space}/connections/new", "/s/{space}/live", "/s/{space}/review/count", "/s/{space}/settings",
    "/s/{space}/settings/security",
}  # fmt: skip
"""Pages that tell nothing of what is in the books."""
COOKIES = ("__Host-caudal", "__Host-caudal-refresh")


class Books(NamedTuple):
    """Somebody's, with something of every kind in them. `ids`: of what is there, by the name that paths have for it."""

    space: str
    ids: Mapping[str, str]
    form: Mapping[str, Any]
    """What would have every action there do something."""

    def at(self, path: str) -> str:
        """A path in these books; what isn't there, has an id of nothing."""
        filled = path
        while "{" in filled:
            before, _, rest = filled.partition("{")
            name, _, after = rest.partition("}")
            filled = before + self.ids.get(name, str(uuid4())) + after
        return filled


NOWHERE = Books("", {}, {})


@pytest.fixture(autouse=True)
def streams_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an open page listens to would else go on as long as it is listened to."""

    async def over(_: object) -> bool:
        return False

    monkeypatch.setattr(live, "_SILENT_MS_MAX", 1)
    monkeypatch.setattr(live, "_still_admitted", over)


async def asked(
    browser: Browser,
    route: Declared,
    books: Books,
    form: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> httpx.Response:
    """The very answer, wherever it leads. `headers`: what a form's request says of where it comes from."""
    path = books.at(route.path)
    if route.method == "GET":
        return await browser.client.get(path)
    return await browser.client.post(
        path, data=form, headers={"origin": SITE} if headers is None else headers
    )


def sent_to_sign_in(answer: httpx.Response) -> bool:
    return answer.status_code == 303 and answer.headers["location"].startswith("/sign-in")


def contents(settings: Settings) -> dict[str, str]:
    """What every table holds, as a digest. When a session was used isn't told: to be asked is to use it."""
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        tables = connection.execute(
            "select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace "
            "where n.nspname in ('caudal', 'caudal_jobs') and c.relkind in ('r', 'p') and not c.relispartition"
        ).fetchall()
        digest = "select md5(coalesce(string_agg(it, '|' order by it), '')) from (select {row}::text as it from {table} t) told"
        whole, used = sql.SQL("to_jsonb(t)"), sql.SQL("(to_jsonb(t) - 'used_at' - 'idle_at')")
        found = {}
        for schema, name in tables:
            query = sql.SQL(digest).format(
                row=used if name == "session" else whole, table=sql.Identifier(schema, name)
            )
            found[name] = str((connection.execute(query).fetchone() or ("",))[0])
        return found


def as_program(hub: Hub, browser: Browser) -> Who:
    """The same person, at the API."""
    return hub.logged_in({"access_token": browser.client.cookies[COOKIES[0]]})


def statement() -> bytes:
    """Some movements, each of them unmistakable."""
    day = date(2026, 1, 5)
    movements = [
        Movement(f"m{n}", day + timedelta(days=n), -AMOUNT, f"{WORD} {n}", counterparty=WORD)
        for n in range(3)
    ]
    out = BytesIO()
    account = Account(number="4400012345", currency="USD")
    write_ofx2(out, Statement(account, AMOUNT * 4, movements, day, day + timedelta(days=3)))
    return out.getvalue()


async def filled(hub: Hub, owner: Browser, settings: Settings) -> Books:
    """The owner's, with a statement, another that waits, a word on it, a bank, an invitation and a key."""
    dropped = {"files": (f"{WORD}.ofx", statement())}
    uploads = []
    for _ in range(2):
        offered = await owner.client.post(f"{owner.space}/imports", files=dropped, headers={"origin": SITE})
        assert offered.status_code == 200, offered.text
        uploads.append(offered.text.partition('name="upload" value="')[2].partition('"')[0])
    taken = await owner.post(f"{owner.space}/imports/take", {"upload": uploads[0]})
    assert taken.status_code == 200, taken.text
    space, by = owner.space.removeprefix("/s/"), as_program(hub, owner)
    invited = {"email": f"{WORD}@example.org", "role": "viewer"}
    invitation = (await by.post(f"/v1/spaces/{space}/invitations", invited))["invitation_id"]
    key = (await by.post(f"/v1/spaces/{space}/keys", {"name": WORD}))["key"].split("_")[1]
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        rows = connection.execute(
            "select transaction_id::text from caudal.transaction where space_id = %s order by booked_on",
            [space],
        ).fetchall()
        one, other = rows[0][0], rows[1][0]
        accounts = connection.execute(
            "update caudal.account set name = %s where space_id = %s returning account_id::text",
            [WORD, space],
        ).fetchall()
        banks = connection.execute(
            "insert into caudal.connection (space_id, provider, label, state, reference) "
            "values (%s, 'plaid', %s, 'active', 'item') returning connection_id::text",
            [space, WORD],
        ).fetchall()
    await owner.post(f"{owner.space}/transactions/{other}/lock")
    locked = (await owner.get(f"{owner.space}/transactions/{other}")).text
    seen = (await owner.get(f"{owner.space}/transactions/{one}")).text
    ids = {
        "space": space, "transaction": one, "account": accounts[0][0], "connection": banks[0][0],
        "decision": locked.partition("/decisions/")[2].partition("/")[0],
    }  # fmt: skip
    form = {
        "name": "Mine now", "space": "Mine now", "books": "Mine now", "currency": "EUR", "language": "en",
        "email": "eve@example.org", "role": "member", "person": str(await hub.person_id(by)), "invitation": invitation,
        "key": key, "scope": "accounts:read", "days": "30", "account": accounts[0][0], "one": one, "other": other,
        "upload": uploads[1], "kind": "doubt", "answer": "no", "part": "0.01", "description": "Mine now", "category": "Mine now",
        "seen": seen.partition('name="seen" value="')[2].partition('"')[0], "password": "mine now and mine",
        "new_password": "mine now and mine", "provider": "plaid", "theme": "dark", "to": "/",
    }  # fmt: skip
    return Books(space, ids, form)


async def elsewhere(hub: Hub, owner: Browser, books: Books, settings: Settings) -> None:
    """Ben, who was in these books once and is in his own."""
    ben = await hub.member(as_program(hub, owner), books.space, "viewer", "ben@example.org")
    await hub.space(ben, "ben's")
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        out = "delete from caudal.member where space_id = %s and person_id = %s"
        connection.execute(out, [books.space, await hub.person_id(ben)])


def test_every_page_that_is_declared_is_served_and_so_in_this_walk() -> None:
    declared = [
        each
        for found in pkgutil.iter_modules(routes.__path__)
        for each in vars(import_module(f"{routes.__name__}.{found.name}")).values()
        if isinstance(each, Declared)
    ]
    assert {id(each) for each in declared} == {id(each) for each in DECLARED}
    assert len({(each.method, each.path) for each in DECLARED}) == len(DECLARED)


def test_every_page_of_a_space_asks_for_a_scope_or_a_seat_and_no_other_does() -> None:
    assert all(isinstance(each.needs, Scope) or each.needs is Entry.HERE for each in IN_SPACE)
    others = {each.needs for each in DECLARED if each not in IN_SPACE}
    assert others == {Entry.GUEST, Entry.PERSON}


def test_who_may_only_read_has_no_action_of_a_space() -> None:
    assert not [
        each for each in ACTIONS if isinstance(each.needs, Scope) and each.needs.value.endswith(":read")
    ]


def test_who_shows_nothing_or_what_is_over_is_asked_to_sign_in_and_changes_nothing(
    settings: Settings,
) -> None:
    async def work(hub: Hub) -> None:
        async with signed_in(hub) as owner, browsing(hub) as nobody, browsing(hub) as over:
            books = await filled(hub, owner, settings)
            for name in COOKIES:
                over.client.cookies.set(name, owner.client.cookies[name], domain="hub.test", path="/")
            await owner.post("/sign-out")
            before = contents(settings)
            for who in (nobody, over):
                for route in OF_PEOPLE:
                    assert sent_to_sign_in(await asked(who, route, books, books.form)), route
            assert contents(settings) == before
            for route in (each for each in DECLARED if each.needs is Entry.GUEST):
                let_in = await asked(nobody, route, NOWHERE)
                assert let_in.status_code != 403, route
                assert not sent_to_sign_in(let_in), route

    at_hub(settings, work)


def test_pages_of_a_space_one_is_not_in_cannot_be_told_from_those_of_none_and_take_nothing(
    settings: Settings,
) -> None:
    async def work(hub: Hub) -> None:
        async with signed_in(hub) as owner:
            books = await filled(hub, owner, settings)
            await elsewhere(hub, owner, books, settings)
        async with signed_in(hub, "ben@example.org") as stranger:
            assert stranger.space != f"/s/{books.space}"
            before = contents(settings)
            for route in IN_SPACE:
                there = await asked(stranger, route, books, books.form)
                nowhere = await asked(stranger, route, NOWHERE, books.form)
                assert there.status_code == nowhere.status_code == 404, route
                assert there.text == nowhere.text, route
            assert contents(settings) == before

    at_hub(settings, work)


@pytest.mark.parametrize("role", list(Role))
def test_a_role_has_the_pages_and_actions_of_its_scopes_and_by_no_other_changes_anything(
    settings: Settings, role: Role
) -> None:
    async def work(hub: Hub) -> None:
        async with signed_in(hub) as owner:
            books = await filled(hub, owner, settings)
            await hub.member(as_program(hub, owner), books.space, role.value, "ben@example.org")
        async with signed_in(hub, "ben@example.org") as ben:
            if role in (Role.OWNER, Role.ADMIN):
                await strengthen(hub, ben)
            theirs = [each for each in IN_SPACE if each.needs is Entry.HERE or each.needs in SCOPES[role]]
            before = contents(settings)
            for route in (each for each in IN_SPACE if each not in theirs):
                refused = await asked(ben, route, books, books.form)
                assert refused.status_code == 403, route
                assert "Not with your role" in refused.text, route
            assert contents(settings) == before
            await walk_through(ben, theirs, books)

    at_hub(settings, work)


async def walk_through(browser: Browser, theirs: list[Declared], books: Books) -> None:
    """They are let in to each: to pages of what is there, to actions that have nothing to act on. Who leaves, leaves last."""
    empty = Books(books.space, {"space": books.space}, {})
    for route in sorted(theirs, key=lambda each: each.path.endswith("/leave")):
        let_in = await asked(browser, route, books if route.method == "GET" else empty)
        assert let_in.status_code not in (401, 403, 500), route
        assert not sent_to_sign_in(let_in), route
        if route.method == "GET":
            assert let_in.status_code == 200, route


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN])
def test_who_must_have_a_second_factor_and_came_without_looks_and_changes_nothing(
    settings: Settings, role: Role
) -> None:
    async def work(hub: Hub) -> None:
        async with signed_in(hub) as owner:
            books = await filled(hub, owner, settings)
            await hub.member(as_program(hub, owner), books.space, role.value, "ben@example.org")
        async with signed_in(hub, "ben@example.org") as ben:
            before = contents(settings)
            weak = scopes_of(role, strong=False)
            for route in (each for each in IN_SPACE if isinstance(each.needs, Scope)):
                answer = await asked(ben, route, books, books.form)
                if route.needs in weak:
                    assert answer.status_code == 200, route
                else:
                    assert answer.status_code == 303, route
                    assert answer.headers["location"].endswith("/settings/security?needed=1"), route
            assert contents(settings) == before

    at_hub(settings, work)


def test_what_would_let_others_in_asks_first_who_it_is(settings: Settings) -> None:
    async def work(hub: Hub) -> None:
        async with signed_in(hub) as owner:
            books = await filled(hub, owner, settings)
            with psycopg.connect(settings.database_url, autocommit=True) as connection:
                connection.execute("update caudal.session set proved_at = proved_at - interval '1 hour'")
            before = contents(settings)
            for route in (each for each in DECLARED if each.proved):
                answer = await asked(owner, route, books, books.form)
                assert answer.status_code == 303, route
                assert answer.headers["location"].startswith("/prove"), route
            assert contents(settings) == before

    at_hub(settings, work)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "null"},
        {"origin": "https://evil.test"},
        {"origin": SITE, "sec-fetch-site": "same-site"},
        {"origin": SITE, "sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "none"},
    ],
)
def test_a_form_that_no_page_of_ours_sent_is_refused_by_every_action(
    settings: Settings, headers: dict[str, str]
) -> None:
    async def work(hub: Hub) -> None:
        async with signed_in(hub) as owner:
            books = await filled(hub, owner, settings)
            before = contents(settings)
            for route in ACTIONS:
                assert (await asked(owner, route, books, books.form, headers)).status_code == 403, route
            assert contents(settings) == before

    at_hub(settings, work)


def told_by(page: httpx.Response, books: Books) -> list[str]:
    """What a page tells of what is in these books: of movements, words, members, the trail."""
    secrets = (WORD.lower(), "7,654.32", "7654.32", books.ids["decision"], "ana@example", "member.invited")
    return [each for each in secrets if each in page.text.lower()]


def test_row_security_holds_where_the_pages_own_check_is_taken_away(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(hub: Hub) -> None:
        async with signed_in(hub) as owner:
            books = await filled(hub, owner, settings)
            pages = [each for each in IN_SPACE if each.method == "GET"]
            hers = {each.path: told_by(await asked(owner, each, books), books) for each in pages}
            assert {path for path, told in hers.items() if not told} == SILENT
            await elsewhere(hub, owner, books, settings)
        async with signed_in(hub, "ben@example.org") as stranger:
            await strengthen(hub, stranger)

            async def entered(installation: Installation, session: Session) -> Any:
                """As if every space were one's own."""
                found = await theirs(installation, session)
                hers = Membership(UUID(books.space), "somewhere", Role.OWNER)
                return None if found is None else (found[0], [*found[1], hers])

            theirs = members.entered
            monkeypatch.setattr(members, "entered", entered)
            assert (await stranger.get(f"/s/{books.space}")).status_code == 200
            before = contents(settings)
            for route in pages:
                answer = await asked(stranger, route, books)
                assert answer.status_code in (200, 404), route
                assert not told_by(answer, books), route
            for route in (
                each for each in IN_SPACE if each.method == "POST" and each.needs is not Entry.HERE
            ):
                answer = await asked(stranger, route, books, books.form)
                assert not told_by(answer, books), route
                assert contents(settings) == before, route

    at_hub(settings, work)
