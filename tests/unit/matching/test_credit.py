"""Which cards draw on one credit line."""

from datetime import date
from decimal import Decimal

import msgspec
import pytest

from caudal.matching.credit import Credit, shared_lines

CARD = Credit("gold", "bank", date(2026, 3, 2), "EUR", Decimal(5000), Decimal("4210.35"))
OTHER = msgspec.structs.replace(CARD, account="silver")


def test_cards_told_the_same_line_and_the_same_left_of_it_share_it() -> None:
    third = msgspec.structs.replace(CARD, account="black")
    assert shared_lines([CARD, OTHER]) == {"gold": {"silver"}, "silver": {"gold"}}
    assert shared_lines([CARD, OTHER, third])["black"] == {"gold", "silver"}


@pytest.mark.parametrize(
    "told",
    [
        {"available": Decimal("4210.36")},
        {"line": Decimal(4000)},
        {"connection": "another bank"},
        {"currency": "USD"},
        {"on": date(2026, 3, 3)},
    ],
)
def test_another_line_another_rest_another_bank_or_another_day_is_none(told: dict[str, object]) -> None:
    assert shared_lines([CARD, msgspec.structs.replace(OTHER, **told)]) == {}


def test_one_day_on_which_they_differ_says_that_they_do_not() -> None:
    later = {"on": date(2026, 3, 9)}
    apart = msgspec.structs.replace(OTHER, **later, available=Decimal(4000))
    assert shared_lines([CARD, OTHER, msgspec.structs.replace(CARD, **later), apart]) == {}


def test_two_lines_of_which_nothing_is_drawn_say_nothing() -> None:
    whole = [msgspec.structs.replace(each, available=each.line) for each in (CARD, OTHER)]
    assert shared_lines(whole) == {}
