"""Days and times as people read them. Babel judges the names."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from babel.dates import get_day_names, get_month_names

from caudal.web.amounts import NBSP
from caudal.web.days import NAMES, ago, day, day_of_year, long_day, moment, month
from caudal.web.languages import LANGUAGES, Language

NOW = datetime(2026, 3, 31, 14, 5, tzinfo=UTC)
TODAY = NOW.date()


@pytest.mark.parametrize("language", LANGUAGES)
def test_months_and_days_have_the_names_babel_has(language: Language) -> None:
    names, locale = NAMES[language], language[:2]
    assert list(names.months) == list(get_month_names("wide", locale=locale).values())
    theirs = get_day_names("wide", locale=locale)
    assert list(names.weekdays) == [theirs[at] for at in range(7)]
    short = [name.rstrip(".") for name in get_month_names("abbreviated", locale=locale).values()]
    assert list(names.months_short) == short


@pytest.mark.parametrize(
    ("language", "text"),
    [("en", "Monday, 9 March"), ("es", "Lunes, 9 de marzo"), ("pt", "Segunda-feira, 9 de março")],
)
def test_a_heading_names_the_weekday_and_leaves_out_this_year(language: Language, text: str) -> None:
    assert long_day(date(2026, 3, 9), language, TODAY) == text


def test_a_heading_says_another_year() -> None:
    assert long_day(date(2025, 3, 9), "pt", TODAY) == "Domingo, 9 de março de 2025"


def test_today_and_yesterday_have_names() -> None:
    assert long_day(TODAY, "es", TODAY) == "Hoy"
    assert long_day(TODAY - timedelta(days=1), "pt", TODAY) == "Ontem"


def test_a_day_is_nowhere_taken_for_another() -> None:
    assert day(date(2026, 3, 9), "en") == f"9{NBSP}Mar{NBSP}2026"
    assert day_of_year(date(2026, 9, 3), "es") == f"3{NBSP}sept"
    assert month(date(2026, 3, 1), "pt") == "março de 2026"


def test_a_moment_is_on_the_person_s_clock() -> None:
    late = datetime(2026, 4, 1, 1, 30, tzinfo=UTC)
    assert moment(late, "en", ZoneInfo("America/Sao_Paulo")).replace(NBSP, " ") == "31 Mar 2026, 22:30"


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        moment(datetime(2026, 4, 1), "en", UTC)  # noqa: DTZ001 - what is refused


@pytest.mark.parametrize(
    ("past", "text"),
    [
        (timedelta(seconds=-5), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(minutes=59), "59 minutes ago"),
        (timedelta(hours=1), "1 hour ago"),
        (timedelta(hours=26), "yesterday"),
        (timedelta(days=29), "29 days ago"),
        (timedelta(days=30), f"1{NBSP}Mar{NBSP}2026"),
    ],
)
def test_how_long_ago_is_said_as_one_would(past: timedelta, text: str) -> None:
    assert ago(NOW - past, "en", NOW) == text
