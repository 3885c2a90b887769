"""Where a session of Link stands: what the person chose so far, what happened, and what came of it."""

import enum
from datetime import datetime

import msgspec

from caudal_sandbox.economy.accounts import Account
from caudal_sandbox.economy.movements import AccountId
from caudal_sandbox.plaid.errors import PlaidError
from caudal_sandbox.plaid.institutions import PlaidInstitution
from caudal_sandbox.plaid.users import Admitted, Challenged


class Step(enum.StrEnum):
    """What the person is asked for next."""

    BANK = "bank"
    LOGIN = "login"
    MFA = "mfa"
    ACCOUNTS = "accounts"
    CONSENT = "consent"
    MORE = "more"
    """Another bank in the same session, where the client allows several."""
    DONE = "done"
    LEFT = "left"

    @property
    def over(self) -> bool:
        """Whether the person is asked for nothing more."""
        return self in {Step.DONE, Step.LEFT}


class LinkEvent(msgspec.Struct, frozen=True):
    """One thing that happened in a session."""

    event_id: str
    event_name: str
    timestamp: datetime
    event_metadata: dict[str, str]


class Added(msgspec.Struct, frozen=True):
    """An Item that came of a session, and the token to exchange for it."""

    public_token: str
    item_id: str


class Session(msgspec.Struct, eq=False):
    """One session. `problem`: why the last step has to be repeated. `offered`: the accounts to choose from.

    `left_at_step`: where the person gave up; `left_because`: the problem they gave up on.
    """

    session_id: str
    started_at: datetime
    step: Step
    finished_at: datetime | None = None
    problem: PlaidError | None = None
    query: str = ""
    institution: PlaidInstitution | None = None
    username: str = ""
    challenge: Challenged | None = None
    login: Admitted | None = None
    offered: list[Account] = msgspec.field(default_factory=list)
    chosen: list[AccountId] = msgspec.field(default_factory=list)
    added: list[Added] = msgspec.field(default_factory=list)
    repaired: Added | None = None
    """In update mode: the Item that was updated. Its token needs no exchange."""
    left_at_step: Step | None = None
    left_because: PlaidError | None = None
    events: list[LinkEvent] = msgspec.field(default_factory=list)
