"""What pages say, in each language: a catalogue of texts by key, in a folder of JSON files, each of a family of pages.

A text may hold ``{places}`` to be filled. What is counted has two texts, ``key.one`` and ``key.other``. A key that no
catalogue has, or a place nobody fills, is an error: a page with a hole in it is not shown.
"""

from functools import cache
from importlib import resources
from typing import Final, Literal, get_args

import msgspec

Language = Literal["en", "es", "es-MX", "pt"]
"""A language, and how numbers are written there: in Mexico not as in Spain. ``pt`` is Brazil's."""

LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
DEFAULT: Final[Language] = "en"
_CATALOGUE_OF: Final[dict[Language, str]] = {"en": "en", "es": "es", "es-MX": "es", "pt": "pt"}
_RANGES_MAX: Final = 20
"""Of an Accept-Language header no more is looked at: nobody speaks more languages than that."""


class Catalogue(msgspec.Struct, frozen=True):
    """The texts of one language."""

    language: Language
    texts: dict[str, str]

    def say(self, key: str, **values: object) -> str:
        """The text of `key` with its places filled. Raises KeyError for an unknown key or an unfilled place."""
        return self.texts[key].format_map(values)

    def count(self, key: str, number: int, **values: object) -> str:
        """The text for so many: ``key.one`` or ``key.other``, where ``{n}`` is the number."""
        one = number in (0, 1) if self.language == "pt" else number == 1  # CLDR: in Brazil 0 is singular
        return self.say(f"{key}.{'one' if one else 'other'}", n=number, **values)


@cache
def catalogue(language: Language) -> Catalogue:
    """The texts of a language, read once."""
    texts: dict[str, str] = {}
    for file in sorted(resources.files(__name__).joinpath(_CATALOGUE_OF[language]).iterdir(), key=str):
        family = msgspec.json.decode(file.read_bytes(), type=dict[str, str])
        if twice := texts.keys() & family.keys():
            raise KeyError(f"{file.name} says again what another file says: {', '.join(sorted(twice))}")
        texts |= family
    return Catalogue(language, texts)


def preferred(accept_language: str | None) -> Language:
    """The language that a browser's Accept-Language header (RFC 9110 §12.5.4) asks for first of those there are."""
    asked: list[tuple[float, int, str]] = []
    for at, part in enumerate((accept_language or "").split(",")[:_RANGES_MAX]):
        tag, _, quality = part.partition(";q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            continue
        asked.append((-weight, at, tag.strip().lower()))
    for weight, _, tag in sorted(asked):
        if weight < 0 and (found := _spoken(tag)):
            return found
    return DEFAULT


def _spoken(tag: str) -> Language | None:
    """Spain writes numbers as most of South America does; Mexico and Central America as the United States do."""
    language, _, region = tag.partition("-")
    if language == "es":
        return (
            "es-MX" if region in {"mx", "419", "us", "gt", "hn", "ni", "sv", "pa", "do", "pr", "pe"} else "es"
        )
    return {"en": "en", "pt": "pt"}.get(language)  # type: ignore[return-value]  # its values are languages
