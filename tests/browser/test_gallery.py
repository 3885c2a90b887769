"""Pages in a real browser: for everybody, on any screen, under the strict policy, with and without scripts."""

import pytest
from playwright.sync_api import Page, expect
from tests.browser.conftest import Visit
from tests.support.chromium import barriers
from tests.support.gallery.pages import PAGES

from caudal.web.languages import LANGUAGES

DRAWN = """canvas => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data
    .reduce((sum, value, at) => (sum + value * (at % 9973 + 1)) % 1000003, 0)"""
"""What a canvas shows, as one number."""

WRITTEN_OVER = """() => [...document.querySelectorAll(".item:has(.item__figure)")].flatMap(item => {
    const figures = [...item.querySelectorAll(".item__figure > *")].map(it => it.getBoundingClientRect());
    return [...item.querySelectorAll(".item__name, .item__more > *, .proof > *")].filter(text => {
        const at = text.getBoundingClientRect();
        return figures.some(it => at.right > it.left && at.left < it.right && at.bottom > it.top + 2 && at.top < it.bottom - 2);
    }).map(text => text.textContent);
})"""
"""Texts of rows that a figure is written over."""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", PAGES)
def test_nothing_on_a_page_bars_anybody(visit: Visit, name: str, width: int, dark: bool) -> None:
    assert barriers(visit(name, width=width, dark=dark)) == []


def test_a_theme_that_a_person_chose_bars_nobody_either(visit: Visit) -> None:
    assert barriers(visit("parts?theme=dark", dark=False)) == []
    assert barriers(visit("parts?theme=light", dark=True)) == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_wider_than_the_smallest_phone(visit: Visit, name: str, language: str) -> None:
    page = visit(f"{name}?language={language}", width=320, height=568)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("name", ["overview", "transactions", "parts"])
def test_no_amount_is_cut_off_or_written_over_on_the_smallest_phone(visit: Visit, name: str) -> None:
    page = visit(f"{name}?language=pt", width=320, height=568)
    assert page.evaluate(WRITTEN_OVER) == []
    cut = """() => [...document.querySelectorAll(".item .amount")].filter(amount =>
        amount.getBoundingClientRect().right > amount.closest(".card").getBoundingClientRect().right
        || amount.getBoundingClientRect().left < amount.closest(".item").querySelector(".initials").getBoundingClientRect().right
    ).map(amount => amount.textContent)"""
    assert page.evaluate(cut) == []


def test_text_twice_as_large_still_fits(visit: Visit) -> None:
    page = visit("parts", width=640)
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def canvas(page: Page) -> int:
    page.wait_for_selector(".chart canvas")
    page.wait_for_timeout(100)
    return int(page.eval_on_selector(".chart canvas", DRAWN))


def test_charts_are_drawn_and_drawn_anew_when_the_theme_changes(visit: Visit) -> None:
    page = visit("overview")
    light = canvas(page)
    assert light
    page.emulate_media(color_scheme="dark")
    dark = canvas(page)
    assert dark != light
    page.evaluate("document.documentElement.dataset.theme = 'light'")
    assert canvas(page) == light


def test_a_chart_says_what_the_pointer_is_at(visit: Visit) -> None:
    page = visit("overview")
    canvas(page)
    page.locator(".chart .u-over").first.hover()
    expect(page.locator("[data-reading]").first).to_contain_text("€")


def test_without_scripts_the_figures_are_there(visit: Visit) -> None:
    page = visit("overview", java_script_enabled=False)
    expect(page.locator("[data-canvas]").first).to_be_hidden()
    page.get_by_text("Show the figures").first.click()
    expect(page.get_by_role("row", name="31 Mar 2026")).to_be_visible()


def test_without_scripts_a_search_is_a_form(visit: Visit) -> None:
    page = visit("transactions", java_script_enabled=False)
    page.get_by_label("Search").fill("rent")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Rent March")).to_be_visible()
    expect(page.get_by_role("link", name="Mercado Azul")).to_have_count(0)


def test_a_search_shows_what_fits_and_the_page_stays(visit: Visit) -> None:
    page = visit("transactions")
    page.evaluate("window.stayed = true")
    page.get_by_label("Search").press_sequentially("rent")
    expect(page.get_by_role("link", name="Mercado Azul")).to_have_count(0)
    expect(page.get_by_role("link", name="Rent March")).to_be_visible()
    expect(page.get_by_label("Search")).to_be_focused()
    assert page.evaluate("window.stayed")
    assert "search=rent" in page.url


def test_what_comes_into_a_page_later_is_dressed_too(visit: Visit) -> None:
    page = visit("transactions")
    page.wait_for_function("window.htmx")
    page.evaluate(
        "htmx.ajax('GET', '/overview', {target: '#transactions', select: '.shell__page', swap: 'innerHTML'})"
    )
    page.wait_for_selector("#transactions .chart canvas")


def test_where_caudal_can_t_be_reached_it_is_said_once(visit: Visit, complaints: list[str]) -> None:
    page = visit("transactions")
    page.route("**/transactions?*", lambda route: route.abort())
    for _ in range(2):
        with page.expect_event("requestfailed"):
            page.get_by_label("Search").press_sequentially("x")
    said = page.get_by_role("status").get_by_text("can’t be reached")
    expect(said).to_have_count(1)
    page.get_by_role("button", name="Close").click()
    expect(said).to_have_count(0)
    assert complaints
    complaints.clear()


def test_a_dialog_is_opened_and_left_by_keyboard(visit: Visit) -> None:
    page = visit("parts")
    ask = page.get_by_role("button", name="Ask")
    ask.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="End this connection?")
    expect(dialog).to_be_visible()
    assert barriers(page) == []
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(ask).to_be_focused()


def test_a_dialog_is_left_by_its_button_and_beside_it(visit: Visit) -> None:
    page = visit("parts")
    dialog = page.locator("#ask")
    for leave in (page.get_by_role("button", name="Keep it").click, lambda: page.mouse.click(5, 5)):
        page.get_by_role("button", name="Ask").click()
        expect(dialog).to_be_visible()
        leave()
        expect(dialog).to_be_hidden()


def test_the_keyboard_skips_to_the_content(visit: Visit) -> None:
    page = visit("overview")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_a_drop_zone_names_what_it_took(visit: Visit) -> None:
    page = visit("parts")
    page.set_input_files("#files", [{"name": "march.ofx", "mimeType": "text/plain", "buffer": b"x"}])
    expect(page.locator("[data-names]")).to_have_text("march.ofx")


def test_a_chosen_theme_is_seen_at_once(visit: Visit) -> None:
    page = visit("parts")
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_label("Dark").check()
    assert page.evaluate(ground) != light
    page.get_by_label("Light").check()
    assert page.evaluate(ground) == light


def test_navigation_is_beneath_the_thumb_on_phones_and_beside_the_page_else(visit: Visit) -> None:
    phone = visit("overview", width=390, height=844).get_by_role("navigation", name="Main").bounding_box()
    desk = visit("overview").get_by_role("navigation", name="Main").bounding_box()
    assert phone is not None
    assert desk is not None
    assert phone["y"] + phone["height"] == 844
    assert desk["x"] + desk["width"] < 300


def device(page: Page, *, answers: bool) -> None:
    """A device that makes passkeys, or one whose person says no."""
    link = page.context.new_cdp_session(page)
    link.send("WebAuthn.enable")
    how = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    made = link.send(
        "WebAuthn.addVirtualAuthenticator",
        {"options": how | {"isUserVerified": answers, "automaticPresenceSimulation": True}},
    )
    if not answers:
        link.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": made["authenticatorId"]})


def test_a_passkey_is_made_by_the_device_and_sent_with_the_form(visit: Visit) -> None:
    page = visit("passkey")
    device(page, answers=True)
    page.wait_for_selector("form[data-dressed-passkey]")
    page.get_by_role("button", name="Add it").click()
    expect(page.locator("body")).to_contain_text('{"type":"public-key"}')


def test_a_passkey_that_isn_t_made_is_said_and_nothing_is_sent(visit: Visit) -> None:
    page = visit("passkey")
    page.route(
        "**/passkey/options",
        lambda route: route.fulfill(json={"challenge": "", "rp": {"id": "elsewhere.test"}}),
    )
    page.wait_for_selector("form[data-dressed-passkey]")
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert page.url.endswith("/passkey")
