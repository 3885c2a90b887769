"""Secrets out of text: for whatever somebody else wrote that ends in an error's text, in a log or in the database.

A net, not a wall: it knows secrets, and numbers that name a person, by their form, by their check digits or by the
name beside them. What is passed through here should be a provider's documented error fields, never a whole answer.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

from caudal.model.iban import iban_in
from caudal.observe.numbers import is_card, is_cnpj, is_cpf

REDACTED: Final = "***"
CHARS_MAX: Final = 4096
"""What is beyond is cut off unread: an error's text is for a person."""

_FORMS: Final = (
    # Plaid docs, API: <kind>-<environment>-<identifier>
    (
        r"[a-z]{1,20}-(?:sandbox|development|production)-[\w-]+",
        ("-sandbox-", "-development-", "-production-"),
    ),
    # RFC 9110 §11.4: credentials after a scheme
    (r"(?i:bearer|basic|digest)\s{1,8}[^\s\"',;]+", ("bearer", "basic", "digest")),
    # a JWT's header is JSON, so in base64url it begins {" = eyJ (RFC 7519)
    (r"eyJ[\w-]{4,}(?:\.[\w-]*){0,4}", ("eyj",)),
    # Standard Webhooks: signing secrets
    (r"whsec_[\w+/=-]+", ("whsec_",)),
    (r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.*", ("private key",)),
    # BIP 32, SLIP 132: extended private keys
    (r"[xyztuv]prv[1-9A-HJ-NP-Za-km-z]{16,}", ("prv",)),
    # a URL's user and password
    (r"(?<=://)[^\s/@]{1,400}@", ("://",)),
    # a URL's query: `?code=…` of a callback opens an account
    (r"(?<=[\w/])\?[\w.%\[\]-]{1,60}=[^\s\"'<>]*", ("?",)),
    # PostgreSQL quotes a row's values there (its docs, Error and Notice Message Fields)
    (r"\b(?:DETAIL|CONTEXT):\s.*", ("detail:", "context:")),
    # CPF, and CNPJ with letters since July 2026 (IN RFB 2.229/2024): no secret, but a person's
    (r"\d{3}\.\d{3}\.\d{3}-\d{2}", (".",)),
    (r"[0-9A-Z]{2}\.[0-9A-Z]{3}\.[0-9A-Z]{3}/[0-9A-Z]{4}-\d{2}", ("/",)),
)
"""A form, and what stands in every text (all in small letters) that holds one: most hold none, and are told quickly."""

_NAMES: Final = (
    r"(?i:secret|token|passw|passphrase|passcode|pwd|pin(?![a-z])|key(?!word)|credential|authori[sz]ation|"
    r"cookie|signature|mnemonic|otp(?![a-z])|cvv|mfa)"
)
_VALUE: Final = (
    r'(?:\\*"(?:[^"\\]|\\.)*+"?'  # the backslashes: JSON within a JSON string
    r"|\\*'(?:[^'\\]|\\.)*+'?"
    r"|[\[{].*"  # a list or an object: where it ends is not for a pattern to say, so all the rest
    r"|[^\s,;&}\])\"']+)"
)
_CODE: Final = r"(?![A-Z_]{3,60}: [A-Za-z']{1,15}[ .,])"
"""Not "INVALID_ACCESS_TOKEN: it has expired": an error's code and its message."""
_NAMED: Final = rf"{_CODE}{_NAMES}[\w.-]{{0,60}}\\*[\"']?\s{{0,8}}[:=]\s{{0,8}}({_VALUE})"

# Each within a lookahead, so that matches may overlap: a stray quote before a secret must not shift the count of
# quotes and lay it bare. Quadratic at worst, which CHARS_MAX makes milliseconds.
_SECRETS: Final = tuple((re.compile(rf"(?=({form}))", re.DOTALL), marks) for form, marks in _FORMS)
_FIELDS: Final = re.compile(rf"(?={_NAMED})", re.DOTALL)
_NAME: Final = re.compile(_NAMES)


def _alone(form: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w.-])(?=({form})(?![\w-]))")


# One pattern for each length: a longer run of digits must not hide a shorter one that stands in it.
_PROVEN: Final[tuple[tuple[re.Pattern[str], Callable[[str], object]], ...]] = (
    *((_alone(rf"[2-6](?:[ -]?\d){{{more}}}"), is_card) for more in range(13, 19)),
    (_alone(r"\d{11}"), is_cpf),
    (_alone(r"[0-9A-Z]{12}\d\d"), is_cnpj),
    (_alone(r"[A-Z]{2}\d\d[A-Z0-9]{11,30}"), iban_in),
    *((_alone(rf"[A-Z]{{2}}\d\d(?: [A-Z0-9]{{4}}){{{fours}}}"), iban_in) for fours in range(3, 8)),
    *(
        (_alone(rf"[A-Z]{{2}}\d\d(?: [A-Z0-9]{{4}}){{{fours}}} [A-Z0-9]{{1,3}}"), iban_in)
        for fours in range(2, 8)
    ),
)
"""What a form alone would find too often, and check digits settle."""
_NUMBERS: Final = re.compile(r"\d(?:[ -]?\d){9}|[A-Z]{2}\d\d[ A-Z0-9]{8}|[0-9A-Z]{12}")
"""Stands in every text that holds one of them."""

_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def redact(text: str) -> str:
    """`text` without what looks like a secret: at most CHARS_MAX characters, on one line, fit for a terminal."""
    text = _cut(text)
    shown, end = [], 0
    for first, last in sorted(_spans(text)):
        if last <= end:
            continue
        if first >= end:
            shown.append(text[end:first])
            shown.append(REDACTED)
        end = last
    shown.append(text[end:])
    return _cut(_UNPRINTABLE.sub(" ", "".join(shown)))


def names_a_secret(name: str) -> bool:
    """Whether what goes by this name is not to be shown, whatever it looks like."""
    return _NAME.search(name) is not None


def _spans(text: str) -> Iterator[tuple[int, int]]:
    small = text.casefold()
    for pattern, marks in _SECRETS:
        if any(mark in small for mark in marks):
            yield from (found.span(1) for found in pattern.finditer(text))
    if ":" in text or "=" in text:
        yield from (found.span(1) for found in _FIELDS.finditer(text))
    if _NUMBERS.search(text):
        for pattern, proves in _PROVEN:
            yield from (found.span(1) for found in pattern.finditer(text) if proves(found[1]))


def _cut(text: str) -> str:
    return text if len(text) <= CHARS_MAX else text[: CHARS_MAX - 1] + "…"
