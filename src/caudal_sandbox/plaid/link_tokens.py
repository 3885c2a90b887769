"""The short-lived tokens: those that begin a session of Link, and those that it ends with (docs, Tokens)."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import msgspec

from caudal_sandbox.plaid import ids
from caudal_sandbox.plaid.errors import PlaidError
from caudal_sandbox.plaid.limits import Clock
from caudal_sandbox.plaid.link_requests import LinkTokenCreate
from caudal_sandbox.plaid.link_state import Session

NEW_ITEM_FOR: Final = timedelta(hours=4)
UPDATE_FOR: Final = timedelta(minutes=30)
HOSTED_FOR: Final = timedelta(minutes=30)
"""A hosted page that the client brings to the person itself; its token ends with it."""
BY_SMS_FOR: Final = timedelta(days=1)
BY_EMAIL_FOR: Final = timedelta(days=7)
PUBLIC_FOR: Final = timedelta(minutes=30)
TOLD_FOR: Final = timedelta(hours=6)
"""How long after its end a session can be asked for."""
TOKENS_MAX: Final = 100_000
"""Tokens remembered; the oldest are forgotten first."""


class LinkToken(msgspec.Struct, eq=False):
    """A link token, and what was asked for with it. `item_id`: the Item to update, None for a new one. `page`: the last
    part of the hosted page's address, None where Link isn't hosted; the token itself is in no URL.
    """

    token: str
    client_id: str
    wanted: LinkTokenCreate
    created_at: datetime
    expires_at: datetime
    item_id: str | None
    page: str | None
    sessions: list[Session] = msgspec.field(default_factory=list)


class PublicToken(msgspec.Struct, eq=False):
    """What a client exchanges for an access token: once, and soon."""

    token: str
    client_id: str
    item_id: str
    expires_at: datetime


class Tokens:
    """Every link token and public token of one emulator."""

    def __init__(self, seed: int, clock: Clock) -> None:
        self._seed = seed
        self._clock = clock
        self._made = 0
        self._link: dict[str, LinkToken] = {}
        self._pages: dict[str, LinkToken] = {}
        self._public: dict[str, PublicToken] = {}

    def __iter__(self) -> Iterator[LinkToken]:
        return iter(list(self._link.values()))

    def link(self, wanted: LinkTokenCreate, *, client_id: str, item_id: str | None) -> LinkToken:
        """A new link token. `wanted` has been checked."""
        self._made += 1
        now = self._clock()
        made = LinkToken(
            token=ids.token("link", self._seed, self._made),
            client_id=client_id,
            wanted=wanted,
            created_at=now,
            expires_at=now + _lifetime(wanted),
            item_id=item_id,
            page=ids.opaque(self._seed, "page", self._made) if wanted.hosted_link else None,
        )
        self._link[made.token] = made
        if made.page:
            self._pages[made.page] = made
        while len(self._link) > TOKENS_MAX:
            oldest = self._link.pop(next(iter(self._link)))
            self._pages.pop(oldest.page or "", None)
        return made

    def of_link(self, token: str, *, client_id: str | None = None) -> LinkToken:
        """The link token, expired or not. Raises INVALID_LINK_TOKEN for none, or another client's."""
        found = self._link.get(token)
        if found is None or client_id not in {None, found.client_id}:
            raise PlaidError("INVALID_LINK_TOKEN")
        return found

    def of_page(self, page: str) -> LinkToken:
        """The link token of a hosted page. Raises INVALID_LINK_TOKEN where there is no such page."""
        if page not in self._pages:
            raise PlaidError("INVALID_LINK_TOKEN")
        return self._pages[page]

    def public(self, item_id: str, *, client_id: str) -> PublicToken:
        """A new public token for an Item."""
        self._made += 1
        token = ids.token("public", self._seed, self._made)
        made = self._public[token] = PublicToken(token, client_id, item_id, self._clock() + PUBLIC_FOR)
        while len(self._public) > TOKENS_MAX:
            del self._public[next(iter(self._public))]
        return made

    def exchanged(self, token: str, *, client_id: str) -> PublicToken:
        """The public token, used up by this. Raises INVALID_PUBLIC_TOKEN where it was used, is too old, or never was."""
        found = self._public.get(token)
        if found is None or found.client_id != client_id:
            raise PlaidError("INVALID_PUBLIC_TOKEN")
        del self._public[token]
        if found.expires_at <= self._clock():
            raise PlaidError("INVALID_PUBLIC_TOKEN", "could not find matching public token: it has expired")
        return found


def _lifetime(wanted: LinkTokenCreate) -> timedelta:
    hosted = wanted.hosted_link
    if hosted is None:
        return NEW_ITEM_FOR if wanted.access_token is None else UPDATE_FOR
    if hosted.url_lifetime_seconds is not None:
        return timedelta(seconds=hosted.url_lifetime_seconds)
    # The sandbox ignores `email` and waits for nobody's phone, but the address lives as long (docs, Hosted Link).
    return {"sms": BY_SMS_FOR, "email": BY_EMAIL_FOR}.get(hosted.delivery_method or "", HOSTED_FOR)
