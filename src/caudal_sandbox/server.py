"""The sandbox as a server: one process, one loop, a world, and the emulators over it."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Final, Self, TypeVar

import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from caudal_sandbox.control import PREFIX, Control
from caudal_sandbox.faults import Faults
from caudal_sandbox.plaid.app import Api
from caudal_sandbox.plaid.emulator import Emulator, Options
from caudal_sandbox.plaid.hosted import Hosted
from caudal_sandbox.plaid.link import PAGES
from caudal_sandbox.transport import expose
from caudal_sandbox.world import World

T = TypeVar("T")

STOP_WITHIN_SECONDS: Final = 2
"""How long open connections have once the server is told to stop: faults hang on to some for ever."""
KEEP_ALIVE_SECONDS: Final = 75
"""How long an idle connection is kept: longer than clients wait between calls, so that only faults break one."""
START_WITHIN_SECONDS: Final = 30


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
    """A world, its emulators, and the application that serves them. Everything in it belongs to one loop's thread."""

    def __init__(
        self,
        world: World,
        *,
        plaid: Options | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.world = world
        self.faults = Faults()
        self.plaid = Emulator(world, self.faults, clock, plaid or Options())
        self.control = Control(world, self.faults, self.plaid)
        self.app: ASGIApp = expose(self._dispatch)
        self._api = Api(self.plaid)
        self._hosted = Hosted(self.plaid)

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
            await self.plaid.courier.aclose()

    async def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        app: ASGIApp = self._api
        if path.startswith(f"{PREFIX}/"):
            app = self.control.app
        elif path.startswith(PAGES):
            app = self._hosted
        elif path == "/favicon.ico":
            app = PlainTextResponse("", 404)
        await app(scope, receive, send)


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
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._service = Service(world or World(), plaid=plaid, clock=clock)
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
            self.plaid.flush()
            return done

        return asyncio.run_coroutine_threadsafe(there(), self._loop).result()

    def settled(self) -> None:
        """Wait until no webhook is on its way."""
        asyncio.run_coroutine_threadsafe(self.plaid.courier.settled(), self._loop).result()

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
