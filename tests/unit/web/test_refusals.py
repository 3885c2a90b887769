"""What is refused is said in the language of who is told."""

import ast
from pathlib import Path

import pytest

import caudal
from caudal.model.errors import ConflictError, NotFound
from caudal.web.languages import LANGUAGES, Language, catalogue
from caudal.web.refusals import refusal


def said() -> dict[str, set[str]]:
    """All that is refused with a key: the places it fills."""
    found: dict[str, set[str]] = {}
    for path in Path(caudal.__file__).parent.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "ConflictError":
                named = {each.arg: each.value for each in call.keywords if each.arg}
                if isinstance(key := named.pop("says", None), ast.Constant):
                    found.setdefault(str(key.value), set()).update(named)
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_refusal_has_its_words_and_its_places_filled(language: Language) -> None:
    there = said()
    assert there
    for key, places in there.items():
        error = ConflictError("in English", says=key, **dict.fromkeys(places, "7"))
        assert refusal(error, language) == catalogue(language).say("refused." + key, **error.values)
    texts = {key.removeprefix("refused.") for key in catalogue(language).texts if key.startswith("refused.")}
    assert texts == there.keys()


def test_what_no_page_knows_is_said_in_english() -> None:
    assert refusal(NotFound("no such thing"), "pt") == "No such thing."
    assert refusal(ConflictError("it is there already!"), "es") == "It is there already!"
