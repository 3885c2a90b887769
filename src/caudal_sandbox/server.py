"""The sandbox as a server: one process, one loop, a world, and the emulators over it."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Final, Self, TypeVar

import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from caudal_sandbox.belvo.service import Belvo
from caudal_sandbox.bitso.service import Bitso
from caudal_sandbox.control import PREFIX, Control
from caudal_sandbox.emulators import Ground, Maker, ProviderEmulator, lies_below, mounted
from caudal_sandbox.esplora.service import Bitcoin
from caudal_sandbox.ethereum.service import EthereumService
from caudal_sandbox.faults import Faults
from caudal_sandbox.plaid.emulator import Emulator, Options
from caudal_sandbox.plaid.service import Plaid
from caudal_sandbox.pluggy.service import Pluggy
from caudal_sandbox.rates.app import PREFIX as RATES
from caudal_sandbox.rates.app import Options as RatesOptions
from caudal_sandbox.rates.app import Rates
from caudal_sandbox.transport import expose
from caudal_sandbox.truelayer.service import TrueLayer
from caudal_sandbox.world import World

T = TypeVar("T")

STOP_WITHIN_SECONDS: Final = 2
"""How long open connections have once the server is told to stop: faults hang on to some for ever."""
KEEP_ALIVE_SECONDS: Final = 75
"""How long an idle connection is kept: longer than clients wait between calls, so that only faults break one."""
START_WITHIN_SECONDS: Final = 30

MAKERS: Final[tuple[Maker, ...]] = (TrueLayer, Bitcoin, Pluggy, Bitso, Belvo, EthereumService)
"""Every emulator beside Plaid's, which has the root to itself. To add one is a line here."""


class _Server(uvicorn.Server):
    """uvicorn, saying when it listens."""

    def __init__(self, config: uvicorn.Config, listens: Callable[[], None]) -> None:
        super().__init__(config)
        self._listens = listens

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._listens()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves signals to whoever owns the process: uvicorn would raise them again once it has stopped."""
        yield


class Service:
    """A world, its emulators, and the application that serves them. Everything in it belongs to one loop's thread.

    `emulators` come beside those of `MAKERS`, or in place of the one of the same name. Raises ValueError where two of
    them would have the same addresses.
    """

    def __init__(
        self,
        world: World,
        *,
        plaid: Options | None = None,
        emulators: Sequence[Maker] = (),
        rates: RatesOptions | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.world = world
        self.faults = Faults()
        options = plaid or Options()
        ground = Ground(world, self.faults, clock, options.time_scale)
        root = Plaid(ground, options)
        self.plaid = root.emulator
        made = [make(ground) for make in (*MAKERS, *emulators)]
        self.emulators: dict[str, ProviderEmulator] = {root.name: root} | {each.name: each for each in made}
        self.rates = Rates(world, clock, rates or RatesOptions())
        self._by_prefix = _by_prefix(self.emulators.values())
        self.control = Control(world, self.faults, tuple(self.emulators.values()))
        self.app: ASGIApp = expose(self._dispatch)

    async def serve(self, listening: socket.socket, started: Callable[[], None], stop: asyncio.Event) -> None:
        """Serve on that socket until `stop`; calls `started` when it listens."""
        config = uvicorn.Config(
            self.app,
            http="h11",
            ws="none",
            loop="asyncio",
            lifespan="off",
            proxy_headers=False,
            access_log=False,
            log_level="warning",
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=STOP_WITHIN_SECONDS,
        )
        server = _Server(config, started)
        stopping = asyncio.create_task(_stop(server, stop))
        try:
            await server.serve(sockets=[listening])
        finally:
            stopping.cancel()
            for emulator in self.emulators.values():
                await emulator.aclose()

    async def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        if path.startswith(f"{PREFIX}/"):
            await self.control.app(scope, receive, send)
        elif path.startswith(RATES):
            await self.rates(scope, receive, send)
        elif path == "/favicon.ico":
            await PlainTextResponse("", 404)(scope, receive, send)
        else:
            emulator = next(each for each in self._by_prefix if lies_below(path, each.prefix))
            await emulator.app(mounted(scope, emulator.prefix), receive, send)


def _by_prefix(emulators: Iterable[ProviderEmulator]) -> list[ProviderEmulator]:
    """The longest prefix first: the root takes what is nobody else's."""
    found = sorted(emulators, key=lambda each: -len(each.prefix))
    prefixes = [each.prefix for each in found]
    if len(set(prefixes)) < len(prefixes) or PREFIX in prefixes:
        raise ValueError(f"each emulator needs a prefix of its own: {', '.join(prefixes)}")
    return found


def listen(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    """A socket that listens, on any free port where `port` is 0. Raises OSError where it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP: asyncio turns off Nagle's algorithm only on sockets that are, and every answer would cost 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(2_048)
    except OSError:
        listening.close()
        raise
    listening.setblocking(False)  # noqa: FBT003  the socket's own word for it
    return listening


def url_of(listening: socket.socket) -> str:
    """Where what listens there is reached."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def _stop(server: uvicorn.Server, stop: asyncio.Event) -> None:
    await stop.wait()
    server.should_exit = True


class Sandbox:
    """A sandbox in a thread of this process, on a free port of this machine::

        with Sandbox(World(seed=7)) as sandbox:
            httpx.post(f"{sandbox.url}/link/token/create", …)
            sandbox.advance(days=3)

    `world`, `plaid` and `faults` may be read at leisure; what changes them goes through `run`, on the loop's thread.
    """

    def __init__(
        self,
        world: World | None = None,
        *,
        plaid: Options | None = None,
        emulators: Sequence[Maker] = (),
        rates: RatesOptions | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._service = Service(world or World(), plaid=plaid, emulators=emulators, rates=rates, clock=clock)
        self._listening = listen()
        self._ready: Future[asyncio.AbstractEventLoop] = Future()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._live, name="caudal-sandbox", daemon=True)
        self.url = url_of(self._listening)

    @property
    def world(self) -> World:
        """The world it tells of."""
        return self._service.world

    @property
    def plaid(self) -> Emulator:
        """Its Plaid."""
        return self._service.plaid

    @property
    def emulators(self) -> Mapping[str, ProviderEmulator]:
        """Every emulator, by the provider's name."""
        return self._service.emulators

    def url_of(self, name: str) -> str:
        """Where the API of that provider begins."""
        return f"{self.url}{self.emulators[name].prefix}"

    @property
    def rates(self) -> Rates:
        """Its central banks, and its CoinGecko."""
        return self._service.rates

    @property
    def faults(self) -> Faults:
        """What goes wrong."""
        return self._service.faults

    def advance(self, *, days: int = 0, hours: int = 0, minutes: int = 0) -> datetime:
        """Move the clock on, and wait until every webhook this causes was tried once; the new now."""
        by = timedelta(days=days, hours=hours, minutes=minutes)
        asyncio.run_coroutine_threadsafe(self._service.control.advance(by), self._loop).result()
        return self.world.now

    def run(self, work: Callable[[], T]) -> T:
        """Do something to the world or the emulators where they live; webhooks it causes are sent."""

        async def there() -> T:
            done = work()
            for emulator in self._service.emulators.values():
                emulator.flush()
            return done

        return asyncio.run_coroutine_threadsafe(there(), self._loop).result()

    def settled(self) -> None:
        """Wait until no webhook is on its way."""
        for emulator in self._service.emulators.values():
            asyncio.run_coroutine_threadsafe(emulator.settled(), self._loop).result()

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.result(START_WITHIN_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._listening.close()

    @property
    def _loop(self) -> asyncio.AbstractEventLoop:
        return self._ready.result(0)

    def _live(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            if self._ready.done():
                raise
            self._ready.set_exception(error)

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        await self._service.serve(self._listening, lambda: self._ready.set_result(loop), self._stop)
