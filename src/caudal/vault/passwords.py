"""Passwords: which are refused, how they are hashed, and whether one fits.

Argon2id with 19 MiB, two passes and one lane (OWASP Password Storage Cheat Sheet). A password is spelled one way before
it is counted or hashed (RFC 8265 §4.2.2, OpaqueString: NFC, every space the same), so that it fits whichever keyboard
it is typed on; nothing is cut off and its case is kept.
"""

import asyncio
import base64
import secrets
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Self, TypeVar

import msgspec
from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from caudal.model.errors import CaudalError

T = TypeVar("T")

LENGTH_MIN: Final = 12
LENGTH_MAX: Final = 128
"""In code points of the one spelling. Well above ASVS 6.2.1 and 6.2.9 (8 at least, 64 at least allowed)."""

HASHES_AT_ONCE_MAX: Final = 2
HASHES_WAITING_MAX: Final = 64
"""At 50 ms each and two at a time, whoever comes last waits for under two seconds."""

_MEMORY_KIB: Final = 19 * 1024
_PASSES: Final = 2
_LANES: Final = 1
_SALT_BYTES: Final = 16
_HASH_BYTES: Final = 32
_ARGON2: Final = PasswordHasher(
    time_cost=_PASSES,
    memory_cost=_MEMORY_KIB,
    parallelism=_LANES,
    hash_len=_HASH_BYTES,
    salt_len=_SALT_BYTES,
    type=Type.ID,
)

# No character of NFC stands for more than four typed ones (Unicode UAX #15, §7 and NormalizationTest.txt): what is
# longer than this is longer than LENGTH_MAX however it is spelled, and isn't worth spelling.
_TYPED_MAX: Final = 4 * LENGTH_MAX

_REFUSED_CATEGORIES: Final = {
    "Cc": "a control character",
    "Cn": "a character that isn't assigned yet",  # its one spelling may change once it is
    "Cs": "half a character",
    "Zl": "a line break",
    "Zp": "a line break",
}

GUESSES_MIN: Final = 1_000_000
"""Below it an attacker who knows the usual lists comes by it in hours even where guessing is throttled."""

# What zxcvbn looks at in one go: its work grows steeply with length where many characters may stand for letters (0.4 s
# for 32 of them made for the purpose, 1.3 s for 48; an ordinary password takes 2 ms).
_WINDOW: Final = 32

_OWN_NAME: Final = "caudal"
_WORD_MIN: Final = 3
_BESIDE_MIN: Final = 8


class HashDamaged(CaudalError):
    """A stored password hash is none: the row was changed by something else than Caudal. Never says more."""


class TooBusy(CaudalError):
    """More passwords wait to be hashed than will be soon: the same may well work later."""


class Match(msgspec.Struct, frozen=True):
    """Whether a password `fits`; and whether its hash is to be renewed: made with other parameters than today's."""

    fits: bool
    renew: bool


NO_MATCH: Final = Match(fits=False, renew=False)


def hashed(password: str) -> str:
    """The hash to keep, in Argon2's own text form, under a salt of its own.

    Raises ValueError where `judged` would refuse the password for its length or its characters.
    """
    spelled = _spelled(password)
    if spelled is None or _malformed(spelled) is not None:
        raise ValueError("not a password that could be kept")
    return _ARGON2.hash(spelled)


def check(password_hash: str | None, password: str) -> Match:
    """Whether `password` fits its hash. Raises HashDamaged where that is no hash.

    With None (nobody of that name) nothing fits, and it takes the same time: how long an answer takes doesn't tell who
    has an account.
    """
    spelled = _spelled(password)
    if password_hash is None or spelled is None:
        _fits(_NOBODYS, spelled or "")
        return NO_MATCH
    if not _fits(password_hash, spelled):
        return NO_MATCH
    return Match(fits=True, renew=_ARGON2.check_needs_rehash(password_hash))


def judged(password: str, *, about: Sequence[str]) -> str | None:
    """Why `password` is refused, fit to show a person; None where it is fine.

    `about` is what everyone knows of whoever chooses it: e-mail address, name. There are no rules of composition.
    """
    spelled = _spelled(password)
    if spelled is None:
        return f"it is longer than {LENGTH_MAX} characters"
    malformed = _malformed(spelled)
    if malformed is not None:
        return malformed
    plain = _plain(spelled)
    beside = plain
    for word in _words([*about, _OWN_NAME]):
        beside = beside.replace(word, "")
    if beside != plain and (len(beside) < _BESIDE_MIN or _guessed_early(beside)):
        return "it is little more than your name, your e-mail address or Caudal's name"
    if _guessed_early(spelled):
        return "it is among the first that anyone would guess"
    return None


class Hasher:
    """Hashes and checks in threads, at most two at a time: memory stays bounded, however many log in at once.

    Used as a context. Raises TooBusy where HASHES_WAITING_MAX wait already.
    """

    def __init__(self) -> None:
        # Threads of its own and no semaphore around shared ones: a request that is given up leaves its thread at work,
        # and only a pool counts that.
        self._threads = ThreadPoolExecutor(HASHES_AT_ONCE_MAX, thread_name_prefix="passwords")
        self._asked = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Wait for what is being hashed; what waits to be is given up."""
        self._threads.shutdown(cancel_futures=True)

    async def hashed(self, password: str) -> str:
        """As `hashed`."""
        return await self._aside(lambda: hashed(password))

    async def check(self, password_hash: str | None, password: str) -> Match:
        """As `check`."""
        return await self._aside(lambda: check(password_hash, password))

    async def judged(self, password: str, *, about: Sequence[str]) -> str | None:
        """As `judged`, which a password made for the purpose can keep busy for half a second."""
        return await self._aside(lambda: judged(password, about=about))

    async def _aside(self, work: Callable[[], T]) -> T:
        if self._asked >= HASHES_AT_ONCE_MAX + HASHES_WAITING_MAX:
            raise TooBusy("too many passwords are being checked: try again in a few seconds")
        self._asked += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._asked -= 1


def _nobodys_hash() -> str:
    """A hash with today's parameters that no password is known to fit: of chance, not of anything."""
    salt, digest = (
        base64.b64encode(secrets.token_bytes(length)).decode().rstrip("=")
        for length in (_SALT_BYTES, _HASH_BYTES)
    )
    return f"$argon2id$v=19$m={_MEMORY_KIB},t={_PASSES},p={_LANES}${salt}${digest}"


_NOBODYS: Final = _nobodys_hash()


def _fits(password_hash: str, spelled: str) -> bool:
    try:
        # Half a character can come out of JSON: it has no UTF-8, fits nothing and must not become an error.
        return _ARGON2.verify(password_hash, spelled.encode(errors="surrogatepass"))
    except VerifyMismatchError:
        return False
    except (InvalidHashError, VerificationError, UnicodeEncodeError):
        # `from None`: the error's own text could quote the hash.
        raise HashDamaged(
            "a stored password hash can't be read: it was changed since Caudal wrote it"
        ) from None


def _spelled(password: str) -> str | None:
    """The one spelling of a password; None where it is longer than any password is."""
    if len(password) > _TYPED_MAX:
        return None
    spaces_alike = "".join(
        " " if unicodedata.category(character) == "Zs" else character for character in password
    )
    return unicodedata.normalize("NFC", spaces_alike)


def _malformed(spelled: str) -> str | None:
    """Why no password may look like this, however hard to guess. Asked of new ones alone: rules change, hashes stay."""
    if len(spelled) < LENGTH_MIN:
        return f"it is shorter than {LENGTH_MIN} characters"
    if len(spelled) > LENGTH_MAX:
        return f"it is longer than {LENGTH_MAX} characters"
    for character in spelled:
        what = _REFUSED_CATEGORIES.get(unicodedata.category(character))
        if what is not None:
            return f"it holds {what}, which may not be typed the same way again"
    return None


def _guessed_early(text: str) -> bool:
    """Whether every stretch of `text` is among the first guesses: one that isn't makes the whole hard to guess."""
    # Here and not above: its word lists take 40 ms and 12 MB, and are needed only where someone chooses a password.
    from zxcvbn import zxcvbn  # noqa: PLC0415

    stretches = (text[start : start + _WINDOW] for start in range(0, len(text), _WINDOW))
    return all(zxcvbn(stretch)["guesses"] < GUESSES_MIN for stretch in stretches)


def _plain(text: str) -> str:
    """`text` without case and accents, as somebody writes their own name in a hurry."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in apart if not unicodedata.combining(character))


def _words(about: Sequence[str]) -> Iterator[str]:
    """What is known of somebody, whole and in its words, the longest first."""
    known: set[str] = set()
    for told in map(_plain, about):
        local_part = told.partition("@")[0]
        words = "".join(character if character.isalnum() else " " for character in told).split()
        known |= {told, local_part, "".join(words), *words}
    yield from sorted((word for word in known if len(word) >= _WORD_MIN), key=len, reverse=True)
