"""Templates: escaped, whole, and under the policy that pages go out with."""

import html.parser
import re

import jinja2
import msgspec
import pytest
from tests.support.gallery import people
from tests.support.gallery.pages import PAGES, page

from caudal.web import pages, static
from caudal.web.languages import LANGUAGES, Language
from caudal.web.pages import hue, initials, render
from caudal.web.policy import CONTENT_SECURITY_POLICY


class Breaches(html.parser.HTMLParser):
    """What a strict policy would stop, and ids that stand twice."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in {"style", "iframe", "object", "base"} or (tag == "script" and "src" not in given):
            self.found.append(tag)
        self.found += [f"{tag} {name}" for name in given if name == "style" or re.match(r"on|hx-on", name)]
        self.found += [
            f"{tag} {name}" for name, value in attrs if (value or "").lower().startswith("javascript:")
        ]
        self.ids += [value for name, value in attrs if name == "id" and value]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", PAGES)
def test_no_page_asks_for_what_the_policy_forbids(name: str, language: Language) -> None:
    breaches = Breaches()
    breaches.feed(page(name, language))
    assert breaches.found == []
    assert len(breaches.ids) == len(set(breaches.ids))


@pytest.mark.parametrize("name", PAGES)
def test_a_page_says_its_language(name: str) -> None:
    assert '<html lang="es-MX">' in page(name, "es-MX")


def test_the_policy_lets_nothing_inline_and_nothing_from_elsewhere() -> None:
    assert CONTENT_SECURITY_POLICY.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert "http" not in CONTENT_SECURITY_POLICY


def test_what_a_bank_wrote_is_text() -> None:
    line = msgspec.structs.replace(people.LINES[0], name="<script>alert(1)</script>", href='"><b>')
    shown = render(
        "transactions.html",
        language="en",
        theme="auto",
        shell=people.shell("transactions"),
        page=msgspec.structs.replace(people.TRANSACTIONS, lines=(line,)),
    )
    assert "<script>alert" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert '"><b>' not in shown


def test_a_page_with_a_hole_in_it_is_not_shown() -> None:
    with pytest.raises(jinja2.UndefinedError, match="shell"):
        render("overview.html", language="en", theme="auto", page=people.OVERVIEW)


def test_a_name_that_nobody_gave_is_never_shown_as_nothing() -> None:
    with pytest.raises(jinja2.UndefinedError, match="nobody"):
        pages.environment("en").from_string("{{ nobody }}").render()


def test_a_chosen_theme_is_said_and_no_choice_is_the_system_s() -> None:
    assert 'data-theme="dark"' in page("overview", theme="dark")
    assert 'lang="en">' in page("overview", theme="auto")


def test_in_and_out_differ_without_colour() -> None:
    shown = page("transactions")
    assert '<span class="visually-hidden">In: </span>+€2,840.00' in shown
    assert '<span class="visually-hidden">Out: </span>−€980.00' in shown


def test_a_chart_s_figures_stand_in_its_table_exactly() -> None:
    point = people.HISTORY[-1]
    shown = page("overview")
    assert f'data-day="{point.day}"' in shown
    assert f'data-value="{point.amount}"' in shown


def test_the_verdict_is_in_words() -> None:
    shown = re.sub(r"<[^>]+>", "", page("overview", "pt")).replace("\N{NO-BREAK SPACE}", " ")
    assert "Comprovada até 31 mar" in shown
    assert "Diferença de −R$ 89,90 desde 12 mar" in shown
    assert "Ainda não comprovada" in shown


def test_an_empty_ledger_is_an_invitation() -> None:
    empty = msgspec.structs.replace(
        people.OVERVIEW, accounts=(), history=(), flows=(), latest=(), troubles=()
    )
    shown = render("overview.html", language="en", theme="auto", shell=people.shell("overview"), page=empty)
    assert "Nothing here yet" in shown
    assert "data-chart" not in shown


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Banco do Brasil", "Br"),
        ("Bank of the West", "We"),
        ("Itaú Unibanco", "IU"),
        ("BBVA", "Bb"),
        ("Banco", "Ba"),
        ("N26", "N2"),
        ("& Söhne", "Sö"),
        ("  ", "?"),
        ("🏦", "?"),
    ],
)
def test_initials_stand_for_what_tells_a_name_from_others(name: str, letters: str) -> None:
    assert initials(name) == letters


def test_a_name_always_has_the_same_of_twelve_colours() -> None:
    assert hue("Nubank") == hue("NUBANK")
    assert {hue(f"Bank {n}") for n in range(500)} == set(range(1, 13))


def test_templates_are_compiled_once_for_each_language() -> None:
    assert pages.environment("pt") is pages.environment("pt")
    assert pages.environment("pt") is not pages.environment("en")


def test_an_entry_is_found_by_its_hashed_name() -> None:
    assert re.fullmatch(r"/static/app-[A-Z0-9]{8}\.js", static.url("app.js"))
    with pytest.raises(KeyError):
        static.url("other.js")
