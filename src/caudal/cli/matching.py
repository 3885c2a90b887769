"""`caudal match`: the ledger's judgement on told events, without a ledger."""

from pathlib import Path

import click

from caudal.cli import show
from caudal.cli.options import as_json_option
from caudal.hub import events_matched

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
