"""What stands between a right password and the accounts: the second factor.

The passwords that ask for one and the answers that pass are documented (Plaid docs, Sandbox: test credentials,
multi-factor authentication): ``mfa_device``, ``mfa_questions_<n>_<m>``, ``mfa_selections`` and
``mfa_selections_<n>_<m>_<o>``, all of them for ``user_good``.
"""

import enum
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import msgspec

from caudal_sandbox.economy.accounts import Account, AccountKind, Product
from caudal_sandbox.economy.holders import Holder
from caudal_sandbox.economy.movements import AccountId

ROUNDS_MAX: Final = 9
"""Rounds, questions a round and choices a question, each: the documented bound is below 10."""


class Admitted(msgspec.Struct, frozen=True, kw_only=True):
    """Whose accounts are open, and which. `dynamic`: /transactions/refresh brings something new of its own accord
    (`refresh_dynamic`). `days_max`: how far back anything is told, where that is less than was asked for.
    """

    holder: Holder
    accounts: tuple[AccountId, ...]
    dynamic: bool = False
    days_max: int | None = None

    @property
    def transactions_refresh(self) -> bool:
        """Whether there is anything for /transactions/refresh to do: an account whose transactions are told at all."""
        return any(_is_told(account) for account in self.holder.accounts if account.id in self.accounts)


class Denied(msgspec.Struct, frozen=True):
    """Nobody gets in: Plaid's error code, and for developers why (empty where the code says it all). Never says what
    the password was.
    """

    error_code: str
    reason: str = ""


class ChallengeKind(enum.StrEnum):
    """How the second factor is asked for."""

    DEVICE = "device"
    QUESTIONS = "questions"
    SELECTIONS = "selections"


class Question(msgspec.Struct, frozen=True):
    """What is asked, the `answer` that passes, and the `choices` to show where one is picked."""

    prompt: str
    answer: str
    choices: tuple[str, ...] = ()


class Challenged(msgspec.Struct, frozen=True):
    """`questions` are to be answered now, `later` rounds after them, and `then` opens."""

    kind: ChallengeKind
    questions: tuple[Question, ...]
    later: tuple[tuple[Question, ...], ...]
    then: Admitted

    def answer(self, given: Sequence[str]) -> "Login":
        """What follows: the next round, the accounts, or INVALID_MFA."""
        if list(given) != [question.answer for question in self.questions]:
            return Denied("INVALID_MFA")
        if self.later:
            return Challenged(self.kind, self.later[0], self.later[1:], self.then)
        return self.then


def _is_told(account: Account) -> bool:
    """Depository and credit accounts and student loans (Plaid docs, Transactions: supported account types)."""
    return account.product is Product.STUDENT_LOAN or account.kind not in {
        AccountKind.LOAN,
        AccountKind.BROKERAGE,
    }


Login = Admitted | Challenged | Denied
"""What a user name and a password lead to."""


def second_factor(password: str) -> Callable[[Admitted], Challenged] | None:
    """What `password` puts before the accounts; None where it asks for nothing more."""
    if password == "mfa_device":  # noqa: S105  a documented test password
        return device
    if password == "mfa_selections":  # noqa: S105  a documented test password
        return confirmation
    if asked := re.fullmatch(r"mfa_questions_([1-9])_([1-9])", password):
        return partial(questions, int(asked[1]), int(asked[2]))
    if asked := re.fullmatch(r"mfa_selections_([1-9])_([1-9])_([2-9])", password):
        return partial(selections, int(asked[1]), int(asked[2]), int(asked[3]))
    return None


def device(then: Admitted) -> Challenged:
    """A code on a device: 1234 on all of them."""
    code = Question("Enter the code that was sent to your device.", "1234")
    return Challenged(ChallengeKind.DEVICE, (code,), (), then)


def confirmation(then: Admitted) -> Challenged:
    """A question of which the answer is Yes."""
    sure = Question("Is this you?", "Yes", ("Yes", "No"))
    return Challenged(ChallengeKind.SELECTIONS, (sure,), (), then)


def questions(rounds: int, each: int, then: Admitted) -> Challenged:
    """`rounds` of `each` questions; ``answer_<i>_<j>`` passes the j-th of the i-th round, both counted from 0."""
    first, *later = (
        tuple(
            Question(f"Security question {j + 1} of round {i + 1}?", f"answer_{i}_{j}") for j in range(each)
        )
        for i in range(rounds)
    )
    return Challenged(ChallengeKind.QUESTIONS, first, tuple(later), then)


def selections(rounds: int, each: int, choices: int, then: Admitted) -> Challenged:
    """`rounds` of `each` questions with `choices` each; the first choice passes. The documentation counts rounds and
    questions from 1 here (its example is ``answer_1_1_0``), and choices from 0.
    """
    first, *later = (
        tuple(_selection(i, j, choices) for j in range(1, each + 1)) for i in range(1, rounds + 1)
    )
    return Challenged(ChallengeKind.SELECTIONS, first, tuple(later), then)


def _selection(i: int, j: int, count: int) -> Question:
    choices = tuple(f"answer_{i}_{j}_{k}" for k in range(count))
    return Question(f"Which of these for question {j} of round {i}?", choices[0], choices)
