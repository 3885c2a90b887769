"""Coming in by the pages: the first owner, the invited, a second factor, and out again; what a browser is told to keep."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pyotp
from msgspec.structs import replace
from tests.support.api import PASSWORD, Hub, at_hub
from tests.support.web import SITE, Browser, browsing, signed_in, strengthen, text_of

from caudal.hub.identity import people
from caudal.settings import ApiBounds, Settings


def test_the_first_owner_comes_in_by_the_token_and_finds_books_of_their_own(settings: Settings) -> None:
    async def work(hub: Hub) -> None:
        async with browsing(hub) as browser:
            token = await people.first_token(hub.opened)
            wrong = {"token": "x", "email": "ana@example.org", "name": "Ana", "password": PASSWORD}
            assert (await browser.post("/welcome", wrong)).status_code == 422
            weak = await browser.post("/welcome", {**wrong, "token": token, "password": "password1234"})
            assert weak.status_code == 422
            assert "guess" in text_of(weak)
            await browser.post("/welcome", {**wrong, "token": token, "books": "Casa Prado"})
            assert (await browser.books()).startswith("/s/")
            used = await browser.post("/welcome", {**wrong, "token": token, "email": "eve@example.org"})
            assert used.status_code == 422

    at_hub(settings, work)


def test_who_does_not_show_who_they_are_is_asked_first_and_then_led_back(settings: Settings) -> None:
    async def work(hub: Hub) -> None:
        async with signed_in(hub) as owner:
            there = f"{owner.space}/live"
        async with browsing(hub) as browser:
            asked = await browser.client.get(there)
            assert asked.status_code == 303
            assert asked.headers["location"] == f"/sign-in?to={there}"
            assert (await browser.get(there)).status_code == 200
            part = await browser.client.get(there, headers={"hx-request": "true"})
            assert part.status_code == 204
            assert part.headers["hx-redirect"] == "/sign-in"

    at_hub(settings, work)


def test_a_password_alone_is_half_a_login_where_a_second_factor_is_set_up(settings: Settings) -> None:
    async def work(hub: Hub) -> None:
        async with browsing(hub) as browser:
            totp = await _owner(hub, browser)
            await browser.post("/sign-out")
        async with browsing(hub) as browser:
            form = {"email": "ana@example.org", "password": PASSWORD}
            wrong = await browser.post("/sign-in", {**form, "password": "not the one it is"})
            assert wrong.status_code == 422
            half = await browser.post("/sign-in", form)
            assert "__Host-caudal" not in browser.client.cookies
            token = half.text.partition('name="token" value="')[2].partition('"')[0]
            refused = await browser.post("/sign-in/code", {"token": token, "code": "000000", "to": "/"})
            assert refused.status_code == 422
            code = totp.at(int(datetime.now(UTC).timestamp()) + 30)  # the one of now was shown
            await browser.post("/sign-in/code", {"token": token, "code": code, "to": "/"})
            assert "__Host-caudal" in browser.client.cookies

    at_hub(settings, work)


async def _owner(hub: Hub, browser: Browser) -> pyotp.TOTP:
    token = await people.first_token(hub.opened)
    form = {"token": token, "email": "ana@example.org", "name": "Ana", "password": PASSWORD}
    await browser.post("/welcome", form)
    return await strengthen(hub, browser)


def test_cookies_are_for_this_host_out_of_reach_of_scripts_and_other_sites(settings: Settings) -> None:
    async def work(hub: Hub) -> None:
        async with browsing(hub) as browser:
            token = await people.first_token(hub.opened)
            form = {"token": token, "email": "ana@example.org", "name": "Ana", "password": PASSWORD}
            answer = await browser.client.post("/welcome", data=form, headers={"origin": SITE})
            set_ = [value.lower() for value in answer.headers.get_list("set-cookie")]
            assert {value.partition("=")[0] for value in set_} == {"__host-caudal", "__host-caudal-refresh"}
            for value in set_:
                for word in ("secure", "httponly", "samesite=lax", "path=/;"):
                    assert word in f"{value};", (word, value)
                assert "domain" not in value

    at_hub(settings, work)


def test_an_access_token_that_is_over_is_renewed_unseen(settings: Settings) -> None:
    async def work(hub: Hub) -> None:
        async with signed_in(hub) as browser:
            before = browser.client.cookies["__Host-caudal-refresh"]
            browser.client.cookies.delete("__Host-caudal")
            assert (await browser.client.get("/")).headers["location"] == browser.space
            assert browser.client.cookies["__Host-caudal-refresh"] != before
            browser.client.cookies.set("__Host-caudal", "over", domain="hub.test", path="/")
            assert (await browser.client.get("/")).headers["location"] == browser.space

    at_hub(settings, work)


def test_a_session_is_renewed_by_a_page_that_has_something_to_say_too(settings: Settings) -> None:
    async def work(hub: Hub) -> None:
        async with signed_in(hub) as browser:
            await browser.client.post(
                f"{browser.space}/settings/space", data={"space": "Casa"}, headers={"origin": SITE}
            )
            before = browser.client.cookies["__Host-caudal-refresh"]
            browser.client.cookies.delete("__Host-caudal")
            shown = await browser.client.get(f"{browser.space}/settings")
            assert "Saved." in text_of(shown)
            assert browser.client.cookies["__Host-caudal-refresh"] != before

    at_hub(settings, work)


def test_a_form_that_another_site_sends_changes_nothing(settings: Settings) -> None:
    async def work(hub: Hub) -> None:
        async with signed_in(hub) as browser:
            for headers in ({"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}):
                refused = await browser.post("/sign-out", headers=headers)
                assert refused.status_code == 403
            refused = await browser.post("/sign-out/everywhere", origin="https://evil.test")
            assert refused.status_code == 403
            assert (await browser.client.post("/sign-out")).status_code == 403
            assert (await browser.client.get("/")).headers["location"] == browser.space

    at_hub(settings, work)


def test_out_everywhere_ends_every_browser_at_once(settings: Settings) -> None:
    async def work(hub: Hub) -> None:
        async with signed_in(hub) as one, browsing(hub) as other:
            for name in ("__Host-caudal", "__Host-caudal-refresh"):
                other.client.cookies.set(name, one.client.cookies[name], domain="hub.test", path="/")
            assert (await other.client.get("/")).headers["location"] == one.space
            left = await one.post("/sign-out/everywhere")
            assert "signed out" in text_of(left)
            assert (await other.client.get("/")).headers["location"] == "/sign-in"

    at_hub(settings, work)


def test_books_one_is_not_in_cannot_be_told_from_books_there_are_not(settings: Settings) -> None:
    async def work(hub: Hub) -> None:
        async with signed_in(hub) as browser:
            other = await hub.member(
                hub.logged_in({"access_token": browser.client.cookies["__Host-caudal"]}),
                browser.space.removeprefix("/s/"),
                "viewer",
                "eva@example.org",
            )
            theirs = await hub.space(other, "theirs")
            there = await browser.get(f"/s/{theirs}/live")
            nowhere = await browser.get("/s/00000000-0000-0000-0000-000000000000/live")
            assert there.status_code == nowhere.status_code == 404
            assert there.text == nowhere.text

    at_hub(settings, work)


def test_pages_go_out_with_the_policy_and_are_kept_nowhere(settings: Settings) -> None:
    async def work(hub: Hub) -> None:
        async with browsing(hub) as browser:
            for path in ("/sign-in", "/welcome", "/join", "/no-such-page"):
                headers = (await browser.get(path)).headers
                assert headers["content-security-policy"].startswith("default-src 'none'")
                assert headers["cache-control"] == "no-store"
                assert headers["x-content-type-options"] == "nosniff"

    at_hub(settings, work)


def test_who_was_invited_comes_in_and_an_invitation_is_good_once(settings: Settings) -> None:
    async def work(hub: Hub) -> None:
        async with signed_in(hub) as owner:
            by = hub.logged_in({"access_token": owner.client.cookies["__Host-caudal"]})
            space = owner.space.removeprefix("/s/")
            wish = {"email": "eva@example.org", "role": "viewer"}
            token = (await by.post(f"/v1/spaces/{space}/invitations", wish))["token"]
        async with browsing(hub) as guest:
            shown = await guest.post("/join/invitation", {"token": token})
            assert "Ana" in text_of(shown)
            form = {"token": token, "email": "eva@example.org", "name": "Eva", "password": PASSWORD}
            await guest.post("/join", form)
            assert await guest.books() == owner.space
            again = await guest.post("/join/invitation", {"token": token})
            assert again.status_code == 404

    at_hub(settings, work)


def test_nobody_is_sent_to_another_site(settings: Settings) -> None:
    async def work(hub: Hub) -> None:
        async with signed_in(hub) as browser:
            for to in ("https://evil.test/", "//evil.test", "/\\evil.test", "javascript:alert(1)"):
                answer = await browser.client.post(
                    "/theme", data={"theme": "dark", "to": to}, headers={"origin": SITE}
                )
                assert answer.headers["location"] == "/", to
            assert browser.client.cookies["__Host-caudal-theme"] == "dark"

    at_hub(settings, work)


def test_single_keys_are_there_until_this_browser_turns_them_off(settings: Settings) -> None:
    async def work(hub: Hub) -> None:
        async with signed_in(hub) as browser:
            for keys, there in (("on", True), ("", False), ("on", True)):
                await browser.post("/theme", {"theme": "auto", "keys": keys, "to": "/"})
                for path in ("", "/transactions", "/review", "/settings/security"):
                    page = (await browser.get(browser.space + path)).text
                    assert (" data-keys" in page) == ('id="keys"' in page) == there, path
                assert ('name="keys" value="on" checked' in page) == there

    at_hub(settings, work)


def test_a_form_that_drips_is_not_waited_for(settings: Settings) -> None:
    async def work(hub: Hub) -> None:
        async def drips() -> AsyncIterator[bytes]:
            for _ in range(100):
                yield b"a"
                await asyncio.sleep(0.05)

        async with browsing(hub) as guest:
            headers = {"origin": SITE, "content-type": "application/x-www-form-urlencoded"}
            answer = await guest.client.post("/sign-in", content=drips(), headers=headers)
            assert answer.status_code == 408
            assert "took too long to come" in text_of(answer)

    at_hub(replace(settings, api=ApiBounds(body_seconds_max=1)), work)
