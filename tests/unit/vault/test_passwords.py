"""A password is refused for what makes it guessable and nothing else, and what was hashed fits its own password alone."""

import asyncio
import subprocess
import sys
import threading
import time
import unicodedata

import argon2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from caudal.model.errors import CaudalError
from caudal.vault import passwords
from caudal.vault.passwords import HashDamaged, Hasher, Match, TooBusy, check, hashed, judged

ABOUT = ("josé.araujo+bank@example.com", "José Maria Araújo")
GOOD = "tortuga lenta azul"
HASH = hashed(GOOD)
FITS, NOT = Match(fits=True, renew=False), Match(fits=False, renew=False)

SHORT, LONG = "it is shorter than 12 characters", "it is longer than 128 characters"
GUESSED = "it is among the first that anyone would guess"
ABOUT_YOU = "it is little more than your name, your e-mail address or Caudal's name"
CONTROL = "it holds a control character, which may not be typed the same way again"
LINE = "it holds a line break, which may not be typed the same way again"
HALF = "it holds half a character, which may not be typed the same way again"
UNASSIGNED = "it holds a character that isn't assigned yet, which may not be typed the same way again"

TABLE = [
    # Composition doesn't matter: no digit, no capital, no sign is asked for, and none is forbidden.
    ("kwzvbthgmqxr", None),
    ("KWZVBTHGMQXR", None),
    ("482917305864", None),
    ("kx7#Qm2!vB9z", None),
    (GOOD, None),
    ("  el perro come  ", None),
    ("пароль не простой", None),
    ("不忘初心方得始终记住这句", None),
    ("🐢🦀🐙🦑🐌🦋🐝🐞🦗🕷🦂🐢", None),
    ("👨‍👩‍👧 van a la playa", None),
    ("ça coûte déjà très cher", None),
    ("a password manager made this: }9'\"<;--$%", None),
    # Length, in code points.
    ("", SHORT),
    ("kx7#Qm2!vB9", SHORT),
    ("🐢🦀🐙🦑🐌🦋🐝🐞🦗🕷🦂", SHORT),
    ("e\u0301" * 11, SHORT),
    ("kx7#Qm2!" * 15 + "vB9zT4&w", None),
    ("kx7#Qm2!" * 15 + "vB9zT4&wL", LONG),
    ("x" * 1_000_000, LONG),
    # What everybody tries.
    ("password1234", GUESSED),
    ("P@ssw0rd1234", GUESSED),
    ("qwertyuiop12", GUESSED),
    ("1q2w3e4r5t6y", GUESSED),
    ("123456789012", GUESSED),
    ("aaaaaaaaaaaa", GUESSED),
    ("abcdefghijkl", GUESSED),
    ("letmeinletmein", GUESSED),
    ("password" * 16, GUESSED),
    ("dragonball12", GUESSED),
    # What everybody knows of this person, and of this program.
    ("josé.araujo+bank@example.com", ABOUT_YOU),
    ("jose.araujo+bank", ABOUT_YOU),
    ("José Maria Araújo", ABOUT_YOU),
    ("JoseMariaAraujo1", ABOUT_YOU),
    ("araujo-araujo!", ABOUT_YOU),
    ("araujo12345678", ABOUT_YOU),
    ("Caudal-2026!!", ABOUT_YOU),
    ("caudalcaudal", ABOUT_YOU),
    ("caudal12345678", ABOUT_YOU),
    ("jose kwzvbthgmqxr", None),
    ("caudal kwzvbthgmqxr", None),
    # What may not come out the same next time.
    ("kwzvbthgmqxr\n", CONTROL),
    ("kwzvbth\0gmqxr", CONTROL),
    ("kwzvbth\u2028gmqxr", LINE),
    ("kwzvbth\ud83dgmqxr", HALF),
    ("kwzvbth\u0378gmqxr", UNASSIGNED),
]


@pytest.mark.parametrize(("password", "why"), TABLE, ids=[str(number) for number in range(len(TABLE))])
def test_a_password_is_judged_by_length_guesses_and_what_is_known_of_its_owner(
    password: str, why: str | None
) -> None:
    assert judged(password, about=ABOUT) == why


@pytest.mark.parametrize(
    ("password", "about", "why"),
    [
        ("inigopenagalvez", "Íñigo Peña Gálvez", ABOUT_YOU),  # without its accents
        ("ÍÑIGOPEÑA 2026", "Inigo Pena Galvez", ABOUT_YOU),
        ("marcovaldo-Marcovaldo", "Mar Marcovaldo", ABOUT_YOU),  # whose one name is within the other
        ("veia aerea io cae", "A. E. Io", None),  # whose initials are in every sentence
    ],
)
def test_names_are_known_however_they_are_written(password: str, about: str, why: str | None) -> None:
    assert judged(password, about=[about]) == why


def test_every_common_password_that_is_long_enough_is_refused() -> None:
    common = [password for password in FREQUENCY_LISTS["passwords"] if len(password) >= passwords.LENGTH_MIN]
    assert len(common) > 200
    assert [password for password in common if judged(password, about=()) is None] == []


def test_a_password_beside_which_nothing_is_known_is_judged_all_the_same() -> None:
    assert judged(GOOD, about=()) is None
    assert judged(GOOD, about=("", "@", " ")) is None


def test_a_strong_stretch_anywhere_makes_a_long_password_strong() -> None:
    weak, strong = "passwordpasswordpasswordpassword", "kx7#Qm2!vB9z"
    assert judged(weak * 2, about=()) == GUESSED
    for password in (strong + weak * 2, weak + strong + weak, weak * 2 + strong):
        assert judged(password, about=()) is None


def test_the_refusal_of_a_password_does_not_quote_it() -> None:
    for password, why in TABLE:
        assert why is None or not password or password not in why


def test_the_worst_password_to_judge_is_judged_within_seconds() -> None:
    begun = time.monotonic()
    judged("4@8({[<369&#!1/|0$5+7%2" * 5, about=ABOUT)
    assert time.monotonic() - begun < 10


def test_word_lists_are_not_loaded_by_whoever_only_checks_passwords() -> None:
    script = "import sys, caudal.vault.passwords as p; p.check(None, 'x'); sys.exit('zxcvbn' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_password_fits_its_own_hash_and_no_other_does() -> None:
    assert check(HASH, GOOD) == FITS
    for other in ("", GOOD + " ", GOOD[:-1], GOOD.upper(), "Tortuga lenta azul", GOOD + "\0"):
        assert check(HASH, other) == NOT


@settings(max_examples=8, deadline=None)
@given(
    password=st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), min_size=12, max_size=40).filter(
        lambda text: len(unicodedata.normalize("NFC", text)) >= 12
    )
)
def test_whatever_may_be_chosen_fits_afterwards_in_either_form_of_unicode(password: str) -> None:
    password_hash = hashed(password)
    for typed in (password, unicodedata.normalize("NFC", password), unicodedata.normalize("NFD", password)):
        assert check(password_hash, typed) == FITS


def test_a_space_is_a_space_whichever_key_made_it() -> None:
    assert check(HASH, GOOD.replace(" ", "\u00a0")) == FITS


def test_nothing_is_cut_off() -> None:
    longest = "kx7#Qm2!" * 15 + "vB9zT4&w"
    password_hash = hashed(longest)
    assert check(password_hash, longest) == FITS
    assert check(password_hash, longest[:-1] + "x") == NOT
    assert check(password_hash, longest + "x") == NOT


@pytest.mark.parametrize(
    "password", ["", "short", "x" * 129, "x" * 1000, "kwzvbth\0gmqxr", "kwzvbth\ud83dgmqxr"]
)
def test_what_could_not_be_typed_again_is_not_hashed(password: str) -> None:
    with pytest.raises(ValueError, match="not a password") as caught:
        hashed(password)
    assert not password or password not in str(caught.value)


@pytest.mark.parametrize("password", ["", "short", "x" * 1_000_000, "\ud83d", "\0"])
def test_whatever_is_sent_as_a_password_gets_an_answer(password: str) -> None:
    assert check(HASH, password) == NOT
    assert check(None, password) == NOT


def test_a_password_shorter_than_would_be_chosen_today_still_opens() -> None:
    old = argon2.PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1).hash("short")
    assert check(old, "short") == FITS


def test_hashes_are_argon2id_as_owasp_asks_and_salted() -> None:
    parameters = argon2.extract_parameters(HASH)
    assert (parameters.type, parameters.version) == (argon2.Type.ID, 19)
    assert (parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (19 * 1024, 2, 1)
    assert hashed(GOOD) != HASH


@pytest.mark.parametrize(
    "before",
    [
        argon2.PasswordHasher(time_cost=1, memory_cost=19456, parallelism=1),
        argon2.PasswordHasher(time_cost=2, memory_cost=8192, parallelism=1),
        argon2.PasswordHasher(time_cost=2, memory_cost=19456, parallelism=2),
        argon2.PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1, type=argon2.Type.I),
    ],
)
def test_a_hash_made_with_other_parameters_fits_and_is_to_be_renewed(before: argon2.PasswordHasher) -> None:
    password_hash = before.hash(GOOD)
    assert check(password_hash, GOOD) == Match(fits=True, renew=True)
    assert check(password_hash, "another one") == NOT


@pytest.mark.parametrize(
    "damaged", ["", "x", HASH[:-1] + "\n", HASH[:40], "$2b$12$abcdefghijklmnopqrstuv", "$argon2id$v=19$é"]
)
def test_a_damaged_hash_is_told_apart_from_a_wrong_password_and_not_shown(damaged: str) -> None:
    with pytest.raises(HashDamaged) as caught:
        check(damaged, GOOD)
    assert isinstance(caught.value, CaudalError)
    assert "$" not in str(caught.value)


def test_nobody_costs_a_hash_like_anybody(monkeypatch: pytest.MonkeyPatch) -> None:
    verified: list[str] = []
    real = argon2.PasswordHasher.verify

    def watched(self: argon2.PasswordHasher, password_hash: str, password: str) -> bool:
        verified.append(password_hash)
        return real(self, password_hash, password)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", watched)
    for password_hash, password in ((None, GOOD), (None, ""), (HASH, "x" * 1000), (HASH, GOOD)):
        check(password_hash, password)
    asked = [argon2.extract_parameters(password_hash) for password_hash in verified]
    assert asked == [argon2.extract_parameters(HASH)] * 4


def test_no_more_than_two_are_hashed_at_once_even_where_requests_are_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at_work, most, lock = 0, 0, threading.Lock()
    real = passwords.check

    def watched(password_hash: str | None, password: str) -> Match:
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        try:
            return real(password_hash, password)
        finally:
            with lock:
                at_work -= 1

    monkeypatch.setattr(passwords, "check", watched)

    async def main() -> list[Match]:
        with Hasher() as hasher:
            given_up = [asyncio.ensure_future(hasher.check(HASH, "given up")) for _ in range(6)]
            await asyncio.sleep(0.02)
            for one in given_up:
                one.cancel()
            return await asyncio.gather(*(hasher.check(HASH, GOOD) for _ in range(6)))

    assert asyncio.run(main()) == [FITS] * 6
    assert most == 2


def test_the_loop_goes_on_while_passwords_are_hashed() -> None:
    async def main() -> int:
        with Hasher() as hasher:
            working = asyncio.gather(
                hasher.hashed(GOOD), hasher.check(None, GOOD), hasher.judged(GOOD, about=ABOUT)
            )
            turns = 0
            while not working.done():
                await asyncio.sleep(0.001)
                turns += 1
            password_hash, nobody, why = await working
            assert check(password_hash, GOOD) == FITS
            assert nobody == NOT
            assert why is None
            return turns

    assert asyncio.run(main()) > 3


def test_who_comes_when_too_many_wait_is_told_so_and_the_rest_are_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(passwords, "HASHES_WAITING_MAX", 3)

    async def main() -> list[Match | BaseException]:
        with Hasher() as hasher:
            first = await asyncio.gather(
                *(hasher.check(HASH, GOOD) for _ in range(8)), return_exceptions=True
            )
            return [*first, await hasher.check(HASH, GOOD)]

    answers = asyncio.run(main())
    assert answers.count(FITS) == 6
    assert [type(answer) for answer in answers].count(TooBusy) == 3
