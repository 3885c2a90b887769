"""Is it an account that is known already?"""

import msgspec
import pytest

from caudal.matching.accounts import Shown, same_accounts

KNOWN = Shown("s-1", "giro", "c-1", "plaid", "checking", "EUR", "Everyday", mask="4711", bank="Alder Bank")


def shown(**told: str) -> Shown:
    return msgspec.structs.replace(
        Shown("s-2", "", "c-2", "plaid", "checking", "EUR"), **({"bank": "Alder Bank"} | told)
    )


def known_as(new: Shown, *known: Shown) -> list[tuple[str, str, bool]]:
    return [(same.account, same.rule, same.certain) for same in same_accounts([new], known)]


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("iban", "DE89 3704 0044 0532 0130 00", "iban"),
        ("persistent_id", "p-9", "persistent_id"),
        ("number", "0012345678", "number"),
    ],
)
def test_what_names_an_account_for_the_whole_world_or_its_provider_decides_alone(
    field: str, value: str, rule: str
) -> None:
    there = msgspec.structs.replace(KNOWN, mask=None, **{field: value})
    told = value.replace(" ", "").lower() if field == "iban" else value
    assert known_as(shown(**{field: told, "name": "Another name"}), there) == [("giro", rule, True)]


def test_a_login_linked_anew_is_known_by_its_last_digits_and_its_bank() -> None:
    assert known_as(shown(mask="4711"), KNOWN) == [("giro", "last_digits_and_bank", True)]


@pytest.mark.parametrize(
    "told", [{"mask": "4712"}, {"mask": "4711", "currency": "USD"}, {"mask": "4711", "kind": "card"}, {}]
)
def test_other_digits_another_currency_or_another_kind_are_another_account(told: dict[str, str]) -> None:
    assert known_as(shown(**told), KNOWN) == []


def test_the_same_digits_at_a_bank_of_another_name_are_asked_about() -> None:
    assert known_as(shown(mask="4711", bank="Beech Bank"), KNOWN) == [("giro", "last_digits", False)]


def test_of_two_that_fit_neither_is_it() -> None:
    other = msgspec.structs.replace(KNOWN, key="s-3", account="savings")
    assert known_as(shown(mask="4711"), KNOWN, other) == []


@pytest.mark.parametrize("by", [{"mask": "4711"}, {"persistent_id": "p-9"}])
def test_a_login_linked_anew_takes_on_what_its_connection_told_that_has_ended(by: dict[str, str]) -> None:
    ended = msgspec.structs.replace(KNOWN, ended=True, **by)
    assert known_as(shown(**by), ended)[0][0] == "giro"


def test_through_another_provider_nothing_takes_it_on_by_less_than_a_name_for_the_whole_world() -> None:
    ended = msgspec.structs.replace(KNOWN, ended=True, provider="truelayer", iban="DE89370400440532013000")
    assert known_as(shown(mask="4711"), ended) == []
    assert known_as(shown(iban="DE89370400440532013000"), ended) == [("giro", "iban", True)]


def test_files_correct_nothing_and_take_nothing_on() -> None:
    ended = msgspec.structs.replace(KNOWN, ended=True, provider="file")
    assert known_as(msgspec.structs.replace(shown(mask="4711"), provider="file"), ended) == []


def test_two_that_one_connection_shows_are_never_one() -> None:
    beside = msgspec.structs.replace(KNOWN, connection="c-2")
    assert known_as(shown(mask="4711"), beside) == []


def test_two_new_ones_that_fit_the_same_are_both_asked_about() -> None:
    new = [shown(mask="4711"), msgspec.structs.replace(shown(mask="4711"), key="s-3")]
    assert [same.certain for same in same_accounts(new, [KNOWN])] == [False, False]
