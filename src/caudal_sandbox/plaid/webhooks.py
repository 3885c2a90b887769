"""Sending Plaid's webhooks: signed, tried again, and gone wrong where a fault says so (docs, Webhooks).

A failed one is tried again after 30 seconds, then four times as long each time, for 24 hours.
"""

import enum
from collections import deque
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final

import httpx

from caudal_sandbox.courier import JOURNAL_MAX, Attempt, Delivery, Fate, Hook
from caudal_sandbox.courier import Courier as AnyCourier
from caudal_sandbox.faults import Faults, Strike
from caudal_sandbox.plaid import ids
from caudal_sandbox.plaid.limits import Clock
from caudal_sandbox.plaid.notices import Notice
from caudal_sandbox.plaid.signing import HEADER, Keys
from caudal_sandbox.plaid.wire import encode

FIRST_WAIT: Final = timedelta(seconds=30)
GROWTH: Final = 4
TRIED_FOR: Final = timedelta(hours=24)
FAILING_OF_TEN: Final = 9
"""No second attempt for a client of whose deliveries in the last 24 hours more than nine in ten failed …"""
FAILING_FROM: Final = 10
"""… and there were at least as many [?: the documentation gives the share, not from how many on]."""
FRESH_SIGNATURE: Final = True
"""[?] A second attempt is signed anew: else receivers that refuse what is older than 5 minutes never could take it."""
STALE: Final = timedelta(minutes=10)


class Forgery(enum.StrEnum):
    """The ways in which a forged webhook gives itself away."""

    UNSIGNED = "unsigned"
    OTHER_KEY = "other_key"
    OTHER_KID = "other_kid"
    OTHER_BODY = "other_body"
    OTHER_ALGORITHM = "other_algorithm"
    STALE = "stale"
    FROM_THE_FUTURE = "from_the_future"


def hook_of(notice: Notice, *, url: str, client_id: str, item_id: str | None) -> Hook:
    """The webhook that tells `notice`; `item_id` None for those about Link."""
    fields = {
        "environment": "sandbox",
        "webhook_type": notice.webhook_type,
        "webhook_code": notice.webhook_code,
        **({} if item_id is None else {"item_id": item_id}),
        **notice.fields,
    }
    return Hook(url, client_id, item_id, f"{notice.webhook_type}/{notice.webhook_code}", encode(fields))


class Courier(AnyCourier):
    """Sends Plaid's, signed."""

    name = "plaid"

    def __init__(
        self,
        keys: Keys,
        faults: Faults,
        clock: Clock,
        *,
        time_scale: Fraction = Fraction(1),
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        super().__init__(faults, clock, time_scale=time_scale, transport=transport)
        self.keys = keys
        self._record: dict[str, deque[tuple[datetime, bool]]] = {}

    def sign(self, delivery: Delivery) -> None:
        """Over its bytes."""
        if FRESH_SIGNATURE or not delivery.signature:
            delivery.signature = self.keys.signed(delivery.hook.body)

    def heads(self, delivery: Delivery) -> Mapping[str, str]:
        """The signature."""
        return {HEADER: delivery.signature} if delivery.signature else {}

    def note(self, delivery: Delivery, attempt: Attempt) -> None:
        """How often a client's fail decides whether they are tried again."""
        if not delivery.guise:
            self._recent(delivery.hook.client_id).append((attempt.at, attempt.good))

    def pauses(self, delivery: Delivery) -> Iterator[timedelta]:
        """Until its day is over, or its client fails too often."""
        pause, spent = FIRST_WAIT, FIRST_WAIT
        while spent <= TRIED_FOR and not self._failing(delivery.hook.client_id):
            yield pause
            pause *= GROWTH
            spent += pause

    def forgery(self, hook: Hook, strike: Strike) -> Delivery:
        """What an attacker sends beside the genuine one: it asks for the harm that a webhook can ask for."""
        harm = Notice("ITEM", "USER_PERMISSION_REVOKED", {"error": None})
        fake = hook_of(harm, url=hook.url, client_id=hook.client_id, item_id=hook.item_id)
        said = strike.fault.word("how")
        how = Forgery(said) if said else strike.chance.pick(tuple(Forgery))
        delivery = self.opened(fake)
        delivery.guise, delivery.signature = how, self._forged(how, fake.body, hook.body)
        return delivery

    def _forged(self, how: Forgery, body: bytes, genuine: bytes) -> str:
        match how:
            case Forgery.UNSIGNED:
                return ""
            case Forgery.OTHER_KEY:
                return self.keys.signed_by_a_stranger(body)
            case Forgery.OTHER_KID:
                kid = ids.token("key", "another environment").removeprefix("key-sandbox-")
                return self.keys.signed_by_a_stranger(body, kid=kid)
            case Forgery.OTHER_BODY:
                return self.keys.signed(genuine)
            case Forgery.OTHER_ALGORITHM:
                return self.keys.signed_with_the_public_key(body)
            case Forgery.STALE:
                return self.keys.signed(body, age=STALE)
            case Forgery.FROM_THE_FUTURE:
                return self.keys.signed(body, age=-STALE)

    def _failing(self, client_id: str) -> bool:
        recent = self._recent(client_id)
        while recent and self._clock() - recent[0][0] > TRIED_FOR:
            recent.popleft()
        failed = sum(not good for _, good in recent)
        return len(recent) >= FAILING_FROM and failed * 10 > len(recent) * FAILING_OF_TEN

    def _recent(self, client_id: str) -> deque[tuple[datetime, bool]]:
        return self._record.setdefault(client_id, deque(maxlen=JOURNAL_MAX))


__all__ = ["Attempt", "Courier", "Delivery", "Fate", "Forgery", "Hook", "hook_of"]
