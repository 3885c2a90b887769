"""What a role may do in a space. The table is the rule: nothing else in Caudal decides it.

Source: the checklist of reference/security.md, §4. There is no scope to pay with, and no role that could.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec


class Scope(StrEnum):
    """One thing that may be done. A key of a program has some; a role has those of `SCOPES`."""

    ACCOUNTS_READ = "accounts:read"
    TRANSACTIONS_READ = "transactions:read"
    TRANSACTIONS_EDIT = "transactions:edit"
    CONNECTIONS_READ = "connections:read"
    CONNECTIONS_MANAGE = "connections:manage"
    FILES_IMPORT = "files:import"
    EVENTS_READ = "events:read"
    MEMBERS_READ = "members:read"
    MEMBERS_MANAGE = "members:manage"
    KEYS_MANAGE = "keys:manage"
    AUDIT_READ = "audit:read"
    SPACE_MANAGE = "space:manage"


class Role(StrEnum):
    """What somebody is in a space. An agent is a program that reads, with account numbers masked."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    VIEWER = "viewer"
    AUDITOR = "auditor"
    AGENT = "agent"


_READING: Final = frozenset(
    {
        Scope.ACCOUNTS_READ,
        Scope.TRANSACTIONS_READ,
        Scope.CONNECTIONS_READ,
        Scope.EVENTS_READ,
    }
)
_VIEWING: Final = _READING | {Scope.MEMBERS_READ}
_WORKING: Final = _VIEWING | {Scope.TRANSACTIONS_EDIT, Scope.CONNECTIONS_MANAGE, Scope.FILES_IMPORT}
SCOPES: Final[Mapping[Role, frozenset[Scope]]] = {
    Role.OWNER: frozenset(Scope),
    Role.ADMIN: frozenset(Scope),
    Role.MEMBER: _WORKING,
    Role.VIEWER: _VIEWING,
    Role.AUDITOR: frozenset({Scope.AUDIT_READ, Scope.MEMBERS_READ}),
    Role.AGENT: _READING,
}
STRONG: Final = frozenset({Role.OWNER, Role.ADMIN})
"""Of these a second factor is asked: without one they may only read (ASVS 6.3.3)."""
KEY_SCOPES: Final = frozenset(Scope) - {Scope.MEMBERS_MANAGE, Scope.KEYS_MANAGE, Scope.SPACE_MANAGE}
"""What a key may be given: who gets in, and with which key, is for people to say."""


class Caller(msgspec.Struct, frozen=True):
    """Who asks, in one space. `actor`: as the audit trail calls them. `masked`: account numbers are not for them.
    `session_id` None: a key's. `strong`: with a second factor."""

    actor: str
    role: Role
    scopes: frozenset[Scope]
    person_id: UUID | None = None
    session_id: UUID | None = None
    strong: bool = False

    @property
    def masked(self) -> bool:
        """Whether account numbers are hidden from this caller."""
        return self.role is Role.AGENT


def scopes_of(role: Role, *, strong: bool) -> frozenset[Scope]:
    """What somebody in this role may do. One who must have a second factor and came without may read."""
    granted = SCOPES[role]
    return granted if strong or role not in STRONG else granted & _VIEWING
