"""Who linked what, for how long, and with which tokens (contract, §2)."""

from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Final

import msgspec

from caudal_sandbox.economy.holders import Holder
from caudal_sandbox.truelayer.banks import Bank
from caudal_sandbox.truelayer.errors import Refused
from caudal_sandbox.truelayer.records import hexed
from caudal_sandbox.world import World

CONSENT_FOR: Final = timedelta(days=90)
TOKEN_SECONDS: Final = 3600
CODE_FOR: Final = timedelta(minutes=5)
"""[?] Minutes."""
DEEP_FOR: Final = timedelta(minutes=5)
"""[?] How long after the person was at the bank old history is given."""
SHALLOW_DAYS: Final = 90
UNATTENDED_PER_DAY: Final = 4


class Connection(msgspec.Struct):
    """One person's consent. `told_from`: account → the first day that was ever told of it.
    `broken`: every data call fails with it (``error.<code>`` at the mock bank)."""

    credentials_id: str
    client_id: str
    bank: Bank
    holder: Holder
    accounts: frozenset[str]
    scopes: frozenset[str]
    created_at: datetime
    authenticated_at: datetime
    expires_at: datetime
    refresh_token: str = ""
    broken: str = ""
    eternal: bool = False
    deleted: bool = False
    told_from: dict[str, date] = {}
    calls: Counter[tuple[date, str]] = msgspec.field(default_factory=Counter)

    def live(self, now: datetime) -> bool:
        """Whether the consent stands."""
        return not self.deleted and now < self.expires_at

    def attend(self, path: str, today: date) -> None:
        """Count a call with nobody present. Raises provider_request_limit_exceeded: failed tries count as well."""
        self.calls[today, path] += 1
        if self.calls[today, path] > UNATTENDED_PER_DAY:
            raise Refused("provider_request_limit_exceeded")


class Code(msgspec.Struct):
    """What the person brings back, good once."""

    connection: Connection
    redirect_uri: str
    challenge: str
    expires_at: datetime


class Connections:
    """All of them. Tokens follow `clock`, consents the world's."""

    def __init__(self, world: World, clock: Callable[[], datetime]) -> None:
        self._world = world
        self._clock = clock
        self._made = 0
        self.all: list[Connection] = []
        self._codes: dict[str, Code] = {}
        self._access: dict[str, tuple[Connection, datetime]] = {}
        self._refresh: dict[str, Connection] = {}

    def add(
        self,
        *,
        client_id: str,
        bank: Bank,
        holder: Holder,
        accounts: frozenset[str],
        scopes: frozenset[str],
        again: Connection | None = None,
    ) -> Connection:
        """A new consent, or, kept by an extension, the same one anew."""
        now = self._world.now
        if again is not None:
            again.authenticated_at, again.expires_at = now, now + CONSENT_FOR
            return again
        made = Connection(
            credentials_id=self._name("credentials"),
            client_id=client_id,
            bank=bank,
            holder=holder,
            accounts=accounts,
            scopes=scopes,
            created_at=now,
            authenticated_at=now,
            expires_at=now + CONSENT_FOR,
        )
        self.all.append(made)
        return made

    def code(self, connection: Connection, redirect_uri: str, challenge: str) -> str:
        """A code for it."""
        code = self._name("code")
        self._codes[code] = Code(connection, redirect_uri, challenge, self._clock() + CODE_FOR)
        return code

    def redeemed(self, code: str, redirect_uri: str) -> Code:
        """What the code was for. Raises invalid_grant for one used, too old, or of another address."""
        found = self._codes.pop(code, None)
        if found is None or found.redirect_uri != redirect_uri or self._clock() > found.expires_at:
            raise Refused("invalid_grant", auth=True)
        return found

    def tokens(self, connection: Connection) -> dict[str, object]:
        """New tokens. Where the bank rotates them the refresh token before is dead."""
        access = f"eyJhbGciOiJSUzI1NiIsInR5cCI6ImF0K2p3dCJ9.{self._name('access')}.{self._name('signature')}"
        self._access[access] = (connection, self._clock() + timedelta(seconds=TOKEN_SECONDS))
        told: dict[str, object] = {
            "access_token": access,
            "expires_in": TOKEN_SECONDS,
            "token_type": "Bearer",
            "scope": " ".join(sorted(connection.scopes)),
        }
        if "offline_access" not in connection.scopes:
            return told
        if connection.bank.quirks.rotates or not connection.refresh_token:
            self._refresh.pop(connection.refresh_token, None)
            connection.refresh_token = self._name("refresh").upper()
            self._refresh[connection.refresh_token] = connection
        return {**told, "refresh_token": connection.refresh_token}

    def known(self, token: str) -> Connection | None:
        """Whose token it is or was."""
        return self._access.get(token, (None, None))[0]

    def by_refresh(self, token: str) -> Connection:
        """Raises invalid_grant for a token that was rotated away, or whose consent is over."""
        found = self._refresh.get(token)
        if found is None or not found.live(self._world.now):
            raise Refused("invalid_grant", auth=True)
        return found

    def by_access(self, token: str) -> Connection:
        """Raises invalid_token."""
        found, until = self._access.get(token, (None, None))
        if found is None or until is None or self._clock() >= until or not found.live(self._world.now):
            raise Refused("invalid_token")
        return found

    def _name(self, kind: str) -> str:
        self._made += 1
        return hexed(self._world.seed, kind, self._made, length=48)
