"""One-time codes (TOTP, RFC 6238) and the recovery codes for whoever has lost what shows them."""

import hmac
import re
import secrets
from datetime import datetime
from hashlib import sha256
from typing import Final

import pyotp
import segno

ISSUER: Final = "Caudal"
STEP_SECONDS: Final = 30
STEPS_BESIDE_MAX: Final = 1
"""How many steps before and after its own a code is taken: clocks differ, and people type slowly (RFC 6238 §5.2)."""

RECOVERY_CODES: Final = 10

_SEED_CHARACTERS: Final = 32  # of five bits each: the 160 that RFC 4226 §4 recommends
_CODE: Final = re.compile(r"[0-9]{6}", re.ASCII)
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u
_MISREAD: Final = str.maketrans({"i": "1", "l": "1", "o": "0", "-": None, " ": None})
_RECOVERY_CHARACTERS: Final = (
    24  # of five bits each: 120 (ASVS 6.5.2 asks for 112 where the digest is a fast one)
)
_GROUP: Final = 4
_TYPED_MAX: Final = 100


def new_seed() -> str:
    """What a person's app and Caudal share: 160 random bits in base 32. To be sealed where it is kept."""
    return pyotp.random_base32(_SEED_CHARACTERS)


def provisioning_uri(seed: str, name: str) -> str:
    """The `otpauth:` address an app takes the seed from; `name` is how it lists the account (the e-mail address)."""
    return pyotp.TOTP(seed, interval=STEP_SECONDS).provisioning_uri(name=name, issuer_name=ISSUER)


def qr_svg(uri: str) -> str:
    """`uri` as a QR code: an `<svg>` element to stand within a page, black on white, with the quiet zone it needs."""
    return segno.make(uri, error="m", micro=False).svg_inline(scale=4, light="#fff")


def step_of(seed: str, code: str, at: datetime, last_step: int | None) -> int | None:
    """The time step whose code was typed, to be kept as the next `last_step`; None where the code is refused.

    Taken are the step of `at` and one on either side, but never one up to `last_step` (None: no code was used yet): each
    code counts once (RFC 6238 §5.2), and so does each that was shown before it.
    """
    typed = "".join(code[:_TYPED_MAX].split())
    if _CODE.fullmatch(typed) is None:
        return None
    codes = pyotp.TOTP(seed, interval=STEP_SECONDS)
    now = int(at.timestamp()) // STEP_SECONDS
    found = None
    # All are compared, so that the time it takes doesn't tell which fits; and the last that fits is taken, so that of
    # two steps with the same code neither is left for later.
    for step in range(max(now - STEPS_BESIDE_MAX, 0), now + STEPS_BESIDE_MAX + 1):
        if hmac.compare_digest(codes.generate_otp(step), typed):
            found = step
    return found if found is not None and (last_step is None or found > last_step) else None


def new_recovery_codes() -> tuple[str, ...]:
    """Ten codes of 120 random bits, in six groups of four. Shown once; only their digests are kept."""
    return tuple(_recovery_code() for _ in range(RECOVERY_CODES))


def normalised(text: str) -> str | None:
    """A recovery code as it is digested, however it was typed (case, spaces, dashes, O for 0); None where it is none."""
    code = text[:_TYPED_MAX].lower().translate(_MISREAD)
    return code if len(code) == _RECOVERY_CHARACTERS and set(code) <= set(_ALPHABET) else None


def recovery_digest(text: str) -> bytes | None:
    """What is kept of a recovery code, 32 bytes; None where `text` is none.

    SHA-256 and no slow hash: of 120 random bits nothing is guessed, however fast each guess is (ASVS 6.5.2).
    """
    code = normalised(text)
    return None if code is None else sha256(code.encode()).digest()


def _recovery_code() -> str:
    code = "".join(secrets.choice(_ALPHABET) for _ in range(_RECOVERY_CHARACTERS))
    return "-".join(code[start : start + _GROUP] for start in range(0, _RECOVERY_CHARACTERS, _GROUP))
