"""One-time codes of an authenticator app (TOTP, RFC 6238), and recovery codes for when it is lost.

A code is good once: the caller keeps the last time step that was used (ASVS 6.5.1).
"""

import base64
import re
import secrets
from datetime import datetime
from hashlib import sha256
from typing import Final

import pyotp
import segno

_STEP_SECONDS: Final = 30
_AROUND: Final = 1
"""Steps before and after now that count: clocks differ."""
_SEED_CHARS: Final = 32
"""160 bits, as RFC 4226 §4 asks."""
CODES: Final = 10
_CODE_BYTES: Final = 15
"""120 bits: nobody can try them, so a fast hash of them suffices."""
_DIGITS: Final = re.compile(r"[0-9]{6}")


def new_seed() -> str:
    """A seed, in base 32."""
    return pyotp.random_base32(_SEED_CHARS)


def uri(seed: str, email: str) -> str:
    """What an app is set up with."""
    return pyotp.TOTP(seed).provisioning_uri(name=email, issuer_name="Caudal")


def picture(told: str) -> str:
    """That as a QR code, an SVG element."""
    return segno.make(told, error="m").svg_inline(scale=4, omitsize=True)


def step_of(seed: str, code: str, at: datetime, last_step: int) -> int | None:
    """The time step that a code is of; None where it is of none about now, or of one not after `last_step`."""
    code = code.replace(" ", "")
    if not _DIGITS.fullmatch(code):
        return None
    now = int(at.timestamp()) // _STEP_SECONDS
    totp = pyotp.TOTP(seed)
    found = None
    for step in range(now - _AROUND, now + _AROUND + 1):  # all of them: the time it takes tells nothing
        fits = pyotp.utils.strings_equal(totp.generate_otp(step), code)
        if fits and step > last_step:
            found = step
    return found


def new_codes() -> list[str]:
    """Recovery codes, in groups that can be copied by hand."""
    return [_grouped(secrets.token_bytes(_CODE_BYTES)) for _ in range(CODES)]


def digest(code: str) -> bytes:
    """What is kept of a recovery code, however it is written."""
    return sha256(re.sub(r"[\s-]", "", code).upper().encode("utf-8", "surrogatepass")).digest()


def _grouped(raw: bytes) -> str:
    text = base64.b32encode(raw).decode()
    return "-".join(text[place : place + 6] for place in range(0, len(text), 6))
