"""Pages from templates.

`render` is all that routes need. Templates live in ``templates/``: pages extend ``app.html`` (with navigation) or
``alone.html`` (one thing at a time), and build on the macros of ``ui.html``. What a template may use besides its context:

===========================  =====================================================================================
``t(key, **places)``         a text of the catalogue; ``tn(key, n, **places)`` of so many
``asset(entry)``             the address of a script or style
``error(errors, field)``     what was wrong with a field of a form, "" where nothing was
``value|money(currency)``    an amount; ``|money(currency, signed=True)`` with a plus where it comes in
``day|day``, ``|day_short``  ``9 Mar 2026``, ``9 Mar``; ``|month``; ``day|long_day(today)`` as a heading
``instant|ago(now)``         ``5 minutes ago``; ``instant|moment(zone)`` the time on a person's clock
``name|initials``            of an institution or a person, and ``name|hue`` the number of its colour, 1 to 12
===========================  =====================================================================================

Everything is escaped; a name that the context lacks is an error (StrictUndefined).
"""

from collections.abc import Mapping
from datetime import date, datetime, tzinfo
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Final, Literal
from zlib import crc32

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from caudal.web import amounts, days, static
from caudal.web.languages import Language, catalogue
from caudal.web.shell import SECTIONS

Theme = Literal["auto", "light", "dark"]
"""``auto``: as the person's system has it."""

TEMPLATES: Final = Path(__file__).parent / "templates"
_HUES: Final = 12
_LITTLE: Final = frozenset({"and", "banco", "bank", "da", "de", "del", "do", "e", "la", "of", "the", "y"})
"""Words that tell no bank from another."""


def render(template: str, *, language: Language, theme: Theme, **context: object) -> str:
    """The page (or part of one, for htmx) that `template` makes of `context`.

    `template` names a file in ``templates/``; what it needs is said at its top. Raises jinja2.UndefinedError where
    `context` lacks it, KeyError where the catalogue has no such text.
    """
    return environment(language).get_template(template).render(theme=theme, **context)


@cache
def environment(language: Language, *more: Path) -> Environment:
    """Templates in a language, compiled once; those of the folders `more` beside Caudal's own."""
    said = catalogue(language)
    made = Environment(
        loader=FileSystemLoader([TEMPLATES, *more]),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals.update(language=language, t=said.say, tn=said.count, asset=static.url, sections=SECTIONS)

    def told(errors: Mapping[str, str], field: str) -> str:
        """What was wrong with a field: a text of the catalogue, or, after ``=``, what the hub says itself."""
        key = errors.get(field, "")
        return key[1:] if key.startswith("=") else said.say(key) if key else ""

    made.globals["error"] = told

    def money(amount: Decimal, currency: str | None, *, signed: bool = False) -> str:
        return amounts.money(amount, currency, language, signed=signed)

    def day(value: date) -> str:
        return days.day(value, language)

    def day_short(value: date) -> str:
        return days.day_of_year(value, language)

    def long_day(value: date, today: date) -> str:
        return days.long_day(value, language, today)

    def month(value: date) -> str:
        return days.month(value, language)

    def moment(value: datetime, zone: tzinfo) -> str:
        return days.moment(value, language, zone)

    def ago(value: datetime, now: datetime) -> str:
        return days.ago(value, language, now)

    for filter_ in (money, day, day_short, long_day, month, moment, ago, initials, hue):
        made.filters[filter_.__name__] = filter_
    return made


def initials(name: str) -> str:
    """One or two letters that stand for a name: ``BB`` for Banco do Brasil... where little else is left."""
    words = ["".join(c for c in word if c.isalnum()) for word in name.split()]
    words = [word for word in words if word]
    telling = [word for word in words if word.lower() not in _LITTLE]
    if len(telling) < 2 and len(words) > 1 and len("".join(telling)) < 2:
        telling = words
    chosen = telling or words
    if len(chosen) > 1:
        return (chosen[0][0] + chosen[1][0]).upper()
    return chosen[0][:2].capitalize() if chosen else "?"


def hue(name: str) -> int:
    """Which of the colours is a name's own: always the same."""
    return crc32(name.casefold().encode()) % _HUES + 1
