"""Catalogues: whole in every language, and no text that nothing shows."""

import re
from pathlib import Path
from string import Formatter

import pytest

from caudal.web import pages
from caudal.web.languages import LANGUAGES, Language, catalogue, preferred
from caudal.web.shell import SECTIONS

_SAID = re.compile(r"""\bt\(\s*["']([a-z_.]+)["']\s*[,)]""")
_COUNTED = re.compile(r"""\b(?:tn|count)\(\s*["']([a-z_.]+)["']""")
_SAID_IN_CODE = re.compile(r"""\bsay\(\s*["']([a-z_.]+)["']""")
_DAYS_SAID = {"day.today", "day.yesterday"}


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def shown() -> set[str]:
    """Every key that a template or a module asks for."""
    keys = {f"nav.{place.section}" for place in SECTIONS} | _DAYS_SAID
    for path in Path(pages.__file__).parent.rglob("*"):
        if path.suffix not in {".html", ".py"}:
            continue
        text = path.read_text("utf-8")
        keys |= set(_SAID.findall(text)) | set(_SAID_IN_CODE.findall(text))
        keys |= {f"{key}.{form}" for key in _COUNTED.findall(text) for form in ("one", "other")}
    return keys


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_in_every_language(language: Language) -> None:
    assert set(catalogue(language).texts) == set(catalogue("en").texts)


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_have_the_same_places(language: Language) -> None:
    english = catalogue("en").texts
    for key, text in catalogue(language).texts.items():
        # A translation of what is counted may say the number in words.
        wanted, had = places(english[key]) - {"n"}, places(text) - {"n"}
        assert had == wanted, key
        assert text.strip() == text != "", key


def test_the_catalogue_is_what_is_shown_and_no_more() -> None:
    assert shown() == set(catalogue("en").texts)


def test_a_text_that_nobody_wrote_is_an_error() -> None:
    with pytest.raises(KeyError):
        catalogue("pt").say("no.such")
    with pytest.raises(KeyError):
        catalogue("pt").say("link.for")


@pytest.mark.parametrize(
    ("language", "number", "text"),
    [
        ("en", 0, "0 questions wait"),
        ("en", 1, "1 question waits"),
        ("es", 2, "2 preguntas esperan"),
        ("pt", 0, "0 pergunta espera"),
    ],
)
def test_what_is_counted_agrees_with_its_number(language: Language, number: int, text: str) -> None:
    assert catalogue(language).count("nav.asks", number) == text


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("de", "en"),
        ("pt-BR,pt;q=0.9,en;q=0.8", "pt"),
        ("es", "es"),
        ("es-ES,es;q=0.9", "es"),
        ("es-MX", "es-MX"),
        ("ES-419", "es-MX"),
        ("de;q=0.9, en;q=0.3, es;q=0.7", "es"),
        ("pt;q=0", "en"),
        ("es;q=often, pt", "pt"),
        ("," * 10_000 + "pt", "en"),
    ],
)
def test_a_browser_s_first_known_language_is_taken(header: str | None, language: Language) -> None:
    assert preferred(header) == language
