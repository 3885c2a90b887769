"""Sending webhooks: signed, tried again, and gone wrong where a fault says so (docs, Webhooks).

Every delivery is kept to be looked at. Its first attempt goes out at once; a failed one is tried again after 30
seconds, then four times as long each time, for 24 hours.
"""

import asyncio
import contextlib
import enum
from collections import deque
from collections.abc import Coroutine
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final

import httpx
import msgspec

from caudal_sandbox.faults import WEBHOOKS, Faults, Kind, Strike
from caudal_sandbox.plaid import ids
from caudal_sandbox.plaid.limits import Clock
from caudal_sandbox.plaid.notices import Notice
from caudal_sandbox.plaid.signing import HEADER, Keys
from caudal_sandbox.plaid.wire import encode
from caudal_sandbox.transport import wait

PATIENCE: Final = timedelta(seconds=10)
"""How long a receiver has to say 200."""
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

AT_ONCE_MAX: Final = 8
"""First attempts on their way to one URL at the same time."""
JOURNAL_MAX: Final = 10_000
"""Deliveries kept to be looked at."""
OPEN_MAX: Final = 100_000
"""Deliveries not over yet; beyond it webhooks are refused with an error, as nothing would ever take them."""
READ_MAX: Final = 65_536
"""Bytes of an answer that are read: what a receiver says beyond its status is of no interest."""

_SECOND: Final = timedelta(seconds=1)


class Hook(msgspec.Struct, frozen=True):
    """A webhook to be sent: where to, for whom, and the very bytes of it. `key`: ``TYPE/CODE``, as a fault names it."""

    url: str
    client_id: str
    item_id: str | None
    key: str
    body: bytes


class Attempt(msgspec.Struct, frozen=True):
    """One attempt: `status` the receiver answered, or None and the `problem` where it didn't."""

    at: datetime
    status: int | None
    problem: str = ""

    @property
    def good(self) -> bool:
        """Whether the receiver has it."""
        return self.status == 200


class Fate(enum.StrEnum):
    """How a delivery stands."""

    OPEN = "open"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"
    LOST = "lost"
    """A fault: never sent."""


class Forgery(enum.StrEnum):
    """The ways in which a forged webhook gives itself away."""

    UNSIGNED = "unsigned"
    OTHER_KEY = "other_key"
    OTHER_KID = "other_kid"
    OTHER_BODY = "other_body"
    OTHER_ALGORITHM = "other_algorithm"
    STALE = "stale"
    FROM_THE_FUTURE = "from_the_future"


class Delivery(msgspec.Struct):
    """One webhook on its way. `guise`: how it was forged, or ``replayed``; empty for a genuine one."""

    number: int
    hook: Hook
    fate: Fate = Fate.OPEN
    guise: str = ""
    attempts: list[Attempt] = msgspec.field(default_factory=list)
    signature: str = ""


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


class Courier:
    """Sends webhooks from the loop it is used on. `time_scale` shrinks the waits between attempts."""

    def __init__(
        self,
        keys: Keys,
        faults: Faults,
        clock: Clock,
        *,
        time_scale: Fraction = Fraction(1),
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.keys = keys
        self.journal: deque[Delivery] = deque(maxlen=JOURNAL_MAX)
        self.counts: dict[Fate, int] = dict.fromkeys(Fate, 0)
        self._faults = faults
        self._clock = clock
        self._time_scale = time_scale
        self._transport = transport
        self._client: httpx.AsyncClient | None = None
        self._number = 0
        self._firsts: set[asyncio.Task[None]] = set()
        self._laters: set[asyncio.Task[None]] = set()
        self._lanes: dict[str, asyncio.Semaphore] = {}
        self._held: dict[str, asyncio.Event] = {}
        self._record: dict[str, deque[tuple[datetime, bool]]] = {}

    def post(self, hook: Hook) -> None:
        """Send `hook`, as far as the faults let it. Must be called on a running loop. Raises RuntimeError where more
        webhooks are on their way than ever could arrive."""
        if len(self._firsts) + len(self._laters) >= OPEN_MAX:
            raise RuntimeError(f"{OPEN_MAX} webhooks are on their way: is anybody at {hook.url}?")
        strikes = {
            strike.kind: strike
            for strike in self._faults.strike(
                provider="plaid", endpoint=hook.key, connection=hook.item_id, kinds=WEBHOOKS
            )
        }
        if Kind.WEBHOOK_LOST in strikes:
            self._end(self._opened(hook), Fate.LOST)
            return
        if forged := strikes.get(Kind.WEBHOOK_FORGED):
            self._start_first(self._forgery(hook, forged))
        for _ in range(2 if Kind.WEBHOOK_DUPLICATED in strikes else 1):
            self._start(self._opened(hook), strikes)

    async def attempted(self) -> None:
        """Until every webhook was tried once, those apart that a fault keeps back."""
        while self._firsts:
            await asyncio.wait(self._firsts)

    async def settled(self) -> None:
        """Until every webhook was delivered or given up."""
        while self._firsts or self._laters:
            await asyncio.wait(self._firsts | self._laters)

    async def aclose(self) -> None:
        """Stop sending, in the midst of whatever is on its way."""
        for task in (tasks := self._firsts | self._laters):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def _start(self, delivery: Delivery, strikes: dict[Kind, Strike]) -> None:
        url = delivery.hook.url
        late, reordered = strikes.get(Kind.WEBHOOK_LATE), strikes.get(Kind.WEBHOOK_REORDERED)
        replay = strikes.get(Kind.WEBHOOK_REPLAYED)
        if late is not None:
            self._spawn(self._late(delivery, late, replay), self._laters)
        elif reordered is not None and url not in self._held:
            self._held[url] = asyncio.Event()
            self._spawn(self._after_the_next(delivery, reordered, replay), self._laters)
        else:
            self._start_first(delivery, replay)

    def _start_first(self, delivery: Delivery, replay: Strike | None = None) -> None:
        self._spawn(self._first(delivery, replay), self._firsts)

    async def _first(self, delivery: Delivery, replay: Strike | None = None) -> None:
        url = delivery.hook.url
        async with self._lanes.setdefault(url, asyncio.Semaphore(AT_ONCE_MAX)):
            good = await self._try(delivery)
        if held := self._held.get(url):
            held.set()
        if good or delivery.guise:
            self._end(delivery, Fate.DELIVERED if good else Fate.GIVEN_UP)
        else:
            self._spawn(self._again(delivery), self._laters)
        if replay is not None:
            self._spawn(self._replay(delivery, replay), self._laters)

    async def _late(self, delivery: Delivery, strike: Strike, replay: Strike | None) -> None:
        await wait(strike.fault.number("milliseconds"))
        await self._first(delivery, replay)

    async def _after_the_next(self, delivery: Delivery, strike: Strike, replay: Strike | None) -> None:
        url = delivery.hook.url
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timedelta(milliseconds=strike.fault.number("milliseconds")) / _SECOND):
                await self._held[url].wait()
        del self._held[url]
        await self._first(delivery, replay)

    async def _again(self, delivery: Delivery) -> None:
        pause, spent = FIRST_WAIT, FIRST_WAIT
        while spent <= TRIED_FOR and not self._failing(delivery.hook.client_id):
            await asyncio.sleep(pause * self._time_scale.numerator / self._time_scale.denominator / _SECOND)
            if await self._try(delivery):
                self._end(delivery, Fate.DELIVERED)
                return
            pause *= GROWTH
            spent += pause
        self._end(delivery, Fate.GIVEN_UP)

    async def _replay(self, delivery: Delivery, strike: Strike) -> None:
        await wait(strike.fault.number("milliseconds"))
        copy = self._opened(delivery.hook)
        copy.guise, copy.signature = "replayed", delivery.signature
        await self._first(copy)

    async def _try(self, delivery: Delivery) -> bool:
        if not delivery.guise and (FRESH_SIGNATURE or not delivery.signature):
            delivery.signature = self.keys.signed(delivery.hook.body)
        attempt = await self._sent(delivery)
        delivery.attempts.append(attempt)
        if not delivery.guise:
            self._recent(delivery.hook.client_id).append((attempt.at, attempt.good))
        return attempt.good

    async def _sent(self, delivery: Delivery) -> Attempt:
        at = self._clock()
        headers = {"Content-Type": "application/json", "User-Agent": "caudal-sandbox"}
        if delivery.signature:
            headers[HEADER] = delivery.signature
        try:
            async with (
                asyncio.timeout(PATIENCE / _SECOND),
                self._http().stream(
                    "POST", delivery.hook.url, content=delivery.hook.body, headers=headers
                ) as answer,
            ):
                await _read(answer)
                return Attempt(at, answer.status_code)
        except TimeoutError:
            return Attempt(at, None, f"no answer within {PATIENCE // _SECOND} seconds")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Attempt(at, None, type(error).__name__)

    def _forgery(self, hook: Hook, strike: Strike) -> Delivery:
        """What an attacker sends beside the genuine one: it asks for the harm that a webhook can ask for."""
        harm = Notice("ITEM", "USER_PERMISSION_REVOKED", {"error": None})
        fake = hook_of(harm, url=hook.url, client_id=hook.client_id, item_id=hook.item_id)
        said = strike.fault.word("how")
        how = Forgery(said) if said else strike.chance.pick(tuple(Forgery))
        delivery = self._opened(fake)
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

    def _opened(self, hook: Hook) -> Delivery:
        self._number += 1
        delivery = Delivery(self._number, hook)
        self.journal.append(delivery)
        self.counts[Fate.OPEN] += 1
        return delivery

    def _end(self, delivery: Delivery, fate: Fate) -> None:
        delivery.fate = fate
        self.counts[Fate.OPEN] -= 1
        self.counts[fate] += 1

    def _http(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = httpx.AsyncClient(
                transport=self._transport, trust_env=False, follow_redirects=False, timeout=PATIENCE / _SECOND
            )
        return self._client

    def _spawn(self, work: Coroutine[None, None, None], among: set[asyncio.Task[None]]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        among.add(task)
        task.add_done_callback(among.discard)


async def _read(answer: httpx.Response) -> None:
    """Read an answer to its end, so that its connection can be used again, unless it is a long one."""
    read = 0
    async for chunk in answer.aiter_raw():
        read += len(chunk)
        if read > READ_MAX:
            return
