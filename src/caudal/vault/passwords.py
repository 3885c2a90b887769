"""Passwords: which are good enough, and what is kept of them.

Argon2id with 19 MiB, two passes, one lane (OWASP Password Storage). At most two are computed at a time: each takes its
memory. Length is what counts; nothing is asked of the characters, nothing is cut off (ASVS 6.2).
"""

import asyncio
from collections.abc import Sequence
from functools import cache
from typing import Final

import argon2
import msgspec
from argon2.exceptions import InvalidHashError, VerificationError

LENGTH_MIN: Final = 12
LENGTH_MAX: Final = 128
_JUDGED_CHARS: Final = 72
"""Judging takes time that grows faster than the password; what is good enough by then is good enough."""
_SCORE_MIN: Final = 3
_AT_ONCE_MAX: Final = 2
_ARGON2: Final = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


class Match(msgspec.Struct, frozen=True):
    """Whether a password is the one, and whether its hash should be made anew by today's parameters."""

    fits: bool
    renew: bool = False


class Hasher:
    """Computes hashes, in threads, a few at a time. One for a process: on it hangs how much memory logins may take."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(_AT_ONCE_MAX)

    async def hashed(self, password: str) -> str:
        """What is kept of a password (a PHC string)."""
        async with self._turns:
            return await asyncio.to_thread(_ARGON2.hash, password)

    async def check(self, hashed: str | None, password: str) -> Match:
        """Whether this is the password. With no hash (there is nobody of that name) it takes as long, and isn't."""
        async with self._turns:
            return await asyncio.to_thread(_check, hashed, password)


def judged(password: str, *, about: Sequence[str] = ()) -> str | None:
    """Why a password won't do, None where it will. `about`: the person's e-mail and name, which it must not be."""
    if len(password) < LENGTH_MIN:
        return f"a password has at least {LENGTH_MIN} characters: several words are easy to keep in mind"
    if len(password) > LENGTH_MAX:
        return f"a password has at most {LENGTH_MAX} characters"
    known = [part for each in about for part in (each, each.partition("@")[0], *each.split()) if part]
    if _guessed_soon(password, known):
        return "that password is guessed soon: take several words that don't belong together"
    return None


def _check(hashed: str | None, password: str) -> Match:
    try:
        _ARGON2.verify(hashed or _nobody(), password)
    except (VerificationError, InvalidHashError):
        return Match(fits=False)
    return Match(hashed is not None, hashed is not None and _ARGON2.check_needs_rehash(hashed))


@cache
def _nobody() -> str:
    return _ARGON2.hash("nobody has this password")


def _guessed_soon(password: str, known: Sequence[str]) -> bool:
    """Whether somebody who knows what leaked elsewhere, words, dates, keyboards and `known` gets there in 10^8 tries (the
    estimate of zxcvbn: Wheeler, USENIX Security 2016), however long it is."""
    from zxcvbn import zxcvbn  # noqa: PLC0415  only choosing a password needs it

    judged_part = password[:_JUDGED_CHARS]
    score: int = zxcvbn(judged_part, user_inputs=["caudal", *known])["score"]
    return score < _SCORE_MIN
