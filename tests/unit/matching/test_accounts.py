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


def test_of_two_that_fit_it_is_asked_which() -> None:
    other = msgspec.structs.replace(KNOWN, key="s-3", account="savings")
    assert known_as(shown(mask="4711"), KNOWN, other) == [
        ("giro", "last_digits_and_bank", False),
        ("savings", "last_digits_and_bank", False),
    ]


def test_of_many_that_fit_a_few_are_asked_about() -> None:
    many = [msgspec.structs.replace(KNOWN, key=f"s-{n}", account=f"a-{n}") for n in range(40)]
    assert len(known_as(shown(mask="4711"), *many)) == 5


def test_it_is_like_the_source_that_fits_and_not_like_another_of_its_account() -> None:
    file = msgspec.structs.replace(KNOWN, key="s-0", connection="c-0", mask=None, bank="")
    [same] = same_accounts([shown(mask="4711")], [file, KNOWN])
    assert (same.account, same.like) == ("giro", "s-1")


@pytest.mark.parametrize(
    ("bank", "told", "expected"),
    [
        ("021000021", "021000021", [("giro", "number", True)]),
        ("021000021", "021000089", []),
        ("210000", "021000021", []),
        ("021000021", "", [("giro", "number_alone", False)]),
        ("DEUTDEFF", "DEUTDEFFXXX", [("giro", "number", True)]),
    ],
)
def test_a_number_names_an_account_at_its_bank_alone(
    bank: str, told: str, expected: list[tuple[str, str, bool]]
) -> None:
    there = msgspec.structs.replace(KNOWN, mask=None, number="00123456", bank=bank)
    assert known_as(shown(number="123456", bank=told), there) == expected


@pytest.mark.parametrize(
    ("clabe", "expected"),
    [("032180000118359719", [("giro", "number", True)]), ("032180000118359710", [])],
)
def test_a_clabe_names_the_bank_too_where_its_check_digit_holds(
    clabe: str, expected: list[tuple[str, str, bool]]
) -> None:
    there = msgspec.structs.replace(KNOWN, mask=None, number=clabe, bank="Banco Uno")
    assert known_as(shown(number=clabe, bank="UNO"), msgspec.structs.replace(there, bank="Otro")) == expected


@pytest.mark.parametrize(
    ("iban", "bank", "number", "rule"),
    [
        ("DE89370400440532013000", "37040044", "532013000", "number_in_iban"),
        ("DE89370400440532013000", "37040044", "0532013000", "number_in_iban"),
        ("DE89370400440532013000", "37040045", "532013000", ""),
        ("DE89370400440532013000", "37040044", "2013000", ""),
        ("DE89370400440532013000", "COBADEFF", "532013000", "number_ends_iban"),
        ("DE89370400440532013000", "", "532013000", "number_ends_iban"),
        ("DE89370400440532013000", "NWBKGB2L", "532013000", ""),
        ("GB29NWBK60161331926819", "NWBKGB2L", "31926819", "number_in_iban"),
        ("GB29NWBK60161331926819", "MIDLGB22", "31926819", "number_ends_iban"),
        ("GB29NWBK60161331926819", "NWBKGB2L", "26819", ""),
    ],
)
def test_a_number_that_an_iban_is_made_of_names_its_account_with_the_bank_s_code_and_is_asked_about_without(
    iban: str, bank: str, number: str, rule: str
) -> None:
    named, numbered = shown(iban=iban, bank=""), shown(number=number, bank=bank)
    known = {"key": "s-1", "account": "giro", "connection": "c-1"}
    expected = [("giro", rule, rule == "number_in_iban")] if rule else []
    for new, other in ((named, numbered), (numbered, named)):
        assert known_as(new, msgspec.structs.replace(other, **known)) == expected
