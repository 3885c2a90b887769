"""`caudal match`, `caudal replay`: the ledger's judgement on told events and on stories, in no one's ledger."""

import asyncio
import tempfile
from pathlib import Path

import click

from caudal.cli import show
from caudal.cli.options import as_json_option
from caudal.hub import events_matched, installation, keys
from caudal.hub.scenarios import story
from caudal.hub.scenarios.replay import replay_all
from caudal.hub.scenarios.story import Case
from caudal.settings import Settings

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--events", required=True, type=_FILE, help="What arrived: one JSON object a line.")
@click.option(
    "--accounts", required=True, type=_FILE, help="The accounts, and how each feed signs its amounts."
)
@as_json_option
def match(events: Path, accounts: Path, *, as_json: bool) -> None:
    """Put told events together: which are of one movement, which movements are transfers. Needs no database."""
    matched = events_matched.match(events.read_bytes(), accounts.read_bytes())
    if as_json:
        click.echo(show.as_json(matched))
        return
    told = sum(len(cluster) for cluster in matched.clusters)
    show.console.print(
        f"{told} events are {len(matched.clusters)} movements, {len(matched.transfers)} pairs of them transfers"
    )


@click.command()
@click.argument("cases", type=_FILE)
@as_json_option
def replay(cases: Path, *, as_json: bool) -> None:
    """Run stories (JSON) through the real ingest, each in a throw-away space, and show what the ledger then holds."""
    told = story.read(cases.read_bytes())
    with tempfile.TemporaryDirectory(prefix="caudal-replay-", ignore_cleanup_errors=True) as home:
        settings = Settings(home=home)
        keys.init(settings)
        asyncio.run(_replay(settings, told, as_json=as_json))


async def _replay(settings: Settings, cases: list[Case], *, as_json: bool) -> None:
    async with installation.opened(settings) as opened:
        async for done in replay_all(opened, cases):
            if as_json:
                click.echo(show.as_json(done))
                continue
            show.console.print(
                f"[bold]{show.text(done.id)}[/bold]  {done.ledger_count_visible} in the ledger"
            )
            for row in done.ledger:
                state = "deleted" if row["deleted"] else "removed" if row["removed"] else ""
                show.console.print(
                    f"  {row['date']} {row['amount']} {row['currency']} {show.text(row['name'])} "
                    f"{'pending ' if row['pending'] else ''}{state} ← {', '.join(row['sources'])}"
                )
            if done.error:
                show.console.print(f"  refused: {done.error}")
