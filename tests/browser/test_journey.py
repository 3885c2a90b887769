"""What a household does, in a real browser against a real hub with simulated banks: from the first run to logging out
everywhere. One hub for all of it, as one household has one; and once more for a household that has phones alone."""

import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.support import statements
from tests.support.at_banks import at_plaid, at_pluggy
from tests.support.chromium import barriers
from tests.support.served import Person, Served, person, serving
from tests.support.statements import Movement

_MS = 30_000


@pytest.fixture(scope="module", params=[False, True], ids=["desk", "phone"])
def phone(request: pytest.FixtureRequest) -> bool:
    """Whether all of it is done with a phone in the hand."""
    return bool(request.param)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, phone: bool) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp(f"hub{phone:d}")) as up:
        yield up


@pytest.fixture(scope="module")
def owner(browser: Browser, hub: Served, phone: bool) -> Person:
    ana = person(browser, hub, phone=phone)
    ana.page.set_default_timeout(_MS)
    ana.become_owner()
    return ana


def until(what: str, holds: Callable[[], bool], page: Page) -> None:
    """Look at a page again and again until it holds."""
    ends = time.monotonic() + _MS / 1000
    while time.monotonic() < ends:
        page.wait_for_timeout(250)
        if holds():
            return
    pytest.fail(f"{what}: {page.inner_text('main')[:500]}")


def test_plaid_is_linked_and_transactions_arrive_while_one_looks(owner: Person) -> None:
    owner.begin_link("Plaid")
    assert barriers(owner.page) == []
    at_plaid(owner.at_the_bank())
    owner.page.click("button:has-text('Link these accounts')")
    owner.page.wait_for_selector("#arriving .item__figure", timeout=_MS)
    owner.page.wait_for_selector("text=Which of these do you want here?", timeout=_MS)
    assert barriers(owner.page) == []
    owner.page.click("a:has-text('See your books')")
    owner.page.wait_for_selector("text=First Platypus Bank")
    assert barriers(owner.page) == []


def test_pluggy_is_linked(owner: Person) -> None:
    owner.begin_link("Pluggy")
    at_pluggy(owner.at_the_bank())
    owner.page.wait_for_selector("button:has-text('Link these accounts'), #arriving", timeout=_MS)
    if owner.page.locator("button:has-text('Link these accounts')").count():
        owner.page.click("button:has-text('Link these accounts')")
    owner.page.wait_for_selector("#arriving .item__figure", timeout=_MS)


def test_what_a_provider_asks_for_is_asked_on_the_page(owner: Person) -> None:
    owner.begin_link("Bitcoin")
    assert owner.page.locator("[name=field-0]").count() == 1
    assert barriers(owner.page) == []
    owner.page.fill("[name=field-0]", "not a key")
    owner.page.click("button:has-text('Continue')")
    owner.page.wait_for_selector(".notice")
    owner.page.click("button:has-text('Cancel')")
    owner.page.wait_for_selector("text=Nothing was linked")
    assert barriers(owner.page) == []


def test_a_file_is_taken_in_and_a_second_time_adds_nothing(owner: Person, tmp_path: Path) -> None:
    path = tmp_path / "statement.ofx"
    with path.open("wb") as out:
        statements.write_ofx2(out, statements.generated(40))
    for new in ("40", "0"):
        owner.page.goto(f"{owner.space}/imports/new")
        owner.page.set_input_files("[name=files]", str(path))
        owner.page.click("button:has-text('Look at it first')")
        owner.page.wait_for_selector("text=Nothing is written yet")
        assert owner.page.inner_text("dt:has-text('New') + dd") == new
        assert barriers(owner.page) == []
        owner.page.click("button:has-text('Import this file')")
        owner.page.wait_for_selector("text=Imported before")
        assert owner.page.inner_text("dt:has-text('New') + dd") == new
    assert barriers(owner.page) == []


def test_a_movement_is_edited_split_and_put_back(owner: Person) -> None:
    page = owner.page
    page.goto(f"{owner.space}/transactions")
    page.click(".rows .item__link >> nth=0")
    page.wait_for_selector("#edit")
    assert barriers(page) == []
    page.fill("[name=category]", "Something of mine")
    page.click("#edit button")
    expect(page.locator("[name=category]")).to_have_value("Something of mine")
    page.fill("#part-0", "0.01")
    page.click("button:has-text('Split it')")
    page.wait_for_selector("text=What was said of it")
    assert page.locator("button:has-text('Undo')").count() == 2
    for left in (1, 0):
        page.click("button:has-text('Undo') >> nth=0")
        expect(page.locator("button:has-text('Undo')")).to_have_count(left)
    expect(page.locator("[name=category]")).not_to_have_value("Something of mine")


def test_two_that_are_one_are_merged_by_hand_and_are_two_again(owner: Person, tmp_path: Path) -> None:
    page, day, cost = owner.page, date(2026, 3, 2), Decimal("-61.37")
    told = [Movement(f"q{n}", day + timedelta(days=4 * n), cost, f"Quill & Ink {n}") for n in range(2)]
    account = statements.Account(number="4400077777", currency="USD")
    path = tmp_path / "twice.ofx"
    with path.open("wb") as out:
        statements.write_ofx2(
            out, statements.Statement(account, Decimal(500), told, day, day + timedelta(days=9))
        )
    owner.take(path)
    listed = f"{owner.space}/transactions?search=quill"

    def in_the_list(number: int) -> None:
        page.goto(listed)
        expect(page.locator("#transactions .item__link")).to_have_count(number)

    for nth in (0, 1):  # whichever of them one looks at
        in_the_list(2)
        page.click(f"#transactions .item__link >> nth={nth}")
        page.click("form[action$='/merge'] button")
        page.wait_for_selector("text=They’re one now.")
        assert page.locator(".evidence li").count() == 2
        assert page.locator("form[action$='/merge']").count() == 0
        assert barriers(page) == []
        merged = page.url
        in_the_list(1)
        page.goto(merged)
        page.click("form[action$='/undo'] button")
        page.wait_for_selector("form[action$='/merge'] button")
        assert page.locator(".evidence li").count() == 1
        in_the_list(2)


def test_searching_as_one_types_narrows_the_list_down(owner: Person) -> None:
    page = owner.page
    page.goto(f"{owner.space}/transactions")
    before = page.locator("#transactions .item").count()
    page.locator("[name=search]").press_sequentially("zzzz nothing like it")
    page.wait_for_selector("#transactions .state")
    assert before > 0
    page.fill("[name=search]", "")
    page.wait_for_selector("#transactions .item")
    assert barriers(page) == []


def test_a_bank_that_needs_its_person_is_mended_by_the_same_page(owner: Person) -> None:
    page = owner.page
    connection = _connection(owner, "First Platypus Bank")
    _break(owner.hub, page)
    page.goto(connection)
    page.click("button:has-text('Refresh')")
    until(
        "the bank needs its person",
        lambda: page.locator("button:has-text('Sign in again')").count() > 0,
        page,
    )
    assert barriers(page) == []
    page.click("button:has-text('Sign in again')")
    page.wait_for_url("**/link/*")
    assert "Renew" in page.inner_text("h1")
    page.click("button:has-text('Agree and continue')")
    page.wait_for_selector("a:has-text('Open it')")
    bank = owner.at_the_bank()
    bank.fill("[name=username]", "user_good")
    bank.fill("[name=password]", "pass_good")
    bank.click("button:has-text('Log in')")
    _through(bank)
    page.wait_for_selector("text=It works again", timeout=_MS)


def test_a_second_person_who_may_look_sees_all_and_can_change_nothing(
    owner: Person, browser: Browser
) -> None:
    owner.page.goto(f"{owner.space}/settings/members")
    assert barriers(owner.page) == []
    owner.page.fill("[name=email]", "rui@example.org")
    owner.page.click("button:has-text('Make an invitation')")
    link = owner.page.inner_text("[data-invitation]")
    rui = person(browser, owner.hub, phone=True)
    rui.page.set_default_timeout(_MS)
    rui.page.goto(link)
    rui.page.fill("[name=name]", "Rui")
    rui.page.fill("[name=password]", "another four plain words")
    assert barriers(rui.page) == []
    rui.page.click("button:has-text('Begin')")
    rui.page.wait_for_url("**/s/*")
    rui.page.wait_for_selector(".hero__figure")
    for path in ("/transactions", "/connections", "/review", "/accounts"):
        rui.page.goto(owner.space + path)
        assert rui.page.locator("main form[method=post]").count() == 0, path
        assert barriers(rui.page) == [], path
    rui.page.goto(f"{owner.space}/imports/new")
    assert "Not with your role" in rui.page.inner_text("main")


def test_a_key_for_a_program_is_shown_once(owner: Person) -> None:
    page = owner.page
    page.goto(f"{owner.space}/settings/keys")
    page.fill("[name=name]", "Spreadsheet")
    page.check("[value='accounts:read']")
    page.click("button:has-text('Make it')")
    assert page.inner_text("[data-key]").startswith("caudal_")
    assert barriers(page) == []
    page.goto(f"{owner.space}/settings/keys")
    assert page.locator("[data-key]").count() == 0


def test_a_passkey_is_made_and_opens_the_door(owner: Person, browser: Browser) -> None:
    page = owner.page
    page.bring_to_front()  # credentials are given to the page that has the focus
    device = owner.context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    made = device.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )
    page.goto(f"{owner.space}/settings/security")
    page.fill("[name=name]", "My laptop")
    page.click("button:has-text('Add a passkey')")
    page.wait_for_selector("text=My laptop")
    page.click("main header button:has-text('Sign out')")
    page.wait_for_url("**/sign-in")
    page.click("button:has-text('Use a passkey')")
    page.wait_for_url("**/s/*")
    device.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": made["authenticatorId"]})


def test_every_page_is_free_of_barriers_on_a_desk_and_on_a_phone_in_light_and_dark(owner: Person) -> None:
    page, size = owner.page, owner.page.viewport_size
    assert size is not None
    paths = [
        "",
        "/transactions",
        "/accounts",
        "/review",
        "/connections",
        "/settings/security",
        "/imports/new",
    ]
    page.goto(f"{owner.space}/accounts")
    first = page.locator(".rows .item__link").first.get_attribute("href")
    assert first is not None
    paths.append(first.removeprefix(owner.space.removeprefix(owner.hub.url)))
    try:
        for width, height in ((1280, 900), (390, 844)):
            page.set_viewport_size({"width": width, "height": height})
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                for path in paths:
                    page.goto(owner.space + path)
                    assert barriers(page) == [], (path, width, scheme)
    finally:
        page.set_viewport_size(size)
        page.emulate_media(color_scheme="light")


def test_nothing_was_complained_of(owner: Person) -> None:
    assert [each for each in owner.complaints if "422" not in each] == []


def test_out_everywhere_is_out_in_every_browser(owner: Person, browser: Browser) -> None:
    phone = person(browser, owner.hub, phone=True)
    phone.page.goto(f"{owner.hub.url}/sign-in")
    phone.page.fill("[name=email]", "ana@example.org")
    phone.page.fill("[name=password]", "four plain words here")
    phone.page.click("button:has-text('Sign in')")
    phone.page.wait_for_selector("[name=code]")
    assert barriers(phone.page) == []
    assert owner.totp is not None
    phone.page.fill("[name=code]", owner.totp.at(int(time.time()) + 30))
    phone.page.click("button:has-text('Continue')")
    phone.page.wait_for_url("**/s/*")
    phone.page.goto(f"{owner.space}/settings/security")
    phone.page.click("button:has-text('Sign out everywhere')")
    phone.page.wait_for_url("**/sign-in")
    owner.page.goto(owner.space)
    owner.page.wait_for_url("**/sign-in**")


def _connection(owner: Person, name: str) -> str:
    owner.page.goto(f"{owner.space}/connections")
    href = owner.page.locator(f".item__link:has-text('{name}')").first.get_attribute("href")
    assert href is not None
    return f"{owner.hub.url}{href}"


def _break(hub: Served, page: Page) -> None:
    """Every login at the simulated Plaid needs its person again."""
    fault = {"kind": "login_required", "provider": "plaid", "count": 1}
    answer = page.request.post(f"{hub.sandbox}/_sandbox/faults", data=fault)
    assert answer.ok, answer.text()


def _through(bank: Page) -> None:
    """The rest of the bank's page, whatever of it there is."""
    for _ in range(4):
        bank.wait_for_load_state()
        for word in ("Continue", "Allow"):
            if bank.locator(f"button:has-text('{word}')").count():
                bank.click(f"button:has-text('{word}')")
                break
        else:
            return
