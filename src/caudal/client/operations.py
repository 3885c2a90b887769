"""What the API can do, as methods. Made from its document (`python -m tests.support.client_code`); a test compares."""

# ruff: noqa: E501
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from caudal.client.core import AsyncCore, Core, Page, Raw, Undefined, segment, undefined


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """What a session shows from now on: `Authorization: Bearer <access_token>`."""

    session_id: UUID
    access_token: str
    access_seconds: int
    refresh_token: str
    refresh_seconds: int


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """What an invitation is to."""

    space: str
    email: str
    role: str
    invited_by: str


class Entered(msgspec.Struct, frozen=True, kw_only=True):
    """A space one is in now."""

    space_id: UUID
    name: str


class LoggedIn(msgspec.Struct, frozen=True, kw_only=True):
    """Either `tokens`, or what is missing: a second factor, to be shown with `second_factor_token`."""

    tokens: Tokens | None
    second_factor_token: str | None
    second_factors: list[str]


class PasskeyChallenge(msgspec.Struct, frozen=True, kw_only=True):
    """What a browser is to be given, and the token that its answer comes with."""

    token: str
    options: dict[str, Any]


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A session of one's own. `current`: the one that asks."""

    session_id: UUID
    current: bool
    second_factor: bool
    agent: str
    address: str
    created_at: str
    used_at: str
    ends_at: str


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How many sessions ended."""

    sessions: int


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A person. `one_time_codes`, `passkey`: which second factors they set up."""

    person_id: UUID
    email: str
    name: str
    language: str
    one_time_codes: bool
    passkey: bool
    recovery_codes_left: int


class Seed(msgspec.Struct, frozen=True, kw_only=True):
    """What an authenticator app is set up with: by hand, by its URI, or by the picture of it (SVG). Shown once."""

    seed: str
    uri: str
    picture: str


class RecoveryCodes(msgspec.Struct, frozen=True, kw_only=True):
    """Codes for when the authenticator is lost, each good once. Shown once."""

    codes: list[str]


class Passkey(msgspec.Struct, frozen=True, kw_only=True):
    """A passkey, by the id that its browser gave it."""

    credential_id: str
    name: str
    created_at: str
    used_at: str | None


class PasskeyAsked(msgspec.Struct, frozen=True, kw_only=True):
    """What a browser is to be given, and the token that its answer comes with."""

    token: str
    options: dict[str, Any]


Role = str
"""One of: admin, agent, auditor, member, owner, viewer; more may come."""

Scope = str
"""One of: accounts:read, audit:read, connections:manage, connections:read, events:read, files:import, keys:manage, members:manage, members:read, space:manage, transactions:edit, transactions:read; more may come."""


class Space(msgspec.Struct, frozen=True, kw_only=True):
    """A space, and what one may do in it. `currency`: in which it is valued; null: nobody said."""

    space_id: UUID
    name: str
    role: Role
    scopes: list[Scope]


class SpaceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a space is called, and in which currency it is valued (null: nobody said)."""

    space_id: UUID
    name: str
    currency: str | None


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody in the space."""

    person_id: UUID
    email: str
    name: str
    role: Role
    joined_at: str
    second_factor: bool


class OpenInvitation(msgspec.Struct, frozen=True, kw_only=True):
    """One that stands open."""

    invitation_id: UUID
    email: str
    role: Role
    invited_by: str
    made_at: str
    expires_at: str


class InvitationMade(msgspec.Struct, frozen=True, kw_only=True):
    """An invitation. `token`: for the invited alone; shown once."""

    invitation_id: UUID
    token: str


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A key, without what opens."""

    key_id: str
    name: str
    role: Role
    scopes: list[str]
    networks: list[str]
    made_by: str
    made_at: str
    expires_at: str
    used_at: str | None
    revoked_at: str | None


class KeyMade(msgspec.Struct, frozen=True, kw_only=True):
    """A key. `key` is shown once."""

    key_id: str
    key: str


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was done. `actor`: `person:<id>`, `key:<id>`, or `local`: on the machine itself."""

    seq: int
    at: str
    actor: str
    act: str
    details: dict[str, str]


class AuditCheck(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the trail holds. `broken_at`: the number of the first entry that is missing or was changed; a cut-off end
    can't be seen from the trail alone."""

    holds: bool
    broken_at: int | None


class Money(msgspec.Struct, frozen=True, kw_only=True):
    """An amount and its currency or asset. Positive: there; negative: owed."""

    amount: Decimal
    currency: str


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the ledger agrees with the balances that sources told. `verdict`: `proven` (to `proven_to`), `off` (by
    `off_by`, since `off_since`), or `unproven`: no balance to go by."""

    verdict: str
    proven_to: date | None
    off_by: Decimal | None
    off_since: date | None


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account in one currency. `booked`: what the ledger holds; `told`: the latest balance a source told, and its
    day. `iban`, `number`: by agents only the last digits are seen. `shares_limit_with`: the cards that draw on its
    credit line."""

    account_id: UUID
    name: str
    kind: str
    institution: str | None
    booked: Money
    transactions: int
    first_on: date | None
    last_on: date | None
    told: Decimal | None
    told_on: date | None
    proof: Proof
    iban: str | None
    number: str | None
    mask: str | None
    shares_limit_with: list[str]


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """A balance as a source told it. `kind`: `booked`, `available`, `limit`, `value` (shown, and no evidence), or
    `presumed` (to be booked: it proves while it agrees, and accuses of nothing).
    `firm`: for the end of the day `on`; else of the moment it was told."""

    kind: str
    on: date
    told: Money
    firm: bool
    told_at: str | None
    seen_at: str
    source: str
    provider: str


class BalanceDay(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger held at the end of a day."""

    day: date
    currency: str
    held: Decimal


class Month(msgspec.Struct, frozen=True, kw_only=True):
    """What came in and what went out in a month (its first day); both are positive."""

    month: date
    currency: str
    came: Decimal
    went: Decimal


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """What is likely behind a difference: its kind, and that in words."""

    kind: str
    says: str


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Where the difference changed: after `after` and until `on`, by how much, and what is likely behind it."""

    after: date
    on: date
    by: Decimal
    causes: list[Cause]


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """A balance as it was told for the end of a day, beside what the ledger held. `off_by`: told less held."""

    on: date
    told: Decimal
    held: Decimal
    off_by: Decimal
    firm: bool


class AccountProof(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on an account in one currency and what it rests on. `changes`: where the difference came to be, with
    likely causes; `readings`: the latest balances told."""

    account_id: UUID
    account: str
    currency: str
    proof: Proof
    changes: list[Change]
    readings: list[Reading]


class Valued(msgspec.Struct, frozen=True, kw_only=True):
    """An account, and what it holds is worth; null: nobody knows."""

    account: str
    kind: str
    held: Money
    value: Decimal | None


class Valuation(msgspec.Struct, frozen=True, kw_only=True):
    """A space in one currency. `total` is of what could be valued; `unvalued`: of what not."""

    currency: str
    on: date
    total: Decimal
    accounts: list[Valued]
    unvalued: list[str]


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """A word that was kept; `POST …/decisions/{decision_id}/undo` takes it back."""

    decision_ids: list[UUID]


class ListedTransaction(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction in a list. `sources`: how many source accounts tell of it, by `providers`. `edited`, `reconciled`,
    `split`: by a person."""

    transaction_id: UUID
    account_id: UUID
    account: str
    booked_on: date
    value_on: date | None
    amount: Decimal
    currency: str
    status: str
    description: str
    counterparty: str
    reference: str
    transfer_id: UUID | None
    transfer: str | None
    other_side: UUID | None
    category: str
    sources: int
    providers: list[str]
    edited: bool
    reconciled: bool
    split: bool


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """One real movement on one account. `amount`: positive into the account, negative out of it. `status`: `booked` or
    `pending`. `transfer`: its kind, where it is a side of one, and `other_side` the other."""

    transaction_id: UUID
    account_id: UUID
    account: str
    booked_on: date
    value_on: date | None
    amount: Decimal
    currency: str
    status: str
    description: str
    counterparty: str
    reference: str
    transfer_id: UUID | None
    transfer: str | None
    other_side: UUID | None


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """One version of what one source told. `taken_by`: by which rule it was taken for this movement; null: it founded
    it."""

    observation_id: UUID
    provider: str
    source_account: str
    provider_id: str
    version: int
    gone: bool
    status: str
    booked_on: date
    amount: Decimal
    currency: str
    description: str
    counterparty: str
    reference: str
    seen_at: str
    strand: UUID
    taken_by: str | None
    weight: int | None
    found: list[Any]


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """What a transaction says in one field, and which source gave it: a provider, or `person`."""

    field: str
    value: str
    source: str


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction, everything it rests on, and who gave which field."""

    transaction: Transaction
    observations: list[Observation]
    fields: list[Given]


class Likeness(msgspec.Struct, frozen=True, kw_only=True):
    """Two transactions of an account that may be, or were taken for, one. `rule`: by what; `weight`: how strongly."""

    transaction_id: UUID
    other_transaction_id: UUID
    account: str
    currency: str
    booked_on: date
    amount: Decimal
    description: str
    other_on: date
    other_amount: Decimal
    other_description: str
    rule: str
    weight: int


class Conflict(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction of which a source says now what differs from what a person fixed. `says`: by field."""

    transaction_id: UUID
    account: str
    booked_on: date
    amount: Decimal
    currency: str
    description: str
    says: dict[str, str]


class TwoAccounts(msgspec.Struct, frozen=True, kw_only=True):
    """Two accounts that may be one."""

    account_id: UUID
    account: str
    other_account_id: UUID
    other_account: str
    rule: str


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One side of a transfer."""

    transaction_id: UUID
    account: str
    booked_on: date
    amount: Decimal
    currency: str
    description: str
    counterparty: str


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """Two transactions that are two sides of one movement between own accounts; without `transfer_id`: two that may be.
    `said`: a person said so. `days`: between the two."""

    transfer_id: UUID | None
    kind: str
    days: int
    said: bool
    out: Side
    into: Side


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """What deserves a look: `probable` was taken for one; `doubts` were kept apart; `twins` are told alike by one source;
    `conflicts` differ from what a person fixed; `accounts` and `transfers` may be one, and weren't taken for that."""

    probable: list[Likeness]
    doubts: list[Likeness]
    twins: list[Likeness]
    conflicts: list[Conflict]
    accounts: list[TwoAccounts]
    transfers: list[Transfer]


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody said and stands."""

    decision_id: UUID
    kind: str
    transaction_id: UUID
    other_id: UUID | None
    data: dict[str, Any]


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """One link to an institution through a provider. `state`: `active`, `degraded`, `needs_user`, `revoked`, `linking`;
    `reason` and `action`: why it isn't active, and what to do. `home_space_id`: where it is linked, and managed, if it
    only feeds this space; `choosing`: its person is being asked where its accounts belong."""

    connection_id: UUID
    provider: str
    institution: str
    label: str
    state: str
    reason: str
    action: str
    accounts: int
    created_at: str
    last_run_at: str | None
    last_outcome: str | None
    last_error: str | None
    paused_at: str | None
    home_space_id: UUID | None
    choosing: bool


class Refreshed(msgspec.Struct, frozen=True, kw_only=True):
    """How fresh a connection is now: `fresh`, `going_on` (in the background), `failed` (`error` says why)."""

    connection_id: UUID
    freshness: str
    created: int
    changed: int
    error: str


class Refresh(msgspec.Struct, frozen=True, kw_only=True):
    """What a refresh came to. `partial`: not everything is fresh yet."""

    partial: bool
    connections: list[Refreshed]


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One sync of one connection, or one file. `cause`: `manual`, `webhook`, `schedule`, `backfill`, `import`; `outcome`:
    `running`, `complete`, `partial`, `failed`. `left_out`: by the person's choice."""

    run_id: UUID
    connection_id: UUID
    provider: str
    label: str
    subject: str
    cause: str
    started_at: str
    finished_at: str | None
    outcome: str
    error: str | None
    error_class: str
    pages: int
    seen: int
    created: int
    changed: int
    gone: int
    quarantined: int
    left_out: int


class ShownAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An account as a connection shows it, whether it is wanted, and the space it belongs to."""

    reference: str
    name: str
    mask: str | None
    selected: bool
    space_id: UUID


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """How an account stands after it."""

    account_id: UUID
    account: str
    currency: str
    verdict: str


class Import(msgspec.Struct, frozen=True, kw_only=True):
    """What taking a file in did. `known`: held already; `quarantined`: couldn't be read, and is kept; `notes`: what to
    know."""

    file: str
    format: str
    read: int
    new: int
    known: int
    changed: int
    quarantined: int
    proofs: list[Verdict]
    notes: list[str]


class MadeLink(msgspec.Struct, frozen=True, kw_only=True):
    """A session just made. `url`: the page, for the person alone: whoever has it goes through it. Shown once. Below
    CAUDAL_PUBLIC_URL; a path where that isn't set."""

    session_id: UUID
    url: str
    expires_at: str


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A session as it stands. `state`: what is next (`choose`, `consent`, `visit`, `ask`, `found`), or how it ended
    (`linked`, `mended`, `abandoned`, `expired`). `connection_id`: what it came to."""

    session_id: UUID
    state: str
    provider: str
    relink: UUID | None
    app: str
    made_at: str
    expires_at: str
    agreed_at: str | None
    connection_id: UUID | None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened. `seq` counts within the space, without gaps."""

    seq: int
    at: str
    kind: str
    connection_id: UUID | None
    account_id: UUID | None
    data: dict[str, Any]


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """A provider one can link with. `set_up`: on this installation."""

    name: str
    title: str
    what: str
    capabilities: list[str]
    set_up: bool


class Institution(msgspec.Struct, frozen=True, kw_only=True):
    """An institution that can be linked: a link session takes its `provider` and `reference`. `working`: its provider
    knows of no trouble there; `investments_only`: a broker, which tells positions and no account's movements; `login`:
    `open_finance`, `password`, or empty where its provider doesn't tell."""

    provider: str
    reference: str
    name: str
    countries: list[str]
    working: bool
    investments_only: bool
    login: str


class Leg(msgspec.Struct, frozen=True, kw_only=True):
    """A rate as a source told it, of its own day."""

    base: str
    quote: str
    rate: Decimal
    day: date
    source: str


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """One of `base` was `rate` of `quote`. `legs`: how it was found; none where both are one currency."""

    base: str
    quote: str
    on: date
    rate: Decimal
    legs: list[Leg]


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Whether work can be done here."""

    ready: bool
    version: str


class Operations(Core):
    """Every operation."""

    def become_first_owner(
        self, *, token: str, email: str, name: str, password: str, language: str | Undefined = undefined
    ) -> Tokens:
        """Become the first person, and the owner of all there is.

        The token is shown by `caudal serve` where there is nobody yet, and is good for a day, once.
        """
        return self._ask(
            "POST",
            "/v1/first-owner",
            Tokens,
            body={"token": token, "email": email, "name": name, "password": password, "language": language},
        )

    def read_invitation(self, *, token: str) -> Invitation:
        """What an invitation is to."""
        return self._ask("POST", "/v1/invitation", Invitation, body={"token": token})

    def join(
        self, *, token: str, email: str, name: str, password: str, language: str | Undefined = undefined
    ) -> Tokens:
        """Become a person by an invitation to one's e-mail, and enter its space."""
        return self._ask(
            "POST",
            "/v1/invitation/join",
            Tokens,
            body={"token": token, "email": email, "name": name, "password": password, "language": language},
        )

    def accept_invitation(self, *, token: str, idempotency_key: str | None = None) -> Entered:
        """Enter a space one was invited to, being a person here already."""
        return self._ask("POST", "/v1/invitation/accept", Entered, body={"token": token}, key=idempotency_key)

    def log_in(self, *, email: str, password: str) -> LoggedIn:
        """Log in with a password.

        Where a second factor is set up, it is asked for: see `second_factors`.
        """
        return self._ask("POST", "/v1/session", LoggedIn, body={"email": email, "password": password})

    def log_out(self) -> None:
        """Log out, at once."""
        return self._ask("DELETE", "/v1/session", type(None))

    def show_second_factor(self, *, token: str, code: str) -> Tokens:
        """The second half of a login. A code is good once."""
        return self._ask("POST", "/v1/session/second-factor", Tokens, body={"token": token, "code": code})

    def begin_passkey_login(self) -> PasskeyChallenge:
        """Begin to log in by a passkey: `options` are for `navigator.credentials.get`."""
        return self._ask("POST", "/v1/session/passkey/begin", PasskeyChallenge)

    def log_in_by_passkey(self, *, token: str, answer: dict[str, Any]) -> Tokens:
        """Log in by a passkey: it stands for both factors."""
        return self._ask("POST", "/v1/session/passkey", Tokens, body={"token": token, "answer": answer})

    def refresh_session(self, *, refresh_token: str) -> Tokens:
        """New tokens for an old refresh token. One that was used before ends its session."""
        return self._ask("POST", "/v1/session/refresh", Tokens, body={"refresh_token": refresh_token})

    def prove(self, *, password: str, idempotency_key: str | None = None) -> None:
        """Show again who one is, before what would let others in for good. It holds for ten minutes."""
        return self._ask(
            "POST", "/v1/session/proof", type(None), body={"password": password}, key=idempotency_key
        )

    def list_sessions(self) -> Page[Session]:
        """One's sessions, the latest used first."""
        return self._ask("GET", "/v1/sessions", Page[Session])

    def end_session(self, session_id: UUID | str) -> None:
        """Log out of one session."""
        return self._ask("DELETE", f"/v1/sessions/{segment(session_id)}", type(None))

    def log_out_everywhere(self, *, idempotency_key: str | None = None) -> Ended:
        """Log out everywhere, here too."""
        return self._ask("POST", "/v1/sessions/end", Ended, key=idempotency_key)

    def read_me(self) -> Person:
        """Who one is."""
        return self._ask("GET", "/v1/me", Person)

    def change_me(
        self, *, name: str | Undefined | None = undefined, language: str | Undefined | None = undefined
    ) -> Person:
        """Another name, another language."""
        return self._ask("PATCH", "/v1/me", Person, body={"name": name, "language": language})

    def change_password(self, *, password: str, idempotency_key: str | None = None) -> None:
        """Another password. Every other session ends."""
        return self._ask(
            "POST", "/v1/me/password", type(None), body={"password": password}, key=idempotency_key
        )

    def set_up_one_time_codes(self, *, idempotency_key: str | None = None) -> Seed:
        """Begin to set up one-time codes. They count once a code was shown (`…/confirm`)."""
        return self._ask("POST", "/v1/me/one-time-codes", Seed, key=idempotency_key)

    def take_one_time_codes_away(self) -> None:
        """No one-time codes any more."""
        return self._ask("DELETE", "/v1/me/one-time-codes", type(None))

    def confirm_one_time_codes(self, *, code: str, idempotency_key: str | None = None) -> RecoveryCodes:
        """Show a code: from now on logging in asks for one."""
        return self._ask(
            "POST", "/v1/me/one-time-codes/confirm", RecoveryCodes, body={"code": code}, key=idempotency_key
        )

    def make_recovery_codes(self, *, idempotency_key: str | None = None) -> RecoveryCodes:
        """New recovery codes; those before are worth nothing."""
        return self._ask("POST", "/v1/me/recovery-codes", RecoveryCodes, key=idempotency_key)

    def list_passkeys(self) -> Page[Passkey]:
        """One's passkeys, the oldest first."""
        return self._ask("GET", "/v1/me/passkeys", Page[Passkey])

    def keep_passkey(
        self, *, token: str, name: str, answer: dict[str, Any], idempotency_key: str | None = None
    ) -> Page[Passkey]:
        """Keep the passkey that was made. It stands for both factors."""
        return self._ask(
            "POST",
            "/v1/me/passkeys",
            Page[Passkey],
            body={"token": token, "name": name, "answer": answer},
            key=idempotency_key,
        )

    def begin_passkey(self, *, idempotency_key: str | None = None) -> PasskeyAsked:
        """Begin to make a passkey: `options` are for `navigator.credentials.create`."""
        return self._ask("POST", "/v1/me/passkeys/begin", PasskeyAsked, key=idempotency_key)

    def drop_passkey(self, credential_id: str) -> None:
        """Take a passkey away."""
        return self._ask("DELETE", f"/v1/me/passkeys/{segment(credential_id)}", type(None))

    def list_spaces(self) -> Page[Space]:
        """The spaces one is in; of a key, its own."""
        return self._ask("GET", "/v1/spaces", Page[Space])

    def make_space(self, *, name: str, idempotency_key: str | None = None) -> SpaceSettings:
        """New, empty books of one's own."""
        return self._ask("POST", "/v1/spaces", SpaceSettings, body={"name": name}, key=idempotency_key)

    def read_space(self, space_id: UUID | str) -> SpaceSettings:
        """A space."""
        return self._ask("GET", f"/v1/spaces/{segment(space_id)}", SpaceSettings)

    def change_space(
        self,
        space_id: UUID | str,
        *,
        name: str | Undefined | None = undefined,
        currency: str | Undefined | None = undefined,
    ) -> SpaceSettings:
        """Another name; another currency to value it in."""
        return self._ask(
            "PATCH",
            f"/v1/spaces/{segment(space_id)}",
            SpaceSettings,
            body={"name": name, "currency": currency},
        )

    def list_members(self, space_id: UUID | str) -> Page[Member]:
        """Who is in the space, the longest first."""
        return self._ask("GET", f"/v1/spaces/{segment(space_id)}/members", Page[Member])

    def change_member(self, space_id: UUID | str, person_id: UUID | str, *, role: str) -> None:
        """Somebody in another role, from their next request on."""
        return self._ask(
            "PATCH",
            f"/v1/spaces/{segment(space_id)}/members/{segment(person_id)}",
            type(None),
            body={"role": role},
        )

    def remove_member(self, space_id: UUID | str, person_id: UUID | str) -> None:
        """Somebody out."""
        return self._ask("DELETE", f"/v1/spaces/{segment(space_id)}/members/{segment(person_id)}", type(None))

    def list_invitations(self, space_id: UUID | str) -> Page[OpenInvitation]:
        """Invitations that stand open."""
        return self._ask("GET", f"/v1/spaces/{segment(space_id)}/invitations", Page[OpenInvitation])

    def invite(
        self, space_id: UUID | str, *, email: str, role: str, idempotency_key: str | None = None
    ) -> InvitationMade:
        """Invite somebody, for a week; in place of an open invitation to the same e-mail."""
        return self._ask(
            "POST",
            f"/v1/spaces/{segment(space_id)}/invitations",
            InvitationMade,
            body={"email": email, "role": role},
            key=idempotency_key,
        )

    def withdraw_invitation(self, space_id: UUID | str, invitation_id: UUID | str) -> None:
        """An invitation is void."""
        return self._ask(
            "DELETE", f"/v1/spaces/{segment(space_id)}/invitations/{segment(invitation_id)}", type(None)
        )

    def list_keys(self, space_id: UUID | str) -> Page[Key]:
        """The space's keys, the latest first."""
        return self._ask("GET", f"/v1/spaces/{segment(space_id)}/keys", Page[Key])

    def make_key(
        self,
        space_id: UUID | str,
        *,
        name: str,
        role: str | Undefined = undefined,
        scopes: list[str] | Undefined = undefined,
        networks: list[str] | Undefined = undefined,
        days: int | Undefined = undefined,
        idempotency_key: str | None = None,
    ) -> KeyMade:
        """A key for a program. Only somebody logged in makes one."""
        return self._ask(
            "POST",
            f"/v1/spaces/{segment(space_id)}/keys",
            KeyMade,
            body={"name": name, "role": role, "scopes": scopes, "networks": networks, "days": days},
            key=idempotency_key,
        )

    def revoke_key(self, space_id: UUID | str, key_id: str) -> None:
        """A key opens nothing any more, at once."""
        return self._ask("DELETE", f"/v1/spaces/{segment(space_id)}/keys/{segment(key_id)}", type(None))

    def list_audit(
        self, space_id: UUID | str, *, limit: int | Undefined = undefined, after: str | Undefined = undefined
    ) -> Page[AuditEntry]:
        """What was done, the first first."""
        return self._ask(
            "GET",
            f"/v1/spaces/{segment(space_id)}/audit",
            Page[AuditEntry],
            query={"limit": limit, "after": after},
        )

    def check_audit(self, space_id: UUID | str) -> AuditCheck:
        """Verify the whole trail, entry by entry."""
        return self._ask("GET", f"/v1/spaces/{segment(space_id)}/audit/check", AuditCheck)

    def list_accounts(self, space_id: UUID | str) -> Page[Account]:
        """The space's accounts, one for each currency that an account holds."""
        return self._ask("GET", f"/v1/spaces/{segment(space_id)}/accounts", Page[Account])

    def read_account(self, space_id: UUID | str, account_id: UUID | str) -> Page[Account]:
        """An account: one entry for each currency that it holds."""
        return self._ask(
            "GET", f"/v1/spaces/{segment(space_id)}/accounts/{segment(account_id)}", Page[Account]
        )

    def list_balances(
        self,
        space_id: UUID | str,
        account_id: UUID | str,
        *,
        limit: int | Undefined = undefined,
        after: str | Undefined = undefined,
    ) -> Page[Balance]:
        """What sources told to stand on an account, of every kind, the latest day first."""
        return self._ask(
            "GET",
            f"/v1/spaces/{segment(space_id)}/accounts/{segment(account_id)}/balances",
            Page[Balance],
            query={"limit": limit, "after": after},
        )

    def list_balance_days(
        self, space_id: UUID | str, account_id: UUID | str, *, start: date, end: date
    ) -> Page[BalanceDay]:
        """What the ledger held on an account, by currency: at the end of `start`, of each day it changed, and of `end`."""
        return self._ask(
            "GET",
            f"/v1/spaces/{segment(space_id)}/accounts/{segment(account_id)}/days",
            Page[BalanceDay],
            query={"start": start, "end": end},
        )

    def list_months(
        self, space_id: UUID | str, *, last: date, months: int | Undefined = undefined
    ) -> Page[Month]:
        """Money in and out by month and currency, the latest first; not what moved between own accounts, nor what is.

        pending.
        """
        return self._ask(
            "GET",
            f"/v1/spaces/{segment(space_id)}/months",
            Page[Month],
            query={"last": last, "months": months},
        )

    def list_proofs(self, space_id: UUID | str) -> Page[AccountProof]:
        """The verdict on every account; of those that are off, where that began and what is likely behind it."""
        return self._ask("GET", f"/v1/spaces/{segment(space_id)}/proof", Page[AccountProof])

    def read_proof(self, space_id: UUID | str, account_id: UUID | str) -> Page[AccountProof]:
        """The verdict on an account, in each currency, and the balances it rests on."""
        return self._ask(
            "GET", f"/v1/spaces/{segment(space_id)}/accounts/{segment(account_id)}/proof", Page[AccountProof]
        )

    def value_space(
        self, space_id: UUID | str, *, currency: str | Undefined = undefined, on: date | Undefined = undefined
    ) -> Valuation:
        """What the space is worth in one currency. What it holds stays what it is."""
        return self._ask(
            "GET", f"/v1/spaces/{segment(space_id)}/value", Valuation, query={"currency": currency, "on": on}
        )

    def join_accounts(
        self,
        space_id: UUID | str,
        *,
        account_id: UUID | str,
        other_account_id: UUID | str,
        idempotency_key: str | None = None,
    ) -> Decided:
        """Say that two accounts are one."""
        return self._ask(
            "POST",
            f"/v1/spaces/{segment(space_id)}/accounts/join",
            Decided,
            body={"account_id": account_id, "other_account_id": other_account_id},
            key=idempotency_key,
        )

    def keep_accounts_apart(
        self,
        space_id: UUID | str,
        *,
        account_id: UUID | str,
        other_account_id: UUID | str,
        idempotency_key: str | None = None,
    ) -> Decided:
        """Say that two accounts that may be one are two."""
        return self._ask(
            "POST",
            f"/v1/spaces/{segment(space_id)}/accounts/keep-apart",
            Decided,
            body={"account_id": account_id, "other_account_id": other_account_id},
            key=idempotency_key,
        )

    def part_account(
        self,
        space_id: UUID | str,
        *,
        account_id: UUID | str,
        source_account_id: UUID | str,
        idempotency_key: str | None = None,
    ) -> Decided:
        """Say that one of an account's sources is an account by itself."""
        return self._ask(
            "POST",
            f"/v1/spaces/{segment(space_id)}/accounts/part",
            Decided,
            body={"account_id": account_id, "source_account_id": source_account_id},
            key=idempotency_key,
        )

    def list_transactions(
        self,
        space_id: UUID | str,
        *,
        limit: int | Undefined = undefined,
        after: str | Undefined = undefined,
        account_id: list[UUID] | Undefined = undefined,
        start: date | Undefined = undefined,
        end: date | Undefined = undefined,
        amount_min: Decimal | str | Undefined = undefined,
        amount_max: Decimal | str | Undefined = undefined,
        direction: str | Undefined = undefined,
        currency: str | Undefined = undefined,
        status: str | Undefined = undefined,
        category: str | Undefined = undefined,
        text: str | Undefined = undefined,
        transfer: bool | Undefined = undefined,
    ) -> Page[ListedTransaction]:
        """Transactions, the latest first: filtered, searched, a page at a time.

        A page may be short of `limit`, even empty, and not be the last: `next` says. `text`: terms that are all to be
        found, in any order, case and accents apart; one that is a number also as the amount. `amount_min`, `amount_max`:
        without sign.
        """
        return self._ask(
            "GET",
            f"/v1/spaces/{segment(space_id)}/transactions",
            Page[ListedTransaction],
            query={
                "limit": limit,
                "after": after,
                "account_id": account_id,
                "start": start,
                "end": end,
                "amount_min": amount_min,
                "amount_max": amount_max,
                "direction": direction,
                "currency": currency,
                "status": status,
                "category": category,
                "text": text,
                "transfer": transfer,
            },
        )

    def read_transaction(self, space_id: UUID | str, transaction_id: UUID | str) -> Transaction:
        """A transaction; of one that was taken for another, that other."""
        return self._ask(
            "GET", f"/v1/spaces/{segment(space_id)}/transactions/{segment(transaction_id)}", Transaction
        )

    def edit_transaction(
        self,
        space_id: UUID | str,
        transaction_id: UUID | str,
        *,
        description: str | Undefined | None = undefined,
        counterparty: str | Undefined | None = undefined,
        reference: str | Undefined | None = undefined,
        category: str | Undefined | None = undefined,
        amount: Decimal | str | Undefined | None = undefined,
        booked_on: date | Undefined | None = undefined,
        authorized_on: date | Undefined | None = undefined,
        if_match: str = "*",
    ) -> Decided:
        """Fix fields of a transaction, those alone."""
        return self._ask(
            "PATCH",
            f"/v1/spaces/{segment(space_id)}/transactions/{segment(transaction_id)}",
            Decided,
            body={
                "description": description,
                "counterparty": counterparty,
                "reference": reference,
                "category": category,
                "amount": amount,
                "booked_on": booked_on,
                "authorized_on": authorized_on,
            },
            if_match=if_match,
        )

    def delete_transaction(self, space_id: UUID | str, transaction_id: UUID | str) -> None:
        """Take a transaction out of the ledger, whatever its sources tell of it later. It can be taken back.

        (`decisions`).
        """
        return self._ask(
            "DELETE", f"/v1/spaces/{segment(space_id)}/transactions/{segment(transaction_id)}", type(None)
        )

    def explain_transaction(self, space_id: UUID | str, transaction_id: UUID | str) -> Why:
        """What a transaction rests on: every version of all that was told of it, and by which evidence it was taken for.

        one.
        """
        return self._ask(
            "GET", f"/v1/spaces/{segment(space_id)}/transactions/{segment(transaction_id)}/why", Why
        )

    def reconcile_transaction(
        self, space_id: UUID | str, transaction_id: UUID | str, *, idempotency_key: str | None = None
    ) -> Decided:
        """Mark a transaction as reconciled: its amount and its day stay."""
        return self._ask(
            "POST",
            f"/v1/spaces/{segment(space_id)}/transactions/{segment(transaction_id)}/reconcile",
            Decided,
            key=idempotency_key,
        )

    def merge_transactions(
        self,
        space_id: UUID | str,
        transaction_id: UUID | str,
        *,
        other_transaction_id: UUID | str,
        idempotency_key: str | None = None,
    ) -> Decided:
        """Say that two transactions of an account are one movement."""
        return self._ask(
            "POST",
            f"/v1/spaces/{segment(space_id)}/transactions/{segment(transaction_id)}/merge",
            Decided,
            body={"other_transaction_id": other_transaction_id},
            key=idempotency_key,
        )

    def split_transaction_apart(
        self,
        space_id: UUID | str,
        transaction_id: UUID | str,
        *,
        strand: UUID | Undefined | None = undefined,
        idempotency_key: str | None = None,
    ) -> Decided:
        """Say that what was taken for one movement are several."""
        return self._ask(
            "POST",
            f"/v1/spaces/{segment(space_id)}/transactions/{segment(transaction_id)}/split-apart",
            Decided,
            body={"strand": strand},
            key=idempotency_key,
        )

    def split_transaction(
        self,
        space_id: UUID | str,
        transaction_id: UUID | str,
        *,
        amounts: list[Decimal | str],
        idempotency_key: str | None = None,
    ) -> Decided:
        """Split a transaction's amount."""
        return self._ask(
            "POST",
            f"/v1/spaces/{segment(space_id)}/transactions/{segment(transaction_id)}/split",
            Decided,
            body={"amounts": amounts},
            key=idempotency_key,
        )

    def read_review(self, space_id: UUID | str, *, limit: int | Undefined = undefined) -> Review:
        """What deserves a person's look."""
        return self._ask("GET", f"/v1/spaces/{segment(space_id)}/review", Review, query={"limit": limit})

    def list_decisions(self, space_id: UUID | str, *, limit: int | Undefined = undefined) -> Page[Decision]:
        """What people said of transactions and stands, the latest first."""
        return self._ask(
            "GET", f"/v1/spaces/{segment(space_id)}/decisions", Page[Decision], query={"limit": limit}
        )

    def undo_decision(
        self, space_id: UUID | str, decision_id: UUID | str, *, idempotency_key: str | None = None
    ) -> None:
        """Take a word back, on transactions, transfers or accounts. What follows from it is derived anew."""
        return self._ask(
            "POST",
            f"/v1/spaces/{segment(space_id)}/decisions/{segment(decision_id)}/undo",
            type(None),
            key=idempotency_key,
        )

    def list_transfers(self, space_id: UUID | str, *, limit: int | Undefined = undefined) -> Page[Transfer]:
        """The space's transfers, the latest first."""
        return self._ask(
            "GET", f"/v1/spaces/{segment(space_id)}/transfers", Page[Transfer], query={"limit": limit}
        )

    def link_transfer(
        self,
        space_id: UUID | str,
        *,
        out_transaction_id: UUID | str,
        into_transaction_id: UUID | str,
        idempotency_key: str | None = None,
    ) -> Decided:
        """Say that two transactions are two sides of one transfer."""
        return self._ask(
            "POST",
            f"/v1/spaces/{segment(space_id)}/transfers",
            Decided,
            body={"out_transaction_id": out_transaction_id, "into_transaction_id": into_transaction_id},
            key=idempotency_key,
        )

    def unlink_transfer(
        self,
        space_id: UUID | str,
        *,
        out_transaction_id: UUID | str,
        into_transaction_id: UUID | str,
        idempotency_key: str | None = None,
    ) -> Decided:
        """Say that two transactions are no transfer: that holds from then on."""
        return self._ask(
            "POST",
            f"/v1/spaces/{segment(space_id)}/transfers/unlink",
            Decided,
            body={"out_transaction_id": out_transaction_id, "into_transaction_id": into_transaction_id},
            key=idempotency_key,
        )

    def list_connections(self, space_id: UUID | str) -> Page[Connection]:
        """The space's connections, the oldest first; the one that statement files come through among them."""
        return self._ask("GET", f"/v1/spaces/{segment(space_id)}/connections", Page[Connection])

    def read_connection(self, space_id: UUID | str, connection_id: UUID | str) -> Connection:
        """A connection."""
        return self._ask(
            "GET", f"/v1/spaces/{segment(space_id)}/connections/{segment(connection_id)}", Connection
        )

    def end_connection(self, space_id: UUID | str, connection_id: UUID | str) -> None:
        """End a connection, at its provider and here: its secrets are gone, what it told stays."""
        return self._ask(
            "DELETE", f"/v1/spaces/{segment(space_id)}/connections/{segment(connection_id)}", type(None)
        )

    def refresh_connection(
        self, space_id: UUID | str, connection_id: UUID | str, *, idempotency_key: str | None = None
    ) -> Refresh:
        """Have the provider go to the bank, and pull: for 14 seconds at most; what is left goes on in the background."""
        return self._ask(
            "POST",
            f"/v1/spaces/{segment(space_id)}/connections/{segment(connection_id)}/refresh",
            Refresh,
            key=idempotency_key,
        )

    def list_runs(
        self,
        space_id: UUID | str,
        *,
        limit: int | Undefined = undefined,
        after: str | Undefined = undefined,
        connection_id: UUID | str | Undefined = undefined,
    ) -> Page[Run]:
        """How syncs and imports went, the latest first."""
        return self._ask(
            "GET",
            f"/v1/spaces/{segment(space_id)}/runs",
            Page[Run],
            query={"limit": limit, "after": after, "connection_id": connection_id},
        )

    def list_shown_accounts(self, space_id: UUID | str, connection_id: UUID | str) -> Page[ShownAccount]:
        """The accounts that a connection shows. In a space that it only feeds: those that belong there."""
        return self._ask(
            "GET",
            f"/v1/spaces/{segment(space_id)}/connections/{segment(connection_id)}/accounts",
            Page[ShownAccount],
        )

    def select_accounts(
        self, space_id: UUID | str, connection_id: UUID | str, *, references: list[str]
    ) -> Page[ShownAccount]:
        """Say which accounts are wanted. One wanted again is pulled from its beginning."""
        return self._ask(
            "PATCH",
            f"/v1/spaces/{segment(space_id)}/connections/{segment(connection_id)}/accounts",
            Page[ShownAccount],
            body={"references": references},
        )

    def route_accounts(
        self, space_id: UUID | str, connection_id: UUID | str, *, accounts: dict[str, UUID]
    ) -> Page[ShownAccount]:
        """Say to which space each account belongs. It may be any whose connections you manage; for a key, its own. All that.

        the connection told of an account goes with it, and what people said of its movements.
        """
        return self._ask(
            "PATCH",
            f"/v1/spaces/{segment(space_id)}/connections/{segment(connection_id)}/routes",
            Page[ShownAccount],
            body={"accounts": accounts},
        )

    def limit_history(self, space_id: UUID | str, connection_id: UUID | str, *, days: int | None) -> None:
        """Say how far back is wanted. What the ledger holds stays."""
        return self._ask(
            "PATCH",
            f"/v1/spaces/{segment(space_id)}/connections/{segment(connection_id)}/history",
            type(None),
            body={"days": days},
        )

    def pause_connection(
        self, space_id: UUID | str, connection_id: UUID | str, *, idempotency_key: str | None = None
    ) -> Connection:
        """Pull nothing any more, whoever asks, until it is resumed or mended. It stays linked; its provider isn't told."""
        return self._ask(
            "POST",
            f"/v1/spaces/{segment(space_id)}/connections/{segment(connection_id)}/pause",
            Connection,
            key=idempotency_key,
        )

    def resume_connection(
        self, space_id: UUID | str, connection_id: UUID | str, *, idempotency_key: str | None = None
    ) -> Connection:
        """Pull again, now and as before."""
        return self._ask(
            "POST",
            f"/v1/spaces/{segment(space_id)}/connections/{segment(connection_id)}/resume",
            Connection,
            key=idempotency_key,
        )

    def import_file(
        self,
        space_id: UUID | str,
        data: bytes,
        *,
        name: str | Undefined = undefined,
        preview: bool | Undefined = undefined,
        account: str | Undefined = undefined,
        currency: str | Undefined = undefined,
        idempotency_key: str | None = None,
    ) -> Import:
        """Take a statement file in: OFX, CAMT, SWIFT MT940, BAI2, QIF, CSV; told by its content.

        Taken in twice, or beside another that overlaps it, it adds nothing twice. One that can't be read whole is refused,
        and nothing is written. With `preview` nothing is either: the answer is what it would be.
        """
        return self._ask(
            "POST",
            f"/v1/spaces/{segment(space_id)}/files",
            Import,
            query={"name": name, "preview": preview, "account": account, "currency": currency},
            body=Raw(data),
            key=idempotency_key,
        )

    def make_link_session(
        self,
        space_id: UUID | str,
        *,
        provider: str | Undefined = undefined,
        institution: str | Undefined = undefined,
        relink: UUID | Undefined | None = undefined,
        language: str | Undefined = undefined,
        app: str | Undefined = undefined,
        purpose: str | Undefined = undefined,
        return_url: str | Undefined = undefined,
        embed_origin: str | Undefined = undefined,
        idempotency_key: str | None = None,
    ) -> MadeLink:
        """Begin a link: send the person to `url`, or show it in a frame.

        The page asks for their consent, takes them to the bank and back, and says what arrived. How it goes is told by
        `GET …/link-sessions/{session_id}`, and by the events of the connection it comes to.
        """
        return self._ask(
            "POST",
            f"/v1/spaces/{segment(space_id)}/link-sessions",
            MadeLink,
            body={
                "provider": provider,
                "institution": institution,
                "relink": relink,
                "language": language,
                "app": app,
                "purpose": purpose,
                "return_url": return_url,
                "embed_origin": embed_origin,
            },
            key=idempotency_key,
        )

    def list_link_sessions(self, space_id: UUID | str, *, limit: int | Undefined = undefined) -> Page[Link]:
        """The space's link sessions of the last days, the latest first."""
        return self._ask(
            "GET", f"/v1/spaces/{segment(space_id)}/link-sessions", Page[Link], query={"limit": limit}
        )

    def read_link_session(self, space_id: UUID | str, session_id: UUID | str) -> Link:
        """How a link goes."""
        return self._ask("GET", f"/v1/spaces/{segment(space_id)}/link-sessions/{segment(session_id)}", Link)

    def abandon_link_session(self, space_id: UUID | str, session_id: UUID | str) -> None:
        """End a link that is under way: its page leads nowhere any more. What it linked already stays."""
        return self._ask(
            "DELETE", f"/v1/spaces/{segment(space_id)}/link-sessions/{segment(session_id)}", type(None)
        )

    def list_events(
        self, space_id: UUID | str, *, after: int | Undefined = undefined, limit: int | Undefined = undefined
    ) -> Page[Event]:
        """What happened, the first first. `next` is the number of the last: give it as `after`."""
        return self._ask(
            "GET",
            f"/v1/spaces/{segment(space_id)}/events",
            Page[Event],
            query={"after": after, "limit": limit},
        )

    def list_providers(self) -> Page[Provider]:
        """Whom one can link with, and what each can do."""
        return self._ask("GET", "/v1/providers", Page[Provider])

    def list_institutions(
        self,
        *,
        limit: int | Undefined = undefined,
        after: str | Undefined = undefined,
        search: str | Undefined = undefined,
        country: str | Undefined = undefined,
        provider: str | Undefined = undefined,
    ) -> Page[Institution]:
        """Which institutions can be linked here, as the providers that are set up listed them in the last day: those whose.

        name begins as it was searched for come first. Providers without a list (an exchange, a chain) are one themselves:
        `GET /v1/providers`.
        """
        return self._ask(
            "GET",
            "/v1/institutions",
            Page[Institution],
            query={
                "limit": limit,
                "after": after,
                "search": search,
                "country": country,
                "provider": provider,
            },
        )

    def read_rate(self, *, base: str, quote: str, on: date) -> Rate:
        """A rate of a day, or of the last day before it that has one. Never of a later one."""
        return self._ask("GET", "/v1/fx", Rate, query={"base": base, "quote": quote, "on": on})

    def read_health(self) -> Health:
        """Whether work can be done here."""
        return self._ask("GET", "/v1/health", Health)


class AsyncOperations(AsyncCore):
    """Every operation, to be awaited."""

    async def become_first_owner(
        self, *, token: str, email: str, name: str, password: str, language: str | Undefined = undefined
    ) -> Tokens:
        """Become the first person, and the owner of all there is.

        The token is shown by `caudal serve` where there is nobody yet, and is good for a day, once.
        """
        return await self._ask(
            "POST",
            "/v1/first-owner",
            Tokens,
            body={"token": token, "email": email, "name": name, "password": password, "language": language},
        )

    async def read_invitation(self, *, token: str) -> Invitation:
        """What an invitation is to."""
        return await self._ask("POST", "/v1/invitation", Invitation, body={"token": token})

    async def join(
        self, *, token: str, email: str, name: str, password: str, language: str | Undefined = undefined
    ) -> Tokens:
        """Become a person by an invitation to one's e-mail, and enter its space."""
        return await self._ask(
            "POST",
            "/v1/invitation/join",
            Tokens,
            body={"token": token, "email": email, "name": name, "password": password, "language": language},
        )

    async def accept_invitation(self, *, token: str, idempotency_key: str | None = None) -> Entered:
        """Enter a space one was invited to, being a person here already."""
        return await self._ask(
            "POST", "/v1/invitation/accept", Entered, body={"token": token}, key=idempotency_key
        )

    async def log_in(self, *, email: str, password: str) -> LoggedIn:
        """Log in with a password.

        Where a second factor is set up, it is asked for: see `second_factors`.
        """
        return await self._ask("POST", "/v1/session", LoggedIn, body={"email": email, "password": password})

    async def log_out(self) -> None:
        """Log out, at once."""
        return await self._ask("DELETE", "/v1/session", type(None))

    async def show_second_factor(self, *, token: str, code: str) -> Tokens:
        """The second half of a login. A code is good once."""
        return await self._ask(
            "POST", "/v1/session/second-factor", Tokens, body={"token": token, "code": code}
        )

    async def begin_passkey_login(self) -> PasskeyChallenge:
        """Begin to log in by a passkey: `options` are for `navigator.credentials.get`."""
        return await self._ask("POST", "/v1/session/passkey/begin", PasskeyChallenge)

    async def log_in_by_passkey(self, *, token: str, answer: dict[str, Any]) -> Tokens:
        """Log in by a passkey: it stands for both factors."""
        return await self._ask("POST", "/v1/session/passkey", Tokens, body={"token": token, "answer": answer})

    async def refresh_session(self, *, refresh_token: str) -> Tokens:
        """New tokens for an old refresh token. One that was used before ends its session."""
        return await self._ask("POST", "/v1/session/refresh", Tokens, body={"refresh_token": refresh_token})

    async def prove(self, *, password: str, idempotency_key: str | None = None) -> None:
        """Show again who one is, before what would let others in for good. It holds for ten minutes."""
        return await self._ask(
            "POST", "/v1/session/proof", type(None), body={"password": password}, key=idempotency_key
        )

    async def list_sessions(self) -> Page[Session]:
        """One's sessions, the latest used first."""
        return await self._ask("GET", "/v1/sessions", Page[Session])

    async def end_session(self, session_id: UUID | str) -> None:
        """Log out of one session."""
        return await self._ask("DELETE", f"/v1/sessions/{segment(session_id)}", type(None))

    async def log_out_everywhere(self, *, idempotency_key: str | None = None) -> Ended:
        """Log out everywhere, here too."""
        return await self._ask("POST", "/v1/sessions/end", Ended, key=idempotency_key)

    async def read_me(self) -> Person:
        """Who one is."""
        return await self._ask("GET", "/v1/me", Person)

    async def change_me(
        self, *, name: str | Undefined | None = undefined, language: str | Undefined | None = undefined
    ) -> Person:
        """Another name, another language."""
        return await self._ask("PATCH", "/v1/me", Person, body={"name": name, "language": language})

    async def change_password(self, *, password: str, idempotency_key: str | None = None) -> None:
        """Another password. Every other session ends."""
        return await self._ask(
            "POST", "/v1/me/password", type(None), body={"password": password}, key=idempotency_key
        )

    async def set_up_one_time_codes(self, *, idempotency_key: str | None = None) -> Seed:
        """Begin to set up one-time codes. They count once a code was shown (`…/confirm`)."""
        return await self._ask("POST", "/v1/me/one-time-codes", Seed, key=idempotency_key)

    async def take_one_time_codes_away(self) -> None:
        """No one-time codes any more."""
        return await self._ask("DELETE", "/v1/me/one-time-codes", type(None))

    async def confirm_one_time_codes(self, *, code: str, idempotency_key: str | None = None) -> RecoveryCodes:
        """Show a code: from now on logging in asks for one."""
        return await self._ask(
            "POST", "/v1/me/one-time-codes/confirm", RecoveryCodes, body={"code": code}, key=idempotency_key
        )

    async def make_recovery_codes(self, *, idempotency_key: str | None = None) -> RecoveryCodes:
        """New recovery codes; those before are worth nothing."""
        return await self._ask("POST", "/v1/me/recovery-codes", RecoveryCodes, key=idempotency_key)

    async def list_passkeys(self) -> Page[Passkey]:
        """One's passkeys, the oldest first."""
        return await self._ask("GET", "/v1/me/passkeys", Page[Passkey])

    async def keep_passkey(
        self, *, token: str, name: str, answer: dict[str, Any], idempotency_key: str | None = None
    ) -> Page[Passkey]:
        """Keep the passkey that was made. It stands for both factors."""
        return await self._ask(
            "POST",
            "/v1/me/passkeys",
            Page[Passkey],
            body={"token": token, "name": name, "answer": answer},
            key=idempotency_key,
        )

    async def begin_passkey(self, *, idempotency_key: str | None = None) -> PasskeyAsked:
        """Begin to make a passkey: `options` are for `navigator.credentials.create`."""
        return await self._ask("POST", "/v1/me/passkeys/begin", PasskeyAsked, key=idempotency_key)

    async def drop_passkey(self, credential_id: str) -> None:
        """Take a passkey away."""
        return await self._ask("DELETE", f"/v1/me/passkeys/{segment(credential_id)}", type(None))

    async def list_spaces(self) -> Page[Space]:
        """The spaces one is in; of a key, its own."""
        return await self._ask("GET", "/v1/spaces", Page[Space])

    async def make_space(self, *, name: str, idempotency_key: str | None = None) -> SpaceSettings:
        """New, empty books of one's own."""
        return await self._ask("POST", "/v1/spaces", SpaceSettings, body={"name": name}, key=idempotency_key)

    async def read_space(self, space_id: UUID | str) -> SpaceSettings:
        """A space."""
        return await self._ask("GET", f"/v1/spaces/{segment(space_id)}", SpaceSettings)

    async def change_space(
        self,
        space_id: UUID | str,
        *,
        name: str | Undefined | None = undefined,
        currency: str | Undefined | None = undefined,
    ) -> SpaceSettings:
        """Another name; another currency to value it in."""
        return await self._ask(
            "PATCH",
            f"/v1/spaces/{segment(space_id)}",
            SpaceSettings,
            body={"name": name, "currency": currency},
        )

    async def list_members(self, space_id: UUID | str) -> Page[Member]:
        """Who is in the space, the longest first."""
        return await self._ask("GET", f"/v1/spaces/{segment(space_id)}/members", Page[Member])

    async def change_member(self, space_id: UUID | str, person_id: UUID | str, *, role: str) -> None:
        """Somebody in another role, from their next request on."""
        return await self._ask(
            "PATCH",
            f"/v1/spaces/{segment(space_id)}/members/{segment(person_id)}",
            type(None),
            body={"role": role},
        )

    async def remove_member(self, space_id: UUID | str, person_id: UUID | str) -> None:
        """Somebody out."""
        return await self._ask(
            "DELETE", f"/v1/spaces/{segment(space_id)}/members/{segment(person_id)}", type(None)
        )

    async def list_invitations(self, space_id: UUID | str) -> Page[OpenInvitation]:
        """Invitations that stand open."""
        return await self._ask("GET", f"/v1/spaces/{segment(space_id)}/invitations", Page[OpenInvitation])

    async def invite(
        self, space_id: UUID | str, *, email: str, role: str, idempotency_key: str | None = None
    ) -> InvitationMade:
        """Invite somebody, for a week; in place of an open invitation to the same e-mail."""
        return await self._ask(
            "POST",
            f"/v1/spaces/{segment(space_id)}/invitations",
            InvitationMade,
            body={"email": email, "role": role},
            key=idempotency_key,
        )

    async def withdraw_invitation(self, space_id: UUID | str, invitation_id: UUID | str) -> None:
        """An invitation is void."""
        return await self._ask(
            "DELETE", f"/v1/spaces/{segment(space_id)}/invitations/{segment(invitation_id)}", type(None)
        )

    async def list_keys(self, space_id: UUID | str) -> Page[Key]:
        """The space's keys, the latest first."""
        return await self._ask("GET", f"/v1/spaces/{segment(space_id)}/keys", Page[Key])

    async def make_key(
        self,
        space_id: UUID | str,
        *,
        name: str,
        role: str | Undefined = undefined,
        scopes: list[str] | Undefined = undefined,
        networks: list[str] | Undefined = undefined,
        days: int | Undefined = undefined,
        idempotency_key: str | None = None,
    ) -> KeyMade:
        """A key for a program. Only somebody logged in makes one."""
        return await self._ask(
            "POST",
            f"/v1/spaces/{segment(space_id)}/keys",
            KeyMade,
            body={"name": name, "role": role, "scopes": scopes, "networks": networks, "days": days},
            key=idempotency_key,
        )

    async def revoke_key(self, space_id: UUID | str, key_id: str) -> None:
        """A key opens nothing any more, at once."""
        return await self._ask("DELETE", f"/v1/spaces/{segment(space_id)}/keys/{segment(key_id)}", type(None))

    async def list_audit(
        self, space_id: UUID | str, *, limit: int | Undefined = undefined, after: str | Undefined = undefined
    ) -> Page[AuditEntry]:
        """What was done, the first first."""
        return await self._ask(
            "GET",
            f"/v1/spaces/{segment(space_id)}/audit",
            Page[AuditEntry],
            query={"limit": limit, "after": after},
        )

    async def check_audit(self, space_id: UUID | str) -> AuditCheck:
        """Verify the whole trail, entry by entry."""
        return await self._ask("GET", f"/v1/spaces/{segment(space_id)}/audit/check", AuditCheck)

    async def list_accounts(self, space_id: UUID | str) -> Page[Account]:
        """The space's accounts, one for each currency that an account holds."""
        return await self._ask("GET", f"/v1/spaces/{segment(space_id)}/accounts", Page[Account])

    async def read_account(self, space_id: UUID | str, account_id: UUID | str) -> Page[Account]:
        """An account: one entry for each currency that it holds."""
        return await self._ask(
            "GET", f"/v1/spaces/{segment(space_id)}/accounts/{segment(account_id)}", Page[Account]
        )

    async def list_balances(
        self,
        space_id: UUID | str,
        account_id: UUID | str,
        *,
        limit: int | Undefined = undefined,
        after: str | Undefined = undefined,
    ) -> Page[Balance]:
        """What sources told to stand on an account, of every kind, the latest day first."""
        return await self._ask(
            "GET",
            f"/v1/spaces/{segment(space_id)}/accounts/{segment(account_id)}/balances",
            Page[Balance],
            query={"limit": limit, "after": after},
        )

    async def list_balance_days(
        self, space_id: UUID | str, account_id: UUID | str, *, start: date, end: date
    ) -> Page[BalanceDay]:
        """What the ledger held on an account, by currency: at the end of `start`, of each day it changed, and of `end`."""
        return await self._ask(
            "GET",
            f"/v1/spaces/{segment(space_id)}/accounts/{segment(account_id)}/days",
            Page[BalanceDay],
            query={"start": start, "end": end},
        )

    async def list_months(
        self, space_id: UUID | str, *, last: date, months: int | Undefined = undefined
    ) -> Page[Month]:
        """Money in and out by month and currency, the latest first; not what moved between own accounts, nor what is.

        pending.
        """
        return await self._ask(
            "GET",
            f"/v1/spaces/{segment(space_id)}/months",
            Page[Month],
            query={"last": last, "months": months},
        )

    async def list_proofs(self, space_id: UUID | str) -> Page[AccountProof]:
        """The verdict on every account; of those that are off, where that began and what is likely behind it."""
        return await self._ask("GET", f"/v1/spaces/{segment(space_id)}/proof", Page[AccountProof])

    async def read_proof(self, space_id: UUID | str, account_id: UUID | str) -> Page[AccountProof]:
        """The verdict on an account, in each currency, and the balances it rests on."""
        return await self._ask(
            "GET", f"/v1/spaces/{segment(space_id)}/accounts/{segment(account_id)}/proof", Page[AccountProof]
        )

    async def value_space(
        self, space_id: UUID | str, *, currency: str | Undefined = undefined, on: date | Undefined = undefined
    ) -> Valuation:
        """What the space is worth in one currency. What it holds stays what it is."""
        return await self._ask(
            "GET", f"/v1/spaces/{segment(space_id)}/value", Valuation, query={"currency": currency, "on": on}
        )

    async def join_accounts(
        self,
        space_id: UUID | str,
        *,
        account_id: UUID | str,
        other_account_id: UUID | str,
        idempotency_key: str | None = None,
    ) -> Decided:
        """Say that two accounts are one."""
        return await self._ask(
            "POST",
            f"/v1/spaces/{segment(space_id)}/accounts/join",
            Decided,
            body={"account_id": account_id, "other_account_id": other_account_id},
            key=idempotency_key,
        )

    async def keep_accounts_apart(
        self,
        space_id: UUID | str,
        *,
        account_id: UUID | str,
        other_account_id: UUID | str,
        idempotency_key: str | None = None,
    ) -> Decided:
        """Say that two accounts that may be one are two."""
        return await self._ask(
            "POST",
            f"/v1/spaces/{segment(space_id)}/accounts/keep-apart",
            Decided,
            body={"account_id": account_id, "other_account_id": other_account_id},
            key=idempotency_key,
        )

    async def part_account(
        self,
        space_id: UUID | str,
        *,
        account_id: UUID | str,
        source_account_id: UUID | str,
        idempotency_key: str | None = None,
    ) -> Decided:
        """Say that one of an account's sources is an account by itself."""
        return await self._ask(
            "POST",
            f"/v1/spaces/{segment(space_id)}/accounts/part",
            Decided,
            body={"account_id": account_id, "source_account_id": source_account_id},
            key=idempotency_key,
        )

    async def list_transactions(
        self,
        space_id: UUID | str,
        *,
        limit: int | Undefined = undefined,
        after: str | Undefined = undefined,
        account_id: list[UUID] | Undefined = undefined,
        start: date | Undefined = undefined,
        end: date | Undefined = undefined,
        amount_min: Decimal | str | Undefined = undefined,
        amount_max: Decimal | str | Undefined = undefined,
        direction: str | Undefined = undefined,
        currency: str | Undefined = undefined,
        status: str | Undefined = undefined,
        category: str | Undefined = undefined,
        text: str | Undefined = undefined,
        transfer: bool | Undefined = undefined,
    ) -> Page[ListedTransaction]:
        """Transactions, the latest first: filtered, searched, a page at a time.

        A page may be short of `limit`, even empty, and not be the last: `next` says. `text`: terms that are all to be
        found, in any order, case and accents apart; one that is a number also as the amount. `amount_min`, `amount_max`:
        without sign.
        """
        return await self._ask(
            "GET",
            f"/v1/spaces/{segment(space_id)}/transactions",
            Page[ListedTransaction],
            query={
                "limit": limit,
                "after": after,
                "account_id": account_id,
                "start": start,
                "end": end,
                "amount_min": amount_min,
                "amount_max": amount_max,
                "direction": direction,
                "currency": currency,
                "status": status,
                "category": category,
                "text": text,
                "transfer": transfer,
            },
        )

    async def read_transaction(self, space_id: UUID | str, transaction_id: UUID | str) -> Transaction:
        """A transaction; of one that was taken for another, that other."""
        return await self._ask(
            "GET", f"/v1/spaces/{segment(space_id)}/transactions/{segment(transaction_id)}", Transaction
        )

    async def edit_transaction(
        self,
        space_id: UUID | str,
        transaction_id: UUID | str,
        *,
        description: str | Undefined | None = undefined,
        counterparty: str | Undefined | None = undefined,
        reference: str | Undefined | None = undefined,
        category: str | Undefined | None = undefined,
        amount: Decimal | str | Undefined | None = undefined,
        booked_on: date | Undefined | None = undefined,
        authorized_on: date | Undefined | None = undefined,
        if_match: str = "*",
    ) -> Decided:
        """Fix fields of a transaction, those alone."""
        return await self._ask(
            "PATCH",
            f"/v1/spaces/{segment(space_id)}/transactions/{segment(transaction_id)}",
            Decided,
            body={
                "description": description,
                "counterparty": counterparty,
                "reference": reference,
                "category": category,
                "amount": amount,
                "booked_on": booked_on,
                "authorized_on": authorized_on,
            },
            if_match=if_match,
        )

    async def delete_transaction(self, space_id: UUID | str, transaction_id: UUID | str) -> None:
        """Take a transaction out of the ledger, whatever its sources tell of it later. It can be taken back.

        (`decisions`).
        """
        return await self._ask(
            "DELETE", f"/v1/spaces/{segment(space_id)}/transactions/{segment(transaction_id)}", type(None)
        )

    async def explain_transaction(self, space_id: UUID | str, transaction_id: UUID | str) -> Why:
        """What a transaction rests on: every version of all that was told of it, and by which evidence it was taken for.

        one.
        """
        return await self._ask(
            "GET", f"/v1/spaces/{segment(space_id)}/transactions/{segment(transaction_id)}/why", Why
        )

    async def reconcile_transaction(
        self, space_id: UUID | str, transaction_id: UUID | str, *, idempotency_key: str | None = None
    ) -> Decided:
        """Mark a transaction as reconciled: its amount and its day stay."""
        return await self._ask(
            "POST",
            f"/v1/spaces/{segment(space_id)}/transactions/{segment(transaction_id)}/reconcile",
            Decided,
            key=idempotency_key,
        )

    async def merge_transactions(
        self,
        space_id: UUID | str,
        transaction_id: UUID | str,
        *,
        other_transaction_id: UUID | str,
        idempotency_key: str | None = None,
    ) -> Decided:
        """Say that two transactions of an account are one movement."""
        return await self._ask(
            "POST",
            f"/v1/spaces/{segment(space_id)}/transactions/{segment(transaction_id)}/merge",
            Decided,
            body={"other_transaction_id": other_transaction_id},
            key=idempotency_key,
        )

    async def split_transaction_apart(
        self,
        space_id: UUID | str,
        transaction_id: UUID | str,
        *,
        strand: UUID | Undefined | None = undefined,
        idempotency_key: str | None = None,
    ) -> Decided:
        """Say that what was taken for one movement are several."""
        return await self._ask(
            "POST",
            f"/v1/spaces/{segment(space_id)}/transactions/{segment(transaction_id)}/split-apart",
            Decided,
            body={"strand": strand},
            key=idempotency_key,
        )

    async def split_transaction(
        self,
        space_id: UUID | str,
        transaction_id: UUID | str,
        *,
        amounts: list[Decimal | str],
        idempotency_key: str | None = None,
    ) -> Decided:
        """Split a transaction's amount."""
        return await self._ask(
            "POST",
            f"/v1/spaces/{segment(space_id)}/transactions/{segment(transaction_id)}/split",
            Decided,
            body={"amounts": amounts},
            key=idempotency_key,
        )

    async def read_review(self, space_id: UUID | str, *, limit: int | Undefined = undefined) -> Review:
        """What deserves a person's look."""
        return await self._ask(
            "GET", f"/v1/spaces/{segment(space_id)}/review", Review, query={"limit": limit}
        )

    async def list_decisions(
        self, space_id: UUID | str, *, limit: int | Undefined = undefined
    ) -> Page[Decision]:
        """What people said of transactions and stands, the latest first."""
        return await self._ask(
            "GET", f"/v1/spaces/{segment(space_id)}/decisions", Page[Decision], query={"limit": limit}
        )

    async def undo_decision(
        self, space_id: UUID | str, decision_id: UUID | str, *, idempotency_key: str | None = None
    ) -> None:
        """Take a word back, on transactions, transfers or accounts. What follows from it is derived anew."""
        return await self._ask(
            "POST",
            f"/v1/spaces/{segment(space_id)}/decisions/{segment(decision_id)}/undo",
            type(None),
            key=idempotency_key,
        )

    async def list_transfers(
        self, space_id: UUID | str, *, limit: int | Undefined = undefined
    ) -> Page[Transfer]:
        """The space's transfers, the latest first."""
        return await self._ask(
            "GET", f"/v1/spaces/{segment(space_id)}/transfers", Page[Transfer], query={"limit": limit}
        )

    async def link_transfer(
        self,
        space_id: UUID | str,
        *,
        out_transaction_id: UUID | str,
        into_transaction_id: UUID | str,
        idempotency_key: str | None = None,
    ) -> Decided:
        """Say that two transactions are two sides of one transfer."""
        return await self._ask(
            "POST",
            f"/v1/spaces/{segment(space_id)}/transfers",
            Decided,
            body={"out_transaction_id": out_transaction_id, "into_transaction_id": into_transaction_id},
            key=idempotency_key,
        )

    async def unlink_transfer(
        self,
        space_id: UUID | str,
        *,
        out_transaction_id: UUID | str,
        into_transaction_id: UUID | str,
        idempotency_key: str | None = None,
    ) -> Decided:
        """Say that two transactions are no transfer: that holds from then on."""
        return await self._ask(
            "POST",
            f"/v1/spaces/{segment(space_id)}/transfers/unlink",
            Decided,
            body={"out_transaction_id": out_transaction_id, "into_transaction_id": into_transaction_id},
            key=idempotency_key,
        )

    async def list_connections(self, space_id: UUID | str) -> Page[Connection]:
        """The space's connections, the oldest first; the one that statement files come through among them."""
        return await self._ask("GET", f"/v1/spaces/{segment(space_id)}/connections", Page[Connection])

    async def read_connection(self, space_id: UUID | str, connection_id: UUID | str) -> Connection:
        """A connection."""
        return await self._ask(
            "GET", f"/v1/spaces/{segment(space_id)}/connections/{segment(connection_id)}", Connection
        )

    async def end_connection(self, space_id: UUID | str, connection_id: UUID | str) -> None:
        """End a connection, at its provider and here: its secrets are gone, what it told stays."""
        return await self._ask(
            "DELETE", f"/v1/spaces/{segment(space_id)}/connections/{segment(connection_id)}", type(None)
        )

    async def refresh_connection(
        self, space_id: UUID | str, connection_id: UUID | str, *, idempotency_key: str | None = None
    ) -> Refresh:
        """Have the provider go to the bank, and pull: for 14 seconds at most; what is left goes on in the background."""
        return await self._ask(
            "POST",
            f"/v1/spaces/{segment(space_id)}/connections/{segment(connection_id)}/refresh",
            Refresh,
            key=idempotency_key,
        )

    async def list_runs(
        self,
        space_id: UUID | str,
        *,
        limit: int | Undefined = undefined,
        after: str | Undefined = undefined,
        connection_id: UUID | str | Undefined = undefined,
    ) -> Page[Run]:
        """How syncs and imports went, the latest first."""
        return await self._ask(
            "GET",
            f"/v1/spaces/{segment(space_id)}/runs",
            Page[Run],
            query={"limit": limit, "after": after, "connection_id": connection_id},
        )

    async def list_shown_accounts(
        self, space_id: UUID | str, connection_id: UUID | str
    ) -> Page[ShownAccount]:
        """The accounts that a connection shows. In a space that it only feeds: those that belong there."""
        return await self._ask(
            "GET",
            f"/v1/spaces/{segment(space_id)}/connections/{segment(connection_id)}/accounts",
            Page[ShownAccount],
        )

    async def select_accounts(
        self, space_id: UUID | str, connection_id: UUID | str, *, references: list[str]
    ) -> Page[ShownAccount]:
        """Say which accounts are wanted. One wanted again is pulled from its beginning."""
        return await self._ask(
            "PATCH",
            f"/v1/spaces/{segment(space_id)}/connections/{segment(connection_id)}/accounts",
            Page[ShownAccount],
            body={"references": references},
        )

    async def route_accounts(
        self, space_id: UUID | str, connection_id: UUID | str, *, accounts: dict[str, UUID]
    ) -> Page[ShownAccount]:
        """Say to which space each account belongs. It may be any whose connections you manage; for a key, its own. All that.

        the connection told of an account goes with it, and what people said of its movements.
        """
        return await self._ask(
            "PATCH",
            f"/v1/spaces/{segment(space_id)}/connections/{segment(connection_id)}/routes",
            Page[ShownAccount],
            body={"accounts": accounts},
        )

    async def limit_history(
        self, space_id: UUID | str, connection_id: UUID | str, *, days: int | None
    ) -> None:
        """Say how far back is wanted. What the ledger holds stays."""
        return await self._ask(
            "PATCH",
            f"/v1/spaces/{segment(space_id)}/connections/{segment(connection_id)}/history",
            type(None),
            body={"days": days},
        )

    async def pause_connection(
        self, space_id: UUID | str, connection_id: UUID | str, *, idempotency_key: str | None = None
    ) -> Connection:
        """Pull nothing any more, whoever asks, until it is resumed or mended. It stays linked; its provider isn't told."""
        return await self._ask(
            "POST",
            f"/v1/spaces/{segment(space_id)}/connections/{segment(connection_id)}/pause",
            Connection,
            key=idempotency_key,
        )

    async def resume_connection(
        self, space_id: UUID | str, connection_id: UUID | str, *, idempotency_key: str | None = None
    ) -> Connection:
        """Pull again, now and as before."""
        return await self._ask(
            "POST",
            f"/v1/spaces/{segment(space_id)}/connections/{segment(connection_id)}/resume",
            Connection,
            key=idempotency_key,
        )

    async def import_file(
        self,
        space_id: UUID | str,
        data: bytes,
        *,
        name: str | Undefined = undefined,
        preview: bool | Undefined = undefined,
        account: str | Undefined = undefined,
        currency: str | Undefined = undefined,
        idempotency_key: str | None = None,
    ) -> Import:
        """Take a statement file in: OFX, CAMT, SWIFT MT940, BAI2, QIF, CSV; told by its content.

        Taken in twice, or beside another that overlaps it, it adds nothing twice. One that can't be read whole is refused,
        and nothing is written. With `preview` nothing is either: the answer is what it would be.
        """
        return await self._ask(
            "POST",
            f"/v1/spaces/{segment(space_id)}/files",
            Import,
            query={"name": name, "preview": preview, "account": account, "currency": currency},
            body=Raw(data),
            key=idempotency_key,
        )

    async def make_link_session(
        self,
        space_id: UUID | str,
        *,
        provider: str | Undefined = undefined,
        institution: str | Undefined = undefined,
        relink: UUID | Undefined | None = undefined,
        language: str | Undefined = undefined,
        app: str | Undefined = undefined,
        purpose: str | Undefined = undefined,
        return_url: str | Undefined = undefined,
        embed_origin: str | Undefined = undefined,
        idempotency_key: str | None = None,
    ) -> MadeLink:
        """Begin a link: send the person to `url`, or show it in a frame.

        The page asks for their consent, takes them to the bank and back, and says what arrived. How it goes is told by
        `GET …/link-sessions/{session_id}`, and by the events of the connection it comes to.
        """
        return await self._ask(
            "POST",
            f"/v1/spaces/{segment(space_id)}/link-sessions",
            MadeLink,
            body={
                "provider": provider,
                "institution": institution,
                "relink": relink,
                "language": language,
                "app": app,
                "purpose": purpose,
                "return_url": return_url,
                "embed_origin": embed_origin,
            },
            key=idempotency_key,
        )

    async def list_link_sessions(
        self, space_id: UUID | str, *, limit: int | Undefined = undefined
    ) -> Page[Link]:
        """The space's link sessions of the last days, the latest first."""
        return await self._ask(
            "GET", f"/v1/spaces/{segment(space_id)}/link-sessions", Page[Link], query={"limit": limit}
        )

    async def read_link_session(self, space_id: UUID | str, session_id: UUID | str) -> Link:
        """How a link goes."""
        return await self._ask(
            "GET", f"/v1/spaces/{segment(space_id)}/link-sessions/{segment(session_id)}", Link
        )

    async def abandon_link_session(self, space_id: UUID | str, session_id: UUID | str) -> None:
        """End a link that is under way: its page leads nowhere any more. What it linked already stays."""
        return await self._ask(
            "DELETE", f"/v1/spaces/{segment(space_id)}/link-sessions/{segment(session_id)}", type(None)
        )

    async def list_events(
        self, space_id: UUID | str, *, after: int | Undefined = undefined, limit: int | Undefined = undefined
    ) -> Page[Event]:
        """What happened, the first first. `next` is the number of the last: give it as `after`."""
        return await self._ask(
            "GET",
            f"/v1/spaces/{segment(space_id)}/events",
            Page[Event],
            query={"after": after, "limit": limit},
        )

    async def list_providers(self) -> Page[Provider]:
        """Whom one can link with, and what each can do."""
        return await self._ask("GET", "/v1/providers", Page[Provider])

    async def list_institutions(
        self,
        *,
        limit: int | Undefined = undefined,
        after: str | Undefined = undefined,
        search: str | Undefined = undefined,
        country: str | Undefined = undefined,
        provider: str | Undefined = undefined,
    ) -> Page[Institution]:
        """Which institutions can be linked here, as the providers that are set up listed them in the last day: those whose.

        name begins as it was searched for come first. Providers without a list (an exchange, a chain) are one themselves:
        `GET /v1/providers`.
        """
        return await self._ask(
            "GET",
            "/v1/institutions",
            Page[Institution],
            query={
                "limit": limit,
                "after": after,
                "search": search,
                "country": country,
                "provider": provider,
            },
        )

    async def read_rate(self, *, base: str, quote: str, on: date) -> Rate:
        """A rate of a day, or of the last day before it that has one. Never of a later one."""
        return await self._ask("GET", "/v1/fx", Rate, query={"base": base, "quote": quote, "on": on})

    async def read_health(self) -> Health:
        """Whether work can be done here."""
        return await self._ask("GET", "/v1/health", Health)
