"""Where all randomness comes from: whole numbers, drawn from a named seed."""

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Chance:
    """A stream of draws that depends on its name alone: the same in every process and on every machine.

    Each habit, and the clearing of each account, has a stream of its own: one habit's draws don't shift another's.
    Draws are whole numbers: nothing that becomes money was ever a float.
    """

    __slots__ = ("_bits",)

    def __init__(self, *name: object) -> None:
        # Seeding from text goes through SHA-512, not hash(): PYTHONHASHSEED has no say in it.
        self._bits = random.Random("/".join(str(part) for part in name)).getrandbits  # noqa: S311  a game, no secret

    def below(self, bound: int) -> int:
        """A whole number from 0 to `bound` - 1. `bound` is far below 2**32, so no number is noticeably likelier."""
        return self._bits(32) * bound >> 32

    def between(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + (self._bits(32) * (high - low + 1) >> 32)

    def percent(self, share: int) -> bool:
        """True `share` times in a hundred."""
        return self._bits(32) * 100 >> 32 < share

    def pick(self, choices: Sequence[T]) -> T:
        """One of `choices`, each as likely."""
        return choices[self._bits(32) * len(choices) >> 32]

    def digits(self, count: int) -> str:
        """`count` decimal digits, the first not zero."""
        return str(self.between(1, 9)) + "".join(str(self.below(10)) for _ in range(count - 1))
