"""Nothing that looks like a secret is shown, wherever it stands; what doesn't is left to read."""

import json
import string
import time
from base64 import urlsafe_b64encode

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from caudal.observe import redaction
from caudal.observe.redaction import CHARS_MAX, REDACTED, redact

identifiers = st.text("0123456789abcdef-", min_size=12, max_size=40).filter(
    lambda text: text.strip("-") == text
)
opaque = st.text(string.ascii_letters + string.digits + "_-", min_size=12, max_size=60)
kinds = st.sampled_from(["access", "public", "link", "processor"])
places = st.sampled_from(["sandbox", "production"])
jwts = st.tuples(st.binary(min_size=20, max_size=60), opaque).map(
    lambda parts: (
        "eyJ" + urlsafe_b64encode(parts[0]).decode().rstrip("=") + ".eyJ" + parts[1] + "." + parts[1]
    )
)
secrets = st.one_of(
    st.tuples(kinds, places, identifiers).map("-".join),
    opaque.map("Bearer {}".format),
    opaque.map("bearer  {}".format),
    jwts,
    opaque.map("whsec_{}".format),
)
names = st.sampled_from(
    ["secret", "client_secret", "access_token", "accessToken", "token", "password", "apiKey", "api_key", "key", "X-Api-Key",
     "Authorization", "refresh-token", "PASSWORD", "private_key", "cookie", "credentials"]
)  # fmt: skip
around = st.text(max_size=60) | st.text("\"'\\{}[]:=, token", max_size=60)


@given(secret=secrets, before=around, after=around)
@example("access-sandbox-0123456789ab", "x", "")
@example("Bearer 0123456789ab", "Bearer ", "")
def test_a_secret_known_by_its_form_is_not_shown(secret: str, before: str, after: str) -> None:
    assume(secret[-12:] not in before + after)
    assert secret[-12:] not in redact(before + secret + after)


pieces = st.sampled_from(
    ["access-sandbox-0a1b", "BEARER x", "Basic Zm9v", "eyJhbGciOi.x", "whsec_a+b/=", "-----BEGIN RSA PRIVATE KEY-----", "xprv9s21ZrQH143K3QTDL4LXw",
     "https://a:b@c", "/x?code=1", "a?b[c]=d", "DETAIL: x", "CONTEXT:\ty", "123.456.789-09", "12.ABC.678/0001-95", "4111 1111-1111 1111",
     "3782822463 10005", "52998224725", "12ABC34501DE35", "DE89370400440532013000", "GB29 NWBK 6016 1331 9268 19", "NO93 8601 1117 947"]
)  # fmt: skip


@given(text=st.lists(pieces | around | st.sampled_from([" ", "=", "-"]), max_size=5).map("".join))
def test_the_quick_look_passes_over_nothing(text: str) -> None:
    for pattern, marks in redaction._SECRETS:
        assert not pattern.search(text) or any(mark in text.casefold() for mark in marks), pattern
    for pattern, _ in redaction._PROVEN:
        assert not pattern.search(text) or redaction._NUMBERS.search(text), pattern
    assert not redaction._FIELDS.search(text) or {":", "="} & set(text)


@given(digits=st.text("0123456789", min_size=13, max_size=18), first=st.sampled_from("23456"))
def test_of_ten_card_numbers_that_differ_in_their_last_digit_one_is_none_of_ours_to_show(
    digits: str, first: str
) -> None:
    shown = [redact(f"card {first}{digits}{last}") for last in "0123456789"]
    assert shown.count(f"card {REDACTED}") == (1 if len(digits) < 18 else 0)


@pytest.mark.parametrize(
    "number", ["52998224725", "11222333000181", "12ABC34501DE35", "DE89370400440532013000"]
)
def test_a_number_with_a_wrong_check_digit_names_nobody(number: str) -> None:
    wrong = number[:-1] + str((int(number[-1]) + 1) % 10)
    assert (redact(number), redact(wrong)) == (REDACTED, wrong)


@given(name=names, value=st.text(min_size=6, max_size=60), before=around, after=around)
@example("secret", 'a"b\\"cdef', "token='x \"", "")
@example("password", "it's-my-secret", "token='x ", "")
def test_the_value_of_a_secret_field_is_not_shown(name: str, value: str, before: str, after: str) -> None:
    written = json.dumps(value)[1:-1]
    assume(len(written) >= 6 and written not in before + after)
    for field in ('"{}":"{}"', '"{}": "{}"'):
        shown = redact(before + field.format(name, written) + after)
        assert written not in shown
        assert written[-6:] not in shown or written[-6:] in before + after


@given(name=names, value=opaque)
def test_a_secret_is_not_shown_in_any_notation(name: str, value: str) -> None:
    notations = [
        "{}={}",
        "a=b&{}={}&c=d",
        "{}: {}",
        '{{"{}": ["{}"]}}',
        "'{}': '{}'",
        '{{"x": "{{\\"{}\\":\\"{}\\"}}"}}',
        '"{}": {{"v": "{}"}}',
    ]
    for notation in notations:
        assert value not in redact(notation.format(name, value)), notation


@pytest.mark.parametrize("number", ["1234", "-12.5", "true"])
def test_a_secret_may_be_a_number(number: str) -> None:
    assert redact('{"pin":' + number + ',"amount":12}') == '{"pin":***,"amount":12}'


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:hunter2@host/path", f"https://{REDACTED}host/path"),
        ("-----BEGIN EC PRIVATE KEY-----\nMHcCAQ\n-----END EC PRIVATE KEY-----", REDACTED),
        ("xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmP", REDACTED),
        ("CPF 123.456.789-09 unknown", f"CPF {REDACTED} unknown"),
        ("CNPJ 12.345.678/0001-95 unknown", f"CNPJ {REDACTED} unknown"),
        ('{"secret":"a","item":"b"}', '{"secret":***,"item":"b"}'),
    ],
)
def test_what_is_no_secret_beside_one_stays(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ITEM_LOGIN_REQUIRED: the login details of this item have changed",
        "INVALID_ACCESS_TOKEN: could not be matched with any item",
        "INVALID_API_KEYS: invalid client_id or secret provided",
        '{"error_type":"INVALID_INPUT","error_code":"INVALID_ACCESS_TOKEN","error_message":"not known","request_id":"Ab3"}',
        "unknown keyword: transactions",
        "shipping: 12.50",
        "account-production is down",
        "Müller paid 10 € on 2026-03-02; see https://example.com/errors#item",
    ],
)
def test_what_holds_no_secret_is_left_as_it_is(text: str) -> None:
    assert redact(text) == text


@given(st.text())
def test_what_is_shown_is_one_line_within_the_bound(text: str) -> None:
    shown = redact(text)
    assert len(shown) <= CHARS_MAX
    assert not set(shown) & {chr(code) for code in [*range(32), *range(127, 160), 0x2028, 0x2029]}


def test_a_secret_across_the_cut_is_not_shown() -> None:
    for lead in range(CHARS_MAX - 60, CHARS_MAX):
        assert "0123" not in redact(" " * lead + "access-production-0123456789abcdef")
        assert "hunter" not in redact(" " * lead + '"password": "hunter hunter hunter hunter hunter"')[-40:]


def test_redacting_twice_shows_no_more_and_no_less() -> None:
    text = '{"secret":"a b","token":"c","error":"Bearer abc.def is gone","path":"/x"}'
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize(
    "piece",
    ["a", "eyJ", "eyJaaaa.", "Bearer ", "bearer", "a-sandbox-", "secret", 'secret="', "secret='", 'secret=\\"', "token=[", "key: ",
     '"', "\\", '\\"', "xprv", "://", "-----BEGIN A PRIVATE KEY-----", "1.", "\n", "secret\\\\\\", "key" + " " * 8],
)  # fmt: skip
def test_no_text_takes_long(piece: str) -> None:
    begun = time.perf_counter()
    redact(piece * 200_000)
    assert time.perf_counter() - begun < 0.5
