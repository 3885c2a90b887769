"""One login, two books: a person says on the link page, and later on the connection's, where each account belongs."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from tests.support.at_banks import at_plaid
from tests.support.chromium import barriers
from tests.support.served import Served, person, serving

_MS = 30_000


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("hub")) as up:
        yield up


def test_accounts_are_sent_to_their_books_while_linking_and_back_later(browser: Browser, hub: Served) -> None:
    ana = person(browser, hub, phone=True)
    page = ana.page
    page.set_default_timeout(_MS)
    ana.become_owner()
    private = ana.space
    page.goto(f"{private}/settings")
    page.fill("form[action$='/spaces'] [name=name]", "Firma")
    page.click("form[action$='/spaces'] button")
    page.wait_for_url(lambda url: "/s/" in url and not url.startswith(private))
    firm = "/".join(page.url.split("/")[:5])

    ana.begin_link("Plaid")
    at_plaid(ana.at_the_bank())
    page.click("button:has-text('Link these accounts')")
    page.wait_for_selector("text=say where each account belongs")
    assert page.locator("#arriving .item__figure").count() == 0
    assert barriers(page) == []
    rows = page.locator(".placed")
    savings = rows.filter(has_text="Saving")
    savings.locator("select").select_option(label="Firma")
    page.click("button:has-text('Keep these')")
    page.wait_for_selector("#arriving .item__figure")
    page.wait_for_selector("text=Which of these do you want, and where?")
    assert savings.locator("option:checked").inner_text() == "Firma"
    assert barriers(page) == []

    page.goto(f"{firm}/accounts")
    assert page.locator("main .item", has_text="Saving").count() == 1
    assert page.locator("main .item", has_text="Checking").count() == 0
    page.goto(f"{firm}/connections")
    page.click(".item__link >> nth=0")
    page.wait_for_selector("text=Linked in other books")
    assert page.locator("button:has-text('Refresh')").count() == 0
    assert barriers(page) == []

    page.goto(f"{private}/connections")
    page.click(".item__link >> nth=0")
    page.locator(".placed", has_text="Saving").locator("select").select_option(index=0)
    page.click("form[action$='/accounts'] button")
    page.goto(f"{private}/accounts")
    page.wait_for_selector("main .item:has-text('Saving')")
    page.goto(f"{firm}/accounts")
    assert page.locator("main .item", has_text="Saving").count() == 0
    assert barriers(page) == []
    assert ana.complaints == []
