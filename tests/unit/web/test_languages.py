"""Catalogues: whole in every language, and no text that nothing shows."""

import re
from pathlib import Path
from string import Formatter

import pytest

from caudal.web import languages, pages
from caudal.web.languages import LANGUAGES, Language, catalogue, preferred

_ASKED = re.compile(r"""(?:\bt\(|\bsay\(|\bsaid=)\s*["']([a-z_.]+[a-z_])["']\s*[,)]""")
_COUNTED = re.compile(r"""\b(?:tn|count)\(\s*["']([a-z_.]+)["']""")
_LITERAL = re.compile(r"""["']([a-z_]+\.[a-z_.]*)["']""")
_TEXTS = {name.name for name in (Path(languages.__file__).parent / "en").iterdir()}


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def sources() -> list[str]:
    """All templates and modules of pages."""
    there = Path(pages.__file__).parent.rglob("*")
    return [path.read_text("utf-8") for path in there if path.suffix in {".html", ".py"}]


def asked() -> set[str]:
    """Every key that a template or a module asks for, where it says so outright."""
    keys: set[str] = set()
    for text in sources():
        keys |= set(_ASKED.findall(text))
        keys |= {f"{key}.{form}" for key in _COUNTED.findall(text) for form in ("one", "other")}
    return keys


def named() -> set[str]:
    """All that could be a key, or, where it ends in a point, what keys begin with."""
    return {key for text in sources() for key in _LITERAL.findall(text)}


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


def test_every_text_that_is_asked_for_is_there() -> None:
    assert asked() - set(catalogue("en").texts) == set()


def test_no_text_is_there_that_nothing_names() -> None:
    words = named()
    begun = tuple(word for word in words if word.endswith("."))
    plain = {re.sub(r"(\.one|\.other|_text)$", "", key) for key in catalogue("en").texts}
    used = {re.sub(r"(\.one|\.other|_text)$", "", word) for word in words}
    assert {key for key in plain if "." in key and key not in used and not key.startswith(begun)} == set()


@pytest.mark.parametrize("language", ["es", "pt"])
def test_every_family_of_pages_has_its_texts_in_every_language(language: str) -> None:
    assert {name.name for name in (Path(languages.__file__).parent / language).iterdir()} == _TEXTS


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
