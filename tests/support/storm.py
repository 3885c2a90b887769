"""A storm of webhooks: signed as Plaid signs them, some of them doubled, out of order, late or forged, while the
processes that take them are killed and started anew."""

import asyncio
import hashlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx
import msgspec
from tests.support.command import Command

from caudal_sandbox.economy.movements import AccountId
from caudal_sandbox.plaid.emulator import Emulator
from caudal_sandbox.plaid.items import Item
from caudal_sandbox.plaid.notices import Notice, default_update, holdings_update, sync_updates
from caudal_sandbox.plaid.signing import HEADER, Keys
from caudal_sandbox.plaid.webhooks import STALE, Forgery, hook_of
from caudal_sandbox.server import Sandbox

LINES: Final = 16
"""Deliveries on their way at the same time."""
TRIES_MAX: Final = 50
"""Of one that isn't taken."""
AGES: Final = 120
"""Signatures are up to so many seconds old, so that the same news of one second are several events."""
NEWS_IN: Final = 20
"""One in so many fresh deliveries has news behind it that nobody else tells of."""
_START_SECONDS_MAX: Final = 30
_ANSWER_SECONDS_MAX: Final = 15
_AGAIN_SECONDS: Final = 0.2
_HARM: Final = Notice("ITEM", "USER_PERMISSION_REVOKED", {"error": None})


class Weather(msgspec.Struct, frozen=True):
    """How bad it gets: of `count` deliveries so many in a hundred are wrong in each way, `per_second` of them."""

    count: int
    per_second: float
    doubled: int = 20
    reordered: int = 20
    forged: int = 5
    late: int = 5


class Delivery(msgspec.Struct):
    """One on its way. `answers`: what the door said each time it was brought, 0 where there was no answer."""

    body: bytes
    signature: str
    forged: bool = False
    answers: list[int] = msgspec.field(default_factory=list)

    @property
    def taken(self) -> bool:
        """Whether the door has it, as far as it says."""
        return any(200 <= status < 300 for status in self.answers)

    @property
    def event_key(self) -> str:
        """What the inbox knows it by: the hash of what is signed, which is the token without its signature."""
        return hashlib.sha256(self.signature.rpartition(".")[0].encode()).hexdigest()


class Storm:
    """Deliveries about a sandbox's items, to one door. Repeatable by its seed but for the second of each signature."""

    def __init__(self, sandbox: Sandbox, weather: Weather, url: str, *, seed: int = 1) -> None:
        self.sent: list[Delivery] = []
        self.deeds = 0
        self.kinds: Counter[str] = Counter()
        self._sandbox = sandbox
        self._weather = weather
        self._url = url
        self._chance = random.Random(seed)
        self._late: list[Delivery] = []
        self._held: Delivery | None = None

    async def rage(self) -> None:
        """Bring them all, each until the door says that it has it, TRIES_MAX times at most; the forged once."""
        weather, began = self._weather, time.monotonic()
        limits = httpx.Limits(max_connections=LINES, max_keepalive_connections=LINES)
        async with (
            httpx.AsyncClient(trust_env=False, timeout=_ANSWER_SECONDS_MAX, limits=limits) as door,
            asyncio.TaskGroup() as group,
        ):
            line = asyncio.Semaphore(LINES)
            for number in range(weather.count):
                await asyncio.sleep(began + number / weather.per_second - time.monotonic())
                for delivery in self._next():
                    group.create_task(self._bring(door, line, delivery))
            for delivery in self._at_last():
                group.create_task(self._bring(door, line, delivery))

    @property
    def genuine(self) -> list[Delivery]:
        """Those that Plaid signed."""
        return [each for each in self.sent if not each.forged]

    @property
    def forgeries(self) -> list[Delivery]:
        """Those that somebody else made."""
        return [each for each in self.sent if each.forged]

    def _next(self) -> list[Delivery]:
        """The next delivery, with the one that it overtakes behind it; none where this one is to be overtaken, or late."""
        weather, dice = self._weather, self._chance.random() * 100
        known = [each for each in self.sent[-200:] if not each.forged]
        if dice < weather.forged:
            return [self._noted("forged", self._forgery())]
        dice -= weather.forged
        if dice < weather.doubled and known:
            return [self._noted("doubled", self._again(self._chance.choice(known)))]
        dice -= weather.doubled
        fresh = self._fresh()
        if dice < weather.late:
            self._late.append(self._noted("late", fresh))
            return []
        dice -= weather.late
        if dice < weather.reordered and self._held is None:
            self._held = self._noted("reordered", fresh)
            return []
        overtaken, self._held = self._held, None
        return [self._noted("fresh", fresh), *([overtaken] if overtaken else [])]

    def _at_last(self) -> list[Delivery]:
        """What was held back, and the late ones: signed when they are sent, as Plaid's are."""
        self._chance.shuffle(self._late)
        for delivery in self._late:
            delivery.signature = self._keys.signed(delivery.body)
        return [*([self._held] if self._held else []), *self._late]

    def _noted(self, kind: str, delivery: Delivery) -> Delivery:
        self.kinds[kind] += 1
        self.sent.append(delivery)
        return delivery

    def _fresh(self) -> Delivery:
        item = self._chance.choice(self._items)
        number = len(self.sent)
        if number % NEWS_IN == 0:
            self._have_news(item)
            notice = sync_updates(historical=True)
        else:
            notice = self._noise(item, number)
        body = self._body(item, notice)
        age = timedelta(seconds=self._chance.randrange(AGES))
        return Delivery(body, self._keys.signed(body, age=age))

    def _noise(self, item: Item, number: int) -> Notice:
        """What has nothing behind it. About three of four items nothing is said that has them pulled, so that no sync made in
        vain brings what another webhook should have brought."""
        notices = [default_update(number)]
        if self._items.index(item) % 4 == 0:
            notices += [sync_updates(historical=True), holdings_update(number, 0)]
        return self._chance.choice(notices)

    def _again(self, known: Delivery) -> Delivery:
        return Delivery(known.body, known.signature)

    def _forgery(self) -> Delivery:
        """It asks for the harm that a webhook can ask for."""
        body = self._body(self._chance.choice(self._items), _HARM)
        return Delivery(body, _forged(self._chance.choice(tuple(Forgery)), self._keys, body), forged=True)

    def _have_news(self, item: Item) -> None:
        """A movement is booked at the bank, and Plaid has seen it. No webhook is sent but the one to come."""
        world, account = self._sandbox.world, AccountId(next(iter(item.truth_accounts().values())))
        self.deeds += 1

        def happen() -> None:
            world.advance_to(world.now + timedelta(seconds=1))
            world.book(account, -100 - self.deeds, f"STORM {self.deeds}")
            item.update(self._plaid)

        self._sandbox.run(happen)

    def _body(self, item: Item, notice: Notice) -> bytes:
        return hook_of(notice, url=self._url, client_id=item.client_id, item_id=item.item_id).body

    async def _bring(self, door: httpx.AsyncClient, line: asyncio.Semaphore, delivery: Delivery) -> None:
        async with line:
            while not delivery.taken and len(delivery.answers) < TRIES_MAX:
                delivery.answers.append(await _post(door, self._url, delivery))
                if delivery.forged:
                    return
                if not delivery.taken:
                    await asyncio.sleep(_AGAIN_SECONDS)

    @property
    def _plaid(self) -> Emulator:
        return self._sandbox.plaid

    @property
    def _keys(self) -> Keys:
        return self._plaid.courier.keys

    @property
    def _items(self) -> Sequence[Item]:
        return list(self._plaid.items)


async def _post(door: httpx.AsyncClient, url: str, delivery: Delivery) -> int:
    headers = {HEADER: delivery.signature} if delivery.signature else {}
    try:
        return (await door.post(url, content=delivery.body, headers=headers)).status_code
    except httpx.TransportError:
        return 0


def _forged(how: Forgery, keys: Keys, body: bytes) -> str:
    match how:
        case Forgery.UNSIGNED:
            return ""
        case Forgery.OTHER_KEY:
            return keys.signed_by_a_stranger(body)
        case Forgery.OTHER_KID:
            return keys.signed_by_a_stranger(body, kid=hashlib.sha256(body).hexdigest()[:32])
        case Forgery.OTHER_BODY:
            return keys.signed(body + b" ")
        case Forgery.OTHER_ALGORITHM:
            return keys.signed_with_the_public_key(body)
        case Forgery.STALE:
            return keys.signed(body, age=STALE)
        case Forgery.FROM_THE_FUTURE:
            return keys.signed(body, age=-STALE)


class Process(NamedTuple):
    """`caudal` in the background, what it says in a file."""

    process: "subprocess.Popen[bytes]"
    log: Path

    def kill(self) -> None:
        """SIGKILL, by its pid."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Processes:
    """The door and the workers of one installation, each a process; all gone at the end."""

    def __init__(self, command: Command, environ: dict[str, str]) -> None:
        self.port = _free_port()
        self.kills = 0
        self._command = command
        self._environ = environ | {"CAUDAL_PLAID_WEBHOOK_URL": self.url}
        self._running: list[Process] = []
        self._started = 0

    @property
    def url(self) -> str:
        """Where webhooks are brought to."""
        return f"http://127.0.0.1:{self.port}/webhooks/plaid"

    def open_door(self) -> None:
        """Start what listens, and wait until it does."""
        options = ("--no-worker", "--no-schedule", "--port", str(self.port))
        door = self._start("serve", *options)
        until = time.monotonic() + _START_SECONDS_MAX
        while not _listens(self.port):
            if time.monotonic() > until or door.process.poll() is not None:
                raise AssertionError(f"the door doesn't open: {door.log.read_text()[-2000:]}")
            time.sleep(0.05)

    def worker(self, *, schedules: bool = False) -> Process:
        """Start a worker; unless it `schedules`, webhooks alone make work for it."""
        return self._start("worker", *(() if schedules else ("--no-schedule",)))

    async def kill_now_and_then(self, workers: list[Process], every: float, chance: random.Random) -> None:
        """Kill one of them, whatever it does, and start another in its place; until cancelled."""
        while True:
            await asyncio.sleep(every * chance.uniform(0.5, 1.5))
            victim = chance.randrange(len(workers))
            workers[victim].kill()
            self.kills += 1
            workers[victim] = self.worker()

    def said(self) -> str:
        """All that they said."""
        return "\n".join(each.log.read_text() for each in self._running)

    def close(self) -> None:
        """Ask each to end, then make it."""
        for each in self._running:
            each.process.terminate()
        for each in self._running:
            try:
                each.process.wait(10)
            except subprocess.TimeoutExpired:
                each.kill()

    def _start(self, *arguments: str) -> Process:
        self._started += 1
        log = self._command.cwd / f"{arguments[0]}-{self._started}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "caudal", *arguments],
                env=self._command.environ(**self._environ),
                cwd=self._command.cwd,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        running = Process(process, log)
        self._running.append(running)
        return running


@contextmanager
def processes(command: Command, **environ: Any) -> Iterator[Processes]:
    """None yet; whatever is started ends with the block."""
    there = Processes(command, {name: str(value) for name, value in environ.items()})
    try:
        yield there
    finally:
        there.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
