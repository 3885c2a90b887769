"""Secrets out of text: for whatever a provider wrote that ends in an error's text or in the database.

A net, not a wall: it knows secrets by their form or by the name beside them. What is passed through here should
be a provider's documented error fields, never a whole answer.
"""

import re
from collections.abc import Iterator
from typing import Final

REDACTED: Final = "***"
CHARS_MAX: Final = 4096
"""What is beyond is cut off unread: an error's text is for a person."""

_FORMS: Final = (
    r"[a-z]{1,20}-(?:sandbox|development|production)-[\w-]+",  # Plaid docs, API: <kind>-<environment>-<identifier>
    r"(?i:bearer|basic|digest)\s{1,8}[^\s\"',;]+",  # RFC 9110 §11.4: credentials after a scheme
    r"eyJ[\w-]{4,}(?:\.[\w-]*){0,4}",  # a JWT's header is JSON, so in base64url it begins {" = eyJ (RFC 7519)
    r"whsec_[\w+/=-]+",  # Standard Webhooks: signing secrets
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.*",
    r"[xyztuv]prv[1-9A-HJ-NP-Za-km-z]{16,}",  # BIP 32, SLIP 132: extended private keys
    r"(?<=://)[^\s/@]{1,400}@",  # a URL's user and password
    r"\d{3}\.\d{3}\.\d{3}-\d{2}|\d{2}\.\d{3}\.\d{3}/\d{4}-\d{2}",  # CPF and CNPJ: no secret, but a person's
)

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
_SECRETS: Final = tuple(re.compile(rf"(?=({form}))", re.DOTALL) for form in _FORMS)
_FIELDS: Final = re.compile(rf"(?={_NAMED})", re.DOTALL)
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


def _spans(text: str) -> Iterator[tuple[int, int]]:
    for pattern in (*_SECRETS, _FIELDS):
        for found in pattern.finditer(text):
            yield found.span(1)


def _cut(text: str) -> str:
    return text if len(text) <= CHARS_MAX else text[: CHARS_MAX - 1] + "…"
