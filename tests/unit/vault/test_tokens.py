"""Tokens are chance and kept as digests; an API key tells by itself whether it can be one."""

import ast
import string
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caudal import vault
from caudal.vault.keyring import Keyring
from caudal.vault.tokens import digest, new_key, new_token, read_key, refresh_key, same, successor

ALPHABET = string.digits + string.ascii_letters
KEY = new_key()
RING = Keyring.generate(datetime(2026, 3, 2, tzinfo=UTC))
SECRET = refresh_key(RING)


def test_tokens_are_32_bytes_of_chance_that_an_address_can_carry() -> None:
    tokens = {new_token() for _ in range(200)}
    assert len(tokens) == 200
    assert {len(token) for token in tokens} == {43}
    assert set("".join(tokens)) <= set(ALPHABET + "-_")


def test_what_is_kept_of_a_token_is_its_sha_256() -> None:
    token = new_token()
    assert digest(token) == sha256(token.encode()).digest()


@given(st.text())
def test_whatever_is_sent_as_a_token_has_a_digest_and_a_successor(text: str) -> None:
    for sent in (text, text + "\ud83d"):
        assert len(digest(sent)) == 32
        assert len(successor(SECRET, sent)) == 43


def test_only_equal_digests_are_the_same() -> None:
    assert same(digest("a"), digest("a"))
    assert not same(digest("a"), digest("b"))
    assert not same(digest("a"), digest("a")[:-1])
    assert not same(digest("a"), b"")


def test_a_new_key_is_read_as_what_is_kept_of_it() -> None:
    keys = [new_key() for _ in range(100)]
    assert [read_key(key.text) for key in keys] == [(key.key_id, key.digest) for key in keys]
    assert len({key.key_id for key in keys}) == len({key.digest for key in keys}) == 100


def test_a_key_has_the_form_that_scanners_look_for() -> None:
    prefix, key_id, secret, check = KEY.text.split("_")
    assert (prefix, key_id) == ("caudal", KEY.key_id)
    assert (len(key_id), len(secret), len(check)) == (8, 32, 6)
    assert set(key_id + secret + check) <= set(ALPHABET)


def test_secrets_of_keys_are_spread_over_the_whole_alphabet() -> None:
    secrets = [new_key().text.split("_")[2] for _ in range(2000)]
    # 32 characters of 62 are 190 bits, if every place may hold every character.
    assert min(len({secret[place] for secret in secrets}) for place in range(32)) == 62


def test_the_repr_of_a_key_does_not_show_it() -> None:
    assert KEY.text.split("_")[2] not in repr(KEY) + str(KEY) + f"{[KEY]}" + str(KEY.__rich_repr__())


@given(place=st.integers(0, len(KEY.text) - 1), character=st.sampled_from(ALPHABET + "_-. é"))
def test_no_mistyped_character_of_a_key_goes_unseen(place: int, character: str) -> None:
    mistyped = KEY.text[:place] + character + KEY.text[place + 1 :]
    assert (read_key(mistyped) is None) == (mistyped != KEY.text)


@given(place=st.integers(0, len(KEY.text) - 2))
def test_no_two_characters_that_changed_places_go_unseen(place: int) -> None:
    swapped = KEY.text[:place] + KEY.text[place + 1] + KEY.text[place] + KEY.text[place + 2 :]
    assert (read_key(swapped) is None) == (swapped != KEY.text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "caudal",
        KEY.text[:-1],
        KEY.text + "0",
        KEY.text + "\n",
        " " + KEY.text,
        KEY.text.upper(),
        KEY.text.replace("caudal", "causal"),
        KEY.text.replace("_", "-"),
        "caudal_" + "0" * 8 + "_" + "0" * 32 + "_000000",
        "caudal_" + "٣" * 8 + "_" + "0" * 32 + "_000000",
        new_token(),
        "caudal_" * 100_000,
        "\ud83d",
        "\0",
    ],
    ids=range(15),  # and not by their text, which is another at each run
)
def test_what_is_no_key_of_ours_is_known_before_any_database_is_asked(text: str) -> None:
    assert read_key(text) is None


def test_the_check_is_the_crc_32_that_its_maker_says_it_is() -> None:
    # Worked out by hand from the definition: CRC-32 of the named part, base 62 with 0-9, A-Z, a-z.
    named = "caudal_AAAAAAAA_" + "0" * 32
    rest = 0xFFFFFFFF
    for byte in named.encode():
        rest ^= byte
        for _ in range(8):
            rest = rest >> 1 ^ (0xEDB88320 if rest & 1 else 0)
    rest ^= 0xFFFFFFFF
    digits = string.digits + string.ascii_uppercase + string.ascii_lowercase
    check = "".join(digits[rest // 62**place % 62] for place in range(5, -1, -1))
    assert read_key(f"{named}_{check}") == ("AAAAAAAA", digest(f"{named}_{check}"))


def test_a_refresh_repeated_gets_the_same_answer_and_any_other_another() -> None:
    first, second = new_token(), new_token()
    assert successor(SECRET, first) == successor(SECRET, first)
    following = {
        successor(SECRET, first),
        successor(SECRET, second),
        successor(SECRET, successor(SECRET, first)),
    }
    assert len(following | {first, second}) == 5


def test_a_successor_is_worth_nothing_without_the_installations_key() -> None:
    token = new_token()
    other = refresh_key(Keyring.generate(datetime(2026, 3, 2, tzinfo=UTC)))
    assert successor(other, token) != successor(SECRET, token)
    # What the database holds of a token doesn't lead to the next one either.
    assert successor(SECRET, token) not in {successor(digest(token), token), digest(token).hex()}


def test_rotating_the_keyring_logs_nobody_out() -> None:
    assert refresh_key(RING.rotated(datetime(2026, 4, 2, tzinfo=UTC))) == SECRET


def test_the_key_for_refreshing_is_no_other_key_of_the_keyring() -> None:
    assert len(SECRET) == 32
    assert SECRET not in {RING.audit_key, *(key.key for key in RING.keys)}


def guessable(tree: ast.AST) -> Iterator[str]:
    """What a module takes from where chance can be foreseen."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "random")
        if isinstance(node, ast.ImportFrom) and node.module in {"random", "uuid"}:
            yield from (
                alias.name
                for alias in node.names
                if node.module == "random" or alias.name in {"uuid1", "uuid7"}
            )
        if isinstance(node, ast.Attribute) and node.attr in {"uuid1", "uuid7"}:
            yield node.attr


@pytest.mark.parametrize(
    "source",
    ["import random", "from random import choice", "from uuid import uuid1", "import uuid\nuuid.uuid1()"],
)
def test_chance_that_can_be_foreseen_would_be_seen(source: str) -> None:
    assert list(guessable(ast.parse(source)))


@pytest.mark.parametrize("path", sorted(Path(vault.__path__[0]).glob("*.py")), ids=lambda path: path.name)
def test_the_vault_takes_chance_from_the_system_alone(path: Path) -> None:
    assert list(guessable(ast.parse(path.read_text("utf-8")))) == []
