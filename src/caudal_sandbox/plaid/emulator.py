"""Plaid as one thing: the items, the tokens, the budgets, and the time that goes by for all of them."""

import hmac
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final

import msgspec

from caudal_sandbox.faults import Faults
from caudal_sandbox.plaid import ids
from caudal_sandbox.plaid.errors import PlaidError, described
from caudal_sandbox.plaid.institutions import CATALOGUE, PlaidInstitution
from caudal_sandbox.plaid.items import Item, Items
from caudal_sandbox.plaid.limits import Clock, Limits, Regime
from caudal_sandbox.plaid.link_tokens import LinkToken, Tokens
from caudal_sandbox.plaid.notices import Notice
from caudal_sandbox.plaid.signing import Keys
from caudal_sandbox.plaid.webhooks import Courier, Hook, hook_of
from caudal_sandbox.world import World

REQUEST_ID_LENGTH: Final = 15
WARNED_BEFORE: Final = timedelta(days=7)
"""How long before a consent ends its client is told (docs, Items: PENDING_EXPIRATION)."""
CONSENT_FOR: Final = timedelta(days=180)
"""How long a renewed consent lasts (contract: 180 days in the UK and the EU)."""


class Options(msgspec.Struct, frozen=True):
    """How strict one emulator is. `client`: the only client id and secret it takes; None: any that aren't empty.

    `login_days`: after so many days a login has to be repeated, as in Plaid's sandbox after 30; None: never.
    `withheld`: add-ons the client isn't enabled for. `production`: endpoints of the sandbox answer SANDBOX_ONLY.
    `time_scale` shrinks the waits between attempts to deliver a webhook.
    """

    limits: Regime = Regime.SANDBOX
    limits_scale: int = 1
    client: tuple[str, str] | None = None
    login_days: int | None = None
    withheld: frozenset[str] = frozenset()
    production: bool = False
    time_scale: Fraction = Fraction(1)

    def __repr__(self) -> str:
        """Without the secret."""
        return f"Options(limits={self.limits}, login_days={self.login_days}, production={self.production})"


class Emulator:
    """Plaid over one world. Everything in it is touched on one loop's thread alone.

    Whatever is about a bank follows the world's clock; sessions, tokens, signatures and budgets follow `clock`.
    """

    def __init__(self, world: World, faults: Faults, clock: Clock, options: Options) -> None:
        self.world = world
        self.faults = faults
        self.clock = clock
        self.options = options
        self.items = Items(world)
        self.tokens = Tokens(world.seed, clock)
        self.keys = Keys(world.seed, clock)
        self.limits = Limits(options.limits, clock, scale=options.limits_scale)
        self.courier = Courier(self.keys, faults, clock, time_scale=options.time_scale)
        self._requests = 0
        self._outbox: deque[Hook] = deque()
        self._logged_in_at: dict[str, datetime] = {}
        self._warned: dict[str, datetime] = {}

    @property
    def catalogue(self) -> Mapping[str, PlaidInstitution]:
        """The institutions by their id."""
        return CATALOGUE

    @property
    def withheld(self) -> Collection[str]:
        """Add-ons this client isn't enabled for."""
        return self.options.withheld

    def request_id(self) -> str:
        """The id of the next request."""
        self._requests += 1
        return ids.opaque(self.world.seed, "request", self._requests, length=REQUEST_ID_LENGTH)

    def admits(self, client_id: str, secret: str) -> bool:
        """Whether a client may come in."""
        if self.options.client is None:
            return bool(client_id and secret)
        wanted_id, wanted_secret = self.options.client
        # In constant time: a timing that tells prefixes apart would teach clients' tests a wrong lesson.
        return hmac.compare_digest(client_id.encode(), wanted_id.encode()) and hmac.compare_digest(
            secret.encode(), wanted_secret.encode()
        )

    def notify(self, item: Item, notices: Sequence[Notice]) -> None:
        """Send these webhooks to the item's URL, where it has one, once the answer at hand is out (`flush`)."""
        if not item.webhook:
            return
        for notice in notices:
            item.last_webhook = (self.clock(), notice.webhook_code)
            self._outbox.append(
                hook_of(notice, url=item.webhook, client_id=item.client_id, item_id=item.item_id)
            )

    def notify_of_link(self, token: LinkToken, notices: Sequence[Notice]) -> None:
        """Send these webhooks about a session of Link. [?] In update mode they go to the Item's own URL: the token's
        has no effect there."""
        url = token.wanted.webhook
        if token.item_id is not None:
            url = self.items.by_id(token.item_id).webhook
        if url:
            self._outbox.extend(
                hook_of(notice, url=url, client_id=token.client_id, item_id=None) for notice in notices
            )

    def flush(self) -> None:
        """Let go of the webhooks that waited for an answer to be out."""
        while self._outbox:
            self.courier.post(self._outbox.popleft())

    # The item's standing

    def break_login(self, item: Item, code: str) -> None:
        """The bank wants the person again; the client is told."""
        item.break_login(code)
        self.notify(item, [Notice("ITEM", "ERROR", {"error": described(PlaidError(code))})])

    def log_in_again(self, item: Item) -> None:
        """The person was here again: the login is good, a consent that ends begins anew, and what happened meanwhile is
        taken in."""
        was_broken = item.error is not None
        self._logged_in_at[item.item_id] = self.world.now
        if item.consent_expires_at is not None:
            item.consent_expires_at = self.world.now + CONSENT_FOR
        item.repair()
        if was_broken:
            self.notify(item, [Notice("ITEM", "LOGIN_REPAIRED", {})])
        self.notify(item, item.update(self))

    def revoke(self, item: Item) -> None:
        """The person took back the permission."""
        item.break_login("USER_PERMISSION_REVOKED")
        error = described(PlaidError("USER_PERMISSION_REVOKED"))
        self.notify(item, [Notice("ITEM", "USER_PERMISSION_REVOKED", {"error": error})])

    # Time going by

    def deadlines(self, after: datetime, until: datetime) -> list[datetime]:
        """The instants after `after`, up to `until`, at which a login or a consent ends, or its end is told of."""
        return sorted({at for item in self.items for at in self._deadlines_of(item) if after < at <= until})

    def go_on(self) -> Iterator[Item]:
        """Plaid goes to every bank, and then ends what has ended by the world's now. One item a step: whoever drives
        this lets others have their turn between the steps."""
        for item in self.items:
            if not self._still_there(item):
                continue
            self.notify(item, item.update(self))
            self._age(item)
            yield item

    def _still_there(self, item: Item) -> bool:
        """Between two steps its client may have removed it."""
        try:
            return self.items.by_id(item.item_id) is item
        except PlaidError:
            return False

    def _age(self, item: Item) -> None:
        now, ends = self.world.now, item.consent_expires_at
        if item.error is not None:
            return
        if ends is not None and now >= ends - WARNED_BEFORE and self._warned.get(item.item_id) != ends:
            self._warned[item.item_id] = ends
            self.notify(item, [Notice("ITEM", "PENDING_EXPIRATION", {"consent_expiration_time": ends})])
        login_ends = self._login_ends(item)
        if (ends is not None and now >= ends) or (login_ends is not None and now >= login_ends):
            self.break_login(item, "ITEM_LOGIN_REQUIRED")

    def _deadlines_of(self, item: Item) -> Iterator[datetime]:
        if item.error is not None:
            return
        if item.consent_expires_at is not None:
            yield item.consent_expires_at - WARNED_BEFORE
            yield item.consent_expires_at
        login_ends = self._login_ends(item)
        if login_ends is not None:
            yield login_ends

    def _login_ends(self, item: Item) -> datetime | None:
        days = self.options.login_days
        if days is None:
            return None
        return self._logged_in_at.get(item.item_id, item.created_at) + timedelta(days=days)
