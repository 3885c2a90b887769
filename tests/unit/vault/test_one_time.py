"""A one-time code opens once, near its time; a recovery code is read however it was typed and kept as a digest."""

import base64
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caudal.vault.one_time import (
    RECOVERY_CODES,
    new_recovery_codes,
    new_seed,
    normalised,
    provisioning_uri,
    qr_svg,
    recovery_digest,
    step_of,
)

# RFC 6238, Appendix B: the shared secret and the SHA-1 rows. Theirs have eight digits; ours are the last six of them.
SEED = base64.b32encode(b"12345678901234567890").decode()
VECTORS = [
    (59, "94287082"),
    (1111111109, "07081804"),
    (1111111111, "14050471"),
    (1234567890, "89005924"),
    (2000000000, "69279037"),
    (20000000000, "65353130"),
]

NOW = datetime(2026, 3, 2, 12, 0, 10, tzinfo=UTC)
STEP = int(NOW.timestamp()) // 30


def code_at(moment: datetime, seed: str = SEED) -> str:
    return pyotp.TOTP(seed).at(moment)


@pytest.mark.parametrize(("seconds", "code"), VECTORS)
def test_the_codes_of_rfc_6238_are_taken(seconds: int, code: str) -> None:
    at = datetime.fromtimestamp(seconds, UTC)
    assert step_of(SEED, code[-6:], at, None) == seconds // 30


@pytest.mark.parametrize(
    ("steps", "taken"), [(-3, False), (-2, False), (-1, True), (0, True), (1, True), (2, False)]
)
def test_a_code_is_taken_one_step_early_or_late_and_no_more(steps: int, taken: bool) -> None:
    code = code_at(NOW + timedelta(seconds=30 * steps))
    assert step_of(SEED, code, NOW, None) == (STEP + steps if taken else None)


def test_a_code_that_was_used_is_refused() -> None:
    code = code_at(NOW)
    step = step_of(SEED, code, NOW, None)
    assert step is not None
    assert step_of(SEED, code, NOW, step) is None
    assert step_of(SEED, code, NOW + timedelta(seconds=25), step) is None


def test_a_code_shown_before_the_one_that_was_used_is_refused() -> None:
    before, after = code_at(NOW - timedelta(seconds=30)), code_at(NOW + timedelta(seconds=30))
    assert step_of(SEED, before, NOW, STEP) is None
    assert step_of(SEED, after, NOW, STEP) == STEP + 1
    assert step_of(SEED, code_at(NOW), NOW, STEP + 1) is None


@given(
    moments=st.lists(st.integers(min_value=-120, max_value=120), min_size=1, max_size=30),
    clock=st.lists(st.integers(min_value=-90, max_value=90), min_size=30, max_size=30),
)
def test_whatever_is_tried_and_when_no_code_is_taken_twice(moments: list[int], clock: list[int]) -> None:
    last, taken = None, []
    for moment, now in zip(moments, clock, strict=False):
        code = code_at(NOW + timedelta(seconds=moment))
        step = step_of(SEED, code, NOW + timedelta(seconds=now), last)
        if step is not None:
            assert last is None or step > last
            last = step
            taken.append(code)
    assert len(taken) == len(set(taken))


def test_of_two_steps_with_one_code_neither_is_left_for_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pyotp.TOTP, "generate_otp", lambda self, step: "123456")
    assert step_of(SEED, "123456", NOW, None) == STEP + 1
    assert step_of(SEED, "123456", NOW, STEP + 1) is None


@pytest.mark.parametrize("typed", ["{0}{1}{2} {3}{4}{5}", " {0}{1}{2}{3}{4}{5}\n", "{0}{1} {2}{3} {4}{5}"])
def test_a_code_may_be_typed_with_spaces(typed: str) -> None:
    assert step_of(SEED, typed.format(*code_at(NOW)), NOW, None) == STEP


@pytest.mark.parametrize(
    "typed",
    ["", "12345", "1234567", "abcdef", "12345x", "-12345", "１２３４５６", "1" * 100_000, "\ud83d", "\0"],
)
def test_what_is_no_code_is_refused(typed: str) -> None:
    assert step_of(SEED, typed, NOW, None) is None


def test_a_code_in_other_digits_than_our_own_is_refused() -> None:
    arabic = code_at(NOW).translate({ord("0") + digit: 0x0660 + digit for digit in range(10)})
    assert step_of(SEED, arabic, NOW, None) is None


def test_a_code_of_another_seed_is_refused() -> None:
    other = new_seed()
    code = code_at(NOW, other)
    nearby = {code_at(NOW + timedelta(seconds=30 * steps)) for steps in (-1, 0, 1)}
    assert (step_of(SEED, code, NOW, None) is None) == (code not in nearby)


def test_the_first_moments_of_time_are_no_error() -> None:
    at = datetime.fromtimestamp(0, UTC)
    assert step_of(SEED, code_at(at), at, None) == 0


def test_seeds_are_160_bits_of_chance_in_base_32() -> None:
    seeds = {new_seed() for _ in range(100)}
    assert len(seeds) == 100
    assert {len(base64.b32decode(seed)) for seed in seeds} == {20}


def test_an_app_is_told_the_seed_who_issued_it_and_for_whom() -> None:
    uri = urlsplit(provisioning_uri(SEED, "ana+bank@example.com"))
    told = parse_qs(uri.query)
    assert (uri.scheme, uri.netloc) == ("otpauth", "totp")
    assert unquote(uri.path) == "/Caudal:ana+bank@example.com"
    assert (told["secret"], told["issuer"]) == ([SEED], ["Caudal"])
    # What isn't told is as RFC 6238 has it, which is all that some apps know: SHA-1, six digits, thirty seconds.
    assert set(told) == {"secret", "issuer"}


def test_the_picture_is_one_svg_element_that_brings_nothing_that_runs() -> None:
    svg = qr_svg(provisioning_uri(SEED, "<script>alert(1)</script>"))
    root = ET.fromstring(svg)
    assert {element.tag for element in root.iter()} == {"svg", "g", "path"}
    assert not any(
        name.startswith("on") or name == "style" for element in root.iter() for name in element.attrib
    )
    assert SEED not in svg


def test_recovery_codes_are_ten_of_chance_with_at_least_112_bits() -> None:
    codes = [code for _ in range(50) for code in new_recovery_codes()]
    assert len(new_recovery_codes()) == RECOVERY_CODES == 10
    assert len(set(codes)) == 500
    read = [code.replace("-", "") for code in codes]
    alphabet = {character for code in read for character in code}
    assert len(alphabet) == 32  # all are seen: each character carries five bits
    assert {len(code) * 5 for code in read} == {120}
    # No place within a code always holds the same.
    assert min(len({code[place] for code in read}) for place in range(24)) > 20


@given(st.data())
def test_a_recovery_code_is_read_however_it_was_typed(data: st.DataObject) -> None:
    code = new_recovery_codes()[0]
    typed = "".join(
        data.draw(st.sampled_from([character, character.upper()]))
        + data.draw(st.sampled_from(["", "", " ", "-"]))
        for character in code.replace("-", "")
    )
    misread = typed.replace("0", data.draw(st.sampled_from("0oO"))).replace(
        "1", data.draw(st.sampled_from("1iIlL"))
    )
    assert normalised(misread) == normalised(code) == code.replace("-", "")
    assert recovery_digest(misread) == recovery_digest(code)


@pytest.mark.parametrize(
    "text", ["", "-", "abcd-efgh", "u" * 24, "é" * 24, "0" * 23, "0" * 25, "0" * 100_000, "\ud83d" * 24]
)
def test_what_is_no_recovery_code_has_no_digest(text: str) -> None:
    assert normalised(text) is None
    assert recovery_digest(text) is None


def test_the_digest_of_a_recovery_code_is_32_bytes_of_its_own() -> None:
    digests = {recovery_digest(code) for code in new_recovery_codes()}
    assert len(digests) == 10
    assert {len(digest or b"") for digest in digests} == {32}
