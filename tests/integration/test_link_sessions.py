"""Link sessions: a page that a token opens, worked in the name of who made it, one step at a time."""

from typing import Any

from msgspec.structs import replace
from tests.support.api import Hub, Who, at_hub
from tests.support.stepping import NAME, Stepping, visit
from tests.support.web import browsing, text_of

from caudal.hub import link_sessions
from caudal.model.errors import Unavailable
from caudal.providers.base import (
    Abandoned,
    Ask,
    Conclude,
    Fields,
    Found,
    InstitutionFound,
    Linked,
    LinkRequest,
    LinkState,
    Mended,
    Poll,
    Waiting,
)
from caudal.settings import LinkBounds, Settings

BANK = InstitutionFound("bank-1", "Banco Sereno", "PT")
LINKED = Linked("their-id", BANK, {"token": b"the most secret of all"})
STATE = LinkState("on the way")
APP = "https://app.example"


async def made(who: Who, space: str, **wish: Any) -> tuple[str, str]:
    """A session: its id, and its page's path."""
    told = await who.post(f"/v1/spaces/{space}/link-sessions", wish)
    return told["session_id"], told["url"].removeprefix("http://hub.test")


async def state(who: Who, space: str, session: str) -> str:
    found = await who.get(f"/v1/spaces/{space}/link-sessions/{session}")
    return str(found["state"])


def test_a_link_goes_from_choice_to_connection_by_its_page_alone(settings: Settings) -> None:
    bank = Stepping([visit(), Waiting(LinkState("waited once")), LINKED])

    async def work(hub: Hub) -> None:
        ana, space = await hub.home()
        session, path = await made(ana, space, app="Orçamento", purpose="To see what you spend")
        async with browsing(hub) as guest:
            assert "Choose your bank" in text_of(await guest.get(path))
            consent = text_of(await guest.post(f"{path}/choose", {"provider": NAME}))
            assert "Orçamento" in consent
            assert "To see what you spend" in consent
            gone = await guest.post(f"{path}/agree")
            assert 'href="https://bank.test/login"' in gone.text
            assert "secret" not in gone.text
            await guest.post(f"{path}/poll")
            assert await state(ana, space, session) == "visit"
            assert "is linked" in text_of(await guest.post(f"{path}/poll"))
            assert await state(ana, space, session) == "linked"
            there = await ana.get(f"/v1/spaces/{space}/connections")
            assert [each["institution"] for each in there["data"]] == ["Banco Sereno"]
        assert [type(each) for each in bank.asked] == [LinkRequest, Poll, Poll]
        assert bank.asked[2] == Poll(LinkState("waited once"))

    at_hub(settings, work, bank.live)


def test_who_comes_back_from_the_bank_finds_their_page_again(settings: Settings) -> None:
    bank = Stepping([visit("the-word"), LINKED])

    async def work(hub: Hub) -> None:
        ana, space = await hub.home()
        session, path = await made(ana, space, provider=NAME)
        async with browsing(hub) as guest, browsing(hub) as other:
            await guest.post(f"{path}/agree")
            assert (await guest.get("/link/return?state=another-word&code=1")).status_code == 404
            back = await guest.get("/link/return?state=the-word&code=abc")
            assert back.url.path == path
            assert await state(ana, space, session) == "linked"
            assert (await other.get("/link/return?state=the-word&code=abc")).status_code == 404
        assert bank.asked[1] == Fields(visit("").state, {"code": "abc"})

    at_hub(settings, work, bank.live)


def test_what_is_asked_for_is_answered_and_shown_to_nobody_again(settings: Settings) -> None:
    asked = Ask({"key": "API key", "secret": "API secret"}, STATE, frozenset({"secret"}))
    bank = Stepping([asked, replace(asked, why="That key can't be read."), LINKED])

    async def work(hub: Hub) -> None:
        ana, space = await hub.home()
        session, path = await made(ana, space, provider=NAME)
        async with browsing(hub) as guest:
            page = (await guest.post(f"{path}/agree")).text
            assert page.count('type="password"') == 1
            sent = {"field-0": "k-123", "field-1": "s-very-secret"}
            again = await guest.post(f"{path}/answer", sent)
            assert "That key can" in text_of(again)
            assert "s-very-secret" not in again.text
            await guest.post(f"{path}/answer", sent)
            assert await state(ana, space, session) == "linked"
        assert bank.asked[1] == Fields(STATE, {"key": "k-123", "secret": "s-very-secret"})

    at_hub(settings, work, bank.live)


def test_what_was_chosen_is_concluded_only_when_the_person_says_so(settings: Settings) -> None:
    bank = Stepping([visit(), Found(BANK, (), STATE), LINKED])

    async def work(hub: Hub) -> None:
        ana, space = await hub.home()
        session, path = await made(ana, space, provider=NAME)
        async with browsing(hub) as guest:
            await guest.post(f"{path}/agree")
            assert "Banco Sereno" in text_of(await guest.post(f"{path}/poll"))
            assert await state(ana, space, session) == "found"
            await guest.post(f"{path}/conclude")
            assert await state(ana, space, session) == "linked"
        assert bank.asked[2] == Conclude(STATE)

    at_hub(settings, work, bank.live)


def test_a_bank_that_is_away_or_says_no_can_be_tried_again(settings: Settings) -> None:
    bank = Stepping([Unavailable("away"), visit(), Abandoned("You closed the bank's page."), visit(), LINKED])

    async def work(hub: Hub) -> None:
        ana, space = await hub.home()
        session, path = await made(ana, space, provider=NAME)
        async with browsing(hub) as guest:
            away = await guest.post(f"{path}/agree")
            assert away.status_code == 502
            assert "answer just now" in text_of(away)
            await guest.post(f"{path}/agree")
            assert "You closed the bank" in text_of(await guest.post(f"{path}/poll"))
            await guest.post(f"{path}/agree")
            await guest.post(f"{path}/poll")
            assert await state(ana, space, session) == "linked"

    at_hub(settings, work, bank.live)


def test_a_token_opens_its_own_session_and_nothing_else(settings: Settings) -> None:
    async def work(hub: Hub) -> None:
        ana, space = await hub.home()
        session, path = await made(ana, space)
        async with browsing(hub) as guest:
            assert (await guest.get(f"{path}x")).status_code == 404
            assert (await guest.get("/link/")).status_code == 404
            assert (await guest.client.get(f"/s/{space}")).headers["location"].startswith("/sign-in")
            token = path.rpartition("/")[2]
            refused = await hub.client.get(
                f"/v1/spaces/{space}", headers={"authorization": f"Bearer {token}"}
            )
            assert refused.status_code == 401
            headers = (await guest.get(path)).headers
            assert headers["referrer-policy"] == "no-referrer"
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            evil = await guest.post(f"{path}/abandon", origin="https://evil.test")
            assert evil.status_code == 403
            assert await state(ana, space, session) == "choose"

    at_hub(settings, work, Stepping([]).live)


def test_a_link_is_worked_in_its_makers_name_and_ends_with_their_right(settings: Settings) -> None:
    bank = Stepping([visit(), LINKED])

    async def work(hub: Hub) -> None:
        ana, space = await hub.home()
        eva = await hub.member(ana, space, "member", "eva@example.org")
        _, path = await made(eva, space, provider=NAME)
        person = await hub.person_id(eva)
        await ana.ask("PATCH", f"/v1/spaces/{space}/members/{person}", json={"role": "viewer"})
        async with browsing(hub) as guest:
            refused = await guest.post(f"{path}/agree")
            assert refused.status_code == 409
            assert "may not do so any more" in text_of(refused)
        assert bank.asked == []

    at_hub(settings, work, bank.live)


def test_sites_that_nobody_named_are_neither_gone_back_to_nor_let_frame_the_page(settings: Settings) -> None:
    named = replace(settings, link=LinkBounds(origins=f"{APP} https://other.example"))

    async def work(hub: Hub) -> None:
        ana, space = await hub.home()
        sessions = f"/v1/spaces/{space}/link-sessions"
        for wish in (
            {"return_url": "https://evil.test/done"},
            {"embed_origin": "https://evil.test"},
            {"return_url": f"{APP}.evil.test/done"},
        ):
            assert await ana.refused("POST", sessions, json=wish) == "conflict"
        for wish in ({"return_url": "javascript:alert(1)"}, {"embed_origin": f"{APP}/; script-src *"}):
            assert await ana.refused("POST", sessions, json=wish) == "invalid"
        _, path = await made(ana, space, embed_origin=APP, return_url=f"{APP}/done")
        async with browsing(hub) as guest:
            policy = (await guest.get(path)).headers["content-security-policy"]
            assert policy.endswith(f"frame-ancestors {APP}")
            over = await guest.post(f"{path}/abandon")
            assert f'href="{APP}/done"' in over.text
            wrong = await guest.post(f"{path}/agree")
            assert wrong.status_code == 409
            assert wrong.headers["content-security-policy"].endswith(f"frame-ancestors {APP}")
            assert f'href="{path}"' in wrong.text

    at_hub(named, work, Stepping([]).live)


def test_a_site_that_is_named_no_longer_may_frame_no_page_and_is_told_nothing(settings: Settings) -> None:
    named = replace(settings, link=LinkBounds(origins=APP))

    async def work(hub: Hub) -> None:
        ana, space = await hub.home()
        _, path = await made(ana, space, embed_origin=APP)
        _, alone = await made(ana, space)
        async with browsing(hub) as guest:
            shown = await guest.get(path)
            assert f'data-host="{APP}"' in shown.text
            assert path.rpartition("/")[2] not in shown.text.partition("data-host")[2].partition(">")[0]
            assert "data-host" not in (await guest.get(alone)).text
        later = replace(hub.opened, settings=replace(settings, link=LinkBounds()))
        link = await link_sessions.opened(later, path.rpartition("/")[2])
        assert link_sessions.framed_by(hub.opened, link) == APP
        assert link_sessions.framed_by(later, link) == ""

    at_hub(named, work, Stepping([]).live)


def test_in_a_frame_the_page_needs_no_cookie_and_the_bank_leads_back_beside_it(settings: Settings) -> None:
    named, bank = replace(settings, link=LinkBounds(origins=APP)), Stepping([visit("the-word"), LINKED])

    async def work(hub: Hub) -> None:
        ana, space = await hub.home()
        session, path = await made(ana, space, provider=NAME, embed_origin=APP)
        async with browsing(hub) as guest:
            gone = (await guest.post(f"{path}/agree")).text
            assert 'target="_blank" rel="noopener noreferrer"' in gone
            assert f'hx-post="{path}/poll"' in gone
            assert not guest.client.cookies
            await guest.post(f"{path}/poll")
            assert await state(ana, space, session) == "visit"
            back = text_of(await guest.get("/link/return?state=the-word&code=abc"))
            assert "Go on in the window where you began. You can close this window." in back
            assert await state(ana, space, session) == "linked"
            assert 'data-state="linked"' in (await guest.post(f"{path}/poll")).text
            kept = await guest.post(f"{path}/accounts", {"account": []})
            assert "Your choice is kept." in text_of(kept)
            assert not guest.client.cookies

    at_hub(named, work, bank.live)


def test_what_is_over_leads_nowhere(settings: Settings) -> None:
    async def work(hub: Hub) -> None:
        ana, space = await hub.home()
        session, path = await made(ana, space, provider=NAME)
        gone = await ana.ask("DELETE", f"/v1/spaces/{space}/link-sessions/{session}")
        assert gone.status_code == 204
        async with browsing(hub) as guest:
            assert "Nothing was linked" in text_of(await guest.get(path))
            for step in ("agree", "abandon", "conclude", "accounts"):
                assert (await guest.post(f"{path}/{step}")).status_code == 409, step

    at_hub(settings, work, Stepping([]).live)


def test_a_connection_rests_until_its_person_goes_on_or_mends_it(settings: Settings) -> None:
    bank = Stepping([visit(), LINKED, visit(), Mended()])

    async def work(hub: Hub) -> None:
        ana, space = await hub.home()
        _, path = await made(ana, space, provider=NAME)
        async with browsing(hub) as guest:
            await guest.post(f"{path}/agree")
            await guest.post(f"{path}/poll")
        [there] = (await ana.get(f"/v1/spaces/{space}/connections"))["data"]
        one = f"/v1/spaces/{space}/connections/{there['connection_id']}"
        assert there["paused_at"] is None
        paused = await ana.post(f"{one}/pause")
        assert paused["paused_at"] is not None
        assert (await ana.post(f"{one}/pause"))["paused_at"] == paused["paused_at"]
        refreshed = await ana.post(f"{one}/refresh")
        assert "paused" in refreshed["connections"][0]["error"]
        assert (await ana.post(f"{one}/resume"))["paused_at"] is None
        await ana.post(f"{one}/pause")
        _, path = await made(ana, space, relink=there["connection_id"])
        async with browsing(hub) as guest:
            await guest.post(f"{path}/agree")
            await guest.post(f"{path}/poll")
        assert (await ana.get(one))["paused_at"] is None
        told = [each["kind"] for each in (await ana.get(f"/v1/spaces/{space}/events"))["data"]]
        rests = [kind for kind in told if kind in ("connection.paused", "connection.resumed")]
        assert rests == ["connection.paused", "connection.resumed"] * 2

    at_hub(settings, work, bank.live)
