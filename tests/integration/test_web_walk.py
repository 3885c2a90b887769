"""Every page and action of the site × who may not have it: nobody gets in, and nobody learns what is there."""

import re
from typing import Final
from urllib.parse import quote
from uuid import UUID, uuid4

import httpx
import pytest
from msgspec.structs import replace
from tests.integration.test_api_access import filled
from tests.support.api import Hub, at_hub
from tests.support.web import SITE, Browser, browsing, signed_in, strengthen

from caudal.hub.identity.roles import SCOPES, Caller, Role, Scope
from caudal.settings import Settings
from caudal.store.spaces import Space
from caudal.web import cookies, site
from caudal.web.routes import DECLARED
from caudal.web.routing import Declared, Entry
from caudal.web.visits import InSpace

IN_SPACE: Final = [each for each in DECLARED if "{space}" in each.path]
OF_PEOPLE: Final = [each for each in DECLARED if each.needs is not Entry.GUEST]
ACTIONS: Final = [each for each in DECLARED if each.method == "POST"]
ENDLESS: Final = "/s/{space}/live"
"""Whoever is let in there is told and told."""
LEAVES: Final = "/s/{space}/settings/members/leave"
"""Whoever does that isn't there any more."""


def at(declared: Declared, space: str) -> str:
    """Its address in a space, every other name in it one of nothing."""
    return re.sub(r"\{\w+\}", lambda _: str(uuid4()), declared.path.replace("{space}", space))


async def asked(browser: Browser, declared: Declared, space: str, origin: str = SITE) -> httpx.Response:
    """What comes of it at once."""
    headers = {"origin": origin} if declared.method == "POST" else {}
    return await browser.client.request(declared.method, at(declared, space), headers=headers)


def test_every_page_of_a_space_says_whom_it_is_for() -> None:
    assert all(isinstance(each.needs, Scope) or each.needs is Entry.HERE for each in IN_SPACE)
    assert all(isinstance(each.needs, Entry) for each in DECLARED if each not in IN_SPACE)


def test_who_has_not_signed_in_or_has_signed_out_is_asked_to_and_shown_nothing(settings: Settings) -> None:
    async def work(hub: Hub) -> None:
        async with signed_in(hub) as ana, browsing(hub) as nobody, browsing(hub) as over:
            space = ana.space.removeprefix("/s/")
            for name in (cookies.ACCESS, cookies.REFRESH):
                over.client.cookies.set(name, ana.client.cookies[name])
            await ana.post("/sign-out")
            for declared in OF_PEOPLE:
                for browser in (nobody, over):
                    answer = await asked(browser, declared, space)
                    assert answer.status_code == 303, declared
                    assert answer.headers["location"].partition("?")[0] == "/sign-in", declared

    at_hub(settings, work)


def test_a_space_one_is_not_in_looks_like_one_that_is_not_there(settings: Settings) -> None:
    async def work(hub: Hub) -> None:
        async with signed_in(hub) as ana:
            by = hub.logged_in({"access_token": ana.client.cookies[cookies.ACCESS]})
            ben = await hub.member(by, ana.space.removeprefix("/s/"), "viewer", "ben@example.org")
            hers = await hub.space(ben, "ben's")
            for declared in IN_SPACE:
                told = {
                    (answer.status_code, answer.text)
                    for space in (hers, str(uuid4()), "nonsense", quote("../", safe=""))
                    if (answer := await asked(ana, declared, space))
                }
                assert {status for status, _ in told} == {404}, declared
                assert len(told) == 1, declared

    at_hub(settings, work)


@pytest.mark.parametrize("role", list(Role))
def test_a_role_has_the_pages_of_its_scopes_and_no_other(settings: Settings, role: Role) -> None:
    async def work(hub: Hub) -> None:
        async with signed_in(hub) as ana:
            space = ana.space.removeprefix("/s/")
            by = hub.logged_in({"access_token": ana.client.cookies[cookies.ACCESS]})
            await hub.member(by, space, role.value, "ben@example.org")
            async with signed_in(hub, "ben@example.org") as ben:
                if role in (Role.OWNER, Role.ADMIN):
                    await strengthen(hub, ben)
                for declared in IN_SPACE:
                    may = declared.needs is Entry.HERE or declared.needs in SCOPES[role]
                    if may and declared.path in (ENDLESS, LEAVES):
                        continue
                    answer = await asked(ben, declared, space)
                    elsewhere = answer.headers.get("location", "").partition("?")[0]
                    assert answer.status_code < 500, declared
                    assert (answer.status_code == 403) == (not may), (declared, answer.status_code)
                    assert elsewhere not in ("/sign-in", "/prove"), declared

    at_hub(settings, work)


def test_what_another_site_sends_is_done_for_nobody(settings: Settings) -> None:
    async def work(hub: Hub) -> None:
        async with signed_in(hub) as ana, browsing(hub) as nobody:
            space = ana.space.removeprefix("/s/")
            for declared in ACTIONS:
                for browser in (ana, nobody):
                    for origin in ("https://elsewhere.example", "null", f"{SITE}.example"):
                        answer = await asked(browser, declared, space, origin)
                        assert answer.status_code == 403, (declared, origin)
                    cross = {"origin": SITE, "sec-fetch-site": "cross-site"}
                    answer = await browser.client.post(at(declared, space), headers=cross)
                    assert answer.status_code == 403, declared

    at_hub(settings, work)


def test_row_security_holds_where_the_pages_own_check_is_taken_away(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def anywhere(visit: InSpace, _: Declared, space: str) -> None:
        """As if every space were one's own."""
        actor = f"person:{visit.person_id}"
        visit.space = Space(UUID(space), "hers", actor)
        visit.caller = Caller(actor, Role.OWNER, SCOPES[Role.OWNER], visit.person_id)
        visit.installation = replace(visit.installation, store=visit.installation.store.acting(actor))

    async def work(hub: Hub) -> None:
        async with signed_in(hub) as ana:
            by = hub.logged_in({"access_token": ana.client.cookies[cookies.ACCESS]})
            ben = await hub.member(by, ana.space.removeprefix("/s/"), "viewer", "ben@example.org")
            hers = await hub.space(ben, "ben's")
            filled(settings, hers)
            async with signed_in(hub, "ben@example.org") as own:
                assert "SECRET" in (await own.get(f"/s/{hers}/connections")).text
            monkeypatch.setattr(site, "_seat", anywhere)
            for declared in IN_SPACE:
                if declared.path == ENDLESS:
                    continue
                answer = await asked(ana, declared, hers)
                assert "SECRET" not in answer.text, declared
            async with signed_in(hub, "ben@example.org") as own:
                assert "SECRET" in (await own.get(f"/s/{hers}/connections")).text

    at_hub(settings, work)
