"""``python -m caudal_sandbox serve``: the simulated world and its providers, on a port of this machine."""

import asyncio
import os
import signal
import sys
import threading
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Final

import click
import msgspec

from caudal_sandbox.plaid.emulator import Options
from caudal_sandbox.plaid.limits import Regime
from caudal_sandbox.server import Service, listen, url_of
from caudal_sandbox.world import BEGINS, NOW, World

_STDIN: Final = 0
_DAY: Final = click.DateTime(formats=["%Y-%m-%d"])
_INSTANT: Final = click.DateTime(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])


@click.group()
def main() -> None:
    """A simulated world of people, banks and lives, and emulators of the providers over it."""


@main.command()
@click.option("--seed", default=1, show_default=True, help="The world's: the same seed, the same world.")
@click.option("--people", default=10, show_default=True, type=click.IntRange(0, 100_000))
@click.option("--firms", default=2, show_default=True, type=click.IntRange(0, 100_000))
@click.option(
    "--begins", type=_DAY, default=f"{BEGINS}", show_default=True, help="The first day of every life."
)
@click.option("--now", type=_INSTANT, default=f"{NOW:%Y-%m-%dT%H:%M}", show_default=True, help="UTC.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=0, show_default=True, type=click.IntRange(0, 65_535), help="0: any free one.")
@click.option(
    "--limits",
    default=Regime.SANDBOX.value,
    show_default=True,
    type=click.Choice([each.value for each in Regime]),
    help="Plaid's budgets.",
)
@click.option("--login-days", type=click.IntRange(1), help="Plaid's logins end after so many days.")
@click.option(
    "--retry-scale",
    default="1",
    show_default=True,
    help="A fraction by which waits between attempts to deliver a webhook are shortened, such as 1/1000.",
)
@click.option(
    "--ready-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write the address once it listens.",
)
@click.option("--stop-with-parent", is_flag=True, help="Stop when standard input is closed.")
def serve(
    *,
    seed: int,
    people: int,
    firms: int,
    begins: datetime,
    now: datetime,
    host: str,
    port: int,
    limits: str,
    login_days: int | None,
    retry_scale: str,
    ready_file: Path | None,
    stop_with_parent: bool,
) -> None:
    """Serve the sandbox until it is told to stop. Prints one line of JSON when it listens."""
    try:
        options = Options(limits=Regime(limits), login_days=login_days, time_scale=Fraction(retry_scale))
        world = World(seed, people=people, firms=firms, begins=begins.date(), now=now.replace(tzinfo=UTC))
        listening = listen(host, port)
    except (ValueError, ZeroDivisionError, OSError) as error:
        raise click.ClickException(str(error)) from error

    def started() -> None:
        line = msgspec.json.encode({"url": url_of(listening), "pid": os.getpid()}).decode()
        if ready_file is not None:
            # Written aside and moved: whoever waits for the file never reads half a line.
            aside = ready_file.with_name(f".{ready_file.name}.{os.getpid()}")
            aside.write_text(line + "\n", "utf-8")
            aside.replace(ready_file)
        click.echo(line)

    async def live() -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        for told in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(told, stop.set)
        if stop_with_parent:
            _watch_parent(loop, stop)
        await Service(world, plaid=options).serve(listening, started, stop)

    asyncio.run(live())


def _watch_parent(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Stop when nobody holds the other end of standard input any more."""

    def watch() -> None:
        while os.read(_STDIN, 4_096):
            continue
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=watch, name="parent", daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
