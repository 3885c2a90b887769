"""`caudal serve`, `caudal worker`: the hub's processes. On a laptop all in one; in a fleet each where you want it."""

import asyncio
import signal
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from typing import Final

import click
import msgspec
import uvicorn
import uvloop
from starlette.routing import BaseRoute

from caudal.api import app, health
from caudal.api.requests import Requests
from caudal.api.rest import serving
from caudal.cli import show
from caudal.cli.sandbox_process import running
from caudal.hub import work
from caudal.hub.identity import people
from caudal.hub.installation import apart
from caudal.hub.processes import Process, process
from caudal.model.errors import ConfigError
from caudal.observe import logs
from caudal.providers.base import LiveProvider
from caudal.settings import Settings, load
from caudal.sync.workers import QUEUES
from caudal.vault.passwords import Hasher
from caudal.web import serving as pages


class Parts(msgspec.Struct, frozen=True):
    """What of the hub this process is. `port` None: it doesn't listen; `webhooks`: where it does, for them too. `queues`:
    those it takes jobs from."""

    host: str
    port: int | None
    webhooks: bool
    queues: Sequence[str]
    schedule: bool


_HOST: Final = click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")


@click.command()
@_HOST
@click.option("--port", default=8710, show_default=True, help="0: any free one.")
@click.option("--no-http", is_flag=True, help="Don't listen: no webhooks, no health, no metrics.")
@click.option("--no-worker", is_flag=True, help="Take no jobs: `caudal worker` does, elsewhere.")
@click.option("--no-schedule", is_flag=True, help="Don't look what is due: another process does.")
@click.option(
    "--sandbox", is_flag=True, help="Run the simulated banks too, and have the providers ask there."
)
def serve(host: str, port: int, *, no_http: bool, no_worker: bool, no_schedule: bool, sandbox: bool) -> None:
    """Keep everything in sync until told to stop: take webhooks, see what is due, do the work, tell how it goes."""
    parts = Parts(
        host=host,
        port=None if no_http else port,
        webhooks=True,
        queues=() if no_worker else QUEUES,
        schedule=not no_schedule,
    )
    with running() if sandbox else nullcontext() as url:
        uvloop.run(_run(_pointed(load(), parts, url), parts))


def _pointed(settings: Settings, parts: Parts, sandbox: str | None) -> Settings:
    """With a sandbox, its address and ours in place of the real ones."""
    if sandbox is None:
        return settings
    if not parts.port:
        raise ConfigError("--sandbox needs a --port: the simulated banks send their webhooks there")
    show.console.print(f"simulated banks at {sandbox}")
    return msgspec.structs.replace(settings, sandbox=sandbox, public_url=_at(parts.host, parts.port))


@click.command()
@click.option("--queues", default=",".join(QUEUES), show_default=True, help="The queues to take jobs from.")
@click.option("--no-schedule", is_flag=True, help="Only work; leave it to others to see what is due.")
@_HOST
@click.option(
    "--port", type=int, help="Tell there how it goes (/healthz, /readyz, /metrics); 0: any free one."
)
def worker(queues: str, host: str, port: int | None, *, no_schedule: bool) -> None:
    """Take jobs until told to stop (SIGTERM, Ctrl-C): as many of these as you like, on as many machines as you like."""
    wanted = [name.strip() for name in queues.split(",") if name.strip()]
    if unknown := sorted(set(wanted) - set(QUEUES)) or (not wanted and ["none named"]):
        raise click.UsageError(f"no such queue: {', '.join(unknown)} (there are: {', '.join(QUEUES)})")
    uvloop.run(_run(load(), Parts(host, port, webhooks=False, queues=wanted, schedule=not no_schedule)))


async def _run(settings: Settings, parts: Parts) -> None:
    async with process(settings) as here, stopping() as stop:
        # With all parts left out the database is kept up until the end.
        doing: list[Coroutine[None, None, object]] = [stop.wait()]
        if parts.port is not None:
            doing.append(_listen(here, parts, parts.port, stop))
        if parts.queues or parts.schedule:
            doing.append(
                work.work(
                    here.installation,
                    here.providers,
                    stop,
                    queues=parts.queues,
                    schedules=parts.schedule,
                    metrics=here.metrics,
                )
            )
        async with asyncio.TaskGroup() as group:
            for each in doing:
                group.create_task(each)
            working = f"; working on {', '.join(parts.queues)}" if parts.queues else ""
            show.console.print(f"up; home {settings.home_path}{working}; Ctrl-C ends it", soft_wrap=True)
    show.console.print("down")


@asynccontextmanager
async def stopping() -> AsyncIterator[asyncio.Event]:
    """Set when the process is told to stop."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    try:
        yield stop
    finally:
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(name)


class _Server(uvicorn.Server):
    """One whose end is ours to say."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _listen(here: Process, parts: Parts, port: int, stop: asyncio.Event) -> None:
    there = await here.providers.set_up() if parts.webhooks else {}
    async with apart(here.installation, _DOOR_CONNECTIONS) as door, _faces(here, parts, port, there) as faces:
        told = [*health.routes(door, here.metrics), *faces]
        asgi = app.make(door, there, told, counted=here.metrics.counted)
        config = uvicorn.Config(
            Requests(asgi, here.metrics),
            host=parts.host,
            port=port,
            server_header=False,
            timeout_graceful_shutdown=_LAST_ANSWERS_SECONDS,
            **logs.SERVER,
        )
        server = _Server(config)
        serving = asyncio.create_task(server.serve())
        told_to_stop = asyncio.create_task(stop.wait())
        await asyncio.wait({serving, told_to_stop}, return_when=asyncio.FIRST_COMPLETED)
        told_to_stop.cancel()
        server.should_exit = True
        await serving
    stop.set()


@asynccontextmanager
async def _faces(
    here: Process, parts: Parts, port: int, there: Mapping[str, LiveProvider]
) -> AsyncIterator[Sequence[BaseRoute]]:
    """The routes of the API and the pages, where webhooks are taken too; whoever comes first is told how to come in."""
    if not parts.webhooks:
        yield []
        return
    at = here.installation.settings.public_url.rstrip("/") or (_at(parts.host, port) if port else "")
    if at:  # of any free port the server itself says which it is
        show.console.print(f"open {at}", soft_wrap=True)
    if (token := await people.first_token(here.installation)) is not None:
        words = f"nobody is in yet; the first owner comes in, within a day, by {at}/welcome#{token}"
        show.console.print(words, soft_wrap=True)
    connections_max = here.installation.settings.api.database_connections_max
    async with apart(here.installation, connections_max) as desk:
        with Hasher() as hasher:
            yield [*serving.routes(desk, there, hasher), *pages.routes(desk, there, hasher)]


def _at(host: str, port: int) -> str:
    """How a browser on this machine calls it: by a name, for passkeys are bound to names."""
    return f"http://{'localhost' if host in _HERE else host}:{port}"


_HERE: Final = frozenset({"127.0.0.1", "0.0.0.0", "::", "::1"})  # noqa: S104  named, not bound
_LAST_ANSWERS_SECONDS: Final = 5
"""Who is being answered when the end comes has so long; who follows events comes again."""
_DOOR_CONNECTIONS: Final = 4
"""The door's own, so that it can keep a webhook however busy the workers are."""
