"""Sending webhooks: tried again, and gone wrong where a fault says so. What is a provider's own (how one is signed, how
one is forged, when a failed one is tried again) its courier adds.

Every delivery is kept to be looked at. Its first attempt goes out at once.
"""

import asyncio
import contextlib
import enum
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Mapping
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final

import httpx
import msgspec

from caudal_sandbox.faults import WEBHOOKS, Faults, Kind, Strike
from caudal_sandbox.transport import wait

PATIENCE: Final = timedelta(seconds=10)
"""How long a receiver has to answer."""
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
    """A webhook to be sent: where to, for whom, and the very bytes of it. `key`: as a fault names it. `headers`: those
    that its receiver asked for."""

    url: str
    client_id: str
    item_id: str | None
    key: str
    body: bytes
    headers: Mapping[str, str] = {}


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


class Delivery(msgspec.Struct):
    """One webhook on its way. `guise`: how it was forged, or ``replayed``; empty for a genuine one."""

    number: int
    hook: Hook
    fate: Fate = Fate.OPEN
    guise: str = ""
    attempts: list[Attempt] = msgspec.field(default_factory=list)
    signature: str = ""


class Courier:
    """Sends webhooks of the provider `name` from the loop it is used on. `time_scale` shrinks the waits between
    attempts."""

    name = ""

    def __init__(
        self,
        faults: Faults,
        clock: Callable[[], datetime],
        *,
        time_scale: Fraction = Fraction(1),
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
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

    def post(self, hook: Hook) -> None:
        """Send `hook`, as far as the faults let it. Must be called on a running loop. Raises RuntimeError where more
        webhooks are on their way than ever could arrive."""
        if len(self._firsts) + len(self._laters) >= OPEN_MAX:
            raise RuntimeError(f"{OPEN_MAX} webhooks are on their way: is anybody at {hook.url}?")
        strikes = {
            strike.kind: strike
            for strike in self._faults.strike(
                provider=self.name, endpoint=hook.key, connection=hook.item_id, kinds=WEBHOOKS
            )
        }
        if Kind.WEBHOOK_LOST in strikes:
            self._end(self.opened(hook), Fate.LOST)
            return
        if forged := strikes.get(Kind.WEBHOOK_FORGED):
            self._start_first(self.forgery(hook, forged))
        for _ in range(2 if Kind.WEBHOOK_DUPLICATED in strikes else 1):
            self._start(self.opened(hook), strikes)

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
        for pause in self.pauses(delivery):
            await asyncio.sleep(pause * self._time_scale.numerator / self._time_scale.denominator / _SECOND)
            if await self._try(delivery):
                self._end(delivery, Fate.DELIVERED)
                return
        self._end(delivery, Fate.GIVEN_UP)

    async def _replay(self, delivery: Delivery, strike: Strike) -> None:
        await wait(strike.fault.number("milliseconds"))
        copy = self.opened(delivery.hook)
        copy.guise, copy.signature = "replayed", delivery.signature
        await self._first(copy)

    async def _try(self, delivery: Delivery) -> bool:
        if not delivery.guise:
            self.sign(delivery)
        attempt = await self._sent(delivery)
        delivery.attempts.append(attempt)
        self.note(delivery, attempt)
        return attempt.good

    async def _sent(self, delivery: Delivery) -> Attempt:
        at = self._clock()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "caudal-sandbox",
            **delivery.hook.headers,
            **self.heads(delivery),
        }
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

    # What is a provider's own

    def sign(self, delivery: Delivery) -> None:
        """Before each attempt of a genuine one."""

    def heads(self, delivery: Delivery) -> Mapping[str, str]:  # noqa: ARG002  as there is no signature
        """The headers that show it to be the provider's."""
        return {}

    def note(self, delivery: Delivery, attempt: Attempt) -> None:
        """After each attempt."""

    def pauses(self, delivery: Delivery) -> Iterator[timedelta]:
        """How long to wait before each further attempt."""
        raise NotImplementedError

    def forgery(self, hook: Hook, strike: Strike) -> Delivery:
        """What an attacker sends beside the genuine one."""
        raise NotImplementedError

    def opened(self, hook: Hook) -> Delivery:
        """A delivery that begins."""
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


class Posting:
    """The part of an emulator whose webhooks a courier brings."""

    courier: Courier

    async def attempted(self) -> None:
        """Until every webhook was tried once."""
        await self.courier.attempted()

    async def settled(self) -> None:
        """Until no webhook is on its way."""
        await self.courier.settled()

    async def aclose(self) -> None:
        """Send no more."""
        await self.courier.aclose()


async def _read(answer: httpx.Response) -> None:
    """Read an answer to its end, so that its connection can be used again, unless it is a long one."""
    read = 0
    async for chunk in answer.aiter_raw():
        read += len(chunk)
        if read > READ_MAX:
            return
