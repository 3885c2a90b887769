"""The dashboard by keyboard, in a real browser against a real hub: what keys do, when they do nothing, and that they can be
turned off."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from tests.support import statements
from tests.support.chromium import barriers
from tests.support.served import Person, serving
from tests.support.served import person as somebody

_DAY: Final = date(2026, 3, 2)
_ROWS: Final = "#transactions a.item__link"
_KEYS: Final = "dialog#keys"


def statement(folder: Path, number: str, told: tuple[tuple[int, str, str], ...]) -> Path:
    """A file of an account's movements: days after the first, amounts, texts."""
    movements = [
        statements.Movement(f"{number}-{at}", _DAY + timedelta(days), Decimal(amount), text)
        for at, (days, amount, text) in enumerate(told)
    ]
    account = statements.Account(number, "EUR")
    path = folder / f"{number}.ofx"
    with path.open("wb") as out:
        end = _DAY + timedelta(30)
        statements.write_ofx2(out, statements.Statement(account, Decimal(1000), movements, _DAY, end))
    return path


@pytest.fixture(scope="module")
def ana(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """Somebody with six movements, two pairs of which may be transfers."""
    folder = tmp_path_factory.mktemp("hub")
    with serving(folder) as hub:
        person = somebody(browser, hub)
        person.page.set_default_timeout(30_000)
        person.become_owner()
        took = ((3, "-70", "SHOP"), (10, "-90", "STALL"), (20, "-12.50", "CORNER COFFEE"), (21, "-3", "TRAM"))
        person.take(statement(folder, "111111", took))
        person.take(statement(folder, "222222", ((4, "70", "REFUND"), (11, "90", "RETURN"))))
        yield person


def at(person: Person, path: str = "/transactions") -> Page:
    """The page there, with its keys."""
    person.page.goto(person.space + path)
    person.page.wait_for_function("window.htmx")
    return person.page


def rows(page: Page) -> Locator:
    return page.locator(_ROWS)


def test_j_and_k_move_the_focus_from_row_to_row_and_enter_opens(ana: Person) -> None:
    page = at(ana)
    page.keyboard.press("j")
    expect(rows(page).nth(0)).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    second = rows(page).nth(1)
    expect(second).to_be_focused()
    outline = "it => getComputedStyle(it.closest('.item')).outlineStyle"
    assert second.evaluate(outline) == "solid"
    assert rows(page).nth(0).evaluate(outline) == "none"
    assert barriers(page) == []
    to = second.get_attribute("href")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{to}")


def test_at_the_ends_of_a_list_the_focus_stays(ana: Person) -> None:
    page = at(ana)
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(rows(page).first).to_be_focused()
    for _ in range(rows(page).count() + 1):
        page.keyboard.press("j")
    expect(rows(page).last).to_be_focused()


def test_a_list_that_was_put_there_anew_keeps_the_row_that_had_the_focus(ana: Person) -> None:
    page = at(ana)
    for _ in range(3):
        page.keyboard.press("j")
    name = rows(page).nth(2).inner_text()
    page.evaluate("document.querySelector('#transactions').dataset.before = ''")
    page.evaluate("document.body.dispatchEvent(new CustomEvent('caudal:changed'))")
    page.wait_for_selector("#transactions:not([data-before])")
    expect(rows(page).nth(2)).to_be_focused()
    page.keyboard.press("j")
    expect(rows(page).nth(3)).to_be_focused()
    assert rows(page).nth(2).inner_text() == name


def test_a_list_that_was_put_there_anew_takes_no_focus_from_elsewhere(ana: Person) -> None:
    page = at(ana)
    page.keyboard.press("j")
    page.locator(".nav__link").first.focus()
    page.evaluate("document.querySelector('#transactions').dataset.before = ''")
    page.evaluate("document.body.dispatchEvent(new CustomEvent('caudal:changed'))")
    page.wait_for_selector("#transactions:not([data-before])")
    expect(page.locator(".nav__link").first).to_be_focused()


def test_a_slash_goes_to_the_search_where_keys_are_text_and_escape_leaves_it(ana: Person) -> None:
    page = at(ana)
    search = page.locator("[name=search]")
    page.keyboard.press("/")
    expect(search).to_be_focused()
    expect(search).to_have_value("")
    page.keyboard.type("jkgt?/")
    expect(search).to_have_value("jkgt?/")
    expect(page.locator(_KEYS)).to_be_hidden()
    page.keyboard.press("Escape")
    expect(page.locator("#main")).to_be_focused()
    expect(search).to_have_value("jkgt?/")


def test_with_ctrl_alt_or_meta_keys_are_the_browser_s(ana: Person) -> None:
    page = at(ana)
    page.evaluate("""() => {
        const press = how => document.body.dispatchEvent(new KeyboardEvent("keydown", {key: "j", bubbles: true, ...how}));
        for (const how of ["ctrlKey", "altKey", "metaKey", "isComposing"]) press({[how]: true});
    }""")
    assert page.evaluate("document.activeElement === document.body")
    page.keyboard.press("j")
    expect(rows(page).first).to_be_focused()


@pytest.mark.parametrize("made", ["select", "textarea", "div contenteditable"])
def test_keys_do_nothing_while_something_is_written_into(ana: Person, made: str) -> None:
    page = at(ana)
    page.evaluate(f"document.querySelector('#main').insertAdjacentHTML('beforeend', '<{made} id=\"own\">')")
    page.locator("#own").focus()
    page.keyboard.press("j")
    page.keyboard.press("?")
    expect(page.locator("#own")).to_be_focused()
    expect(page.locator(_KEYS)).to_be_hidden()


@pytest.mark.parametrize(
    ("key", "path"), [("t", "/transactions"), ("a", "/accounts"), ("r", "/review"), ("o", "")]
)
def test_g_and_a_letter_go_to_a_section(ana: Person, key: str, path: str) -> None:
    page = at(ana, "/settings")
    page.keyboard.press("g")
    page.keyboard.press(key)
    page.wait_for_url(ana.space + path)


def test_a_question_mark_lists_the_keys_and_they_wait_while_the_list_is_open(ana: Person) -> None:
    page = at(ana)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    assert barriers(page) == []
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.closest('dialog') !== null")
    page.keyboard.press("Escape")
    expect(page.locator(_KEYS)).to_be_hidden()


def test_the_list_of_keys_speaks_the_person_s_language(ana: Person) -> None:
    page = at(ana, "/settings")
    for language, title, yes in (
        ("es-MX", "Teclado", "s"),
        ("pt-BR", "Teclado", "s"),
        ("en", "Keyboard", "y"),
    ):
        value = page.locator(f"[name=language] option[value^={language[:2]}]").get_attribute("value")
        page.select_option("[name=language]", value)
        page.locator("form[action$='/you'] button").click()
        page.wait_for_selector(f"html[lang^={language[:2]}]")
        page.wait_for_function("window.htmx")
        page.keyboard.press("?")
        expect(page.get_by_role("dialog", name=title)).to_be_visible()
        expect(page.locator(f"{_KEYS} kbd").get_by_text(yes, exact=True)).to_have_count(1)
        page.keyboard.press("Escape")


def test_a_question_is_answered_by_the_keys_of_its_answers(ana: Person) -> None:
    page = at(ana, "/review")
    questions = page.locator("[data-question]")
    expect(questions).to_have_count(2)
    page.keyboard.press("y")  # none is selected: none is answered
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(questions.nth(1)).to_be_focused()
    assert barriers(page) == []
    first = questions.nth(0).get_attribute("data-question")
    page.keyboard.press("n")
    expect(questions).to_have_count(1)
    assert questions.get_attribute("data-question") == first
    page.wait_for_function("window.htmx")
    page.keyboard.press("j")
    page.keyboard.press("y")
    expect(questions).to_have_count(0)
    said = page.get_by_role("region", name="What you said lately").locator(".item__name")
    expect(said).to_have_text(["A transfer", "No transfer"])


def test_keys_that_are_turned_off_do_nothing_until_they_are_turned_on(ana: Person) -> None:
    for wanted in (False, True):
        page = at(ana, "/settings/security")
        page.get_by_label("Single keys do something").set_checked(wanted)
        page.locator("form[action='/theme'] button").click()
        page.wait_for_load_state()
        assert page.get_by_label("Single keys do something").is_checked() == wanted
        assert barriers(page) == []
        page = at(ana)
        page.keyboard.press("j")
        assert page.evaluate("document.activeElement !== document.body") == wanted
        expect(page.locator(_KEYS)).to_have_count(int(wanted))


def test_nothing_was_complained_of(ana: Person) -> None:
    assert ana.complaints == []
