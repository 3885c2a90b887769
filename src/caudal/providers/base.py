"""What a provider is. Whoever adds one reads this file, and touches nothing outside their own folder."""

import enum
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol, TypeVar, runtime_checkable

import msgspec

from caudal.model.changes import Cursor, Page, SourceRef
from caudal.model.errors import NotGenuine

Access_contra = TypeVar("Access_contra", contravariant=True)


class Capability(enum.StrEnum):
    """What a provider can do. Declared, so that it can be shown and relied on."""

    ACCOUNTS = "accounts"
    BALANCES = "balances"
    TRANSACTIONS = "transactions"
    PENDING = "pending"
    HOLDINGS = "holdings"
    WINDOWS = "windows"
    """Tells which days its pages complete, so that absence is evidence (DESIGN §2.4)."""
    LINK = "link"
    RELINK = "relink"
    """A connection that needs its person can be mended, and stays the same connection."""
    REDIRECT = "redirect"
    """Linking sends the person back to an address of ours, which `LinkRequest.return_url` then always names."""
    INSTITUTIONS = "institutions"
    """Tells which institutions can be linked (`Catalogue`)."""
    REFRESH = "refresh"
    REVOKE = "revoke"
    WEBHOOKS = "webhooks"


class Pace(msgspec.Struct, frozen=True):
    """How often a connection is pulled with nobody present: every so often, and at most so often a day where banks count
    (None: they don't)."""

    every: timedelta = timedelta(hours=1)
    unattended_per_day: int | None = None


FOUR_A_DAY: Final = Pace(timedelta(hours=8), unattended_per_day=4)
"""What European banks bear with nobody present, for each account and endpoint (PSD2; TrueLayer docs, X-PSU-IP): three
rounds, one in reserve."""


class Declaration(msgspec.Struct, frozen=True):
    """What an adapter says of itself: shown by `caudal providers` and in the README.

    `title`: the provider's own name. `what`: what one links through it, and where, in a few words. `verified`: what its
    adapter and emulator are held against; `unverified`: what nothing on this side of the wire can show, each in a few
    words.
    """

    name: str
    title: str
    what: str
    capabilities: frozenset[Capability]
    verified: tuple[str, ...]
    unverified: tuple[str, ...]
    pace: Pace = Pace()


class Provider(Protocol[Access_contra]):
    """A function from a cursor to pages (DESIGN §2.1).

    `Access_contra` is what the provider needs to pull: an `Access`, or for files the file itself.
    """

    name: str
    capabilities: frozenset[Capability]

    def pull(self, access: Access_contra, cursor: Cursor) -> AsyncIterator[Page]:
        """Pages from `cursor` ('' = the beginning) to the end of what the source holds now.

        Each page's `next` is the cursor after it. Pulling again from the same cursor must give pages that say
        the same. Raises the ProviderError family alone; what one record can't be read for goes to
        `Page.unreadable` instead. NotReady may follow pages: those count, and the rest is being prepared.
        """
        ...


Renewal = Callable[[Mapping[str, bytes]], Awaitable[Mapping[str, bytes]]]
"""Asks the provider: the secrets that hold now → those that are others from now on (none: leave them)."""
Renewing = Callable[[Renewal], Awaitable[Mapping[str, bytes]]]


class Access(msgspec.Struct, frozen=True):
    """An opened connection: what an adapter needs to act for it.

    `connection` is our id of it, `reference` the provider's (Plaid: item_id), `institution` the provider's id of the
    institution behind it. `secrets` holds its credentials by field; they never show in a repr. `renewing`: how the hub
    holds them while they are renewed (`renewed`).
    """

    connection: str
    reference: str
    institution: str | None
    secrets: Mapping[str, bytes]
    renewing: "Renewing | None" = None

    async def renewed(self, renew: "Renewal") -> Mapping[str, bytes]:
        """Have `renew` get new secrets with those that hold now (another process may have renewed them since), and keep
        what it returns, sealed, before anything is done with it; no one else renews this connection's meanwhile. All
        its secrets as they are then. For tokens that are worth nothing once they were used.
        """
        if self.renewing is None:
            return {**self.secrets, **await renew(self.secrets)}
        return await self.renewing(renew)

    def __repr__(self) -> str:
        return f"Access(connection={self.connection!r}, reference={self.reference!r}, secrets=…)"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("", repr(self))]


class LinkState(msgspec.Struct, frozen=True):
    """Where a link under way stands: the adapter's own words, secret (they may hold a token)."""

    value: str

    def __repr__(self) -> str:
        return "LinkState(…)"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("", repr(self))]


class LinkRequest(msgspec.Struct, frozen=True):
    """What is to be linked. `user`: a stable name of who links, without personal data in it.

    `relink`: the connection to mend; None links a new one. `institution`: the provider's id, where the person has
    chosen already. `webhook_url` and `return_url`: ours, where there are any and the adapter declares WEBHOOKS,
    REDIRECT. `language`: ISO 639-1. `choose_accounts`: let the person choose the accounts of a re-linked connection anew.
    `investments_only`: link a broker that has positions and their movements to show, and no account transactions;
    providers that don't ask beforehand ignore it.
    """

    user: str
    relink: Access | None = None
    institution: str | None = None
    webhook_url: str | None = None
    return_url: str | None = None
    language: str = "en"
    choose_accounts: bool = False
    investments_only: bool = False


class AccountFound(msgspec.Struct, frozen=True):
    """An account the person chose, as told before the link is concluded: enough to know it again."""

    ref: SourceRef
    name: str
    mask: str | None
    kind: str


class InstitutionFound(msgspec.Struct, frozen=True):
    """The institution behind a link. `reference` is the provider's id of it."""

    reference: str
    name: str
    country: str | None = None


class Visit(msgspec.Struct, frozen=True):
    """Send the person to `url`, until `expires_at`. What comes of it is learnt in one of three ways:

    - `returns` is the word (OAuth's `state`) that the redirect to `return_url` brings back: answer with the `Fields` that
      came with it. Make it from a secure random source; whoever compares it is the caller.
    - `by_webhook`: a `LinkSignal` that names this `session` brings it: answer with the `Fields` that it brought.
    - else ask with `Poll` every `poll_seconds`; sooner where a `LinkSignal` names this `session`.

    `session` is secret where it is a token.
    """

    url: str
    state: LinkState
    expires_at: datetime
    poll_seconds: int = 5
    session: str = ""
    returns: str = ""
    by_webhook: bool = False

    def __repr__(self) -> str:
        return f"Visit({self.url!r}, expires_at={self.expires_at!r}, session=…)"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("", repr(self))]


class Waiting(msgspec.Struct, frozen=True):
    """The person isn't done yet: poll again."""

    state: LinkState


class Ask(msgspec.Struct, frozen=True):
    """Ask the person for these fields (name → what it is), in this order, and answer with `Fields`. Another `Ask` may
    follow. Those in `secret` are shown to nobody, not even while they are typed. `why`: what is to be said before, such
    as what was wrong with the answer before.
    """

    fields: Mapping[str, str]
    state: LinkState
    secret: frozenset[str] = frozenset()
    why: str = ""


class Found(msgspec.Struct, frozen=True):
    """The person is done. Nothing is concluded yet: `Conclude` does it, silence lets it lapse.

    Here the caller looks whether the same login is linked already.
    """

    institution: InstitutionFound
    accounts: tuple[AccountFound, ...]
    state: LinkState


class Linked(msgspec.Struct, frozen=True):
    """A connection. Keep `secrets` (sealed) and `reference` together at once: this can't be asked for again."""

    reference: str
    institution: InstitutionFound
    secrets: Mapping[str, bytes]

    def __repr__(self) -> str:
        return f"Linked(reference={self.reference!r}, institution={self.institution!r}, secrets=…)"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("", repr(self))]


class Mended(msgspec.Struct, frozen=True):
    """The connection works again. `secrets`: those that are others now; what isn't among them stays what it was."""

    secrets: Mapping[str, bytes] = {}

    def __repr__(self) -> str:
        return "Mended(secrets=…)"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("", repr(self))]


class Abandoned(msgspec.Struct, frozen=True):
    """The person closed it, the institution refused, or time ran out: `why`, in words fit to show."""

    why: str


LinkStep = Visit | Waiting | Ask | Found | Linked | Mended | Abandoned


class Poll(msgspec.Struct, frozen=True):
    """Is the person done?"""

    state: LinkState


class Fields(msgspec.Struct, frozen=True):
    """What the person filled in, or what the institution's redirect or a webhook brought back."""

    state: LinkState
    values: Mapping[str, str]

    def __repr__(self) -> str:
        return f"Fields({', '.join(self.values)}: …)"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("", repr(self))]


class Conclude(msgspec.Struct, frozen=True):
    """Make what was `Found` a connection."""

    state: LinkState


LinkAnswer = Poll | Fields | Conclude


class Delivery(msgspec.Struct, frozen=True):
    """A webhook as it came: header names in lower case, the body's raw bytes, when it came (aware)."""

    headers: Mapping[str, str]
    body: bytes
    received_at: datetime


class FetchSignal(msgspec.Struct, frozen=True, tag="fetch"):
    """There is news on the connection `reference`: pull. `what` says of what, for the log."""

    reference: str
    what: str


class UserNeededSignal(msgspec.Struct, frozen=True, tag="user_needed"):
    """The connection needs, or by `by` will need, its person."""

    reference: str
    reason: str
    action: str
    by: datetime | None = None


class MendedSignal(msgspec.Struct, frozen=True, tag="mended"):
    """The connection works again: resume."""

    reference: str


class EndedSignal(msgspec.Struct, frozen=True, tag="ended"):
    """The connection is over: `account` alone where only that one was closed."""

    reference: str
    account: SourceRef | None = None


class LinkSignal(msgspec.Struct, frozen=True, tag="link"):
    """A link under way has news. `session` is the provider's name of it, as its `Visit` says it; `brought` what a link
    that waits `by_webhook` goes on with.
    """

    session: str
    brought: Mapping[str, str] = {}

    def __repr__(self) -> str:
        return "LinkSignal(…)"


class OutageSignal(msgspec.Struct, frozen=True, tag="outage"):
    """An institution is in trouble, says the provider."""

    institution: str
    detail: str


Signal = FetchSignal | UserNeededSignal | MendedSignal | EndedSignal | LinkSignal | OutageSignal


class LiveProvider(Provider[Access], Protocol):
    """A provider one links with: a service, not a file. Every method raises the ProviderError family alone."""

    async def begin_link(self, request: LinkRequest) -> LinkStep:
        """Start linking, or mending: where to send the person, or what to ask for."""
        ...

    async def continue_link(self, answer: LinkAnswer) -> LinkStep:
        """The next step. May be called again with the same answer until it gives Linked, Mended or Abandoned."""
        ...

    async def refresh(self, access: Access) -> None:
        """Ask the provider to go to the bank now. News comes later, by signal or by the next pull."""
        ...

    async def revoke(self, access: Access) -> None:
        """End the connection at the provider. One that is over already is no error."""
        ...

    async def verify_webhook(self, delivery: Delivery) -> str:
        """Verify by the provider's real scheme, over the raw bytes; nothing in the body is believed before.

        Returns the event's key: a delivery with the key of one before is that one come again, and is not acted upon
        (chosen too coarse it loses news; too fine it costs a fetch). Raises NotGenuine for one the provider didn't
        send, another ProviderError where that can't be told now.
        """
        ...

    def signals_of(self, body: bytes) -> list[Signal]:
        """What a genuine webhook says; [] where that doesn't concern us. Pure. Raises Malformed."""
        ...


class InstitutionOffered(msgspec.Struct, frozen=True):
    """An institution that can be linked. `reference`: what `LinkRequest.institution` names it by; `countries`: ISO
    3166-1 alpha-2; `working`: the provider knows of no trouble there; `investments_only`: as a `LinkRequest` says it.
    `login`: by which way its person is asked in, ``open_finance`` (at the bank's own page) or ``password``, where a
    provider tells: one bank may be there twice.
    """

    reference: str
    name: str
    countries: tuple[str, ...]
    working: bool = True
    investments_only: bool = False
    login: str = ""


@runtime_checkable
class Catalogue(Protocol):
    """The part of an adapter that declares INSTITUTIONS."""

    def institutions(self) -> AsyncIterator[Sequence[InstitutionOffered]]:
        """Every institution that can be linked now by this installation's account at the provider, a page at a time; of
        two of one reference the last counts. Raises the ProviderError family."""
        ...


class WithoutWebhooks:
    """The part of an adapter whose provider tells nothing by itself: what comes in its name is never its own."""

    async def verify_webhook(self, delivery: Delivery) -> str:  # noqa: ARG002  whatever it is
        """Raises NotGenuine."""
        raise NotGenuine("this provider sends no webhooks")

    def signals_of(self, body: bytes) -> list[Signal]:  # noqa: ARG002  as above
        """Nothing."""
        return []
