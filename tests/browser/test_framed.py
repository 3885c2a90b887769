"""The page by which somebody links a bank in another site's frame, in a real browser: what that site is told, that no other
is, and that no cookie is needed."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, cast
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Frame, Page, expect
from tests.support.chromium import barriers
from tests.support.served import Person, serving
from tests.support.served import person as somebody

_MS: Final = 30_000
_HOST: Final = """<!doctype html><html lang=en><title>Host</title><iframe id=link title=Link width=420 height=300
sandbox="allow-scripts allow-same-origin allow-forms allow-popups allow-popups-to-escape-sandbox
allow-top-navigation-by-user-activation" src="{}"></iframe>
<script>window.told = []; addEventListener("message", it => told.push({{from: it.origin, ...it.data}}))</script>"""
"""As docs/link.md has it."""


class Host(BaseHTTPRequestHandler):
    """A site of another's: ``/?PAGE`` shows a page in a frame, and writes down what it is told."""

    def do_GET(self) -> None:
        page = parse_qs(urlsplit(self.path).query).get("page", [""])[0]
        self.send_response(200 if page else 204)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(_HOST.format(page).encode() if page else b"")

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.fixture(scope="module")
def site() -> Iterator[int]:
    """A port where another site is: as 127.0.0.1 of another name than the hub's, which is localhost."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Host) as server:
        thread = threading.Thread(target=partial(server.serve_forever, 0.05))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def ana(browser: Browser, site: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """The owner of a hub that knows the other site."""
    folder = tmp_path_factory.mktemp("hub")
    with serving(folder, CAUDAL_LINK_ORIGINS=f"https://app.example http://127.0.0.1:{site}") as hub:
        owner = somebody(browser, hub)
        owner.page.set_default_timeout(_MS)
        owner.become_owner()
        yield owner


@pytest.fixture(scope="module")
def key(ana: Person) -> str:
    """A program's."""
    page = ana.page
    page.goto(f"{ana.space}/settings/keys")
    page.fill("[name=name]", "App")
    page.check("[value='connections:manage']")
    page.check("[value='connections:read']")
    page.click("button:has-text('Make it')")
    return page.inner_text("[data-key]").strip()


def made(ana: Person, key: str, site: int, **wish: str) -> tuple[str, str]:
    """A link for the other site: its id, and its page's address."""
    answer = httpx.post(
        f"{ana.hub.url}/v1/spaces/{ana.space.rpartition('/')[2]}/link-sessions",
        json={"embed_origin": f"http://127.0.0.1:{site}", "app": "Host", **wish},
        headers={"Authorization": f"Bearer {key}"},
        trust_env=False,
    )
    assert answer.status_code == 201, answer.text
    return answer.json()["session_id"], answer.json()["url"]


@pytest.fixture
def at_home(browser: Browser) -> Iterator[Page]:
    """Somebody's browser that knows nobody."""
    context = browser.new_context(locale="en-US", reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(_MS)
    yield page
    context.close()


def framed(page: Page, origin: str, link: str) -> Frame:
    """The link's page in a frame of the site `origin`."""
    page.goto(f"{origin}/?page={link}")
    frame = page.query_selector("#link")
    assert frame is not None
    shown = frame.content_frame()
    assert shown is not None
    return shown


def told(page: Page, *, heights: bool = False) -> list[dict[str, Any]]:
    """What the site was told."""
    every: list[dict[str, Any]] = page.evaluate("told")
    return [each for each in every if (each["type"] == "height") == heights]


def through(page: Page, type_: str) -> dict[str, Any]:
    """The message of that type, once it is there."""
    page.wait_for_function("type => told.some(it => it.type === type)", arg=type_)
    return next(each for each in told(page) if each["type"] == type_)


def test_the_site_around_it_is_told_each_step_and_nothing_secret(
    ana: Person, key: str, site: int, at_home: Page
) -> None:
    session, link = made(ana, key, site, provider="plaid", return_url=f"http://127.0.0.1:{site}/done")
    frame = framed(at_home, f"http://127.0.0.1:{site}", link)
    opened = through(at_home, "opened")
    about = {"from": ana.hub.url, "source": "caudal-link", "session_id": session, "connection_id": None}
    assert opened == {**about, "type": "opened", "state": "consent"}
    assert barriers(cast("Page", frame)) == []  # a frame is a document as a page is
    frame.click("button:has-text('Agree and continue')")
    with at_home.context.expect_page() as opening:
        frame.click("a:has-text('Open it')")
    bank = opening.value
    bank.click("button:has-text('First Platypus Bank')")
    bank.fill("[name=username]", "user_good")
    bank.fill("[name=password]", "pass_good")
    for word in ("Log in", "Continue", "Allow"):
        bank.click(f"button:has-text('{word}')")
    bank.wait_for_selector("text=You're done")
    frame.click("button:has-text('Link these accounts')")
    connected = through(at_home, "connected")
    assert connected == {
        **about,
        "type": "connected",
        "state": "linked",
        "connection_id": connected["connection_id"],
    }
    assert [each["state"] for each in told(at_home)] == ["consent", "visit", "found", "linked"]
    listed = httpx.get(
        f"{ana.hub.url}/v1/spaces/{ana.space.rpartition('/')[2]}/link-sessions/{session}",
        headers={"Authorization": f"Bearer {key}"},
        trust_env=False,
    )
    assert listed.json()["connection_id"] == connected["connection_id"]
    frame.wait_for_selector("text=Which of these do you want here?")
    frame.click("button:has-text('Keep these')")
    frame.wait_for_selector("text=Your choice is kept.")
    expect(at_home.frame_locator("#link").get_by_role("link", name="Back to Host")).to_be_hidden()
    frame.click("button:has-text('Done')")
    assert through(at_home, "done") == {**connected, "type": "done"}
    assert link.rpartition("/")[2] not in str(at_home.evaluate("told"))
    assert at_home.context.cookies(ana.hub.url) == []


def test_a_bank_that_sends_back_does_so_beside_the_frame_which_goes_on_by_itself(
    ana: Person, key: str, site: int, at_home: Page
) -> None:
    _, link = made(ana, key, site, provider="truelayer")
    frame = framed(at_home, f"http://127.0.0.1:{site}", link)
    frame.click("button:has-text('Agree and continue')")
    with at_home.context.expect_page() as opening:
        frame.click("a:has-text('Open it')")
    bank = opening.value
    bank.fill("[name=username]", "john")
    bank.fill("[name=password]", "doe")
    bank.click("button:has-text('Allow')")
    bank.wait_for_selector("text=You can close this window")
    assert barriers(bank) == []
    assert "/link/return" in bank.url
    frame.wait_for_selector("#arriving, button:has-text('Link these accounts')")
    assert told(at_home)[-1]["state"] in ("found", "linked")


def test_the_frame_can_be_as_high_as_its_page(ana: Person, key: str, site: int, at_home: Page) -> None:
    _, link = made(ana, key, site, provider="plaid")
    frame = framed(at_home, f"http://127.0.0.1:{site}", link)
    at_home.wait_for_function("told.some(it => it.type === 'height')")
    height = told(at_home, heights=True)[-1]["height"]
    assert height > 300
    for given in (2_000, height):
        at_home.evaluate("height => document.querySelector('#link').height = height", given)
        at_home.wait_for_timeout(300)
        assert told(at_home, heights=True)[-1]["height"] == height
    assert frame.evaluate("document.documentElement.scrollHeight <= innerHeight")


def test_who_leaves_is_told_of(ana: Person, key: str, site: int, at_home: Page) -> None:
    session, link = made(ana, key, site)
    frame = framed(at_home, f"http://127.0.0.1:{site}", link)
    frame.click("button:has-text('Cancel')")
    left = through(at_home, "left")
    assert (left["session_id"], left["state"]) == (session, "abandoned")


def test_a_page_that_no_frame_holds_leads_back_by_its_link(
    ana: Person, key: str, site: int, at_home: Page
) -> None:
    _, link = made(ana, key, site, return_url=f"http://127.0.0.1:{site}/done")
    at_home.goto(link)
    at_home.click("button:has-text('Cancel')")
    expect(at_home.get_by_role("link", name="Back to Host")).to_be_visible()
    expect(at_home.locator("[data-tells-done]")).to_be_hidden()


@pytest.mark.parametrize("embed", [True, False])
def test_a_site_that_the_link_is_not_for_can_neither_show_it_nor_is_told(
    ana: Person, key: str, site: int, at_home: Page, *, embed: bool
) -> None:
    _, link = made(ana, key, site) if embed else made(ana, key, site, embed_origin="")
    # The same server by another name is another site; without a site of its own no page may be framed at all.
    origin = f"http://localhost:{site}" if embed else f"http://127.0.0.1:{site}"
    frame = framed(at_home, origin, link)
    at_home.wait_for_timeout(1_000)
    assert frame.query_selector("main") is None
    assert at_home.evaluate("told") == []


def test_a_message_is_for_the_named_site_even_where_another_gets_to_frame_the_page(
    ana: Person, key: str, site: int, at_home: Page
) -> None:
    def unguarded(route: Any) -> None:
        answer = route.fetch()
        headers = {name: text for name, text in answer.headers.items() if name != "content-security-policy"}
        route.fulfill(response=answer, headers=headers)

    _, link = made(ana, key, site)
    at_home.route("**/link/*", unguarded)
    frame = framed(at_home, f"http://localhost:{site}", link)
    frame.wait_for_selector("main[data-host]")
    frame.wait_for_function("document.documentElement.dataset.framed !== undefined")
    at_home.wait_for_timeout(500)
    assert at_home.evaluate("told") == []
