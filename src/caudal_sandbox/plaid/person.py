"""A person at the hosted page, played: the same steps as the page's forms, and in the end what they would read."""

from typing import Final

import msgspec

from caudal_sandbox.economy.movements import AccountId
from caudal_sandbox.plaid import link_walk
from caudal_sandbox.plaid.emulator import Emulator
from caudal_sandbox.plaid.errors import described
from caudal_sandbox.plaid.link_state import Session, Step
from caudal_sandbox.plaid.link_tokens import LinkToken

STEPS_MAX: Final = 40
"""Steps of one walk: a second factor has at most nine rounds."""


class Person(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What somebody is going to do with a link, known by its token or by the address of its hosted page.

    `mfa`: the answers to a second factor, one after the other. `accounts`: by name or mask; None: all that are offered.
    `leaves_at`: the step at which they give up.
    """

    link_token: str | None = None
    hosted_link_url: str | None = None
    institution_id: str | None = None
    username: str = "user_good"
    password: str = "pass_good"  # noqa: S105  the documented test password
    mfa: tuple[str, ...] = ()
    accounts: tuple[str, ...] | None = None
    leaves_at: Step | None = None

    def __repr__(self) -> str:
        """Without what only the bank may know."""
        return f"Person({self.username} at {self.institution_id})"


class Seen(msgspec.Struct, frozen=True):
    """What the person read last. `accounts`: name and mask of those that were offered."""

    step: Step
    link_session_id: str
    problem: dict[str, object] | None
    accounts: list[tuple[str, str]]
    public_tokens: list[str]


def walk(emulator: Emulator, person: Person) -> Seen:
    """Go through Link until it is over or something is wrong. Raises PlaidError for a token that leads nowhere."""
    token = _token(emulator, person)
    session = link_walk.visit(emulator, token)
    if session.step is Step.LEFT:
        session = link_walk.begin(emulator, token)
    session.problem = None
    answers = list(person.mfa)
    for _ in range(STEPS_MAX):
        if session.step is person.leaves_at:
            link_walk.leave(emulator, token, session)
        if session.step.over or session.problem is not None:
            break
        if session.step is Step.MFA and not answers:
            break
        _step(emulator, token, session, person, answers)
    return _seen(session)


def _token(emulator: Emulator, person: Person) -> LinkToken:
    """Raises INVALID_LINK_TOKEN where neither the address nor the token is one of ours."""
    if person.hosted_link_url is not None:
        return emulator.tokens.of_page(person.hosted_link_url.rpartition("/")[2])
    return emulator.tokens.of_link(person.link_token or "")


def _step(emulator: Emulator, token: LinkToken, session: Session, person: Person, answers: list[str]) -> None:
    match session.step:
        case Step.BANK:
            link_walk.choose(emulator, token, session, person.institution_id or "")
        case Step.LOGIN:
            link_walk.log_in(emulator, token, session, person.username, person.password)
        case Step.MFA:
            asked = len(session.challenge.questions) if session.challenge else 0
            given, answers[:] = answers[:asked], answers[asked:]
            link_walk.answer(emulator, token, session, given)
        case Step.ACCOUNTS:
            link_walk.select(emulator, token, session, _wanted(session, person))
        case Step.CONSENT:
            link_walk.agree(emulator, token, session)
        case _:
            link_walk.leave(emulator, token, session)


def _wanted(session: Session, person: Person) -> list[AccountId]:
    return [
        each.id
        for each in session.offered
        if person.accounts is None or {each.name, each.mask} & set(person.accounts)
    ]


def _seen(session: Session) -> Seen:
    return Seen(
        step=session.step,
        link_session_id=session.session_id,
        problem=described(session.problem) if session.problem else None,
        accounts=[(each.name, each.mask) for each in session.offered],
        public_tokens=[each.public_token for each in session.added],
    )
